//! The operation of a piece.

use std::sync::Arc;

use serde_json::{Map, Value as Json};

use super::json::{Result, brief};
use super::reader::Reader;
use super::step::{steps, unit};
use super::vocabs::vocabulary;
use crate::bucket::FieldHash;
use crate::geo::MAX_RESOLUTION;
use crate::op::{Age, Category, Grams, Op};
use crate::time::{DatePart, TimePart};
use crate::tokenizer::Kind;
use crate::vocab::Vocab;

/// Operations that version 1 has not.
const VERSION_TWO: [&str; 10] = ["identity", "bag", "chars", "wordpiece", "bpe", "cross", "age", "geo_unit", "geo_cell", "is_missing"];

/// Reads the operation.
pub(super) fn op(reader: &Reader<'_>) -> Result<Op> {
    if VERSION_TWO.contains(&reader.name) {
        reader.since_two(&format!("the operation \"{}\"", reader.name))?;
    }
    let fields = reader.fields.len();
    match reader.name {
        "cross" if fields < 2 => return Err(reader.bad("cross: expected two or more fields in \"from\", got 1")),
        "geo_unit" | "geo_cell" if fields > 2 => {
            let expected = "a latitude and a longitude, or one field with a list of both";
            return Err(reader.bad(format!("{}: expected {expected} in \"from\", got {fields} fields", reader.name)));
        }
        "cross" | "geo_unit" | "geo_cell" => {}
        name if fields > 1 => return Err(reader.bad(format!("{name}: expected one field in \"from\", got {fields}"))),
        _ => {}
    }
    match reader.name {
        name @ ("vocab" | "hash" | "identity") => Ok(Op::Category(category(reader, name, reader.args)?)),
        "bag" => {
            let only = reader.args.as_object().filter(|args| args.len() == 1).and_then(|args| args.iter().next());
            match only.filter(|(name, _)| matches!(name.as_str(), "vocab" | "hash" | "identity")) {
                Some((name, args)) => Ok(Op::Bag(category(reader, name, args)?)),
                None => Err(reader.expected("bag", "an object with exactly one of vocab, hash and identity", Some(reader.args))),
            }
        }
        "text" => text(reader, Grams::Words, &[1]),
        "chars" => text(reader, Grams::Characters, &[3]),
        "wordpiece" => tokens(reader, Kind::WordPiece),
        "bpe" => tokens(reader, Kind::Bpe),
        "cross" => {
            let args = reader.args(&["buckets"])?;
            Ok(Op::Cross { buckets: reader.count("buckets", 1, args.get("buckets"))?, hash: FieldHash::joint(&reader.fields) })
        }
        "geo_cell" => {
            let args = reader.args(&["resolution", "buckets"])?;
            let resolution = reader.whole("resolution", 0, u64::from(MAX_RESOLUTION), args.get("resolution"))? as u32;
            Ok(Op::GeoCell {
                resolution,
                buckets: reader.count("buckets", 1, args.get("buckets"))?,
                hash: FieldHash::joint(&reader.fields),
            })
        }
        "geo_unit" => reader.args(&[]).map(|_| Op::GeoUnit),
        "is_missing" => reader.args(&[]).map(|_| Op::IsMissing),
        "number" => {
            let steps = steps(reader, "number", reader.args)?;
            match (reader.indexed()?, &steps.bounds) {
                (false, _) => Ok(Op::Number(steps)),
                (true, Some(_)) => Ok(Op::NumberIndex(steps)),
                (true, None) => Err(reader.bad(NO_INDEX)),
            }
        }
        "age" => age(reader),
        "time" if reader.indexed()? => {
            let only = reader.args.as_array().filter(|parts| parts.len() == 1).and_then(|parts| DatePart::named(parts[0].as_str()?));
            let expected = "a list of one of \"hour\", \"dow\", \"day\", \"month\"";
            only.map(Op::Date).ok_or_else(|| reader.expected("time as an index", expected, Some(reader.args)))
        }
        "time" => cycles(reader),
        "onehot" => {
            let args = reader.args(&["values"])?;
            let (vocab, _) = values(reader, args.get("values").unwrap_or(&Json::Null))?;
            if vocab.len() == 0 { Err(reader.bad("onehot: expected at least one value")) } else { Ok(Op::OneHot(vocab)) }
        }
        "vector" => reader.args(&["width"]).map(|_| Op::Vector),
        "lookup" => match reader.args(&["vector"])?.get("vector") {
            Some(Json::String(which)) if which == "item" => Ok(Op::Lookup),
            other => Err(reader.expected("lookup", "{\"vector\": \"item\"}", other)),
        },
        other => {
            let further = if reader.is_two() { format!("{}, ", VERSION_TWO.join(", ")) } else { String::new() };
            Err(reader.bad(format!("unknown op \"{other}\"; expected vocab, hash, text, number, time, onehot, vector, {further}or lookup")))
        }
    }
}

/// Why a number is no index.
const NO_INDEX: &str = "an index of a number needs \"bucketize\" as its last step";

