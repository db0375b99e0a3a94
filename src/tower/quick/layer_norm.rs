//! LayerNormalization and RMSNormalization as towers run them: f32 in and out, sums in f64, the variance in a second pass over what
//! is left when the mean is gone. The variance of squares that the runtime takes loses its digits where the mean is large.

/// The scale and bias, each as long as a group, and what keeps a variance of 0 apart from 0.
pub(super) struct LayerNorm<'a> {
    pub(super) scale: &'a [f32],
    pub(super) bias: Option<&'a [f32]>,
    pub(super) epsilon: f64,
    /// Whether the mean is taken away first; a root mean square leaves it.
    pub(super) centred: bool,
}

impl LayerNorm<'_> {
    /// Normalises each group of `scale.len()` numbers; `None` where the lengths do not fit.
    pub(super) fn apply(&self, x: &[f32]) -> Option<Vec<f32>> {
        let width = self.scale.len();
        if width == 0 || !x.len().is_multiple_of(width) || self.bias.is_some_and(|bias| bias.len() != width) {
            return None;
        }
        let count = width as f64;
        let mut out = Vec::with_capacity(x.len());
        for group in x.chunks_exact(width) {
            let mean = if self.centred { group.iter().map(|&x| f64::from(x)).sum::<f64>() / count } else { 0.0 };
            let variance = group.iter().map(|&x| (f64::from(x) - mean) * (f64::from(x) - mean)).sum::<f64>() / count;
            let factor = (variance + self.epsilon).sqrt().recip();
            let normal = group.iter().zip(self.scale).map(|(&x, &scale)| (f64::from(x) - mean) * factor * f64::from(scale));
            match self.bias {
                Some(bias) => out.extend(normal.zip(bias).map(|(x, &bias)| (x + f64::from(bias)) as f32)),
                None => out.extend(normal.map(|x| x as f32)),
            }
        }
        Some(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_mean_costs_no_digits() {
        let norm = LayerNorm { scale: &[1.0, 1.0, 2.0, 1.0], bias: Some(&[0.0, 0.0, 0.0, 1.0]), epsilon: 0.0, centred: true };
        let near = norm.apply(&[-1.0, 1.0, -1.0, 1.0]).unwrap();
        let far = norm.apply(&[99_999.0, 100_001.0, 99_999.0, 100_001.0]).unwrap();
        assert_eq!(near, [-1.0, 1.0, -2.0, 2.0]);
        assert_eq!(near, far);
        assert_eq!(norm.apply(&[0.0; 5]), None);
    }
}
