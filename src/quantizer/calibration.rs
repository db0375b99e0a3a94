//! Recall targets: which number of lists to probe and of candidates to refine reaches a recall, from what was measured once.
//!
//! Two things lose a true neighbour: its list is not probed, or its code does not make it a candidate. They are measured apart
//! (see [`calibrate`](super::calibrate)) and multiplied.

use super::bands::{self, Band};
use super::density::Density;
use super::interpolate::{between, least, share};
use super::picked::Picked;

/// Numbers of hits that are measured; between them recalls are interpolated in the logarithm of k.
pub(super) const KS: [usize; 5] = [1, 3, 10, 30, 100];
/// Numbers of candidates that are measured. The last ones are for near copies by the thousands, which codes do not tell apart.
pub(super) const CANDIDATES: [usize; 11] = [20, 40, 80, 140, 240, 480, 960, 1920, 3840, 7680, 15_360];
/// So many of them are tried whatever the data is.
pub(super) const USUAL: usize = 9;
/// Added to every target, against the chance of a lucky sample.
const MARGIN: f32 = 0.001;
/// Where a target is out of reach, settings may fall this far behind the best.
const NEAR_BEST: f32 = 0.003;

/// By how much more is lost of what was not trained on, for each list a row; measured with 40 to 400 groups of near copies. At most
/// a fifth more.
const MORE_LOST: f32 = 8.0;
const MOST_MORE_LOST: f32 = 0.2;

/// How a query is searched so that it reaches a recall.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Setting {
    /// Lists to probe.
    pub(crate) nprobe: usize,
    /// Candidates to refine (R).
    pub(crate) candidates: usize,
    /// The recall that calibration saw for this setting; below the target where nothing reached it.
    pub(crate) expected: f32,
}

/// Recall by settings, as measured once for a generation.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Calibration {
    /// Rows when it was measured.
    pub(super) rows: u64,
    pub(super) m: u32,
    pub(super) dim: u32,
    /// Probes at which candidates were tried, ascending.
    pub(super) stops: Vec<u32>,
    /// For each of [`KS`].
    pub(super) curves: [Curve; KS.len()],
    /// What lists hold by their centroids; `None` where too little was seen to say.
    pub(super) density: Option<Density>,
    /// What is known of rows behind others, those of lower ranks first; empty where it was not measured.
    pub(super) bands: Vec<Band>,
    /// Settings that were picked.
    pub(super) picked: Picked<Setting>,
    pub(super) picked_behind: Picked<Setting, 64>,
}

/// One k's measurements.
#[derive(Clone, PartialEq, Debug, Default)]
pub(super) struct Curve {
    /// `lists[n - 1]`: recall of n probes if no candidate were lost.
    pub(super) lists: Vec<f32>,
    /// For each stop, for each of [`CANDIDATES`]: the share of the neighbours in probed lists that the search returned.
    pub(super) keep: Vec<[f32; CANDIDATES.len()]>,
}

impl Calibration {
    /// The cheapest setting seen to reach `target` (0 to 1) for `k` hits in a collection that now holds `rows`. Where none does, the
    /// cheapest of those near the best there is.
    ///
    /// As a collection grows past its calibration, its codes' errors stay while its rows come closer together, so the candidates
    /// grow with it. They grow with k too beyond 100 hits.
    pub(crate) fn pick(&self, target: f32, k: usize, rows: u64) -> Setting {
        if rows > self.rows {
            // Other numbers of rows have other settings.
            return self.cheapest(target, k, rows);
        }
        self.picked.get_or((target, k), || self.cheapest(target, k, rows))
    }

    fn cheapest(&self, target: f32, k: usize, rows: u64) -> Setting {
        let k = k.max(1);
        let growth = self.growth(k, rows);
        let target = (target + MARGIN).min(1.0);
        let best = (0..CANDIDATES.len()).map(|at| self.recall(k, self.probes(), at)).fold(0.0, f32::max);
        let target = target.min(best - NEAR_BEST).max(0.0);
        let mut cheapest: Option<(f32, usize, Setting)> = None;
        for (at, &candidates) in CANDIDATES.iter().enumerate() {
            let nprobe = least(self.probes(), |nprobe| self.recall(k, nprobe, at) >= target);
            let candidates = ((candidates as f64 * growth).ceil() as usize).max(k);
            let setting = Setting { nprobe, candidates, expected: self.recall(k, nprobe, at) };
            let cost = self.cost(setting);
            if setting.expected >= target && cheapest.is_none_or(|(least, ..)| cost < least) {
                cheapest = Some((cost, at, setting));
            }
        }
        let most = CANDIDATES[CANDIDATES.len() - 1].max(k);
        let Some((_, at, setting)) = cheapest else { return Setting { nprobe: self.probes(), candidates: most, expected: best } };
        self.trim(setting, at, target, k, growth)
    }

