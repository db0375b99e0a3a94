//! Feature spec JSON -> checked operations. Keys that change the result are never skipped: an unknown one in an input is an error.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Map, Value as Json};

use super::bucket::FieldHash;
use super::error::SpecError;
use super::op::{ListRule, Missing, Op, Piece, Step, run_steps};
use super::row::Row;
use super::spec::{Dtype, Golden, Inner, InputSpec, TowerRole};
use super::time::{TimePart, unix_seconds};
use super::value::Value;
use super::vocab::Vocab;
use crate::types::Metric;

/// Elements that one row may take over all inputs: a spec from a hostile file must not make a batch allocate without end.
const MAX_ROW_ELEMENTS: usize = 1 << 19;
/// Hash buckets and `oov` buckets at most; larger than any embedding table.
const MAX_BUCKETS: u64 = 1 << 40;
/// Largest output width.
const MAX_DIM: u64 = 1 << 14;

type Result<T, E = SpecError> = std::result::Result<T, E>;

/// Reads a whole document.
pub(crate) fn document(text: &str) -> Result<Inner> {
    let json: Json = serde_json::from_str(text).map_err(|error| SpecError::Json { problem: error.to_string() })?;
    let Json::Object(doc) = &json else {
        return Err(SpecError::document("torre", "a JSON object", brief(Some(&json))));
    };
    if doc.get("torre").and_then(Json::as_f64) != Some(1.0) {
        return Err(SpecError::Version { got: brief(doc.get("torre")) });
    }
    let tower = match string(doc, "tower")? {
        "item" => TowerRole::Item,
        "user" => TowerRole::User,
        _ => return Err(SpecError::document("tower", "\"item\" or \"user\"", brief(doc.get("tower")))),
    };
    let dim = doc.get("dim").and_then(Json::as_u64).filter(|dim| (1..=MAX_DIM).contains(dim));
    let dim = dim.ok_or_else(|| SpecError::document("dim", format!("a whole number from 1 to {MAX_DIM}"), brief(doc.get("dim"))))? as usize;
    let metric = string(doc, "metric")?.parse::<Metric>();
    let metric = metric.map_err(|_| SpecError::document("metric", "\"ip\", \"cosine\" or \"l2\"", brief(doc.get("metric"))))?;
    let normalized = match doc.get("normalized") {
        None => false,
        Some(Json::Bool(flag)) => *flag,
        other => return Err(SpecError::document("normalized", "true or false", brief(other))),
    };
    let vocabs = Vocabs::read(doc.get("vocabs"))?;
    let mut inner = Inner {
        text: text.into(),
        tower,
        model: string(doc, "model")?.to_owned(),
        dim,
        metric,
        normalized,
        output: string(doc, "output")?.to_owned(),
        inputs: Vec::new(),
        pieces: Vec::new(),
        fields: Vec::new(),
        golden: golden(doc.get("golden"), dim)?,
    };
    let inputs = doc.get("inputs").and_then(Json::as_array).filter(|inputs| !inputs.is_empty());
    let inputs = inputs.ok_or_else(|| SpecError::document("inputs", "a list of inputs, at least one", brief(doc.get("inputs"))))?;
    for (place, json) in inputs.iter().enumerate() {
        let (input, pieces) = input(json, place, &vocabs, dim)?;
        if inner.inputs.iter().any(|other| other.tensor == input.tensor) {
            return Err(SpecError::input(&input.tensor, "named twice; each graph input takes exactly one entry"));
        }
        inner.inputs.push(input);
        inner.pieces.push(pieces);
    }
    let elements = inner.inputs.iter().fold(0usize, |sum, input| sum.saturating_add(input.row_len()));
    if elements > MAX_ROW_ELEMENTS {
        let expected = format!("at most {MAX_ROW_ELEMENTS} elements a row over all inputs");
        return Err(SpecError::document("inputs", expected, format!("{elements}")));
    }
    for piece in inner.pieces.iter().flatten() {
        if !inner.fields.contains(&piece.field) {
            inner.fields.push(piece.field.clone());
        }
    }
    Ok(inner)
}

fn string<'a>(doc: &'a Map<String, Json>, key: &str) -> Result<&'a str> {
    doc.get(key).and_then(Json::as_str).ok_or_else(|| SpecError::document(key, "a string", brief(doc.get(key))))
}

