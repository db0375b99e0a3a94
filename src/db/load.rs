//! Load: a new database from a dump.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::time::{Duration, Instant};

use torre_storage::Durability;
use xxhash_rust::xxh3::{Xxh3Default, xxh3_64};

use crate::db::dump_files::{self, Described, DescribedLists, FORMAT, HEADER, Header, LISTS, Line, ListLine, ROWS, damaged};
use crate::db::dump_files::{MODELS, SPECS};
use crate::db::list_log;
use crate::db::staging::{Staging, failed};
use crate::db::stored_list::check_name;
use crate::db::{BuildOptions, Collection, CollectionOptions, Database};
use crate::error::{Error, Result};
use crate::features::Row;
use crate::ingest::{NewRow, Op};
use crate::progress::{Progress, Stage};
use crate::ranker::RankerSource;
use crate::segment::{ListChange, ListState};
use crate::tower::{TowerPair, TowerSource};
use crate::types::{ItemId, Metric};
use crate::vector::{self, too_long};

/// Rows of one commit.
const BATCH: usize = 1000;
/// Longest header and longest line of rows that are taken, in bytes.
const LONGEST: u64 = 256 << 20;

/// What was loaded.
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
/// let (dump, new) = (directory.path().join("dump"), directory.path().join("new"));
/// database.dump(&dump, &NoProgress)?;
/// assert_eq!(Database::load(&new, &dump, &NoProgress)?.rows, 2);
/// assert_eq!(Database::open(&new)?.collection("films")?.len(), 2);
/// # Ok::<(), torre::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Debug, Default, serde::Serialize)]
#[non_exhaustive]
pub struct LoadReport {
    /// Collections made.
    pub collections: u64,
    /// Rows of all collections.
    pub rows: u64,
    /// Time taken.
    #[serde(rename = "seconds", serialize_with = "super::options::seconds")]
    pub elapsed: Duration,
}

impl Database {
    /// Makes a new database at `path`, where there must be nothing, of what [`Database::dump`] wrote into the directory `dump`: the same
    /// collections with the same rows and vectors (the towers do not run again). An index that was trained is trained again. The
    /// database appears at `path` when it is whole and durable; open it then.
    ///
    /// # Errors
    /// [`Error::InvalidDump`] naming file and line, [`Error::Io`], errors of the towers, [`Error::Interrupted`], storage errors. Nothing
    /// is left at `path` then.
    pub fn load(path: impl AsRef<Path>, dump: impl AsRef<Path>, progress: &dyn Progress) -> Result<LoadReport> {
        let (start, dump) = (Instant::now(), dump.as_ref());
        let mut staging = Staging::new(path.as_ref())?;
        let header = read_header(&dump.join(HEADER))?;
        let database = Self::create_quiet(staging.make()?)?;
        let total = header.collections.iter().map(|collection| collection.rows).fold(0, u64::saturating_add);
        let mut report = LoadReport::default();
        for (at, described) in header.collections.iter().enumerate() {
            let directory = dump_files::directory(dump, at);
            let collection = database.create_collection(&described.name, options(described, &directory)?)?;
            let loading = Loading { described, path: &directory.join(ROWS), collection: &collection };
            loading.run(&mut |rows| {
                report.rows += rows;
                progress.update(Stage::Copy, report.rows, Some(total));
                if progress.cancelled() { Err(Error::Interrupted) } else { Ok(()) }
            })?;
            if let Some(lists) = &described.lists {
                load_lists(&collection, lists, &directory.join(LISTS))?;
            }
            for (at, name) in described.rankers.iter().enumerate() {
                collection.attach_ranker(name, &ranker(&directory, at)?)?;
            }
            for policy in &described.policies {
                policy.rules.check()?;
                collection.put_policy(&policy.name, &policy.rules, Some(policy.version))?;
            }
            if described.trained && !collection.is_empty() {
                collection.build(&BuildOptions::default(), progress)?;
            }
            report.collections += 1;
        }
        database.close_whole()?;
        staging.finish()?;
        report.elapsed = start.elapsed();
        Ok(report)
    }

    /// A new database for bulk work: nothing runs beside it, and it is flushed at the end.
    pub(super) fn create_quiet(path: &Path) -> Result<Self> {
        let mut builder = Self::builder(path).background(false).durability(Durability::Batched(Duration::from_secs(1)));
        builder.storage.create = torre_storage::Create::New;
        builder.open()
    }

    /// Flushes and closes; other handles of the database answer that it is closed.
    pub(super) fn close_whole(self) -> Result<()> {
        self.inner.storage.flush()?;
        Ok(self.inner.storage.clone().close()?)
    }
}

fn read_header(path: &Path) -> Result<Header> {
    let mut text = Vec::new();
    File::open(path).and_then(|file| file.take(LONGEST).read_to_end(&mut text)).map_err(failed(path))?;
    // Of a newer layout only its number is known.
    let json: serde_json::Value = serde_json::from_slice(&text).map_err(|error| damaged(path, error.to_string()))?;
    match json.get("torre_dump").and_then(serde_json::Value::as_u64) {
        Some(format) if format > u64::from(FORMAT) => {
            Err(damaged(path, format!("format {format}, and this version knows formats up to {FORMAT}; use a newer Torre")))
        }
        Some(_) => serde_json::from_value(json).map_err(|error| damaged(path, error.to_string())),
        None => Err(damaged(path, "it is not the header of a dump")),
    }
}

