//! Words of a text: maximal runs of alphanumeric characters, split first, then lower-cased one by one.

/// Room for the words of one text, reused from row to row.
#[derive(Default)]
pub struct Tokens {
    /// The words with one space between them, so that an n-gram is a piece of it.
    text: String,
    /// Where word `i` ends; it begins one space after the one before it.
    ends: Vec<usize>,
}

impl Tokens {
    /// Splits `text` and keeps at most the first `most` words.
    pub fn split(&mut self, text: &str, lower: bool, most: usize) {
        self.text.clear();
        self.ends.clear();
        let mut rest = text;
        while self.ends.len() < most {
            let Some(start) = first(rest, true) else { return };
            let word = &rest[start..];
            let end = first(word, false).unwrap_or(word.len());
            self.push(&word[..end], lower);
            rest = &word[end..];
        }
    }

    fn push(&mut self, word: &str, lower: bool) {
        if !self.ends.is_empty() {
            self.text.push(' ');
        }
        if !lower {
            self.text.push_str(word);
        } else if word.is_ascii() {
            let start = self.text.len();
            self.text.push_str(word);
            self.text[start..].make_ascii_lowercase();
        } else {
            self.text.push_str(&word.to_lowercase());
        }
        self.ends.push(self.text.len());
    }

    /// The number of words.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// How many n-grams of `n` words there are; n is at least 1.
    pub(crate) fn count(&self, n: usize) -> usize {
        (self.ends.len() + 1).saturating_sub(n)
    }

    /// The n-grams of `n` words, without the first `skip`.
    pub(crate) fn ngrams(&self, n: usize, skip: usize) -> impl Iterator<Item = &str> {
        (skip..self.count(n)).map(move |first| self.ngram(first, n))
    }

    /// Whether there are no words.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The words, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &str> {
        (0..self.len()).map(|place| self.ngram(place, 1))
    }

    /// The `n` words from word `first` on, joined by one space.
    fn ngram(&self, first: usize, n: usize) -> &str {
        let start = if first == 0 { 0 } else { self.ends[first - 1] + 1 };
        &self.text[start..self.ends[first + n - 1]]
    }
}

/// Where the first character begins that is (or is not) alphanumeric.
fn first(text: &str, alphanumeric: bool) -> Option<usize> {
    let bytes = text.as_bytes();
    let ascii = bytes.iter().position(|byte| !byte.is_ascii() || byte.is_ascii_alphanumeric() == alphanumeric)?;
    if bytes[ascii].is_ascii() {
        return Some(ascii);
    }
    // All before is ASCII, so this is the start of a character.
    text[ascii..].char_indices().find(|(_, c)| c.is_alphanumeric() == alphanumeric).map(|(at, _)| ascii + at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str, lower: bool, most: usize) -> Vec<String> {
        let mut tokens = Tokens::default();
        tokens.split("something before", false, 9);
        tokens.split(text, lower, most);
        tokens.ngrams(1, 0).map(str::to_owned).collect()
    }

    #[test]
    fn words_are_runs_of_alphanumeric_characters() {
        assert_eq!(words("Toy Story (1995)", true, 9), ["toy", "story", "1995"]);
        assert_eq!(words("Toy Story (1995)", false, 2), ["Toy", "Story"]);
        assert_eq!(words("ΟΔΟΣ ΣΑΣ Σ'Α", true, 9), ["οδος", "σας", "σ", "α"]);
        assert_eq!(words("snake_case a\u{a0}b", true, 9), ["snake", "case", "a", "b"]);
        assert_eq!(words("日本語 é❤x", true, 9), ["日本語", "é", "x"]);
        assert_eq!(words("", true, 9), [""; 0]);
        assert_eq!(words(" - ", true, 9), [""; 0]);
        assert_eq!(words("a b", true, 0), [""; 0]);
    }

    proptest::proptest! {
        #[test]
        fn an_ngram_is_its_words_joined(text in "[a-z é]{0,30}", n in 1usize..4) {
            let mut tokens = Tokens::default();
            tokens.split(&text, true, usize::MAX);
            let words = words(&text, true, usize::MAX);
            for first in 0..(words.len() + 1).saturating_sub(n) {
                proptest::prop_assert_eq!(tokens.ngram(first, n), words[first..first + n].join(" "));
            }
        }

        #[test]
        fn same_as_the_plain_way(text in "\\PC*|[a-zA-Z0-9 éßΣİ_'-]*", lower: bool) {
            let plain: Vec<String> = text
                .split(|c: char| !c.is_alphanumeric())
                .filter(|word| !word.is_empty())
                .map(|word| if lower { word.to_lowercase() } else { word.to_owned() })
                .collect();
            proptest::prop_assert_eq!(words(&text, lower, usize::MAX), plain);
        }
    }
}
