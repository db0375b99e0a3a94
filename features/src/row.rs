//! A row: names and raw values, in the order they came.

use super::error::FeatureError;
use super::value::{MAX_DEPTH, Value};

/// The raw features of one item or one user: named values, in the order they were given.
///
/// ```
/// use torre_features::row;
/// let row = row! { "title" => "Red shoe", "price" => 9.5, "genres" => ["a", "b"], "brand" => null };
/// assert_eq!(row.to_json().to_string(), r#"{"title":"Red shoe","price":9.5,"genres":["a","b"],"brand":null}"#);
/// ```
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Row {
    fields: Vec<(Box<str>, Value)>,
}

/// A row, or an object inside one, may hold this many fields.
pub(crate) const MAX_FIELDS: usize = 4096;

impl Row {
    /// A row without fields.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A row without fields that has room for some.
    #[must_use]
    pub fn with_capacity(fields: usize) -> Self {
        Self { fields: Vec::with_capacity(fields) }
    }

    /// The row with `value` under `name`; a value already there is replaced, in its place.
    #[must_use]
    pub fn with(mut self, name: impl Into<Box<str>>, value: impl Into<Value>) -> Self {
        self.insert(name, value);
        self
    }

    /// Puts `value` under `name` and hands back what was there before.
    pub fn insert(&mut self, name: impl Into<Box<str>>, value: impl Into<Value>) -> Option<Value> {
        let (name, value) = (name.into(), value.into());
        if let Some(at) = self.position(&name) {
            return Some(std::mem::replace(&mut self.fields[at].1, value));
        }
        self.fields.push((name, value));
        None
    }

    /// Appends a field whose name is known to be new.
    pub fn push(&mut self, name: Box<str>, value: Value) {
        self.fields.push((name, value));
    }

    /// The value under `name`; `None` when there is no such field.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.position(name).map(|at| &self.fields[at].1)
    }

    /// As [`Row::get`], looking first where the last row of the batch had the field: rows of a batch are mostly shaped alike.
    pub fn get_near(&self, name: &str, near: &mut usize) -> Option<&Value> {
        if let Some((here, value)) = self.fields.get(*near)
            && **here == *name
        {
            return Some(value);
        }
        let at = self.position(name)?;
        *near = at;
        Some(&self.fields[at].1)
    }

    /// Takes the field out; the order of the others stays.
    pub fn remove(&mut self, name: &str) -> Option<Value> {
        self.position(name).map(|at| self.fields.remove(at).1)
    }

    /// Whether there is a field of this name.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        self.position(name).is_some()
    }

    /// Names and values, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Value)> {
        self.fields.iter().map(|(name, value)| (&**name, value))
    }

    /// Names and values, in order, taken out of the row.
    pub fn into_fields(self) -> impl Iterator<Item = (Box<str>, Value)> {
        self.fields.into_iter()
    }

    /// The number of fields.
    #[must_use]
    pub fn len(&self) -> usize {
        self.fields.len()
    }

    /// Whether the row has no fields.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    fn position(&self, name: &str) -> Option<usize> {
        self.fields.iter().position(|(here, _)| **here == *name)
    }

    /// Refuses what could be built in Rust but not be kept: NaN, infinities, too deep a nesting, too many fields.
    pub fn check_storable(&self, row: usize) -> Result<(), FeatureError> {
        fn check(value: &Value, depth: usize) -> Result<(), (&'static str, String)> {
            let deep = || Err(("values nested at most 64 deep", "deeper ones".to_owned()));
            match value {
                Value::Float(number) if !number.is_finite() => Err(("a finite number", value.describe())),
                Value::List(_) | Value::Object(_) if depth == 0 => deep(),
                Value::List(values) => values.iter().try_for_each(|value| check(value, depth - 1)),
                Value::Object(inner) if inner.len() > MAX_FIELDS => Err(("an object of at most 4096 fields", format!("{}", inner.len()))),
                Value::Object(inner) => inner.fields.iter().try_for_each(|(_, value)| check(value, depth - 1)),
                _ => Ok(()),
            }
        }
        if self.len() > MAX_FIELDS {
            return Err(FeatureError::malformed(row, format!("{} fields; a row has at most {MAX_FIELDS}", self.len())));
        }
        self.fields.iter().try_for_each(|(name, value)| {
            check(value, MAX_DEPTH - 1).map_err(|(expected, got)| FeatureError::value(name, row, expected, got))
        })
    }
}

