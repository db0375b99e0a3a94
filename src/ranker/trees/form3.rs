//! `TreeEnsembleRegressor` and `TreeEnsembleClassifier`: nodes as rows of a table, named by tree and number, with leaves among them.

use super::super::attributes::Attributes;
use super::super::limits;
use super::ensemble::{Branch, Ensemble, Link, Test, Weight, within};
use crate::model_error::ModelError;

/// The names of the attributes that say what the leaves add.
pub(super) struct WeightNames {
    pub(super) ids: &'static str,
    pub(super) nodes: &'static str,
    pub(super) trees: &'static str,
    pub(super) values: &'static str,
}

/// The attributes that the two operators share.
pub(super) const NODES: [&str; 11] = [
    "nodes_falsenodeids",
    "nodes_featureids",
    "nodes_hitrates",
    "nodes_missing_value_tracks_true",
    "nodes_modes",
    "nodes_nodeids",
    "nodes_treeids",
    "nodes_truenodeids",
    "nodes_values",
    "post_transform",
    "base_values",
];

/// Reads the trees.
pub(super) fn read(attributes: &Attributes<'_>, names: &WeightNames, targets: usize) -> Result<Ensemble, ModelError> {
    let modes = attributes.texts("nodes_modes")?;
    let rows = modes.len();
    within("tree nodes", rows, limits::TREE_NODES)?;
    let same = |name: &str, got: usize| {
        if got == rows { Ok(()) } else { Err(attributes.error(name, format!("has {got} elements, and nodes_modes has {rows}"))) }
    };
    let ints = |name: &str| attributes.ints(name).and_then(|values| same(name, values.len()).map(|()| values));
    let table = Table {
        trees: ints("nodes_treeids")?,
        nodes: ints("nodes_nodeids")?,
        yes: ints("nodes_truenodeids")?,
        no: ints("nodes_falsenodeids")?,
        features: ints("nodes_featureids")?,
        thresholds: attributes.floats("nodes_values")?,
        modes,
    };
    same("nodes_values", table.thresholds.len())?;
    let missing = attributes.ints("nodes_missing_value_tracks_true")?;
    if !missing.is_empty() {
        same("nodes_missing_value_tracks_true", missing.len())?;
    }
    let index = Index::of(&table).map_err(|reason| attributes.error("nodes_nodeids", reason))?;
    let mut ensemble = Ensemble {
        targets,
        roots: index.roots(&table),
        branches: Vec::new(),
        leaves: index.leaves,
        weights: Vec::new(),
        members: Vec::new(),
    };
    for row in 0..rows {
        let fault = |reason: String| ModelError::graph(format!("tree {}, node {}", table.trees[row], table.nodes[row]), reason);
        let Some(test) = Test::named(table.modes[row], table.thresholds[row]).map_err(fault)? else { continue };
        let feature = table.features[row];
        let feature = u32::try_from(feature).map_err(|_| fault(format!("the feature {feature}")))?;
        let link = |node: i64| {
            index.find(table.trees[row], node).ok_or_else(|| fault(format!("it leads to the node {node}, which the tree has not")))
        };
        let (yes, no) = (link(table.yes[row])?, link(table.no[row])?);
        ensemble.branches.push(Branch { feature, test, missing: missing.get(row) == Some(&1), yes, no });
    }
    ensemble.weights = weights(attributes, names, &index, targets)?;
    ensemble.order_weights().map_err(|reason| attributes.error(names.values, reason))?;
    Ok(ensemble)
}

fn weights(attributes: &Attributes<'_>, names: &WeightNames, index: &Index, targets: usize) -> Result<Vec<Weight>, ModelError> {
    let (trees, nodes) = (attributes.ints(names.trees)?, attributes.ints(names.nodes)?);
    let (ids, values) = (attributes.ints(names.ids)?, attributes.floats(names.values)?);
    within("leaf weights", values.len(), limits::WEIGHTS)?;
    if [trees.len(), nodes.len(), ids.len()] != [values.len(); 3] {
        let reason = format!("has {} elements; {} trees, {} nodes, {} ids are named", values.len(), trees.len(), nodes.len(), ids.len());
        return Err(attributes.error(names.values, reason));
    }
    let mut weights = Vec::with_capacity(values.len());
    for (at, &value) in values.iter().enumerate() {
        let place = || format!("tree {}, node {}", trees[at], nodes[at]);
        let target = u32::try_from(ids[at]).ok().filter(|&id| (id as usize) < targets);
        let target = target.ok_or_else(|| ModelError::graph(place(), format!("a weight of target {}; there are {targets}", ids[at])))?;
        match index.find(trees[at], nodes[at]) {
            Some(Link::Leaf(leaf)) => weights.push(Weight { leaf, target, value }),
            // A weight of a branch is never reached.
            Some(Link::Branch(_)) => {}
            None => return Err(ModelError::graph(place(), "it has a weight, and there is no such node")),
        }
    }
    Ok(weights)
}

/// The table's columns, all of one length.
struct Table<'a> {
    trees: &'a [i64],
    nodes: &'a [i64],
    yes: &'a [i64],
    no: &'a [i64],
    features: &'a [i64],
    thresholds: &'a [f32],
    modes: &'a [&'a [u8]],
}

/// Finds a node by its tree and number.
struct Index {
    sorted: Vec<(i64, i64, Link)>,
    leaves: usize,
}

impl Index {
    fn of(table: &Table<'_>) -> Result<Self, String> {
        let (mut branches, mut leaves) = (0u32, 0u32);
        let mut sorted = Vec::with_capacity(table.modes.len());
        for (row, &mode) in table.modes.iter().enumerate() {
            let counter = if mode == b"LEAF" { &mut leaves } else { &mut branches };
            let link = if mode == b"LEAF" { Link::Leaf(*counter) } else { Link::Branch(*counter) };
            *counter += 1;
            sorted.push((table.trees[row], table.nodes[row], link));
        }
        let apart = sorted.array_windows().filter(|[a, b]| a.0 != b.0).count() + usize::from(!sorted.is_empty());
        sorted.sort_unstable_by_key(|&(tree, node, _)| (tree, node));
        if let Some([twice, _]) = sorted.array_windows().find(|[a, b]| (a.0, a.1) == (b.0, b.1)) {
            return Err(format!("names the node {} of tree {} twice", twice.1, twice.0));
        }
        let trees = sorted.array_windows().filter(|[a, b]| a.0 != b.0).count() + usize::from(!sorted.is_empty());
        if trees != apart {
            return Err("has the nodes of a tree in several places; they must stand together".to_owned());
        }
        Ok(Self { sorted, leaves: leaves as usize })
    }

    fn find(&self, tree: i64, node: i64) -> Option<Link> {
        let at = self.sorted.binary_search_by_key(&(tree, node), |&(tree, node, _)| (tree, node)).ok()?;
        Some(self.sorted[at].2)
    }

    /// The first node of each tree, in the order of the table.
    fn roots(&self, table: &Table<'_>) -> Vec<Link> {
        let begins = |row: &usize| *row == 0 || table.trees[*row] != table.trees[*row - 1];
        (0..table.trees.len()).filter(begins).filter_map(|row| self.find(table.trees[row], table.nodes[row])).collect()
    }
}
