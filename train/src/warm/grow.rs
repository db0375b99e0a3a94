//! Vocabularies that grow: new values come behind those that there are, so that these keep their rows of tables.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap, HashSet};

use serde_json::{Value as Json, json};
use torre_features::{FeatureSpec, Row, Value};

use crate::error::TrainError;
use crate::events::Part;
use crate::joined::Joined;
use crate::layout::{document, listed};

/// Values that a vocabulary has at most; more share its buckets.
const VALUES: usize = 2_000_000;
/// Rows of a category from which it is worth a place of its own.
const LEAST: u32 = 2;

/// Which vocabulary: a shared one's name, or the place of an input that has its own.
type Key = (Option<&'static str>, String);

/// The documents of both specs with what the training part has that they do not list, and what was added.
pub(super) fn grown(specs: [&FeatureSpec; 2], joined: &Joined, history: &str) -> Result<([Json; 2], Vec<String>), TrainError> {
    let mut documents = [document(specs[0])?, document(specs[1])?];
    let trained = Trained::new(joined);
    let mut more: BTreeMap<Key, Vec<String>> = BTreeMap::new();
    let mut notes = Vec::new();
    for (of_side, side) in documents.iter().zip(["item", "user"]) {
        for input in of_side["inputs"].as_array().into_iter().flatten().filter(|input| input["op"]["vocab"].is_object()) {
            let field = input["from"].as_str().unwrap_or_default();
            let values = match (side, field) {
                ("item", "id") => trained.ids(joined, |event| event.item, &joined.item_ids),
                ("user", "id") => trained.ids(joined, |event| event.user, &joined.user_ids),
                ("user", field) if field == history => trained.ids(joined, |event| event.item, &joined.item_ids),
                ("item", field) => categories(trained.items.iter().map(|&item| &joined.item_rows[item as usize]), field),
                (_, field) => categories(trained.profiles.iter().map(|&profile| &joined.profiles[profile as usize]), field),
            };
            let key = key(side, input);
            let listed = listed(of_side, input);
            let added = more.entry(key).or_default();
            let known: HashSet<&str> = listed.iter().chain(added.iter()).map(String::as_str).collect();
            let room = VALUES.saturating_sub(known.len());
            let fresh: Vec<String> = values.into_iter().filter(|value| !known.contains(value.as_str())).take(room).collect();
            if !fresh.is_empty() {
                notes.push(format!("{side} field {field:?}: {} values since, behind {}", fresh.len(), listed.len() + added.len()));
            }
            added.extend(fresh);
        }
    }
    for (of_side, side) in documents.iter_mut().zip(["item", "user"]) {
        add(of_side, side, &more);
        // Vectors of golden rows are those of the towers before.
        of_side["golden"] = json!([]);
    }
    Ok((documents, notes))
}

/// Puts what is new behind what there is.
fn add(document: &mut Json, side: &'static str, more: &BTreeMap<Key, Vec<String>>) {
    let values = |list: &mut Json, key: &Key| {
        if let (Some(list), Some(more)) = (list.as_array_mut(), more.get(key)) {
            list.extend(more.iter().map(|value| json!(value)));
        }
    };
    if let Some(vocabs) = document["vocabs"].as_object_mut() {
        vocabs.iter_mut().for_each(|(name, list)| values(list, &(None, name.clone())));
    }
    for input in document["inputs"].as_array_mut().into_iter().flatten() {
        let key = key(side, input);
        if key.0.is_some() && input["op"]["vocab"]["values"].is_array() {
            values(&mut input["op"]["vocab"]["values"], &key);
        }
    }
}

fn key(side: &'static str, input: &Json) -> Key {
    match input["op"]["vocab"]["name"].as_str() {
        Some(name) => (None, name.to_owned()),
        None => (Some(side), input["tensor"].as_str().unwrap_or_default().to_owned()),
    }
}

/// Who and what the training part has.
struct Trained {
    items: Vec<u32>,
    profiles: Vec<u32>,
}

impl Trained {
    fn new(joined: &Joined) -> Self {
        let trained = || joined.events.iter().filter(|event| event.part == Part::Train);
        let each = |numbers: &mut dyn Iterator<Item = u32>| {
            let mut numbers: Vec<u32> = numbers.collect();
            numbers.sort_unstable();
            numbers.dedup();
            numbers
        };
        Self { items: each(&mut trained().map(|event| event.item)), profiles: each(&mut trained().map(|event| event.profile)) }
    }

    /// Ids with events of the training part, most frequent first.
    fn ids(&self, joined: &Joined, of: impl Fn(&crate::events::Event) -> u32, ids: &[String]) -> Vec<String> {
        let mut counts: HashMap<u32, u32> = HashMap::new();
        joined.events.iter().filter(|event| event.part == Part::Train).for_each(|event| *counts.entry(of(event)).or_default() += 1);
        let mut numbers: Vec<u32> = counts.keys().copied().collect();
        numbers.sort_unstable_by_key(|number| (Reverse(counts[number]), *number));
        numbers.iter().map(|&number| ids[number as usize].clone()).collect()
    }
}

/// Categories of a field that come often enough, most frequent first.
fn categories<'a>(rows: impl Iterator<Item = &'a Row>, field: &str) -> Vec<String> {
    let mut counts: HashMap<String, u32> = HashMap::new();
    let mut count = |value: &Value| {
        if let Some(text) = value.to_id_text() {
            *counts.entry(text).or_default() += 1;
        }
    };
    for value in rows.filter_map(|row| row.get(field)) {
        match value {
            Value::List(values) => values.iter().for_each(&mut count),
            value => count(value),
        }
    }
    let mut values: Vec<(String, u32)> = counts.into_iter().filter(|(_, count)| *count >= LEAST).collect();
    values.sort_unstable_by(|(a, of_a), (b, of_b)| of_b.cmp(of_a).then_with(|| a.cmp(b)));
    values.into_iter().map(|(value, _)| value).collect()
}
