//! Towers that were trained before.

use std::collections::BTreeMap;

use torre::TowerSource;
use torre_features::FeatureSpec;
use xxhash_rust::xxh3::xxh3_64;

use super::grow::grown;
use crate::config::{Config, PoolKind};
use crate::error::TrainError;
use crate::joined::Joined;
use crate::layout::Layout;
use crate::model::Model;
use crate::onnx::File;
use crate::table::Table;

/// Numbers of layers that may be made room for whatever a file has.
const SMALL: usize = 1 << 24;

/// A pair of towers that was trained and written here: what a training can go on from.
#[derive(Clone, Debug)]
pub struct Previous {
    item: File,
    user: File,
    config: Config,
    /// Of both files: a checkpoint belongs to what it went on from.
    pub(crate) hash: u64,
}

/// Specs that know what has come since.
#[derive(Clone, PartialEq, Debug)]
pub struct Grown {
    /// The items' and the users', as texts.
    pub texts: [String; 2],
    /// What was added, a sentence a vocabulary.
    pub notes: Vec<String>,
}

impl Previous {
    /// Reads both towers.
    ///
    /// # Errors
    /// [`TrainError::Previous`] for files that were not written by a training here, or that are damaged; [`TrainError::Spec`].
    pub fn read(item: &TowerSource, user: &TowerSource) -> Result<Self, TrainError> {
        let hash = [item, user].iter().fold(0u64, |hash, source| {
            let spec = xxh3_64(source.spec.as_deref().unwrap_or_default().as_bytes());
            hash.rotate_left(21) ^ xxh3_64(&source.onnx) ^ spec.rotate_left(7)
        });
        let (item, user) = (File::decode("item", item)?, File::decode("user", user)?);
        let config: Config = serde_json::from_value(item.card["config"].clone())
            .map_err(|error| TrainError::Previous { side: "item", reason: format!("the options in its card: {error}") })?;
        config.check()?;
        let numbers = |file: &File| file.weights.values().map(|weights| weights.values.len()).sum::<usize>();
        let (there, wanted) = (numbers(&item) + numbers(&user), layers(&config, item.spec.dim()));
        if wanted > there.max(SMALL) {
            let reason = format!("layers of at least {wanted} numbers by its options, and its files have {there}");
            return Err(TrainError::Previous { side: "item", reason });
        }
        Ok(Self { item, user, config, hash })
    }

    /// The options that they were trained with.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The items' spec and the users'.
    #[must_use]
    pub fn specs(&self) -> (&FeatureSpec, &FeatureSpec) {
        (&self.item.spec, &self.user.spec)
    }

    /// The field of user rows that holds what they chose before, where the card says it.
    #[must_use]
    pub fn history(&self) -> Option<&str> {
        self.user.card["history"].as_str()
    }

    /// Both specs with what the training part has that they do not list, behind what they list: rows of tables stay where they are. `history` is
    /// the field of user rows that holds what they chose.
    ///
    /// # Errors
    /// [`TrainError::Data`], which no spec that was parsed gives.
    pub fn grown(&self, joined: &Joined, history: &str) -> Result<Grown, TrainError> {
        let (documents, notes) = grown([&self.item.spec, &self.user.spec], joined, history)?;
        let texts = documents.map(|document| serde_json::to_string_pretty(&document).unwrap_or_default() + "\n");
        Ok(Grown { texts, notes })
    }

    /// The widths of tables, which depend on how many rows they had first.
    pub(crate) fn widths(&self) -> BTreeMap<String, usize> {
        let tables = self.item.weights.iter().chain(&self.user.weights);
        tables.filter_map(|(name, weights)| Some((name.clone(), *weights.dims.get(1).filter(|width| **width > 0)?))).collect()
    }

    /// Gives a model of grown specs the parameters of these towers. A row of a table for a value that is new begins as the row that the value
    /// has found so far, one for unknown values: before its first step the model gives the vectors that the towers give.
    ///
    /// # Errors
    /// [`TrainError::Previous`] where a table or a layer is not there, or of another shape: options of towers were changed, or their specs.
    pub(crate) fn fill(&self, model: &mut Model, specs: [&FeatureSpec; 2]) -> Result<(), TrainError> {
        let Model { tables, item, user, item_layouts, user_layouts } = model;
        self.item.fill(item, item_layouts, tables)?;
        self.user.fill(user, user_layouts, tables)?;
        let sides = [
            Side { file: &self.item, spec: specs[0], layouts: item_layouts },
            Side { file: &self.user, spec: specs[1], layouts: user_layouts },
        ];
        tables.list.iter_mut().try_for_each(|table| fill_table(table, sides))
    }
}

