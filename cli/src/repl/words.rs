//! A line of the shell, cut into words. A word that begins with `{` or `[` goes on to the matching bracket, so JSON needs no quotes.

use std::ops::Range;

/// A word and where it stands in the line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Word {
    /// The text, without the quotes around it.
    pub(super) text: String,
    /// The bytes of the line it was read from, quotes included.
    pub(super) at: Range<usize>,
}

/// What a text that ends too early still needs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Open {
    /// A closing `}` or `]`, or the end of a JSON string.
    Json,
    /// The closing quote of a word that began with this one.
    Quote(char),
}

impl Open {
    /// As an error says it.
    pub(super) fn describe(self) -> String {
        match self {
            Self::Json => "the JSON is not complete: a bracket, a brace or a quote is still open".to_owned(),
            Self::Quote(quote) => format!("the quote {quote} is not closed"),
        }
    }
}

/// Cuts a line into words. `;` at the very end, as SQL shells want it, is passed over.
///
/// - `{...}` and `[...]` are one word, spaces and all;
/// - `'...'` is taken as it stands, in `"..."` a backslash makes the next character plain;
/// - anything else ends at white space.
///
/// # Errors
/// What is still open at the end, and where it begins.
pub(super) fn split(line: &str) -> Result<Vec<Word>, (Open, usize)> {
    let mut words = Vec::new();
    let mut rest = line;
    loop {
        rest = rest.trim_start();
        let start = line.len() - rest.len();
        let Some(first) = rest.chars().next() else { return Ok(words) };
        if rest.trim_end() == ";" {
            return Ok(words);
        }
        let (text, length) = match first {
            '{' | '[' => {
                let length = json_length(rest).ok_or((Open::Json, start))?;
                (rest[..length].to_owned(), length)
            }
            '\'' | '"' => quoted(rest, first).ok_or((Open::Quote(first), start))?,
            _ => {
                let length = rest.find(char::is_whitespace).unwrap_or(rest.len());
                let last = rest[length..].trim().is_empty();
                let text = if last { rest[..length].trim_end_matches(';') } else { &rest[..length] };
                (text.to_owned(), length)
            }
        };
        words.push(Word { text, at: start..start + length });
        rest = &rest[length..];
    }
}

/// What is still open at the end of a text, if anything: the shell then asks for another line.
pub(super) fn still_open(text: &str) -> Option<Open> {
    // A dot command takes file names and the like as they are, and is never continued.
    if text.trim_start().starts_with('.') {
        return None;
    }
    split(text).err().map(|(open, _)| open)
}

/// Bytes of the JSON value at the start of `text`, by its brackets alone; whether it is JSON is for the parser to say.
fn json_length(text: &str) -> Option<usize> {
    let (mut depth, mut in_string, mut escaped) = (0usize, false, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => depth += 1,
            b'}' | b']' if !in_string => {
                depth -= 1;
                if depth == 0 {
                    return Some(at + 1);
                }
            }
            _ => {}
        }
    }
    None
}

/// The text between quotes at the start of `text`, and the bytes it took.
fn quoted(text: &str, quote: char) -> Option<(String, usize)> {
    let mut inner = String::new();
    let mut characters = text.char_indices().skip(1);
    while let Some((at, character)) = characters.next() {
        match character {
            '\\' if quote == '"' => inner.push(characters.next()?.1),
            _ if character == quote => return Some((inner, at + 1)),
            _ => inner.push(character),
        }
    }
    None
}

/// Writes a word so that [`split`] reads it back.
pub(super) fn write(word: &str) -> String {
    let plain = |c: char| !c.is_whitespace() && !matches!(c, '\'' | '"' | '{' | '[' | ';' | '\\');
    if !word.is_empty() && !word.starts_with(['-', '.']) && word.chars().all(plain) {
        return word.to_owned();
    }
    let mut out = String::from("\"");
    for character in word.chars() {
        if matches!(character, '"' | '\\') {
            out.push('\\');
        }
        out.push(character);
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn texts(line: &str) -> Vec<String> {
        split(line).unwrap().into_iter().map(|word| word.text).collect()
    }

    #[test]
    fn words_are_cut_at_spaces_and_json_is_one_word() {
        assert_eq!(texts("  get  a\tb "), ["get", "a", "b"]);
        assert_eq!(texts(r#"put {"a": [1, {"b c": "} \" ]"}]} -k 5"#), ["put", r#"{"a": [1, {"b c": "} \" ]"}]}"#, "-k", "5"]);
        assert_eq!(texts("search [1, 2\n, 3] --exact"), ["search", "[1, 2\n, 3]", "--exact"]);
        assert_eq!(texts(r#"get 'a b' "c \"d\" é" it's"#), ["get", "a b", "c \"d\" é", "it's"]);
        assert_eq!(texts(""), [""; 0]);
    }

    #[test]
    fn a_semicolon_at_the_end_is_passed_over() {
        assert_eq!(texts("get a;"), ["get", "a"]);
        assert_eq!(texts("get a ; "), ["get", "a"]);
        assert_eq!(texts("put {} ;"), ["put", "{}"]);
        assert_eq!(texts("get a;b c"), ["get", "a;b", "c"]);
    }

    #[test]
    fn what_is_open_asks_for_more() {
        for (text, open) in [
            ("put {", Some(Open::Json)),
            (r#"put {"a": "}"#, Some(Open::Json)),
            ("search [1,\n2", Some(Open::Json)),
            ("get 'a", Some(Open::Quote('\''))),
            (r#"get "a\""#, Some(Open::Quote('"'))),
            ("get it's", None),
            ("put {}", None),
            ("put }", None),
            (".read {", None),
            ("", None),
        ] {
            assert_eq!(still_open(text), open, "{text}");
        }
    }

    #[test]
    fn a_word_knows_its_place() {
        let words = split("get 'a b' c").unwrap();
        assert_eq!((words[1].at.clone(), words[2].at.clone()), (4..9, 10..11));
        assert_eq!(split("get x [1").unwrap_err(), (Open::Json, 6));
    }

    #[test]
    fn written_words_are_read_back() {
        for word in ["a", "a b", "it's", "\"", "\\", "", "{x", "[", "-k", ";", "é;", ".x", "a\nb"] {
            assert_eq!(texts(&format!("get {} z", write(word))), ["get", word, "z"], "{word:?}");
        }
    }
}
