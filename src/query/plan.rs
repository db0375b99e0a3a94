//! How a query's rows are retrieved, decided from counts alone.

/// Where the lists visited hold too few rows that may be returned, this many times as many are.
const WIDER: usize = 4;

/// So few rows are gathered: all of them are scored by their refine vectors, some 20 ns each. A scan of lists would take longer.
const GATHERED: u64 = 8192;
/// And no more than one row in so many.
const SPARSE: u64 = 16;

/// The most rows that are gathered of so many in segments.
pub(crate) fn few(sealed: u64) -> usize {
    GATHERED.min(sealed / SPARSE) as usize
}

/// Rows that a query may return, and those that it wants.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Counts {
    /// In segments.
    pub(crate) sealed: u64,
    /// In the tail.
    pub(crate) tail: u64,
    /// Rows wanted.
    pub(crate) depth: usize,
}

/// The way to a query's rows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Plan {
    /// There is nothing to look for.
    Nothing,
    /// The rows of this subset, one by one, by their exact vectors.
    Exact(Subset),
    /// Lists of the index, and the tail by its exact vectors.
    Scan,
}

/// Rows that an exact scan looks at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Subset {
    /// All that is live.
    All,
    /// Those of the tail: no others may be returned.
    Tail,
}

impl Counts {
    /// The way to take; `exact` says that the query asked for an exact answer, `listed` that lists say which rows of the tail to compare.
    pub(crate) fn plan(self, exact: bool, listed: bool) -> Plan {
        match self {
            Self { depth: 0, .. } | Self { sealed: 0, tail: 0, .. } => Plan::Nothing,
            Self { sealed: 0, .. } if exact || !listed => Plan::Exact(Subset::Tail),
            _ if exact => Plan::Exact(Subset::All),
            _ => Plan::Scan,
        }
    }

    /// Rows that the segments have to give, with those of the tail, for all that is wanted: as many as there are to be had.
    fn needed(self) -> u64 {
        u64::try_from(self.depth).unwrap_or(u64::MAX).saturating_sub(self.tail).min(self.sealed)
    }

    /// The lists to visit in the next turn, of `lists`, after `nprobe` gave `found` rows; `None` when those do.
    pub(crate) fn wider(self, found: usize, nprobe: usize, lists: usize) -> Option<usize> {
        (nprobe < lists && (found as u64) < self.needed()).then(|| nprobe.saturating_mul(WIDER).min(lists))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(sealed: u64, tail: u64, depth: usize) -> Counts {
        Counts { sealed, tail, depth }
    }

    #[test]
    fn nothing_is_looked_for_where_nothing_is_wanted_or_left() {
        for counts in [counts(0, 0, 10), counts(500, 20, 0), counts(0, 0, 0)] {
            for listed in [false, true] {
                assert_eq!((counts.plan(false, listed), counts.plan(true, listed)), (Plan::Nothing, Plan::Nothing), "{counts:?}");
            }
        }
    }

    #[test]
    fn the_tail_alone_is_compared_exactly_whatever_was_asked() {
        for tail in [1, 5, 1 << 40] {
            let counts = counts(0, tail, 10);
            assert_eq!((counts.plan(false, false), counts.plan(true, false)), (Plan::Exact(Subset::Tail), Plan::Exact(Subset::Tail)));
            assert_eq!(
                (counts.plan(false, true), counts.plan(true, true)),
                (Plan::Scan, Plan::Exact(Subset::Tail)),
                "lists say where to look"
            );
            assert_eq!(counts.wider(0, 1, 100), None);
        }
    }

    #[test]
    fn segments_are_scanned_unless_all_is_to_be_compared() {
        for tail in [0, 1, 100] {
            for depth in [1, 10, usize::MAX] {
                assert_eq!(counts(1, tail, depth).plan(false, false), Plan::Scan);
                assert_eq!(counts(1, tail, depth).plan(true, true), Plan::Exact(Subset::All));
            }
        }
    }

    #[test]
    fn a_scan_widens_until_it_has_what_the_tail_does_not_give() {
        let ten = counts(1000, 4, 10);
        assert_eq!(ten.wider(5, 8, 100), Some(32));
        assert_eq!(ten.wider(6, 8, 100), None, "the tail gives four");
        assert_eq!(ten.wider(5, 32, 100), Some(100), "never more than there are");
        assert_eq!(ten.wider(5, 100, 100), None, "all are visited");
        assert_eq!(counts(3, 4, 10).wider(3, 1, 100), None, "there are no more to be had");
        assert_eq!(counts(1000, 10, 10).wider(0, 1, 100), None, "the tail is enough");
        assert_eq!(counts(u64::MAX, 0, usize::MAX).wider(0, usize::MAX - 1, usize::MAX), Some(usize::MAX));
    }

    #[test]
    fn widening_ends() {
        let counts = counts(u64::MAX, 0, usize::MAX);
        let turns = std::iter::successors(Some(1), |&nprobe| counts.wider(0, nprobe, 65_536)).collect::<Vec<_>>();
        assert_eq!((turns.len(), turns.last()), (9, Some(&65_536)));
    }
}
