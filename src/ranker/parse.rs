//! The features of a ranker's spec, read from its document.

use std::collections::HashSet;

use serde_json::Value as Json;

use super::limits;
use super::origin::{Cross, FeatureOrigin, Operand, RankerFeature, TextBuckets, TextCode, TextVocab};
use super::refuse::{Result, described, too_many, wrong};

/// The columns of the input, in order.
pub(super) fn features(version: u64, json: &Json) -> Result<Vec<RankerFeature>> {
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
        let name = text("name")?;
        if !names.insert(name) {
            return Err(wrong(key("name"), "a name of its own", format!("{name:?} again")));
        }
        let from = if version == 1 { plain(&key("from"), text("from")?)? } else { origin(at, json)? };
        features.push(RankerFeature { name: name.to_owned(), from });
    }
    Ok(features)
}

/// The score, or a field.
fn plain(key: &str, from: &str) -> Result<FeatureOrigin> {
    match Operand::parse(from) {
        Some(Operand::Item(field)) => Ok(FeatureOrigin::Item(field)),
        Some(Operand::User(field)) => Ok(FeatureOrigin::User(field)),
        None if from == "score" => Ok(FeatureOrigin::Score),
        None => match from.split_once('.') {
            Some(("value", name)) if !name.is_empty() => Ok(FeatureOrigin::Value(name.to_owned())),
            _ => Err(wrong(key, "\"score\", \"item.FIELD\", \"user.FIELD\" or \"value.NAME\"", format!("{from:?}"))),
        },
    }
}

/// What version 2 has besides: texts and crosses. Exactly one way to a number is given.
fn origin(at: usize, json: &Json) -> Result<FeatureOrigin> {
    let key = |key: &str| format!("features[{at}].{key}");
    let known = ["name", "from", "cross", "of", "vocab", "buckets"];
    if let Some(other) = json.as_object().and_then(|all| all.keys().find(|name| !known.contains(&name.as_str()))) {
        return Err(wrong(key(other), format!("one of {}", known.join(", ")), "an unknown key"));
    }
    let given = |name: &str| Some(&json[name]).filter(|value| !value.is_null());
    let unexpected = |names: &[&str], with: &str| match names.iter().find(|name| given(name).is_some()) {
        Some(name) => Err(wrong(key(name), format!("nothing beside \"{with}\""), described(&json[*name]))),
        None => Ok(()),
    };
    if let Some(cross) = given("cross") {
        unexpected(&["from", "vocab", "buckets"], "cross")?;
        let name = cross.as_str().ok_or_else(|| wrong(key("cross"), "text", described(cross)))?;
        return self::cross(name, &key("cross"), operands(&key("of"), &json["of"])?).map(FeatureOrigin::Cross);
    }
    unexpected(&["of"], "from")?;
    let from = json["from"].as_str().ok_or_else(|| wrong(key("from"), "text", described(&json["from"])))?;
    let of_text = || Operand::parse(from).ok_or_else(|| wrong(key("from"), "\"item.FIELD\" or \"user.FIELD\"", format!("{from:?}")));
    match (given("vocab"), given("buckets")) {
        (None, None) => plain(&key("from"), from),
        (Some(vocab), None) => Ok(FeatureOrigin::Text(of_text()?, TextCode::Vocab(self::vocab(&key("vocab"), vocab)?))),
        (None, Some(buckets)) => {
            // Buckets are numbers that f32 has exactly.
            let number = buckets.as_u64().filter(|number| (1..=1 << 24).contains(number)).and_then(|number| u32::try_from(number).ok());
            let number = number.ok_or_else(|| wrong(key("buckets"), "a whole number from 1 to 16777216", described(buckets)))?;
            let of = of_text()?;
            let buckets = TextBuckets::new(of.field(), number);
            Ok(FeatureOrigin::Text(of, TextCode::Buckets(buckets)))
        }
        (Some(_), Some(buckets)) => Err(wrong(key("buckets"), "nothing beside \"vocab\"", described(buckets))),
    }
}

fn operands(key: &str, json: &Json) -> Result<Vec<Operand>> {
    let Json::Array(list) = json else { return Err(wrong(key, "a list of fields", described(json))) };
    let operand =
        |json: &Json| json.as_str().and_then(Operand::parse).ok_or_else(|| wrong(key, "\"item.FIELD\" or \"user.FIELD\"", described(json)));
    list.iter().map(operand).collect()
}

fn cross(name: &str, key: &str, of: Vec<Operand>) -> Result<Cross> {
    let given = of.len();
    let fields =
        |expected: usize| move |_| wrong(format!("{}.of", key.trim_end_matches(".cross")), format!("{expected} fields"), given.to_string());
    match name {
        "equal" => of.try_into().map(Cross::Equal).map_err(fields(2)),
        "difference" => of.try_into().map(Cross::Difference).map_err(fields(2)),
        "ratio" => of.try_into().map(Cross::Ratio).map_err(fields(2)),
        "in_list" => of.try_into().map(Cross::InList).map_err(fields(2)),
        "distance" => of.try_into().map(Cross::Distance).map_err(fields(4)),
        _ => Err(wrong(key, "equal, difference, ratio, in_list or distance", format!("{name:?}"))),
    }
}

fn vocab(key: &str, json: &Json) -> Result<TextVocab> {
    let Json::Array(list) = json else { return Err(wrong(key, "a list of texts", described(json))) };
    too_many("values of a vocabulary", list.len(), limits::VOCAB)?;
    let mut seen = HashSet::new();
    for value in list {
        match value.as_str() {
            Some(text) if seen.insert(text) => {}
            Some(text) => return Err(wrong(key, "each value once", format!("{text:?} again"))),
            None => return Err(wrong(key, "a list of texts", format!("{} in it", described(value)))),
        }
    }
    Ok(TextVocab::new(list.iter().filter_map(|value| value.as_str().map(str::to_owned))))
}
