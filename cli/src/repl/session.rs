//! A session of the shell: lines in, text out. It never touches a terminal, so tests and fuzzing can hold one too.

use std::time::Instant;

use serde_json::Value as Json;

use super::command::Command;
use super::complete::Completer;
use super::context::Context;
use super::dot::Dot;
use super::failure::Failure;
use super::output::{Output, count};
use super::parse::{self, Line, Request};
use super::render::{Mode, render};
use super::run::run;
use super::{help, words};
use torre::Database;
use torre::{NoProgress, Progress};

/// Collection of a session that was not told another.
pub(crate) const DEFAULT_COLLECTION: &str = "items";
/// Ids that `.ids` shows at most.
const SOME_IDS: usize = 100;
/// Files that `.read` each other at most.
const READ_DEPTH: usize = 8;

/// A session of the shell over a database.
///
/// ```
/// use torre::Database;
/// use torre_cli::{Fed, Session};
/// # fn main() -> torre::Result<()> {
/// let mut session = Session::new(Database::in_memory()?);
/// session.feed("create items --dim 2");
/// assert!(matches!(session.feed(r#"put {"id": "a","#), Fed::NeedMore));
/// let Fed::Done(reply) = session.feed(r#"  "vector": [1, 0]}"#) else { unreachable!() };
/// assert_eq!(reply.text, "1 inserted, 0 updated\n");
/// # Ok(())
/// # }
/// ```
pub struct Session {
    database: Database,
    collection: String,
    mode: Mode,
    timer: bool,
    width: Option<u16>,
    pending: String,
}

/// What came of a line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Fed {
    /// A bracket or a quote is open: the command goes on in the next line.
    NeedMore,
    /// The command ran.
    Done(Reply),
}

/// What a command says.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
#[must_use]
pub struct Reply {
    /// Its result: whole lines, or nothing.
    pub text: String,
    /// Why it failed, in one line.
    pub error: Option<String>,
    /// The session is over.
    pub quit: bool,
}

impl Session {
    /// A session in the collection `items`.
    #[must_use]
    pub fn new(database: Database) -> Self {
        Self { database, collection: DEFAULT_COLLECTION.to_owned(), mode: Mode::Table, timer: false, width: None, pending: String::new() }
    }

    /// The session in another collection, which need not exist yet.
    #[must_use]
    pub fn collection(mut self, name: impl Into<String>) -> Self {
        self.collection = name.into();
        self
    }

    /// The session showing every result as JSON, one line each.
    #[must_use]
    pub fn json(mut self) -> Self {
        self.mode = Mode::Json;
        self
    }

    /// Cuts tables to this many columns; `None` shows everything.
    pub fn set_width(&mut self, columns: Option<u16>) {
        self.width = columns;
    }

    /// Takes a line.
    pub fn feed(&mut self, line: &str) -> Fed {
        self.feed_with(line, &NoProgress)
    }

    /// Takes a line; a long command reports its progress and asks whether to stop.
    pub fn feed_with(&mut self, line: &str, progress: &dyn Progress) -> Fed {
        // Editors on Windows put a byte order mark before the first line, and `cat` of two files one before a later line.
        let line = if self.pending.is_empty() { line.trim_start_matches('\u{feff}') } else { line };
        self.pending.push_str(line);
        if words::still_open(&self.pending).is_some() {
            self.pending.push('\n');
            return Fed::NeedMore;
        }
        let command = std::mem::take(&mut self.pending);
        Fed::Done(self.answer(&command, progress, 0))
    }

    /// Gives up the command that still needs more. The reply says so, where there was one.
    pub fn abandon(&mut self) -> Option<Reply> {
        let pending = std::mem::take(&mut self.pending);
        let open = words::still_open(&pending)?;
        Some(Reply { error: Some(Failure::usage(open.describe()).to_string()), ..Reply::default() })
    }

    /// What may follow in place of the part of `line` from the returned byte to `cursor`.
    #[must_use]
    pub fn complete(&self, line: &str, cursor: usize) -> (usize, Vec<String>) {
        Completer { database: &self.database, collection: &self.collection }.complete(line, cursor)
    }

    /// What a terminal shows before a line.
    #[must_use]
    pub fn prompt(&self) -> String {
        if self.collection == DEFAULT_COLLECTION { "torre> ".to_owned() } else { format!("torre:{}> ", self.collection) }
    }

    /// Whether a bracket or a quote is open at the end of `text`, so that the command goes on in the next line.
    #[must_use]
    pub fn needs_more(text: &str) -> bool {
        words::still_open(text).is_some()
    }

    fn answer(&mut self, command: &str, progress: &dyn Progress, depth: usize) -> Reply {
        let start = Instant::now();
        let mut reply = match parse::parse(command) {
            Ok(Line::Nothing) => return Reply::default(),
            Ok(Line::Help(text)) => return Reply { text, ..Reply::default() },
            Ok(Line::Dot(dot)) => self.dot(dot, progress, depth),
            Ok(Line::Command(request)) => self.run(&request, progress).into(),
            Err(failure) => Err(failure).into(),
        };
        if self.timer && !reply.quit {
            reply.text.push_str(&format!("time: {:.3} ms\n", start.elapsed().as_secs_f64() * 1e3));
        }
        reply
    }

