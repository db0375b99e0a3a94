//! What a ranker is trained on, and how, as arguments.

use std::path::PathBuf;

use clap::Args;
use torre_train::TreeOptions;

use super::args::DataArgs;
use crate::repl::values::at_least_one;

/// What to learn from, which features, how the trees are grown, and where the ranker goes.
#[derive(Args, Clone, Debug)]
#[command(mut_arg("interactions", |arg| arg.required(false).required_unless_present("cases")))]
pub(crate) struct RankerArgs {
    #[command(flatten)]
    pub(super) data: DataArgs,
    /// Instead of events: who asked, what they had seen and what they chose, in lines as `eval` takes them
    #[arg(long, value_name = "CASES.jsonl", conflicts_with = "interactions")]
    pub(super) cases: Option<PathBuf>,
    /// Such lines to measure with [default: those that decide how many trees there are]
    #[arg(long, value_name = "CASES.jsonl", requires = "cases")]
    pub(super) test_cases: Option<PathBuf>,
    /// The field of a user's row that holds what was chosen before
    #[arg(long, value_name = "FIELD", default_value = "history")]
    pub(super) history: String,
    /// The list of features, as a ranker's document has it [default: what the rows suggest]
    #[arg(long, value_name = "FEATURES.json")]
    pub(super) features: Option<PathBuf>,
    /// Items that the first stage finds for each user
    #[arg(long, value_name = "ITEMS", default_value = "200", value_parser = at_least_one, allow_negative_numbers = true)]
    pub(super) candidates: usize,
    /// Users that it learns from at most, drawn by chance where there are more: their candidates are in memory
    #[arg(long, value_name = "USERS", default_value = "20000", value_parser = at_least_one, allow_negative_numbers = true)]
    pub(super) most_users: usize,
    /// The ranker's name in the collection; one that has it is replaced
    #[arg(long, value_name = "NAME", default_value = "default")]
    pub(super) name: String,
    /// Also write ranker.onnx and features.json into this directory
    #[arg(long, value_name = "DIR")]
    pub(super) out: Option<PathBuf>,
    /// Also write the table that it is trained on, and a script that trains LightGBM on it
    #[arg(long, value_name = "TABLE.parquet")]
    pub(super) table: Option<PathBuf>,
    /// Share of the users that decide how many trees there are
    #[arg(long, value_name = "SHARE", default_value_t = 0.2, allow_negative_numbers = true)]
    pub(super) held_share: f64,
    #[command(flatten)]
    trees: TreeArgs,
}

/// How trees are grown.
#[derive(Args, Clone, Debug)]
struct TreeArgs {
    /// Trees at most
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true)]
    trees: Option<usize>,
    /// Leaves of a tree at most
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true)]
    leaves: Option<usize>,
    /// What a tree's leaves count
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true)]
    rate: Option<f32>,
    /// Candidates that a leaf has to have
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true)]
    min_leaf: Option<usize>,
    /// Keeps leaves of few candidates small
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true)]
    l2: Option<f64>,
    /// Places of a ranking whose pairs count
    #[arg(long, value_name = "PLACES", allow_negative_numbers = true)]
    truncation: Option<usize>,
    /// Bins of a feature at most
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true)]
    bins: Option<usize>,
    /// Share of the features that a tree may split by
    #[arg(long, value_name = "SHARE", allow_negative_numbers = true)]
    feature_share: Option<f32>,
    /// Share of the candidates that a tree is grown on
    #[arg(long, value_name = "SHARE", allow_negative_numbers = true)]
    row_share: Option<f32>,
    /// Trees without a better NDCG after which training ends
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true)]
    patience: Option<usize>,
    /// Where all random numbers come from
    #[arg(long, value_name = "NUMBER")]
    seed: Option<u64>,
}

impl RankerArgs {
    /// The options of the trees: what is not said is the default.
    pub(super) fn tree_options(&self) -> TreeOptions {
        let (of, usual) = (&self.trees, TreeOptions::default());
        TreeOptions {
            trees: of.trees.unwrap_or(usual.trees),
            leaves: of.leaves.unwrap_or(usual.leaves),
            rate: of.rate.unwrap_or(usual.rate),
            min_leaf: of.min_leaf.unwrap_or(usual.min_leaf),
            l2: of.l2.unwrap_or(usual.l2),
            truncation: of.truncation.unwrap_or(usual.truncation),
            bins: of.bins.unwrap_or(usual.bins),
            feature_share: of.feature_share.unwrap_or(usual.feature_share),
            row_share: of.row_share.unwrap_or(usual.row_share),
            patience: of.patience.unwrap_or(usual.patience),
            k: usual.k,
            seed: of.seed.unwrap_or(usual.seed),
        }
    }
}
