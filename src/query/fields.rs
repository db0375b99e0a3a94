//! The last stage: the fields asked for, from the columns of indexed fields where those have them as they were written, else from storage.

use std::time::Instant;

use crate::error::Result;
use crate::features::{Row, VECTOR_FIELD, Value};
use crate::query::candidates::{Candidates, Found};
use crate::query::request::Request;
use crate::segment::{Place, Snapshot};

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

/// These fields of the rows, as far as they have them: records that are needed are read in one trip to the store.
fn of_rows(request: &Request<'_>, found: &[Found], names: &[String]) -> Result<Vec<Row>> {
    let mut rows: Vec<Option<Row>> = found.iter().map(|found| of_columns(request.snapshot, found.place, names)).collect();
    let open: Vec<Found> = found.iter().zip(&rows).filter(|(_, row)| row.is_none()).map(|(found, _)| *found).collect();
    let mut stored = if open.is_empty() { Vec::new() } else { of_storage(request, &open, names)? }.into_iter();
    rows.iter_mut().filter(|row| row.is_none()).for_each(|row| *row = stored.next());
    Ok(rows.into_iter().flatten().collect())
}

/// The fields of a row where columns have all of them.
fn of_columns(snapshot: &Snapshot, (part, position): Place, names: &[String]) -> Option<Row> {
    let columns = snapshot.table(part).columns();
    names.iter().map(|name| Some((name.as_str(), columns.get(name)?.written(position as usize)?))).collect()
}

/// These fields of the rows by what is stored.
fn of_storage(request: &Request<'_>, found: &[Found], names: &[String]) -> Result<Vec<Row>> {
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use crate::{CollectionOptions, Database, Item, Metric, Row, row};

    #[test]
    fn fields_are_what_the_rows_say_whether_they_are_indexed_or_not() {
        let rows: Vec<Row> = vec![
            row! { "n" => 5, "f" => 0.5, "b" => true, "t" => "a", "w" => 60 },
            row! { "n" => u64::MAX, "f" => 2, "b" => false, "t" => "x", "w" => "1970-01-01T00:01:00Z" },
            row! { "n" => -1, "f" => 2.0, "t" => "7" },
            row! { "n" => null, "b" => null, "t" => "" },
            row! {},
        ];
        let fields = ["n:int", "f:float", "b:bool", "t:text", "w:time"];
        let answers = [" index", ""].map(|index| {
            let lenient = CollectionOptions::vectors(1, Metric::InnerProduct).lenient(true);
            let options = fields.iter().try_fold(lenient, |options, field| options.field(format!("{field}{index}").parse().unwrap()));
            let items = Database::in_memory().unwrap().create_collection("items", options.unwrap()).unwrap();
            let item = |(at, row): (usize, &Row)| Item::new(at as u64).unwrap().with_row(row.clone()).with_vector([at as f32]);
            items.upsert_many(rows.iter().enumerate().map(item)).unwrap();
            items.patch("2", &row! { "f" => 0.25, "t" => "patched" }).unwrap();
            [vec!["n"], vec!["f", "b"], vec!["t", "n", "f", "b"], vec!["w", "t"]].map(|names| {
                let answer = items.search(&[1.0]).fields(names).run().unwrap();
                answer.hits.into_iter().map(|hit| hit.fields.unwrap()).collect::<Vec<Row>>()
            })
        });
        assert_eq!(answers[0], answers[1]);
        assert_eq!(answers[0][2][2], row! { "t" => "patched", "n" => -1, "f" => 0.25 });
    }
}
