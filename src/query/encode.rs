//! The first step of a query: its source becomes a vector.

use std::time::Duration;

use crate::error::{Error, Result};
use crate::features::{EncodeOptions, Row};
use crate::query::candidates::Candidates;
use crate::query::options::SearchOptions;
use crate::query::rules::Active;
use crate::query::source::Source;
use crate::segment::{Shared, Snapshot, SnapshotLookup};
use crate::vector::{Matrix, validate};

/// Whether a field is read, by its name.
pub(crate) type Further<'f> = dyn Fn(&str) -> bool + Sync + 'f;

/// Which fields of users the stages after the tower read: rankers, rules, calibration of lists.
pub(crate) fn further(snapshot: &Snapshot, options: &SearchOptions, rules: Option<&Active<'_>>) -> impl Fn(&str) -> bool + Sync {
    move |field| {
        snapshot.rankers.reads_of_users(field)
            || rules.is_some_and(|rules| rules.reads_of_users(field))
            || options.diverse.as_ref().is_some_and(|diverse| diverse.reads(field))
    }
}

/// The vectors of all sources, in their order.
///
/// `further` says which fields of users later stages read that the tower does not.
///
/// # Errors
/// Those of encoding; [`Error::UnknownItem`]; [`Error::Unsupported`] without towers.
pub(crate) fn vectors(shared: &Shared, snapshot: &Snapshot, sources: &[Source<'_>], further: &Further<'_>) -> Result<Matrix> {
    let dim = shared.settings.dim;
    if let Some(rows) = sources.iter().map(Source::user).collect::<Option<Vec<_>>>()
        && !rows.is_empty()
    {
        return user_vectors(shared, snapshot, &rows, further);
    }
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
    Ok(vectors)
}

/// Adds to each query's explanation what became of its source, and its share of the time that it took.
pub(crate) fn report(snapshot: &Snapshot, sources: &[Source<'_>], time: Duration, candidates: &mut Candidates) {
    for (ranked, source) in candidates.queries.iter_mut().zip(sources) {
        if let (Some(explain), Some(pair), Some(row)) = (&mut ranked.explain, &snapshot.space.towers, source.user()) {
            let report = pair.user_spec().inspect(row, None);
            explain.missing = report.missing;
            explain.unknown = report.unknown_values;
        }
    }
    let users = sources.first().is_some_and(|source| source.user().is_some());
    candidates.took(if users { "tower" } else { "vector" }, time);
}

/// Whether a source can become a vector, as far as it shows without a tower being run. An error is of row 0.
///
/// # Errors
/// As [`vectors`].
pub(crate) fn check(shared: &Shared, snapshot: &Snapshot, source: &Source<'_>, further: &Further<'_>) -> Result<()> {
    match (source, &snapshot.space.towers) {
        (Source::User(row), Some(pair)) => {
            let lookup = SnapshotLookup { shared, snapshot };
            pair.user_spec().encode(&[row], &options(shared, &lookup, further)).map(drop).map_err(Error::from)
        }
        _ => vectors(shared, snapshot, std::slice::from_ref(source), further).map(drop),
    }
}

fn options<'o>(shared: &Shared, lookup: &'o SnapshotLookup<'_>, further: &'o Further<'_>) -> EncodeOptions<'o> {
    let lenient = shared.settings.schema.lenient;
    EncodeOptions { lookup: Some(lookup), further: Some(further), lenient, ..EncodeOptions::default() }
}

fn user_vectors(shared: &Shared, snapshot: &Snapshot, rows: &[&Row], further: &Further<'_>) -> Result<Matrix> {
    let Some(pair) = &snapshot.space.towers else { return Err(no_towers(shared)) };
    let lookup = SnapshotLookup { shared, snapshot };
    pair.user().run(rows, &options(shared, &lookup, further))
}

fn no_towers(shared: &Shared) -> Error {
    Error::Unsupported {
        what: format!("the collection {:?} has no towers: search it with a vector of length {}", shared.name(), shared.settings.dim),
    }
}
