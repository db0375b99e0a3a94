//! Which columns of a file become which fields of a row, and which are left out.

use std::collections::HashMap;
use std::sync::Arc;

use super::encoding::Encoding;
use super::error::{Place, Problem};
use super::kind::{CellKind, ColumnKind};
use super::options::ReadOptions;
use super::rows::id_of;
use super::taken::{Taken, Why};
use torre::{ItemId, Row, Value};

/// A field that a column is read into.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Target {
    pub(super) field: String,
    /// What the field holds; `None` where nobody declared it.
    pub(super) kind: Option<ColumnKind>,
    /// Somebody named this very column or declared its field, so that it must not be left out.
    pub(super) asked: bool,
}

/// The fields of one column; none when it is left out.
pub(super) type Targets = Arc<[Target]>;

/// The columns of one file.
pub(super) struct Columns {
    options: ReadOptions,
    known: HashMap<Box<str>, Targets>,
    pub(super) taken: Taken,
}

impl Columns {
    pub(super) fn new(options: &ReadOptions) -> Self {
        Self { options: options.clone(), known: HashMap::new(), taken: Taken::default() }
    }

    /// The fields of all columns of a file that names them at its start.
    pub(super) fn header(&mut self, names: &[String]) -> Result<Vec<Targets>, Problem> {
        let all = || names.to_vec();
        let named = self.options.columns.iter().map(|(_, column)| column).chain(&self.options.id).chain(&self.options.vector);
        if let Some(missing) = named.into_iter().find(|column| !names.contains(column)) {
            return Err(Problem::NoColumn { name: missing.clone(), columns: all() });
        }
        let targets: Vec<Targets> = names.iter().map(|name| self.targets(name)).collect();
        let twice = names.iter().enumerate().find(|(at, name)| !targets[*at].is_empty() && names[..*at].contains(name));
        if let Some((_, name)) = twice {
            return Err(Problem::ColumnTwice { name: name.clone() });
        }
        let has = |field: &str| targets.iter().any(|targets| targets.iter().any(|target| target.field == field));
        if self.options.takes_ids && !has("id") {
            return Err(Problem::NoIdColumn { near: like_ids(names.iter().map(String::as_str)), columns: all() });
        }
        if self.options.takes_vectors && !has("vector") {
            return Err(Problem::NoVectorColumn { near: like_vectors(names.iter().map(String::as_str)), columns: all() });
        }
        Ok(targets)
    }

    /// The fields that this column is read into.
    pub(super) fn targets(&mut self, column: &str) -> Targets {
        if let Some(targets) = self.known.get(column) {
            return Arc::clone(targets);
        }
        let targets: Targets = self.decide(column).into();
        // A file of objects may have ever new keys.
        if self.known.len() < 4096 {
            self.known.insert(column.into(), Arc::clone(&targets));
        }
        targets
    }

    fn decide(&mut self, column: &str) -> Vec<Target> {
        let options = &self.options;
        let named = |field: &str| options.columns.iter().any(|(known, _)| known == field);
        let kind =
            |field: &str| if field == "id" && options.takes_ids { Some(ColumnKind::One(CellKind::Text)) } else { (options.kinds)(field) };
        let mut targets: Vec<Target> = Vec::new();
        let mut read_into = |field: &str, asked: bool| targets.push(Target { field: field.to_owned(), kind: kind(field), asked });
        options.columns.iter().filter(|(_, from)| from == column).for_each(|(field, _)| read_into(field, true));
        for (field, from) in [("id", &options.id), ("vector", &options.vector)] {
            if from.as_deref() == Some(column) && !named(field) {
                read_into(field, true);
            }
        }
        let replaced = match column {
            "id" => options.id.is_some() || named("id"),
            "vector" => options.vector.is_some() || named("vector"),
            _ => false,
        };
        let chosen = options.columns.is_empty() || column == "id" || (column == "vector" && options.takes_vectors);
        let (renamed, declared) = (!targets.is_empty(), kind(column).is_some());
        if replaced && !renamed {
            self.taken.ignore(column, Why::Replaced);
        } else if !replaced && chosen && declared {
            targets.push(Target { field: column.to_owned(), kind: kind(column), asked: true });
        } else if chosen && !renamed && is_index(column) {
            self.taken.ignore(column, Why::Index);
        } else if chosen && !renamed && options.ignore_unknown {
            self.taken.ignore(column, Why::Unknown);
        } else if chosen && !renamed {
            targets.push(Target { field: column.to_owned(), kind: None, asked: false });
        }
        targets
    }

