//! Files of cases: who asks, what was seen, and what the user really chose.

use std::io::BufRead;

use serde::Deserialize;

/// A line of an evaluation file: who asks, what is left out of the answer, and what the user really chose.
#[derive(Clone, PartialEq, Debug, Deserialize)]
pub struct EvalCase {
    /// The raw user row.
    pub user: serde_json::Map<String, serde_json::Value>,
    /// Ids to exclude.
    #[serde(default, deserialize_with = "ids")]
    pub seen: Vec<String>,
    /// Ids that should be found.
    #[serde(deserialize_with = "ids")]
    pub relevant: Vec<String>,
    /// The line of the file, from 1.
    #[serde(skip)]
    pub line: u64,
}

/// Why an evaluation file cannot be used.
#[derive(thiserror::Error, Debug)]
#[error("line {line}: {what}")]
pub struct CaseError {
    /// From 1.
    pub line: u64,
    /// What is wrong with it.
    pub what: String,
}

/// Ids as text or integers; an integer is its decimal text, as everywhere.
fn ids<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Id {
        Text(String),
        Signed(i64),
        Unsigned(u64),
    }
    let ids = Vec::<Id>::deserialize(from)?;
    Ok(ids
        .into_iter()
        .map(|id| match id {
            Id::Text(text) => text,
            Id::Signed(number) => number.to_string(),
            Id::Unsigned(number) => number.to_string(),
        })
        .collect())
}

/// Reads `{user, seen, relevant}` lines; blank lines are passed over.
pub fn read_cases(from: impl BufRead) -> Result<Vec<EvalCase>, CaseError> {
    let mut cases = Vec::new();
    for (line, text) in (1..).zip(from.lines()) {
        let text = text.map_err(|e| CaseError { line, what: e.to_string() })?;
        if text.trim().is_empty() {
            continue;
        }
        let case: EvalCase =
            serde_json::from_str(&text).map_err(|e| CaseError { line, what: format!("expected {{user, seen, relevant}}: {e}") })?;
        cases.push(EvalCase { line, ..case });
    }
    Ok(cases)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn cases_are_read_and_bad_lines_are_named() {
        let good = "{\"user\": {\"age\": 3}, \"seen\": [1, \"b\"], \"relevant\": [\"c\"]}\n\n{\"user\": {}, \"relevant\": [18446744073709551615]}\n";
        let cases = read_cases(good.as_bytes()).unwrap();
        assert_eq!(cases.len(), 2);
        assert_eq!(
            (cases[0].seen.as_slice(), cases[1].relevant.as_slice()),
            (["1".to_owned(), "b".to_owned()].as_slice(), ["18446744073709551615".to_owned()].as_slice())
        );
        let bad = read_cases("{\"user\": {}, \"relevant\": []}\n{\"user\": 5, \"relevant\": []}\n".as_bytes()).unwrap_err();
        assert_eq!(bad.line, 2);
    }
}
