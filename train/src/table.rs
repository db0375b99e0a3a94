//! Tables of embeddings. A step costs what it touches, not what there is.

use rayon::prelude::*;
use torre_kernel::Loop;

use crate::entities::Lists;
use crate::loops::{KERNEL, add_scaled};
use crate::optimizer::{Move, Rule, Step};
use crate::rng::Rng;

/// Rows that a task of a thread takes at least.
const TASK: usize = 512;

/// A table of embeddings with what the rule remembers of its rows.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Table {
    pub(crate) name: String,
    pub(crate) width: usize,
    pub(crate) values: Vec<f32>,
    pub(crate) first: Vec<f32>,
    pub(crate) second: Vec<f32>,
}

/// How the rows of a list become one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Pooling {
    /// Their sum over their number; zeros of none.
    Mean,
    /// Their sum, each times its weight where there are weights.
    Sum,
}

impl Pooling {
    /// What one row of a list of `count` counts.
    #[inline(always)]
    fn share(self, count: usize) -> f32 {
        match self {
            Self::Mean => 1.0 / count.max(1) as f32,
            Self::Sum => 1.0,
        }
    }
}

impl Table {
    /// Normally distributed around 0.
    pub(crate) fn new(name: impl Into<String>, rows: usize, width: usize, deviation: f32, rule: Rule, rng: &mut Rng) -> Self {
        let mut values = vec![0.0; rows * width];
        values.fill_with(|| rng.normal() * deviation);
        let first = if rule == Rule::RowAdagrad { Vec::new() } else { vec![0.0; rows * width] };
        let second = vec![0.0; if rule == Rule::Adam { rows * width } else { rows }];
        Self { name: name.into(), width, values, first, second }
    }

    pub(crate) fn rows(&self) -> usize {
        self.values.len() / self.width
    }

    pub(crate) fn row(&self, row: usize) -> &[f32] {
        &self.values[row * self.width..][..self.width]
    }

    /// One row of `out` a list.
    pub(crate) fn pool(&self, lists: &Lists, pooling: Pooling, out: &mut [f32]) {
        out.par_chunks_mut(TASK * self.width).enumerate().for_each(|(task, out)| {
            KERNEL.run(Pool { table: self, lists, pooling, first: task * TASK, out });
        });
    }

    /// Rows one after another.
    pub(crate) fn gather(&self, rows: &[u32], out: &mut [f32]) {
        out.par_chunks_mut(TASK * self.width).zip(rows.par_chunks(TASK)).for_each(|(out, rows)| {
            for (out, &row) in out.chunks_exact_mut(self.width).zip(rows) {
                out.copy_from_slice(self.row(row as usize));
            }
        });
    }

    /// Moves the rows that the gradient names, and empties it.
    pub(crate) fn apply(&mut self, gradient: &mut TableGradient, step: Step) {
        gradient.sort();
        let width = self.width;
        let (second_width, has_first) = (if step.rule == Rule::Adam { width } else { 1 }, !self.first.is_empty());
        // Pieces end where a row's entries end, so that every piece owns its rows.
        let mut tasks = Vec::new();
        let (mut values, mut first, mut second) = (&mut self.values[..], &mut self.first[..], &mut self.second[..]);
        let mut entries = &gradient.entries[..];
        let mut from = 0usize;
        while !entries.is_empty() {
            let mut end = entries.len().min(8 * TASK);
            while end < entries.len() && entries[end].row == entries[end - 1].row {
                end += 1;
            }
            let (piece, rest) = entries.split_at(end);
            let rows = piece[end - 1].row as usize + 1 - from;
            let (piece_values, rest_values) = values.split_at_mut(rows * width);
            let (piece_first, rest_first) = first.split_at_mut(if has_first { rows * width } else { 0 });
            let (piece_second, rest_second) = second.split_at_mut(rows * second_width);
            let lines = &gradient.lines[..];
            tasks.push(Update { step, width, from, entries: piece, lines, values: piece_values, first: piece_first, second: piece_second });
            (entries, values, first, second, from) = (rest, rest_values, rest_first, rest_second, from + rows);
        }
        tasks.into_par_iter().for_each(|task| KERNEL.run(task));
        gradient.clear();
    }
}

/// A part of [`Table::pool`].
struct Pool<'a> {
    table: &'a Table,
    lists: &'a Lists,
    pooling: Pooling,
    first: usize,
    out: &'a mut [f32],
}

