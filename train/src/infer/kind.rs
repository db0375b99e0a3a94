//! What the fields of rows hold, told from the rows: the cells of a CSV file are all text.

use std::collections::HashMap;

use torre_features::{FeatureSpec, FieldType, Row, Value};

use crate::read::to_seconds;

/// What a field holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// True and false.
    Bool,
    /// Numbers.
    Number,
    /// Times, as unix seconds.
    Time,
    /// Words or categories.
    Text,
    /// Lists of categories; from cells that part them by this character.
    Texts(Option<char>),
    /// Lists of numbers.
    Numbers,
    /// Objects, and lists of lists: nothing is made of them.
    Other,
}

/// Cells that say that there is no value.
const MISSING: [&str; 9] = ["", "nan", "null", "none", "na", "n/a", "\\n", "<na>", "nat"];
/// Share of cells with a separator from which a column is one of lists.
const LISTS: f64 = 0.2;
/// Names of whole numbers that are times, by their endings.
const TIME_NAMES: [&str; 7] = ["time", "date", "timestamp", "_at", "_ts", "released", "created"];

/// The fields of a file's rows and what they hold, in the order in which they come.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Kinds(Vec<(String, Kind)>);

#[derive(Default)]
struct Evidence {
    values: usize,
    bools: usize,
    numbers: usize,
    /// Numbers of 0 to 4e9 without a fraction, from 1e8 on.
    seconds: usize,
    times: usize,
    texts: usize,
    lists: usize,
    lists_of_numbers: usize,
    others: usize,
    /// Cells with `|`, with `;`, and the longest piece between them in words.
    parted: [(usize, usize); 2],
}

const SEPARATORS: [char; 2] = ['|', ';'];

impl Evidence {
    fn add(&mut self, value: &Value) {
        self.values += 1;
        match value {
            Value::Null => self.values -= 1,
            Value::Bool(_) => self.bools += 1,
            Value::Int(_) | Value::Uint(_) | Value::Float(_) => self.number(value.as_f64().unwrap_or(0.0)),
            Value::Text(text) => self.text(text),
            Value::List(values) => self.list(values),
            Value::Object(_) => self.others += 1,
        }
    }

    fn number(&mut self, number: f64) {
        self.numbers += 1;
        self.seconds += usize::from(number.fract() == 0.0 && (1e8..4e9).contains(&number));
    }

    fn list(&mut self, values: &[Value]) {
        self.lists += 1;
        let number = |value: &Value| value.as_f64().is_some();
        if values.iter().any(|value| matches!(value, Value::List(_) | Value::Object(_))) {
            self.others += 1;
        }
        self.lists_of_numbers += usize::from(values.iter().all(number));
    }

    fn text(&mut self, text: &str) {
        let text = text.trim();
        if MISSING.iter().any(|missing| text.eq_ignore_ascii_case(missing)) {
            self.values -= 1;
        } else if let Some(values) = json_list(text) {
            self.list(&values);
        } else if let Some(number) = plain_number(text) {
            self.number(number);
        } else if text.eq_ignore_ascii_case("true") || text.eq_ignore_ascii_case("false") {
            self.bools += 1;
        } else if to_seconds(&Value::from(text)).is_some() && text.parse::<f64>().is_err() {
            self.times += 1;
        } else {
            self.texts += 1;
            for (parted, separator) in self.parted.iter_mut().zip(SEPARATORS) {
                if text.contains(separator) {
                    parted.0 += 1;
                    let words = |piece: &str| piece.split_whitespace().count();
                    parted.1 = parted.1.max(text.split(separator).map(words).max().unwrap_or(0));
                }
            }
        }
    }

    fn kind(&self, name: &str) -> Kind {
        let name = name.to_lowercase();
        let all = |count: usize| count == self.values;
        if self.others > 0 {
            Kind::Other
        } else if self.lists > 0 {
            match () {
                () if all(self.lists_of_numbers) => Kind::Numbers,
                () if all(self.lists) => Kind::Texts(None),
                () => Kind::Other,
            }
        } else if all(self.bools) {
            Kind::Bool
        } else if all(self.numbers + self.bools) {
            let time = all(self.seconds) && TIME_NAMES.iter().any(|ending| name.ends_with(ending));
            if time { Kind::Time } else { Kind::Number }
        } else if all(self.times) {
            Kind::Time
        } else {
            let parted = |(count, words): (usize, usize)| count as f64 >= LISTS * self.values as f64 && words <= 4;
            let separator = SEPARATORS.into_iter().zip(self.parted).find(|(_, evidence)| evidence.0 > 0 && parted(*evidence));
            separator.map_or(Kind::Text, |(separator, _)| Kind::Texts(Some(separator)))
        }
    }
}

