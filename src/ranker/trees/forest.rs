//! Trees ready to run, and the regressors made of them.

use super::super::attributes::Attributes;
use super::super::post::Post;
use super::aggregate::{Running, Tally};
use super::block::{Block, LANES};
use super::check::{check, visits};
use super::ensemble::{Aggregate, Ensemble, targets};
use super::form3::{self, WeightNames};
use super::form5;
use super::lower::{Column, lower};
use super::walk::{Layout, Tree};
use crate::model_error::ModelError;

/// Checked trees.
pub(super) struct Forest {
    width: usize,
    columns: Vec<Column>,
    layout: Layout,
    /// The leaves' one number, where there is one target.
    values: Vec<f32>,
    /// The leaves' targets and numbers, where there are several, each leaf's from its entry in `starts` on.
    weights: Vec<(u32, f32)>,
    starts: Vec<u32>,
    targets: usize,
    visits: u64,
}

impl Forest {
    /// Checks and lays out trees over `width` features.
    pub(super) fn new(ensemble: &Ensemble, width: usize) -> Result<Self, ModelError> {
        let depths = check(ensemble, width)?;
        let visits = visits(&depths);
        let lowered = lower(ensemble);
        let single = ensemble.targets == 1;
        let mut values = vec![0.0; if single { ensemble.leaves } else { 0 }];
        let (mut weights, mut starts) = (Vec::new(), Vec::new());
        if single {
            ensemble.weights.iter().for_each(|weight| values[weight.leaf as usize] = weight.value);
        } else {
            starts =
                (0..=ensemble.leaves as u32).map(|leaf| ensemble.weights.partition_point(|weight| weight.leaf < leaf) as u32).collect();
            weights = ensemble.weights.iter().map(|weight| (weight.target, weight.value)).collect();
        }
        let layout = Layout::new(&lowered.nodes, &lowered.roots, &depths, ensemble.leaves, single.then_some(&values));
        Ok(Self { width, columns: lowered.columns, layout, values, weights, starts, targets: ensemble.targets, visits })
    }

    pub(super) fn targets(&self) -> usize {
        self.targets
    }

    pub(super) fn visits(&self) -> u64 {
        self.visits
    }

    /// Runs all trees over rows of `width` features; `finish` gets what came of each row, target by target.
    pub(super) fn run(&self, rows: &[f32], aggregate: Aggregate, mut finish: impl FnMut(&[Tally])) {
        let count = rows.len() / self.width;
        // A block costs as much with one row as with all; a row alone costs about a third of that.
        let together = if count % LANES < 3 { count - count % LANES } else { count };
        let (blocks, alone) = rows.split_at(together * self.width);
        self.run_blocks::<LANES>(blocks, aggregate, &mut finish);
        self.run_blocks::<1>(alone, aggregate, &mut finish);
    }

    fn run_blocks<const L: usize>(&self, rows: &[f32], aggregate: Aggregate, finish: &mut impl FnMut(&[Tally])) {
        if rows.is_empty() {
            return;
        }
        let mut block = Block::<L>::with_columns(self.columns.len());
        let mut running = vec![Running::START; self.targets];
        let mut row = Vec::with_capacity(self.targets);
        for rows in rows.chunks(L * self.width) {
            block.fill(rows, self.width, &self.columns);
            running.fill(Running::START);
            for &tree in self.layout.trees() {
                self.tree(tree, &block, aggregate, &mut running);
            }
            for lane in 0..rows.len() / self.width {
                row.clear();
                row.extend(running.iter().map(|running| running.finish(aggregate, lane, self.layout.trees().len())));
                finish(&row);
            }
        }
    }

    fn tree<const L: usize>(&self, tree: Tree, block: &Block<L>, aggregate: Aggregate, running: &mut [Running<L>]) {
        match (tree, running) {
            (Tree::Complete { levels, at }, [running]) => running.take_all(aggregate, &self.layout.values(levels, at, block)),
            (Tree::Linked { root }, [running]) => {
                let values = self.layout.leaves(root, block).map(|leaf| self.values[leaf as usize]);
                running.take_all(aggregate, &values);
            }
            (Tree::Linked { root }, running) => {
                for (lane, leaf) in self.layout.leaves(root, block).into_iter().enumerate() {
                    let from = self.starts[leaf as usize] as usize..self.starts[leaf as usize + 1] as usize;
                    for &(target, value) in &self.weights[from] {
                        running[target as usize].take(aggregate, lane, value);
                    }
                }
            }
            // Only ensembles with one target have complete trees.
            (Tree::Complete { .. }, _) => {}
        }
    }
}

