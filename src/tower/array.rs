//! A tensor in plain vectors: what the reference evaluator computes with.

use super::shape::{places, volume};
use super::value::Dtype;

/// Numbers, row-major. Floats of all widths are f64 here and integers i64; each is a number of the array's type.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Array {
    pub(super) dtype: Dtype,
    pub(super) shape: Vec<usize>,
    pub(super) data: Data,
}

#[derive(Clone, PartialEq, Debug)]
pub(super) enum Data {
    Float(Vec<f64>),
    Int(Vec<i64>),
}

impl Array {
    /// Floats, rounded to what the type can hold.
    pub(super) fn floats(dtype: Dtype, shape: Vec<usize>, mut data: Vec<f64>) -> Self {
        match dtype {
            Dtype::F32 => data.iter_mut().for_each(|x| *x = f64::from(*x as f32)),
            Dtype::F16 => data.iter_mut().for_each(|x| *x = half::f16::from_f64(*x).to_f64()),
            _ => {}
        }
        Self { dtype, shape, data: Data::Float(data) }
    }

    /// Integers or booleans, wrapped to what the type can hold.
    pub(super) fn integers(dtype: Dtype, shape: Vec<usize>, data: impl IntoIterator<Item = i64>) -> Self {
        Self { dtype, shape, data: Data::Int(data.into_iter().map(|x| dtype.wrap(x)).collect()) }
    }

    pub(super) fn booleans(shape: Vec<usize>, data: impl IntoIterator<Item = bool>) -> Self {
        Self::integers(Dtype::Bool, shape, data.into_iter().map(i64::from))
    }

    pub(super) fn rank(&self) -> usize {
        self.shape.len()
    }

    pub(super) fn len(&self) -> usize {
        volume(&self.shape)
    }

    pub(super) fn as_floats(&self) -> Result<&[f64], String> {
        match &self.data {
            Data::Float(data) => Ok(data),
            Data::Int(_) => Err(format!("{} where floats are expected", self.dtype.name())),
        }
    }

    pub(super) fn as_integers(&self) -> Result<&[i64], String> {
        match &self.data {
            Data::Int(data) => Ok(data),
            Data::Float(_) => Err(format!("{} where integers are expected", self.dtype.name())),
        }
    }

    /// The same elements in another shape.
    pub(super) fn reshaped(mut self, shape: Vec<usize>) -> Self {
        self.shape = shape;
        self
    }

    /// Some of the elements, by their places.
    pub(super) fn pick(&self, shape: Vec<usize>, places: impl Iterator<Item = usize>) -> Self {
        let data = match &self.data {
            Data::Float(data) => Data::Float(places.map(|place| data[place]).collect()),
            Data::Int(data) => Data::Int(places.map(|place| data[place]).collect()),
        };
        Self { dtype: self.dtype, shape, data }
    }

    /// Elements of several arrays of one type, by array and place.
    pub(super) fn gather(sources: &[&Self], shape: Vec<usize>, places: impl Iterator<Item = (usize, usize)>) -> Result<Self, String> {
        let first = sources.first().ok_or("no input")?;
        let data = match first.data {
            Data::Float(_) => {
                let all = sources.iter().map(|source| source.as_floats()).collect::<Result<Vec<_>, _>>()?;
                Data::Float(places.map(|(source, place)| all[source][place]).collect())
            }
            Data::Int(_) => {
                let all = sources.iter().map(|source| source.as_integers()).collect::<Result<Vec<_>, _>>()?;
                Data::Int(places.map(|(source, place)| all[source][place]).collect())
            }
        };
        Ok(Self { dtype: first.dtype, shape, data })
    }

    /// Broadcast to a shape.
    pub(super) fn broadcast(&self, shape: &[usize]) -> Self {
        if self.shape == shape {
            return self.clone();
        }
        self.pick(shape.to_vec(), places(&self.shape, shape))
    }
}
