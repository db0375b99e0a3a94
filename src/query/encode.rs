//! The first step of a query: its source becomes a vector.

use std::time::Instant;

use crate::error::{Error, Result};
use crate::query::Explain;
use crate::query::answer::StageTime;
use crate::query::builder::Source;
use crate::segment::{Shared, Snapshot};
use crate::vector::{Matrix, validate};

/// The vectors of all sources, in their order.
pub(crate) fn vectors(shared: &Shared, snapshot: &Snapshot, sources: &[Source<'_>], explain: Option<&mut Explain>) -> Result<Matrix> {
    let start = Instant::now();
    let dim = shared.settings.dim;
    let vectors =
        match sources.iter().map(|source| if let Source::User(row) = source { Some(*row) } else { None }).collect::<Option<Vec<_>>>() {
            Some(rows) if !rows.is_empty() => user_vectors(shared, snapshot, &rows)?,
            _ => {
                let mut vectors = Matrix::with_capacity(dim, sources.len());
                let mut found = vec![0.0; dim];
                for (at, source) in sources.iter().enumerate() {
                    match source {
                        Source::Vector(vector) => vectors.push(&validate(vector, dim, shared.settings.metric, at)?),
                        Source::Item(id) => {
                            let unknown = || Error::UnknownItem { id: (*id).to_owned() };
                            let place = snapshot.locate(id).ok_or_else(unknown)?;
                            shared.vector(snapshot, place, &mut found)?;
                            vectors.push(&found);
                        }
                        Source::User(_) => {
                            return Err(Error::Unsupported { what: "a batch is of users, of vectors or of items, not mixed".to_owned() });
                        }
                    }
                }
                vectors
            }
        };
    if let Some(explain) = explain {
        report(snapshot, sources, explain);
        let stage = if matches!(sources.first(), Some(Source::User(_))) { "tower" } else { "vector" };
        explain.stages.push(StageTime { stage, micros: start.elapsed().as_secs_f64() * 1e6 });
    }
    Ok(vectors)
}

fn user_vectors(shared: &Shared, snapshot: &Snapshot, rows: &[&crate::features::Row]) -> Result<Matrix> {
    use crate::features::EncodeOptions;
    use crate::segment::SnapshotLookup;
    let Some(pair) = &snapshot.space.towers else { return Err(no_towers(shared)) };
    let lookup = SnapshotLookup { shared, snapshot };
    let options = EncodeOptions { lookup: Some(&lookup), lenient: shared.settings.schema.lenient, ..EncodeOptions::default() };
    pair.user().run(rows, &options)
}

fn no_towers(shared: &Shared) -> Error {
    Error::Unsupported {
        what: format!("the collection {:?} has no towers: search it with a vector of length {}", shared.settings.name, shared.settings.dim),
    }
}

fn report(snapshot: &Snapshot, sources: &[Source<'_>], explain: &mut Explain) {
    if let (Some(pair), [Source::User(row)]) = (&snapshot.space.towers, sources) {
        let report = pair.user_spec().inspect(row, None);
        explain.missing = report.missing;
        explain.unknown = report.unknown_values;
    }
}
