//! What the fuzz targets reach of the shell's inside. No API.

use super::command::Command;
use super::dot::Dot;
use super::parse::{self, Line};
use super::words;

/// Whether a complete line asks for files of the machine.
pub fn reads_files(line: &str) -> bool {
    match parse::parse(line) {
        Ok(Line::Dot(Dot::Read(_))) => true,
        Ok(Line::Command(asked)) => match asked.command {
            Command::Import(_) | Command::Eval(_) => true,
            Command::Build(args) => args.users.is_some(),
            Command::Recall(args) => args.queries.is_some(),
            Command::Create(args) => args.item.is_some() || args.user.is_some(),
            _ => false,
        },
        _ => false,
    }
}

/// The words of a line; `None` where it is not complete.
pub fn words(line: &str) -> Option<Vec<String>> {
    words::split(line).ok().map(|words| words.into_iter().map(|word| word.text).collect())
}

/// Words as a line that reads back as the same words.
pub fn write_words(words: &[String]) -> String {
    words.iter().map(|word| words::write(word)).collect::<Vec<_>>().join(" ")
}
