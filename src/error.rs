//! What can go wrong, by who must act.

use std::path::PathBuf;

use thiserror::Error as ThisError;

use crate::features::{EncodeError, FeatureError, InvalidOption, SpecError};
use crate::filter::FilterError;
use crate::rules::RuleError;

/// Torre's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Who has to do something about an error.
///
/// ```
/// # use torre::{CollectionOptions, Database, Item, Metric, row};
/// # let database = Database::in_memory()?;
/// # let options = CollectionOptions::vectors(2, Metric::Cosine).field("title:text".parse()?)?;
/// # let films = database.create_collection("films", options)?;
/// # films.upsert(Item::new("a")?.with_row(row! { "title" => "Alpha" }).with_vector([1.0, 0.0]))?;
/// # films.upsert(Item::new("b")?.with_row(row! { "title" => "Beta" }).with_vector([0.0, 1.0]))?;
/// use torre::Responsible;
///
/// let error = films.search(&[1.0, 0.0, 0.0]).run().unwrap_err();
/// let status = match error.responsible() {
///     Responsible::Caller => 422,
///     Responsible::Operator => 503,
///     _ => 500,
/// };
/// assert_eq!(status, 422);
/// # Ok::<(), torre::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Responsible {
    /// The caller gave something that cannot be used; nothing was changed.
    Caller,
    /// Whoever made the model: its file or its feature spec has to be mended and attached again.
    ModelAuthor,
    /// Whoever looks after the machine and the files: space, permissions, another process, a device. Also where stored bytes are damaged
    /// ([`Error::is_damage`]): [`Database::verify`](crate::Database::verify) names the damage, a backup replaces the database, and
    /// [`Database::salvage`](crate::Database::salvage) saves what is left.
    Operator,
}

