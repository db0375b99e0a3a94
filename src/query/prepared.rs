//! A filter that many queries use: bound once for a collection's fields as they are.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use arc_swap::ArcSwap;

use crate::error::Result;
use crate::features::Schema;
use crate::filter::{Bound, Filter, Params};
use crate::segment::{Snapshot, check_indexed};

/// A filter with its parameters, made ready by [`Collection::prepare`](crate::Collection::prepare) and given to queries by
/// [`Query::prepared`](crate::Query::prepared). Names, types and parameters are resolved once. It stays right: where fields were added, indexed or
/// dropped since, the next query resolves it again, and `now()` is the time of each query. Copies share what they know.
#[derive(Clone, Debug)]
pub struct PreparedFilter(Arc<Prepared>);

#[derive(Debug)]
struct Prepared {
    filter: Filter,
    params: Params,
    /// It says something else at another time.
    timed: bool,
    last: ArcSwap<Resolved>,
}

/// What a filter is for the fields of one schema.
#[derive(Debug)]
struct Resolved {
    schema: Arc<Schema>,
    bound: Arc<Bound>,
}

impl PreparedFilter {
    /// # Errors
    /// As [`bind`].
    pub(crate) fn new(snapshot: &Snapshot, filter: Filter, params: Params) -> Result<Self> {
        let now = unix_now();
        let bound = bind_at(snapshot, &filter, &params, now)?;
        let timed = filter.bind(&snapshot.schema, &params, now + 1.0)? != bound;
        let last = ArcSwap::from_pointee(Resolved { schema: Arc::clone(&snapshot.schema), bound: bound.into() });
        Ok(Self(Arc::new(Prepared { filter, params, timed, last })))
    }

    /// The filter.
    #[must_use]
    pub fn filter(&self) -> &Filter {
        &self.0.filter
    }

    /// Bound to the fields of a snapshot.
    ///
    /// # Errors
    /// As [`bind`].
    pub(crate) fn bound(&self, snapshot: &Snapshot) -> Result<Arc<Bound>> {
        let Prepared { filter, params, timed, last } = &*self.0;
        let known = last.load();
        if !timed && Arc::ptr_eq(&known.schema, &snapshot.schema) {
            return Ok(Arc::clone(&known.bound));
        }
        let bound = Arc::new(bind(snapshot, filter, params)?);
        last.store(Arc::new(Resolved { schema: Arc::clone(&snapshot.schema), bound: Arc::clone(&bound) }));
        Ok(bound)
    }
}

/// A filter bound to the fields of a snapshot.
///
/// # Errors
/// [`Error::Filter`](crate::Error::Filter), [`Error::NotIndexed`](crate::Error::NotIndexed) for a field without an index.
pub(crate) fn bind(snapshot: &Snapshot, filter: &Filter, params: &Params) -> Result<Bound> {
    bind_at(snapshot, filter, params, unix_now())
}

fn bind_at(snapshot: &Snapshot, filter: &Filter, params: &Params, now: f64) -> Result<Bound> {
    let bound = filter.bind(&snapshot.schema, params, now)?;
    check_indexed(&snapshot.schema, &bound)?;
    Ok(bound)
}

fn unix_now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use crate::filter::{Filter, Params};
    use crate::{Collection, CollectionOptions, Database, Error, Item, Metric, NoProgress, row};

    fn items() -> Collection {
        let options = CollectionOptions::vectors(1, Metric::InnerProduct).field("n:int index".parse().unwrap()).unwrap();
        let options = options.field("at:time index".parse().unwrap()).unwrap();
        let items = Database::in_memory().unwrap().create_collection("items", options).unwrap();
        items.upsert_many((0..20).map(item)).unwrap();
        items
    }

    fn item(n: i64) -> Item {
        Item::new(n.to_string()).unwrap().with_row(row! { "n" => n, "at" => n }).with_vector([n as f32])
    }

    #[test]
    fn a_prepared_filter_follows_rows_and_fields() {
        let items = items();
        let small = items.prepare(Filter::parse("n < $most").unwrap(), Params::new().with("most", 5)).unwrap();
        let ids = || items.search(&[1.0]).prepared(&small).run().map(|answer| answer.ids().map(str::to_owned).collect::<Vec<_>>());
        assert_eq!(ids().unwrap(), ["4", "3", "2", "1", "0"]);
        items.patch("19", &row! { "n" => 1 }).unwrap();
        items.delete(["2"]).unwrap();
        assert_eq!(ids().unwrap(), ["19", "4", "3", "1", "0"]);
        let both = items.search(&[1.0]).prepared(&small).filter_str("n > 1").unwrap().run().unwrap();
        assert_eq!(both.ids().collect::<Vec<_>>(), ["4", "3"], "with another filter both have to be true");
        items.drop_index("n").unwrap();
        assert!(matches!(ids(), Err(Error::NotIndexed { .. })));
        items.add_index("n", &NoProgress).unwrap();
        assert_eq!(ids().unwrap().len(), 5);
        assert!(matches!(items.prepare(Filter::parse("m < 5").unwrap(), Params::new()), Err(Error::Filter(_))));
        assert!(matches!(items.prepare(small.filter().clone(), Params::new()), Err(Error::Filter(_))), "no value for $most");
    }

    #[test]
    fn a_filter_by_time_is_of_the_time_of_each_query() {
        let items = items();
        let recent = items.prepare(Filter::parse("at > now() - 1h").unwrap(), Params::new()).unwrap();
        assert!(recent.0.timed && !items.prepare(Filter::parse("at > 3").unwrap(), Params::new()).unwrap().0.timed);
        assert_eq!(items.search(&[1.0]).prepared(&recent).run().unwrap().hits, []);
    }
}
