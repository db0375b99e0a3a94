//! What a query asks for besides its vector.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::features::{ID_FIELD, Row, VECTOR_FIELD};
use crate::filter::{Filter, Params};
use crate::query::diverse::Diverse;
use crate::rules::Policy;
use crate::segment::{Settings, Snapshot};
use crate::types::{DEFAULT_K, DEFAULT_RECALL};

/// Rows that go through rules where there is no second stage: the same for every page of an answer.
const WINDOW: usize = 200;

/// How hard to look.
///
/// ```
/// # use torre::{CollectionOptions, Database, Item, Metric, row};
/// # let database = Database::in_memory()?;
/// # let options = CollectionOptions::vectors(2, Metric::Cosine).field("title:text".parse()?)?;
/// # let films = database.create_collection("films", options)?;
/// # films.upsert(Item::new("a")?.with_row(row! { "title" => "Alpha" }).with_vector([1.0, 0.0]))?;
/// # films.upsert(Item::new("b")?.with_row(row! { "title" => "Beta" }).with_vector([0.0, 1.0]))?;
/// use torre::Effort;
///
/// assert_eq!(Effort::default(), Effort::Recall(0.95));
/// let exact = films.search(&[1.0, 0.0]).exact().run()?;
/// assert_eq!(exact.expected_recall, Some(1.0));
/// # Ok::<(), torre::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Effort {
    /// As hard as it takes to find this share of the true nearest items on average: a number above 0 and at most 1.
    Recall(f32),
    /// Visits this many lists; more only where those hold too few rows to return.
    Nprobe(usize),
    /// Compares with the exact vector of every item.
    Exact,
}

impl Default for Effort {
    fn default() -> Self {
        Self::Recall(DEFAULT_RECALL)
    }
}

/// A second stage.
///
/// ```
/// let rerank: torre::Rerank = serde_json::from_str(r#"{"candidates": 200}"#)?;
/// assert_eq!((rerank.candidates, rerank.ranker), (200, None));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Rerank {
    /// How many of the best items of the first stage are ranked, at least 1; those behind them follow in the order of the first stage.
    pub candidates: usize,
    /// The ranker's name; may be left out where the collection has one only.
    #[serde(default)]
    pub ranker: Option<String>,
}

impl Rerank {
    /// Ranks so many by the ranker of this name, or by the collection's only one.
    #[must_use]
    pub fn new(candidates: usize, ranker: Option<String>) -> Self {
        Self { candidates, ranker }
    }
}

/// What a query asks for besides its vector. [`Query`](crate::Query) and [`QueryBatch`](crate::QueryBatch) have a method for each option, and take
/// all of them at once, as a service gets them from its clients.
///
/// ```
/// use torre::{Effort, SearchOptions};
///
/// let mut options = SearchOptions::default();
/// options.k = 5;
/// options.effort = Effort::Recall(0.99);
/// # let json = |text| serde_json::from_str::<SearchOptions>(text).ok();
/// assert_eq!(json(r#"{"k": 5, "effort": {"recall": 0.99}}"#), Some(options));
/// assert!(json(r#"{"effort": "exact", "fields": ["title"], "exclude": ["b"]}"#).is_some());
/// assert!(json(r#"{"limit": 5}"#).is_none(), "an option that does not exist");
/// ```
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct SearchOptions {
    /// How many hits are wanted (10). With 0 the answer is empty; a `k` beyond the collection gives all of it.
    pub k: usize,
    /// Skips the best so many hits: the next page of an answer.
    pub offset: usize,
    /// Items that must not be among the hits. Ids that are not in the collection are ignored; `k` hits come back all the same.
    pub exclude: Vec<String>,
    /// Names of [stored lists](crate::Collection::list) whose items must not be among the hits. A list that there is not leaves nothing out.
    pub exclude_lists: Vec<String>,
    /// Only items of which this is true come back: a tree, or in JSON also a text in the language of [`filter`](crate::filter). The fields that it
    /// tests must be indexed. `k` hits come back where so many items qualify.
    pub filter: Option<Filter>,
    /// Values of the filter's parameters, by name.
    pub params: Row,
    /// How hard to look (a recall of 0.95).
    pub effort: Effort,
    /// Refines `factor * (k + offset)` candidates by their stored vectors instead of what calibration or the default says.
    pub refine_factor: Option<usize>,
    /// Orders the best items of the first stage by a ranker's scores.
    pub rerank: Option<Rerank>,
    /// The policy of this name goes with the query.
    pub policy: Option<String>,
    /// Rules that go with the query, besides those of the policy.
    pub rules: Policy,
    /// Chooses a list of items that are unlike each other, last of all.
    pub diverse: Option<Diverse>,
    /// Leaves out hits with a lower score of the first stage.
    pub min_score: Option<f32>,
    /// Returns these fields of the items with the hits; `vector` is the stored vector.
    pub fields: Option<Vec<String>>,
    /// Says in the answer where the time went and what was looked at.
    pub explain: bool,
    /// Keeps the query out of the query sample that recall targets are calibrated with: for queries that no user made.
    pub unsampled: bool,
}

