//! One list of one part against all queries that visit it, sixteen at a time.

use crate::kernel::{BLOCK, QueryTile, TILE, TileScores, round};

use super::engine::SearchEngine;
use super::key::{Best, key, order, order_of, score_of};
use super::list_bytes::{ListBytes, ListRows};
use super::narrow::Narrow;
use super::params::{Part, SearchParams};

/// Rows whose vectors and scores stay in the first-level cache, whole words of a selection: making a matrix unit ready takes as long as some of
/// them.
const ROWS: usize = 2 * BLOCK;
/// Tiles that take their turns at such rows before the next ones are read.
const TILES: usize = 8;
/// Appends a query as bytes; answers what one stands for.
pub(super) fn rounded(query: &[f32], bytes: &mut Vec<i8>) -> f32 {
    let most = query.iter().fold(0f32, |most, x| if x.abs() > most { x.abs() } else { most });
    let unit = most / 127.0;
    let inverse = if unit > 0.0 && unit.is_finite() { 1.0 / unit } else { 0.0 };
    bytes.extend(query.iter().map(|x| round(x * inverse).clamp(-127.0, 127.0) as i8));
    unit
}

/// Tiles of queries, and how many places of each have one.
pub(super) struct Tiles {
    tiles: Vec<QueryTile>,
    filled: [usize; TILES],
    weights: [[f32; TILE]; TILES],
    floors: [[f32; TILE]; TILES],
}

impl Tiles {
    pub(super) fn new(dim: usize) -> Self {
        let tiles = (0..TILES).map(|_| QueryTile::new(dim)).collect();
        Self { tiles, filled: [0; TILES], weights: [[0.0; TILE]; TILES], floors: [[0.0; TILE]; TILES] }
    }

    /// The first tile and its queries' units.
    pub(super) fn first(&self) -> (&QueryTile, &[f32; TILE]) {
        (&self.tiles[0], &self.weights[0])
    }

    /// Puts up to [`TILE`] queries into a tile: as bytes, with their units, and what their rows have to reach now.
    pub(super) fn fill(&mut self, tile: usize, queries: &[u32], (bytes, units): (&[i8], &[f32]), best: &[Best]) {
        let dim = self.tiles[tile].dim();
        (self.weights[tile], self.floors[tile]) = ([0.0; TILE], [f32::INFINITY; TILE]);
        for (place, &query) in queries.iter().enumerate() {
            let query = query as usize;
            self.tiles[tile].set(place, &bytes[query * dim..][..dim]);
            (self.weights[tile][place], self.floors[tile][place]) = (units[query], floor(&best[query]));
        }
        for place in queries.len()..self.filled[tile] {
            self.tiles[tile].clear(place);
        }
        self.filled[tile] = queries.len();
    }
}

/// One list of one part against its visitors.
pub(super) struct Work<'a, Own> {
    pub(super) engine: &'a SearchEngine,
    pub(super) parts: &'a [Part<'a>],
    pub(super) bytes: &'a [i8],
    pub(super) units: &'a [f32],
    pub(super) best: &'a mut [Best],
    pub(super) own: &'a Own,
    /// Parts' first places.
    pub(super) starts: &'a [u32],
    pub(super) tiles: &'a mut Tiles,
    pub(super) list: &'a mut ListBytes,
    /// What of the list's blocks may be returned.
    pub(super) words: &'a mut Vec<u64>,
}

impl<'p, Own: Fn(usize) -> SearchParams<'p>> Work<'_, Own> {
    /// Scores a list's rows for its visitors, and asks for the vectors of the part and list that come next meanwhile.
    pub(super) fn list(&mut self, part: usize, list: usize, visitors: &[u32], next: Option<(usize, usize)>) {
        let Part { index, selection } = self.parts[part];
        let positions = index.layout.rows_of(list);
        if positions.is_empty() {
            return;
        }
        self.words.clear();
        self.words.extend(index.layout.blocks_of(list).map(|block| selection.word(block)));
        if let Some(narrow) = (self.own)(0).narrow.filter(|narrow| narrow.filters()) {
            narrow.filter(part, positions.clone(), self.words);
        }
        let kernel = self.engine.kernel;
        let mut ahead = next.map_or(&[][..], |(part, list)| {
            let index = self.parts[part].index;
            index.refine.records(index.layout.rows_of(list))
        });
        let steps = positions.len().div_ceil(ROWS) * visitors.len().div_ceil(TILE);
        let step = ahead.len().div_ceil(steps).next_multiple_of(BLOCK);
        let ListRows { rows, scales, less } = self.list.load(&index.refine, positions.clone());
        let mut products = [[0i32; TILE]; ROWS];
        let mut scores = [[0f32; TILE]; ROWS];
        let mut reached = [0u16; ROWS];
        for visitors in visitors.chunks(TILES * TILE) {
            for (tile, visitors) in visitors.chunks(TILE).enumerate() {
                self.tiles.fill(tile, visitors, (self.bytes, self.units), self.best);
            }
            for from in (0..positions.len()).step_by(ROWS) {
                let count = ROWS.min(positions.len() - from);
                let rows = rows.part(from, count);
                for (tile, visitors) in visitors.chunks(TILE).enumerate() {
                    let (now, later) = ahead.split_at(step.min(ahead.len()));
                    kernel.prefetch_far(now);
                    ahead = later;
                    let by = TileScores {
                        scales: &scales[from..from + count],
                        less: less.get(from..from + count).unwrap_or_default(),
                        weights: &self.tiles.weights[tile],
                        floors: &self.tiles.floors[tile],
                    };
                    kernel.tile_products(&self.tiles.tiles[tile], rows, &mut products[..count]);
                    kernel.tile_scores(by, &products[..count], &mut scores[..count], &mut reached[..count]);
                    let there = u16::MAX >> (TILE - visitors.len());
                    let floors = &mut self.tiles.floors[tile];
                    for (row, (reached, scores)) in reached[..count].iter().zip(&scores).enumerate() {
                        let mut queries = reached & there;
                        if queries == 0 || self.words[(from + row) / BLOCK] >> ((from + row) % BLOCK) & 1 == 0 {
                            continue;
                        }
                        let position = positions.start + from + row;
                        let at = self.starts[part] + position as u32;
                        while queries != 0 {
                            let place = queries.trailing_zeros() as usize;
                            queries &= queries - 1;
                            let query = visitors[place] as usize;
                            let (key, best) = (key(order(scores[place]), at), &mut self.best[query]);
                            if key > best.floor() && !leaves_out((self.own)(query).narrow, part, position) && best.take(key) {
                                floors[place] = floor(best);
                            }
                        }
                    }
                }
            }
        }
    }
}

/// The score that a row has to reach.
fn floor(best: &Best) -> f32 {
    match best.floor() {
        0 => f32::NEG_INFINITY,
        u64::MAX => f32::INFINITY,
        floor => score_of(order_of(floor)),
    }
}

/// Whether a query leaves a row out by itself.
fn leaves_out(narrow: Option<&dyn Narrow>, part: usize, position: usize) -> bool {
    narrow.is_some_and(|narrow| narrow.excluded().binary_search(&(part as u32, position as u32)).is_ok())
}
