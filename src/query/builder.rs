//! Queries, built step by step.

use std::sync::Arc;

use crate::error::Result;
use crate::features::Value;
use crate::filter::Filter;
use crate::query::all::RecommendAll;
use crate::query::answer::Answer;
use crate::query::diverse::Diverse;
use crate::query::encode;
use crate::query::exclude::ExcludeEach;
use crate::query::options::{Effort, Rerank, SearchOptions};
use crate::query::pipeline::{self, Asked};
use crate::query::prepared::PreparedFilter;
use crate::query::rules::Active;
use crate::query::source::Source;
use crate::query::values::{CandidateValues, Compute};
use crate::rules::Policy;
use crate::segment::Shared;

/// One query. Nothing happens before [`Query::run`].
///
/// ```
/// # use torre::{CollectionOptions, Database, Item, Metric, row};
/// # let database = Database::in_memory()?;
/// # let options = CollectionOptions::vectors(2, Metric::Cosine).field("title:text".parse()?)?;
/// # let films = database.create_collection("films", options)?;
/// # films.upsert(Item::new("a")?.with_row(row! { "title" => "Alpha" }).with_vector([1.0, 0.0]))?;
/// # films.upsert(Item::new("b")?.with_row(row! { "title" => "Beta" }).with_vector([0.0, 1.0]))?;
/// let answer = films.search(&[0.8, 0.6]).k(1).exclude(["a"]).recall(0.99).run()?;
/// assert_eq!(answer.ids().collect::<Vec<_>>(), ["b"]);
/// # Ok::<(), torre::Error>(())
/// ```
#[must_use = "a query does nothing until `run`"]
#[derive(Debug)]
pub struct Query<'q> {
    shared: &'q Arc<Shared>,
    source: Source<'q>,
    options: SearchOptions,
    prepared: Vec<PreparedFilter>,
    compute: Option<Compute<'q>>,
}

/// Several queries answered in one call, from one snapshot: lists are visited once for all of them.
///
/// ```
/// # use torre::{CollectionOptions, Database, Item, Metric, row};
/// # let database = Database::in_memory()?;
/// # let options = CollectionOptions::vectors(2, Metric::Cosine).field("title:text".parse()?)?;
/// # let films = database.create_collection("films", options)?;
/// # films.upsert(Item::new("a")?.with_row(row! { "title" => "Alpha" }).with_vector([1.0, 0.0]))?;
/// # films.upsert(Item::new("b")?.with_row(row! { "title" => "Beta" }).with_vector([0.0, 1.0]))?;
/// let answers = films.similar_many(["a", "b"]).k(1).run()?;
/// let best: Vec<&str> = answers.iter().flat_map(|answer| answer.ids()).collect();
/// assert_eq!(best, ["b", "a"], "an item is not similar to itself");
/// # Ok::<(), torre::Error>(())
/// ```
#[must_use = "a batch of queries does nothing until `run`"]
#[derive(Debug)]
pub struct QueryBatch<'q> {
    shared: &'q Arc<Shared>,
    sources: Vec<Source<'q>>,
    options: SearchOptions,
    prepared: Vec<PreparedFilter>,
    exclude_each: ExcludeEach,
    compute: Option<Compute<'q>>,
}

