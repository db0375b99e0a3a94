//! The operations of a feature spec, parsed and ready to run.

mod category;
mod layout;
mod steps;

use std::sync::Arc;

use super::bucket::FieldHash;
use super::time::{DatePart, TimePart};
use super::tokenizer::Tokenizer;
use super::vocab::Vocab;

pub(crate) use super::list::{Keep, ListRule};

pub(crate) use self::category::Category;
pub(crate) use self::layout::Layout;
pub(crate) use self::steps::{Refused, Step, Steps};

/// Fields and what is made of them: an input of its own, or a part of a `concat`.
#[derive(Clone, Debug)]
pub(crate) struct Piece {
    /// The field it reads; crosses and places may read several.
    pub fields: Box<[Box<str>]>,
    pub op: Op,
    pub list: Option<ListRule>,
    pub missing: Missing,
    /// Columns a row takes (for a list: an element).
    pub width: usize,
    /// Where the indexes lie, if it makes indexes.
    pub layout: Layout,
    /// What else is told of a list, in the order of the inputs that take it.
    pub beside: Box<[Beside]>,
}

/// What is told of a list beside its values, for an input of its own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Beside {
    /// The type of each token.
    TokenTypes,
    /// 1 where a value stands, 0 behind the last one.
    Mask,
    /// How many values there are.
    Length,
}

impl Beside {
    /// All of them, by the keys that name their inputs.
    pub(crate) const ALL: [(Self, &'static str); 3] = [(Self::TokenTypes, "token_types"), (Self::Mask, "mask"), (Self::Length, "length")];
}

/// What is made of a value.
#[derive(Clone, Debug)]
pub(crate) enum Op {
    /// The index of a category.
    Category(Category),
    /// The indexes of categories, and a weight for each.
    Bag(Category),
    /// Hash buckets of the text's n-grams.
    Text { buckets: u64, hash: FieldHash, lower: bool, grams: Grams, ngrams: Box<[usize]> },
    /// The ids of a text's tokens.
    Tokens(Arc<Tokenizer>),
    /// A hash bucket of several categories together.
    Cross { buckets: u64, hash: FieldHash },
    /// A hash bucket of the cell of the globe that a place lies in.
    GeoCell { resolution: u32, buckets: u64, hash: FieldHash },
    /// The index of a part of a date.
    Date(DatePart),
    /// The bucket of a number after some steps.
    NumberIndex(Steps),
    /// The bucket of an age after some steps.
    AgeIndex(Age),
    /// A number after some steps.
    Number(Steps),
    /// The time since an event, after some steps.
    Age(Age),
    /// Sine and cosine of the parts of a time.
    Time(Box<[TimePart]>),
    /// One column a known value.
    OneHot(Arc<Vocab>),
    /// Numbers as they are.
    Vector,
    /// The unit vector of a place on the globe.
    GeoUnit,
    /// 1 where there is no value.
    IsMissing,
    /// Stored vectors of items.
    Lookup,
}

/// The time from an event to now.
#[derive(Clone, Debug)]
pub(crate) struct Age {
    /// The field that holds now; without a value there, it is the time of the call.
    pub now: Box<str>,
    /// Seconds of the unit that the age is counted in.
    pub unit: f64,
    pub steps: Steps,
}

/// What n-grams are made of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Grams {
    /// Words, with a space between them.
    Words,
    /// The characters of each word, with a mark before and behind it.
    Characters,
}

/// What stands for a field that is absent or null.
#[derive(Clone, Debug)]
pub(crate) enum Missing {
    /// The index for missing, an empty list, or zeros.
    Null,
    /// These columns: the given value after the steps.
    Columns(Box<[f32]>),
    /// This place: the bucket of the given value.
    Place(u64),
    /// An error.
    Error,
}

impl Piece {
    /// The field it reads, or the first of them.
    pub(crate) fn field(&self) -> &str {
        self.fields.first().map_or("", |field| field)
    }

    /// Whether nothing in the place of a value is an error.
    pub(crate) fn is_strict(&self) -> bool {
        matches!(self.missing, Missing::Error)
    }

    /// One more than the largest index, for indexes: the rows an embedding table needs.
    pub(crate) fn index_size(&self) -> Option<u64> {
        let mut size = self.layout.first + self.op.places()?;
        if self.list.is_some() {
            size = size.max(self.layout.padding + 1);
        }
        if matches!(self.missing, Missing::Null) {
            size = size.max(self.layout.missing + 1);
        }
        Some(size)
    }

    /// Values that a list has at least: the special tokens around a text.
    pub(crate) fn least(&self) -> usize {
        match &self.op {
            Op::Tokens(tokenizer) => tokenizer.frame.len(),
            _ => 0,
        }
    }

    /// The field that holds now, where it counts an age.
    pub(crate) fn now(&self) -> Option<&str> {
        match &self.op {
            Op::Age(age) | Op::AgeIndex(age) => Some(&age.now),
            _ => None,
        }
    }
}

impl Op {
    /// How many indexes there are for values; `None` where the result is no index.
    pub(crate) fn places(&self) -> Option<u64> {
        match self {
            Self::Category(category) | Self::Bag(category) => Some(category.places()),
            Self::Text { buckets, .. } | Self::Cross { buckets, .. } | Self::GeoCell { buckets, .. } => Some(*buckets),
            Self::Tokens(tokenizer) => Some(tokenizer.size),
            Self::Date(part) => Some(part.places()),
            Self::NumberIndex(steps) | Self::AgeIndex(Age { steps, .. }) => Some(steps.width() as u64),
            _ => None,
        }
    }

    /// Whether the result is an index.
    pub(crate) fn is_index(&self) -> bool {
        self.places().is_some()
    }

    /// Whether it may stand in a `concat`.
    pub(crate) fn is_numeric(&self) -> bool {
        !self.is_index() && !matches!(self, Self::Lookup)
    }
}
