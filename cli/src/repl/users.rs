//! The users of a file, one after another: who each is, and what each must not get.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::path::{Path, PathBuf};

use super::audience::Audience;
use super::failure::Failure;
use super::import::column_kind;
use torre::{Collection, ID_FIELD, Recipient, Row, VECTOR_FIELD, Value};
use torre_data::{CellKind, ColumnKind, Meter, Place, ReadOptions, Source};

/// Users read at a time.
const BATCH: usize = 4096;
/// The field of a line of an evaluation file that has the user.
const USER: &str = "user";

/// A reader of users.
pub(super) struct Users<'a> {
    source: Source,
    path: PathBuf,
    options: &'a Audience,
    /// Names of stored lists to leave out, of which some are made of the user's fields.
    lists: &'a [String],
    towers: bool,
    /// Rows read, good and bad.
    rows: u64,
    ready: VecDeque<(Place, Row)>,
    vectors: VecDeque<(Place, Vec<f32>)>,
    /// What becomes of the users that were handed out.
    pub(super) account: &'a Account,
}

/// Where the users stood that are under way, and what is wrong with those that cannot be served.
#[derive(Default)]
pub(super) struct Account(RefCell<Entries>);

#[derive(Default)]
struct Entries {
    under_way: VecDeque<Place>,
    /// Users refused because their rows could not be read.
    unread: u64,
    problems: Vec<String>,
}

/// Problems that are told.
const TOLD: usize = 10;

impl Account {
    /// Where the next user to be answered stood.
    pub(super) fn next(&self) -> Option<Place> {
        self.0.borrow_mut().under_way.pop_front()
    }

    /// Remembers what is wrong with a user, if few are remembered yet.
    pub(super) fn problem(&self, problem: String) {
        let problems = &mut self.0.borrow_mut().problems;
        if problems.len() < TOLD {
            problems.push(problem);
        }
    }

    fn unread(&self, problem: String) {
        self.0.borrow_mut().unread += 1;
        self.problem(problem);
    }

    fn begin(&self, place: Place) {
        self.0.borrow_mut().under_way.push_back(place);
    }

    /// The number of users whose rows could not be read, and the problems told.
    pub(super) fn close(self) -> (u64, Vec<String>) {
        let entries = self.0.into_inner();
        (entries.unread, entries.problems)
    }
}

impl<'a> Users<'a> {
    /// Opens a file of users.
    pub(super) fn open(
        collection: &Collection,
        path: &Path,
        options: &'a Audience,
        lists: &'a [String],
        account: &'a Account,
    ) -> Result<Self, Failure> {
        let (spec, schema) = (collection.specs().map(|(_, user)| user), collection.schema());
        let towers = spec.is_some();
        let exclude = options.exclude_field.clone();
        let kinds = move |field: &str| match field {
            _ if exclude.as_deref() == Some(field) => Some(ColumnKind::List(CellKind::Text)),
            ID_FIELD => Some(ColumnKind::One(CellKind::Text)),
            _ => column_kind(field, spec.as_ref(), &schema),
        };
        let read = ReadOptions::default().kinds(kinds).takes_ids(false).skip_bad(!options.strict);
        let source = Source::open(path, &read.id(options.id.as_deref()))?;
        let path = if path == Path::new("-") { PathBuf::from("standard input") } else { path.to_owned() };
        if let Source::Vectors(reader) = &source
            && ![0, collection.dim()].contains(&reader.dim())
        {
            let (got, expected) = (reader.dim(), collection.dim());
            return Err(Failure::new(format!("{}: expected vectors of length {expected}, got {got}", path.display())));
        }
        let (ready, vectors) = (VecDeque::new(), VecDeque::new());
        Ok(Self { source, path, options, lists, towers, rows: 0, ready, vectors, account })
    }

    /// How far the file has been read.
    pub(super) fn meter(&self) -> &Meter {
        self.source.meter()
    }

