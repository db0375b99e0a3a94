//! Codes and refine vectors against the vectors they stand for.

use crate::error::{Error, Result};
use crate::progress::Progress;
use crate::segment::{LiveRows, Sealed, Shared, Snapshot, Training, View};
use crate::types::Refine;
use crate::vector::Matrix;

/// Rows coded at a time.
const CHUNK_ROWS: usize = 4096;

/// How far the codes of a segment are from the vectors they stand for.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Drift {
    error: f64,
    square: f64,
}

impl Drift {
    /// The squared error as a share of the squared lengths.
    pub(super) fn share(&self) -> f64 {
        if self.square > 0.0 { self.error / self.square } else { 0.0 }
    }

    /// True when the error is well above the mean that the segment was made with: by damage, or because few and unusual rows are left of it.
    pub(super) fn is_suspicious(&self, made_with: f64) -> bool {
        self.share() > 2.0 * made_with + 0.05
    }

    /// True when these codes are not those that the rows would get. Coding is the same everywhere; only the sums may differ by rounding.
    pub(super) fn is_worse_than(&self, today: &Self) -> bool {
        self.share() > 1.001 * today.share() + 1e-6
    }
}

/// Codes the live rows of a segment again, and gives the error that they should have.
pub(super) fn recoded(shared: &Shared, snapshot: &Snapshot, segment: usize, progress: &dyn Progress) -> Result<Drift> {
    let mut drift = Drift::default();
    let Some(trained) = &snapshot.training.trained else { return Ok(drift) };
    let quantizer = trained.engine.quantizer();
    let mut add = |vectors: &mut Matrix| {
        quantizer.carry(vectors);
        let lists = quantizer.assign(vectors);
        let codes = quantizer.encode(vectors, &lists);
        let square: f64 = vectors.as_slice().iter().map(|&x| f64::from(x).powi(2)).sum();
        drift.error += quantizer.error(vectors, &lists, &codes) * square;
        drift.square += square;
        *vectors = Matrix::new(shared.settings.dim);
    };
    let mut vectors = Matrix::new(shared.settings.dim);
    let mut live = LiveRows::sealed(snapshot);
    for stored in shared.vectors(0..snapshot.sealed_row) {
        // What cannot be read has been reported.
        let Ok((row, bytes)) = stored else { continue };
        if live.place(row).is_some_and(|place| place.0 as usize == segment)
            && let Ok(values) = shared.values(row, &bytes)
        {
            values.push_to(&mut vectors);
        }
        if vectors.rows() == CHUNK_ROWS {
            add(&mut vectors);
        }
        if progress.cancelled() {
            return Err(Error::Interrupted);
        }
    }
    if !vectors.is_empty() {
        add(&mut vectors);
    }
    Ok(drift)
}

/// Adds the error of a row's code to its segment's sum; false when its refine vector is off by more than rounding explains.
pub(super) fn are_near(
    training: &Training,
    view: &View<Sealed>,
    position: usize,
    vector: &[f32],
    scratch: &mut [f32],
    sum: &mut Drift,
) -> bool {
    let mut carried = vector.to_vec();
    if let Some(trained) = &training.trained {
        trained.engine.quantizer().carry_row(&mut carried);
    }
    let vector = &*carried;
    let square = |values: &mut dyn Iterator<Item = f64>| values.map(|x| x * x).sum::<f64>();
    let length = square(&mut vector.iter().map(|&x| f64::from(x)));
    let distance = |other: &[f32]| square(&mut vector.iter().zip(other).map(|(&x, &y)| f64::from(x) - f64::from(y)));
    let index = &view.body.index;
    if let Some(trained) = &training.trained {
        index.decode(trained.engine.quantizer(), position, scratch);
        sum.error += distance(scratch);
        sum.square += length;
    }
    if !index.refine_vector(position, scratch) {
        return true;
    }
    let largest = vector.iter().fold(0.0f64, |most, &x| most.max(f64::from(x.abs())));
    // Of one component: int8 rounds to 1/254 of the largest, f16 to 2^-11 of itself (or its smallest step).
    let component = match index.refine() {
        Refine::F32 => 0.0,
        Refine::F16 => largest / 1024.0 + 1e-7,
        _ => largest / 120.0 + f64::from(f32::MIN_POSITIVE),
    };
    // Beyond the range of f16 there is nothing to compare.
    let out_of_range = index.refine() == Refine::F16 && largest > 65504.0;
    out_of_range || distance(scratch) <= component * component * vector.len() as f64
}
