//! Checkpoints of a training beside what it will leave: begun, gone on from, taken away when all is written.

use std::path::{Path, PathBuf};

use torre_train::TrainError;

use super::files;
use crate::repl::Failure;

/// The files: of the training that chooses the number of epochs, and of the last one.
const NAMES: [&str; 2] = ["first.checkpoint", "last.checkpoint"];

/// Which of the two trainings of a fit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Round {
    First,
    Last,
}

/// Where a training saves what it has learnt.
#[derive(Clone, Debug)]
pub(super) struct Saved {
    directory: PathBuf,
    /// Whether there was something to go on from when it began.
    pub(super) resumed: bool,
}

impl Saved {
    /// Looks for what an earlier run left: with `resume` it is gone on from, and without it is not written over.
    pub(super) fn new(directory: &Path, resume: bool) -> Result<Self, Failure> {
        let left = NAMES.map(|name| directory.join(name)).into_iter().find(|path| path.exists());
        match left {
            Some(path) if !resume => Err(Failure::new(format!(
                "{} is of a training that did not end: the same command with --resume goes on from it; remove it to begin anew",
                path.display()
            ))),
            left => Ok(Self { directory: directory.to_owned(), resumed: left.is_some() }),
        }
    }

    /// The checkpoint of a round; its directory is made.
    pub(super) fn path(&self, round: Round) -> Result<PathBuf, Failure> {
        files::directory(&self.directory)?;
        Ok(self.directory.join(NAMES[round as usize]))
    }

    /// What was learnt is written elsewhere: checkpoints are of no use any more.
    pub(super) fn done(&self) {
        for name in NAMES {
            // One that stays is found by the next run, which says so.
            drop(std::fs::remove_file(self.directory.join(name)));
        }
    }

    /// An error of training, with how to go on.
    pub(super) fn explain(&self, error: TrainError) -> Failure {
        let go_on = "the same command with --resume goes on from there";
        match error {
            TrainError::Interrupted { step } => {
                Failure::new(format!("interrupted at step {step}, which is saved in {}: {go_on}", self.directory.display()))
            }
            TrainError::Unsaved { .. } => Failure::new(format!("{error}; once there is room, {go_on}")),
            error => error.into(),
        }
    }
}