    /// The fewest lists seen to reach `target` for `k` hits where no row of them is lost to its code, and what is expected of them: for batches
    /// that look at all rows of their lists. Where none do, the fewest near the best.
    pub(crate) fn pick_lists(&self, target: f32, k: usize) -> Setting {
        let k = k.max(1);
        let last = CANDIDATES.len() - 1;
        let best = self.recall(k, self.probes(), last);
        let target = (target + MARGIN).min(1.0).min(best - NEAR_BEST).max(0.0);
        let nprobe = least(self.probes(), |nprobe| self.recall(k, nprobe, last) >= target);
        Setting { nprobe, candidates: k, expected: self.recall(k, nprobe, last) }
    }

    /// The same for the `k` hits behind the nearest `before` rows, which are not wanted: those farther away lie in more lists. `None` beyond the
    /// numbers of rows that are measured.
    pub(crate) fn pick_lists_behind(&self, target: f32, before: usize, k: usize) -> Option<Setting> {
        let (k, last) = (k.max(1), CANDIDATES.len() - 1);
        if before == 0 {
            return Some(self.pick_lists(target, k));
        }
        let all = before.checked_add(k).filter(|all| *all <= KS[KS.len() - 1])?;
        let recall = |nprobe: usize| {
            let (of_all, of_before) = (self.recall(all, nprobe, last), self.recall(before, nprobe, last));
            let behind = (all as f32 * of_all - before as f32 * of_before) / k as f32;
            behind.min(of_all).max(0.0)
        };
        let target = (target + MARGIN).min(1.0).min(recall(self.probes()) - NEAR_BEST).max(0.0);
        let nprobe = least(self.probes(), |nprobe| recall(nprobe) >= target);
        Some(Setting { nprobe, candidates: k, expected: recall(nprobe) })
    }

    /// Measured with rows that the lists and codes were trained on: queries that were not lose somewhat more, the more so the fewer rows a
    /// list was made of.
    pub(crate) fn of_trained(mut self) -> Self {
        let worse = 1.0 + (MORE_LOST * self.probes() as f32 / self.rows.max(1) as f32).min(MOST_MORE_LOST);
        for curve in &mut self.curves {
            for share in curve.lists.iter_mut().chain(curve.keep.iter_mut().flatten()) {
                *share = (1.0 - (1.0 - *share) * worse).max(0.0);
            }
        }
        if let Some(density) = &mut self.density {
            density.worse(worse);
        }
        self.bands.iter_mut().for_each(|band| band.worse(worse));
        (self.picked, self.picked_behind) = (Picked::default(), Picked::default());
        self
    }

    /// The cheapest setting seen to reach `target` for `k` hits behind the nearest `before` rows, which are not wanted; where none does, the cheapest of
    /// those near the best. `None` where nothing is known of rows so far away.
    pub(crate) fn pick_behind(&self, (target, before): (f32, usize), k: usize, rows: u64) -> Option<Setting> {
        /// Settings are picked for numbers of rows that differ by this factor, the next larger one.
        const STEP: f32 = 1.15;
        if !self.knows_behind(before) {
            return None;
        }
        let step = (before.max(1) as f32).log(STEP).ceil();
        let before = STEP.powf(step).ceil() as usize;
        if rows > self.rows {
            return Some(self.cheapest_behind(target, (before, k), rows));
        }
        let asked = (target, k.saturating_mul(1 << 8).saturating_add(step as usize));
        Some(self.picked_behind.get_or(asked, || self.cheapest_behind(target, (before, k), rows)))
    }

    /// Whether it knows of rows behind so many others.
    pub(crate) fn knows_behind(&self, before: usize) -> bool {
        bands::cover(&self.bands, before)
    }

