//! One piece of an input: field, operation, list and missing.

use std::sync::Arc;

use serde_json::{Map, Value as Json};

use super::json::{MAX_ROW_ELEMENTS, Result, brief, known_keys};
use super::vocabs::{Vocabs, vocabulary};
use crate::bucket::FieldHash;
use crate::error::SpecError;
use crate::op::{ListRule, Missing, Op, Piece, Step, run_steps};
use crate::time::{TimePart, unix_seconds};
use crate::value::Value;
use crate::vocab::Vocab;

/// Hash buckets and `oov` buckets at most; larger than any embedding table.
const MAX_BUCKETS: u64 = 1 << 40;

/// Reads one (from, op, list, missing).
pub(super) struct PieceReader<'a> {
    tensor: &'a str,
    pub(super) field: &'a str,
    object: &'a Map<String, Json>,
    name: &'a str,
    args: &'a Json,
    vocabs: &'a Vocabs,
    dim: usize,
}

impl<'a> PieceReader<'a> {
    pub(super) fn new(tensor: &'a str, object: &'a Map<String, Json>, vocabs: &'a Vocabs, dim: usize) -> Result<Self> {
        let field = object.get("from").and_then(Json::as_str);
        let field =
            field.ok_or_else(|| SpecError::input(tensor, format!("\"from\": expected a string, got {}", brief(object.get("from")))))?;
        let op = object.get("op").and_then(Json::as_object).filter(|op| op.len() == 1).and_then(|op| op.iter().next());
        let (name, args) = op.ok_or_else(|| SpecError::Input {
            input: tensor.to_owned(),
            field: Some(field.to_owned()),
            problem: format!("\"op\": expected an object with exactly one operation, got {}", brief(object.get("op"))),
        })?;
        Ok(Self { tensor, field, object, name, args, vocabs, dim })
    }

    fn bad(&self, problem: impl Into<String>) -> SpecError {
        SpecError::Input { input: self.tensor.to_owned(), field: Some(self.field.to_owned()), problem: problem.into() }
    }

    fn expected(&self, what: &str, expected: &str, got: Option<&Json>) -> SpecError {
        self.bad(format!("{what}: expected {expected}, got {}", brief(got)))
    }

    pub(super) fn read(&self) -> Result<Piece> {
        let op = self.op()?;
        let list = self.list()?;
        match (&op, list) {
            (Op::Text { .. } | Op::Lookup, None) => return Err(self.bad(format!("{} needs \"list\"", self.name))),
            (Op::Time(_) | Op::OneHot(_) | Op::Vector, Some(_)) => return Err(self.bad(format!("{} takes no \"list\"", self.name))),
            _ => {}
        }
        let width = self.width(&op)?;
        if list.is_some() && width > 1 && matches!(op, Op::Number(_)) {
            return Err(self.bad("bucketize in a list; a list takes numbers of width 1"));
        }
        let missing = self.missing(&op, width)?;
        Ok(Piece { field: self.field.into(), op, list, missing, width })
    }

    fn op(&self) -> Result<Op> {
        let field = self.field;
        match self.name {
            "vocab" => {
                let args = self.args(&["name", "values", "oov"])?;
                let oov = args.get("oov").map_or(Ok(0), |json| self.count("oov", 0, Some(json)))?;
                match (args.get("name"), args.get("values")) {
                    (Some(Json::String(name)), None) => {
                        let vocab = self.vocabs.tables.get(name);
                        let vocab = vocab.ok_or_else(|| self.bad(format!("vocab: \"vocabs\" has no \"{name}\"")))?;
                        Ok(Op::Vocab { vocab: Arc::clone(vocab), oov, hash: FieldHash::new(name) })
                    }
                    (None, Some(values)) => {
                        let (vocab, twice) = self.values(values)?;
                        match twice {
                            Some(value) => Err(self.bad(format!("vocabulary has a value twice: {value:?}"))),
                            None => Ok(Op::Vocab { vocab, oov, hash: FieldHash::new(field) }),
                        }
                    }
                    _ => Err(self.bad("vocab: expected either \"name\", a string, or \"values\", a list")),
                }
            }
            "hash" => {
                let args = self.args(&["buckets"])?;
                Ok(Op::Hash { buckets: self.count("buckets", 1, args.get("buckets"))?, hash: FieldHash::new(field) })
            }
            "text" => {
                let args = self.args(&["buckets", "lower", "ngrams"])?;
                let lower = match args.get("lower") {
                    None => false,
                    Some(Json::Bool(flag)) => *flag,
                    other => return Err(self.expected("lower", "true or false", other)),
                };
                let buckets = self.count("buckets", 1, args.get("buckets"))?;
                Ok(Op::Text { buckets, hash: FieldHash::new(field), lower, ngrams: self.ngrams(args.get("ngrams"))? })
            }
            "number" => self.steps(),
            "time" => {
                let parts = self.args.as_array().filter(|parts| !parts.is_empty());
                let parts = parts.and_then(|parts| parts.iter().map(|part| TimePart::named(part.as_str()?)).collect());
                let parts = parts
                    .ok_or_else(|| self.bad("unknown time part; expected a list of \"hour_cyclic\", \"dow_cyclic\", \"year_cyclic\""))?;
                Ok(Op::Time(parts))
            }
            "onehot" => {
                let args = self.args(&["values"])?;
                let (vocab, _) = self.values(args.get("values").unwrap_or(&Json::Null))?;
                if vocab.len() == 0 { Err(self.bad("onehot: expected at least one value")) } else { Ok(Op::OneHot(vocab)) }
            }
            "vector" => {
                self.args(&["width"])?;
                Ok(Op::Vector)
            }
            "lookup" => {
                let args = self.args(&["vector"])?;
                match args.get("vector") {
                    Some(Json::String(which)) if which == "item" => Ok(Op::Lookup),
                    other => Err(self.expected("lookup", "{\"vector\": \"item\"}", other)),
                }
            }
            other => Err(self.bad(format!("unknown op \"{other}\"; expected vocab, hash, text, number, time, onehot, vector or lookup"))),
        }
    }

