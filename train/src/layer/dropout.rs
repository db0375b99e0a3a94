//! Dropout (Srivastava and others 2014): in training a number is 0 with a chance of `rate`, else divided by 1 - rate.

use crate::rng::Rng;

/// What numbers were multiplied by.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Dropout {
    factors: Vec<f32>,
}

impl Dropout {
    /// Drops numbers of `x`. Without a generator (outside of training), or at rate 0, nothing.
    pub(crate) fn forward(x: &mut [f32], rate: f32, rng: Option<&mut Rng>) -> Self {
        let Some(rng) = rng.filter(|_| rate > 0.0) else { return Self::default() };
        let keep = 1.0 / (1.0 - rate);
        let factors: Vec<f32> = x.iter().map(|_| if rng.uniform() < rate { 0.0 } else { keep }).collect();
        x.iter_mut().zip(&factors).for_each(|(x, by)| *x *= by);
        Self { factors }
    }

    pub(crate) fn backward(&self, d: &mut [f32]) {
        d.iter_mut().zip(&self.factors).for_each(|(d, by)| *d *= by);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Purpose;

    #[test]
    fn drops_a_share_and_keeps_the_mean() {
        let mut rng = Rng::new(1, Purpose::Users, 0);
        let mut x = vec![1f32; 40_000];
        let mut d = x.clone();
        let dropout = Dropout::forward(&mut x, 0.25, Some(&mut rng));
        let zeros = x.iter().filter(|x| **x == 0.0).count();
        assert!((9_500..10_500).contains(&zeros) && x.iter().all(|x| *x == 0.0 || (*x - 4.0 / 3.0).abs() < 1e-6));
        dropout.backward(&mut d);
        assert_eq!(x, d);
        for (rate, rng) in [(0.0, Some(&mut rng)), (0.5, None)] {
            let mut x = vec![2f32; 10];
            Dropout::forward(&mut x, rate, rng).backward(&mut x);
            assert_eq!(x, vec![2f32; 10]);
        }
    }
}
