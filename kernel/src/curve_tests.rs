//! Every curve beside the exact function, and on every path.

use super::curve::Curve;
use super::kernel::Kernel;

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
