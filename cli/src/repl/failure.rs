//! Why a command did not do what was asked, in one line that says what to do.

use std::fmt;

use super::words;
use torre::Error;

/// Why a command failed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Failure {
    message: String,
    /// The command was not understood: nothing was tried.
    pub(crate) usage: bool,
}

impl Failure {
    /// A failure told in `message`.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), usage: false }
    }

    /// Arguments that make no command.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self { message: message.into(), usage: true }
    }
}

impl fmt::Display for Failure {
    /// One line, whatever the error's text holds.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, line) in self.message.lines().map(str::trim).filter(|line| !line.is_empty()).enumerate() {
            if at > 0 {
                f.write_str("; ")?;
            }
            for character in line.chars() {
                // A row or a file may be quoted in the error: no control codes of theirs reach the terminal.
                if character.is_control() { write!(f, "{}", character.escape_default())? } else { write!(f, "{character}")? }
            }
        }
        Ok(())
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let hint = match &error {
            Error::UnknownCollection { known, .. } if known.is_empty() => "; make one with `create`",
            Error::UnknownCollection { .. } => "; choose one with --collection NAME, in the shell with `.use NAME`",
            Error::Damaged { .. } => "; `torre verify` lists the damage, `torre salvage` saves the rest",
            Error::CollectionExists { .. } => "; choose another name with --collection NAME",
            _ => "",
        };
        let message = match &error {
            Error::UnknownCollection { name, known } if known.is_empty() => {
                format!("no collection is named {name:?}: the database has none{hint}")
            }
            _ => format!("{error}{hint}"),
        };
        Self { message, usage: matches!(error, Error::InvalidOption { .. }) }
    }
}

impl From<torre_train::TrainError> for Failure {
    fn from(error: torre_train::TrainError) -> Self {
        use torre_train::TrainError;
        match error {
            TrainError::Read(error) => error.into(),
            TrainError::Database(error) => error.into(),
            TrainError::Option { .. } => Self::usage(error.to_string()),
            TrainError::Interrupted { .. } => Error::Interrupted.into(),
            error => Self::new(error.to_string()),
        }
    }
}

impl From<torre_data::ImportError> for Failure {
    fn from(error: torre_data::ImportError) -> Self {
        use torre_data::Problem;
        let option = |name: &str, near: &[String]| near.first().map(|column| format!("; {name} {} reads it", words::write(column)));
        let hint = match &error.problem {
            Problem::NoIdColumn { near, .. } | Problem::NoId { near } => option("--id", near),
            Problem::NoVectorColumn { near, .. } | Problem::NoVector { near } => option("--vector", near),
            Problem::OtherDelimiter { between, .. } => {
                let between = if *between == '\t' { "tab".to_owned() } else { format!("'{between}'") };
                Some(format!("; --delimiter {between} reads them so"))
            }
            Problem::NotText { .. } => Some("; --encoding latin1 reads a CSV file so".to_owned()),
            Problem::Format { .. } | Problem::Unrecognized => Some("; --format says what it is".to_owned()),
            Problem::ColumnKind { .. } => Some("; --columns chooses others".to_owned()),
            _ => None,
        };
        Self::new(format!("{error}{}", hint.unwrap_or_default()))
    }
}

impl From<torre_data::HitError> for Failure {
    fn from(error: torre_data::HitError) -> Self {
        Self { usage: matches!(error.problem, torre_data::HitProblem::Format { .. }), ..Self::new(error.to_string()) }
    }
}

impl From<torre::FeatureError> for Failure {
    fn from(error: torre::FeatureError) -> Self {
        Self::new(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_one_line_without_control_codes() {
        assert_eq!(Failure::new("a\n\n  b\u{1b}[31m\n").to_string(), "a; b\\u{1b}[31m");
    }

    #[test]
    fn a_missing_collection_says_what_to_do() {
        let missing = |known: &[&str]| {
            let known = known.iter().map(|name| (*name).to_owned()).collect();
            Failure::from(Error::UnknownCollection { name: "x".to_owned(), known }).to_string()
        };
        assert_eq!(missing(&[]), "no collection is named \"x\": the database has none; make one with `create`");
        assert!(missing(&["items"]).contains("items; choose one with --collection NAME"));
    }
}
