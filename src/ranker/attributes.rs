//! A node's attributes, each read as the type that the operator wants.

use super::proto::{Attribute, Node, Tensor};
use crate::model_error::ModelError;

type Result<T> = std::result::Result<T, ModelError>;

/// ONNX's element types.
pub(super) const FLOAT: u64 = 1;
const UINT8: u64 = 2;
const INT32: u64 = 6;
const INT64: u64 = 7;
const DOUBLE: u64 = 11;

/// The attributes of a node, all of which its operator knows.
#[derive(Clone, Copy)]
pub(super) struct Attributes<'a>(&'a Node<'a>);

impl<'a> Attributes<'a> {
    /// Refuses attributes that are given twice, hold something odd, or are not among the `known`: what is not understood might change
    /// the result.
    pub(super) fn of(node: &'a Node<'a>, known: &[&str]) -> Result<Self> {
        let this = Self(node);
        for (at, attribute) in node.attributes.iter().enumerate() {
            if attribute.other {
                return Err(this.error(attribute.name, "holds a graph, a reference or a type"));
            }
            if node.attributes[..at].iter().any(|other| other.name == attribute.name) {
                return Err(this.error(attribute.name, "is given twice"));
            }
            if !known.contains(&attribute.name) {
                let reason = if attribute.name.ends_with("_as_tensor") {
                    "is in double precision; convert the model with float32 inputs"
                } else {
                    "is not known"
                };
                return Err(this.error(attribute.name, reason));
            }
        }
        Ok(this)
    }

    pub(super) fn error(&self, name: &str, reason: impl std::fmt::Display) -> ModelError {
        ModelError::graph(place(self.0), format!("the attribute {name:?} {reason}"))
    }

    fn find(&self, name: &str) -> Option<&'a Attribute<'a>> {
        self.0.attributes.iter().find(|attribute| attribute.name == name)
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.find(name).is_some()
    }

    pub(super) fn int(&self, name: &str, default: i64) -> Result<i64> {
        let Some(attribute) = self.find(name) else { return Ok(default) };
        attribute.int.ok_or_else(|| self.error(name, "must be an integer"))
    }

    pub(super) fn float(&self, name: &str, default: f32) -> Result<f32> {
        let Some(attribute) = self.find(name) else { return Ok(default) };
        attribute.float.ok_or_else(|| self.error(name, "must be a float"))
    }

    pub(super) fn text(&self, name: &str, default: &'static str) -> Result<&'a str> {
        let Some(attribute) = self.find(name) else { return Ok(default) };
        let text = attribute.text.and_then(|text| std::str::from_utf8(text).ok());
        text.ok_or_else(|| self.error(name, "must be text"))
    }

    /// Floats; none where there is no such attribute.
    pub(super) fn floats(&self, name: &str) -> Result<&'a [f32]> {
        let Some(attribute) = self.find(name) else { return Ok(&[]) };
        let other = attribute.int.is_some() || attribute.tensor.is_some() || !attribute.ints.is_empty() || !attribute.texts.is_empty();
        if other { Err(self.error(name, "must be floats")) } else { Ok(&attribute.floats) }
    }

    /// Integers; none where there is no such attribute.
    pub(super) fn ints(&self, name: &str) -> Result<&'a [i64]> {
        let Some(attribute) = self.find(name) else { return Ok(&[]) };
        let other = attribute.float.is_some() || attribute.tensor.is_some() || !attribute.floats.is_empty() || !attribute.texts.is_empty();
        if other { Err(self.error(name, "must be integers")) } else { Ok(&attribute.ints) }
    }

    /// Texts; none where there is no such attribute.
    pub(super) fn texts(&self, name: &str) -> Result<&'a [&'a [u8]]> {
        let Some(attribute) = self.find(name) else { return Ok(&[]) };
        let other = attribute.int.is_some() || attribute.tensor.is_some() || !attribute.ints.is_empty() || !attribute.floats.is_empty();
        if other { Err(self.error(name, "must be texts")) } else { Ok(&attribute.texts) }
    }

    /// The tensor of an attribute.
    pub(super) fn tensor(&self, name: &str) -> Result<Option<&'a Tensor<'a>>> {
        let Some(attribute) = self.find(name) else { return Ok(None) };
        attribute.tensor.as_ref().map(Some).ok_or_else(|| self.error(name, "must be a tensor"))
    }
}

/// A node, as errors name it.
pub(super) fn place(node: &Node<'_>) -> String {
    let name = if node.name.is_empty() { node.outputs.first().copied().unwrap_or_default() } else { node.name };
    format!("node {name:?} ({})", node.operator)
}

impl Tensor<'_> {
    /// The elements as f32, for a tensor of floats.
    pub(super) fn to_floats(&self, place: &str) -> Result<Vec<f32>> {
        let data = match self.data_type {
            FLOAT if self.raw.is_empty() => self.floats.clone(),
            FLOAT => self.raw.as_chunks::<4>().0.iter().map(|&chunk| f32::from_le_bytes(chunk)).collect(),
            DOUBLE => return Err(ModelError::graph(place, "a tensor in double precision; convert the model with float32 inputs")),
            other => return Err(ModelError::graph(place, format!("a tensor of the element type {other}; expected {FLOAT} (float)"))),
        };
        self.checked(data, 4, place)
    }

    /// The elements as i64, for a tensor of integers.
    pub(super) fn to_ints(&self, place: &str) -> Result<Vec<i64>> {
        let (data, width) = match self.data_type {
            UINT8 if !self.raw.is_empty() => (self.raw.iter().map(|&byte| i64::from(byte)).collect(), 1),
            UINT8 => (self.int32s.clone(), 1),
            INT32 if !self.raw.is_empty() => {
                (self.raw.as_chunks::<4>().0.iter().map(|&chunk| i64::from(i32::from_le_bytes(chunk))).collect(), 4)
            }
            INT32 => (self.int32s.clone(), 4),
            INT64 if !self.raw.is_empty() => (self.raw.as_chunks::<8>().0.iter().map(|&chunk| i64::from_le_bytes(chunk)).collect(), 8),
            INT64 => (self.int64s.clone(), 8),
            other => return Err(ModelError::graph(place, format!("a tensor of the element type {other}; expected integers"))),
        };
        self.checked(data, width, place)
    }

    /// Whether its elements are floats.
    pub(super) fn is_float(&self) -> bool {
        matches!(self.data_type, FLOAT | DOUBLE)
    }

    fn checked<T>(&self, data: Vec<T>, width: usize, place: &str) -> Result<Vec<T>> {
        if self.external {
            return Err(ModelError::ExternalData { name: if self.name.is_empty() { place.to_owned() } else { self.name.to_owned() } });
        }
        let elements = self.dims.iter().try_fold(1usize, |product, &dim| product.checked_mul(usize::try_from(dim).ok()?));
        if elements != Some(data.len()) || !self.raw.len().is_multiple_of(width) {
            let expected = elements.map_or_else(|| "more than memory can hold".to_owned(), |n| n.to_string());
            return Err(ModelError::TensorData { name: place.to_owned(), expected, got: data.len() });
        }
        Ok(data)
    }
}
