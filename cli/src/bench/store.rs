//! A built index as a file, so that measurements can be repeated without training again. Not a database: no durability, no upgrades.
//!
//! The recipe as a line of JSON, and the index's bytes, which have a checksum of their own.

use std::path::Path;

use serde::{Deserialize, Serialize};
use torre::bare::{Index, IndexOptions};

use super::args::BenchArgs;
use super::data::Dataset;
use super::error::BenchError;
use super::index::Cost;

/// What an index was made from: another recipe needs another file.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(super) struct Recipe {
    version: String,
    data: String,
    pub(super) options: IndexOptions,
}

impl Recipe {
    pub(super) fn of(args: &BenchArgs, data: &Dataset) -> Self {
        Self { version: env!("CARGO_PKG_VERSION").to_owned(), data: data.name.clone(), options: args.index_options(data) }
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]
    use torre::{Matrix, Metric, NoProgress};

    use super::*;

    #[test]
    fn another_recipe_does_not_get_the_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("index");
        let vectors = Matrix::from_vec(4, (0..400).map(|at| (at * 37 % 101) as f32).collect()).unwrap();
        let mut options = IndexOptions::new(Metric::L2);
        options.lists = Some(4);
        let recipe = Recipe { version: "1".to_owned(), data: "made".to_owned(), options };
        let index = Index::build(vectors, &recipe.options, &NoProgress).unwrap();
        let cost = Cost { build_s: 1.0, build_cpu_s: 2.0 };
        write(&path, &recipe, &index, cost).unwrap();
        let (opened, found) = open(&path, &recipe).unwrap();
        assert_eq!((opened.lists(), found), (4, cost));
        let others: [fn(&mut IndexOptions); 7] = [
            |o| o.metric = Metric::Ip,
            |o| o.lists = None,
            |o| o.m = Some(2),
            |o| o.refine = torre::Refine::F32,
            |o| o.eta = Some(2.0),
            |o| o.group_weight = Some(0),
            |o| o.seed = 1,
        ];
        for change in others {
            let mut other = recipe.clone();
            change(&mut other.options);
            assert!(matches!(open(&path, &other), Err(BenchError::Unusable(_))), "{other:?}");
        }
        let mut bytes = std::fs::read(&path).unwrap();
        let last = bytes.len() - 20;
        bytes[last] ^= 1;
        std::fs::write(&path, &bytes).unwrap();
        assert!(matches!(open(&path, &recipe), Err(BenchError::Unusable(_))));
    }
}
