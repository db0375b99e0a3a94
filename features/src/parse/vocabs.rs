//! Lists of categories, shared by name or written where they are used.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::Value as Json;

use super::json::{Result, brief};
use crate::error::SpecError;
use crate::vocab::Vocab;

/// The vocabularies that inputs refer to by name; each becomes one table, however many inputs use it.
pub(super) struct Vocabs {
    pub(super) tables: HashMap<String, Arc<Vocab>>,
}

impl Vocabs {
    pub(super) fn read(json: Option<&Json>) -> Result<Self> {
        let mut tables = HashMap::new();
        match json {
            None => {}
            Some(Json::Object(vocabs)) => {
                for (name, values) in vocabs {
                    let (vocab, twice) = vocabulary(values)
                        .map_err(|got| SpecError::document(format!("vocabs.{name}"), "a list of strings and integers", got))?;
                    if let Some(value) = twice {
                        return Err(SpecError::document(format!("vocabs.{name}"), "each value once", format!("{value:?} twice")));
                    }
                    tables.insert(name.clone(), Arc::new(vocab));
                }
            }
            other => return Err(SpecError::document("vocabs", "an object of lists", brief(other))),
        }
        Ok(Self { tables })
    }
}

/// A list of categories; the second result is a value that comes twice. The error says what came instead.
pub(super) fn vocabulary(json: &Json) -> Result<(Vocab, Option<String>), String> {
    let values = json.as_array().ok_or_else(|| brief(Some(json)))?;
    if values.len() >= u32::MAX as usize {
        return Err(format!("{} values", values.len()));
    }
    let texts: Vec<std::borrow::Cow<'_, str>> = values
        .iter()
        .map(|value| match value {
            Json::String(text) => Ok(text.as_str().into()),
            Json::Number(number) if number.is_i64() || number.is_u64() => Ok(number.to_string().into()),
            other => Err(brief(Some(other))),
        })
        .collect::<Result<_, String>>()?;
    Ok(Vocab::new(texts.iter().map(|text| &**text)))
}
