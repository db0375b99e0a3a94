//! A CSV cell as a value: text means what the field it is meant for says.

use super::error::Problem;
use super::kind::{CellKind, ColumnKind};
use super::taken::{Taken, whole_number};
use torre::Value;

/// A cell as it stands in the file.
#[derive(Clone, Copy)]
pub(super) struct Cell<'a> {
    pub(super) column: &'a str,
    pub(super) text: &'a str,
    pub(super) quoted: bool,
}

/// Reads one cell. An empty cell is a missing value (`None`), and so is NaN where no text can be; an empty text is written in quotes (`""`).
pub(super) fn read_cell(cell: Cell<'_>, kind: ColumnKind, taken: &mut Taken) -> Result<Option<Value>, Problem> {
    let Cell { column, text: cell, quoted } = cell;
    if cell.is_empty() && !(quoted && kind == ColumnKind::One(CellKind::Text)) {
        return Ok(None);
    }
    let bad = |expected: &'static str| Problem::Cell { column: column.to_owned(), expected, got: shorten(cell) };
    match kind {
        ColumnKind::One(kind) if kind != CellKind::Text && is_nan(cell.trim()) => {
            taken.nan += 1;
            Ok(None)
        }
        ColumnKind::One(kind) => read_one(kind, cell, taken).map(Some).map_err(bad),
        ColumnKind::List(_) if cell.trim_start().starts_with('[') => {
            let list: Vec<serde_json::Value> = serde_json::from_str(cell).map_err(|_| bad(other_list(cell)))?;
            let list: Option<Vec<Value>> = list.into_iter().map(scalar).collect();
            list.map(|values| Some(taken.fit(Some(kind), Value::List(values)))).ok_or_else(|| bad("a list of plain values"))
        }
        ColumnKind::List(kind) => {
            let values: Result<Vec<Value>, _> = cell.split(';').map(|part| read_one(kind, part.trim(), taken)).collect();
            values.map(|values| Some(Value::List(values))).map_err(bad)
        }
    }
}

/// How pandas and its kin write a missing value.
fn is_nan(text: &str) -> bool {
    ["nan", "<na>", "nat", "na", "n/a", "null", "none"].iter().any(|known| text.eq_ignore_ascii_case(known))
}

/// What is expected in place of a list that is none of JSON's.
fn other_list(cell: &str) -> &'static str {
    let inner = cell.trim().trim_start_matches('[').trim_end_matches(']').trim();
    if inner.contains("...") {
        return "all values of the list as a JSON array; numpy prints long arrays with the middle left out (use .tolist())";
    }
    if inner.contains('\'') {
        return "a list as a JSON array, which has double quotes; this is how Python prints one (use json.dumps)";
    }
    let numbers = inner.split([',', ' ', '\t', '\r', '\n']).filter(|word| !word.is_empty());
    let all_numbers = !inner.is_empty() && numbers.clone().all(|word| word.parse::<f64>().is_ok());
    match all_numbers {
        true if numbers.clone().any(|word| word.parse::<f64>().is_ok_and(|x| !x.is_finite())) => "a list of finite numbers as a JSON array",
        true => "a list as a JSON array, such as [1, 2.5]; this is how numpy prints one (use .tolist())",
        false if inner.contains("None") || inner.contains("True") || inner.contains("False") => {
            "a list as a JSON array; this is how Python prints one (use json.dumps)"
        }
        false => "a list as a JSON array",
    }
}

fn read_one(kind: CellKind, text: &str, taken: &mut Taken) -> Result<Value, &'static str> {
    let trimmed = text.trim();
    match kind {
        CellKind::Text => Ok(Value::from(text)),
        CellKind::Int => integer(trimmed).or_else(|| whole(trimmed, taken)).ok_or("an integer"),
        CellKind::Number => number(trimmed).or_else(|| bool_word(trimmed)).ok_or("a number"),
        CellKind::Bool => match trimmed {
            "1" => Ok(Value::Bool(true)),
            "0" => Ok(Value::Bool(false)),
            "1.0" | "0.0" => {
                taken.whole += 1;
                Ok(Value::Bool(trimmed == "1.0"))
            }
            word => bool_word(word).ok_or("true or false"),
        },
        CellKind::Time => Ok(number(trimmed).unwrap_or_else(|| Value::from(trimmed))),
    }
}

