//! What a spec's inputs look like to a trainer: tables, their sizes, who shares one.

use std::ops::Range;

use serde_json::Value as Json;
use torre_features::{Dtype, EncodeOptions, FeatureSpec, Row, TensorData};

use crate::error::TrainError;

/// One input of a tower, as a trainer sees it.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Layout {
    /// The graph's input.
    pub(crate) tensor: String,
    /// The row's field; empty for several.
    pub(crate) field: String,
    /// The table that its indexes belong to: the name of a shared vocabulary, else the tower's and the input's.
    pub(crate) table: String,
    /// Rows of that table.
    pub(crate) rows: usize,
    /// Places of a list; 1 without.
    pub(crate) length: usize,
    /// The index that pads a list.
    pub(crate) padding: Option<i64>,
    /// Whether a list keeps its last values.
    pub(crate) keeps_last: bool,
    /// Numbers of a row, for an input that is no list of indexes.
    pub(crate) numbers: Option<usize>,
    /// The input that holds this one's weights.
    pub(crate) weights: Option<usize>,
    /// The input whose weights this one holds.
    pub(crate) weights_of: Option<usize>,
    /// Where unknown categories of a `vocab` go: its buckets for them, or the index for missing.
    pub(crate) unknown: Option<Range<u32>>,
}

impl Layout {
    /// One for each input of the spec, in their order.
    ///
    /// # Errors
    /// [`TrainError::Unsupported`] for inputs of stored vectors.
    pub(crate) fn of(spec: &FeatureSpec) -> Result<Vec<Self>, TrainError> {
        let side = spec.tower().name();
        let document = document(spec)?;
        let entries = document["inputs"].as_array().map_or(&[][..], Vec::as_slice);
        let entry = |key: &str, name: &str| entries.iter().find(|entry| entry[key].as_str() == Some(name));
        let mut layouts: Vec<Self> = Vec::with_capacity(spec.inputs().len());
        for input in spec.inputs() {
            let name = &*input.tensor;
            let unsupported = |reason: &str| TrainError::Unsupported { side, input: name.to_owned(), reason: reason.to_owned() };
            let holds_weights = entry("weights", name).is_some();
            let entry = entry("tensor", name).or_else(|| entry("weights", name)).unwrap_or(&Json::Null);
            let op = &entry["op"];
            if !op["lookup"].is_null() {
                return Err(unsupported("stored vectors are not trained through; use a vocab that shares the items' vocabulary"));
            }
            let op = if op["bag"].is_object() { &op["bag"] } else { op };
            let shared = op["vocab"]["name"].as_str();
            let (first, missing) = (entry["index"]["first"].as_u64().unwrap_or(2), entry["index"]["missing"].as_u64().unwrap_or(1));
            let unknown = op["vocab"].is_object().then(|| match op["vocab"]["oov"].as_u64().unwrap_or(0) {
                0 => missing as u32..missing as u32 + 1,
                oov => first as u32..(first + oov) as u32,
            });
            let list = !entry["list"].is_null();
            let padding = entry["index"]["padding"].as_i64().unwrap_or(0);
            let at = layouts.len();
            let weights_of = if holds_weights { at.checked_sub(1) } else { None };
            if let Some(owner) = weights_of {
                layouts[owner].weights = Some(at);
            }
            layouts.push(Self {
                tensor: name.to_owned(),
                field: entry["from"].as_str().unwrap_or_default().to_owned(),
                table: shared.map_or_else(|| format!("{side}.{name}"), str::to_owned),
                rows: input.index_size.unwrap_or(0) as usize,
                length: if input.dtype == Dtype::I64 { input.row_len() } else { 1 },
                padding: list.then_some(padding),
                keeps_last: entry["list"]["keep"].as_str() != Some("first"),
                numbers: (input.dtype == Dtype::F32 && !holds_weights).then(|| input.row_len()),
                weights: None,
                weights_of,
                unknown: unknown.filter(|range| u64::from(range.end) <= input.index_size.unwrap_or(0)),
            });
        }
        Ok(layouts)
    }

    /// The values that an input with a `vocab` lists, as texts; none of other inputs.
    ///
    /// # Errors
    /// [`TrainError::Data`] where the spec is no JSON.
    pub(crate) fn vocabulary(&self, spec: &FeatureSpec) -> Result<Vec<String>, TrainError> {
        let document = document(spec)?;
        let inputs = document["inputs"].as_array().into_iter().flatten();
        Ok(inputs.filter(|input| input["tensor"].as_str() == Some(&self.tensor)).flat_map(|input| listed(&document, input)).collect())
    }

    /// The index of each value, for an input of categories: the spec itself is asked, with rows of one value each.
    ///
    /// # Errors
    /// [`TrainError::Spec`] or [`TrainError::Row`], where the input cannot be asked by itself.
    pub(crate) fn indexes_of(&self, spec: &FeatureSpec, values: &[String]) -> Result<Vec<u32>, TrainError> {
        let side = spec.tower().name();
        let mut document = document(spec)?;
        // Other inputs may need fields that such rows do not have.
        document["golden"] = Json::Array(Vec::new());
        if let Some(inputs) = document["inputs"].as_array_mut() {
            inputs.retain(|input| input["tensor"].as_str() == Some(&self.tensor));
        }
        let alone = FeatureSpec::parse(&document.to_string()).map_err(|source| TrainError::Spec { side, source })?;
        let row = |value: &String| match self.padding {
            Some(_) => Row::new().with(&*self.field, vec![value.as_str()]),
            None => Row::new().with(&*self.field, value.as_str()),
        };
        let rows: Vec<Row> = values.iter().map(row).collect();
        let rows: Vec<&Row> = rows.iter().collect();
        let mut indexes = Vec::with_capacity(values.len());
        for rows in rows.chunks(1024) {
            let tensors = alone.encode(rows, &EncodeOptions::default()).map_err(|source| TrainError::Row { side, source })?;
            if let Some(TensorData::I64(data)) = tensors.first().map(|tensor| &tensor.data) {
                indexes.extend(data.chunks_exact(self.length).map(|places| places[0] as u32));
            }
        }
        Ok(indexes)
    }
}

/// A spec as JSON.
///
/// # Errors
/// [`TrainError::Data`], which no spec that was parsed gives.
pub(crate) fn document(spec: &FeatureSpec) -> Result<Json, TrainError> {
    let side = spec.tower().name();
    serde_json::from_str(spec.to_json()).map_err(|error| TrainError::Data(format!("the {side} spec is no JSON: {error}")))
}

/// The values of the vocabulary that an input of a document reads, as texts; none without.
pub(crate) fn listed(document: &Json, input: &Json) -> Vec<String> {
    let vocab = &input["op"]["vocab"];
    let list = match vocab["name"].as_str() {
        Some(name) => &document["vocabs"][name],
        None => &vocab["values"],
    };
    let text = |value: &Json| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    list.as_array().into_iter().flatten().map(text).collect()
}
