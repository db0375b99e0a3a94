//! Queries that are asked together share what they read of the lists: those that may return all rows, and those that leave out some one by one.
//!
//! Of the latter, the rows wanted lie behind some of those left out, and so in more lists. How many lie before them shows once the rows are
//! found; where that asks for more lists than were visited, the query goes over them again.

use std::collections::BTreeMap;

use rayon::prelude::*;

use crate::index::{self, Candidate, Narrow, Part, SearchParams};
use crate::query::candidates::{Candidates, Found};
use crate::query::effort::{Setting, with_tail};
use crate::query::options::Effort;
use crate::query::request::Request;
use crate::query::restriction::Restriction;
use crate::segment::Trained;
use crate::vector::Matrix;

/// What the queries of a request go over together.
pub(crate) struct Batch<'a> {
    pub(crate) request: &'a Request<'a>,
    pub(crate) trained: &'a Trained,
    pub(crate) parts: &'a [Part<'a>],
    /// Of each query.
    pub(crate) restrictions: &'a [Restriction<'a>],
    pub(crate) params: SearchParams<'a>,
}

/// A query that leaves rows out, after its first turn.
enum Turn {
    /// It has what it wants, and the recall to expect.
    Done(f32),
    /// It takes so many lists, and the recall to expect then.
    Again(usize, f32),
    /// It has to go alone.
    Alone,
}

impl Batch<'_> {
    /// Finds the best rows of the queries in `plain`, and of those in `restricted` that can go with them; marks in `done` which did. Answers the
    /// setting that the plain ones had.
    pub(crate) fn scan(
        &self,
        setting: Setting,
        (plain, restricted): (&[usize], &[usize]),
        done: &mut [bool],
        candidates: &mut Candidates,
    ) -> Setting {
        let Request { options, depth, .. } = *self.request;
        let engine = &self.trained.engine;
        let by_lists = setting.by_lists(self.trained, depth, options);
        let target = match options.effort {
            Effort::Recall(target) if options.refine_factor.is_none() && self.request.filter.is_none() => Some(target),
            _ => None,
        };
        let mut together = plain.to_vec();
        together.extend(restricted.iter().filter(|_| target.is_some()));
        if !index::by_tiles(engine, self.parts, together.len(), by_lists.nprobe) {
            self.find(plain, setting.nprobe, done, candidates);
            return setting;
        }
        self.find(&together, by_lists.nprobe, done, candidates);
        let Some(target) = target else { return by_lists };
        let turns: Vec<Turn> = restricted.par_iter().map(|&query| self.turn(query, (target, by_lists.nprobe), candidates)).collect();
        let mut again: BTreeMap<usize, Vec<(usize, f32)>> = BTreeMap::new();
        for (&query, turn) in restricted.iter().zip(turns) {
            match turn {
                Turn::Done(recall) => candidates.queries[query].expected = Some(with_tail(self.request.snapshot, recall)),
                Turn::Again(nprobe, recall) => again.entry(nprobe).or_default().push((query, recall)),
                Turn::Alone => done[query] = false,
            }
        }
        for (nprobe, queries) in again {
            let which: Vec<usize> = queries.iter().map(|(query, _)| *query).collect();
            if index::by_tiles(engine, self.parts, which.len(), nprobe) {
                self.find(&which, nprobe, done, candidates);
                for (query, recall) in queries {
                    candidates.queries[query].expected = Some(with_tail(self.request.snapshot, recall));
                }
            } else {
                which.iter().for_each(|&query| done[query] = false);
            }
        }
        by_lists
    }

    /// Searches some queries in as many lists each.
    fn find(&self, queries: &[usize], nprobe: usize, done: &mut [bool], candidates: &mut Candidates) {
        let narrow = |&query: &usize| (!self.restrictions[query].is_none()).then(|| &self.restrictions[query] as &dyn Narrow);
        let narrows: Vec<Option<&dyn Narrow>> = queries.iter().map(narrow).collect();
        let params = SearchParams { nprobe, ..self.params };
        let search = |vectors: &Matrix| index::search_batch(&self.trained.engine, self.parts, vectors, &params, &narrows);
        let all: Vec<Vec<Candidate>> = if queries.len() == self.request.vectors.rows() && queries.is_sorted() {
            search(&self.request.vectors)
        } else {
            let mut vectors = Matrix::with_capacity(self.request.vectors.dim(), queries.len());
            queries.iter().for_each(|&query| vectors.push(self.request.vectors.row(query)));
            search(&vectors)
        };
        for (&query, hits) in queries.iter().zip(&all) {
            let found = &mut candidates.queries[query].found;
            found.clear();
            found.extend(hits.iter().map(Found::of));
            done[query] = true;
        }
    }

    /// What a query that leaves rows out takes after it was searched in so many lists.
    fn turn(&self, query: usize, (target, nprobe): (f32, usize), candidates: &Candidates) -> Turn {
        let (depth, found) = (self.request.depth, &candidates.queries[query].found);
        let (Some(last), Some(known)) = (depth.checked_sub(1).and_then(|at| found.get(at)), &self.trained.calibration) else {
            return Turn::Alone;
        };
        let vector = self.request.vectors.row(query);
        let before = index::above(&self.trained.engine, self.parts, vector, self.restrictions[query].excluded, last.score);
        match known.pick_lists_behind(target, before, depth) {
            None => Turn::Alone,
            Some(wanted) if wanted.nprobe <= nprobe => Turn::Done(wanted.expected),
            Some(wanted) => {
                // So that few numbers of lists are asked for.
                let lists = self.trained.engine.quantizer().lists();
                let doubled = std::iter::successors(Some(nprobe.max(1)), |n| n.checked_mul(2)).find(|&n| n >= wanted.nprobe);
                Turn::Again(doubled.unwrap_or(lists).min(lists), wanted.expected)
            }
        }
    }
}
