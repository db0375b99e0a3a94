//! What may be done to a text before it becomes tokens. What is not known here is refused: it might take time without end, or draw lots.

use super::part::Part;
use crate::parse::json::Result;
use crate::tokenizer::is_plain;

/// Components of one tokenizer at most, of either kind.
const MOST: usize = 16;
/// Bytes of a pattern at most.
const PATTERN_BYTES: usize = 1024;
/// Bytes that stand for a match at most: several replacements must not let a text grow without end.
const CONTENT_BYTES: usize = 8;
/// Replacements at most.
const REPLACEMENTS: usize = 2;

/// A component: its name and its keys.
type Known = (&'static str, &'static [&'static str]);

const NORMALIZERS: [Known; 9] = [
    ("BertNormalizer", &["type", "clean_text", "handle_chinese_chars", "strip_accents", "lowercase"]),
    ("Lowercase", &["type"]),
    ("NFC", &["type"]),
    ("NFD", &["type"]),
    ("NFKC", &["type"]),
    ("NFKD", &["type"]),
    ("StripAccents", &["type"]),
    ("Strip", &["type", "strip_left", "strip_right"]),
    ("Replace", &["type", "pattern", "content"]),
];

const PRE_TOKENIZERS: [Known; 7] = [
    ("BertPreTokenizer", &["type"]),
    ("ByteLevel", &["type", "add_prefix_space", "trim_offsets", "use_regex"]),
    ("Whitespace", &["type"]),
    ("WhitespaceSplit", &["type"]),
    ("Punctuation", &["type", "behavior"]),
    ("Digits", &["type", "individual_digits"]),
    ("Split", &["type", "pattern", "behavior", "invert"]),
];

/// Checks `normalizer`.
pub(super) fn normalizer(part: &Part<'_>) -> Result<()> {
    let found = flat(part, &NORMALIZERS, "normalizers")?;
    let replaced: Vec<&Part<'_>> = found.iter().filter(|part| part.kind() == Ok("Replace")).collect();
    if replaced.len() > REPLACEMENTS {
        return Err(part.got(format!("at most {REPLACEMENTS} times \"Replace\""), replaced.len().to_string()));
    }
    replaced.iter().try_for_each(|part| {
        part.get("content").text(CONTENT_BYTES)?;
        pattern(&part.get("pattern"))
    })
}

/// Checks `pre_tokenizer`.
pub(super) fn pre_tokenizer(part: &Part<'_>) -> Result<()> {
    let found = flat(part, &PRE_TOKENIZERS, "pretokenizers")?;
    found.iter().filter(|part| part.kind() == Ok("Split")).try_for_each(|part| pattern(&part.get("pattern")))
}

/// The components of a part, those of a sequence one by one; each is known.
fn flat<'a>(part: &Part<'a>, known: &[Known], inner: &str) -> Result<Vec<Part<'a>>> {
    if part.is_null() {
        return Ok(Vec::new());
    }
    let parts = if part.kind()? == "Sequence" {
        part.keys(&["type", inner])?;
        part.get(inner).list(MOST)?
    } else {
        vec![part.clone()]
    };
    for part in &parts {
        let kind = part.kind()?;
        let keys = known.iter().find(|(name, _)| *name == kind).map(|(_, keys)| keys);
        let names = || known.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
        part.keys(keys.ok_or_else(|| part.got(format!("one of {}", names()), format!("{kind:?}")))?)?;
    }
    Ok(parts)
}

/// Checks what is looked for: a text, or a regular expression whose time grows with its text alone.
fn pattern(part: &Part<'_>) -> Result<()> {
    part.keys(&["String", "Regex"])?;
    if part.get("Regex").is_null() {
        return part.get("String").text(PATTERN_BYTES).map(|_| ());
    }
    let regex = part.get("Regex");
    if is_plain(regex.text(PATTERN_BYTES)?) {
        Ok(())
    } else {
        Err(regex.expected("a regular expression without look-around and back-references"))
    }
}
