//! Recall of rows that lie behind nearer ones which may not be returned, as of items that were seen: by how many those are.
//!
//! What is wanted then lies in more lists, and closer to rows that are not wanted, than the nearest rows do. Both are measured for bands of ten
//! ranks (see [`Calibration::with_bands`](super::calibration::Calibration::with_bands)), and interpolated in the logarithm of the rank.

use super::interpolate::{between, share};

/// Bands begin behind so many rows.
pub(crate) const BEFORE: [usize; 3] = [100, 1000, 9990];
/// Rows of a band.
pub(crate) const WANTED: usize = 10;
/// A band is measured where there are so many times as many rows as lie up to its end.
const ROWS: usize = 4;
/// Candidates that are measured, as multiples of the last rank of a band.
pub(super) const MULTIPLES: [f32; 9] = [0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0];

/// One band's measurements.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Band {
    pub(super) before: u32,
    /// Probes at which candidates were tried, ascending.
    pub(super) stops: Vec<u32>,
    /// `lists[n - 1]`: recall of n probes if no candidate were lost.
    pub(super) lists: Vec<f32>,
    /// For each stop, for each of [`MULTIPLES`]: the share of the band's rows in probed lists that are candidates.
    pub(super) keep: Vec<[f32; MULTIPLES.len()]>,
}

/// The bands that are measured in a collection of so many rows.
pub(super) fn measurable(rows: usize) -> impl Iterator<Item = usize> {
    BEFORE.into_iter().filter(move |before| ROWS * (before + WANTED) <= rows)
}

/// Rows that have to be known of each query for the bands of a collection of so many rows, where no more than `most` can be.
pub(crate) fn depth(rows: usize, most: usize) -> usize {
    measurable(rows).map(|before| before + WANTED).take_while(|&depth| depth <= most).last().unwrap_or(0)
}

impl Band {
    /// The middle of the band's ranks.
    pub(super) fn rank(&self) -> f32 {
        middle(self.before as usize, WANTED)
    }

    /// The recall of `nprobe` lists with `multiple` times as many candidates as the band's last rank.
    pub(super) fn recall(&self, nprobe: usize, multiple: f32) -> f32 {
        let lists = self.lists.get(nprobe.saturating_sub(1)).or(self.lists.last()).copied().unwrap_or(0.0);
        let after = self.stops.partition_point(|&stop| (stop as usize) < nprobe);
        let keep = |at: usize| self.keep.get(at).map_or(0.0, |keep| kept(keep, multiple));
        if after == 0 || after == self.stops.len() {
            return lists * keep(after.min(self.stops.len().saturating_sub(1)));
        }
        lists * between(keep(after - 1), keep(after), share(self.stops[after - 1] as usize, self.stops[after] as usize, nprobe))
    }

    /// As much more is lost of rows that were not trained on.
    pub(super) fn worse(&mut self, by: f32) {
        for share in self.lists.iter_mut().chain(self.keep.iter_mut().flatten()) {
            *share = (1.0 - (1.0 - *share) * by).max(0.0);
        }
    }
}

/// What so many candidates keep.
fn kept(keep: &[f32; MULTIPLES.len()], multiple: f32) -> f32 {
    let after = MULTIPLES.partition_point(|&known| known < multiple);
    match after.checked_sub(1) {
        None => keep[0] * (multiple / MULTIPLES[0]).max(0.0),
        Some(before) if after == MULTIPLES.len() => keep[before],
        Some(before) => {
            let (low, high) = (MULTIPLES[before], MULTIPLES[after]);
            between(keep[before], keep[after], (multiple / low).ln() / (high / low).ln())
        }
    }
}

/// The last rank of `k` rows behind `before` others; of fewer than a band has, as of so many, since candidates for these are as many.
pub(super) fn last(before: usize, k: usize) -> f32 {
    before.saturating_add(k.max(WANTED)) as f32
}

/// The middle rank of `k` rows behind `before` others.
pub(super) fn middle(before: usize, k: usize) -> f32 {
    before as f32 + 0.5 * k as f32
}

/// Whether bands say what to expect of rows behind so many.
pub(super) fn cover(bands: &[Band], before: usize) -> bool {
    bands.last().is_some_and(|last| before <= last.before as usize)
}

/// The recall behind `before` rows for `k` hits, where `nearest` is that of the nearest, from the two bands next to them; `multiple` is that of the last
/// rank.
pub(super) fn recall(bands: &[Band], (before, k): (usize, usize), (nprobe, multiple): (usize, f32), nearest: impl Fn() -> f32) -> f32 {
    let rank = middle(before, k);
    // Behind the last band it goes on as it does between the last two.
    let after = bands.partition_point(|band| band.rank() < rank).min(bands.len().saturating_sub(1));
    let Some(high) = bands.get(after) else { return nearest() };
    let (low, from) = match after.checked_sub(1).and_then(|before| bands.get(before)) {
        Some(low) => (low.recall(nprobe, multiple), low.rank()),
        None => (nearest(), middle(0, k).max(0.5)),
    };
    let reached = if high.rank() > from { (rank / from).ln() / (high.rank() / from).ln() } else { 0.0 };
    between(low, high.recall(nprobe, multiple), reached).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bands() -> Vec<Band> {
        let band = |&before: &usize| Band {
            before: before as u32,
            stops: vec![4, 20, 60],
            lists: (1..=100).map(|n| 1.0 - before as f32 / (before as f32 + 300.0 * n as f32)).collect(),
            keep: vec![MULTIPLES.map(|multiple| 1.0 - 0.2 / (1.0 + multiple)); 3],
        };
        BEFORE.iter().map(band).collect()
    }

    #[test]
    fn recall_falls_with_rank_and_grows_with_effort() {
        let bands = bands();
        for (nprobe, multiple) in [(1, 0.1), (7, 1.2), (50, 3.0), (100, 20.0)] {
            let at = |before, nprobe, multiple| recall(&bands, (before, 10), (nprobe, multiple), || 0.99);
            let falling: Vec<f32> = [0, 1, 20, 95, 100, 400, 1000, 5000, 9990, 15_000].map(|before| at(before, nprobe, multiple)).to_vec();
            assert!(falling.windows(2).all(|pair| pair[0] >= pair[1] - 1e-6), "{falling:?}");
            for before in [20, 100, 3000] {
                let least = at(before, nprobe, multiple) - 1e-6;
                assert!(at(before, nprobe + 1, multiple) >= least && at(before, nprobe, 1.3 * multiple) >= least);
            }
        }
        let exact = bands[1].recall(20, 2.0);
        assert!((recall(&bands, (1000, 10), (20, 2.0), || 0.0) - exact).abs() < 1e-6);
    }

    #[test]
    fn small_collections_have_fewer_bands() {
        let of = |rows| measurable(rows).collect::<Vec<_>>();
        assert_eq!((of(439), of(440), of(5000), of(40_000)), (vec![], vec![100], vec![100, 1000], vec![100, 1000, 9990]));
        assert_eq!((depth(100, 10_000), depth(5000, 10_000), depth(5000, 1009), depth(5000, 109)), (0, 1010, 110, 0));
        let bands = bands();
        assert!(cover(&bands, 9990) && !cover(&bands, 9991) && !cover(&[], 0));
        assert_eq!(recall(&[], (50, 10), (1, 1.0), || 0.7), 0.7);
    }
}
