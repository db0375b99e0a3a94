//! Exact queries: every live row by its exact vector. Vectors of segments are read from storage, a chunk at a time for all queries.

use std::time::Instant;

use crate::error::Result;
use crate::index::Mask;
use crate::index::flat::{self, FlatParams, FlatPart, FlatScratch};
use crate::kernel::Kernel;
use crate::query::Explain;
use crate::query::answer::StageTime;
use crate::query::run::{Found, skip_of, tail};
use crate::segment::{LiveRows, Place, Shared, Snapshot};
use crate::vector::Matrix;

/// Rows read before all queries look at them.
const CHUNK_ROWS: usize = 4096;

/// The best `depth` rows of each query, over everything live in the snapshot.
pub(crate) fn scan(
    shared: &Shared,
    snapshot: &Snapshot,
    queries: &Matrix,
    skips: &[Vec<Place>],
    depth: usize,
    explain: Option<&mut Explain>,
) -> Result<Vec<Vec<Found>>> {
    let start = Instant::now();
    let mut found: Vec<Vec<Found>> = vec![Vec::new(); queries.rows()];
    if !snapshot.segments.is_empty() {
        let mut chunk = Chunk { vectors: Matrix::with_capacity(shared.settings.dim, CHUNK_ROWS), places: Vec::with_capacity(CHUNK_ROWS) };
        let mut live = LiveRows::sealed(snapshot);
        for vector in shared.vectors(0..snapshot.sealed_row) {
            let (row, bytes) = vector?;
            // A vector of a row that is not live any more may still be there.
            let Some(place) = live.place(row) else { continue };
            shared.values(row, &bytes)?.push_to(&mut chunk.vectors);
            chunk.places.push(place);
            if chunk.places.len() == CHUNK_ROWS {
                chunk.scan(shared, queries, skips, depth, &mut found);
            }
        }
        chunk.scan(shared, queries, skips, depth, &mut found);
        shared.all_there(&live)?;
    }
    // Last, so that among equals the rows that came first are kept.
    for (query, found) in found.iter_mut().enumerate() {
        tail(snapshot, queries.row(query), skip_of(skips, query), depth, shared.settings.metric, found);
    }
    if let Some(explain) = explain {
        explain.rows_scanned += snapshot.live() * queries.rows() as u64;
        explain.stages.push(StageTime { stage: "exact", micros: start.elapsed().as_secs_f64() * 1e6 });
    }
    Ok(found)
}

/// Vectors read from storage, and where their rows are.
struct Chunk {
    vectors: Matrix,
    places: Vec<Place>,
}

impl Chunk {
    /// Lets every query look at the chunk, and empties it.
    fn scan(&mut self, shared: &Shared, queries: &Matrix, skips: &[Vec<Place>], depth: usize, found: &mut [Vec<Found>]) {
        let mask = Mask::flat(self.places.len());
        let part = FlatPart { rows: self.vectors.as_slice(), mask: &mask };
        let mut scratch = FlatScratch::default();
        for (query, found) in found.iter_mut().enumerate() {
            let skip = skip_of(skips, query);
            // As many more as there may be rows to leave out among the best.
            let params = FlatParams { metric: shared.settings.metric, k: depth + skip.len(), min_score: None, skip: &[] };
            flat::search(Kernel::detect(), &[part], queries.row(query), &params, &mut scratch);
            let hits = scratch.hits().iter().map(|hit| Found { score: hit.score, place: self.places[hit.position as usize] });
            found.extend(hits.filter(|hit| skip.binary_search(&hit.place).is_err()));
            found.sort_by(|a, b| b.score.total_cmp(&a.score));
            found.truncate(depth);
        }
        *self = Self { vectors: Matrix::with_capacity(queries.dim(), CHUNK_ROWS), places: Vec::with_capacity(CHUNK_ROWS) };
    }
}
