//! What the lists of a query hold that it may return, told from their centroids' scores: how many lists and candidates a restricted query needs.
//!
//! A restriction moves the rows wanted away from the nearest ones: with a thousand of these left out, those of rank 1,001 on are wanted, which
//! lie in more lists and closer together. A [`Density`] says which share of each list's rows has a score above a threshold; with the numbers of
//! rows that may be returned it says where the wanted scores lie, which share of them the first lists hold, and how many rows come as near
//! to them as the codes' errors reach.

use crate::quantizer::density::{Density, width};
use crate::types::Metric;

use super::coarse::Probe;
use super::params::{Goal, Part};
use super::threshold::threshold;

/// What is lost more of rows at ten times the rank that is wanted, and with the square of the number of such steps.
const DISPLACED: (f32, f32) = (0.35, 0.13);
/// What is lost more where ten times fewer of the nearest rows may be returned than of those of all lists counted.
const HOLLOW: f32 = 7.0;
/// What an unrestricted query loses by the density is taken as within these.
const LEAST_LOSS: f32 = 0.001;
const MOST_LOSS: f32 = 0.5;
/// And the nearest rows as at most so many times fewer than those about them.
const MOST_HOLLOW: f32 = 100.0;
/// So near to each other, in standard deviations, centres are taken as one.
const SAME: f32 = 0.15;
/// Thresholds are this many standard deviations above a centroid at most.
const HIGHEST: f32 = 6.0;
/// So small a share of a list, and of those behind it, is nothing.
const NOTHING: f32 = 1e-9;
/// Candidates are never taken as more than so many times the rows above the last wanted one.
const MOST_GROWTH: f32 = 64.0;
/// The best wanted score is taken as at least so far above the last, in standard deviations: scores near each other say nothing else.
const LEAST_BAND: f32 = 0.1;

/// A list in the order of probing.
#[derive(Clone, Copy, Debug)]
struct List {
    centre: f32,
    width: f32,
    /// Rows, and those that the query's filter lets through: rows that it excludes by id among them.
    rows: f32,
    passing: f32,
}

/// The lists probed, with what of them may be returned.
#[derive(Debug)]
pub(super) struct Forecast<'a> {
    density: &'a Density,
    lists: &'a [List],
    /// The same lists, neighbours whose centres are much the same as one: sums over all lists are sums over these.
    groups: &'a [List],
    /// Scores of the excluded rows, best first.
    excluded: &'a [f32],
    /// By how many times there are more rows above the excluded rows' scores than the density says, at least 1.
    scale: f32,
    /// How far the candidates' scores reach below the last wanted one, in widths: what codes hide of a score grows as its spread does.
    reach: f32,
    /// What the lists of an unrestricted query lose of its rows: by calibration on average, and by the density of this query.
    usual_loss: (f32, f32),
    /// The logarithm, to ten, of how many times less of the nearest rows may be returned than of those about them: 0 where a filter says nothing of
    /// where rows lie.
    hollow: f32,
}

/// What a forecast is made in.
#[derive(Default, Debug)]
pub(crate) struct ForecastScratch {
    lists: Vec<List>,
    groups: Vec<List>,
    pub(super) excluded: Vec<f32>,
}

/// Scores of the best and of the last row wanted.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Band {
    pub(super) best: f32,
    pub(super) last: f32,
}

/// What a query needs.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Need {
    /// Lists; `None` where those probed are not enough.
    pub(super) nprobe: Option<usize>,
    pub(super) candidates: usize,
}

/// A score as the density has it: an inner product, for L2 less half the row's squared length. `score` is what a search gives.
pub(super) fn density_score(metric: Metric, query_squares: f32, score: f32) -> f32 {
    if metric == Metric::L2 { 0.5 * (query_squares + score) } else { score }
}

