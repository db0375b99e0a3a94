//! A space: what vectors mean. Two vectors can be compared when they are of one space, and a segment can be used elsewhere when its space and
//! its training are there.

use serde::{Deserialize, Serialize};
use torre_storage::codec::{self, Versioned};
use torre_storage::{BlobMeta, CollectionId, SpaceId, SpaceMeta, Storage};

use crate::error::{Error, Result};
use crate::segment::Settings;
use crate::segment::parts::space as number;
use crate::segment::parts::{HEAD, fingerprint};
use crate::tower::{TowerPair, TowerSource};
use crate::types::Metric;

/// The number of a collection's first space, and so far its only one.
pub(crate) const FIRST_SPACE: SpaceId = SpaceId(1);

/// What the vectors of a collection mean: which tower pair makes them (or that they are the caller's own), their width, their metric.
#[derive(Clone)]
pub(crate) struct Space {
    pub(crate) number: SpaceId,
    /// The XXH3 of its parts' checksums.
    pub(crate) fingerprint: u64,
    pub(crate) towers: Option<TowerPair>,
}

/// What stands in a space's part [`HEAD`].
#[derive(Serialize, Deserialize, Clone, PartialEq, Eq, Debug)]
pub(crate) struct SpaceHead {
    dim: u64,
    metric: Metric,
    /// False where vectors are the caller's own.
    towers: bool,
}

impl Versioned for SpaceHead {
    const WHAT: &'static str = "the head of a space";
    const VERSION: u8 = 1;
}

impl SpaceHead {
    fn of(settings: &Settings) -> Self {
        Self { dim: settings.dim as u64, metric: settings.metric, towers: settings.towers }
    }
}

impl Space {
    /// Writes a collection's first space into blob `blob`.
    pub(crate) fn create(
        storage: &Storage,
        id: CollectionId,
        blob: u64,
        settings: &Settings,
        towers: Option<TowerPair>,
    ) -> Result<(Self, SpaceMeta)> {
        let mut parts: Vec<BlobMeta> = Vec::new();
        let mut put = |part: u16, bytes: &[u8]| -> Result<()> {
            parts.push(storage.write_blob(id, blob, part, bytes)?);
            Ok(())
        };
        put(HEAD, &codec::encode(&SpaceHead::of(settings))?)?;
        if let Some(pair) = &towers {
            let (item, user) = (pair.item_source(), pair.user_source());
            put(number::ITEM_ONNX, &item.onnx)?;
            put(number::USER_ONNX, &user.onnx)?;
            for (part, spec) in [(number::ITEM_SPEC, &item.spec), (number::USER_SPEC, &user.spec)] {
                if let Some(spec) = spec {
                    put(part, spec.as_bytes())?;
                }
            }
        }
        let meta = SpaceMeta { number: FIRST_SPACE, fingerprint: fingerprint(&[], parts.iter()), parts };
        let space = Self { number: meta.number, fingerprint: meta.fingerprint, towers };
        Ok((space, meta))
    }

    /// Reads the space that a manifest names, and checks that it is what the collection's settings say.
    pub(crate) fn read(storage: &Storage, id: CollectionId, meta: &SpaceMeta, settings: &Settings) -> Result<Self> {
        let damaged = |what: &str| Error::Damaged { part: format!("space {}", meta.number.0), what: what.to_owned() };
        let head = meta.parts.iter().find(|part| part.part == HEAD).ok_or_else(|| damaged("its head is missing"))?;
        let head: SpaceHead = codec::decode(&storage.read_blob(id, head)?)?;
        if head != SpaceHead::of(settings) {
            return Err(damaged("its width, its metric or its towers are not those of the collection's settings"));
        }
        if meta.fingerprint != fingerprint(&[], meta.parts.iter()) {
            return Err(damaged("its fingerprint is not that of its parts"));
        }
        Ok(Self { number: meta.number, fingerprint: meta.fingerprint, towers: Self::read_towers(storage, id, meta)? })
    }

    /// The towers alone, also where the rest cannot be read.
    pub(crate) fn read_towers(storage: &Storage, id: CollectionId, meta: &SpaceMeta) -> Result<Option<TowerPair>> {
        let part = |wanted: u16| -> Result<Option<Vec<u8>>> {
            meta.parts.iter().find(|part| part.part == wanted).map(|found| Ok(storage.read_blob(id, found)?)).transpose()
        };
        let (Some(item), Some(user)) = (part(number::ITEM_ONNX)?, part(number::USER_ONNX)?) else { return Ok(None) };
        let text = |wanted: u16| -> Result<Option<String>> { Ok(part(wanted)?.map(|bytes| String::from_utf8_lossy(&bytes).into_owned())) };
        let item = TowerSource { onnx: item, spec: text(number::ITEM_SPEC)?, path: None };
        let user = TowerSource { onnx: user, spec: text(number::USER_SPEC)?, path: None };
        Ok(Some(TowerPair::reopened(item, user)?))
    }
}
