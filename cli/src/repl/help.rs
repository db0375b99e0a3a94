//! `.help`: the list of commands, and all about one of them.

use serde_json::{Value as Json, json};

use super::dot::DOTS;
use super::failure::Failure;
use super::output::to_json;
use super::parse::grammar;

/// Columns of the names in the overview, and the fewest that are worth beginning a description beside them.
const NAMES: usize = 41;
const NARROW: usize = 30;
/// Columns of a command's help.
const WIDE: usize = 96;

/// What `.help` shows, in lines of `width` columns.
pub(super) fn overview(width: Option<u16>) -> String {
    let columns = width.map_or(usize::MAX, usize::from);
    let mut text = wrapped("Commands (options are those of the subcommands; `.help COMMAND` lists them):", columns, 0);
    let forms = [
        ("recommend", "JSON [-k 10 ...]"),
        ("similar", "ID [-k 10 ...]"),
        ("search", "JSON [-k 10 ...]"),
        ("get", "ID..."),
        ("put", "JSON..."),
        ("patch", "ID JSON | JSON..."),
        ("delete", "ID... | --where FILTER"),
        ("facets", "FIELD..."),
        ("list", "add|remove|show|drop ..."),
        ("import", "FILE..."),
        ("eval", "EVAL.jsonl"),
        ("ranker", "attach|list|detach ..."),
        ("policy", "set|show|list|drop ..."),
        ("create", "NAME ..."),
    ];
    for command in grammar().get_subcommands() {
        let name = command.get_name();
        let form = forms.iter().find(|(known, _)| *known == name).map_or("", |(_, form)| form);
        text.push_str(&line(name, form, &command.get_about().map(ToString::to_string).unwrap_or_default(), width));
    }
    text.push_str(&line("explain", "recommend|similar|search ...", "The same query, with where its time went", width));
    text.push_str("The shell:\n");
    for (name, form, about) in DOTS {
        text.push_str(&line(name, form, about, width));
    }
    let end = "JSON may go over several lines; ids and file names with spaces take quotes. # begins a comment.";
    text.push_str(&wrapped(end, columns, 0));
    text
}

/// A command and what it does, beside it or, where that is too narrow, below it.
fn line(name: &str, form: &str, about: &str, width: Option<u16>) -> String {
    let name = format!("{name} {form}");
    match width.map(usize::from) {
        Some(width) if width < NAMES + NARROW => format!("  {}\n      {}", name.trim_end(), wrapped(about, width, 6)),
        width => format!("  {:<38} {}", name.trim_end(), wrapped(about, width.unwrap_or(usize::MAX), NAMES)),
    }
}

/// Text that begins in column `indent` and goes on there after each line end.
fn wrapped(text: &str, width: usize, indent: usize) -> String {
    let (mut out, mut column) = (String::new(), indent);
    for word in text.split_whitespace() {
        let length = word.chars().count();
        if column > indent && column + 1 + length > width {
            out.push('\n');
            out.push_str(&" ".repeat(indent));
            column = indent;
        } else if column > indent {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += length;
    }
    out.push('\n');
    out
}

/// All about one command.
pub(super) fn about(name: &str, width: Option<u16>) -> Result<String, Failure> {
    if let Some((dot, form, about)) = DOTS.iter().find(|(dot, ..)| *dot == name) {
        return Ok(line(dot, form, about, width).trim_start().to_owned());
    }
    if name == "explain" {
        return Ok("explain goes before recommend, similar or search: the same query, with where its time went\n".to_owned());
    }
    let mut grammar = grammar().term_width(width.map_or(WIDE, |width| usize::from(width).clamp(40, WIDE)));
    // Without this the usage lacks the command's name.
    grammar.build();
    match grammar.find_subcommand_mut(name) {
        Some(command) => Ok(command.render_help().to_string()),
        None if DOTS.iter().any(|(dot, ..)| dot.strip_prefix('.') == Some(name)) => about(&format!(".{name}"), width),
        None => Err(Failure::usage(format!("there is no command {name}; `.help` lists all"))),
    }
}

/// The commands, or one of them, with their options, as JSON in one line.
pub(super) fn as_json(name: Option<&str>) -> Result<String, Failure> {
    let mut grammar = grammar();
    grammar.build();
    let commands: Vec<Json> = grammar.get_subcommands().map(described).collect();
    let shell = DOTS.iter().map(|(name, form, about)| json!({"name": name, "arguments": form, "about": about}));
    let shell: Vec<Json> = shell.collect();
    let Some(name) = name else { return Ok(to_json(&json!({"commands": commands, "shell": shell}))) };
    let dotted = format!(".{name}");
    let all = || commands.iter().chain(&shell);
    let found = all().find(|one| one["name"] == name).or_else(|| all().find(|one| one["name"] == dotted.as_str()));
    found.map(to_json).ok_or_else(|| Failure::usage(format!("there is no command {name}; `.help` lists all")))
}

fn described(command: &clap::Command) -> Json {
    let arguments = command.get_arguments().filter(|argument| !argument.is_hide_set() && argument.get_id() != "help").map(|argument| {
        let name = argument.get_long().map_or_else(|| argument.get_id().to_string(), |long| format!("--{long}"));
        let takes_value = argument.get_action().takes_values();
        let value = argument.get_value_names().filter(|_| takes_value).and_then(|names| names.first()).map(ToString::to_string);
        let short = argument.get_short().map(|short| format!("-{short}"));
        let about = argument.get_help().map(ToString::to_string);
        json!({"name": name, "short": short, "value": value, "required": argument.is_required_set(), "about": about})
    });
    let about = command.get_about().map(ToString::to_string);
    json!({"name": command.get_name(), "about": about, "arguments": arguments.collect::<Vec<_>>()})
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_command_is_in_the_overview_and_has_help() {
        let overview = overview(None);
        for command in grammar().get_subcommands() {
            let name = command.get_name();
            assert!(overview.contains(&format!("\n  {name} ")), "{name}");
            assert!(about(name, None).unwrap().contains("Usage"), "{name}");
        }
        for (name, ..) in DOTS {
            assert!(overview.contains(name) && about(name, None).is_ok(), "{name}");
        }
        assert!(about("nothing", None).is_err());
        assert!(overview.lines().all(|line| line.chars().count() <= 120), "{overview}");
    }

    #[test]
    fn help_is_there_for_programs() {
        let all: Json = serde_json::from_str(&as_json(None).unwrap()).unwrap();
        assert_eq!(all["commands"].as_array().unwrap().len(), grammar().get_subcommands().count());
        assert_eq!(all["shell"].as_array().unwrap().len(), DOTS.len());
        let one: Json = serde_json::from_str(&as_json(Some("import")).unwrap()).unwrap();
        assert!(one["arguments"].as_array().unwrap().iter().any(|a| a["name"] == "--ignore-unknown" && a["value"] == Json::Null), "{one}");
        assert!(as_json(Some("quit")).is_ok() && as_json(Some(".quit")).is_ok() && as_json(Some("nothing")).is_err());
    }

    #[test]
    fn the_overview_fits_the_terminal() {
        for width in [50, 80, 100] {
            let overview = overview(Some(width));
            assert!(overview.lines().all(|line| line.chars().count() <= usize::from(width)), "{width}: {overview}");
            assert!(overview.split_whitespace().eq(super::overview(None).split_whitespace()), "{width}");
        }
    }
}
