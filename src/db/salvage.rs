//! Salvage: what can still be read of a damaged database, in a new one.

use std::collections::HashSet;
use std::path::Path;
use std::time::{Duration, Instant};

use torre_storage::{CollectionId, PolicyMeta, RankerMeta, SpaceId, Storage, codec};

use crate::db::list_log;
use crate::db::staging::Staging;
use crate::db::verify_report::{Damage, VerifyReport};
use crate::db::{BuildOptions, Collection, CollectionOptions, Database};
use crate::error::{Error, Result};
use crate::features::Row;
use crate::ingest::{self, NewRow, Op};
use crate::progress::{Progress, Stage};
use crate::segment::Space;
use crate::segment::{
    FIRST_SPACE, IndexSettings, ListEntry, Lists, Patches, Record, Settings, Stored, StoredRows, Training, Values, delta,
};
use crate::types::ItemId;
use crate::vector::{LONGEST, length, too_long};

/// Rows of one commit.
const BATCH: usize = 1000;

/// What was saved of a database, and what was not.
///
/// ```
/// # use torre::{CollectionOptions, Database, Item, Metric, row};
/// # let database = Database::in_memory()?;
/// # let options = CollectionOptions::vectors(2, Metric::Cosine).field("title:text".parse()?)?;
/// # let films = database.create_collection("films", options)?;
/// # films.upsert(Item::new("a")?.with_row(row! { "title" => "Alpha" }).with_vector([1.0, 0.0]))?;
/// # films.upsert(Item::new("b")?.with_row(row! { "title" => "Beta" }).with_vector([0.0, 1.0]))?;
/// # let directory = tempfile::tempdir().map_err(|source| torre::Error::Io { path: std::env::temp_dir(), source })?;
/// use torre::NoProgress;
///
/// let (shop, saved) = (directory.path().join("shop"), directory.path().join("saved"));
/// database.backup(&shop, &NoProgress)?;
/// let report = Database::salvage(&shop, &saved, &NoProgress)?;
/// assert_eq!((report.rows, report.lost.len()), (2, 0));
/// # Ok::<(), torre::Error>(())
/// ```
#[derive(Clone, PartialEq, Debug, Default, serde::Serialize)]
#[non_exhaustive]
pub struct SalvageReport {
    /// Collections made anew.
    pub collections: u64,
    /// Rows saved.
    pub rows: u64,
    /// What could not be read, or had to be left out.
    pub lost: Vec<Damage>,
    /// Time taken.
    #[serde(rename = "seconds", serialize_with = "super::options::seconds")]
    pub elapsed: Duration,
}

impl Database {
    /// Reads what can be read of the database at `path`, which nobody has open, and makes a new database of it at `out`, where there must
    /// be nothing. Rows keep their vectors; an index that was trained is trained again. The damaged database is not changed. A collection
    /// whose towers are lost becomes one of the caller's vectors.
    ///
    /// Where tombstones are lost, deleted rows may be there again; the report says so.
    ///
    /// # Errors
    /// When there is nothing to salvage, it is in use, or of a newer format; errors of writing; [`Error::Interrupted`]. Nothing is left at
    /// `out` then.
    pub fn salvage(path: impl AsRef<Path>, out: impl AsRef<Path>, progress: &dyn Progress) -> Result<SalvageReport> {
        let start = Instant::now();
        let mut staging = Staging::new(out.as_ref())?;
        let (storage, damages) = Storage::salvage(path.as_ref())?;
        let mut report = SalvageReport::default();
        report.lose(damages);
        let (collections, damages) = storage.readable_collections();
        report.lose(damages);
        let database = Self::create_quiet(staging.make()?)?;
        for (id, settings) in collections {
            match codec::decode::<Settings>(&settings) {
                Ok(settings) => {
                    let name = settings.name.clone();
                    let (lost, rankers, policies) = (Vec::new(), Vec::new(), Vec::new());
                    let mut saving = Saving {
                        storage: &storage,
                        id,
                        settings,
                        space: FIRST_SPACE,
                        rankers,
                        policies,
                        patches: Patches::new(0),
                        lost,
                        rows: 0,
                        progress,
                    };
                    saving.run(&database)?;
                    report.collections += 1;
                    report.rows += saving.rows;
                    report.lost.extend(saving.lost.iter().map(|error| Damage::of(&format!("collection {name:?}"), error)));
                }
                Err(error) => report.lose(vec![error]),
            }
        }
        database.close_whole()?;
        // A copy that does not open saves nothing.
        Self::builder(staging.path()).background(false).open()?.close_whole()?;
        staging.finish()?;
        report.elapsed = start.elapsed();
        Ok(report)
    }

