//! The documents of the two specs.

use serde::Serialize;
use serde_json::{Value as Json, json};
use torre_features::{FeatureSpec, Metric, Row, TowerRole};
use torre_report::percentile;

use super::choose::{Reading, choose};
use super::facts::Facts;
use super::kind::Kinds;
use crate::error::TrainError;

/// The name of the vocabulary that item ids and histories share.
const ITEMS: &str = "items";
/// The name of the users' vocabulary.
const USERS: &str = "users";
/// Ids that a vocabulary lists at most; the rest shares hash buckets.
const IDS: usize = 2_000_000;
/// Hash buckets of unknown ids.
const OOV: usize = 4;
/// A history is of at least so many places, and without another wish of at most so many.
const HISTORY: (usize, usize) = (10, 50);

/// What both specs say.
#[derive(Clone, PartialEq, Debug)]
pub struct SpecOptions {
    /// Width of the vectors.
    pub dim: usize,
    /// How near two vectors are.
    pub metric: Metric,
    /// Whether the towers give vectors of length 1.
    pub normalized: bool,
    /// The label of the pair.
    pub model: String,
    /// The field of user rows that holds what was chosen before.
    pub history: String,
    /// Places of a history; without, what 90 % of the users need, from 10 to 50.
    pub history_length: Option<usize>,
    /// Whether users have an embedding of their own; an unknown user has that of unknown ones.
    pub user_ids: bool,
}

impl Default for SpecOptions {
    fn default() -> Self {
        Self {
            dim: 64,
            metric: Metric::InnerProduct,
            normalized: true,
            model: "towers".to_owned(),
            history: "history".to_owned(),
            history_length: None,
            user_ids: false,
        }
    }
}

/// What was chosen for a field, and why.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct FieldChoice {
    /// The row's field.
    pub field: String,
    /// What is made of it, and why.
    pub why: String,
}

/// A spec with the reasons for it.
#[derive(Clone, PartialEq, Debug)]
pub struct Inferred {
    /// The document; its key `notes` has the reasons.
    pub document: Json,
    /// The reasons, field by field.
    pub choices: Vec<FieldChoice>,
}

impl Inferred {
    /// The spec.
    ///
    /// # Errors
    /// [`TrainError::Spec`] where names of the data make none.
    pub fn parse(&self) -> Result<FeatureSpec, TrainError> {
        let side = if self.document["tower"] == "item" { "item" } else { "user" };
        FeatureSpec::parse(&self.document.to_string()).map_err(|source| TrainError::Spec { side, source })
    }

    /// The document as a file for people.
    #[must_use]
    pub fn to_text(&self) -> String {
        let text = serde_json::to_string_pretty(&self.document).unwrap_or_default();
        text + "\n"
    }
}

/// The items' spec. `rows` are those of the items that are trained on, `ids` theirs, most frequent first.
pub fn infer_item<'a>(options: &SpecOptions, kinds: &Kinds, rows: impl Iterator<Item = &'a Row> + Clone, ids: &[&str]) -> Inferred {
    let (listed, why) = vocabulary(ids, "items");
    let id = json!({"tensor": "item_id", "dtype": "i64", "shape": ["N"], "from": "id", "op": {"vocab": {"name": ITEMS, "oov": OOV}},
        "missing": "error"});
    let choices = vec![FieldChoice { field: "id".to_owned(), why }];
    document(options, TowerRole::Item, json!({ITEMS: listed}), vec![id], choices, kinds, rows)
}

/// The users' spec. `rows` are those of the users that are trained on, `ids` theirs; `items` and the lengths of histories are of the
/// training part too.
pub fn infer_user<'a>(
    options: &SpecOptions,
    kinds: &Kinds,
    rows: impl Iterator<Item = &'a Row> + Clone,
    ids: &[&str],
    items: &[&str],
    lengths: &[f64],
) -> Inferred {
    let (listed, _) = vocabulary(items, "items");
    let needed = percentile(lengths, 90.0).unwrap_or(1.0).ceil() as usize;
    let length = options.history_length.unwrap_or(needed.clamp(HISTORY.0, HISTORY.1)).max(1);
    let mut vocabs = json!({ITEMS: listed});
    let history = json!({"tensor": "history", "dtype": "i64", "shape": ["N", length], "from": options.history,
        "op": {"vocab": {"name": ITEMS, "oov": OOV}}, "list": {"max": length, "keep": "last"}});
    let why = format!(
        "what the user chose before, oldest first, in the items' vocabulary: the last {length} (90 % of the users chose at most {needed})"
    );
    let (mut inputs, mut choices) = (vec![history], vec![FieldChoice { field: options.history.clone(), why }]);
    if options.user_ids {
        let (listed, why) = vocabulary(ids, "users");
        vocabs[USERS] = json!(listed);
        inputs
            .push(json!({"tensor": "user_id", "dtype": "i64", "shape": ["N"], "from": "id", "op": {"vocab": {"name": USERS, "oov": OOV}}}));
        choices.push(FieldChoice { field: "id".to_owned(), why });
    }
    document(options, TowerRole::User, vocabs, inputs, choices, kinds, rows)
}

