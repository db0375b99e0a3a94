//! `.help`: the list of commands, and all about one of them.

use super::dot::DOTS;
use super::failure::Failure;
use super::parse::grammar;

/// What is shown first, and for `.help`.
pub(super) fn overview() -> String {
    let mut text = String::from("Commands (options are those of the subcommands; `.help COMMAND` lists them):\n");
    let forms = [
        ("recommend", "JSON [-k 10 ...]"),
        ("similar", "ID [-k 10 ...]"),
        ("search", "JSON [-k 10 ...]"),
        ("get", "ID..."),
        ("put", "JSON..."),
        ("patch", "ID JSON"),
        ("delete", "ID..."),
        ("import", "FILE..."),
        ("eval", "EVAL.jsonl"),
        ("create", "NAME ..."),
    ];
    for command in grammar().get_subcommands() {
        let name = command.get_name();
        let form = forms.iter().find(|(known, _)| *known == name).map_or("", |(_, form)| form);
        text.push_str(&line(name, form, &command.get_about().map(ToString::to_string).unwrap_or_default()));
    }
    text.push_str(&line("explain", "recommend|similar|search ...", "The same query, with where its time went"));
    text.push_str("The shell:\n");
    for (name, form, about) in DOTS {
        text.push_str(&line(name, form, about));
    }
    text.push_str("JSON may go over several lines; ids and file names with spaces take quotes. # begins a comment.\n");
    text
}

fn line(name: &str, form: &str, about: &str) -> String {
    format!("  {:<38} {about}\n", format!("{name} {form}").trim_end())
}

/// All about one command.
pub(super) fn about(name: &str) -> Result<String, Failure> {
    if let Some((dot, form, about)) = DOTS.iter().find(|(dot, ..)| *dot == name) {
        return Ok(line(dot, form, about).trim_start().to_owned());
    }
    if name == "explain" {
        return Ok("explain goes before recommend, similar or search: the same query, with where its time went\n".to_owned());
    }
    let mut grammar = grammar();
    // Without this the usage lacks the command's name.
    grammar.build();
    match grammar.find_subcommand_mut(name) {
        Some(command) => Ok(command.render_help().to_string()),
        None if DOTS.iter().any(|(dot, ..)| dot.strip_prefix('.') == Some(name)) => about(&format!(".{name}")),
        None => Err(Failure::usage(format!("there is no command {name}; `.help` lists all"))),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_command_is_in_the_overview_and_has_help() {
        let overview = overview();
        for command in grammar().get_subcommands() {
            let name = command.get_name();
            assert!(overview.contains(&format!("\n  {name} ")), "{name}");
            assert!(about(name).unwrap().contains("Usage"), "{name}");
        }
        for (name, ..) in DOTS {
            assert!(overview.contains(name) && about(name).is_ok(), "{name}");
        }
        assert!(about("nothing").is_err());
        assert!(overview.lines().all(|line| line.chars().count() <= 120), "{overview}");
    }
}