/// Puts neighbours together whose centres are no further apart than [`SAME`], those of the first `nprobe` lists apart from the others; answers the number
/// of groups of those.
fn group(lists: &[List], nprobe: usize, slope: f32, groups: &mut Vec<List>) -> usize {
    groups.clear();
    let (mut of_first, mut start) = (0, f32::INFINITY);
    for (at, list) in lists.iter().enumerate() {
        match groups.last_mut() {
            Some(group) if at != nprobe && start - list.centre <= SAME * list.width / slope => {
                let rows = (group.rows + list.rows).max(1.0);
                group.centre += (list.centre - group.centre) * list.rows / rows;
                group.width += (list.width - group.width) * list.rows / rows;
                group.rows += list.rows;
                group.passing += list.passing;
            }
            _ => {
                start = list.centre;
                groups.push(*list);
            }
        }
        if at < nprobe {
            of_first = groups.len();
        }
    }
    of_first
}

impl<'a> Forecast<'a> {
    /// `passing` says how many rows of each probed list may be returned or are excluded by id; `usual` how many lists are not probed, and what an
    /// unrestricted query loses on average.
    pub(super) fn new(
        goal: &Goal<'a>,
        (metric, query_squares): (Metric, f32),
        parts: &[Part<'_>],
        (probes, centre): (&[Probe], impl Fn(&Probe) -> f32),
        passing: &[u32],
        usual: (usize, f32),
        scratch: &'a mut ForecastScratch,
    ) -> Self {
        let ForecastScratch { lists, groups, excluded } = scratch;
        lists.clear();
        lists.extend(probes.iter().zip(passing).map(|(probe, &passing)| {
            let rows: usize = parts.iter().map(|part| part.index.layout.rows_of(probe.list as usize).len()).sum();
            let centre = centre(probe);
            List { centre, width: width(metric, query_squares, centre), rows: rows as f32, passing: passing as f32 }
        }));
        let of_first = group(lists, goal.nprobe, goal.density.slope(), groups);
        let mut forecast =
            Self { density: goal.density, lists, groups, excluded, scale: 1.0, reach: 0.0, usual_loss: (0.0, 0.0), hollow: 0.0 };
        forecast.scale = forecast.scale();
        let first = &forecast.groups[..of_first];
        let last = forecast.threshold(|at| forecast.above(first, at, |list| list.rows), goal.k as f32);
        let reached = forecast.threshold(|at| forecast.above(first, at, |list| list.rows), goal.candidates as f32);
        let probed = &forecast.lists[..goal.nprobe.min(forecast.lists.len())];
        let width = probed.iter().map(|list| list.width).sum::<f32>() / probed.len().max(1) as f32;
        forecast.reach = ((last - reached) / width.max(f32::MIN_POSITIVE)).max(0.0);
        let (loss, hollow) = forecast.without(goal, usual.0);
        (forecast.usual_loss, forecast.hollow) = ((usual.1.max(LEAST_LOSS), loss.clamp(LEAST_LOSS, MOST_LOSS)), hollow);
        forecast
    }

    /// What the density says that the lists of an unrestricted query lose of its rows, and how hollow the restriction makes them. `unprobed` lists are
    /// not among those probed.
    fn without(&self, goal: &Goal<'_>, unprobed: usize) -> (f32, f32) {
        let rows = |at| self.above(self.groups, at, |list| list.rows);
        let last = self.threshold(rows, goal.k as f32);
        let band = Band { best: self.threshold(rows, 1.0).max(last), last };
        let masses: Vec<f32> = self.masses(band, |list| list.rows).collect();
        let all = masses.iter().sum::<f32>() + self.rest(&masses, unprobed);
        let probed: f32 = masses.iter().take(goal.nprobe).sum();
        let loss = if all > 0.0 { 1.0 - probed / all } else { 0.0 };
        let near = masses.iter().zip(self.lists).map(|(mass, list)| mass * list.passing / list.rows.max(1.0)).sum::<f32>();
        let hollow = self.rate() * masses.iter().sum::<f32>() / near.max(f32::MIN_POSITIVE);
        (loss, hollow.clamp(1.0, MOST_HOLLOW).log10())
    }

    /// The share of the rows of all lists probed that the filter lets through.
    fn rate(&self) -> f32 {
        let sum = |of: fn(&List) -> f32| self.lists.iter().map(of).sum::<f32>();
        sum(|list| list.passing) / sum(|list| list.rows).max(1.0)
    }

    /// How many times as much is lost of a band of rows as the density says. It is fitted to the nearest rows: of those that lie behind others, which the
    /// query leaves out, it expects too many in the first lists. Measured on 100-dimensional word vectors behind 100 to 10,000 excluded rows and behind
    /// one to ten clusters of a hundred.
    fn displaced(&self, band: Band, k: usize) -> f32 {
        let rank = self.scale * self.rate() * self.above(self.groups, band.last, |list| list.rows);
        let behind = (rank / k.max(1) as f32).max(1.0).log10();
        1.0 + behind * (DISPLACED.0 + DISPLACED.1 * behind) + HOLLOW * self.hollow
    }

    /// The loss by the density that stands for one on average: a query of which the density says that it loses more than others does so without a
    /// restriction too, and calibration has that in its average.
    fn by_density(&self, loss: f32, displaced: f32) -> f32 {
        let (usual, of_this) = self.usual_loss;
        (loss * of_this / (usual * displaced)).min(1.0)
    }

    /// The loss on average that one by the density stands for.
    fn on_average(&self, loss: f32, displaced: f32) -> f32 {
        let (usual, of_this) = self.usual_loss;
        (loss * displaced * usual / of_this).min(1.0)
    }

    /// Rows of some lists above a threshold.
    fn above(&self, lists: &[List], threshold: f32, of: impl Fn(&List) -> f32) -> f32 {
        let mut sum = 0.0;
        for list in lists {
            let share = self.density.share((threshold - list.centre) / list.width);
            // Those behind lie lower still.
            if share < NOTHING {
                break;
            }
            sum += of(list) * share;
        }
        sum
    }

    /// The excluded rows are known, so there are at least as many rows above their scores as there are of them.
    fn scale(&self) -> f32 {
        let look = |(rank, score): (f32, f32)| {
            let by_density = self.above(self.groups, score, |list| list.passing);
            // What chance may do to so many.
            (score.is_finite() && by_density > 0.0).then_some((rank - rank.sqrt()) / by_density)
        };
        self.looks().filter_map(look).fold(1.0, f32::max)
    }

    /// A few of the excluded rows, worst first: rank and score.
    fn looks(&self) -> impl Iterator<Item = (f32, f32)> {
        const LOOKS: usize = 8;
        (1..=LOOKS).rev().filter_map(|look| {
            let rank = (self.excluded.len() * look).div_ceil(LOOKS);
            Some((rank as f32, *self.excluded.get(rank.checked_sub(1)?)?))
        })
    }

    /// Rows above a threshold that may be returned, were all lists probed.
    fn wanted_above(&self, threshold: f32) -> f32 {
        self.scale * self.above(self.groups, threshold, |list| list.passing) - self.excluded_above(threshold)
    }

    fn excluded_above(&self, threshold: f32) -> f32 {
        self.excluded.partition_point(|&score| score >= threshold) as f32
    }

    /// The lowest threshold with no more than `count` rows above that may be returned. Above the excluded rows there seem to be more again: chance
    /// has it that the density expects more rows there than there are.
    fn wanted_threshold(&self, count: f32) -> f32 {
        let mut below = None;
        for (_, score) in self.looks().filter(|(_, score)| score.is_finite()) {
            if self.wanted_above(score) < count {
                return self.between(|at| self.wanted_above(at), count, (below.unwrap_or(self.ends().0), score));
            }
            below = Some(score);
        }
        self.between(|at| self.wanted_above(at), count, (below.unwrap_or(self.ends().0), self.ends().1))
    }

    /// The threshold with `count` rows above.
    fn threshold(&self, above: impl Fn(f32) -> f32, count: f32) -> f32 {
        self.between(above, count, self.ends())
    }

    /// Thresholds below and above all rows.
    fn ends(&self) -> (f32, f32) {
        let unit = |list: &List| list.width / self.density.slope();
        let high = self.groups.iter().map(|list| list.centre + HIGHEST * unit(list)).fold(f32::NEG_INFINITY, f32::max);
        let low = self.groups.iter().map(|list| list.centre - HIGHEST * unit(list)).fold(f32::INFINITY, f32::min);
        (low, high)
    }

    /// The threshold in an interval with `count` rows above.
    fn between(&self, above: impl Fn(f32) -> f32, count: f32, ends: (f32, f32)) -> f32 {
        let all = self.groups.iter().map(|list| list.rows).sum();
        threshold(above, (count, all), ends)
    }

    /// Where the wanted `k` rows will lie.
    pub(super) fn band(&self, k: usize) -> Band {
        let last = self.wanted_threshold(k as f32);
        Band { best: self.wanted_threshold(1.0).max(last), last }
    }

    /// Each list's part of the wanted rows.
    fn masses(&self, band: Band, of: impl Fn(&List) -> f32) -> impl Iterator<Item = f32> {
        self.lists.iter().map(move |list| {
            let best = band.best.max(band.last + LEAST_BAND * list.width / self.density.slope());
            let share = |threshold: f32| self.density.share((threshold - list.centre) / list.width);
            of(list) * (share(band.last) - share(best)).max(0.0)
        })
    }

    /// What lists that were not probed may add to the masses: they go on falling as they do in the last half of those that were.
    fn rest(&self, masses: &[f32], unprobed: usize) -> f32 {
        let quarter = masses.len() / 4;
        if unprobed == 0 || quarter == 0 {
            return 0.0;
        }
        let sum = |from: usize| masses[from..from + quarter].iter().sum::<f32>();
        let (before, last) = (sum(masses.len() - 2 * quarter), sum(masses.len() - quarter));
        if last <= 0.0 {
            return 0.0;
        }
        let falling = (last / before.max(f32::MIN_POSITIVE)).min(1.0);
        let quarters = unprobed as f32 / quarter as f32;
        if falling > 0.99 { last * quarters } else { last * falling * (1.0 - falling.powf(quarters)) / (1.0 - falling) }
    }

    /// What it takes for the goal's share of the rows wanted to be found. `unprobed` lists are not among those probed. Behind rows that are excluded by id
    /// it is what the more cautious of two estimates asks for: relative to the same query without a restriction, and as the density is fitted.
    pub(super) fn need(&self, band: Band, goal: &Goal<'_>, unprobed: usize) -> Need {
        let masses: Vec<f32> = self.masses(band, |list| list.passing).collect();
        let all = masses.iter().sum::<f32>() + self.rest(&masses, unprobed);
        let displaced = 1.0 - self.by_density(1.0 - goal.share, self.displaced(band, goal.k));
        let promised = if self.excluded.is_empty() { 0.0 } else { self.density.promise(goal.share) };
        let enough = displaced.max(promised) * all;
        let mut sum = 0.0;
        let nprobe = masses.iter().position(|mass| {
            sum += mass;
            sum >= enough
        });
        let nprobe = nprobe.map(|at| at + 1).or((unprobed == 0).then_some(self.lists.len()));
        let probed = &self.lists[..nprobe.unwrap_or(self.lists.len())];
        // Above the last of them lie the wanted rows and what is excluded: the density says how many times as many reach as far as candidates do.
        let (wanted, excluded) = (goal.k as f32, self.excluded_above(band.last));
        let share = |list: &List, reach: f32| self.density.share((band.last - list.centre) / list.width - reach);
        let passing = |lists: &[List], reach: f32| lists.iter().map(|list| list.passing * share(list, reach)).sum::<f32>();
        let growth = passing(probed, self.reach) / passing(self.lists, 0.0).max(f32::MIN_POSITIVE);
        let near = (wanted + excluded) * growth.min(MOST_GROWTH) - excluded;
        Need { nprobe, candidates: (near.max(0.0).ceil() as usize).max(goal.candidates) }
    }

    /// The share of the wanted rows that the first `nprobe` lists hold.
    pub(super) fn kept(&self, (band, k): (Band, usize), nprobe: usize, unprobed: usize) -> f32 {
        let masses: Vec<f32> = self.masses(band, |list| list.passing).collect();
        let all = masses.iter().sum::<f32>() + self.rest(&masses, unprobed);
        let probed: f32 = masses.iter().take(nprobe).sum();
        if all <= 0.0 {
            return 1.0;
        }
        let promised = (probed / all).min(1.0);
        let displaced = 1.0 - self.on_average(1.0 - promised, self.displaced(band, k));
        if self.excluded.is_empty() { displaced } else { displaced.min(self.density.kept(promised)) }
    }
}
