//! Rows -> input tensors. One input after the other, row after row, so the first error is the one the reference finds.

use std::sync::Arc;

use super::error::{EncodeError, FeatureError, LookupError};
use super::op::{FIRST, ListRule, MISSING, Missing, Op, PADDING, Piece, run_steps};
use super::row::Row;
use super::schema::Schema;
use super::spec::{Dtype, FeatureSpec, InputSpec};
use super::time::unix_seconds;
use super::tokens::Tokens;
use super::value::{Digits, Value};

/// Where `lookup` finds the stored vectors of items.
pub trait Lookup: Sync {
    /// Puts the item's vector into `out` (as wide as the collection) and says whether there is one.
    ///
    /// # Errors
    /// Whatever keeps the vectors from being read; it is passed on.
    fn vector(&self, id: &str, out: &mut [f32]) -> Result<bool, LookupError>;
}

/// An input tensor, row-major.
#[derive(Clone, PartialEq, Debug)]
pub struct Tensor {
    /// The graph input's name.
    pub name: Arc<str>,
    /// The batch, then the shape of a row.
    pub shape: Vec<usize>,
    /// Its elements.
    pub data: TensorData,
}

/// The elements of a [`Tensor`].
#[derive(Clone, PartialEq, Debug)]
pub enum TensorData {
    /// Indices into tables.
    I64(Vec<i64>),
    /// Numbers.
    F32(Vec<f32>),
}

/// How a batch is encoded.
#[derive(Clone, Copy, Default)]
pub struct EncodeOptions<'a> {
    /// The number of the first row, for errors.
    pub first_row: usize,
    /// Stored vectors; needed by specs with a `lookup`.
    pub lookup: Option<&'a dyn Lookup>,
    /// Further fields that a row may have.
    pub schema: Option<&'a Schema>,
    /// Whether a row may have any field.
    pub lenient: bool,
}

impl FeatureSpec {
    /// The input tensors of a batch of rows, in the order of the spec's inputs.
    ///
    /// # Errors
    /// [`EncodeError::Feature`] names the field, the row, what was expected and what came. Errors of the lookup are passed on.
    pub fn encode(&self, rows: &[&Row], options: &EncodeOptions<'_>) -> Result<Vec<Tensor>, EncodeError> {
        let lenient = options.lenient || options.schema.is_some_and(|schema| schema.lenient);
        if !lenient {
            for (n, row) in rows.iter().enumerate() {
                if let Some(field) = self.unknown_fields(row, options.schema).next() {
                    return Err(FeatureError::UnknownField { field: field.to_owned(), row: options.first_row + n }.into());
                }
            }
        }
        let mut scratch = Tokens::default();
        self.inner
            .inputs
            .iter()
            .zip(&self.inner.pieces)
            .map(|(input, pieces)| {
                let data = match input.dtype {
                    Dtype::I64 => TensorData::I64(indices(input, &pieces[0], rows, options, &mut scratch)?),
                    Dtype::F32 => TensorData::F32(numbers(input, pieces, rows, options)?),
                };
                let shape = std::iter::once(rows.len()).chain(input.row_shape.iter().copied()).collect();
                Ok(Tensor { name: Arc::clone(&input.tensor), shape, data })
            })
            .collect()
    }

    /// Fields of the row that neither this spec nor the schema names.
    pub fn unknown_fields<'r>(&self, row: &'r Row, schema: Option<&Schema>) -> impl Iterator<Item = &'r str> {
        row.iter().map(|(name, _)| name).filter(move |name| !self.reads(name) && !schema.is_some_and(|schema| schema.names(name)))
    }
}

/// Names the field and the row when something is wrong there.
#[derive(Clone, Copy)]
struct At<'a> {
    field: &'a str,
    row: usize,
}

impl At<'_> {
    #[cold]
    fn bad(self, expected: impl Into<String>, got: Option<&Value>) -> FeatureError {
        let got = got.map_or_else(|| "nothing".to_owned(), Value::describe);
        FeatureError::value(self.field, self.row, expected, got)
    }
}

