//! A few vectors of signed bytes, side by side, compared with each other.
//!
//! Products of bytes are whole numbers: exact whatever the order of additions, so that any path of any CPU gives the same.

use simsimd::SpatialSimilarity;

use crate::types::Metric;

/// Elements of one product in i32: 2^16 x 127^2 is below 2^31.
const EXACT: usize = 1 << 16;

/// The inner product of two vectors of signed bytes of one length, neither with -128 in it.
pub(crate) fn product(a: &[i8], b: &[i8]) -> i64 {
    // Both pieces have one length, for which there is always a product.
    let piece = |(a, b)| <i8 as SpatialSimilarity>::dot(a, b).unwrap_or(0.0) as i64;
    if a.len() <= EXACT {
        return piece((a, b));
    }
    a.chunks(EXACT).zip(b.chunks(EXACT)).map(piece).sum()
}

/// A number from -127 to 127, rounded, ties to even: beside 3 x 2^51 a double has no digits behind the point, and its lowest bits are the
/// whole number. Many at once, where `round` is a call each.
fn rounded(x: f64) -> i8 {
    const BESIDE: f64 = 3.0 * (1u64 << 51) as f64;
    (x + BESIDE).to_bits() as i8
}

/// Vectors of one width; a value is a byte x its vector's scale.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Int8Vectors {
    dim: usize,
    values: Vec<i8>,
    scales: Vec<f64>,
    /// Sums of the squared bytes.
    squares: Vec<i64>,
    /// One by the length of the bytes, or 0 where that is 0.
    inverse: Vec<f64>,
}

impl Int8Vectors {
    /// Room for `rows` vectors.
    pub(crate) fn with_capacity(dim: usize, rows: usize) -> Self {
        Self {
            dim,
            values: Vec::with_capacity(dim * rows),
            scales: Vec::with_capacity(rows),
            squares: Vec::with_capacity(rows),
            inverse: Vec::with_capacity(rows),
        }
    }

    /// Appends a vector, rounded to 1/127 of its largest element.
    pub(crate) fn push(&mut self, vector: &[f32]) {
        let most = f64::from(vector.iter().fold(0.0f32, |most, x| if x.abs() > most { x.abs() } else { most }));
        let inverse = if most > 0.0 { 127.0 / most } else { 0.0 };
        self.values.extend(vector.iter().map(|&x| rounded(f64::from(x) * inverse)));
        self.finish(most / 127.0);
    }

    /// Appends a vector of bytes, as it was rounded.
    pub(crate) fn push_bytes(&mut self, scale: f32, bytes: &[u8]) {
        self.values.extend(bytes.iter().map(|byte| byte.cast_signed()));
        self.finish(f64::from(scale));
    }

    fn finish(&mut self, scale: f64) {
        let last = self.row(self.scales.len());
        let squares = product(last, last);
        self.scales.push(scale);
        self.squares.push(squares);
        self.inverse.push(if squares > 0 { 1.0 / (squares as f64).sqrt() } else { 0.0 });
    }

    /// Vectors.
    pub(crate) fn len(&self) -> usize {
        self.scales.len()
    }

    fn row(&self, at: usize) -> &[i8] {
        &self.values[at * self.dim..(at + 1) * self.dim]
    }

    /// The cosine of two vectors; 0 where one has no direction.
    pub(crate) fn cosine(&self, a: usize, b: usize) -> f64 {
        // Scales are lengths alone.
        product(self.row(a), self.row(b)) as f64 * (self.inverse[a] * self.inverse[b])
    }

    /// The squared distance of two vectors.
    fn distance(&self, a: usize, b: usize) -> f64 {
        let (x, y) = (self.scales[a], self.scales[b]);
        let product = product(self.row(a), self.row(b)) as f64;
        (x * x * self.squares[a] as f64 - 2.0 * x * y * product + y * y * self.squares[b] as f64).max(0.0)
    }

    /// The mean squared distance of two of the vectors: twice what they are from their mean.
    fn spread(&self) -> f64 {
        let rows = self.len();
        let (mut mean, mut squares) = (vec![0.0; self.dim], 0.0);
        for at in 0..rows {
            let scale = self.scales[at];
            squares += scale * scale * self.squares[at] as f64;
            mean.iter_mut().zip(self.row(at)).for_each(|(sum, &value)| *sum += f64::from(value) * scale);
        }
        let of_mean: f64 = mean.iter().map(|sum| (sum / rows as f64).powi(2)).sum();
        if rows < 2 { 0.0 } else { (2.0 * (squares - rows as f64 * of_mean) / (rows - 1) as f64).max(0.0) }
    }

