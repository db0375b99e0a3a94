//! The steps of a number.

use serde_json::Value as Json;

use super::json::{Result, brief};
use super::reader::Reader;
use crate::op::{Step, Steps};

/// Reads a list of steps.
pub(super) fn steps(reader: &Reader<'_>, what: &str, json: &Json) -> Result<Steps> {
    let list = json.as_array().ok_or_else(|| reader.expected(what, "a list of steps", Some(json)))?;
    let mut steps = Vec::with_capacity(list.len());
    let mut bounds = None;
    for json in list {
        if bounds.is_some() {
            return Err(reader.bad("bucketize must be the last step"));
        }
        match json.as_object().and_then(|step| step.get("bucketize").filter(|_| step.len() == 1)) {
            Some(args) => bounds = Some(bucketize(reader, args)?),
            None => steps.push(step(reader, json)?),
        }
    }
    Ok(Steps { steps: steps.into(), bounds })
}

fn bucketize(reader: &Reader<'_>, args: &Json) -> Result<Box<[f64]>> {
    match numbers(args) {
        Some(bounds) if bounds.is_sorted_by(|a, b| a < b) => Ok(bounds.into()),
        Some(_) => Err(reader.bad("bucketize: bounds must increase")),
        None => Err(reader.expected("bucketize", "a list of numbers", Some(args))),
    }
}

fn step(reader: &Reader<'_>, json: &Json) -> Result<Step> {
    let (name, args) = match json {
        Json::String(name) => (name.as_str(), None),
        Json::Object(step) if step.len() == 1 => step.iter().next().map_or(("", None), |(name, args)| (name.as_str(), Some(args))),
        _ => ("", None),
    };
    if matches!(name, "log" | "sqrt" | "power" | "min_max" | "quantiles") {
        reader.since_two(&format!("the step \"{name}\""))?;
    }
    match (name, args) {
        ("log1p", None) => Ok(Step::Log1p),
        ("log", None) => Ok(Step::Log),
        ("sqrt", None) => Ok(Step::Sqrt),
        ("power", Some(args)) => args.as_f64().map(Step::Power).ok_or_else(|| reader.expected("power", "a number", Some(args))),
        ("standardize", Some(args)) => {
            let args = reader.object("standardize", args, &["mean", "std"])?;
            let number = |key| args.get(key).and_then(Json::as_f64).ok_or_else(|| reader.expected(key, "a number", args.get(key)));
            let (mean, std) = (number("mean")?, number("std")?);
            if std > 0.0 { Ok(Step::Standardize { mean, std }) } else { Err(reader.bad(format!("std must be > 0, got {std}"))) }
        }
        ("min_max", Some(args)) => match numbers(args).as_deref() {
            Some(&[low, high]) if low < high && (high - low).is_finite() => Ok(Step::MinMax { low, high }),
            Some(&[low, high]) => Err(reader.bad(format!("min_max: the second number must be above the first, got {low} and {high}"))),
            _ => Err(reader.expected("min_max", "two numbers", Some(args))),
        },
        ("clip", Some(args)) => match numbers(args).as_deref() {
            Some(&[low, high]) if low <= high => Ok(Step::Clip { low, high }),
            Some(&[low, high]) => Err(reader.bad(format!("clip bounds out of order: {low} and {high}"))),
            _ => Err(reader.expected("clip", "two numbers", Some(args))),
        },
        ("quantiles", Some(args)) => quantiles(reader, args),
        _ => {
            let further = if reader.is_two() { "log, sqrt, power, min_max, quantiles, " } else { "" };
            Err(reader.bad(format!("unknown step {json}; expected \"log1p\", {further}standardize, clip or bucketize")))
        }
    }
}

fn quantiles(reader: &Reader<'_>, args: &Json) -> Result<Step> {
    let points = numbers(args).ok_or_else(|| reader.expected("quantiles", "a list of numbers", Some(args)))?;
    let span = points.last().zip(points.first()).map_or(0.0, |(last, first)| last - first);
    if points.is_sorted() && span > 0.0 && span.is_finite() {
        return Ok(Step::Quantiles(points.into()));
    }
    let got = format!("{} numbers, the last above the first by {span}", points.len());
    Err(reader.bad(format!("quantiles: expected numbers that never fall, the last above the first, got {got}")))
}

/// A list of numbers.
fn numbers(json: &Json) -> Option<Vec<f64>> {
    json.as_array()?.iter().map(Json::as_f64).collect()
}

/// Reads a unit of time: its seconds.
pub(super) fn unit(reader: &Reader<'_>, json: Option<&Json>) -> Result<f64> {
    const UNITS: [(&str, f64); 5] = [("seconds", 1.0), ("minutes", 60.0), ("hours", 3_600.0), ("days", 86_400.0), ("weeks", 604_800.0)];
    let named = json.and_then(Json::as_str).and_then(|name| UNITS.into_iter().find(|(unit, _)| *unit == name));
    named.map(|(_, seconds)| seconds).ok_or_else(|| {
        reader.bad(format!("unit: expected \"seconds\", \"minutes\", \"hours\", \"days\" or \"weeks\", got {}", brief(json)))
    })
}
