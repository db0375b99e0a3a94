//! Random numbers that depend on what they are for alone: a seed, a purpose, and how far training is. So a resumed run draws what one run
//! draws, and no thread waits for another's.

/// What numbers are drawn for; each has its own stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Purpose {
    Order = 1,
    Negatives,
    Users,
    Items,
    Weights,
    Cases,
    Rows,
    Features,
    Hard,
}

/// SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014).
#[derive(Clone, Debug)]
pub(crate) struct Rng(u64);

impl Rng {
    /// The stream of a purpose at a place.
    pub(crate) fn new(seed: u64, purpose: Purpose, place: u64) -> Self {
        let mut rng = Self(seed ^ 0x5851_F42D_4C95_7F2D);
        for word in [purpose as u64, place] {
            rng.0 = rng.next_u64() ^ word.wrapping_mul(0x2545_F491_4F6C_DD1D);
        }
        rng
    }

    pub(crate) fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Below `n`, by the product's upper half (bias below n / 2^64).
    pub(crate) fn below(&mut self, n: usize) -> usize {
        ((u128::from(self.next_u64()) * n as u128) >> 64) as usize
    }

    /// From 0 to below 1.
    pub(crate) fn uniform(&mut self) -> f32 {
        (self.next_u64() >> 40) as f32 / (1u64 << 24) as f32
    }

    /// Of mean 0 and deviation 1 (Box and Muller).
    pub(crate) fn normal(&mut self) -> f32 {
        let (a, b) = (f64::from(1.0 - self.uniform()), f64::from(self.uniform()));
        ((-2.0 * a.ln()).sqrt() * (std::f64::consts::TAU * b).cos()) as f32
    }

    /// Puts a list into a random order (Fisher and Yates).
    pub(crate) fn shuffle<T>(&mut self, list: &mut [T]) {
        for last in (1..list.len()).rev() {
            list.swap(last, self.below(last + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_differ_and_repeat() {
        let draw = |seed, purpose, place| Rng::new(seed, purpose, place).next_u64();
        assert_eq!(draw(1, Purpose::Order, 2), draw(1, Purpose::Order, 2));
        let all = [draw(1, Purpose::Order, 2), draw(2, Purpose::Order, 2), draw(1, Purpose::Users, 2), draw(1, Purpose::Order, 3)];
        for (at, one) in all.iter().enumerate() {
            assert!(!all[..at].contains(one));
        }
    }

    #[test]
    fn moments() {
        let mut rng = Rng::new(7, Purpose::Weights, 0);
        let n = 100_000;
        let (mut mean, mut square, mut low) = (0f64, 0f64, 0usize);
        for _ in 0..n {
            let x = f64::from(rng.normal());
            mean += x / f64::from(n);
            square += x * x / f64::from(n);
            low += usize::from(rng.below(10) < 3);
            assert!((0.0..1.0).contains(&rng.uniform()));
        }
        assert!(mean.abs() < 0.02 && (square - 1.0).abs() < 0.03, "{mean} {square}");
        assert!((f64::from(low as u32) / f64::from(n) - 0.3).abs() < 0.01);
    }
}
