//! Both towers and the tables they read.

use std::collections::BTreeMap;

use crate::batch::Batch;
use crate::config::Config;
use crate::dataset::{Case, Dataset};
use crate::dense::Dense;
use crate::entities::Lists;
use crate::error::TrainError;
use crate::layout::Layout;
use crate::rng::{Purpose, Rng};
use crate::tower::{Tables, Tower, TowerOptions};

/// Rows that go through a tower together when nothing is trained.
const CHUNK: usize = 2048;

/// A pair of towers.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Model {
    pub(crate) tables: Tables,
    pub(crate) item: Tower,
    pub(crate) user: Tower,
    pub(crate) item_layouts: Vec<Layout>,
    pub(crate) user_layouts: Vec<Layout>,
}

impl Model {
    /// `widths` are those of tables in the training that is gone on from; none for a training from the beginning.
    pub(crate) fn new(dataset: &Dataset, config: &Config, widths: BTreeMap<String, usize>) -> Result<Self, TrainError> {
        let mut rng = Rng::new(config.training.seed, Purpose::Weights, 0);
        let mut tables = Tables::new(config.optimizer.rule, config.towers.deviation, widths);
        let (item_layouts, user_layouts) = (Layout::of(&dataset.items.spec)?, Layout::of(&dataset.users.spec)?);
        let history = dataset.history.as_ref();
        let main = history.map(|history| &*user_layouts[history.input].table);
        let options = |side, layouts| TowerOptions {
            side,
            layouts,
            towers: &config.towers,
            dim: dataset.items.spec.dim(),
            normalized: if side == "item" { dataset.items.spec.normalized() } else { dataset.users.spec.normalized() },
            history: if side == "user" { history } else { None },
            main,
        };
        let item = Tower::new(&options("item", &item_layouts), &mut tables, &mut rng)?;
        let user = Tower::new(&options("user", &user_layouts), &mut tables, &mut rng)?;
        Ok(Self { tables, item, user, item_layouts, user_layouts })
    }

    /// Dense parameters of both towers, always in the same order.
    pub(crate) fn parameters(&mut self) -> Vec<&mut Dense> {
        let mut all = Vec::new();
        self.item.parameters(&mut all);
        self.user.parameters(&mut all);
        all
    }

    /// Vectors of items.
    pub(crate) fn items(&self, dataset: &Dataset, rows: &[u32]) -> Vec<f32> {
        let mut out = Vec::with_capacity(rows.len() * self.item.dim);
        for rows in rows.chunks(CHUNK) {
            out.extend(self.item.forward(&self.tables, &Batch::gather(&dataset.items, rows), None).0);
        }
        out
    }

    /// Vectors of users as they are in cases.
    pub(crate) fn users(&self, dataset: &Dataset, cases: &[Case]) -> Vec<f32> {
        let mut out = Vec::with_capacity(cases.len() * self.user.dim);
        for cases in cases.chunks(CHUNK) {
            let profiles: Vec<u32> = cases.iter().map(|case| case.profile).collect();
            let mut batch = Batch::gather(&dataset.users, &profiles);
            if let Some(history) = &dataset.history {
                let mut lists = Lists { starts: vec![0], ..Lists::default() };
                for case in cases {
                    lists.indexes.extend(history.cut(&case.history).iter().map(|&item| history.index_of[item as usize]));
                    lists.starts.push(lists.indexes.len());
                }
                batch = batch.with_history(history.input, lists);
            }
            out.extend(self.user.forward(&self.tables, &batch, None).0);
        }
        out
    }
}
