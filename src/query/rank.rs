//! The second stage: the best rows of the first are ordered by a ranker's scores.

use std::sync::Arc;
use std::time::Instant;

use crate::error::{Error, Result};
use crate::features::{FieldType, Row, Value};
use crate::query::candidates::{Candidates, Found};
use crate::query::field::{FieldColumns, FieldOfFound};
use crate::query::options::Rerank;
use crate::query::report::{MissingFeature, RankerExplain};
use crate::query::request::Request;
use crate::ranker::{Ranker, Reads};
use crate::segment::Snapshot;
use crate::vector::Matrix;

/// The ranker that an option names, or the collection's only one.
///
/// # Errors
/// [`Error::UnknownRanker`]; [`Error::InvalidOption`] where none is named and there is not one only.
pub(crate) fn ranker(snapshot: &Snapshot, rerank: &Rerank) -> Result<Arc<Ranker>> {
    let known = snapshot.rankers.names();
    let name = match (&rerank.ranker, &known[..]) {
        (Some(name), _) | (None, [name]) => name.clone(),
        _ => {
            let (given, expected) = ("no ranker's name".to_owned(), format!("one of the collection's rankers ({})", known.join(", ")));
            return Err(Error::InvalidOption { option: "rerank", given, expected });
        }
    };
    snapshot.rankers.get(&name).cloned().ok_or(Error::UnknownRanker { name, known })
}

/// Orders the best rows of each query by the ranker's scores, larger first; equal ones stay in the order of the first stage, rows without a
/// score come after those that have one, and rows that are not ranked after all of them.
pub(crate) fn rank(request: &Request<'_>, candidates: &mut Candidates) -> Result<()> {
    let (Some(rerank), Some(ranker)) = (&request.options.rerank, &request.ranker) else { return Ok(()) };
    let nobody = Row::new();
    for (ranked, source) in candidates.queries.iter_mut().zip(request.sources) {
        let start = Instant::now();
        let found = &mut ranked.found[..];
        let best = rerank.candidates.min(found.len());
        let user = source.user().unwrap_or(&nobody);
        let mut features = features(request, ranker, &found[..best], user)?;
        ranker.spec().fill(&mut features, |name, at| ranked.values.get(name, at));
        let undefined = || Error::Unsupported { what: "a ranker without features".to_owned() };
        let features = Matrix::from_vec(ranker.spec().features().len(), features).ok_or_else(undefined)?;
        for (found, score) in found.iter_mut().zip(ranker.score(&features)?) {
            found.rank = Some(score);
        }
        if let Some(explain) = &mut ranked.explain {
            explain.ranker = Some(report(ranker, &features));
            ranked.features = features;
        }
        // The order of numbers, and behind them what is none.
        let order = |found: &Found| found.rank.filter(|rank| !rank.is_nan()).map(f64::from);
        ranked.found[..best].sort_by(|a, b| match (order(a), order(b)) {
            (Some(a), Some(b)) => b.total_cmp(&a),
            (a, b) => b.is_some().cmp(&a.is_some()),
        });
        ranked.took("rank", start.elapsed().as_secs_f64() * 1e6);
    }
    Ok(())
}

/// A row of features a row found, without what the caller computed.
fn features(request: &Request<'_>, ranker: &Ranker, found: &[Found], user: &Row) -> Result<Vec<f32>> {
    let spec = ranker.spec();
    let width = spec.features().len();
    let mut all = Vec::with_capacity(found.len() * width);
    if in_columns(request.snapshot, ranker) {
        let scores: Vec<f32> = found.iter().map(|found| found.score as f32).collect();
        let field = |field: &str| FieldOfFound { columns: FieldColumns::new(request.snapshot, field), found };
        spec.encode_all(&scores, field, user, &mut all);
    } else {
        let rows: Vec<u64> = found.iter().map(|found| request.snapshot.row(found.place)).collect();
        for ((found, &row), bytes) in found.iter().zip(&rows).zip(request.shared.records(&rows)?) {
            let record = request.shared.decode(row, &bytes)?;
            let item = request.shared.features(request.snapshot, row, &record)?;
            spec.encode(found.score as f32, &item, user, &mut all);
        }
    }
    Ok(all)
}

/// Whether columns have every field of items that the ranker reads, as rows have them: some types are kept in other forms there.
fn in_columns(snapshot: &Snapshot, ranker: &Ranker) -> bool {
    let kept = |(name, reads): (&str, Reads)| {
        let indexed = snapshot.schema.indexed().find(|field| field.name == name);
        indexed.is_some_and(|field| match (reads, field.kind) {
            (_, FieldType::Int | FieldType::Bool) | (Reads::Number | Reads::Amount, FieldType::Float) => true,
            // Unix seconds of what a row may have as text.
            (Reads::Amount, FieldType::Time) => true,
            (Reads::Category, kind) => matches!(kind.element().unwrap_or(kind), FieldType::Text | FieldType::Int | FieldType::Bool),
            _ => false,
        })
    };
    ranker.spec().features().iter().flat_map(|feature| feature.from.item_reads()).all(kept)
}

/// How many candidates there are, and how many lack each feature.
fn report(ranker: &Ranker, features: &Matrix) -> RankerExplain {
    let lacking = |column: usize| features.iter().filter(|row| row[column].is_nan()).count() as u64;
    let all = ranker.spec().features().iter().enumerate();
    let missing = all.map(|(column, feature)| MissingFeature { feature: feature.name.clone(), candidates: lacking(column) });
    RankerExplain { candidates: features.rows() as u64, missing: missing.filter(|missing| missing.candidates > 0).collect() }
}

/// Features by name; what was missing is null.
pub(crate) fn named(ranker: &Ranker, row: &[f32]) -> Row {
    let value = |&x: &f32| if x.is_finite() { Value::Float(f64::from(x)) } else { Value::Null };
    ranker.spec().features().iter().zip(row).map(|(feature, x)| (feature.name.as_str(), value(x))).collect()
}
