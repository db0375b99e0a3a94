//! One node to be computed: its inputs' numbers, and what it says of itself.

use tract_onnx::pb;

use crate::tower::array::Array;
use crate::tower::attributes::Attributes;

pub(super) type Result<T> = std::result::Result<T, String>;

pub(in crate::tower) struct Call<'a> {
    pub(in crate::tower) proto: &'a pb::NodeProto,
    pub(in crate::tower) inputs: Vec<Option<&'a Array>>,
    /// The outputs' shapes, as inference told them.
    pub(in crate::tower) shapes: &'a [Vec<usize>],
}

impl<'a> Call<'a> {
    pub(super) fn operator(&self) -> &'a str {
        &self.proto.op_type
    }

    pub(super) fn attributes(&self) -> Attributes<'a> {
        Attributes(self.proto)
    }

    /// The shape of the first output.
    pub(super) fn shape(&self) -> Result<Vec<usize>> {
        self.shapes.first().cloned().ok_or_else(|| "no output".to_owned())
    }

    pub(super) fn input(&self, place: usize) -> Result<&'a Array> {
        self.optional(place).ok_or_else(|| format!("input {place} is missing"))
    }

    pub(super) fn optional(&self, place: usize) -> Option<&'a Array> {
        self.inputs.get(place).copied().flatten()
    }

    pub(super) fn floats(&self, place: usize) -> Result<&'a [f64]> {
        self.input(place)?.as_floats()
    }

    pub(super) fn integers(&self, place: usize) -> Result<&'a [i64]> {
        self.input(place)?.as_integers()
    }

    pub(super) fn optional_integers(&self, place: usize) -> Result<Option<&'a [i64]>> {
        self.optional(place).map(Array::as_integers).transpose()
    }

    pub(super) fn optional_floats(&self, place: usize) -> Result<Option<&'a [f64]>> {
        self.optional(place).map(Array::as_floats).transpose()
    }
}

/// An axis that may count from the end, as a place among `rank` dimensions.
pub(in crate::tower) fn axis(axis: i64, rank: usize) -> Result<usize> {
    let place = if axis < 0 { axis.saturating_add(rank as i64) } else { axis };
    usize::try_from(place).ok().filter(|&place| place < rank).ok_or_else(|| format!("axis {axis} of {rank} dimensions"))
}

/// A list of axes, in ascending order.
pub(in crate::tower) fn axes(list: &[i64], rank: usize) -> Result<Vec<usize>> {
    let mut places = list.iter().map(|&at| axis(at, rank)).collect::<Result<Vec<_>>>()?;
    places.sort_unstable();
    places.dedup();
    Ok(places)
}