macro_rules! options {
    ($($query:ident),*) => {$(
        impl $query<'_> {
            /// Takes these options in the place of all that were set before.
            pub fn options(mut self, options: SearchOptions) -> Self {
                self.options = options;
                self
            }

            /// How many hits are wanted (10). With 0 the answer is empty; a `k` beyond the collection gives all of it.
            pub fn k(mut self, k: usize) -> Self {
                self.options.k = k;
                self
            }

            /// Skips the best `offset` hits: the next page of an answer.
            pub fn offset(mut self, offset: usize) -> Self {
                self.options.offset = offset;
                self
            }

            /// Items that must not be among the hits, such as those seen already. Ids that are not in the collection are
            /// ignored. `k` hits come back all the same.
            pub fn exclude<I: Into<String>>(mut self, ids: impl IntoIterator<Item = I>) -> Self {
                self.options.exclude.extend(ids.into_iter().map(Into::into));
                self
            }

            /// Items of a [stored list](crate::Collection::list), as [`exclude`](Self::exclude) has them. Where there is no such list nothing is left
            /// out.
            pub fn exclude_list(mut self, name: impl Into<String>) -> Self {
                self.options.exclude_lists.push(name.into());
                self
            }

            /// Returns items of which the filter is true, and no others. Of several filters all have to be. The fields that it tests must be
            /// [indexed](crate::Collection::add_index). `k` hits come back where so many items qualify.
            pub fn filter(mut self, filter: Filter) -> Self {
                self.options.filter = Some(match self.options.filter.take() {
                    Some(before) => before & filter,
                    None => filter,
                });
                self
            }

            /// The same with a filter in the language of [`filter`](crate::filter).
            ///
            /// # Errors
            /// [`Error::Filter`](crate::Error::Filter) for a text that is not in the language.
            pub fn filter_str(self, filter: &str) -> Result<Self> {
                Ok(self.filter(Filter::parse(filter)?))
            }

            /// A filter that was made ready before ([`Collection::prepare`](crate::Collection::prepare)), beside those of the options.
            pub fn prepared(mut self, filter: &PreparedFilter) -> Self {
                self.prepared.push(filter.clone());
                self
            }

            /// The value of one of the filter's parameters: `price < $most`.
            pub fn param(mut self, name: impl Into<Box<str>>, value: impl Into<Value>) -> Self {
                self.options.params.insert(name, value);
                self
            }

            /// Looks as hard as it takes to find this share of the true nearest items on average (0.95): a number above 0 and at
            /// most 1.
            pub fn recall(mut self, target: f32) -> Self {
                self.options.effort = Effort::Recall(target);
                self
            }

            /// Visits this many lists; more only where those hold too few rows to return.
            pub fn nprobe(mut self, lists: usize) -> Self {
                self.options.effort = Effort::Nprobe(lists);
                self
            }

            /// Compares with the exact vector of every item.
            pub fn exact(mut self) -> Self {
                self.options.effort = Effort::Exact;
                self
            }

            /// Refines `factor * (k + offset)` candidates by their stored vectors instead of what calibration or the default says.
            pub fn refine_factor(mut self, factor: usize) -> Self {
                self.options.refine_factor = Some(factor);
                self
            }

            /// Orders the best `candidates` items of the first stage by the scores of the collection's ranker
            /// ([`attach_ranker`](crate::Collection::attach_ranker)), of which there has to be one only.
            pub fn rerank(mut self, candidates: usize) -> Self {
                self.options.rerank = Some(Rerank { candidates, ranker: None });
                self
            }

            /// The same by the ranker of this name.
            pub fn rerank_with(mut self, ranker: impl Into<String>, candidates: usize) -> Self {
                self.options.rerank = Some(Rerank { candidates, ranker: Some(ranker.into()) });
                self
            }

            /// Takes the rules of the collection's policy of this name along ([`set_policy`](crate::Collection::set_policy)).
            pub fn policy(mut self, name: impl Into<String>) -> Self {
                self.options.policy = Some(name.into());
                self
            }

            /// Takes these rules along, in the place of those that were set before; they come after those of a named policy.
            pub fn rules(mut self, rules: Policy) -> Self {
                self.options.rules = rules;
                self
            }

            /// Adds a number to the score of each candidate: see [`rules`](crate::rules).
            ///
            /// # Errors
            /// [`Error::Rule`](crate::Error::Rule) for a text that is not in the language.
            pub fn boost(mut self, formula: &str) -> Result<Self> {
                self.options.rules = self.options.rules.boost(formula)?;
                Ok(self)
            }

            /// Puts candidates of which this is true behind all others: see [`rules`](crate::rules).
            ///
            /// # Errors
            /// [`Error::Rule`](crate::Error::Rule) for a text that is not in the language.
            pub fn bury(mut self, condition: &str) -> Result<Self> {
                self.options.rules = self.options.rules.bury(condition)?;
                Ok(self)
            }

            /// Returns at most `most` hits of each value of an indexed field, and `k` hits all the same where there are so many. Items without
            /// a value are not counted; of a list, each element is.
            pub fn max_per(mut self, field: impl Into<String>, most: usize) -> Self {
                self.options.rules = self.options.rules.max_per(field, most);
                self
            }

            /// Gives an item a place among all hits, from 1, if it is in the collection and nothing leaves it out.
            pub fn pin(mut self, id: impl Into<String>, position: usize) -> Self {
                self.options.rules = self.options.rules.pin(id, position);
                self
            }

            /// Returns no items of which this is true; those of which it is unknown come back.
            pub fn forbid(mut self, filter: Filter) -> Self {
                self.options.rules = self.options.rules.forbid(filter);
                self
            }

            /// Chooses the hits out of the best `pool` items so that they are unlike each other, by maximal marginal relevance over their
            /// vectors: `lambda`, from 0 to 1, is the weight of relevance, and 1 keeps the order.
            pub fn diverse(self, lambda: f32, pool: usize) -> Self {
                self.diversify(Diverse::new(lambda, pool))
            }

            /// Chooses the hits as a list, by their vectors or by their categories.
            pub fn diversify(mut self, diverse: Diverse) -> Self {
                self.options.diverse = Some(diverse);
                self
            }

            /// Leaves out hits with a lower score of the first stage.
            pub fn min_score(mut self, score: f32) -> Self {
                self.options.min_score = Some(score);
                self
            }

            /// Returns these fields of the items with the hits; `vector` is the stored vector. A hit has those that its item has. Unless the
            /// collection is lenient, a name that no item can have is refused. Each hit costs a read from storage, but where all of these fields are indexed and
            /// have values of their own types, other than times and lists.
            pub fn fields<N: Into<String>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
                self.options.fields = Some(names.into_iter().map(Into::into).collect());
                self
            }

            /// Says in the answer where the time went and what was looked at.
            pub fn explain(mut self) -> Self {
                self.options.explain = true;
                self
            }

            /// Keeps the query out of the query sample that recall targets are calibrated with: for queries that no user made.
            pub fn unsampled(mut self) -> Self {
                self.options.unsampled = true;
                self
            }
        }
    )*};
}
options!(Query, QueryBatch, RecommendAll);

