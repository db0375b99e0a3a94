//! Dump: one state of the database as JSON lines and model files, to be loaded by this or another version.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use torre_storage::PolicyMeta;
use xxhash_rust::xxh3::{Xxh3Default, xxh3_64};

use crate::db::Database;
use crate::db::dump_files::{self, Described, DescribedLists, DescribedPolicy, HEADER, Header, LISTS, Line, ListLine, ROWS};
use crate::db::dump_files::{MODELS, SPECS};
use crate::db::pinned::Pinned;
use crate::db::staging::{Staging, failed};
use crate::error::{Error, Result};
use crate::features::Schema;
use crate::ingest;
use crate::progress::{Progress, Stage};
use crate::segment::{Changed, ListChange};

/// What a dump holds.
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
/// let report = database.dump(directory.path().join("dump"), &NoProgress)?;
/// assert_eq!((report.collections, report.rows), (1, 2));
/// # Ok::<(), torre::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Debug, Default, serde::Serialize)]
#[non_exhaustive]
pub struct DumpReport {
    /// Collections written.
    pub collections: u64,
    /// Rows of all collections.
    pub rows: u64,
    /// Bytes of the files of rows.
    pub bytes: u64,
    /// Time taken.
    #[serde(rename = "seconds", serialize_with = "super::options::seconds")]
    pub elapsed: Duration,
}

impl Database {
    /// Writes the database as it is at this moment into a new directory `out`: settings, rows with their vectors as JSON lines, towers
    /// as the ONNX files they came from. It does not depend on the format of the database; [`Database::load`] makes a database of it.
    /// Readers and writers go on meanwhile.
    ///
    /// # Errors
    /// [`Error::Io`], also when there is something at `out`; damage; [`Error::Interrupted`]. Nothing is left at `out` then.
    pub fn dump(&self, out: impl AsRef<Path>, progress: &dyn Progress) -> Result<DumpReport> {
        let start = Instant::now();
        let mut staging = Staging::new(out.as_ref())?;
        let mut report = self.pin(&self.collections(), |pinned_all| {
            let root = staging.make()?;
            let total = pinned_all.iter().map(|pinned| pinned.snapshot.live()).sum();
            let mut report = DumpReport { collections: pinned_all.len() as u64, ..DumpReport::default() };
            let mut collections = Vec::new();
            for (at, pinned) in pinned_all.iter().enumerate() {
                let directory = dump_files::directory(root, at);
                fs::create_dir(&directory).map_err(failed(&directory))?;
                write_towers(pinned, &directory)?;
                write_rankers(pinned, &directory)?;
                let mut counted = |bytes: u64| {
                    report.bytes += bytes;
                    report.rows += 1;
                    if report.rows.is_multiple_of(1000) {
                        progress.update(Stage::Copy, report.rows, Some(total));
                    }
                    if progress.cancelled() { Err(Error::Interrupted) } else { Ok(()) }
                };
                let rows = write_rows(pinned, &directory.join(ROWS), &mut counted)?;
                collections.push(Described { lists: write_lists(pinned, &directory.join(LISTS))?, ..describe(pinned, rows)? });
                sync(&directory)?;
            }
            let torre_dump = collections.iter().map(Described::format).max().unwrap_or(1);
            let header = Header { torre_dump, written_by: env!("CARGO_PKG_VERSION").to_owned(), collections };
            let path = root.join(HEADER);
            let text = serde_json::to_vec_pretty(&header).map_err(|error| failed(&path)(error.into()))?;
            write(&path, &text)?;
            sync(root)?;
            Ok(report)
        })?;
        staging.finish()?;
        report.elapsed = start.elapsed();
        Ok(report)
    }
}

