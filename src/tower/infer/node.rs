//! One node as inference sees it: its inputs' values, its attributes, and errors that name it.

use tract_onnx::pb;
use tract_onnx::pb::attribute_proto::AttributeType;

use crate::model_error::ModelError;
use crate::tower::value::{Dtype, Value};
use crate::tower::{shape, tensor};

pub(super) type Result<T> = std::result::Result<T, ModelError>;

pub(super) struct Node<'a> {
    pub(super) proto: &'a pb::NodeProto,
    pub(super) name: &'a str,
    pub(super) inputs: Vec<Option<&'a Value>>,
}

impl<'a> Node<'a> {
    /// An error in this node.
    pub(super) fn error(&self, reason: impl Into<String>) -> ModelError {
        ModelError::graph(format!("node {:?} ({})", self.name, self.proto.op_type), reason)
    }

    pub(super) fn fail<T>(&self, reason: impl Into<String>) -> Result<T> {
        Err(self.error(reason))
    }

    /// The input at `place`, which the operator cannot do without.
    pub(super) fn input(&self, place: usize) -> Result<&'a Value> {
        self.optional(place).ok_or_else(|| self.error(format!("input {place} is missing")))
    }

    pub(super) fn optional(&self, place: usize) -> Option<&'a Value> {
        self.inputs.get(place).copied().flatten()
    }

    /// Refuses more inputs than the operator has.
    pub(super) fn at_most(&self, count: usize) -> Result<()> {
        if self.inputs.len() > count {
            return self.fail(format!("it has {} inputs; this operator takes at most {count}", self.inputs.len()));
        }
        Ok(())
    }

    /// The content of an integer input that must be known before running: shapes, axes, bounds.
    pub(super) fn content(&self, place: usize) -> Result<&'a [i64]> {
        let value = self.input(place)?;
        value.content.as_deref().ok_or_else(|| self.error(format!("input {place} must be known before running: it decides a shape")))
    }

    pub(super) fn optional_content(&self, place: usize) -> Result<Option<&'a [i64]>> {
        if self.optional(place).is_none() { Ok(None) } else { self.content(place).map(Some) }
    }

    fn attribute(&self, name: &str, expected: AttributeType) -> Result<Option<&'a pb::AttributeProto>> {
        let Some(attribute) = self.proto.attribute.iter().find(|a| a.name == name) else { return Ok(None) };
        if attribute.r#type != expected as i32 {
            return self.fail(format!("the attribute {name} has the type number {}; expected {}", attribute.r#type, expected as i32));
        }
        Ok(Some(attribute))
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.proto.attribute.iter().any(|a| a.name == name)
    }

    pub(super) fn int(&self, name: &str) -> Result<Option<i64>> {
        Ok(self.attribute(name, AttributeType::Int)?.map(|a| a.i))
    }

    pub(super) fn int_or(&self, name: &str, default: i64) -> Result<i64> {
        Ok(self.int(name)?.unwrap_or(default))
    }

    pub(super) fn ints(&self, name: &str) -> Result<Option<&'a [i64]>> {
        Ok(self.attribute(name, AttributeType::Ints)?.map(|a| a.ints.as_slice()))
    }

    pub(super) fn float(&self, name: &str) -> Result<Option<f32>> {
        Ok(self.attribute(name, AttributeType::Float)?.map(|a| a.f))
    }

    pub(super) fn floats(&self, name: &str) -> Result<Option<&'a [f32]>> {
        Ok(self.attribute(name, AttributeType::Floats)?.map(|a| a.floats.as_slice()))
    }

    pub(super) fn texts(&self, name: &str) -> Result<Vec<&'a str>> {
        let all = self.attribute(name, AttributeType::Strings)?.map_or(&[][..], |a| a.strings.as_slice());
        all.iter().map(|text| std::str::from_utf8(text).map_err(|_| self.error(format!("the attribute {name} is not UTF-8")))).collect()
    }

    pub(super) fn text_or(&self, name: &str, default: &'static str) -> Result<&'a str> {
        match self.attribute(name, AttributeType::String)? {
            None => Ok(default),
            Some(a) => std::str::from_utf8(&a.s).map_err(|_| self.error(format!("the attribute {name} is not UTF-8"))),
        }
    }

    pub(super) fn tensor(&self, name: &str) -> Result<Option<Value>> {
        match self.attribute(name, AttributeType::Tensor)? {
            None => Ok(None),
            Some(pb::AttributeProto { t: Some(t), .. }) => tensor::value(t, &format!("node {:?}", self.name)).map(Some),
            Some(_) => self.fail(format!("the attribute {name} holds no tensor")),
        }
    }

    /// Turns an axis that may count from the end into a place among `rank` dimensions.
    pub(super) fn axis(&self, axis: i64, rank: usize) -> Result<usize> {
        let rank_i = rank as i64;
        let place = if axis < 0 { axis.saturating_add(rank_i) } else { axis };
        if (0..rank_i).contains(&place) { Ok(place as usize) } else { self.fail(format!("axis {axis} of a tensor of {rank} dimensions")) }
    }

    /// The same for a list of axes, each at most once; in ascending order.
    pub(super) fn axes(&self, axes: &[i64], rank: usize) -> Result<Vec<usize>> {
        let mut places = axes.iter().map(|&axis| self.axis(axis, rank)).collect::<Result<Vec<_>>>()?;
        places.sort_unstable();
        if places.windows(2).any(|pair| pair[0] == pair[1]) {
            return self.fail(format!("axes {axes:?}: one occurs twice"));
        }
        Ok(places)
    }

    /// A dimension computed in wide integers, back into a size.
    pub(super) fn dimension(&self, dim: i128) -> Result<usize> {
        usize::try_from(dim).map_err(|_| self.error(format!("a dimension of {dim}")))
    }

    /// Refuses operands of different element types.
    pub(super) fn same_type(&self, a: &Value, b: &Value) -> Result<()> {
        if a.dtype == b.dtype {
            return Ok(());
        }
        self.fail(format!("operands of different types, {} and {}", a.dtype.name(), b.dtype.name()))
    }

    pub(super) fn float_input(&self, place: usize) -> Result<&'a Value> {
        let value = self.input(place)?;
        if !value.dtype.is_float() {
            return self.fail(format!("input {place} is {}; expected floats", value.dtype.name()));
        }
        Ok(value)
    }

    pub(super) fn integer_input(&self, place: usize) -> Result<&'a Value> {
        let value = self.input(place)?;
        if !matches!(value.dtype, Dtype::I64 | Dtype::I32) {
            return self.fail(format!("input {place} is {}; expected integers", value.dtype.name()));
        }
        Ok(value)
    }

    /// The shape that broadcasting gives.
    pub(super) fn broadcast(&self, a: &[usize], b: &[usize]) -> Result<Vec<usize>> {
        shape::broadcast(a, b).ok_or_else(|| self.error(format!("the shapes {a:?} and {b:?} do not broadcast")))
    }
}
