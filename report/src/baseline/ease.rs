//! EASE: a linear model of items by items in closed form (Steck 2019, "Embarrassingly Shallow Autoencoders for Sparse Data").

use std::cmp::Reverse;

use super::Baseline;
use super::cholesky::inverse;
use crate::Histories;

/// B = I - P diag(1 / P) with P = (XᵀX + l2 I)⁻¹; a history's scores are the sum of its items' rows of B.
///
/// It takes the square of the items in memory and their cube in time, so only the most popular ones take part; the others score 0.
#[derive(Clone, Debug)]
pub struct Ease {
    /// The item's place among those that take part.
    place: Vec<Option<u32>>,
    /// The items that take part.
    items: Vec<u32>,
    weights: Vec<f32>,
}

impl Ease {
    /// `l2`: weight of the penalty, above 0 (some hundreds for thousands of users); `most`: items that take part at most, those with the most
    /// users. `None` where the penalty leaves the matrix
    /// without an inverse.
    pub fn new(histories: &Histories, l2: f64, most: usize) -> Option<Self> {
        let counts = histories.counts();
        let mut items: Vec<u32> = (0..).zip(counts).filter(|(_, count)| **count > 0).map(|(item, _)| item).collect();
        items.sort_by_key(|&item| (Reverse(counts[item as usize]), item));
        items.truncate(most);
        items.sort_unstable();
        let n = items.len();
        let mut place = vec![None; counts.len()];
        (0..).zip(&items).for_each(|(at, &item)| place[item as usize] = Some(at));
        let mut gram = vec![0.0; n * n];
        for user in 0..histories.users() {
            let places: Vec<usize> = histories.of(user).iter().filter_map(|&item| place[item as usize]).map(|at| at as usize).collect();
            for &row in &places {
                let row = &mut gram[row * n..(row + 1) * n];
                places.iter().for_each(|&column| row[column] += 1.0);
            }
        }
        (0..n).for_each(|at| gram[at * n + at] += l2);
        let inverse = inverse(gram, n)?;
        let weight = |at: usize| {
            let (row, column) = (at / n, at % n);
            if row == column { 0.0 } else { -inverse[at] / inverse[column * n + column] }
        };
        let weights = (0..n * n).map(|at| weight(at) as f32).collect();
        Some(Self { place, items, weights })
    }

    /// Items that take part.
    pub fn covered(&self) -> usize {
        self.items.len()
    }
}

impl Baseline for Ease {
    fn name(&self) -> &'static str {
        "EASE"
    }

    fn scores(&self, history: &[u32]) -> Vec<f32> {
        let n = self.items.len();
        let mut sums = vec![0.0_f32; n];
        for row in history.iter().filter_map(|&item| *self.place.get(item as usize)?) {
            let row = row as usize * n;
            sums.iter_mut().zip(&self.weights[row..row + n]).for_each(|(sum, weight)| *sum += weight);
        }
        let mut scores = vec![0.0; self.place.len()];
        self.items.iter().zip(sums).for_each(|(&item, sum)| scores[item as usize] = sum);
        scores
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::dice::Dice;

    /// The gradient of |X - XB|² + l2 |B|² is 0 off the diagonal, where B is free, and B is 0 on it.
    #[test]
    fn the_solution_is_the_minimum() {
        let mut dice = Dice::new(3);
        let (users, items, l2) = (30, 9, 2.0);
        let x: Vec<Vec<f64>> = (0..users).map(|_| (0..items).map(|_| f64::from(u8::from(dice.below(3) == 0))).collect()).collect();
        let pairs = x
            .iter()
            .enumerate()
            .flat_map(|(user, row)| row.iter().enumerate().filter(|(_, has)| **has > 0.0).map(move |(item, _)| (user as u32, item as u32)));
        let ease = Ease::new(&Histories::new(users, items, pairs), l2, items).unwrap();
        assert_eq!(ease.covered(), items);
        let b: Vec<Vec<f64>> = (0..items).map(|item| ease.scores(&[item as u32]).into_iter().map(f64::from).collect()).collect();
        for row in 0..items {
            assert_eq!(b[row][row], 0.0);
            for column in (0..items).filter(|&column| column != row) {
                let residual = |user: &Vec<f64>| user[column] - (0..items).map(|at| user[at] * b[at][column]).sum::<f64>();
                let gradient: f64 = x.iter().map(|user| user[row] * residual(user)).sum::<f64>() - l2 * b[row][column];
                assert!(gradient.abs() < 1e-4, "{row} {column}: {gradient}");
            }
        }
    }

    #[test]
    fn only_the_most_popular_take_part_where_not_all_fit() {
        let pairs = [(0, 0), (1, 0), (2, 0), (0, 1), (1, 1), (0, 2), (2, 3)];
        let ease = Ease::new(&Histories::new(3, 5, pairs), 1.0, 2).unwrap();
        let scores = ease.scores(&[0, 3, 4]);
        assert_eq!(ease.covered(), 2);
        assert!(scores[1] > 0.0 && scores[2..] == [0.0; 3], "{scores:?}");
        assert_eq!(Ease::new(&Histories::new(3, 5, []), 1.0, 2).unwrap().scores(&[1]), [0.0; 5]);
    }
}
