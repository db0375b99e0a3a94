//! The shell's own commands: they begin with a dot, as in other database shells.

use super::failure::Failure;
use super::render::Mode;
use super::words;

/// A command about the shell itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Dot {
    /// `.help [COMMAND] [--json]`.
    Help {
        /// All about this one.
        command: Option<String>,
        /// As JSON, whatever the mode.
        json: bool,
    },
    /// `.collections`.
    Collections,
    /// `.drop NAME`.
    Drop(String),
    /// `.use NAME`.
    Use(String),
    /// `.schema`.
    Schema,
    /// `.stats`.
    Stats,
    /// `.ids [PREFIX]`.
    Ids(String),
    /// `.mode [table|json|jsonl|line]`; shows the mode without one.
    Mode(Option<Mode>),
    /// `.timer [on|off]`; shows whether it is on without one.
    Timer(Option<bool>),
    /// `.read FILE`.
    Read(String),
    /// `.quit`.
    Quit,
}

/// Name, arguments and what it does, for help and completion.
pub(super) const DOTS: [(&str, &str, &str); 11] = [
    (".collections", "", "list the collections"),
    (".drop", "NAME", "remove a collection with all that it holds"),
    (".help", "[COMMAND] [--json]", "this list, or all about a command"),
    (".ids", "[PREFIX]", "the first ids, those that begin with PREFIX"),
    (".mode", "table|json|jsonl|line", "how results are shown"),
    (".quit", "", "leave (Ctrl-D does too)"),
    (".read", "FILE", "run the commands of a file"),
    (".schema", "", "what rows hold"),
    (".stats", "", "the collection in numbers"),
    (".timer", "on|off", "show the time that each command took"),
    (".use", "NAME", "go to another collection"),
];

/// Reads a line that begins with a dot.
pub(super) fn parse(line: &str) -> Result<Dot, Failure> {
    let words = words::split(line).map_err(|(open, _)| Failure::usage(open.describe()))?;
    let words: Vec<&str> = words.iter().map(|word| word.text.as_str()).collect();
    let (&name, arguments) = words.split_first().unwrap_or((&"", &[]));
    let is_help = matches!(name, ".help" | ".h" | ".?");
    let json = is_help && arguments.contains(&"--json");
    let arguments: Vec<&str> = arguments.iter().copied().filter(|argument| !(json && *argument == "--json")).collect();
    let argument = arguments.first().map(|argument| (*argument).to_owned());
    let needed = |what: &str| argument.clone().ok_or_else(|| Failure::usage(format!("{name} needs {what}")));
    if arguments.len() > 1 {
        return Err(Failure::usage(format!("{name} takes one argument at most; put quotes around one with spaces")));
    }
    Ok(match name {
        _ if is_help => Dot::Help { command: argument, json },
        ".collections" | ".tables" => Dot::Collections,
        ".drop" => Dot::Drop(needed("the name of a collection; `.collections` lists them")?),
        ".use" => Dot::Use(needed("the name of a collection; `.collections` lists them")?),
        ".schema" => Dot::Schema,
        ".stats" => Dot::Stats,
        ".ids" => Dot::Ids(argument.unwrap_or_default()),
        ".mode" => Dot::Mode(argument.map(|text| mode(&text)).transpose()?),
        ".timer" => Dot::Timer(argument.map(|text| switch(&text)).transpose()?),
        ".read" => Dot::Read(needed("the name of a file")?),
        ".quit" | ".exit" | ".q" => Dot::Quit,
        _ => {
            let near = DOTS.iter().find(|(known, ..)| name.len() > 1 && known.starts_with(name)).map(|(known, ..)| *known);
            let hint = near.map_or_else(|| "`.help` lists all".to_owned(), |near| format!("did you mean `{near}`?"));
            return Err(Failure::usage(format!("unknown command {name}; {hint}")));
        }
    })
}

fn mode(text: &str) -> Result<Mode, Failure> {
    Mode::parse(text).ok_or_else(|| Failure::usage(format!(".mode: expected table, json, jsonl or line, got {text}")))
}

fn switch(text: &str) -> Result<bool, Failure> {
    match text {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err(Failure::usage(format!(".timer: expected on or off, got {text}"))),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn dot_commands_are_read() {
        for (line, dot) in [
            (".help", Dot::Help { command: None, json: false }),
            (".help recommend", Dot::Help { command: Some("recommend".to_owned()), json: false }),
            (".help --json", Dot::Help { command: None, json: true }),
            (".help get --json", Dot::Help { command: Some("get".to_owned()), json: true }),
            (".use 'my items'", Dot::Use("my items".to_owned())),
            (".mode jsonl", Dot::Mode(Some(Mode::Jsonl))),
            (".mode", Dot::Mode(None)),
            (".timer on;", Dot::Timer(Some(true))),
            (".exit", Dot::Quit),
        ] {
            assert_eq!(parse(line).unwrap(), dot, "{line}");
        }
    }

    #[test]
    fn wrong_ones_say_what_would_be_right() {
        for (line, text) in [
            (".coll", "did you mean `.collections`?"),
            (".nothing", "`.help` lists all"),
            (".", "`.help` lists all"),
            (".use", ".use needs the name of a collection"),
            (".mode xml", "expected table, json, jsonl or line"),
            (".timer maybe", "expected on or off"),
            (".use a b", "one argument at most"),
            (".use 'a", "not closed"),
        ] {
            let failure = parse(line).unwrap_err();
            assert!(failure.usage && failure.to_string().contains(text), "{line}: {failure}");
        }
    }

    #[test]
    fn every_listed_command_is_known() {
        for (name, ..) in DOTS {
            let said = parse(name).err().map(|failure| failure.to_string()).unwrap_or_default();
            assert!(!said.contains("unknown"), "{said}");
        }
    }
}
