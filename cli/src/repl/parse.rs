//! A line of the shell becomes a command; the options are those of the subcommands.

use clap::{Arg, ArgAction, ArgMatches, CommandFactory, FromArgMatches, Parser};

use super::command::Command;
use super::dot::{self, Dot};
use super::failure::Failure;
use super::words;

/// What a line asks for.
#[derive(Clone, Debug)]
pub(super) enum Line {
    /// Nothing: an empty line or a comment.
    Nothing,
    /// Something about the shell.
    Dot(Dot),
    /// Something about the collection.
    Command(Box<Request>),
    /// A command's help, already written.
    Help(String),
}

/// A command, with what a line says of this one command alone.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub(super) command: Command,
    /// Go to another collection for this command.
    pub(super) collection: Option<String>,
    /// Answer in JSON.
    pub(super) json: bool,
}

#[derive(Parser)]
#[command(multicall = true, disable_version_flag = true, disable_help_subcommand = true)]
struct Grammar {
    #[command(subcommand)]
    command: Command,
}

const COLLECTION: &str = "collection";
const JSON: &str = "json";

/// The commands and their options, for help and completion.
pub(super) fn grammar() -> clap::Command {
    // The first word is the command, so what every command takes has to stand with each of them, and with what is below it.
    let collection =
        Arg::new(COLLECTION).long(COLLECTION).value_name("NAME").global(true).help("Go to another collection for this command");
    let json = Arg::new(JSON).long(JSON).action(ArgAction::SetTrue).global(true).help("Answer in JSON");
    let commands = Grammar::command().mut_subcommands(|command| command.arg(collection.clone()).arg(json.clone()));
    commands.disable_colored_help(true).term_width(96)
}

impl Request {
    fn new(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let command = Grammar::from_arg_matches(matches)?.command;
        let own = matches.subcommand().map(|(_, own)| own);
        let collection = own.and_then(|own| own.get_one::<String>(COLLECTION)).cloned();
        Ok(Self { command, collection, json: own.is_some_and(|own| own.get_flag(JSON)) })
    }
}

/// Reads a complete line.
pub(super) fn parse(line: &str) -> Result<Line, Failure> {
    let text = line.trim();
    if text.is_empty() || text.starts_with('#') || text.starts_with("--") {
        return Ok(Line::Nothing);
    }
    // What a collection keeps by name may be asked for as what the shell does.
    let kept = |rest: &&str| matches!(rest.split_whitespace().next(), Some("ranker" | "policy"));
    let text = text.strip_prefix('.').filter(kept).unwrap_or(text);
    if text.starts_with('.') {
        return dot::parse(text).map(Line::Dot);
    }
    let words = words::split(text).map_err(|(open, _)| Failure::usage(open.describe()))?;
    let mut words: Vec<String> = words.into_iter().map(|word| word.text).collect();
    match words.first().map(String::as_str) {
        None => return Ok(Line::Nothing),
        Some("help" | "?") => {
            let json = words.iter().any(|word| word == "--json");
            return Ok(Line::Dot(Dot::Help { command: words.into_iter().skip(1).find(|word| word != "--json"), json }));
        }
        Some("quit" | "exit") if words.len() == 1 => return Ok(Line::Dot(Dot::Quit)),
        Some("explain") => explain(&mut words)?,
        _ => {}
    }
    let first = words.first().cloned().unwrap_or_default();
    match grammar().try_get_matches_from(&words).and_then(|matches| Request::new(&matches)) {
        Ok(request) => Ok(Line::Command(Box::new(request))),
        Err(error) => refused(&error, &first),
    }
}

/// `explain recommend ...` is `recommend ... --explain`.
fn explain(words: &mut Vec<String>) -> Result<(), Failure> {
    words.remove(0);
    match words.first().map(String::as_str) {
        Some("recommend" | "similar" | "search") => {
            if !words.iter().any(|word| word == "--explain") {
                words.insert(1, "--explain".to_owned());
            }
            Ok(())
        }
        _ => Err(Failure::usage("explain goes before recommend, similar or search")),
    }
}

