//! What a query answers.

use std::time::Duration;

use serde::Serialize;

use crate::features::Row;
use crate::query::report::{Contribution, RankerExplain, RulesExplain};
use crate::types::ItemId;

/// One item of an answer.
///
/// ```
/// # use torre::{CollectionOptions, Database, Item, Metric, row};
/// # let database = Database::in_memory()?;
/// # let options = CollectionOptions::vectors(2, Metric::Cosine).field("title:text".parse()?)?;
/// # let films = database.create_collection("films", options)?;
/// # films.upsert(Item::new("a")?.with_row(row! { "title" => "Alpha" }).with_vector([1.0, 0.0]))?;
/// # films.upsert(Item::new("b")?.with_row(row! { "title" => "Beta" }).with_vector([0.0, 1.0]))?;
/// let answer = films.search(&[0.8, 0.6]).fields(["title"]).run()?;
/// let best = &answer.hits[0];
/// assert_eq!((best.id.as_str(), best.score), ("a", 0.8));
/// assert_eq!(best.fields, Some(row! { "title" => "Alpha" }));
/// # Ok::<(), torre::Error>(())
/// ```
#[derive(Clone, PartialEq, Debug, Serialize)]
#[non_exhaustive]
pub struct Hit {
    /// The item.
    pub id: ItemId,
    /// Larger is nearer: the inner product, the cosine, or the negated squared distance.
    pub score: f32,
    /// The ranker's score, of an item that was ranked: larger is better. Hits are in its order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rank_score: Option<f32>,
    /// The score that rules made of it, of an item that went through boosts: larger is better.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule_score: Option<f32>,
    /// A rule put it behind all others.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub buried: bool,
    /// The place that a rule gave it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pinned: Option<usize>,
    /// What each boost added: of a query that is explained.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub boosts: Vec<Contribution>,
    /// What the ranker saw, by the names of its features, null where something was missing: of a query that is explained.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub features: Option<Row>,
    /// The fields asked for, as far as the item has them; `None` when none were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fields: Option<Row>,
}

/// The hits of one query, best first.
///
/// ```
/// # use torre::{CollectionOptions, Database, Item, Metric, row};
/// # let database = Database::in_memory()?;
/// # let options = CollectionOptions::vectors(2, Metric::Cosine).field("title:text".parse()?)?;
/// # let films = database.create_collection("films", options)?;
/// # films.upsert(Item::new("a")?.with_row(row! { "title" => "Alpha" }).with_vector([1.0, 0.0]))?;
/// # films.upsert(Item::new("b")?.with_row(row! { "title" => "Beta" }).with_vector([0.0, 1.0]))?;
/// let answer = films.search(&[0.8, 0.6]).k(5).run()?;
/// assert_eq!(answer.ids().collect::<Vec<_>>(), ["a", "b"]);
/// assert_eq!(answer.expected_recall, Some(1.0), "all items were compared");
/// for hit in answer {
///     println!("{} {}", hit.id, hit.score);
/// }
/// # Ok::<(), torre::Error>(())
/// ```
#[derive(Clone, PartialEq, Debug, Default, Serialize)]
#[non_exhaustive]
pub struct Answer {
    /// Best first; items of equal score in the order in which they came in.
    pub hits: Vec<Hit>,
    /// The generation whose space the query was answered in.
    pub generation: u32,
    /// The share of the true nearest items that the effort finds on average, by the calibration; 1 where everything was compared. `None`
    /// without a calibration, and where so many items are left out that it says nothing. Beyond 100 hits it is what holds for 100.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "share")]
    pub expected_recall: Option<f32>,
    /// Time from the call to the answer. For a batch: the batch's time divided by its queries.
    #[serde(rename = "micros", serialize_with = "micros")]
    pub elapsed: Duration,
    /// What was done for it, when asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub explain: Option<Explain>,
}

impl Answer {
    /// The ids, best first.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.hits.iter().map(|hit| hit.id.as_str())
    }
}

impl IntoIterator for Answer {
    type Item = Hit;
    type IntoIter = std::vec::IntoIter<Hit>;
    fn into_iter(self) -> Self::IntoIter {
        self.hits.into_iter()
    }
}

impl<'a> IntoIterator for &'a Answer {
    type Item = &'a Hit;
    type IntoIter = std::slice::Iter<'a, Hit>;
    fn into_iter(self) -> Self::IntoIter {
        self.hits.iter()
    }
}

