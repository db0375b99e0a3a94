//! The options of what comes after the first stage: the same for queries and for their measurement.

use clap::Args;

use super::rules::RuleOptions;
use super::values::{at_least_one, weight};
use torre::rules::Policy;
use torre::{Diverse, Rerank, SearchOptions};

/// What comes after the first stage.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct StageOptions {
    /// Order the best ITEMS of the first stage by the scores of a ranker
    #[arg(long, value_name = "ITEMS", value_parser = at_least_one, allow_negative_numbers = true)]
    pub(crate) rerank: Option<usize>,
    /// The ranker's name, where the collection has several
    #[arg(long, value_name = "NAME", requires = "rerank")]
    pub(crate) ranker: Option<String>,
    /// Take the rules of this policy along
    #[arg(long, value_name = "NAME")]
    pub(crate) policy: Option<String>,
    #[command(flatten)]
    rules: RuleOptions,
    /// Choose hits that are unlike each other; LAMBDA, from 0 to 1, is the weight of relevance
    #[arg(long, value_name = "LAMBDA", value_parser = weight, allow_negative_numbers = true)]
    pub(crate) diverse: Option<f32>,
    /// Choose them out of the best ITEMS [default: 200]
    #[arg(long, value_name = "ITEMS", value_parser = at_least_one, requires = "diverse", allow_negative_numbers = true)]
    pub(crate) pool: Option<usize>,
    /// Choose them by the categories in this indexed field of the items, in the shares of the user's history
    #[arg(long, value_name = "FIELD", requires = "diverse")]
    pub(crate) calibrate: Option<String>,
    /// The user's field with the ids of the history [default: history]
    #[arg(long, value_name = "FIELD", requires = "calibrate")]
    pub(crate) history: Option<String>,
}

/// Items that a list is chosen from, where nothing else is said.
const POOL: usize = 200;

impl StageOptions {
    /// Whether there is no further stage.
    pub(crate) fn is_none(&self) -> bool {
        self.rerank.is_none() && self.policy.is_none() && self.diverse.is_none() && self.rules.add_to(Policy::new()) == Policy::new()
    }

    /// The fields of users that rules of the query and the calibration of lists read; those of its policy are not among them.
    pub(crate) fn user_fields(&self) -> Vec<String> {
        let rules = self.rules.add_to(Policy::new());
        let history = self.calibrate.as_ref().map(|_| self.history.as_deref().unwrap_or("history"));
        rules.user_fields().chain(history).map(str::to_owned).collect()
    }

    /// Adds the stages to a search.
    pub(crate) fn add_to(&self, search: &mut SearchOptions) {
        search.rerank = self.rerank.map(|candidates| Rerank::new(candidates, self.ranker.clone()));
        search.policy = self.policy.clone();
        search.rules = self.rules.add_to(Policy::new());
        search.diverse = self.diverse.map(|lambda| {
            let diverse = Diverse::new(lambda, self.pool.unwrap_or(POOL));
            match &self.calibrate {
                Some(field) => diverse.calibrated(field, self.history.as_deref().unwrap_or("history")),
                None => diverse,
            }
        });
    }
}
