//! A generation: one tower pair and one quantizer, that is, one space of vectors and codes.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use torre_storage::codec::{self, Versioned};
use torre_storage::{BlobMeta, CollectionId, GenerationMeta, Storage};

use crate::error::{Error, Result};
use crate::index::SearchEngine;
use crate::quantizer::Quantizer;
use crate::quantizer::calibration::Calibration;
use crate::segment::IndexSettings;
use crate::tower::{TowerPair, TowerSource};
use crate::types::{DEFAULT_K, DEFAULT_RECALL, Refine};
use crate::vector::Matrix;

/// Parts of a generation's blobs.
const ITEM_ONNX: u8 = 1;
const USER_ONNX: u8 = 2;
const ITEM_SPEC: u8 = 3;
const USER_SPEC: u8 = 4;
const HEAD: u8 = 8;
const QUANTIZER: u8 = 9;
const CALIBRATION: u8 = 10;
const QUERIES: u8 = 11;
const REFINE: u8 = 14;
const SAMPLE: u8 = 16;

/// What the rows of a collection are turned into vectors and codes with. Immutable; a new one replaces it as a whole.
#[derive(Clone)]
pub(crate) struct Generation {
    /// From 1; grows with every training.
    pub(crate) number: u32,
    pub(crate) index: IndexSettings,
    pub(crate) towers: Option<TowerPair>,
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

/// What stands in a generation's part [`HEAD`].
#[derive(Serialize, Deserialize)]
pub(crate) struct Head {
    index: IndexSettings,
    /// Rows and error of the training.
    trained: Option<(u64, f64)>,
}

impl Versioned for Head {
    const WHAT: &'static str = "the head of a generation";
    const VERSION: u8 = 1;
}

/// What stands in part [`REFINE`]: the kind of refine vectors.
#[derive(Serialize, Deserialize)]
struct Kind(Refine);

impl Versioned for Kind {
    const WHAT: &'static str = "a kind of refine vectors";
    const VERSION: u8 = 1;
}

impl Generation {
    /// Writes what is new of a generation into blob `blob`; the towers' parts of `before`, its predecessor, are named again.
    pub(crate) fn write(&self, storage: &Storage, id: CollectionId, blob: u64, before: Option<&GenerationMeta>) -> Result<GenerationMeta> {
        let mut parts: Vec<BlobMeta> = Vec::new();
        let mut put = |part: u8, bytes: &[u8]| -> Result<()> {
            parts.push(storage.write_blob(id, blob, part, bytes)?);
            Ok(())
        };
        let head = Head { index: self.index.clone(), trained: self.trained.as_ref().map(|trained| (trained.rows, trained.error)) };
        put(HEAD, &codec::encode(&head)?)?;
        if let Some(trained) = &self.trained {
            // By the reader's own checks: what it refuses must never be named by a manifest.
            let readable = |part: &str, readable: bool| {
                let refused =
                    || Error::NotStored { part: format!("generation {}", self.number), what: format!("its {part} does not decode") };
                if readable { Ok(()) } else { Err(refused()) }
            };
            let quantizer = trained.engine.quantizer().to_bytes();
            readable("quantizer", Quantizer::from_bytes(&quantizer).is_some())?;
            put(QUANTIZER, &quantizer)?;
            if self.index.refine == Refine::Auto {
                put(REFINE, &codec::encode(&Kind(trained.refine))?)?;
            }
            if let Some(calibration) = &trained.calibration {
                let calibration = calibration.to_bytes();
                readable("calibration", Calibration::from_bytes(&calibration).is_some())?;
                put(CALIBRATION, &calibration)?;
            }
            if let Some(queries) = &trained.queries {
                put(QUERIES, &floats_to_bytes(queries))?;
            }
        }
        if let Some(before) = before {
            parts.extend(before.parts.iter().filter(|part| part.part < HEAD).cloned());
            return Ok(GenerationMeta { number: self.number, parts });
        }
        if let Some(pair) = &self.towers {
            let (item, user) = (pair.item_source(), pair.user_source());
            put(ITEM_ONNX, &item.onnx)?;
            put(USER_ONNX, &user.onnx)?;
            for (part, spec) in [(ITEM_SPEC, &item.spec), (USER_SPEC, &user.spec)] {
                if let Some(spec) = spec {
                    put(part, spec.as_bytes())?;
                }
            }
        }
        Ok(GenerationMeta { number: self.number, parts })
    }

    /// Writes what calibrating anew has changed into blob `blob`; the other parts of `before`, which is of the same number, are named again.
    pub(crate) fn write_calibration(
        &self,
        storage: &Storage,
        id: CollectionId,
        blob: u64,
        before: &GenerationMeta,
    ) -> Result<GenerationMeta> {
        let mut parts = before.parts.clone();
        parts.retain(|part| ![CALIBRATION, QUERIES].contains(&part.part));
        if let Some(trained) = &self.trained {
            if let Some(calibration) = &trained.calibration {
                let bytes = calibration.to_bytes();
                if Calibration::from_bytes(&bytes).is_none() {
                    let what = "its calibration does not decode".to_owned();
                    return Err(Error::NotStored { part: format!("generation {}", self.number), what });
                }
                parts.push(storage.write_blob(id, blob, CALIBRATION, &bytes)?);
            }
            if let Some(queries) = &trained.queries {
                parts.push(storage.write_blob(id, blob, QUERIES, &floats_to_bytes(queries))?);
            }
        }
        Ok(GenerationMeta { number: before.number, parts })
    }

