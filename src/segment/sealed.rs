//! A sealed segment: coded rows in scan order, as they lie in storage and in memory.

use torre_storage::{BlobMeta, SegmentMeta};

use crate::error::{Error, Result};
use crate::index::{IvfIndex, Shape};
use crate::segment::{Generation, Ids, Rows, Shared};

/// Part numbers of a segment's blob; the index's own parts follow from [`FIRST_INDEX_PART`].
const IDS_PART: u8 = 0;
const ROWS_PART: u8 = 1;
const ERROR_PART: u8 = 2;
pub(crate) const FIRST_INDEX_PART: u8 = 8;

/// An immutable segment. Everything is by position: list by list, in scan order.
pub(crate) struct Sealed {
    pub(crate) blob: u64,
    pub(crate) generation: u32,
    pub(crate) index: IvfIndex,
    pub(crate) ids: Ids,
    pub(crate) rows: Rows,
    /// Mean relative quantization error of its rows.
    pub(crate) error: f64,
}

impl Sealed {
    /// Writes the segment's blob; it is durable after the storage's `flush_blobs`, and part of the database once a manifest
    /// names it.
    pub(crate) fn write(&self, shared: &Shared) -> Result<SegmentMeta> {
        self.check(shared)?;
        let mut parts: Vec<BlobMeta> = Vec::new();
        let mut put = |part: u8, bytes: &[u8]| -> Result<()> {
            parts.push(shared.storage.write_blob(shared.id, self.blob, part, bytes)?);
            Ok(())
        };
        put(IDS_PART, &self.ids.to_bytes())?;
        put(ROWS_PART, &self.rows.to_bytes())?;
        put(ERROR_PART, &self.error.to_le_bytes())?;
        for (part, bytes) in self.index.parts() {
            put(FIRST_INDEX_PART + part, &bytes)?;
        }
        Ok(SegmentMeta { blob: self.blob, generation: self.generation, rows: self.rows.len() as u64, parts })
    }

    /// Checks what is about to be written as the reader will: what it refuses must never be named by a manifest.
    fn check(&self, shared: &Shared) -> Result<()> {
        let refused = |what: &str| Error::NotStored {
            part: format!("segment {} of collection {:?}", self.blob, shared.settings.name),
            what: what.to_owned(),
        };
        let parts = self.index.parts();
        let borrowed: Vec<(u8, &[u8])> = parts.iter().map(|(part, bytes)| (*part, &**bytes)).collect();
        IvfIndex::from_parts(self.index.shape(), &borrowed).map_err(|what| refused(&what.to_string()))?;
        if self.index.rows() != self.rows.len() {
            return Err(refused("there are not as many codes as rows"));
        }
        if !self.error.is_finite() {
            return Err(refused("the quantization error is not finite"));
        }
        Ok(())
    }

    /// Reads a segment that the manifest names, and checks that its parts fit together.
    pub(crate) fn read(shared: &Shared, generation: &Generation, meta: &SegmentMeta) -> Result<Self> {
        let damaged = |what: &str| Error::Damaged {
            part: format!("segment {} of collection {:?}", meta.blob, shared.settings.name),
            what: what.to_owned(),
        };
        let part = |number: u8| -> Result<Vec<u8>> {
            let found = meta.parts.iter().find(|part| part.part == number).ok_or_else(|| damaged("a part is missing from the manifest"))?;
            Ok(shared.storage.read_blob(shared.id, found)?)
        };
        let rows = usize::try_from(meta.rows).map_err(|_| damaged("more rows than this machine can address"))?;
        let ids = Ids::from_bytes(&part(IDS_PART)?, rows).ok_or_else(|| damaged("the ids do not decode"))?;
        let numbers = Rows::from_bytes(&part(ROWS_PART)?, rows).ok_or_else(|| damaged("the row numbers do not decode"))?;
        let error = part(ERROR_PART)?
            .as_slice()
            .try_into()
            .map(f64::from_le_bytes)
            .map_err(|_| damaged("the quantization error does not decode"))?;
        let mut index_parts = Vec::new();
        for found in meta.parts.iter().filter(|part| part.part >= FIRST_INDEX_PART) {
            index_parts.push((found.part - FIRST_INDEX_PART, shared.storage.read_blob(shared.id, found)?));
        }
        let trained = generation.trained.as_ref().filter(|_| meta.generation == generation.number);
        let trained = trained.ok_or_else(|| damaged("it was coded by another generation"))?;
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
        Ok(Self { blob: meta.blob, generation: meta.generation, index, ids, rows: numbers, error })
    }

    /// Bytes of memory.
    pub(crate) fn memory(&self) -> usize {
        self.index.bytes() + self.ids.memory() + self.rows.memory()
    }
}
