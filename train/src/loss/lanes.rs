//! A loss and its derivatives, for as many users side by side as a panel of products has columns.

use torre_kernel::Loop;

use super::Loss;
use crate::loops::{exp, sigmoid};

/// Users side by side.
pub(crate) const LANES: usize = 32;

/// One number a user.
pub(crate) type Lane = [f32; LANES];

/// Works on the logits of the negatives in place: they become the derivatives of the loss by the logits, up to `factor`.
pub(super) struct Lanes<'a> {
    pub(super) loss: Loss,
    /// For each candidate the users' inner products; negative infinity where it is none of a user's negatives.
    pub(super) products: &'a mut [Lane],
    /// What is added to each candidate's products.
    pub(super) bias: &'a [f32],
    /// What products are multiplied by before.
    pub(super) scale: f32,
    /// The users' own logits.
    pub(super) target: Lane,
    /// How many negatives each user has.
    pub(super) negatives: Lane,
}

/// What is known of the users afterwards.
pub(super) struct Outcome {
    pub(super) loss: Lane,
    /// Derivative by the target's logit, up to `factor`.
    pub(super) target: Lane,
    /// What the derivatives have to be multiplied by.
    pub(super) factor: Lane,
}

impl Loop for Lanes<'_> {
    type Output = Outcome;
    #[inline(always)]
    fn run(mut self) -> Outcome {
        match self.loss {
            Loss::Softmax => self.softmax(),
            Loss::Bce { weight } => {
                let own = self.target;
                let mut outcome = self.each(|_, x| (x, sigmoid(x)), |_, _| 0.0, weight, true);
                for lane in 0..LANES {
                    outcome.loss[lane] += (1.0 + exp(-own[lane].abs())).ln() + (-own[lane]).max(0.0);
                    // Derivatives are over the negatives' factor.
                    outcome.target[lane] = (sigmoid(own[lane]) - 1.0) / outcome.factor[lane];
                }
                outcome
            }
            Loss::CosineContrastive { weight, margin } => {
                let own = self.target;
                let hinge = |_: f32, x: f32| ((x - margin).max(0.0), if x > margin { 1.0 } else { 0.0 });
                let mut outcome = self.each(hinge, |_, _| 0.0, weight, false);
                for lane in 0..LANES {
                    outcome.loss[lane] += 1.0 - own[lane];
                    outcome.target[lane] = -1.0 / outcome.factor[lane];
                }
                outcome
            }
            Loss::Bpr => self.each(|t, x| (x - t, sigmoid(x - t)), |_, d| -d, 1.0, true),
            Loss::Triplet { margin } => {
                let hinge = |t: f32, x: f32| ((margin + x - t).max(0.0), if margin + x > t { 1.0 } else { 0.0 });
                self.each(hinge, |_, d| -d, 1.0, false)
            }
        }
    }
}

impl Lanes<'_> {
    #[inline(always)]
    fn softmax(&mut self) -> Outcome {
        let mut most = self.target;
        for (products, &bias) in self.products.iter_mut().zip(self.bias) {
            for lane in 0..LANES {
                let x = self.scale.mul_add(products[lane], bias);
                products[lane] = x;
                most[lane] = if x > most[lane] { x } else { most[lane] };
            }
        }
        let mut own = [0f32; LANES];
        for lane in 0..LANES {
            own[lane] = exp(self.target[lane] - most[lane]);
        }
        let mut sums = own;
        for products in &mut *self.products {
            for lane in 0..LANES {
                let e = exp(products[lane] - most[lane]);
                products[lane] = e;
                sums[lane] += e;
            }
        }
        let mut outcome = Outcome { loss: [0.0; LANES], target: [0.0; LANES], factor: [0.0; LANES] };
        for lane in 0..LANES {
            outcome.loss[lane] = sums[lane].ln() + (most[lane] - self.target[lane]);
            outcome.target[lane] = own[lane] - sums[lane];
            outcome.factor[lane] = 1.0 / sums[lane];
        }
        outcome
    }

    /// Losses that are sums over negatives: `term` gives of the target's and a negative's logit the loss (or what `ln(1 + e^..)` is taken of)
    /// and the derivative by the negative's; `back` what that is by the target's.
    #[inline(always)]
    fn each(
        &mut self,
        term: impl Fn(f32, f32) -> (f32, f32),
        back: impl Fn(f32, f32) -> f32,
        weight: f32,
        soft: bool,
    ) -> Outcome {
        /// Lines after which a product of numbers from 1 to 2 has to be taken the logarithm of.
        const RUN: usize = 64;
        let mut sum = [0f32; LANES];
        let mut target = [0f32; LANES];
        for (products, bias) in self.products.chunks_mut(RUN).zip(self.bias.chunks(RUN)) {
            let mut product = [1f32; LANES];
            for (products, &bias) in products.iter_mut().zip(bias) {
                for lane in 0..LANES {
                    let x = self.scale.mul_add(products[lane], bias);
                    let (loss, derivative) = term(self.target[lane], x);
                    let positive = if loss > 0.0 { loss } else { 0.0 };
                    sum[lane] += positive;
                    // ln(1 + e^x) = max(0, x) + ln(1 + e^-|x|).
                    product[lane] *= if soft { 1.0 + exp(-loss.abs()) } else { 1.0 };
                    products[lane] = derivative;
                    target[lane] += back(x, derivative);
                }
            }
            for lane in 0..LANES {
                sum[lane] += product[lane].ln();
            }
        }
        let mut factor = [0f32; LANES];
        for lane in 0..LANES {
            // Without negatives there is nothing to divide by, and nothing that is divided.
            factor[lane] = weight / if self.negatives[lane] > 0.0 { self.negatives[lane] } else { 1.0 };
            sum[lane] *= factor[lane];
        }
        Outcome { loss: sum, target, factor }
    }
}
