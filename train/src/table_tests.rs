//! Tables against plain loops.

#![allow(clippy::unwrap_used)]

use crate::entities::Lists;
use crate::optimizer::{Move, Rule, Step};
use crate::rng::{Purpose, Rng};
use crate::table::{Pooling, Table, TableGradient};

fn lists(rng: &mut Rng, count: usize, rows: usize, weighted: bool) -> Lists {
    let mut lists = Lists { starts: vec![0], indexes: Vec::new(), weights: weighted.then(Vec::new) };
    for _ in 0..count {
        for _ in 0..rng.below(5) {
            lists.indexes.push(rng.below(rows) as u32);
            if let Some(weights) = &mut lists.weights {
                weights.push(rng.uniform() - 0.3);
            }
        }
        lists.starts.push(lists.indexes.len());
    }
    lists
}

/// Sparse updates against a dense gradient of the whole table, whose untouched rows are left out by hand.
#[test]
fn sparse_updates_are_dense_ones_of_the_touched_rows() {
    for (rows, width, count, weighted) in [(1, 1, 1, false), (7, 3, 20, true), (5000, 17, 3000, false), (3, 64, 9000, true)] {
        for rule in [Rule::Adam, Rule::RowAdam, Rule::RowAdagrad] {
            for pooling in [Pooling::Mean, Pooling::Sum] {
                let mut rng = Rng::new(rows as u64, Purpose::Weights, 1);
                let mut table = Table::new("t", rows, width, 0.1, rule, &mut rng);
                let mut naive = table.clone();
                for t in 1..=3 {
                    let lists = lists(&mut rng, count, rows, weighted);
                    let gradients: Vec<f32> = (0..count * width).map(|_| rng.normal()).collect();
                    let direct: Vec<u32> = (0..40).map(|_| rng.below(rows) as u32).collect();
                    let more: Vec<f32> = (0..40 * width).map(|_| rng.normal()).collect();
                    let step = Step::new(rule, 0.01, 0.02, t);
                    let mut gradient = TableGradient::default();
                    gradient.add_pooled(&lists, pooling, &gradients, width);
                    gradient.add_rows(&direct, &more, width);
                    table.apply(&mut gradient, step);

                    let mut dense = vec![0f32; rows * width];
                    let mut touched = vec![false; rows];
                    for list in 0..count {
                        for (at, &row) in lists.of(list).iter().enumerate() {
                            let share = match pooling {
                                Pooling::Mean => 1.0 / lists.of(list).len() as f32,
                                Pooling::Sum => 1.0,
                            };
                            let weight = lists.weights_of(list).map_or(1.0, |w| w[at]) * share;
                            touched[row as usize] = true;
                            for d in 0..width {
                                let sum = &mut dense[row as usize * width + d];
                                *sum = weight.mul_add(gradients[list * width + d], *sum);
                            }
                        }
                    }
                    for (at, &row) in direct.iter().enumerate() {
                        touched[row as usize] = true;
                        for d in 0..width {
                            dense[row as usize * width + d] += more[at * width + d];
                        }
                    }
                    let second_width = naive.second.len() / rows;
                    for row in (0..rows).filter(|row| touched[*row]) {
                        let first = if naive.first.is_empty() { &mut [][..] } else { &mut naive.first[row * width..][..width] };
                        let second = &mut naive.second[row * second_width..][..second_width];
                        let gradient = &dense[row * width..][..width];
                        Move { step, values: &mut naive.values[row * width..][..width], first, second, gradient }.apply();
                    }
                    assert_eq!(table, naive, "{rows} {width} {rule:?} {pooling:?}");
                }
            }
        }
    }
}

#[test]
fn pooled_lists() {
    let mut rng = Rng::new(5, Purpose::Weights, 2);
    let table = Table::new("t", 30, 5, 1.0, Rule::Adam, &mut rng);
    for weighted in [false, true] {
        let lists = lists(&mut rng, 1100, 30, weighted);
        for pooling in [Pooling::Mean, Pooling::Sum] {
            let mut out = vec![f32::NAN; 1100 * 5];
            table.pool(&lists, pooling, &mut out);
            for (list, out) in out.chunks(5).enumerate() {
                for (d, out) in out.iter().enumerate() {
                    let terms = lists.of(list).iter().enumerate();
                    let sum: f64 = terms
                        .map(|(at, &row)| f64::from(lists.weights_of(list).map_or(1.0, |w| w[at])) * f64::from(table.row(row as usize)[d]))
                        .sum();
                    let count = if pooling == Pooling::Mean { lists.of(list).len().max(1) } else { 1 };
                    assert!((f64::from(*out) - sum / count as f64).abs() < 1e-5);
                }
            }
        }
    }
}
