//! Which values options may have.

use crate::config::Config;
use crate::error::TrainError;
use crate::loss::Loss;

impl Config {
    /// Refuses values that cannot be.
    ///
    /// # Errors
    /// [`TrainError::Option`] with the option and what it may be.
    pub fn check(&self) -> Result<(), TrainError> {
        let refuse = |name: &'static str, reason: String| Err(TrainError::Option { name, reason });
        let within = |name: &'static str, value: f32, from: f32, to: f32| {
            if value >= from && value <= to {
                return Ok(());
            }
            Err(TrainError::Option { name, reason: format!("{value} is not from {from} to {to}") })
        };
        let counts = |name: &'static str, value: usize, from: usize, to: usize| {
            if (from..=to).contains(&value) {
                return Ok(());
            }
            Err(TrainError::Option { name, reason: format!("{value} is not from {from} to {to}") })
        };
        let Self { towers, loss, negatives, optimizer, training, fold } = self;
        if towers.hidden.len() > 8 {
            return refuse("towers.hidden", format!("{} layers, at most 8", towers.hidden.len()));
        }
        for &width in &towers.hidden {
            counts("towers.hidden", width, 1, 16_384)?;
        }
        within("towers.dropout", towers.dropout, 0.0, 0.95)?;
        within("towers.half_life", towers.half_life, 0.01, 1e6)?;
        counts("towers.blocks", towers.blocks, 1, 16)?;
        counts("towers.heads", towers.heads, 1, 64)?;
        within("towers.history_dropout", towers.history_dropout, 0.0, 0.95)?;
        within("towers.unknown_share", towers.unknown_share, 0.0, 1.0)?;
        within("towers.side_scale", towers.side_scale, 0.0, 100.0)?;
        within("towers.deviation", towers.deviation, 1e-6, 10.0)?;
        for &width in &towers.matryoshka {
            counts("towers.matryoshka", width, 1, 8192)?;
        }
        if !towers.matryoshka.is_sorted_by(|a, b| a < b) {
            return refuse("towers.matryoshka", format!("{:?} do not ascend", towers.matryoshka));
        }
        if let Some(temperature) = loss.temperature {
            within("loss.temperature", temperature, 1e-3, 1e3)?;
        }
        match loss.of {
            Loss::Softmax | Loss::Bpr => {}
            Loss::Bce { weight } => within("loss.of.weight", weight, 1e-6, 1e6)?,
            Loss::CosineContrastive { weight, margin } => {
                within("loss.of.weight", weight, 1e-6, 1e6)?;
                within("loss.of.margin", margin, -1.0, 1.0)?;
            }
            Loss::Triplet { margin } => within("loss.of.margin", margin, 0.0, 1e6)?,
        }
        counts("negatives.shared", negatives.shared, 0, 1 << 20)?;
        counts("negatives.hard", negatives.hard, 0, 1 << 20)?;
        counts("negatives.hard_best", negatives.hard_best, 1, 10_000)?;
        counts("negatives.hard_refresh", negatives.hard_refresh, 1, 1_000_000_000)?;
        counts("negatives.cached_batches", negatives.cached_batches, 0, 1000)?;
        if !negatives.in_batch && negatives.shared == 0 && negatives.hard == 0 {
            return refuse("negatives.shared", "0, hard is 0 and in_batch is false: nothing would be a negative".to_owned());
        }
        within("negatives.alpha", negatives.alpha, 0.0, 2.0)?;
        within("optimizer.rate", optimizer.rate, 1e-9, 10.0)?;
        within("optimizer.decay", optimizer.decay, 0.01, 1.0)?;
        within("optimizer.warm_up", optimizer.warm_up, 0.0, 1.0)?;
        within("optimizer.l2", optimizer.l2, 0.0, 1.0)?;
        within("optimizer.dense_l2", optimizer.dense_l2, 0.0, 1.0)?;
        counts("training.batch", training.batch, 1, 1 << 20)?;
        counts("training.epochs", training.epochs, 1, 100_000)?;
        counts("training.k", training.k, 1, 10_000)?;
        counts("training.threads", training.threads, 0, 4096)?;
        fold.lambdas.iter().try_for_each(|&lambda| within("fold.lambdas", lambda, 0.0, 1e3))
    }
}
