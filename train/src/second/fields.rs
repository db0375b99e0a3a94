//! What the rows of one side hold, field by field, and how often what they hold was chosen.

use std::collections::{BTreeMap, HashMap};

use torre::{Row, Value};

/// How often something was among the candidates, and how often it was chosen.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Tally {
    pub(super) shown: u64,
    pub(super) chosen: u64,
}

impl Tally {
    pub(super) fn add(&mut self, other: Self) {
        self.shown += other.shown;
        self.chosen += other.chosen;
    }
}

/// What the values of a field are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// Numbers or bools.
    Number,
    /// Texts.
    Text,
    /// Lists of texts or whole numbers.
    List,
    /// Of several kinds, or of none that a ranker reads.
    Other,
}

/// A field of the rows of one side.
#[derive(Clone, Debug)]
pub(super) struct Field {
    pub(super) kind: Kind,
    /// Rows that have a value.
    pub(super) rows: usize,
    /// Whether it is the same in all of them, and in all rows there.
    pub(super) constant: bool,
    /// Texts, or what is in the lists.
    pub(super) values: HashMap<String, Tally>,
    first: Value,
}

/// All fields, by name; the id is none of them.
pub(super) struct Fields(pub(super) BTreeMap<String, Field>);

impl Fields {
    /// Of rows, each with how often it was shown and chosen. Rows that were never shown say nothing.
    pub(super) fn of<'r>(rows: impl Iterator<Item = (&'r Row, Tally)>) -> Self {
        let mut fields: BTreeMap<String, Field> = BTreeMap::new();
        let mut count = 0;
        for (row, tally) in rows.filter(|(_, tally)| tally.shown > 0) {
            count += 1;
            for (name, value) in row.iter().filter(|(name, value)| *name != torre::ID_FIELD && !value.is_null()) {
                let kind = kind(value);
                let field = fields.entry(name.to_owned()).or_insert_with(|| Field {
                    kind,
                    rows: 0,
                    constant: true,
                    values: HashMap::new(),
                    first: value.clone(),
                });
                field.rows += 1;
                field.constant &= *value == field.first;
                if field.kind != kind {
                    field.kind = Kind::Other;
                }
                match value {
                    Value::Text(text) => field.values.entry(text.to_string()).or_default().add(tally),
                    Value::List(list) => {
                        list.iter().filter_map(Value::to_id_text).for_each(|text| field.values.entry(text).or_default().add(tally));
                    }
                    _ => {}
                }
            }
        }
        fields.values_mut().for_each(|field| field.constant &= field.rows == count);
        Self(fields)
    }

    /// Fields of a kind.
    pub(super) fn of_kind(&self, kind: Kind) -> impl Iterator<Item = (&str, &Field)> {
        self.0.iter().filter(move |(_, field)| field.kind == kind).map(|(name, field)| (name.as_str(), field))
    }

    /// A field of numbers by one of its usual names.
    pub(super) fn number(&self, names: &[&str]) -> Option<&str> {
        self.of_kind(Kind::Number).map(|(name, _)| name).find(|name| names.contains(&name.to_lowercase().as_str()))
    }
}

fn kind(value: &Value) -> Kind {
    match value {
        Value::Bool(_) | Value::Int(_) | Value::Uint(_) | Value::Float(_) => Kind::Number,
        Value::Text(_) => Kind::Text,
        Value::List(list) if list.iter().all(|value| value.to_id_text().is_some()) => Kind::List,
        _ => Kind::Other,
    }
}
