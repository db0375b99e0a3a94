//! Verification: everything is read, and what must fit together is compared.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use crate::db::Database;
use crate::db::list_log;
use crate::db::pinned::Pinned;
use crate::db::verify_codes::{self as codes, Drift};
use crate::error::{Error, Result};
use crate::features::Row;
use crate::index::Selection;
use crate::ingest;
use crate::progress::{Progress, Stage};
use crate::ranker::Ranker;
use crate::segment::{
    ColumnBuilder, Columns, KeptPolicy, LiveRows, Patch, Patches, Place, Record, RowTable, Sealed, Snapshot, Space, Stored, Training, View,
};
use crate::types::ItemId;

/// One thing that is wrong in a database.
///
/// ```
/// # use torre::{CollectionOptions, Database, Item, Metric, row};
/// # let database = Database::in_memory()?;
/// # let options = CollectionOptions::vectors(2, Metric::Cosine).field("title:text".parse()?)?;
/// # let films = database.create_collection("films", options)?;
/// # films.upsert(Item::new("a")?.with_row(row! { "title" => "Alpha" }).with_vector([1.0, 0.0]))?;
/// # films.upsert(Item::new("b")?.with_row(row! { "title" => "Beta" }).with_vector([0.0, 1.0]))?;
/// # use torre::NoProgress;
/// for damage in database.verify(&NoProgress)?.damage {
///     println!("{}: {}", damage.part, damage.what);
/// }
/// # Ok::<(), torre::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, Debug, serde::Serialize)]
#[non_exhaustive]
pub struct Damage {
    /// The damaged part.
    pub part: String,
    /// What is wrong with it.
    pub what: String,
}

/// What a verification read and found.
///
/// ```
/// # use torre::{CollectionOptions, Database, Item, Metric, row};
/// # let database = Database::in_memory()?;
/// # let options = CollectionOptions::vectors(2, Metric::Cosine).field("title:text".parse()?)?;
/// # let films = database.create_collection("films", options)?;
/// # films.upsert(Item::new("a")?.with_row(row! { "title" => "Alpha" }).with_vector([1.0, 0.0]))?;
/// # films.upsert(Item::new("b")?.with_row(row! { "title" => "Beta" }).with_vector([0.0, 1.0]))?;
/// # use torre::NoProgress;
/// let report = database.verify(&NoProgress)?;
/// assert!(report.is_sound());
/// assert_eq!((report.collections, report.rows), (1, 2));
/// # Ok::<(), torre::Error>(())
/// ```
#[derive(Clone, PartialEq, Debug, Default, serde::Serialize)]
#[non_exhaustive]
pub struct VerifyReport {
    /// Values read from storage, of every kind.
    pub values: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// Collections looked at.
    pub collections: u64,
    /// Live rows whose record, vector, place and code were compared.
    pub rows: u64,
    /// Segments.
    pub segments: u64,
    /// Tombstones.
    pub tombstones: u64,
    /// Stored lists that were compared with their log.
    pub stored_lists: u64,
    /// Everything that is wrong, each once; empty when all is well.
    pub damage: Vec<Damage>,
    /// Time taken.
    #[serde(rename = "seconds", serialize_with = "super::options::seconds")]
    pub elapsed: Duration,
}

impl VerifyReport {
    /// True when nothing is wrong.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.damage.is_empty()
    }

    fn add(&mut self, part: impl Into<String>, what: impl Into<String>) {
        let damage = Damage { part: part.into(), what: what.into() };
        // Storage and the collection that it belongs to may both meet it.
        if !self.damage.contains(&damage) {
            self.damage.push(damage);
        }
    }

    fn add_error(&mut self, whose: &str, error: &Error) {
        let Damage { part, what } = Damage::of(whose, error);
        self.add(part, what);
    }
}