impl Default for SearchOptions {
    fn default() -> Self {
        Self {
            k: DEFAULT_K,
            offset: 0,
            exclude: Vec::new(),
            exclude_lists: Vec::new(),
            filter: None,
            params: Row::new(),
            effort: Effort::default(),
            refine_factor: None,
            rerank: None,
            policy: None,
            rules: Policy::default(),
            diverse: None,
            min_score: None,
            fields: None,
            explain: false,
            unsampled: false,
        }
    }
}

impl SearchOptions {
    /// Refuses what no query can mean.
    pub(crate) fn check(&self) -> Result<()> {
        let wrong = |option, given: String, expected: &str| Err(Error::InvalidOption { option, given, expected: expected.to_owned() });
        match self.effort {
            Effort::Recall(target) if !(target > 0.0 && target <= 1.0) => {
                return wrong("recall", target.to_string(), "a number above 0 and at most 1");
            }
            Effort::Nprobe(0) => return wrong("nprobe", "0".to_owned(), "at least 1 list"),
            _ => {}
        }
        if self.rerank.as_ref().is_some_and(|rerank| rerank.candidates == 0) {
            return wrong("rerank", "0".to_owned(), "at least 1");
        }
        if let Some(diverse) = &self.diverse {
            diverse.check()?;
        }
        if self.refine_factor == Some(0) {
            return wrong("refine_factor", "0".to_owned(), "at least 1");
        }
        match self.min_score {
            Some(score) if score.is_nan() => wrong("min_score", score.to_string(), "a number"),
            _ => Ok(()),
        }
    }

    /// Refuses fields that no item of the collection can have: they are misspelt.
    pub(crate) fn check_fields(&self, settings: &Settings, snapshot: &Snapshot) -> Result<()> {
        if settings.schema.lenient {
            return Ok(());
        }
        let mut known = vec![ID_FIELD, VECTOR_FIELD];
        known.extend(snapshot.space.towers.iter().flat_map(|pair| pair.item_spec().fields()).filter(|field| *field != ID_FIELD));
        known.extend(settings.schema.fields.iter().map(|field| field.name.as_str()).filter(|field| *field != ID_FIELD));
        match self.fields.iter().flatten().find(|name| !known.contains(&name.as_str())) {
            Some(given) => {
                let expected = format!("names of the items' fields ({})", known.join(", "));
                Err(Error::InvalidOption { option: "fields", given: format!("{given:?}"), expected })
            }
            None => Ok(()),
        }
    }

    /// The values of the filter's parameters.
    pub(crate) fn params(&self) -> Params {
        self.params.iter().fold(Params::new(), |params, (name, value)| params.with(name, value.clone()))
    }

    /// Rows that have to be left for `offset` to be skipped and `k` to be shown, and for a list to be chosen from where that is asked for.
    pub(crate) fn wanted(&self) -> usize {
        let pool = self.diverse.as_ref().map_or(0, |diverse| diverse.pool);
        if self.k == 0 { 0 } else { self.k.saturating_add(self.offset).max(pool) }
    }

    /// Rows that are ranked; where none are, rows that go through the rules if there are `others` than limits and pins.
    pub(crate) fn window(&self, others: bool) -> usize {
        match &self.rerank {
            Some(rerank) => rerank.candidates,
            None if others => WINDOW.max(self.wanted()),
            None => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::row;

    #[test]
    fn options_go_through_json_and_back() {
        let options = SearchOptions {
            k: 3,
            offset: 20,
            exclude: vec!["a".to_owned()],
            exclude_lists: vec!["seen:u1".to_owned()],
            filter: Some(Filter::parse("price < $most AND NOT tags HAS 'x'").unwrap()),
            params: row! { "most" => 5 },
            effort: Effort::Nprobe(8),
            refine_factor: Some(4),
            rerank: Some(Rerank { candidates: 200, ranker: Some("main".to_owned()) }),
            policy: Some("homepage".to_owned()),
            rules: Policy::new().boost("price * 2").unwrap().bury("stock = 0").unwrap().pin("a", 1).max_per("brand", 2),
            diverse: Some(Diverse::new(0.25, 100).calibrated("genres", "history")),
            min_score: Some(0.5),
            fields: Some(vec![]),
            explain: true,
            unsampled: true,
        };
        for options in [options, SearchOptions::default(), SearchOptions { effort: Effort::Exact, ..SearchOptions::default() }] {
            let text = serde_json::to_string(&options).unwrap();
            assert_eq!(serde_json::from_str::<SearchOptions>(&text).unwrap(), options, "{text}");
        }
        assert_eq!(serde_json::from_str::<SearchOptions>("{}").unwrap(), SearchOptions::default());
    }

    #[test]
    fn what_is_no_option_is_refused() {
        for wrong in [r#"{"limit": 1}"#, r#"{"k": -1}"#, r#"{"effort": {"lists": 1}}"#, r#"{"effort": "recall"}"#, r#"{"fields": "title"}"#]
        {
            assert!(serde_json::from_str::<SearchOptions>(wrong).is_err(), "{wrong}");
        }
    }
}