/// A JSON value in an error: itself when it is short.
fn brief(json: Option<&Json>) -> String {
    match json {
        None => "nothing".to_owned(),
        Some(Json::Array(_)) => "a list".to_owned(),
        Some(Json::Object(_)) => "an object".to_owned(),
        Some(other) => {
            let text = other.to_string();
            text.char_indices().nth(60).map_or(text.clone(), |(end, _)| format!("{}…", &text[..end]))
        }
    }
}

/// The vocabularies that inputs refer to by name; each becomes one table, however many inputs use it.
struct Vocabs {
    tables: HashMap<String, Arc<Vocab>>,
}

impl Vocabs {
    fn read(json: Option<&Json>) -> Result<Self> {
        let mut tables = HashMap::new();
        match json {
            None => {}
            Some(Json::Object(vocabs)) => {
                for (name, values) in vocabs {
                    let (vocab, twice) = vocabulary(values)
                        .map_err(|got| SpecError::document(format!("vocabs.{name}"), "a list of strings and integers", got))?;
                    if let Some(value) = twice {
                        return Err(SpecError::document(format!("vocabs.{name}"), "each value once", format!("{value:?} twice")));
                    }
                    tables.insert(name.clone(), Arc::new(vocab));
                }
            }
            other => return Err(SpecError::document("vocabs", "an object of lists", brief(other))),
        }
        Ok(Self { tables })
    }
}

/// A list of categories; the second result is a value that comes twice. The error says what came instead.
fn vocabulary(json: &Json) -> Result<(Vocab, Option<String>), String> {
    let values = json.as_array().ok_or_else(|| brief(Some(json)))?;
    if values.len() >= u32::MAX as usize {
        return Err(format!("{} values", values.len()));
    }
    let texts: Vec<std::borrow::Cow<'_, str>> = values
        .iter()
        .map(|value| match value {
            Json::String(text) => Ok(text.as_str().into()),
            Json::Number(number) if number.is_i64() || number.is_u64() => Ok(number.to_string().into()),
            other => Err(brief(Some(other))),
        })
        .collect::<Result<_, String>>()?;
    Ok(Vocab::new(texts.iter().map(|text| &**text)))
}

fn golden(json: Option<&Json>, dim: usize) -> Result<Vec<Golden>> {
    let list = match json {
        None => return Ok(Vec::new()),
        Some(Json::Array(list)) => list,
        other => return Err(SpecError::document("golden", "a list", brief(other))),
    };
    let numbers = |json: &Json, key: String| {
        let vector: Option<Vec<f32>> =
            json.as_array().and_then(|list| list.iter().map(|x| x.as_f64().map(|x| x as f32).filter(|x| x.is_finite())).collect());
        vector
            .filter(|vector| vector.len() == dim)
            .ok_or_else(|| SpecError::document(key, format!("a list of {dim} numbers"), brief(Some(json))))
    };
    list.iter()
        .enumerate()
        .map(|(place, entry)| {
            let at = |key: &str| format!("golden[{place}].{key}");
            let row = entry.get("row").filter(|row| row.is_object());
            let row = row.ok_or_else(|| SpecError::document(at("row"), "an object", brief(entry.get("row"))))?;
            let row = Row::from_json_value(row.clone()).map_err(|error| SpecError::document(at("row"), "a row", error.to_string()))?;
            let vector = numbers(entry.get("vector").unwrap_or(&Json::Null), at("vector"))?;
            let items = match entry.get("items") {
                None => Vec::new(),
                Some(Json::Object(items)) => {
                    items.iter().map(|(id, json)| Ok((id.clone(), numbers(json, at(&format!("items.{id}")))?))).collect::<Result<_>>()?
                }
                other => return Err(SpecError::document(at("items"), "an object", brief(other))),
            };
            Ok(Golden { row, vector, items })
        })
        .collect()
}

