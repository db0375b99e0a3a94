//! The coarse step of many queries: sixteen of them against every centroid at a time.

use crate::kernel::{ByteRows, QueryTile, TILE, TileScores};
use crate::types::Metric;

use super::engine::SearchEngine;

/// Centroids whose scores stay in the first-level cache.
const ROWS: usize = 64;
/// Bytes behind the last centroid that a matrix unit may read along.
const BEHIND: usize = 64;

/// Centroids as rows of signed bytes, and where scores are put.
#[derive(Default)]
pub(super) struct CoarseTiles {
    rows: Vec<u8>,
    scales: Vec<f32>,
    less: Vec<f32>,
    /// Scores of every list, query after query.
    scores: Vec<f32>,
}

impl CoarseTiles {
    /// Takes an engine's centroids.
    pub(super) fn set(&mut self, engine: &SearchEngine) {
        let (copy, lists, dim) = (&engine.coarse, engine.quantizer.lists(), engine.quantizer.dim());
        let l2 = engine.quantizer.metric == Metric::L2;
        self.rows.clear();
        self.rows.resize(lists * dim + BEHIND, 0);
        for (list, row) in self.rows[..lists * dim].chunks_exact_mut(dim.max(1)).enumerate() {
            copy.row(list, row);
        }
        self.scales.clear();
        self.scales.extend(copy.scales.iter().take(lists).map(|&scale| if l2 { 2.0 * scale } else { scale }));
        self.less.clear();
        self.less.extend(copy.less.iter().take(if l2 { lists } else { 0 }));
    }

    /// Scores every list for the queries of a tile; `weights` has what a byte of each stands for.
    pub(super) fn score(&mut self, engine: &SearchEngine, tile: &QueryTile, weights: &[f32; TILE]) {
        let (lists, dim, kernel) = (engine.quantizer.lists(), tile.dim(), engine.kernel);
        self.scores.resize(TILE * lists, 0.0);
        let rows = ByteRows { bytes: &self.rows, stride: dim, count: lists };
        let (mut products, mut scores, mut reached) = ([[0i32; TILE]; ROWS], [[0f32; TILE]; ROWS], [0u16; ROWS]);
        for from in (0..lists).step_by(ROWS) {
            let count = ROWS.min(lists - from);
            kernel.tile_products(tile, rows.part(from, count), &mut products[..count]);
            let less = self.less.get(from..from + count).unwrap_or_default();
            let by = TileScores { scales: &self.scales[from..from + count], less, weights, floors: &[f32::NEG_INFINITY; TILE] };
            kernel.tile_scores(by, &products[..count], &mut scores[..count], &mut reached[..count]);
            for (place, own) in self.scores.chunks_exact_mut(lists.max(1)).enumerate() {
                own[from..from + count].iter_mut().zip(&scores).for_each(|(own, scores)| *own = scores[place]);
            }
        }
    }

    /// The scores of every list for the query at a place of the tile that was scored last.
    pub(super) fn of(&self, place: usize, lists: usize) -> &[f32] {
        &self.scores[place * lists..][..lists]
    }
}
