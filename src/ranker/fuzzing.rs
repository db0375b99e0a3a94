//! Rankers from any bytes, for tests and fuzz targets.

use super::graph;
use super::model::Ranker;
use super::proto::{self, Model};
use super::source::RankerSource;
use super::spec::RankerSpec;
use super::testing::{Bytes, Table};
use crate::error::Result;
use crate::vector::Matrix;

/// Attaches a ranker and scores rows with it.
#[cfg_attr(not(feature = "fuzzing"), allow(dead_code, reason = "tests use the other one"))]
pub(crate) fn ranker(onnx: &[u8]) -> Result<()> {
    let mut source = RankerSource::new(onnx);
    source.spec = proto::decode(onnx).ok().and_then(|model| fitting(&model));
    let ranker = Ranker::load(&source)?;
    let width = ranker.spec().features().len();
    let rows = Bytes(onnx).rows(width);
    let Some(together) = Matrix::from_vec(width, rows.clone()) else { return Ok(()) };
    let scores = ranker.score(&together)?;
    assert_eq!(scores.len(), together.rows(), "a score for each row");
    for (row, score) in together.iter().zip(scores) {
        let alone = ranker.run(row)?;
        assert!(alone == [score] || alone[0].is_nan() && score.is_nan(), "{alone:?} alone, {score} together");
    }
    Ok(())
}

/// A spec for the first input and the last output that a file declares; none where the file has one of its own.
fn fitting(model: &Model<'_>) -> Option<String> {
    let graph = model.graph.as_ref()?;
    let input = graph.inputs.first()?;
    let columns = input.dims.as_ref().and_then(|dims| usize::try_from((*dims.get(1)?)?).ok());
    let output = graph.outputs.last()?.name;
    model.metadata.is_empty().then(|| spec(columns.unwrap_or(1).min(5_000), input.name, output))
}

/// A spec of so many features.
pub(crate) fn spec(width: usize, input: &str, output: &str) -> String {
    let features: Vec<_> = (0..width).map(|at| serde_json::json!({"name": format!("f{at}"), "from": format!("item.f{at}")})).collect();
    serde_json::json!({"torre": 1, "features": features, "input": input, "output": output}).to_string()
}

/// All columns of the output `y` of a table's file; `None` where it is refused.
pub(super) fn values(table: &Table, rows: &[f32]) -> Option<Vec<f32>> {
    let onnx = table.to_onnx();
    let model = proto::decode(&onnx).ok()?;
    let spec = RankerSpec::parse(&spec(table.width, "x", "y")).ok()?;
    let (plan, _) = graph::steps(model.graph.as_ref()?, &spec).ok()?;
    Some(plan.values(rows))
}

/// Trees grown from bytes, by the ranker and by a loop over their tables: they agree to the bit.
pub(crate) fn trees(bytes: &[u8]) {
    let mut bytes = Bytes(bytes);
    let table = bytes.table();
    let rows = bytes.rows(table.width);
    let expected: Vec<f32> = rows.chunks(table.width).flat_map(|row| table.scores(row)).collect();
    let found = values(&table, &rows).unwrap_or_default();
    let same = found.len() == expected.len() && found.iter().zip(&expected).all(|(a, b)| a == b || a.is_nan() && b.is_nan());
    assert!(same, "{found:?}\ninstead of {expected:?}\nfor {rows:?}\nby {table:?}");
}
