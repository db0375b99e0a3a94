//! A delta entry of storage: fields of rows that have other values than the rows' records say, as one commit changed them.
//!
//! Layout: `u8` version (1), then for each row, ascending: the distance of its number from the one before (from 0 for the first) and the length of
//! what follows, both varints (LEB128), then the fields as [`Row::to_bytes`] writes them; a null says that the row has no such field.

use torre_storage::codec::{self, Versioned};
use torre_storage::{Error, Result};

use crate::features::Row;

/// The layout of an entry.
struct Delta;

impl Versioned for Delta {
    const WHAT: &'static str = "a delta entry";
    const VERSION: u8 = 1;
}

/// Bytes of an entry of these rows, which ascend.
pub(crate) fn encode<'r>(rows: impl Iterator<Item = (u64, &'r Row)>) -> Vec<u8> {
    let (mut out, mut last) = (vec![Delta::VERSION], 0);
    for (row, fields) in rows {
        let bytes = fields.to_bytes();
        put_varint(&mut out, row - last);
        put_varint(&mut out, bytes.len() as u64);
        out.extend_from_slice(&bytes);
        last = row;
    }
    out
}

/// Row numbers with their changed fields, ascending.
///
/// # Errors
/// Those of storage's [`codec`].
pub(crate) fn decode(bytes: &[u8]) -> Result<Vec<(u64, Row)>> {
    let rest = codec::version::<Delta>(bytes)?;
    parse(rest).ok_or_else(|| Error::corrupt(Delta::WHAT, "it does not decode"))
}

fn parse(mut rest: &[u8]) -> Option<Vec<(u64, Row)>> {
    let mut rows: Vec<(u64, Row)> = Vec::new();
    while !rest.is_empty() {
        let distance = varint(&mut rest)?;
        let row = match rows.last() {
            Some((last, _)) if distance > 0 => last.checked_add(distance)?,
            Some(_) => return None,
            None => distance,
        };
        let length = usize::try_from(varint(&mut rest)?).ok()?;
        let (fields, behind) = rest.split_at_checked(length)?;
        rows.push((row, Row::from_bytes(fields)?));
        rest = behind;
    }
    Some(rows)
}

fn put_varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn varint(rest: &mut &[u8]) -> Option<u64> {
    let mut number = 0u64;
    for shift in (0..).step_by(7) {
        let (&byte, behind) = rest.split_first()?;
        *rest = behind;
        let bits = u64::from(byte & 0x7f);
        let shifted = bits.checked_shl(shift)?;
        if shifted >> shift != bits {
            return None;
        }
        number |= shifted;
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::row;

    fn rows() -> Vec<(u64, Row)> {
        vec![
            (0, row! { "stock" => 3 }),
            (1, row! {}),
            (300, row! { "stock" => null, "tags" => ["a", "é"] }),
            (1 << 61, row! { "price" => 0.5 }),
        ]
    }

    #[test]
    fn an_entry_comes_back_and_no_part_of_it_does() {
        for rows in [vec![], rows(), rows()[2..].to_vec()] {
            let bytes = encode(rows.iter().map(|(row, fields)| (*row, fields)));
            assert_eq!(decode(&bytes).unwrap(), rows);
            for end in 0..bytes.len() {
                // Cut between two rows it is an entry of fewer rows, which the envelope's checksum would tell.
                assert!(decode(&bytes[..end]).map_or(true, |found| found.len() < rows.len()), "{end}");
            }
        }
        assert!(decode(&encode(rows().iter().map(|(row, fields)| (*row, fields)))[..9]).unwrap_err().is_damage());
        assert!(matches!(decode(&[2]).unwrap_err(), Error::NewerPart { found: 2, known: 1, .. }));
    }

    #[test]
    fn hostile_bytes_are_refused_or_rows_that_ascend() {
        let bytes = encode(rows().iter().map(|(row, fields)| (*row, fields)));
        for at in 0..bytes.len() {
            for flip in [1, 0x40, 0x80, 0xff] {
                let mut bad = bytes.clone();
                bad[at] ^= flip;
                if let Ok(found) = decode(&bad) {
                    assert!(found.is_sorted_by(|a, b| a.0 < b.0));
                }
            }
        }
        assert!(decode(&[1, 5, 3, 1, 0]).is_err(), "longer than there is");
        assert!(decode(&[&[1], &[0xff; 10][..], &[0]].concat()).is_err(), "a number of more than 64 bits");
    }
}
