//! A loaded collection: its shared state and its writer, and how they come out of storage.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use torre_storage::{CollectionId, Manifest, Storage};

use crate::db::tail::{IMPOSSIBLE, read_deltas, read_tail};
use crate::db::{list_log, policies, rankers};
use crate::error::{Error, Result};
use crate::ingest::{self, Dead, Sweep, Writer};
use crate::progress::{Progress, Stage};
use crate::segment::{Patches, Sealed, Settings, Shared, Snapshot, Space, Training, View};
use crate::sync::Instant;
use crate::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use crate::vector::Matrix;

/// Bytes of vectors that the tail may come to before training begins in the middle of an import.
const IMPORT_TAIL_BYTES: u64 = 256 << 20;

/// Rows of a tail and segments up to which nobody who writes has to wait.
const EASY_TAIL: u64 = 4 * ingest::SEAL_ROWS;
const EASY_SEGMENTS: usize = 24;
/// ... and patches, as a multiple of what makes folding due.
const EASY_PATCHES: f64 = 2.0;
/// The longest that a write waits for the background.
const LONGEST_WAIT: Duration = Duration::from_millis(250);

/// Everything about one open collection.
pub(crate) struct Core {
    pub(crate) shared: Arc<Shared>,
    pub(crate) writer: Writer,
    /// Imports that are running. What they bring is trained on once, when all of it is there, unless it is so much that the tail would
    /// take too much memory: training over and over as the collection grows would cost an import more than its rows do.
    pub(crate) imports: AtomicUsize,
    /// Nanoseconds that sealing took a row, last time; 0 before the first.
    seal_nanos: AtomicU64,
    /// The last piece of upkeep was a sweep.
    swept_last: AtomicBool,
    /// Since the last compaction deltas were folded.
    folded_last: AtomicBool,
}

impl Core {
    /// A collection that has just been created, with nothing in it.
    pub(crate) fn empty(
        storage: Storage,
        id: CollectionId,
        settings: Settings,
        manifest: Manifest,
        space: Space,
        training: Training,
    ) -> Self {
        let snapshot = Snapshot {
            version: 1,
            next_row: manifest.next_row,
            sealed_row: manifest.sealed_row,
            schema: Arc::new(settings.schema.clone()),
            space: Arc::new(space),
            rankers: Arc::default(),
            training: Arc::new(training),
            segments: vec![],
            runs: vec![],
            patches: Patches::new(manifest.first_delta.max(1)),
            epoch: Arc::default(),
        };
        let shared = Arc::new(Shared::new(storage, id, settings, snapshot));
        let writer = Writer::new(Arc::clone(&shared), manifest, Dead::default());
        let (swept_last, folded_last) = (AtomicBool::new(false), AtomicBool::new(false));
        Self { writer, shared, imports: AtomicUsize::new(0), seal_nanos: AtomicU64::new(0), swept_last, folded_last }
    }

    /// Reads a collection: space, training, segments in one sequential pass, the tail from its records and vectors.
    pub(crate) fn load(storage: Storage, id: CollectionId, settings: Settings) -> Result<Self> {
        let damaged = |what: &str| Error::Damaged { part: format!("manifest of collection {:?}", settings.name), what: what.to_owned() };
        let manifest = storage.manifest(id)?.ok_or_else(|| damaged("it is missing"))?;
        if manifest.next_row.max(manifest.next_blob) >= IMPOSSIBLE
            || manifest.sealed_row > manifest.next_row
            || manifest.training == u32::MAX
        {
            return Err(damaged("its numbers are impossible"));
        }
        let space = manifest.serving_space().ok_or_else(|| damaged("it does not list the space that serves"))?;
        let space = Space::read(&storage, id, space, &settings)?;
        let meta = manifest.serving_training().ok_or_else(|| damaged("it does not list the training that serves"))?;
        let training = Training::read(&storage, id, meta, &space)?;
        let sample = Training::read_sample(&storage, id, meta, settings.dim);
        let tombstones = storage.tombstones(id)?.rows;
        let stored = tombstones.len() as u64;
        let mut dead: HashSet<u64> = tombstones.into_iter().collect();
        if dead.iter().any(|&row| row >= IMPOSSIBLE) {
            return Err(damaged("there are tombstones of rows that cannot be"));
        }
        let mut core = Self::empty(storage, id, settings, manifest, space, training);
        core.restore_sample(sample);
        let mut snapshot = Snapshot::clone(&core.shared.snapshot.load_full());
        read_deltas(&core.shared, &mut snapshot, core.writer.lock().manifest.first_delta)?;
        for meta in &core.writer.lock().manifest.segments {
            let sealed = Sealed::read(&core.shared, &snapshot.schema, &snapshot.space, &snapshot.training, meta)?;
            snapshot.segments.push(without(sealed, &dead));
        }
        let patches = snapshot.patches.all();
        snapshot.patch_columns(&patches)?;
        read_tail(&core.shared, &mut snapshot, &dead)?;
        // A deleted row at the end may have lost its record to a seal that a crash cut short: its tombstone must not fall on a new row.
        snapshot.next_row = dead.iter().fold(snapshot.next_row, |next, &row| next.max(row.saturating_add(1)));
        for row in snapshot.segments.iter().flat_map(View::dead) {
            dead.remove(&row);
        }
        let dead = Dead::found(dead.into_iter().collect(), stored, snapshot.next_row);
        let manifest = core.writer.lock().manifest.clone();
        snapshot.rankers = rankers::read(&core.shared, &manifest)?;
        list_log::restore(&core.shared)?;
        policies::read(&core.shared, &manifest)?;
        core.shared.snapshot.store(Arc::new(snapshot));
        core.writer = Writer::new(Arc::clone(&core.shared), manifest, dead);
        Ok(core)
    }