fn describe(pinned: &Pinned, (rows, xxh3): (u64, u64)) -> Result<Described> {
    let shared = &pinned.core.shared;
    let settings = &shared.settings;
    let policy = |meta: &PolicyMeta| {
        let rules = ingest::read_policy(&shared.storage, shared.id, meta)?;
        Ok(DescribedPolicy { name: meta.name.clone(), version: meta.version, rules })
    };
    Ok(Described {
        name: pinned.name().to_owned(),
        dim: settings.dim,
        metric: settings.metric,
        schema: Schema::clone(&pinned.snapshot.schema),
        index: pinned.snapshot.training.index.clone(),
        trained: pinned.snapshot.training.trained.is_some(),
        towers: settings.towers,
        rows,
        xxh3: format!("{xxh3:016x}"),
        rankers: pinned.manifest.rankers.iter().map(|ranker| ranker.name.clone()).collect(),
        lists: None,
        policies: pinned.manifest.policies.iter().map(policy).collect::<Result<_>>()?,
    })
}

/// Writes the rows; returns how many there were and the checksum of the file.
fn write_rows(pinned: &Pinned, path: &Path, counted: &mut dyn FnMut(u64) -> Result<()>) -> Result<(u64, u64)> {
    let shared = &*pinned.core.shared;
    let mut file = BufWriter::new(File::create_new(path).map_err(failed(path))?);
    let (mut hash, mut rows, mut text) = (Xxh3Default::new(), 0, Vec::new());
    pinned.rows(|row, record, vector| {
        let (record, vector) = (shared.decode(row, record)?, shared.values(row, vector)?.to_vec());
        let features = shared.features(&pinned.snapshot, row, &record)?;
        let line = Line { id: record.id.to_owned(), vector, row: features.to_json() };
        text.clear();
        serde_json::to_writer(&mut text, &line).map_err(|error| failed(path)(error.into()))?;
        text.push(b'\n');
        hash.update(&text);
        rows += 1;
        file.write_all(&text).map_err(failed(path))?;
        counted(text.len() as u64)
    })?;
    let file = file.into_inner().map_err(|error| failed(path)(error.into_error()))?;
    file.sync_all().map_err(failed(path))?;
    Ok((rows, hash.digest()))
}

/// Writes the stored lists, where there are any.
fn write_lists(pinned: &Pinned, path: &Path) -> Result<Option<DescribedLists>> {
    if pinned.lists.is_empty() {
        return Ok(None);
    }
    let mut text = Vec::new();
    for ListChange { list, what } in &pinned.lists {
        if let Changed::Set(state) = what {
            let line = ListLine { list: list.to_string(), ids: state.ids.clone(), keep: state.keep, expires: state.expires };
            serde_json::to_writer(&mut text, &line).map_err(|error| failed(path)(error.into()))?;
            text.push(b'\n');
        }
    }
    write(path, &text)?;
    Ok(Some(DescribedLists { lists: pinned.lists.len() as u64, xxh3: format!("{:016x}", xxh3_64(&text)) }))
}

fn write_towers(pinned: &Pinned, directory: &Path) -> Result<()> {
    let Some(pair) = &pinned.snapshot.space.towers else { return Ok(()) };
    for (at, source) in [pair.item_source(), pair.user_source()].into_iter().enumerate() {
        write(&directory.join(MODELS[at]), &source.onnx)?;
        if let Some(spec) = &source.spec {
            write(&directory.join(SPECS[at]), spec.as_bytes())?;
        }
    }
    Ok(())
}

fn write_rankers(pinned: &Pinned, directory: &Path) -> Result<()> {
    let shared = &*pinned.core.shared;
    for (at, meta) in pinned.manifest.rankers.iter().enumerate() {
        let source = ingest::read_ranker(&shared.storage, shared.id, meta)?;
        let [onnx, spec] = dump_files::ranker(directory, at);
        write(&onnx, &source.onnx)?;
        if let Some(text) = &source.spec {
            write(&spec, text.as_bytes())?;
        }
    }
    Ok(())
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut file = File::create_new(path).map_err(failed(path))?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(failed(path))
}

/// Makes a directory's names durable.
fn sync(directory: &Path) -> Result<()> {
    #[cfg(unix)]
    File::open(directory).and_then(|directory| directory.sync_all()).map_err(failed(directory))?;
    #[cfg(not(unix))]
    let _ = directory;
    Ok(())
}