/// clap's errors are several lines for a screen; the shell says one.
fn refused(error: &clap::Error, command: &str) -> Result<Line, Failure> {
    use clap::error::ErrorKind;
    match error.kind() {
        ErrorKind::DisplayHelp => return Ok(Line::Help(error.render().to_string())),
        ErrorKind::InvalidSubcommand => {
            let near = error.get(clap::error::ContextKind::SuggestedSubcommand).map(ToString::to_string);
            let hint = near.map_or_else(|| "`.help` lists all".to_owned(), |near| format!("did you mean `{near}`?"));
            return Err(Failure::usage(format!("unknown command {command}; {hint}")));
        }
        _ => {}
    }
    let text = error.render().to_string();
    // Up to the usage; hints ("tip: ...") belong to the message.
    let said = text.split("\n\nUsage:").next().unwrap_or(&text).split("\n\nFor more").next().unwrap_or(&text);
    let said = said.strip_prefix("error: ").unwrap_or(said);
    let said: Vec<&str> = said.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    Err(Failure::usage(format!("{}; `.help {command}` says more", said.join(" "))))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    fn command(line: &str) -> Command {
        match parse(line).unwrap() {
            Line::Command(request) => request.command,
            other => panic!("{line}: {other:?}"),
        }
    }

    fn refusal(line: &str) -> String {
        let failure = parse(line).unwrap_err();
        assert!(failure.usage, "{line}");
        failure.to_string()
    }

    #[test]
    fn the_grammar_is_sound() {
        grammar().debug_assert();
        // Found by fuzzing, which has debug assertions where a release build has not: each command takes them, their parent must not.
        assert_eq!(grammar().get_arguments().count(), 0);
        assert!(grammar().get_subcommands().all(|command| command.get_arguments().any(|option| option.get_long() == Some(COLLECTION))));
    }

    #[test]
    fn rankers_and_policies_are_found_behind_a_dot_too() {
        assert!(matches!(command(".policy list"), Command::Policy(_)) && matches!(command(" .ranker  list --json"), Command::Ranker(_)));
        assert!(parse(".policies list").is_err() && parse(".recommend {}").is_err());
    }

    #[test]
    fn a_row_and_its_options() {
        let Command::Recommend(args) =
            command(r#"recommend {"age": 3, "history": ["a b"]} -k 5 --exclude a,b --exclude '["c,d"]' --nprobe 7 --fields title"#)
        else {
            panic!()
        };
        assert_eq!(args.user().len(), 2);
        assert_eq!(
            (args.options.k, args.options.search().exclude, args.options.effort.nprobe),
            (5, vec!["a".into(), "b".into(), "c,d".into()], Some(7))
        );
        assert_eq!(args.options.search().fields.unwrap(), ["title"]);
        let Command::Search(args) = command("search [1, -2.5] --exact;") else { panic!() };
        assert_eq!((args.vector(), args.options.effort.exact), (vec![1.0, -2.5], true));
    }

    #[test]
    fn a_line_may_say_where_and_how_for_itself() {
        let Line::Command(request) = parse("get a --json --collection films").unwrap() else { panic!() };
        assert!(request.json && request.collection.as_deref() == Some("films"));
        let Line::Command(request) = parse("stats").unwrap() else { panic!() };
        assert!(!request.json && request.collection.is_none());
    }

    #[test]
    fn numbers_below_zero_are_numbers() {
        let Command::Get(args) = command("get -7 a") else { panic!() };
        assert_eq!(args.ids, ["-7", "a"]);
        for (line, text) in [
            ("search [1] -k -1", "expected a whole number of 0 or more"),
            ("search [1] --nprobe -3", "expected a whole number of 1 or more"),
            ("search [1] --recall -0.5", "above 0 and at most 1"),
        ] {
            let said = refusal(line);
            assert!(said.contains(text), "{line}: {said}");
        }
    }

    #[test]
    fn explain_is_an_option() {
        let Command::Similar(args) = command("explain similar 42") else { panic!() };
        assert!(args.options.explain && args.id == "42");
        assert!(refusal("explain delete 1").contains("explain goes before"));
    }

    #[test]
    fn empty_lines_and_comments_are_nothing() {
        for line in ["", "  ", "# note", "-- note", ";"] {
            assert!(matches!(parse(line).unwrap(), Line::Nothing), "{line:?}");
        }
    }

    #[test]
    fn refusals_are_one_line_and_say_what_to_do() {
        for (line, text) in [
            ("recomend {}", "unknown command recomend; did you mean `recommend`?"),
            ("xyzzy", "`.help` lists all"),
            ("recommend", "required arguments were not provided: <USER>"),
            ("recommend {} --exakt", "unexpected argument '--exakt' found"),
            ("recommend {} --exact --nprobe 3", "cannot be used with"),
            ("recommend [1]", "expected a JSON object"),
            ("search [1, x]", "expected a JSON array of numbers"),
            ("recommend {} --recall 2", "above 0 and at most 1"),
            ("recommend {", "the JSON is not complete"),
            ("create --item x.onnx", "required"),
        ] {
            let said = refusal(line);
            assert!(said.contains(text) && !said.contains('\n'), "{line}: {said}");
        }
    }

    #[test]
    fn help_is_text() {
        let Line::Help(text) = parse("recommend --help").unwrap() else { panic!() };
        assert!(text.contains("--refine-factor"), "{text}");
    }
}
