//! A sample of the vectors that a collection was really searched with.
//!
//! Recall targets are calibrated with it: users' vectors lie elsewhere than items' vectors, and need more lists for the same recall.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use xxhash_rust::xxh3::xxh3_64;

use crate::vector::Matrix;

/// Vectors kept, where they take no more than [`MOST_BYTES`].
const KEPT: usize = 1024;
const MOST_BYTES: usize = 8 << 20;
/// A thread offers every so many of its queries once the sample is full.
const STRIDE: u32 = 16;

thread_local! {
    static TURN: Cell<u32> = const { Cell::new(0) };
}

/// Every vector so far has the same chance to be in the sample (Vitter's algorithm R), but that a full one looks at one in [`STRIDE`] only.
#[derive(Debug)]
pub(crate) struct Asked {
    full: AtomicBool,
    sample: Mutex<Sample>,
}

#[derive(Debug)]
struct Sample {
    seen: u64,
    vectors: Matrix,
}

impl Asked {
    pub(crate) fn new(dim: usize) -> Self {
        Self { full: AtomicBool::new(false), sample: Mutex::new(Sample { seen: 0, vectors: Matrix::new(dim) }) }
    }

    /// Notes vectors that are searched with. Never waits: where another thread is at it, these are passed over.
    pub(crate) fn note(&self, vectors: &Matrix) {
        if self.full.load(Ordering::Relaxed) {
            let turn = TURN.get();
            TURN.set(turn.wrapping_add(1));
            if !turn.is_multiple_of(STRIDE) {
                return;
            }
        }
        if let Some(mut sample) = self.sample.try_lock() {
            vectors.iter().for_each(|vector| sample.offer(vector));
            if sample.vectors.rows() == room(sample.vectors.dim()) {
                self.full.store(true, Ordering::Relaxed);
            }
        }
    }

    /// Whether the sample is large enough to calibrate with.
    pub(crate) fn is_enough(&self) -> bool {
        self.full.load(Ordering::Relaxed)
    }

    /// The sample, when it is large enough.
    pub(crate) fn vectors(&self) -> Option<Matrix> {
        self.is_enough().then(|| self.sample.lock().vectors.clone())
    }
}

impl Sample {
    fn offer(&mut self, vector: &[f32]) {
        self.seen += 1;
        let room = room(vector.len());
        if self.vectors.rows() < room {
            self.vectors.push(vector);
            return;
        }
        let at = xxh3_64(&self.seen.to_le_bytes()) % self.seen;
        if at < room as u64 {
            self.vectors.row_mut(at as usize).copy_from_slice(vector);
        }
    }
}

fn room(dim: usize) -> usize {
    (MOST_BYTES / (4 * dim.max(1))).clamp(1, KEPT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_is_spread_over_all_that_was_asked() {
        let asked = Asked::new(1);
        let mut batch = Matrix::new(1);
        (0..KEPT - 1).for_each(|at| batch.push(&[at as f32]));
        asked.note(&batch);
        assert!(!asked.is_enough() && asked.vectors().is_none());
        let many = 20 * KEPT;
        for at in KEPT - 1..many {
            asked.note(&Matrix::from_vec(1, vec![at as f32]).unwrap());
        }
        let sample = asked.vectors().unwrap();
        assert_eq!(sample.rows(), KEPT);
        let late = sample.iter().filter(|vector| vector[0] as usize >= KEPT).count();
        // Of those after the first thousand one in sixteen was looked at: a little more than half of the sample, give or take.
        assert!((KEPT / 3..KEPT * 4 / 5).contains(&late), "{late}");
    }
}