    fn args(&self, known: &[&str]) -> Result<&'a Map<String, Json>> {
        let args = self.args.as_object().ok_or_else(|| self.expected(self.name, "an object", Some(self.args)))?;
        known_keys(args, known).map_err(|problem| self.bad(format!("{}: {problem}", self.name)))?;
        Ok(args)
    }

    fn count(&self, what: &str, least: u64, json: Option<&Json>) -> Result<u64> {
        let count = json.and_then(Json::as_u64).filter(|count| (least..=MAX_BUCKETS).contains(count));
        count.ok_or_else(|| self.expected(what, &format!("a whole number from {least} to {MAX_BUCKETS}"), json))
    }

    fn values(&self, json: &Json) -> Result<(Arc<Vocab>, Option<String>)> {
        let read = vocabulary(json).map_err(|got| self.bad(format!("values: expected a list of strings and integers, got {got}")))?;
        Ok((Arc::new(read.0), read.1))
    }

    fn ngrams(&self, json: Option<&Json>) -> Result<Box<[usize]>> {
        const LONGEST: u64 = 64;
        let Some(json) = json else { return Ok([1].into()) };
        let read = json
            .as_array()
            .filter(|list| (1..=LONGEST as usize).contains(&list.len()))
            .and_then(|list| list.iter().map(|n| n.as_u64().filter(|n| (1..=LONGEST).contains(n)).map(|n| n as usize)).collect());
        read.ok_or_else(|| self.expected("ngrams", "a list of whole numbers from 1 to 64", Some(json)))
    }

    fn steps(&self) -> Result<Op> {
        let list = self.args.as_array().ok_or_else(|| self.expected("number", "a list of steps", Some(self.args)))?;
        let mut steps = Vec::with_capacity(list.len());
        for (place, json) in list.iter().enumerate() {
            let step = self.step(json)?;
            if matches!(step, Step::Bucketize(_)) && place + 1 < list.len() {
                return Err(self.bad("bucketize must be the last step"));
            }
            steps.push(step);
        }
        Ok(Op::Number(steps.into()))
    }

    fn step(&self, json: &Json) -> Result<Step> {
        if json == "log1p" {
            return Ok(Step::Log1p);
        }
        let only = json.as_object().filter(|step| step.len() == 1).and_then(|step| step.iter().next());
        let numbers = |json: &Json| json.as_array().and_then(|list| list.iter().map(Json::as_f64).collect::<Option<Vec<f64>>>());
        match only.map(|(name, args)| (name.as_str(), args)) {
            Some(("standardize", args)) => {
                let args = args.as_object().ok_or_else(|| self.expected("standardize", "an object", Some(args)))?;
                known_keys(args, &["mean", "std"]).map_err(|problem| self.bad(format!("standardize: {problem}")))?;
                let number = |key| args.get(key).and_then(Json::as_f64).ok_or_else(|| self.expected(key, "a number", args.get(key)));
                let (mean, std) = (number("mean")?, number("std")?);
                if std > 0.0 { Ok(Step::Standardize { mean, std }) } else { Err(self.bad(format!("std must be > 0, got {std}"))) }
            }
            Some(("clip", args)) => match numbers(args).as_deref() {
                Some(&[low, high]) if low <= high => Ok(Step::Clip { low, high }),
                Some(&[low, high]) => Err(self.bad(format!("clip bounds out of order: {low} and {high}"))),
                _ => Err(self.expected("clip", "two numbers", Some(args))),
            },
            Some(("bucketize", args)) => match numbers(args) {
                Some(bounds) if bounds.is_sorted_by(|a, b| a < b) => Ok(Step::Bucketize(bounds.into())),
                Some(_) => Err(self.bad("bucketize: bounds must increase")),
                None => Err(self.expected("bucketize", "a list of numbers", Some(args))),
            },
            _ => Err(self.bad(format!("unknown step {json}; expected \"log1p\", standardize, clip or bucketize"))),
        }
    }

    fn list(&self) -> Result<Option<ListRule>> {
        let Some(json) = self.object.get("list") else { return Ok(None) };
        let list = json.as_object().ok_or_else(|| self.expected("list", "an object", Some(json)))?;
        known_keys(list, &["max", "keep"]).map_err(|problem| self.bad(format!("list: {problem}")))?;
        let max = list.get("max").and_then(Json::as_u64).filter(|max| (1..=MAX_ROW_ELEMENTS as u64).contains(max));
        let max = max.ok_or_else(|| self.expected("list max", &format!("a whole number from 1 to {MAX_ROW_ELEMENTS}"), list.get("max")))?;
        let keep_last = match list.get("keep").and_then(Json::as_str) {
            Some("last") => true,
            Some("first") => false,
            _ => return Err(self.expected("list keep", "\"last\" or \"first\"", list.get("keep"))),
        };
        Ok(Some(ListRule { max: max as usize, keep_last }))
    }

    fn width(&self, op: &Op) -> Result<usize> {
        let width = match op {
            Op::Number(steps) => match steps.last() {
                Some(Step::Bucketize(bounds)) => bounds.len() + 1,
                _ => 1,
            },
            Op::Time(parts) => 2 * parts.len(),
            Op::OneHot(vocab) => vocab.len(),
            Op::Vector => {
                let json = self.args.get("width");
                let width = json.and_then(Json::as_u64).filter(|width| (1..=MAX_ROW_ELEMENTS as u64).contains(width));
                width.ok_or_else(|| self.expected("width", &format!("a whole number from 1 to {MAX_ROW_ELEMENTS}"), json))? as usize
            }
            Op::Lookup => self.dim,
            Op::Vocab { .. } | Op::Hash { .. } | Op::Text { .. } => 1,
        };
        if width > MAX_ROW_ELEMENTS { Err(self.bad(format!("{width} columns; a row takes at most {MAX_ROW_ELEMENTS}"))) } else { Ok(width) }
    }

    fn missing(&self, op: &Op, width: usize) -> Result<Missing> {
        let needs_number = matches!(op, Op::Number(_) | Op::Time(_) | Op::Vector);
        let json = match self.object.get("missing") {
            None if needs_number => return Ok(Missing::Error),
            None => return Ok(Missing::Null),
            Some(json) => json,
        };
        if json == "error" {
            return Ok(Missing::Error);
        }
        if json == "null" {
            return if needs_number { Err(self.bad(format!("missing \"null\" on a number ({})", self.name))) } else { Ok(Missing::Null) };
        }
        let given = json.as_object().filter(|object| object.len() == 1).and_then(|object| object.get("value"));
        let given = given.ok_or_else(|| self.expected("missing", "\"null\", {\"value\": x} or \"error\"", Some(json)))?;
        let value = Value::try_from(given.clone()).map_err(|problem| self.bad(format!("missing value: {problem}")))?;
        let mut columns = vec![0.0f32; width];
        let unfit = |expected: &str| self.bad(format!("missing value: expected {expected}, got {}", value.describe()));
        match op {
            Op::Number(steps) => {
                let number = match value {
                    Value::Bool(flag) => f64::from(u8::from(flag)),
                    _ => value.as_f64().ok_or_else(|| unfit("a number"))?,
                };
                run_steps(steps, number, &mut columns);
            }
            Op::Time(parts) => {
                let unix = unix_seconds(&value).ok_or_else(|| unfit("unix seconds or RFC 3339 text"))?;
                for (out, part) in columns.chunks_exact_mut(2).zip(parts) {
                    let pair = part.columns(unix).ok_or_else(|| unfit("a time of the years -9999 to 9999"))?;
                    out.copy_from_slice(&pair.map(|x| x as f32));
                }
            }
            _ => return Err(self.bad(format!("missing {{\"value\": x}} is for number and time, not {}", self.name))),
        }
        if columns.iter().all(|x| x.is_finite()) {
            Ok(Missing::Columns(columns.into()))
        } else {
            Err(unfit("one that is finite after the steps"))
        }
    }
}
