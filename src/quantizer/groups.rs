//! Arranges a sub-quantizer's 256 centroids in 16 groups of 16, so that a code's high nibble alone says roughly where it lies.
//!
//! The arrangement minimises the weighted squared distance of the centroids to their group's centre with every group exactly full:
//! weighted k-means with capacities for a start, then exchanges of pairs between groups until none helps. The centroids themselves
//! do not change.

use super::rng::Rng;
use super::{CENTROIDS, GROUPS};

const PER_GROUP: usize = CENTROIDS / GROUPS;
/// Starts that are tried, iterations of k-means in each, and usually the most rounds of exchanges.
const STARTS: u64 = 3;
const ITERATIONS: usize = 10;
pub(crate) const ROUNDS: usize = 20;

/// Dimensions of a part from which on sums of squares are kept in tables: the exchanges compare every pair of centroids many times.
const WIDE: usize = 8;

/// Centroids in their new order, and the groups' centres.
pub(crate) struct Arranged {
    /// 256 rows of `width` values; 16 g .. 16 g + 15 are group g.
    pub(crate) centroids: Vec<f32>,
    /// 16 rows of `width` values.
    pub(crate) centres: Vec<f32>,
}

/// `centroids` are 256 rows of `width` values, `uses` how many vectors each stands for; exchanges end after so many rounds.
pub(crate) fn arrange(centroids: &[f32], width: usize, uses: &[u32], rounds: usize, seed: u64) -> Arranged {
    // A centroid without use still weighs a little, so that it goes where it belongs.
    let weights: Vec<f64> = uses.iter().map(|&uses| f64::from(uses) + 0.01).collect();
    let points: Vec<f64> = centroids.iter().map(|&x| f64::from(x)).collect();
    let mut best: Option<(f64, Grouping<'_>)> = None;
    for start in 0..STARTS {
        let mut grouping = Grouping::start(&points, width, &weights, &mut Rng::new(seed, 500 + start));
        match rounds {
            0 => {}
            _ if width >= WIDE => grouping.exchange_wide(rounds),
            _ => grouping.exchange(rounds),
        }
        let cost = grouping.cost();
        if best.as_ref().is_none_or(|(least, _)| cost < *least) {
            best = Some((cost, grouping));
        }
    }
    let groups = best.map_or_else(|| (0..CENTROIDS).map(|c| c / PER_GROUP).collect(), |(_, grouping)| grouping.groups);
    let mut order: Vec<usize> = (0..CENTROIDS).collect();
    order.sort_by_key(|&c| (groups[c], c));
    let mut arranged = Arranged { centroids: Vec::with_capacity(centroids.len()), centres: Vec::with_capacity(GROUPS * width) };
    for members in order.chunks_exact(PER_GROUP) {
        let mut sum = vec![0.0; width];
        let mut weight = 0.0;
        for &c in members {
            arranged.centroids.extend_from_slice(&centroids[c * width..(c + 1) * width]);
            weight += weights[c];
            for (sum, &x) in sum.iter_mut().zip(&points[c * width..]) {
                *sum += weights[c] * x;
            }
        }
        arranged.centres.extend(sum.iter().map(|sum| (sum / weight) as f32));
    }
    arranged
}

/// Which group each centroid is in, with each group's weighted sum and weight.
struct Grouping<'a> {
    points: &'a [f64],
    width: usize,
    weights: &'a [f64],
    groups: Vec<usize>,
    sums: Vec<f64>,
    totals: Vec<f64>,
}

impl<'a> Grouping<'a> {
    fn start(points: &'a [f64], width: usize, weights: &'a [f64], rng: &mut Rng) -> Self {
        let mut grouping =
            Self { points, width, weights, groups: vec![0; CENTROIDS], sums: vec![0.0; GROUPS * width], totals: vec![0.0; GROUPS] };
        let mut centres = grouping.spread(rng);
        for _ in 0..ITERATIONS {
            let before = grouping.groups.clone();
            grouping.fill(&centres);
            grouping.resum();
            for group in 0..GROUPS {
                for d in 0..width {
                    centres[group * width + d] = grouping.sums[group * width + d] / grouping.totals[group];
                }
            }
            if grouping.groups == before {
                break;
            }
        }
        grouping
    }

