//! The reference evaluator: one row at a time. Every other evaluator gives what this one gives.

use std::borrow::Cow;
use std::ops::RangeBounds;

use super::bound::{Bound, BoundField, Node, Test};
use crate::features::{FieldType, ID_FIELD, Row, Tokens, Value};

impl Bound {
    /// Whether the filter is true of a row; `None` where that is unknown. The item's id is the row's field `id`; stored lists are taken as
    /// empty.
    ///
    /// ```
    /// use torre::filter::{Filter, Params};
    /// use torre::{Schema, row};
    ///
    /// # fn main() -> torre::Result<()> {
    /// let mut schema = Schema::default();
    /// schema.fields.push("price:float".parse()?);
    /// let cheap = Filter::parse("price < $most")?.bind(&schema, &Params::new().with("most", 50), 0.0)?;
    /// assert_eq!(cheap.eval(&row! { "price" => 49.9 }), Some(true));
    /// assert_eq!(cheap.eval(&row! { "price" => 50 }), Some(false));
    /// assert_eq!(cheap.eval(&row! { "price" => null }), None);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn eval(&self, row: &Row) -> Option<bool> {
        self.eval_with(row, &|_, _| false)
    }

    /// As [`Bound::eval`]; `in_list` says whether the stored list of the first name holds the id that is its second argument.
    #[must_use]
    pub fn eval_with(&self, row: &Row, in_list: &dyn Fn(&str, &str) -> bool) -> Option<bool> {
        self.node(&self.root, row, in_list)
    }

    // As deep as the tree, which is bounded.
    fn node(&self, node: &Node, row: &Row, in_list: &dyn Fn(&str, &str) -> bool) -> Option<bool> {
        match node {
            Node::And(parts) => join(parts.iter().map(|part| self.node(part, row, in_list)), false),
            Node::Or(parts) => join(parts.iter().map(|part| self.node(part, row, in_list)), true),
            Node::Not(inner) => self.node(inner, row, in_list).map(|truth| !truth),
            Node::Certain(inner) => Some(self.node(inner, row, in_list) == Some(true)),
            Node::Test { field, test } => test.of(&self.fields[*field], row),
            Node::Within { lat, lon, circle } => {
                let degrees = |field: &usize| row.get(&self.fields[*field].name)?.as_f64();
                circle.contains(degrees(lat)?, degrees(lon)?)
            }
            Node::InList(list) => Some(in_list(&self.lists[*list], &text(row.get(ID_FIELD)?)?)),
        }
    }
}

/// Kleene's AND and OR: one part that is `decisive` decides; else one that is unknown leaves it so.
fn join(parts: impl Iterator<Item = Option<bool>>, decisive: bool) -> Option<bool> {
    let mut joined = Some(!decisive);
    for part in parts {
        match part {
            Some(truth) if truth == decisive => return Some(decisive),
            None => joined = None,
            Some(_) => {}
        }
    }
    joined
}

/// A value of a field, or an element of one.
enum Cell<'a> {
    Bool(bool),
    Int(i128),
    Float(f64),
    Text(Cow<'a, str>),
    List(FieldType, &'a [Value]),
}

impl<'a> Cell<'a> {
    /// The value as one of this type; `None` where it is none: that counts as null.
    fn of(kind: FieldType, value: &'a Value) -> Option<Self> {
        if let Some(element) = kind.element() {
            return value.as_list().map(|values| Self::List(element, values));
        }
        match (kind, value) {
            (FieldType::Bool, Value::Bool(flag)) => Some(Self::Bool(*flag)),
            (FieldType::Int, Value::Int(number)) => Some(Self::Int(i128::from(*number))),
            (FieldType::Int, Value::Uint(number)) => Some(Self::Int(i128::from(*number))),
            (FieldType::Float, value) => value.as_f64().filter(|number| number.is_finite()).map(Self::Float),
            (FieldType::Time, value) => value.to_unix_seconds().map(Self::Float),
            (FieldType::Text, value) => text(value).map(Self::Text),
            _ => None,
        }
    }
}

/// Text, or the decimal text of an integer, as in a category or an id.
fn text(value: &Value) -> Option<Cow<'_, str>> {
    value.as_str().map(Cow::Borrowed).or_else(|| value.to_id_text().map(Cow::Owned))
}

impl Test {
    fn of(&self, field: &BoundField, row: &Row) -> Option<bool> {
        let cell = row.get(&field.name).and_then(|value| Cell::of(field.kind, value));
        match self {
            Self::Null => Some(cell.is_none()),
            test => cell.map(|cell| test.passes(&cell)),
        }
    }

    fn passes(&self, cell: &Cell<'_>) -> bool {
        match (self, cell) {
            (Self::Known(truth), _) => *truth,
            (Self::Bool(wanted), Cell::Bool(flag)) => wanted == flag,
            (Self::Ints(range), Cell::Int(number)) => range.contains(*number),
            (Self::IntSet(set), Cell::Int(number)) => set.binary_search(number).is_ok(),
            (Self::Floats(range), Cell::Float(number)) => range.contains(*number),
            (Self::FloatSet(set), Cell::Float(number)) => set.binary_search_by(|other| other.total_cmp(&(number + 0.0))).is_ok(),
            (Self::Texts(low, high), Cell::Text(text)) => {
                let ends = (low.as_ref().map(|low| &**low), high.as_ref().map(|high| &**high));
                RangeBounds::<str>::contains(&ends, &**text)
            }
            (Self::TextSet(set), Cell::Text(text)) => set.binary_search_by(|other| (**other).cmp(&**text)).is_ok(),
            (Self::Prefix(prefix), Cell::Text(text)) => text.starts_with(&**prefix),
            (Self::Words(words), Cell::Text(text)) => has_words(text, words),
            (Self::Element(test), Cell::List(kind, values)) => {
                values.iter().filter_map(|value| Cell::of(*kind, value)).any(|cell| test.passes(&cell))
            }
            // Binding puts no test on a field of another type.
            _ => false,
        }
    }
}

/// Whether each of the words, lower-cased and ascending, is a word of the text.
pub(crate) fn has_words(text: &str, words: &[Box<str>]) -> bool {
    let mut tokens = Tokens::default();
    tokens.split(text, true, usize::MAX);
    let mut missing = vec![true; words.len()];
    for token in tokens.iter() {
        if let Ok(found) = words.binary_search_by(|word| (**word).cmp(token)) {
            missing[found] = false;
        }
    }
    !missing.contains(&true)
}
