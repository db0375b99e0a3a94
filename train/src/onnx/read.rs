//! Files that were written here, read back: a spec, a card, and tensors of weights by name. A file is anybody's: nothing of it is trusted.

use std::collections::BTreeMap;

use prost::Message;
use serde_json::Value as Json;
use torre::TowerSource;
use torre_features::FeatureSpec;

use super::message::{F32, Model as Proto, Tensor};
use super::tower::model;
use crate::dense::Dense;
use crate::error::TrainError;
use crate::layout::Layout;
use crate::tower::{Tables, Tower};

/// A tensor of a file.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Weights {
    pub(crate) dims: Vec<usize>,
    pub(crate) values: Vec<f32>,
}

/// A tower's file.
#[derive(Clone, Debug)]
pub(crate) struct File {
    pub(crate) spec: FeatureSpec,
    pub(crate) card: Json,
    pub(crate) weights: BTreeMap<String, Weights>,
}

fn refused(side: &'static str, reason: impl Into<String>) -> TrainError {
    TrainError::Previous { side, reason: reason.into() }
}

impl File {
    /// Reads a tower that was written here; the spec beside a file goes before the one inside.
    ///
    /// # Errors
    /// [`TrainError::Previous`] of a file that is none, or not from here; [`TrainError::Spec`].
    pub(crate) fn decode(side: &'static str, source: &TowerSource) -> Result<Self, TrainError> {
        let proto = Proto::decode(&source.onnx[..]).map_err(|error| refused(side, format!("it is no ONNX file: {error}")))?;
        let said = |key: &str| proto.metadata_props.iter().find(|entry| entry.key.as_deref() == Some(key))?.value.as_deref();
        let card = said("torre.card").ok_or_else(|| refused(side, "it has no card of a training: another program made it"))?;
        let card = serde_json::from_str(card).map_err(|error| refused(side, format!("its card is no JSON: {error}")))?;
        let spec = source.spec.as_deref().or_else(|| said("torre.features")).ok_or_else(|| refused(side, "it has no feature spec"))?;
        let spec = FeatureSpec::parse(spec).map_err(|source| TrainError::Spec { side, source })?;
        if spec.tower().name() != side {
            return Err(refused(side, format!("its spec is of the tower {}", spec.tower().name())));
        }
        let mut weights = BTreeMap::new();
        for tensor in proto.graph.into_iter().flat_map(|graph| graph.initializer).filter(|tensor| tensor.data_type == Some(F32)) {
            let name = tensor.name.clone().unwrap_or_default();
            let read = numbers(&tensor).ok_or_else(|| refused(side, format!("tensor {name:?} is not of the size that it says")))?;
            weights.insert(name, read);
        }
        Ok(Self { spec, card, weights })
    }

    /// Gives a tower the parameters that the file has for its layers.
    ///
    /// Where a layer's parameters stand in a file (turned, or several together) is asked of what writes it: a tower is written whose
    /// parameters are their own numbers.
    ///
    /// # Errors
    /// [`TrainError::Previous`] where the file has a layer not at all, or of another shape.
    pub(crate) fn fill(&self, tower: &mut Tower, layouts: &[Layout], tables: &Tables) -> Result<(), TrainError> {
        let side = self.spec.tower().name();
        let mut probe = tower.clone();
        let mut dense = Vec::new();
        probe.parameters(&mut dense);
        let mut count = 0u32;
        for value in dense.into_iter().flat_map(|dense: &mut Dense| &mut dense.values) {
            count += 1;
            *value = f32::from_bits(count);
        }
        let mut found: Vec<Option<f32>> = vec![None; count as usize];
        for tensor in model(&probe, &tables.without_rows(), &self.spec, layouts).graph.into_iter().flat_map(|graph| graph.initializer) {
            let (Some(name), Some(places)) = (&tensor.name, numbers(&tensor)) else { continue };
            let Some(weights) = self.weights.get(name).filter(|weights| weights.dims == places.dims) else { continue };
            for (place, value) in places.values.iter().zip(&weights.values) {
                if let Some(found) = (place.to_bits() as usize).checked_sub(1).and_then(|at| found.get_mut(at)) {
                    *found = Some(*value);
                }
            }
        }
        let mut found = found.into_iter();
        let mut dense = Vec::new();
        tower.parameters(&mut dense);
        for dense in dense {
            for value in &mut dense.values {
                let number = found.next().flatten().filter(|value| value.is_finite());
                *value = number.ok_or_else(|| refused(side, format!("it has no {:?} of the shape that the options say", dense.name)))?;
            }
        }
        Ok(())
    }
}

/// The numbers of a tensor of f32; `None` where they are not as many as its dimensions say.
fn numbers(tensor: &Tensor) -> Option<Weights> {
    let raw = tensor.raw_data.as_deref()?;
    let dims = tensor.dims.iter().map(|&dim| usize::try_from(dim).ok()).collect::<Option<Vec<usize>>>()?;
    let count = dims.iter().try_fold(1usize, |count, &dim| count.checked_mul(dim))?;
    let (values, rest) = raw.as_chunks::<4>();
    let whole = tensor.data_type == Some(F32) && rest.is_empty() && values.len() == count;
    whole.then(|| Weights { dims, values: values.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect() })
}
