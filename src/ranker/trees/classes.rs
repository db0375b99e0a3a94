//! `TreeEnsembleClassifier`: its scores; labels are not computed, for nothing is ranked by a label.

use std::collections::BTreeSet;

use super::super::attributes::Attributes;
use super::super::limits;
use super::super::post::{Post, logistic};
use super::aggregate::Tally;
use super::ensemble::{Aggregate, within};
use super::forest::Forest;
use super::form3::{self, WeightNames};
use crate::model_error::ModelError;

const WEIGHTS: WeightNames = WeightNames { ids: "class_ids", nodes: "class_nodeids", trees: "class_treeids", values: "class_weights" };

/// Trees whose leaves vote for classes.
pub(in super::super) struct Classifier {
    forest: Forest,
    post: Post,
    base: Vec<f32>,
    /// There are two classes, and the leaves vote for one of them only, with weights that are all positive: they add up to a probability.
    probability: bool,
}

impl Classifier {
    /// The operator's attributes.
    pub(in super::super) fn attributes() -> Vec<&'static str> {
        let labels = ["classlabels_int64s", "classlabels_strings"];
        [&form3::NODES[..], &labels, &["class_ids", "class_nodeids", "class_treeids", "class_weights"]].concat()
    }

    /// Reads the operator over `width` features.
    pub(in super::super) fn read(attributes: &Attributes<'_>, width: usize) -> Result<Self, ModelError> {
        let (numbers, texts) = (attributes.ints("classlabels_int64s")?, attributes.texts("classlabels_strings")?);
        let classes = if texts.is_empty() { numbers.len() } else { texts.len() };
        within("classes", classes, limits::TARGETS)?;
        if classes < 2 {
            return Err(attributes.error("classlabels_int64s", format!("has {classes} labels; a classifier has two or more")));
        }
        let post = Post::read(attributes)?;
        let base = attributes.floats("base_values")?.to_vec();
        // Of two base values for two classes ONNX Runtime takes one or the other; nothing that is exported has them.
        let expected = if classes == 2 { 1 } else { classes };
        if !base.is_empty() && base.len() != expected {
            return Err(attributes.error("base_values", format!("has {} elements; expected none or {expected}", base.len())));
        }
        if classes == 2 && post == Post::Probit {
            return Err(attributes.error("post_transform", "is PROBIT, which has no one meaning for two classes"));
        }
        let ensemble = form3::read(attributes, &WEIGHTS, classes)?;
        let voted: BTreeSet<u32> = ensemble.weights.iter().map(|weight| weight.target).collect();
        // With votes for both, or for the second one, ONNX Runtime loses the base value.
        if classes == 2 && !base.is_empty() && voted.iter().any(|&class| class != 0) {
            return Err(attributes.error("base_values", "is given, and leaves vote for the second of two classes"));
        }
        let positive = ensemble.weights.iter().all(|weight| weight.value >= 0.0);
        let probability = classes == 2 && voted.len() == 1 && positive;
        Ok(Self { forest: Forest::new(&ensemble, width)?, post, base, probability })
    }

    /// Numbers that it makes of a row: one a class.
    pub(in super::super) fn width(&self) -> usize {
        self.forest.targets()
    }

    /// The branches that a row visits at most.
    pub(in super::super) fn visits(&self) -> u64 {
        self.forest.visits()
    }

    /// The scores of rows, class beside class.
    pub(in super::super) fn run(&self, rows: &[f32]) -> Vec<f32> {
        let mut scores = Vec::new();
        self.forest.run(rows, Aggregate::Sum, |row| match row {
            [first, second] => scores.extend(self.two(first, second)),
            row => {
                let from = scores.len();
                scores.extend(row.iter().enumerate().map(|(class, tally)| tally.with_base(self.base.get(class))));
                self.post.apply(&mut scores[from..]);
            }
        });
        scores
    }

    /// Two classes: where nothing voted for the second one, the votes for the first are for "yes", which is the second.
    fn two(&self, first: &Tally, second: &Tally) -> [f32; 2] {
        // Without a vote there is no base value either, as in ONNX Runtime.
        let score = first.with_base(self.base.first().filter(|_| first.scored));
        if second.scored {
            let mut scores = [score, second.score];
            self.post.apply(&mut scores);
            return scores;
        }
        match self.post {
            Post::Logistic => [logistic(-score), logistic(score)],
            _ if self.probability => [1.0 - score, score],
            _ => [-score, score],
        }
    }
}
