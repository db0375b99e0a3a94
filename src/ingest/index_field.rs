//! The index of a field is added to a collection that is in use, or dropped.
//!
//! The columns of segments are durable before one commit names them, together with the settings that say that the field is indexed. Sealing,
//! building and compaction wait; writes go on, and what they bring meanwhile is read at the end, under the writer lock. A reader keeps the
//! snapshot that it has.

use std::ops::Range;
use std::sync::Arc;

use torre_storage::{Batch, BlobMeta, Manifest, codec};

use crate::error::{Error, Result};
use crate::features::{Field, Schema};
use crate::ingest::Writer;
use crate::ingest::replace::Frozen;
use crate::ingest::writer::{Install, State};
use crate::progress::{NoProgress, Progress, Stage};
use crate::segment::{
    Column, ColumnBuilder, LiveRows, MOST_COLUMNS, Run, Sealed, Shared, Snapshot, TooManyRows, View, column_parts, free_column,
};

/// Rows between two looks whether to go on.
const ROWS_A_LOOK: u64 = 4096;

/// Indexes a field. Nothing happens where it is indexed already.
///
/// # Errors
/// [`Error::InvalidOption`] for a field that is not known or has values of another type, [`Error::Interrupted`], storage errors; nothing has
/// changed then.
pub(crate) fn add_index(writer: &Writer, name: &str, progress: &dyn Progress) -> Result<()> {
    let (_alone, _sealing) = (writer.maintenance.lock(), writer.sealing.lock());
    let shared = &*writer.shared;
    let segments = shared.read()?.segments.len();
    let frozen = Frozen::with_tail(writer, segments as u64)?;
    let before = &frozen.snapshot;
    let Some((schema, field)) = changed(before, name, true)? else { return Ok(()) };
    let columns = read(shared, before, 0..before.next_row, &field, progress)?;
    let (of_segments, of_runs) = columns.split_at(segments);
    let mut manifest = writer.lock().manifest.clone();
    let mut added: Vec<(u64, Vec<BlobMeta>)> = Vec::new();
    for (blob, (view, column)) in (frozen.blob..).zip(before.segments.iter().zip(of_segments)) {
        // In blobs of their own: those that the manifest names stay as they are.
        let number = meta_of(&mut manifest, view.body.blob).map_or(0, |meta| free_column(meta));
        added.push((view.body.blob, column.write(shared, blob, number)?));
    }
    shared.storage.flush_blobs()?;

    let mut state = writer.lock();
    let now = shared.snapshot.load_full();
    let mut next = Snapshot { schema: Arc::new(schema), ..Snapshot::clone(&now) };
    for (view, column) in next.segments.iter_mut().zip(of_segments) {
        let rows = view.body.rows.with_columns(view.body.rows.columns().with(Arc::clone(column)));
        view.body = Arc::new(Sealed { rows, ..Sealed::clone(&view.body) });
    }
    let is_new = |view: &&View<Run>| !before.runs.iter().any(|old| old.body.is(&view.body));
    let since = Snapshot { segments: vec![], runs: now.runs.iter().filter(is_new).cloned().collect(), ..Snapshot::clone(&now) };
    let mut late = read(shared, &since, before.next_row..now.next_row, &field, &NoProgress)?.into_iter();
    for view in &mut next.runs {
        let known = before.runs.iter().zip(of_runs).find(|(old, _)| old.body.is(&view.body)).map(|(_, column)| Arc::clone(column));
        // Those of new runs come in their order.
        if let Some(column) = known.or_else(|| late.next()) {
            view.body = Arc::new(view.body.with_rows(view.body.rows.with_columns(view.body.rows.columns().with(column))));
        }
    }
    next.patch_columns(&next.patches.since(before.patches.next))?;
    let mut manifest = state.manifest.clone();
    for (blob, parts) in added {
        if let Some(meta) = meta_of(&mut manifest, blob) {
            meta.parts.extend(parts);
        }
    }
    install(writer, &mut state, manifest, next)
}

