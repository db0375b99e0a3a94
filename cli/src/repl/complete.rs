//! Completion: commands, options, ids and fields, as the place in the line calls for.

use super::dot::DOTS;
use super::parse::grammar;
use super::render::Mode;
use super::words;
use torre::{Collection, Database};

/// Candidates shown at most.
const MOST: usize = 60;

/// Words of the language of filters.
const KEYWORDS: [&str; 16] = [
    "AND",
    "OR",
    "NOT",
    "IN",
    "IN LIST",
    "BETWEEN",
    "IS NULL",
    "IS NOT NULL",
    "HAS",
    "HAS ANY",
    "HAS ALL",
    "HAS NONE",
    "STARTS WITH",
    "MATCH",
    "WITHIN",
    "now()",
];

/// Completes what is written in a session of this database, in the collection of this name, which need not exist.
#[derive(Clone, Copy)]
pub(super) struct Completer<'a> {
    pub(super) database: &'a Database,
    pub(super) collection: &'a str,
}

impl Completer<'_> {
    /// The byte at which the completed part begins, and what may stand there. No candidates: the terminal may complete a file name.
    pub(super) fn complete(self, line: &str, cursor: usize) -> (usize, Vec<String>) {
        let Some(before) = line.get(..cursor) else { return (cursor, vec![]) };
        match words::split(before) {
            Err((words::Open::Json, start)) => self.json_key(before, start),
            Err((words::Open::Quote(quote), start)) => {
                let partial = before[start + 1..].to_owned();
                if before[..start].split_whitespace().next_back() == Some("--where") {
                    let (at, candidates) = self.filter_word(&partial, quote);
                    return (start + 1 + at, candidates);
                }
                let command = first_word(before);
                (start, self.ids(&command, &partial))
            }
            Ok(words) => {
                // A space after the last word begins a new one.
                let open = words.last().filter(|word| word.at.end == before.len());
                let (start, partial) = open.map_or((before.len(), ""), |word| (word.at.start, word.text.as_str()));
                let done: Vec<&str> =
                    words.iter().filter(|word| word.at.end < before.len() || open.is_none()).map(|word| word.text.as_str()).collect();
                self.word(&done, partial, start)
            }
        }
    }

    /// A word after those that are `done`.
    fn word(self, done: &[&str], partial: &str, start: usize) -> (usize, Vec<String>) {
        let done = if done.first() == Some(&"explain") { &done[1..] } else { done };
        let Some((&command, rest)) = done.split_first() else { return (start, starting(partial, first_words())) };
        let previous = rest.last().copied().unwrap_or_default();
        match (command, previous) {
            (".help" | "help", _) => (start, starting(partial, first_words())),
            (".use" | ".drop", _) | (_, "--collection") => (start, starting(partial, self.database.collections())),
            (".mode", _) => (start, starting(partial, Mode::ALL.iter().map(|(_, name)| (*name).to_owned()))),
            (".timer", _) => (start, starting(partial, ["on".to_owned(), "off".to_owned()])),
            (".ids", _) => (start, self.all_ids(partial)),
            ("ranker", "") => (start, starting(partial, ["attach", "list", "detach"].map(str::to_owned))),
            ("ranker", "detach" | "--name") | (_, "--ranker") => (start, starting(partial, self.rankers())),
            ("index", "") | ("facets", _) if !partial.starts_with('-') => (start, starting(partial, self.indexable(command))),
            ("list", "") => (start, starting(partial, ["add", "remove", "show", "drop"].map(str::to_owned))),
            ("list", "add" | "remove" | "show" | "drop") => (start, starting(partial, self.lists(partial))),
            ("list", _) if !partial.starts_with('-') => (start, self.all_ids(partial)),
            (_, "--exclude-list") => list(partial, start, |part| starting(part, self.lists(part))),
            ("policy", "") => (start, starting(partial, ["set", "show", "list", "drop"].map(str::to_owned))),
            ("policy", "set" | "show" | "drop") | (_, "--policy") => (start, starting(partial, self.policies())),
            (_, "--max-per") => (start, starting(partial, self.indexed_fields())),
            (_, "--fields") => list(partial, start, |part| starting(part, self.item_fields())),
            (_, "--exclude") => list(partial, start, |part| self.all_ids(part)),
            (_, "--where") => (start, self.filter_word(partial, ' ').1),
            (_, "--refine") => (start, starting(partial, ["auto", "int8", "f16", "f32", "none"].map(str::to_owned))),
            (_, "--metric") => (start, starting(partial, ["ip", "cosine", "l2"].map(str::to_owned))),
            _ if partial.starts_with('-') => (start, starting(partial, options(command))),
            _ => (start, self.ids(command, partial)),
        }
    }

    /// The last word of a filter that stands in this kind of quotes: a field, a keyword, or a value of the field that it is compared with. Where it begins.
    fn filter_word(self, filter: &str, quote: char) -> (usize, Vec<String>) {
        let at = filter.rfind(|c: char| c.is_whitespace() || matches!(c, '(' | ',')).map_or(0, |at| at + 1);
        let (before, word) = filter.split_at(at);
        let done: Vec<&str> = before.split(|c: char| c.is_whitespace() || c == '(').filter(|word| !word.is_empty()).collect();
        let compared = |word: &str| ["=", "!=", "<>", "HAS", "ANY", "ALL", "NONE", "IN"].contains(&&*word.to_uppercase());
        let field = done.iter().rposition(|word| !compared(word) && !word.starts_with('\'') && !word.ends_with(','));
        match field.and_then(|at| Some((done[at], done.get(at + 1)?))) {
            // A text in single quotes can only stand in other ones.
            Some((field, _)) if quote != '\'' => (at, starting(word, self.values(field))),
            Some(_) => (at, vec![]),
            None => {
                let mut names = self.indexable("facets");
                names.push("id".to_owned());
                names.extend(KEYWORDS.iter().map(|word| (*word).to_owned()));
                let upper = word.to_uppercase();
                let fits = |name: &String| name.starts_with(word) || (!word.is_empty() && name.starts_with(&upper));
                (at, names.into_iter().filter(fits).take(MOST).collect())
            }
        }
    }

    /// The values that items have in a field, as a filter has them.
    fn values(self, field: &str) -> Vec<String> {
        let counted = self.open().and_then(|collection| collection.facets([field]).most(MOST).run().ok());
        let value = |value: &torre::FacetValue| match value.value.as_str() {
            Some(text) => format!("'{}'", text.replace('\'', "''")),
            None => value.value.to_json().to_string(),
        };
        counted.iter().flatten().flat_map(|facet| &facet.values).map(value).collect()
    }

    fn open(self) -> Option<Collection> {
        self.database.collection(self.collection).ok()
    }

    /// Ids, where the command takes them.
    fn ids(self, command: &str, partial: &str) -> Vec<String> {
        match command {
            "similar" | "get" | "delete" | "patch" => self.all_ids(partial),
            _ => vec![],
        }
    }

    fn all_ids(self, partial: &str) -> Vec<String> {
        self.raw_ids(partial).iter().map(|id| words::write(id)).collect()
    }

    fn raw_ids(self, partial: &str) -> Vec<String> {
        self.open().map(|collection| collection.ids(partial, MOST)).unwrap_or_default()
    }

    fn lists(self, partial: &str) -> Vec<String> {
        self.open().map(|collection| collection.lists(partial, MOST)).unwrap_or_default().into_iter().map(|list| list.name).collect()
    }

    /// The fields that may be indexed, or those that are.
    fn indexable(self, command: &str) -> Vec<String> {
        if command == "index" {
            return self.item_fields();
        }
        let schema = self.open().map(|collection| collection.schema());
        schema.iter().flat_map(|schema| schema.indexed()).map(|field| field.name.clone()).collect()
    }

    fn rankers(self) -> Vec<String> {
        self.open().map(|collection| collection.rankers()).unwrap_or_default()
    }

    fn policies(self) -> Vec<String> {
        self.open().map(|collection| collection.policies().into_iter().map(|(name, _)| name).collect()).unwrap_or_default()
    }

    /// As `--max-per` takes them.
    fn indexed_fields(self) -> Vec<String> {
        self.open().map(|collection| collection.schema().indexed().map(|field| format!("{}=", field.name)).collect()).unwrap_or_default()
    }

    fn item_fields(self) -> Vec<String> {
        let Some(collection) = self.open() else { return vec![] };
        let mut names = vec!["id".to_owned()];
        match collection.specs() {
            Some((item, _)) => names.extend(item.fields().map(str::to_owned)),
            None => names.push("vector".to_owned()),
        }
        names.extend(collection.schema().fields.iter().map(|field| field.name.clone()));
        names.dedup();
        names
    }

    fn user_fields(self) -> Vec<String> {
        let specs = self.open().and_then(|collection| collection.specs());
        specs.map(|(_, user)| user.fields().map(str::to_owned).collect()).unwrap_or_default()
    }

    /// The name of a field in an open JSON object: after `{` or `,`, with or without its quote.
    fn json_key(self, before: &str, start: usize) -> (usize, Vec<String>) {
        let json = &before[start..];
        let none = (before.len(), vec![]);
        let (at, partial) = match json.rfind('"') {
            Some(quote) if opens_string(json, quote) => (quote, &json[quote + 1..]),
            _ if json.trim_end().ends_with(['{', ',', '[']) => (json.len(), ""),
            _ => return none,
        };
        if !json[..at].trim_end().ends_with(['{', ',', '[']) {
            return none;
        }
        if innermost(&json[..at]) == Some('[') {
            // A list of a user is most often a history.
            let ids = if first_word(before) == "recommend" { self.raw_ids(partial) } else { vec![] };
            return (start + at, ids.into_iter().map(|id| serde_json::Value::from(id).to_string()).collect());
        }
        let names = if first_word(before) == "recommend" { self.user_fields() } else { self.item_fields() };
        let names = names.into_iter().filter(|name| name.starts_with(partial)).take(MOST);
        (start + at, names.map(|name| format!("{}: ", serde_json::Value::from(name))).collect())
    }
}

