//! At most so many hits of a value: what is too much is left out, and more is retrieved until there are hits enough.

use std::collections::{HashMap, HashSet};
use std::time::Instant;

use super::active::{Active, of_rule};
use crate::error::{Error, Result};
use crate::features::{FieldType, Value};
use crate::filter::{Bound, Filter, Operand, field};
use crate::query::candidates::{Candidates, Found, Ranked};
use crate::query::field::FieldColumns;
use crate::query::filter_lists::ListRows;
use crate::query::prepared::bind;
use crate::query::request::Request;
use crate::query::restriction::PartFilters;
use crate::query::retrieve::retrieve;
use crate::segment::{Place, Snapshot};
use crate::vector::Matrix;

/// Rows that are retrieved for each that is missing.
const FOR_EACH_MISSING: usize = 2;
/// At least so many more are retrieved at a time.
const FEWEST: usize = 32;

/// Goes through the rows of each query in their order, and leaves out those of which a value has its hits already; pinned items count first.
/// Where too few are left, rows of the values that may still have some are retrieved, which follow in the order of the first stage.
///
/// # Errors
/// [`Error::Rule`] for a field that is not indexed; as [`retrieve`].
pub(crate) fn limit(request: &Request<'_>, candidates: &mut Candidates) -> Result<()> {
    let Some(active) = request.rules.filter(|active| active.limits()) else { return Ok(()) };
    for (query, ranked) in candidates.queries.iter_mut().enumerate() {
        let start = Instant::now();
        one(request, active, query, ranked)?;
        ranked.took("max_per", start.elapsed().as_secs_f64() * 1e6);
    }
    Ok(())
}

fn one(request: &Request<'_>, active: &Active<'_>, query: usize, ranked: &mut Ranked) -> Result<()> {
    let mut limits = Limits::new(request.snapshot, active)?;
    ranked.pinned.iter().for_each(|pinned| limits.count(pinned.place));
    let mut seen: HashSet<Place> = ranked.found.iter().chain(&ranked.pinned).map(|found| found.place).collect();
    // Fewer than were asked for: there are no more.
    let mut more = seen.len() >= request.depth;
    let before = ranked.found.len();
    ranked.found.retain(|found| limits.admit(found.place));
    let (mut left_out, mut widened, mut depth) = (before - ranked.found.len(), 0, 0);
    while more && ranked.found.len() < request.wanted {
        let missing = request.wanted - ranked.found.len();
        // Of the rows that were seen only those that were kept can come again.
        let kept = ranked.found.len() + ranked.pinned.len();
        depth = (kept + FOR_EACH_MISSING * missing).max(kept + FEWEST).max(depth);
        let (found, expected) = widen(request, query, &limits, depth)?;
        widened += 1;
        more = found.len() >= depth;
        let new: Vec<Found> = found.into_iter().filter(|found| seen.insert(found.place)).collect();
        let (count, kept) = (new.len(), ranked.found.len());
        ranked.found.extend(new.into_iter().filter(|found| limits.admit(found.place)));
        left_out += count - (ranked.found.len() - kept);
        if ranked.found.len() == kept {
            depth = depth.saturating_mul(4);
        }
        ranked.expected = ranked.expected.zip(expected).map(|(before, now)| before.min(now));
    }
    if let Some(report) = ranked.explain.as_mut().and_then(|explain| explain.rules.as_mut()) {
        (report.over_limit, report.widened) = (left_out as u64, widened);
    }
    Ok(())
}

/// The best rows of a query without those of values that have their hits, and the recall to expect of them.
fn widen(request: &Request<'_>, query: usize, limits: &Limits<'_>, depth: usize) -> Result<(Vec<Found>, Option<f32>)> {
    let full = limits.full().map(|filter| bind(request.snapshot, &filter, &request.options.params())).collect::<Result<Vec<_>>>()?;
    let bound = Bound::of(request.bound.cloned(), full);
    let lists = ListRows::new(request.shared, request.snapshot, &bound);
    let filter = PartFilters::new(request.snapshot, &bound, &lists)?;
    let mut vectors = Matrix::with_capacity(request.vectors.dim(), 1);
    vectors.push(request.vectors.row(query));
    let request = Request {
        sources: &request.sources[query..=query],
        vectors,
        excluded: request.excluded.only(query),
        filter: Some(&filter),
        bound: Some(&bound),
        depth,
        ..*request
    };
    let mut candidates = Candidates::none(1, false);
    retrieve(&request, &mut candidates)?;
    Ok(candidates.queries.pop().map(|ranked| (ranked.found, ranked.expected)).unwrap_or_default())
}

