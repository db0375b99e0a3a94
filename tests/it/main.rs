//! The library as an application meets it: real towers, hostile files, bad input, random operations against a model, many threads.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod api;
mod bad_input;
#[cfg(feature = "onnx")]
mod bundles;
mod collections;
mod concurrent;
mod full_disk;
mod history;
#[cfg(feature = "onnx")]
mod hostile;
mod magnitudes;
mod maintenance;
mod model;
#[cfg(feature = "onnx")]
mod onnx;
mod properties;
mod random;
mod read_only;
#[cfg(feature = "onnx")]
mod shared;
mod sizes;
#[cfg(feature = "onnx")]
mod spec_two;
#[cfg(feature = "onnx")]
mod tower_rows;
#[cfg(feature = "onnx")]
mod towers;
mod variants;