/// Reads what is made of one category.
fn category(reader: &Reader<'_>, name: &str, args: &Json) -> Result<Category> {
    match name {
        "vocab" => {
            let args = reader.object(name, args, &["name", "values", "oov"])?;
            let oov = args.get("oov").map_or(Ok(0), |json| reader.count("oov", 0, Some(json)))?;
            match (args.get("name"), args.get("values")) {
                (Some(Json::String(name)), None) => {
                    let vocab = reader.shared.vocabs.tables.get(name);
                    let vocab = vocab.ok_or_else(|| reader.bad(format!("vocab: \"vocabs\" has no \"{name}\"")))?;
                    Ok(Category::Vocab { vocab: Arc::clone(vocab), oov, hash: FieldHash::new(name) })
                }
                (None, Some(list)) => {
                    let (vocab, twice) = values(reader, list)?;
                    match twice {
                        Some(value) => Err(reader.bad(format!("vocabulary has a value twice: {value:?}"))),
                        None => Ok(Category::Vocab { vocab, oov, hash: FieldHash::new(reader.field()) }),
                    }
                }
                _ => Err(reader.bad("vocab: expected either \"name\", a string, or \"values\", a list")),
            }
        }
        "hash" => {
            let args = reader.object(name, args, &["buckets"])?;
            Ok(Category::Hash { buckets: reader.count("buckets", 1, args.get("buckets"))?, hash: FieldHash::new(reader.field()) })
        }
        _ => {
            let args = reader.object(name, args, &["size"])?;
            Ok(Category::Identity { size: reader.count("size", 1, args.get("size"))? })
        }
    }
}

fn text(reader: &Reader<'_>, grams: Grams, usual: &[usize]) -> Result<Op> {
    let args = reader.args(&["buckets", "lower", "ngrams"])?;
    let lower = match args.get("lower") {
        None => false,
        Some(Json::Bool(flag)) => *flag,
        other => return Err(reader.expected("lower", "true or false", other)),
    };
    let buckets = reader.count("buckets", 1, args.get("buckets"))?;
    Ok(Op::Text { buckets, hash: FieldHash::new(reader.field()), lower, grams, ngrams: ngrams(reader, args, usual)? })
}

fn tokens(reader: &Reader<'_>, kind: Kind) -> Result<Op> {
    let Some(Json::String(name)) = reader.args(&["tokenizer"])?.get("tokenizer") else {
        return Err(reader.expected("tokenizer", "the name of one of \"tokenizers\"", reader.args.get("tokenizer")));
    };
    let tokenizer = reader.shared.tokenizers.named.get(name);
    let tokenizer = tokenizer.ok_or_else(|| reader.bad(format!("{}: \"tokenizers\" has no \"{name}\"", reader.name)))?;
    if tokenizer.kind != kind {
        return Err(reader.bad(format!("{}: the model of the tokenizer \"{name}\" is {:?}", reader.name, tokenizer.kind)));
    }
    Ok(Op::Tokens(Arc::clone(tokenizer)))
}

fn ngrams(reader: &Reader<'_>, args: &Map<String, Json>, usual: &[usize]) -> Result<Box<[usize]>> {
    const LONGEST: u64 = 64;
    let Some(json) = args.get("ngrams") else { return Ok(usual.into()) };
    let read = json
        .as_array()
        .filter(|list| (1..=LONGEST as usize).contains(&list.len()))
        .and_then(|list| list.iter().map(|n| n.as_u64().filter(|n| (1..=LONGEST).contains(n)).map(|n| n as usize)).collect());
    read.ok_or_else(|| reader.expected("ngrams", "a list of whole numbers from 1 to 64", Some(json)))
}

fn age(reader: &Reader<'_>) -> Result<Op> {
    let args = reader.args(&["now", "unit", "steps"])?;
    let Some(Json::String(now)) = args.get("now") else {
        return Err(reader.bad(format!("now: expected the name of the field that holds now, got {}", brief(args.get("now")))));
    };
    let unit = unit(reader, args.get("unit"))?;
    let steps = args.get("steps").map(|json| steps(reader, "steps", json)).transpose()?.unwrap_or_default();
    let age = Age { now: now.as_str().into(), unit, steps };
    match (reader.indexed()?, &age.steps.bounds) {
        (false, _) => Ok(Op::Age(age)),
        (true, Some(_)) => Ok(Op::AgeIndex(age)),
        (true, None) => Err(reader.bad(NO_INDEX)),
    }
}

fn cycles(reader: &Reader<'_>) -> Result<Op> {
    let parts = reader.args.as_array().filter(|parts| !parts.is_empty());
    if let Some(part) = parts.into_iter().flatten().filter_map(Json::as_str).find(|part| DatePart::named(part).is_some()) {
        reader.since_two(&format!("the part \"{part}\" of a time"))?;
        return Err(reader.bad(format!("the part \"{part}\" of a time is an index; it takes the dtype \"i64\" and an input of its own")));
    }
    let parts = parts.and_then(|parts| parts.iter().map(|part| TimePart::named(part.as_str()?)).collect());
    parts.map(Op::Time).ok_or_else(|| reader.bad("unknown time part; expected a list of \"hour_cyclic\", \"dow_cyclic\", \"year_cyclic\""))
}

fn values(reader: &Reader<'_>, json: &Json) -> Result<(Arc<Vocab>, Option<String>)> {
    let read = vocabulary(json).map_err(|got| reader.bad(format!("values: expected a list of strings and integers, got {got}")))?;
    Ok((Arc::new(read.0), read.1))
}