    /// How alike two vectors are: 1 where they are the same, 0 where they have nothing in common. Under inner product and cosine it is the cosine.
    /// Under L2 it is 1 - d^2 / s, of the squared distance d^2 and the mean s of all: for directions, which are 2 apart on average, the same.
    pub(crate) fn similarity(&self, metric: Metric) -> impl Fn(usize, usize) -> f64 {
        let l2 = metric == Metric::L2;
        let spread = if l2 { self.spread() } else { 0.0 };
        move |a, b| match l2 {
            false => self.cosine(a, b),
            true if spread > 0.0 => 1.0 - self.distance(a, b) / spread,
            true => 1.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values from -1 to 1, row after row.
    fn noise(rows: usize, dim: usize) -> Vec<Vec<f32>> {
        let mut state = 9u64;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
        };
        (0..rows).map(|_| (0..dim).map(|_| next()).collect()).collect()
    }

    #[test]
    fn products_are_exact_at_any_width() {
        for dim in [0, 1, 2, 15, 16, 31, 33, 63, 64, 65, 100, 127, 128, 768, EXACT - 1, EXACT, EXACT + 1, 3 * EXACT + 7] {
            let value = |at: usize, seed: usize| ((at * seed + at / 7) % 255) as i64 - 127;
            let row = |seed: usize| (0..dim).map(|at| value(at, seed) as i8).collect::<Vec<i8>>();
            let expected: i64 = (0..dim).map(|at| value(at, 31) * value(at, 57)).sum();
            assert_eq!(product(&row(31), &row(57)), expected, "{dim}");
            let most = vec![127i8; dim];
            assert_eq!(product(&most, &most), 127 * 127 * dim as i64, "{dim}");
        }
    }

    #[test]
    fn similarities_are_those_of_the_vectors_but_for_rounding() {
        for dim in [1, 3, 16, 100] {
            let vectors = noise(40, dim);
            let mut int8 = Int8Vectors::with_capacity(dim, 40);
            vectors.iter().for_each(|vector| int8.push(vector));
            let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(&x, &y)| f64::from(x) * f64::from(y)).sum::<f64>();
            let distance = |a: &[f32], b: &[f32]| dot(a, a) + dot(b, b) - 2.0 * dot(a, b);
            let pairs = || (0..40).flat_map(|a| (0..40).filter(move |&b| a != b).map(move |b| (a, b)));
            let spread = pairs().map(|(a, b)| distance(&vectors[a], &vectors[b])).sum::<f64>() / (40.0 * 39.0);
            let (cosine, near) = (int8.similarity(Metric::Cosine), int8.similarity(Metric::L2));
            for (a, b) in pairs() {
                let (x, y) = (&vectors[a], &vectors[b]);
                assert!((cosine(a, b) - dot(x, y) / (dot(x, x) * dot(y, y)).sqrt()).abs() < 0.02, "{dim}");
                assert!((near(a, b) - (1.0 - distance(x, y) / spread)).abs() < 0.06, "{dim}");
            }
            assert!((cosine(3, 3) - 1.0).abs() < 1e-12 && (near(3, 3) - 1.0).abs() < 1e-12);
        }
    }

    #[test]
    fn numbers_are_rounded_to_the_nearest_and_ties_to_even() {
        for step in -127 * 64..=127 * 64 {
            let x = f64::from(step) / 64.0;
            for x in [x, x + 1e-9, x - 1e-9] {
                assert_eq!(rounded(x), x.round_ties_even() as i8, "{x}");
            }
        }
    }

    #[test]
    fn vectors_without_direction_or_spread_are_no_trouble() {
        let mut int8 = Int8Vectors::with_capacity(2, 3);
        int8.push(&[0.0, 0.0]);
        assert_eq!((int8.similarity(Metric::L2)(0, 0), int8.cosine(0, 0)), (1.0, 0.0));
        int8.push(&[f32::MAX, -f32::MAX]);
        int8.push(&[f32::MIN_POSITIVE / 8.0, 0.0]);
        assert!(int8.similarity(Metric::L2)(1, 2).is_finite() && (int8.cosine(1, 2) - 0.5f64.sqrt()).abs() < 1e-9);
        assert_eq!(int8.cosine(0, 1), 0.0);
    }
}
