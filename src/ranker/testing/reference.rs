//! The scores of a table of trees, straight from ONNX's text: a loop over the tables for every step of every row. Where the text is silent
//! (two classes; base values of targets that no leaf scores) it says what ONNX Runtime does.

use super::table::{Form, LEAF, MEMBER, Row, Table};

impl Table {
    /// The scores of one row of features.
    pub(crate) fn scores(&self, features: &[f32]) -> Vec<f32> {
        let mut scores: Vec<Option<f32>> = vec![None; self.targets];
        let mut trees = 0;
        for (at, root) in self.rows.iter().enumerate() {
            if at > 0 && self.rows[at - 1].tree == root.tree {
                continue;
            }
            trees += 1;
            for &(target, value) in &self.leaf(root, features).weights {
                let score = &mut scores[target as usize];
                *score = Some(match (*score, self.aggregate) {
                    (None, _) => value,
                    (Some(score), 0 | 1) => score + value,
                    (Some(score), 2) => {
                        if value < score {
                            value
                        } else {
                            score
                        }
                    }
                    (Some(score), _) => {
                        if value > score {
                            value
                        } else {
                            score
                        }
                    }
                });
            }
        }
        if self.form == Form::Classifier && self.targets == 2 {
            return self.two(&scores).to_vec();
        }
        let base = |target: usize| self.base.get(target).copied();
        let finish = |(target, found): (usize, &Option<f32>)| {
            let score = found.unwrap_or(0.0) / if self.aggregate == 0 { trees as f32 } else { 1.0 };
            let lost = found.is_none() && self.form == Form::Regressor;
            base(target).filter(|_| !lost).map_or(score, |base| score + base)
        };
        let scores: Vec<f32> = scores.iter().enumerate().map(finish).collect();
        self.transformed(&scores)
    }

    /// Two classes: where no leaf votes for the second one, votes are for it without saying so.
    fn two(&self, scores: &[Option<f32>]) -> [f32; 2] {
        let base = self.base.first().copied().unwrap_or(0.0);
        if let Some(second) = scores[1] {
            let both = self.transformed(&[scores[0].map_or(0.0, |score| score + base), second]);
            return [both[0], both[1]];
        }
        let score = scores[0].map_or(0.0, |score| score + base);
        let weights = || self.rows.iter().flat_map(|row| &row.weights);
        let one_class = weights().all(|weight| weight.0 == 0) || weights().all(|weight| weight.0 == 1);
        match self.post {
            "LOGISTIC" => [logistic(-score), logistic(score)],
            _ if one_class && weights().next().is_some() && weights().all(|weight| weight.1 >= 0.0) => [1.0 - score, score],
            _ => [-score, score],
        }
    }

    fn leaf(&self, root: &Row, features: &[f32]) -> &Row {
        let find = |node: i64| self.rows.iter().find(|row| (row.tree, row.node) == (root.tree, node));
        let mut row = find(root.node);
        while let Some(found) = row {
            if found.mode == LEAF {
                return found;
            }
            let passes = passes(found, features[found.feature as usize]);
            row = find(if passes { found.yes } else { found.no });
        }
        &self.rows[0]
    }

    fn transformed(&self, scores: &[f32]) -> Vec<f32> {
        let each = |f: &dyn Fn(f32) -> f32| scores.iter().map(|&score| f(score)).collect();
        let most = scores.iter().copied().fold(f32::MIN, f32::max);
        match self.post {
            _ if scores.len() < 2 => scores.to_vec(),
            "LOGISTIC" => each(&logistic),
            "SOFTMAX" => {
                let sum: f32 = scores.iter().map(|score| (score - most).exp()).fold(0.0, |sum, x| sum + x);
                each(&|score| (score - most).exp() / sum)
            }
            "SOFTMAX_ZERO" => {
                let zero = |score: f32| score.abs() <= 1e-7;
                let sum: f32 = scores.iter().filter(|&&score| !zero(score)).map(|score| (score - most).exp()).fold(0.0, |sum, x| sum + x);
                each(&|score| if zero(score) { score * (-most).exp() / sum } else { (score - most).exp() / sum })
            }
            _ => scores.to_vec(),
        }
    }
}

fn logistic(x: f32) -> f32 {
    let y = 1.0 / (1.0 + (-x.abs()).exp());
    if x < 0.0 { 1.0 - y } else { y }
}

fn passes(row: &Row, x: f32) -> bool {
    let t = row.threshold;
    let test = match row.mode {
        0 => x <= t,
        1 => x < t,
        2 => x >= t,
        3 => x > t,
        4 => x == t,
        5 => x != t,
        MEMBER => row.members.contains(&x),
        _ => false,
    };
    test || row.missing && x.is_nan()
}
