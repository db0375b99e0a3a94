//! The canonical text of formulas and conditions.

use std::fmt::{Display, Formatter, Result};

use super::error::RuleProblem;
use super::tree::{Condition, Formula, MAX_TEXT_BYTES, Membership, Number, Truth};
use crate::filter::{Quantifier, UNITS, print_param};

impl Display for Formula {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        self.0.fmt(f)
    }
}

impl Display for Condition {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        self.0.fmt(f)
    }
}

impl Display for Number {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Literal(literal) => literal.fmt(f),
            Self::Span(seconds) => span(f, *seconds),
            Self::Field(name) => name.fmt(f),
            Self::User(name) => write!(f, "user.{name}"),
            Self::Value(name) => write!(f, "value.{name}"),
            Self::Score => f.write_str("score"),
            Self::RankScore => f.write_str("rank_score"),
            Self::Param(name) => print_param(f, &name.text),
            Self::Now => f.write_str("now()"),
            Self::Negative(inner) => match **inner {
                // One level in the text for each in the tree: what was read, is read again.
                Self::Binary(..) => write!(f, "-({inner})"),
                _ => write!(f, "-{inner}"),
            },
            Self::Binary(operator, sides, _) => {
                let [left, right] = &**sides;
                // Sums and products go from left to right, so that a right side of the same rank needs its parentheses.
                let side = |f: &mut Formatter<'_>, side: &Self, least: u8| match side {
                    Self::Binary(inner, ..) if inner.rank() < least => write!(f, "({side})"),
                    _ => side.fmt(f),
                };
                side(f, left, operator.rank())?;
                write!(f, " {} ", operator.symbol())?;
                side(f, right, operator.rank() + 1)
            }
            Self::Call(function, arguments, _) => {
                write!(f, "{}(", function.name())?;
                for (at, argument) in arguments.iter().enumerate() {
                    write!(f, "{}{argument}", if at > 0 { ", " } else { "" })?;
                }
                f.write_str(")")
            }
            Self::If(condition, branches) => write!(f, "if({condition}, {}, {})", branches[0], branches[1]),
        }
    }
}

/// In the longest unit of which it is a multiple.
fn span(f: &mut Formatter<'_>, seconds: i64) -> Result {
    let whole = UNITS.iter().find(|(_, unit)| seconds != 0 && seconds.unsigned_abs().is_multiple_of(*unit));
    match whole {
        Some((letter, unit)) => write!(f, "{}{letter}", seconds.unsigned_abs() / unit),
        None => f.write_str("0s"),
    }
}

impl Display for Truth {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let joined = |f: &mut Formatter<'_>, parts: &[Self], word: &str| {
            for (at, part) in parts.iter().enumerate() {
                f.write_str(if at > 0 { word } else { "" })?;
                match part {
                    Self::And(_) | Self::Or(_) => write!(f, "({part})")?,
                    part => part.fmt(f)?,
                }
            }
            Ok(())
        };
        match self {
            Self::And(parts) => joined(f, parts, " AND "),
            Self::Or(parts) => joined(f, parts, " OR "),
            Self::Not(inner) => match **inner {
                Self::And(_) | Self::Or(_) => write!(f, "NOT ({inner})"),
                _ => write!(f, "NOT {inner}"),
            },
            Self::Item(test) => test.fmt(f),
            Self::User(test) => write!(f, "user.{test}"),
            Self::Among(item, membership, user) => {
                let word = match membership {
                    Membership::In => "IN",
                    Membership::Has(Quantifier::Any) => "HAS ANY",
                    Membership::Has(Quantifier::All) => "HAS ALL",
                    Membership::Has(Quantifier::None) => "HAS NONE",
                };
                write!(f, "{item} {word} user.{user}")
            }
            Self::Compare(comparison, sides) => write!(f, "{} {} {}", sides[0], comparison.symbol(), sides[1]),
        }
    }
}

/// Refuses a node whose canonical text is longer than what is read: it could be stored, and not be read again.
pub(super) fn check_length(text: &str, node: &impl Display) -> std::result::Result<(), RuleProblem> {
    // A number takes most: `1e15` is written with 18 characters.
    if text.len() <= MAX_TEXT_BYTES / 8 {
        return Ok(());
    }
    let bytes = node.to_string().len();
    if bytes > MAX_TEXT_BYTES { Err(RuleProblem::TooLong { bytes, limit: MAX_TEXT_BYTES }) } else { Ok(()) }
}