impl Loop for Pool<'_> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let width = self.table.width;
        for (at, out) in self.out.chunks_exact_mut(width).enumerate() {
            let list = self.first + at;
            let (rows, weights) = (self.lists.of(list), self.lists.weights_of(list));
            let share = self.pooling.share(rows.len());
            out.fill(0.0);
            for (place, &row) in rows.iter().enumerate() {
                let weight = weights.map_or(1.0, |weights| weights[place]);
                add_scaled(out, self.table.row(row as usize), weight * share);
            }
        }
    }
}

/// A row of a table gets `weight` times a line.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Entry {
    pub(crate) row: u32,
    pub(crate) line: u32,
    pub(crate) weight: f32,
}

/// The gradient of a table, as what its rows get of lines.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct TableGradient {
    entries: Vec<Entry>,
    lines: Vec<f32>,
    spare: Vec<Entry>,
}

impl TableGradient {
    pub(crate) fn clear(&mut self) {
        self.entries.clear();
        self.lines.clear();
    }

    /// Gradients of lists that were pooled, one line a list.
    pub(crate) fn add_pooled(&mut self, lists: &Lists, pooling: Pooling, gradients: &[f32], width: usize) {
        let base = self.base(width);
        self.lines.extend_from_slice(gradients);
        for list in 0..gradients.len() / width {
            let (rows, weights) = (lists.of(list), lists.weights_of(list));
            let share = pooling.share(rows.len());
            for (place, &row) in rows.iter().enumerate() {
                let weight = weights.map_or(1.0, |weights| weights[place]);
                self.entries.push(Entry { row, line: base + list as u32, weight: weight * share });
            }
        }
    }

    /// Gradients of rows that were gathered, one line a row.
    pub(crate) fn add_rows(&mut self, rows: &[u32], gradients: &[f32], width: usize) {
        let base = self.base(width);
        self.lines.extend_from_slice(gradients);
        self.entries.extend(rows.iter().enumerate().map(|(at, &row)| Entry { row, line: base + at as u32, weight: 1.0 }));
    }

    fn base(&self, width: usize) -> u32 {
        (self.lines.len() / width) as u32
    }

    /// The first number that is not finite, if there is one.
    pub(crate) fn is_finite(&self) -> bool {
        self.lines.iter().all(|x| x.is_finite())
    }

    /// By row, entries of a row in the order they came: radix sort, 11 bits at a time.
    fn sort(&mut self) {
        const BITS: u32 = 11;
        let most = self.entries.iter().map(|entry| entry.row).max().unwrap_or(0);
        self.spare.resize(self.entries.len(), Entry { row: 0, line: 0, weight: 0.0 });
        let mut shift = 0;
        while shift == 0 || (shift < u32::BITS && most >> shift > 0) {
            let digit = |entry: &Entry| (entry.row >> shift) as usize & ((1 << BITS) - 1);
            let mut places = [0u32; 1 << BITS];
            for entry in &self.entries {
                places[digit(entry)] += 1;
            }
            let mut sum = 0;
            for place in &mut places {
                sum += std::mem::replace(place, sum);
            }
            for entry in &self.entries {
                let place = &mut places[digit(entry)];
                self.spare[*place as usize] = *entry;
                *place += 1;
            }
            std::mem::swap(&mut self.entries, &mut self.spare);
            shift += BITS;
        }
    }
}

/// A piece of [`Table::apply`]: entries sorted by row, and the table from row `from` to the last of them.
struct Update<'a> {
    step: Step,
    width: usize,
    from: usize,
    entries: &'a [Entry],
    lines: &'a [f32],
    values: &'a mut [f32],
    first: &'a mut [f32],
    second: &'a mut [f32],
}

impl Loop for Update<'_> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let Self { step, width, from, mut entries, lines, values, first, second } = self;
        let second_width = if step.rule == Rule::Adam { width } else { 1 };
        let mut gradient = vec![0f32; width];
        while let Some(&Entry { row, .. }) = entries.first() {
            gradient.fill(0.0);
            while let Some((entry, rest)) = entries.split_first().filter(|(entry, _)| entry.row == row) {
                add_scaled(&mut gradient, &lines[entry.line as usize * width..][..width], entry.weight);
                entries = rest;
            }
            let at = row as usize - from;
            let first = if first.is_empty() { &mut [][..] } else { &mut first[at * width..][..width] };
            let second = &mut second[at * second_width..][..second_width];
            Move { step, values: &mut values[at * width..][..width], first, second, gradient: &gradient }.apply();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Purpose;

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
                        assert_eq!(gradient.lines.len(), 0);

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
}
