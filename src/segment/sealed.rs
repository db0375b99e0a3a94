//! A sealed segment: coded rows in scan order, as they lie in storage and in memory.

use serde::{Deserialize, Serialize};
use torre_storage::codec::{self, Versioned};
use torre_storage::{BlobMeta, SegmentMeta};

use crate::error::{Error, Result};
use crate::index::{IvfIndex, Shape};
use crate::segment::parts::{HEAD, segment as number};
use crate::segment::{RowTable, Shared, Space, Training};

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

/// An immutable segment. Everything is by position: list by list, in scan order.
pub(crate) struct Sealed {
    pub(crate) blob: u64,
    pub(crate) origin: Origin,
    pub(crate) index: IvfIndex,
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
        Ok(SegmentMeta { blob: self.blob, training: self.origin.training, rows: self.rows.len() as u64, parts })
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
        if let Some(id) = self.rows.id_twice() {
            return Err(refused(&format!("two of its rows have the id {id:?}")));
        }
        if !self.error.is_finite() {
            return Err(refused("the quantization error is not finite"));
        }
        Ok(())
    }

    /// Reads a segment that the manifest names, and checks that its parts fit together.
    pub(crate) fn read(shared: &Shared, space: &Space, training: &Training, meta: &SegmentMeta) -> Result<Self> {
        let damaged = |what: &str| Error::Damaged {
            part: format!("segment {} of collection {:?}", meta.blob, shared.settings.name),
            what: what.to_owned(),
        };
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
        Ok(Self { blob: meta.blob, origin, index, rows: table, error: head.error })
    }

    /// Bytes of memory.
    pub(crate) fn memory(&self) -> usize {
        self.index.bytes() + self.rows.memory()
    }
}
