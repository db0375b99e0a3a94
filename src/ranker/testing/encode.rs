//! ONNX files, as the protobuf encoding says.

use super::table::{Form, LEAF, MEMBER, Row, Table};

/// A protobuf message that is being written.
#[derive(Clone, Default)]
pub(crate) struct Message(Vec<u8>);

impl Message {
    fn raw(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    /// A number.
    pub(crate) fn int(mut self, field: u64, value: i64) -> Self {
        self.raw(field << 3);
        self.raw(value.cast_unsigned());
        self
    }

    /// A float.
    pub(crate) fn float(mut self, field: u64, value: f32) -> Self {
        self.raw(field << 3 | 5);
        self.0.extend(value.to_le_bytes());
        self
    }

    /// Bytes, text, or a message.
    pub(crate) fn bytes(mut self, field: u64, value: impl AsRef<[u8]>) -> Self {
        self.raw(field << 3 | 2);
        self.raw(value.as_ref().len() as u64);
        self.0.extend(value.as_ref());
        self
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

impl AsRef<[u8]> for Message {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// Attributes.
pub(crate) mod attribute {
    use super::Message;

    fn named(name: &str, kind: i64) -> Message {
        Message::default().bytes(1, name).int(20, kind)
    }

    pub(crate) fn float(name: &str, value: f32) -> Message {
        named(name, 1).float(2, value)
    }

    pub(crate) fn int(name: &str, value: i64) -> Message {
        named(name, 2).int(3, value)
    }

    pub(crate) fn text(name: &str, value: &str) -> Message {
        named(name, 3).bytes(4, value)
    }

    pub(crate) fn tensor(name: &str, value: &Message) -> Message {
        named(name, 4).bytes(5, value)
    }

    pub(crate) fn floats(name: &str, values: impl IntoIterator<Item = f32>) -> Message {
        values.into_iter().fold(named(name, 6), |message, value| message.float(7, value))
    }

    pub(crate) fn ints(name: &str, values: impl IntoIterator<Item = i64>) -> Message {
        values.into_iter().fold(named(name, 7), |message, value| message.int(8, value))
    }

    pub(crate) fn texts<'a>(name: &str, values: impl IntoIterator<Item = &'a str>) -> Message {
        values.into_iter().fold(named(name, 8), |message, value| message.bytes(9, value))
    }
}

/// A tensor of floats with one dimension.
fn floats(values: &[f32]) -> Message {
    weight("", &[values.len() as i64], values)
}

/// A tensor of floats with a name.
pub(crate) fn weight(name: &str, dims: &[i64], values: &[f32]) -> Message {
    let raw: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    dims.iter().fold(Message::default(), |tensor, &dim| tensor.int(1, dim)).int(2, 1).bytes(8, name).bytes(9, raw)
}

/// A node of a graph.
pub(crate) fn node(domain: &str, operator: &str, inputs: &[&str], outputs: &[&str], attributes: &[Message]) -> Message {
    let node = inputs.iter().fold(Message::default(), |node, input| node.bytes(1, input));
    let node = outputs.iter().fold(node, |node, output| node.bytes(2, output)).bytes(4, operator).bytes(7, domain);
    attributes.iter().fold(node, |node, attribute| node.bytes(5, attribute))
}

/// A value of floats with so many free dimensions; without a type where there are none.
fn declared(name: &str, rank: usize) -> Message {
    let value = Message::default().bytes(1, name);
    if rank == 0 {
        return value;
    }
    let dims = (0..rank).fold(Message::default(), |dims, _| dims.bytes(1, Message::default().bytes(2, "N")));
    value.bytes(2, Message::default().bytes(1, Message::default().int(1, 1).bytes(2, dims)))
}

/// A model that takes f32 `[N, width]` under the name `x`, gives these outputs (declared with so many dimensions, or without any), and whose
/// metadata has this spec.
pub(crate) fn model(width: usize, nodes: &[Message], weights: &[Message], outputs: &[(&str, usize)], spec: Option<&str>) -> Vec<u8> {
    let dims = Message::default().bytes(1, Message::default().bytes(2, "N")).bytes(1, Message::default().int(1, width as i64));
    let tensor = Message::default().int(1, 1).bytes(2, dims);
    let input = Message::default().bytes(1, "x").bytes(2, Message::default().bytes(1, tensor));
    let graph = nodes.iter().fold(Message::default(), |graph, node| graph.bytes(1, node));
    let graph = weights.iter().fold(graph, |graph, tensor| graph.bytes(5, tensor)).bytes(11, input);
    let graph = outputs.iter().fold(graph, |graph, &(output, rank)| graph.bytes(12, declared(output, rank)));
    let opset = |domain: &str, version: i64| Message::default().bytes(1, domain).int(2, version);
    let model = Message::default().int(1, 9).bytes(7, graph).bytes(8, opset("", 17)).bytes(8, opset("ai.onnx.ml", 5));
    match spec {
        Some(spec) => model.bytes(14, Message::default().bytes(1, "torre.ranker").bytes(2, spec)).into_bytes(),
        None => model.into_bytes(),
    }
}

const MODES: [&str; 8] = ["BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ", "BRANCH_MEMBER", "LEAF"];

impl Table {
    /// A model of this operator alone, with the output `y` and a spec.
    pub(crate) fn to_onnx(&self) -> Vec<u8> {
        let features: Vec<_> =
            (0..self.width).map(|at| serde_json::json!({"name": format!("f{at}"), "from": format!("item.f{at}")})).collect();
        let spec = serde_json::json!({"torre": 1, "features": features, "input": "x", "output": "y"}).to_string();
        model(self.width, &[self.to_node()], &[], &[("y", 0)], Some(&spec))
    }

    /// The operator.
    pub(crate) fn to_node(&self) -> Message {
        match self.form {
            Form::Five => node("ai.onnx.ml", "TreeEnsemble", &["x"], &["y"], &self.attributes_5()),
            Form::Regressor => node("ai.onnx.ml", "TreeEnsembleRegressor", &["x"], &["y"], &self.attributes_3("target")),
            Form::Classifier => node("ai.onnx.ml", "TreeEnsembleClassifier", &["x"], &["l", "y"], &self.attributes_3("class")),
        }
    }

    fn attributes_3(&self, prefix: &str) -> Vec<Message> {
        let ints = |name: &str, of: &dyn Fn(&Row) -> i64| attribute::ints(name, self.rows.iter().map(of));
        let weights: Vec<(&Row, i64, f32)> =
            self.rows.iter().flat_map(|row| row.weights.iter().map(move |&(target, value)| (row, target, value))).collect();
        let of_weights =
            |name: &str, of: &dyn Fn(&(&Row, i64, f32)) -> i64| attribute::ints(&format!("{prefix}_{name}"), weights.iter().map(of));
        let mut attributes = vec![
            ints("nodes_treeids", &|row| row.tree),
            ints("nodes_nodeids", &|row| row.node),
            ints("nodes_featureids", &|row| row.feature),
            ints("nodes_truenodeids", &|row| row.yes),
            ints("nodes_falsenodeids", &|row| row.no),
            ints("nodes_missing_value_tracks_true", &|row| i64::from(row.missing)),
            attribute::texts("nodes_modes", self.rows.iter().map(|row| MODES[usize::from(row.mode)])),
            attribute::floats("nodes_values", self.rows.iter().map(|row| row.threshold)),
            of_weights("treeids", &|weight| weight.0.tree),
            of_weights("nodeids", &|weight| weight.0.node),
            of_weights("ids", &|weight| weight.1),
            attribute::floats(&format!("{prefix}_weights"), weights.iter().map(|weight| weight.2)),
            attribute::text("post_transform", self.post),
        ];
        if !self.base.is_empty() {
            attributes.push(attribute::floats("base_values", self.base.iter().copied()));
        }
        if self.form == Form::Classifier {
            attributes.push(attribute::ints("classlabels_int64s", 0..self.targets as i64));
        } else {
            attributes.push(attribute::int("n_targets", self.targets as i64));
            attributes.push(attribute::text("aggregate_function", ["AVERAGE", "SUM", "MIN", "MAX"][usize::from(self.aggregate)]));
        }
        attributes
    }

    /// Branches and leaves in tables of their own. A tree that is one leaf has a branch with that leaf on both sides.
    fn attributes_5(&self) -> Vec<Message> {
        let (mut branches, mut leaves, mut roots) = (Vec::new(), Vec::new(), Vec::new());
        for row in &self.rows {
            if row.mode == LEAF { leaves.push(row) } else { branches.push(row) }
        }
        let place = |list: &[&Row], tree: i64, node: i64| list.iter().position(|row| (row.tree, row.node) == (tree, node));
        let link = |tree: i64, node: i64| match place(&branches, tree, node) {
            Some(at) => (at as i64, 0),
            None => (place(&leaves, tree, node).unwrap_or(usize::MAX >> 1) as i64, 1),
        };
        let lone = |row: &Row| Row { mode: 0, yes: row.node, no: row.node, threshold: 0.0, feature: 0, ..row.clone() };
        let mut all: Vec<Row> = branches.iter().map(|&row| row.clone()).collect();
        for (at, row) in self.rows.iter().enumerate() {
            if at == 0 || self.rows[at - 1].tree != row.tree {
                roots.push(if row.mode == LEAF { all.len() as i64 } else { link(row.tree, row.node).0 });
                if row.mode == LEAF {
                    all.push(lone(row));
                }
            }
        }
        let ints = |name: &str, of: &dyn Fn(&Row) -> i64| attribute::ints(name, all.iter().map(of));
        let modes = Message::default().int(1, all.len() as i64).int(2, 2).bytes(9, all.iter().map(|row| row.mode).collect::<Vec<_>>());
        let splits: Vec<f32> = all.iter().map(|row| row.threshold).collect();
        let sets = all.iter().filter(|row| row.mode == MEMBER).flat_map(|row| row.members.iter().copied().chain([f32::NAN]));
        let weights: Vec<f32> = leaves.iter().map(|leaf| leaf.weights.first().map_or(0.0, |weight| weight.1)).collect();
        let post = ["NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO", "PROBIT"].iter().position(|&name| name == self.post);
        vec![
            attribute::int("n_targets", self.targets as i64),
            attribute::int("aggregate_function", i64::from(self.aggregate)),
            attribute::int("post_transform", post.unwrap_or(0) as i64),
            attribute::ints("tree_roots", roots),
            ints("nodes_featureids", &|row| row.feature),
            ints("nodes_truenodeids", &|row| link(row.tree, row.yes).0),
            ints("nodes_falsenodeids", &|row| link(row.tree, row.no).0),
            ints("nodes_trueleafs", &|row| link(row.tree, row.yes).1),
            ints("nodes_falseleafs", &|row| link(row.tree, row.no).1),
            ints("nodes_missing_value_tracks_true", &|row| i64::from(row.missing)),
            attribute::tensor("nodes_modes", &modes),
            attribute::tensor("nodes_splits", &floats(&splits)),
            attribute::tensor("membership_values", &floats(&sets.collect::<Vec<_>>())),
            attribute::ints("leaf_targetids", leaves.iter().map(|leaf| leaf.weights.first().map_or(0, |weight| weight.0))),
            attribute::tensor("leaf_weights", &floats(&weights)),
        ]
    }
}
