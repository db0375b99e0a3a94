//! Building: a quantizer is trained on the collection as it is, and everything is coded anew with it, in one new segment.

use std::sync::Arc;

use torre_storage::Manifest;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::error::{Error, Result};
use crate::index::{IvfIndex, SearchEngine, Selection};
use crate::ingest::Writer;
use crate::ingest::calibrate::{DEEP_BYTES, Notes, Probes};
use crate::ingest::replace::{Frozen, too_many_rows};
use crate::ingest::resolve::{self, Source, resolve};
use crate::progress::{Progress, Stage};
use crate::quantizer::{Quantizer, TrainParams, group_weight};
use crate::segment::{IndexSettings, LiveRows, Origin, Place, RowTable, Sealed, Shared, Snapshot, Trained, Training, View};
use crate::types::Refine;
use crate::vector::Matrix;

/// Rows from which on a quantizer is trained in the background. Below, scanning every vector is as fast.
pub(crate) const TRAIN_ROWS: u64 = 10_000;
/// The quantizer is trained again in the background when the collection has grown by this factor.
const GROWTH: u64 = 8;
/// ... or when the relative quantization error of new segments is this many times that of its training.
const DRIFT: f64 = 1.25;
/// Vectors held at a time while coding.
const CHUNK_BYTES: usize = 64 << 20;
/// Vectors that training looks at, at most.
const SAMPLE_BYTES: usize = 256 << 20;

/// What to build. `None` keeps what the collection has.
#[derive(Clone, Default, Debug)]
pub(crate) struct BuildParams {
    pub(crate) index: Option<IndexSettings>,
    /// User vectors to calibrate recall with. Without them: vectors that were searched with, those of the last build, sampled rows.
    pub(crate) queries: Option<Matrix>,
    /// Bytes that building may take beside the index itself.
    pub(crate) memory: Option<usize>,
    /// See [`TrainParams::eta`].
    pub(crate) eta: Option<f32>,
    /// See [`TrainParams::rounds`].
    pub(crate) rounds: Option<usize>,
}

impl BuildParams {
    /// Bytes of the sample that training looks at; it is there twice while lists are found.
    fn sample_bytes(&self) -> usize {
        self.memory.map_or(SAMPLE_BYTES, |memory| SAMPLE_BYTES.min(memory / 4))
    }

    /// Bytes of vectors that are coded at a time; their codes and the way there take about as much again.
    fn chunk_bytes(&self) -> usize {
        self.memory.map_or(CHUNK_BYTES, |memory| CHUNK_BYTES.min(memory / 8))
    }

    fn deep_bytes(&self) -> usize {
        self.memory.map_or(DEEP_BYTES, |memory| DEEP_BYTES.min(memory / 8))
    }

    /// Where memory is short, what was freed goes back at once: the allocator would keep about as much as is in use.
    fn trim(&self, shared: &Shared) {
        if self.memory.is_some() {
            shared.process().trim();
        }
    }
}

/// What was built.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub(crate) struct Built {
    pub(crate) rows: u64,
    pub(crate) lists: usize,
    pub(crate) m: usize,
    /// Bytes of memory a row takes in the new segment: codes, refine vectors, ids and tables.
    pub(crate) bytes_per_row: f64,
    pub(crate) error: f64,
    /// What a query without options finds of the ten nearest, by the calibration.
    pub(crate) expected_recall: Option<f32>,
    /// The kind of refine vectors, never auto.
    pub(crate) refine: Refine,
    pub(crate) generation: u32,
}

/// True when the background should train: for the first time, after growth, after drift.
pub(crate) fn wants_build(snapshot: &Snapshot) -> bool {
    match &snapshot.training.trained {
        None => snapshot.live() >= TRAIN_ROWS,
        Some(trained) => {
            let grown = trained.rows < u64::from(u32::MAX) && snapshot.live() >= GROWTH * trained.rows.max(TRAIN_ROWS / GROWTH);
            let drifted = snapshot
                .segments
                .iter()
                .any(|view| view.body.error > DRIFT * trained.error && view.live() * 4 > snapshot.live() && view.live() >= TRAIN_ROWS);
            grown || drifted
        }
    }
}

