//! What the options of commands take: rows, vectors, lists of ids.

use std::str::FromStr;
use torre::filter::Filter;

use torre::Row;

/// A row given as a JSON object.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct RowArg(pub(crate) Row);

impl FromStr for RowArg {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        if !text.trim_start().starts_with('{') {
            return Err("expected a JSON object, such as {\"title\": \"Red shoe\"}".to_owned());
        }
        Row::from_json(text).map(Self).map_err(|error| match error {
            torre::FeatureError::Malformed { problem, .. } => problem,
            other => other.to_string(),
        })
    }
}

/// A vector given as a JSON array of numbers.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct VectorArg(pub(crate) Vec<f32>);

impl FromStr for VectorArg {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        serde_json::from_str(text).map(Self).map_err(|error| format!("expected a JSON array of numbers, such as [0.1, 0.2]: {error}"))
    }
}

/// What stands between cells: one ASCII character, or `tab`.
pub(crate) fn delimiter(text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        b"tab" | b"\\t" => Ok(b'\t'),
        [byte] if byte.is_ascii() && !matches!(byte, b'"' | b'\r' | b'\n') => Ok(*byte),
        _ => Err("expected one ASCII character that is no quote, or tab".to_owned()),
    }
}

/// Whether names of columns stand in the first line: `first`, or `none`.
pub(crate) fn header(text: &str) -> Result<bool, String> {
    match text {
        "first" => Ok(true),
        "none" => Ok(false),
        _ => Err("expected first or none".to_owned()),
    }
}

/// Names between commas, or a JSON array of text and integers where a name has a comma itself.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct NamesArg(pub(crate) Vec<String>);

impl FromStr for NamesArg {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        if !text.trim_start().starts_with('[') {
            return Ok(Self(text.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect()));
        }
        let wrong = |problem: String| format!("expected names between commas, or a JSON array of them: {problem}");
        let values: Vec<serde_json::Value> = serde_json::from_str(text).map_err(|error| wrong(error.to_string()))?;
        let names = values.into_iter().map(|value| match value {
            serde_json::Value::String(text) => Ok(text),
            serde_json::Value::Number(number) if !number.is_f64() => Ok(number.to_string()),
            other => Err(wrong(format!("{other} is neither text nor an integer"))),
        });
        names.collect::<Result<_, _>>().map(Self)
    }
}

/// All names of several options as one list.
pub(crate) fn joined(lists: &[NamesArg]) -> Vec<String> {
    lists.iter().flat_map(|list| list.0.iter().cloned()).collect()
}

/// A share above 0, at most 1.
pub(super) fn share(text: &str) -> Result<f32, String> {
    match text.parse::<f32>() {
        Ok(share) if share > 0.0 && share <= 1.0 => Ok(share),
        _ => Err("expected a number above 0 and at most 1, such as 0.95".to_owned()),
    }
}

/// A weight from 0 to 1.
pub(super) fn weight(text: &str) -> Result<f32, String> {
    match text.parse::<f32>() {
        Ok(weight) if (0.0..=1.0).contains(&weight) => Ok(weight),
        _ => Err("expected a number from 0 to 1, such as 0.7".to_owned()),
    }
}

/// A whole number of 0 or more.
pub(super) fn whole(text: &str) -> Result<usize, String> {
    text.parse().map_err(|_| "expected a whole number of 0 or more".to_owned())
}

/// A whole number of 1 or more.
pub(crate) fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse::<usize>() {
        Ok(number) if number > 0 => Ok(number),
        _ => Err("expected a whole number of 1 or more".to_owned()),
    }
}

/// A filter in its language.
pub(crate) fn filter(text: &str) -> Result<Filter, String> {
    Filter::parse(text).map_err(|error| error.to_string())
}

/// A parameter's name and value: what is no JSON is text.
pub(super) fn parameter(text: &str) -> Result<(String, torre::Value), String> {
    let (name, value) = text.split_once('=').filter(|(name, _)| !name.is_empty()).ok_or("expected NAME=VALUE, such as most=50")?;
    let json = format!("{{\"value\": {value}}}");
    let parsed = Row::from_json(&json).ok().filter(|row| row.len() == 1).and_then(|mut row| row.remove("value"));
    Ok((name.to_owned(), parsed.unwrap_or_else(|| torre::Value::from(value))))
}

/// A score: any number but NaN.
pub(super) fn score(text: &str) -> Result<f32, String> {
    text.parse::<f32>().ok().filter(|score| !score.is_nan()).ok_or_else(|| "expected a number".to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn names_come_between_commas_or_as_json() {
        for (text, names) in
            [("a,b", vec!["a", "b"]), ("a, b,", vec!["a", "b"]), (r#"["a,b", 7]"#, vec!["a,b", "7"]), ("[]", vec![]), ("", vec![])]
        {
            assert_eq!(text.parse::<NamesArg>().unwrap().0, names, "{text}");
        }
        for bad in ["[1.5]", "[null]", "[", r#"[["a"]]"#] {
            assert!(bad.parse::<NamesArg>().unwrap_err().contains("names between commas"), "{bad}");
        }
    }

    #[test]
    fn rows_and_vectors_are_json() {
        assert_eq!(r#"{"a": 1}"#.parse::<RowArg>().unwrap().0.len(), 1);
        assert!("[1]".parse::<RowArg>().unwrap_err().contains("JSON object"));
        assert!(r#"{"a": 1,}"#.parse::<RowArg>().unwrap_err().contains("line 1 column"));
        assert_eq!("[1, 2.5]".parse::<VectorArg>().unwrap().0, [1.0, 2.5]);
        assert!("[\"a\"]".parse::<VectorArg>().unwrap_err().contains("array of numbers"));
    }

    #[test]
    fn parameters_are_json_or_text() {
        let value = |text: &str| parameter(text).unwrap().1.to_json();
        assert_eq!(
            (value("a=5"), value("a=[1, 2]"), value("a=null")),
            (serde_json::json!(5), serde_json::json!([1, 2]), serde_json::Value::Null)
        );
        assert_eq!((value("a=x y"), value("a=\"5\""), value("a=b=c"), value("a=")), ("x y".into(), "5".into(), "b=c".into(), "".into()));
        assert!(parameter("a").is_err() && parameter("=1").is_err());
        // It cannot bring in other fields.
        assert_eq!(value("a=1, \"b\": 2"), "1, \"b\": 2");
    }

    #[test]
    fn numbers_have_bounds() {
        assert!(share("0").is_err() && share("1.01").is_err() && share("nan").is_err());
        assert_eq!(share("1"), Ok(1.0));
        assert!(weight("-0.1").is_err() && weight("1.1").is_err() && weight("nan").is_err());
        assert_eq!((weight("0"), weight("1")), (Ok(0.0), Ok(1.0)));
        assert!(whole("0") == Ok(0) && whole("-1").is_err() && whole("x").is_err());
        assert!(at_least_one("0").is_err() && at_least_one("-1").is_err());
        assert!(score("nan").is_err() && score("-3.5") == Ok(-3.5));
    }
}
