//! How trees are grown.

use serde::{Deserialize, Serialize};

use crate::error::TrainError;

/// Branches and leaves of a forest at most: a ranker may have twice as many.
const NODES: usize = 1 << 20;

/// Options of LambdaMART. Unknown keys are errors.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TreeOptions {
    /// Trees at most; with validation fewer, see `patience`. Default 500.
    pub trees: usize,
    /// Leaves of a tree at most. Default 16.
    pub leaves: usize,
    /// What a tree's leaves count (shrinkage). Default 0.05.
    pub rate: f32,
    /// Rows that a leaf has to have. Default 50.
    pub min_leaf: usize,
    /// Added to the second derivatives of a leaf, so that few rows move it less. Default 5.
    pub l2: f64,
    /// Places of a ranking whose pairs count: each of them with everything below it. Default 20.
    pub truncation: usize,
    /// Bins of a feature at most, missing ones apart. Default 255, which is the most.
    pub bins: usize,
    /// Share of the features that a tree may split by, drawn for each. Default 1.
    pub feature_share: f32,
    /// Share of the rows that a tree is grown on, drawn for each. Default 0.8.
    pub row_share: f32,
    /// Trees without a better validation NDCG after which training ends; the best number of trees is kept. Default 50.
    pub patience: usize,
    /// The cut-off of that NDCG. Default 10.
    pub k: usize,
    /// Where all random numbers come from. Default 1.
    pub seed: u64,
}

impl Default for TreeOptions {
    fn default() -> Self {
        Self {
            trees: 500,
            leaves: 16,
            rate: 0.05,
            min_leaf: 50,
            l2: 5.0,
            truncation: 20,
            bins: 255,
            feature_share: 1.0,
            row_share: 0.8,
            patience: 50,
            k: 10,
            seed: 1,
        }
    }
}

impl TreeOptions {
    /// Refuses values that cannot be.
    ///
    /// # Errors
    /// [`TrainError::Option`] with the option and what it may be.
    pub fn check(&self) -> Result<(), TrainError> {
        let within = |name: &'static str, value: f64, from: f64, to: f64| {
            if value >= from && value <= to {
                return Ok(());
            }
            Err(TrainError::Option { name, reason: format!("{value} is not from {from} to {to}") })
        };
        within("trees", self.trees as f64, 1.0, 100_000.0)?;
        within("leaves", self.leaves as f64, 2.0, 65_536.0)?;
        within("rate", f64::from(self.rate), 1e-6, 1.0)?;
        within("min_leaf", self.min_leaf as f64, 1.0, 1e9)?;
        within("l2", self.l2, 0.0, 1e9)?;
        within("truncation", self.truncation as f64, 1.0, 1e6)?;
        within("bins", self.bins as f64, 2.0, 255.0)?;
        within("feature_share", f64::from(self.feature_share), 1e-6, 1.0)?;
        within("row_share", f64::from(self.row_share), 1e-6, 1.0)?;
        within("patience", self.patience as f64, 1.0, 1e9)?;
        within("k", self.k as f64, 1.0, 1e6)?;
        let nodes = self.trees.saturating_mul(2 * self.leaves - 1);
        if nodes > NODES {
            let reason = format!("{} of {} leaves have {nodes} branches and leaves; at most {NODES}", self.trees, self.leaves);
            return Err(TrainError::Option { name: "trees", reason });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn values_that_cannot_be_are_named() {
        TreeOptions::default().check().unwrap();
        let refused = |options: TreeOptions, name: &str| match options.check() {
            Err(TrainError::Option { name: got, .. }) => assert_eq!(got, name),
            other => panic!("{name}: {other:?}"),
        };
        let usual = TreeOptions::default;
        refused(TreeOptions { trees: 0, ..usual() }, "trees");
        refused(TreeOptions { trees: 100_000, leaves: 1000, ..usual() }, "trees");
        refused(TreeOptions { leaves: 1, ..usual() }, "leaves");
        refused(TreeOptions { rate: f32::NAN, ..usual() }, "rate");
        refused(TreeOptions { l2: -1.0, ..usual() }, "l2");
        refused(TreeOptions { bins: 256, ..usual() }, "bins");
        refused(TreeOptions { row_share: 0.0, ..usual() }, "row_share");
    }
}
