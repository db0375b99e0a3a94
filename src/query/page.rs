//! The stage that cuts out what the caller wants to see of what was found.

use crate::query::candidates::Candidates;
use crate::query::request::Request;

/// Keeps `k` rows after the first `offset`.
pub(crate) fn page(request: &Request<'_>, candidates: &mut Candidates) {
    let options = request.options;
    for ranked in &mut candidates.queries {
        let found = &mut ranked.found;
        found.drain(..options.offset.min(found.len()));
        found.truncate(options.k);
    }
}