/// Everything that Torre's calls can answer instead of a result.
///
/// ```
/// # use torre::{CollectionOptions, Database, Item, Metric, row};
/// # let database = Database::in_memory()?;
/// # let options = CollectionOptions::vectors(2, Metric::Cosine).field("title:text".parse()?)?;
/// # let films = database.create_collection("films", options)?;
/// # films.upsert(Item::new("a")?.with_row(row! { "title" => "Alpha" }).with_vector([1.0, 0.0]))?;
/// # films.upsert(Item::new("b")?.with_row(row! { "title" => "Beta" }).with_vector([0.0, 1.0]))?;
/// use torre::Error;
///
/// let error = films.search(&[1.0, 0.0, 0.0]).run().unwrap_err();
/// assert!(matches!(error, Error::VectorLength { expected: 2, got: 3, .. }));
/// assert_eq!(error.to_string(), "vector (row 0): expected length 2, got 3");
/// # Ok::<(), torre::Error>(())
/// ```
#[derive(ThisError, Debug)]
#[non_exhaustive]
pub enum Error {
    /// An id is empty or too long.
    #[error("invalid item id: {bytes} bytes; expected 1 to {limit}")]
    InvalidId {
        /// Length of the id that came.
        bytes: usize,
        /// Longest id allowed.
        limit: usize,
    },
    /// A vector of another width than the collection's.
    #[error("vector (row {row}): expected length {expected}, got {got}")]
    VectorLength {
        /// Place in the batch, from 0.
        row: usize,
        /// The collection's width.
        expected: usize,
        /// The width that came.
        got: usize,
    },
    /// A vector holds NaN or an infinity.
    #[error("vector (row {row}): element {at} is {value}; every element must be finite")]
    VectorNotFinite {
        /// Place in the batch, from 0.
        row: usize,
        /// Place in the vector, from 0.
        at: usize,
        /// The element.
        value: f32,
    },
    /// A vector longer than what sums of squares carry, under inner product or L2.
    #[error(
        "vector (row {row}): its length is {length:.4e}, and {limit:.4e} is the most (element {at} is {value:e}); divide all vectors by one number"
    )]
    VectorTooLong {
        /// Place in the batch, from 0.
        row: usize,
        /// Place of the largest element, from 0.
        at: usize,
        /// That element.
        value: f32,
        /// The vector's length.
        length: f64,
        /// The longest that is taken.
        limit: f64,
    },
    /// What was about to be stored is not what could be read again; nothing was changed.
    #[error("{part} was not stored, because it could not be read again: {what}; nothing was changed")]
    NotStored {
        /// What was about to be stored.
        part: String,
        /// What is wrong with it.
        what: String,
    },
    /// A vector of zeros has no direction.
    #[error("vector (row {row}): all elements are 0, which has no direction under the metric cosine")]
    ZeroVector {
        /// Place in the batch, from 0.
        row: usize,
    },
    /// A row that cannot be an item, whatever the schema.
    #[error("row {row}: {problem}")]
    InvalidRow {
        /// Place in the batch, from 0.
        row: usize,
        /// What is wrong.
        problem: String,
    },
    /// An option outside its range.
    #[error("{option}: expected {expected}, got {given}")]
    InvalidOption {
        /// The option's name.
        option: &'static str,
        /// What came.
        given: String,
        /// What would have been right.
        expected: String,
    },
    /// No item has this id.
    #[error("no item has the id {id:?}")]
    UnknownItem {
        /// The id asked for.
        id: String,
    },
    /// No collection has this name.
    #[error("no collection is named {name:?}; there is: {}", .known.join(", "))]
    UnknownCollection {
        /// The name asked for.
        name: String,
        /// The names there are.
        known: Vec<String>,
    },
    /// A collection of this name exists already.
    #[error("a collection named {name:?} exists already")]
    CollectionExists {
        /// The name.
        name: String,
    },
    /// The collection was dropped while this handle to it was held.
    #[error("the collection {name:?} was dropped")]
    CollectionDropped {
        /// The name that it had.
        name: String,
    },
    /// No ranker of the collection has this name.
    #[error("the collection has no ranker {name:?}{}", there_is(.known))]
    UnknownRanker {
        /// The name asked for.
        name: String,
        /// The names there are.
        known: Vec<String>,
    },
    /// A ranker reads a field that no item of the collection can have.
    #[error(
        "the ranker's feature {feature:?} reads item.{field}, and the items of {collection:?} have no such field; add it to the collection"
    )]
    UnknownFeature {
        /// The feature.
        feature: String,
        /// The field that it reads.
        field: String,
        /// The collection.
        collection: String,
    },
    /// A call that this collection, or this build of Torre, cannot serve.
    #[error("{what}")]
    Unsupported {
        /// What is not supported, and what to do instead.
        what: String,
    },
    /// More rows, or longer ids, than can be together: in one call that writes, or in the index of a collection.
    #[error(
        "{rows} rows with {id_bytes} bytes of ids are more than can be together ({most} rows, {most} bytes of ids); write them in smaller batches, or spread them over several collections",
        most = u32::MAX
    )]
    TooManyRows {
        /// Rows up to the first that did not fit.
        rows: u64,
        /// Bytes of their ids.
        id_bytes: u64,
    },
    /// A filter tests a field that is not indexed.
    #[error("a filter tests the field {field:?}, which is not indexed (indexed: {}); index it with add_index({field:?}) or `torre index DB {field}`", if .indexed.is_empty() { "none".to_owned() } else { .indexed.join(", ") })]
    NotIndexed {
        /// The field.
        field: String,
        /// The fields that are indexed.
        indexed: Vec<String>,
    },
    /// More values, or longer texts, than the index of one field can hold: in one call that writes, or in a collection.
    #[error("the index of the field {field:?} would have {size} {what}, and {most} is the most; write smaller batches, or drop the index", most = u32::MAX)]
    IndexTooLarge {
        /// The field.
        field: String,
        /// How many there would be.
        size: u64,
        /// What is counted.
        what: &'static str,
    },
    /// The work was asked to stop, and did.
    #[error("interrupted; everything acknowledged so far is kept")]
    Interrupted,
    /// A row that the feature spec or the schema cannot take.
    #[error(transparent)]
    Feature(#[from] FeatureError),
    /// A row could not be encoded, for want of what its feature spec looks up.
    #[error(transparent)]
    Encode(EncodeError),
    /// A filter that is not in the language, or does not fit the collection.
    #[error(transparent)]
    Filter(#[from] FilterError),
    /// A rule that is not in the language, does not fit the collection, or gives no number for some item.
    #[error(transparent)]
    Rule(#[from] RuleError),
    /// No policy of the collection has this name.
    #[error("the collection has no policy {name:?}{}", there_is(.known))]
    UnknownPolicy {
        /// The name asked for.
        name: String,
        /// The names there are.
        known: Vec<String>,
    },
    /// A tower's model file was refused, or gave no vector.
    #[error(transparent)]
    Model(#[from] crate::model_error::ModelError),
    /// A feature spec that cannot be used.
    #[error(transparent)]
    Spec(#[from] SpecError),
    /// Stored bytes do not mean what they must: they are damaged, or were written by something else.
    #[error("damaged database: {part}: {what}")]
    Damaged {
        /// The damaged part.
        part: String,
        /// What is wrong with it.
        what: String,
    },
    /// A file of a dump is not what a dump has there.
    #[error("{path}: {what}", path = .path.display())]
    InvalidDump {
        /// The file.
        path: PathBuf,
        /// What is wrong, and in which line.
        what: String,
    },
    /// Storage failed. All threads whose changes were in one failed commit get the same error.
    #[error(transparent)]
    Storage(#[from] torre_storage::Error),
    /// A commit to the collection panicked, this one or an earlier one, so that storage may hold changes that cannot be seen here: the
    /// collection takes no more changes. Whether those of that commit were made shows when the database is opened again.
    #[error(
        "writing to the collection {name:?} has stopped since a commit panicked: {reason}; reads go on; open the database again to write"
    )]
    Poisoned {
        /// The collection.
        name: String,
        /// The message of the first panic.
        reason: String,
    },
    /// A file could not be read or written.
    #[error("{path}: {source}", path = .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// The names there are, as the end of a sentence.
fn there_is(known: &[String]) -> String {
    if known.is_empty() { String::new() } else { format!("; there is: {}", known.join(", ")) }
}

impl From<std::convert::Infallible> for Error {
    /// For conversions that cannot fail, as of an integer to an id.
    fn from(never: std::convert::Infallible) -> Self {
        match never {}
    }
}

impl From<InvalidOption> for Error {
    fn from(error: InvalidOption) -> Self {
        Self::InvalidOption { option: error.option, given: error.given, expected: error.expected }
    }
}

impl From<EncodeError> for Error {
    fn from(error: EncodeError) -> Self {
        match error {
            EncodeError::Feature(error) => Self::Feature(error),
            // Lookups of ours fail with errors of ours.
            EncodeError::Lookup(error) => match error.downcast::<Self>() {
                Ok(error) => *error,
                Err(other) => Self::Encode(EncodeError::Lookup(other)),
            },
            other => Self::Encode(other),
        }
    }
}

impl Error {
    /// The error for one of the threads whose changes were in a failed commit.
    pub(crate) fn from_shared(error: &std::sync::Arc<torre_storage::Error>) -> Self {
        Self::Storage(torre_storage::Error::clone(error))
    }

    /// True for an error about what the caller gave: a row, a vector, an id, a line of a file.
    #[must_use]
    pub fn is_about_input(&self) -> bool {
        matches!(
            self,
            Self::Feature(_)
                | Self::InvalidId { .. }
                | Self::VectorLength { .. }
                | Self::VectorNotFinite { .. }
                | Self::VectorTooLong { .. }
                | Self::ZeroVector { .. }
                | Self::InvalidRow { .. }
        )
    }

    /// The row at fault, counted from 0 within the batch: of an error about one row, vector or user of several; `None` for all others.
    #[must_use]
    pub fn row(&self) -> Option<usize> {
        use crate::model_error::ModelError as M;
        match self {
            Self::VectorLength { row, .. }
            | Self::VectorNotFinite { row, .. }
            | Self::VectorTooLong { row, .. }
            | Self::ZeroVector { row }
            | Self::InvalidRow { row, .. }
            | Self::Model(M::NotFinite { row, .. } | M::TooLong { row, .. } | M::NoDirection { row, .. }) => Some(*row),
            Self::Feature(error) => Some(error.row()),
            _ => None,
        }
    }

    /// The same error about a row further down, for callers that count rows over several batches.
    #[must_use]
    pub(crate) fn at_row(self, first: usize) -> Self {
        match self.row() {
            Some(row) => self.of_row(row + first),
            None => self,
        }
    }

    /// The same error about the row of another number.
    #[must_use]
    pub(crate) fn of_row(mut self, number: usize) -> Self {
        use crate::model_error::ModelError as M;
        match &mut self {
            Self::VectorLength { row, .. }
            | Self::VectorNotFinite { row, .. }
            | Self::VectorTooLong { row, .. }
            | Self::ZeroVector { row }
            | Self::InvalidRow { row, .. }
            | Self::Model(M::NotFinite { row, .. } | M::TooLong { row, .. } | M::NoDirection { row, .. }) => *row = number,
            Self::Feature(error) => *error = error.clone().at_row(number),
            _ => {}
        }
        self
    }

    /// Whether opening or a commit was refused because nothing can be written there (a read-only medium, no permission, a full disk, readers), while what is
    /// there can be opened for reading only.
    #[must_use]
    pub fn can_be_read(&self) -> bool {
        matches!(self, Self::Storage(error) if error.can_be_read())
    }

    /// Whether stored bytes are lost or damaged, as opposed to a refusal that leaves them whole.
    #[must_use]
    pub fn is_damage(&self) -> bool {
        match self {
            Self::Damaged { .. } => true,
            Self::Storage(error) => error.is_damage(),
            _ => false,
        }
    }

    /// Who has to act.
    #[must_use]
    pub fn responsible(&self) -> Responsible {
        match self {
            Self::InvalidId { .. }
            | Self::VectorLength { .. }
            | Self::VectorNotFinite { .. }
            | Self::VectorTooLong { .. }
            | Self::ZeroVector { .. }
            | Self::NotStored { .. }
            | Self::InvalidRow { .. }
            | Self::InvalidOption { .. }
            | Self::UnknownItem { .. }
            | Self::UnknownCollection { .. }
            | Self::CollectionExists { .. }
            | Self::CollectionDropped { .. }
            | Self::UnknownRanker { .. }
            | Self::UnknownFeature { .. }
            | Self::Unsupported { .. }
            | Self::TooManyRows { .. }
            | Self::IndexTooLarge { .. }
            | Self::NotIndexed { .. }
            | Self::Interrupted
            | Self::Feature(_)
            | Self::Encode(_)
            | Self::Filter(_)
            | Self::Rule(_)
            | Self::UnknownPolicy { .. }
            | Self::InvalidDump { .. } => Responsible::Caller,
            Self::Spec(_) | Self::Model(_) => Responsible::ModelAuthor,
            Self::Io { .. } | Self::Poisoned { .. } | Self::Damaged { .. } => Responsible::Operator,
            Self::Storage(error) => of_storage(error),
        }
    }
}

fn of_storage(error: &torre_storage::Error) -> Responsible {
    use torre_storage::Error as E;
    match error {
        E::Newer { .. }
        | E::Older { .. }
        | E::NewerPart { .. }
        | E::InUse { .. }
        | E::BeingRead { .. }
        | E::ReadOnly { .. }
        | E::Held { .. }
        | E::DiskFull { .. }
        | E::Io { .. }
        | E::Poisoned { .. } => Responsible::Operator,
        error if error.is_damage() => Responsible::Operator,
        _ => Responsible::Caller,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_is_the_callers_to_mend() {
        let error = Error::from(crate::filter::Filter::parse("price <").unwrap_err());
        assert_eq!(
            (error.responsible(), error.to_string().as_str()),
            (Responsible::Caller, "filter, column 8: expected a value, got the end")
        );
    }

    #[test]
    fn an_error_of_storage_says_who_must_act() {
        use torre_storage::Error as E;
        let path = PathBuf::from("shop");
        let cases = [
            (E::Missing { path: path.clone() }, Responsible::Caller),
            (E::Closed, Responsible::Caller),
            (E::DiskFull { path: path.clone(), needed: 2, available: 1 }, Responsible::Operator),
            (E::InUse { path: path.clone(), holder: Some(1) }, Responsible::Operator),
            (E::Poisoned { reason: "a flush failed".to_owned() }, Responsible::Operator),
            (E::corrupt("row 7", "its checksum differs"), Responsible::Operator),
            (E::Behind { path, expected: 9, found: 8 }, Responsible::Operator),
        ];
        for (error, who) in cases {
            let damage = error.is_damage();
            assert_eq!(damage, matches!(error, E::Corrupt { .. } | E::Behind { .. }), "{error}");
            let shared = Error::from_shared(&error.clone().into());
            assert_eq!((shared.responsible(), shared.is_damage()), (who, damage), "{error}");
            assert_eq!((Error::from(error.clone()).responsible(), Error::from(error).is_damage()), (who, damage));
        }
    }
}