/// A tower's file, its grown spec, and the inputs of that.
#[derive(Clone, Copy)]
struct Side<'a> {
    file: &'a File,
    spec: &'a FeatureSpec,
    layouts: &'a [Layout],
}

/// The rows that there were, and for each row that is new the one that its value has found so far.
fn fill_table(table: &mut Table, sides: [Side<'_>; 2]) -> Result<(), TrainError> {
    let reads = |side: &Side<'_>| side.layouts.iter().any(|layout| layout.table == table.name);
    let mut tables = sides.into_iter().filter(reads).map(|side| (side.file.spec.tower().name(), side.file.weights.get(&table.name)));
    let Some((side, old)) = tables.find_map(|(side, weights)| Some((side, weights?))) else {
        let reason = format!("no table {:?} in its file: the spec reads more than it did", table.name);
        return Err(TrainError::Previous { side: "item", reason });
    };
    let refused = |reason: String| TrainError::Previous { side, reason: format!("table {:?}: {reason}", table.name) };
    let (count, width) = match old.dims[..] {
        [count, width] if width == table.width && count <= table.rows() => (count, width),
        _ => return Err(refused(format!("{:?}, and {} x {} is wanted", old.dims, table.rows(), table.width))),
    };
    if !old.values.iter().all(|value| value.is_finite()) {
        return Err(refused("a number is not finite".to_owned()));
    }
    let mut known = vec![true; table.rows()];
    known[count..].fill(false);
    table.values[..count * width].copy_from_slice(&old.values);
    for Side { file, spec, layouts } in sides {
        let before = Layout::of(&file.spec)?;
        for (layout, old) in both(layouts, &before).filter(|(layout, _)| layout.table == table.name) {
            for (from, to) in moves(&file.spec, old, spec, layout)? {
                // A value that was an error so far has no row to begin as: it begins as those of a first training.
                if let Some(from) = from.filter(|from| *from < count && !known[to]) {
                    table.values.copy_within(from * width..(from + 1) * width, to * width);
                }
                known[to] = true;
            }
        }
    }
    match known.iter().position(|known| !known) {
        Some(row) => Err(refused(format!("row {row} is new, and of no value that its vocabulary has got"))),
        None => Ok(()),
    }
}

/// For each value that a vocabulary has got the row that it has found so far, and its own.
fn moves(old_spec: &FeatureSpec, old: &Layout, spec: &FeatureSpec, layout: &Layout) -> Result<Vec<(Option<usize>, usize)>, TrainError> {
    let values = layout.vocabulary(spec)?;
    let values = &values[old.vocabulary(old_spec)?.len().min(values.len())..];
    if values.is_empty() {
        return Ok(Vec::new());
    }
    let found: Vec<Option<usize>> = match old.indexes_of(old_spec, values) {
        Ok(found) => found.into_iter().map(|row| Some(row as usize)).collect(),
        Err(TrainError::Row { .. }) => vec![None; values.len()],
        Err(other) => return Err(other),
    };
    let own = layout.indexes_of(spec, values)?.into_iter().map(|row| row as usize);
    Ok(found.into_iter().zip(own).filter(|(_, row)| *row < layout.rows).collect())
}

/// Inputs of a spec with those of another that have their names.
fn both<'a>(layouts: &'a [Layout], others: &'a [Layout]) -> impl Iterator<Item = (&'a Layout, &'a Layout)> {
    layouts.iter().filter_map(|layout| Some((layout, others.iter().find(|other| other.tensor == layout.tensor)?)))
}

/// A lower bound of the numbers in the layers that options make, before any room is made for them.
fn layers(config: &Config, dim: usize) -> usize {
    let towers = &config.towers;
    let hidden = towers.hidden.windows(2).map(|pair| pair[0].saturating_mul(pair[1])).fold(0, usize::saturating_add);
    let square = dim.saturating_mul(dim);
    let pool = match towers.pool {
        PoolKind::Mean | PoolKind::Recency | PoolKind::Attention => 0,
        PoolKind::Gru => square.saturating_mul(6),
        PoolKind::Lstm => square.saturating_mul(8),
        PoolKind::Transformer => square.saturating_mul(4 * towers.blocks),
    };
    hidden.saturating_add(pool)
}