impl<'q> Query<'q> {
    pub(crate) fn new(shared: &'q Arc<Shared>, source: Source<'q>) -> Self {
        Self { shared, source, options: SearchOptions::default(), prepared: Vec::new(), compute: None }
    }

    /// Computes numbers for candidates when they are known, given their ids: what a ranker's features `value.NAME` and rules read. The
    /// candidates are the items that are ranked, or without a ranker the best 200.
    ///
    /// ```
    /// # use torre::{CollectionOptions, Database, Item, Metric};
    /// use torre::CandidateValues;
    ///
    /// # let database = Database::in_memory()?;
    /// # let items = database.create_collection("items", CollectionOptions::vectors(1, Metric::InnerProduct))?;
    /// # items.upsert_many([Item::new("far")?.with_vector([2.0]), Item::new("near")?.with_vector([1.0])])?;
    /// let days = |ids: &[&str]| CandidateValues::new().with("days", ids.iter().map(|id| if *id == "far" { 9.0 } else { 1.0 }));
    /// let answer = items.search(&[1.0]).rerank_values(days).bury("value.days > 5")?.run()?;
    /// assert_eq!(answer.ids().collect::<Vec<_>>(), ["near", "far"]);
    /// # Ok::<(), torre::Error>(())
    /// ```
    pub fn rerank_values(mut self, compute: impl Fn(&[&str]) -> CandidateValues + Send + Sync + 'q) -> Self {
        self.compute = Some(Compute::new(move |_, ids| compute(ids)));
        self
    }

    /// Answers the query from the collection as it is now.
    ///
    /// # Errors
    /// [`Error::Feature`](crate::Error::Feature) for a user row that the tower cannot take,
    /// [`Error::VectorLength`](crate::Error::VectorLength) and its like for a vector that does not fit,
    /// [`Error::UnknownItem`](crate::Error::UnknownItem), [`Error::InvalidOption`](crate::Error::InvalidOption), and
    /// storage errors where fields or exact vectors are read.
    pub fn run(self) -> Result<Answer> {
        let answers = pipeline::run(&Asked {
            shared: self.shared,
            sources: std::slice::from_ref(&self.source),
            options: &self.options,
            prepared: &self.prepared,
            exclude_each: &ExcludeEach::default(),
            compute: self.compute.as_ref(),
        })?;
        Ok(answers.into_iter().next().unwrap_or_default())
    }

    /// The query's vector, without a search: what the user tower makes of the row.
    ///
    /// # Errors
    /// As [`Query::run`].
    pub fn vector(self) -> Result<Vec<f32>> {
        let snapshot = self.shared.read()?;
        let rules = Active::of(self.shared, &self.options)?;
        let further = encode::further(&snapshot, &self.options, rules.as_ref());
        Ok(encode::vectors(self.shared, &snapshot, std::slice::from_ref(&self.source), &further)?.as_slice().to_vec())
    }
}

impl<'q> QueryBatch<'q> {
    pub(crate) fn new(shared: &'q Arc<Shared>, sources: Vec<Source<'q>>) -> Self {
        Self {
            shared,
            sources,
            options: SearchOptions::default(),
            prepared: Vec::new(),
            exclude_each: ExcludeEach::default(),
            compute: None,
        }
    }

    /// Items that must not be among the hits of one query each, in the order of the queries, besides those of
    /// [`QueryBatch::exclude`].
    pub fn exclude_each(mut self, ids: Vec<Vec<String>>) -> Self {
        self.exclude_each.ids = ids;
        self
    }

    /// Names of stored lists whose items must not be among the hits of one query each, in the order of the queries, besides those of
    /// [`QueryBatch::exclude_list`].
    pub fn exclude_list_each(mut self, names: Vec<Vec<String>>) -> Self {
        self.exclude_each.lists = names;
        self
    }

    /// As [`Query::rerank_values`]: given the place of the query in the batch, and the ids of its candidates.
    pub fn rerank_values(mut self, compute: impl Fn(usize, &[&str]) -> CandidateValues + Send + Sync + 'q) -> Self {
        self.compute = Some(Compute::new(compute));
        self
    }

    /// Answers all queries from the collection as it is now, in their order.
    ///
    /// # Errors
    /// As [`Query::run`]; one bad query fails the batch, and the error names its row. [`crate::Error::InvalidOption`] when
    /// [`QueryBatch::exclude_each`] or [`QueryBatch::exclude_list_each`] was given another number of lists than there are queries.
    pub fn run(self) -> Result<Vec<Answer>> {
        let asked = Asked {
            shared: self.shared,
            sources: &self.sources,
            options: &self.options,
            prepared: &self.prepared,
            exclude_each: &self.exclude_each,
            compute: self.compute.as_ref(),
        };
        self.shared.process().run(|| pipeline::run(&asked))
    }
}
