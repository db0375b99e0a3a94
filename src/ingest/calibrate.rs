//! Recall targets of a new index: sampled queries, their true neighbours, and what the index finds of them.

use std::cell::RefCell;

use crate::error::Result;
use crate::index::{self, Part, Scratch, SearchEngine, SearchParams, Selection, Without, float_score};
use crate::ingest::resolve::{LOOKED_AT, Probe};
use crate::kernel::Kernel;
use crate::progress::Progress;
use crate::quantizer::calibrate::{Searcher, Trial};
use crate::quantizer::calibration::Calibration;
use crate::quantizer::density::Density;
use crate::quantizer::truth::{Near, Queries, Truth};
use crate::quantizer::{Quantizer, bands};
use crate::segment::Sealed;
use crate::types::{Metric, Refine};
use crate::vector::Matrix;

/// Bytes of rows noted far down: enough for 256 queries and ten thousand rows of each.
pub(super) const DEEP_BYTES: usize = 40 << 20;

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// Queries to calibrate with, and for stand-ins the rows that they were taken from.
pub(super) struct Probes {
    /// In the quantizer's scale.
    queries: Queries,
    /// Real queries as they were asked.
    asked: Option<Matrix>,
    /// Row numbers, a query each; empty for real queries.
    own: Vec<u64>,
}

impl Probes {
    /// The caller's queries where there are any, else some of the sampled vectors, whose row numbers are `rows`.
    pub(super) fn choose(quantizer: &Quantizer, real: Option<Matrix>, sample: &Matrix, rows: &[u64], live: u64, seed: u64) -> Self {
        let live = usize::try_from(live).unwrap_or(usize::MAX);
        if let Some(real) = real.filter(|real| !real.is_empty()) {
            let mut vectors = Matrix::new(real.dim());
            Queries::sample(real.rows(), live, real.dim(), seed).iter().for_each(|&at| vectors.push(real.row(at as usize)));
            let asked = vectors.clone();
            for at in 0..vectors.rows() {
                let query = quantizer.carry_query(asked.row(at)).0;
                vectors.row_mut(at).copy_from_slice(&query);
            }
            return Self { queries: Queries { vectors, own: Vec::new() }, asked: Some(asked), own: Vec::new() };
        }
        let chosen = Queries::sample(sample.rows(), live, sample.dim(), seed);
        let mut vectors = Matrix::with_capacity(sample.dim(), chosen.len());
        chosen.iter().for_each(|&at| vectors.push(sample.row(at as usize)));
        quantizer.carry(&mut vectors);
        Self { queries: Queries { vectors, own: Vec::new() }, asked: None, own: chosen.iter().map(|&at| rows[at as usize]).collect() }
    }

    /// The queries, where they are real ones.
    pub(super) fn real(&self) -> Option<&Matrix> {
        self.asked.as_ref()
    }
}

/// What passes by while a collection is coded, noted for calibration.
pub(super) struct Notes<'a> {
    probes: &'a Probes,
    truth: Truth<'a>,
    /// Of every row in the order of coding: its number (ascending) and its list.
    rows: Vec<u64>,
    lists: Vec<u32>,
}

impl<'a> Notes<'a> {
    pub(super) fn new(probes: &'a Probes, metric: Metric) -> Self {
        Self { probes, truth: Truth::new(&probes.queries, metric), rows: Vec::new(), lists: Vec::new() }
    }

    /// Notes besides which rows lie far down, as a collection of so many rows has them, in so many bytes.
    pub(super) fn deep(self, live: u64, bytes: usize) -> Self {
        // A stand-in's own row is the nearest of all.
        let own = usize::from(!self.probes.own.is_empty());
        let most = Truth::depth_within(bytes).saturating_sub(own);
        let depth = match bands::depth(usize::try_from(live).unwrap_or(usize::MAX), most) {
            0 => 0,
            depth => depth + own,
        };
        Self { truth: self.truth.deep(depth, bytes), ..self }
    }

    pub(super) fn add(&mut self, vectors: &Matrix, rows: &[u64], lists: &[u32], progress: &dyn Progress) -> Result<()> {
        self.rows.extend_from_slice(rows);
        self.lists.extend_from_slice(lists);
        self.truth.add(vectors, progress)
    }

