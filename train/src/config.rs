//! The options of training, as a TOML file has them. Every one has a default.

use serde::{Deserialize, Serialize};

use crate::error::TrainError;
use crate::loss::Loss;
use crate::optimizer::Rule;

/// All options. Unknown keys are errors.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// How the towers are built.
    pub towers: Towers,
    /// What is made small.
    pub loss: LossOptions,
    /// What a chosen item is compared with.
    pub negatives: Negatives,
    /// How parameters move.
    pub optimizer: Optimizer,
    /// How long, in which order, with how much of the machine.
    pub training: Training,
    /// What is done to the trained item table before it is written.
    pub fold: Fold,
}

/// How the towers are built. Width, metric and whether vectors get length 1 are the specs'.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Towers {
    /// Widths of the hidden layers over all of a tower's inputs. A tower whose one input is its items needs none, and has none. Default `[128]`.
    pub hidden: Vec<usize>,
    /// `add` puts the output of the layers on top of the main embedding (an item's own, a user's pooled history); `replace` has it alone;
    /// `sum` has no layers: embeddings of all fields are as wide as the output and summed up. Default `add`.
    pub combine: Combine,
    /// Share of hidden numbers dropped in training. Default 0.1.
    pub dropout: f32,
    /// Whether hidden layers are normalised. Default false.
    pub layer_norm: bool,
    /// How a history becomes one vector. Default `mean`.
    pub pool: PoolKind,
    /// `recency`: the half-life of an item's weight, in places from the newest. Default 10.
    pub half_life: f32,
    /// `transformer`: blocks, and heads of each. Defaults 2 and 1.
    pub blocks: usize,
    /// See `blocks`.
    pub heads: usize,
    /// Share of the pooled history's numbers dropped in training. Default 0.2.
    pub history_dropout: f32,
    /// Share of ids (of `vocab` fields without a list) that training takes for unknown, so that unknown ones work. Default 0.05.
    pub unknown_share: f32,
    /// What embeddings of a user's own fields count in `sum`. Default 0.5.
    pub side_scale: f32,
    /// Deviation of the embeddings at the start. Default 0.05.
    pub deviation: f32,
    /// Widths of prefixes of the vectors that are trained to serve by themselves, smaller than the vectors: the loss is the sum of all (Kusupati
    /// and others, Matryoshka Representation Learning, 2022). Default none.
    pub matryoshka: Vec<usize>,
}

/// How a tower's output comes from its parts.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Combine {
    /// Main embedding plus layers.
    Add,
    /// Layers alone.
    Replace,
    /// The sum of all embeddings.
    Sum,
}

/// How a history becomes one vector.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PoolKind {
    /// Its mean.
    Mean,
    /// Its mean, newer items weighing more.
    Recency,
    /// Additive attention with weights by content and place (Bahdanau, Cho and Bengio 2015), without a target.
    Attention,
    /// The last state of a gated recurrent unit (Cho and others 2014; for sessions Hidasi and others 2016).
    Gru,
    /// The last state of a long short-term memory (Hochreiter and Schmidhuber 1997).
    Lstm,
    /// The last place of a causal Transformer (Kang and McAuley, SASRec, 2018).
    Transformer,
}

/// What is made small.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LossOptions {
    /// Which loss. Default softmax.
    pub of: Loss,
    /// What inner products are divided by. Default 0.07 for vectors of length 1, else 1.
    pub temperature: Option<f32>,
}

/// What a chosen item is compared with.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Negatives {
    /// Whether the other examples' items are negatives. Default true.
    pub in_batch: bool,
    /// Items drawn for each batch, shared by its users. Default 256.
    pub shared: usize,
    /// They are drawn by popularity to this power. Default 0.5.
    pub alpha: f32,
    /// Which logits are less the logarithm of an item's chance to be there. Default `all`.
    pub log_q: LogQ,
    /// Whether other items of the user's history are spared as negatives. Default false.
    pub spare_history: bool,
    /// Items drawn for each batch from those that rank highest for its users, one a user, shared by all. Default 0.
    pub hard: usize,
    /// How many of a user's best items they are drawn from. Default 100.
    pub hard_best: usize,
    /// Steps after which the item vectors that are ranked are made anew. Default 100.
    pub hard_refresh: usize,
    /// Batches before whose chosen items are negatives once more, with the vectors that they had. Default 0.
    pub cached_batches: usize,
}

/// Which logits are corrected for how often an item is drawn (Bengio and Senécal 2008; Yi and others 2019).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogQ {
    /// None.
    None,
    /// Those of negatives.
    Negatives,
    /// Those of negatives and of the chosen items.
    All,
}