/// The number that a text is; none with zeros in front, which codes have.
fn plain_number(text: &str) -> Option<f64> {
    let digits = text.strip_prefix('-').unwrap_or(text).as_bytes();
    if matches!(digits, [b'0', b'0'..=b'9', ..]) {
        return None;
    }
    text.parse().ok().filter(|number: &f64| number.is_finite())
}

fn json_list(text: &str) -> Option<Vec<Value>> {
    if !text.starts_with('[') {
        return None;
    }
    let row = Row::from_json(&format!("{{\"list\":{text}}}")).ok()?;
    row.get("list")?.as_list().map(<[Value]>::to_vec)
}

impl Kinds {
    /// Looks at all rows. Where a spec reads a field as something, it is that.
    #[must_use]
    pub fn of<'a>(rows: impl IntoIterator<Item = &'a Row>, spec: Option<&FeatureSpec>) -> Self {
        let mut order: Vec<String> = Vec::new();
        let mut evidence: HashMap<String, Evidence> = HashMap::new();
        for (name, value) in rows.into_iter().flat_map(Row::iter) {
            match evidence.get_mut(name) {
                Some(known) => known.add(value),
                None => {
                    order.push(name.to_owned());
                    evidence.entry(name.to_owned()).or_default().add(value);
                }
            }
        }
        let kind = |name: &str| {
            let said = spec.and_then(|spec| spec.field_type(name)).map(|kind| match kind {
                FieldType::Bool => Kind::Bool,
                FieldType::Int | FieldType::Float => Kind::Number,
                FieldType::Time => Kind::Time,
                FieldType::TextList => Kind::Texts(evidence.get(name).and_then(|seen| seen.separator())),
                FieldType::FloatList | FieldType::IntList => Kind::Numbers,
                _ => Kind::Text,
            });
            said.unwrap_or_else(|| evidence.get(name).map_or(Kind::Other, |seen| seen.kind(name)))
        };
        Self(order.iter().filter(|name| *name != "id").map(|name| (name.clone(), kind(name))).collect())
    }

    /// Fields and what they hold, but for `id`.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Kind)> {
        self.0.iter().map(|(name, kind)| (name.as_str(), *kind))
    }

    /// The row with its values as what the fields hold. A value that does not fit is left out, as one that says that it is missing.
    #[must_use]
    pub fn typed(&self, row: Row) -> Row {
        let mut typed = Row::with_capacity(row.len());
        for (name, value) in row.into_fields() {
            match self.0.iter().find(|(known, _)| **known == *name).map(|(_, kind)| *kind) {
                None => typed.push(name, value),
                Some(kind) => {
                    if let Some(value) = kind.read(value) {
                        typed.push(name, value);
                    }
                }
            }
        }
        typed
    }
}

impl Evidence {
    /// What most of the cells that are parted are parted by.
    fn separator(&self) -> Option<char> {
        let parted = SEPARATORS.into_iter().zip(self.parted).filter(|(_, (count, _))| *count > 0);
        parted.max_by_key(|(_, (count, _))| *count).map(|(separator, _)| separator)
    }
}

impl Kind {
    /// As a person calls it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Bool => "true or false",
            Self::Number => "numbers",
            Self::Time => "times",
            Self::Text => "text",
            Self::Texts(_) => "lists of text",
            Self::Numbers => "lists of numbers",
            Self::Other => "objects",
        }
    }

    fn read(self, value: Value) -> Option<Value> {
        match (self, value) {
            (_, Value::Null) => None,
            (Self::Time, value) => to_seconds(&value).map(Value::from),
            (Self::Number | Self::Bool, Value::Text(text)) => cell(text.trim()),
            (Self::Number | Self::Bool, value) => {
                (value.as_f64().is_some_and(f64::is_finite) || matches!(value, Value::Bool(_))).then_some(value)
            }
            (Self::Text, Value::Text(text)) => (!text.trim().is_empty()).then_some(Value::Text(text)),
            (Self::Text, Value::Float(number)) => Some(Value::from(number.to_string())),
            (Self::Text, Value::Bool(flag)) => Some(Value::from(flag.to_string())),
            (Self::Texts(separator), Value::Text(text)) => {
                let text = text.trim();
                if text.is_empty() {
                    return None;
                }
                let pieces = || text.split(separator.unwrap_or('|')).map(str::trim).filter(|piece| !piece.is_empty());
                json_list(text).map(Self::texts).or_else(|| Some(Value::List(pieces().map(Value::from).collect())))
            }
            (Self::Texts(_), Value::List(values)) => Some(Self::texts(values)),
            // A cell of one category that looks like a number.
            (Self::Texts(_), value @ (Value::Int(_) | Value::Uint(_) | Value::Float(_) | Value::Bool(_))) => Some(Self::texts(vec![value])),
            (Self::Numbers, Value::Text(text)) => json_list(text.trim()).map(Value::List),
            (_, value) => Some(value),
        }
    }

    /// The categories of a list; numbers with a fraction and truth values as text.
    fn texts(values: Vec<Value>) -> Value {
        let text = |value| match value {
            Value::Float(number) => Value::from(number.to_string()),
            Value::Bool(flag) => Value::from(flag.to_string()),
            other => other,
        };
        Value::List(values.into_iter().filter(|value| !value.is_null()).map(text).collect())
    }
}