/// Trains and codes everything anew.
///
/// # Errors
/// [`Error::InvalidOption`], [`Error::Interrupted`], storage errors; the old index stays in place then.
pub(crate) fn build(writer: &Writer, params: &BuildParams, progress: &dyn Progress) -> Result<Built> {
    let (_alone, _sealing) = (writer.maintenance.lock(), writer.sealing.lock());
    let _span = tracing::debug_span!("build").entered();
    let shared = &*writer.shared;
    let frozen = Frozen::with_tail(writer, 2)?;
    let snapshot = Arc::clone(&frozen.snapshot);
    let live = snapshot.live();
    if live == 0 {
        return Err(Error::Unsupported { what: "there is nothing to train on: the collection has no rows".to_owned() });
    }
    let index = params.index.clone().unwrap_or_else(|| snapshot.training.index.clone());
    let (sample, sampled) = sample(shared, &snapshot, index.seed, params.sample_bytes(), progress)?;
    let usual = TrainParams::new(shared.settings.metric);
    let train = TrainParams {
        lists: index.lists,
        m: index.m,
        seed: index.seed,
        eta: params.eta.or_else(|| snapshot.training.trained.as_ref().map(|trained| trained.engine.quantizer().eta)),
        group_weight: group_weight(index.refine),
        rows: usize::try_from(live).ok(),
        rounds: params.rounds.unwrap_or(usual.rounds),
        ..usual
    };
    let quantizer = Arc::new(shared.process().run(|| Quantizer::train(&sample, &train, progress))?);
    let before = snapshot.training.trained.as_ref().and_then(|trained| trained.queries.as_deref().cloned());
    let queries = params.queries.clone().or_else(|| shared.query_sample.take()).or(before);
    let probes = Probes::choose(&quantizer, queries, &sample, &sampled, live, index.seed);
    drop(sample);
    params.trim(shared);
    let mut notes = Notes::new(&probes, shared.settings.metric).deep(live, params.deep_bytes());
    let number = snapshot.training.number + 1;
    let at_first = resolve::at_first(index.refine);
    let coded = shared.process().run(|| code(shared, &snapshot, &quantizer, (at_first, params), &mut notes, progress))?;
    let engine = SearchEngine::new(Arc::clone(&quantizer));
    let (mut index_of_rows, rows, error) = coded.merge()?;
    drop(coded);
    let dead: Vec<u64> = snapshot.segments.iter().flat_map(View::dead).collect();
    let refine = match index.refine {
        Refine::Auto => resolve(
            &Source { shared, snapshot: &snapshot, quantizer: &quantizer },
            &notes.nearest(),
            (&mut index_of_rows, &rows),
            progress,
        )?,
        chosen => chosen,
    };
    let index_of_rows = Arc::new(index_of_rows);
    let mut sealed = Sealed { blob: frozen.blob + 1, origin: snapshot.origin(), index: index_of_rows, rows, error };
    params.trim(shared);
    let measured = shared.process().run(|| notes.measure(&engine, &[(&sealed, &sealed.index.all())], progress));
    let calibration = Some(measured?);
    let queries = probes.real().cloned().map(Arc::new);
    let trained = Arc::new(Trained { engine, rows: live, error: sealed.error, refine, calibration, queries });
    let built = Built {
        expected_recall: trained.expected_recall(live),
        rows: sealed.rows.len() as u64,
        lists: quantizer.lists(),
        m: quantizer.pq.m(),
        bytes_per_row: sealed.memory() as f64 / (sealed.rows.len().max(1)) as f64,
        error: sealed.error,
        refine,
        generation: number,
    };
    let mut training = Training { number, index, trained: Some(trained), ..Training::clone(&snapshot.training) };
    let meta = training.write(&shared.storage, shared.id, frozen.blob, &snapshot.space)?;
    sealed.origin = Origin::of(&snapshot.space, &training);
    let boundary = snapshot.next_row;
    let stored = frozen.store(sealed)?;
    shared.storage.flush_blobs()?;
    let mut unused: Vec<u64> = Vec::new();
    frozen.install(stored, dead, |next, manifest, view| {
        unused.extend(snapshot.segments.iter().map(|segment| segment.body.blob));
        let old: Vec<_> = manifest.segments.extract_if(.., |meta| unused.contains(&meta.blob)).collect();
        // Columns that were added later are in blobs of their own.
        unused.extend(old.iter().flat_map(|meta| meta.parts.iter().map(|part| part.blob)));
        unused.extend(blobs_of_trainings(manifest));
        manifest.training = number;
        manifest.trainings = vec![meta];
        next.training = Arc::new(training);
        next.segments = view.into_iter().collect();
        next.runs.retain(|run| run.body.rows.len() > 0 && run.body.rows.base() >= boundary);
        next.sealed_row = boundary;
    })?;
    unused.sort_unstable();
    unused.dedup();
    for blob in unused {
        shared.storage.delete_blob(shared.id, blob)?;
    }
    Ok(built)
}

/// Blobs of the trainings that a manifest names, each once.
fn blobs_of_trainings(manifest: &Manifest) -> Vec<u64> {
    let mut blobs: Vec<u64> = manifest.trainings.iter().flat_map(|meta| meta.parts.iter().map(|part| part.blob)).collect();
    blobs.sort_unstable();
    blobs.dedup();
    blobs
}

