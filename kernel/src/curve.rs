//! Functions that neural networks apply to one number at a time, in f32, in a form that the compiler vectorises: no branches, no calls.
//!
//! Each is within a few units in the last place of the exact value (`curves_are_near_the_exact_functions`), keeps NaN, and has the same
//! bits on every path: all are sums and products in one order, with fused multiply-adds.
//!
//! Sources: exp, tanh, sin and cos as in Cephes (Moshier), erf by Juffa's pair of polynomials.

use super::kernel::Kernel;

/// A function of one number.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Curve {
    /// e to the power of x.
    Exp,
    /// 1 / (1 + exp(-x)).
    Sigmoid,
    /// The hyperbolic tangent.
    Tanh,
    /// The error function.
    Erf,
    /// x / 2 (1 + erf(x / sqrt 2)).
    Gelu,
    /// The same with a hyperbolic tangent of a cubic in the error function's place.
    GeluTanh,
    /// The sine, of any size that f64 can reduce.
    Sin,
    /// The cosine, likewise.
    Cos,
    /// x where positive, else 0; NaN stays.
    Relu,
    /// x where positive, else `alpha` x.
    LeakyRelu {
        /// The slope below 0.
        alpha: f32,
    },
    /// `gamma` x where positive, else `gamma` `alpha` (exp(x / `width`) - 1): elu, celu and selu.
    Elu {
        /// The depth below 0.
        alpha: f32,
        /// How fast it is reached.
        width: f32,
        /// A factor over all.
        gamma: f32,
    },
    /// `alpha` x + `beta`, from 0 to 1.
    HardSigmoid {
        /// The slope.
        alpha: f32,
        /// The value at 0.
        beta: f32,
    },
    /// x / (1 + |x|).
    Softsign,
    /// log(1 + exp(x)).
    Softplus,
    /// x tanh(log(1 + exp(x))).
    Mish,
}

impl Kernel {
    /// Replaces each value by the curve at it.
    pub fn curve(self, curve: Curve, values: &mut [f32]) {
        if matches!(curve, Curve::Sin | Curve::Cos) {
            // Beyond this the quarter turns do not fit 31 bits; nobody's model comes here.
            values.iter_mut().filter(|x| x.abs() > 1e9).for_each(|x| *x = (f64::from(*x) % std::f64::consts::TAU) as f32);
        }
        self.curve_in_path(curve, values);
    }
}

#[inline(always)]
pub(super) fn curve(curve: Curve, values: &mut [f32]) {
    match curve {
        Curve::Exp => map(values, exp),
        Curve::Sigmoid => map(values, sigmoid),
        Curve::Tanh => map(values, tanh),
        Curve::Erf => map(values, erf),
        Curve::Gelu => map(values, |x| 0.5 * x * (1.0 + erf(x * std::f32::consts::FRAC_1_SQRT_2))),
        Curve::GeluTanh => map(values, |x| {
            let cubic = (x * x * x).mul_add(0.044_715, x);
            0.5 * x * (1.0 + tanh(0.797_884_6 * cubic))
        }),
        Curve::Sin => map(values, |x| turned(x, 0)),
        Curve::Cos => map(values, |x| turned(x, 1)),
        Curve::Relu => map(values, |x| if x < 0.0 { 0.0 } else { x }),
        Curve::LeakyRelu { alpha } => map(values, |x| if x < 0.0 { alpha * x } else { x }),
        Curve::Elu { alpha, width, gamma } => map(values, |x| {
            let below = alpha * exp_less_one(if x < 0.0 { x / width } else { 0.0 });
            gamma * if x < 0.0 { below } else { x }
        }),
        Curve::HardSigmoid { alpha, beta } => map(values, |x| {
            let y = x.mul_add(alpha, beta);
            let y = if y < 0.0 { 0.0 } else { y };
            if y > 1.0 { 1.0 } else { y }
        }),
        Curve::Softsign => map(values, |x| x / (1.0 + x.abs())),
        Curve::Softplus => map(values, softplus),
        Curve::Mish => map(values, |x| x * tanh(softplus(x))),
    }
}

