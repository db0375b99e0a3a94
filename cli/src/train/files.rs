//! The files that training leaves: written beside their names first, so that one that is there is whole.

use std::path::Path;

use torre_train::{Config, FieldChoice, TrainError};

use crate::repl::Failure;

/// What `train.toml` says above the options.
const HEAD: &str = "# Options of training. Each is the default where it is left out; docs/training.md says what they do.\n";

/// Writes a file by another name and gives it its own.
pub(super) fn write(path: &Path, text: impl AsRef<[u8]>) -> Result<(), Failure> {
    let io = |source| Failure::from(TrainError::Io { path: path.to_owned(), source });
    let mut beside = path.as_os_str().to_owned();
    beside.push(".partial");
    std::fs::write(&beside, text).map_err(io)?;
    std::fs::rename(&beside, path).map_err(io)
}

/// Writes both specs and the options, for editing.
pub(super) fn inferred(out: &Path, texts: &[String; 2], choices: &[Vec<FieldChoice>; 2], config: &Config) -> Result<(), Failure> {
    directory(out)?;
    let mut toml = HEAD.to_owned();
    for (side, choices) in ["items", "users"].into_iter().zip(choices).filter(|(_, choices)| !choices.is_empty()) {
        toml += &format!("#\n# How the fields of {side} are read ({}.json says it exactly, and can be edited):\n", spec_name(side));
        for choice in choices {
            // A field's name is the data's: no line of it may leave the comment.
            let line = format!("{}: {}", choice.field, choice.why).replace(char::is_control, " ");
            toml += &format!("#   {line}\n");
        }
    }
    let options = toml::to_string(config).map_err(|error| Failure::new(format!("the options cannot be written: {error}")))?;
    write(&out.join("train.toml"), format!("{toml}\n{options}"))?;
    for (side, text) in ["items", "users"].into_iter().zip(texts) {
        write(&out.join(format!("{}.json", spec_name(side))), text)?;
    }
    Ok(())
}

fn spec_name(side: &str) -> &'static str {
    if side == "items" { "item-spec" } else { "user-spec" }
}

pub(super) fn directory(path: &Path) -> Result<(), Failure> {
    std::fs::create_dir_all(path).map_err(|source| TrainError::Io { path: path.to_owned(), source }.into())
}

/// A file of text that the caller names.
pub(super) fn text(path: &Path) -> Result<String, Failure> {
    Ok(std::fs::read_to_string(path).map_err(|source| torre::Error::Io { path: path.to_owned(), source })?)
}