/// The value, with null as absent.
fn given(value: Option<&Value>) -> Option<&Value> {
    value.filter(|value| !value.is_null())
}

fn indices(
    input: &InputSpec,
    piece: &Piece,
    rows: &[&Row],
    options: &EncodeOptions<'_>,
    scratch: &mut Tokens,
) -> Result<Vec<i64>, EncodeError> {
    let mut data = vec![PADDING; rows.len() * input.row_len()];
    let mut near = 0;
    for (n, (row, out)) in rows.iter().zip(data.chunks_exact_mut(input.row_len())).enumerate() {
        let at = At { field: &piece.field, row: options.first_row + n };
        let value = given(row.get_near(&piece.field, &mut near));
        match (&piece.op, piece.list) {
            (Op::Text { buckets, hash, lower, ngrams }, Some(list)) => match value {
                Some(Value::Text(text)) => {
                    let enough = if list.keep_last { usize::MAX } else { list.max.saturating_add(ngrams[0]) };
                    scratch.split(text, *lower, enough);
                    let bucket = |first: usize, n: usize| (FIRST + hash.bucket(scratch.ngram(first, n), *buckets)) as i64;
                    put_ngrams(scratch.len(), ngrams, list, out, bucket);
                }
                None if !matches!(piece.missing, Missing::Error) => {}
                None => return Err(at.bad("a text", None).into()),
                other => return Err(at.bad("a string", other).into()),
            },
            (_, Some(list)) => {
                for (value, out) in cut(piece, list, value, at)?.iter().zip(out) {
                    *out = piece.index(given(Some(value)), at)?;
                }
            }
            (_, None) => out[0] = piece.index(value, at)?,
        }
    }
    Ok(data)
}

/// Puts the kept n-grams of `words` words into `out`: all of the first length, then all of the second, and so on.
fn put_ngrams(words: usize, ngrams: &[usize], list: ListRule, out: &mut [i64], bucket: impl Fn(usize, usize) -> i64) {
    let count = |n: usize| (words + 1).saturating_sub(n);
    let total: usize = ngrams.iter().map(|n| count(*n)).sum();
    let mut skip = if list.keep_last { total.saturating_sub(list.max) } else { 0 };
    let mut out = out.iter_mut();
    for &n in ngrams {
        let skipped = skip.min(count(n));
        skip -= skipped;
        for first in skipped..count(n) {
            let Some(place) = out.next() else { return };
            *place = bucket(first, n);
        }
    }
}

fn numbers(input: &InputSpec, pieces: &[Piece], rows: &[&Row], options: &EncodeOptions<'_>) -> Result<Vec<f32>, EncodeError> {
    let width = input.row_len();
    let mut data = vec![0.0f32; rows.len() * width];
    let mut near = vec![0; pieces.len()];
    for (n, (row, out)) in rows.iter().zip(data.chunks_exact_mut(width)).enumerate() {
        let mut rest = out;
        for (piece, near) in pieces.iter().zip(&mut near) {
            let at = At { field: &piece.field, row: options.first_row + n };
            let value = given(row.get_near(&piece.field, near));
            let Some(list) = piece.list else {
                let (out, after) = rest.split_at_mut(piece.width);
                rest = after;
                piece.columns(value, out, at)?;
                continue;
            };
            for (value, out) in cut(piece, list, value, at)?.iter().zip(rest.chunks_exact_mut(piece.width)) {
                match piece.op {
                    Op::Lookup => piece.look_up(given(Some(value)), out, at, options.lookup)?,
                    _ => piece.columns(given(Some(value)), out, at)?,
                }
            }
        }
    }
    Ok(data)
}

