//! Tokenizers: a text into the ids of its tokens, as a text encoder was trained to read them.

#[cfg_attr(not(feature = "text"), path = "absent.rs")]
mod engine;

use crate::list::{Keep, ListRule};

pub(crate) use self::engine::{Engine, is_plain};

/// Bytes of a text that are read: of a longer one its beginning, or its end where that is kept. A row must not take time without end.
pub(crate) const MAX_TEXT_BYTES: usize = 1 << 16;

/// How a word becomes tokens.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// The longest known beginning, then the longest known continuation.
    WordPiece,
    /// Byte pairs, merged in the order in which they were learned.
    Bpe,
}

/// A token that stands around every text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Special {
    pub id: u32,
    /// Its token type.
    pub segment: u32,
}

/// What stands around a text.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Frame {
    pub before: Box<[Special]>,
    pub after: Box<[Special]>,
    /// The token type of the text's own tokens.
    pub segment: u32,
}

impl Frame {
    /// How many tokens it adds.
    pub(crate) fn len(&self) -> usize {
        self.before.len() + self.after.len()
    }

    /// One more than the largest token type.
    pub(crate) fn segments(&self) -> u64 {
        let around = self.before.iter().chain(&self.after).map(|special| special.segment);
        u64::from(around.fold(self.segment, u32::max)) + 1
    }
}

/// A tokenizer, checked and ready.
#[derive(Debug)]
pub(crate) struct Tokenizer {
    pub kind: Kind,
    pub engine: Engine,
    pub frame: Frame,
    /// One more than the largest id.
    pub size: u64,
    /// The id that fills up a list.
    pub padding: u64,
}

impl Tokenizer {
    /// Puts the tokens of a text, cut to `list`, and their types to the front of `ids` and `types`, and says how many they are. The error says what
    /// the tokenizer took offence at.
    pub(crate) fn encode(&self, text: &str, list: ListRule, ids: &mut [i64], types: &mut [i64]) -> Result<usize, String> {
        let tokens = self.engine.tokens(part(text, list.keep))?;
        if let Some(id) = tokens.iter().find(|id| u64::from(**id) >= self.size) {
            return Err(format!("the id {id} from a tokenizer of {} ids", self.size));
        }
        let room = list.max.saturating_sub(self.frame.len());
        let kept = match list.keep {
            Keep::Last => &tokens[tokens.len().saturating_sub(room)..],
            _ => &tokens[..tokens.len().min(room)],
        };
        let inner = kept.iter().map(|id| Special { id: *id, segment: self.frame.segment });
        let framed = self.frame.before.iter().copied().chain(inner).chain(self.frame.after.iter().copied());
        let mut count = 0;
        for ((token, id), segment) in framed.zip(ids).zip(types) {
            (*id, *segment) = (i64::from(token.id), i64::from(token.segment));
            count += 1;
        }
        Ok(count)
    }
}

/// The part of a text that is read.
fn part(text: &str, keep: Keep) -> &str {
    match keep {
        Keep::Last => &text[text.ceil_char_boundary(text.len().saturating_sub(MAX_TEXT_BYTES))..],
        _ => &text[..text.floor_char_boundary(MAX_TEXT_BYTES)],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_read_from_the_end_that_is_kept() {
        let text = format!("a{}", "é".repeat(MAX_TEXT_BYTES));
        assert_eq!(part(&text, Keep::First), &text[..MAX_TEXT_BYTES - 1]);
        assert_eq!(part(&text, Keep::Last), "é".repeat(MAX_TEXT_BYTES / 2));
        for short in ["", "é", &text[..MAX_TEXT_BYTES - 1]] {
            assert_eq!((part(short, Keep::First), part(short, Keep::Last)), (short, short));
        }
    }
}
