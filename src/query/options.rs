//! What a query asks for besides its vector.

use crate::error::{Error, Result};
use crate::features::{ID_FIELD, VECTOR_FIELD};
use crate::segment::{Settings, Snapshot};
pub(crate) use crate::types::{DEFAULT_K, DEFAULT_RECALL};

/// How hard to look.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Effort {
    /// As many lists and candidates as calibration found to reach this recall.
    Recall(f32),
    /// This many lists.
    Nprobe(usize),
    /// Every row, by its exact vector.
    Exact,
}

/// The options of a query or of a batch of queries.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Options {
    pub(crate) k: usize,
    pub(crate) offset: usize,
    pub(crate) exclude: Vec<String>,
    pub(crate) effort: Effort,
    pub(crate) refine_factor: Option<usize>,
    pub(crate) min_score: Option<f32>,
    pub(crate) fields: Option<Vec<String>>,
    pub(crate) explain: bool,
    /// The query measures the index: it does not count as one that users ask.
    pub(crate) measures: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            k: DEFAULT_K,
            offset: 0,
            exclude: Vec::new(),
            effort: Effort::Recall(DEFAULT_RECALL),
            refine_factor: None,
            min_score: None,
            fields: None,
            explain: false,
            measures: false,
        }
    }
}

impl Options {
    /// Refuses what no query can mean.
    pub(crate) fn check(&self) -> Result<()> {
        let wrong = |option, given: String, expected: &str| Err(Error::InvalidOption { option, given, expected: expected.to_owned() });
        match self.effort {
            Effort::Recall(target) if !(target > 0.0 && target <= 1.0) => {
                return wrong("recall", target.to_string(), "a number above 0 and at most 1");
            }
            Effort::Nprobe(0) => return wrong("nprobe", "0".to_owned(), "at least 1 list"),
            _ => {}
        }
        if self.refine_factor == Some(0) {
            return wrong("refine_factor", "0".to_owned(), "at least 1");
        }
        match self.min_score {
            Some(score) if score.is_nan() => wrong("min_score", score.to_string(), "a number"),
            _ => Ok(()),
        }
    }

    /// Refuses fields that no item of the collection can have: they are misspelt.
    pub(crate) fn check_fields(&self, settings: &Settings, snapshot: &Snapshot) -> Result<()> {
        if settings.schema.lenient {
            return Ok(());
        }
        let mut known = vec![ID_FIELD, VECTOR_FIELD];
        known.extend(snapshot.space.towers.iter().flat_map(|pair| pair.item_spec().fields()).filter(|field| *field != ID_FIELD));
        known.extend(settings.schema.fields.iter().map(|field| field.name.as_str()).filter(|field| *field != ID_FIELD));
        match self.fields.iter().flatten().find(|name| !known.contains(&name.as_str())) {
            Some(given) => {
                let expected = format!("names of the items' fields ({})", known.join(", "));
                Err(Error::InvalidOption { option: "fields", given: format!("{given:?}"), expected })
            }
            None => Ok(()),
        }
    }

    /// Rows that have to be found for `offset` to be skipped and `k` to be left.
    pub(crate) fn depth(&self) -> usize {
        if self.k == 0 { 0 } else { self.k.saturating_add(self.offset) }
    }
}
