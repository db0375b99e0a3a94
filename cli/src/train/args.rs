//! What is trained on, and how, as arguments.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, ValueEnum};
use torre::Metric;
use torre::filter::Filter;
use torre_data::{Encoding, Format};
use torre_train::{FileOptions, InteractionOptions, Part, SpecOptions, SplitRule};

use crate::repl::Failure;
use crate::repl::values::{NamesArg, at_least_one, delimiter, filter, header, joined};

/// Which files, what they mean, and how they are cut.
#[derive(Args, Clone, Debug)]
pub(crate) struct DataArgs {
    /// Files of events: who chose what, when; - is standard input
    #[arg(long, required = true, num_args = 1.., value_name = "FILE")]
    pub(super) interactions: Vec<PathBuf>,
    /// Rows of items [default: an item is its id]
    #[arg(long, value_name = "FILE")]
    pub(super) items: Option<PathBuf>,
    /// Rows of users; several of one user where a column "since" says from when each holds [default: a user is what they chose]
    #[arg(long, value_name = "FILE")]
    pub(super) users: Option<PathBuf>,
    /// Events to measure with, in a file of their own: a published split
    #[arg(long, value_name = "FILE")]
    test: Option<PathBuf>,
    /// Events to choose with, in a file of their own
    #[arg(long, value_name = "FILE", requires = "test")]
    validation: Option<PathBuf>,
    /// The files of events are lines of `user item item ...`, without times
    #[arg(long)]
    sets: bool,
    /// Columns of events: user, item, time, weight, label, event as FIELD=COLUMN between commas [default: by their usual names]
    #[arg(long, value_name = "FIELD=COLUMN,...")]
    columns: Vec<NamesArg>,
    /// Columns of the items' rows, id among them; others are left out then
    #[arg(long, value_name = "FIELD=COLUMN,...")]
    item_columns: Vec<NamesArg>,
    /// Columns of the users' rows, id among them; others are left out then
    #[arg(long, value_name = "FIELD=COLUMN,...")]
    user_columns: Vec<NamesArg>,
    /// What the files hold: jsonl, json, csv, tsv or parquet [default: from the name]
    #[arg(long, value_name = "FORMAT")]
    format: Option<Format>,
    /// Whether CSV files begin with the names of their columns; with none the columns are 1, 2 and so on
    #[arg(long, value_name = "WHERE", default_value = "first", value_parser = header, action = clap::ArgAction::Set)]
    header: bool,
    /// What stands between the cells of CSV files: a character, or "tab" [default: a comma, or what a file without a header shows]
    #[arg(long, value_name = "CHARACTER", value_parser = delimiter, allow_hyphen_values = true)]
    delimiter: Option<u8>,
    /// How CSV files write their characters: utf8 or latin1
    #[arg(long, value_name = "ENCODING", default_value = "utf8")]
    encoding: Encoding,
    /// Events that were chosen, as a filter over their columns; the others were seen only [default: by the label, else all]
    #[arg(long, value_name = "FILTER", value_parser = filter, allow_hyphen_values = true)]
    positive: Option<Filter>,
    /// What events of a type count, as TYPE=NUMBER between commas; others count 1
    #[arg(long, value_name = "TYPE=NUMBER,...")]
    event_weights: Vec<NamesArg>,
    /// How the events are cut: time, last-share, leave-last-out [default: time where there are times, else last-share]
    #[arg(long, value_name = "RULE")]
    split: Option<Cut>,
    /// Share of the events that is measured with
    #[arg(long, value_name = "SHARE", default_value_t = 0.1)]
    test_share: f64,
    /// Share of the events that chooses
    #[arg(long, value_name = "SHARE", default_value_t = 0.1)]
    validation_share: f64,
}

/// A rule that needs no files.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum Cut {
    /// By time, for all users at once.
    Time,
    /// The last share of each user.
    LastShare,
    /// The last chosen item of each user.
    LeaveLastOut,
}

impl DataArgs {
    /// Whether some of the arguments names rows of items.
    pub(super) fn names_items(&self) -> bool {
        self.items.is_some() || !self.item_columns.is_empty()
    }

    pub(super) fn is_sets(&self) -> bool {
        self.sets
    }

    /// The files of events, and the part that each is.
    pub(super) fn event_files(&self) -> Vec<(PathBuf, Part)> {
        let train = self.interactions.iter().map(|path| (path.clone(), Part::Train));
        let validation = self.validation.iter().map(|path| (path.clone(), Part::Validation));
        let test = self.test.iter().map(|path| (path.clone(), Part::Test));
        train.chain(validation).chain(test).collect()
    }

    /// How rows of items (or users) are read.
    pub(super) fn item_options(&self) -> Result<FileOptions, Failure> {
        Ok(self.file(pairs("--item-columns", &self.item_columns)?))
    }

    pub(super) fn user_options(&self) -> Result<FileOptions, Failure> {
        Ok(self.file(pairs("--user-columns", &self.user_columns)?))
    }

    pub(super) fn interaction_options(&self) -> Result<InteractionOptions, Failure> {
        let mut event_weights = BTreeMap::new();
        for (event, weight) in pairs("--event-weights", &self.event_weights)? {
            let weight = f32::from_str(&weight).ok().filter(|weight| (0.0..=1e6).contains(weight));
            let weight = weight.ok_or_else(|| Failure::usage(format!("--event-weights: {event} has no number from 0 to 1,000,000")))?;
            event_weights.insert(event, weight);
        }
        Ok(InteractionOptions { file: self.file(pairs("--columns", &self.columns)?), positive: self.positive.clone(), event_weights })
    }

