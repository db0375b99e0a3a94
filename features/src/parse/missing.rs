//! What stands for a field that is absent or null.

use super::json::Result;
use super::reader::{Reader, of_version_two};
use crate::op::{Category, Missing, Op};
use crate::time::unix_seconds;
use crate::value::Value;

/// Reads `missing`; `named` says whether the document names an index for it.
pub(super) fn missing(reader: &Reader<'_>, op: &Op, width: usize, named: bool) -> Result<Missing> {
    let number = matches!(op, Op::Number(_) | Op::Age(_) | Op::Time(_) | Op::Vector | Op::GeoUnit);
    let identity = matches!(op, Op::Category(Category::Identity { .. }) | Op::Bag(Category::Identity { .. }));
    let json = match reader.object.get("missing") {
        None if number || identity => return Ok(Missing::Error),
        None => return Ok(Missing::Null),
        Some(_) if matches!(op, Op::IsMissing) => return Err(reader.bad("is_missing takes no \"missing\"")),
        Some(json) => json,
    };
    if json == "error" {
        return Ok(Missing::Error);
    }
    if json == "null" {
        // Version 1 has no zeros for a vector that is missing.
        let zeros = matches!(op, Op::GeoUnit) || (matches!(op, Op::Vector) && reader.is_two());
        return match (number && !zeros, identity && !named) {
            (true, _) if matches!(op, Op::Vector) => {
                Err(reader.bad(format!("missing \"null\" on a number (vector); {}", of_version_two("a vector of zeros"))))
            }
            (true, _) => Err(reader.bad(format!("missing \"null\" on a number ({})", reader.name))),
            (_, true) => Err(reader.bad("missing \"null\" on an identity: \"index\" has to say which index is \"missing\"")),
            _ => Ok(Missing::Null),
        };
    }
    let given = json.as_object().filter(|object| object.len() == 1).and_then(|object| object.get("value"));
    let given = given.ok_or_else(|| reader.expected("missing", "\"null\", {\"value\": x} or \"error\"", Some(json)))?;
    let value = Value::try_from(given.clone()).map_err(|problem| reader.bad(format!("missing value: {problem}")))?;
    instead(reader, op, width, &value)
}

/// What a given value gives.
fn instead(reader: &Reader<'_>, op: &Op, width: usize, value: &Value) -> Result<Missing> {
    let unfit = |expected: &str| reader.bad(format!("missing value: expected {expected}, got {}", value.describe()));
    let number = || match value {
        Value::Bool(flag) => Ok(f64::from(u8::from(*flag))),
        _ => value.as_f64().ok_or_else(|| unfit("a number")),
    };
    let time = || unix_seconds(value).ok_or_else(|| unfit("unix seconds or RFC 3339 text"));
    let in_years = || unfit("a time of the years -9999 to 9999");
    let mut columns = vec![0.0f32; width];
    match op {
        Op::Number(steps) => steps.columns(number()?, &mut columns).map_err(unfit)?,
        Op::Age(age) => age.steps.columns(number()?, &mut columns).map_err(unfit)?,
        Op::NumberIndex(steps) => return Ok(Missing::Place(steps.place(number()?).map_err(unfit)?)),
        Op::AgeIndex(age) => return Ok(Missing::Place(age.steps.place(number()?).map_err(unfit)?)),
        Op::Date(part) => return Ok(Missing::Place(part.place(time()?).ok_or_else(in_years)?)),
        Op::Time(parts) => {
            let unix = time()?;
            for (out, part) in columns.chunks_exact_mut(2).zip(parts) {
                out.copy_from_slice(&part.columns(unix).ok_or_else(in_years)?.map(|x| x as f32));
            }
        }
        _ => {
            let takers = if reader.is_two() { "number, age and time" } else { "number and time" };
            return Err(reader.bad(format!("missing {{\"value\": x}} is for {takers}, not {}", reader.name)));
        }
    }
    if columns.iter().all(|x| x.is_finite()) {
        Ok(Missing::Columns(columns.into()))
    } else {
        Err(unfit("one that is finite after the steps"))
    }
}
