//! A column as parts of a segment's blob, and back. Everything is checked on the way in, so that nothing else need be.

use serde::{Deserialize, Serialize};
use torre_storage::codec::{self, Versioned};

use super::bits::Bits;
use super::cells::Cells;
use super::dictionary::{Codes, Dictionary};
use super::numbers::Numbers;
use super::values::Column;
use crate::features::FieldType;

/// Field, type and form of the numbers.
pub(crate) const HEAD: u16 = 0;
/// Where there is no value: a bit a row, u64 a word; absent when there is one everywhere.
pub(crate) const NULLS: u16 = 1;
/// Bounds of lists, u32 each, one more than rows; absent for a field that is no list.
pub(crate) const BOUNDS: u16 = 2;
/// Bits of bools in words of u64, numbers, or codes of texts.
pub(crate) const CELLS: u16 = 3;
/// The texts that codes stand for; absent for other types.
pub(crate) const DICTIONARY: u16 = 4;

/// Whole seconds beyond this are kept as floats.
const MOST_SECONDS: i128 = 1 << 53;

/// What stands in a column's part [`HEAD`].
#[derive(Serialize, Deserialize, Clone, PartialEq, Debug)]
struct Head {
    field: String,
    kind: FieldType,
    /// Of numbers: i32, i64, i128, f32 or f64; 0 for other types.
    form: u8,
}

impl Versioned for Head {
    const WHAT: &'static str = "the head of a column";
    const VERSION: u8 = 1;
}

/// A part's number within the column, and its bytes.
pub(crate) type Part = (u16, Vec<u8>);

impl Column {
    /// The bytes to store, by part.
    ///
    /// # Errors
    /// Those of storage's [`codec`].
    pub(crate) fn parts(&self) -> torre_storage::Result<Vec<Part>> {
        let form = if let Cells::Numbers(numbers) = &self.cells { numbers.form() } else { 0 };
        let mut parts = vec![(HEAD, codec::encode(&Head { field: self.field.clone().into(), kind: self.kind, form })?)];
        parts.extend(self.nulls.as_ref().map(|nulls| (NULLS, nulls.to_bytes())));
        parts.extend(self.lists.as_ref().map(|bounds| (BOUNDS, bounds.iter().flat_map(|bound| bound.to_le_bytes()).collect())));
        match &self.cells {
            Cells::Bools(bits) => parts.push((CELLS, bits.to_bytes())),
            Cells::Numbers(numbers) => parts.push((CELLS, numbers.to_bytes())),
            Cells::Texts { codes, dictionary } => parts.extend([(CELLS, codes.to_bytes()), (DICTIONARY, dictionary.to_bytes())]),
        }
        Ok(parts)
    }

    /// The field that a stored part [`HEAD`] is of.
    ///
    /// # Errors
    /// Those of storage's [`codec`].
    pub(crate) fn field_of(head: &[u8]) -> torre_storage::Result<String> {
        Ok(codec::decode::<Head>(head)?.field)
    }

    /// Reads what [`Column::parts`] gave, in any order, of so many rows.
    ///
    /// # Errors
    /// [`torre_storage::Error::Corrupt`] where the parts do not make such a column; a newer version by its name.
    pub(crate) fn from_parts(parts: &[Part], rows: usize) -> torre_storage::Result<Self> {
        let part = |number: u16| parts.iter().find(|(part, _)| *part == number).map(|(_, bytes)| bytes.as_slice());
        let head: Head = codec::decode(part(HEAD).unwrap_or_default())?;
        let wrong = |what: &str| torre_storage::Error::corrupt(format!("the column of the field {:?}", head.field), what);
        let nulls = match part(NULLS) {
            Some(bytes) => {
                let nulls = Bits::from_bytes(bytes, rows).filter(Bits::any);
                Some(nulls.ok_or_else(|| wrong("the rows without a value do not decode"))?)
            }
            None => None,
        };
        let lists = match (part(BOUNDS), head.kind.element()) {
            (Some(bytes), Some(_)) => Some(read_bounds(bytes, rows).ok_or_else(|| wrong("the bounds of its lists do not decode"))?),
            (None, None) => None,
            _ => return Err(wrong("it has bounds of lists and is none, or the other way round")),
        };
        let cells = lists.as_ref().map_or(Some(rows), |bounds| bounds.last().map(|&end| end as usize));
        let cells = cells.ok_or_else(|| wrong("the bounds of its lists do not decode"))?;
        let found = read_cells(&head, part(CELLS).unwrap_or_default(), part(DICTIONARY), cells);
        let column = Self {
            cells: found.ok_or_else(|| wrong("its values do not decode"))?,
            field: head.field.clone().into(),
            kind: head.kind,
            nulls,
            lists,
            order: None,
        };
        let listed = |bounds: &Vec<u32>| (0..rows).any(|at| column.is_null(at) && bounds[at] != bounds[at + 1]);
        if column.lists.as_ref().is_some_and(listed) {
            return Err(wrong("a row without a value has elements"));
        }
        // A code that stands for nothing is for rows without a value only.
        let no_texts = matches!(&column.cells, Cells::Texts { dictionary, .. } if dictionary.len() == 0);
        let no_values = if column.lists.is_some() { cells == 0 } else { (0..rows).all(|at| column.is_null(at)) };
        if no_texts && !no_values { Err(wrong("it has values, and no texts for them")) } else { Ok(column.ordered()) }
    }
}

