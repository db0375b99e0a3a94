//! A sealed segment: coded rows in scan order, as they lie in storage and in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use torre_storage::codec::{self, Versioned};
use torre_storage::{BlobMeta, SegmentMeta};

use crate::error::{Error, Result};
use crate::features::{Field, Schema};
use crate::index::{IvfIndex, Shape};
use crate::segment::column::{self, Column, Part};
use crate::segment::parts::{HEAD, segment as number};
use crate::segment::{Columns, RowTable, Shared, Space, Training};

/// What a segment's codes stand for: numbers of its database, and fingerprints that mean the same elsewhere.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Origin {
    /// Number of the training.
    training: u32,
    space_fingerprint: u64,
    training_fingerprint: u64,
}

impl Origin {
    pub(crate) fn of(space: &Space, training: &Training) -> Self {
        let (space_fingerprint, training_fingerprint) = (space.fingerprint, training.fingerprint);
        Self { training: training.number, space_fingerprint, training_fingerprint }
    }
}

/// What stands in a segment's part [`HEAD`]: with it the other parts mean the same in another database.
#[derive(Serialize, Deserialize, Clone, PartialEq, Debug)]
pub(crate) struct SegmentHead {
    /// Fingerprints of the space that its vectors are of, and of the training that coded them.
    space: u64,
    training: u64,
    rows: u64,
    /// The smallest row number; the others are stored as distances from it.
    base: u64,
    /// Mean relative quantization error of its rows.
    error: f64,
}

impl Versioned for SegmentHead {
    const WHAT: &'static str = "the head of a segment";
    const VERSION: u8 = 1;
}

/// An immutable segment. Everything is by position: list by list, in scan order. Copies share what they have.
#[derive(Clone)]
pub(crate) struct Sealed {
    pub(crate) blob: u64,
    pub(crate) origin: Origin,
    pub(crate) index: Arc<IvfIndex>,
    pub(crate) rows: RowTable,
    /// Mean relative quantization error of its rows.
    pub(crate) error: f64,
}

impl Sealed {
    /// Writes the segment's blob; it is durable after the storage's `flush_blobs`, and part of the database once a manifest
    /// names it.
    pub(crate) fn write(&self, shared: &Shared) -> Result<SegmentMeta> {
        self.check(shared)?;
        let mut parts: Vec<BlobMeta> = Vec::new();
        let mut put = |part: u16, bytes: &[u8]| -> Result<()> {
            parts.push(shared.storage.write_blob(shared.id, self.blob, part, bytes)?);
            Ok(())
        };
        let head = SegmentHead {
            space: self.origin.space_fingerprint,
            training: self.origin.training_fingerprint,
            rows: self.rows.len() as u64,
            base: self.rows.base(),
            error: self.error,
        };
        put(HEAD, &codec::encode(&head)?)?;
        put(number::IDS, &self.rows.ids_bytes())?;
        put(number::ROWS, &self.rows.numbers_bytes())?;
        for (part, bytes) in self.index.parts() {
            put(number::INDEX.start + u16::from(part), &bytes)?;
        }
        for (at, column) in self.rows.columns().iter().enumerate() {
            parts.extend(column.write(shared, self.blob, at as u16)?);
        }
        Ok(SegmentMeta { blob: self.blob, training: self.origin.training, rows: self.rows.len() as u64, parts })
    }

    /// Checks what is about to be written as the reader will: what it refuses must never be named by a manifest.
    fn check(&self, shared: &Shared) -> Result<()> {
        let refused = |what: &str| Error::NotStored {
            part: format!("segment {} of collection {:?}", self.blob, shared.name()),
            what: what.to_owned(),
        };
        let parts = self.index.parts();
        let borrowed: Vec<(u8, &[u8])> = parts.iter().map(|(part, bytes)| (*part, &**bytes)).collect();
        IvfIndex::from_parts(self.index.shape(), &borrowed).map_err(|what| refused(&what.to_string()))?;
        if self.index.rows() != self.rows.len() {
            return Err(refused("there are not as many codes as rows"));
        }
        if let Some(id) = self.rows.id_twice() {
            return Err(refused(&format!("two of its rows have the id {id:?}")));
        }
        if !self.error.is_finite() {
            return Err(refused("the quantization error is not finite"));
        }
        Ok(())
    }

