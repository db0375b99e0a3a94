//! One consistent state of a collection. Readers hold it for the length of a call; writers publish the next one.

use std::sync::Arc;

use crate::features::Schema;
use crate::index::Selection;
use crate::segment::{Origin, Rankers, RowTable, Run, Sealed, Space, Training};

/// A part of a snapshot together with what has been deleted from it since it was made.
pub(crate) struct View<T> {
    pub(crate) body: Arc<T>,
    /// Its live rows.
    pub(crate) selection: Selection,
}

impl<T> View<T> {
    /// Rows that are live.
    pub(crate) fn live(&self) -> u64 {
        self.selection.count() as u64
    }
}

impl<T> Clone for View<T> {
    fn clone(&self) -> Self {
        Self { body: Arc::clone(&self.body), selection: self.selection.clone() }
    }
}

/// Where a row is: part and position. The snapshot's segments are numbered first, then its runs.
pub(crate) type Place = (u32, u32);

/// A state of a collection; cheap to clone.
#[derive(Clone)]
pub(crate) struct Snapshot {
    /// The number that the next row will get.
    pub(crate) next_row: u64,
    /// Rows below are in segments or gone; from here on they are in runs.
    pub(crate) sealed_row: u64,
    /// The fields of rows, and which of them have columns in every segment and run.
    pub(crate) schema: Arc<Schema>,
    /// What its vectors mean.
    pub(crate) space: Arc<Space>,
    /// The rankers that are attached.
    pub(crate) rankers: Arc<Rankers>,
    /// How they are coded.
    pub(crate) training: Arc<Training>,
    pub(crate) segments: Vec<View<Sealed>>,
    pub(crate) runs: Vec<View<Run>>,
    /// Shared by all snapshots between the beginnings of two pieces of maintenance; shared by nobody else once their readers are done.
    pub(crate) epoch: Arc<()>,
}

impl Snapshot {
    /// Rows that can be found.
    pub(crate) fn live(&self) -> u64 {
        self.segments.iter().map(|view| view.live()).sum::<u64>() + self.tail()
    }

    /// Live rows of the tail.
    pub(crate) fn tail(&self) -> u64 {
        self.runs.iter().map(|view| view.live()).sum()
    }

    /// What a segment that is coded now says of its codes.
    pub(crate) fn origin(&self) -> Origin {
        Origin::of(&self.space, &self.training)
    }

    /// Finds the one live row with this id.
    pub(crate) fn locate(&self, id: &str) -> Option<Place> {
        for (run, view) in self.runs.iter().enumerate().rev() {
            if let Some(position) = view.body.rows.find(id)
                && view.selection.contains(position / 64, position % 64)
            {
                return Some(((self.segments.len() + run) as u32, position as u32));
            }
        }
        for (part, view) in self.segments.iter().enumerate().rev() {
            if let Some(position) = view.body.rows.find(id) {
                let (block, lane) = view.body.index.block_lane(position);
                if view.selection.contains(block, lane) {
                    return Some((part as u32, position as u32));
                }
            }
        }
        None
    }

    /// The run a place is in; `None` when it is in a segment.
    fn run(&self, (part, _): Place) -> Option<&View<Run>> {
        self.runs.get((part as usize).checked_sub(self.segments.len())?)
    }

    /// The rows of a part.
    pub(crate) fn table(&self, part: u32) -> &RowTable {
        match self.run((part, 0)) {
            Some(view) => &view.body.rows,
            None => &self.segments[part as usize].body.rows,
        }
    }

    /// The rows of every part, in the order in which places count parts.
    pub(crate) fn tables(&self) -> Vec<&RowTable> {
        self.segments.iter().map(|view| &view.body.rows).chain(self.runs.iter().map(|view| &view.body.rows)).collect()
    }

    pub(crate) fn id(&self, place: Place) -> &str {
        self.table(place.0).id(place.1 as usize)
    }

    pub(crate) fn row(&self, place: Place) -> u64 {
        self.table(place.0).row(place.1 as usize)
    }

    /// The exact vector, when it is in memory: a row of the tail.
    pub(crate) fn vector(&self, place: Place) -> Option<&[f32]> {
        self.run(place).map(|view| view.body.vectors.row(place.1 as usize))
    }

    /// Ids of the live rows: segments first, then the tail.
    pub(crate) fn live_ids(&self) -> impl Iterator<Item = &str> {
        let sealed = self.segments.iter().flat_map(|view| {
            let live = (0..view.body.rows.len()).filter(|&position| {
                let (block, lane) = view.body.index.block_lane(position);
                view.selection.contains(block, lane)
            });
            live.map(|position| view.body.rows.id(position))
        });
        sealed.chain(self.runs.iter().flat_map(|view| view.positions().map(|position| view.body.rows.id(position))))
    }

    /// Takes a live row out, so that it is found no more.
    pub(crate) fn remove(&mut self, (part, position): Place) {
        let (part, position) = (part as usize, position as usize);
        match part.checked_sub(self.segments.len()) {
            Some(run) => {
                self.runs[run].selection.remove(position / 64, position % 64);
            }
            None => {
                let view = &mut self.segments[part];
                let (block, lane) = view.body.index.block_lane(position);
                view.selection.remove(block, lane);
            }
        }
    }

    /// Adds a run and merges runs of like size, so that there are logarithmically many. Runs that reach below
    /// `fixed_row` are being sealed and stay as they are.
    pub(crate) fn push_run(&mut self, run: View<Run>, fixed_row: u64) {
        self.runs.push(run);
        while let [.., before, last] = self.runs.as_slice() {
            let movable = before.body.rows.len() == 0 || before.body.rows.row(0) >= fixed_row;
            if !movable || before.body.rows.len() > 2 * last.body.rows.len() || before.body.rows.len() + last.body.rows.len() > LONGEST_RUN
            {
                break;
            }
            let at = self.runs.len() - 2;
            // Two of this length always go together; if they did not, they would do as well apart.
            let Ok(merged) = Run::merge(&self.runs[at..]) else { break };
            let merged = merged.view();
            self.runs.truncate(at);
            if merged.live() > 0 {
                self.runs.push(merged);
            }
        }
    }
}

/// Runs longer than this are not merged any more.
const LONGEST_RUN: usize = 1 << 15;