/// Takes the stored lists of a file.
fn load_lists(collection: &Collection, described: &DescribedLists, path: &Path) -> Result<()> {
    let text = fs::read(path).map_err(failed(path))?;
    let xxh3 = format!("{:016x}", xxh3_64(&text));
    if xxh3 != described.xxh3 {
        return Err(damaged(path, format!("checksum {xxh3}, where the header says {}", described.xxh3)));
    }
    let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let changes = (1..).zip(lines).map(|(number, line)| {
        let wrong = |what: String| damaged(path, format!("line {number}: {what}"));
        let ListLine { list, ids, keep, expires } = serde_json::from_slice(line).map_err(|error| wrong(error.to_string()))?;
        if let Some(Err(error)) = ids.iter().map(|id| ItemId::new(&**id)).find(Result::is_err) {
            return Err(wrong(error.to_string()));
        }
        check_name(&list).map_err(|error| wrong(error.to_string()))?;
        Ok(ListChange::set(&list, ListState { ids, keep, expires }))
    });
    let changes = changes.collect::<Result<Vec<ListChange>>>()?;
    if changes.len() as u64 != described.lists {
        return Err(damaged(path, format!("{} lists, where the header says {}", changes.len(), described.lists)));
    }
    for batch in list_log::batches(&changes) {
        collection.put_as_stored(batch.iter().cloned().map(Op::List).collect())?;
    }
    Ok(())
}

fn options(described: &Described, directory: &Path) -> Result<CollectionOptions> {
    let mut options = CollectionOptions::vectors(described.dim, described.metric);
    if described.towers {
        options = with_towers(directory)?;
        if (options.dim, options.metric) != (described.dim, described.metric) {
            return Err(damaged(directory, "the towers make vectors of another width or metric than the header says"));
        }
    }
    Ok(CollectionOptions { schema: described.schema.clone(), index: described.index.clone(), ..options })
}

/// The spec beside a model, where there is one.
fn beside(spec: &Path) -> Result<Option<String>> {
    match fs::read_to_string(spec) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed(spec)(error)),
    }
}

fn ranker(directory: &Path, at: usize) -> Result<RankerSource> {
    let [onnx, spec] = dump_files::ranker(directory, at);
    Ok(RankerSource { spec: beside(&spec)?, ..RankerSource::from_file(onnx)? })
}

fn with_towers(directory: &Path) -> Result<CollectionOptions> {
    let source = |at: usize| -> Result<TowerSource> {
        Ok(TowerSource { spec: beside(&directory.join(SPECS[at]))?, ..TowerSource::from_file(directory.join(MODELS[at]))? })
    };
    Ok(CollectionOptions::towers(&TowerPair::new(source(0)?, source(1)?)?))
}

/// The rows of one collection on their way in.
struct Loading<'a> {
    described: &'a Described,
    path: &'a Path,
    collection: &'a Collection,
}

impl Loading<'_> {
    fn run(&self, loaded: &mut dyn FnMut(u64) -> Result<()>) -> Result<()> {
        let mut file = BufReader::new(File::open(self.path).map_err(failed(self.path))?);
        let (mut hash, mut rows, mut text) = (Xxh3Default::new(), 0u64, Vec::new());
        let mut batch = Vec::new();
        loop {
            text.clear();
            (&mut file).take(LONGEST).read_until(b'\n', &mut text).map_err(failed(self.path))?;
            if text.is_empty() {
                break;
            }
            rows += 1;
            hash.update(&text);
            let row = self.row(&text).map_err(|what| damaged(self.path, format!("line {rows}: {what}")))?;
            batch.push(Op::Put(row));
            if batch.len() == BATCH {
                loaded(self.commit(&mut batch)?)?;
            }
        }
        loaded(self.commit(&mut batch)?)?;
        let xxh3 = format!("{:016x}", hash.digest());
        if (rows, &xxh3) != (self.described.rows, &self.described.xxh3) || self.collection.len() != rows {
            let what = format!(
                "{rows} rows with checksum {xxh3} and {} ids, where the header says {} with {}",
                self.collection.len(),
                self.described.rows,
                self.described.xxh3
            );
            return Err(damaged(self.path, what));
        }
        Ok(())
    }

    fn commit(&self, batch: &mut Vec<Op>) -> Result<u64> {
        let rows = batch.len() as u64;
        self.collection.put_as_stored(std::mem::take(batch))?;
        Ok(rows)
    }

    fn row(&self, text: &[u8]) -> Result<NewRow, String> {
        let line: Line = serde_json::from_slice(text).map_err(|error| error.to_string())?;
        let id = ItemId::new(line.id).map_err(|error| error.to_string())?;
        if line.vector.len() != self.described.dim {
            return Err(format!("a vector of length {}, where the collection has length {}", line.vector.len(), self.described.dim));
        }
        let square: f64 = line.vector.iter().map(|&x| f64::from(x) * f64::from(x)).sum();
        if !square.is_finite() {
            return Err("a vector that is not finite".to_owned());
        }
        if let Some(at) = too_long(&line.vector, self.described.metric) {
            let (value, most) = (line.vector[at], vector::LONGEST);
            return Err(format!("a vector of length {:.4e}, and {most:.4e} is the most (element {at} is {value:e})", square.sqrt()));
        }
        if self.described.metric == Metric::Cosine && (square - 1.0).abs() > 1e-3 {
            return Err("a vector that is not of unit length, under the metric cosine".to_owned());
        }
        let row = Row::from_json_value(line.row).map_err(|error| error.to_string())?;
        row.check_storable(0).map_err(|error| error.to_string())?;
        Ok(NewRow { id, vector: line.vector, features: row.to_bytes() })
    }
}