/// Ascending bounds of so many lists, from 0 on.
fn read_bounds(bytes: &[u8], rows: usize) -> Option<Vec<u32>> {
    if bytes.len() != rows.checked_add(1)?.checked_mul(4)? {
        return None;
    }
    let bounds: Vec<u32> = bytes.as_chunks::<4>().0.iter().map(|b| u32::from_le_bytes(*b)).collect();
    (bounds.first() == Some(&0) && bounds.is_sorted()).then_some(bounds)
}

fn read_cells(head: &Head, bytes: &[u8], dictionary: Option<&[u8]>, cells: usize) -> Option<Cells> {
    let kind = head.kind.element().unwrap_or(head.kind);
    if let FieldType::Int | FieldType::Float | FieldType::Time = kind {
        let numbers = Numbers::from_bytes(head.form, bytes).filter(|numbers| numbers.len() == cells && dictionary.is_none())?;
        let fits = match (kind, &numbers) {
            (FieldType::Int, Numbers::I32(_) | Numbers::I64(_) | Numbers::I128(_)) => true,
            (FieldType::Float, Numbers::F32(_) | Numbers::F64(_)) => true,
            (FieldType::Time, Numbers::I64(all)) => all.iter().all(|seconds| i128::from(seconds).abs() <= MOST_SECONDS),
            (FieldType::Time, Numbers::I32(_) | Numbers::F64(_)) => true,
            _ => false,
        };
        return fits.then_some(Cells::Numbers(numbers));
    }
    if head.form != 0 {
        return None;
    }
    match (kind, dictionary) {
        (FieldType::Bool, None) => Bits::from_bytes(bytes, cells).map(Cells::Bools),
        (FieldType::Text, Some(dictionary)) => {
            let dictionary = Dictionary::from_bytes(dictionary)?;
            let codes = Codes::from_bytes(bytes, dictionary.len()).filter(|codes| codes.len() == cells)?;
            Some(Cells::Texts { codes, dictionary })
        }
        _ => None,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::features::Value;
    use crate::segment::column::testing::{column_of, random_values};

    #[test]
    fn a_column_comes_back_from_its_parts_and_only_from_them() {
        for kind in ["text", "int", "float", "bool", "time", "list<text>", "list<int>", "list<float>", "list<bool>", "list<time>"] {
            for rows in [0usize, 1, 63, 64, 65, 300] {
                for nulls in [false, true] {
                    let values = random_values(kind, rows, nulls, rows as u64);
                    let column = column_of(kind, &values);
                    let mut parts = column.parts().unwrap();
                    parts.reverse();
                    assert_eq!(Column::from_parts(&parts, rows).unwrap(), column, "{kind}");
                    // One more bit may fit in the last word.
                    let one_more = if kind == "bool" { rows + 64 } else { rows + 1 };
                    for wrong in [one_more, rows + 64, usize::MAX] {
                        assert!(Column::from_parts(&parts, wrong).unwrap_err().is_damage(), "{kind}");
                    }
                    for left_out in 0..parts.len() {
                        let some: Vec<Part> =
                            parts.iter().enumerate().filter(|(at, _)| *at != left_out).map(|(_, part)| part.clone()).collect();
                        match Column::from_parts(&some, rows) {
                            // All rows have a value then, which is another column.
                            Ok(other) => assert!(parts[left_out].0 == NULLS && other != column || parts[left_out].1.is_empty(), "{kind}"),
                            Err(error) => assert!(error.is_damage(), "{kind}: {error}"),
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn hostile_bytes_are_refused_or_a_column_that_can_be_read() {
        for kind in ["text", "int", "time", "bool", "list<text>", "list<float>"] {
            let rows = 9;
            let parts = column_of(kind, &random_values(kind, rows, true, 7)).parts().unwrap();
            for at in 0..parts.len() {
                for byte in 0..parts[at].1.len() {
                    for flip in [1u8, 0x80, 0xff] {
                        let mut bad = parts.clone();
                        bad[at].1[byte] ^= flip;
                        if let Ok(column) = Column::from_parts(&bad, rows) {
                            let _: Vec<Value> = (0..column.len()).map(|at| column.value(at)).collect();
                            assert_eq!(
                                column.parts().unwrap().iter().map(|(_, bytes)| bytes.len()).sum::<usize>(),
                                bad.iter().map(|(_, bytes)| bytes.len()).sum::<usize>()
                            );
                        }
                    }
                    let mut bad = parts.clone();
                    bad[at].1.truncate(byte);
                    assert!(Column::from_parts(&bad, rows).is_err(), "{kind}");
                }
            }
        }
    }

    #[test]
    fn codes_of_no_text_are_for_rows_without_a_value_only() {
        for kind in ["text", "list<text>"] {
            let with = |parts: Vec<Part>, number: u16, bytes: Vec<u8>| -> Vec<Part> {
                parts.into_iter().map(|part| if part.0 == number { (number, bytes.clone()) } else { part }).collect()
            };
            let value = if kind == "text" { Value::from("a") } else { Value::from(vec!["a"]) };
            let parts = column_of(kind, &[value]).parts().unwrap();
            let empty = Dictionary::from_sorted([].into_iter()).unwrap();
            assert!(Column::from_parts(&with(parts, DICTIONARY, empty.to_bytes()), 1).unwrap_err().is_damage(), "{kind}");
            let nothing = column_of(kind, &[Value::Null, Value::Null]);
            assert_eq!(Column::from_parts(&nothing.parts().unwrap(), 2).unwrap(), nothing);
        }
    }

    #[test]
    fn a_newer_head_is_refused_by_name() {
        let mut parts = column_of("int", &random_values("int", 3, false, 1)).parts().unwrap();
        parts[0].1[0] = 9;
        assert!(matches!(Column::from_parts(&parts, 3), Err(torre_storage::Error::NewerPart { found: 9, .. })));
    }
}
