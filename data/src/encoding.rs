//! How a file writes its characters.

use std::borrow::Cow;
use std::str::FromStr;

use super::error::Problem;

/// How a CSV file writes its characters.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Encoding {
    /// UTF-8; anything else is an error.
    #[default]
    Utf8,
    /// ISO 8859-1: a byte a character.
    Latin1,
}

impl Encoding {
    /// The text of these bytes.
    pub(super) fn read(self, bytes: &[u8]) -> Result<Cow<'_, str>, Problem> {
        match (self, std::str::from_utf8(bytes)) {
            (Self::Utf8, text) => text.map(Cow::Borrowed).map_err(|error| Problem::NotText { at: error.valid_up_to() }),
            (Self::Latin1, Ok(text)) if text.is_ascii() => Ok(Cow::Borrowed(text)),
            (Self::Latin1, _) => Ok(Cow::Owned(bytes.iter().map(|&byte| char::from(byte)).collect())),
        }
    }
}

impl FromStr for Encoding {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text.to_ascii_lowercase().as_str() {
            "utf8" | "utf-8" => Ok(Self::Utf8),
            "latin1" | "latin-1" | "iso-8859-1" => Ok(Self::Latin1),
            _ => Err("expected utf8 or latin1".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_byte_is_a_character_of_latin_1() {
        let all: Vec<u8> = (0..=255).collect();
        let text = Encoding::Latin1.read(&all).unwrap();
        assert_eq!(text.chars().map(u32::from).collect::<Vec<_>>(), (0..=255).collect::<Vec<_>>());
        assert_eq!(Encoding::Latin1.read(b"plain").unwrap(), "plain");
        assert!(matches!(Encoding::Utf8.read(b"Am\xE9lie"), Err(Problem::NotText { at: 2 })));
        assert_eq!(Encoding::Utf8.read("Amélie".as_bytes()).unwrap(), "Amélie");
    }
}
