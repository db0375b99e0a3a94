//! The steps of a number.

/// What is done to a number, one step after the other, in f64.
#[derive(Clone, Debug, Default)]
pub(crate) struct Steps {
    pub steps: Box<[Step]>,
    /// Bounds of the last step, `bucketize`, where there is one; they increase.
    pub bounds: Option<Box<[f64]>>,
}

/// A step that gives one number.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// ln(1 + max(x, 0)).
    Log1p,
    /// ln(x), of numbers above 0.
    Log,
    /// The square root of max(x, 0).
    Sqrt,
    /// max(x, 0) to this power.
    Power(f64),
    /// (x - mean) / std.
    Standardize { mean: f64, std: f64 },
    /// (x - low) / (high - low).
    MinMax { low: f64, high: f64 },
    /// min(max(x, low), high).
    Clip { low: f64, high: f64 },
    /// The share of a distribution that lies below x, between the points of its quantiles: at least two, none below the one before it, the last
    /// above the first.
    Quantiles(Box<[f64]>),
}

/// A number that a step cannot take: what the step expects.
pub(crate) type Refused = &'static str;

impl Steps {
    /// The number after all steps but `bucketize`.
    fn number(&self, x: f64) -> Result<f64, Refused> {
        self.steps.iter().try_fold(x, |x, step| step.run(x))
    }

    /// The number of bounds that are at most x.
    fn bucket(bounds: &[f64], x: f64) -> usize {
        // The bounds increase, so those <= x come first.
        bounds.partition_point(|bound| *bound <= x)
    }

    /// Columns that the steps make: one, or one a bucket.
    pub(crate) fn width(&self) -> usize {
        self.bounds.as_ref().map_or(1, |bounds| bounds.len() + 1)
    }

    /// Runs the steps and rounds once, into `out`, which is as wide as the steps ask and all zeros.
    pub(crate) fn columns(&self, x: f64, out: &mut [f32]) -> Result<(), Refused> {
        let x = self.number(x)?;
        match &self.bounds {
            Some(bounds) => out[Self::bucket(bounds, x)] = 1.0,
            None => out[0] = x as f32,
        }
        Ok(())
    }

    /// The bucket after all steps; the first one when there is no `bucketize`.
    pub(crate) fn place(&self, x: f64) -> Result<u64, Refused> {
        let x = self.number(x)?;
        Ok(self.bounds.as_ref().map_or(0, |bounds| Self::bucket(bounds, x) as u64))
    }
}

impl Step {
    fn run(&self, x: f64) -> Result<f64, Refused> {
        Ok(match self {
            Self::Log1p => max(x, 0.0).ln_1p(),
            Self::Log if x > 0.0 => x.ln(),
            Self::Log => return Err("a number above 0 for \"log\""),
            Self::Sqrt => max(x, 0.0).sqrt(),
            Self::Power(power) => max(x, 0.0).powf(*power),
            Self::Standardize { mean, std } => (x - mean) / std,
            Self::MinMax { low, high } => (x - low) / (high - low),
            Self::Clip { low, high } => min(max(x, *low), *high),
            Self::Quantiles(points) => share(points, x),
        })
    }
}

/// The larger one; of equals the first, as training's `max` has it (so that -0.0 stays).
fn max(x: f64, other: f64) -> f64 {
    if other > x { other } else { x }
}

/// The smaller one; of equals the first.
fn min(x: f64, other: f64) -> f64 {
    if other < x { other } else { x }
}

/// Where x lies among n + 1 points, of which point i stands for the share i / n: between two points on the line that joins them; on points that
/// are equal, in their middle.
fn share(points: &[f64], x: f64) -> f64 {
    let last = points.len().saturating_sub(1);
    if points.first().is_none_or(|first| x <= *first) {
        return 0.0;
    }
    if x >= points[last] {
        return 1.0;
    }
    let (below, upto) = (points.partition_point(|point| *point < x), points.partition_point(|point| *point <= x));
    let place = if below == upto {
        let (left, right) = (points[below - 1], points[below]);
        (below - 1) as f64 + (x - left) / (right - left)
    } else {
        (below + upto - 1) as f64 / 2.0
    };
    place / last as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_lies_between_its_points() {
        let points = [1.0, 2.0, 2.0, 2.0, 4.0];
        for (x, expected) in [(0.0, 0.0), (1.0, 0.0), (1.5, 0.125), (2.0, 0.5), (3.0, 0.875), (4.0, 1.0), (5.0, 1.0), (f64::INFINITY, 1.0)]
        {
            assert_eq!(share(&points, x).to_bits(), f64::to_bits(expected), "{x}");
        }
        assert_eq!((share(&[0.0, 0.0, 1.0], 0.0), share(&[0.0, 1.0, 1.0], 1.0)), (0.0, 1.0));
    }

    proptest::proptest! {
        #[test]
        fn a_share_grows_with_its_number(mut points in proptest::collection::vec(-1e3..1e3f64, 2..9), x in -2e3..2e3f64, y in -2e3..2e3f64) {
            points.sort_by(f64::total_cmp);
            let (low, high) = (share(&points, x.min(y)), share(&points, x.max(y)));
            proptest::prop_assert!((0.0..=1.0).contains(&low) && low <= high && high <= 1.0);
        }
    }
}
