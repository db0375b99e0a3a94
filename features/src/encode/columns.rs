//! Numbers: columns side by side, or a list of them.

use super::at::{At, cut, given, no_date, number, time};
use super::context::Context;
use super::made::Made;
use super::options::Lookup;
use crate::error::{EncodeError, FeatureError};
use crate::op::{Missing, Op, Piece};
use crate::row::Row;
use crate::spec::InputSpec;
use crate::value::{Digits, Value};
use crate::vocab::Vocab;

/// The numbers of an input.
pub(super) fn columns(input: &InputSpec, pieces: &[Piece], rows: &[&Row], context: &Context<'_>) -> Result<Made, EncodeError> {
    let width = input.row_len();
    let mut made = Made { numbers: vec![0.0; rows.len() * width], ..Made::default() };
    let mut near = vec![0; pieces.len()];
    for (n, (row, out)) in rows.iter().zip(made.numbers.chunks_exact_mut(width)).enumerate() {
        let mut rest = out;
        for (piece, near) in pieces.iter().zip(&mut near) {
            let at = At { field: piece.field(), row: context.first_row + n };
            let now = context.now(piece, row, at.row)?;
            let value = given(row.get_near(at.field, near));
            let Some(list) = piece.list else {
                let (out, after) = rest.split_at_mut(piece.width);
                rest = after;
                match piece.op {
                    Op::GeoUnit => piece.geo_columns(row, out, at)?,
                    _ => piece.columns(value, now, out, at)?,
                }
                continue;
            };
            let kept = cut(piece, list, value, at)?;
            made.lengths.push(kept.len());
            for (value, out) in kept.iter().zip(rest.chunks_exact_mut(piece.width)) {
                match piece.op {
                    Op::Lookup => piece.look_up(given(Some(value)), out, at, context.lookup)?,
                    _ => piece.columns(given(Some(value)), now, out, at)?,
                }
            }
        }
    }
    Ok(made)
}

impl Piece {
    /// The columns of one value; `out` is as wide as the piece and all zeros.
    fn columns(&self, value: Option<&Value>, now: f64, out: &mut [f32], at: At<'_>) -> Result<(), FeatureError> {
        if let (None, Missing::Columns(columns)) = (value, &self.missing) {
            out.copy_from_slice(columns);
            return Ok(());
        }
        match &self.op {
            Op::Number(steps) => steps.columns(number(value, at)?, out).map_err(at.refused(value))?,
            Op::Age(age) => age.steps.columns((now - time(value, at)?) / age.unit, out).map_err(at.refused(value))?,
            Op::Time(parts) => {
                let unix = time(value, at)?;
                for (out, part) in out.chunks_exact_mut(2).zip(parts) {
                    let pair = part.columns(unix).ok_or_else(|| no_date(value, at))?;
                    out.copy_from_slice(&pair.map(|x| x as f32));
                }
            }
            Op::Vector if value.is_none() && !self.is_strict() => {}
            Op::Vector => {
                let expected = || format!("a list of {} numbers", self.width);
                let Some(Value::List(values)) = value else { return Err(at.bad(expected(), value)) };
                if values.len() != self.width {
                    return Err(FeatureError::value(at.field, at.row, expected(), format!("a list of {}", values.len())));
                }
                for (out, value) in out.iter_mut().zip(values) {
                    *out = number(given(Some(value)), at)? as f32;
                }
            }
            Op::OneHot(vocab) => return self.multi_hot(vocab, value, out, at),
            Op::IsMissing => out[0] = f32::from(u8::from(value.is_none())),
            // The parser keeps the other operations from here.
            _ => {}
        }
        if out.iter().all(|x| x.is_finite()) { Ok(()) } else { Err(at.bad("a finite number", value)) }
    }

    fn geo_columns(&self, row: &Row, out: &mut [f32], at: At<'_>) -> Result<(), FeatureError> {
        if let Some(place) = self.geo_place(row, at)? {
            out.copy_from_slice(&place.unit().map(|x| x as f32));
        }
        Ok(())
    }

    fn multi_hot(&self, vocab: &Vocab, value: Option<&Value>, out: &mut [f32], at: At<'_>) -> Result<(), FeatureError> {
        let strict = self.is_strict();
        let values = match value {
            None if strict => return Err(at.bad("a string or a list of strings", None)),
            None => &[],
            Some(Value::List(values)) => values.as_slice(),
            Some(value) => std::slice::from_ref(value),
        };
        let mut digits = Digits::default();
        for value in values {
            if value.is_null() && !strict {
                continue;
            }
            let text = value.as_category(&mut digits).ok_or_else(|| at.bad("a string or an integer", Some(value)))?;
            if let Some(column) = vocab.position(text) {
                out[column] = 1.0;
            }
        }
        Ok(())
    }

    /// The stored vector of one item; zeros when there is none.
    fn look_up(&self, value: Option<&Value>, out: &mut [f32], at: At<'_>, lookup: Option<&dyn Lookup>) -> Result<(), EncodeError> {
        let expected = "a string or an integer";
        let Some(value) = value else {
            return if self.is_strict() { Err(at.bad(expected, None).into()) } else { Ok(()) };
        };
        let mut digits = Digits::default();
        let id = value.as_category(&mut digits).ok_or_else(|| at.bad(expected, Some(value)))?;
        let lookup = lookup.ok_or(EncodeError::NoLookup)?;
        if !lookup.vector(id, out).map_err(EncodeError::Lookup)? {
            out.fill(0.0);
        }
        Ok(())
    }
}
