//! What several targets share; each uses a part of it.
#![allow(dead_code)]

pub mod graph;
pub mod model;
pub mod parts;