/// Vectors of live rows chosen by a hash of their row number, as many as `bytes` hold, and the numbers.
fn sample(shared: &Shared, snapshot: &Snapshot, seed: u64, bytes: usize, progress: &dyn Progress) -> Result<(Matrix, Vec<u64>)> {
    let wanted = (bytes / (4 * shared.settings.dim)).max(1) as u64;
    let share = wanted as f64 / snapshot.live() as f64;
    let below = if share >= 1.0 { u64::MAX } else { (share * u64::MAX as f64) as u64 };
    let (mut vectors, mut rows) = (Matrix::new(shared.settings.dim), Vec::new());
    let mut live = LiveRows::all(snapshot);
    for vector in shared.vectors(0..snapshot.next_row) {
        let (row, bytes) = vector?;
        if progress.cancelled() {
            return Err(Error::Interrupted);
        }
        if xxh3_64_with_seed(&row.to_le_bytes(), seed) <= below && live.place(row).is_some() {
            shared.values(row, &bytes)?.push_to(&mut vectors);
            rows.push(row);
        }
    }
    Ok((vectors, rows))
}

/// Everything coded, chunk by chunk.
#[derive(Default)]
struct Coded {
    chunks: Vec<Chunk>,
    /// Sum of relative squared errors.
    error: f64,
}

/// A part of the collection, coded.
struct Chunk {
    index: IvfIndex,
    /// By position of `index`.
    rows: RowTable,
}

/// Reads every live row of the snapshot and codes it, so many bytes of vectors at a time.
fn code(
    shared: &Shared,
    snapshot: &Snapshot,
    quantizer: &Quantizer,
    (refine, params): (Refine, &BuildParams),
    notes: &mut Notes<'_>,
    progress: &dyn Progress,
) -> Result<Coded> {
    let dim = shared.settings.dim;
    let chunk_rows = (params.chunk_bytes() / (4 * dim)).max(1);
    let (mut coded, mut done) = (Coded::default(), 0u64);
    let tables = snapshot.tables();
    let (mut vectors, mut rows, mut places) = (Matrix::new(dim), Vec::new(), Vec::<Place>::new());
    let mut flush = |coded: &mut Coded, vectors: &mut Matrix, rows: &mut Vec<u64>, places: &mut Vec<Place>| {
        done += rows.len() as u64;
        quantizer.carry(vectors);
        let assignment = quantizer.assign(vectors);
        notes.add(vectors, rows, &assignment, progress)?;
        let codes = quantizer.encode(vectors, &assignment);
        coded.error += quantizer.error(vectors, &assignment, &codes) * rows.len() as f64;
        let (index, order) = IvfIndex::build(quantizer, vectors, &assignment, &codes, refine).ok_or_else(too_many_rows)?;
        let order: Vec<Place> = order.iter().map(|&at| places[at as usize]).collect();
        coded.chunks.push(Chunk { index, rows: RowTable::gather(&tables, &order)? });
        *vectors = Matrix::new(dim);
        rows.clear();
        places.clear();
        params.trim(shared);
        progress.update(Stage::Encode, done, Some(snapshot.live()));
        if progress.cancelled() { Err(Error::Interrupted) } else { Ok(()) }
    };
    let mut live = LiveRows::all(snapshot);
    for vector in shared.vectors(0..snapshot.next_row) {
        let (row, bytes) = vector?;
        let Some(place) = live.place(row) else { continue };
        shared.values(row, &bytes)?.push_to(&mut vectors);
        rows.push(row);
        places.push(place);
        if rows.len() == chunk_rows {
            flush(&mut coded, &mut vectors, &mut rows, &mut places)?;
        }
    }
    shared.all_there(&live)?;
    if !rows.is_empty() {
        flush(&mut coded, &mut vectors, &mut rows, &mut places)?;
    }
    Ok(coded)
}

impl Coded {
    /// Index, rows and error of one segment of all chunks.
    fn merge(&self) -> Result<(IvfIndex, RowTable, f64)> {
        let rows: usize = self.chunks.iter().map(|chunk| chunk.rows.len()).sum();
        let error = self.error / rows.max(1) as f64;
        let all: Vec<Selection> = self.chunks.iter().map(|chunk| chunk.index.all()).collect();
        let inputs: Vec<(&IvfIndex, &Selection)> = self.chunks.iter().map(|chunk| &chunk.index).zip(&all).collect();
        let (index, order) = IvfIndex::merge(&inputs).ok_or_else(too_many_rows)?;
        let tables: Vec<&RowTable> = self.chunks.iter().map(|chunk| &chunk.rows).collect();
        Ok((index, RowTable::gather(&tables, &order)?, error))
    }
}
