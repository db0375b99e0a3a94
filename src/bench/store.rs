//! A built index as a file, so that measurements can be repeated without training again. Not a database: no durability, no upgrades.
//!
//! `TORREBCH`, a little-endian u32 of the header's length, the header as JSON, the blobs that it lists, and the XXH3 of all before it.

use std::path::Path;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use super::args::BenchArgs;
use super::data::Dataset;
use super::error::BenchError;
use super::index::{Cost, Stored};
use crate::index::{IvfIndex, Shape};
use crate::quantizer::Quantizer;
use crate::types::{Metric, Refine};

const MAGIC: &[u8; 8] = b"TORREBCH";

/// What an index was made from: another recipe needs another file.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(super) struct Recipe {
    version: String,
    data: String,
    /// See [`Dataset::fingerprint`].
    base: u64,
    metric: Metric,
    m: Option<usize>,
    lists: Option<usize>,
    refine: Refine,
    eta: Option<f32>,
    group_weight: u8,
    seed: u64,
}

impl Recipe {
    pub(super) fn of(args: &BenchArgs, data: &Dataset) -> Result<Self, BenchError> {
        Ok(Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            data: data.name.clone(),
            base: data.fingerprint()?,
            metric: data.metric,
            m: args.m,
            lists: args.lists,
            refine: args.refine,
            eta: args.eta,
            group_weight: args.group_weight(),
            seed: args.seed,
        })
    }
}

#[derive(Serialize, Deserialize)]
struct Header {
    recipe: Recipe,
    cost: Cost,
    dim: usize,
    m: usize,
    lists: usize,
    quantizer: usize,
    rows: usize,
    /// Tag and length of each part of the index.
    parts: Vec<(u8, usize)>,
}

/// Writes the file and answers its length.
pub(super) fn write(path: &Path, recipe: &Recipe, stored: &Stored) -> Result<usize, BenchError> {
    let (quantizer, parts) = (stored.quantizer.to_bytes(), stored.index.parts());
    let rows: Vec<u8> = stored.rows.iter().flat_map(|row| row.to_le_bytes()).collect();
    let header = Header {
        recipe: recipe.clone(),
        cost: stored.cost,
        dim: stored.index.dim(),
        m: stored.index.m(),
        lists: stored.index.lists(),
        quantizer: quantizer.len(),
        rows: rows.len(),
        parts: parts.iter().map(|(tag, bytes)| (*tag, bytes.len())).collect(),
    };
    let header = serde_json::to_vec(&header).map_err(|e| BenchError::Unusable(e.to_string()))?;
    let mut bytes = MAGIC.to_vec();
    bytes.extend_from_slice(&(header.len() as u32).to_le_bytes());
    for blob in [&header, &quantizer, &rows].into_iter().map(Vec::as_slice).chain(parts.iter().map(|(_, bytes)| &**bytes)) {
        bytes.extend_from_slice(blob);
    }
    let sum = xxh3_64(&bytes);
    bytes.extend_from_slice(&sum.to_le_bytes());
    let unfinished = path.with_extension("tmp");
    std::fs::write(&unfinished, &bytes).and_then(|()| std::fs::rename(&unfinished, path)).map_err(|e| BenchError::io(path, e))?;
    Ok(bytes.len())
}

pub(super) fn open(path: &Path, recipe: &Recipe) -> Result<Stored, BenchError> {
    let bytes = std::fs::read(path).map_err(|e| BenchError::io(path, e))?;
    let header = header(&bytes)
        .ok_or_else(|| BenchError::Unusable(format!("{}: not an index of this bench; remove it to build it again", path.display())))?;
    if header.0.recipe != *recipe {
        let text = |recipe: &Recipe| serde_json::to_string(recipe).unwrap_or_default();
        let (has, wants) = (text(&header.0.recipe), text(recipe));
        return Err(BenchError::Unusable(format!("{}: holds an index made from {has}; {wants} was asked for", path.display())));
    }
    stored(header).ok_or_else(|| BenchError::Unusable(format!("{}: damaged; remove it to build it again", path.display())))
}

/// The header and the blobs behind it, if the whole file is sound.
fn header(bytes: &[u8]) -> Option<(Header, &[u8])> {
    let (body, sum) = bytes.split_last_chunk::<8>()?;
    if xxh3_64(body) != u64::from_le_bytes(*sum) {
        return None;
    }
    let (length, rest) = body.strip_prefix(MAGIC)?.split_first_chunk::<4>()?;
    let (header, blobs) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
    Some((serde_json::from_slice(header).ok()?, blobs))
}

fn stored((header, blobs): (Header, &[u8])) -> Option<Stored> {
    let (quantizer, blobs) = blobs.split_at_checked(header.quantizer)?;
    let (rows, mut blobs) = blobs.split_at_checked(header.rows)?;
    let mut parts = Vec::with_capacity(header.parts.len());
    for (tag, length) in header.parts {
        let (part, rest) = blobs.split_at_checked(length)?;
        parts.push((tag, part));
        blobs = rest;
    }
    let shape = Shape { dim: header.dim, m: header.m, lists: header.lists, metric: header.recipe.metric, refine: header.recipe.refine };
    let index = IvfIndex::from_parts(shape, &parts).ok()?;
    let rows: Vec<u32> = rows.as_chunks().0.iter().map(|&row| u32::from_le_bytes(row)).collect();
    if rows.len() != index.rows() {
        return None;
    }
    Some(Stored { quantizer: Quantizer::from_bytes(quantizer)?, index, rows, cost: header.cost })
}