#[inline(always)]
fn map(values: &mut [f32], f: impl Fn(f32) -> f32) {
    values.iter_mut().for_each(|x| *x = f(*x));
}

/// 1.5 * 2^23: adding it leaves a small number's integer part in the low bits.
const ROUND: f32 = 12_582_912.0;

/// exp(r) - 1 and n for x = n log 2 + r with |r| at most half of log 2.
#[inline(always)]
fn reduced_exp(x: f32) -> (f32, f32) {
    let shifted = x.mul_add(std::f32::consts::LOG2_E, ROUND);
    let n = shifted - ROUND;
    let r = n.mul_add(2.121_944_4e-4, n.mul_add(-0.693_359_4, x));
    let p = r.mul_add(1.987_569_2e-4, 1.398_199_9e-3);
    let p = r.mul_add(p, 8.333_452e-3);
    let p = r.mul_add(p, 4.166_579_6e-2);
    let p = r.mul_add(p, 0.166_666_66);
    let p = r.mul_add(p, 0.5);
    (p.mul_add(r * r, r), n)
}

/// 2 to the power of a whole number from -126 to 127.
#[inline(always)]
fn power_of_two(n: f32) -> f32 {
    f32::from_bits((n + ROUND).to_bits().wrapping_add(127) << 23)
}

#[inline(always)]
pub(super) fn exp(x: f32) -> f32 {
    // Beyond these it is infinite, or 0.
    let x = if x > 89.0 { 89.0 } else { x };
    let x = if x < -104.0 { -104.0 } else { x };
    let (p, n) = reduced_exp(x);
    // In two steps, for 2^n alone may be out of range.
    let half = (0.5f32.mul_add(n, ROUND)) - ROUND;
    (p + 1.0) * power_of_two(half) * power_of_two(n - half)
}

/// exp(x) - 1, for x from -infinity to 0.
#[inline(always)]
fn exp_less_one(x: f32) -> f32 {
    let x = if x < -40.0 { -40.0 } else { x };
    let (p, n) = reduced_exp(x);
    let scale = power_of_two(n);
    p.mul_add(scale, scale - 1.0)
}

#[inline(always)]
fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

#[inline(always)]
fn tanh(x: f32) -> f32 {
    let size = x.abs();
    let far = 1.0 - 2.0 / (exp(2.0 * size) + 1.0);
    let z = x * x;
    let p = z.mul_add(-5.704_988_7e-3, 2.063_908_8e-2);
    let p = z.mul_add(p, -5.373_971_5e-2);
    let p = z.mul_add(p, 0.133_314_42);
    let p = z.mul_add(p, -0.333_332_8);
    let near = (p * z).mul_add(size, size);
    (if size < 0.625 { near } else { far }).copysign(x)
}

#[inline(always)]
fn erf(x: f32) -> f32 {
    let (t, s) = (x.abs(), x * x);
    let p = t.mul_add(-1.728_534_7e-5, 3.831_971_3e-4);
    let u = t.mul_add(-3.883_964_4e-3, 2.425_462_2e-2);
    let p = s.mul_add(p, u);
    let p = t.mul_add(p, -0.106_777_88);
    let p = t.mul_add(p, -0.634_846_7);
    let p = t.mul_add(p, -0.128_717_51);
    let far = (1.0 - exp(t.mul_add(p, -t))).copysign(x);
    let p = s.mul_add(-5.967_617e-4, 4.991_194e-3);
    let p = s.mul_add(p, -2.676_813_5e-2);
    let p = s.mul_add(p, 0.112_819_925);
    let p = s.mul_add(p, -0.376_125_34);
    let p = s.mul_add(p, 0.128_379_17);
    let near = x.mul_add(p, x);
    // Beyond 4 it is 1 to the last place, and the polynomial was not made for there.
    let far = if t > 4.0 { 1f32.copysign(x) } else { far };
    if t > 0.927_734_4 { far } else { near }
}

