//! A pair of towers that was trained.

use crate::config::Config;
use crate::dataset::{Case, Dataset};
use crate::events::Part;
use crate::model::Model;
use crate::progress::EpochReport;
use crate::ranking::{Quality, quality, rank};

/// Trained towers, with how they came to be.
#[derive(Clone, Debug)]
pub struct Trained {
    pub(crate) model: Model,
    /// The options.
    pub config: Config,
    /// All epochs.
    pub epochs: Vec<EpochReport>,
    /// The epoch whose parameters these are, counted from 1.
    pub best: usize,
    /// What was chosen for the fold; 0 without.
    pub lambda: f32,
}

impl Trained {
    /// Vectors of all items, row after row.
    #[must_use]
    pub fn item_vectors(&self, dataset: &Dataset) -> Vec<f32> {
        let rows: Vec<u32> = (0..dataset.items.len() as u32).collect();
        self.model.items(dataset, &rows)
    }

    /// Vectors of users as the cases have them.
    #[must_use]
    pub fn user_vectors(&self, dataset: &Dataset, cases: &[Case]) -> Vec<f32> {
        self.model.users(dataset, cases)
    }

    /// The best `k` items of each case, over all items but those seen, best first.
    #[must_use]
    pub fn rankings(&self, dataset: &Dataset, cases: &[Case], k: usize) -> Vec<Vec<u32>> {
        let (users, items) = (self.user_vectors(dataset, cases), self.item_vectors(dataset));
        rank(&users, &items, self.model.item.width, cases, k)
    }

    /// The same towers with the first `width` numbers of their vectors alone, brought to length 1 again where they have it: of use where
    /// training had the width among [`Towers::matryoshka`](crate::Towers::matryoshka). [`Dataset::set_width`] goes with it.
    #[must_use]
    pub fn prefix(&self, width: usize) -> Self {
        let mut short = self.clone();
        for tower in [&mut short.model.item, &mut short.model.user] {
            tower.width = width.clamp(1, tower.dim);
        }
        short
    }

    /// Exact full ranking of a part.
    #[must_use]
    pub fn evaluate(&self, dataset: &Dataset, part: Part, k: usize) -> Quality {
        let cases = dataset.cases(part);
        quality(&self.rankings(dataset, &cases, k), &cases, k)
    }
}
