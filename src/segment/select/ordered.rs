//! The rows that pass one test, of a column whose rows are ordered by value.

use super::make::cells;
use super::scan::{Ends, Scan};
use crate::filter::Test;
use crate::segment::column::Order;

/// Values that are looked up one by one at most: each takes a microsecond.
const LOOKED_UP: usize = 64;

/// A test of an ordered column.
#[derive(Clone, Copy)]
pub(super) struct Ordered<'a> {
    pub(super) order: &'a Order,
    pub(super) test: &'a Test,
}

impl<'a> Ordered<'a> {
    /// Runs of the order in which those are that passed when it was made; `None` where they are more than `most` rows or many runs.
    pub(super) fn runs(self, most: usize) -> Option<Vec<&'a [u32]>> {
        let Self { order, test } = self;
        let rows = order.positions();
        let one = |run: &'a [u32]| (run.len() <= most).then(|| vec![run]);
        match &cells(order.cells(), test) {
            Scan::Known(false) => Some(Vec::new()),
            Scan::Known(true) => one(rows),
            Scan::I32(all, ends) => one(run(rows, |at| all.get(at), *ends)),
            Scan::I64(all, ends) => one(run(rows, |at| all.get(at), *ends)),
            Scan::I128(all, ends) => one(run(rows, |at| all.get(at), *ends)),
            Scan::F32(all, ends) => one(run(rows, |at| all.get(at), *ends)),
            Scan::F64(all, ends) => one(run(rows, |at| all.get(at), *ends)),
            Scan::Codes(codes, ends) => one(run(rows, |at| codes.get(at), *ends)),
            Scan::Few(all, set) => several(most, set.iter().map(|&one| run(rows, |at| all.get(at), Ends { low: one, high: one }))),
            Scan::Wholes(all, set) => several(most, set.iter().map(|&one| run(rows, |at| all.whole_at(at), Ends { low: one, high: one }))),
            Scan::Floats(all, set) => several(most, set.iter().map(|&one| run(rows, |at| all.float_at(at), Ends { low: one, high: one }))),
            Scan::Coded(codes, table) => {
                let coded = table.iter().enumerate().filter(|(_, is_in)| **is_in != 0).map(|(code, _)| code as u32);
                several(most, coded.map(|one| run(rows, |at| codes.get(at), Ends { low: one, high: one })))
            }
            Scan::Bools(..) | Scan::Lists(..) => None,
        }
    }
}

/// The rows of an order whose values lie between two ends; NaN is not among values.
fn run<T: PartialOrd>(rows: &[u32], value: impl Fn(usize) -> T, ends: Ends<T>) -> &[u32] {
    let rest = &rows[rows.partition_point(|&at| value(at as usize) < ends.low)..];
    &rest[..rest.partition_point(|&at| value(at as usize) <= ends.high)]
}

/// The runs of values that ascend.
fn several<'a>(most: usize, runs: impl Iterator<Item = &'a [u32]>) -> Option<Vec<&'a [u32]>> {
    let (mut found, mut rows) = (Vec::new(), 0);
    for (turn, run) in runs.enumerate() {
        rows += run.len();
        if turn == LOOKED_UP || rows > most {
            return None;
        }
        found.push(run);
    }
    Some(found)
}
