//! A ranker's spec, version 1: what its columns are, and rows whose scores are known. The document is described in docs/ranker.md.

use std::collections::HashSet;
use std::fmt;

use serde_json::Value as Json;

use super::limits;
use crate::features::{Row, Value};
use crate::model_error::ModelError;

type Result<T> = std::result::Result<T, ModelError>;

/// Where the value of a feature comes from.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum FeatureOrigin {
    /// The score of the first stage.
    Score,
    /// A field of the item's row.
    Item(String),
    /// A field of the user's row.
    User(String),
    /// What the caller computes for the candidate ([`Query::rerank_values`](crate::Query::rerank_values)).
    Value(String),
}

impl fmt::Display for FeatureOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Score => f.write_str("score"),
            Self::Item(field) => write!(f, "item.{field}"),
            Self::User(field) => write!(f, "user.{field}"),
            Self::Value(name) => write!(f, "value.{name}"),
        }
    }
}

/// One column of a ranker's input.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RankerFeature {
    /// Its name, as training called it.
    pub name: String,
    /// Where its value comes from.
    pub from: FeatureOrigin,
}

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
    golden: Vec<RankerGolden>,
}

impl RankerSpec {
    /// Reads a spec.
    ///
    /// # Errors
    /// [`ModelError::RankerSpec`] names the key; [`ModelError::TooLarge`].
    pub fn parse(text: &str) -> Result<Self> {
        too_many("bytes of ranker spec", text.len(), limits::SPEC_BYTES)?;
        let json: Json = serde_json::from_str(text).map_err(|error| wrong("", "a JSON document", error.to_string()))?;
        if json["torre"] != 1 {
            return Err(wrong("torre", "1 (version 1)", json["torre"].to_string()));
        }
        let name =
            |key: &str| json[key].as_str().map(str::to_owned).ok_or_else(|| wrong(key, "the name of a tensor", described(&json[key])));
        let features = features(&json["features"])?;
        let golden = match &json["golden"] {
            Json::Null => Vec::new(),
            Json::Array(rows) => {
                too_many("golden rows", rows.len(), limits::GOLDEN_ROWS)?;
                rows.iter().enumerate().map(|(at, row)| golden(at, row, features.len())).collect::<Result<_>>()?
            }
            other => return Err(wrong("golden", "a list of rows", described(other))),
        };
        Ok(Self { features, input: name("input")?, output: name("output")?, golden })
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

    /// Rows whose features and score are known.
    #[must_use]
    pub fn golden(&self) -> &[RankerGolden] {
        &self.golden
    }

    /// Appends the features of one candidate: numbers as f32, true as 1 and false as 0, and NaN for what is absent, null or no number, and for
    /// what the caller computes ([`FeatureOrigin::Value`]), which a query fills in.
    pub fn encode(&self, score: f32, item: &Row, user: &Row, into: &mut Vec<f32>) {
        self.encode_with(score, |field| item.get(field).cloned(), |field| user.get(field).cloned(), into);
    }

    /// The same for fields that are looked up.
    pub(crate) fn encode_with(
        &self,
        score: f32,
        item: impl Fn(&str) -> Option<Value>,
        user: impl Fn(&str) -> Option<Value>,
        into: &mut Vec<f32>,
    ) {
        into.extend(self.features.iter().map(|feature| match &feature.from {
            FeatureOrigin::Score => score,
            FeatureOrigin::Item(field) => number(item(field).as_ref()),
            FeatureOrigin::User(field) => number(user(field).as_ref()),
            FeatureOrigin::Value(_) => f32::NAN,
        }));
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

fn number(value: Option<&Value>) -> f32 {
    match value {
        Some(Value::Bool(flag)) => f32::from(u8::from(*flag)),
        // Rounded once, also from long integers.
        Some(Value::Int(number)) => *number as f32,
        Some(Value::Uint(number)) => *number as f32,
        Some(Value::Float(number)) => *number as f32,
        _ => f32::NAN,
    }
}

fn features(json: &Json) -> Result<Vec<RankerFeature>> {
    let Json::Array(list) = json else { return Err(wrong("features", "a list of features", described(json))) };
    too_many("features", list.len(), limits::WIDTH)?;
    if list.is_empty() {
        return Err(wrong("features", "one feature at least", "an empty list"));
    }
    let mut names = HashSet::new();
    let mut features = Vec::with_capacity(list.len());
    for (at, json) in list.iter().enumerate() {
        let key = |key: &str| format!("features[{at}].{key}");
        let text = |name: &str| json[name].as_str().ok_or_else(|| wrong(key(name), "text", described(&json[name])));
        let (name, from) = (text("name")?, text("from")?);
        if !names.insert(name) {
            return Err(wrong(key("name"), "a name of its own", format!("{name:?} again")));
        }
        let from = match from.split_once('.') {
            None if from == "score" => FeatureOrigin::Score,
            Some(("item", field)) if !field.is_empty() => FeatureOrigin::Item(field.to_owned()),
            Some(("user", field)) if !field.is_empty() => FeatureOrigin::User(field.to_owned()),
            Some(("value", name)) if !name.is_empty() => FeatureOrigin::Value(name.to_owned()),
            _ => return Err(wrong(key("from"), "\"score\", \"item.FIELD\", \"user.FIELD\" or \"value.NAME\"", format!("{from:?}"))),
        };
        features.push(RankerFeature { name: name.to_owned(), from });
    }
    Ok(features)
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

fn described(json: &Json) -> String {
    match json {
        Json::Null => "nothing".to_owned(),
        Json::Array(_) => "a list".to_owned(),
        Json::Object(_) => "an object".to_owned(),
        Json::String(text) if text.len() > 80 => "a long text".to_owned(),
        other => other.to_string(),
    }
}

fn wrong(key: impl Into<String>, expected: impl Into<String>, got: impl Into<String>) -> ModelError {
    ModelError::RankerSpec { key: key.into(), expected: expected.into(), got: got.into() }
}

fn too_many(what: &'static str, got: usize, limit: usize) -> Result<()> {
    if got > limit { Err(ModelError::TooLarge { what, got: got as u64, limit: limit as u64 }) } else { Ok(()) }
}
