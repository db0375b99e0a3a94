//! Candidates of queries, with their features and what each was worth.

use crate::error::TrainError;

/// The best grade: a gain of 2^grade - 1 still is a number that f32 has exactly.
const GRADES: u8 = 24;

/// Rows of features in groups, one a query; within a group in the order of the first stage.
#[derive(Clone, Debug)]
pub struct RankingTable {
    names: Vec<String>,
    values: Vec<f32>,
    grades: Vec<u8>,
    /// Group `g` has the rows `starts[g]..starts[g + 1]`.
    starts: Vec<usize>,
}

impl RankingTable {
    /// A table without rows.
    ///
    /// # Errors
    /// [`TrainError::Data`] where there is no feature, or a name comes twice.
    pub fn new(names: Vec<String>) -> Result<Self, TrainError> {
        if names.is_empty() {
            return Err(TrainError::Data("a ranker needs a feature".to_owned()));
        }
        if let Some((_, twice)) = names.iter().enumerate().find(|(at, name)| names[..*at].contains(name)) {
            return Err(TrainError::Data(format!("two features are called {twice:?}")));
        }
        Ok(Self { names, values: Vec::new(), grades: Vec::new(), starts: vec![0] })
    }

    /// Adds a group: a row of features for each of its grades, NaN where one is missing. A grade is 0 for what was not chosen; what was, has a
    /// higher one the better it is (1, where there is one kind).
    ///
    /// # Errors
    /// [`TrainError::Data`] for rows of another width, or a grade above 24; nothing is added then.
    pub fn push(&mut self, features: &[f32], grades: &[u8]) -> Result<(), TrainError> {
        let (width, group) = (self.names.len(), self.groups());
        if grades.len().checked_mul(width) != Some(features.len()) {
            let (rows, got) = (grades.len(), features.len());
            return Err(TrainError::Data(format!("group {group}: {rows} rows of {width} features, and {got} numbers")));
        }
        if let Some(grade) = grades.iter().find(|grade| **grade > GRADES) {
            return Err(TrainError::Data(format!("group {group}: the grade {grade}; grades are from 0 to {GRADES}")));
        }
        self.values.extend_from_slice(features);
        self.grades.extend_from_slice(grades);
        self.starts.push(self.grades.len());
        Ok(())
    }

    /// Names of the features.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Row after row, as many numbers each as there are features.
    #[must_use]
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// A grade a row.
    #[must_use]
    pub fn grades(&self) -> &[u8] {
        &self.grades
    }

    /// Number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.grades.len()
    }

    /// Number of groups.
    #[must_use]
    pub fn groups(&self) -> usize {
        self.starts.len() - 1
    }

    /// The rows of each group.
    pub fn ranges(&self) -> impl ExactSizeIterator<Item = std::ops::Range<usize>> + '_ {
        (0..self.groups()).map(|group| self.starts[group]..self.starts[group + 1])
    }

    /// Groups of which something can be learned: not all grades are the same.
    #[must_use]
    pub fn telling_groups(&self) -> usize {
        self.ranges().filter(|rows| self.grades[rows.clone()].windows(2).any(|pair| pair[0] != pair[1])).count()
    }

    /// The features of a row.
    #[cfg(test)]
    pub(super) fn row(&self, row: usize) -> &[f32] {
        let width = self.names.len();
        &self.values[row * width..(row + 1) * width]
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_does_not_fit_is_refused_and_changes_nothing() {
        assert!(RankingTable::new(vec![]).is_err());
        assert!(RankingTable::new(vec!["a".into(), "b".into(), "a".into()]).unwrap_err().to_string().contains("\"a\""));
        let mut table = RankingTable::new(vec!["a".into(), "b".into()]).unwrap();
        assert!(table.push(&[1.0; 3], &[0, 1]).unwrap_err().to_string().contains("2 rows of 2 features, and 3 numbers"));
        assert!(table.push(&[1.0; 4], &[0, 25]).unwrap_err().to_string().contains("grade 25"));
        assert_eq!((table.rows(), table.groups(), table.telling_groups()), (0, 0, 0));
        table.push(&[1.0; 4], &[0, 1]).unwrap();
        table.push(&[1.0; 2], &[3]).unwrap();
        assert_eq!((table.rows(), table.groups(), table.telling_groups(), table.row(2)), (3, 2, 1, &[1.0f32; 2][..]));
    }
}
