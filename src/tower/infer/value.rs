//! What is known of a value of the graph before anything runs: type, shape, for integers the range and, where small, the content.

use std::rc::Rc;

use crate::model_error::ModelError;
use crate::tower::limits;

/// The element types that towers compute with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::tower) enum Dtype {
    F32,
    F64,
    I64,
    I32,
    Bool,
}

impl Dtype {
    /// By ONNX's number.
    pub(in crate::tower) fn from_onnx(number: i32, place: &str) -> Result<Self, ModelError> {
        Ok(match number {
            1 => Self::F32,
            6 => Self::I32,
            7 => Self::I64,
            9 => Self::Bool,
            11 => Self::F64,
            _ => {
                let got = tract_onnx::pb::tensor_proto::DataType::try_from(number)
                    .map_or_else(|_| format!("number {number}"), |t| t.as_str_name().to_lowercase());
                return Err(ModelError::Type { place: place.to_owned(), got });
            }
        })
    }

    pub(in crate::tower) fn is_float(self) -> bool {
        matches!(self, Self::F32 | Self::F64)
    }

    /// Whether both ends are numbers of this type; what is computed in i64 here may have wrapped there.
    fn holds(self, (lo, hi): (i64, i64)) -> bool {
        self != Self::I32 || (i32::try_from(lo).is_ok() && i32::try_from(hi).is_ok())
    }

    pub(in crate::tower) fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F64 => "f64",
            Self::I64 => "i64",
            Self::I32 => "i32",
            Self::Bool => "bool",
        }
    }
}

/// One value of the graph, at one batch size.
#[derive(Clone, Debug)]
pub(in crate::tower) struct Value {
    pub(in crate::tower) dtype: Dtype,
    pub(in crate::tower) shape: Vec<usize>,
    /// The content of a small integer or boolean tensor that does not depend on the input, row-major.
    pub(in crate::tower) content: Option<Rc<[i64]>>,
    /// Bounds of every element, of integers and booleans.
    pub(in crate::tower) range: Option<(i64, i64)>,
    /// The graph input whose elements these are, moved about but not changed.
    pub(in crate::tower) input: Option<Rc<str>>,
}

impl Value {
    /// A value of which only type and shape are known.
    pub(in crate::tower) fn new(dtype: Dtype, shape: Vec<usize>) -> Self {
        let range = (dtype == Dtype::Bool).then_some((0, 1));
        Self { dtype, shape, content: None, range, input: None }
    }

    /// An integer value of known content; it is kept where it is small, and its range always.
    pub(in crate::tower) fn known(dtype: Dtype, shape: Vec<usize>, content: Vec<i64>) -> Self {
        let range = content.iter().min().copied().zip(content.iter().max().copied());
        if range.is_some_and(|range| !dtype.holds(range)) {
            return Self::new(dtype, shape);
        }
        let content = (content.len() <= limits::FOLLOWED_ELEMENTS).then(|| content.into());
        Self { dtype, shape, content, range, input: None }
    }

    pub(in crate::tower) fn with_range(mut self, range: Option<(i64, i64)>) -> Self {
        if !self.dtype.is_float() {
            self.range = range.filter(|&range| self.dtype.holds(range)).or(self.range);
        }
        self
    }

    pub(in crate::tower) fn rank(&self) -> usize {
        self.shape.len()
    }

    /// Elements; saturates.
    pub(in crate::tower) fn volume(&self) -> usize {
        volume(&self.shape)
    }

    /// The same elements in another shape.
    pub(in crate::tower) fn reshaped(&self, shape: Vec<usize>) -> Self {
        Self { shape, ..self.clone() }
    }

    /// Some of the elements, moved: the content is not followed, the range and the source are.
    pub(in crate::tower) fn moved(&self, shape: Vec<usize>) -> Self {
        Self { shape, content: None, ..self.clone() }
    }
}

/// Product of the dimensions; saturates.
pub(in crate::tower) fn volume(shape: &[usize]) -> usize {
    shape.iter().fold(1usize, |product, &dim| product.saturating_mul(dim))
}
