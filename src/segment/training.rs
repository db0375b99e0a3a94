//! A training: how the vectors of a space are coded.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use torre_storage::codec::{self, Versioned};
use torre_storage::{BlobMeta, CollectionId, SpaceId, Storage, TrainingMeta};

use crate::error::{Error, Result};
use crate::index::SearchEngine;
use crate::quantizer::Quantizer;
use crate::quantizer::calibration::Calibration;
use crate::segment::parts::{HEAD, fingerprint, training as number};
use crate::segment::{IndexSettings, Space};
use crate::types::{DEFAULT_K, DEFAULT_RECALL, Refine};
use crate::vector::Matrix;

/// How the vectors of one space are coded. Immutable; a new one replaces it as a whole.
#[derive(Clone)]
pub(crate) struct Training {
    /// From 1; grows with every training. Applications know it as the generation.
    pub(crate) number: u32,
    /// The space that it belongs to.
    pub(crate) space: SpaceId,
    /// The XXH3 of the space's fingerprint and of the checksums of what makes the codes.
    pub(crate) fingerprint: u64,
    pub(crate) index: IndexSettings,
    /// Absent until there was enough to train on.
    pub(crate) trained: Option<Arc<Trained>>,
}

/// A trained quantizer, ready to search with.
pub(crate) struct Trained {
    pub(crate) engine: SearchEngine,
    /// Rows of the collection when it was trained.
    pub(crate) rows: u64,
    /// Mean relative quantization error over those rows.
    pub(crate) error: f64,
    /// The kind of refine vectors of its segments: what the settings say, or what the build chose where they say auto.
    pub(crate) refine: Refine,
    /// What reaches a recall.
    pub(crate) calibration: Option<Calibration>,
    /// The real queries that it was calibrated with, for the next training; `None` where stored vectors stood in.
    pub(crate) queries: Option<Arc<Matrix>>,
}

impl Trained {
    /// What a query that asks for nothing else finds of its true nearest, by the calibration, in a collection of so many rows: below the default
    /// target where that is out of reach.
    pub(crate) fn expected_recall(&self, rows: u64) -> Option<f32> {
        Some(self.calibration.as_ref()?.pick(DEFAULT_RECALL, DEFAULT_K, rows).expected)
    }

    /// What recall targets are calibrated with.
    pub(crate) fn calibrated_with(&self) -> Option<&'static str> {
        self.calibration.as_ref().map(|_| if self.queries.is_some() { "queries" } else { "items" })
    }
}

/// What stands in a training's part [`HEAD`].
#[derive(Serialize, Deserialize)]
pub(crate) struct TrainingHead {
    index: IndexSettings,
    /// Rows and error of the training.
    trained: Option<(u64, f64)>,
}

impl Versioned for TrainingHead {
    const WHAT: &'static str = "the head of a training";
    const VERSION: u8 = 1;
}

/// What stands in part [`number::REFINE`]: the kind of refine vectors.
#[derive(Serialize, Deserialize)]
struct Kind(Refine);

impl Versioned for Kind {
    const WHAT: &'static str = "a kind of refine vectors";
    const VERSION: u8 = 1;
}

/// Of a space with this fingerprint, and of the parts that codes are made with: those that calibrating anew changes are none.
fn fingerprint_of(space: u64, parts: &[BlobMeta]) -> u64 {
    fingerprint(&[space], parts.iter().filter(|part| [number::QUANTIZER, number::REFINE].contains(&part.part)))
}

impl Training {
    /// A collection's first one, with nothing trained.
    pub(crate) fn untrained(space: &Space, index: IndexSettings) -> Self {
        Self { number: 1, space: space.number, fingerprint: fingerprint_of(space.fingerprint, &[]), index, trained: None }
    }

    /// Writes the training, of this space, into blob `blob`, and keeps the fingerprint that it gets.
    pub(crate) fn write(&mut self, storage: &Storage, id: CollectionId, blob: u64, space: &Space) -> Result<TrainingMeta> {
        let mut parts: Vec<BlobMeta> = Vec::new();
        let mut put = |part: u16, bytes: &[u8]| -> Result<()> {
            parts.push(storage.write_blob(id, blob, part, bytes)?);
            Ok(())
        };
        let head = TrainingHead { index: self.index.clone(), trained: self.trained.as_ref().map(|trained| (trained.rows, trained.error)) };
        put(HEAD, &codec::encode(&head)?)?;
        if let Some(trained) = &self.trained {
            // By the reader's own checks: what it refuses must never be named by a manifest.
            let quantizer = trained.engine.quantizer().to_bytes();
            self.readable("quantizer", Quantizer::from_bytes(&quantizer).is_some())?;
            put(number::QUANTIZER, &quantizer)?;
            put(number::REFINE, &codec::encode(&Kind(trained.refine))?)?;
        }
        parts.extend(self.write_measured(storage, id, blob)?);
        self.fingerprint = fingerprint_of(space.fingerprint, &parts);
        Ok(TrainingMeta { number: self.number, space: self.space, fingerprint: self.fingerprint, parts })
    }

    /// Writes what calibrating anew has changed into blob `blob`; the other parts of `before`, which is of the same number, are named again.
    pub(crate) fn write_calibration(&self, storage: &Storage, id: CollectionId, blob: u64, before: &TrainingMeta) -> Result<TrainingMeta> {
        let mut meta = before.clone();
        meta.parts.retain(|part| ![number::CALIBRATION, number::QUERIES].contains(&part.part));
        meta.parts.extend(self.write_measured(storage, id, blob)?);
        Ok(meta)
    }