    fn point(&self, c: usize) -> &'a [f64] {
        &self.points[c * self.width..(c + 1) * self.width]
    }

    /// First centres by k-means++ (Arthur and Vassilvitskii, 2007), weighted.
    fn spread(&self, rng: &mut Rng) -> Vec<f64> {
        let mut centres = Vec::with_capacity(GROUPS * self.width);
        let mut chances = self.weights.to_vec();
        for _ in 0..GROUPS {
            let mut ticket = rng.unit() * chances.iter().sum::<f64>();
            let drawn = chances.iter().position(|&chance| {
                ticket -= chance;
                ticket < 0.0
            });
            let centre = self.point(drawn.unwrap_or_else(|| rng.below(CENTROIDS)));
            for (c, chance) in chances.iter_mut().enumerate() {
                let fresh = self.weights[c] * squared(self.point(c), centre);
                *chance = if centres.is_empty() { fresh } else { chance.min(fresh) };
            }
            centres.extend_from_slice(centre);
        }
        centres
    }

    /// Fills the groups: those centroids first that lose most by not getting the nearest centre.
    fn fill(&mut self, centres: &[f64]) {
        // What a centroid loses by a middling group, the centroid, its groups from the nearest.
        let mut wishes: Vec<_> = (0..CENTROIDS)
            .map(|c| {
                let mut near: Vec<(f64, usize)> =
                    (0..GROUPS).map(|g| (squared(self.point(c), &centres[g * self.width..(g + 1) * self.width]), g)).collect();
                near.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
                (self.weights[c] * (near[GROUPS / 2].0 - near[0].0), c, near)
            })
            .collect();
        wishes.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        let mut room = [PER_GROUP; GROUPS];
        for (_, c, near) in wishes {
            if let Some(&(_, group)) = near.iter().find(|(_, group)| room[*group] > 0) {
                room[group] -= 1;
                self.groups[c] = group;
            }
        }
    }

    fn resum(&mut self) {
        self.sums.fill(0.0);
        self.totals.fill(0.0);
        for c in 0..CENTROIDS {
            let (group, point) = (self.groups[c], self.point(c));
            self.totals[group] += self.weights[c];
            for (sum, &x) in self.sums[group * self.width..].iter_mut().zip(point) {
                *sum += self.weights[c] * x;
            }
        }
    }

    /// Distance to the centres, up to what no grouping changes.
    fn cost(&self) -> f64 {
        (0..GROUPS).map(|group| -self.gain(group, None)).sum()
    }

    /// |sum|^2 / weight of a group, as it is or with one centroid exchanged for another.
    fn gain(&self, group: usize, exchange: Option<(usize, usize)>) -> f64 {
        let sums = &self.sums[group * self.width..(group + 1) * self.width];
        let Some((out, into)) = exchange else {
            return sums.iter().map(|s| s * s).sum::<f64>() / self.totals[group];
        };
        let (less, more) = (self.weights[out], self.weights[into]);
        let ends = self.point(out).iter().zip(self.point(into));
        let square: f64 = sums.iter().zip(ends).map(|(s, (a, b))| (s - less * a + more * b).powi(2)).sum();
        square / (self.totals[group] - less + more)
    }

    fn exchange(&mut self, rounds: usize) {
        self.resum();
        for _ in 0..rounds {
            let mut improved = false;
            for a in 0..CENTROIDS {
                for b in a + 1..CENTROIDS {
                    let (in_a, in_b) = (self.groups[a], self.groups[b]);
                    if in_a == in_b {
                        continue;
                    }
                    let now = self.gain(in_a, None) + self.gain(in_b, None);
                    let then = self.gain(in_a, Some((a, b))) + self.gain(in_b, Some((b, a)));
                    if then > now + 1e-9 * now.abs() {
                        self.groups.swap(a, b);
                        self.resum();
                        improved = true;
                    }
                }
            }
            if !improved {
                break;
            }
        }
    }

    /// The same, with the inner products of all centroids and sums, from which every gain follows without looking at a dimension.
    fn exchange_wide(&mut self, rounds: usize) {
        self.resum();
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>();
        let products: Vec<f64> = (0..CENTROIDS * CENTROIDS).map(|at| dot(self.point(at / CENTROIDS), self.point(at % CENTROIDS))).collect();
        let product = |a: usize, b: usize| products[a * CENTROIDS + b];
        // |sum|^2 of every group, and the inner product of its sum with every centroid.
        let mut squares = vec![0.0; GROUPS];
        let mut with = vec![0.0; GROUPS * CENTROIDS];
        let look = |groups: &[usize], weights: &[f64], group: usize, squares: &mut [f64], with: &mut [f64]| {
            let members: Vec<usize> = (0..CENTROIDS).filter(|&c| groups[c] == group).collect();
            for c in 0..CENTROIDS {
                with[group * CENTROIDS + c] = members.iter().map(|&other| weights[other] * product(c, other)).sum();
            }
            squares[group] = members.iter().map(|&c| weights[c] * with[group * CENTROIDS + c]).sum();
        };
        for group in 0..GROUPS {
            look(&self.groups, self.weights, group, &mut squares, &mut with);
        }
        for _ in 0..rounds {
            let mut improved = false;
            for a in 0..CENTROIDS {
                for b in a + 1..CENTROIDS {
                    let (in_a, in_b) = (self.groups[a], self.groups[b]);
                    if in_a == in_b {
                        continue;
                    }
                    let then = |group: usize, out: usize, into: usize| {
                        let (less, more) = (self.weights[out], self.weights[into]);
                        let row = &with[group * CENTROIDS..(group + 1) * CENTROIDS];
                        let square = squares[group]
                            + 2.0 * (more * row[into] - less * row[out])
                            + less * less * product(out, out)
                            + more * more * product(into, into)
                            - 2.0 * less * more * product(out, into);
                        square / (self.totals[group] - less + more)
                    };
                    let now = squares[in_a] / self.totals[in_a] + squares[in_b] / self.totals[in_b];
                    if then(in_a, a, b) + then(in_b, b, a) > now + 1e-9 * now.abs() {
                        self.groups.swap(a, b);
                        self.totals[in_a] += self.weights[b] - self.weights[a];
                        self.totals[in_b] += self.weights[a] - self.weights[b];
                        for group in [in_a, in_b] {
                            look(&self.groups, self.weights, group, &mut squares, &mut with);
                        }
                        improved = true;
                    }
                }
            }
            if !improved {
                break;
            }
        }
        self.resum();
    }
}

fn squared(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| (x - y) * (x - y)).sum()
}

#[cfg(test)]
mod tests;
