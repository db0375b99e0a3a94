//! Weighted bags: the indexes of categories, and a weight for each.

use super::at::{At, given, number};
use super::context::Context;
use super::made::Made;
use crate::error::FeatureError;
use crate::op::{Keep, ListRule, Op, Piece};
use crate::row::Row;
use crate::spec::InputSpec;
use crate::value::{Value, quote};

/// The indexes and the weights of an input.
pub(super) fn bags(input: &InputSpec, piece: &Piece, rows: &[&Row], context: &Context<'_>) -> Result<Made, FeatureError> {
    let width = input.row_len();
    let mut made =
        Made { indexes: vec![piece.layout.padding as i64; rows.len() * width], numbers: vec![0.0; rows.len() * width], ..Made::default() };
    let (Op::Bag(category), Some(list)) = (&piece.op, piece.list) else { return Ok(made) };
    let mut near = 0;
    let mut entries = Vec::new();
    let places = made.indexes.chunks_exact_mut(width).zip(made.numbers.chunks_exact_mut(width));
    for (n, (row, (indexes, weights))) in rows.iter().zip(places).enumerate() {
        let at = At { field: piece.field(), row: context.first_row + n };
        match given(row.get_near(at.field, &mut near)) {
            Some(Value::Object(bag)) => read(piece, bag, at, &mut entries)?,
            None if !piece.is_strict() => entries.clear(),
            other => return Err(at.bad("an object of weights", other)),
        }
        let kept = kept(list, &mut entries);
        made.lengths.push(kept.len());
        for ((name, weight), (index, out)) in kept.iter().zip(indexes.iter_mut().zip(weights)) {
            let unknown = || FeatureError::value(at.field, at.row, category.expected_value(), format!("the string {}", quote(name)));
            *index = piece.category_index(category, name).ok_or_else(unknown)?;
            *out = *weight;
        }
    }
    Ok(made)
}

/// The names and weights of a bag, without those whose weight is null.
fn read<'r>(piece: &Piece, bag: &'r Row, at: At<'_>, entries: &mut Vec<(&'r str, f32)>) -> Result<(), FeatureError> {
    entries.clear();
    for (name, value) in bag.iter() {
        let weight = match given(Some(value)) {
            None if !piece.is_strict() => continue,
            None => f32::NAN,
            given => number(given, at).map_or(f32::NAN, |weight| weight as f32),
        };
        if !weight.is_finite() {
            return Err(at.bad(format!("a finite number as the weight of {}", quote(name)), given(Some(value))));
        }
        entries.push((name, weight));
    }
    Ok(())
}

/// The entries that are kept, in the order in which they are put.
fn kept<'e, 'r>(list: ListRule, entries: &'e mut [(&'r str, f32)]) -> &'e [(&'r str, f32)] {
    if list.keep == Keep::Largest {
        // Weights are finite, so the order is total; -0.0 and 0.0 are equal.
        entries.sort_by(|a, b| b.1.partial_cmp(&a.1).unwrap_or(std::cmp::Ordering::Equal).then_with(|| a.0.cmp(b.0)));
    }
    let skip = if list.keep == Keep::Last { entries.len().saturating_sub(list.max) } else { 0 };
    &entries[skip..entries.len().min(skip + list.max)]
}
