//! A ranker's file, written once it is seen that Torre's own operator computes what the trainer computes.

use std::path::Path;

use prost::Message;
use serde_json::{Value as Json, json};
use torre::{Matrix, Ranker, RankerSource, Row};

use super::ensemble::{INPUT, OUTPUT, model};
use super::graph::entry;
use crate::error::TrainError;
use crate::trees::{Forest, RankingTable};

/// Rows that are compared at most.
const COMPARED: usize = 10_000;

/// A candidate whose features and score travel in the file.
#[derive(Clone, PartialEq, Debug)]
pub struct GoldenRow {
    /// The score of the first stage.
    pub score: f32,
    /// The item's row.
    pub item: Row,
    /// The user's row.
    pub user: Row,
    /// The features that were made of them; NaN for missing ones.
    pub features: Vec<f32>,
}

/// A ranker as an ONNX file, checked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RankerFile {
    /// The file, its spec inside.
    pub onnx: Vec<u8>,
    /// Rows of which Torre's score is the trainer's, to the bit.
    pub compared: usize,
}

impl RankerFile {
    /// The file of a forest. `features` is the document's list of features (docs/ranker.md), `space` the fingerprint of the space whose
    /// scores it was trained with, `card` what is to be known of the training. Rows of `table` are scored, as a database would.
    ///
    /// # Errors
    /// [`TrainError::RankerParity`] for a score that differs by a bit; [`TrainError::Database`] where the ranker would be refused.
    pub fn new(
        forest: &Forest,
        features: &Json,
        space: u64,
        golden: &[GoldenRow],
        card: &Json,
        table: &RankingTable,
    ) -> Result<Self, TrainError> {
        let width = forest.features.len();
        let golden: Vec<Json> = golden.iter().filter_map(|row| golden_row(forest, row)).collect();
        let space = format!("{space:016x}");
        let spec = json!({"torre": 2, "space": space, "features": features, "input": INPUT, "output": OUTPUT, "golden": golden});
        let mut proto = model(&forest.trees, width);
        proto.metadata_props = vec![entry("torre.ranker", &spec.to_string()), entry("torre.card", &card.to_string())];
        let onnx = proto.encode_to_vec();
        let ranker = Ranker::load(&RankerSource::new(onnx.clone()))?;
        let compared = table.rows().min(COMPARED);
        let rows = &table.values()[..compared * width];
        let served = match Matrix::from_vec(width, rows.to_vec()) {
            Some(rows) => ranker.score(&rows)?,
            None => Vec::new(),
        };
        let pairs = || served.iter().zip(forest.scores(rows));
        if served.len() != compared || pairs().any(|(served, trained)| served.to_bits() != trained.to_bits()) {
            let difference = pairs().map(|(served, trained)| (served - trained).abs()).fold(0f32, f32::max);
            return Err(TrainError::RankerParity { difference, rows: compared });
        }
        Ok(Self { onnx, compared })
    }

    /// Writes the file: it is whole, or what was there before.
    ///
    /// # Errors
    /// [`TrainError::Io`] with the file.
    pub fn write(&self, path: &Path) -> Result<(), TrainError> {
        let mut beside = path.as_os_str().to_owned();
        beside.push(".partial");
        let io = |source| TrainError::Io { path: path.to_owned(), source };
        std::fs::write(&beside, &self.onnx).map_err(io)?;
        std::fs::rename(&beside, path).map_err(io)
    }
}