    fn cheapest_behind(&self, target: f32, (before, k): (usize, usize), rows: u64) -> Setting {
        /// Multiples of the last rank that are tried as numbers of candidates: so many, each larger by this factor.
        const TRIED: i32 = 32;
        const FACTOR: f32 = 1.15;
        let k = k.max(1);
        let last = f64::from(bands::last(before, k)) * self.growth(k, rows);
        let setting = |nprobe: usize, at: i32| {
            let candidates = ((f64::from(FACTOR.powi(at)) * 0.1 * last).ceil() as usize).max(k);
            Setting { nprobe, candidates, expected: self.expected_behind((nprobe, candidates), (before, k), rows) }
        };
        let best = setting(self.probes(), TRIED).expected;
        let target = (target + MARGIN).min(1.0).min(best - NEAR_BEST).max(0.0);
        let tried = (0..=TRIED).map(|at| setting(least(self.probes(), |nprobe| setting(nprobe, at).expected >= target), at));
        let cost = |setting: &Setting| self.cost(*setting);
        let cheapest = tried.filter(|setting| setting.expected >= target).min_by(|a, b| cost(a).total_cmp(&cost(b)));
        cheapest.unwrap_or_else(|| setting(self.probes(), TRIED))
    }

    /// The recall to expect of lists and candidates for `k` hits behind the nearest `before` rows.
    pub(crate) fn expected_behind(&self, (nprobe, candidates): (usize, usize), (before, k): (usize, usize), rows: u64) -> f32 {
        let growth = self.growth(k, rows) as f32;
        let multiple = candidates as f32 / growth / bands::last(before, k);
        let nearest = || self.expected(nprobe, (multiple * bands::last(0, k) * growth) as usize, k, rows);
        bands::recall(&self.bands, (before, k), (nprobe, multiple), nearest)
    }

    /// What lists hold by their centroids; `None` where it is not known.
    pub(crate) fn density(&self) -> Option<&Density> {
        self.density.as_ref()
    }

    /// The recall of `nprobe` lists for `k` hits, were no candidate lost.
    pub(crate) fn by_lists(&self, nprobe: usize, k: usize) -> f32 {
        let lists = |number: usize| self.curves[number].by_lists(nprobe);
        let after = KS.partition_point(|&known| known < k);
        if after == 0 || after == KS.len() || KS[after] == k {
            return lists(after.min(KS.len() - 1));
        }
        between(lists(after - 1), lists(after), share(KS[after - 1], KS[after], k))
    }

    /// Fewer candidates for the same lists, where the recall between two measured numbers of candidates allows it. Recall bends
    /// downwards in the logarithm of the candidates, so that the straight line is on the safe side.
    fn trim(&self, setting: Setting, at: usize, target: f32, k: usize, growth: f64) -> Setting {
        let Some(fewer) = at.checked_sub(1) else { return setting };
        let (low, high) = (self.recall(k, setting.nprobe, fewer), setting.expected);
        if !(low < target && target < high) {
            return setting;
        }
        let share = f64::from((target - low) / (high - low));
        let [from, to] = [CANDIDATES[fewer], CANDIDATES[at]].map(|candidates| candidates as f64);
        let candidates = ((from * (to / from).powf(share) * growth).ceil() as usize).max(k).min(setting.candidates);
        Setting { candidates, expected: target, ..setting }
    }

    /// Candidates for `k` hits where the number of lists is given: as few as lose almost nothing of what those lists hold.
    pub(crate) fn candidates(&self, nprobe: usize, k: usize, rows: u64) -> usize {
        let k = k.max(1);
        let nprobe = nprobe.clamp(1, self.probes());
        let best = self.recall(k, nprobe, CANDIDATES.len() - 1);
        let at = (0..CANDIDATES.len()).find(|&at| self.recall(k, nprobe, at) >= best - NEAR_BEST).unwrap_or(CANDIDATES.len() - 1);
        ((CANDIDATES[at] as f64 * self.growth(k, rows)).ceil() as usize).max(k)
    }

    /// The recall to expect of a setting for `k` hits (as of 100 beyond that) in a collection that now holds `rows`.
    pub(crate) fn expected(&self, nprobe: usize, candidates: usize, k: usize, rows: u64) -> f32 {
        let k = k.max(1);
        let nprobe = nprobe.clamp(1, self.probes());
        let candidates = candidates as f64 / self.growth(k, rows);
        let after = CANDIDATES.partition_point(|&known| (known as f64) < candidates);
        if after == 0 {
            // Fewer than were ever tried: at best as many hits as candidates.
            return self.recall(k, nprobe, 0) * (candidates / CANDIDATES[0] as f64).min(1.0) as f32;
        }
        if after == CANDIDATES.len() {
            return self.recall(k, nprobe, after - 1);
        }
        let [low, high] = [CANDIDATES[after - 1], CANDIDATES[after]].map(|known| known as f64);
        let share = ((candidates / low).ln() / (high / low).ln()) as f32;
        between(self.recall(k, nprobe, after - 1), self.recall(k, nprobe, after), share)
    }

