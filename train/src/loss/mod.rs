//! Losses over one target and many negatives of each user, computed block by block.
//!
//! - [`Loss`]: which there are, with their formulas.
//! - `lanes`: the loss and its derivatives for 32 users side by side.
//! - `block`: products, masks and gradients around it. The logits of 32 users exist at a time, never all.
//! - `columns`: which candidates a user must not have as negatives.

mod block;
#[cfg(test)]
mod block_tests;
mod columns;
mod lanes;

use serde::{Deserialize, Serialize};

pub(crate) use block::{Candidates, Gradients, Targets, evaluate};
pub(crate) use columns::Columns;

/// What is made small. Below, t is the logit of the chosen item, x those of the n negatives; a logit is the inner product of the two
/// vectors over the temperature, less the logarithm of the item's chance to be drawn where that is corrected.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Loss {
    /// `ln(e^t + sum e^x) - t`: the softmax over the target and the negatives (Bengio and Senécal 2008; for two towers Yi and others
    /// 2019). With normalised towers it is InfoNCE (van den Oord, Li and Vinyals 2018).
    Softmax,
    /// `ln(1 + e^-t) + weight / n sum ln(1 + e^x)`: binary cross-entropy.
    Bce {
        /// What all negatives together count against the target.
        weight: f32,
    },
    /// `1 - t + weight / n sum max(0, x - margin)`: cosine contrastive loss (Mao and others, SimpleX, 2021). For normalised towers.
    CosineContrastive {
        /// What all negatives together count against the target.
        weight: f32,
        /// The cosine below which a negative is far enough.
        margin: f32,
    },
    /// `1 / n sum ln(1 + e^(x - t))`: Bayesian personalised ranking (Rendle and others 2009).
    Bpr,
    /// `1 / n sum max(0, margin + x - t)`: triplet loss over inner products (Weinberger and Saul 2009).
    Triplet {
        /// How much more the target should have than a negative.
        margin: f32,
    },
}
