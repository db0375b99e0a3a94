//! How a query's near rows lie about the centroids of their lists, so that what lists hold can be told from their centroids' scores alone.
//!
//! Scores here are inner products, for L2 less half the row's squared length: larger is nearer. The scores of a list's rows lie about that of
//! its centroid like a normal distribution whose width grows with the query's length (L2: with its distance from the centroid), so the share
//! of a list's rows above a threshold is a normal tail of the threshold's height above the centroid. Its two parameters are fitted to the
//! true neighbours of the queries that calibration has, by the least squares of probits.

use super::Quantizer;
use super::nearest::dot;
use super::truth::{Near, Queries};
use crate::kernel::Kernel;
use crate::types::Metric;
use crate::vector::Matrix;

/// Queries that are looked at.
const QUERIES: usize = 512;
/// Ranks whose scores are taken as thresholds.
const RANKS: [usize; 3] = [10, 30, 100];
/// Bins that thresholds' heights are counted in, and how many of them are of the typical height.
const BINS: usize = 160;
const BINS_OF_TYPICAL: f64 = 25.0;
const BINS_BELOW: f64 = 40.0;
/// Near rows that a bin must have to be trusted.
const TRUSTED: f64 = 20.0;
/// Shares of the ten nearest for which it is known which share the model has to promise.
pub(super) const SHARES: [f32; 6] = [0.5, 0.8, 0.9, 0.95, 0.98, 0.99];

/// No promise is higher: what the model takes for nothing may be a little.
const MOST_PROMISED: f32 = 0.999_99;

/// The share of a list's rows above a threshold, as a function of its centroid's score.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Density {
    /// The probit of a share is `offset - slope * height`, the height in units of [`width`].
    pub(super) offset: f32,
    pub(super) slope: f32,
    /// For each of [`SHARES`] what the model says where so many of the ten nearest are in the lists visited.
    pub(super) promised: [f32; SHARES.len()],
}

/// The unit of heights above a centroid: the query's length, for L2 its distance from the centroid. `centre` is the centroid's score.
pub(crate) fn width(metric: Metric, query_squares: f32, centre: f32) -> f32 {
    let squares = if metric == Metric::L2 { query_squares - 2.0 * centre } else { query_squares };
    squares.max(0.0).sqrt().max(f32::MIN_POSITIVE)
}

impl Density {
    /// The share of a list's rows above a threshold that is `height` widths above its centroid.
    #[inline]
    pub(crate) fn share(&self, height: f32) -> f32 {
        normal(self.offset - self.slope * height)
    }

    /// Standard deviations in a width.
    pub(crate) fn slope(&self) -> f32 {
        self.slope
    }

    /// What the model has to promise for this share of the wanted rows to be in the lists visited.
    pub(crate) fn promise(&self, share: f32) -> f32 {
        interpolate(&SHARES, &self.promised, share)
    }

    /// The share of the wanted rows that is in the lists visited where the model promises so much.
    pub(crate) fn kept(&self, promised: f32) -> f32 {
        interpolate(&self.promised, &SHARES, promised)
    }

    /// Measured with rows that the lists were trained on: as much more is lost of others.
    pub(super) fn worse(&mut self, by: f32) {
        let before = self.clone();
        let mut least = 0.0f32;
        for (promised, share) in self.promised.iter_mut().zip(SHARES) {
            // Rounding must not put them out of order.
            *promised = before.promise(1.0 - (1.0 - share) / by).max(least);
            least = *promised;
        }
    }

