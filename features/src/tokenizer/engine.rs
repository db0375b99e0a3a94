//! The tokenizer itself: normalising, splitting into words, and words into tokens.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use tokenizers::{ModelWrapper, Tokenizer};

/// Normalizer, pre-tokenizer, model and added tokens of a document that has been checked.
pub(crate) struct Engine(Box<Tokenizer>);

impl Engine {
    /// Reads a tokenizer's JSON, without what is done here: truncation, padding and special tokens around a text.
    pub(crate) fn new(json: &str) -> Result<Self, String> {
        caught(|| {
            let mut tokenizer = Tokenizer::from_bytes(json)?;
            if let ModelWrapper::BPE(model) = tokenizer.get_model() {
                // Its cache of words lies in every thread that ever encoded, and grows there.
                let mut model = model.clone();
                model.resize_cache(0);
                tokenizer.with_model(model);
            }
            Ok(Self(Box::new(tokenizer)))
        })
    }

    /// The id of a token.
    pub(crate) fn id(&self, token: &str) -> Option<u32> {
        self.0.token_to_id(token)
    }

    /// The ids of a text's tokens, without special ones around it.
    pub(crate) fn tokens(&self, text: &str) -> Result<Vec<u32>, String> {
        caught(|| Ok(self.0.encode_fast(text, false)?.get_ids().to_vec()))
    }
}

/// Whether a regular expression is one without look-around and back-references, whose time grows with its text alone.
pub(crate) fn is_plain(pattern: &str) -> bool {
    regex_syntax::parse(pattern).is_ok()
}

/// Runs `f` on a tokenizer; a panic in there is an error like any other. (The process's panic hook still sees it.)
fn caught<T>(f: impl FnOnce() -> tokenizers::Result<T>) -> Result<T, String> {
    match catch_unwind(AssertUnwindSafe(f)) {
        Ok(made) => made.map_err(|error| error.to_string()),
        Err(_) => Err("a panic of the tokenizer".to_owned()),
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Engine of {} tokens", self.0.get_vocab_size(true))
    }
}