/// Drops the index of a field. Nothing happens where it has none.
///
/// # Errors
/// [`Error::InvalidOption`] for a field that is not known; storage errors, with nothing changed unless they are about removing its column.
pub(crate) fn drop_index(writer: &Writer, name: &str) -> Result<()> {
    let (_alone, _sealing) = (writer.maintenance.lock(), writer.sealing.lock());
    let shared = &*writer.shared;
    let Some((schema, _)) = changed(&*shared.read()?, name, false)? else { return Ok(()) };
    let metas = writer.lock().manifest.segments.clone();
    let parts: Vec<BlobMeta> = metas.iter().map(|meta| column_parts(shared, meta, name)).collect::<Result<Vec<_>>>()?.concat();

    let mut state = writer.lock();
    let mut next = Snapshot { schema: Arc::new(schema), ..Snapshot::clone(&shared.snapshot.load()) };
    for view in &mut next.segments {
        let rows = view.body.rows.with_columns(view.body.rows.columns().without(name));
        view.body = Arc::new(Sealed { rows, ..Sealed::clone(&view.body) });
    }
    for view in &mut next.runs {
        let rows = view.body.rows.with_columns(view.body.rows.columns().without(name));
        view.body = Arc::new(view.body.with_rows(rows));
    }
    let mut manifest = state.manifest.clone();
    manifest.segments.iter_mut().for_each(|meta| meta.parts.retain(|part| !parts.contains(part)));
    install(writer, &mut state, manifest, next)?;
    drop(state);
    shared.storage.delete_parts(shared.id, &parts)?;
    Ok(())
}

/// Commits manifest and settings as one, and publishes what they describe.
fn install(writer: &Writer, state: &mut State, manifest: Manifest, snapshot: Snapshot) -> Result<()> {
    let mut batch = Batch::new();
    batch.put_collection(writer.shared.id, &codec::encode(&writer.shared.settings_of(&snapshot))?);
    writer.install(state, Install { batch, manifest, snapshot })
}

fn meta_of(manifest: &mut Manifest, blob: u64) -> Option<&mut torre_storage::SegmentMeta> {
    manifest.segments.iter_mut().find(|meta| meta.blob == blob)
}

/// The schema with the field's index, or without it, and the field; `None` where it is so already. A field that only the item tower reads is
/// taken into the schema, with the type that the tower's spec gives it.
fn changed(snapshot: &Snapshot, name: &str, indexed: bool) -> Result<Option<(Schema, Field)>> {
    let refused = |expected: String| Err(Error::InvalidOption { option: "index", given: name.to_owned(), expected });
    let mut schema = Schema::clone(&snapshot.schema);
    if !schema.names(name) {
        let spec = snapshot.space.towers.as_ref().map(|pair| pair.item_spec());
        let Some(kind) = spec.and_then(|spec| spec.field_type(name)) else {
            let declared = schema.fields.iter().map(|field| field.name.as_str());
            let known: Vec<&str> = declared.chain(spec.iter().flat_map(|spec| spec.fields())).collect();
            return refused(format!("a field whose type is known; there is: {}", known.join(", ")));
        };
        schema.fields.push(Field::new(name, kind));
    }
    if indexed && schema.indexed().count() >= MOST_COLUMNS {
        return refused(format!("at most {MOST_COLUMNS} indexed fields"));
    }
    let Some(field) = schema.fields.iter_mut().find(|field| field.name == name && field.indexed != indexed) else { return Ok(None) };
    field.indexed = indexed;
    let field = field.clone();
    Ok(Some((schema, field)))
}

/// The values of a field in the live rows of these numbers, a column a part of the snapshot; nowhere else has it one.
fn read(shared: &Shared, snapshot: &Snapshot, numbers: Range<u64>, field: &Field, progress: &dyn Progress) -> Result<Vec<Arc<Column>>> {
    // In the order of rows, behind one that is null; then in the order of positions.
    let mut arrived = ColumnBuilder::new(field);
    arrived.push(None);
    let mut orders: Vec<Vec<(u32, u32)>> = snapshot.tables().iter().map(|table| vec![(0, 0); table.len()]).collect();
    let (mut live, mut count) = (LiveRows::all(snapshot), 0u64);
    for record in shared.storage.records(shared.id, numbers) {
        let (row, bytes) = record?;
        let Some((part, position)) = live.place(row) else { continue };
        arrived.push(shared.features(snapshot, row, &shared.decode(row, &bytes)?)?.get(&field.name));
        count += 1;
        orders[part as usize][position as usize].1 = u32::try_from(count).map_err(|_| TooManyRows { rows: count, id_bytes: 0 })?;
        if arrived.misfits() > 0 {
            let expected = format!("a field that holds {} in every row, and row {row} has another value there", field.kind);
            return Err(Error::InvalidOption { option: "index", given: field.name.clone(), expected });
        }
        if count.is_multiple_of(ROWS_A_LOOK) {
            progress.update(Stage::Index, count, Some(snapshot.live()));
            if progress.cancelled() {
                return Err(Error::Interrupted);
            }
        }
    }
    if let Some(row) = live.missing() {
        return Err(shared.damaged(format!("row {row}"), "the record is missing"));
    }
    let arrived = arrived.finish()?;
    orders.iter().map(|order| Ok(Arc::new(Column::gather(&arrived, &[], order)?))).collect()
}
