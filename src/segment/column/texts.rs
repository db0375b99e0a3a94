//! Texts on their way into a dictionary.

use std::collections::HashMap;

use super::cells::Cells;
use super::dictionary::{Codes, Dictionary};

/// The code of a null while texts are collected.
const NO_TEXT: u32 = u32::MAX;

/// Where the texts of another dictionary's codes went; empty at first.
pub(super) type CodeMap = Vec<u32>;

/// Codes in the order in which texts came.
#[derive(Default)]
pub(super) struct Texts {
    codes: Vec<u32>,
    known: HashMap<Box<str>, u32>,
}

impl Texts {
    fn code(&mut self, text: &str) -> u32 {
        if let Some(code) = self.known.get(text) {
            return *code;
        }
        let code = self.known.len() as u32;
        self.known.insert(text.into(), code);
        code
    }

    pub(super) fn push(&mut self, text: &str) {
        let code = self.code(text);
        self.codes.push(code);
    }

    /// What stands where there is no value.
    pub(super) fn push_nothing(&mut self) {
        self.codes.push(NO_TEXT);
    }

    /// Adds a text of another dictionary, whose map it is.
    pub(super) fn push_mapped(&mut self, from: u32, dictionary: &Dictionary, map: &mut CodeMap) {
        map.resize(dictionary.len(), NO_TEXT);
        if map[from as usize] == NO_TEXT {
            map[from as usize] = self.code(dictionary.get(from));
        }
        self.codes.push(map[from as usize]);
    }

    /// Sorted: codes are changed to the places of their texts.
    pub(super) fn finish(self) -> Result<Cells, u64> {
        let mut texts: Vec<(Box<str>, u32)> = self.known.into_iter().collect();
        texts.sort_unstable();
        let mut places = vec![0; texts.len()];
        for (place, (_, code)) in texts.iter().enumerate() {
            places[*code as usize] = place as u32;
        }
        // A null has no text, and where all are null there is none at all.
        let codes = self.codes.iter().map(|&code| places.get(code as usize).copied().unwrap_or(0)).collect();
        let dictionary = Dictionary::from_sorted(texts.iter().map(|(text, _)| &**text))?;
        let mut codes = Codes::new(codes, texts.len());
        codes.shrink();
        Ok(Cells::Texts { codes, dictionary })
    }
}
