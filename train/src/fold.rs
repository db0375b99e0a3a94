//! A step of LightGCN's in the exported table of items.

use crate::dataset::{Case, Dataset};
use crate::events::Part;
use crate::loops::{AddScaled, KERNEL, dot};
use crate::model::Model;
use crate::ranking::{quality, rank};
use crate::tower::Part as FieldPart;
use crate::trained::Trained;

/// Tries the config's lambdas on validation and keeps the best; none, where all make it worse, there is no validation, or the item tower is
/// more than a table of ids.
pub(crate) fn fold(trained: &mut Trained, dataset: &Dataset, cases: &[Case]) {
    let lambdas = &trained.config.fold.lambdas;
    if lambdas.is_empty() || cases.is_empty() || trained.model.item.mlp.is_some() {
        return;
    }
    let k = trained.config.training.k;
    let users = trained.model.users(dataset, cases);
    let rows: Vec<u32> = (0..dataset.items.len() as u32).collect();
    let value = |model: &Model| {
        let items = model.items(dataset, &rows);
        quality(&rank(&users, &items, model.item.dim, cases, k), cases, k).ndcg
    };
    let Some(neighbours) = Neighbours::new(&trained.model, dataset) else { return };
    let mut best = (value(&trained.model), 0.0, None);
    for &lambda in lambdas {
        let model = neighbours.folded(&trained.model, dataset, lambda);
        let now = value(&model);
        if now > best.0 {
            best = (now, lambda, Some(model));
        }
    }
    if let (_, lambda, Some(model)) = best {
        (trained.model, trained.lambda) = (model, lambda);
    }
}

/// For each item the sum over its users of their vectors over sqrt(d_u d_i).
struct Neighbours {
    sums: Vec<f32>,
    field: usize,
    table: usize,
}

impl Neighbours {
    fn new(model: &Model, dataset: &Dataset) -> Option<Self> {
        let field = model.item.main?;
        let FieldPart::Embedding { table, .. } = model.item.fields[field].part else { return None };
        let dim = model.item.dim;
        let mut counts = vec![0u32; dataset.items.len()];
        let mut cases = Vec::new();
        for user in 0..dataset.users.len() {
            let events = dataset.events.of(user).iter().filter(|event| event.part == Part::Train && event.positive);
            let history: Vec<u32> = events.clone().map(|event| event.item).collect();
            let Some(last) = events.last() else { continue };
            history.iter().for_each(|&item| counts[item as usize] += 1);
            cases.push(Case { user: user as u32, profile: last.profile, history, seen: vec![], relevant: vec![] });
        }
        let mut sums = vec![0f32; dataset.items.len() * dim];
        for cases in cases.chunks(4096) {
            let users = model.users(dataset, cases);
            for (case, user) in cases.iter().zip(users.chunks_exact(dim)) {
                for &item in &case.history {
                    let by = 1.0 / (case.history.len() as f32 * counts[item as usize] as f32).sqrt();
                    KERNEL.run(AddScaled { out: &mut sums[item as usize * dim..][..dim], x: user, by });
                }
            }
        }
        Some(Self { sums, field, table })
    }

    /// The model with a table of its own for the item tower, which keeps the rows' lengths on average.
    fn folded(&self, model: &Model, dataset: &Dataset, lambda: f32) -> Model {
        let mut model = model.clone();
        let dim = model.item.dim;
        let mut table = model.tables.list[self.table].clone();
        table.name = format!("{}.folded", table.name);
        let length = |values: &[f32]| values.chunks_exact(dim).map(|row| f64::from(dot(row, row)).sqrt()).sum::<f64>();
        let before = length(&table.values);
        let column = &dataset.items.columns[model.item.fields[self.field].input];
        if let crate::entities::Column::Lists(lists) = column {
            for (item, sum) in self.sums.chunks_exact(dim).enumerate() {
                for &row in lists.of(item) {
                    KERNEL.run(AddScaled { out: &mut table.values[row as usize * dim..][..dim], x: sum, by: lambda });
                }
            }
        }
        let after = length(&table.values);
        let by = if after > 0.0 { (before / after) as f32 } else { 1.0 };
        table.values.iter_mut().for_each(|x| *x *= by);
        model.tables.list.push(table);
        if let FieldPart::Embedding { table, .. } = &mut model.item.fields[self.field].part {
            *table = model.tables.list.len() - 1;
        }
        model
    }
}