    fn file(&self, columns: Vec<(String, String)>) -> FileOptions {
        FileOptions { format: self.format, header: self.header, delimiter: self.delimiter, encoding: self.encoding, columns }
    }

    /// How the events are cut; `ends` are the ends of the files among them.
    pub(super) fn rule(&self, timed: bool, ends: Vec<usize>) -> Result<SplitRule, Failure> {
        let (validation, test) = (self.validation_share, self.test_share);
        if self.test.is_some() {
            if self.split.is_some() {
                return Err(Failure::usage("--split cuts one log; --test is a split already"));
            }
            let parts = self.event_files().into_iter().map(|(_, part)| part).collect();
            return Ok(SplitRule::Given { ends, parts, validation });
        }
        Ok(match self.split.unwrap_or(if timed { Cut::Time } else { Cut::LastShare }) {
            Cut::Time => SplitRule::Time { validation, test },
            Cut::LastShare => SplitRule::LastShare { validation, test },
            Cut::LeaveLastOut => SplitRule::LeaveLastOut,
        })
    }
}

/// How the towers are made.
#[derive(Args, Clone, Debug)]
pub(crate) struct TowerArgs {
    /// Options of training, as `train --infer` writes them [default: all as documented]
    #[arg(long, value_name = "TRAIN.toml")]
    pub(super) config: Option<PathBuf>,
    /// The items' feature spec, as `train --infer` writes it [default: inferred]
    #[arg(long, value_name = "SPEC.json", requires = "user_spec")]
    pub(super) item_spec: Option<PathBuf>,
    /// The users' feature spec
    #[arg(long, value_name = "SPEC.json", requires = "item_spec")]
    pub(super) user_spec: Option<PathBuf>,
    /// Width of the vectors
    #[arg(long, value_name = "NUMBERS", default_value = "64", value_parser = at_least_one, allow_negative_numbers = true)]
    pub(super) dim: usize,
    /// Train prefixes of the vectors to serve by themselves, of these widths; the largest is the vectors' own, instead of --dim
    #[arg(long, value_name = "NUMBERS,...", value_delimiter = ',', value_parser = at_least_one, allow_negative_numbers = true)]
    pub(super) matryoshka: Vec<usize>,
    /// Leave the vectors' lengths as they come, instead of bringing them to 1
    #[arg(long)]
    free_length: bool,
    /// The field of a user's row that holds what was chosen before
    #[arg(long, value_name = "FIELD", default_value = "history")]
    pub(super) history: String,
    /// Items of a history that the user tower reads [default: what 90 % of the users need, 10 to 50]
    #[arg(long, value_name = "ITEMS", value_parser = at_least_one, allow_negative_numbers = true)]
    history_length: Option<usize>,
    /// Give each user an embedding of their own
    #[arg(long)]
    user_ids: bool,
    /// Label of the pair [default: torre]
    #[arg(long, value_name = "NAME", default_value = "torre")]
    model: String,
    /// Where all random numbers come from [default: the config's]
    #[arg(long, value_name = "NUMBER")]
    pub(super) seed: Option<u64>,
    /// Passes over the events at most [default: the config's]
    #[arg(long, value_name = "NUMBER", value_parser = at_least_one, allow_negative_numbers = true)]
    pub(super) epochs: Option<usize>,
    /// Go on from the checkpoint that an interrupted training left
    #[arg(long)]
    pub(super) resume: bool,
    /// Keep the towers of the training part, instead of training once more with what chose them
    #[arg(long)]
    pub(super) no_refit: bool,
}

impl TowerArgs {
    /// Width of the vectors.
    pub(super) fn width(&self) -> usize {
        self.matryoshka.iter().copied().max().unwrap_or(self.dim)
    }

    /// Widths of prefixes, ascending.
    pub(super) fn prefixes(&self) -> Vec<usize> {
        let mut widths: Vec<usize> = self.matryoshka.iter().copied().filter(|width| *width < self.width()).collect();
        widths.sort_unstable();
        widths.dedup();
        widths
    }

    pub(super) fn spec_options(&self) -> SpecOptions {
        SpecOptions {
            dim: self.width(),
            metric: Metric::InnerProduct,
            normalized: !self.free_length,
            model: self.model.clone(),
            history: self.history.clone(),
            history_length: self.history_length,
            user_ids: self.user_ids,
        }
    }
}

/// `FIELD=COLUMN`, or `COLUMN` for a field of the same name.
fn pairs(option: &str, names: &[NamesArg]) -> Result<Vec<(String, String)>, Failure> {
    let pair = |text: String| match text.split_once('=') {
        Some((field, column)) => (field.trim().to_owned(), column.trim().to_owned()),
        None => (text.clone(), text),
    };
    let pairs: Vec<(String, String)> = joined(names).into_iter().map(pair).collect();
    if pairs.iter().any(|(field, column)| field.is_empty() || column.is_empty()) {
        return Err(Failure::usage(format!("{option} takes NAME=VALUE between commas")));
    }
    if let Some((_, (twice, _))) = pairs.iter().enumerate().find(|(at, (field, _))| pairs[..*at].iter().any(|(known, _)| known == field)) {
        return Err(Failure::usage(format!("{option} names {twice} twice")));
    }
    Ok(pairs)
}
