//! `Refine::Auto`: a build looks at the nearest rows of its probes, and keeps the smallest refine vectors that tell them apart.
//!
//! Rows are coded with int8 vectors, which nearly all data is content with. Where near rows lie closer together than their bytes say
//! (variants of one product), a part of them is read again to see what halves would say, and then all rows for the kind chosen.

use crate::error::{Error, Result};
use crate::index::{IvfIndex, RefineQuery, RefineStore, float_score};
use crate::kernel::Kernel;
use crate::progress::{Progress, Stage};
use crate::quantizer::Quantizer;
use crate::segment::{RowTable, Shared, Snapshot};
use crate::types::Refine;

/// Neighbours that are to be told from those behind them.
const K: usize = 10;
/// The share of them that has to be found by refine vectors alone. The lists not visited and the codes not found lose some too, and
/// both together have to stay above the usual targets.
const ENOUGH: f64 = 0.975;
/// Probes whose neighbours' refine vectors are looked at, at most.
pub(super) const LOOKED_AT: usize = 512;
/// Probes whose neighbours are read again, at most.
const READ: usize = 128;
/// Rows between two looks whether to go on.
const ROWS_A_LOOK: u64 = 4096;

/// A query and its nearest rows.
pub(super) struct Probe<'a> {
    pub(super) query: &'a [f32],
    /// Row numbers with their scores, best first: nearly right, as sums of products in f32 are.
    pub(super) near: Vec<(u64, f32)>,
}

/// Where vectors come from, and the scale that they are coded in.
pub(super) struct Source<'a> {
    pub(super) shared: &'a Shared,
    pub(super) snapshot: &'a Snapshot,
    pub(super) quantizer: &'a Quantizer,
}

impl Source<'_> {
    /// Copies a stored vector into `out`, in the quantizer's scale.
    fn vector(&self, row: u64, bytes: &[u8], out: &mut [f32]) -> Result<()> {
        self.shared.values(row, bytes)?.copy_to(out);
        self.quantizer.carry_row(out);
        Ok(())
    }
}

/// The kind to code with while it is not known which one is needed.
pub(super) fn at_first(setting: Refine) -> Refine {
    if setting == Refine::Auto { Refine::Int8 } else { setting }
}

/// Sees to it that an index coded with int8 vectors has those that its rows need; answers which.
pub(super) fn resolve(
    source: &Source<'_>,
    probes: &[Probe<'_>],
    (index, rows): (&mut IvfIndex, &RowTable),
    progress: &dyn Progress,
) -> Result<Refine> {
    let by_row = ByRow::new(rows);
    if by_bytes(index, &by_row, probes) >= ENOUGH {
        return Ok(Refine::Int8);
    }
    let [bytes, halves] = by_vectors(source, probes, progress)?;
    let kind = match (bytes >= ENOUGH, halves >= ENOUGH) {
        (true, _) => return Ok(Refine::Int8),
        (_, true) => Refine::F16,
        _ => Refine::F32,
    };
    refill(source, &by_row, (index, kind), progress)?;
    Ok(kind)
}

/// Positions of rows in the order of their numbers.
struct ByRow<'r> {
    rows: &'r RowTable,
    positions: Vec<u32>,
}

impl<'r> ByRow<'r> {
    fn new(rows: &'r RowTable) -> Self {
        let mut positions: Vec<u32> = (0..rows.len() as u32).collect();
        positions.sort_unstable_by_key(|&position| rows.row(position as usize));
        Self { rows, positions }
    }

    fn position(&self, row: u64) -> Option<usize> {
        let at = self.positions.binary_search_by_key(&row, |&position| self.rows.row(position as usize)).ok()?;
        Some(self.positions[at] as usize)
    }
}

/// The share that the int8 vectors in the segment find.
fn by_bytes(index: &IvfIndex, by_row: &ByRow<'_>, probes: &[Probe<'_>]) -> f64 {
    let (kernel, mut forms, mut share) = (Kernel::detect(), RefineQuery::default(), Share::default());
    for probe in probes {
        forms.set(probe.query, index.refine());
        let refined = |&(row, exact): &(u64, f32)| {
            Some(Pair { row, exact, refined: index.refine_score(kernel, probe.query, &mut forms, by_row.position(row)?) })
        };
        share.add(probe.near.iter().filter_map(refined).collect());
    }
    share.found()
}

