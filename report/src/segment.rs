//! The same measures for a part of the users or of the items: those that a mean hides.

use serde::Serialize;

use crate::Scores;

/// Events of the head: the most popular items that together have this share of them; what is left is the tail.
const HEAD: f64 = 0.8;

/// Users or items that are measured by themselves.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Segment {
    /// Users with at most this many items before.
    ColdUsers(usize),
    /// Items with at most this many users before: only they are relevant.
    ColdItems(u32),
    /// Items outside of the most popular ones that have 80 % of all events: only they are relevant.
    Tail,
}

impl Segment {
    /// As reports call it.
    pub fn name(self) -> String {
        match self {
            Self::ColdUsers(most) => format!("cold users (at most {most} before)"),
            Self::ColdItems(0) => "cold items (nobody before)".to_owned(),
            Self::ColdItems(most) => format!("cold items (at most {most} before)"),
            Self::Tail => "tail items (outside 80 % of events)".to_owned(),
        }
    }
}

/// The scores of one segment.
#[derive(Clone, Debug)]
pub struct Segmented {
    /// Which.
    pub segment: Segment,
    /// Its scores; users that it leaves out have none.
    pub scores: Scores,
    is_tail: Vec<bool>,
}

impl Segmented {
    /// No users yet. `counts`: users of each item before.
    pub fn new(segment: Segment, k: usize, counts: &[u32]) -> Self {
        let is_tail = if segment == Segment::Tail { tail(counts) } else { Vec::new() };
        Self { segment, scores: Scores::new(k), is_tail }
    }

    /// Adds a user, by item numbers; `counts` as before, `before` is how many items the user had.
    pub fn add(&mut self, hits: &[u32], relevant: &[u32], before: usize, counts: &[u32]) {
        let count = |item: u32| counts.get(item as usize).copied().unwrap_or(0);
        let counted = |item: &u32| match self.segment {
            Segment::ColdUsers(most) => before <= most,
            Segment::ColdItems(most) => count(*item) <= most,
            Segment::Tail => self.is_tail.get(*item as usize).copied().unwrap_or(true),
        };
        let relevant: Vec<u32> = relevant.iter().copied().filter(|item| counted(item)).collect();
        self.scores.add(hits, &relevant);
    }
}

/// Which items are outside of the head; the item at the border belongs to the head.
fn tail(counts: &[u32]) -> Vec<bool> {
    let mut items: Vec<usize> = (0..counts.len()).collect();
    items.sort_by_key(|&item| (std::cmp::Reverse(counts[item]), item));
    let all: f64 = counts.iter().map(|&count| f64::from(count)).sum();
    let (mut sum, mut is_tail) = (0.0, vec![false; counts.len()]);
    for item in items {
        is_tail[item] = sum >= HEAD * all;
        sum += f64::from(counts[item]);
    }
    is_tail
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Measure;

    #[test]
    fn the_tail_begins_where_the_head_has_its_share() {
        assert_eq!(tail(&[1, 50, 30, 9, 10]), [true, false, false, true, true]);
        assert_eq!(tail(&[5, 5]), [false, false]);
        assert_eq!(tail(&[0, 0]), [true, true]);
    }

    #[test]
    fn segments_leave_out_who_does_not_belong() {
        let counts = [50, 30, 0, 5, 15];
        let make = |segment| {
            let mut segmented = Segmented::new(segment, 3, &counts);
            segmented.add(&[2, 0, 1], &[2, 0], 1, &counts);
            segmented.add(&[0, 3, 1], &[3, 1, 4], 9, &counts);
            (segmented.scores.users(), segmented.scores.mean(Measure::Recall))
        };
        assert_eq!(make(Segment::ColdUsers(3)), (1, Some(1.0)));
        assert_eq!(make(Segment::ColdUsers(0)), (0, None));
        assert_eq!(make(Segment::ColdItems(0)), (1, Some(1.0)));
        assert_eq!(make(Segment::Tail), (2, Some(0.75)));
    }
}