/// Where a query's time went and what it looked at. In a batch each query has its own; of what all went through together, such as the tower, it
/// has its share of the time.
///
/// ```
/// # use torre::{CollectionOptions, Database, Item, Metric, row};
/// # let database = Database::in_memory()?;
/// # let options = CollectionOptions::vectors(2, Metric::Cosine).field("title:text".parse()?)?;
/// # let films = database.create_collection("films", options)?;
/// # films.upsert(Item::new("a")?.with_row(row! { "title" => "Alpha" }).with_vector([1.0, 0.0]))?;
/// # films.upsert(Item::new("b")?.with_row(row! { "title" => "Beta" }).with_vector([0.0, 1.0]))?;
/// let explain = films.search(&[1.0, 0.0]).explain().run()?.explain.unwrap_or_default();
/// assert_eq!((explain.rows_scanned, explain.lists_probed), (2, 0));
/// # Ok::<(), torre::Error>(())
/// ```
#[derive(Clone, PartialEq, Debug, Default, Serialize)]
#[non_exhaustive]
pub struct Explain {
    /// Stages in order, with their time in microseconds.
    pub stages: Vec<StageTime>,
    /// How rows were retrieved: `exact` (all by their exact vectors), `scan` (of lists), `narrowed` (a scan of lists, with what the query may return
    /// counted first), `gather` (few may be returned, and all of them are scored by their refine vectors); `None` where there is nothing to retrieve.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan: Option<&'static str>,
    /// The share of all rows of which the filter is true, as some blocks of them tell that lie evenly among all; `None` without a filter.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "share")]
    pub estimated_pass_rate: Option<f32>,
    /// The share of rows that the query may return, of the lists that it looked at, or of all where those are gathered; `None` where it did not
    /// count.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "share")]
    pub pass_rate: Option<f32>,
    /// Lists visited, over all segments; 0 when everything was scanned exactly.
    pub lists_probed: u64,
    /// Codes scored by the scan.
    pub codes_scanned: u64,
    /// Rows scored by their exact vectors: the tail, or everything in an exact query.
    pub rows_scanned: u64,
    /// Candidates scored again by their stored vectors.
    pub candidates_refined: u64,
    /// The recall that was asked for; `None` where lists or an exact answer were.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_recall: Option<f32>,
    /// What recall targets are calibrated with: `queries` (of users) or `items` (stored vectors that stand in, which users' queries may be
    /// unlike); `None` before the index is trained.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub calibrated_with: Option<&'static str>,
    /// What the ranker had to go by, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ranker: Option<RankerExplain>,
    /// What the rules did, where there are some.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rules: Option<RulesExplain>,
    /// Fields that the tower reads and the row did not have.
    pub missing: Vec<String>,
    /// Fields with values that the tower does not know: they went to a hash bucket or counted as missing.
    pub unknown: Vec<String>,
}

/// Time of one stage.
///
/// ```
/// # use torre::{CollectionOptions, Database, Item, Metric, row};
/// # let database = Database::in_memory()?;
/// # let options = CollectionOptions::vectors(2, Metric::Cosine).field("title:text".parse()?)?;
/// # let films = database.create_collection("films", options)?;
/// # films.upsert(Item::new("a")?.with_row(row! { "title" => "Alpha" }).with_vector([1.0, 0.0]))?;
/// # films.upsert(Item::new("b")?.with_row(row! { "title" => "Beta" }).with_vector([0.0, 1.0]))?;
/// let explain = films.search(&[1.0, 0.0]).explain().run()?.explain.unwrap_or_default();
/// for stage in explain.stages {
///     println!("{:<8} {:>9.1} us", stage.stage, stage.micros);
/// }
/// # Ok::<(), torre::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
#[non_exhaustive]
pub struct StageTime {
    /// The stage: `tower` (or `vector`, where there is no user), then `coarse`, `tables`, `scan`, `select`, `refine`, `top-k` and `tail`, or
    /// `exact`; before them `forecast`, and behind them `rescore`, of a query that may not return all rows; `enrich`, `rank`, `rules`, `pin`, `max_per`, `diversify`; `fields`.
    pub stage: &'static str,
    /// Microseconds.
    #[serde(serialize_with = "thousandths")]
    pub micros: f64,
}

fn share<S: serde::Serializer>(share: &Option<f32>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_some(&share.map(|share| (f64::from(share) * 1e3).round() / 1e3))
}

fn thousandths<S: serde::Serializer>(micros: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64((micros * 1e3).round() / 1e3)
}

fn micros<S: serde::Serializer>(elapsed: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64((elapsed.as_secs_f64() * 1e7).round() / 10.0)
}