/// The shares that int8 vectors and halves find, against scores made as an exact scan makes them.
fn by_vectors(source: &Source<'_>, probes: &[Probe<'_>], progress: &dyn Progress) -> Result<[f64; 2]> {
    const KINDS: [Refine; 2] = [Refine::Int8, Refine::F16];
    let shared = source.shared;
    let (kernel, metric, dim) = (Kernel::detect(), shared.settings.metric, shared.settings.dim);
    let mut stores = KINDS.map(|kind| RefineStore::new(kind, dim, metric, 1));
    let (mut forms, mut shares) = (RefineQuery::default(), [Share::default(), Share::default()]);
    let mut vector = vec![0.0; dim];
    for probe in probes.iter().step_by(probes.len().div_ceil(READ).max(1)) {
        if progress.cancelled() {
            return Err(Error::Interrupted);
        }
        let rows: Vec<u64> = probe.near.iter().map(|&(row, _)| row).collect();
        let mut pairs = KINDS.map(|_| Vec::with_capacity(rows.len()));
        forms.set(probe.query, Refine::Int8);
        for (row, bytes) in rows.iter().zip(shared.vectors_of(&rows)?) {
            source.vector(*row, &bytes, &mut vector)?;
            let exact = float_score(kernel, metric, probe.query, &vector);
            for (store, pairs) in stores.iter_mut().zip(&mut pairs) {
                store.set(0, &vector);
                pairs.push(Pair { row: *row, exact, refined: store.score(kernel, probe.query, &mut forms, 0) });
            }
        }
        for (share, pairs) in shares.iter_mut().zip(pairs) {
            share.add(pairs);
        }
    }
    Ok(shares.map(|share| share.found()))
}

/// A near row by its vector and by its refine vector.
struct Pair {
    row: u64,
    exact: f32,
    refined: f32,
}

/// How many of the nearest rows stay the nearest.
#[derive(Default)]
struct Share {
    found: usize,
    wanted: usize,
}

impl Share {
    fn add(&mut self, mut near: Vec<Pair>) {
        near.sort_by(|a, b| b.exact.total_cmp(&a.exact));
        let wanted = near.len().min(K);
        let Some(least) = near[..wanted].last().map(|last| last.exact) else { return };
        // Rows are not in the order of their scores, so ties prove nothing.
        near.sort_by(|a, b| b.refined.total_cmp(&a.refined).then(a.row.cmp(&b.row)));
        self.found += near[..wanted].iter().filter(|pair| pair.exact >= least).count();
        self.wanted += wanted;
    }

    fn found(&self) -> f64 {
        if self.wanted == 0 { 1.0 } else { self.found as f64 / self.wanted as f64 }
    }
}

/// Reads all rows once more and keeps vectors of another kind.
fn refill(source: &Source<'_>, by_row: &ByRow<'_>, (index, kind): (&mut IvfIndex, Refine), progress: &dyn Progress) -> Result<()> {
    let shared = source.shared;
    let rows = by_row.rows.len() as u64;
    index.empty_refine(kind);
    let (mut out, mut done) = (vec![0.0; shared.settings.dim], 0);
    for vector in shared.vectors(0..source.snapshot.next_row) {
        let (row, bytes) = vector?;
        let Some(position) = by_row.position(row) else { continue };
        source.vector(row, &bytes, &mut out)?;
        index.set_refine(position, &out);
        done += 1;
        if done % ROWS_A_LOOK == 0 {
            progress.update(Stage::Encode, done, Some(rows));
            if progress.cancelled() {
                return Err(Error::Interrupted);
            }
        }
    }
    if done != rows {
        return Err(shared.damaged("the vectors", &format!("{rows} rows were coded, and {done} of them still have a vector")));
    }
    Ok(())
}