/// One entry of `inputs`.
fn input(json: &Json, place: usize, vocabs: &Vocabs, dim: usize) -> Result<(InputSpec, Vec<Piece>)> {
    let unnamed = |expected: &str| SpecError::document(format!("inputs[{place}]"), expected, brief(Some(json)));
    let object = json.as_object().ok_or_else(|| unnamed("an object"))?;
    let tensor = object.get("tensor").and_then(Json::as_str).ok_or_else(|| unnamed("an object with \"tensor\", a string"))?;
    let bad = |problem: String| SpecError::input(tensor, problem);

    let pieces = match object.get("concat") {
        None => {
            known_keys(object, &["tensor", "dtype", "shape", "from", "op", "list", "missing"]).map_err(bad)?;
            vec![PieceReader::new(tensor, object, vocabs, dim)?.read()?]
        }
        Some(Json::Array(list)) if !list.is_empty() => {
            known_keys(object, &["tensor", "dtype", "shape", "concat"]).map_err(bad)?;
            let read = |json: &Json| {
                let object = json.as_object().ok_or_else(|| bad(format!("\"concat\": expected objects, got {}", brief(Some(json)))))?;
                known_keys(object, &["from", "op", "list", "missing"]).map_err(bad)?;
                let reader = PieceReader::new(tensor, object, vocabs, dim)?;
                let field = reader.field;
                let piece = reader.read()?;
                if !piece.op.is_numeric() || piece.list.is_some() {
                    let problem = "concat takes number, time, onehot and vector, without \"list\"".to_owned();
                    return Err(SpecError::Input { input: tensor.to_owned(), field: Some(field.to_owned()), problem });
                }
                Ok(piece)
            };
            list.iter().map(read).collect::<Result<_>>()?
        }
        other => return Err(bad(format!("\"concat\": expected a list of pieces, got {}", brief(other)))),
    };

    let first = &pieces[0];
    let width = pieces.iter().fold(0usize, |sum, piece| sum.saturating_add(piece.width));
    let wanted: Vec<Vec<usize>> = match first.list {
        Some(list) if matches!(first.op, Op::Lookup) => vec![vec![list.max, dim]],
        Some(list) => vec![vec![list.max]],
        None if first.op.is_categorical() => vec![vec![]],
        None if width == 1 && !object.contains_key("concat") => vec![vec![1], vec![]],
        None => vec![vec![width]],
    };
    let row_shape = shape(object.get("shape")).filter(|shape| wanted.contains(shape));
    let row_shape = row_shape.ok_or_else(|| {
        let wanted: Vec<String> = wanted
            .iter()
            .map(|shape| std::iter::once("\"N\"".to_owned()).chain(shape.iter().map(usize::to_string)).collect::<Vec<_>>().join(", "))
            .collect();
        let got = object.get("shape").map_or("nothing".to_owned(), Json::to_string);
        bad(format!("expected the shape [{}], got {got}", wanted.join("] or [")))
    })?;
    let dtype = if first.op.is_categorical() { Dtype::I64 } else { Dtype::F32 };
    if object.get("dtype").and_then(Json::as_str) != Some(dtype.name()) {
        return Err(bad(format!("expected the dtype \"{}\", got {}", dtype.name(), brief(object.get("dtype")))));
    }
    let elements = row_shape.iter().fold(1usize, |product, size| product.saturating_mul(*size));
    if elements > MAX_ROW_ELEMENTS {
        return Err(bad(format!("expected at most {MAX_ROW_ELEMENTS} elements a row, got {elements}")));
    }
    Ok((InputSpec { tensor: tensor.into(), dtype, row_shape, index_size: first.op.index_size() }, pieces))
}

/// The declared shape without its leading `"N"`.
fn shape(json: Option<&Json>) -> Option<Vec<usize>> {
    let (batch, rest) = json?.as_array()?.split_first()?;
    (batch == "N").then_some(())?;
    rest.iter().map(|size| size.as_u64().and_then(|size| usize::try_from(size).ok())).collect()
}

fn known_keys(object: &Map<String, Json>, known: &[&str]) -> Result<(), String> {
    match object.keys().find(|key| !known.contains(&key.as_str())) {
        None => Ok(()),
        Some(key) => Err(format!("unknown key \"{key}\"; expected {}", known.join(", "))),
    }
}

/// Reads one (from, op, list, missing).
struct PieceReader<'a> {
    tensor: &'a str,
    field: &'a str,
    object: &'a Map<String, Json>,
    name: &'a str,
    args: &'a Json,
    vocabs: &'a Vocabs,
    dim: usize,
}

impl<'a> PieceReader<'a> {
    fn new(tensor: &'a str, object: &'a Map<String, Json>, vocabs: &'a Vocabs, dim: usize) -> Result<Self> {
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

    fn read(&self) -> Result<Piece> {
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
