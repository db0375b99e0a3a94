//! A ranker's spec, versions 1 and 2: what its columns are, and rows whose scores are known. The document is described in docs/ranker.md.

use serde_json::Value as Json;

use super::encode::{ItemField, Sources};
use super::limits;
use super::origin::{FeatureOrigin, RankerFeature};
use super::parse::features;
use super::refuse::{Result, described, too_many, wrong};
use crate::features::Row;

/// A row whose features and score are known from training.
#[derive(Clone, PartialEq, Debug)]
pub struct RankerGolden {
    /// The score of the first stage.
    pub score: f32,
    /// The item's row.
    pub item: Row,
    /// The user's row.
    pub user: Row,
    /// What was computed for the candidate, by name.
    pub value: Row,
    /// The features that training made of them; NaN for missing ones.
    pub features: Vec<f32>,
    /// The ranker's score.
    pub output: f32,
}

/// What a ranker reads and gives.
#[derive(Clone, PartialEq, Debug)]
pub struct RankerSpec {
    features: Vec<RankerFeature>,
    input: String,
    output: String,
    space: Option<u64>,
    golden: Vec<RankerGolden>,
}

impl RankerSpec {
    /// Reads a spec.
    ///
    /// # Errors
    /// [`ModelError::RankerSpec`](crate::ModelError::RankerSpec) names the key; [`ModelError::TooLarge`](crate::ModelError::TooLarge).
    pub fn parse(text: &str) -> Result<Self> {
        too_many("bytes of ranker spec", text.len(), limits::SPEC_BYTES)?;
        let json: Json = serde_json::from_str(text).map_err(|error| wrong("", "a JSON document", error.to_string()))?;
        let version = match json["torre"].as_u64() {
            Some(version @ 1..=2) => version,
            _ => return Err(wrong("torre", "1 or 2 (the version)", json["torre"].to_string())),
        };
        let name =
            |key: &str| json[key].as_str().map(str::to_owned).ok_or_else(|| wrong(key, "the name of a tensor", described(&json[key])));
        let features = features(version, &json["features"])?;
        let golden = match &json["golden"] {
            Json::Null => Vec::new(),
            Json::Array(rows) => {
                too_many("golden rows", rows.len(), limits::GOLDEN_ROWS)?;
                rows.iter().enumerate().map(|(at, row)| golden(at, row, features.len())).collect::<Result<_>>()?
            }
            other => return Err(wrong("golden", "a list of rows", described(other))),
        };
        let space = if version == 1 { None } else { space(&json["space"])? };
        Ok(Self { features, input: name("input")?, output: name("output")?, space, golden })
    }

    /// The columns of the input, in order.
    #[must_use]
    pub fn features(&self) -> &[RankerFeature] {
        &self.features
    }

    /// The graph's input, f32 `[N, features]`.
    #[must_use]
    pub fn input(&self) -> &str {
        &self.input
    }

    /// The graph's output: one score a row, higher is better.
    #[must_use]
    pub fn output(&self) -> &str {
        &self.output
    }

    /// The fingerprint of the space whose scores it was trained with ([`Collection::space`](crate::Collection::space)); `None` where that is not said.
    #[must_use]
    pub fn space(&self) -> Option<u64> {
        self.space
    }

    /// Rows whose features and score are known.
    #[must_use]
    pub fn golden(&self) -> &[RankerGolden] {
        &self.golden
    }

    /// Appends the features of one candidate, NaN where one is missing: numbers as f32, true as 1 and false as 0; docs/ranker.md has the rest.
    /// What the caller computes ([`FeatureOrigin::Value`]) is NaN, too: a query fills it in.
    pub fn encode(&self, score: f32, item: &Row, user: &Row, into: &mut Vec<f32>) {
        self.encode_all(&[score], |field| item.get(field), user, into);
    }

    /// Appends the features of several candidates with these scores, row after row; `field` looks up a field of their items.
    pub(crate) fn encode_all<F: ItemField>(&self, scores: &[f32], field: impl Fn(&str) -> F, user: &Row, into: &mut Vec<f32>) {
        let (width, from) = (self.features.len(), into.len());
        into.resize(from + scores.len() * width, f32::NAN);
        let sources = Sources { scores, field, user };
        for (column, feature) in self.features.iter().enumerate() {
            let mut cells = into[from..].iter_mut().skip(column).step_by(width);
            sources.column(&feature.from, |x| {
                if let Some(cell) = cells.next() {
                    *cell = x;
                }
            });
        }
    }

    /// Puts what was computed for candidates, by its name and their places, into rows of features: NaN where there is none.
    pub(crate) fn fill(&self, rows: &mut [f32], value: impl Fn(&str, usize) -> Option<f64>) {
        for (column, feature) in self.features.iter().enumerate() {
            let FeatureOrigin::Value(name) = &feature.from else { continue };
            for (at, row) in rows.chunks_exact_mut(self.features.len()).enumerate() {
                row[column] = value(name, at).map_or(f32::NAN, |number| number as f32);
            }
        }
    }
}

/// The fingerprint of a space, in hexadecimal.
fn space(json: &Json) -> Result<Option<u64>> {
    let expected = "16 hexadecimal digits, as `stats` shows the space";
    match json {
        Json::Null => Ok(None),
        Json::String(text) if text.len() == 16 => match u64::from_str_radix(text, 16) {
            Ok(space) if !text.starts_with('+') => Ok(Some(space)),
            _ => Err(wrong("space", expected, format!("{text:?}"))),
        },
        other => Err(wrong("space", expected, described(other))),
    }
}

fn golden(at: usize, json: &Json, width: usize) -> Result<RankerGolden> {
    let key = |key: &str| format!("golden[{at}].{key}");
    let float = |name: &str, json: &Json| match json.as_f64() {
        Some(number) => Ok(number as f32),
        None => Err(wrong(key(name), "a number", described(json))),
    };
    let row = |name: &str| match &json[name] {
        Json::Null => Ok(Row::new()),
        value => Row::from_json_value(value.clone()).map_err(|error| wrong(key(name), "a row", error.to_string())),
    };
    let Json::Array(features) = &json["features"] else {
        return Err(wrong(key("features"), "a list of numbers", described(&json["features"])));
    };
    if features.len() != width {
        return Err(wrong(key("features"), format!("{width} numbers"), features.len().to_string()));
    }
    let feature = |json: &Json| if json.is_null() { Ok(f32::NAN) } else { float("features", json) };
    Ok(RankerGolden {
        score: float("score", &json["score"])?,
        item: row("item")?,
        user: row("user")?,
        value: row("value")?,
        features: features.iter().map(feature).collect::<Result<_>>()?,
        output: float("output", &json["output"])?,
    })
}
