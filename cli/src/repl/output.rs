//! What a command has to show: as JSON for programs, as records for people.

use serde::Serialize;
use serde_json::Value as Json;

/// A line of a table: names and values.
pub(crate) type Record = Vec<(String, Json)>;

/// How records are shown to a person.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum Layout {
    /// A line a record.
    #[default]
    Table,
    /// A line a value: for one record with many values.
    Card,
}

/// The result of a command.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Output {
    /// The whole result: a JSON value in one line.
    pub(crate) json: String,
    /// The parts of it, a JSON value a line; empty when the whole is its only part.
    pub(crate) parts: Vec<String>,
    /// For a person.
    pub(crate) records: Vec<Record>,
    pub(crate) layout: Layout,
    /// Lines below the table.
    pub(crate) notes: Vec<String>,
}

impl Output {
    /// A result that is one object; `None` values are left out of what a person sees.
    pub(crate) fn card(result: &impl Serialize) -> Self {
        let json = to_json(result);
        let mut record = Record::new();
        if let Ok(Json::Object(fields)) = serde_json::to_value(result) {
            flatten("", fields, &mut record);
        }
        Self { json, records: vec![record], layout: Layout::Card, ..Self::default() }
    }

    /// A result that is told in one line.
    pub(crate) fn note(result: &impl Serialize, note: impl Into<String>) -> Self {
        Self { json: to_json(result), notes: vec![note.into()], ..Self::default() }
    }

    /// The same records, each with a line a value.
    pub(crate) fn in_cards(self) -> Self {
        Self { layout: Layout::Card, ..self }
    }

    /// A result that is a list.
    pub(crate) fn list<T: Serialize>(results: &[T], record: impl Fn(&T) -> Record) -> Self {
        Self {
            json: to_json(&results),
            parts: results.iter().map(to_json).collect(),
            records: results.iter().map(record).collect(),
            ..Self::default()
        }
    }
}

/// Objects within the object become fields with a dot.
fn flatten(prefix: &str, fields: serde_json::Map<String, Json>, into: &mut Record) {
    for (name, value) in fields {
        let name = format!("{prefix}{name}");
        match value {
            Json::Null => {}
            Json::Object(inner) => flatten(&format!("{name}."), inner, into),
            value => into.push((name, value)),
        }
    }
}

/// JSON in one line. Only maps with keys that are no text cannot be written, and there are none.
pub(crate) fn to_json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_else(|_| "null".to_owned())
}

/// A number as it is shown and written: the shortest text that reads back as the same f32.
pub(crate) fn short(value: f32) -> Json {
    value.to_string().parse::<f64>().map_or(Json::Null, Json::from)
}

/// A number with this many digits after the point.
pub(crate) fn rounded(value: f64, digits: i32) -> f64 {
    let scale = 10f64.powi(digits);
    (value * scale).round() / scale
}

/// `1 row`, `2 rows`.
pub(crate) fn count(number: u64, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{} {noun}s", grouped(number)) }
}

/// Digits in groups of three: `1,234,567`.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        assert_eq!(short(0.1).to_string(), "0.1");
        assert_eq!(short(f32::NAN), Json::Null);
        assert_eq!(rounded(1.23456, 2).to_string(), "1.23");
        let groups: Vec<String> = [0, 999, 1000, 1_234_567].map(grouped).to_vec();
        assert_eq!(groups, ["0", "999", "1,000", "1,234,567"]);
        assert_eq!((count(1, "row"), count(0, "row"), count(2000, "row")), ("1 row".into(), "0 rows".into(), "2,000 rows".into()));
    }

    #[test]
    fn a_card_is_flat_and_has_no_nulls() {
        let card = Output::card(&serde_json::json!({"a": 1, "b": null, "c": {"d": [2]}}));
        assert_eq!(card.json, r#"{"a":1,"b":null,"c":{"d":[2]}}"#);
        assert_eq!(card.records, [vec![("a".to_owned(), Json::from(1)), ("c.d".to_owned(), serde_json::json!([2]))]]);
    }
}