    /// The nearest rows of some of the queries.
    pub(super) fn nearest(&self) -> Vec<Probe<'_>> {
        let best = self.truth.best();
        let of_query = |(query, near): (usize, &Vec<Near>)| {
            let own = self.probes.own.get(query);
            let near = near.iter().map(|near| (self.rows[near.row as usize], near.score)).filter(|(row, _)| Some(row) != own).collect();
            Probe { query: self.probes.queries.vectors.row(query), near }
        };
        best.iter().enumerate().step_by(best.len().div_ceil(LOOKED_AT).max(1)).map(of_query).collect()
    }

    /// Measures what is found in the segments, whose selected rows are the rows added.
    pub(super) fn measure(self, engine: &SearchEngine, segments: &[(&Sealed, &Selection)], progress: &dyn Progress) -> Result<Calibration> {
        let Self { probes, mut truth, rows, lists } = self;
        let number = |row: u64| rows.binary_search(&row).ok().map(|at| at as u32);
        let own: Vec<Option<u32>> = (0..probes.queries.vectors.rows()).map(|query| number(*probes.own.get(query)?)).collect();
        let mut deep = truth.finish_deep();
        deep.iter_mut().for_each(|(query, near)| near.retain(|near| Some(near.row) != own[*query]));
        let mut truth = truth.finish();
        for (near, own) in truth.iter_mut().zip(&own) {
            near.retain(|near| Some(near.row) != *own);
        }
        let density = Density::fit(engine.quantizer(), &probes.queries, &truth, &lists);
        let numbered = |&(sealed, _): &(&Sealed, &Selection)| sealed.rows.numbers().map(|row| number(row).unwrap_or(u32::MAX)).collect();
        let numbers: Vec<Vec<u32>> = segments.iter().map(numbered).collect();
        let mut places = vec![(0u32, 0u32); rows.len()];
        for (part, numbers) in numbers.iter().enumerate() {
            for (position, &number) in numbers.iter().enumerate() {
                if let Some(at) = places.get_mut(number as usize) {
                    *at = (part as u32, position as u32);
                }
            }
        }
        let parts = segments.iter().map(|&(sealed, selection)| Part { index: &sealed.index, selection }).collect();
        let mut segment = Segments { engine, parts, queries: &probes.queries, numbers, places, own, same: Vec::new() };
        truth.iter_mut().enumerate().for_each(|(query, near)| segment.sharpen(query, near));
        segment.same = truth.iter().enumerate().map(|(query, near)| segment.fingerprints(query, near)).collect();
        let trial = Trial {
            quantizer: engine.quantizer(),
            queries: &probes.queries,
            truth: &truth,
            deep: &deep,
            lists: &lists,
            searcher: &segment,
            density,
        };
        let calibration = Calibration::measure(&trial, progress)?.with_bands(&trial, progress)?;
        Ok(if probes.own.is_empty() { calibration } else { calibration.of_trained() })
    }
}

/// The segments as calibration searches them.
struct Segments<'a> {
    engine: &'a SearchEngine,
    parts: Vec<Part<'a>>,
    queries: &'a Queries,
    /// By segment and position: the row's number in the order in which rows were added; and back.
    numbers: Vec<Vec<u32>>,
    places: Vec<(u32, u32)>,
    own: Vec<Option<u32>>,
    /// For each query its true neighbours' fingerprints with their scores, ascending.
    same: Vec<Vec<(u64, f32)>>,
}

impl Segments<'_> {
    /// The product with the stored vector, as bits: equal for equal rows. Collections hold copies of one row under many ids, and
    /// any of them is as good as another.
    fn fingerprint(&self, query: usize, number: u32) -> u64 {
        let (part, position) = self.places[number as usize];
        let (index, position) = (self.parts[part as usize].index, position as usize);
        let query = self.queries.vectors.row(query);
        let mut vector = vec![0.0; query.len()];
        if !index.refine_vector(position, &mut vector) {
            index.decode(self.engine.quantizer(), position, &mut vector);
        }
        query.iter().zip(&vector).map(|(&q, &x)| f64::from(q) * f64::from(x)).sum::<f64>().to_bits()
    }

    /// Scores a query's near rows again, as an exact scan does, where their vectors are at hand: between near copies the sums of products
    /// that found them leave the order open.
    fn sharpen(&self, query: usize, near: &mut [Near]) {
        let query = self.queries.vectors.row(query);
        let mut vector = vec![0.0; query.len()];
        if self.parts.iter().any(|part| part.index.refine() != Refine::F32) {
            return;
        }
        for near in near.iter_mut() {
            let (part, position) = self.places[near.row as usize];
            self.parts[part as usize].index.refine_vector(position as usize, &mut vector);
            near.score = float_score(Kernel::detect(), self.engine.quantizer().metric, query, &vector);
        }
        near.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.row.cmp(&b.row)));
    }

    fn fingerprints(&self, query: usize, near: &[Near]) -> Vec<(u64, f32)> {
        let mut same: Vec<(u64, f32)> = near.iter().map(|near| (self.fingerprint(query, near.row), near.score)).collect();
        same.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
        same
    }
}

impl Searcher for Segments<'_> {
    fn search(&self, query: usize, k: usize, nprobe: usize, candidates: usize) -> Vec<u32> {
        let skip = self.own[query].map(|number| self.places[number as usize]);
        let params = SearchParams { k, nprobe, candidates, narrow: Some(&Without(skip.as_slice())), ..SearchParams::default() };
        SCRATCH.with_borrow_mut(|scratch| {
            index::search_carried(self.engine, &self.parts, self.queries.vectors.row(query), &params, scratch);
            scratch.hits().iter().map(|hit| self.numbers[hit.part as usize][hit.position as usize]).collect()
        })
    }

    fn candidates_before(&self, query: usize, left_out: &[u32], wanted: &[u32], nprobe: usize, most: usize) -> Vec<usize> {
        let place = |row: &u32| self.places[*row as usize];
        let mut left_out: Vec<(u32, u32)> = left_out.iter().chain(&self.own[query]).map(place).collect();
        left_out.sort_unstable();
        let wanted: Vec<(u32, u32)> = wanted.iter().map(place).collect();
        let params = SearchParams { k: 1, nprobe, candidates: most, narrow: Some(&Without(&left_out)), ..SearchParams::default() };
        SCRATCH.with_borrow_mut(|scratch| {
            index::candidates_before(self.engine, &self.parts, self.queries.vectors.row(query), &params, &wanted, scratch)
        })
    }

    fn score(&self, query: usize, row: u32) -> Option<f32> {
        let same = &self.same[query];
        let wanted = self.fingerprint(query, row);
        let at = same.partition_point(|&(fingerprint, _)| fingerprint < wanted);
        same.get(at).filter(|&&(fingerprint, _)| fingerprint == wanted).map(|&(_, score)| score)
    }
}
