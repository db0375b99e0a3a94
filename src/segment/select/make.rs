//! Tests with their constants, brought to the form of a column's values.

use std::ops::Bound as End;

use super::scan::{Ends, Scan};
use crate::filter::{Range, Test, has_words};
use crate::segment::column::{Cells, Codes, Column, Dictionary, Numbers};

/// So many numbers are compared with one after the other, 64 rows at a time.
const FEW: usize = 32;

/// The scan of a column by a test that is not [`Test::Null`].
pub(super) fn scan<'a>(column: &'a Column, test: &'a Test) -> Scan<'a> {
    match (&column.lists, test) {
        // What is known of a list is known of the row, not of its elements.
        (_, Test::Known(truth)) => Scan::Known(*truth),
        (Some(bounds), Test::Element(test)) => match &**test {
            Test::Known(false) | Test::Null => Scan::Known(false),
            test => Scan::Lists(bounds, Box::new(cells(&column.cells, test))),
        },
        (None, test) => cells(&column.cells, test),
        // Binding puts no test on a field of another type.
        _ => Scan::Known(false),
    }
}

pub(super) fn cells<'a>(cells: &'a Cells, test: &'a Test) -> Scan<'a> {
    match (cells, test) {
        (_, Test::Known(truth)) => Scan::Known(*truth),
        (Cells::Bools(bits), Test::Bool(wanted)) => Scan::Bools(bits, *wanted),
        (Cells::Numbers(numbers), Test::Ints(range)) => wholes(numbers, *range),
        (Cells::Numbers(Numbers::I32(all)), Test::IntSet(set)) if set.len() <= FEW => {
            // A number that the form cannot have is nobody's.
            Scan::Few(all, set.iter().filter_map(|&one| i32::try_from(one).ok()).collect())
        }
        (Cells::Numbers(numbers), Test::IntSet(set)) => Scan::Wholes(numbers, set.clone()),
        (Cells::Numbers(numbers), Test::Floats(range)) => floats(numbers, *range),
        (Cells::Numbers(numbers), Test::FloatSet(set)) => Scan::Floats(numbers, set),
        (Cells::Texts { codes, dictionary }, test) => texts(codes, dictionary, test),
        _ => Scan::Known(false),
    }
}

/// Whole numbers of a form in a range.
fn wholes(numbers: &Numbers, range: Range<i128>) -> Scan<'_> {
    macro_rules! cut {
        ($form:ident, $all:expr, $number:ty) => {{
            let (low, high) = (range.low.max(i128::from(<$number>::MIN)), range.high.min(i128::from(<$number>::MAX)));
            match (<$number>::try_from(low), <$number>::try_from(high)) {
                (Ok(low), Ok(high)) => Scan::$form($all, Ends { low, high }),
                // All of them are below the range, or above.
                _ => Scan::Known(false),
            }
        }};
    }
    match numbers {
        Numbers::I32(all) => cut!(I32, all, i32),
        Numbers::I64(all) => cut!(I64, all, i64),
        Numbers::I128(all) => Scan::I128(all, Ends { low: range.low, high: range.high }),
        // A column of whole numbers has no such form.
        Numbers::F32(_) | Numbers::F64(_) => Scan::Known(false),
    }
}

/// Numbers of any form in a range of floats; times are whole numbers where all of them are.
fn floats(numbers: &Numbers, range: Range<f64>) -> Scan<'_> {
    match numbers {
        Numbers::F64(all) => Scan::F64(all, Ends { low: range.low, high: range.high }),
        Numbers::F32(all) => {
            let (low, high) = (range.low as f32, range.high as f32);
            let low = if f64::from(low) < range.low { low.next_up() } else { low };
            let high = if f64::from(high) > range.high { high.next_down() } else { high };
            Scan::F32(all, Ends { low, high })
        }
        // Infinite ends saturate beyond every number of 64 bits.
        whole => wholes(whole, Range { low: range.low.ceil() as i128, high: range.high.floor() as i128 }),
    }
}

fn texts<'a>(codes: &'a Codes, dictionary: &'a Dictionary, test: &Test) -> Scan<'a> {
    match test {
        Test::Texts(low, high) => {
            let from = match low {
                End::Unbounded => 0,
                End::Included(low) => dictionary.count_while(|text| text < low.as_bytes()),
                End::Excluded(low) => dictionary.count_while(|text| text <= low.as_bytes()),
            };
            let to = match high {
                End::Unbounded => dictionary.len() as u32,
                End::Included(high) => dictionary.count_while(|text| text <= high.as_bytes()),
                End::Excluded(high) => dictionary.count_while(|text| text < high.as_bytes()),
            };
            interval(codes, from, to)
        }
        Test::Prefix(prefix) => {
            let prefix = prefix.as_bytes();
            let from = dictionary.count_while(|text| text < prefix);
            interval(codes, from, dictionary.count_while(|text| text < prefix || text.starts_with(prefix)))
        }
        Test::TextSet(set) => {
            let mut found: Vec<u32> = if set.len() <= dictionary.len() {
                set.iter().filter_map(|text| dictionary.find(text)).collect()
            } else {
                (0..).zip(dictionary.iter()).filter(|(_, text)| is_one_of(set, text)).map(|(code, _)| code).collect()
            };
            found.sort_unstable();
            coded(codes, dictionary, &found)
        }
        Test::Words(words) => {
            let found: Vec<u32> = (0..).zip(dictionary.iter()).filter(|(_, text)| has_words(text, words)).map(|(code, _)| code).collect();
            coded(codes, dictionary, &found)
        }
        _ => Scan::Known(false),
    }
}

/// Whether a text is in a set that ascends.
pub(super) fn is_one_of(set: &[Box<str>], text: &str) -> bool {
    set.binary_search_by(|other| (**other).cmp(text)).is_ok()
}

/// Codes from one to below another.
fn interval(codes: &Codes, from: u32, to: u32) -> Scan<'_> {
    if from < to { Scan::Codes(codes, Ends { low: from, high: to - 1 }) } else { Scan::Known(false) }
}

/// These codes, which ascend.
fn coded<'a>(codes: &'a Codes, dictionary: &Dictionary, found: &[u32]) -> Scan<'a> {
    match (found.first(), found.last()) {
        (Some(first), Some(last)) if (last - first) as usize + 1 == found.len() => interval(codes, *first, last + 1),
        (Some(_), Some(_)) => {
            let mut table = vec![0u8; dictionary.len()].into_boxed_slice();
            found.iter().for_each(|code| table[*code as usize] = 1);
            Scan::Coded(codes, table)
        }
        _ => Scan::Known(false),
    }
}
