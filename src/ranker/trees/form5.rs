//! `TreeEnsemble` of ai.onnx.ml 5: branches and leaves in tables of their own, linked by position.

use super::super::attributes::Attributes;
use super::super::limits;
use super::ensemble::{Branch, Ensemble, Link, Test, Weight, targets, within};
use crate::model_error::ModelError;

/// The operator's attributes.
pub(super) const ATTRIBUTES: [&str; 16] = [
    "aggregate_function",
    "leaf_targetids",
    "leaf_weights",
    "membership_values",
    "n_targets",
    "nodes_falseleafs",
    "nodes_falsenodeids",
    "nodes_featureids",
    "nodes_hitrates",
    "nodes_missing_value_tracks_true",
    "nodes_modes",
    "nodes_splits",
    "nodes_trueleafs",
    "nodes_truenodeids",
    "post_transform",
    "tree_roots",
];

/// Reads the trees.
pub(super) fn read(attributes: &Attributes<'_>) -> Result<Ensemble, ModelError> {
    let floats = |name: &str| match attributes.tensor(name)? {
        Some(tensor) => tensor.to_floats(&format!("the attribute {name:?}")),
        None => Ok(Vec::new()),
    };
    let targets = targets(attributes.int("n_targets", 0)?)?;
    let Some(modes) = attributes.tensor("nodes_modes")? else { return Err(attributes.error("nodes_modes", "is missing")) };
    let modes = modes.to_ints("the attribute \"nodes_modes\"")?;
    let rows = modes.len();
    within("tree nodes", rows, limits::TREE_NODES)?;
    let splits = floats("nodes_splits")?;
    let same = |name: &str, got: usize| {
        if got == rows { Ok(()) } else { Err(attributes.error(name, format!("has {got} elements, and nodes_modes has {rows}"))) }
    };
    same("nodes_splits", splits.len())?;
    let ints = |name: &str| attributes.ints(name).and_then(|values| same(name, values.len()).map(|()| values));
    let (yes, no) = (ints("nodes_truenodeids")?, ints("nodes_falsenodeids")?);
    let (yes_leaf, no_leaf) = (ints("nodes_trueleafs")?, ints("nodes_falseleafs")?);
    let features = ints("nodes_featureids")?;
    let missing = attributes.ints("nodes_missing_value_tracks_true")?;
    if !missing.is_empty() {
        same("nodes_missing_value_tracks_true", missing.len())?;
    }
    let (leaf_targets, leaf_weights) = (attributes.ints("leaf_targetids")?, floats("leaf_weights")?);
    let leaves = leaf_weights.len();
    within("leaf weights", leaves, limits::TREE_NODES)?;
    if leaf_targets.len() != leaves {
        return Err(attributes.error("leaf_targetids", format!("has {} elements, and leaf_weights has {leaves}", leaf_targets.len())));
    }
    let (members, sets) = sets(attributes, &modes, floats("membership_values")?)?;

    let mut ensemble = Ensemble { targets, roots: Vec::new(), branches: Vec::with_capacity(rows), leaves, weights: Vec::new(), members };
    let mut sets = sets.into_iter();
    for row in 0..rows {
        let fault = |reason: String| ModelError::graph(format!("tree node {row}"), reason);
        let test = match modes[row] {
            0 => Test::Leq(splits[row]),
            1 => Test::Lt(splits[row]),
            2 => Test::Gte(splits[row]),
            3 => Test::Gt(splits[row]),
            4 => Test::Eq(splits[row]),
            5 => Test::Neq(splits[row]),
            6 => sets.next().ok_or_else(|| fault("its set is missing".to_owned()))?,
            other => return Err(fault(format!("the unknown mode {other}"))),
        };
        let link = |to: i64, leaf: i64| {
            let (kind, count) = if leaf == 0 { ("node", rows) } else { ("leaf", leaves) };
            let at = u32::try_from(to).ok().filter(|&at| (at as usize) < count);
            let at = at.ok_or_else(|| fault(format!("it leads to the {kind} {to}; there are {count}")))?;
            Ok::<_, ModelError>(if leaf == 0 { Link::Branch(at) } else { Link::Leaf(at) })
        };
        let feature = u32::try_from(features[row]).map_err(|_| fault(format!("the feature {}", features[row])))?;
        let (yes, no) = (link(yes[row], yes_leaf[row])?, link(no[row], no_leaf[row])?);
        ensemble.branches.push(Branch { feature, test, missing: missing.get(row) == Some(&1), yes, no });
    }
    for &root in attributes.ints("tree_roots")? {
        let at = u32::try_from(root).ok().filter(|&at| (at as usize) < rows);
        let at = at.ok_or_else(|| attributes.error("tree_roots", format!("names the node {root}; there are {rows}")))?;
        ensemble.roots.push(Link::Branch(at));
    }
    for (leaf, (&target, &value)) in leaf_targets.iter().zip(&leaf_weights).enumerate() {
        let id = u32::try_from(target).ok().filter(|&id| (id as usize) < targets);
        let id = id.ok_or_else(|| attributes.error("leaf_targetids", format!("names the target {target}; there are {targets}")))?;
        ensemble.weights.push(Weight { leaf: leaf as u32, target: id, value });
    }
    ensemble.order_weights().map_err(|reason| attributes.error("leaf_weights", reason))?;
    Ok(ensemble)
}

/// The sets of the branches that have one, in the order of the branches: the values up to the next NaN.
fn sets(attributes: &Attributes<'_>, modes: &[i64], values: Vec<f32>) -> Result<(Vec<f32>, Vec<Test>), ModelError> {
    let wanted = modes.iter().filter(|&&mode| mode == 6).count();
    within("members of sets", values.len(), limits::TREE_NODES)?;
    let mut sets = Vec::with_capacity(wanted);
    let mut from = 0;
    for set in values.split(|value| value.is_nan()).take(wanted) {
        let to = from + set.len();
        sets.push(Test::Member { from: from as u32, to: to as u32 });
        from = to + 1;
    }
    let empty = sets.iter().position(|set| matches!(set, Test::Member { from, to } if from == to));
    if sets.len() < wanted || empty.is_some() {
        let found = empty.unwrap_or(sets.len());
        return Err(attributes.error("membership_values", format!("has {found} sets, and {wanted} branches need one")));
    }
    // A separator may stand at the end; a further value would belong to no branch.
    if from < values.len() && values[from..].iter().any(|value| !value.is_nan()) {
        return Err(attributes.error("membership_values", format!("has more than the {wanted} sets that branches need")));
    }
    Ok((values, sets))
}