    fn growth(&self, k: usize, rows: u64) -> f64 {
        (rows.max(1) as f64 / self.rows.max(1) as f64).clamp(1.0, 64.0) * (k as f64 / KS[KS.len() - 1] as f64).max(1.0)
    }

    fn probes(&self) -> usize {
        self.curves[0].lists.len().max(1)
    }

    /// Recall for k hits, interpolated between the measured k.
    fn recall(&self, k: usize, nprobe: usize, candidates: usize) -> f32 {
        let at = |number: usize| self.curves[number].recall(&self.stops, nprobe, candidates);
        let after = KS.partition_point(|&known| known < k);
        if after == 0 || after == KS.len() || KS[after] == k {
            return at(after.min(KS.len() - 1));
        }
        between(at(after - 1), at(after), share(KS[after - 1], KS[after], k))
    }

    /// Nanoseconds a query roughly takes: a scanned code's high nibbles at 24 bytes a nanosecond, a candidate's choice and re-scoring.
    fn cost(&self, setting: Setting) -> f32 {
        let codes = setting.nprobe as f32 * self.rows as f32 / self.probes() as f32;
        let (m, dim) = (self.m as f32, self.dim as f32);
        codes * (0.1 + m / 2.0 / 24.0) + setting.candidates as f32 * (20.0 + dim / 16.0)
    }
}

impl Curve {
    fn by_lists(&self, nprobe: usize) -> f32 {
        self.lists.get(nprobe.saturating_sub(1)).or(self.lists.last()).copied().unwrap_or(0.0)
    }

