//! `import`: files into a collection, batch by batch. Reading goes on while a batch is encoded and committed.

use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Instant;

use serde_json::json;

use super::command::Import;
use super::failure::Failure;
use super::output::{Output, count, grouped, rounded, to_json};
use torre::Collection;
use torre::Error;
use torre::Item;
use torre::{FeatureError, FeatureSpec, FieldType, Schema};
use torre::{Progress, Stage};
use torre_data::{CellKind, ColumnKind, ImportError, ImportRow, Meter, Place, ReadOptions, Source, Taken, VectorChunk, Why};

/// Batches read ahead at most.
const AHEAD: usize = 4;

/// Items of one batch and where each stood in its file.
struct Batch {
    items: Vec<Item>,
    places: Vec<Place>,
    bad: Vec<ImportError>,
}

#[derive(Default)]
struct Tally {
    rows: u64,
    inserted: u64,
    updated: u64,
    rejected: u64,
    first_rejected: Option<String>,
    /// What was taken otherwise than it stood there, by file.
    taken: Vec<(String, Taken)>,
}

pub(super) fn run(collection: &Collection, args: &Import, progress: &dyn Progress) -> Result<Output, Failure> {
    let start = Instant::now();
    let mut tally = Tally::default();
    check(collection, args)?;
    let importing = collection.begin_import();
    let done = args.files.iter().try_for_each(|path| file(collection, path, args, progress, &mut tally));
    drop(importing);
    if let Err(failure) = done {
        if tally.inserted + tally.updated == 0 {
            return Err(failure);
        }
        // What is in is in: say so, or the numbers of a run stopped halfway are anybody's guess.
        let stored = format!("{} stored before that; running the import again completes it", count(tally.inserted + tally.updated, "row"));
        return Err(Failure::new(format!("{failure} ({stored})")));
    }
    let elapsed = start.elapsed().as_secs_f64();
    let mut notes = vec![tally.told(elapsed)];
    notes.extend(tally.taken.iter().flat_map(|(file, taken)| told(file, taken)));
    notes.extend(tally.first_rejected.iter().map(|first| format!("first rejected: {first}")));
    if !args.no_seal {
        match collection.maintain(progress) {
            Ok(()) => {}
            Err(Error::Interrupted) => {
                notes.push("interrupted while sealing; every row is stored, and sealing goes on in the background".to_owned())
            }
            Err(error) => return Err(error.into()),
        }
    }
    let ignored = tally.taken.iter().flat_map(|(_, taken)| &taken.ignored).map(|ignored| ignored.column.as_str());
    let ignored: std::collections::BTreeSet<&str> = ignored.collect();
    let json = json!({
        "rows": tally.rows,
        "inserted": tally.inserted,
        "updated": tally.updated,
        "rejected": tally.rejected,
        "first_rejected": tally.first_rejected,
        "floats_as_integers": tally.taken.iter().map(|(_, taken)| taken.whole).sum::<u64>(),
        "nan_as_null": tally.taken.iter().map(|(_, taken)| taken.nan).sum::<u64>(),
        "ignored_columns": ignored,
        "seconds": rounded(elapsed, 3),
        "rows_per_second": (tally.rows as f64 / elapsed.max(1e-9)).round(),
    });
    Ok(Output { json: to_json(&json), notes, ..Output::default() })
}

/// What can be refused before a file is opened.
fn check(collection: &Collection, args: &Import) -> Result<(), Failure> {
    let columns = args.columns();
    let named = columns.iter().map(|(field, _)| field.as_str());
    let all: Vec<&str> = named.chain(args.id.iter().map(|_| "id")).chain(args.vector.iter().map(|_| "vector")).collect();
    if let Some((_, twice)) = all.iter().enumerate().find(|(at, field)| all[..*at].contains(field)) {
        return Err(Failure::usage(format!("two columns are named for the field {twice}")));
    }
    if columns.iter().any(|(field, column)| field.is_empty() || column.is_empty()) {
        return Err(Failure::usage("--columns takes COLUMN or FIELD=COLUMN between commas"));
    }
    if args.vector.is_some() && collection.specs().is_some() {
        return Err(Failure::usage(format!("--vector: the vectors of the collection {} come from its towers", collection.name())));
    }
    if args.files.iter().filter(|path| path.as_os_str() == "-").count() > 1 {
        return Err(Failure::usage("standard input can be read once"));
    }
    Ok(())
}

/// What was taken otherwise than it stood in the file, a line each.
fn told(file: &str, taken: &Taken) -> Vec<String> {
    let mut notes = Vec::new();
    if taken.whole > 0 {
        notes.push(format!("{file}: {} without a fraction taken as integers (3.0 as 3)", count(taken.whole, "float")));
    }
    if taken.nan > 0 {
        notes.push(format!("{file}: {} taken as null", count(taken.nan, "NaN")));
    }
    let why = |why: &Why| match why {
        Why::Index => "the index of a pandas frame".to_owned(),
        Why::Unknown => "not declared".to_owned(),
        Why::Replaced => "another column was named for it".to_owned(),
        Why::Kind(kind) => format!("of type {kind}"),
    };
    notes.extend(taken.ignored.iter().map(|ignored| format!("{file}: column {:?} ignored: {}", ignored.column, why(&ignored.why))));
    notes
}

