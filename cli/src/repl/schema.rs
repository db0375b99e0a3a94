//! `schema`: what the rows of items and of users hold.

use serde_json::{Value as Json, json};

use super::output::{Output, Record, to_json};
use torre::Collection;
use torre::{FeatureSpec, FieldType};

/// A field, of items or of users.
struct Line {
    of: &'static str,
    field: String,
    holds: String,
    /// The tower that reads it.
    read_by: Option<&'static str>,
    /// Bytes of memory of its index, where it has one.
    index_bytes: Option<u64>,
}

pub(super) fn describe(collection: &Collection) -> Output {
    let mut lines =
        vec![Line { of: "item", field: "id".to_owned(), holds: "text, or an integer".to_owned(), read_by: None, index_bytes: None }];
    let specs = collection.specs();
    match &specs {
        Some((item, user)) => {
            lines.extend(tower_lines("item", item));
            lines.extend(tower_lines("user", user));
        }
        None => {
            let holds = format!("length {}", collection.dim());
            lines.push(Line { of: "item", field: "vector".to_owned(), holds, read_by: None, index_bytes: None });
        }
    }
    let schema = collection.schema();
    for field in &schema.fields {
        lines.push(Line { of: "item", field: field.name.clone(), holds: field.holds(), read_by: None, index_bytes: None });
    }
    for line in lines.iter_mut().filter(|line| line.of == "item") {
        line.index_bytes = collection.index_bytes(&line.field);
    }
    let lenient = schema.lenient;
    let model = specs.as_ref().map(|(item, _)| item.model().to_owned());
    let json = json!({
        "collection": collection.name(),
        "dim": collection.dim(),
        "metric": collection.metric().name(),
        "model": model,
        "lenient": lenient,
        "fields": lines.iter().map(Line::json).collect::<Vec<_>>(),
    });
    let mut notes = vec![format!("vectors of length {}, metric {}", collection.dim(), collection.metric())];
    notes.extend(model.map(|model| format!("towers: {model}")));
    if lenient {
        notes.push("rows may have any further fields (lenient)".to_owned());
    }
    Output {
        json: to_json(&json),
        parts: lines.iter().map(|line| to_json(&line.json())).collect(),
        records: lines.iter().map(Line::record).collect(),
        notes,
        ..Output::default()
    }
}

fn tower_lines<'s>(of: &'static str, spec: &'s FeatureSpec) -> impl Iterator<Item = Line> + 's {
    let fields = spec.fields().filter(move |field| of == "user" || *field != "id");
    fields.map(move |field| Line {
        of,
        field: field.to_owned(),
        holds: spec.field_type(field).map_or("", FieldType::name).to_owned(),
        read_by: Some(of),
        index_bytes: None,
    })
}

impl Line {
    fn json(&self) -> Json {
        let mut json = json!({"of": self.of, "field": self.field, "holds": self.holds, "tower": self.read_by});
        if let (Some(bytes), Some(json)) = (self.index_bytes, json.as_object_mut()) {
            json.insert("index_bytes".to_owned(), Json::from(bytes));
        }
        json
    }

    fn record(&self) -> Record {
        let index = self.index_bytes.map(|bytes| ("index bytes".to_owned(), Json::from(super::output::grouped(bytes))));
        let fixed = [
            ("of".to_owned(), Json::from(self.of)),
            ("field".to_owned(), Json::from(self.field.as_str())),
            ("holds".to_owned(), Json::from(self.holds.as_str())),
            ("read by".to_owned(), Json::from(self.read_by.map_or_else(String::new, |tower| format!("{tower} tower")))),
        ];
        fixed.into_iter().chain(index).collect()
    }
}
