//! How gradients move numbers.

use serde::{Deserialize, Serialize};
use torre_kernel::Loop;

use crate::loops::dot;

/// The rule by which parameters move.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// Adam (Kingma and Ba 2015) with bias correction; rows of tables that a step does not touch stay as they are (lazy). Three numbers a
    /// parameter.
    Adam,
    /// Adam with one second moment for each row of a table. Two numbers a parameter.
    RowAdam,
    /// Adagrad (Duchi, Hazan and Singer 2011) with one sum for each row of a table. One number a parameter.
    RowAdagrad,
}

/// One step's numbers.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Step {
    pub(crate) rule: Rule,
    pub(crate) rate: f32,
    /// Pull towards 0, as a part of the gradient.
    pub(crate) l2: f32,
    /// 1 / (1 - beta1^t) and 1 / (1 - beta2^t).
    pub(crate) corrections: [f32; 2],
}

const BETA1: f32 = 0.9;
const BETA2: f32 = 0.999;
const EPSILON: f32 = 1e-8;

impl Step {
    /// Step `t`, counted from 1.
    pub(crate) fn new(rule: Rule, rate: f32, l2: f32, t: u64) -> Self {
        let correction = |beta: f32| (1.0 / (1.0 - f64::from(beta).powf(t as f64))) as f32;
        Self { rule, rate, l2, corrections: [correction(BETA1), correction(BETA2)] }
    }
}

/// Numbers that move together with what the rule remembers of them: a row of a table, or a whole dense tensor.
pub(crate) struct Move<'a> {
    pub(crate) step: Step,
    pub(crate) values: &'a mut [f32],
    /// As long as the values, or empty under [`Rule::RowAdagrad`].
    pub(crate) first: &'a mut [f32],
    /// As long as the values, or one number.
    pub(crate) second: &'a mut [f32],
    pub(crate) gradient: &'a [f32],
}

impl Loop for Move<'_> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        self.apply();
    }
}

impl Move<'_> {
    /// Inside of other loops.
    #[inline(always)]
    pub(crate) fn apply(self) {
        let Self { step: Step { rule, rate, l2, corrections: [c1, c2] }, values, first, second, gradient } = self;
        match rule {
            Rule::Adam => {
                for (((x, m), v), g) in values.iter_mut().zip(first).zip(second).zip(gradient) {
                    let g = l2.mul_add(*x, *g);
                    *m = BETA1.mul_add(*m, (1.0 - BETA1) * g);
                    *v = BETA2.mul_add(*v, (1.0 - BETA2) * (g * g));
                    *x -= rate * (*m * c1) / ((*v * c2).sqrt() + EPSILON);
                }
            }
            Rule::RowAdam => {
                let Some(v) = second.first_mut() else { return };
                let square = dot(gradient, gradient) / gradient.len() as f32;
                *v = BETA2.mul_add(*v, (1.0 - BETA2) * square);
                let by = rate * c1 / ((*v * c2).sqrt() + EPSILON);
                for ((x, m), g) in values.iter_mut().zip(first).zip(gradient) {
                    *m = BETA1.mul_add(*m, (1.0 - BETA1) * l2.mul_add(*x, *g));
                    *x -= by * *m;
                }
            }
            Rule::RowAdagrad => {
                let Some(v) = second.first_mut() else { return };
                *v += dot(gradient, gradient) / gradient.len() as f32;
                let by = rate / (v.sqrt() + EPSILON);
                for (x, g) in values.iter_mut().zip(gradient) {
                    *x -= by * l2.mul_add(*x, *g);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::loops::KERNEL;

    /// A bowl with another curvature in every direction: all rules find its bottom.
    #[test]
    fn every_rule_goes_downhill() {
        for rule in [Rule::Adam, Rule::RowAdam, Rule::RowAdagrad] {
            let (mut values, mut first) = (vec![1.0f32; 20], vec![0.0; 20]);
            let mut second = if rule == Rule::Adam { vec![0.0; 20] } else { vec![0.0] };
            for t in 1..=3000 {
                let gradient: Vec<f32> = values.iter().enumerate().map(|(d, x)| (d as f32 + 1.0) * 0.1 * (x - 0.5)).collect();
                let step = Step::new(rule, 0.05, 0.0, t);
                KERNEL.run(Move { step, values: &mut values, first: &mut first, second: &mut second, gradient: &gradient });
            }
            assert!(values.iter().all(|x| (x - 0.5).abs() < 0.02), "{rule:?}: {values:?}");
        }
    }

    /// The first two steps, by hand in f64.
    #[test]
    fn adam_is_adam() {
        let (mut x, mut m, mut v) = (vec![0.3f32], vec![0.0f32], vec![0.0f32]);
        let (mut wx, mut wm, mut wv) = (f64::from(0.3f32), 0f64, 0f64);
        for t in 1..=2 {
            let step = Step::new(Rule::Adam, 0.01, 0.1, t);
            KERNEL.run(Move { step, values: &mut x, first: &mut m, second: &mut v, gradient: &[0.7] });
            let g = f64::from(0.7f32) + 0.1 * wx;
            wm = 0.9 * wm + 0.1 * g;
            wv = 0.999 * wv + 0.001 * g * g;
            wx -= 0.01 * (wm / (1.0 - 0.9f64.powi(t as i32))) / ((wv / (1.0 - 0.999f64.powi(t as i32))).sqrt() + 1e-8);
        }
        assert!((f64::from(x[0]) - wx).abs() < 1e-6, "{} {wx}", x[0]);
    }
}
