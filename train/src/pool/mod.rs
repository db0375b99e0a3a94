//! How a history of embeddings becomes one vector.
//!
//! Histories lie one after another, `starts` says where each begins: nothing is padded. An empty history gives zeros.

mod attention;
mod recency;

use crate::config::{PoolKind, Towers};
use crate::dense::Dense;
use crate::rng::Rng;

pub(crate) use attention::Attention;
pub(crate) use recency::recency;

/// A way to pool.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Pool {
    Mean,
    Recency { half_life: f32 },
    Attention(Attention),
}

/// What the way back needs.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum PoolTrace {
    Attention(attention::Trace),
}

impl Pool {
    /// `places` is the longest history there may be.
    pub(crate) fn new(towers: &Towers, width: usize, places: usize, rng: &mut Rng) -> Self {
        match towers.pool {
            PoolKind::Mean => Self::Mean,
            PoolKind::Recency => Self::Recency { half_life: towers.half_life },
            PoolKind::Attention => Self::Attention(Attention::new("pool", width, places, rng)),
        }
    }

    /// Pools that need the embeddings one by one; `None` of those that are weighted sums.
    pub(crate) fn forward(&self, starts: &[usize], e: &[f32], _rng: Option<&mut Rng>) -> Option<(Vec<f32>, PoolTrace)> {
        Some(match self {
            Self::Mean | Self::Recency { .. } => return None,
            Self::Attention(pool) => wrap(pool.forward(starts, e), PoolTrace::Attention),
        })
    }

    /// Derivatives by the embeddings; those by parameters are added up.
    pub(crate) fn backward(&mut self, starts: &[usize], e: &[f32], trace: &PoolTrace, dy: &[f32]) -> Vec<f32> {
        match (self, trace) {
            (Self::Attention(pool), PoolTrace::Attention(trace)) => pool.backward(starts, e, trace, dy),
            _ => vec![0.0; e.len()],
        }
    }

    pub(crate) fn parameters<'a>(&'a mut self, out: &mut Vec<&'a mut Dense>) {
        match self {
            Self::Mean | Self::Recency { .. } => {}
            Self::Attention(pool) => pool.parameters(out),
        }
    }
}

fn wrap<T>((y, trace): (Vec<f32>, T), into: impl FnOnce(T) -> PoolTrace) -> (Vec<f32>, PoolTrace) {
    (y, into(trace))
}
