//! The model of a tokenizer: its vocabulary, and how a word becomes tokens.

use std::collections::HashMap;

use serde_json::Value as Json;

use super::part::Part;
use crate::parse::json::Result;
use crate::tokenizer::Kind;

/// Tokens, and merges, at most.
const MOST: usize = 1 << 20;
/// Ids lie below.
pub(super) const MAX_ID: u64 = 1 << 24;
/// Characters of a word that may be looked up at most; a longer one is unknown. Looking one up takes the square of its length.
const MAX_WORD: u64 = 256;
/// Bytes of a token at most.
pub(super) const TOKEN_BYTES: usize = 1024;
/// Bytes of what marks the inside or the end of a word at most.
const MARK_BYTES: usize = 16;

/// What is known of a model.
pub(super) struct Model<'a> {
    pub(super) kind: Kind,
    pub(super) vocab: HashMap<&'a str, u64>,
}

/// Checks `model`.
pub(super) fn model<'a>(part: &Part<'a>) -> Result<Model<'a>> {
    let vocab = vocab(&part.get("vocab"))?;
    match part.kind()? {
        "WordPiece" => {
            part.keys(&["type", "vocab", "unk_token", "continuing_subword_prefix", "max_input_chars_per_word"])?;
            known(&part.get("unk_token"), &vocab)?;
            part.get("continuing_subword_prefix").text(MARK_BYTES)?;
            part.get("max_input_chars_per_word").whole(1, MAX_WORD)?;
            Ok(Model { kind: Kind::WordPiece, vocab })
        }
        "BPE" => {
            pairs(part, &vocab)?;
            Ok(Model { kind: Kind::Bpe, vocab })
        }
        other => Err(part.get("type").got("\"WordPiece\" or \"BPE\"", format!("{other:?}"))),
    }
}

/// Checks what a model of byte pairs has.
fn pairs(part: &Part<'_>, vocab: &HashMap<&str, u64>) -> Result<()> {
    let flags = ["fuse_unk", "byte_fallback", "ignore_merges"];
    let others = ["type", "vocab", "merges", "dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix"];
    part.keys(&[&others[..], &flags].concat())?;
    let dropout = part.get("dropout");
    if !dropout.is_null() && dropout.json.as_f64() != Some(0.0) {
        return Err(dropout.expected("null: a text must give the same tokens every time"));
    }
    let prefix = part.get("continuing_subword_prefix");
    if !prefix.is_null() && prefix.json != "" {
        return Err(prefix.expected("null"));
    }
    let unknown = part.get("unk_token");
    if !unknown.is_null() {
        known(&unknown, vocab)?;
    }
    let suffix = part.get("end_of_word_suffix");
    if !suffix.is_null() {
        suffix.text(MARK_BYTES)?;
    }
    for merge in part.get("merges").list(MOST)? {
        let pair = match merge.json {
            Json::String(text) => text.split_once(' '),
            Json::Array(pair) if pair.len() == 2 => pair[0].as_str().zip(pair[1].as_str()),
            _ => None,
        };
        let is_known = |(left, right): (&str, &str)| {
            vocab.contains_key(left) && vocab.contains_key(right) && vocab.contains_key(format!("{left}{right}").as_str())
        };
        if !pair.is_some_and(is_known) {
            return Err(merge.expected("two tokens of the vocabulary that make a third"));
        }
    }
    Ok(())
}

fn vocab<'a>(part: &Part<'a>) -> Result<HashMap<&'a str, u64>> {
    let object = part.json.as_object().ok_or_else(|| part.expected("an object of tokens and their ids"))?;
    if object.is_empty() || object.len() > MOST {
        return Err(part.got(format!("1 to {MOST} tokens"), object.len().to_string()));
    }
    if let Some(token) = object.keys().find(|token| token.len() > TOKEN_BYTES) {
        return Err(part.got(format!("tokens of at most {TOKEN_BYTES} bytes"), format!("one of {}", token.len())));
    }
    let id = |token: &'a String, id: &Json| match id.as_u64().filter(|id| *id < MAX_ID) {
        Some(id) => Ok((token.as_str(), id)),
        None => Err(part.got(format!("ids below {MAX_ID}"), format!("{token:?} at {id}"))),
    };
    object.iter().map(|(token, json)| id(token, json)).collect()
}

/// A token that must be in the vocabulary.
fn known(part: &Part<'_>, vocab: &HashMap<&str, u64>) -> Result<()> {
    if vocab.contains_key(part.text(TOKEN_BYTES)?) { Ok(()) } else { Err(part.expected("a token of the vocabulary")) }
}