    /// Opens the database at `path`, for reading only where nothing can be written, and verifies it; where it does not open because it is damaged, its files are read without the store
    /// that made them, so that the report names what is damaged in them.
    ///
    /// # Errors
    /// Those of [`DatabaseBuilder::open`](crate::DatabaseBuilder::open) that are no damage; [`Error::Interrupted`].
    pub fn verify_at(path: impl AsRef<Path>, progress: &dyn Progress) -> Result<VerifyReport> {
        let path = path.as_ref();
        let opened = match Self::builder(path).background(false).open() {
            // Reading is all that is asked.
            Err(error) if error.can_be_read() => Self::open_read_only(path),
            opened => opened,
        };
        let error = match opened {
            Ok(database) => return database.verify(progress),
            Err(Error::Storage(error)) if error.is_damage() => error,
            Err(error) => return Err(error),
        };
        let start = Instant::now();
        let read = torre_storage::verify(path)?;
        let mut report = VerifyReport { collections: read.collections, rows: read.records, ..VerifyReport::default() };
        let whose = path.display().to_string();
        for error in std::iter::once(error).chain(read.damages) {
            report.damage.push(Damage::of(&whose, &Error::Storage(error)));
        }
        let mut seen = HashSet::new();
        report.damage.retain(|damage| seen.insert(damage.clone()));
        report.elapsed = start.elapsed();
        Ok(report)
    }
}

impl SalvageReport {
    fn lose(&mut self, errors: Vec<torre_storage::Error>) {
        self.lost.extend(errors.into_iter().map(|error| Damage::of("the database", &Error::Storage(error))));
    }
}

/// One collection on its way out.
struct Saving<'a> {
    storage: &'a Storage,
    id: CollectionId,
    settings: Settings,
    /// The space that served.
    space: SpaceId,
    /// What was attached, as the manifest says.
    rankers: Vec<RankerMeta>,
    patches: Patches,
    /// What policies there are, as the manifest says.
    policies: Vec<PolicyMeta>,
    lost: Vec<Error>,
    rows: u64,
    progress: &'a dyn Progress,
}

