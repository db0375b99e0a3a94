//! Calibrating again with what users have asked since: the quantizer and the segments stay as they are.

use std::sync::Arc;

use torre_storage::TrainingMeta;

use crate::error::{Error, Result};
use crate::index::SearchEngine;
use crate::ingest::Writer;
use crate::ingest::calibrate::{DEEP_BYTES, Notes, Probes};
use crate::ingest::replace::Frozen;
use crate::progress::{Progress, Stage};
use crate::segment::{LiveRows, Snapshot, Trained, Training};
use crate::vector::Matrix;

/// Vectors compared with the queries at a time.
const CHUNK_BYTES: usize = 16 << 20;

/// Calibrates recall targets with the sample of queries, where there is one that was not used yet; false where there is not.
///
/// # Errors
/// [`Error::Interrupted`], storage errors; nothing has changed then.
pub(crate) fn recalibrate(writer: &Writer, progress: &dyn Progress) -> Result<bool> {
    let _locks = (writer.maintenance.lock(), writer.sealing.lock());
    let _span = tracing::debug_span!("recalibrate").entered();
    let shared = &*writer.shared;
    let Some(queries) = shared.query_sample.take() else { return Ok(false) };
    let done = measure(writer, queries, progress);
    // What is damaged stays so: only the next sample tries again.
    if matches!(done, Err(Error::Interrupted)) {
        shared.query_sample.put_back();
    }
    done
}

fn measure(writer: &Writer, queries: Matrix, progress: &dyn Progress) -> Result<bool> {
    let shared = &*writer.shared;
    let frozen = Frozen::segments(writer, 1)?;
    let snapshot = &*frozen.snapshot;
    let Some(trained) = snapshot.training.trained.clone() else { return Ok(false) };
    if snapshot.segments.iter().all(|view| view.live() == 0) {
        return Ok(false);
    }
    let quantizer = trained.engine.quantizer();
    let probes =
        Probes::choose(quantizer, Some(queries), &Matrix::new(shared.settings.dim), &[], snapshot.live(), snapshot.training.index.seed);
    let mut notes = Notes::new(&probes, shared.settings.metric).deep(snapshot.live(), DEEP_BYTES);
    let chunk_rows = (CHUNK_BYTES / (4 * shared.settings.dim)).max(1);
    let (mut vectors, mut rows, mut lists) = (Matrix::new(shared.settings.dim), Vec::new(), Vec::new());
    let (mut done, live) = (0, snapshot.live() - snapshot.tail());
    let (mut places, mut stored) = (LiveRows::sealed(snapshot), shared.vectors(0..snapshot.sealed_row));
    loop {
        let vector = stored.next().transpose()?;
        if let Some((row, bytes)) = &vector
            && let Some((segment, position)) = places.place(*row)
        {
            shared.values(*row, bytes)?.push_to(&mut vectors);
            rows.push(*row);
            lists.push(snapshot.segments[segment as usize].body.index.layout().list_of(position as usize) as u32);
        }
        if rows.len() == chunk_rows || vector.is_none() {
            done += rows.len() as u64;
            quantizer.carry(&mut vectors);
            shared.process().run(|| notes.add(&vectors, &rows, &lists, progress))?;
            progress.update(Stage::Calibrate, done, Some(live));
            if progress.cancelled() {
                return Err(Error::Interrupted);
            }
            (vectors, rows, lists) = (Matrix::new(shared.settings.dim), Vec::new(), Vec::new());
        }
        if vector.is_none() {
            break;
        }
    }
    shared.all_there(&places)?;
    let parts: Vec<_> = snapshot.segments.iter().map(|view| (&*view.body, &view.selection)).collect();
    let calibration = Some(shared.process().run(|| notes.measure(&trained.engine, &parts, progress))?);
    let training = Training {
        trained: Some(Arc::new(Trained {
            engine: SearchEngine::new(Arc::clone(quantizer)),
            rows: trained.rows,
            error: trained.error,
            refine: trained.refine,
            calibration,
            queries: probes.real().cloned().map(Arc::new),
        })),
        ..Training::clone(&snapshot.training)
    };
    replace(writer, &frozen, |before| training.write_calibration(&shared.storage, shared.id, frozen.blob, before), Some(&training))?;
    Ok(true)
}

/// Stores the sample of queries beside the training, so that the next opening goes on with it; nothing where it has hardly changed.
///
/// # Errors
/// Storage errors.
pub(crate) fn store_sample(writer: &Writer) -> Result<()> {
    let _locks = (writer.maintenance.lock(), writer.sealing.lock());
    let shared = &*writer.shared;
    let Some((seen, sample)) = shared.query_sample.unstored() else { return Ok(()) };
    if shared.is_dropped() || shared.snapshot.load().training.trained.is_none() {
        return Ok(());
    }
    let frozen = Frozen::segments(writer, 1)?;
    let write = |before: &TrainingMeta| Training::write_sample(&shared.storage, shared.id, frozen.blob, before, (seen, &sample));
    replace(writer, &frozen, write, None)?;
    shared.query_sample.stored(seen);
    Ok(())
}

/// Puts a training with some other parts in the place of the current one, of the same number, and removes the parts that it replaces.
fn replace(
    writer: &Writer,
    frozen: &Frozen<'_>,
    write: impl FnOnce(&TrainingMeta) -> Result<TrainingMeta>,
    training: Option<&Training>,
) -> Result<()> {
    let shared = &*writer.shared;
    let number = frozen.snapshot.training.number;
    let before = writer.lock().manifest.trainings.iter().find(|meta| meta.number == number).cloned();
    let before = before.ok_or_else(|| shared.damaged("the manifest", "it does not list the current training"))?;
    let meta = write(&before)?;
    shared.storage.flush_blobs()?;
    let mut gone = before.parts;
    gone.retain(|part| !meta.parts.contains(part));
    frozen.install(None, [], |next: &mut Snapshot, manifest, _| {
        manifest.trainings = vec![meta];
        if let Some(training) = training {
            next.training = Arc::new(training.clone());
        }
    })?;
    Ok(shared.storage.delete_parts(shared.id, &gone)?)
}