    /// The name of the file.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    fn read(&mut self) -> Result<bool, Failure> {
        match &mut self.source {
            Source::Rows(reader) => {
                let Some(batch) = reader.next_batch(BATCH)? else { return Ok(false) };
                batch.bad.into_iter().for_each(|error| self.account.unread(Failure::from(error).to_string()));
                self.ready.extend(batch.rows.into_iter().map(|row| (row.place, row.row)));
            }
            Source::Vectors(reader) => {
                let Some(chunk) = reader.next_chunk(BATCH)? else { return Ok(false) };
                self.vectors.extend((chunk.first_row..).map(Place::Row).zip(chunk.vectors.iter().map(<[f32]>::to_vec)));
            }
        }
        Ok(true)
    }

    fn next_user(&mut self) -> Result<Option<Recipient>, Failure> {
        loop {
            let number = self.rows;
            if let Some((place, vector)) = self.vectors.pop_front() {
                self.rows += 1;
                self.account.begin(place);
                return Ok(Some(Recipient::vector(number.to_string(), vector)));
            }
            if let Some((place, row)) = self.ready.pop_front() {
                self.rows += 1;
                match self.recipient(number, row) {
                    Ok(recipient) => {
                        self.account.begin(place);
                        return Ok(Some(recipient));
                    }
                    Err(problem) => {
                        let problem = format!("{}{place}: {problem}", self.path.display());
                        if self.options.strict {
                            return Err(Failure::new(problem));
                        }
                        self.account.unread(problem);
                    }
                }
            } else if !self.read()? {
                return Ok(None);
            }
        }
    }

    /// Who a row is of. Where nothing names the user, the row's number does.
    fn recipient(&self, number: u64, mut row: Row) -> Result<Recipient, String> {
        let mut excluded = Vec::new();
        if let Some(field) = &self.options.exclude_field {
            excluded = ids(field, row.remove(field))?;
        }
        let name = row.get(ID_FIELD).and_then(text).unwrap_or_else(|| number.to_string());
        if let Some(Value::Object(user)) = row.get(USER) {
            row = user.clone();
        }
        let of = |field: &str| if field == ID_FIELD { Some(name.clone()) } else { row.get(field).and_then(text) };
        let lists: Vec<String> = self.lists.iter().filter_map(|pattern| fill(pattern, of)).collect();
        let recipient = if self.towers {
            Recipient::row(name, row)
        } else {
            let numbers = |list: &[Value]| list.iter().map(|x| x.as_f64().map(|x| x as f32)).collect::<Option<Vec<f32>>>();
            let vector = row.get(VECTOR_FIELD).and_then(Value::as_list).and_then(numbers);
            Recipient::vector(name, vector.ok_or_else(|| format!("its field {VECTOR_FIELD:?} is missing or not a list of numbers"))?)
        };
        Ok(lists.into_iter().fold(recipient.exclude(excluded), Recipient::exclude_list))
    }
}

impl Iterator for Users<'_> {
    type Item = Result<Recipient, Failure>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_user().transpose()
    }
}

/// Whether a list's name is made of each user's fields.
pub(super) fn is_pattern(name: &str) -> bool {
    name.split_once('{').is_some_and(|(_, rest)| rest.contains('}'))
}

/// A name with `{FIELD}` replaced by the field's text; `None` where the user has no such field.
fn fill(pattern: &str, of: impl Fn(&str) -> Option<String>) -> Option<String> {
    let (mut name, mut rest) = (String::new(), pattern);
    while let Some((before, field, after)) =
        rest.split_once('{').and_then(|(before, rest)| rest.split_once('}').map(|(field, after)| (before, field, after)))
    {
        name.push_str(before);
        name.push_str(&of(field)?);
        rest = after;
    }
    name.push_str(rest);
    Some(name)
}

/// A field as text, as ids are; `None` where it is missing or no text and no integer.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::Text(text) => Some(text.to_string()),
        Value::Int(number) => Some(number.to_string()),
        Value::Uint(number) => Some(number.to_string()),
        _ => None,
    }
}

/// The ids in a field.
fn ids(field: &str, value: Option<Value>) -> Result<Vec<String>, String> {
    let wrong = || format!("its field {field:?} is not a list of ids");
    match value {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::List(values)) => values.iter().map(|value| text(value).ok_or_else(wrong)).collect(),
        Some(_) => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_lists_are_made_of_fields() {
        let of = |field: &str| (field == "id").then(|| "u1".to_owned());
        for (pattern, name) in
            [("seen:{id}", Some("seen:u1")), ("{id}{id}", Some("u1u1")), ("plain", Some("plain")), ("a{b", Some("a{b")), ("x:{city}", None)]
        {
            assert_eq!(fill(pattern, of).as_deref(), name, "{pattern}");
        }
        assert!(is_pattern("seen:{id}") && !is_pattern("seen") && !is_pattern("a{b") && !is_pattern("}{"));
    }
}