    /// Goes on with the sample of queries that was stored, or with the queries that the training was calibrated with.
    fn restore_sample(&self, sample: Option<(u64, Matrix)>) {
        let snapshot = self.shared.snapshot.load();
        let used = snapshot.training.trained.as_ref().and_then(|trained| trained.queries.clone());
        match (sample, &used) {
            (Some((seen, sample)), used) => self.shared.query_sample.restore(&sample, seen, used.is_some()),
            (None, Some(queries)) => self.shared.query_sample.restore(queries, queries.rows() as u64, true),
            (None, None) => {}
        }
    }

    /// Stores the sample of queries before the database is closed.
    pub(crate) fn store_sample(&self) -> Result<()> {
        ingest::store_sample(&self.writer)
    }

    fn wants_build(&self, snapshot: &Snapshot, now: bool) -> bool {
        let waits = !now && self.imports.load(Ordering::Relaxed) > 0 && {
            let bytes = snapshot.tail() * self.shared.settings.dim as u64 * 4;
            snapshot.training.trained.is_some() || bytes < IMPORT_TAIL_BYTES
        };
        !waits && ingest::wants_build(snapshot)
    }

    /// Seals, trains, compacts until there is nothing left to do. With `all`, the tail is sealed however short it is, and
    /// training does not wait for the end of an import.
    pub(crate) fn maintain(&self, all: bool, progress: &dyn Progress) -> Result<()> {
        let progress = &UnlessDropped { progress, shared: &self.shared };
        // Once: where writers go on, there is always a tail again.
        let (mut worked, mut seal_all) = (false, all);
        while let Some(task) = self.next_task(all, seal_all) {
            self.perform(task, progress)?;
            (worked, seal_all) = (true, false);
        }
        if all {
            worked |= ingest::fold(&self.writer, Sweep::Whole, progress)? > 0;
            ingest::sweep(&self.writer, Sweep::Whole, progress)?;
        }
        // What was written on the way stays in the stores' memory otherwise.
        if worked {
            self.trim()?;
        }
        Ok(())
    }

    /// Does one piece of the background's work of this kind, if there is any; true when there was.
    pub(crate) fn tend(&self, duty: Duty, progress: &dyn Progress) -> Result<bool> {
        let progress = &UnlessDropped { progress, shared: &self.shared };
        let Some(task) = self.task(duty) else { return Ok(false) };
        self.perform(task, progress)?;
        Ok(true)
    }

    fn perform(&self, task: Task, progress: &dyn Progress) -> Result<()> {
        // Under a load of updates these come often, and what they took lies in as many pieces as they had rows.
        let trims = matches!(task, Task::Build | Task::Seal | Task::Compact);
        match task {
            Task::Build => drop(ingest::build(&self.writer, &ingest::BuildParams::default(), progress)?),
            Task::Seal => {
                let start = Instant::now();
                let rows = ingest::seal(&self.writer, progress)?;
                if let Some(nanos) = (start.elapsed().as_nanos() as u64).checked_div(rows) {
                    self.seal_nanos.store(nanos.max(1), Ordering::Relaxed);
                }
            }
            Task::Compact => {
                self.swept_last.store(false, Ordering::Relaxed);
                self.folded_last.store(false, Ordering::Relaxed);
                ingest::compact(&self.writer, ingest::pick, progress)?;
            }
            Task::Fold => {
                self.folded_last.store(true, Ordering::Relaxed);
                ingest::fold(&self.writer, Sweep::Quick, progress)?;
            }
            Task::Recalibrate => drop(ingest::recalibrate(&self.writer, progress)?),
            Task::Sweep => {
                self.swept_last.store(true, Ordering::Relaxed);
                ingest::sweep(&self.writer, Sweep::Quick, progress)?;
            }
        }
        if trims {
            self.shared.process().trim();
        }
        Ok(())
    }

    /// Trims the memory that is not needed while nothing is written.
    pub(crate) fn trim(&self) -> Result<()> {
        self.shared.storage.trim()?;
        self.shared.process().trim();
        Ok(())
    }

    /// The number that the next row will get: it tells whether anybody writes.
    pub(crate) fn next_row(&self) -> u64 {
        self.shared.snapshot.load().next_row
    }

