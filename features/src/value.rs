//! One raw value of a row.

use super::row::Row;

/// A raw value, as JSON has them.
///
/// An integer is kept as such: where a category is expected it counts as its decimal text, so `42` and `"42"` are the same category; a float
/// never is one. Integers from -2^63 to 2^64 - 1 are exact; a longer one in JSON is read as a float, so write such ids as text.
#[derive(Clone, PartialEq, Debug, Default)]
pub enum Value {
    /// No value: the same as a field that is not there.
    #[default]
    Null,
    /// True or false; 1 and 0 where a number is expected.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// An integer beyond `i64::MAX`. `From<u64>` and JSON use this variant for those alone.
    Uint(u64),
    /// Any other number. NaN and infinities can be built, and are refused wherever the row is used.
    Float(f64),
    /// Text.
    Text(Box<str>),
    /// A list of values.
    List(Vec<Value>),
    /// A row within the row. No operation of a feature spec takes one; a lenient collection keeps it.
    Object(Row),
}

/// Values may be nested this deep; JSON and stored bytes beyond it are refused.
pub(crate) const MAX_DEPTH: usize = 64;

impl Value {
    /// Whether this is [`Value::Null`].
    #[must_use]
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// The text, if this is one.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The number as f64 (rounded to nearest for long integers), if this is a number; a bool is none here.
    #[must_use]
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Int(number) => Some(*number as f64),
            Self::Uint(number) => Some(*number as f64),
            Self::Float(number) => Some(*number),
            _ => None,
        }
    }

    /// The elements, if this is a list.
    #[must_use]
    pub fn as_list(&self) -> Option<&[Value]> {
        match self {
            Self::List(values) => Some(values),
            _ => None,
        }
    }

    /// The text of an item id: text as it is, an integer as its decimal text; `None` for anything else.
    #[must_use]
    pub fn to_id_text(&self) -> Option<String> {
        self.as_category(&mut Digits::default()).map(str::to_owned)
    }

    /// The categorical text of a string or an integer; `digits` holds an integer's text.
    pub fn as_category<'a>(&'a self, digits: &'a mut Digits) -> Option<&'a str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Int(number) => Some(digits.write(*number < 0, number.unsigned_abs())),
            Self::Uint(number) => Some(digits.write(false, *number)),
            _ => None,
        }
    }

    /// As an error says what came: `the string "abc"`, `the number 5.0`, `a list`.
    pub fn describe(&self) -> String {
        match self {
            Self::Null => "nothing".to_owned(),
            Self::Bool(flag) => flag.to_string(),
            Self::Int(number) => format!("the number {number}"),
            Self::Uint(number) => format!("the number {number}"),
            Self::Float(number) if number.is_finite() && number.abs() >= 9_223_372_036_854_775_808.0 && number.fract() == 0.0 => {
                format!("the number {number:?} (an integer beyond 64 bits has to be given as text)")
            }
            Self::Float(number) => format!("the number {number:?}"),
            Self::Text(text) => format!("the string {}", quote(text)),
            Self::List(_) => "a list".to_owned(),
            Self::Object(_) => "an object".to_owned(),
        }
    }
}

/// The text in JSON's quotes, cut after 80 characters so that an error stays one readable line.
pub(crate) fn quote(text: &str) -> String {
    const LONGEST: usize = 80;
    match text.char_indices().nth(LONGEST) {
        None => serde_json::Value::from(text).to_string(),
        Some((end, _)) => format!("{} ({} bytes)", serde_json::Value::from(format!("{}…", &text[..end])), text.len()),
    }
}

/// Room for the decimal text of an integer, on the stack.
#[derive(Default)]
pub struct Digits([u8; 21]);

impl Digits {
    fn write(&mut self, negative: bool, mut magnitude: u64) -> &str {
        let mut start = self.0.len();
        loop {
            start -= 1;
            self.0[start] = b'0' + (magnitude % 10) as u8;
            magnitude /= 10;
            if magnitude == 0 {
                break;
            }
        }
        if negative {
            start -= 1;
            self.0[start] = b'-';
        }
        // Digits and a sign are UTF-8 always.
        std::str::from_utf8(&self.0[start..]).unwrap_or_default()
    }
}

macro_rules! from_integer {
    ($($t:ty),*) => {$(
        impl From<$t> for Value {
            fn from(number: $t) -> Self {
                Self::Int(i64::from(number))
            }
        }
    )*};
}
from_integer!(i8, i16, i32, i64, u8, u16, u32);

impl From<u64> for Value {
    fn from(number: u64) -> Self {
        i64::try_from(number).map_or(Self::Uint(number), Self::Int)
    }
}

impl From<usize> for Value {
    fn from(number: usize) -> Self {
        Self::from(number as u64)
    }
}

impl From<isize> for Value {
    fn from(number: isize) -> Self {
        Self::Int(number as i64)
    }
}

impl From<f32> for Value {
    fn from(number: f32) -> Self {
        Self::Float(f64::from(number))
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Self::Float(number)
    }
}

impl From<bool> for Value {
    fn from(flag: bool) -> Self {
        Self::Bool(flag)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text.into_boxed_str())
    }
}

impl From<&String> for Value {
    fn from(text: &String) -> Self {
        Self::Text(text.as_str().into())
    }
}

impl From<Box<str>> for Value {
    fn from(text: Box<str>) -> Self {
        Self::Text(text)
    }
}

impl From<Row> for Value {
    fn from(row: Row) -> Self {
        Self::Object(row)
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

impl<T: Into<Value>> From<Vec<T>> for Value {
    fn from(values: Vec<T>) -> Self {
        Self::List(values.into_iter().map(Into::into).collect())
    }
}

impl<T: Into<Value>, const N: usize> From<[T; N]> for Value {
    fn from(values: [T; N]) -> Self {
        Self::List(values.into_iter().map(Into::into).collect())
    }
}

impl<T: Clone + Into<Value>> From<&[T]> for Value {
    fn from(values: &[T]) -> Self {
        Self::List(values.iter().cloned().map(Into::into).collect())
    }
}

impl<T: Into<Value>> FromIterator<T> for Value {
    fn from_iter<I: IntoIterator<Item = T>>(values: I) -> Self {
        Self::List(values.into_iter().map(Into::into).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_become_their_decimal_text() {
        for (value, text) in [
            (Value::from(0), "0"),
            (Value::from(-7), "-7"),
            (Value::from(i64::MIN), "-9223372036854775808"),
            (Value::from(i64::MAX), "9223372036854775807"),
            (Value::from(u64::MAX), "18446744073709551615"),
            (Value::from("x"), "x"),
        ] {
            assert_eq!(value.as_category(&mut Digits::default()), Some(text));
        }
        for value in [Value::Null, Value::from(true), Value::from(5.0), Value::from(vec![1])] {
            assert_eq!(value.as_category(&mut Digits::default()), None);
        }
    }

    #[test]
    fn long_text_is_cut_in_errors_at_a_character() {
        let said = Value::from("é".repeat(200)).describe();
        assert_eq!(said, format!("the string \"{}…\" (400 bytes)", "é".repeat(80)));
        assert_eq!(Value::from("a\"b\n").describe(), r#"the string "a\"b\n""#);
    }
}
