//! Trees as one `TreeEnsembleRegressor` of ai.onnx.ml, version 3: a row a branch or leaf, named by tree and number.

use super::message::{
    Attribute, Dimension, F32, FLOATS, Graph, INT, INTS, Model, Node, OperatorSet, Shape, TEXTS, TensorType, Type, ValueInfo,
};
use crate::trees::{Next, Tree};

/// The domain of the operator, and the version that all readers have.
const DOMAIN: &str = "ai.onnx.ml";
const VERSION: i64 = 3;
/// The version of the file's form, and the operator set that goes with it.
const IR_VERSION: i64 = 8;
const OPERATOR_SET: i64 = 15;

/// The graph's input, f32 `[N, features]`, and its output, f32 `[N, 1]`.
pub(super) const INPUT: &str = "features";
pub(super) const OUTPUT: &str = "score";

/// The columns of the operator's table.
#[derive(Default)]
struct Rows {
    trees: Vec<i64>,
    nodes: Vec<i64>,
    features: Vec<i64>,
    thresholds: Vec<f32>,
    modes: Vec<Vec<u8>>,
    left: Vec<i64>,
    right: Vec<i64>,
    missing: Vec<i64>,
    /// Of leaves alone: tree, number, what it adds.
    leaf_trees: Vec<i64>,
    leaf_nodes: Vec<i64>,
    values: Vec<f32>,
}

impl Rows {
    /// A tree has its branches first, then its leaves.
    fn tree(&mut self, number: i64, tree: &Tree) {
        let first_leaf = tree.branches.len() as i64;
        let place = |next: Next| match next {
            Next::Branch(branch) => i64::from(branch),
            Next::Leaf(leaf) => first_leaf + i64::from(leaf),
        };
        for (node, branch) in (0..).zip(&tree.branches) {
            self.node(number, node, b"BRANCH_LEQ");
            self.features.push(i64::from(branch.feature));
            self.thresholds.push(branch.threshold);
            self.left.push(place(branch.left));
            self.right.push(place(branch.right));
            self.missing.push(i64::from(branch.missing_left));
        }
        for (node, &value) in (first_leaf..).zip(&tree.leaves) {
            self.node(number, node, b"LEAF");
            self.features.push(0);
            self.thresholds.push(0.0);
            self.left.push(0);
            self.right.push(0);
            self.missing.push(0);
            self.leaf_trees.push(number);
            self.leaf_nodes.push(node);
            self.values.push(value);
        }
    }

    fn node(&mut self, tree: i64, node: i64, mode: &[u8]) {
        self.trees.push(tree);
        self.nodes.push(node);
        self.modes.push(mode.to_vec());
    }

    fn attributes(self) -> Vec<Attribute> {
        let targets = vec![0; self.values.len()];
        vec![
            Attribute { name: Some("n_targets".to_owned()), i: Some(1), kind: Some(INT), ..Attribute::default() },
            ints("nodes_treeids", self.trees),
            ints("nodes_nodeids", self.nodes),
            ints("nodes_featureids", self.features),
            floats("nodes_values", self.thresholds),
            Attribute { name: Some("nodes_modes".to_owned()), texts: self.modes, kind: Some(TEXTS), ..Attribute::default() },
            ints("nodes_truenodeids", self.left),
            ints("nodes_falsenodeids", self.right),
            ints("nodes_missing_value_tracks_true", self.missing),
            ints("target_treeids", self.leaf_trees),
            ints("target_nodeids", self.leaf_nodes),
            ints("target_ids", targets),
            floats("target_weights", self.values),
        ]
    }
}

fn ints(name: &str, ints: Vec<i64>) -> Attribute {
    Attribute { name: Some(name.to_owned()), ints, kind: Some(INTS), ..Attribute::default() }
}

fn floats(name: &str, floats: Vec<f32>) -> Attribute {
    Attribute { name: Some(name.to_owned()), floats, kind: Some(FLOATS), ..Attribute::default() }
}

/// A model of trees over rows of `width` features.
pub(super) fn model(trees: &[Tree], width: usize) -> Model {
    let mut rows = Rows::default();
    (0..).zip(trees).for_each(|(number, tree)| rows.tree(number, tree));
    let node = Node {
        input: vec![INPUT.to_owned()],
        output: vec![OUTPUT.to_owned()],
        name: Some("trees".to_owned()),
        op_type: Some("TreeEnsembleRegressor".to_owned()),
        attribute: rows.attributes(),
        domain: Some(DOMAIN.to_owned()),
    };
    let set = |domain: &str, version: i64| OperatorSet { domain: Some(domain.to_owned()), version: Some(version) };
    Model {
        ir_version: Some(IR_VERSION),
        producer_name: Some("torre".to_owned()),
        graph: Some(Graph {
            node: vec![node],
            name: Some("ranker".to_owned()),
            initializer: vec![],
            input: vec![value_info(INPUT, width)],
            output: vec![value_info(OUTPUT, 1)],
        }),
        opset_import: vec![set("", OPERATOR_SET), set(DOMAIN, VERSION)],
        metadata_props: vec![],
    }
}

fn value_info(name: &str, width: usize) -> ValueInfo {
    let batch = Dimension { value: None, param: Some("N".to_owned()) };
    let shape = Shape { dim: vec![batch, Dimension { value: Some(width as i64), param: None }] };
    let of = Type { tensor_type: Some(TensorType { elem_type: Some(F32), shape: Some(shape) }) };
    ValueInfo { name: Some(name.to_owned()), of: Some(of) }
}
