//! The loss of a prefix of the vectors: of towers whose first numbers serve by themselves (Kusupati and others, "Matryoshka Representation
//! Learning", 2022).

use crate::layer::{unit, unit_back};
use crate::loss::{Candidates, Gradients, Loss, Targets, evaluate};

/// How long a prefix is, and which sides' vectors have length 1.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Prefix {
    pub(crate) width: usize,
    pub(crate) user_normalized: bool,
    pub(crate) item_normalized: bool,
}

/// Adds loss and derivatives of a prefix to those of the whole vectors.
pub(crate) fn add(loss: Loss, prefix: Prefix, targets: Targets<'_>, candidates: Candidates<'_>, sum: &mut Gradients) {
    let (dim, width) = (targets.dim, prefix.width);
    let users = Part::new(targets.users, dim, width, prefix.user_normalized);
    let items = Part::new(targets.items, dim, width, prefix.item_normalized);
    let others = Part::new(candidates.vectors, dim, width, prefix.item_normalized);
    let short = Targets { dim: width, users: &users.rows, items: &items.rows, ..targets };
    let of = evaluate(loss, short, Candidates { vectors: &others.rows, ..candidates });
    sum.loss += of.loss;
    users.add_back(of.users, &mut sum.users, dim);
    items.add_back(of.items, &mut sum.items, dim);
    others.add_back(of.candidates, &mut sum.candidates, dim);
}

/// The first numbers of rows.
struct Part {
    rows: Vec<f32>,
    width: usize,
    /// Lengths before they were brought to 1.
    lengths: Option<Vec<f32>>,
}

impl Part {
    fn new(rows: &[f32], dim: usize, width: usize, normalized: bool) -> Self {
        let mut rows = cut(rows, dim, width);
        let lengths = normalized.then(|| unit(&mut rows, width));
        Self { rows, width, lengths }
    }

    /// Adds derivatives by the part to those by whole rows.
    fn add_back(&self, mut d: Vec<f32>, sum: &mut [f32], dim: usize) {
        if let Some(lengths) = &self.lengths {
            unit_back(&self.rows, lengths, &mut d, self.width);
        }
        for (sum, d) in sum.chunks_exact_mut(dim).zip(d.chunks_exact(self.width)) {
            sum.iter_mut().zip(d).for_each(|(sum, d)| *sum += d);
        }
    }
}

/// The first `width` numbers of rows of `dim`.
pub(crate) fn cut(rows: &[f32], dim: usize, width: usize) -> Vec<f32> {
    rows.chunks_exact(dim).flat_map(|row| &row[..width]).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::loss::Columns;
    use crate::rng::{Purpose, Rng};

    /// Against finite differences of the loss of prefixes that are made one by one.
    #[test]
    fn derivatives_are_those_of_the_loss() {
        for (dim, width, user_normalized, item_normalized) in
            [(7, 3, true, true), (16, 15, false, true), (5, 1, false, false), (20, 17, true, false)]
        {
            let mut rng = Rng::new(3, Purpose::Weights, dim as u64);
            let (count, others) = (5, 9);
            let mut draw = |count: usize| (0..count * dim).map(|_| rng.normal()).collect::<Vec<f32>>();
            let (users, items, candidates) = (draw(count), draw(count), draw(others));
            let ids: Vec<u32> = (0..count as u32).collect();
            let of_candidates: Vec<u32> = (100..100 + others as u32).collect();
            let mut columns = Columns::new(200);
            columns.set(&of_candidates);
            let (bias, weights, more) = (vec![0.0; count], vec![1.0; count], vec![0.0; others]);
            let prefix = Prefix { width, user_normalized, item_normalized };
            let run = |users: &[f32], items: &[f32], candidates: &[f32]| {
                let zero = |rows: &[f32]| vec![0f32; rows.len()];
                let mut sum = Gradients { loss: 0.0, users: zero(users), items: zero(items), candidates: zero(candidates) };
                let targets = Targets {
                    dim,
                    users,
                    items,
                    ids: &ids,
                    bias: &bias,
                    weights: &weights,
                    spared: None,
                    spared_among: [0, 0],
                    scale: 1.3,
                };
                add(Loss::Softmax, prefix, targets, Candidates { vectors: candidates, columns: &columns, bias: &more }, &mut sum);
                sum
            };
            let own = run(&users, &items, &candidates);
            for (which, gradient) in [&own.users, &own.items, &own.candidates].into_iter().enumerate() {
                for at in 0..gradient.len() {
                    let moved = |by: f32| {
                        let mut rows = [users.clone(), items.clone(), candidates.clone()];
                        rows[which][at] += by;
                        run(&rows[0], &rows[1], &rows[2]).loss
                    };
                    let difference = (moved(1e-2) - moved(-1e-2)) / 2e-2;
                    assert!((difference - f64::from(gradient[at])).abs() < 2e-3, "{which} {at}: {difference} {}", gradient[at]);
                    assert!(at % dim < width || gradient[at] == 0.0);
                }
            }
        }
    }
}
