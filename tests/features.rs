//! Rows and feature specs through the public surface.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]