impl Damage {
    /// What an error says is damaged: `whose`, where it does not name a part itself.
    pub(super) fn of(whose: &str, error: &Error) -> Self {
        let (part, what) = match error {
            Error::Storage(torre_storage::Error::Corrupt { part, detail }) => (part.clone(), detail.clone()),
            Error::Storage(torre_storage::Error::Absent { part }) => (part.clone(), "it is missing".to_owned()),
            Error::Damaged { part, what } => (part.clone(), what.clone()),
            other => (whose.to_owned(), other.to_string()),
        };
        Self { part, what }
    }
}

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
struct Checker<'a> {
    pinned: &'a Pinned,
    report: &'a mut VerifyReport,
    progress: &'a dyn Progress,
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

    /// The rankers that the manifest names, read again, against those in use.
    fn rankers(&mut self) {
        let (core, manifest) = (&self.pinned.core, &self.pinned.manifest);
        let stored: Vec<&str> = manifest.rankers.iter().map(|ranker| ranker.name.as_str()).collect();
        if self.pinned.snapshot.rankers.names() != stored {
            self.error(&core.shared.damaged("the manifest", "it does not list the rankers in use"));
        }
        for meta in &manifest.rankers {
            let read = ingest::read_ranker(&core.shared.storage, core.shared.id, meta).and_then(|source| Ranker::load(&source));
            if let Err(error) = read {
                self.error(&core.shared.damaged(format!("ranker {:?}", meta.name), &error.to_string()));
            }
        }
    }

    /// The policies that the manifest names, read again, against those in use.
    fn policies(&mut self) {
        let (shared, manifest) = (&self.pinned.core.shared, &self.pinned.manifest);
        if shared.policies.names().len() != manifest.policies.len() {
            self.error(&shared.damaged("the manifest", "it does not list the policies in use"));
        }
        for meta in &manifest.policies {
            match ingest::read_policy(&shared.storage, shared.id, meta) {
                Ok(policy) => {
                    let stored = KeptPolicy { version: meta.version, policy };
                    if shared.policies.get(&meta.name).is_none_or(|used| *used != stored) {
                        self.error(&shared.damaged(format!("policy {:?}", meta.name), "what is stored is not what is in use"));
                    }
                }
                Err(error) => self.error(&error),
            }
        }
    }

    fn error(&mut self, error: &Error) {
        self.report.add_error(&format!("collection {:?}", self.pinned.name()), error);
    }

    /// The delta entries, read again, against the patches in use.
    fn patches(&mut self) {
        let (shared, used) = (&self.pinned.core.shared, &self.pinned.snapshot.patches);
        let (first, mut stored) = (self.pinned.manifest.first_delta, Patches::new(0));
        for entry in shared.storage.deltas(shared.id, first..used.next) {
            let read = entry.map_err(Into::into).and_then(|(number, bytes)| Ok((number, shared.delta(number, &bytes)?, bytes.len())));
            match read {
                Ok((number, rows, bytes)) => stored.push(number, &rows, bytes),
                Err(error) => return self.error(&error),
            }
        }
        let (stored, used) = (stored.all(), used.all());
        // In memory a patch may have fields, too, that were folded while it was made.
        let is_held = |(stored, used): (&Patch, &Patch)| {
            let fields = used.fields();
            (stored.row, stored.number) == (used.row, used.number)
                && stored.fields().iter().all(|(name, value)| fields.get(name) == Some(value))
        };
        if stored.len() != used.len() || !stored.iter().zip(&used).all(is_held) {
            self.error(&shared.damaged("the delta entries", "what is stored is not what is in memory"));
        }
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

    /// Every live position must be the one at which its id is found.
    fn places(&mut self) {
        let (snapshot, shared) = (&self.pinned.snapshot, &self.pinned.core.shared);
        let mut twice = Vec::new();
        let segments = snapshot.segments.iter().map(|view| live_positions(&view.selection, &view.body));
        let runs = snapshot.runs.iter().map(|view| view.positions().collect::<Vec<usize>>());
        for (part, positions) in segments.chain(runs).enumerate() {
            for position in positions {
                let place = (part as u32, position as u32);
                if snapshot.locate(snapshot.id(place)) != Some(place) {
                    twice.push(snapshot.row(place));
                }
            }
        }
        for row in twice {
            self.error(&shared.damaged(format!("row {row}"), "another live row has the same id"));
        }
    }

    /// Every record and every vector against the place of its row; every place against its record and its vector.
    fn records(&mut self, dead: &HashSet<u64>) -> Result<()> {
        let (snapshot, shared) = (&self.pinned.snapshot, &self.pinned.core.shared);
        let mut seen: HashSet<u64> = HashSet::new();
        let mut drift = vec![Drift::default(); snapshot.segments.len()];
        let mut scratch = vec![0.0; shared.settings.dim];
        let mut live = LiveRows::all(snapshot);
        for stored in shared.stored(0..snapshot.next_row) {
            let Stored { row, record, vector } = match stored {
                Ok(stored) => stored,
                Err(error) => {
                    self.error(&error.into());
                    continue;
                }
            };
            let place = live.place(row);
            let mut wrong = |what: &str| self.report.add_error("", &shared.damaged(format!("row {row}"), what));
            let Some(record) = record else {
                // Of a live row the record is missed below.
                if place.is_none() && !dead.contains(&row) {
                    wrong("it has a vector, but no segment or tail holds it and no tombstone deletes it");
                }
                continue;
            };
            let record = match shared.decode(row, &record) {
                Ok(record) => record,
                Err(error) => {
                    self.error(&error);
                    continue;
                }
            };
            match snapshot.locate(record.id) {
                Some(place) if snapshot.row(place) == row => {
                    seen.insert(row);
                    match sound(snapshot, row, &record) {
                        Ok(features) if is_indexed(snapshot, place, &features) => {}
                        Ok(_) => wrong("the indexes of its fields have other values than its record"),
                        Err(what) => wrong(what),
                    }
                    let Some(vector) = vector else {
                        wrong("it is live and has no readable vector");
                        continue;
                    };
                    let vector = match shared.values(row, &vector) {
                        Ok(values) => values.to_vec(),
                        Err(error) => {
                            self.error(&error);
                            continue;
                        }
                    };
                    if !vector.iter().all(|x| x.is_finite()) {
                        wrong("its vector is not finite");
                    }
                    match snapshot.segments.get(place.0 as usize) {
                        None if snapshot.vector(place) != Some(&vector) => wrong("the vector in memory is not the stored one"),
                        None => {}
                        Some(view) => {
                            let sum = &mut drift[place.0 as usize];
                            if !codes::are_near(&snapshot.training, view, place.1 as usize, &vector, &mut scratch, sum) {
                                wrong("its refine vector is not near its stored vector");
                            }
                        }
                    }
                }
                _ if dead.contains(&row) => {}
                _ => wrong("no segment or tail holds it, and no tombstone deletes it"),
            }
            if seen.len().is_multiple_of(1024) {
                self.progress.update(Stage::Verify, seen.len() as u64, Some(snapshot.live()));
                if self.progress.cancelled() {
                    return Err(Error::Interrupted);
                }
            }
        }
        self.report.rows += seen.len() as u64;
        for (segment, (view, drift)) in snapshot.segments.iter().zip(&drift).enumerate() {
            if !drift.is_suspicious(view.body.error) {
                continue;
            }
            // The rows that are left need not be like those that it was made of: what would their codes be today?
            match codes::recoded(shared, snapshot, segment, self.progress) {
                Err(Error::Interrupted) => return Err(Error::Interrupted),
                Err(error) => self.error(&error),
                Ok(today) if drift.is_worse_than(&today) => {
                    let (now, right) = (drift.share(), today.share());
                    let what = format!("its codes are off by {now:.3} of the vectors they stand for, and should be by {right:.3}");
                    self.error(&shared.damaged(format!("segment {}", view.body.blob), &what));
                }
                Ok(_) => {}
            }
        }
        if seen.len() as u64 != snapshot.live() {
            let segments = snapshot.segments.iter().flat_map(|view| {
                live_positions(&view.selection, &view.body).into_iter().map(|position| view.body.rows.row(position)).collect::<Vec<u64>>()
            });
            let runs = snapshot.runs.iter().flat_map(|view| view.positions().map(|position| view.body.rows.row(position)));
            let missing: Vec<u64> = segments.chain(runs).filter(|row| !seen.contains(row)).collect();
            for row in missing {
                self.error(&shared.damaged(format!("row {row}"), "it is live and has no readable record under its id"));
            }
        }
        Ok(())
    }
}

fn live_positions(selection: &Selection, sealed: &Sealed) -> Vec<usize> {
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

/// Whether the columns have a row's values.
fn is_indexed(snapshot: &Snapshot, place: Place, features: &Row) -> bool {
    let columns = snapshot.table(place.0).columns();
    snapshot.schema.indexed().all(|field| {
        let mut right = ColumnBuilder::new(field);
        right.push(features.get(&field.name));
        right.finish().is_ok_and(|right| columns.value(&field.name, place.1 as usize) == Some(right.value(0)))
    })
}

fn sound(snapshot: &Snapshot, row: u64, record: &Record<'_>) -> Result<Row, &'static str> {
    if ItemId::new(record.id).is_err() {
        return Err("its id is empty or too long");
    }
    let mut features = Row::from_bytes(record.features).ok_or("its features do not decode")?;
    snapshot.patches.apply(row, &mut features);
    Ok(features)
}