    /// Writes the calibration and its queries, where there are any.
    fn write_measured(&self, storage: &Storage, id: CollectionId, blob: u64) -> Result<Vec<BlobMeta>> {
        let mut parts = Vec::new();
        let Some(trained) = &self.trained else { return Ok(parts) };
        if let Some(calibration) = &trained.calibration {
            let bytes = calibration.to_bytes();
            self.readable("calibration", Calibration::from_bytes(&bytes).is_some())?;
            parts.push(storage.write_blob(id, blob, number::CALIBRATION, &bytes)?);
        }
        if let Some(queries) = &trained.queries {
            parts.push(storage.write_blob(id, blob, number::QUERIES, &floats_to_bytes(queries))?);
        }
        Ok(parts)
    }

    fn readable(&self, part: &str, readable: bool) -> Result<()> {
        let refused = || Error::NotStored { part: format!("training {}", self.number), what: format!("its {part} does not decode") };
        if readable { Ok(()) } else { Err(refused()) }
    }

    /// Writes a sample of queries, drawn from so many, in the place of the one that `before` has.
    pub(crate) fn write_sample(
        storage: &Storage,
        id: CollectionId,
        blob: u64,
        before: &TrainingMeta,
        (seen, sample): (u64, &Matrix),
    ) -> Result<TrainingMeta> {
        let mut meta = before.clone();
        meta.parts.retain(|part| part.part != number::SAMPLE);
        let mut bytes = seen.to_le_bytes().to_vec();
        bytes.extend(floats_to_bytes(sample));
        meta.parts.push(storage.write_blob(id, blob, number::SAMPLE, &bytes)?);
        Ok(meta)
    }

    /// The sample of queries stored with a training, and the number of those that it was drawn from. It is no more than a help: one that
    /// cannot be read is none.
    pub(crate) fn read_sample(storage: &Storage, id: CollectionId, meta: &TrainingMeta, dim: usize) -> Option<(u64, Matrix)> {
        let part = meta.parts.iter().find(|part| part.part == number::SAMPLE)?;
        let bytes = storage.read_blob(id, part).ok()?;
        let (seen, floats) = bytes.split_first_chunk::<8>()?;
        let values: Vec<f32> = floats.as_chunks::<4>().0.iter().map(|x| f32::from_le_bytes(*x)).collect();
        let sample = Matrix::from_vec(dim, values).filter(|sample| sample.as_slice().iter().all(|x| x.is_finite()))?;
        Some((u64::from_le_bytes(*seen), sample))
    }

    /// Reads the training that a manifest names, which is of this space.
    pub(crate) fn read(storage: &Storage, id: CollectionId, meta: &TrainingMeta, space: &Space) -> Result<Self> {
        if meta.space != space.number || meta.fingerprint != fingerprint_of(space.fingerprint, &meta.parts) {
            let what = "it is of another space, or its fingerprint is not that of its parts".to_owned();
            return Err(Error::Damaged { part: format!("training {}", meta.number), what });
        }
        Self::read_alone(storage, id, meta)
    }

    /// Reads a training whatever its space is: for what can be saved of a collection.
    pub(crate) fn read_alone(storage: &Storage, id: CollectionId, meta: &TrainingMeta) -> Result<Self> {
        let damaged = |what: &str| Error::Damaged { part: format!("training {}", meta.number), what: what.to_owned() };
        let part = |wanted: u16| -> Result<Option<Vec<u8>>> {
            meta.parts.iter().find(|part| part.part == wanted).map(|found| Ok(storage.read_blob(id, found)?)).transpose()
        };
        let head: TrainingHead = codec::decode(&part(HEAD)?.ok_or_else(|| damaged("its head is missing"))?)?;
        let trained = match head.trained {
            None => None,
            Some((rows, error)) => {
                let bytes = part(number::QUANTIZER)?.ok_or_else(|| damaged("its quantizer is missing"))?;
                let quantizer = Quantizer::from_bytes(&bytes).ok_or_else(|| damaged("its quantizer does not decode"))?;
                let read = |bytes: Vec<u8>| Calibration::from_bytes(&bytes).ok_or_else(|| damaged("its calibration does not decode"));
                let calibration = part(number::CALIBRATION)?.map(read).transpose()?;
                let floats = |bytes: &[u8]| bytes.as_chunks::<4>().0.iter().map(|x| f32::from_le_bytes(*x)).collect();
                let read = |bytes: Vec<u8>| {
                    let queries = Matrix::from_vec(quantizer.dim(), floats(&bytes)).filter(|_| bytes.len().is_multiple_of(4));
                    queries.map(Arc::new).ok_or_else(|| damaged("its queries do not decode"))
                };
                let queries = part(number::QUERIES)?.map(read).transpose()?;
                let kind = part(number::REFINE)?.ok_or_else(|| damaged("its kind of refine vectors is missing"))?;
                let Kind(refine) = codec::decode(&kind)?;
                if refine == Refine::Auto || (head.index.refine != Refine::Auto && head.index.refine != refine) {
                    return Err(damaged("its kind of refine vectors is none that is stored, or not the one that was set"));
                }
                Some(Arc::new(Trained { engine: SearchEngine::new(Arc::new(quantizer)), rows, error, refine, calibration, queries }))
            }
        };
        Ok(Self { number: meta.number, space: meta.space, fingerprint: meta.fingerprint, index: head.index, trained })
    }
}

fn floats_to_bytes(matrix: &Matrix) -> Vec<u8> {
    matrix.as_slice().iter().flat_map(|x| x.to_le_bytes()).collect()
}
