//! Verification: everything is read, and what must fit together is compared.

use std::collections::HashSet;
use std::time::Instant;

use crate::db::Database;
use crate::db::list_log;
use crate::db::pinned::Pinned;
use crate::db::verify_report::VerifyReport;
use crate::error::{Error, Result};
use crate::index::Selection;
use crate::progress::{Progress, Stage};
use crate::segment::{Columns, RowTable, Sealed, Space, Training, View};

impl Database {
    /// Reads everything in the database and checks it: every stored value against its checksum, every record and vector against its row's one
    /// live place, every segment against its manifest, its space and its training (and that there are no others), indexed fields against the records, codes and refine vectors against the vectors they stand
    /// for, tombstones against the rows they fall on, stored lists against their log, towers and rankers against their golden rows. Readers and writers go on meanwhile;
    /// sealing, training and compaction wait. Changes nothing.
    ///
    /// # Errors
    /// [`Error::Interrupted`]. Damage is no error here but part of the report.
    pub fn verify(&self, progress: &dyn Progress) -> Result<VerifyReport> {
        let start = Instant::now();
        let mut report = VerifyReport::default();
        let (mut loaded, mut cut_short) = (Vec::new(), false);
        for name in self.collections() {
            report.collections += 1;
            match self.core(&name) {
                Ok(_) => loaded.push(name),
                Err(error) => report.add_error(&format!("collection {name:?}"), &error),
            }
        }
        self.pin(&loaded, |pinned_all| {
            let checked = self.inner.storage.check(|values| {
                progress.update(Stage::Verify, values, None);
                cut_short = progress.cancelled();
                !cut_short
            });
            (report.values, report.bytes) = (checked.values, checked.bytes);
            for error in checked.damage {
                report.add_error("the stores", &Error::Storage(error));
            }
            if cut_short {
                return Err(Error::Interrupted);
            }
            pinned_all.iter().try_for_each(|pinned| Checker { pinned, report: &mut report, progress }.run())
        })?;
        report.elapsed = start.elapsed();
        Ok(report)
    }
}

/// Checks one collection.
pub(super) struct Checker<'a> {
    pub(super) pinned: &'a Pinned,
    pub(super) report: &'a mut VerifyReport,
    pub(super) progress: &'a dyn Progress,
}

impl Checker<'_> {
    fn run(mut self) -> Result<()> {
        let shared = &*self.pinned.core.shared;
        let damaged = |what: &str| shared.damaged("the manifest", what);
        let snapshot = &self.pinned.snapshot;
        match self.stored() {
            Ok((space, training)) => {
                if training.trained.is_some() != snapshot.training.trained.is_some() || space.fingerprint != snapshot.space.fingerprint {
                    self.error(&damaged("the space and the training that it names are not those in use"));
                }
                for meta in &self.pinned.manifest.segments {
                    match Sealed::read(shared, &snapshot.schema, &space, &training, meta) {
                        Ok(sealed) => self.compare(&sealed),
                        Err(error) => self.error(&error),
                    }
                }
            }
            Err(error) => self.error(&error),
        }
        self.rankers();
        self.policies();
        match list_log::check(shared, self.pinned.list_log.clone(), &self.pinned.lists) {
            Ok(()) => self.report.stored_lists += self.pinned.lists.len() as u64,
            Err(error) => self.error(&error),
        }
        if self.pinned.manifest.segments.len() != snapshot.segments.len() {
            self.error(&damaged("it does not list the segments in use"));
        }
        self.report.segments += snapshot.segments.len() as u64;
        match shared.storage.stray_blobs(shared.id, &self.pinned.manifest.live_blobs()) {
            Ok(stray) => stray.iter().for_each(|blob| self.error(&shared.damaged(format!("blob {blob}"), "no manifest names it"))),
            Err(error) => self.error(&error.into()),
        }
        self.patches();
        self.places();
        let dead: HashSet<u64> = match shared.storage.tombstones(shared.id) {
            Ok(tombstones) => tombstones.rows.into_iter().collect(),
            Err(error) => {
                self.error(&error.into());
                HashSet::new()
            }
        };
        self.report.tombstones += dead.len() as u64;
        for row in snapshot.segments.iter().flat_map(View::dead).filter(|row| !dead.contains(row)) {
            self.error(&shared.damaged(format!("row {row}"), "it is deleted in memory, and has no tombstone in storage"));
        }
        self.records(&dead)
    }

    /// The space and the training that the manifest names, read again.
    fn stored(&self) -> Result<(Space, Training)> {
        let (shared, manifest) = (&*self.pinned.core.shared, &self.pinned.manifest);
        let unlisted = || shared.damaged("the manifest", "it does not list the space and the training that serve");
        let (space, training) = manifest.serving_space().zip(manifest.serving_training()).ok_or_else(unlisted)?;
        let space = Space::read(&shared.storage, shared.id, space, &shared.settings)?;
        let training = Training::read(&shared.storage, shared.id, training, &space)?;
        Ok((space, training))
    }

    pub(super) fn error(&mut self, error: &Error) {
        self.report.add_error(&format!("collection {:?}", self.pinned.name()), error);
    }

    /// A segment as stored against the same one in memory.
    fn compare(&mut self, stored: &Sealed) {
        let snapshot = &self.pinned.snapshot;
        let Some(used) = snapshot.segments.iter().find(|view| view.body.blob == stored.blob) else { return };
        let rows_are_equal = used.body.rows == stored.rows
            || stored.rows.patched(&snapshot.patches.all()).is_ok_and(|rows| same_rows(used, rows.as_ref().unwrap_or(&stored.rows)));
        if !rows_are_equal || used.body.index.parts() != stored.index.parts() {
            let what = "what is stored is not what is in memory";
            self.error(&self.pinned.core.shared.damaged(format!("segment {}", stored.blob), what));
        }
    }
}

/// The live rows of a segment, by position.
pub(super) fn live_positions(selection: &Selection, sealed: &Sealed) -> Vec<usize> {
    let live = |&position: &usize| {
        let (block, lane) = sealed.index.block_lane(position);
        selection.contains(block, lane)
    };
    (0..sealed.rows.len()).filter(live).collect()
}

/// Whether a segment's rows are these, and the live ones have the same values: of a deleted row a column may have what it was before a patch.
fn same_rows(used: &View<Sealed>, stored: &RowTable) -> bool {
    let (columns, others) = (used.body.rows.columns(), stored.columns());
    let live = live_positions(&used.selection, &used.body);
    used.body.rows.with_columns(Columns::default()) == stored.with_columns(Columns::default())
        && columns.iter().map(|column| &column.field).eq(others.iter().map(|column| &column.field))
        && columns.iter().zip(others.iter()).all(|(column, other)| live.iter().all(|&at| column.value(at) == other.value(at)))
}
