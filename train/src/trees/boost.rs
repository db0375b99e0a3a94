//! Tree after tree, each on the gradients that those before it leave (Friedman 2001; with lambdas: Wu, Burges, Svore and Gao 2010).

use rayon::prelude::*;
use torre::{Progress, Stage};

use super::bins::Binned;
use super::forest::{Forest, Tree};
use super::gain::ndcg;
use super::grow::{Ground, Grown};
use super::lambda::{Gradient, Lambdas};
use super::options::TreeOptions;
use super::sample;
use super::split::Rule;
use super::table::RankingTable;
use crate::error::TrainError;

/// A trained ranker, and how it came about.
#[derive(Clone, PartialEq, Debug)]
pub struct Boosted {
    /// The ranker: as many trees as validated best, or all where nothing validated.
    pub forest: Forest,
    /// Validation NDCG after each tree; empty without validation.
    pub validation: Vec<f64>,
}

/// Trains a ranker on the groups of `train`. `validation` decides how many trees it has. The same tables and options give the same
/// ranker, to the bit, on any number of threads.
///
/// # Errors
/// [`TrainError::Option`] for options that cannot be; [`TrainError::Data`] where the tables have different features, there is nothing to
/// learn, or no feature splits anything; [`TrainError::Interrupted`].
pub fn boost(
    train: &RankingTable,
    validation: Option<&RankingTable>,
    options: &TreeOptions,
    progress: &dyn Progress,
) -> Result<Boosted, TrainError> {
    options.check()?;
    check(train, validation)?;
    let binned = Binned::new(train, options.bins);
    let rule = Rule { min_leaf: options.min_leaf, l2: options.l2 };
    let ground = Ground { binned: &binned, rule, leaves: options.leaves, rate: options.rate };
    let lambdas = Lambdas::new(train, options.truncation);
    let mut scores = vec![0f32; train.rows()];
    let mut gradients = vec![Gradient::default(); train.rows()];
    let mut forest = Forest { features: train.names().to_vec(), trees: Vec::new(), gains: vec![0.0; train.names().len()] };
    let mut judge = validation.map(Judge::new);
    for round in 0..options.trees {
        if progress.cancelled() {
            return Err(TrainError::Interrupted { step: round as u64 });
        }
        lambdas.at(&scores, &mut gradients);
        let rows = sample::rows(options, round, train.rows());
        let features = sample::features(options, round, train.names().len());
        let grown = ground.grow(&gradients, rows, &features);
        if grown.tree.branches.is_empty() {
            // Another draw of rows or features may split again; where all were there, no tree after it will.
            if options.row_share >= 1.0 && options.feature_share >= 1.0 {
                break;
            }
            continue;
        }
        add(&grown, train, &mut scores);
        grown.gains.iter().for_each(|&(feature, gain)| forest.gains[feature as usize] += gain);
        forest.trees.push(grown.tree);
        progress.update(Stage::TrainRanker, round as u64 + 1, Some(options.trees as u64));
        if let (Some(judge), Some(tree)) = (&mut judge, forest.trees.last())
            && judge.is_done(tree, options)
        {
            break;
        }
    }
    if forest.trees.is_empty() {
        let (rows, least) = (train.rows(), options.min_leaf);
        return Err(TrainError::Data(format!(
            "no feature splits the {rows} rows into leaves of {least} rows at least: all features are constant, or there are too few rows"
        )));
    }
    let Some(judge) = judge else { return Ok(Boosted { forest, validation: Vec::new() }) };
    forest.trees.truncate(judge.best);
    Ok(Boosted { forest, validation: judge.course })
}

fn check(train: &RankingTable, validation: Option<&RankingTable>) -> Result<(), TrainError> {
    let (groups, rows) = (train.groups(), train.rows());
    if rows > u32::MAX as usize {
        return Err(TrainError::Data(format!("{rows} rows; at most {}", u32::MAX)));
    }
    if train.telling_groups() == 0 {
        return Err(TrainError::Data(format!("in none of {groups} groups ({rows} rows) was one candidate better than another")));
    }
    let Some(validation) = validation else { return Ok(()) };
    if validation.names() != train.names() {
        let (expected, got) = (train.names().join(", "), validation.names().join(", "));
        return Err(TrainError::Data(format!("validation has the features {got}, training has {expected}")));
    }
    if validation.telling_groups() == 0 {
        let groups = validation.groups();
        return Err(TrainError::Data(format!("in none of {groups} validation groups was one candidate better than another")));
    }
    Ok(())
}

/// Adds a tree to the scores of all rows: of those it was grown on the leaves are known.
fn add(grown: &Grown, table: &RankingTable, scores: &mut [f32]) {
    if grown.rows.len() < scores.len() {
        let width = table.names().len();
        scores.par_iter_mut().zip(table.values().par_chunks_exact(width)).with_min_len(512).for_each(|(score, row)| {
            *score += grown.tree.value(row);
        });
        return;
    }
    for (&(from, count), value) in grown.ranges.iter().zip(&grown.tree.leaves) {
        grown.rows[from..from + count].iter().for_each(|&row| scores[row as usize] += value);
    }
}

/// Validation groups with their scores so far.
struct Judge<'v> {
    table: &'v RankingTable,
    scores: Vec<f32>,
    course: Vec<f64>,
    /// The number of trees that is best.
    best: usize,
}

impl<'v> Judge<'v> {
    fn new(table: &'v RankingTable) -> Self {
        Self { table, scores: vec![0.0; table.rows()], course: Vec::new(), best: 0 }
    }

    /// Takes the next tree in; true once patience is at its end.
    fn is_done(&mut self, tree: &Tree, options: &TreeOptions) -> bool {
        let width = self.table.names().len();
        self.scores
            .par_iter_mut()
            .zip(self.table.values().par_chunks_exact(width))
            .with_min_len(512)
            .for_each(|(score, row)| *score += tree.value(row));
        let now = ndcg(self.table, &self.scores, options.k).unwrap_or(0.0);
        self.course.push(now);
        if self.best == 0 || now > self.course[self.best - 1] {
            self.best = self.course.len();
        }
        self.course.len() - self.best >= options.patience
    }
}
