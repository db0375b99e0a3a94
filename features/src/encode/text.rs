//! Texts: the hash buckets of their n-grams.

use super::at::At;
use crate::characters::Characters;
use crate::error::FeatureError;
use crate::op::{Grams, Keep, ListRule, Op, Piece};
use crate::tokens::Tokens;
use crate::value::Value;

/// Room for one text, reused from row to row.
#[derive(Default)]
pub(super) struct Scratch {
    words: Tokens,
    characters: Characters,
}

/// Puts the kept n-grams of a text into `out`, and says how many they are.
pub(super) fn put(
    piece: &Piece,
    list: ListRule,
    value: Option<&Value>,
    at: At<'_>,
    scratch: &mut Scratch,
    out: &mut [i64],
) -> Result<usize, FeatureError> {
    // The parser lets nothing but a text with a list come here.
    let Op::Text { buckets, hash, lower, grams, ngrams } = &piece.op else { return Ok(0) };
    let text = match value {
        Some(Value::Text(text)) => text,
        None if !piece.is_strict() => return Ok(0),
        None => return Err(at.bad("a text", None)),
        other => return Err(at.bad("a string", other)),
    };
    let index = |gram: &str| (piece.layout.first + hash.bucket(gram, *buckets)) as i64;
    Ok(match grams {
        Grams::Words => {
            let enough = if list.keep == Keep::First { list.max.saturating_add(ngrams[0]) } else { usize::MAX };
            scratch.words.split(text, *lower, enough);
            fill(ngrams, list, out, |n| scratch.words.count(n), |n, skip| scratch.words.ngrams(n, skip).map(index))
        }
        Grams::Characters => {
            scratch.words.split(text, *lower, usize::MAX);
            scratch.characters.mark(&scratch.words);
            fill(ngrams, list, out, |n| scratch.characters.count(n), |n, skip| scratch.characters.ngrams(n, skip).map(index))
        }
    })
}

/// Puts what is kept into `out` and counts it: all n-grams of the first length, then all of the second, and so on.
fn fill<I: Iterator<Item = i64>>(
    ngrams: &[usize],
    list: ListRule,
    out: &mut [i64],
    count: impl Fn(usize) -> usize,
    indexes: impl Fn(usize, usize) -> I,
) -> usize {
    let total: usize = ngrams.iter().map(|n| count(*n)).sum();
    let mut skip = if list.keep == Keep::Last { total.saturating_sub(list.max) } else { 0 };
    let mut places = out.iter_mut();
    for &n in ngrams {
        let skipped = skip.min(count(n));
        skip -= skipped;
        for (index, place) in indexes(n, skipped).zip(&mut places) {
            *place = index;
        }
    }
    total.min(list.max)
}
