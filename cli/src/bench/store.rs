//! A built index as a file, so that measurements can be repeated without training again. Not a database: no durability, no upgrades.
//!
//! The recipe as a line of JSON, and the index's bytes, which have a checksum of their own.

use std::path::Path;

use serde::{Deserialize, Serialize};
use torre::bare::{Index, IndexOptions};

use super::args::BenchArgs;
use super::cost::Cost;
use super::data::Dataset;
use super::error::BenchError;

/// What an index was made from: another recipe needs another file.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(super) struct Recipe {
    version: String,
    data: String,
    /// See [`Dataset::fingerprint`].
    base: u64,
    pub(super) options: IndexOptions,
}

impl Recipe {
    pub(super) fn of(args: &BenchArgs, data: &Dataset) -> Result<Self, BenchError> {
        let version = env!("CARGO_PKG_VERSION").to_owned();
        Ok(Self { version, data: data.name.clone(), base: data.fingerprint()?, options: args.index_options(data).resolved() })
    }
}

#[derive(Serialize, Deserialize)]
struct Header {
    recipe: Recipe,
    cost: Cost,
}

/// Writes the file and returns its length.
pub(super) fn write(path: &Path, recipe: &Recipe, index: &Index, cost: Cost) -> Result<usize, BenchError> {
    let header = Header { recipe: recipe.clone(), cost };
    let mut bytes = serde_json::to_vec(&header).map_err(|e| BenchError::Unusable(e.to_string()))?;
    bytes.push(b'\n');
    bytes.extend(index.to_bytes()?);
    let unfinished = path.with_extension("tmp");
    std::fs::write(&unfinished, &bytes).and_then(|()| std::fs::rename(&unfinished, path)).map_err(|e| BenchError::io(path, e))?;
    Ok(bytes.len())
}

pub(super) fn open(path: &Path, recipe: &Recipe) -> Result<(Index, Cost), BenchError> {
    let bytes = std::fs::read(path).map_err(|e| BenchError::io(path, e))?;
    let unusable = |what: &str| BenchError::Unusable(format!("{}: {what}; remove it to build it again", path.display()));
    let (header, index) = header(&bytes).ok_or_else(|| unusable("not an index of this bench"))?;
    if header.recipe != *recipe {
        let text = |recipe: &Recipe| serde_json::to_string(recipe).unwrap_or_default();
        let (has, wants) = (text(&header.recipe), text(recipe));
        return Err(BenchError::Unusable(format!("{}: holds an index made from {has}; {wants} was asked for", path.display())));
    }
    Ok((Index::from_bytes(index).map_err(|error| unusable(&error.to_string()))?, header.cost))
}

fn header(bytes: &[u8]) -> Option<(Header, &[u8])> {
    let end = bytes.iter().position(|&byte| byte == b'\n')?;
    Some((serde_json::from_slice(&bytes[..end]).ok()?, &bytes[end + 1..]))
}
