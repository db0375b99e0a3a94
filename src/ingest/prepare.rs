//! Rows become changes: checked against the schema, run through the item tower, encoded. No lock is held.

use crate::error::{Error, Result};
use crate::features::{ID_FIELD, Row, VECTOR_FIELD};
use crate::ingest::{NewRow, Op};
use crate::segment::{Shared, Snapshot, SnapshotLookup};
use crate::types::ItemId;
use crate::vector::{Matrix, validate};

/// So many rows go through a tower in one piece, which is not worth another thread.
const FEW: usize = 64;

/// An item to be stored: an id, raw features, and a vector where the collection has no towers.
///
/// ```
/// use torre::{Item, row};
///
/// let item = Item::new("tent-1")?.with_row(row! { "price" => 219.0 }).with_vector([0.6, 0.8]);
/// assert_eq!((item.id().as_str(), item.vector()), ("tent-1", Some(&[0.6, 0.8][..])));
/// assert_eq!(Item::from_row(row! { "id" => 7, "price" => 3.5 })?.id().as_str(), "7");
/// # Ok::<(), torre::Error>(())
/// ```
#[derive(Clone, PartialEq, Debug)]
pub struct Item {
    pub(crate) id: ItemId,
    pub(crate) row: Row,
    pub(crate) vector: Option<Vec<f32>>,
}

impl Item {
    /// An item with an id and nothing else yet.
    ///
    /// # Errors
    /// [`Error::InvalidId`] for an id that is empty or longer than 512 bytes.
    pub fn new<I>(id: I) -> Result<Self>
    where
        I: TryInto<ItemId>,
        Error: From<I::Error>,
    {
        Ok(Self { id: id.try_into()?, row: Row::new(), vector: None })
    }

    /// Takes the id from the row's field `id` (text or an integer) and, for a collection of the caller's vectors, the vector from its
    /// field `vector`, a list of numbers.
    ///
    /// # Errors
    /// [`Error::InvalidRow`] when there is no such field or it is neither text nor an integer, [`Error::InvalidId`].
    pub fn from_row(row: Row) -> Result<Self> {
        let id = row.get(ID_FIELD).ok_or_else(|| Error::InvalidRow { row: 0, problem: "it has no field \"id\"".to_owned() })?;
        let id = id
            .to_id_text()
            .ok_or_else(|| Error::InvalidRow { row: 0, problem: "its field \"id\" is neither a string nor an integer".to_owned() })?;
        Ok(Self { id: ItemId::new(id)?, row, vector: None })
    }

    /// Sets the raw features.
    #[must_use]
    pub fn with_row(mut self, row: Row) -> Self {
        self.row = row;
        self
    }

    /// Sets the vector.
    #[must_use]
    pub fn with_vector(mut self, vector: impl Into<Vec<f32>>) -> Self {
        self.vector = Some(vector.into());
        self
    }

    /// The id.
    #[must_use]
    pub fn id(&self) -> &ItemId {
        &self.id
    }

    /// The raw features.
    #[must_use]
    pub fn row(&self) -> &Row {
        &self.row
    }

    /// The vector, where the caller gave one.
    #[must_use]
    pub fn vector(&self) -> Option<&[f32]> {
        self.vector.as_deref()
    }
}

/// Turns items into changes for one snapshot's generation.
pub(crate) struct Preparer<'s> {
    pub(crate) shared: &'s Shared,
    pub(crate) snapshot: &'s Snapshot,
}

impl Preparer<'_> {
    /// Checks all items and makes their vectors; the first bad one fails the batch, and the error carries its place.
    pub(crate) fn puts(&self, mut items: Vec<Item>) -> Result<Vec<Op>> {
        for (at, item) in items.iter_mut().enumerate() {
            self.settle(item, at)?;
        }
        let vectors = self.vectors(&items)?;
        let puts = items.into_iter().zip(vectors.iter());
        Ok(puts.map(|(item, vector)| Op::Put(NewRow { id: item.id, vector: vector.to_vec(), features: item.row.to_bytes() })).collect())
    }

    /// Brings id, vector and row into agreement and checks the row's fields.
    pub(super) fn settle(&self, item: &mut Item, at: usize) -> Result<()> {
        let wrong = |problem: String| Error::InvalidRow { row: at, problem };
        match item.row.get(ID_FIELD) {
            None => {
                item.row.insert(ID_FIELD, item.id.as_str());
            }
            Some(value) if value.to_id_text().as_deref() == Some(item.id.as_str()) => {}
            Some(_) => return Err(wrong(format!("its field \"id\" is not the item's id {:?}", item.id.as_str()))),
        }
        if self.shared.settings.towers {
            if item.vector.is_some() {
                return Err(wrong("it has a vector, but this collection's vectors are made by its item tower".to_owned()));
            }
        } else if let Some(value) = item.row.remove(VECTOR_FIELD) {
            if item.vector.is_some() {
                return Err(wrong("it has two vectors: one in its field \"vector\", one beside it".to_owned()));
            }
            let numbers = value.as_list().and_then(|list| list.iter().map(|x| x.as_f64().map(|x| x as f32)).collect::<Option<Vec<f32>>>());
            item.vector = Some(numbers.ok_or_else(|| wrong("its field \"vector\" is not a list of numbers".to_owned()))?);
        }
        self.check_fields(&item.row, at)
    }

    pub(super) fn check_fields(&self, row: &Row, at: usize) -> Result<()> {
        let spec = self.snapshot.space.towers.as_ref().map(|pair| pair.item_spec());
        Ok(self.snapshot.schema.check(row, spec, at)?)
    }

    pub(super) fn vectors(&self, items: &[Item]) -> Result<Matrix> {
        let (dim, metric) = (self.shared.settings.dim, self.shared.settings.metric);
        if let Some(pair) = &self.snapshot.space.towers {
            let rows: Vec<&Row> = items.iter().map(|item| &item.row).collect();
            let lookup = SnapshotLookup { shared: self.shared, snapshot: self.snapshot };
            let schema = &*self.snapshot.schema;
            let options =
                crate::features::EncodeOptions { lookup: Some(&lookup), schema: Some(schema), lenient: true, ..Default::default() };
            let run = || pair.item().run(&rows, &options);
            return if rows.len() <= FEW { run() } else { self.shared.process().run(run) };
        }
        let mut vectors = Matrix::with_capacity(dim, items.len());
        for (at, item) in items.iter().enumerate() {
            let vector = item.vector.as_deref().ok_or_else(|| Error::InvalidRow {
                row: at,
                problem: format!("it has no vector; this collection takes vectors of length {dim}"),
            })?;
            vectors.push(&validate(vector, dim, metric, at)?);
        }
        Ok(vectors)
    }
}
