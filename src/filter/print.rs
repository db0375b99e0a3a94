//! The canonical text of a filter.

use std::fmt::{Display, Formatter, Result};

use super::lexer::{UNITS, in_word, starts_word};
use super::operand::{Literal, Name, Operand, Term, ValueList};
use super::parse::{RESERVED, RESERVED_IN_RULES};
use super::tree::{Expr, Filter, MAX_DEPTH, Quantifier};

impl Display for Filter {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        self.expr.fmt(f)
    }
}

impl Display for Expr {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::And(parts) => joined(f, parts, " AND ", |part| matches!(part, Self::Or(_))),
            Self::Or(parts) => joined(f, parts, " OR ", |_| false),
            Self::Not(inner) => match &**inner {
                Self::And(_) | Self::Or(_) => write!(f, "NOT ({inner})"),
                test => test.write(f, true),
            },
            test => test.write(f, false),
        }
    }
}

impl Expr {
    /// A test, or its negation with the word where one would say it.
    fn write(&self, f: &mut Formatter<'_>, negated: bool) -> Result {
        let not = if negated { "NOT " } else { "" };
        match self {
            Self::IsNull(field) => write!(f, "{field} IS {not}NULL"),
            Self::Between { field, low, high } => write!(f, "{field} {not}BETWEEN {low} AND {high}"),
            Self::In { field, values } => write!(f, "{field} {not}IN {values}"),
            Self::StartsWith { field, prefix } => write!(f, "{field} {not}STARTS WITH {prefix}"),
            Self::IsTrue(field) => write!(f, "{not}{field}"),
            Self::Compare { field, op, value } => write!(f, "{not}{field} {} {value}", op.symbol()),
            Self::Has { field, which: Quantifier::Any, values: ValueList::Each(values) } if values.len() == 1 => {
                write!(f, "{not}{field} HAS {}", values[0])
            }
            Self::Has { field, which, values } => {
                let which = match which {
                    Quantifier::Any => "ANY",
                    Quantifier::All => "ALL",
                    Quantifier::None => "NONE",
                };
                write!(f, "{not}{field} HAS {which} {values}")
            }
            Self::Match { field, words } => write!(f, "{not}{field} MATCH {words}"),
            Self::Within { fields: [lat, lon], center: [north, east], km } => {
                write!(f, "{not}WITHIN({lat}, {lon}, {north}, {east}, {km})")
            }
            Self::InList(name) => write!(f, "{not}IN LIST {name}"),
            Self::TooDeep => write!(f, "<nested more than {MAX_DEPTH} deep>"),
            Self::And(_) | Self::Or(_) | Self::Not(_) => self.fmt(f),
        }
    }
}

fn joined(f: &mut Formatter<'_>, parts: &[Expr], word: &str, in_parentheses: fn(&Expr) -> bool) -> Result {
    for (place, part) in parts.iter().enumerate() {
        if place > 0 {
            f.write_str(word)?;
        }
        if in_parentheses(part) { write!(f, "({part})")? } else { part.fmt(f)? }
    }
    Ok(())
}

fn quoted(f: &mut Formatter<'_>, text: &str, quote: char) -> Result {
    use std::fmt::Write;
    f.write_char(quote)?;
    for c in text.chars() {
        if c == quote {
            f.write_char(quote)?;
        }
        f.write_char(c)?;
    }
    f.write_char(quote)
}

impl Display for Name {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let plain = self.text.starts_with(starts_word) && self.text.chars().all(in_word);
        let reserved = RESERVED.iter().chain(&RESERVED_IN_RULES).any(|word| self.text.eq_ignore_ascii_case(word));
        if plain && !reserved { f.write_str(&self.text) } else { quoted(f, &self.text, '"') }
    }
}

impl Display for ValueList {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let values = match self {
            Self::Param(name) => return param(f, &name.text),
            Self::Each(values) => values,
        };
        f.write_str("(")?;
        for (place, value) in values.iter().enumerate() {
            if place > 0 {
                f.write_str(", ")?;
            }
            value.fmt(f)?;
        }
        f.write_str(")")
    }
}

impl Display for Operand {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match &self.term {
            Term::Literal(literal) => literal.fmt(f),
            Term::Param(name) => param(f, name),
            Term::Now(seconds) => now(f, *seconds),
        }
    }
}

impl Display for Literal {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Bool(flag) => flag.fmt(f),
            Self::Int(number) => number.fmt(f),
            Self::Uint(number) => number.fmt(f),
            Self::Float(number) => write!(f, "{number:?}"),
            Self::Text(text) => quoted(f, text, '\''),
        }
    }
}

/// A parameter, `$name`.
pub(crate) fn param(f: &mut Formatter<'_>, name: &str) -> Result {
    f.write_str("$")?;
    if !name.is_empty() && name.chars().all(in_word) { f.write_str(name) } else { quoted(f, name, '"') }
}

/// The span is written in the longest unit of which it is a multiple.
fn now(f: &mut Formatter<'_>, seconds: i64) -> Result {
    f.write_str("now()")?;
    let span = seconds.unsigned_abs();
    match UNITS.iter().find(|(_, unit)| span > 0 && span.is_multiple_of(*unit)) {
        Some((letter, unit)) => write!(f, " {} {}{letter}", if seconds < 0 { '-' } else { '+' }, span / unit),
        None => Ok(()),
    }
}