    /// Fits the model; `None` where there is too little to fit it to. `lists` has the list of each row, `truth` each query's nearest rows.
    pub(crate) fn fit(quantizer: &Quantizer, queries: &Queries, truth: &[Vec<Near>], lists: &[u32]) -> Option<Self> {
        let mut rows = vec![0f32; quantizer.lists()];
        lists.iter().for_each(|&list| rows[list as usize] += 1.0);
        let step = truth.len().div_ceil(QUERIES).max(1);
        let sights: Vec<Sight<'_>> =
            (0..truth.len()).step_by(step).filter_map(|at| Sight::new(quantizer, queries.vectors.row(at), &truth[at], lists)).collect();
        let (offset, slope) = line(&sights, &rows)?;
        let mut fitted = Self { offset, slope, promised: SHARES };
        fitted.promised = fitted.promises(&sights, &rows);
        fitted.usable()
    }

    /// A model that can be asked; `None` where its numbers are none, as of vectors whose sizes lie orders of magnitude apart.
    pub(super) fn usable(self) -> Option<Self> {
        let promises = self.promised.is_sorted() && self.promised.iter().all(|promised| (0.0..=1.0).contains(promised));
        (self.offset.is_finite() && self.slope.is_finite() && self.slope > 0.0 && promises).then_some(self)
    }

    /// For each of [`SHARES`] the promise that reaches it.
    fn promises(&self, sights: &[Sight<'_>], rows: &[f32]) -> [f32; SHARES.len()] {
        // For each query the promise made when each of its ten nearest comes within the lists visited.
        let mut reached: Vec<f32> = sights.iter().flat_map(|sight| sight.promises(self, rows)).collect();
        reached.sort_by(f32::total_cmp);
        let mut before = 0.0f32;
        SHARES.map(|share| {
            let at = ((f64::from(share) * reached.len() as f64).ceil() as usize).clamp(1, reached.len().max(1)) - 1;
            before = reached.get(at).copied().unwrap_or(share).min(MOST_PROMISED).max(before);
            before
        })
    }
}

/// A query, its near rows and the centroids' scores.
struct Sight<'a> {
    near: &'a [Near],
    lists: &'a [u32],
    centres: Vec<f32>,
    widths: Vec<f32>,
}

impl<'a> Sight<'a> {
    fn new(quantizer: &Quantizer, query: &[f32], near: &'a [Near], lists: &'a [u32]) -> Option<Self> {
        let squares = dot(query, query) as f32;
        let mut centres = vec![0.0; quantizer.lists()];
        scores(&quantizer.coarse, quantizer.metric, query, &mut centres);
        let widths: Vec<f32> = centres.iter().map(|&centre| width(quantizer.metric, squares, centre)).collect();
        (near.len() >= RANKS[0] && squares.is_finite() && squares > 0.0).then_some(Self { near, lists, centres, widths })
    }

    /// Threshold and near rows above it, for each rank there is.
    fn thresholds(&self) -> impl Iterator<Item = (f32, &[Near])> {
        RANKS.iter().filter_map(|&rank| Some((self.near.get(rank - 1)?.score, &self.near[..rank])))
    }

    fn height(&self, threshold: f32, list: usize) -> f32 {
        (threshold - self.centres[list]) / self.widths[list]
    }

    /// What the model promises of the ten nearest, each time that the list of one of them is added to the lists visited.
    fn promises(&self, density: &Density, rows: &[f32]) -> Vec<f32> {
        let ten = &self.near[..RANKS[0].min(self.near.len())];
        let Some(least) = ten.last().map(|last| last.score) else { return Vec::new() };
        let mut order: Vec<usize> = (0..rows.len()).collect();
        order.sort_by(|&a, &b| self.centres[b].total_cmp(&self.centres[a]).then(a.cmp(&b)));
        let mut sum = 0.0f64;
        let mut sums = vec![0.0f64; rows.len()];
        for &list in &order {
            sum += f64::from(rows[list] * density.share(self.height(least, list)));
            sums[list] = sum;
        }
        ten.iter().map(|near| if sum > 0.0 { (sums[self.lists[near.row as usize] as usize] / sum) as f32 } else { 1.0 }).collect()
    }
}

