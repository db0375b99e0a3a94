//! Progress on standard error: a bar on a terminal, nothing elsewhere.

use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressStyle};
use parking_lot::Mutex;

use super::interrupt;
use torre::{Progress, Stage};

/// A bar for the stage that is going on, and the way to hear of Ctrl-C.
pub(super) struct Bar {
    /// None where standard error is no terminal.
    current: Option<Mutex<Option<(Stage, ProgressBar)>>>,
}

impl Bar {
    pub(super) fn new() -> Self {
        Self { current: std::io::stderr().is_terminal().then(|| Mutex::new(None)) }
    }

    /// Takes the bar off the screen.
    pub(super) fn clear(&self) {
        if let Some((_, bar)) = self.current.as_ref().and_then(|current| current.lock().take()) {
            bar.finish_and_clear();
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.clear();
    }
}

impl Progress for Bar {
    fn update(&self, stage: Stage, done: u64, total: Option<u64>) {
        let Some(current) = &self.current else { return };
        let mut current = current.lock();
        if current.as_ref().is_none_or(|(shown, _)| *shown != stage) {
            if let Some((_, old)) = current.take() {
                old.finish_and_clear();
            }
            *current = Some((stage, start(stage, total)));
        }
        if let Some((_, bar)) = current.as_ref() {
            if let Some(total) = total {
                bar.set_length(total);
            }
            bar.set_position(done);
        }
    }

    fn cancelled(&self) -> bool {
        interrupt::requested()
    }
}

fn start(stage: Stage, total: Option<u64>) -> ProgressBar {
    let form = match (total, stage) {
        // Bytes and rows alike: the share is what a person wants to know.
        (Some(_), _) => "{msg:<20} {wide_bar} {percent:>3} %  {elapsed} (about {eta} left)",
        (None, _) => "{msg:<20} {human_pos} so far, {elapsed}",
    };
    let style = ProgressStyle::with_template(form).unwrap_or_else(|_| ProgressStyle::default_bar());
    let bar = total.map_or_else(ProgressBar::new_spinner, ProgressBar::new);
    bar.set_style(style);
    bar.set_message(name(stage));
    bar
}

fn name(stage: Stage) -> &'static str {
    match stage {
        Stage::Import => "importing",
        Stage::TrainTowers => "training towers",
        Stage::TrainRanker => "growing trees",
        Stage::TrainCoarse => "training lists",
        Stage::TrainCodebooks => "training codebooks",
        Stage::Encode => "encoding",
        Stage::Calibrate => "measuring recall",
        Stage::Seal => "sealing",
        Stage::Compact => "compacting",
        Stage::Fold => "folding",
        Stage::Index => "indexing",
        Stage::Verify => "verifying",
        Stage::Copy => "copying",
        Stage::Evaluate => "evaluating",
        Stage::Delete => "deleting",
        Stage::Recommend => "recommending",
        _ => "working",
    }
}