    /// Reads a segment that the manifest names, and checks that its parts fit together and that the fields of the schema that are indexed
    /// have columns.
    pub(crate) fn read(shared: &Shared, schema: &Schema, space: &Space, training: &Training, meta: &SegmentMeta) -> Result<Self> {
        let damaged =
            |what: &str| Error::Damaged { part: format!("segment {} of collection {:?}", meta.blob, shared.name()), what: what.to_owned() };
        let part = |number: u16| -> Result<Vec<u8>> {
            let found = meta.parts.iter().find(|part| part.part == number).ok_or_else(|| damaged("a part is missing from the manifest"))?;
            Ok(shared.storage.read_blob(shared.id, found)?)
        };
        let head: SegmentHead = codec::decode(&part(HEAD)?)?;
        let origin = Origin::of(space, training);
        let coded_here =
            meta.training == origin.training && (head.space, head.training) == (origin.space_fingerprint, origin.training_fingerprint);
        let trained = training.trained.as_ref().filter(|_| coded_here);
        let trained = trained.ok_or_else(|| damaged("it was coded by another training, or is of another space"))?;
        if head.rows != meta.rows {
            return Err(damaged("it has not as many rows as the manifest says"));
        }
        let rows = usize::try_from(head.rows).map_err(|_| damaged("more rows than this machine can address"))?;
        let table = RowTable::from_bytes(&part(number::IDS)?, &part(number::ROWS)?, head.base, rows).map_err(damaged)?;
        let mut index_parts = Vec::new();
        for found in meta.parts.iter().filter(|part| number::INDEX.contains(&part.part)) {
            index_parts.push(((found.part - number::INDEX.start) as u8, shared.storage.read_blob(shared.id, found)?));
        }
        let quantizer = trained.engine.quantizer();
        let shape = Shape {
            dim: quantizer.dim(),
            m: quantizer.pq.m(),
            lists: quantizer.lists(),
            metric: shared.settings.metric,
            refine: trained.refine,
        };
        let borrowed: Vec<(u8, &[u8])> = index_parts.iter().map(|(part, bytes)| (*part, bytes.as_slice())).collect();
        let index = IvfIndex::from_parts(shape, &borrowed).map_err(|what| damaged(&what.to_string()))?;
        if index.rows() != rows {
            return Err(damaged("there are not as many codes as rows"));
        }
        let columns = read_columns(shared, schema, meta, rows)?;
        Ok(Self { blob: meta.blob, origin, index: index.into(), rows: table.with_columns(columns), error: head.error })
    }

    /// Bytes of memory.
    pub(crate) fn memory(&self) -> usize {
        self.index.bytes() + self.rows.memory()
    }
}

impl Column {
    /// Writes the column as a segment's column of this number, into a blob that the segment's entry in the manifest is going to name.
    pub(crate) fn write(&self, shared: &Shared, blob: u64, number: u16) -> Result<Vec<BlobMeta>> {
        let parts = self.parts()?;
        // What the reader refuses must never be named by a manifest.
        if !Self::from_parts(&parts, self.len()).is_ok_and(|read| read == *self) {
            let part = format!("the index of the field {:?} of collection {:?}", self.field, shared.name());
            return Err(Error::NotStored { part, what: "it does not come back as it was".to_owned() });
        }
        let put = |(part, bytes): &Part| Ok(shared.storage.write_blob(shared.id, blob, number::of_column(number, *part), bytes)?);
        parts.iter().map(put).collect()
    }
}

/// The number that a segment's next column may have.
pub(crate) fn free_column(meta: &SegmentMeta) -> u16 {
    let taken: BTreeSet<u16> = meta.parts.iter().filter_map(|part| number::column(part.part)).map(|(column, _)| column).collect();
    (0..).find(|number| !taken.contains(number)).unwrap_or(0)
}

/// The parts of the column that a segment has of a field; none where it has no such column.
pub(crate) fn column_parts(shared: &Shared, meta: &SegmentMeta, field: &str) -> Result<Vec<BlobMeta>> {
    let numbered = |part: &BlobMeta| number::column(part.part);
    for part in meta.parts.iter().filter(|part| numbered(part).is_some_and(|(_, part)| part == column::HEAD)) {
        if Column::field_of(&shared.storage.read_blob(shared.id, part)?)? == field {
            let of_column = |other: &&BlobMeta| numbered(other).map(|(column, _)| column) == numbered(part).map(|(column, _)| column);
            return Ok(meta.parts.iter().filter(of_column).copied().collect());
        }
    }
    Ok(Vec::new())
}

/// The columns of the fields that are indexed.
fn read_columns(shared: &Shared, schema: &Schema, meta: &SegmentMeta, rows: usize) -> Result<Columns> {
    if schema.indexed().next().is_none() {
        return Ok(Columns::default());
    }
    let mut parts: BTreeMap<u16, Vec<Part>> = BTreeMap::new();
    for found in &meta.parts {
        if let Some((column, part)) = number::column(found.part) {
            parts.entry(column).or_default().push((part, shared.storage.read_blob(shared.id, found)?));
        }
    }
    let part = format!("segment {} of collection {:?}", meta.blob, shared.name());
    let read = |parts: Vec<Part>| {
        Column::from_parts(&parts, rows).map_err(|error| match error {
            torre_storage::Error::Corrupt { part: of_column, detail } => {
                Error::Damaged { part: format!("{part}, {of_column}"), what: detail }
            }
            other => other.into(),
        })
    };
    let mut found: Vec<Column> = parts.into_values().map(read).collect::<Result<_>>()?;
    let take = |field: &Field| {
        let at = found.iter().position(|column| *column.field == *field.name && column.kind == field.kind);
        let missing = || Error::Damaged { part: part.clone(), what: format!("the field {:?} is indexed, and has no column", field.name) };
        at.map(|at| found.swap_remove(at)).ok_or_else(missing)
    };
    schema.indexed().map(take).collect()
}