    /// The id of a row; where none is taken, the number of its place.
    pub(super) fn id(&mut self, row: &mut Row, place: Place) -> Result<ItemId, Problem> {
        if self.options.takes_ids {
            return id_of(row, &mut self.taken);
        }
        Ok(match place {
            Place::Line(number) | Place::Row(number) => ItemId::from(number),
            Place::File => ItemId::from(0_u64),
        })
    }

    /// How a cell's bytes become text.
    pub(super) fn encoding(&self) -> Encoding {
        self.options.encoding
    }

    /// Whether the first record names the columns.
    pub(super) fn has_header(&self) -> bool {
        self.options.header
    }

    /// The row of an object: its keys are the columns.
    pub(super) fn row(&mut self, object: Row) -> Result<Row, Problem> {
        let mut row = Row::new();
        let mut names = Vec::new();
        for (column, value) in object.into_fields() {
            let targets = self.targets(&column);
            if let Some((last, others)) = targets.split_last() {
                for target in others {
                    row.insert(target.field.as_str(), self.taken.fit(target.kind, value.clone()));
                }
                row.insert(last.field.as_str(), self.taken.fit(last.kind, value));
            }
            names.push(column);
        }
        let names = || names.iter().map(AsRef::as_ref);
        if self.options.takes_ids && row.get("id").is_none_or(Value::is_null) {
            let near = if row.contains("id") { Vec::new() } else { like_ids(names()) };
            return Err(Problem::NoId { near });
        }
        if self.options.takes_vectors && !row.contains("vector") {
            let near = like_vectors(names());
            if !near.is_empty() {
                return Err(Problem::NoVector { near });
            }
        }
        Ok(row)
    }
}

/// Whether this is how pandas calls the index of a frame that it writes beside the columns.
fn is_index(column: &str) -> bool {
    column.is_empty() || column.starts_with("Unnamed: ") || (column.starts_with("__index_level_") && column.ends_with("__"))
}

/// A name without its case, dashes and spaces.
fn simple(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// Columns that may well hold the ids, the likeliest only.
fn like_ids<'a>(names: impl Iterator<Item = &'a str> + Clone) -> Vec<String> {
    const KNOWN: [&str; 14] = [
        "itemid",
        "productid",
        "articleid",
        "documentid",
        "docid",
        "movieid",
        "bookid",
        "objectid",
        "sku",
        "asin",
        "uuid",
        "guid",
        "key",
        "pk",
    ];
    let ends = |name: &str| name.to_lowercase().ends_with("_id") || name.ends_with("Id") || name.ends_with("ID");
    let pick = |fits: &dyn Fn(&str) -> bool| names.clone().filter(|name| fits(name)).map(str::to_owned).collect::<Vec<_>>();
    let levels: [&dyn Fn(&str) -> bool; 3] = [&|name| simple(name) == "id", &|name| KNOWN.contains(&simple(name).as_str()), &ends];
    levels.iter().map(|level| pick(level)).find(|found| !found.is_empty()).unwrap_or_default()
}

