//! The syntax tree of rules: formulas, which are numbers, and conditions.

use super::function::Function;
use crate::filter::{Comparison, Filter, Literal, Name, Place, Quantifier};

/// Terms, calls and conditions are nested at most this deep, so that walking a tree cannot exhaust the stack.
pub(crate) const MAX_DEPTH: usize = 64;
/// The longest text that is read.
pub(crate) const MAX_TEXT_BYTES: usize = 1 << 14;

/// A number for each item, of its fields, its scores, the user and what the caller computed: `0.2*promo - 0.05*ln1p(price)`.
///
/// It is read from its text ([`Formula::parse`]), its `Display` is a text that parses to an equal formula, and in JSON it is that text. The
/// [module](super) says what it means.
#[derive(Clone, PartialEq, Debug)]
pub struct Formula(pub(crate) Number);

/// What is true, false or unknown of an item: a filter, or a comparison of formulas, joined by AND, OR and NOT.
///
/// Read, written and stored as [`Formula`] is; the [module](super) says what it means.
#[derive(Clone, PartialEq, Debug)]
pub struct Condition(pub(crate) Truth);

/// A node that is a number, or null.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Number {
    /// Not below 0.
    Literal(Literal),
    /// Seconds, written with a unit: `7d`.
    Span(i64),
    /// A field of the item.
    Field(Name),
    /// A field of the user.
    User(Name),
    /// What the caller computed for the candidate.
    Value(Name),
    /// Of the first stage.
    Score,
    /// Of the ranker.
    RankScore,
    Param(Name),
    /// Unix seconds of the query.
    Now,
    Negative(Box<Number>),
    Binary(Operator, Box<[Number; 2]>, Place),
    Call(Function, Vec<Number>, Place),
    If(Box<Truth>, Box<[Number; 2]>),
}

/// The arithmetic of two numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
}

impl Operator {
    pub(crate) fn symbol(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
        }
    }

    /// Of sums 1, of products 2: what binds more is done first.
    pub(crate) fn rank(self) -> u8 {
        match self {
            Self::Add | Self::Subtract => 1,
            Self::Multiply | Self::Divide => 2,
        }
    }
}

/// The row that a field is of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Whose {
    Item,
    User,
}

/// How a field of the item is tested against several values.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Membership {
    /// Its one value is among them.
    In,
    /// Its list has some of them.
    Has(Quantifier),
}

/// A node that is true, false or unknown. `And` and `Or` have two parts or more and none of their own kind; nothing is negated twice.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Truth {
    And(Vec<Truth>),
    Or(Vec<Truth>),
    Not(Box<Truth>),
    /// One test of the item's fields.
    Item(Filter),
    /// One test of a field of the user, under its name there.
    User(Filter),
    /// A field of the item among the values that a field of the user has.
    Among(Name, Membership, Name),
    Compare(Comparison, Box<[Number; 2]>),
}

impl Number {
    /// The item's fields that it reads, in the order in which they are written.
    pub(crate) fn fields(&self) -> Vec<&Name> {
        self.fields_of(Whose::Item)
    }

    /// The fields that it reads of one of the two rows, in the order in which they are written.
    pub(crate) fn fields_of(&self, whose: Whose) -> Vec<&Name> {
        match self {
            Self::Field(name) if whose == Whose::Item => vec![name],
            Self::User(name) if whose == Whose::User => vec![name],
            Self::Negative(inner) => inner.fields_of(whose),
            Self::Binary(_, sides, _) => sides.iter().flat_map(|side| side.fields_of(whose)).collect(),
            Self::Call(_, arguments, _) => arguments.iter().flat_map(|argument| argument.fields_of(whose)).collect(),
            Self::If(condition, branches) => {
                let mut fields = condition.fields_of(whose);
                fields.extend(branches.iter().flat_map(|branch| branch.fields_of(whose)));
                fields
            }
            Self::Field(_)
            | Self::User(_)
            | Self::Literal(_)
            | Self::Span(_)
            | Self::Value(_)
            | Self::Score
            | Self::RankScore
            | Self::Param(_)
            | Self::Now => Vec::new(),
        }
    }
}

impl Truth {
    /// The item's fields that it reads, in the order in which they are written.
    pub(crate) fn fields(&self) -> Vec<&Name> {
        self.fields_of(Whose::Item)
    }

    /// The fields that it reads of one of the two rows, in the order in which they are written.
    pub(crate) fn fields_of(&self, whose: Whose) -> Vec<&Name> {
        match self {
            Self::And(parts) | Self::Or(parts) => parts.iter().flat_map(|part| part.fields_of(whose)).collect(),
            Self::Not(inner) => inner.fields_of(whose),
            Self::Item(test) if whose == Whose::Item => test.expr.fields(),
            Self::User(test) if whose == Whose::User => test.expr.fields(),
            Self::Among(item, _, user) => vec![if whose == Whose::Item { item } else { user }],
            Self::Item(_) | Self::User(_) => Vec::new(),
            Self::Compare(_, sides) => sides.iter().flat_map(|side| side.fields_of(whose)).collect(),
        }
    }

    pub(crate) fn negated(self) -> Self {
        match self {
            Self::Not(inner) => *inner,
            other => Self::Not(Box::new(other)),
        }
    }
}

/// The two ways to join conditions.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Joint {
    And,
    Or,
}

impl Joint {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::And => "and",
            Self::Or => "or",
        }
    }

    pub(crate) fn is(self, truth: &Truth) -> bool {
        matches!((self, truth), (Self::And, Truth::And(_)) | (Self::Or, Truth::Or(_)))
    }

    /// The parts of what is joined in this way already, or the one.
    pub(crate) fn parts(self, truth: Truth) -> Vec<Truth> {
        match (self, truth) {
            (Self::And, Truth::And(parts)) | (Self::Or, Truth::Or(parts)) => parts,
            (_, other) => vec![other],
        }
    }

    pub(crate) fn of(self, parts: Vec<Truth>) -> Truth {
        match self {
            Self::And => Truth::And(parts),
            Self::Or => Truth::Or(parts),
        }
    }
}
