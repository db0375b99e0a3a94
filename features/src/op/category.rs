//! Operations that turn the text of a category into a place.

use std::sync::Arc;

use crate::bucket::FieldHash;
use crate::vocab::Vocab;

/// What is made of one category. A place counts from the first index of the input's layout.
#[derive(Clone, Debug)]
pub(crate) enum Category {
    /// Position in a vocabulary; unknown values go to `oov` hash buckets, which come first.
    Vocab { vocab: Arc<Vocab>, oov: u64, hash: FieldHash },
    /// A hash bucket.
    Hash { buckets: u64, hash: FieldHash },
    /// The number itself.
    Identity { size: u64 },
}

impl Category {
    /// The place of a category; `None` when it is unknown and nothing stands for unknown ones.
    pub(crate) fn place(&self, text: &str) -> Option<u64> {
        match self {
            Self::Vocab { vocab, oov, hash } => match vocab.position(text) {
                Some(position) => Some(oov + position as u64),
                None => (*oov > 0).then(|| hash.bucket(text, *oov)),
            },
            Self::Hash { buckets, hash } => Some(hash.bucket(text, *buckets)),
            Self::Identity { size } => whole(text).filter(|number| number < size),
        }
    }

    /// How many places there are.
    pub(crate) fn places(&self) -> u64 {
        match self {
            Self::Vocab { vocab, oov, .. } => oov + vocab.len() as u64,
            Self::Hash { buckets, .. } => *buckets,
            Self::Identity { size } => *size,
        }
    }

    /// Whether a category is one of those that the spec lists; `None` where it lists none.
    pub(crate) fn knows(&self, text: &str) -> Option<bool> {
        match self {
            Self::Vocab { vocab, .. } => Some(vocab.position(text).is_some()),
            Self::Hash { .. } => None,
            Self::Identity { .. } => Some(self.place(text).is_some()),
        }
    }

    /// What an error expects of a value of the wrong kind.
    pub(crate) fn expected_kind(&self) -> String {
        match self {
            Self::Vocab { .. } | Self::Hash { .. } => "a string or an integer".to_owned(),
            Self::Identity { .. } => self.expected_value(),
        }
    }

    /// What an error expects of an unknown value.
    pub(crate) fn expected_value(&self) -> String {
        match self {
            Self::Identity { size } => format!("a whole number from 0 to {}", size - 1),
            _ => "a value of the vocabulary".to_owned(),
        }
    }
}

/// A whole number as its decimal text has it: digits alone, without leading zeros.
fn whole(text: &str) -> Option<u64> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit()) && (text.len() == 1 || !text.starts_with('0'));
    text.parse().ok().filter(|_| plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_is_a_plain_whole_number_below_its_size() {
        let table = Category::Identity { size: 12 };
        for (text, place) in [("0", Some(0)), ("7", Some(7)), ("11", Some(11)), ("12", None), ("007", None), ("00", None), ("", None)] {
            assert_eq!(table.place(text), place, "{text}");
        }
        for text in ["-1", "+1", "1.0", " 1", "١", "99999999999999999999"] {
            assert_eq!((table.place(text), table.knows(text)), (None, Some(false)), "{text}");
        }
    }
}
