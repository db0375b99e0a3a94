//! Exact retrieval: every live row of the segments by its exact vector, in memory where refine vectors tell, else read from storage a chunk at a
//! time for all queries.

use std::borrow::Cow;
use std::time::Instant;

use crate::error::Result;
use crate::index::Selection;
use crate::index::flat::{self, FlatParams, FlatPart, FlatScratch};
use crate::kernel::{BLOCK, Kernel};
use crate::query::candidates::{Candidates, Found};
use crate::query::exact_in_memory;
use crate::query::request::Request;
use crate::segment::{LiveRows, Place};
use crate::vector::Matrix;

/// Rows read before all queries look at them.
const CHUNK_ROWS: usize = 4096;

/// Adds the best rows of each query, over everything live in the segments.
pub(crate) fn scan(request: &Request<'_>, candidates: &mut Candidates) -> Result<()> {
    let snapshot = request.snapshot;
    let start = Instant::now();
    if !exact_in_memory::scan(request, candidates)? {
        from_storage(request, candidates)?;
    }
    for explain in candidates.queries.iter_mut().filter_map(|ranked| ranked.explain.as_mut()) {
        explain.plan = Some("exact");
        explain.rows_scanned += snapshot.live() - snapshot.tail();
    }
    candidates.took("exact", start.elapsed());
    Ok(())
}

fn from_storage(request: &Request<'_>, candidates: &mut Candidates) -> Result<()> {
    let Request { shared, snapshot, .. } = request;
    let mut chunk = Chunk { vectors: Matrix::with_capacity(shared.settings.dim, CHUNK_ROWS), places: Vec::with_capacity(CHUNK_ROWS) };
    let mut live = LiveRows::sealed(snapshot);
    for vector in shared.vectors(0..snapshot.sealed_row) {
        let (row, bytes) = vector?;
        // A vector of a row that is not live any more may still be there.
        let Some(place) = live.place(row) else { continue };
        if request.filter.is_some_and(|filter| !filter.lets_through(place)) {
            continue;
        }
        shared.values(row, &bytes)?.push_to(&mut chunk.vectors);
        chunk.places.push(place);
        if chunk.places.len() == CHUNK_ROWS {
            chunk.scan(request, candidates);
        }
    }
    chunk.scan(request, candidates);
    shared.all_there(&live)
}

/// Vectors read from storage, and where their rows are.
struct Chunk {
    vectors: Matrix,
    places: Vec<Place>,
}

impl Chunk {
    /// The rows of the chunk without some.
    fn without<'s>(&self, all: &'s Selection, excluded: &[Place]) -> Cow<'s, Selection> {
        let mut selection = Cow::Borrowed(all);
        if !excluded.is_empty() {
            for at in (0..self.places.len()).filter(|&at| excluded.binary_search(&self.places[at]).is_ok()) {
                selection.to_mut().remove(at / BLOCK, at % BLOCK);
            }
        }
        selection
    }

    /// Lets every query look at the chunk, and empties it.
    fn scan(&mut self, request: &Request<'_>, candidates: &mut Candidates) {
        let Request { vectors, excluded, depth, .. } = request;
        let all = Selection::flat(self.places.len());
        let mut scratch = FlatScratch::default();
        for (query, ranked) in candidates.queries.iter_mut().enumerate() {
            let found = &mut ranked.found;
            let selection = self.without(&all, excluded.of(query));
            let part = FlatPart { rows: self.vectors.as_slice(), selection: &selection };
            let params = FlatParams { metric: request.shared.settings.metric, k: *depth, min_score: None };
            flat::search(Kernel::detect(), &[part], vectors.row(query), &params, &mut scratch);
            found.extend(scratch.hits().iter().map(|hit| Found::new(hit.score, self.places[hit.position as usize])));
            // Stable: among equals the rows that came first are kept.
            found.sort_by(|a, b| b.score.total_cmp(&a.score));
            found.truncate(*depth);
        }
        *self = Self { vectors: Matrix::with_capacity(vectors.dim(), CHUNK_ROWS), places: Vec::with_capacity(CHUNK_ROWS) };
    }
}
