//! Ensembles of decision trees: `TreeEnsembleRegressor`, `TreeEnsembleClassifier`, `TreeEnsemble`.
//!
//! ```text
//! attributes ──> ensemble ──> check ──> lower ──> layout ──> walk ──> aggregate ──> scores
//!  (two forms)   (one form)   (a DAG)   (ranges of   (complete    (a block      (and post
//!                                        sort keys)   or linked)   of rows)      transform)
//! ```
//!
//! A feature becomes a *sort key*: an integer that orders as the float does. Every comparison is then one range of keys, and a missing value
//! is a key below or above all others, as the node wants it; so walking a tree has no case for modes or for missing values.

mod aggregate;
mod block;
mod check;
mod classes;
mod ensemble;
mod forest;
mod form3;
mod form5;
mod key;
mod lower;
mod walk;

pub(super) use classes::Classifier;
pub(super) use ensemble::targets;
pub(super) use forest::Regressor;
