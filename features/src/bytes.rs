//! Rows as bytes, for storage: a version, then fields one after the other. Little-endian; lengths and integers as LEB128.
//!
//! ```text
//! row     = version:u8 (1), object
//! object  = count:varint, count x (name length:varint, name, value)
//! value   = 0 null | 1 false | 2 true
//!         | 3 integer >= 0: varint | 4 integer < 0: varint of -(i + 1)
//!         | 5 float: f64 | 6 text: length:varint, UTF-8
//!         | 7 list: count:varint, values | 8 list of floats alone: count:varint, f64s
//!         | 9 object
//! ```

use super::row::{MAX_FIELDS, Row};
use super::value::{MAX_DEPTH, Value};

/// Version of this layout, the first byte.
const VERSION: u8 = 1;

const NULL: u8 = 0;
const FALSE: u8 = 1;
const TRUE: u8 = 2;
const NATURAL: u8 = 3;
const NEGATIVE: u8 = 4;
const FLOAT: u8 = 5;
const TEXT: u8 = 6;
const LIST: u8 = 7;
const FLOATS: u8 = 8;
const OBJECT: u8 = 9;

impl Row {
    /// The row as bytes. Every row that passes [`Row::check_storable`] is read back as it was.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(32 + 24 * self.len());
        out.push(VERSION);
        put_object(&mut out, self);
        out
    }

    /// Reads what [`Row::to_bytes`] wrote; `None` for anything else. Takes any bytes.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader { rest: bytes };
        if reader.byte()? != VERSION {
            return None;
        }
        let row = reader.object(MAX_DEPTH)?;
        reader.rest.is_empty().then_some(row)
    }
}

