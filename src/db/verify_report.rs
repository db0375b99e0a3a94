//! What a verification found.

use std::time::Duration;

use crate::error::Error;

/// One thing that is wrong in a database.
///
/// ```
/// # use torre::{CollectionOptions, Database, Item, Metric, row};
/// # let database = Database::in_memory()?;
/// # let options = CollectionOptions::vectors(2, Metric::Cosine).field("title:text".parse()?)?;
/// # let films = database.create_collection("films", options)?;
/// # films.upsert(Item::new("a")?.with_row(row! { "title" => "Alpha" }).with_vector([1.0, 0.0]))?;
/// # films.upsert(Item::new("b")?.with_row(row! { "title" => "Beta" }).with_vector([0.0, 1.0]))?;
/// # use torre::NoProgress;
/// for damage in database.verify(&NoProgress)?.damage {
///     println!("{}: {}", damage.part, damage.what);
/// }
/// # Ok::<(), torre::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, Debug, serde::Serialize)]
#[non_exhaustive]
pub struct Damage {
    /// The damaged part.
    pub part: String,
    /// What is wrong with it.
    pub what: String,
}

/// What a verification read and found.
///
/// ```
/// # use torre::{CollectionOptions, Database, Item, Metric, row};
/// # let database = Database::in_memory()?;
/// # let options = CollectionOptions::vectors(2, Metric::Cosine).field("title:text".parse()?)?;
/// # let films = database.create_collection("films", options)?;
/// # films.upsert(Item::new("a")?.with_row(row! { "title" => "Alpha" }).with_vector([1.0, 0.0]))?;
/// # films.upsert(Item::new("b")?.with_row(row! { "title" => "Beta" }).with_vector([0.0, 1.0]))?;
/// # use torre::NoProgress;
/// let report = database.verify(&NoProgress)?;
/// assert!(report.is_sound());
/// assert_eq!((report.collections, report.rows), (1, 2));
/// # Ok::<(), torre::Error>(())
/// ```
#[derive(Clone, PartialEq, Debug, Default, serde::Serialize)]
#[non_exhaustive]
pub struct VerifyReport {
    /// Values read from storage, of every kind.
    pub values: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// Collections looked at.
    pub collections: u64,
    /// Live rows whose record, vector, place and code were compared.
    pub rows: u64,
    /// Segments.
    pub segments: u64,
    /// Tombstones.
    pub tombstones: u64,
    /// Stored lists that were compared with their log.
    pub stored_lists: u64,
    /// Everything that is wrong, each once; empty when all is well.
    pub damage: Vec<Damage>,
    /// Time taken.
    #[serde(rename = "seconds", serialize_with = "super::options::seconds")]
    pub elapsed: Duration,
}

impl VerifyReport {
    /// True when nothing is wrong.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.damage.is_empty()
    }

    pub(super) fn add(&mut self, part: impl Into<String>, what: impl Into<String>) {
        let damage = Damage { part: part.into(), what: what.into() };
        // Storage and the collection that it belongs to may both meet it.
        if !self.damage.contains(&damage) {
            self.damage.push(damage);
        }
    }

    pub(super) fn add_error(&mut self, whose: &str, error: &Error) {
        let Damage { part, what } = Damage::of(whose, error);
        self.add(part, what);
    }
}

impl Damage {
    /// What an error says is damaged: `whose`, where it does not name a part itself.
    pub(super) fn of(whose: &str, error: &Error) -> Self {
        let (part, what) = match error {
            Error::Storage(torre_storage::Error::Corrupt { part, detail }) => (part.clone(), detail.clone()),
            Error::Storage(torre_storage::Error::Absent { part }) => (part.clone(), "it is missing".to_owned()),
            Error::Damaged { part, what } => (part.clone(), what.clone()),
            other => (whose.to_owned(), other.to_string()),
        };
        Self { part, what }
    }
}
