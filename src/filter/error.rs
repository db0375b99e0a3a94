//! What can be wrong with a filter.

use thiserror::Error;

use crate::features::FieldType;

/// Names in an error are cut after so many characters, and so many of them are listed.
const LONGEST_NAME: usize = 80;
const MOST_NAMES: usize = 20;

/// A filter that cannot be used. It is the caller's to mend; nothing was changed.
///
/// Columns count characters from 1. A filter that was built in code, or read from JSON, has none.
#[derive(Error, Clone, PartialEq, Debug)]
#[non_exhaustive]
pub enum FilterError {
    /// The text is not in the language.
    #[error("filter, column {column}: expected {expected}, got {got}")]
    Syntax {
        /// Where.
        column: usize,
        /// What would have been right there.
        expected: String,
        /// What stands there.
        got: String,
    },
    /// The text is longer than what is read.
    #[error("filter: {bytes} bytes of text; at most {limit} are read, so give long lists as parameters")]
    TooLong {
        /// Its length.
        bytes: usize,
        /// The longest that is read.
        limit: usize,
    },
    /// Conditions are nested too deep.
    #[error("filter{}: nested more than {limit} deep", at(*.column))]
    TooDeep {
        /// Where, if it came from a text.
        column: Option<usize>,
        /// The deepest that is taken.
        limit: usize,
    },
    /// More of something than a filter may have.
    #[error("filter{}: more than {limit} {what}", at(*.column))]
    TooMany {
        /// Where, if it came from a text.
        column: Option<usize>,
        /// What is counted.
        what: &'static str,
        /// The most there may be.
        limit: usize,
    },
    /// The collection has no such field.
    #[error("filter{}: unknown field {}{}; there is: {}", at(*.column), shown(.field), hint(.nearest.as_deref()), names(.known))]
    UnknownField {
        /// Where, if it came from a text.
        column: Option<usize>,
        /// The name asked for.
        field: String,
        /// A known name that is nearly the same.
        nearest: Option<String>,
        /// The names there are.
        known: Vec<String>,
    },
    /// No value was given for a parameter.
    #[error("filter{}: no value for the parameter {}; there is: {}", at(*.column), shown(.name), names(.known))]
    MissingParameter {
        /// Where, if it came from a text.
        column: Option<usize>,
        /// The parameter.
        name: String,
        /// The parameters that have a value.
        known: Vec<String>,
    },
    /// A field is compared with a value of another type.
    #[error("filter{}: field {} is of type {kind}: expected {expected}, got {got}", at(*.column), shown(.field))]
    Type {
        /// Where, if it came from a text.
        column: Option<usize>,
        /// The field.
        field: String,
        /// What it holds.
        kind: FieldType,
        /// What would have been right.
        expected: &'static str,
        /// What came.
        got: String,
    },
    /// A test that fields of this type do not have.
    #[error("filter{}: field {} is of type {kind}, which has no {test}; it has {has}", at(*.column), shown(.field))]
    Test {
        /// Where, if it came from a text.
        column: Option<usize>,
        /// The field.
        field: String,
        /// What it holds.
        kind: FieldType,
        /// The test asked for.
        test: &'static str,
        /// The tests there are.
        has: &'static str,
    },
    /// A comparison with null, which is never true.
    #[error("filter{}: {got} where a value is expected: nothing is equal to null, ask with IS NULL", at(*.column))]
    Null {
        /// Where, if it came from a text.
        column: Option<usize>,
        /// What came.
        got: String,
    },
    /// NaN or an infinity as a number.
    #[error("filter{}: expected a finite number, got {got}", at(*.column))]
    NotFinite {
        /// Where, if it came from a text.
        column: Option<usize>,
        /// What came.
        got: String,
    },
    /// A text to match that has no words.
    #[error("filter{}: MATCH needs at least one word (letters or digits), got {got}", at(*.column))]
    NoWords {
        /// Where, if it came from a text.
        column: Option<usize>,
        /// What came.
        got: String,
    },
    /// An argument outside its range or of the wrong type.
    #[error("filter{}: {what}: expected {expected}, got {got}", at(*.column))]
    Argument {
        /// Where, if it came from a text.
        column: Option<usize>,
        /// The argument.
        what: &'static str,
        /// What would have been right.
        expected: &'static str,
        /// What came.
        got: String,
    },
    /// A tree that no text stands for: an AND or OR of nothing.
    #[error("filter: {problem}")]
    Malformed {
        /// What is wrong.
        problem: String,
    },
}

