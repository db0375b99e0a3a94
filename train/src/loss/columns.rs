//! Finds the candidates that are some item.

/// No candidate.
const NONE: u32 = u32::MAX;

/// Item -> the candidates that are this item. Setting and clearing costs what there are candidates, not items.
#[derive(Clone, Debug)]
pub(crate) struct Columns {
    /// The first candidate of each item.
    first: Vec<u32>,
    /// The next candidate of the same item.
    next: Vec<u32>,
    ids: Vec<u32>,
}

impl Columns {
    pub(crate) fn new(items: usize) -> Self {
        Self { first: vec![NONE; items], next: Vec::new(), ids: Vec::new() }
    }

    /// Takes the items of the candidates, in their order.
    pub(crate) fn set(&mut self, ids: &[u32]) {
        for &id in &self.ids {
            self.first[id as usize] = NONE;
        }
        self.next.clear();
        for (column, &id) in ids.iter().enumerate() {
            self.next.push(std::mem::replace(&mut self.first[id as usize], column as u32));
        }
        self.ids.clear();
        self.ids.extend_from_slice(ids);
    }

    /// The candidates that are this item.
    pub(crate) fn of(&self, item: u32) -> impl Iterator<Item = usize> {
        let mut column = self.first[item as usize];
        std::iter::from_fn(move || {
            let found = (column != NONE).then_some(column as usize)?;
            column = self.next[found];
            Some(found)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_candidates_of_an_item() {
        let mut columns = Columns::new(5);
        for ids in [&[3, 1, 3, 0][..], &[], &[4, 4, 4]] {
            columns.set(ids);
            for item in 0..5 {
                let mut found: Vec<usize> = columns.of(item).collect();
                found.sort_unstable();
                let expected: Vec<usize> = (0..ids.len()).filter(|&at| ids[at] == item).collect();
                assert_eq!(found, expected);
            }
        }
    }
}
