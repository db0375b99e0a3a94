//! Filters: conditions on the fields of items.
//!
//! A [`Filter`] is written in a small language or built in code; both give the same tree.
//!
//! ```
//! use torre::filter::{Filter, field};
//!
//! # fn main() -> torre::Result<()> {
//! let written = Filter::parse("price < 50 AND brand IN ('a', 'b') AND NOT tags HAS 'adult'")?;
//! let built = field("price").lt(50) & field("brand").is_in(["a", "b"]) & !field("tags").has("adult");
//! assert_eq!(written, built);
//! # Ok(())
//! # }
//! ```
//!
//! ```text
//! expr = and {OR and}   and = not {AND not}   not = {NOT} atom
//! atom = "(" expr ")" | boolfield
//!      | f (= != < <= > >=) v | f [NOT] BETWEEN v AND v | f [NOT] IN (v, ...) | f [NOT] IN $list | f IS [NOT] NULL
//!      | f [NOT] HAS v | f [NOT] HAS (ANY|ALL|NONE) (v, ...) | f [NOT] HAS (ANY|ALL|NONE) $list
//!      | f [NOT] STARTS WITH v | f [NOT] MATCH v | WITHIN(f, f, v, v, km) | IN LIST v
//! v    = 5 | -2.5e3 | 'it''s' | true | false | $param | now() [(+|-) 7d]
//! ```
//!
//! Keywords are read in any case. Text stands in single quotes; a field whose name is a keyword, or has other characters than letters, digits
//! and `_`, in double quotes. Spans of time are whole numbers of `s`, `m`, `h`, `d` or `w`.
//!
//! Logic is that of SQL: a test of a field that is null is neither true nor false but unknown, `NOT` unknown is unknown, and an item
//! qualifies if the filter is true. `docs/filters.md` explains the language with examples.

mod bind;
mod bound;
mod builder;
mod circle;
mod constant;
mod cursor;
mod error;
mod eval;
mod json;
mod lexer;
mod operand;
mod params;
mod parse;
mod print;
mod range;
mod tree;
mod typed;

#[cfg(test)]
mod bind_tests;
#[cfg(test)]
mod naive;
#[cfg(test)]
mod parse_tests;
#[cfg(test)]
mod property_tests;
#[cfg(test)]
mod testing;

pub use bound::Bound;
pub use builder::{Field, field, in_list, within};
pub use error::FilterError;
pub use operand::{Now, Operand, Param, Values, now, param};
pub use params::Params;
pub use tree::Filter;

// What the language of rules is made of.
pub(crate) use lexer::{Token, UNITS};
pub(crate) use operand::{Literal, Name, Place, Term, ValueList};
pub(crate) use parse::{Parser, integer};
pub(crate) use print::param as print_param;
pub(crate) use tree::{Comparison, Expr, Quantifier};

// What evaluators take.
pub(crate) use bound::{BoundField, Node, Source, Test};
pub(crate) use circle::{Circle, great_circle};
pub(crate) use eval::has_words;
pub(crate) use range::Range;