    fn next_task(&self, all: bool, seal_all: bool) -> Option<Task> {
        let snapshot = self.shared.snapshot.load();
        let sealable = if seal_all { 1 } else { ingest::SEAL_ROWS };
        if self.wants_build(&snapshot, all) {
            Some(Task::Build)
        } else if snapshot.training.trained.is_some() && snapshot.tail() >= sealable {
            Some(Task::Seal)
        } else {
            self.upkeep(&snapshot)
        }
    }

    /// What the background has to do of this kind.
    fn task(&self, duty: Duty) -> Option<Task> {
        let snapshot = self.shared.snapshot.load();
        match duty {
            Duty::Seal => (snapshot.training.trained.is_some() && snapshot.tail() >= ingest::SEAL_ROWS).then_some(Task::Seal),
            Duty::Upkeep if self.wants_build(&snapshot, false) => Some(Task::Build),
            Duty::Upkeep => self.upkeep(&snapshot),
        }
    }

    /// Compaction, folding and sweeping take turns, so that none of them waits for another to have nothing to do.
    fn upkeep(&self, snapshot: &Snapshot) -> Option<Task> {
        if self.shared.query_sample.is_due() && snapshot.training.trained.is_some() && snapshot.segments.iter().any(|view| view.live() > 0)
        {
            return Some(Task::Recalibrate);
        }
        let sweeps = self.writer.lock().dead.removable() >= ingest::SWEEP_ROWS;
        let swept = self.swept_last.load(Ordering::Relaxed);
        if sweeps && !swept {
            return Some(Task::Sweep);
        }
        let folds = snapshot.patches.fullness(snapshot.live()) >= 1.0;
        if folds && !self.folded_last.load(Ordering::Relaxed) {
            return Some(Task::Fold);
        }
        if !ingest::pick(&sizes(snapshot)).is_empty() {
            return Some(Task::Compact);
        }
        if sweeps { Some(Task::Sweep) } else { folds.then_some(Task::Fold) }
    }

    /// True when the background has something of this kind to do.
    pub(crate) fn wants(&self, duty: Duty) -> bool {
        self.task(duty).is_some()
    }

    /// How long whoever wants to write so many rows should wait, so that rows come no faster than they can be sealed and folded in the long run.
    /// Nothing while the background keeps up; it grows with what it is behind, so that no write waits for long.
    pub(crate) fn pace(&self, rows: usize) -> Duration {
        let snapshot = self.shared.snapshot.load();
        let (live, masked) = snapshot
            .segments
            .iter()
            .fold((0, 0), |(live, masked), view| (live + view.live(), masked + view.body.rows.len() as u64 - view.live()));
        let behind = [
            snapshot.tail() as f64 / EASY_TAIL as f64,
            snapshot.segments.len() as f64 / EASY_SEGMENTS as f64,
            masked as f64 / (live + 4 * ingest::SEAL_ROWS) as f64,
        ];
        let behind = behind.into_iter().fold(0.0, f64::max) - 1.0;
        let unfolded = snapshot.patches.fullness(snapshot.live()) / EASY_PATCHES - 1.0;
        if unfolded > 0.0 {
            return LONGEST_WAIT.mul_f64(unfolded.min(1.0));
        }
        if behind <= 0.0 || snapshot.training.trained.is_none() {
            return Duration::ZERO;
        }
        let nanos = self.seal_nanos.load(Ordering::Relaxed) as f64 * rows as f64 * behind.min(4.0);
        Duration::from_nanos(nanos as u64).min(LONGEST_WAIT)
    }
}

/// Progress of maintenance that ends when the collection is dropped.
struct UnlessDropped<'a> {
    progress: &'a dyn Progress,
    shared: &'a Shared,
}

impl Progress for UnlessDropped<'_> {
    fn update(&self, stage: Stage, done: u64, total: Option<u64>) {
        self.progress.update(stage, done, total);
    }

    fn cancelled(&self) -> bool {
        self.progress.cancelled() || self.shared.is_dropped()
    }
}

/// A piece of maintenance.
enum Task {
    Build,
    Seal,
    Compact,
    Fold,
    Recalibrate,
    Sweep,
}

/// What a thread of the background does: a long compaction or training must not keep the tail from being sealed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Duty {
    Seal,
    /// Trains, compacts, folds, sweeps.
    Upkeep,
}

/// Rows and live rows of a snapshot's segments.
fn sizes(snapshot: &Snapshot) -> Vec<ingest::Size> {
    snapshot.segments.iter().map(|view| ingest::Size { rows: view.body.rows.len() as u64, live: view.live() }).collect()
}

/// A segment without its deleted rows.
fn without(sealed: Sealed, dead: &HashSet<u64>) -> View<Sealed> {
    let mut selection = sealed.index.all();
    if !dead.is_empty() {
        for (position, row) in sealed.rows.numbers().enumerate() {
            if dead.contains(&row) {
                let (block, lane) = sealed.index.block_lane(position);
                selection.remove(block, lane);
            }
        }
    }
    View { body: Arc::new(sealed), selection }
}
