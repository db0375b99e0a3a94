//! Derivatives against differences.

use crate::dense::Dense;
use crate::rng::{Purpose, Rng};

/// Checks a layer's derivatives, by its input and its parameters, against differences of a random sum of its outputs.
pub(crate) fn check<L>(
    layer: &mut L,
    x: &[f32],
    outputs: usize,
    forward: impl Fn(&mut L, &[f32]) -> Vec<f32>,
    backward: impl Fn(&mut L, &[f32], &[f32]) -> Vec<f32>,
    parameters: impl for<'a> Fn(&'a mut L, &mut Vec<&'a mut Dense>),
) {
    let mut rng = Rng::new(77, Purpose::Cases, 0);
    let dy: Vec<f32> = (0..outputs).map(|_| rng.normal()).collect();
    let sum = |y: &[f32]| y.iter().zip(&dy).map(|(y, dy)| f64::from(*y) * f64::from(*dy)).sum::<f64>();
    assert_eq!(forward(layer, x).len(), outputs);
    let dx = backward(layer, x, &dy);
    assert_eq!(dx.len(), x.len());
    let near = |got: f32, expected: f64, what: &str| {
        assert!((f64::from(got) - expected).abs() < 2e-2 * expected.abs().max(0.3), "{what}: {got}, by differences {expected}");
    };
    const BY: f32 = 1e-3;
    for _ in 0..60.min(x.len()) {
        let at = rng.below(x.len());
        let mut moved = x.to_vec();
        moved[at] = x[at] + BY;
        let high = sum(&forward(layer, &moved));
        moved[at] = x[at] - BY;
        let low = sum(&forward(layer, &moved));
        near(dx[at], (high - low) / f64::from(2.0 * BY), &format!("input {at}"));
    }
    let mut count = Vec::new();
    parameters(layer, &mut count);
    let count = count.len();
    for which in 0..count {
        for _ in 0..40 {
            let mut rng = rng.branch();
            let mut place = 0;
            let mut moved = |layer: &mut L, by: f32| {
                let mut all = Vec::new();
                parameters(layer, &mut all);
                place = if place == 0 { rng.below(all[which].values.len()) + 1 } else { place };
                all[which].values[place - 1] += by;
                (all[which].gradient[place - 1], all[which].name.clone())
            };
            let (gradient, name) = moved(layer, BY);
            let high = sum(&forward(layer, x));
            moved(layer, -2.0 * BY);
            let low = sum(&forward(layer, x));
            moved(layer, BY);
            near(gradient, (high - low) / f64::from(2.0 * BY), &name);
        }
    }
}
