//! How a log is cut.

use std::fmt;

use crate::error::TrainError;
use crate::events::Part;
use crate::read::Log;

/// How a log is cut into the parts for training, validation and test.
#[derive(Clone, PartialEq, Debug)]
pub enum SplitRule {
    /// By time, for all users at once: what a recommender meets. The last `test` of all events, and before it `validation` of them.
    Time {
        /// Share of all events, 0 for none.
        validation: f64,
        /// Share of all events.
        test: f64,
    },
    /// By user: the last `test` of each one's events, and of what is left the last `validation`. Users with few events are trained on whole.
    LastShare {
        /// Share of a user's events that are left, 0 for none.
        validation: f64,
        /// Share of a user's events.
        test: f64,
    },
    /// By user: the last chosen item is tested, the one before it validates.
    LeaveLastOut,
    /// As the files are.
    Given {
        /// Where each file ends among the events.
        ends: Vec<usize>,
        /// The part that each file is.
        parts: Vec<Part>,
        /// Share of the training part that validates, where no file does.
        validation: f64,
    },
}

impl SplitRule {
    /// Refuses shares that leave nothing to train on, and times where there are none.
    pub(super) fn check(&self, log: &Log) -> Result<(), TrainError> {
        let (validation, test) = match self {
            Self::Time { validation, test } | Self::LastShare { validation, test } => (*validation, *test),
            Self::Given { validation, .. } => (*validation, 0.5),
            Self::LeaveLastOut => return Ok(()),
        };
        let fits = (0.0..1.0).contains(&validation) && test > 0.0 && validation + test < 1.0;
        if !fits {
            let reason = format!("shares of {validation} for validation and {test} for test; expected them above 0 and below 1 together");
            return Err(TrainError::Option { name: "split", reason });
        }
        if matches!(self, Self::Time { .. }) && !log.timed {
            return Err(TrainError::Data(
                "a split by time needs times that differ; by user (last-share, leave-last-out) it is drawn by chance".to_owned(),
            ));
        }
        Ok(())
    }
}

impl fmt::Display for SplitRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Time { validation, test } => write!(f, "by time ({test} test, {validation} validation)"),
            Self::LastShare { validation, test } => {
                write!(f, "by the last share of each user ({test} test, {validation} of the rest validation)")
            }
            Self::LeaveLastOut => f.write_str("leave last out"),
            Self::Given { .. } => f.write_str("as given"),
        }
    }
}
