//! Many queries at once, on all threads of the current rayon pool.

use rayon::prelude::*;

use crate::vector::Matrix;

use super::engine::SearchEngine;
use super::search::{Candidate, Part, Scratch, SearchParams, search};

/// Answers every query as [`search`] does, hit for hit. The parameters' rows to skip hold for all of them.
pub(crate) fn search_batch(engine: &SearchEngine, parts: &[Part<'_>], queries: &Matrix, params: &SearchParams<'_>) -> Vec<Vec<Candidate>> {
    (0..queries.rows())
        .into_par_iter()
        .map_init(Scratch::default, |scratch, row| {
            search(engine, parts, queries.row(row), params, scratch);
            scratch.hits().to_vec()
        })
        .collect()
}
