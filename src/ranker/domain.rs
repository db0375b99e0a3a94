//! The domain of the operators that rankers are made of.

/// The domain of trees and linear models.
pub(super) const ML: &str = "ai.onnx.ml";
