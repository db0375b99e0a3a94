//! The vectors of a few rows found, as bytes that can be compared with each other.

use crate::diverse::Int8Vectors;
use crate::error::Result;
use crate::query::candidates::Found;
use crate::query::request::Request;

/// The vectors of the rows, in their order and in one scale: refine vectors from memory, as bytes, or rounded to them where they are of another
/// kind; the exact ones of the tail. Without refine vectors they are read from storage.
pub(crate) fn vectors(request: &Request<'_>, found: &[Found]) -> Result<Int8Vectors> {
    let (shared, snapshot) = (request.shared, request.snapshot);
    let quantizer = snapshot.training.trained.as_ref().map(|trained| trained.engine.quantizer());
    let mut vectors = Int8Vectors::with_capacity(shared.settings.dim, found.len());
    let mut values = vec![0.0; shared.settings.dim];
    for found in found {
        let (part, position) = (found.place.0 as usize, found.place.1 as usize);
        if let Some(view) = snapshot.segments.get(part) {
            if let Some((scale, bytes)) = view.body.index.refine_int8(position) {
                vectors.push_bytes(scale, bytes);
                continue;
            }
            if view.body.index.refine_vector(position, &mut values) {
                vectors.push(&values);
                continue;
            }
        }
        shared.vector(snapshot, found.place, &mut values)?;
        // Segments have what the quantizer makes of a vector.
        if let Some(quantizer) = quantizer {
            quantizer.carry_row(&mut values);
        }
        vectors.push(&values);
    }
    Ok(vectors)
}
