//! An object a user: `{"user":"ada","items":["a","b"],"scores":[0.5,0.25]}`.

use std::fs::File;
use std::io::{BufWriter, Write};

use serde_json::{Map, Value as Json};

use super::error::HitProblem;
use super::writer::{HitOptions, Hits, UserHits, flushed};

pub(super) struct JsonLines {
    out: BufWriter<File>,
    ranked: bool,
}

impl JsonLines {
    pub(super) fn begin(out: BufWriter<File>, options: HitOptions) -> Self {
        Self { out, ranked: options.ranked }
    }
}

impl Hits for JsonLines {
    fn add(&mut self, hits: &UserHits<'_>) -> Result<(), HitProblem> {
        let all = || hits.answer.map(|answer| answer.hits.iter());
        let mut object = Map::new();
        object.insert("user".to_owned(), hits.user.into());
        object.insert("items".to_owned(), all().map(|hits| hits.map(|hit| hit.id.as_str()).collect::<Json>()).into());
        object.insert("scores".to_owned(), all().map(|hits| hits.map(|hit| short(hit.score)).collect::<Json>()).into());
        if self.ranked {
            let ranks = all().map(|hits| hits.map(|hit| hit.rank_score.map_or(Json::Null, short)).collect::<Json>());
            object.insert("rank_scores".to_owned(), ranks.into());
        }
        serde_json::to_writer(&mut self.out, &object).map_err(|error| HitProblem::Io(error.into()))?;
        Ok(self.out.write_all(b"\n")?)
    }

    fn finish(self: Box<Self>) -> Result<File, HitProblem> {
        flushed(self.out)
    }
}

/// The shortest number that reads back as the same f32.
fn short(value: f32) -> Json {
    value.to_string().parse::<f64>().map_or(Json::Null, Json::from)
}
