//! Collections held pinned: one state of all of them, which stays readable in storage while writers go on.

use std::ops::Range;
use std::sync::Arc;

use torre_storage::Manifest;

use crate::db::Database;
use crate::db::core::Core;
use crate::db::list_log;
use crate::error::Result;
use crate::segment::{ListChange, Snapshot, Stored};
use crate::sync::MutexGuard;

/// One collection in the state of one moment. As long as it is held, none of the records and blobs that it names is removed.
pub(super) struct Pinned {
    pub(super) core: Arc<Core>,
    name: Arc<str>,
    pub(super) snapshot: Arc<Snapshot>,
    /// What a manifest of just this state says.
    pub(super) manifest: Manifest,
    /// The stored lists, as changes that make them what they are.
    pub(super) lists: Vec<ListChange>,
    /// The entries that their log had; none of them goes meanwhile.
    pub(super) list_log: Range<u64>,
}

impl Pinned {
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Calls `each` with the row number and the bytes of every live row's record and vector, in row order.
    ///
    /// # Errors
    /// Damage, also when a live row has no record or no vector; errors of `each`.
    pub(super) fn rows(&self, mut each: impl FnMut(u64, &[u8], &[u8]) -> Result<()>) -> Result<()> {
        let shared = &*self.core.shared;
        let mut rows = 0;
        for stored in shared.stored(0..self.snapshot.next_row) {
            let Stored { row, record: Some(record), vector } = stored? else { continue };
            let id = shared.decode(row, &record)?.id;
            if self.snapshot.locate(id).is_some_and(|place| self.snapshot.row(place) == row) {
                rows += 1;
                each(row, &record, &vector.ok_or_else(|| shared.without_vector(row))?)?;
            }
        }
        match self.snapshot.live() {
            live if live == rows => Ok(()),
            live => Err(shared.damaged("the records", &format!("{live} rows are live, and {rows} of them have a record"))),
        }
    }
}

impl Database {
    /// Loads these collections, takes one state of all of them, and keeps maintenance from them while `run` reads it. Readers and
    /// writers go on.
    pub(super) fn pin<R>(&self, names: &[String], run: impl FnOnce(&[Pinned]) -> Result<R>) -> Result<R> {
        let mut cores: Vec<Arc<Core>> = names.iter().map(|name| self.core(name)).collect::<Result<_>>()?;
        // Everybody who takes several of these locks takes them in the order of numbers, which stay when names change.
        cores.sort_by_key(|core| core.shared.id);
        let _maintenance: Vec<_> = cores.iter().map(|core| (core.writer.maintenance.lock(), core.writer.sealing.lock())).collect();
        let mut held = Vec::new();
        let mut pinned_all: Vec<Pinned> = {
            let states: Vec<_> = cores.iter().map(|core| core.writer.lock()).collect();
            let pin = |(core, state): (&Arc<Core>, &MutexGuard<'_, crate::ingest::State>)| {
                let snapshot = core.shared.read()?;
                let (next_row, sealed_row) = (snapshot.next_row, snapshot.sealed_row);
                let lists = &core.shared.lists;
                let (list_log, lists) = (lists.log(), list_log::all(lists));
                Ok(Pinned {
                    core: Arc::clone(core),
                    name: core.shared.name(),
                    snapshot,
                    lists,
                    list_log,
                    manifest: Manifest { next_row, sealed_row, ..state.manifest.clone() },
                })
            };
            held.extend(cores.iter().map(|core| core.shared.lists.hold_log()));
            cores.iter().zip(&states).map(pin).collect::<Result<_>>()?
        };
        pinned_all.sort_by(|a, b| a.name.cmp(&b.name));
        run(&pinned_all)
    }
}
