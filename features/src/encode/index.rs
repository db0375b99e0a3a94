//! Indexes: one a row, or a list of them.

use super::at::{A_TIME, At, cut, given, no_date, number, time};
use super::context::Context;
use super::made::Made;
use super::text::{self, Scratch};
use crate::error::FeatureError;
use crate::op::{Category, Missing, Op, Piece};
use crate::row::Row;
use crate::spec::InputSpec;
use crate::value::{Digits, Value};

/// The indexes of an input.
pub(super) fn indexes(
    input: &InputSpec,
    piece: &Piece,
    rows: &[&Row],
    context: &Context<'_>,
    scratch: &mut Scratch,
) -> Result<Made, FeatureError> {
    let width = input.row_len();
    let mut made = Made { indexes: vec![piece.layout.padding as i64; rows.len() * width], ..Made::default() };
    let mut near = 0;
    for (n, (row, out)) in rows.iter().zip(made.indexes.chunks_exact_mut(width)).enumerate() {
        let at = At { field: piece.field(), row: context.first_row + n };
        match (&piece.op, piece.list) {
            (Op::Text { .. }, Some(list)) => {
                made.lengths.push(text::put(piece, list, given(row.get_near(at.field, &mut near)), at, scratch, out)?);
            }
            (Op::Cross { .. } | Op::GeoCell { .. }, _) => out[0] = piece.or_missing(piece.joint_place(row, at)?),
            (_, list) => {
                let now = context.now(piece, row, at.row)?;
                let value = given(row.get_near(at.field, &mut near));
                match list {
                    None => out[0] = piece.index(value, now, at)?,
                    Some(list) => {
                        let kept = cut(piece, list, value, at)?;
                        made.lengths.push(kept.len());
                        for (value, out) in kept.iter().zip(out) {
                            *out = piece.index(given(Some(value)), now, at)?;
                        }
                    }
                }
            }
        }
    }
    Ok(made)
}

impl Piece {
    /// The index of one value.
    fn index(&self, value: Option<&Value>, now: f64, at: At<'_>) -> Result<i64, FeatureError> {
        if value.is_none() {
            return self.no_index(at);
        }
        let place = match &self.op {
            Op::Category(category) => return self.category(category, value, at),
            Op::NumberIndex(steps) => steps.place(number(value, at)?).map_err(at.refused(value))?,
            Op::AgeIndex(age) => age.steps.place((now - time(value, at)?) / age.unit).map_err(at.refused(value))?,
            Op::Date(part) => part.place(time(value, at)?).ok_or_else(|| no_date(value, at))?,
            // The other operations give no index; the parser keeps them from here.
            _ => return Ok(self.or_missing(None)),
        };
        Ok(self.or_missing(Some(place)))
    }

    /// The index at a place, or that for missing.
    fn or_missing(&self, place: Option<u64>) -> i64 {
        place.map_or(self.layout.missing, |place| self.layout.first + place) as i64
    }

    /// The index that stands for no value.
    fn no_index(&self, at: At<'_>) -> Result<i64, FeatureError> {
        match (&self.missing, &self.op) {
            (Missing::Place(place), _) => Ok(self.or_missing(Some(*place))),
            (Missing::Null | Missing::Columns(_), _) => Ok(self.or_missing(None)),
            (Missing::Error, Op::Category(category)) => Err(at.bad(category.expected_kind(), None)),
            (Missing::Error, Op::NumberIndex(_)) => Err(at.bad("a number", None)),
            (Missing::Error, _) => Err(at.bad(A_TIME, None)),
        }
    }

    fn category(&self, category: &Category, value: Option<&Value>, at: At<'_>) -> Result<i64, FeatureError> {
        let mut digits = Digits::default();
        let text = value.and_then(|value| value.as_category(&mut digits)).ok_or_else(|| at.bad(category.expected_kind(), value))?;
        self.category_index(category, text).ok_or_else(|| at.bad(category.expected_value(), value))
    }

    /// The index of a category; `None` for an unknown one where that is an error.
    pub(super) fn category_index(&self, category: &Category, text: &str) -> Option<i64> {
        let place = category.place(text);
        (place.is_some() || !self.is_strict()).then(|| self.or_missing(place))
    }
}