fn first_word(text: &str) -> String {
    text.split_whitespace().find(|word| *word != "explain").unwrap_or_default().to_owned()
}

fn first_words() -> Vec<String> {
    let mut names: Vec<String> = grammar().get_subcommands().map(|command| command.get_name().to_owned()).collect();
    names.push("explain".to_owned());
    names.extend(DOTS.iter().map(|(name, ..)| (*name).to_owned()));
    names
}

fn options(command: &str) -> Vec<String> {
    let grammar = grammar();
    grammar
        .find_subcommand(command)
        .into_iter()
        .flat_map(clap::Command::get_arguments)
        .filter_map(|option| option.get_long())
        .map(|name| format!("--{name}"))
        .collect()
}

fn starting(partial: &str, names: impl IntoIterator<Item = String>) -> Vec<String> {
    names.into_iter().filter(|name| name.starts_with(partial)).take(MOST).collect()
}

/// The last of several names between commas.
fn list(partial: &str, start: usize, candidates: impl Fn(&str) -> Vec<String>) -> (usize, Vec<String>) {
    let at = partial.rfind(',').map_or(0, |comma| comma + 1);
    (start + at, candidates(&partial[at..]))
}

/// The bracket that is open at the end of a piece of JSON.
fn innermost(json: &str) -> Option<char> {
    let (mut open, mut inside, mut escaped) = (Vec::new(), false, false);
    for character in json.chars() {
        match character {
            _ if escaped => escaped = false,
            '\\' if inside => escaped = true,
            '"' => inside = !inside,
            '{' | '[' if !inside => open.push(character),
            '}' | ']' if !inside => drop(open.pop()),
            _ => {}
        }
    }
    open.pop()
}

