//! How it went to recommend to all users.

use std::time::Duration;

use serde::Serialize;

use crate::error::{Error, Result};
use crate::query::answer::Answer;

/// Refusals that are kept by name.
const NAMED: usize = 10;

/// How a [`RecommendAll`](crate::RecommendAll) went.
///
/// ```
/// # use torre::{CollectionOptions, Database, Item, Metric};
/// # let database = Database::in_memory()?;
/// # let items = database.create_collection("items", CollectionOptions::vectors(2, Metric::L2))?;
/// # items.upsert(Item::new("a")?.with_vector([1.0, 0.0]))?;
/// use torre::{Answer, Recipient};
///
/// let users = [Recipient::vector("ada", [1.0, 2.0]), Recipient::vector("bob", [1.0])].map(Ok);
/// let take = |_: &Recipient, _: torre::Result<Answer>| -> torre::Result<()> { Ok(()) };
/// let report = items.recommend_all().run(users, take)?;
/// assert_eq!((report.users, report.refused, report.hits), (2, 1, 1));
/// assert_eq!(report.refusals[0].name, "bob");
/// assert_eq!(report.refusals[0].problem, "vector (row 1): expected length 2, got 1");
/// # Ok::<(), torre::Error>(())
/// ```
#[derive(Clone, PartialEq, Debug, Default, Serialize)]
#[non_exhaustive]
pub struct RecommendReport {
    /// Users that came.
    pub users: u64,
    /// Users that could not be served.
    pub refused: u64,
    /// The first of them.
    pub refusals: Vec<Refusal>,
    /// Hits of all users.
    pub hits: u64,
    /// Users that got fewer hits than were wanted: no more may be returned to them.
    pub short: u64,
    /// The recall to expect, on average over the users for whom it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected_recall: Option<f64>,
    /// Time taken, reading and handing on included.
    #[serde(skip)]
    pub elapsed: Duration,
    /// Users whose recall is known.
    #[serde(skip)]
    known: u64,
}

/// A user that could not be served.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[non_exhaustive]
pub struct Refusal {
    /// The user's place among all, from 0.
    pub place: u64,
    /// The user's name.
    pub name: String,
    /// What is wrong.
    pub problem: String,
}

impl RecommendReport {
    /// Users that were served.
    #[must_use]
    pub fn answered(&self) -> u64 {
        self.users - self.refused
    }

    /// Counts the next user; an error is then of this user's place among all.
    pub(super) fn note(&mut self, name: &str, answer: Result<Answer>, k: usize) -> Result<Answer> {
        let place = self.users;
        self.users += 1;
        match answer {
            Ok(answer) => {
                self.hits += answer.hits.len() as u64;
                self.short += u64::from(answer.hits.len() < k);
                if let Some(recall) = answer.expected_recall {
                    self.known += 1;
                    let mean = self.expected_recall.get_or_insert(0.0);
                    *mean += (f64::from(recall) - *mean) / self.known as f64;
                }
                Ok(answer)
            }
            Err(error) => {
                let error: Error = error.of_row(usize::try_from(place).unwrap_or(usize::MAX));
                self.refused += 1;
                if self.refusals.len() < NAMED {
                    self.refusals.push(Refusal { place, name: name.to_owned(), problem: error.to_string() });
                }
                Err(error)
            }
        }
    }
}
