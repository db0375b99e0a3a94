//! The inverted file and its search. It knows vectors, lists and positions; nothing of ids, features or storage.
//!
//! A query takes six steps: the coarse quantizer names the lists to visit ([`coarse`]); tables say what each code byte adds to a score
//! ([`table`]); the scan keeps the best R codes ([`scan`], [`pool`]); those are scored again by their stored vectors ([`refine`]); the
//! best k are the hits. Batches of many queries go over the lists' stored vectors by tiles instead ([`tiles`]), and find all that their lists
//! hold. The answer is the same on every CPU path and thread count: integer sums are exact, f32 sums have one order, ties go to the
//! earlier (part, position).

mod above;
mod batch;
mod behind;
mod candidate;
mod candidates_before;
mod coarse;
mod coarse_copy;
mod coarse_tiles;
mod constants;
mod engine;
pub(crate) mod flat;
#[cfg(test)]
mod flat_tests;
mod forecast;
mod gather;
mod ivf;
mod key;
mod layout;
mod left_out;
mod list_bytes;
mod merge;
mod narrow;
mod narrowed;
mod nearest;
mod params;
mod parts;
mod pool;
mod refine;
mod restricted;
mod scan;
mod scratch;
mod search;
mod selection;
mod stats;
mod survey;
mod table;
mod task;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod threshold;
mod tile_work;
mod tiles;
#[cfg(test)]
mod warm_tests;

pub(crate) use above::above;
pub(crate) use batch::{by_tiles, search_batch};
pub(crate) use behind::{Behind, search_behind};
pub(crate) use candidate::Candidate;
pub(crate) use candidates_before::candidates_before;
pub(crate) use coarse::{CoarseScratch, lists_to_visit};
pub(crate) use engine::SearchEngine;
pub(crate) use gather::gather;
pub(crate) use ivf::IvfIndex;
pub(crate) use narrow::{Narrow, Without};
pub(crate) use narrowed::search_narrowed;
pub(crate) use nearest::Nearest;
pub(crate) use params::{Goal, Part, ScanMode, SearchParams};
pub(crate) use parts::Shape;
pub(crate) use refine::{RefineQuery, RefineStore, float_score};
pub(crate) use scratch::Scratch;
pub(crate) use search::{search, search_carried};
pub(crate) use selection::Selection;
pub(crate) use stats::SearchStats;