fn at(column: Option<usize>) -> String {
    column.map(|column| format!(", column {column}")).unwrap_or_default()
}

fn hint(nearest: Option<&str>) -> String {
    nearest.map(|name| format!(" (did you mean {}?)", shown(name))).unwrap_or_default()
}

fn names(known: &[String]) -> String {
    if known.is_empty() {
        return "none".to_owned();
    }
    let mut text = known.iter().take(MOST_NAMES).map(|name| cut(name)).collect::<Vec<_>>().join(", ");
    if known.len() > MOST_NAMES {
        text.push_str(&format!(" and {} more", known.len() - MOST_NAMES));
    }
    text
}

/// Control characters escaped, and cut, so that a text from outside cannot break or fill the line.
fn cut(text: &str) -> String {
    let mut out = String::new();
    for (place, c) in text.chars().enumerate() {
        if place == LONGEST_NAME {
            out.push('…');
            break;
        }
        if c.is_control() { out.extend(c.escape_default()) } else { out.push(c) }
    }
    out
}

/// A name or another piece of text in double quotes.
pub(crate) fn shown(text: &str) -> String {
    format!("\"{}\"", cut(text))
}

/// The known name that differs from `name` in at most a third of its characters, and least.
pub(crate) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<String> {
    // Longer names are not worth the time, which grows with the product of the lengths.
    const LONGEST: usize = 64;
    if name.len() > LONGEST {
        return None;
    }
    let close = known.filter(|other| other.len() <= LONGEST).map(|other| (edits(name, other), other));
    let (distance, found) = close.min_by_key(|(distance, _)| *distance)?;
    (distance <= 1 || distance * 3 <= name.chars().count()).then(|| found.to_owned())
}

/// Insertions, deletions and substitutions that lead from one text to the other, case aside (Levenshtein).
fn edits(from: &str, to: &str) -> usize {
    let lower = |text: &str| text.chars().flat_map(char::to_lowercase).collect::<Vec<_>>();
    let (from, to) = (lower(from), lower(to));
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.iter().enumerate() {
        let mut corner = i;
        row[0] = i + 1;
        for (j, b) in to.iter().enumerate() {
            let best = (corner + usize::from(a != b)).min(row[j] + 1).min(row[j + 1] + 1);
            corner = std::mem::replace(&mut row[j + 1], best);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_are_counted() {
        for (from, to, distance) in [("", "", 0), ("", "abc", 3), ("price", "pirce", 2), ("Price", "price", 0), ("kitten", "sitting", 3)] {
            assert_eq!(edits(from, to), distance, "{from} {to}");
            assert_eq!(edits(to, from), distance, "{to} {from}");
        }
    }

    #[test]
    fn a_near_name_is_found_and_a_far_one_is_not() {
        let known = ["price", "brand", "tags", "in_stock"];
        let near = |name: &str| nearest(name, known.into_iter());
        assert_eq!(near("prise").as_deref(), Some("price"));
        assert_eq!(near("tag").as_deref(), Some("tags"));
        assert_eq!(near("instock").as_deref(), Some("in_stock"));
        assert_eq!(near("colour"), None);
        assert_eq!(near(&"price".repeat(100)), None);
    }

    #[test]
    fn long_names_and_lists_are_cut() {
        let known = (0..30).map(|n| format!("f{n}")).collect();
        let error = FilterError::UnknownField { column: Some(3), field: "x\n".repeat(100), nearest: None, known };
        let text = error.to_string();
        assert!(text.len() < 400 && !text.contains('\n') && text.ends_with("f19 and 10 more"), "{text}");
    }
}