impl<N: Into<Box<str>>, V: Into<Value>> FromIterator<(N, V)> for Row {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(fields: I) -> Self {
        let mut row = Self::new();
        row.extend(fields);
        row
    }
}

impl<N: Into<Box<str>>, V: Into<Value>> Extend<(N, V)> for Row {
    fn extend<I: IntoIterator<Item = (N, V)>>(&mut self, fields: I) {
        for (name, value) in fields {
            self.insert(name, value);
        }
    }
}

impl IntoIterator for Row {
    type Item = (Box<str>, Value);
    type IntoIter = std::vec::IntoIter<(Box<str>, Value)>;
    fn into_iter(self) -> Self::IntoIter {
        self.fields.into_iter()
    }
}

/// Builds a [`Row`]: `row! { "title" => "Red shoe", "price" => 9.5, "genres" => ["a", "b"], "brand" => null }`.
///
/// Names are anything that becomes a `Box<str>`; values anything that becomes a [`Value`]: numbers, text, bools, options, lists of them, rows.
#[macro_export]
macro_rules! row {
    (@fields $row:ident) => {};
    (@fields $row:ident $name:expr => null $(, $($rest:tt)*)?) => {
        $row.insert($name, $crate::Value::Null);
        $crate::row!(@fields $row $($($rest)*)?);
    };
    (@fields $row:ident $name:expr => $value:expr $(, $($rest:tt)*)?) => {
        $row.insert($name, $value);
        $crate::row!(@fields $row $($($rest)*)?);
    };
    () => { $crate::Row::new() };
    ($($fields:tt)+) => {{
        let mut row = $crate::Row::new();
        $crate::row!(@fields row $($fields)+);
        row
    }};
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_keep_their_order_and_names_are_unique() {
        let mut row = row! { "b" => 1, "a" => null, "c" => vec!["x"], "b" => 2 };
        assert_eq!(row.iter().map(|(name, _)| name).collect::<Vec<_>>(), ["b", "a", "c"]);
        assert_eq!(row.get("b"), Some(&Value::Int(2)));
        assert_eq!(row.remove("a"), Some(Value::Null));
        assert_eq!(row.insert("c", 1.5), Some(Value::List(vec!["x".into()])));
        assert_eq!(row, Row::new().with("b", 2).with("c", 1.5));
        assert!(row! {}.is_empty());
    }

    #[test]
    fn fields_are_found_wherever_they_stand() {
        let mut near = 0;
        for row in [row! { "a" => 1, "b" => 2 }, row! { "b" => 2, "a" => 1 }, row! { "b" => 2 }, row! { "x" => 0, "y" => 0, "b" => 2, }] {
            assert_eq!(row.get_near("b", &mut near), Some(&Value::Int(2)));
            assert_eq!(row.get_near("none", &mut near), None);
        }
    }

    #[test]
    fn what_cannot_be_kept_is_refused() {
        let nested = |depth: usize| (0..depth).fold(Value::Int(1), |inner, _| Value::List(vec![inner]));
        assert!(row! { "f" => nested(MAX_DEPTH - 1) }.check_storable(0).is_ok());
        assert!(row! { "f" => nested(MAX_DEPTH) }.check_storable(0).is_err());
        let error = row! { "o" => row! { "x" => [f64::NAN] } }.check_storable(4).map_err(|error| error.to_string());
        assert_eq!(error, Err("feature \"o\" (row 4): expected a finite number, got the number NaN".to_owned()));
        let wide: Row = (0..=MAX_FIELDS).map(|n| (n.to_string(), n)).collect();
        assert!(wide.check_storable(0).is_err());
    }
}
