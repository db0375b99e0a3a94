//! AVX2, FMA and F16C: 32 codes a register.

mod products;
mod query_tile;
mod scan;
mod tile;

pub(super) use products::{
    at_least, coarse, coarse_scores, column_maxima, dot, dot_f16, dot_i8, dots, l2, l2_f16, l2s, quantise, ranges, table, tile_scores,
};
pub(super) use query_tile::tile_products;
pub(super) use scan::{exact, filter};
pub(super) use tile::{looped, low_tile, single_tile, strided, stripe, tile};

#[target_feature(enable = "avx2,fma")]
pub(super) fn curve(curve: super::Curve, values: &mut [f32]) {
    super::curve::curve(curve, values);
}

#[target_feature(enable = "avx2,fma")]
pub(super) fn softmax(width: usize, values: &mut [f32]) {
    super::softmax::softmax(width, values);
}
