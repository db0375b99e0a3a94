//! What a query asks for of its hits as a list: that they are unlike each other.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::features::FieldType;
use crate::segment::Snapshot;

/// Candidates that a list is chosen from, where nothing else is said.
const POOL: usize = 200;

/// The last choice of a query: a list of good items that are unlike each other, out of a pool of the best.
///
/// Relevance is what ordered the pool (the score of the first stage or, after a second one, of that), spread from 0 for its last item to 1 for
/// its first. Items of the pool that are not chosen, and those behind it, follow in their order.
///
/// ```
/// # use torre::{CollectionOptions, Database, Item, Metric};
/// # let database = Database::in_memory()?;
/// # let films = database.create_collection("films", CollectionOptions::vectors(2, Metric::Cosine))?;
/// for (id, vector) in [("a", [1.0, 0.0]), ("a again", [0.999, 0.01]), ("b", [0.6, 0.8])] {
///     films.upsert(Item::new(id)?.with_vector(vector))?;
/// }
/// let nearest = films.search(&[1.0, 0.1]).k(2).run()?;
/// assert_eq!(nearest.ids().collect::<Vec<_>>(), ["a again", "a"]);
/// let unlike = films.search(&[1.0, 0.1]).k(2).diverse(0.2, 200).run()?;
/// assert_eq!(unlike.ids().collect::<Vec<_>>(), ["a again", "b"]);
/// # Ok::<(), torre::Error>(())
/// ```
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Diverse {
    /// The weight of relevance, from 0 to 1; what is left of 1 is that of being unlike. 1 keeps the order.
    pub lambda: f32,
    /// How many of the best items the list is chosen from (200), at least 1.
    #[serde(default = "pool")]
    pub pool: usize,
    /// Looks at the categories of the items instead of their vectors.
    #[serde(default)]
    pub calibrate: Option<Calibrate>,
}

fn pool() -> usize {
    POOL
}

/// Asks for a list whose categories have the shares that they have in the user's history (Steck 2018, "Calibrated recommendations"). A user
/// of whom no item is known gets the list by relevance.
///
/// ```
/// # use torre::Diverse;
/// let genres = Diverse::new(0.5, 100).calibrated("genres", "history");
/// assert_eq!(serde_json::from_str::<Diverse>(r#"{"lambda": 0.5, "pool": 100, "calibrate": {"field": "genres", "history": "history"}}"#)?, genres);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Calibrate {
    /// The items' field with their category, or a list of them: indexed, of texts, whole numbers or bools.
    pub field: String,
    /// The user's field with the ids of the items of the history.
    pub history: String,
}

impl Diverse {
    /// By the vectors: maximal marginal relevance (Carbonell and Goldstein 1998), which takes from what is relevant in an item what is similar in
    /// it to the most similar one chosen before.
    #[must_use]
    pub fn new(lambda: f32, pool: usize) -> Self {
        Self { lambda, pool, calibrate: None }
    }

    /// By the categories in `field`, calibrated to the items whose ids the user has in `history`.
    #[must_use]
    pub fn calibrated(mut self, field: impl Into<String>, history: impl Into<String>) -> Self {
        self.calibrate = Some(Calibrate { field: field.into(), history: history.into() });
        self
    }

    /// Whether it reads this field of users.
    pub(crate) fn reads(&self, field: &str) -> bool {
        self.calibrate.as_ref().is_some_and(|calibrate| calibrate.history == field)
    }

    /// Refuses what cannot be meant.
    pub(crate) fn check(&self) -> Result<()> {
        let wrong = |option, given: String, expected: &str| Err(Error::InvalidOption { option, given, expected: expected.to_owned() });
        if !(0.0..=1.0).contains(&self.lambda) {
            return wrong("diverse.lambda", self.lambda.to_string(), "a number from 0 to 1");
        }
        if self.pool == 0 {
            return wrong("diverse.pool", "0".to_owned(), "at least 1");
        }
        Ok(())
    }

    /// Refuses a field that has no categories in memory. `users` says that the queries are of users, who have histories.
    pub(crate) fn check_field(&self, snapshot: &Snapshot, users: bool) -> Result<()> {
        let Some(Calibrate { field, history }) = &self.calibrate else { return Ok(()) };
        let wrong =
            |given: String, expected: &str| Err(Error::InvalidOption { option: "diverse.calibrate", given, expected: expected.to_owned() });
        if !users {
            return wrong(format!("the history {history:?} where there is no user"), "a recommendation: vectors and items have no history");
        }
        let indexed = || snapshot.schema.indexed();
        let Some(known) = indexed().find(|known| known.name == *field) else {
            let all: Vec<&str> = indexed().map(|known| known.name.as_str()).collect();
            return wrong(format!("{field:?}"), &format!("a field that is indexed ({}); add an index to it", all.join(", ")));
        };
        match known.kind.element().unwrap_or(known.kind) {
            FieldType::Text | FieldType::Int | FieldType::Bool => Ok(()),
            kind => wrong(format!("{field:?}, of type {kind}"), "texts, whole numbers or bools, or a list of them"),
        }
    }
}
