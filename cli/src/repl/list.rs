//! `list`: stored lists of ids.

use std::time::Duration;

use clap::{Args, Subcommand};
use serde_json::{Value as Json, json};

use super::failure::Failure;
use super::output::{Layout, Output, Record, count, grouped, to_json};
use torre::Collection;

/// What to do about stored lists.
#[derive(Subcommand, Clone, Debug)]
pub(crate) enum List {
    /// Put ids on a list, which need not be there yet
    Add(ListIds),
    /// Take ids off a list
    Remove(OffList),
    /// Show the ids on a list, or all lists
    Show(ShowList),
    /// Remove a list
    Drop(DropList),
}

/// Which list, and which ids.
#[derive(Args, Clone, Debug)]
pub(crate) struct ListIds {
    /// The list's name
    #[arg(value_name = "LIST")]
    pub(crate) list: String,
    /// The ids
    #[arg(required = true, value_name = "ID", allow_negative_numbers = true)]
    pub(crate) ids: Vec<String>,
    /// Let the list keep so many ids, the newest [default: as it was, first 100000]
    #[arg(long, value_name = "IDS")]
    pub(crate) keep: Option<u32>,
    /// Let the list go after so many days [default: as it was, first never]
    #[arg(long, value_name = "DAYS")]
    pub(crate) days: Option<f64>,
}

/// Which list, and which ids.
#[derive(Args, Clone, Debug)]
pub(crate) struct OffList {
    /// The list's name
    #[arg(value_name = "LIST")]
    pub(crate) list: String,
    /// The ids
    #[arg(required = true, value_name = "ID", allow_negative_numbers = true)]
    pub(crate) ids: Vec<String>,
}

/// Which list, or all.
#[derive(Args, Clone, Debug)]
pub(crate) struct ShowList {
    /// The list's name
    #[arg(value_name = "LIST")]
    pub(crate) list: Option<String>,
}

/// Which list.
#[derive(Args, Clone, Debug)]
pub(crate) struct DropList {
    /// The list's name
    #[arg(value_name = "LIST")]
    pub(crate) list: String,
}

/// Seconds of a day.
const DAY: f64 = 86_400.0;

pub(super) fn run(collection: &Collection, action: &List) -> Result<Output, Failure> {
    match action {
        List::Add(ListIds { list, ids, keep, days }) => {
            let (name, list) = (list, collection.list(list.as_str()));
            if let Some(most) = keep {
                list.keep(*most)?;
            }
            let added = list.add(ids.iter().map(String::as_str))?;
            if let Some(days) = days {
                list.expire_in(Duration::try_from_secs_f64(days * DAY).map_err(|error| Failure::new(error.to_string()))?)?;
            }
            let result = json!({"list": name, "added": added, "ids": list.len()});
            Ok(Output::note(&result, format!("{} added, {} on {name}", grouped(added), count(list.len() as u64, "id"))))
        }
        List::Remove(OffList { list, ids }) => {
            let (name, list) = (list, collection.list(list.as_str()));
            let removed = list.remove(ids)?;
            let result = json!({"list": name, "removed": removed, "ids": list.len()});
            Ok(Output::note(&result, format!("{} removed, {} on {name}", grouped(removed), count(list.len() as u64, "id"))))
        }
        List::Show(ShowList { list: Some(name) }) => Ok(show(collection, name)),
        List::Show(ShowList { list: None }) => Ok(all(collection)),
        List::Drop(DropList { list: name }) => {
            let ids = collection.list(name.as_str()).drop()?;
            Ok(Output::note(&json!({"dropped": name, "ids": ids}), format!("{name} dropped, {} on it", count(ids, "id"))))
        }
    }
}

/// The ids of one list, oldest first.
fn show(collection: &Collection, name: &str) -> Output {
    let ids = collection.list(name).ids();
    let records: Vec<Record> = ids.iter().map(|id| vec![("id".to_owned(), Json::from(id.as_str()))]).collect();
    let parts = ids.iter().map(|id| to_json(&json!({"id": id}))).collect();
    let notes = if ids.is_empty() { vec![format!("nothing is on {name}")] } else { Vec::new() };
    Output { json: to_json(&json!({"list": name, "ids": ids})), parts, records, layout: Layout::Table, notes }
}

/// All lists.
fn all(collection: &Collection) -> Output {
    let lists = collection.lists("", usize::MAX);
    let mut output = Output::list(&lists, |list| {
        let expires = list.expires.map(|at| ("expires".to_owned(), Json::from(at)));
        let fixed = [
            ("list".to_owned(), Json::from(list.name.as_str())),
            ("ids".to_owned(), Json::from(list.ids)),
            ("keeps".to_owned(), Json::from(list.keep)),
        ];
        fixed.into_iter().chain(expires).collect()
    });
    if lists.is_empty() {
        output.notes.push("no stored lists; `list add` makes one".to_owned());
    }
    output
}
