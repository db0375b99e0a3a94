//! Loops over numbers that every layer needs, run by the kernel's fastest path. One order of operations on every path.

use std::sync::LazyLock;

use torre_kernel::{Kernel, Loop};

/// The path of this machine.
pub(crate) static KERNEL: LazyLock<Kernel> = LazyLock::new(Kernel::detect);

/// Sums that are kept side by side where a loop adds up.
pub(crate) const LANES: usize = 16;

/// `out += by * x`.
pub(crate) struct AddScaled<'a> {
    pub(crate) out: &'a mut [f32],
    pub(crate) x: &'a [f32],
    pub(crate) by: f32,
}

impl Loop for AddScaled<'_> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        add_scaled(self.out, self.x, self.by);
    }
}

/// `out += by * x`, inside of other loops.
#[inline(always)]
pub(crate) fn add_scaled(out: &mut [f32], x: &[f32], by: f32) {
    for (out, x) in out.iter_mut().zip(x) {
        *out = by.mul_add(*x, *out);
    }
}

/// Sum of products in 16 partial sums, folded in halves; inside of other loops.
#[inline(always)]
pub(crate) fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0f32; LANES];
    let (a, a_rest) = a.as_chunks::<LANES>();
    let (b, b_rest) = b.as_chunks::<LANES>();
    for (a, b) in a.iter().zip(b) {
        for lane in 0..LANES {
            sums[lane] = a[lane].mul_add(b[lane], sums[lane]);
        }
    }
    for (lane, (a, b)) in a_rest.iter().zip(b_rest).enumerate() {
        sums[lane] = a.mul_add(*b, sums[lane]);
    }
    for half in [8, 4, 2, 1] {
        for lane in 0..half {
            sums[lane] += sums[lane + half];
        }
    }
    sums[0]
}

/// e^x for x from about -87 to 88, 0 below: reduction by ln 2 in two parts, a polynomial of degree 6 (error below 2 units in the last
/// place; coefficients of Cephes' `expf`).
#[inline(always)]
pub(crate) fn exp(x: f32) -> f32 {
    const ROUND: f32 = 12_582_912.0;
    let bounded = x.clamp(-87.0, 88.0);
    let n = bounded.mul_add(std::f32::consts::LOG2_E, ROUND) - ROUND;
    let r = n.mul_add(2.121_944_4e-4, n.mul_add(-0.693_359_4, bounded));
    let mut p = 1.987_569_1e-4f32;
    for c in [1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 0.5] {
        p = p.mul_add(r, c);
    }
    let p = (p * r).mul_add(r, r) + 1.0;
    let scale = f32::from_bits(((n as i32 + 127) << 23).cast_unsigned());
    if x < -87.0 { 0.0 } else { p * scale }
}

/// 1 / (1 + e^-x).
#[inline(always)]
pub(crate) fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

/// Hyperbolic tangent: 2 sigmoid(2 x) - 1; small x by its series, for that difference has few digits there.
#[inline(always)]
pub(crate) fn tanh(x: f32) -> f32 {
    let small = x * (x * x).mul_add((x * x).mul_add(2.0 / 15.0, -1.0 / 3.0), 1.0);
    let large = 2.0f32.mul_add(sigmoid(2.0 * x), -1.0);
    if x.abs() < 0.1 { small } else { large }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_near_those_of_the_library() {
        for at in -1_000_000..=1_000_000 {
            let x = at as f32 * 1e-4;
            let wide = f64::from(x);
            if (-87.0..=88.0).contains(&x) {
                assert!((f64::from(exp(x)) / wide.exp() - 1.0).abs() < 3e-7, "exp {x}");
            }
            assert!((f64::from(sigmoid(x)) - 1.0 / (1.0 + (-wide).exp())).abs() < 2e-7, "sigmoid {x}");
            assert!((f64::from(tanh(x)) - wide.tanh()).abs() < 5e-7, "tanh {x}: {}", tanh(x));
        }
        assert_eq!((exp(0.0), exp(f32::NEG_INFINITY), tanh(0.0)), (1.0, 0.0, 0.0));
    }

    #[test]
    fn dot_is_the_sum_of_products() {
        for n in [0, 1, 15, 16, 17, 100] {
            let a: Vec<f32> = (0..n).map(|x| (x % 7) as f32 - 3.0).collect();
            let b: Vec<f32> = (0..n).map(|x| (x % 5) as f32 - 2.0).collect();
            assert_eq!(dot(&a, &b), a.iter().zip(&b).map(|(a, b)| a * b).sum::<f32>());
        }
    }
}
