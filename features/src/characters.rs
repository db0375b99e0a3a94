//! Runs of characters of a text's words, with a mark before and behind each word so that beginnings and ends differ from what lies between.

use super::tokens::Tokens;

/// Stands before a word. No word has it.
const BEFORE: char = '<';
/// Stands behind a word.
const BEHIND: char = '>';

/// Room for the marked words of one text, reused from row to row.
#[derive(Default)]
pub(crate) struct Characters {
    /// The marked words, end to end.
    text: String,
    /// Where each character begins, and where the last one ends.
    starts: Vec<usize>,
    /// First character of each word, and the first of the one after it.
    words: Vec<(usize, usize)>,
}

impl Characters {
    /// Takes the words of a text over.
    pub(crate) fn mark(&mut self, words: &Tokens) {
        self.text.clear();
        self.starts.clear();
        self.words.clear();
        for word in words.ngrams(1, 0) {
            let first = self.starts.len();
            for c in [BEFORE].into_iter().chain(word.chars()).chain([BEHIND]) {
                self.starts.push(self.text.len());
                self.text.push(c);
            }
            self.words.push((first, self.starts.len()));
        }
        self.starts.push(self.text.len());
    }

    /// How many runs of `n` characters there are; n is at least 1.
    pub(crate) fn count(&self, n: usize) -> usize {
        self.words.iter().map(|(first, end)| (end - first + 1).saturating_sub(n)).sum()
    }

    /// The runs of `n` characters, word after word, without the first `skip`.
    pub(crate) fn ngrams(&self, n: usize, skip: usize) -> impl Iterator<Item = &str> {
        let starts = self.words.iter().flat_map(move |(first, end)| *first..(end + 1).saturating_sub(n).max(*first));
        starts.skip(skip).map(move |start| &self.text[self.starts[start]..self.starts[start + n]])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runs(text: &str, n: usize, skip: usize) -> Vec<String> {
        let (mut words, mut characters) = (Tokens::default(), Characters::default());
        words.split("something before", true, 9);
        characters.mark(&words);
        words.split(text, true, usize::MAX);
        characters.mark(&words);
        assert_eq!(characters.ngrams(n, 0).count(), characters.count(n));
        characters.ngrams(n, skip).map(str::to_owned).collect()
    }

    #[test]
    fn runs_of_characters_stay_within_their_word() {
        assert_eq!(runs("Red, é!", 3, 0), ["<re", "red", "ed>", "<é>"]);
        assert_eq!(runs("Red, é!", 3, 2), ["ed>", "<é>"]);
        assert_eq!(runs("Red, é!", 5, 0), ["<red>"]);
        assert_eq!(runs("Red, é!", 6, 0), [""; 0]);
        assert_eq!(runs("é", 1, 0), ["<", "é", ">"]);
        assert_eq!(runs("", 3, 0), [""; 0]);
    }

    proptest::proptest! {
        #[test]
        fn same_as_the_plain_way(text in "\\PC{0,20}|[a-zé日 ]{0,20}", n in 1usize..6, skip in 0usize..9) {
            let mut words = Tokens::default();
            words.split(&text, true, usize::MAX);
            let plain: Vec<String> = words
                .ngrams(1, 0)
                .flat_map(|word| {
                    let marked: Vec<char> = format!("<{word}>").chars().collect();
                    marked.windows(n).map(|run| run.iter().collect()).collect::<Vec<String>>()
                })
                .skip(skip)
                .collect();
            proptest::prop_assert_eq!(runs(&text, n, skip), plain);
        }
    }
}
