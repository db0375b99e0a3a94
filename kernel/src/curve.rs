//! Functions that neural networks apply to one number at a time, in f32, in a form that the compiler vectorises: no branches, no calls.
//!
//! Each is within a few units in the last place of the exact value (`curves_are_near_the_exact_functions`), keeps NaN, and has the same
//! bits on every path: all are sums and products in one order, with fused multiply-adds.
//!
//! Sources: exp, tanh, sin and cos as in Cephes (Moshier), erf by Juffa's pair of polynomials.

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
