//! Queries, built step by step.

use std::sync::Arc;
use std::time::Instant;

use crate::error::Result;
use crate::features::Row;
use crate::query::options::{Effort, Options};
use crate::query::{Answer, Explain, encode, run};
use crate::segment::Shared;
use crate::vector::Matrix;

/// Where the query's vector comes from.
#[derive(Clone, Debug)]
pub(crate) enum Source<'q> {
    /// A user's raw features, for the user tower.
    User(&'q Row),
    /// A vector of the caller's.
    Vector(&'q [f32]),
    /// The stored vector of an item.
    Item(&'q str),
}

/// One query. Nothing happens before [`Query::run`].
#[must_use = "a query does nothing until `run`"]
#[derive(Debug)]
pub struct Query<'q> {
    shared: &'q Arc<Shared>,
    source: Source<'q>,
    options: Options,
}

/// Several queries answered in one call, from one snapshot: lists are visited once for all of them.
#[must_use = "a batch of queries does nothing until `run`"]
#[derive(Debug)]
pub struct QueryBatch<'q> {
    shared: &'q Arc<Shared>,
    sources: Vec<Source<'q>>,
    options: Options,
    exclude_each: Option<Vec<Vec<String>>>,
}

macro_rules! options {
    ($($query:ident),*) => {$(
        impl $query<'_> {
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

            /// Leaves out hits with a lower score.
            pub fn min_score(mut self, score: f32) -> Self {
                self.options.min_score = Some(score);
                self
            }

            /// Returns these fields of the items with the hits; `vector` is the stored vector. A hit has those that its item has. Unless the
            /// collection is lenient, a name that no item can have is refused. Each hit's fields cost a read from storage.
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
                self.options.measures = true;
                self
            }
        }
    )*};
}
options!(Query, QueryBatch);

/// Remembers what users asked, however hard it was looked for: calibration is about where their vectors lie. Items lie elsewhere.
fn note(shared: &Shared, sources: &[Source<'_>], vectors: &Matrix, options: &Options) {
    if options.measures {
        return;
    }
    if !sources.iter().any(|source| matches!(source, Source::Item(_))) {
        return shared.note(vectors);
    }
    let mut asked = Matrix::new(vectors.dim());
    for (_, vector) in sources.iter().zip(vectors.iter()).filter(|(source, _)| !matches!(source, Source::Item(_))) {
        asked.push(vector);
    }
    if !asked.is_empty() {
        shared.note(&asked);
    }
}

impl<'q> Query<'q> {
    pub(crate) fn new(shared: &'q Arc<Shared>, source: Source<'q>) -> Self {
        Self { shared, source, options: Options::default() }
    }

    /// Answers the query from the collection as it is now.
    ///
    /// # Errors
    /// [`Error::Feature`](crate::Error::Feature) for a user row that the tower cannot take,
    /// [`Error::VectorLength`](crate::Error::VectorLength) and its like for a vector that does not fit,
    /// [`Error::UnknownItem`](crate::Error::UnknownItem), [`Error::InvalidOption`](crate::Error::InvalidOption), and
    /// storage errors where fields or exact vectors are read.
    pub fn run(mut self) -> Result<Answer> {
        let start = Instant::now();
        self.options.check()?;
        let snapshot = self.shared.read()?;
        self.options.check_fields(&self.shared.settings, &snapshot)?;
        if let Source::Item(id) = self.source {
            self.options.exclude.push(id.to_owned());
        }
        let mut explain = self.options.explain.then(Explain::default);
        let vectors = encode::vectors(self.shared, &snapshot, std::slice::from_ref(&self.source), explain.as_mut())?;
        note(self.shared, std::slice::from_ref(&self.source), &vectors, &self.options);
        let mut answers = run::answers(self.shared, &snapshot, &vectors, &[], &self.options, explain)?;
        let mut answer = answers.pop().unwrap_or_default();
        answer.elapsed = start.elapsed();
        Ok(answer)
    }

    /// The query's vector, without a search: what the user tower makes of the row.
    ///
    /// # Errors
    /// As [`Query::run`].
    pub fn vector(self) -> Result<Vec<f32>> {
        let snapshot = self.shared.read()?;
        Ok(encode::vectors(self.shared, &snapshot, std::slice::from_ref(&self.source), None)?.as_slice().to_vec())
    }
}

impl<'q> QueryBatch<'q> {
    pub(crate) fn new(shared: &'q Arc<Shared>, sources: Vec<Source<'q>>) -> Self {
        Self { shared, sources, options: Options::default(), exclude_each: None }
    }

    /// Items that must not be among the hits of one query each, in the order of the queries, besides those of
    /// [`QueryBatch::exclude`].
    pub fn exclude_each(mut self, ids: Vec<Vec<String>>) -> Self {
        self.exclude_each = Some(ids);
        self
    }

    /// Answers all queries from the collection as it is now, in their order.
    ///
    /// # Errors
    /// As [`Query::run`]; one bad query fails the batch, and the error names its row. [`crate::Error::InvalidOption`] when
    /// [`QueryBatch::exclude_each`] was given another number of lists than there are queries.
    pub fn run(self) -> Result<Vec<Answer>> {
        let start = Instant::now();
        self.options.check()?;
        let mut each = self.exclude_each.unwrap_or_default();
        if !each.is_empty() && each.len() != self.sources.len() {
            return Err(crate::Error::InvalidOption {
                option: "exclude_each",
                given: format!("{} lists of ids", each.len()),
                expected: format!("one for each of {} queries", self.sources.len()),
            });
        }
        if self.sources.iter().any(|source| matches!(source, Source::Item(_))) {
            each.resize(self.sources.len(), Vec::new());
            for (source, ids) in self.sources.iter().zip(&mut each) {
                if let Source::Item(id) = source {
                    ids.push((*id).to_owned());
                }
            }
        }
        let snapshot = self.shared.read()?;
        self.options.check_fields(&self.shared.settings, &snapshot)?;
        let mut explain = self.options.explain.then(Explain::default);
        let vectors = encode::vectors(self.shared, &snapshot, &self.sources, explain.as_mut())?;
        note(self.shared, &self.sources, &vectors, &self.options);
        let mut answers = run::answers(self.shared, &snapshot, &vectors, &each, &self.options, explain)?;
        let share = start.elapsed() / u32::try_from(answers.len().max(1)).unwrap_or(u32::MAX);
        for answer in &mut answers {
            answer.elapsed = share;
        }
        Ok(answers)
    }
}
