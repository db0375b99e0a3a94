//! Layers, each with its backward pass written out. A layer's `forward` gives what `backward` needs beside its output; gradients of its
//! parameters are added to those that are there.

mod dropout;
mod linear;
mod mlp;
mod norm;

pub(crate) use dropout::Dropout;
pub(crate) use linear::Linear;
pub(crate) use mlp::{Mlp, MlpShape, MlpTrace};
pub(crate) use norm::{EPSILON as NORM_EPSILON, LEAST, LayerNorm, NormTrace, unit, unit_back};

#[cfg(test)]
pub(crate) mod differences;
