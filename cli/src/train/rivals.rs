//! Held-out users, and what baselines do for them.

use rayon::prelude::*;
use torre_report::{Baseline, Contest, Ease, HeldOut, Histories, Neighbours, Popularity};
use torre_train::{Case, Joined, asking_row};

use torre::Row;

/// Neighbours that an item keeps.
const NEIGHBOURS: usize = 100;
/// Items of EASE at most: it takes their square in memory and their cube in time.
const EASE_ITEMS: usize = 3000;
/// The penalty of EASE.
const EASE_L2: f64 = 250.0;

/// Users to measure with.
pub(super) struct Held {
    pub(super) users: Vec<HeldOut>,
    /// As they ask.
    pub(super) rows: Vec<Row>,
    /// Ids that are not to be shown to each.
    pub(super) seen: Vec<Vec<String>>,
}

impl Held {
    pub(super) fn new(joined: &Joined, cases: &[Case], history: &str) -> Self {
        let id = |item: &u32| joined.item_ids[*item as usize].as_str();
        let user = |case: &Case| HeldOut { history: case.history.clone(), seen: case.seen.clone(), relevant: case.relevant.clone() };
        let row = |case: &Case| {
            let items: Vec<&str> = case.history.iter().map(id).collect();
            asking_row(&joined.profiles[case.profile as usize], history, &items)
        };
        Self {
            users: cases.iter().map(user).collect(),
            rows: cases.iter().map(row).collect(),
            seen: cases.iter().map(|case| case.seen.iter().map(id).map(str::to_owned).collect()).collect(),
        }
    }

    /// Lines of an evaluation file: `{user, seen, relevant}`.
    pub(super) fn lines(&self, joined: &Joined) -> String {
        let mut lines = String::new();
        for ((user, row), seen) in self.users.iter().zip(&self.rows).zip(&self.seen) {
            let relevant: Vec<&str> = user.relevant.iter().map(|&item| joined.item_ids[item as usize].as_str()).collect();
            lines += &serde_json::json!({"user": row.to_json(), "seen": seen, "relevant": relevant}).to_string();
            lines.push('\n');
        }
        lines
    }
}

/// Enters the baselines; what is to be known of them, a line each.
pub(super) fn enter(contest: &mut Contest<'_>, users: &[HeldOut], before: &Histories) -> Vec<String> {
    let mut notes = Vec::new();
    let mut rivals: Vec<Box<dyn Baseline>> = vec![Box::new(Popularity::new(before)), Box::new(Neighbours::new(before, NEIGHBOURS))];
    match Ease::new(before, EASE_L2, EASE_ITEMS) {
        Some(ease) => {
            let known = before.counts().iter().filter(|count| **count > 0).count();
            if ease.covered() < known {
                notes.push(format!("EASE is of the {} most popular of {known} items: all of them do not fit", ease.covered()));
            }
            rivals.push(Box::new(ease));
        }
        None => notes.push("EASE has no solution here".to_owned()),
    }
    let depth = contest.depth();
    for rival in rivals {
        let hits: Vec<Vec<u32>> = users.par_iter().map(|user| rival.recommend(&user.history, &user.seen, depth)).collect();
        contest.enter(rival.name(), &hits, None);
    }
    notes
}
