//! Where the features of a ranker come from.

use std::collections::HashMap;
use std::fmt;

use crate::features::FieldHash;

/// A field of one of the two rows.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Operand {
    /// A field of the item's row.
    Item(String),
    /// A field of the user's row.
    User(String),
}

/// How a text becomes a number.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub enum TextCode {
    /// Its place among known texts, from 0; one that is not among them is missing.
    Vocab(TextVocab),
    /// Its bucket, hashed with the field's name as feature specs do.
    Buckets(TextBuckets),
}

/// Known texts, each with a number.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TextVocab(HashMap<String, u32>);

impl TextVocab {
    /// The texts have their places as numbers.
    pub(super) fn new(values: impl Iterator<Item = String>) -> Self {
        Self(values.zip(0..).collect())
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// True where there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn of(&self, text: &str) -> Option<u32> {
        self.0.get(text).copied()
    }
}

/// So many buckets of a field's values.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TextBuckets {
    hash: FieldHash,
    buckets: u32,
}

impl TextBuckets {
    pub(super) fn new(field: &str, buckets: u32) -> Self {
        Self { hash: FieldHash::new(field), buckets }
    }

    /// How many there are.
    #[must_use]
    pub fn buckets(&self) -> u32 {
        self.buckets
    }

    pub(super) fn of(&self, text: &str) -> u64 {
        self.hash.bucket(text, u64::from(self.buckets))
    }
}

/// A number made of several fields, such as one of the user's and one of the item's. It is missing where one of them is.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Cross {
    /// 1 where both have the same value, else 0.
    Equal([Operand; 2]),
    /// The first minus the second: numbers, or times in seconds.
    Difference([Operand; 2]),
    /// The first by the second; missing where that is 0.
    Ratio([Operand; 2]),
    /// 1 where the first is in the second, a list, else 0; where the first is a list too, the share of it that is in the second.
    InList([Operand; 2]),
    /// Kilometres between two places, on a sphere: latitude and longitude of the first, then of the second, in degrees.
    Distance([Operand; 4]),
}

/// Where the value of a feature comes from.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub enum FeatureOrigin {
    /// The score of the first stage.
    Score,
    /// A field of the item's row, a number.
    Item(String),
    /// A field of the user's row, a number.
    User(String),
    /// What the caller computes for the candidate ([`Query::rerank_values`](crate::Query::rerank_values)).
    Value(String),
    /// A text of one of the rows, as a number.
    Text(Operand, TextCode),
    /// Made of several fields.
    Cross(Cross),
}

/// One column of a ranker's input.
#[derive(Clone, PartialEq, Debug)]
pub struct RankerFeature {
    /// Its name, as training called it.
    pub name: String,
    /// Where its value comes from.
    pub from: FeatureOrigin,
}

/// What a feature takes from a field.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Reads {
    /// A number or a bool as it is.
    Number,
    /// The same, or a time as unix seconds.
    Amount,
    /// A value that is the same as another or not, or a list of such.
    Category,
}

impl Cross {
    /// Its name in a spec.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Equal(_) => "equal",
            Self::Difference(_) => "difference",
            Self::Ratio(_) => "ratio",
            Self::InList(_) => "in_list",
            Self::Distance(_) => "distance",
        }
    }

    /// What it is made of, in order.
    #[must_use]
    pub fn operands(&self) -> &[Operand] {
        match self {
            Self::Equal(of) | Self::Difference(of) | Self::Ratio(of) | Self::InList(of) => of,
            Self::Distance(of) => of,
        }
    }
}

impl FeatureOrigin {
    /// The item's fields that it reads.
    pub fn item_fields(&self) -> impl Iterator<Item = &str> {
        self.item_reads().map(|(field, _)| field)
    }

    /// The user's fields that it reads.
    pub fn user_fields(&self) -> impl Iterator<Item = &str> {
        let (plain, operands): (Option<&str>, &[Operand]) = match self {
            Self::Score | Self::Item(_) | Self::Value(_) => (None, &[]),
            Self::User(field) => (Some(field), &[]),
            Self::Text(of, _) => (None, std::slice::from_ref(of)),
            Self::Cross(cross) => (None, cross.operands()),
        };
        plain.into_iter().chain(operands.iter().filter(|operand| matches!(operand, Operand::User(_))).map(Operand::field))
    }

    /// The item's fields that it reads, with what is taken from each.
    pub(crate) fn item_reads(&self) -> impl Iterator<Item = (&str, Reads)> {
        let (plain, operands, reads): (Option<&str>, &[Operand], Reads) = match self {
            Self::Score | Self::User(_) | Self::Value(_) => (None, &[], Reads::Number),
            Self::Item(field) => (Some(field), &[], Reads::Number),
            Self::Text(of, _) => (None, std::slice::from_ref(of), Reads::Category),
            Self::Cross(cross @ (Cross::Equal(_) | Cross::InList(_))) => (None, cross.operands(), Reads::Category),
            Self::Cross(cross) => (None, cross.operands(), Reads::Amount),
        };
        let operands = operands.iter().filter(|operand| matches!(operand, Operand::Item(_))).map(Operand::field);
        plain.into_iter().chain(operands).map(move |field| (field, reads))
    }
}

impl Operand {
    /// The field's name.
    #[must_use]
    pub fn field(&self) -> &str {
        match self {
            Self::Item(field) | Self::User(field) => field,
        }
    }

    /// `item.FIELD` or `user.FIELD`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        match text.split_once('.')? {
            ("item", field) if !field.is_empty() => Some(Self::Item(field.to_owned())),
            ("user", field) if !field.is_empty() => Some(Self::User(field.to_owned())),
            _ => None,
        }
    }
}

impl fmt::Display for Operand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Item(field) => write!(f, "item.{field}"),
            Self::User(field) => write!(f, "user.{field}"),
        }
    }
}

impl fmt::Display for FeatureOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Score => f.write_str("score"),
            Self::Item(field) => write!(f, "item.{field}"),
            Self::User(field) => write!(f, "user.{field}"),
            Self::Value(name) => write!(f, "value.{name}"),
            Self::Text(of, TextCode::Vocab(values)) => write!(f, "{of} as one of {}", values.len()),
            Self::Text(of, TextCode::Buckets(buckets)) => write!(f, "{of} in {} buckets", buckets.buckets()),
            Self::Cross(cross) => {
                let of: Vec<String> = cross.operands().iter().map(Operand::to_string).collect();
                write!(f, "{}({})", cross.name(), of.join(", "))
            }
        }
    }
}
