//! For tests: expressions written with every parenthesis, and evaluated the plain way.

use super::testing::{Expression, NOW, Plain, Question};

/// That a number is divided by zero, or is not finite.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Undefined;

fn finite(number: f64) -> Result<Option<f64>, Undefined> {
    if number.is_finite() { Ok(Some(number)) } else { Err(Undefined) }
}

impl Expression {
    pub(super) fn text(&self) -> String {
        match self {
            Self::Leaf(text, _) => (*text).to_owned(),
            Self::Negative(inner) => format!("-({})", inner.text()),
            Self::Binary(operator, sides) => format!("({}) {operator} ({})", sides[0].text(), sides[1].text()),
            Self::Call(name, arguments) => {
                format!("{name}({})", arguments.iter().map(Self::text).collect::<Vec<_>>().join(" , "))
            }
            Self::If(condition, branches) => format!("IF({}, {}, ({}))", condition.text(), branches[0].text(), branches[1].text()),
        }
    }

    pub(super) fn of(&self, plain: &Plain) -> Result<Option<f64>, Undefined> {
        match self {
            Self::Leaf(_, value) => Ok(value(plain)),
            Self::Negative(inner) => Ok(inner.of(plain)?.map(|number| -number)),
            Self::Binary(operator, sides) => {
                let (Some(a), Some(b)) = (sides[0].of(plain)?, sides[1].of(plain)?) else { return Ok(None) };
                finite(match operator {
                    '+' => a + b,
                    '-' => a - b,
                    '*' => a * b,
                    _ => a / b,
                })
            }
            Self::Call("coalesce", arguments) => match arguments[0].of(plain)? {
                Some(first) => Ok(Some(first)),
                None => arguments[1].of(plain),
            },
            Self::Call(name, arguments) => {
                let mut numbers = Vec::new();
                for argument in arguments {
                    numbers.push(argument.of(plain)?);
                }
                let Some(x) = numbers[0] else { return Ok(None) };
                let y = match numbers.get(1) {
                    Some(None) => return Ok(None),
                    Some(Some(y)) => *y,
                    None => 0.0,
                };
                finite(match *name {
                    "abs" => x.abs(),
                    "ln1p" => x.ln_1p(),
                    "log" => x.ln(),
                    "exp" => x.exp(),
                    "sqrt" => x.sqrt(),
                    "pow" => x.powf(y),
                    "min" => x.min(y),
                    "MAX" => x.max(y),
                    // 2^-x is exp2(-x), which is not 0.5^x to the bit.
                    _ if y <= 0.0 => f64::NAN,
                    _ => (-((NOW - x).max(0.0) / y)).exp2(),
                })
            }
            Self::If(condition, branches) => {
                if condition.of(plain)? == Some(true) {
                    branches[0].of(plain)
                } else {
                    branches[1].of(plain)
                }
            }
        }
    }
}

impl Question {
    pub(super) fn text(&self) -> String {
        let joined = |parts: &[Self], word: &str| parts.iter().map(|part| format!("({})", part.text())).collect::<Vec<_>>().join(word);
        match self {
            Self::Leaf(text, _) => (*text).to_owned(),
            // A field by itself against a value is a test of filters, which compare a bool with true and false alone.
            Self::Compare(op, sides) => format!("{} + 0 {op} {}", sides[0].text(), sides[1].text()),
            Self::And(parts) => joined(parts, " and "),
            Self::Or(parts) => joined(parts, " OR "),
            Self::Not(inner) => format!("not ({})", inner.text()),
        }
    }

    pub(super) fn of(&self, plain: &Plain) -> Result<Option<bool>, Undefined> {
        let join = |parts: &[Self], decisive: bool| {
            let mut unknown = false;
            for part in parts {
                match part.of(plain)? {
                    Some(truth) if truth == decisive => return Ok(Some(decisive)),
                    known => unknown |= known.is_none(),
                }
            }
            Ok(if unknown { None } else { Some(!decisive) })
        };
        match self {
            Self::Leaf(_, truth) => Ok(truth(plain)),
            Self::Compare(op, sides) => {
                let (Some(a), Some(b)) = (sides[0].of(plain)?, sides[1].of(plain)?) else { return Ok(None) };
                Ok(Some(match *op {
                    "=" => a == b,
                    "!=" => a != b,
                    "<" => a < b,
                    "<=" => a <= b,
                    ">" => a > b,
                    _ => a >= b,
                }))
            }
            Self::And(parts) => join(parts, false),
            Self::Or(parts) => join(parts, true),
            Self::Not(inner) => Ok(inner.of(plain)?.map(|truth| !truth)),
        }
    }
}
