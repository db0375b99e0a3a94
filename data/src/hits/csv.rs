//! A line a hit: user, rank from 1, item, score.

use std::borrow::Cow;
use std::fs::File;
use std::io::{BufWriter, Write};

use super::error::HitProblem;
use super::writer::{HitOptions, Hits, UserHits, flushed};

pub(super) struct Csv {
    out: BufWriter<File>,
    ranked: bool,
}

impl Csv {
    pub(super) fn begin(mut out: BufWriter<File>, options: HitOptions) -> Result<Self, HitProblem> {
        let ranked = options.ranked;
        writeln!(out, "user,rank,item,score{}", if ranked { ",rank_score" } else { "" })?;
        Ok(Self { out, ranked })
    }
}

impl Hits for Csv {
    fn add(&mut self, hits: &UserHits<'_>) -> Result<(), HitProblem> {
        let user = quoted(hits.user);
        for (rank, hit) in (1..).zip(hits.answer.into_iter().flatten()) {
            write!(self.out, "{user},{rank},{},{}", quoted(hit.id.as_str()), hit.score)?;
            match hit.rank_score {
                Some(score) if self.ranked => writeln!(self.out, ",{score}")?,
                _ if self.ranked => writeln!(self.out, ",")?,
                _ => writeln!(self.out)?,
            }
        }
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<File, HitProblem> {
        flushed(self.out)
    }
}

/// A cell, between quotes where it has to be.
fn quoted(text: &str) -> Cow<'_, str> {
    if text.contains([',', '"', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")).into() } else { text.into() }
}