fn put_varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    put_varint(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

fn put_object(out: &mut Vec<u8>, row: &Row) {
    put_varint(out, row.len() as u64);
    for (name, value) in row.iter() {
        put_text(out, name);
        put_value(out, value);
    }
}

fn put_value(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Null => out.push(NULL),
        Value::Bool(false) => out.push(FALSE),
        Value::Bool(true) => out.push(TRUE),
        Value::Int(number) if *number < 0 => {
            out.push(NEGATIVE);
            put_varint(out, number.unsigned_abs() - 1);
        }
        Value::Int(number) => {
            out.push(NATURAL);
            put_varint(out, number.unsigned_abs());
        }
        Value::Uint(number) => {
            out.push(NATURAL);
            put_varint(out, *number);
        }
        Value::Float(number) => {
            out.push(FLOAT);
            out.extend_from_slice(&number.to_le_bytes());
        }
        Value::Text(text) => {
            out.push(TEXT);
            put_text(out, text);
        }
        Value::List(values) if !values.is_empty() && values.iter().all(|value| matches!(value, Value::Float(_))) => {
            out.push(FLOATS);
            put_varint(out, values.len() as u64);
            for number in values.iter().filter_map(Value::as_f64) {
                out.extend_from_slice(&number.to_le_bytes());
            }
        }
        Value::List(values) => {
            out.push(LIST);
            put_varint(out, values.len() as u64);
            values.iter().for_each(|value| put_value(out, value));
        }
        Value::Object(row) => {
            out.push(OBJECT);
            put_object(out, row);
        }
    }
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(count)?;
        self.rest = rest;
        Some(taken)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1).map(|byte| byte[0])
    }

    fn varint(&mut self) -> Option<u64> {
        let mut number = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let part = u64::from(byte & 0x7f);
            if shift == 63 && part > 1 {
                return None;
            }
            number |= part << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    /// A count of things that take at least `each` bytes, which must still be there: no length allocates more than the bytes that came.
    fn count(&mut self, each: usize) -> Option<usize> {
        let count = usize::try_from(self.varint()?).ok()?;
        (count.checked_mul(each)? <= self.rest.len()).then_some(count)
    }

    fn text(&mut self) -> Option<Box<str>> {
        let length = self.count(1)?;
        std::str::from_utf8(self.take(length)?).ok().map(Into::into)
    }

    fn float(&mut self) -> Option<f64> {
        self.take(8)?.try_into().ok().map(f64::from_le_bytes)
    }

    fn object(&mut self, depth: usize) -> Option<Row> {
        let depth = depth.checked_sub(1)?;
        let count = self.count(2)?;
        if count > MAX_FIELDS {
            return None;
        }
        let mut row = Row::with_capacity(count);
        for _ in 0..count {
            let name = self.text()?;
            let value = self.value(depth)?;
            row.push(name, value);
        }
        Some(row)
    }

    fn value(&mut self, depth: usize) -> Option<Value> {
        Some(match self.byte()? {
            NULL => Value::Null,
            FALSE => Value::Bool(false),
            TRUE => Value::Bool(true),
            NATURAL => Value::from(self.varint()?),
            NEGATIVE => Value::Int(-1 - i64::try_from(self.varint()?).ok()?),
            FLOAT => Value::Float(self.float()?),
            TEXT => Value::Text(self.text()?),
            LIST => {
                let depth = depth.checked_sub(1)?;
                let count = self.count(1)?;
                // A value in memory is larger than its one byte here, so a long list grows as it is read.
                let mut values = Vec::with_capacity(count.min(4096));
                for _ in 0..count {
                    values.push(self.value(depth)?);
                }
                Value::List(values)
            }
            FLOATS => {
                depth.checked_sub(1)?;
                let count = self.count(8)?;
                Value::List((0..count).map(|_| self.float().map(Value::Float)).collect::<Option<_>>()?)
            }
            OBJECT => Value::Object(self.object(depth)?),
            _ => return None,
        })
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::row;

    /// Any value that may be kept.
    pub(crate) fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<f64>().prop_filter("finite", |x| x.is_finite()).prop_map(Value::from),
            "\\PC{0,12}".prop_map(Value::from),
            prop_oneof![Just("2011-11-21T09:10:00Z"), Just("a"), Just("50")].prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 48, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::List),
                prop::collection::vec(-1e9f64..1e9, 0..6).prop_map(Value::from),
                prop::collection::vec(("[a-f]{1,2}", inner), 0..4).prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    /// Any row that may be kept.
    pub(crate) fn any_row() -> impl Strategy<Value = Row> {
        prop::collection::vec(("[a-h]{0,1}|\\PC{0,5}", any_value()), 0..8).prop_map(|fields| fields.into_iter().collect())
    }

    #[test]
    fn the_layout_is_fixed() {
        let row = row! { "a" => 300, "b" => -1, "c" => null, "d" => [1.0], "e" => "x", "f" => [true], "g" => row! {} };
        let bytes = row.to_bytes();
        let expected: Vec<u8> = [
            &[1, 7, 1, b'a', 3, 0xac, 2, 1, b'b', 4, 0, 1, b'c', 0, 1, b'd', 8, 1][..],
            &1f64.to_le_bytes(),
            &[1, b'e', 6, 1, b'x', 1, b'f', 7, 1, 2, 1, b'g', 9, 0],
        ]
        .concat();
        assert_eq!(bytes, expected);
        assert_eq!(Row::from_bytes(&bytes), Some(row));
    }

    #[test]
    fn extremes_come_back() {
        let nested = (0..MAX_DEPTH - 1).fold(Value::Int(1), |inner, _| Value::List(vec![inner]));
        let row = row! { "min" => i64::MIN, "max" => u64::MAX, "zero" => -0.0, "deep" => nested, "" => "" };
        assert!(row.check_storable(0).is_ok());
        assert_eq!(Row::from_bytes(&row.to_bytes()), Some(row));
        let beyond = row! { "deep" => (0..MAX_DEPTH).fold(Value::Int(1), |inner, _| Value::List(vec![inner])) };
        assert_eq!(Row::from_bytes(&beyond.to_bytes()), None);
    }

    /// By its bytes: there may be other ways to write a number.
    fn is_refused_or_comes_back(bytes: &[u8]) -> bool {
        Row::from_bytes(bytes).is_none_or(|read| Row::from_bytes(&read.to_bytes()).is_some_and(|again| again.to_bytes() == read.to_bytes()))
    }

    proptest! {
        #[test]
        fn every_row_comes_back(row in any_row()) {
            prop_assert!(row.check_storable(0).is_ok());
            let bytes = row.to_bytes();
            prop_assert_eq!(Row::from_bytes(&bytes), Some(row));
            for cut in 0..bytes.len() {
                prop_assert_eq!(Row::from_bytes(&bytes[..cut]), None);
            }
        }

        #[test]
        fn json_comes_back(row in any_row()) {
            prop_assert_eq!(Row::from_json(&row.to_json().to_string()), Ok(row.clone()));
            prop_assert_eq!(Row::from_json_value(row.to_json()), Ok(row));
        }

        #[test]
        fn any_bytes_are_refused_or_a_row_that_comes_back(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            prop_assert!(is_refused_or_comes_back(&bytes));
            prop_assert!(is_refused_or_comes_back(&[&[VERSION][..], &bytes].concat()));
        }

        #[test]
        fn a_changed_byte_is_refused_or_another_row_that_comes_back(row in any_row(), at: prop::sample::Index, byte: u8) {
            let mut bytes = row.to_bytes();
            let at = at.index(bytes.len());
            bytes[at] = byte;
            prop_assert!(is_refused_or_comes_back(&bytes));
        }
    }
}