/// How parameters move.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Optimizer {
    /// The rule of tables; dense layers have Adam. Default adam.
    pub rule: Rule,
    /// Learning rate at the start. Default 0.005.
    pub rate: f32,
    /// What it is multiplied by after each epoch. Default 0.85.
    pub decay: f32,
    /// Share of all steps over which the rate rises to its full height. Default 0.
    pub warm_up: f32,
    /// Pull towards 0 on the rows of tables that a step touches. Default 2e-6.
    pub l2: f32,
    /// The same on dense layers. Default 0.
    pub dense_l2: f32,
}

/// How long, in which order, with how much of the machine.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Training {
    /// Examples a step. Default 1024.
    pub batch: usize,
    /// Passes over the data at most. Default 12.
    pub epochs: usize,
    /// Epochs without a better validation that end training; 0: never. Default 3.
    pub patience: usize,
    /// Users whose validation is measured, evenly chosen; 0: all. Default 10,000.
    pub validation_users: usize,
    /// The cut-off of the measures that decide. Default 20.
    pub k: usize,
    /// Items of a history in training; the spec's list says how many in serving. 0: as many as there. Default 0.
    pub history: usize,
    /// Where all random numbers come from. Default 1.
    pub seed: u64,
    /// Threads; 0: as many as the machine has. The result is the same. Default 0.
    pub threads: usize,
    /// Minutes between checkpoints, where they are wanted; one is written at the end of each epoch too. Default 5.
    pub checkpoint_minutes: u64,
}

/// A step of LightGCN's (He and others 2020) in the exported table: an item's vector gets `lambda` times the sum over its users of
/// their vectors over sqrt(d_u d_i), and keeps its length on average. Serving stays a look-up. For towers of item ids alone.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Fold {
    /// The values of lambda that validation chooses from; none: no fold. Without validation one value is taken as it is. Default none.
    pub lambdas: Vec<f32>,
    /// Whether histories read the folded table too, or the item tower alone. Default true.
    pub histories: bool,
}

impl Default for Towers {
    fn default() -> Self {
        Self {
            hidden: vec![128],
            combine: Combine::Add,
            dropout: 0.1,
            layer_norm: false,
            pool: PoolKind::Mean,
            half_life: 10.0,
            blocks: 2,
            heads: 1,
            history_dropout: 0.2,
            unknown_share: 0.05,
            side_scale: 0.5,
            deviation: 0.05,
            matryoshka: Vec::new(),
        }
    }
}

impl Default for LossOptions {
    fn default() -> Self {
        Self { of: Loss::Softmax, temperature: None }
    }
}

impl Default for Negatives {
    fn default() -> Self {
        Self {
            in_batch: true,
            shared: 256,
            alpha: 0.5,
            log_q: LogQ::All,
            spare_history: false,
            hard: 0,
            hard_best: 100,
            hard_refresh: 100,
            cached_batches: 0,
        }
    }
}

impl Default for Optimizer {
    fn default() -> Self {
        Self { rule: Rule::Adam, rate: 0.005, decay: 0.85, warm_up: 0.0, l2: 2e-6, dense_l2: 0.0 }
    }
}

impl Default for Training {
    fn default() -> Self {
        Self {
            batch: 1024,
            epochs: 12,
            patience: 3,
            validation_users: 10_000,
            k: 20,
            history: 0,
            seed: 1,
            threads: 0,
            checkpoint_minutes: 5,
        }
    }
}

impl Default for Fold {
    fn default() -> Self {
        Self { lambdas: Vec::new(), histories: true }
    }
}

impl Config {
    /// Reads a config file.
    ///
    /// # Errors
    /// [`TrainError::Config`] with the place of what is not TOML or not known, [`TrainError::Option`] of a value out of bounds.
    pub fn from_toml(text: &str) -> Result<Self, TrainError> {
        let config: Self = toml::from_str(text)?;
        config.check()?;
        Ok(config)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let config = Config::default();
        assert_eq!(Config::from_toml(&toml::to_string(&config).unwrap()).unwrap(), config);
        assert_eq!(Config::from_toml("").unwrap(), config);
        let some = Config::from_toml("[loss]\nof = { kind = \"triplet\", margin = 0.2 }\n[training]\nseed = 7").unwrap();
        assert_eq!((some.loss.of, some.training.seed), (Loss::Triplet { margin: 0.2 }, 7));
    }

    #[test]
    fn wrong_options_are_named() {
        for (text, part) in [
            ("[training]\nepoch = 3", "unknown field `epoch`"),
            ("[training]\nepochs = 0", "option training.epochs: 0 is not from 1 to 100000"),
            ("[towers]\ndropout = nan", "option towers.dropout: NaN is not from 0 to 0.95"),
            ("[negatives]\nshared = 0\nin_batch = false", "option negatives.shared: 0, hard is 0 and in_batch is false"),
            ("x", "the config: "),
        ] {
            let error = Config::from_toml(text).unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