    /// Writes a sample of queries, drawn from so many, in the place of the one that `before` has.
    pub(crate) fn write_sample(
        storage: &Storage,
        id: CollectionId,
        blob: u64,
        before: &GenerationMeta,
        (seen, sample): (u64, &Matrix),
    ) -> Result<GenerationMeta> {
        let mut parts = before.parts.clone();
        parts.retain(|part| part.part != SAMPLE);
        let mut bytes = seen.to_le_bytes().to_vec();
        bytes.extend(floats_to_bytes(sample));
        parts.push(storage.write_blob(id, blob, SAMPLE, &bytes)?);
        Ok(GenerationMeta { number: before.number, parts })
    }

    /// The sample of queries stored with a generation, and the number of those that it was drawn from. It is no more than a help: one that
    /// cannot be read is none.
    pub(crate) fn read_sample(storage: &Storage, id: CollectionId, meta: &GenerationMeta, dim: usize) -> Option<(u64, Matrix)> {
        let part = meta.parts.iter().find(|part| part.part == SAMPLE)?;
        let bytes = storage.read_blob(id, part).ok()?;
        let (seen, floats) = bytes.split_first_chunk::<8>()?;
        let values: Vec<f32> = floats.as_chunks::<4>().0.iter().map(|x| f32::from_le_bytes(*x)).collect();
        let sample = Matrix::from_vec(dim, values).filter(|sample| sample.as_slice().iter().all(|x| x.is_finite()))?;
        Some((u64::from_le_bytes(*seen), sample))
    }

    /// Reads the generation that a manifest names.
    pub(crate) fn read(storage: &Storage, id: CollectionId, meta: &GenerationMeta) -> Result<Self> {
        let damaged = |what: &str| Error::Damaged { part: format!("generation {}", meta.number), what: what.to_owned() };
        let part = |number: u8| -> Result<Option<Vec<u8>>> {
            meta.parts.iter().find(|part| part.part == number).map(|found| Ok(storage.read_blob(id, found)?)).transpose()
        };
        let head: Head = codec::decode(&part(HEAD)?.ok_or_else(|| damaged("its head is missing"))?)?;
        let trained = match head.trained {
            None => None,
            Some((rows, error)) => {
                let bytes = part(QUANTIZER)?.ok_or_else(|| damaged("its quantizer is missing"))?;
                let quantizer = Quantizer::from_bytes(&bytes).ok_or_else(|| damaged("its quantizer does not decode"))?;
                let read = |bytes: Vec<u8>| Calibration::from_bytes(&bytes).ok_or_else(|| damaged("its calibration does not decode"));
                let calibration = part(CALIBRATION)?.map(read).transpose()?;
                let floats = |bytes: &[u8]| bytes.as_chunks::<4>().0.iter().map(|x| f32::from_le_bytes(*x)).collect();
                let read = |bytes: Vec<u8>| {
                    let queries = Matrix::from_vec(quantizer.dim(), floats(&bytes)).filter(|_| bytes.len().is_multiple_of(4));
                    queries.map(Arc::new).ok_or_else(|| damaged("its queries do not decode"))
                };
                let queries = part(QUERIES)?.map(read).transpose()?;
                let refine = match head.index.refine {
                    Refine::Auto => {
                        let bytes = part(REFINE)?.ok_or_else(|| damaged("its kind of refine vectors is missing"))?;
                        codec::decode::<Kind>(&bytes)?.0
                    }
                    kind => kind,
                };
                if refine == Refine::Auto {
                    return Err(damaged("its kind of refine vectors is none that is stored"));
                }
                Some(Arc::new(Trained { engine: SearchEngine::new(Arc::new(quantizer)), rows, error, refine, calibration, queries }))
            }
        };
        Ok(Self { number: meta.number, index: head.index, towers: Self::read_towers(part)?, trained })
    }

    /// The towers alone, where the rest of the generation cannot be read.
    pub(crate) fn read_towers_alone(storage: &Storage, id: CollectionId, meta: &GenerationMeta) -> Result<Option<TowerPair>> {
        Self::read_towers(|number| {
            meta.parts.iter().find(|part| part.part == number).map(|found| Ok(storage.read_blob(id, found)?)).transpose()
        })
    }

    fn read_towers(part: impl Fn(u8) -> Result<Option<Vec<u8>>>) -> Result<Option<TowerPair>> {
        let (Some(item), Some(user)) = (part(ITEM_ONNX)?, part(USER_ONNX)?) else { return Ok(None) };
        let text = |number: u8| -> Result<Option<String>> { Ok(part(number)?.map(|bytes| String::from_utf8_lossy(&bytes).into_owned())) };
        let item = TowerSource { onnx: item, spec: text(ITEM_SPEC)?, path: None };
        let user = TowerSource { onnx: user, spec: text(USER_SPEC)?, path: None };
        Ok(Some(TowerPair::new(item, user)?))
    }
}

fn floats_to_bytes(matrix: &Matrix) -> Vec<u8> {
    matrix.as_slice().iter().flat_map(|x| x.to_le_bytes()).collect()
}
