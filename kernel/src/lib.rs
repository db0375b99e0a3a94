//! The only unsafe code in Torre: SIMD loops over slices. A [`Kernel`] is chosen once, from what the CPU has; its calls are safe
//! and check lengths. Every path gives the same bits: integer sums are exact, and `scalar` fixes the order of every f32 sum.
//!
//! Orders of f32 additions: [`Kernel::dot`] and [`Kernel::l2`] keep 32 partial sums (element `i` goes to sum `i % 32`, by fused
//! multiply-add) and fold them in halves; table entries are fused multiply-adds over a part's dimensions in ascending order.
//!
//! Paths: scalar, AVX2, AVX-512 (VBMI, VNNI), the same with AMX and NEON, the last tested under emulation only (`.ci/run neon`).
#![allow(unsafe_code)]

mod blocked;
#[cfg(feature = "testing")]
mod clock;
#[cfg(feature = "testing")]
pub mod counting;
mod curve;
#[cfg(test)]
mod curve_tests;
mod kernel;
mod line;
mod looped;
mod matrix;
mod memory;
mod network;
mod packed;
mod portable;
mod prefetch;
mod products;
mod query_tile;
mod scalar;
mod softmax;
mod strided;
mod stripe;
mod task;
#[cfg(test)]
mod tests;
pub mod train;

#[cfg(target_arch = "x86_64")]
mod amx;
#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "aarch64")]
mod neon;

#[cfg(feature = "testing")]
pub use clock::thread_time;
pub use curve::Curve;
pub use kernel::Kernel;
pub use line::{BLOCK, Line};
pub use looped::Loop;
pub use matrix::{Into, View};
pub use memory::{Lines, trim};
pub use packed::Packed;
pub use query_tile::{ByteRows, QueryTile, TILE, TileScores};
pub use task::{COARSE_QUERY_MAX, EXACT_MAX, ExactTask, FILTER_MAX, FilterTask, IntQuery, Offsets, Rounding, Sink, round};
