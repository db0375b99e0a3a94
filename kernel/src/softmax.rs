//! Softmax of rows of f32.

use super::curve;

/// Partial maxima and sums that are kept side by side.
const LANES: usize = 16;

#[inline(always)]
pub(super) fn softmax(width: usize, values: &mut [f32]) {
    for row in values.chunks_exact_mut(width) {
        let mut most = [f32::NEG_INFINITY; LANES];
        let (groups, rest) = row.as_chunks::<LANES>();
        for group in groups {
            for (most, &x) in most.iter_mut().zip(group) {
                *most = if x > *most { x } else { *most };
            }
        }
        for (most, &x) in most.iter_mut().zip(rest) {
            *most = if x > *most { x } else { *most };
        }
        let most = most.into_iter().fold(f32::NEG_INFINITY, |most, x| if x > most { x } else { most });
        for x in row.iter_mut() {
            *x = curve::exp(*x - most);
        }
        let mut sums = [0f32; LANES];
        let (groups, rest) = row.as_chunks::<LANES>();
        for group in groups {
            for (sum, &x) in sums.iter_mut().zip(group) {
                *sum += x;
            }
        }
        for (sum, &x) in sums.iter_mut().zip(rest) {
            *sum += x;
        }
        for half in [8, 4, 2, 1] {
            for lane in 0..half {
                sums[lane] += sums[lane + half];
            }
        }
        let scale = 1.0 / sums[0];
        for x in row {
            *x *= scale;
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::Kernel;

    #[test]
    fn rows_become_shares_with_the_same_bits_on_every_path() {
        for width in [1, 2, 15, 16, 17, 50, 64, 100] {
            let values: Vec<f32> = (0..3 * width).map(|n| ((n * 37 % 101) as f32 - 50.0) * 0.3).collect();
            let mut wanted = values.clone();
            Kernel::SCALAR.softmax(width, &mut wanted);
            for (row, shares) in values.chunks(width).zip(wanted.chunks(width)) {
                let most = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
                let total: f64 = row.iter().map(|x| f64::from(x - most).exp()).sum();
                for (x, share) in row.iter().zip(shares) {
                    let exact = f64::from(x - most).exp() / total;
                    assert!((f64::from(*share) - exact).abs() <= 1e-6 * exact, "{share} for {exact}");
                }
            }
            for kernel in Kernel::available() {
                let mut found = values.clone();
                kernel.softmax(width, &mut found);
                assert_eq!(found, wanted, "{} of {width}", kernel.name());
            }
        }
        let mut masked = [f32::NEG_INFINITY, 2.0, f32::NEG_INFINITY, f32::NEG_INFINITY, f32::NEG_INFINITY, f32::NEG_INFINITY];
        Kernel::detect().softmax(3, &mut masked);
        assert_eq!(masked[..3], [0.0, 1.0, 0.0]);
        assert!(masked[3..].iter().all(|x| x.is_nan()));
    }
}
