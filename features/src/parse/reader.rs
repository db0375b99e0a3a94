//! One piece of an input as JSON, and what every part of it is read with.

use serde_json::{Map, Value as Json};

use super::json::{Result, brief, known_keys};
use super::tokenizer::Tokenizers;
use super::vocabs::Vocabs;
use crate::error::SpecError;
use crate::spec::Version;

/// Hash buckets and indexes at most; larger than any embedding table.
const MAX_BUCKETS: u64 = 1 << 40;
/// Fields of one piece at most.
const MAX_FIELDS: usize = 8;

/// What all inputs of a document share.
pub(super) struct Shared<'a> {
    pub vocabs: &'a Vocabs,
    pub tokenizers: &'a Tokenizers,
    pub dim: usize,
    pub version: Version,
}

/// One (from, op, list, missing).
pub(super) struct Reader<'a> {
    tensor: &'a str,
    pub(super) fields: Vec<&'a str>,
    pub(super) object: &'a Map<String, Json>,
    /// The operation's name and what stands behind it.
    pub(super) name: &'a str,
    pub(super) args: &'a Json,
    pub(super) shared: &'a Shared<'a>,
}

/// How something is refused in a document of version 1.
pub(super) fn of_version_two(what: &str) -> String {
    format!("{what} is of version 2, and the document says \"torre\": 1")
}

impl<'a> Reader<'a> {
    pub(super) fn new(tensor: &'a str, object: &'a Map<String, Json>, shared: &'a Shared<'a>) -> Result<Self> {
        let problem =
            |expected: &str| SpecError::input(tensor, format!("\"from\": expected {expected}, got {}", brief(object.get("from"))));
        let fields: Vec<&str> = match object.get("from") {
            Some(Json::String(field)) => vec![field],
            Some(Json::Array(_)) if shared.version < Version::Two => {
                return Err(SpecError::input(tensor, of_version_two("a list of fields in \"from\"")));
            }
            Some(Json::Array(list)) if (1..=MAX_FIELDS).contains(&list.len()) => {
                list.iter().map(|field| field.as_str().ok_or_else(|| problem("strings in the list"))).collect::<Result<_>>()?
            }
            Some(Json::Array(_)) => return Err(problem(&format!("1 to {MAX_FIELDS} fields"))),
            _ => return Err(problem("a string")),
        };
        let op = object.get("op").and_then(Json::as_object).filter(|op| op.len() == 1).and_then(|op| op.iter().next());
        let mut reader = Self { tensor, fields, object, name: "", args: &Json::Null, shared };
        let (name, args) = op.ok_or_else(|| reader.expected("\"op\"", "an object with exactly one operation", object.get("op")))?;
        (reader.name, reader.args) = (name, args);
        Ok(reader)
    }

    /// The field, or the first of them.
    pub(super) fn field(&self) -> &'a str {
        self.fields.first().copied().unwrap_or_default()
    }

    /// Whether the document is of version 2.
    pub(super) fn is_two(&self) -> bool {
        self.shared.version >= Version::Two
    }

    /// Whether a number or a time is to become an index.
    pub(super) fn indexed(&self) -> Result<bool> {
        let indexed = self.object.get("dtype").is_some_and(|dtype| dtype == "i64");
        if indexed { self.since_two(&format!("an index of \"{}\"", self.name)).map(|()| true) } else { Ok(false) }
    }

    pub(super) fn bad(&self, problem: impl Into<String>) -> SpecError {
        SpecError::Input { input: self.tensor.to_owned(), field: Some(self.fields.join(", ")), problem: problem.into() }
    }

    pub(super) fn expected(&self, what: &str, expected: &str, got: Option<&Json>) -> SpecError {
        self.bad(format!("{what}: expected {expected}, got {}", brief(got)))
    }

    /// Refuses what version 1 has not.
    pub(super) fn since_two(&self, what: &str) -> Result<()> {
        if self.is_two() { Ok(()) } else { Err(self.bad(of_version_two(what))) }
    }

    /// The object behind `what`, with these keys and no others.
    pub(super) fn object<'j>(&self, what: &str, json: &'j Json, known: &[&str]) -> Result<&'j Map<String, Json>> {
        let object = json.as_object().ok_or_else(|| self.expected(what, "an object", Some(json)))?;
        known_keys(object, known).map_err(|problem| self.bad(format!("{what}: {problem}")))?;
        Ok(object)
    }

    /// The operation's own object.
    pub(super) fn args(&self, known: &[&str]) -> Result<&'a Map<String, Json>> {
        self.object(self.name, self.args, known)
    }

    /// A whole number, at least `least`.
    pub(super) fn count(&self, what: &str, least: u64, json: Option<&Json>) -> Result<u64> {
        self.whole(what, least, MAX_BUCKETS, json)
    }

    /// A whole number in a range.
    pub(super) fn whole(&self, what: &str, least: u64, most: u64, json: Option<&Json>) -> Result<u64> {
        let number = json.and_then(Json::as_u64).filter(|number| (least..=most).contains(number));
        number.ok_or_else(|| self.expected(what, &format!("a whole number from {least} to {most}"), json))
    }
}