/// The ids that are listed, and why.
fn vocabulary<'a>(ids: &[&'a str], of: &str) -> (Vec<&'a str>, String) {
    let listed = &ids[..ids.len().min(IDS)];
    let rest = ids.len() - listed.len();
    let beyond = if rest > 0 { format!("; {rest} rarer ones share the buckets, as a vocabulary has at most {IDS}") } else { String::new() };
    let why = format!("a vocabulary of the {} {of} in the training part, and {OOV} hash buckets for new ones{beyond}", listed.len());
    (listed.to_vec(), why)
}

fn document<'a>(
    options: &SpecOptions,
    tower: TowerRole,
    vocabs: Json,
    mut inputs: Vec<Json>,
    mut choices: Vec<FieldChoice>,
    kinds: &Kinds,
    rows: impl Iterator<Item = &'a Row> + Clone,
) -> Inferred {
    let (mut pieces, mut width) = (Vec::new(), 0);
    let mut tensors: Vec<String> = inputs.iter().filter_map(|input| input["tensor"].as_str()).map(str::to_owned).collect();
    tensors.push("numbers".to_owned());
    for (field, kind) in kinds.iter().filter(|(field, _)| *field != options.history || tower == TowerRole::Item) {
        let choice = choose(field, kind, &Facts::of(field, kind, rows.clone()));
        match choice.reading {
            Reading::Nothing => {}
            Reading::Input(mut input) => {
                input["tensor"] = json!(tensor(field, &mut tensors));
                input["from"] = json!(field);
                inputs.push(input);
            }
            Reading::Columns(columns) => {
                for (mut piece, columns) in columns {
                    piece["from"] = json!(field);
                    pieces.push(piece);
                    width += columns;
                }
            }
        }
        choices.push(FieldChoice { field: field.to_owned(), why: choice.why });
    }
    if !pieces.is_empty() {
        inputs.push(json!({"tensor": "numbers", "dtype": "f32", "shape": ["N", width], "concat": pieces}));
    }
    let notes: serde_json::Map<String, Json> = choices.iter().map(|choice| (choice.field.clone(), json!(choice.why))).collect();
    let document = json!({"torre": 2, "tower": tower.name(), "model": options.model, "dim": options.dim, "metric": options.metric.name(),
        "normalized": options.normalized, "output": "vector", "notes": notes, "vocabs": vocabs, "inputs": inputs});
    Inferred { document, choices }
}

/// A name for the graph's input: the field's, in the letters that every tool takes, and not taken yet.
fn tensor(field: &str, taken: &mut Vec<String>) -> String {
    let plain: String = field.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' }).collect();
    let base = if plain.starts_with(|c: char| c.is_ascii_alphabetic()) { plain } else { format!("f{plain}") };
    let mut name = base.clone();
    let mut number = 2;
    while taken.contains(&name) {
        name = format!("{base}_{number}");
        number += 1;
    }
    taken.push(name.clone());
    name
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use torre_features::{EncodeOptions, row};

    #[test]
    fn inferred_specs_encode_the_rows_that_they_are_of() {
        let rows: Vec<Row> = (0..60)
            .map(|n| {
                row! { "id" => format!("i{n}"), "Brand name" => format!("b{}", n % 4), "price" => n * n, "genres" => vec!["a", ["b", "c"][n as usize % 2]],
                       "title" => format!("the red thing {}", n % 40), "empty" => "", "emb" => vec![0.5, f64::from(n)], "brand_name" => n % 2 == 0 }
            })
            .map(|row| if row.get("id").and_then(|id| id.as_str()) == Some("i3") { row.with("price", torre_features::Value::Null) } else { row })
            .collect();
        let kinds = Kinds::of(&rows, None);
        let rows: Vec<Row> = rows.into_iter().map(|row| kinds.typed(row)).collect();
        let ids: Vec<String> = (0..60).map(|n| format!("i{n}")).collect();
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let inferred = infer_item(&SpecOptions::default(), &kinds, rows.iter(), &ids);
        let spec = inferred.parse().unwrap();
        let refs: Vec<&Row> = rows.iter().collect();
        let tensors = spec.encode(&refs, &EncodeOptions { lenient: true, ..EncodeOptions::default() }).unwrap();
        let names: Vec<&str> = tensors.iter().map(|tensor| &*tensor.name).collect();
        assert_eq!(names, ["item_id", "brand_name", "genres", "title", "numbers"]);
        assert_eq!(tensors[4].shape, [60, 5], "{}", inferred.document["inputs"]);
        assert!(inferred.choices.iter().any(|choice| choice.field == "empty" && choice.why.contains("left out")));
        assert!(inferred.to_text().contains("\"notes\""));

        let user = infer_user(
            &SpecOptions { user_ids: true, ..SpecOptions::default() },
            &Kinds::default(),
            [].iter(),
            &["u1"],
            &ids,
            &[3.0, 70.0],
        );
        let spec = user.parse().unwrap();
        assert_eq!(spec.inputs().iter().map(|input| &*input.tensor).collect::<Vec<_>>(), ["history", "user_id"]);
        assert_eq!(spec.inputs()[0].row_shape, [50]);
    }

    #[test]
    fn names_of_fields_become_names_of_inputs() {
        let mut taken = vec!["numbers".to_owned()];
        let names = ["Größe", "2nd", "a b", "a-b", "numbers"].map(|field| tensor(field, &mut taken));
        assert_eq!(names, ["gr__e", "f2nd", "a_b", "a_b_2", "numbers_2"]);
    }
}
