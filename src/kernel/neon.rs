//! NEON.

pub(super) use super::scalar::*;
