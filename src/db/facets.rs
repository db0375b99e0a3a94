//! Facets: which values items have, and how many of them.

use std::collections::HashMap;

use serde::Serialize;

use crate::db::Collection;
use crate::db::matching::places;
use crate::error::{Error, Result};
use crate::features::Value;
use crate::filter::{Filter, Params};
use crate::segment::{Cells, Column, Place};

/// Values of a field that come back when nobody says.
const MOST: usize = 100;

/// A question for the values that items have, built step by step; see [`Collection::facets`].
#[must_use = "nothing is counted until `run`"]
#[derive(Debug)]
pub struct Facets<'c> {
    collection: &'c Collection,
    fields: Vec<String>,
    filter: Option<Filter>,
    params: Params,
    most: usize,
}

/// The values of one field.
///
/// ```
/// # use torre::{CollectionOptions, Database, Item, Metric, row};
/// # let options = CollectionOptions::vectors(1, Metric::InnerProduct).field("brand:text index".parse()?)?;
/// # let items = Database::in_memory()?.create_collection("items", options)?;
/// for (id, brand) in [("a", "Nordhag"), ("b", "Fernweg"), ("c", "Nordhag")] {
///     items.upsert(Item::new(id)?.with_row(row! { "brand" => brand }).with_vector([1.0]))?;
/// }
/// let brands = items.facets(["brand"]).filter_str("id != 'b'")?.run()?.remove(0);
/// assert_eq!((brands.values.len(), brands.values[0].value.as_str(), brands.values[0].items), (1, Some("Nordhag"), 2));
/// # Ok::<(), torre::Error>(())
/// ```
#[derive(Clone, PartialEq, Debug, Serialize)]
#[non_exhaustive]
pub struct Facet {
    /// The field.
    pub field: String,
    /// Its values, those of most items first; among equals in the order of their texts.
    pub values: Vec<FacetValue>,
    /// Values besides these.
    pub more: u64,
    /// Items without a value.
    pub null: u64,
}

/// A value, and how many items have it. An item with a list has each of its elements.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[non_exhaustive]
pub struct FacetValue {
    /// The value, as one of the field's type.
    pub value: Value,
    /// Items that have it.
    pub items: u64,
}

impl Collection {
    /// Counts the values that items have in these fields, which must be indexed. Without a filter of all items.
    pub fn facets<N: Into<String>>(&self, fields: impl IntoIterator<Item = N>) -> Facets<'_> {
        let fields = fields.into_iter().map(Into::into).collect();
        Facets { collection: self, fields, filter: None, params: Params::new(), most: MOST }
    }
}

impl Facets<'_> {
    /// Counts the items of which the filter is true. Of several filters all have to be.
    pub fn filter(mut self, filter: Filter) -> Self {
        self.filter = Some(match self.filter.take() {
            Some(before) => before & filter,
            None => filter,
        });
        self
    }

    /// The same with a filter in the language of [`filter`](crate::filter).
    ///
    /// # Errors
    /// [`Error::Filter`] for a text that is not in the language.
    pub fn filter_str(self, filter: &str) -> Result<Self> {
        Ok(self.filter(Filter::parse(filter)?))
    }

    /// The value of one of the filter's parameters.
    pub fn param(mut self, name: impl Into<Box<str>>, value: impl Into<Value>) -> Self {
        self.params = self.params.with(name, value);
        self
    }

    /// At most so many values of each field (100).
    pub fn most(mut self, values: usize) -> Self {
        self.most = values;
        self
    }

    /// Counts, in one snapshot.
    ///
    /// # Errors
    /// [`Error::Filter`], [`Error::NotIndexed`].
    pub fn run(self) -> Result<Vec<Facet>> {
        let shared = &self.collection.core.shared;
        let snapshot = shared.read()?;
        let indexed: Vec<String> = snapshot.schema.indexed().map(|field| field.name.clone()).collect();
        if let Some(field) = self.fields.iter().find(|field| !indexed.contains(field)) {
            return Err(Error::NotIndexed { field: field.clone(), indexed });
        }
        let filter = self.filter.unwrap_or_else(|| crate::filter::field("id").is_not_null());
        let places = places(shared, &snapshot, &filter, &self.params)?;
        let facet = |field: String| {
            let mut counts = Counts::default();
            // Places come part by part.
            for places in places.chunk_by(|a, b| a.0 == b.0) {
                let part = places.first().map_or(0, |place| place.0);
                if let Some(column) = snapshot.table(part).columns().get(&field) {
                    counts.add(column, places);
                }
            }
            counts.facet(field, self.most)
        };
        Ok(self.fields.into_iter().map(facet).collect())
    }
}

/// Counts of one field under way, by the values' texts.
#[derive(Default)]
struct Counts {
    values: HashMap<String, (Value, u64)>,
    null: u64,
}

impl Counts {
    fn add(&mut self, column: &Column, places: &[Place]) {
        let rows = || places.iter().map(|place| place.1 as usize);
        let present = rows().filter(|&at| !column.is_null(at));
        self.null += rows().filter(|&at| column.is_null(at)).count() as u64;
        match (&column.cells, &column.lists) {
            // A text is counted by its code.
            (Cells::Texts { codes, dictionary }, None) => {
                let mut counts = vec![0u64; dictionary.len()];
                for at in present {
                    if let Some(count) = counts.get_mut(codes.get(at) as usize) {
                        *count += 1;
                    }
                }
                for (code, count) in (0..).zip(counts).filter(|(_, count)| *count > 0) {
                    self.count(Value::from(dictionary.get(code)), count);
                }
            }
            (_, None) => present.for_each(|at| self.count(column.value(at), 1)),
            (_, Some(_)) => {
                for at in present {
                    let Value::List(elements) = column.value(at) else { continue };
                    for (place, element) in elements.iter().enumerate() {
                        if elements.get(..place).is_none_or(|before| !before.contains(element)) {
                            self.count(element.clone(), 1);
                        }
                    }
                }
            }
        }
    }

    fn count(&mut self, value: Value, items: u64) {
        let text = value.as_str().map_or_else(|| value.to_json().to_string(), str::to_owned);
        self.values.entry(text).or_insert((value, 0)).1 += items;
    }

    fn facet(self, field: String, most: usize) -> Facet {
        let mut values: Vec<(String, (Value, u64))> = self.values.into_iter().collect();
        values.sort_unstable_by(|(a, (_, of_a)), (b, (_, of_b))| of_b.cmp(of_a).then_with(|| a.cmp(b)));
        let more = values.len().saturating_sub(most) as u64;
        values.truncate(most);
        let values = values.into_iter().map(|(_, (value, items))| FacetValue { value, items }).collect();
        Facet { field, values, more, null: self.null }
    }
}