fn integer(text: &str) -> Option<Value> {
    text.parse::<i64>().map(Value::from).or_else(|_| text.parse::<u64>().map(Value::from)).ok()
}

/// An integer written as a float, such as `3.0` or `1e3`.
fn whole(text: &str, taken: &mut Taken) -> Option<Value> {
    let digits = text.split_once('.').filter(|(_, fraction)| fraction.bytes().all(|b| b == b'0')).map(|(digits, _)| digits);
    // By its digits where it has them all: a float would round long ones.
    let value = digits.and_then(integer).or_else(|| text.parse::<f64>().ok().and_then(whole_number).map(Value::Int))?;
    taken.whole += 1;
    Some(value)
}

/// An id written as pandas writes an integer in a column of floats, `3.0`, as the integer. Other text, `1.10` for one, is as it stands.
pub(super) fn whole_id(cell: &str, taken: &mut Taken) -> Option<i64> {
    let whole = cell.strip_suffix(".0").filter(|digits| digits.strip_prefix('-').unwrap_or(digits).bytes().all(|b| b.is_ascii_digit()));
    let whole = whole.and_then(|digits| digits.parse::<i64>().ok().filter(|number| number.to_string() == digits))?;
    taken.whole += 1;
    Some(whole)
}

/// A finite number; Rust would also take `nan` and `inf`, which are text here.
fn number(text: &str) -> Option<Value> {
    integer(text).or_else(|| text.parse::<f64>().ok().filter(|x| x.is_finite()).map(Value::from))
}

fn bool_word(text: &str) -> Option<Value> {
    if text.eq_ignore_ascii_case("true") {
        Some(Value::Bool(true))
    } else if text.eq_ignore_ascii_case("false") {
        Some(Value::Bool(false))
    } else {
        None
    }
}

/// An element of a JSON array that is no array or object itself.
fn scalar(value: serde_json::Value) -> Option<Value> {
    match value {
        serde_json::Value::Null => Some(Value::Null),
        serde_json::Value::Bool(flag) => Some(Value::Bool(flag)),
        serde_json::Value::String(text) => Some(Value::from(text)),
        serde_json::Value::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(n), _) => Some(Value::from(n)),
            (None, Some(n)) => Some(Value::from(n)),
            (None, None) => number.as_f64().map(Value::from),
        },
        serde_json::Value::Array(_) | serde_json::Value::Object(_) => None,
    }
}

