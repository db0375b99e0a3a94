//! What users searched with is remembered: recall targets are calibrated for where such vectors lie.

use crate::query::request::Request;
use crate::vector::Matrix;

/// Notes the vectors of users' queries, however hard they look. Items lie elsewhere than users.
pub(crate) fn note(request: &Request<'_>) {
    let Request { shared, sources, vectors, .. } = request;
    if request.options.unsampled {
        return;
    }
    if sources.iter().all(|source| source.item().is_none()) {
        return shared.note(vectors);
    }
    let mut asked = Matrix::new(vectors.dim());
    for (_, vector) in sources.iter().zip(vectors.iter()).filter(|(source, _)| source.item().is_none()) {
        asked.push(vector);
    }
    if !asked.is_empty() {
        shared.note(&asked);
    }
}
