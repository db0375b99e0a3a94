//! A generation: one tower pair and one quantizer, that is, one space of vectors and codes.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use torre_storage::{BlobMeta, CollectionId, GenerationMeta, Storage, codec};

use crate::error::{Error, Result};
use crate::index::SearchEngine;
use crate::quantizer::Quantizer;
use crate::quantizer::calibration::Calibration;
use crate::segment::IndexSettings;
#[cfg(feature = "onnx")]
use crate::tower::{TowerPair, TowerSource};
use crate::types::Refine;
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

/// What the rows of a collection are turned into vectors and codes with. Immutable; a new one replaces it as a whole.
#[derive(Clone)]
pub(crate) struct Generation {
    /// From 1; grows with every training.
    pub(crate) number: u32,
    pub(crate) index: IndexSettings,
    #[cfg(feature = "onnx")]
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

#[derive(Serialize, Deserialize)]
struct Head {
    index: IndexSettings,
    trained: Option<(u64, f64)>,
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
                put(REFINE, &codec::encode(&trained.refine)?)?;
            }
            if let Some(calibration) = &trained.calibration {
                let calibration = calibration.to_bytes();
                readable("calibration", Calibration::from_bytes(&calibration).is_some())?;
                put(CALIBRATION, &calibration)?;
            }
            if let Some(queries) = &trained.queries {
                put(QUERIES, &queries.as_slice().iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>())?;
            }
        }
        if let Some(before) = before {
            parts.extend(before.parts.iter().filter(|part| part.part < HEAD).cloned());
            return Ok(GenerationMeta { number: self.number, parts });
        }
        #[cfg(feature = "onnx")]
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
                    Refine::Auto => codec::decode(&part(REFINE)?.ok_or_else(|| damaged("its kind of refine vectors is missing"))?)?,
                    kind => kind,
                };
                if refine == Refine::Auto {
                    return Err(damaged("its kind of refine vectors is none that is stored"));
                }
                Some(Arc::new(Trained { engine: SearchEngine::new(Arc::new(quantizer)), rows, error, refine, calibration, queries }))
            }
        };
        Ok(Self {
            number: meta.number,
            index: head.index,
            #[cfg(feature = "onnx")]
            towers: Self::read_towers(part)?,
            trained,
        })
    }

    /// The towers alone, where the rest of the generation cannot be read.
    #[cfg(feature = "onnx")]
    pub(crate) fn read_towers_alone(storage: &Storage, id: CollectionId, meta: &GenerationMeta) -> Result<Option<TowerPair>> {
        Self::read_towers(|number| {
            meta.parts.iter().find(|part| part.part == number).map(|found| Ok(storage.read_blob(id, found)?)).transpose()
        })
    }

    #[cfg(feature = "onnx")]
    fn read_towers(part: impl Fn(u8) -> Result<Option<Vec<u8>>>) -> Result<Option<TowerPair>> {
        let (Some(item), Some(user)) = (part(ITEM_ONNX)?, part(USER_ONNX)?) else { return Ok(None) };
        let text = |number: u8| -> Result<Option<String>> { Ok(part(number)?.map(|bytes| String::from_utf8_lossy(&bytes).into_owned())) };
        let item = TowerSource { onnx: item, spec: text(ITEM_SPEC)?, path: None };
        let user = TowerSource { onnx: user, spec: text(USER_SPEC)?, path: None };
        Ok(Some(TowerPair::new(item, user)?))
    }
}