/// Columns that may well hold the vectors, the likeliest only.
fn like_vectors<'a>(names: impl Iterator<Item = &'a str> + Clone) -> Vec<String> {
    const KNOWN: [&str; 7] = ["vector", "vectors", "embedding", "embeddings", "emb", "vec", "values"];
    let pick = |fits: &dyn Fn(&str) -> bool| names.clone().filter(|name| fits(name)).map(str::to_owned).collect::<Vec<_>>();
    let near = |name: &str| {
        let name = name.to_lowercase();
        name.contains("embed") || name.contains("vector") || name.ends_with("_vec") || name.ends_with("_emb")
    };
    let levels: [&dyn Fn(&str) -> bool; 2] = [&|name| KNOWN.contains(&simple(name).as_str()), &near];
    levels.iter().map(|level| pick(level)).find(|found| !found.is_empty()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn options() -> ReadOptions {
        ReadOptions::default().kinds(|field| match field {
            "n" => Some(ColumnKind::One(CellKind::Int)),
            "vector" => Some(ColumnKind::List(CellKind::Number)),
            _ => None,
        })
    }

    /// `column>field,...` for each column of a header, and what was left out.
    fn read(options: &ReadOptions, names: &[&str]) -> Result<(String, Vec<Why>), String> {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let mut columns = Columns::new(options);
        let targets = columns.header(&names).map_err(|problem| problem.to_string())?;
        let fields = targets.iter().map(|targets| targets.iter().map(|t| t.field.as_str()).collect::<Vec<_>>().join("+"));
        Ok((fields.collect::<Vec<_>>().join(","), columns.taken.ignored.into_iter().map(|i| i.why).collect()))
    }

    #[test]
    fn index_columns_are_left_out_unless_somebody_wants_them() {
        let names = ["", "Unnamed: 0", "__index_level_0__", "id", "n"];
        assert_eq!(read(&options(), &names).unwrap(), (",,,id,n".to_owned(), vec![Why::Index; 3]));
        let wanted = options().column("place", "Unnamed: 0");
        assert_eq!(read(&wanted, &names).unwrap(), (",place,,id,".to_owned(), vec![]));
        let declared = ReadOptions::default().kinds(|_| Some(ColumnKind::One(CellKind::Int)));
        assert_eq!(read(&declared, &["id", "Unnamed: 0"]).unwrap().0, "id,Unnamed: 0");
    }

    #[test]
    fn columns_are_chosen_and_renamed() {
        let chosen = options().column("n", "count").column("title", "title").takes_vectors(true);
        assert_eq!(read(&chosen, &["id", "count", "title", "brand", "vector"]).unwrap().0, "id,n,title,,vector");
        assert!(read(&chosen, &["id", "title", "vector"]).unwrap_err().contains("no column \"count\"; the columns are id, title, vector"));
        let renamed = options().id(Some("sku")).vector(Some("emb")).takes_vectors(true);
        assert_eq!(read(&renamed, &["id", "sku", "emb", "n"]).unwrap(), (",id,vector,n".to_owned(), vec![Why::Replaced]));
        assert_eq!(read(&options().id(Some("n")), &["n"]).unwrap().0, "id+n", "a declared column stays beside the id made of it");
        assert_eq!(read(&options().ignore_unknown(true), &["id", "brand", "n"]).unwrap(), ("id,,n".to_owned(), vec![Why::Unknown]));
        assert_eq!(read(&options(), &["id", "brand"]).unwrap().0, "id,brand", "the collection says what it thinks of it");
        assert!(read(&options(), &["id", "n", "n"]).unwrap_err().contains("twice"));
        assert!(read(&options().ignore_unknown(true), &["id", "x", "x", "", ""]).is_ok(), "twice, and nobody reads it");
    }

    #[test]
    fn likely_columns_are_named() {
        let near = |names: &[&str]| read(&options(), names).unwrap_err();
        assert!(near(&["ID", "n"]).contains("\"ID\" may be it"));
        assert!(near(&["brand_id", "product_id"]).contains("\"product_id\" may be it"));
        assert!(near(&["brand_id", "shopId"]).contains("\"brand_id\" or \"shopId\" may be it"));
        assert_eq!(near(&["a", "b"]), "there is no column \"id\"; the columns are a, b");
        let vectors = options().takes_vectors(true);
        assert!(read(&vectors, &["id", "embedding"]).unwrap_err().contains("no column \"vector\", but \"embedding\" may be it"));
        let mut columns = Columns::new(&vectors);
        assert!(matches!(columns.row(torre::row! { "_id" => 1 }), Err(Problem::NoId { near }) if near == ["_id"]));
        assert!(matches!(columns.row(torre::row! { "id" => 1, "text_emb" => 1 }), Err(Problem::NoVector { near }) if near == ["text_emb"]));
    }
}
