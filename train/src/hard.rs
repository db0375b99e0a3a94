//! Negatives that the towers take for right: drawn from the items that rank highest for users of the batch (Xiong and others, "Approximate
//! nearest neighbor negative contrastive learning", 2021).

use std::collections::BTreeMap;

use rayon::prelude::*;

use crate::config::Negatives;
use crate::dataset::{Case, Dataset};
use crate::events::Part;
use crate::model::Model;
use crate::ranking::rank;
use crate::rng::Rng;

/// Users that a thread ranks together.
const USERS: usize = 8;

/// The vectors of all items as they were some steps ago.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct ItemVectors {
    /// Row after row; empty before they were made first.
    pub(crate) values: Vec<f32>,
}

/// The users for whom items are ranked.
#[derive(Clone, Copy)]
pub(crate) struct Asking<'a> {
    pub(crate) dataset: &'a Dataset,
    /// Places of the batch's events.
    pub(crate) events: &'a [u32],
    /// Their users' vectors.
    pub(crate) users: &'a [f32],
    pub(crate) dim: usize,
}

/// What was drawn.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct HardItems {
    pub(crate) items: Vec<u32>,
    /// How often each item that could be drawn was to be expected among them.
    pub(crate) expected: BTreeMap<u32, f64>,
}

impl ItemVectors {
    /// Makes them anew where this step is one of those that do.
    pub(crate) fn refresh(&mut self, model: &Model, dataset: &Dataset, step: u64, every: usize) {
        let missing = self.values.len() != dataset.items.len() * model.item.dim;
        if missing || step.is_multiple_of(every.max(1) as u64) {
            let rows: Vec<u32> = (0..dataset.items.len() as u32).collect();
            self.values = model.items(dataset, &rows);
        }
    }

    /// Draws from the best items of the batch's first users, as many of them as there are draws, in turn. What a user chose anywhere in the
    /// training part is not among them: before the example, as its target, or later. The same on any number of threads.
    pub(crate) fn draw(&self, asking: Asking<'_>, options: &Negatives, rng: &mut Rng) -> HardItems {
        let Asking { dataset, events, users, dim } = asking;
        let asked = options.hard.min(events.len());
        let cases: Vec<Case> = events[..asked].iter().map(|&at| chosen_in_training(dataset, at)).collect();
        let parts = users[..asked * dim].par_chunks(USERS * dim).zip(cases.par_chunks(USERS));
        let lists: Vec<Vec<Vec<u32>>> = parts.map(|(users, cases)| rank(users, &self.values, dim, cases, options.hard_best)).collect();
        let lists: Vec<Vec<u32>> = lists.into_iter().flatten().collect();
        let mut drawn = HardItems::default();
        // A user who has chosen everything has no list.
        for list in lists.iter().cycle().take(options.hard).filter(|list| !list.is_empty()) {
            drawn.items.push(list[rng.below(list.len())]);
            for &item in list {
                *drawn.expected.entry(item).or_default() += 1.0 / list.len() as f64;
            }
        }
        drawn
    }
}

/// The user of an event, with all that they chose in the training part as seen.
fn chosen_in_training(dataset: &Dataset, at: u32) -> Case {
    let event = &dataset.events.all()[at as usize];
    let own = dataset.events.of(event.user as usize).iter();
    let mut seen: Vec<u32> = own.filter(|event| event.part == Part::Train && event.positive).map(|event| event.item).collect();
    seen.sort_unstable();
    seen.dedup();
    Case { user: event.user, profile: event.profile, history: Vec::new(), seen, relevant: Vec::new() }
}