    fn run(&mut self, request: &Request, progress: &dyn Progress) -> Result<String, Failure> {
        let Request { command, collection, json } = request;
        if let Command::Import(import) = command
            && import.files.iter().any(|file| file.as_os_str() == "-")
        {
            // They may come from there, and whoever reads them holds it.
            return Err(Failure::usage("standard input is where a shell has its commands from; `torre import DB -` reads rows from it"));
        }
        let collection = collection.as_ref().unwrap_or(&self.collection);
        let output = run(command, &Context { database: &self.database, collection, progress })?;
        if let Command::Create(created) = command
            && let Some(name) = &created.name
        {
            self.collection.clone_from(name);
        }
        Ok(render(&output, if *json { Mode::Json } else { self.mode }, self.width))
    }

    fn run_here(&self, command: &Command, progress: &dyn Progress) -> Result<String, Failure> {
        let output = run(command, &Context { database: &self.database, collection: &self.collection, progress })?;
        Ok(render(&output, self.mode, self.width))
    }

    fn dot(&mut self, dot: Dot, progress: &dyn Progress, depth: usize) -> Reply {
        match dot {
            Dot::Help { command, json } if json || matches!(self.mode, Mode::Json | Mode::Jsonl) => {
                help::as_json(command.as_deref()).map(|text| format!("{text}\n")).into()
            }
            Dot::Help { command: None, .. } => Ok(help::overview(self.width)).into(),
            Dot::Help { command: Some(name), .. } => help::about(&name, self.width).into(),
            Dot::Collections => self.collections().map(|output| render(&output, self.mode, self.width)).into(),
            Dot::Drop(name) => self.drop_collection(&name).map(|output| render(&output, self.mode, self.width)).into(),
            Dot::Use(name) => self.go_to(name).into(),
            Dot::Schema => self.run_here(&Command::Schema, progress).into(),
            Dot::Stats => self.run_here(&Command::Stats, progress).into(),
            Dot::Ids(prefix) => self.ids(&prefix).map(|output| render(&output, self.mode, self.width)).into(),
            Dot::Mode(None) => Ok(format!("mode: {}\n", self.mode.name())).into(),
            Dot::Mode(Some(mode)) => {
                self.mode = mode;
                Reply::default()
            }
            Dot::Timer(None) => Ok(format!("timer: {}\n", if self.timer { "on" } else { "off" })).into(),
            Dot::Timer(Some(on)) => {
                self.timer = on;
                Reply::default()
            }
            Dot::Read(path) => self.read(&path, progress, depth),
            Dot::Quit => Reply { quit: true, ..Reply::default() },
        }
    }

    fn go_to(&mut self, name: String) -> Result<String, Failure> {
        self.database.collection(&name)?;
        self.collection = name;
        Ok(String::new())
    }

    fn drop_collection(&self, name: &str) -> Result<Output, Failure> {
        let rows = self.database.collection(name)?.len();
        self.database.drop_collection(name)?;
        let note = format!("collection {name} dropped, with {}", count(rows, "row"));
        Ok(Output::note(&serde_json::json!({"dropped": name, "rows": rows}), note))
    }

    fn collections(&self) -> Result<Output, Failure> {
        let mut rows = Vec::new();
        for name in self.database.collections() {
            let collection = self.database.collection(&name)?;
            rows.push(vec![
                ("collection".to_owned(), Json::from(name)),
                ("rows".to_owned(), Json::from(collection.len())),
                ("dim".to_owned(), Json::from(collection.dim())),
                ("metric".to_owned(), Json::from(collection.metric().name())),
                ("model".to_owned(), Json::from(collection.specs().map(|(item, _)| item.model().to_owned()))),
            ]);
        }
        let objects: Vec<Json> = rows.iter().map(|row| Json::Object(row.iter().cloned().collect())).collect();
        let mut output = Output::list(&objects, |_| vec![]);
        if rows.is_empty() {
            output.notes.push("no collections yet; `create` makes one".to_owned());
        }
        output.records = rows;
        Ok(output)
    }

    fn ids(&self, prefix: &str) -> Result<Output, Failure> {
        let collection = self.database.collection(&self.collection)?;
        let ids = collection.ids(prefix, SOME_IDS);
        let mut output = Output::list(&ids, |id| vec![("id".to_owned(), Json::from(id.as_str()))]);
        if ids.len() == SOME_IDS {
            output.notes.push(format!("the first {SOME_IDS} of {}", count(collection.len(), "item")));
        }
        Ok(output)
    }

    /// Runs the commands of a file, up to the first that fails.
    fn read(&mut self, path: &str, progress: &dyn Progress, depth: usize) -> Reply {
        if depth == READ_DEPTH {
            return Err(Failure::new(format!("{path}: more than {READ_DEPTH} files read each other"))).into();
        }
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) => return Err(Failure::new(format!("{path}: {error}"))).into(),
        };
        let (mut all, mut command) = (Reply::default(), String::new());
        for (number, line) in (1..).zip(text.trim_start_matches('\u{feff}').lines()) {
            command.push_str(line);
            if words::still_open(&command).is_some() {
                command.push('\n');
                continue;
            }
            let reply = self.answer(&std::mem::take(&mut command), progress, depth + 1);
            all.text.push_str(&reply.text);
            all.quit = reply.quit;
            all.error = reply.error.map(|error| format!("{path}, line {number}: {error}"));
            if all.quit || all.error.is_some() {
                return all;
            }
        }
        if let Some(open) = words::still_open(&command) {
            all.error = Some(format!("{path}: {}", open.describe()));
        }
        all
    }
}

impl From<Result<String, Failure>> for Reply {
    fn from(result: Result<String, Failure>) -> Self {
        match result {
            Ok(text) => Self { text, ..Self::default() },
            Err(failure) => Self { error: Some(failure.to_string()), ..Self::default() },
        }
    }
}
