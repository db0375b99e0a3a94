//! Rows of a table: the lookup of an embedding.

use super::view::Views;

/// The rows that the indices name, negative ones from the end; `None` where one lies outside.
pub(super) fn rows(inputs: &Views<'_>) -> Option<Vec<f32>> {
    let (table, indices) = (inputs.first().copied().flatten()?, inputs.get(1).copied().flatten()?);
    let (&count, inner) = table.shape.split_first()?;
    let width: usize = inner.iter().product();
    let mut out = Vec::with_capacity(indices.whole.len() * width);
    for &index in indices.whole {
        let row = usize::try_from(if index < 0 { index.checked_add(count as i64)? } else { index }).ok()?;
        out.extend_from_slice(table.data.get(row.checked_mul(width)?..)?.get(..width)?);
    }
    Some(out)
}
