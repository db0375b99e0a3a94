//! The last stage: the fields asked for, read from storage.

use std::time::Instant;

use crate::error::Result;
use crate::features::{Row, VECTOR_FIELD, Value};
use crate::query::candidates::{Candidates, Found};
use crate::query::request::Request;

/// Adds the fields of the rows found, when some were asked for.
pub(crate) fn fields(request: &Request<'_>, candidates: &mut Candidates) -> Result<()> {
    let Some(names) = &request.options.fields else { return Ok(()) };
    for ranked in &mut candidates.queries {
        let start = Instant::now();
        ranked.fields = Some(of_rows(request, &ranked.found, names)?);
        ranked.took("fields", start.elapsed().as_secs_f64() * 1e6);
    }
    Ok(())
}

/// These fields of the rows, as far as they have them: their records are read in one trip to the store.
fn of_rows(request: &Request<'_>, found: &[Found], names: &[String]) -> Result<Vec<Row>> {
    let Request { shared, snapshot, .. } = request;
    let rows: Vec<u64> = found.iter().map(|found| snapshot.row(found.place)).collect();
    let records = shared.records(&rows)?;
    // The vector is kept beside the features, and read only where it is asked for.
    let vectors = if names.iter().any(|name| name == VECTOR_FIELD) { shared.vectors_of(&rows)? } else { Vec::new() };
    let one = |(at, &row): (usize, &u64)| {
        let record = shared.decode(row, &records[at])?;
        let stored = shared.features(snapshot, row, &record)?;
        let vector = vectors.get(at).map(|bytes| shared.values(row, bytes)).transpose()?;
        let vector = |name: &str| Some(vector.filter(|_| name == VECTOR_FIELD)?.iter().map(Value::from).collect::<Value>());
        let field = |name: &str| stored.get(name).cloned().or_else(|| vector(name));
        Ok(names.iter().filter_map(|name| Some((name.as_str(), field(name)?))).collect())
    };
    rows.iter().enumerate().map(one).collect()
}