/// `TreeEnsembleRegressor` or `TreeEnsemble`.
pub(in super::super) struct Regressor {
    forest: Forest,
    aggregate: Aggregate,
    post: Post,
    base: Vec<f32>,
}

const WEIGHTS: WeightNames = WeightNames { ids: "target_ids", nodes: "target_nodeids", trees: "target_treeids", values: "target_weights" };

impl Regressor {
    /// The attributes of `TreeEnsembleRegressor`.
    pub(in super::super) fn attributes() -> Vec<&'static str> {
        [&form3::NODES[..], &["aggregate_function", "n_targets"], &["target_ids", "target_nodeids", "target_treeids", "target_weights"]]
            .concat()
    }

    /// The attributes of `TreeEnsemble`.
    pub(in super::super) const ATTRIBUTES_5: [&'static str; 16] = form5::ATTRIBUTES;

    /// Reads a `TreeEnsembleRegressor` over `width` features.
    pub(in super::super) fn read(attributes: &Attributes<'_>, width: usize) -> Result<Self, ModelError> {
        let targets = targets(attributes.int("n_targets", 1)?)?;
        let aggregate = match attributes.text("aggregate_function", "SUM")? {
            "SUM" => Aggregate::Sum,
            "AVERAGE" => Aggregate::Average,
            "MIN" => Aggregate::Min,
            "MAX" => Aggregate::Max,
            other => return Err(attributes.error("aggregate_function", format!("is {other:?}; expected SUM, AVERAGE, MIN or MAX"))),
        };
        let post = Post::read(attributes)?;
        let base = attributes.floats("base_values")?.to_vec();
        if !base.is_empty() && base.len() != targets {
            return Err(attributes.error("base_values", format!("has {} elements; there are {targets} targets", base.len())));
        }
        let forest = Forest::new(&form3::read(attributes, &WEIGHTS, targets)?, width)?;
        Ok(Self { forest, aggregate, post, base })
    }

    /// Reads a `TreeEnsemble` of ai.onnx.ml 5 over `width` features.
    pub(in super::super) fn read_5(attributes: &Attributes<'_>, width: usize) -> Result<Self, ModelError> {
        let aggregate = match attributes.int("aggregate_function", 1)? {
            0 => Aggregate::Average,
            1 => Aggregate::Sum,
            2 => Aggregate::Min,
            3 => Aggregate::Max,
            other => return Err(attributes.error("aggregate_function", format!("is {other}; expected 0 to 3"))),
        };
        let ensemble = form5::read(attributes)?;
        let post = match attributes.int("post_transform", 0)? {
            0 => Post::None,
            // With one target neither has an effect.
            1 | 2 if ensemble.targets == 1 => Post::None,
            1 | 2 => {
                let reason = "is 1 or 2, of which ONNX's text says softmax and logistic, and ONNX Runtime computes logistic and softmax; \
                              leave it out, it does not change the order";
                return Err(attributes.error("post_transform", reason));
            }
            3 => Post::SoftmaxZero,
            4 => Post::Probit,
            other => return Err(attributes.error("post_transform", format!("is {other}; expected 0 to 4"))),
        };
        Ok(Self { forest: Forest::new(&ensemble, width)?, aggregate, post, base: Vec::new() })
    }

    /// Numbers that it makes of a row.
    pub(in super::super) fn width(&self) -> usize {
        self.forest.targets()
    }

    /// The branches that a row visits at most.
    pub(in super::super) fn visits(&self) -> u64 {
        self.forest.visits()
    }

    /// The scores of rows, target beside target.
    pub(in super::super) fn run(&self, rows: &[f32]) -> Vec<f32> {
        let targets = self.forest.targets();
        let mut scores = Vec::with_capacity(rows.len() / self.forest.width * targets);
        self.forest.run(rows, self.aggregate, |row| {
            let from = scores.len();
            // Of several targets one that no leaf has a weight for goes without its base value, as in ONNX Runtime.
            let base = |target: usize, tally: &Tally| self.base.get(target).filter(|_| targets == 1 || tally.scored);
            scores.extend(row.iter().enumerate().map(|(target, tally)| tally.with_base(base(target, tally))));
            self.post.apply(&mut scores[from..]);
        });
        scores
    }
}
