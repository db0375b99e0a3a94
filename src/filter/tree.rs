//! The syntax tree, in a normal form: what is written in two ways has one tree.

use serde::{Deserialize, Serialize};

use super::error::FilterError;
use super::operand::{Name, Operand, ValueList};

/// Conditions are nested at most this deep, so that walking a tree cannot exhaust the stack.
pub(crate) const MAX_DEPTH: usize = 32;
/// A filter has at most so many tests of fields.
pub(crate) const MAX_TESTS: usize = 4096;
/// A filter has at most so many values, those of parameters included.
pub(crate) const MAX_VALUES: usize = 1_000_000;

/// A condition on the fields of an item, which is true, false or unknown of each.
///
/// It is written in the language ([`Filter::parse`]) or built in code ([`field`](super::field)); its `Display` is the text that parses to an
/// equal filter, and it can be stored as JSON. The [module](super) says what conditions mean.
#[derive(Clone, PartialEq, Debug)]
pub struct Filter {
    pub(crate) expr: Expr,
    /// Of the tree: 1 for a test.
    depth: usize,
}

/// The nodes. `And` and `Or` have two parts or more and none of their own kind; nothing is negated twice.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Expr {
    And(Vec<Expr>),
    Or(Vec<Expr>),
    Not(Box<Expr>),
    /// A bool field that is true.
    IsTrue(Name),
    IsNull(Name),
    Compare {
        field: Name,
        op: Comparison,
        value: Operand,
    },
    Between {
        field: Name,
        low: Operand,
        high: Operand,
    },
    In {
        field: Name,
        values: ValueList,
    },
    Has {
        field: Name,
        which: Quantifier,
        values: ValueList,
    },
    StartsWith {
        field: Name,
        prefix: Operand,
    },
    Match {
        field: Name,
        words: Operand,
    },
    /// Fields of latitude and longitude, the middle of the circle, its radius.
    Within {
        fields: [Name; 2],
        center: [Operand; 2],
        km: Operand,
    },
    /// The item's id is in a stored list.
    InList(Operand),
    /// What the operators `&`, `|` and `!` give where the tree would be too deep: they cannot fail, binding it does.
    #[serde(skip)]
    TooDeep,
}

impl Expr {
    /// The fields that it tests, in the order in which they are written.
    pub(crate) fn fields(&self) -> Vec<&Name> {
        match self {
            Self::And(parts) | Self::Or(parts) => parts.iter().flat_map(Self::fields).collect(),
            Self::Not(inner) => inner.fields(),
            Self::IsTrue(field) | Self::IsNull(field) => vec![field],
            Self::Compare { field, .. }
            | Self::Between { field, .. }
            | Self::In { field, .. }
            | Self::Has { field, .. }
            | Self::StartsWith { field, .. }
            | Self::Match { field, .. } => vec![field],
            Self::Within { fields, .. } => fields.iter().collect(),
            Self::InList(_) | Self::TooDeep => Vec::new(),
        }
    }
}

/// How a field is compared with a value.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) enum Comparison {
    #[serde(rename = "=")]
    Eq,
    #[serde(rename = "!=")]
    Ne,
    #[serde(rename = "<")]
    Lt,
    #[serde(rename = "<=")]
    Le,
    #[serde(rename = ">")]
    Gt,
    #[serde(rename = ">=")]
    Ge,
}

impl Comparison {
    pub(crate) fn symbol(self) -> &'static str {
        match self {
            Self::Eq => "=",
            Self::Ne => "!=",
            Self::Lt => "<",
            Self::Le => "<=",
            Self::Gt => ">",
            Self::Ge => ">=",
        }
    }
}

/// How many of the values a list must have.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Quantifier {
    Any,
    All,
    None,
}

/// The two ways to join conditions.
#[derive(Clone, Copy)]
pub(crate) enum Joint {
    And,
    Or,
}

impl Joint {
    fn is(self, expr: &Expr) -> bool {
        matches!((self, expr), (Self::And, Expr::And(_)) | (Self::Or, Expr::Or(_)))
    }

    fn parts(self, expr: Expr) -> Vec<Expr> {
        match (self, expr) {
            (Self::And, Expr::And(parts)) | (Self::Or, Expr::Or(parts)) => parts,
            (_, other) => vec![other],
        }
    }

    fn of(self, parts: Vec<Expr>) -> Expr {
        match self {
            Self::And => Expr::And(parts),
            Self::Or => Expr::Or(parts),
        }
    }
}

impl Filter {
    /// A filter of one test.
    pub(crate) fn test(expr: Expr) -> Self {
        Self { expr, depth: 1 }
    }

    pub(crate) fn is_too_deep(&self) -> bool {
        matches!(self.expr, Expr::TooDeep)
    }

    fn limited(expr: Expr, depth: usize) -> Self {
        if depth > MAX_DEPTH { Self::test(Expr::TooDeep) } else { Self { expr, depth } }
    }

    /// Both, or one of them: parts of the same kind come into one node.
    pub(crate) fn join(self, joint: Joint, other: Self) -> Self {
        if self.is_too_deep() || other.is_too_deep() {
            return Self::test(Expr::TooDeep);
        }
        let inner = |filter: &Self| filter.depth - usize::from(joint.is(&filter.expr));
        let depth = 1 + inner(&self).max(inner(&other));
        let mut parts = joint.parts(self.expr);
        parts.extend(joint.parts(other.expr));
        Self::limited(joint.of(parts), depth)
    }

    /// The negation; of a negation, what was negated, which three-valued logic allows.
    pub(crate) fn negate(self) -> Self {
        match self.expr {
            Expr::TooDeep => self,
            Expr::Not(inner) => Self { expr: *inner, depth: self.depth - 1 },
            expr => Self::limited(Expr::Not(Box::new(expr)), self.depth + 1),
        }
    }

    /// Brings a tree from outside into the normal form. The caller has bounded its depth.
    pub(crate) fn normal(expr: Expr) -> Result<Self, FilterError> {
        let (joint, parts) = match expr {
            Expr::And(parts) => (Joint::And, parts),
            Expr::Or(parts) => (Joint::Or, parts),
            Expr::Not(inner) => return Self::normal(*inner).map(Self::negate)?.checked(),
            test => return Self::test(test).checked(),
        };
        let mut joined: Option<Self> = None;
        for part in parts {
            let part = Self::normal(part)?;
            joined = Some(match joined {
                None => part,
                Some(before) => before.join(joint, part),
            });
        }
        joined.ok_or_else(|| FilterError::Malformed { problem: "an AND or OR of no conditions".to_owned() })?.checked()
    }

    fn checked(self) -> Result<Self, FilterError> {
        if self.is_too_deep() { Err(FilterError::TooDeep { column: None, limit: MAX_DEPTH }) } else { Ok(self) }
    }
}