/// Numbers of JSON are finite: a row with others has no place in the document.
fn golden_row(forest: &Forest, row: &GoldenRow) -> Option<Json> {
    if row.features.iter().chain([&row.score]).any(|x| x.is_infinite()) || row.score.is_nan() {
        return None;
    }
    let features: Vec<Option<f32>> = row.features.iter().map(|&x| (!x.is_nan()).then_some(x)).collect();
    let output = forest.scores(&row.features).first().copied()?;
    Some(json!({"score": row.score, "item": row.item.to_json(), "user": row.user.to_json(), "features": features, "output": output}))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::trees::{Branch, Next, Tree, TreeOptions, boost};
    use proptest::prelude::*;
    use torre::NoProgress;

    fn features(width: usize) -> Json {
        (0..width).map(|at| json!({"name": format!("f{at}"), "from": format!("item.f{at}")})).collect()
    }

    /// A tree of any form: each branch leads to those after it or to leaves.
    fn tree(width: usize, draws: &[(u32, f32, bool, f32)]) -> Tree {
        let branches = draws.len();
        let mut tree = Tree { branches: Vec::new(), leaves: draws.iter().map(|draw| draw.3).chain([0.25]).collect() };
        // Node n has the children 2n + 1 and 2n + 2, as in a heap.
        let next = |node: usize| if node < branches { Next::Branch(node as u32) } else { Next::Leaf((node - branches) as u32) };
        for (node, &(feature, threshold, missing_left, _)) in draws.iter().enumerate() {
            let feature = feature % width as u32;
            tree.branches.push(Branch { feature, threshold, missing_left, left: next(2 * node + 1), right: next(2 * node + 2) });
        }
        tree
    }

    fn number() -> impl Strategy<Value = f32> {
        prop_oneof![4 => -4i8..4, 1 => Just(100i8)].prop_map(|x| if x == 100 { f32::INFINITY } else { f32::from(x) * 0.5 })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]
        #[test]
        fn what_is_written_computes_the_same_bits(
            width in 1usize..5,
            trees in prop::collection::vec(prop::collection::vec((0u32..8, number(), any::<bool>(), -1f32..1.0), 0..40), 1..6),
            values in prop::collection::vec(prop_oneof![4 => number(), 1 => Just(f32::NAN), 1 => Just(f32::NEG_INFINITY)], 0..80),
        ) {
            let forest = Forest {
                features: (0..width).map(|at| format!("f{at}")).collect(),
                trees: trees.iter().map(|draws| tree(width, draws)).collect(),
                gains: vec![0.0; width],
            };
            let mut table = RankingTable::new(forest.features.clone()).unwrap();
            for row in values.chunks_exact(width) {
                table.push(row, &[0]).unwrap();
            }
            let golden: Vec<GoldenRow> = values.chunks_exact(width).take(2).map(|row| {
                let cells = row.iter().enumerate().filter(|(_, x)| x.is_finite());
                let item = cells.fold(Row::new(), |item, (at, x)| item.with(format!("f{at}"), f64::from(*x)));
                GoldenRow { score: 0.5, item, user: Row::new(), features: row.to_vec() }
            }).filter(|row| row.features.iter().all(|x| !x.is_infinite())).collect();
            let file = RankerFile::new(&forest, &features(width), 7, &golden, &json!({}), &table).unwrap();
            prop_assert_eq!(file.compared, table.rows());
            let ranker = Ranker::load(&RankerSource::new(file.onnx)).unwrap();
            prop_assert_eq!(ranker.spec().space(), Some(7));
            prop_assert_eq!(ranker.spec().golden().len(), golden.len());
        }
    }

    #[test]
    fn a_trained_forest_is_written_and_read_back() {
        let mut table = RankingTable::new(vec!["f0".into(), "f1".into()]).unwrap();
        for group in 0..50u32 {
            let values: Vec<f32> =
                (0..20).flat_map(|row| [((row * 7 + group) % 20) as f32, if row % 3 == 0 { f32::NAN } else { 1.0 }]).collect();
            let grades: Vec<u8> = values.chunks_exact(2).map(|row| u8::from(row[0] > 15.0 && row[1].is_nan())).collect();
            table.push(&values, &grades).unwrap();
        }
        let options = TreeOptions { trees: 30, min_leaf: 5, ..TreeOptions::default() };
        let forest = boost(&table, None, &options, &NoProgress).unwrap().forest;
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ranker.onnx");
        let file = RankerFile::new(&forest, &features(2), 1, &[], &json!({"trees": 30}), &table).unwrap();
        file.write(&path).unwrap();
        assert_eq!(file.compared, 1000);
        assert!(Ranker::load(&RankerSource::from_file(&path).unwrap()).is_ok());
        assert!(matches!(file.write(&directory.path().join("no/ranker.onnx")), Err(TrainError::Io { .. })));
        // What a database would refuse is said by the same words.
        let wrong = RankerFile::new(&forest, &json!([{"name": "f0", "from": "nowhere"}]), 1, &[], &json!({}), &table);
        assert!(wrong.unwrap_err().to_string().contains("nowhere"));
    }
}
