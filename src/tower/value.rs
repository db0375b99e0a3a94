//! What is known of a value of the graph before anything runs: type, shape, for integers the range and, where small, the content.

use std::rc::Rc;

use super::limits;
use super::shape::volume;
use crate::model_error::ModelError;

/// The element types that towers compute with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Dtype {
    F32,
    F64,
    I64,
    I32,
    Bool,
    /// Weights kept at half the size; cast before anything is computed with them.
    F16,
    /// What a quantised number is kept as.
    I8,
    /// The same without a sign.
    U8,
}

impl Dtype {
    /// By ONNX's number.
    pub(super) fn from_onnx(number: i32, place: &str) -> Result<Self, ModelError> {
        Ok(match number {
            1 => Self::F32,
            2 => Self::U8,
            3 => Self::I8,
            6 => Self::I32,
            7 => Self::I64,
            9 => Self::Bool,
            10 => Self::F16,
            11 => Self::F64,
            _ => {
                let got = tract_onnx::pb::tensor_proto::DataType::try_from(number)
                    .map_or_else(|_| format!("number {number}"), |t| t.as_str_name().to_lowercase());
                return Err(ModelError::Type { place: place.to_owned(), got });
            }
        })
    }

    /// ONNX's number.
    pub(super) fn to_onnx(self) -> i32 {
        match self {
            Self::F32 => 1,
            Self::U8 => 2,
            Self::I8 => 3,
            Self::I32 => 6,
            Self::I64 => 7,
            Self::Bool => 9,
            Self::F16 => 10,
            Self::F64 => 11,
        }
    }

    /// Whether tensors of this type are stored and moved about only: nothing but a cast or a (de)quantisation computes with them.
    pub(super) fn is_storage(self) -> bool {
        matches!(self, Self::F16 | Self::I8 | Self::U8)
    }

    /// The integer as this type holds it: it wraps.
    pub(super) fn wrap(self, x: i64) -> i64 {
        match self {
            Self::I32 => i64::from(x as i32),
            Self::I8 => i64::from(x as i8),
            Self::U8 => i64::from(x as u8),
            _ => x,
        }
    }

    pub(super) fn is_float(self) -> bool {
        matches!(self, Self::F32 | Self::F64)
    }

    /// Whether both ends are numbers of this type; what is computed in i64 here may have wrapped there.
    fn holds(self, (lo, hi): (i64, i64)) -> bool {
        self.wrap(lo) == lo && self.wrap(hi) == hi
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F64 => "f64",
            Self::I64 => "i64",
            Self::I32 => "i32",
            Self::Bool => "bool",
            Self::F16 => "f16",
            Self::I8 => "i8",
            Self::U8 => "u8",
        }
    }
}

/// Bounds of integers, where they are known.
pub(super) type Range = Option<(i64, i64)>;

/// One value of the graph, at one batch size.
#[derive(Clone, Debug)]
pub(super) struct Value {
    pub(super) dtype: Dtype,
    pub(super) shape: Vec<usize>,
    /// The content of a small integer or boolean tensor that does not depend on the input, row-major.
    pub(super) content: Option<Rc<[i64]>>,
    /// Bounds of every element, of integers and booleans.
    pub(super) range: Range,
    /// Bounds of each place along the last dimension, where several tensors were joined there: tuples of indices.
    pub(super) columns: Option<Rc<[Range]>>,
    /// The content of a float tensor that was cast from known integers.
    pub(super) whole: Option<Rc<[i64]>>,
    /// Bounds of every element of a float tensor that came of integers of known range; none of them is NaN.
    pub(super) span: Option<(f64, f64)>,
    /// The graph input whose elements these are, moved about but not changed.
    pub(super) input: Option<Rc<str>>,
}

impl Value {
    /// A value of which only type and shape are known.
    pub(super) fn new(dtype: Dtype, shape: Vec<usize>) -> Self {
        let range = (dtype == Dtype::Bool).then_some((0, 1));
        Self { dtype, shape, content: None, range, columns: None, whole: None, span: None, input: None }
    }

    /// An integer value of known content; it is kept where it is small, and its range always.
    pub(super) fn known(dtype: Dtype, shape: Vec<usize>, content: Vec<i64>) -> Self {
        let range = content.iter().min().copied().zip(content.iter().max().copied());
        if range.is_some_and(|range| !dtype.holds(range)) {
            return Self::new(dtype, shape);
        }
        let content = (content.len() <= limits::FOLLOWED_ELEMENTS).then(|| content.into());
        Self { dtype, shape, content, range, columns: None, whole: None, span: None, input: None }
    }

    pub(super) fn with_range(mut self, range: Option<(i64, i64)>) -> Self {
        if !self.dtype.is_float() {
            self.range = range.filter(|&range| self.dtype.holds(range)).or(self.range);
        }
        self
    }

    pub(super) fn rank(&self) -> usize {
        self.shape.len()
    }

    /// Elements; saturates.
    pub(super) fn volume(&self) -> usize {
        volume(&self.shape)
    }

    /// The same elements in another shape.
    pub(super) fn reshaped(&self, shape: Vec<usize>) -> Self {
        Self { shape, columns: None, ..self.clone() }
    }

    /// Some of the elements, moved: the content is not followed, the range and the source are.
    pub(super) fn moved(&self, shape: Vec<usize>) -> Self {
        Self { shape, content: None, columns: None, whole: None, ..self.clone() }
    }
}