/// Whether the quote at `at`, the last one, begins a string: the quotes before it are in pairs.
fn opens_string(json: &str, at: usize) -> bool {
    let (mut inside, mut escaped) = (false, false);
    for byte in json.as_bytes()[..at].iter() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if inside => escaped = true,
            b'"' => inside = !inside,
            _ => {}
        }
    }
    !inside
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use crate::repl::{Fed, Session};
    use torre::Database;

    fn session() -> Session {
        let mut session = Session::new(Database::in_memory().unwrap());
        for line in [
            "create items --dim 2 --field 'title:text index' --field 'price:float index'",
            "policy set homepage --boost price",
            r#"put {"id": "apple", "title": "Red apple", "vector": [1, 0]} {"id": "a pear", "vector": [0, 1]}"#,
        ] {
            assert!(matches!(session.feed(line), Fed::Done(reply) if reply.error.is_none()), "{line}");
        }
        session
    }

    #[test]
    fn each_place_has_its_candidates() {
        let session = session();
        for (line, start, candidates) in [
            ("sim", 0, vec!["similar"]),
            (".mo", 0, vec![".mode"]),
            (".mode j", 6, vec!["json", "jsonl"]),
            (".use ", 5, vec!["items"]),
            ("get ap", 4, vec!["apple"]),
            ("explain similar ap", 16, vec!["apple"]),
            ("get 'a p", 4, vec!["\"a pear\""]),
            ("similar apple --off", 14, vec!["--offset"]),
            ("similar apple --fields title,pr", 29, vec!["price"]),
            ("similar apple --exclude x,ap", 26, vec!["apple"]),
            ("build --refine f", 15, vec!["f16", "f32"]),
            (r#"put {"ti"#, 5, vec!["\"title\": "]),
            (r#"put {"title": "x", "p"#, 19, vec!["\"price\": "]),
            (r#"put {"title": "ti"#, 17, vec![]),
            (r#"put {"tags": ["a", "ti"#, 19, vec![]),
            (r#"recommend {"history": ["a", "ap"#, 28, vec!["\"apple\""]),
            (r#"recommend {"history": ["#, 23, vec!["\"apple\"", "\"a pear\""]),
            ("get apple --co", 10, vec!["--collection"]),
            ("get apple --collection it", 23, vec!["items"]),
            (".drop ", 6, vec!["items"]),
            ("import x", 7, vec![]),
            ("search [1,0] --where ti", 21, vec!["title"]),
            (r#"search [1,0] --where "ti"#, 22, vec!["title"]),
            (r#"search [1,0] --where "NOT title s"#, 32, vec!["STARTS WITH"]),
            (r#"search [1,0] --where "title = 'Re"#, 30, vec!["'Red apple'"]),
            ("facets ", 7, vec!["title", "price"]),
            ("list a", 5, vec!["add"]),
            ("policy s", 7, vec!["set", "show"]),
            ("policy show h", 12, vec!["homepage"]),
            ("similar apple --policy ", 23, vec!["homepage"]),
            ("similar apple --max-per p", 24, vec!["price="]),
        ] {
            assert_eq!(session.complete(line, line.len()), (start, candidates.into_iter().map(str::to_owned).collect()), "{line}");
        }
    }

    #[test]
    fn a_cursor_anywhere_is_harmless() {
        let session = session();
        let line = r#"recommend {"é": "ü", [ 'x "#;
        for cursor in 0..line.len() + 2 {
            let (start, _) = session.complete(line, cursor);
            assert!(start <= cursor);
        }
    }
}
