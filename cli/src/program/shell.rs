//! The shell at a terminal, or fed from a pipe or from `-c`.

use std::cell::RefCell;
use std::io::{self, BufRead, IsTerminal};
use std::path::PathBuf;
use std::process::ExitCode;
use std::rc::Rc;

use rustyline::completion::{Completer, FilenameCompleter, Pair};
use rustyline::error::ReadlineError;
use rustyline::history::FileHistory;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{CompletionType, Config, Context, Editor, Helper, Highlighter, Hinter};

use super::args::Shell;
use super::open::{Purpose, open};
use super::progress::Bar;
use super::{interrupt, print};
use crate::repl::{Fed, Reply, Session};

/// Commands that the history remembers.
const HISTORY: usize = 2000;

pub(super) fn run(args: &Shell) -> ExitCode {
    let database = match open(&args.target, Purpose::Session) {
        Ok(database) => database,
        Err(failure) => return print::fail(&failure),
    };
    let mut session = Session::new(database).collection(&args.target.collection);
    if args.target.json {
        session = session.json();
    }
    if !args.commands.is_empty() {
        return batch(&mut session, args.commands.iter().map(|command| Ok(command.clone())), true);
    }
    if io::stdin().is_terminal() && io::stdout().is_terminal() {
        print::out(&format!(
            "torre {} on {}; .help lists the commands, .quit leaves\n",
            env!("CARGO_PKG_VERSION"),
            args.target.db.display()
        ));
        return talk(session);
    }
    batch(&mut session, io::stdin().lock().lines(), false)
}

/// Runs commands up to the first that fails. With `whole`, each is complete in itself.
fn batch(session: &mut Session, commands: impl Iterator<Item = io::Result<String>>, whole: bool) -> ExitCode {
    session.set_width(print::width());
    let mut progress = Bar::new();
    for command in commands {
        let command = match command {
            Ok(command) => command,
            Err(error) => {
                print::problem(&format!("standard input: {error}"));
                return ExitCode::FAILURE;
            }
        };
        let fed = session.feed_with(&command, &progress);
        progress = Bar::new();
        let reply = match fed {
            Fed::Done(reply) => reply,
            Fed::NeedMore if whole => session.abandon().unwrap_or_default(),
            Fed::NeedMore => continue,
        };
        match say(&reply) {
            Some(code) => return code,
            None if interrupt::requested() => return ExitCode::FAILURE,
            None => {}
        }
    }
    session.abandon().and_then(|reply| say(&reply)).unwrap_or(ExitCode::SUCCESS)
}

/// Prints a reply; the exit code when it is the last.
fn say(reply: &Reply) -> Option<ExitCode> {
    print::out(&reply.text);
    if let Some(error) = &reply.error {
        print::problem(error);
        return Some(ExitCode::FAILURE);
    }
    reply.quit.then_some(ExitCode::SUCCESS)
}

/// A conversation at the terminal; errors do not end it.
fn talk(session: Session) -> ExitCode {
    let session = Rc::new(RefCell::new(session));
    let mut editor = match editor(Rc::clone(&session)) {
        Ok(editor) => editor,
        Err(error) => {
            print::problem(&format!("the terminal cannot be used: {error}; commands can come from -c or a pipe"));
            return ExitCode::FAILURE;
        }
    };
    let history = history_file();
    if let Some(path) = &history {
        // There is none the first time.
        let _ = editor.load_history(path);
    }
    loop {
        let prompt = session.borrow().prompt();
        match editor.readline(&prompt) {
            Ok(line) => {
                if !line.trim().is_empty() {
                    let _ = editor.add_history_entry(line.trim_end());
                }
                interrupt::forget();
                let progress = Bar::new();
                session.borrow_mut().set_width(print::width());
                let fed = session.borrow_mut().feed_with(&line, &progress);
                drop(progress);
                let Fed::Done(reply) = fed else { continue };
                if say(&reply).is_some() && reply.quit {
                    break;
                }
            }
            // Ctrl-C drops the line, as in other shells.
            Err(ReadlineError::Interrupted) => {}
            Err(ReadlineError::Eof) => break,
            Err(error) => {
                print::problem(&format!("the terminal: {error}"));
                return ExitCode::FAILURE;
            }
        }
    }
    if let Some(path) = &history
        && let Err(error) = editor.save_history(path)
    {
        print::problem(&format!("the history could not be written to {}: {error}", path.display()));
    }
    ExitCode::SUCCESS
}

fn editor(session: Rc<RefCell<Session>>) -> rustyline::Result<Editor<Assistant, FileHistory>> {
    let config = Config::builder()
        .max_history_size(HISTORY)?
        .history_ignore_dups(true)?
        .completion_type(CompletionType::List)
        .auto_add_history(false);
    let mut editor = Editor::with_config(config.build())?;
    editor.set_helper(Some(Assistant { session, files: FilenameCompleter::new() }));
    Ok(editor)
}

/// `TORRE_HISTORY`, or a file in the home directory.
fn history_file() -> Option<PathBuf> {
    if let Some(path) = std::env::var_os("TORRE_HISTORY") {
        return (!path.is_empty()).then(|| path.into());
    }
    std::env::home_dir().map(|home| home.join(".torre_history"))
}

/// Completes words and asks for the rest of open JSON.
#[derive(Helper, Highlighter, Hinter)]
struct Assistant {
    session: Rc<RefCell<Session>>,
    files: FilenameCompleter,
}

impl Completer for Assistant {
    type Candidate = Pair;

    fn complete(&self, line: &str, cursor: usize, context: &Context<'_>) -> rustyline::Result<(usize, Vec<Pair>)> {
        let (start, words) = self.session.borrow().complete(line, cursor);
        let command = line.split_whitespace().next().unwrap_or_default();
        if words.is_empty() && ["import", "eval", "build", "recall", "create", ".read"].contains(&command) {
            return self.files.complete(line, cursor, context);
        }
        let candidate = |word: String| {
            // A complete word is followed by a space; a JSON key has its own.
            let replacement = if word.ends_with(' ') { word.clone() } else { format!("{word} ") };
            Pair { display: word, replacement }
        };
        Ok((start, words.into_iter().map(candidate).collect()))
    }
}

impl Validator for Assistant {
    fn validate(&self, context: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        let open = Session::needs_more(context.input());
        Ok(if open { ValidationResult::Incomplete } else { ValidationResult::Valid(None) })
    }
}
