//! `tokenizers` of a document: JSON as Hugging Face's tokenizers write it -> checked tokenizers.

mod component;
mod frame;
mod model;
mod part;

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Value as Json, json};

use self::component::{normalizer, pre_tokenizer};
use self::frame::frame;
use self::model::{MAX_ID, TOKEN_BYTES, model};
use self::part::Part;
use super::json::{Result, brief};
use crate::error::SpecError;
use crate::tokenizer::{Engine, Tokenizer};

/// Tokenizers of one document at most.
const MOST: usize = 8;
/// Tokens outside of a vocabulary at most.
const MOST_ADDED: usize = 4096;

/// The tokenizers that inputs refer to by name; each is made once, however many inputs use it.
#[derive(Default)]
pub(super) struct Tokenizers {
    pub(super) named: HashMap<String, Arc<Tokenizer>>,
}

impl Tokenizers {
    pub(super) fn read(json: Option<&Json>) -> Result<Self> {
        let named = match json {
            None => return Ok(Self::default()),
            Some(Json::Object(named)) if named.len() <= MOST => named,
            Some(Json::Object(named)) => {
                return Err(SpecError::document("tokenizers", format!("at most {MOST}"), named.len().to_string()));
            }
            other => return Err(SpecError::document("tokenizers", "an object of tokenizers", brief(other))),
        };
        let read = |(name, json): (&String, &Json)| Ok((name.clone(), Arc::new(tokenizer(&Part::named(name, json))?)));
        Ok(Self { named: named.iter().map(read).collect::<Result<_>>()? })
    }
}

/// An id that belongs to a token.
struct Given<'a> {
    part: Part<'a>,
    token: &'a str,
    id: u64,
}

fn tokenizer(part: &Part<'_>) -> Result<Tokenizer> {
    let keys = ["truncation", "padding", "added_tokens", "normalizer", "pre_tokenizer", "post_processor", "decoder", "model", "version"];
    part.keys(&keys)?;
    normalizer(&part.get("normalizer"))?;
    pre_tokenizer(&part.get("pre_tokenizer"))?;
    let model = model(&part.get("model"))?;
    let added = added(&part.get("added_tokens"))?;
    let frame = frame(&part.get("post_processor"))?;
    let padding = padding(&part.get("padding"))?;
    let around = frame.before.iter().chain(&frame.after).map(|special| u64::from(special.id));
    let ids = model.vocab.values().copied().chain(added.iter().map(|given| given.id)).chain(around);
    let size = ids.chain([padding]).max().map_or(0, |last| last + 1);

    // Cutting, filling up and special tokens around a text are ours.
    let plain = json!({
        "version": "1.0", "truncation": null, "padding": null, "post_processor": null, "decoder": null,
        "added_tokens": part.get("added_tokens").json.as_array().map_or(&[][..], Vec::as_slice),
        "normalizer": part.get("normalizer").json, "pre_tokenizer": part.get("pre_tokenizer").json, "model": part.get("model").json,
    });
    let engine = Engine::new(&plain.to_string()).map_err(|problem| part.got("a tokenizer that this library can run", problem))?;
    for Given { part, token, id } in added {
        if engine.id(token).map(u64::from) != Some(id) {
            let got = engine.id(token).map_or_else(|| "nothing".to_owned(), |id| id.to_string());
            return Err(part.got(format!("the id that {token:?} gets behind the vocabulary"), format!("{id}, which would be {got}")));
        }
    }
    Ok(Tokenizer { kind: model.kind, engine, frame, size, padding })
}

fn added<'a>(part: &Part<'a>) -> Result<Vec<Given<'a>>> {
    if part.is_null() {
        return Ok(Vec::new());
    }
    let read = |part: Part<'a>| {
        part.keys(&["id", "content", "single_word", "lstrip", "rstrip", "normalized", "special"])?;
        let (token, id) = (part.get("content").text(TOKEN_BYTES)?, part.get("id").whole(0, MAX_ID - 1)?);
        if token.is_empty() { Err(part.get("content").expected("a token")) } else { Ok(Given { part, token, id }) }
    };
    part.list(MOST_ADDED)?.into_iter().map(read).collect()
}

/// The id that fills up a list: that of `padding`, else 0. How long lists are, the input says.
fn padding(part: &Part<'_>) -> Result<u64> {
    if part.is_null() {
        return Ok(0);
    }
    if part.get("direction").json == "Left" {
        return Err(part.get("direction").expected("\"Right\""));
    }
    part.get("pad_id").whole(0, MAX_ID - 1)
}
