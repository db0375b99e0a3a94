//! Trees against the plainest of loops, and files that are no rankers.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use proptest::prelude::*;

use super::graph;
use super::proto;
use super::spec::RankerSpec;
use super::testing::{Bytes, Table};

/// All columns of the output `y`.
fn values(table: &Table, rows: &[f32]) -> Vec<f32> {
    let onnx = table.to_onnx();
    let model = proto::decode(&onnx).unwrap();
    let features: Vec<_> = (0..table.width).map(|at| serde_json::json!({"name": format!("{at}"), "from": "score"})).collect();
    let spec = serde_json::json!({"torre": 1, "features": features, "input": "x", "output": "y"}).to_string();
    let plan = graph::steps(model.graph.as_ref().unwrap(), &RankerSpec::parse(&spec).unwrap()).unwrap().0;
    plan.values(rows)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn trees_score_as_the_tables_say(bytes in prop::collection::vec(any::<u8>(), 0..2_000)) {
        let mut bytes = Bytes(&bytes);
        let table = bytes.table();
        let rows = bytes.rows(table.width);
        let found = values(&table, &rows);
        let expected: Vec<f32> = rows.chunks(table.width).flat_map(|row| table.scores(row)).collect();
        prop_assert_eq!(found.len(), expected.len());
        for (at, (&x, &y)) in found.iter().zip(&expected).enumerate() {
            prop_assert!(x == y || x.is_nan() && y.is_nan(), "value {}: {} instead of {}, {:?}", at, x, y, table);
        }
    }
}
