//! What neural networks apply to every number, or to every row.

use super::curve::Curve;
use super::kernel::Kernel;

impl Kernel {
    /// Replaces each value by the curve at it.
    pub fn curve(self, curve: Curve, values: &mut [f32]) {
        if matches!(curve, Curve::Sin | Curve::Cos) {
            // Beyond this the quarter turns do not fit 31 bits; nobody's model comes here.
            values.iter_mut().filter(|x| x.abs() > 1e9).for_each(|x| *x = (f64::from(*x) % std::f64::consts::TAU) as f32);
        }
        self.curve_in_path(curve, values);
    }

    /// Replaces each row of `width` values by its softmax: exp(x - largest) over the sum of these. A row of -infinity alone becomes NaN.
    pub fn softmax(self, width: usize, values: &mut [f32]) {
        assert!(width > 0 && values.len().is_multiple_of(width), "rows of another length");
        self.softmax_in_path(width, values);
    }
}
