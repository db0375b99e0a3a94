//! A filter that is ready to be evaluated: fields by number, constants of the fields' own types.
//!
//! Logic is three-valued. Every test but [`Test::Null`] is unknown where the field is null, and true or false elsewhere, so an evaluator
//! needs for each test the rows that pass and the rows that are null, and joins them as Kleene has it. A value that is not of the field's
//! type is null.

use std::ops::Bound as End;

use super::circle::Circle;
use super::range::Range;
use crate::features::FieldType;

/// A filter with its names, parameters and types resolved against a schema: what is evaluated. See [`Filter::bind`](super::Filter::bind).
#[derive(Clone, PartialEq, Debug)]
pub struct Bound {
    pub(crate) root: Node,
    /// The fields that are tested; one may be there several times.
    pub(crate) fields: Vec<BoundField>,
    /// Names of the stored lists that are asked for.
    pub(crate) lists: Vec<Box<str>>,
}

impl Bound {
    /// True where all of these are, and none of those that are `never` to be: where such a one is unknown, it does not count.
    pub(crate) fn of(all: impl IntoIterator<Item = Self>, never: impl IntoIterator<Item = Self>) -> Self {
        let mut joined = Self { root: Node::And(Vec::new()), fields: Vec::new(), lists: Vec::new() };
        let mut parts: Vec<Node> = all.into_iter().map(|bound| joined.take(bound)).collect();
        parts.extend(never.into_iter().map(|bound| Node::Not(Box::new(Node::Certain(Box::new(joined.take(bound)))))));
        joined.root = Node::And(parts);
        joined
    }

    /// The negation: unknown where the other is.
    pub(crate) fn not(bound: Self) -> Self {
        Self { root: Node::Not(Box::new(bound.root)), ..bound }
    }

    /// The condition of another one, whose fields and lists come behind those that are here.
    fn take(&mut self, other: Self) -> Node {
        let (fields, lists) = (self.fields.len(), self.lists.len());
        self.fields.extend(other.fields);
        self.lists.extend(other.lists);
        other.root.shifted(fields, lists)
    }
}

impl Node {
    /// The same of fields and lists that have moved by so many places.
    fn shifted(self, fields: usize, lists: usize) -> Self {
        let each = |parts: Vec<Self>| parts.into_iter().map(|part| part.shifted(fields, lists)).collect();
        match self {
            Self::And(parts) => Self::And(each(parts)),
            Self::Or(parts) => Self::Or(each(parts)),
            Self::Not(inner) => Self::Not(Box::new(inner.shifted(fields, lists))),
            Self::Certain(inner) => Self::Certain(Box::new(inner.shifted(fields, lists))),
            Self::Test { field, test } => Self::Test { field: field + fields, test },
            Self::Within { lat, lon, circle } => Self::Within { lat: lat + fields, lon: lon + fields, circle },
            Self::InList(list) => Self::InList(list + lists),
        }
    }
}

/// A field that a filter tests.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct BoundField {
    pub(crate) name: Box<str>,
    pub(crate) kind: FieldType,
    pub(crate) source: Source,
}

/// Where the value of a field is found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Source {
    /// The item's id, a text that is never null in a collection.
    Id,
    /// A field of the schema, by its place there.
    Schema(usize),
}

/// A condition. Fields and lists are places in those of [`Bound`].
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Node {
    And(Vec<Node>),
    Or(Vec<Node>),
    Not(Box<Node>),
    /// Whether the condition is true: false where it is unknown.
    Certain(Box<Node>),
    Test {
        field: usize,
        test: Test,
    },
    /// Both fields are numbers; unknown where one is null or [`Circle::contains`] is.
    Within {
        lat: usize,
        lon: usize,
        circle: Circle,
    },
    /// The item's id is in a stored list.
    InList(usize),
}

/// A test of one field, or of an element of it.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Test {
    /// There is no value. Never unknown.
    Null,
    /// So, wherever there is a value: of `IN ()`, of comparisons that no value of the field passes, and their like.
    Known(bool),
    /// A bool is this.
    Bool(bool),
    /// A whole number lies in the range, which is not empty.
    Ints(Range<i128>),
    /// A whole number is one of these, which ascend.
    IntSet(Box<[i128]>),
    /// A float, or a time in unix seconds, lies in the range, which is not empty.
    Floats(Range<f64>),
    /// A float or a time is one of these, which ascend; 0.0 stands for both zeros.
    FloatSet(Box<[f64]>),
    /// A text lies between the ends, by its bytes.
    Texts(End<Box<str>>, End<Box<str>>),
    /// A text is one of these, which ascend.
    TextSet(Box<[Box<str>]>),
    /// A text begins so.
    Prefix(Box<str>),
    /// Each of these, which are lower-cased, is a word of the text.
    Words(Box<[Box<str>]>),
    /// An element of a list passes. An element that is null passes nothing.
    Element(Box<Test>),
}
