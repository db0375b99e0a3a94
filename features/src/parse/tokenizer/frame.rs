//! The special tokens around a text: `post_processor`.

use super::model::{MAX_ID, TOKEN_BYTES};
use super::part::Part;
use crate::parse::json::Result;
use crate::tokenizer::{Frame, Special};

/// Special tokens around a text at most.
const MOST: usize = 64;
/// Token types lie below.
const MAX_SEGMENT: u64 = 256;

/// Reads `post_processor`.
pub(super) fn frame(part: &Part<'_>) -> Result<Frame> {
    if part.is_null() {
        return Ok(Frame::default());
    }
    if part.kind()? != "Sequence" {
        return one(part);
    }
    part.keys(&["type", "processors"])?;
    let mut made = Frame::default();
    for processor in part.get("processors").list(MOST)? {
        let frame = one(&processor)?;
        if frame.len() > 0 && made.len() > 0 {
            return Err(part.expected("one processor that adds tokens"));
        }
        if frame.len() > 0 {
            made = frame;
        }
    }
    Ok(made)
}

fn one(part: &Part<'_>) -> Result<Frame> {
    match part.kind()? {
        // It changes where tokens lie in the text, which nobody asks for here.
        "ByteLevel" => part.keys(&["type", "add_prefix_space", "trim_offsets", "use_regex"]).map(|()| Frame::default()),
        "BertProcessing" => {
            part.keys(&["type", "sep", "cls"])?;
            around(part)
        }
        "RobertaProcessing" => {
            part.keys(&["type", "sep", "cls", "trim_offsets", "add_prefix_space"])?;
            around(part)
        }
        "TemplateProcessing" => template(part),
        other => {
            let known = "one of BertProcessing, RobertaProcessing, TemplateProcessing, ByteLevel, Sequence";
            Err(part.get("type").got(known, format!("{other:?}")))
        }
    }
}

/// The class token before, the separator behind.
fn around(part: &Part<'_>) -> Result<Frame> {
    let special = |key: &str| {
        let part = part.get(key);
        match part.list(2)?.as_slice() {
            [_, id] => Ok(Special { id: id.whole(0, MAX_ID - 1)? as u32, segment: 0 }),
            _ => Err(part.expected("a token and its id")),
        }
    };
    Ok(Frame { before: [special("cls")?].into(), after: [special("sep")?].into(), segment: 0 })
}

/// What a template has for one text.
fn template(part: &Part<'_>) -> Result<Frame> {
    part.keys(&["type", "single", "pair", "special_tokens"])?;
    let (mut before, mut after, mut segment) = (Vec::new(), Vec::new(), None);
    let single = part.get("single");
    for piece in single.list(MOST)? {
        piece.keys(&["Sequence", "SpecialToken"])?;
        let (sequence, special) = (piece.get("Sequence"), piece.get("SpecialToken"));
        let of = |part: &Part<'_>| part.get("type_id").whole(0, MAX_SEGMENT - 1).map(|segment| segment as u32);
        if special.is_null() {
            if sequence.get("id").text(1)? != "A" || segment.is_some() {
                return Err(sequence.expected("the sequence \"A\", once"));
            }
            segment = Some(of(&sequence)?);
            continue;
        }
        let named = part.get("special_tokens").get(special.get("id").text(TOKEN_BYTES)?);
        let side = if segment.is_none() { &mut before } else { &mut after };
        for id in named.get("ids").list(MOST)? {
            side.push(Special { id: id.whole(0, MAX_ID - 1)? as u32, segment: of(&special)? });
        }
        if before.len() + after.len() > MOST {
            return Err(single.got(format!("at most {MOST} special tokens"), "more"));
        }
    }
    let segment = segment.ok_or_else(|| single.expected("the sequence \"A\", once"))?;
    Ok(Frame { before: before.into(), after: after.into(), segment })
}