/// log(1 + y) for y from 0 to 1, by the series of 2 atanh(y / (2 + y)).
#[inline(always)]
fn log_one_plus(y: f32) -> f32 {
    let t = y / (2.0 + y);
    let z = t * t;
    let p = z.mul_add(1.0 / 15.0, 1.0 / 13.0);
    let p = z.mul_add(p, 1.0 / 11.0);
    let p = z.mul_add(p, 1.0 / 9.0);
    let p = z.mul_add(p, 1.0 / 7.0);
    let p = z.mul_add(p, 0.2);
    let p = z.mul_add(p, 1.0 / 3.0);
    2.0 * (p * z).mul_add(t, t)
}

#[inline(always)]
fn softplus(x: f32) -> f32 {
    let above = if x < 0.0 { 0.0 } else { x };
    above + log_one_plus(exp(-x.abs()))
}

/// The sine of x and so many quarter turns more. The turns are taken away in f64, where they lose nothing.
#[inline(always)]
fn turned(x: f32, more: i32) -> f32 {
    // 1.5 * 2^52.
    const ROUND: f64 = 6_755_399_441_055_744.0;
    let wide = f64::from(x);
    let shifted = wide.mul_add(std::f64::consts::FRAC_2_PI, ROUND);
    let quarters = shifted - ROUND;
    let r = quarters.mul_add(-6.123_233_995_736_766e-17, quarters.mul_add(-std::f64::consts::FRAC_PI_2, wide)) as f32;
    let turn = (shifted.to_bits() as u32).wrapping_add(more as u32);
    let z = r * r;
    let p = z.mul_add(-1.951_529_6e-4, 8.332_161e-3);
    let p = z.mul_add(p, -0.166_666_55);
    let sine = (p * z).mul_add(r, r);
    let p = z.mul_add(2.443_315_7e-5, -1.388_731_6e-3);
    let p = z.mul_add(p, 4.166_664_6e-2);
    let cosine = (p * z).mul_add(z, z.mul_add(-0.5, 1.0));
    let y = if turn & 1 == 0 { sine } else { cosine };
    f32::from_bits(y.to_bits() ^ ((turn & 2) << 30))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exact(curve: Curve, x: f64) -> f64 {
        match curve {
            Curve::Exp => x.exp(),
            Curve::Sigmoid => 1.0 / (1.0 + (-x).exp()),
            Curve::Tanh => x.tanh(),
            Curve::Erf => erf_by_series(x),
            Curve::Gelu => 0.5 * x * (1.0 + erf_by_series(x / std::f64::consts::SQRT_2)),
            Curve::GeluTanh => 0.5 * x * (1.0 + ((2.0 / std::f64::consts::PI).sqrt() * (x + 0.044_715 * x * x * x)).tanh()),
            Curve::Sin => x.sin(),
            Curve::Cos => x.cos(),
            Curve::Relu => x.max(0.0),
            Curve::LeakyRelu { alpha } => {
                if x < 0.0 {
                    f64::from(alpha) * x
                } else {
                    x
                }
            }
            Curve::Elu { alpha, width, gamma } => {
                f64::from(gamma) * if x < 0.0 { f64::from(alpha) * (x / f64::from(width)).exp_m1() } else { x }
            }
            Curve::HardSigmoid { alpha, beta } => (f64::from(alpha) * x + f64::from(beta)).clamp(0.0, 1.0),
            Curve::Softsign => x / (1.0 + x.abs()),
            Curve::Softplus => x.max(0.0) + (-x.abs()).exp().ln_1p(),
            Curve::Mish => x * (x.max(0.0) + (-x.abs()).exp().ln_1p()).tanh(),
        }
    }

    /// The Taylor series, which f64 carries up to about 4.
    fn erf_by_series(x: f64) -> f64 {
        if x.abs() > 4.0 {
            return x.signum();
        }
        let (mut term, mut sum) = (x, x);
        for n in 1..120 {
            term *= -x * x / f64::from(n);
            sum += term / f64::from(2 * n + 1);
        }
        sum * std::f64::consts::FRAC_2_SQRT_PI
    }

    const ALL: [Curve; 15] = [
        Curve::Exp,
        Curve::Sigmoid,
        Curve::Tanh,
        Curve::Erf,
        Curve::Gelu,
        Curve::GeluTanh,
        Curve::Sin,
        Curve::Cos,
        Curve::Relu,
        Curve::LeakyRelu { alpha: 0.3 },
        Curve::Elu { alpha: 1.7, width: 2.5, gamma: 1.1 },
        Curve::HardSigmoid { alpha: 0.2, beta: 0.5 },
        Curve::Softsign,
        Curve::Softplus,
        Curve::Mish,
    ];

    fn points() -> Vec<f32> {
        let dense = (-4000..=4000).map(|n| n as f32 * 0.0051);
        let wide = (0..400).flat_map(|n| [1.2f32, -1.2].map(|sign| sign * 10f32.powf(n as f32 * 0.02 - 6.0)));
        dense.chain(wide).chain([0.0, -0.0, 88.0, -87.0, 100.0, -100.0]).collect()
    }

    #[test]
    fn curves_are_near_the_exact_functions() {
        for curve in ALL {
            let mut found = points();
            Kernel::SCALAR.curve(curve, &mut found);
            let mut worst = (0f64, 0f32);
            for (&x, &y) in points().iter().zip(&found) {
                let exact = exact(curve, f64::from(x));
                if exact.abs() > f64::from(f32::MAX) {
                    assert!(y.is_infinite(), "{curve:?} of {x}: {y}");
                    continue;
                }
                // What cancels is judged by what it was taken from: 1 + tanh, 1 + erf, sin near its zeros.
                let scale = match curve {
                    Curve::Gelu | Curve::GeluTanh | Curve::Mish => exact.abs().max(0.5 * f64::from(x.abs()).min(1.0)),
                    Curve::Sin | Curve::Cos => 1.0,
                    _ => exact.abs(),
                };
                let off = (f64::from(y) - exact).abs() / scale.max(1e-30);
                if off > worst.0 {
                    worst = (off, x);
                }
            }
            assert!(worst.0 < 6e-7, "{curve:?} is off by {:e} at {}", worst.0, worst.1);
        }
    }

    #[test]
    fn curves_have_the_same_bits_on_every_path_and_keep_nan() {
        for curve in ALL {
            let mut wanted = points();
            Kernel::SCALAR.curve(curve, &mut wanted);
            for kernel in Kernel::available() {
                let mut found = points();
                kernel.curve(curve, &mut found);
                for ((x, a), b) in points().iter().zip(&wanted).zip(&found) {
                    assert_eq!(a.to_bits(), b.to_bits(), "{curve:?} of {x} on {}", kernel.name());
                }
                let mut odd = [f32::NAN, 1.0, f32::NAN];
                kernel.curve(curve, &mut odd);
                assert!(odd[0].is_nan() && odd[1].is_finite() && odd[2].is_nan(), "{curve:?} of NaN on {}", kernel.name());
            }
        }
    }

    #[test]
    fn ends_are_what_they_should_be() {
        for (curve, low, high) in [
            (Curve::Exp, 0.0, f32::INFINITY),
            (Curve::Sigmoid, 0.0, 1.0),
            (Curve::Tanh, -1.0, 1.0),
            (Curve::Erf, -1.0, 1.0),
            (Curve::Softplus, 0.0, f32::INFINITY),
        ] {
            let mut ends = [f32::NEG_INFINITY, f32::INFINITY];
            Kernel::detect().curve(curve, &mut ends);
            assert_eq!(ends, [low, high], "{curve:?}");
        }
        let mut large = [3e10f32, -7.5e11];
        Kernel::detect().curve(Curve::Sin, &mut large);
        assert!((f64::from(large[0]) - f64::from(3e10f32).sin()).abs() < 1e-5, "{large:?}");
    }
}