/// Scores of all centroids: inner products, for L2 less half their squared length.
fn scores(coarse: &Matrix, metric: Metric, query: &[f32], out: &mut [f32]) {
    Kernel::detect().dots(query, coarse.as_slice(), out);
    if metric == Metric::L2 {
        out.iter_mut().zip(coarse.iter()).for_each(|(score, centroid)| *score -= (0.5 * dot(centroid, centroid)) as f32);
    }
}

/// The line through the probits of the shares seen, by height.
fn line(sights: &[Sight<'_>], rows: &[f32]) -> Option<(f32, f32)> {
    let heights = sights.iter().flat_map(|sight| {
        sight.thresholds().flat_map(move |(threshold, near)| {
            near.iter().map(move |near| f64::from(sight.height(threshold, sight.lists[near.row as usize] as usize)))
        })
    });
    let (count, squares) = heights.fold((0.0, 0.0), |(count, squares), height| (count + 1.0, squares + height * height));
    let typical = (squares / f64::max(count, 1.0)).sqrt();
    if !(typical.is_finite() && typical > 0.0) {
        return None;
    }
    let bin = |height: f32| (f64::from(height) / typical * BINS_OF_TYPICAL + BINS_BELOW).clamp(0.0, (BINS - 1) as f64) as usize;
    let (mut there, mut above) = (vec![0.0f64; BINS], vec![0.0f64; BINS]);
    for sight in sights {
        for (threshold, near) in sight.thresholds() {
            for (list, &rows) in rows.iter().enumerate() {
                there[bin(sight.height(threshold, list))] += f64::from(rows);
            }
            near.iter().for_each(|near| above[bin(sight.height(threshold, sight.lists[near.row as usize] as usize))] += 1.0);
        }
    }
    let points: Vec<(f64, f64, f64)> = (1..BINS - 1)
        .filter(|&bin| above[bin] >= TRUSTED && above[bin] < there[bin])
        .map(|bin| ((bin as f64 + 0.5 - BINS_BELOW) / BINS_OF_TYPICAL * typical, probit(above[bin] / there[bin]), above[bin].sqrt()))
        .collect();
    let weight: f64 = points.iter().map(|(.., weight)| weight).sum();
    let mean = |of: &dyn Fn(&(f64, f64, f64)) -> f64| points.iter().map(|point| point.2 * of(point)).sum::<f64>() / weight;
    let (x, y) = (mean(&|point| point.0), mean(&|point| point.1));
    let (xx, xy) = (mean(&|point| (point.0 - x).powi(2)), mean(&|point| (point.0 - x) * (point.1 - y)));
    let slope = -xy / xx;
    let usable = points.len() >= 3 && slope.is_finite() && slope > 0.0;
    usable.then_some(((y + slope * x) as f32, slope as f32))
}

/// The share of a normal distribution below `x`.
#[inline]
pub(super) fn normal(x: f32) -> f32 {
    /// Where the distribution is taken as over, and entries a unit.
    const END: f32 = 8.0;
    const ENTRIES: usize = 2048;
    static TABLE: std::sync::OnceLock<Box<[f32]>> = std::sync::OnceLock::new();
    let step = 2.0 * END / (ENTRIES - 1) as f32;
    let table = TABLE.get_or_init(|| (0..ENTRIES).map(|at| tail(f64::from(END - at as f32 * step)) as f32).collect());
    let at = ((x + END) / step).clamp(0.0, (ENTRIES - 1) as f32) + 0.5;
    table[(at as usize).min(ENTRIES - 1)]
}

/// The share of a normal distribution above `x`: half the complementary error function of `x / sqrt 2`, by the Chebyshev fit of Press et al.,
/// *Numerical Recipes*, 2nd edition, section 6.2 (relative error below 1.2e-7 everywhere).
fn tail(x: f64) -> f64 {
    const FIT: [f64; 10] = [
        -1.265_512_23,
        1.000_023_68,
        0.374_091_96,
        0.096_784_18,
        -0.186_288_06,
        0.278_868_07,
        -1.135_203_98,
        1.488_515_87,
        -0.822_152_23,
        0.170_872_77,
    ];
    let z = x.abs() / std::f64::consts::SQRT_2;
    let t = 1.0 / (1.0 + 0.5 * z);
    let erfc = t * (FIT.iter().rev().fold(0.0, |sum, factor| sum * t + factor) - z * z).exp();
    if x >= 0.0 { 0.5 * erfc } else { 1.0 - 0.5 * erfc }
}

/// Where a normal distribution has `share` below: the inverse of [`tail`] by halving.
fn probit(share: f64) -> f64 {
    let (mut low, mut high) = (-9.0, 9.0);
    for _ in 0..50 {
        let middle = 0.5 * (low + high);
        if tail(-middle) < share { low = middle } else { high = middle }
    }
    high
}

/// `to` at `x` between points of `from`, which ascend; beyond them towards (0, 0) and (1, 1). Of several points at `x` the last counts.
fn interpolate(from: &[f32], to: &[f32], x: f32) -> f32 {
    let after = from.partition_point(|&known| known <= x);
    let point = |at: usize| if at == 0 { (0.0, 0.0) } else { from.get(at - 1).map_or((1.0, 1.0), |&known| (known, to[at - 1])) };
    let ((low, a), (high, b)) = (point(after), point(after + 1));
    if high > low { (a + (b - a) * (x - low) / (high - low)).clamp(0.0, 1.0) } else { b }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_normal_distribution_is_the_one_in_the_tables() {
        for (x, share) in
            [(0.0, 0.5), (1.0, 0.841_344_7), (-1.0, 0.158_655_3), (-2.0, 0.022_750_13), (-3.5, 2.326_29e-4), (-6.0, 9.865_9e-10)]
        {
            assert!((tail(-x) / share - 1.0).abs() < 1e-5, "{x}");
            assert!((f64::from(normal(x as f32)) / share - 1.0).abs() < 0.03, "{x}: {}", normal(x as f32));
            assert!((probit(share) - x).abs() < 3e-4, "{x}");
        }
        assert!(normal(f32::NEG_INFINITY) < 1e-14 && normal(f32::INFINITY) > 0.999_999 && normal(f32::NAN) >= 0.0);
    }

    #[test]
    fn what_is_no_model_is_not_used() {
        let usable = Density { offset: -1.0, slope: 9.0, promised: SHARES };
        assert_eq!(usable.clone().usable(), Some(usable.clone()));
        for (offset, slope) in [(f32::NAN, 1.0), (0.0, f32::INFINITY), (0.0, 0.0), (f32::INFINITY, 1.0)] {
            assert_eq!(Density { offset, slope, promised: SHARES }.usable(), None);
        }
        for promised in [[0.9, 0.8, 0.9, 0.95, 0.98, 0.99], [f32::NAN; 6], [0.5, 0.6, 0.7, 0.8, 0.9, 1.5]] {
            assert_eq!(Density { promised, ..usable.clone() }.usable(), None);
        }
    }

    #[test]
    fn more_is_promised_for_more_and_where_more_is_lost() {
        let density = Density { offset: 0.0, slope: 1.0, promised: [0.4, 0.75, 0.91, 0.97, 0.99, 0.999] };
        let shares = [0.0, 0.3, 0.5, 0.77, 0.95, 0.985, 1.0];
        let promised = shares.map(|share| density.promise(share));
        assert!(promised.is_sorted() && promised[0] == 0.0 && promised[6] > 0.9999, "{promised:?}");
        assert!(shares.iter().zip(promised).all(|(share, promised)| (density.kept(promised) - share).abs() < 1e-5));
        let mut worse = density.clone();
        worse.worse(1.2);
        assert!(SHARES.iter().all(|&share| worse.promise(share) > density.promise(share)));
    }
}
