//! One consistent state of a collection. Readers hold it for the length of a call; writers publish the next one.

use std::sync::Arc;

use crate::features::Schema;
use crate::index::Selection;
use crate::segment::{Columns, Origin, Parts, Patch, Patches, Rankers, RowTable, Run, Sealed, Space, TableError, Training};

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
    /// Grows with every change of what is in it.
    pub(crate) version: u64,
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
    /// Fields that have other values than the records say.
    pub(crate) patches: Patches,
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

    /// Whether queries compare themselves with the rows of some lists of the tail: with all, where those are few.
    pub(crate) fn is_tail_listed(&self) -> bool {
        let listed = self.runs.iter().filter(|view| view.body.lists(&self.training).is_some());
        let bytes: usize = listed.map(|view| view.body.vectors.as_slice().len() * 4).sum();
        bytes > EASY_BYTES
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

    /// Adds the places of the live rows with these ids, in no particular order. Where an id may be is fetched for many of them at once.
    pub(crate) fn locate_all(&self, ids: &[impl AsRef<str>], places: &mut Vec<Place>) {
        let mut open: Vec<&str> = ids.iter().map(AsRef::as_ref).collect();
        let runs = (0..self.runs.len()).rev().map(|run| (self.segments.len() + run) as u32);
        for part in runs.chain((0..self.segments.len() as u32).rev()) {
            if open.is_empty() {
                break;
            }
            let whole = self.is_whole(part as usize);
            self.table(part).find_all(&mut open, |position| {
                let place = (part, position);
                let found = whole || self.is_live(place);
                if found {
                    places.push(place);
                }
                found
            });
        }
    }

    /// Whether the row at a place is live.
    pub(crate) fn is_live(&self, place: Place) -> bool {
        let position = place.1 as usize;
        match self.run(place) {
            Some(view) => view.selection.contains(position / 64, position % 64),
            None => self.segments.get(place.0 as usize).is_some_and(|view| {
                let (block, lane) = view.body.index.block_lane(position);
                view.selection.contains(block, lane)
            }),
        }
    }

    /// Whether all rows of a part are live.
    pub(crate) fn is_whole(&self, part: usize) -> bool {
        match self.run((part as u32, 0)) {
            Some(view) => view.live() == view.body.rows.len() as u64,
            None => self.segments.get(part).is_some_and(|view| view.live() == view.body.rows.len() as u64),
        }
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

    /// Gives the rows of a part other columns.
    pub(crate) fn set_columns(&mut self, part: u32, columns: Columns) {
        let rows = self.table(part).with_columns(columns);
        match (part as usize).checked_sub(self.segments.len()) {
            Some(run) => self.runs[run].body = Arc::new(self.runs[run].body.with_rows(rows)),
            None => self.segments[part as usize].body = Arc::new(Sealed { rows, ..Sealed::clone(&self.segments[part as usize].body) }),
        }
    }

    /// Brings the values of patches, by row, into the columns of all parts.
    ///
    /// # Errors
    /// [`TableError`].
    pub(crate) fn patch_columns(&mut self, patches: &[Patch]) -> Result<(), TableError> {
        for part in 0..(self.segments.len() + self.runs.len()) as u32 {
            if let Some(rows) = self.table(part).patched(patches)? {
                self.set_columns(part, rows.columns().clone());
            }
        }
        Ok(())
    }

    /// The live ones of these rows, which ascend, with their places.
    pub(crate) fn places(&self, rows: &[u64]) -> Vec<(u64, Place)> {
        let mut found = Vec::with_capacity(rows.len());
        for (part, table) in (0u32..).zip(self.tables()) {
            let numbers = (0u32..).zip(table.numbers()).filter(|(_, row)| rows.binary_search(row).is_ok());
            found.extend(numbers.filter(|&(at, _)| self.is_live((part, at))).map(|(at, row)| (row, (part, at))));
        }
        found.sort_unstable();
        found
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
            let movable = before.body.rows.len() == 0 || before.body.rows.base() >= fixed_row;
            if !movable || before.body.rows.len() > 2 * last.body.rows.len() || before.body.rows.len() + last.body.rows.len() > LONGEST_RUN
            {
                break;
            }
            let at = self.runs.len() - 2;
            // Two of this length always go together; if they did not, they would do as well apart.
            let Ok(merged) = Run::merge(&self.runs[at..], &self.training) else { break };
            let merged = merged.view();
            self.runs.truncate(at);
            if merged.live() > 0 {
                self.runs.push(merged);
            }
        }
    }
}

impl Parts for Snapshot {
    fn version(&self) -> u64 {
        self.version
    }

    fn tables(&self) -> Vec<&RowTable> {
        Snapshot::tables(self)
    }

    fn is_live(&self, place: Place) -> bool {
        Snapshot::is_live(self, place)
    }

    fn is_whole(&self, part: usize) -> bool {
        Snapshot::is_whole(self, part)
    }

    fn locate(&self, id: &str) -> Option<Place> {
        Snapshot::locate(self, id)
    }
}

/// Runs longer than this are not merged any more.
const LONGEST_RUN: usize = 1 << 15;

/// Vectors of so many bytes are compared in a few microseconds.
const EASY_BYTES: usize = 64 << 10;