/// The places of a list that are kept; a missing list is empty where that is allowed.
fn cut<'v>(piece: &Piece, list: ListRule, value: Option<&'v Value>, at: At<'_>) -> Result<&'v [Value], FeatureError> {
    match value {
        Some(Value::List(values)) if list.keep_last => Ok(&values[values.len().saturating_sub(list.max)..]),
        Some(Value::List(values)) => Ok(&values[..values.len().min(list.max)]),
        None if !matches!(piece.missing, Missing::Error) => Ok(&[]),
        other => Err(at.bad("a list", other)),
    }
}

impl Piece {
    /// The index of one category.
    fn index(&self, value: Option<&Value>, at: At<'_>) -> Result<i64, FeatureError> {
        const EXPECTED: &str = "a string or an integer";
        let Some(value) = value else {
            return if matches!(self.missing, Missing::Error) { Err(at.bad(EXPECTED, None)) } else { Ok(MISSING) };
        };
        let mut digits = Digits::default();
        let Some(text) = value.as_category(&mut digits) else { return Err(at.bad(EXPECTED, Some(value))) };
        match &self.op {
            Op::Vocab { vocab, oov, hash } => match vocab.position(text) {
                Some(position) => Ok((FIRST + oov + position as u64) as i64),
                None if *oov > 0 => Ok((FIRST + hash.bucket(text, *oov)) as i64),
                None if matches!(self.missing, Missing::Error) => Err(at.bad("a value of the vocabulary", Some(value))),
                None => Ok(MISSING),
            },
            Op::Hash { buckets, hash } => Ok((FIRST + hash.bucket(text, *buckets)) as i64),
            // The other operations give no index; the parser keeps them from here.
            _ => Ok(MISSING),
        }
    }

    /// The columns of one value; `out` is as wide as the piece and all zeros.
    fn columns(&self, value: Option<&Value>, out: &mut [f32], at: At<'_>) -> Result<(), FeatureError> {
        if let (None, Missing::Columns(columns)) = (value, &self.missing) {
            out.copy_from_slice(columns);
            return Ok(());
        }
        match &self.op {
            Op::Number(steps) => run_steps(steps, number(value, at)?, out),
            Op::Time(parts) => {
                let unix = value.and_then(unix_seconds).ok_or_else(|| at.bad("unix seconds or RFC 3339 text", value))?;
                for (out, part) in out.chunks_exact_mut(2).zip(parts) {
                    let pair =
                        part.columns(unix).ok_or_else(|| at.bad("unix seconds or RFC 3339 text of the years -9999 to 9999", value))?;
                    out.copy_from_slice(&pair.map(|x| x as f32));
                }
            }
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
            Op::OneHot(vocab) => return self.multi_hot(|text| vocab.position(text), value, out, at),
            // The parser keeps the other operations from here.
            _ => {}
        }
        if out.iter().all(|x| x.is_finite()) { Ok(()) } else { Err(at.bad("a finite number", value)) }
    }

    fn multi_hot(
        &self,
        position: impl Fn(&str) -> Option<usize>,
        value: Option<&Value>,
        out: &mut [f32],
        at: At<'_>,
    ) -> Result<(), FeatureError> {
        let strict = matches!(self.missing, Missing::Error);
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
            if let Some(column) = position(text) {
                out[column] = 1.0;
            }
        }
        Ok(())
    }

    /// The stored vector of one item; zeros when there is none.
    fn look_up(&self, value: Option<&Value>, out: &mut [f32], at: At<'_>, lookup: Option<&dyn Lookup>) -> Result<(), EncodeError> {
        let expected = "a string or an integer";
        let Some(value) = value else {
            return if matches!(self.missing, Missing::Error) { Err(at.bad(expected, None).into()) } else { Ok(()) };
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

/// A finite number; true is 1 and false is 0.
fn number(value: Option<&Value>, at: At<'_>) -> Result<f64, FeatureError> {
    let number = match value {
        Some(Value::Bool(flag)) => f64::from(u8::from(*flag)),
        Some(other) => other.as_f64().ok_or_else(|| at.bad("a number", value))?,
        None => return Err(at.bad("a number", None)),
    };
    if number.is_finite() { Ok(number) } else { Err(at.bad("a finite number", value)) }
}
