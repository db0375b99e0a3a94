//! Trees as the tables of an ONNX operator.

/// One row of the nodes' table. Modes are those of ai.onnx.ml 5, by number, and 7 is a leaf.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) tree: i64,
    pub(crate) node: i64,
    pub(crate) mode: u8,
    pub(crate) feature: i64,
    pub(crate) threshold: f32,
    pub(crate) members: Vec<f32>,
    pub(crate) missing: bool,
    pub(crate) yes: i64,
    pub(crate) no: i64,
    /// Of a leaf: targets and what it adds to them.
    pub(crate) weights: Vec<(i64, f32)>,
}

pub(crate) const MEMBER: u8 = 6;
pub(crate) const LEAF: u8 = 7;

/// The operator that the trees are written for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Form {
    /// `TreeEnsembleRegressor`.
    Regressor,
    /// `TreeEnsembleClassifier`.
    Classifier,
    /// `TreeEnsemble` of ai.onnx.ml 5.
    Five,
}

/// All trees; the first node of each is its root.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    pub(crate) form: Form,
    pub(crate) width: usize,
    pub(crate) targets: usize,
    pub(crate) rows: Vec<Row>,
    /// AVERAGE, SUM, MIN, MAX.
    pub(crate) aggregate: u8,
    pub(crate) post: &'static str,
    pub(crate) base: Vec<f32>,
}

impl Table {
    /// One tree over one feature: `low` up to 0.5 and where it is missing, `high` above.
    pub(crate) fn stump(low: f32, high: f32) -> Self {
        let leaf = Row {
            tree: 0,
            node: 1,
            mode: LEAF,
            feature: 0,
            threshold: 0.5,
            members: Vec::new(),
            missing: true,
            yes: 1,
            no: 2,
            weights: vec![(0, low)],
        };
        let root = Row { node: 0, mode: 0, weights: Vec::new(), ..leaf.clone() };
        let rows = vec![root, leaf.clone(), Row { node: 2, weights: vec![(0, high)], ..leaf }];
        Self { form: Form::Regressor, width: 1, targets: 1, rows, aggregate: 1, post: "NONE", base: Vec::new() }
    }
}