/// The beginning of a cell, for an error of one readable line.
fn shorten(cell: &str) -> String {
    const LONGEST: usize = 80;
    cell.char_indices().nth(LONGEST).map_or_else(|| cell.to_owned(), |(end, _)| format!("{}…", &cell[..end]))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn one(kind: CellKind, cell: &str) -> Result<Option<Value>, String> {
        read(ColumnKind::One(kind), cell, false).map_err(|e| e.to_string())
    }

    fn read(kind: ColumnKind, text: &str, quoted: bool) -> Result<Option<Value>, Problem> {
        read_cell(Cell { column: "c", text, quoted }, kind, &mut Taken::default())
    }

    fn list(kind: CellKind, cell: &str) -> Result<Option<Value>, String> {
        read(ColumnKind::List(kind), cell, false).map_err(|e| e.to_string())
    }

    #[test]
    fn the_kind_decides_what_text_means() {
        assert_eq!(one(CellKind::Text, "007"), Ok(Some(Value::from("007"))));
        assert_eq!(one(CellKind::Int, " 007 "), Ok(Some(Value::Int(7))));
        assert_eq!(one(CellKind::Int, "18446744073709551615"), Ok(Some(Value::Uint(u64::MAX))));
        assert_eq!(one(CellKind::Number, "1e3"), Ok(Some(Value::Float(1000.0))));
        assert_eq!(one(CellKind::Number, "TRUE"), Ok(Some(Value::Bool(true))));
        assert_eq!(one(CellKind::Bool, "0"), Ok(Some(Value::Bool(false))));
        assert_eq!(one(CellKind::Time, "1700000000"), Ok(Some(Value::Int(1_700_000_000))));
        assert_eq!(one(CellKind::Time, "2026-01-01T00:00:00Z"), Ok(Some(Value::from("2026-01-01T00:00:00Z"))));
    }

    #[test]
    fn empty_is_missing_unless_it_is_a_quoted_text() {
        for kind in [CellKind::Text, CellKind::Int, CellKind::Number, CellKind::Bool, CellKind::Time] {
            assert_eq!(one(kind, ""), Ok(None));
            assert_eq!(list(kind, ""), Ok(None));
        }
        assert_eq!(read(ColumnKind::One(CellKind::Text), "", true).unwrap(), Some(Value::from("")));
        assert_eq!(read(ColumnKind::One(CellKind::Int), "", true).unwrap(), None);
    }

    #[test]
    fn lists_are_json_arrays_or_stand_between_semicolons() {
        assert_eq!(
            list(CellKind::Text, "[\"a;b\", 5, null, 1.5]"),
            Ok(Some(Value::List(vec!["a;b".into(), 5.into(), Value::Null, 1.5.into()])))
        );
        assert_eq!(list(CellKind::Text, "a; b"), Ok(Some(Value::from(["a", "b"]))));
        assert_eq!(list(CellKind::Number, "1;2.5"), Ok(Some(Value::List(vec![1.into(), 2.5.into()]))));
        assert_eq!(list(CellKind::Number, "[]"), Ok(Some(Value::List(Vec::new()))));
    }

    #[test]
    fn pandas_floats_and_missing_values_are_taken() {
        let mut taken = Taken::default();
        let mut one = |kind, text| read_cell(Cell { column: "c", text, quoted: false }, ColumnKind::One(kind), &mut taken).unwrap();
        assert_eq!(one(CellKind::Int, "3.0"), Some(Value::Int(3)));
        assert_eq!(one(CellKind::Int, "1e3"), Some(Value::Int(1000)));
        assert_eq!(one(CellKind::Int, "9007199254740993.0"), Some(Value::Int(9_007_199_254_740_993)));
        assert_eq!(one(CellKind::Bool, "1.0"), Some(Value::Bool(true)));
        for text in ["NaN", "nan", "<NA>", "NaT", "null", "None"] {
            assert_eq!(one(CellKind::Int, text), None, "{text}");
            assert_eq!(one(CellKind::Text, text), Some(Value::from(text)));
        }
        assert_eq!((taken.whole, taken.nan), (4, 6));
        let ids = ["3.0", "-3.0", "3", "1.10", "03.0", ".0", "1e3", "9223372036854775808.0"].map(|id| whole_id(id, &mut taken));
        assert_eq!(ids, [Some(3), Some(-3), None, None, None, None, None, None]);
    }

    #[test]
    fn lists_of_other_tongues_are_named() {
        for (cell, says) in [
            ("[1 2]", "numpy prints"),
            ("[1. 2. 3.]", "numpy prints"),
            ("[ 0.1 -2.5e-01\n  3.  ]", "numpy prints"),
            ("[1.]", "numpy prints"),
            ("[1. 2. ... 3.]", "left out"),
            ("['a', 'b']", "Python prints"),
            ("[1, None]", "Python prints"),
            ("[1.0, nan]", "finite numbers"),
        ] {
            let error = list(CellKind::Number, cell).unwrap_err();
            assert!(error.contains(says), "{cell}: {error}");
        }
        assert!(list(CellKind::Number, "1;NaN").is_err());
    }

    #[test]
    fn what_does_not_fit_is_named() {
        assert_eq!(one(CellKind::Int, "1.5").unwrap_err(), "column \"c\": expected an integer, got \"1.5\"");
        assert!(one(CellKind::Number, "inf").unwrap_err().contains("a number"));
        assert!(one(CellKind::Number, "1e999").unwrap_err().contains("a number"));
        assert!(one(CellKind::Bool, "yes").unwrap_err().contains("true or false"));
        assert!(list(CellKind::Number, "[1, [2]]").unwrap_err().contains("plain values"));
        assert!(list(CellKind::Number, "[1").unwrap_err().contains("JSON array"));
        assert!(list(CellKind::Number, "1;x").unwrap_err().contains("a number"));
        assert!(one(CellKind::Int, &"é".repeat(500)).unwrap_err().len() < 300);
    }
}
