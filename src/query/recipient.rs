//! One of all users that are recommended to.

use crate::features::Row;
use crate::query::source::Source;

/// Who gets recommendations of a [`RecommendAll`](crate::RecommendAll): a user's row or vector, what that user must not get, and a name by which
/// the caller knows the user again.
///
/// ```
/// use torre::{Recipient, row};
///
/// let ada = Recipient::row("ada", row! { "city" => "Amsterdam" }).exclude(["tent-1"]).exclude_list("seen:ada");
/// assert_eq!(ada.name(), "ada");
/// ```
#[derive(Clone, PartialEq, Debug)]
pub struct Recipient {
    name: String,
    pub(super) given: Given,
    pub(super) exclude: Vec<String>,
    pub(super) exclude_lists: Vec<String>,
}

/// What the query's vector is made of.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Given {
    Row(Row),
    Vector(Vec<f32>),
}

impl Recipient {
    /// A user given by raw features, for the user tower. A field `id` that nothing reads is left out.
    #[must_use]
    pub fn row(name: impl Into<String>, row: Row) -> Self {
        Self::new(name.into(), Given::Row(row))
    }

    /// A user given by a vector.
    #[must_use]
    pub fn vector(name: impl Into<String>, vector: impl Into<Vec<f32>>) -> Self {
        Self::new(name.into(), Given::Vector(vector.into()))
    }

    fn new(name: String, given: Given) -> Self {
        Self { name, given, exclude: Vec::new(), exclude_lists: Vec::new() }
    }

    /// Items that this user must not get, besides those that nobody may get. Ids that are not in the collection leave nothing out.
    #[must_use]
    pub fn exclude<I: Into<String>>(mut self, ids: impl IntoIterator<Item = I>) -> Self {
        self.exclude.extend(ids.into_iter().map(Into::into));
        self
    }

    /// Items of a [stored list](crate::Collection::list) that this user must not get. A list that there is not leaves nothing out.
    #[must_use]
    pub fn exclude_list(mut self, name: impl Into<String>) -> Self {
        self.exclude_lists.push(name.into());
        self
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn source(&self) -> Source<'_> {
        match &self.given {
            Given::Row(row) => Source::User(row),
            Given::Vector(vector) => Source::Vector(vector),
        }
    }
}
