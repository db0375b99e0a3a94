//! What can go wrong in training, by who must act.

use std::path::PathBuf;

use torre_data::ImportError;
use torre_features::{EncodeError, SpecError};

/// Why a model was not trained, or not written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainError {
    /// A row does not fit the spec: the data have to change, or the spec.
    #[error("{side} rows: {source}")]
    Row {
        /// `item` or `user`.
        side: &'static str,
        /// Field, row, what was expected and what came.
        source: EncodeError,
    },
    /// A feature spec is not valid.
    #[error("the {side} spec: {source}")]
    Spec {
        /// `item` or `user`.
        side: &'static str,
        /// What is wrong with it.
        source: SpecError,
    },
    /// A spec is valid, but towers of it cannot be trained here.
    #[error("the {side} spec cannot be trained: input {input:?}: {reason}")]
    Unsupported {
        /// `item` or `user`.
        side: &'static str,
        /// The graph's input.
        input: String,
        /// What is in the way, and what would do.
        reason: String,
    },
    /// The data cannot be trained on.
    #[error("the data cannot be trained on: {0}")]
    Data(String),
    /// A file of events or rows cannot be read.
    #[error(transparent)]
    Read(#[from] ImportError),
    /// An option has a value that it cannot have.
    #[error("option {name}: {reason}")]
    Option {
        /// The option, as the config file names it.
        name: &'static str,
        /// What it may be, and what came.
        reason: String,
    },
    /// A config file that is no TOML, or has unknown keys.
    #[error("the config: {0}")]
    Config(#[from] toml::de::Error),
    /// A number became infinite or not a number.
    #[error("step {step}: {tensor} is not finite; lower the learning rate (it is {rate})")]
    NotFinite {
        /// Steps taken before.
        step: u64,
        /// The tensor in which it was seen first.
        tensor: String,
        /// The learning rate of the step.
        rate: f32,
    },
    /// The caller asked to stop, and where there is a checkpoint it was written.
    #[error("interrupted at step {step}")]
    Interrupted {
        /// Steps taken.
        step: u64,
    },
    /// A checkpoint could not be written: the one before it, if there was one, is whole, and training ended.
    #[error("checkpoint {}: {source}; training ended at step {step}, and {}", path.display(), match kept { Some(step) => format!("the checkpoint of step {step} is whole"), None => "there is no earlier checkpoint".to_owned() })]
    Unsaved {
        /// The file.
        path: PathBuf,
        /// Steps taken.
        step: u64,
        /// The steps of the checkpoint that is there.
        kept: Option<u64>,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A checkpoint is damaged, or of other data or options.
    #[error("checkpoint {}: {reason}", path.display())]
    Checkpoint {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A tower of an earlier training cannot be gone on from.
    #[error("the {side} tower cannot be trained further: {reason}; train anew with `torre train`")]
    Previous {
        /// `item` or `user`.
        side: &'static str,
        /// What is in the way.
        reason: String,
    },
    /// The exported tower does not compute what the trainer computes; nothing was written.
    #[error("the {side} tower as exported differs by {difference:e} from the trainer's (bound {bound:e}, over {rows} rows)")]
    Parity {
        /// `item` or `user`.
        side: &'static str,
        /// Largest difference of an element.
        difference: f32,
        /// The bound.
        bound: f32,
        /// The rows that were compared.
        rows: usize,
    },
    /// The exported tower would be refused when attached; nothing was written.
    #[error("the {side} tower as exported is refused: {reason}")]
    Attach {
        /// `item` or `user`.
        side: &'static str,
        /// What attaching says.
        reason: String,
    },
    /// The exported ranker does not compute what the trainer computes; nothing was written.
    #[error("the ranker as exported differs by {difference:e} from the trainer's (over {rows} rows)")]
    RankerParity {
        /// Largest difference of a score.
        difference: f32,
        /// The rows that were compared.
        rows: usize,
    },
    /// The database did not answer, or refuses what was trained.
    #[error(transparent)]
    Database(#[from] torre::Error),
    /// A file could not be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
}

impl TrainError {
    /// The same, with the file that it is about in front.
    pub(crate) fn in_file(self, path: &std::path::Path) -> Self {
        match self {
            Self::Data(problem) => Self::Data(format!("{}: {problem}", path.display())),
            other => other,
        }
    }
}