impl Tally {
    fn told(&self, seconds: f64) -> String {
        let Self { rows, inserted, updated, rejected, .. } = *self;
        let parts = [(inserted, "inserted"), (updated, "updated"), (rejected, "rejected")];
        let parts: Vec<String> = parts.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{} {what}", grouped(*n))).collect();
        let parts = if parts.is_empty() { String::new() } else { format!(": {}", parts.join(", ")) };
        format!("{} in {seconds:.2} s{parts}", count(rows, "row"))
    }

    fn reject(&mut self, problem: String) {
        self.rejected += 1;
        self.first_rejected.get_or_insert(problem);
    }
}

fn file(collection: &Collection, path: &Path, args: &Import, progress: &dyn Progress, tally: &mut Tally) -> Result<(), Failure> {
    let specs = collection.specs();
    let (spec, schema) = (specs.as_ref().map(|(item, _)| item.clone()), collection.schema().clone());
    let mut options = ReadOptions::default()
        .kinds(move |field| column_kind(field, spec.as_ref(), &schema))
        .ids(args.ids.as_deref())
        .skip_bad(args.skip_bad)
        .format(args.format)
        .delimiter(args.delimiter)
        .header(args.header)
        .encoding(args.encoding)
        .id(args.id.as_deref())
        .vector(args.vector.as_deref())
        .takes_vectors(specs.is_none())
        .ignore_unknown(args.ignore_unknown);
    for (field, column) in args.columns() {
        options = options.column(field, column);
    }
    let mut source = Source::open(path, &options)?;
    let shown = if path == Path::new("-") { Path::new("standard input") } else { path };
    if matches!(source, Source::Vectors(_)) && (args.id.is_some() || args.vector.is_some() || !args.columns().is_empty()) {
        return Err(Failure::new(format!("{}: a file of vectors has no columns for --columns, --id or --vector", shown.display())));
    }
    if let Source::Vectors(reader) = &source
        && (specs.is_some() || ![0, collection.dim()].contains(&reader.dim()))
    {
        let takes = if specs.is_some() { "rows for its item tower".to_owned() } else { format!("vectors of length {}", collection.dim()) };
        let problem =
            format!("{}: vectors of length {}; the collection {} takes {takes}", shown.display(), reader.dim(), collection.name());
        return Err(Failure::new(problem));
    }
    let meter = source.meter().clone();
    let stored = std::thread::scope(|scope| {
        let (sender, batches) = sync_channel(AHEAD);
        let source = &mut source;
        scope.spawn(move || read(source, args.batch, &sender));
        store(collection, shown, args, &Watch { progress, meter: &meter }, batches, tally)
    });
    tally.taken.push((shown.display().to_string(), source.taken()));
    stored
}

/// Reads batches until the end of the file, the first error, or until nobody takes them any more.
fn read(source: &mut Source, size: usize, batches: &SyncSender<Result<Batch, Failure>>) {
    while let Some(batch) = next(source, size).transpose() {
        let failed = batch.is_err();
        if batches.send(batch).is_err() || failed {
            return;
        }
    }
}

fn next(source: &mut Source, size: usize) -> Result<Option<Batch>, Failure> {
    match source {
        Source::Rows(reader) => {
            let Some(batch) = reader.next_batch(size)? else { return Ok(None) };
            let places = batch.rows.iter().map(|row| row.place).collect();
            let items = batch.rows.into_iter().map(|ImportRow { id, row, .. }| Ok(Item::new(id)?.with_row(row)));
            Ok(Some(Batch { items: items.collect::<Result<_, Error>>()?, places, bad: batch.bad }))
        }
        Source::Vectors(reader) => {
            let Some(VectorChunk { first_row, ids, vectors }) = reader.next_chunk(size)? else { return Ok(None) };
            let places = (first_row..).take(ids.len()).map(Place::Row).collect();
            let items = ids.into_iter().zip(vectors.iter()).map(|(id, vector)| Ok(Item::new(id)?.with_vector(vector)));
            Ok(Some(Batch { items: items.collect::<Result<_, Error>>()?, places, bad: vec![] }))
        }
    }
}

struct Watch<'a> {
    progress: &'a dyn Progress,
    meter: &'a Meter,
}

impl Watch<'_> {
    /// Progress in bytes of the file: how many rows there are is known at its end only.
    fn report(&self) -> Result<(), Failure> {
        let total = Some(self.meter.total).filter(|total| *total > 0);
        let done = self.meter.done();
        self.progress.update(Stage::Import, total.map_or(done, |total| done.min(total)), total);
        if self.progress.cancelled() { Err(Error::Interrupted.into()) } else { Ok(()) }
    }
}

