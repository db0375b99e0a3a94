//! Which step of a series was the last, as an item says after each: a crash between the two leaves one step that may be there or not.

use torre::{Collection, Item, Result, row};

/// The step that is known to have been made; 0 before the first.
pub(crate) fn last(items: &Collection, cursor: &str) -> Result<u64> {
    let cursor = items.get(cursor)?;
    Ok(cursor.and_then(|item| item.row().get("op").and_then(torre::Value::as_f64)).map_or(0, |last| last as u64))
}

/// Says that step `s` was made.
pub(crate) fn made(items: &Collection, cursor: &str, s: u64) -> Result<()> {
    items.upsert(Item::new(cursor)?.with_row(row! { "op" => s as i64 }).with_vector(super::workload::vector(cursor, s))).map(drop)
}
