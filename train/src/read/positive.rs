//! Which events were chosen.

use torre::Schema;
use torre::filter::{Bound, Filter, Params};
use torre_features::{Field, FieldType, Row, Value};

use super::roles::{Role, Roles};
use crate::error::TrainError;

/// How an event tells that it was chosen.
pub(super) enum Positive {
    /// All were.
    All,
    /// By the column of this name.
    Label(String),
    /// By a filter over columns, of which some are read as numbers.
    Filter { bound: Box<Bound>, numbers: Vec<String> },
}

impl Positive {
    /// `rows` are the first of the file: cells that are all numbers are compared as such.
    pub(super) fn new(filter: Option<&Filter>, roles: &Roles, rows: &[Row]) -> Result<Self, TrainError> {
        let Some(filter) = filter else {
            return Ok(roles.column(Role::Label).map_or(Self::All, |column| Self::Label(column.to_owned())));
        };
        let mut kinds: Vec<(String, FieldType)> = Vec::new();
        for (name, value) in rows.iter().flat_map(Row::iter) {
            let kind = match value {
                Value::Bool(_) => FieldType::Bool,
                Value::Int(_) | Value::Uint(_) | Value::Float(_) => FieldType::Float,
                Value::Text(text) if number(text).is_some() => FieldType::Float,
                Value::Text(_) => FieldType::Text,
                _ => continue,
            };
            match kinds.iter_mut().find(|(known, _)| known == name) {
                None => kinds.push((name.to_owned(), kind)),
                // A column of numbers and words is one of words.
                Some((_, known)) if *known != kind => *known = FieldType::Text,
                Some(_) => {}
            }
        }
        let bind = |kinds: &[(String, FieldType)]| {
            let fields = kinds.iter().map(|(name, kind)| Field::new(name, *kind)).collect();
            let schema = Schema { fields, ..Schema::default() };
            filter.bind(&schema, &Params::new(), 0.0)
        };
        let words: Vec<(String, FieldType)> = kinds.iter().map(|(name, _)| (name.clone(), FieldType::Text)).collect();
        // Numbers that the filter compares with text are text.
        let (bound, kinds) = match (bind(&kinds), bind(&words)) {
            (Ok(bound), _) => (bound, kinds),
            (Err(_), Ok(bound)) => (bound, words),
            (Err(error), Err(_)) => return Err(TrainError::Data(format!("the condition for what was chosen: {error}"))),
        };
        let numbers = kinds.into_iter().filter(|(_, kind)| *kind == FieldType::Float).map(|(name, _)| name).collect();
        Ok(Self::Filter { bound: Box::new(bound), numbers })
    }

    /// Whether this event was chosen; unknown counts as not. An error says what a label has to be.
    pub(super) fn of(&self, row: &Row) -> Result<bool, String> {
        match self {
            Self::All => Ok(true),
            Self::Label(column) => label(column, row.get(column)),
            Self::Filter { bound, numbers } => {
                let mut typed = row.clone();
                for name in numbers {
                    if let Some(number) = row.get(name).and_then(Value::as_str).and_then(number) {
                        typed.insert(name.as_str(), number);
                    }
                }
                Ok(bound.eval(&typed).unwrap_or(false))
            }
        }
    }
}

fn number(text: &str) -> Option<f64> {
    text.trim().parse().ok().filter(|number: &f64| number.is_finite())
}

fn label(column: &str, value: Option<&Value>) -> Result<bool, String> {
    let wrong = |got: String| Err(format!("the label {column:?} is {got}; expected 0 or 1"));
    match value {
        Some(Value::Bool(flag)) => Ok(*flag),
        Some(Value::Text(text)) => match text.trim().to_ascii_lowercase().as_str() {
            "1" | "1.0" | "true" => Ok(true),
            "0" | "0.0" | "false" => Ok(false),
            _ => wrong(format!("{text:?}")),
        },
        Some(other) => match other.as_f64() {
            Some(1.0) => Ok(true),
            Some(0.0) => Ok(false),
            _ => wrong(other.describe()),
        },
        None => wrong("missing".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use torre_features::row;

    fn of(condition: Option<&str>, rows: &[Row]) -> Vec<Result<bool, String>> {
        let roles = Roles::of(&super::super::FileOptions::default(), rows).unwrap();
        let filter = condition.map(|text| Filter::parse(text).unwrap());
        let positive = Positive::new(filter.as_ref(), &roles, rows).unwrap();
        rows.iter().map(|row| positive.of(row)).collect()
    }

    #[test]
    fn conditions_read_cells_as_what_they_hold() {
        let cells = [row! { "user" => 1, "item" => 1, "rating" => "4" }, row! { "user" => 1, "item" => 1, "rating" => " 3.5" }];
        assert_eq!(of(Some("rating >= 4"), &cells), [Ok(true), Ok(false)]);
        assert_eq!(of(Some("rating = '4'"), &cells), [Ok(true), Ok(false)]);
        let missing = [row! { "user" => 1, "item" => 1, "rating" => "5" }, row! { "user" => 1, "item" => 1 }];
        assert_eq!(of(Some("rating >= 4"), &missing), [Ok(true), Ok(false)], "unknown is not chosen");
        let mixed =
            [row! { "user" => 1, "item" => 1, "event" => "buy", "n" => 3 }, row! { "user" => 1, "item" => 1, "event" => "view", "n" => 9 }];
        assert_eq!(of(Some("event = 'buy' AND n < 5"), &mixed), [Ok(true), Ok(false)]);
        let roles = Roles::of(&super::super::FileOptions::default(), &mixed).unwrap();
        let error = Positive::new(Some(&Filter::parse("stars > 3").unwrap()), &roles, &mixed).err().unwrap().to_string();
        assert!(error.contains("stars"), "{error}");
    }

    #[test]
    fn labels_are_0_or_1() {
        let rows = ["1", "0", "true", "maybe"].map(|label| row! { "user" => 1, "item" => 1, "label" => label });
        let told = of(None, &rows);
        assert_eq!(told[..3], [Ok(true), Ok(false), Ok(true)]);
        assert!(told[3].as_ref().unwrap_err().contains("expected 0 or 1"));
        assert_eq!(of(None, &[row! { "user" => 1, "item" => 1 }]), [Ok(true)]);
    }
}