/// A number or a truth value from a cell: whole numbers stay exact.
fn cell(text: &str) -> Option<Value> {
    if let Ok(whole) = text.parse::<i64>() {
        return Some(whole.into());
    }
    match text.to_ascii_lowercase().as_str() {
        "true" => Some(true.into()),
        "false" => Some(false.into()),
        _ => text.parse().ok().filter(|number: &f64| number.is_finite()).map(Value::from),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use torre_features::row;

    fn kind(name: &str, cells: &[&str]) -> Kind {
        let rows: Vec<Row> = cells.iter().map(|cell| Row::new().with(name, *cell)).collect();
        Kinds::of(&rows, None).iter().next().map_or(Kind::Other, |(_, kind)| kind)
    }

    #[test]
    fn cells_tell_what_a_column_holds() {
        for (name, cells, expected) in [
            ("price", &["1", "2.5", "-3e2", "NaN", ""][..], Kind::Number),
            ("zip", &["02139", "85711"], Kind::Text),
            ("new", &["true", "False", ""], Kind::Bool),
            ("released", &["01-Jan-1995", "1995-02-03"], Kind::Time),
            ("seen_at", &["881250949", "891717742"], Kind::Time),
            ("income", &["881250949", "891717742"], Kind::Number),
            ("genres", &["Action|Comedy", "Drama", "Sci-Fi|Film noir"], Kind::Texts(Some('|'))),
            ("tags", &["[\"a\", \"b\"]", "[]"], Kind::Texts(None)),
            ("emb", &["[1, 2.5]", "[0, 1]"], Kind::Numbers),
            ("title", &["One; two three four five six", "Seven"], Kind::Text),
            ("mixed", &["1", "x"], Kind::Text),
        ] {
            assert_eq!(kind(name, cells), expected, "{name}");
        }
    }

    #[test]
    fn a_number_among_lists_of_categories_is_a_category() {
        let rows = [row! { "tags" => "a|b" }, row! { "tags" => 7 }, row! { "tags" => 0.5 }];
        let kinds = Kinds::of(&rows, None);
        let read: Vec<Row> = rows.into_iter().map(|row| kinds.typed(row)).collect();
        assert_eq!(read, [row! { "tags" => vec!["a", "b"] }, row! { "tags" => vec![7] }, row! { "tags" => vec!["0.5"] }]);
    }

    #[test]
    fn rows_are_read_as_what_their_fields_hold() {
        let rows = [
            row! { "id" => "7", "price" => "1,5", "n" => "3", "at" => "1970-01-02", "tags" => "a|b c", "new" => "true", "o" => row! { "x" => 1 } },
            row! { "id" => "8", "price" => "x", "n" => "n/a", "at" => "", "tags" => "d", "new" => "false" },
        ];
        let kinds = Kinds::of(&rows, None);
        let typed = kinds.typed(rows[0].clone());
        assert_eq!(typed.get("n"), Some(&Value::Int(3)));
        assert_eq!((typed.get("at"), typed.get("new")), (Some(&Value::Int(86_400)), Some(&Value::Bool(true))));
        assert_eq!(typed.get("tags"), Some(&Value::List(vec!["a".into(), "b c".into()])));
        assert_eq!(typed.get("id"), Some(&Value::from("7")));
        let second = kinds.typed(rows[1].clone());
        assert_eq!((second.get("n"), second.get("at"), second.get("price")), (None, None, Some(&Value::from("x"))));
    }
}
