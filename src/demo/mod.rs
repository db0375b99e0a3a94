//! `torre demo`: a shop's catalogue and shoppers from a seed, recommendations from raw features, and what they are worth.

#![allow(dead_code, reason = "the command that uses this needs the database")]

mod baseline;
mod catalogue;
mod clicks;
mod dice;
mod measure;
mod names;
mod report;
mod rows;
mod shop;
mod shopper;
mod showcase;
mod time;