/// The hits of each value so far.
struct Limits<'r>(Vec<Limit<'r>>);

/// The hits of each value of one field.
struct Limit<'r> {
    field: &'r str,
    columns: FieldColumns<'r>,
    kind: FieldType,
    most: usize,
    hits: HashMap<Key, usize>,
}

/// A value that is counted.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
enum Key {
    Bool(bool),
    Whole(i128),
    /// The bits of a float; of both zeros those of 0.
    Float(u64),
    Text(Box<str>),
}

impl<'r> Limits<'r> {
    fn new(snapshot: &'r Snapshot, active: &'r Active<'_>) -> Result<Self> {
        let limit = |(rule, limit): (String, &'r crate::rules::MaxPer)| {
            let found = snapshot.schema.indexed().find(|known| known.name == limit.field);
            let unindexed = || {
                let indexed = snapshot.schema.indexed().map(|field| field.name.clone()).collect();
                of_rule(Error::NotIndexed { field: limit.field.clone(), indexed }, &rule)
            };
            let kind = found.ok_or_else(unindexed)?.kind;
            let columns = FieldColumns::new(snapshot, &limit.field);
            Ok(Limit { field: &limit.field, columns, kind, most: limit.most, hits: HashMap::new() })
        };
        active.max_per().map(limit).collect::<Result<_>>().map(Self)
    }

    /// Takes a row that none of its values keeps out, and counts it.
    fn admit(&mut self, place: Place) -> bool {
        let keys: Vec<Vec<Key>> = self.0.iter().map(|limit| limit.keys(place)).collect();
        let admitted = self.0.iter().zip(&keys).all(|(limit, keys)| keys.iter().all(|key| !limit.is_full(key)));
        if admitted {
            self.add(keys);
        }
        admitted
    }

    /// Counts a row, whatever there is of its values.
    fn count(&mut self, place: Place) {
        let keys = self.0.iter().map(|limit| limit.keys(place)).collect();
        self.add(keys);
    }

    fn add(&mut self, keys: Vec<Vec<Key>>) {
        for (limit, keys) in self.0.iter_mut().zip(keys) {
            keys.into_iter().for_each(|key| *limit.hits.entry(key).or_default() += 1);
        }
    }

    /// A filter for each field: items with a value that has its hits.
    fn full(&self) -> impl Iterator<Item = Filter> {
        self.0.iter().filter_map(|limit| {
            let mut full: Vec<&Key> = limit.hits.keys().filter(|key| limit.is_full(key)).collect();
            full.sort_unstable();
            let operands: Vec<Operand> = full.iter().map(|key| key.operand()).collect();
            match limit.kind {
                _ if operands.is_empty() => None,
                // There are two values only.
                FieldType::Bool => operands.into_iter().map(|flag| field(limit.field).eq(flag)).reduce(|a, b| a | b),
                kind if kind.element().is_some() => Some(field(limit.field).has_any(operands)),
                _ => Some(field(limit.field).is_in(operands)),
            }
        })
    }
}

impl Limit<'_> {
    fn is_full(&self, key: &Key) -> bool {
        self.hits.get(key).is_some_and(|&hits| hits >= self.most)
    }

    /// The values of a row that are counted, each once: none where it is null.
    fn keys(&self, place: Place) -> Vec<Key> {
        let mut keys = match self.columns.value(place) {
            Some(Value::List(values)) => values.into_iter().filter_map(Key::of).collect(),
            Some(value) => Key::of(value).into_iter().collect(),
            None => Vec::new(),
        };
        keys.sort_unstable();
        keys.dedup();
        keys
    }
}

impl Key {
    fn of(value: Value) -> Option<Self> {
        match value {
            Value::Bool(flag) => Some(Self::Bool(flag)),
            Value::Int(number) => Some(Self::Whole(number.into())),
            Value::Uint(number) => Some(Self::Whole(number.into())),
            Value::Float(number) => Some(Self::Float((number + 0.0).to_bits())),
            Value::Text(text) => Some(Self::Text(text)),
            Value::Null | Value::List(_) | Value::Object(_) => None,
        }
    }

    fn operand(&self) -> Operand {
        match self {
            Self::Bool(flag) => (*flag).into(),
            Self::Whole(number) => i64::try_from(*number).map_or_else(|_| Operand::from(*number as u64), Operand::from),
            Self::Float(bits) => f64::from_bits(*bits).into(),
            Self::Text(text) => (&**text).into(),
        }
    }
}