    fn recall(&self, stops: &[u32], nprobe: usize, candidates: usize) -> f32 {
        let lists = self.by_lists(nprobe);
        let after = stops.partition_point(|&stop| (stop as usize) < nprobe);
        let keep = |at: usize| self.keep.get(at).map_or(0.0, |keep| keep[candidates]);
        if after == 0 || after == stops.len() {
            return lists * keep(after.min(stops.len().saturating_sub(1)));
        }
        lists * between(keep(after - 1), keep(after), share(stops[after - 1] as usize, stops[after] as usize, nprobe))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// Lists find 1 - 1/(n + 1) of the neighbours, R candidates keep 1 - k/(4 R).
    fn calibration() -> Calibration {
        let curve = |k: usize| {
            let keep = CANDIDATES.map(|candidates| if candidates < k { 0.0 } else { 1.0 - k as f32 / (4 * candidates) as f32 });
            Curve { lists: (1..=200).map(|n| 1.0 - 1.0 / (n + 1) as f32).collect(), keep: vec![keep; 3] }
        };
        let band = |(before, loss): (u32, f32)| Band {
            before,
            stops: vec![8, 40],
            lists: (1..=200).map(|n| 1.0 - loss / (n as f32 + loss)).collect(),
            keep: vec![bands::MULTIPLES.map(|multiple| 1.0 - 0.2 / (1.0 + multiple * multiple)); 2],
        };
        Calibration {
            rows: 100_000,
            m: 32,
            dim: 64,
            stops: vec![2, 8, 40],
            curves: KS.map(curve),
            density: None,
            bands: [(100, 2.0), (1000, 6.0)].map(band).to_vec(),
            picked: Picked::default(),
            picked_behind: Picked::default(),
        }
    }

    #[test]
    fn rows_behind_others_take_more() {
        let calibration = calibration();
        for k in [1, 10, 100] {
            for left_out in [10, 50, 100, 300, 1000] {
                let setting = calibration.pick_behind((0.9, left_out), k, 100_000).unwrap();
                assert!(setting.expected >= 0.9 && setting.expected < 0.97, "{k} {left_out}: {setting:?}");
                let expected = calibration.expected_behind((setting.nprobe, setting.candidates), (left_out, k), 100_000);
                assert!(expected >= setting.expected - 1e-3 && expected < 0.98, "{k} {left_out}: {expected} {setting:?}");
            }
            assert_eq!(calibration.pick_behind((0.9, 1001), k, 100_000), None);
        }
        let at = |left_out, rows| calibration.pick_behind((0.9, left_out), 10, rows).unwrap();
        assert!(at(1000, 100_000).nprobe > at(100, 100_000).nprobe && at(1000, 100_000).candidates > 5 * at(100, 100_000).candidates);
        assert!(at(500, 1_000_000).candidates >= 2 * at(500, 100_000).candidates);
        let best = calibration.pick_behind((1.0, 1000), 10, 100_000).unwrap();
        assert!(best.nprobe <= 200 && best.expected > 0.9, "{best:?}");
    }

    #[test]
    fn a_higher_target_never_costs_less() {
        let calibration = calibration();
        for k in [1, 2, 10, 25, 100, 500] {
            let mut before = 0.0;
            for target in [0.5, 0.8, 0.9, 0.95, 0.98] {
                let setting = calibration.pick(target, k, 100_000);
                assert!(setting.expected >= target && setting.expected < target + 0.2, "{k} {target}: {setting:?}");
                assert!(setting.candidates >= k && calibration.cost(setting) >= before);
                before = calibration.cost(setting);
            }
        }
    }

    #[test]
    fn what_was_picked_is_expected_to_reach_the_target() {
        let calibration = calibration();
        for k in [1, 2, 10, 25, 100, 500] {
            for target in [0.5, 0.8, 0.9, 0.95] {
                let setting = calibration.pick(target, k, 100_000);
                let expected = calibration.expected(setting.nprobe, setting.candidates, k, 100_000);
                assert!((expected - setting.expected).abs() < 0.005, "{k} {target}: {expected} {setting:?}");
            }
        }
        assert!(calibration.expected(200, 1, 1, 100_000) < 0.1);
        assert!(calibration.expected(usize::MAX, usize::MAX, usize::MAX, u64::MAX) <= 1.0);
    }

    #[test]
    fn lists_alone_need_no_more_of_them() {
        let calibration = calibration();
        for (k, target) in [(1, 0.5), (10, 0.9), (10, 0.95), (30, 0.98), (500, 0.9)] {
            let (lists, both) = (calibration.pick_lists(target, k), calibration.pick(target, k, 100_000));
            assert!(lists.nprobe <= both.nprobe && lists.expected >= target, "{k} {target}: {lists:?} {both:?}");
        }
        assert!(calibration.pick_lists(2.0, 0).nprobe <= 200 && calibration.pick_lists(f32::NAN, 5).nprobe >= 1);
    }

    #[test]
    fn growth_asks_for_more_candidates() {
        let calibration = calibration();
        let (small, large) = (calibration.pick(0.9, 10, 100_000), calibration.pick(0.9, 10, 1_000_000));
        assert!(large.candidates >= 2 * small.candidates, "{small:?} {large:?}");
    }

    #[test]
    fn rows_that_were_trained_on_are_trusted_less() {
        let (plain, trained) = (calibration(), calibration().of_trained());
        for target in [0.5, 0.9, 0.95] {
            let (plain, trained) = (plain.pick(target, 10, 100_000), trained.pick(target, 10, 100_000));
            assert!(trained.nprobe >= plain.nprobe && trained.nprobe <= plain.nprobe + plain.nprobe / 20 + 1, "{plain:?} {trained:?}");
        }
        // What loses nothing loses nothing.
        let mut sure = calibration();
        sure.curves.iter_mut().for_each(|curve| curve.lists.fill(1.0));
        assert!(sure.of_trained().curves.iter().all(|curve| curve.lists.iter().all(|&share| share == 1.0)));
    }

    #[test]
    fn out_of_reach_is_answered_with_what_comes_near() {
        let mut calibration = calibration();
        for curve in &mut calibration.curves {
            curve.keep.iter_mut().flatten().for_each(|keep| *keep *= 0.9);
        }
        let setting = calibration.pick(0.99, 10, 100_000);
        assert!(setting.nprobe < 200 && setting.expected > 0.88, "{setting:?}");
        assert!(calibration.pick(1.0, usize::MAX, u64::MAX).candidates == usize::MAX);
        assert!(calibration.pick(f32::NAN, 0, 0).nprobe >= 1);
    }

    #[test]
    fn rows_behind_others_take_more_lists() {
        let known = calibration();
        assert_eq!(known.pick_lists_behind(0.9, 0, 10), Some(known.pick_lists(0.9, 10)));
        let picked: Vec<usize> =
            [1, 5, 20, 50, 90].iter().filter_map(|&before| Some(known.pick_lists_behind(0.9, before, 10)?.nprobe)).collect();
        assert!(picked.len() == 5 && picked.is_sorted(), "{picked:?}");
        assert!(known.pick_lists_behind(0.9, 91, 10).is_none() && known.pick_lists_behind(0.9, usize::MAX, 10).is_none());
        for before in [1, 30, 90] {
            let setting = known.pick_lists_behind(0.8, before, 10);
            assert!(setting.is_some_and(|setting| (0.8..=1.0).contains(&setting.expected)), "{setting:?}");
        }
    }
}