fn store(
    collection: &Collection,
    path: &Path,
    args: &Import,
    watch: &Watch<'_>,
    batches: Receiver<Result<Batch, Failure>>,
    tally: &mut Tally,
) -> Result<(), Failure> {
    for batch in batches {
        let Batch { items, places, bad } = batch?;
        tally.rows += (items.len() + bad.len()) as u64;
        bad.into_iter().for_each(|error| tally.reject(Failure::from(error).to_string()));
        let spare = if args.skip_bad { items.clone() } else { Vec::new() };
        let stored = if args.patch { collection.patch_many(items) } else { collection.upsert_many(items) };
        match stored {
            Ok(changes) => tally.count(changes),
            Err(error) if error.is_about_input() && args.skip_bad => {
                let good = collection.keep_valid(spare, &mut |at, error| {
                    tally.reject(refused(path, &error, places.get(at..).unwrap_or_default()).to_string());
                })?;
                tally.count(collection.upsert_many(good)?);
            }
            Err(error) if error.is_about_input() => return Err(refused(path, &error, &places)),
            Err(error) => return Err(error.into()),
        }
        watch.report()?;
    }
    Ok(())
}

/// An error about a row of a batch, with the row's place in the file, and with the options that read the file otherwise.
fn refused(path: &Path, error: &Error, places: &[Place]) -> Failure {
    let failure = located(path, error, places);
    match error {
        Error::Feature(FeatureError::UnknownField { .. }) => {
            let options =
                "--ignore-unknown leaves out what the collection does not declare, --columns FIELD=COLUMN,... chooses and renames";
            Failure::new(format!("{failure}; {options}"))
        }
        _ => failure,
    }
}

/// An error about a row of a batch, with the row's place in the file instead of that in the batch.
pub(super) fn located(path: &Path, error: &Error, places: &[Place]) -> Failure {
    at(path, error, places.get(error.row().unwrap_or(0)).copied().unwrap_or(Place::File))
}

/// An error about the row at a place of a file, which is told instead of that in the batch.
pub(super) fn at(path: &Path, error: &Error, place: Place) -> Failure {
    let row = error.row().unwrap_or(0);
    let problem = error.to_string().replacen(&format!(" (row {row})"), "", 1);
    let problem = problem.strip_prefix(&format!("row {row}: ")).unwrap_or(&problem);
    Failure::new(format!("{}{place}: {problem}", path.display()))
}

impl Tally {
    fn count(&mut self, changes: torre::Changes) {
        self.inserted += changes.inserted;
        self.updated += changes.updated + changes.patched;
    }
}

/// What a field holds: as the item tower reads it, or as the collection declares it; `None` where neither names it.
pub(super) fn column_kind(column: &str, spec: Option<&FeatureSpec>, schema: &Schema) -> Option<ColumnKind> {
    if column == "vector" && spec.is_none() {
        return Some(ColumnKind::List(CellKind::Number));
    }
    let declared = schema.fields.iter().find(|field| field.name == column).map(|field| field.kind);
    let Some(kind) = spec.and_then(|spec| spec.field_type(column)).or(declared) else {
        // A tower may read a field whose type its spec leaves open.
        return spec.is_some_and(|spec| spec.reads(column)).then_some(ColumnKind::One(CellKind::Text));
    };
    let cell = |kind| match kind {
        FieldType::Int => CellKind::Int,
        FieldType::Float => CellKind::Number,
        FieldType::Bool => CellKind::Bool,
        FieldType::Time => CellKind::Time,
        _ => CellKind::Text,
    };
    Some(kind.element().map_or_else(|| ColumnKind::One(cell(kind)), |element| ColumnKind::List(cell(element))))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::fmt::Write as _;

    use torre::Database;

    use crate::repl::{Fed, Session};

    #[test]
    fn bad_rows_are_counted_and_named_and_the_others_stored() {
        let mut session = Session::new(Database::in_memory().unwrap());
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rows.jsonl");
        let mut text = String::new();
        for row in 0..300 {
            let extra = if [7, 8, 250].contains(&row) { r#", "colour": "red""# } else { "" };
            writeln!(text, r#"{{"id": {row}, "vector": [{row}, 1]{extra}}}"#).unwrap();
        }
        std::fs::write(&path, text).unwrap();
        let mut say = |line: &str| match session.feed(line) {
            Fed::Done(reply) => (reply.text, reply.error),
            Fed::NeedMore => (String::new(), Some("more".to_owned())),
        };
        assert_eq!(say("create items --dim 2").1, None);
        let (told, error) = say(&format!("import '{}' --batch 100 --skip-bad --no-seal", path.display()));
        assert_eq!(error, None);
        assert!(told.contains("297 inserted, 3 rejected") && told.contains("rows.jsonl, line 8: feature \"colour\""), "{told}");
        assert!(say("get 249").1.is_none() && say("get 250").1.is_some());
    }
}