impl Saving<'_> {
    fn run(&mut self, database: &Database) -> Result<()> {
        let (options, trained) = self.options();
        let collection = database.create_collection(&self.settings.name, options)?;
        let dead: HashSet<u64> = match self.storage.tombstones(self.id) {
            Ok(tombstones) => tombstones.rows.into_iter().collect(),
            Err(error) => {
                self.lose("the tombstones", &format!("{error}; deleted rows may be there again"));
                HashSet::new()
            }
        };
        let mut batch = Vec::new();
        // In row order: of two rows with one id, which lost tombstones may leave, the newer one stays.
        for stored in StoredRows::new(self.storage, self.id, self.space, 0..u64::MAX) {
            match stored {
                Ok(stored) if dead.contains(&stored.row) => {}
                Ok(stored) => match self.row(&stored) {
                    Ok(new) => batch.push(Op::Put(new)),
                    Err(error) => self.lost.push(error),
                },
                Err(error) => self.lost.push(error.into()),
            }
            if batch.len() == BATCH {
                self.commit(&collection, &mut batch)?;
            }
        }
        self.commit(&collection, &mut batch)?;
        self.rows = collection.len();
        self.save_lists(&collection)?;
        for meta in std::mem::take(&mut self.rankers) {
            let attached =
                ingest::read_ranker(self.storage, self.id, &meta).and_then(|source| collection.attach_ranker(&meta.name, &source));
            if let Err(error) = attached {
                self.lose(&format!("the ranker {:?}", meta.name), &error.to_string());
            }
        }
        for meta in std::mem::take(&mut self.policies) {
            let kept = ingest::read_policy(self.storage, self.id, &meta)
                .and_then(|policy| collection.put_policy(&meta.name, &policy, Some(meta.version)));
            if let Err(error) = kept {
                self.lose(&format!("the policy {:?}", meta.name), &error.to_string());
            }
        }
        if trained && !collection.is_empty() {
            collection.build(&BuildOptions::default(), self.progress)?;
        }
        Ok(())
    }

    /// What the entries of the list log that can be read make of the lists.
    fn save_lists(&mut self, collection: &Collection) -> Result<()> {
        let mut entries: Vec<(u64, ListEntry)> = Vec::new();
        for stored in self.storage.list_entries(self.id, 0..u64::MAX) {
            match stored.and_then(|(number, bytes)| Ok((number, ListEntry::decode(&bytes)?))) {
                Ok(found) => entries.push(found),
                Err(error) => self.lose("the list log", &format!("{error}; stored lists may lack ids, or have ids that were taken off")),
            }
        }
        let lists = Lists::default();
        // Those before it mean nothing.
        let first = entries.last().map_or(0, |(_, entry)| entry.first);
        entries.iter().filter(|(number, _)| *number >= first).for_each(|(number, entry)| lists.restore(*number, entry));
        for batch in list_log::batches(&list_log::all(&lists)) {
            collection.put_as_stored(batch.iter().cloned().map(Op::List).collect())?;
        }
        Ok(())
    }

    fn lose(&mut self, part: &str, what: &str) {
        self.lost.push(Error::Damaged { part: format!("{part} of collection {:?}", self.settings.name), what: what.to_owned() });
    }

    fn commit(&mut self, collection: &Collection, batch: &mut Vec<Op>) -> Result<()> {
        collection.put_as_stored(std::mem::take(batch))?;
        self.progress.update(Stage::Copy, collection.len(), None);
        if self.progress.cancelled() { Err(Error::Interrupted) } else { Ok(()) }
    }

    /// What the collection is made with, and whether its index is to be trained.
    fn options(&mut self) -> (CollectionOptions, bool) {
        let mut options = CollectionOptions::vectors(self.settings.dim, self.settings.metric);
        options.schema = self.settings.schema.clone();
        let manifest = self.storage.manifest(self.id).unwrap_or_else(|error| {
            self.lost.push(error.into());
            None
        });
        self.space = manifest.as_ref().map_or(FIRST_SPACE, |manifest| manifest.space);
        self.rankers = manifest.as_ref().map(|manifest| manifest.rankers.clone()).unwrap_or_default();
        self.read_deltas(manifest.as_ref().map_or(0, |manifest| manifest.first_delta));
        self.policies = manifest.as_ref().map(|manifest| manifest.policies.clone()).unwrap_or_default();
        let meta = manifest.as_ref().and_then(|manifest| manifest.serving_training());
        let (index, trained) = match meta.map(|meta| Training::read_alone(self.storage, self.id, meta)) {
            Some(Ok(training)) => (training.index, training.trained.is_some()),
            Some(Err(error)) => {
                self.lose("the index settings", &error.to_string());
                (IndexSettings::default(), true)
            }
            None => (IndexSettings::default(), true),
        };
        options.index = index;
        if self.settings.towers {
            let meta = manifest.as_ref().and_then(|manifest| manifest.serving_space());
            let towers = meta.and_then(|meta| {
                Space::read_towers(self.storage, self.id, meta).unwrap_or_else(|error| {
                    self.lost.push(error);
                    None
                })
            });
            if towers.is_none() {
                self.lose("the towers", "they cannot be read: the collection takes the caller's vectors, and rows with any fields");
                options.schema.lenient = true;
            }
            options.towers = towers;
        }
        (options, trained)
    }

    /// Reads what was patched, from delta entry `first` on.
    fn read_deltas(&mut self, first: u64) {
        for entry in self.storage.deltas(self.id, first..u64::MAX) {
            let read = entry.and_then(|(number, bytes)| Ok((number, delta::decode(&bytes)?, bytes.len())));
            match read {
                // The last number would have no successor, and is nobody's.
                Ok((number, rows, bytes)) if number < u64::MAX - 1 => self.patches.push(number, &rows, bytes),
                Ok((number, ..)) => self.lose(&format!("delta entry {number}"), "there cannot be such an entry"),
                Err(error) => self.lose("a delta entry", &format!("{error}; fields of rows are what they were before it")),
            }
        }
    }

    fn row(&self, Stored { row, record, vector }: &Stored) -> Result<NewRow> {
        let part = || format!("row {row} of collection {:?}", self.settings.name);
        let damaged = |what: &str| Error::Damaged { part: part(), what: what.to_owned() };
        let undecoded = |error: torre_storage::Error, what: &str| {
            if error.is_damage() { damaged(what) } else { error.of_part(part()).into() }
        };
        let record = record.as_ref().ok_or_else(|| damaged("it has a vector and no readable record"))?;
        let vector = vector.as_ref().ok_or_else(|| damaged("it has a record and no readable vector"))?;
        let record = Record::decode(record).map_err(|error| undecoded(error, "the record does not decode"))?;
        let vector = Values::decode(vector).map_err(|error| undecoded(error, "the vector does not decode"))?.to_vec();
        if vector.len() != self.settings.dim {
            return Err(damaged("its vector has another width"));
        }
        if !vector.iter().all(|x| x.is_finite()) {
            return Err(damaged("its vector is not finite"));
        }
        if let Some(at) = too_long(&vector, self.settings.metric) {
            let (id, length, value) = (record.id, length(&vector), vector[at]);
            return Err(damaged(&format!(
                "the vector of {id:?} has length {length:.4e}, and {LONGEST:.4e} is the most (element {at} is {value:e})"
            )));
        }
        let mut features = Row::from_bytes(record.features).ok_or_else(|| damaged("the features do not decode"))?;
        self.patches.apply(*row, &mut features);
        Ok(NewRow { id: ItemId::new(record.id)?, vector, features: features.to_bytes() })
    }
}
