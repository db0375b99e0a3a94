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
/// Vectors from which on they are calibrated with.
const ENOUGH: usize = 256;
/// A thread offers every so many of its queries once the sample is full.
const STRIDE: u32 = 16;
/// Once the sample was full and calibrated with, it is again when so many times as many vectors were offered: users may have changed.
const AGAIN: u64 = 4;
/// Vectors not stored yet from which on closing stores the sample: a few would not be worth a write.
const WORTH_STORING: u64 = 32;

thread_local! {
    static TURN: Cell<u32> = const { Cell::new(0) };
}

/// Every vector so far has the same chance to be in the sample (Vitter's algorithm R), but that a full one looks at one in [`STRIDE`] only.
#[derive(Debug)]
pub(crate) struct QuerySample {
    full: AtomicBool,
    /// There is a sample to calibrate with that nobody has calibrated with yet.
    due: AtomicBool,
    sample: Mutex<Sample>,
}

#[derive(Debug)]
struct Sample {
    /// Vectors offered.
    seen: u64,
    /// Of these, stored.
    stored: u64,
    /// Calibrates when so many were offered.
    next: u64,
    vectors: Matrix,
}

impl QuerySample {
    pub(crate) fn new(dim: usize) -> Self {
        let sample = Sample { seen: 0, stored: 0, next: enough(dim) as u64, vectors: Matrix::new(dim) };
        Self { full: AtomicBool::new(false), due: AtomicBool::new(false), sample: Mutex::new(sample) }
    }

    /// Goes on from a sample that was stored, of `seen` vectors offered. `used` when the collection is calibrated with it.
    pub(crate) fn restore(&self, vectors: &Matrix, seen: u64, used: bool) {
        let mut sample = self.sample.lock();
        let room = room(vectors.dim());
        sample.vectors = Matrix::new(vectors.dim());
        vectors.iter().take(room).for_each(|vector| sample.vectors.push(vector));
        sample.seen = seen.max(sample.vectors.rows() as u64);
        sample.stored = sample.seen;
        self.full.store(sample.vectors.rows() == room, Ordering::Relaxed);
        let due = !used && sample.vectors.rows() >= enough(vectors.dim());
        if used || due {
            sample.schedule();
        }
        self.due.store(due, Ordering::Relaxed);
    }

    /// Notes vectors that are searched with; true when with these there has come to be a sample to calibrate with. Never waits: where another
    /// thread is at it, these are passed over.
    pub(crate) fn note(&self, vectors: &Matrix) -> bool {
        if self.full.load(Ordering::Relaxed) {
            let turn = TURN.get();
            TURN.set(turn.wrapping_add(1));
            if !turn.is_multiple_of(STRIDE) {
                return false;
            }
        }
        let Some(mut sample) = self.sample.try_lock() else { return false };
        vectors.iter().for_each(|vector| sample.offer(vector));
        if sample.vectors.rows() == room(sample.vectors.dim()) {
            self.full.store(true, Ordering::Relaxed);
        }
        if sample.seen < sample.next {
            return false;
        }
        sample.schedule();
        !self.due.swap(true, Ordering::Relaxed)
    }

    /// Whether there is a sample that should be calibrated with.
    pub(crate) fn is_due(&self) -> bool {
        self.due.load(Ordering::Relaxed)
    }

    /// The sample, when it is large enough; with it whoever asks takes it upon himself to calibrate.
    pub(crate) fn take(&self) -> Option<Matrix> {
        let sample = self.sample.lock();
        self.due.store(false, Ordering::Relaxed);
        (sample.vectors.rows() >= enough(sample.vectors.dim())).then(|| sample.vectors.clone())
    }

    /// Says that nothing came of what was taken.
    pub(crate) fn put_back(&self) {
        self.due.store(true, Ordering::Relaxed);
    }

    /// Vectors in the sample.
    pub(crate) fn len(&self) -> usize {
        self.sample.lock().vectors.rows()
    }

    /// The sample and the number of vectors that it is drawn from, where more of them than a few are not stored yet.
    pub(crate) fn unstored(&self) -> Option<(u64, Matrix)> {
        let sample = self.sample.lock();
        (sample.seen >= sample.stored + WORTH_STORING).then(|| (sample.seen, sample.vectors.clone()))
    }

    /// Says that the sample of so many vectors is stored.
    pub(crate) fn stored(&self, seen: u64) {
        self.sample.lock().stored = seen;
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

    /// When to calibrate next: with a full sample, then ever more rarely.
    fn schedule(&mut self) {
        let room = room(self.vectors.dim()) as u64;
        self.next = if self.seen < room { room } else { self.seen.saturating_mul(AGAIN) };
    }
}

fn room(dim: usize) -> usize {
    (MOST_BYTES / (4 * dim.max(1))).clamp(1, KEPT)
}

fn enough(dim: usize) -> usize {
    room(dim).min(ENOUGH)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn one(at: usize) -> Matrix {
        Matrix::from_vec(1, vec![at as f32]).unwrap()
    }

    #[test]
    fn the_sample_is_spread_over_all_that_was_asked() {
        let asked = QuerySample::new(1);
        let mut batch = Matrix::new(1);
        (0..KEPT).for_each(|at| batch.push(&[at as f32]));
        assert!(asked.note(&batch));
        let many = 20 * KEPT;
        for at in KEPT..many {
            asked.note(&one(at));
        }
        let sample = asked.take().unwrap();
        assert_eq!(sample.rows(), KEPT);
        let late = sample.iter().filter(|vector| vector[0] as usize >= KEPT).count();
        // Of those after the first thousand one in sixteen was looked at: a little more than half of the sample, give or take.
        assert!((KEPT / 3..KEPT * 4 / 5).contains(&late), "{late}");
    }

    #[test]
    fn it_is_due_when_there_is_enough_then_when_it_is_full_then_rarely() {
        let asked = QuerySample::new(1);
        let mut due = Vec::new();
        for at in 1..=200 * KEPT {
            if asked.note(&one(at)) {
                due.push(at);
                assert!(asked.is_due() && asked.take().is_some() && !asked.is_due());
            }
        }
        assert_eq!(due[..2], [ENOUGH, KEPT]);
        assert!((3..6).contains(&due.len()), "{due:?}");
    }

    #[test]
    fn what_was_stored_goes_on_where_it_was() {
        let asked = QuerySample::new(1);
        (0..200).for_each(|at| assert!(!asked.note(&one(at))));
        assert!(asked.take().is_none());
        let (seen, vectors) = asked.unstored().unwrap();
        asked.stored(seen);
        assert!(asked.unstored().is_none());
        let again = QuerySample::new(1);
        again.restore(&vectors, seen, false);
        assert!(!again.is_due() && again.len() == 200);
        let due: Vec<usize> = (200..300).filter(|&at| again.note(&one(at))).collect();
        assert_eq!(due, [ENOUGH - 1]);
        let third = QuerySample::new(1);
        third.restore(&again.take().unwrap(), 300, true);
        assert!(!third.is_due());
        third.restore(&again.take().unwrap(), 300, false);
        assert!(third.is_due());
    }
}
