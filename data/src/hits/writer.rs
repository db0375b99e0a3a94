//! What every format of hits writes.

use std::fs::File;
use std::io::BufWriter;

use torre::Answer;

use super::error::HitProblem;

/// What a file of hits is to have.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct HitOptions {
    /// Hits of a user, at most.
    pub k: usize,
    /// The ranker's scores, too.
    pub ranked: bool,
}

/// A user's hits.
#[derive(Clone, Copy, Debug)]
pub struct UserHits<'a> {
    /// Who gets them.
    pub user: &'a str,
    /// The hits; `None` for a user who could not be served.
    pub answer: Option<&'a Answer>,
}

/// A format's writer.
pub(super) trait Hits: Send {
    /// Writes the next user.
    fn add(&mut self, hits: &UserHits<'_>) -> Result<(), HitProblem>;
    /// Writes what is left; answers the file.
    fn finish(self: Box<Self>) -> Result<File, HitProblem>;
}

/// The file below a buffer, all of which is written.
pub(super) fn flushed(out: BufWriter<File>) -> Result<File, HitProblem> {
    out.into_inner().map_err(|error| HitProblem::Io(error.into_error()))
}
