//! How a history of embeddings becomes one vector.
//!
//! Histories lie one after another, `starts` says where each begins: nothing is padded. An empty history gives zeros.

mod attention;
mod gru;
mod lstm;
mod recency;
mod steps;
mod transformer;

use crate::config::{PoolKind, Towers};
use crate::dense::Dense;
use crate::rng::Rng;

pub(crate) use attention::Attention;
pub(crate) use gru::Gru;
pub(crate) use lstm::Lstm;
pub(crate) use recency::recency;
pub(crate) use transformer::Transformer;

/// A way to pool.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Pool {
    Mean,
    Recency { half_life: f32 },
    Attention(Attention),
    Gru(Gru),
    Lstm(Lstm),
    Transformer(Transformer),
}

/// What the way back needs.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum PoolTrace {
    Attention(attention::Trace),
    Gru(gru::Trace),
    Lstm(lstm::Trace),
    Transformer(Box<transformer::Trace>),
}

impl Pool {
    /// `places` is the longest history there may be.
    pub(crate) fn new(towers: &Towers, width: usize, places: usize, rng: &mut Rng) -> Self {
        match towers.pool {
            PoolKind::Mean => Self::Mean,
            PoolKind::Recency => Self::Recency { half_life: towers.half_life },
            PoolKind::Attention => Self::Attention(Attention::new("pool", width, places, rng)),
            PoolKind::Gru => Self::Gru(Gru::new("pool", width, rng)),
            PoolKind::Lstm => Self::Lstm(Lstm::new("pool", width, rng)),
            PoolKind::Transformer => Self::Transformer(Transformer::new(towers, width, places, rng)),
        }
    }

    /// Pools that need the embeddings one by one; `None` of those that are weighted sums.
    pub(crate) fn forward(&self, starts: &[usize], e: &[f32], rng: Option<&mut Rng>) -> Option<(Vec<f32>, PoolTrace)> {
        Some(match self {
            Self::Mean | Self::Recency { .. } => return None,
            Self::Attention(pool) => wrap(pool.forward(starts, e), PoolTrace::Attention),
            Self::Gru(pool) => wrap(pool.forward(starts, e), PoolTrace::Gru),
            Self::Lstm(pool) => wrap(pool.forward(starts, e), PoolTrace::Lstm),
            Self::Transformer(pool) => wrap(pool.forward(starts, e, rng), |trace| PoolTrace::Transformer(Box::new(trace))),
        })
    }

    /// Derivatives by the embeddings; those by parameters are added up.
    pub(crate) fn backward(&mut self, starts: &[usize], e: &[f32], trace: &PoolTrace, dy: &[f32]) -> Vec<f32> {
        match (self, trace) {
            (Self::Attention(pool), PoolTrace::Attention(trace)) => pool.backward(starts, e, trace, dy),
            (Self::Gru(pool), PoolTrace::Gru(trace)) => pool.backward(starts, e, trace, dy),
            (Self::Lstm(pool), PoolTrace::Lstm(trace)) => pool.backward(starts, e, trace, dy),
            (Self::Transformer(pool), PoolTrace::Transformer(trace)) => pool.backward(starts, trace, dy),
            _ => vec![0.0; e.len()],
        }
    }

    pub(crate) fn parameters<'a>(&'a mut self, out: &mut Vec<&'a mut Dense>) {
        match self {
            Self::Mean | Self::Recency { .. } => {}
            Self::Attention(pool) => pool.parameters(out),
            Self::Gru(pool) => pool.parameters(out),
            Self::Lstm(pool) => pool.parameters(out),
            Self::Transformer(pool) => pool.parameters(out),
        }
    }
}

fn wrap<T>((y, trace): (Vec<f32>, T), into: impl FnOnce(T) -> PoolTrace) -> (Vec<f32>, PoolTrace) {
    (y, into(trace))
}
