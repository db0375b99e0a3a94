//! A small seeded generator: the same numbers on every machine.

/// SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014).
pub(crate) struct Rng(u64);

impl Rng {
    /// `stream` separates generators that share a seed.
    pub(crate) fn new(seed: u64, stream: u64) -> Self {
        let mut rng = Self(seed ^ stream.wrapping_mul(0xd1b5_4a32_d192_ed03));
        rng.next();
        rng
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound` (0 for 0). The bias of the multiplication is below 2^-32 for every bound in use.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        ((u128::from(self.next()) * bound as u128) >> 64) as usize
    }

    /// A number in [0, 1).
    pub(crate) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// `count` distinct numbers below `n` (all of them when `count >= n`), in random order.
    pub(crate) fn sample(&mut self, n: usize, count: usize) -> Vec<u32> {
        let mut all: Vec<u32> = (0..n as u32).collect();
        let count = count.min(n);
        for at in 0..count {
            let other = at + self.below(n - at);
            all.swap(at, other);
        }
        all.truncate(count);
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_distinct_and_repeat() {
        for (n, count) in [(0, 5), (1, 1), (10, 3), (10, 10), (7, 100)] {
            let mut sample = Rng::new(1, 2).sample(n, count);
            assert_eq!(sample, Rng::new(1, 2).sample(n, count));
            sample.sort_unstable();
            sample.dedup();
            assert_eq!(sample.len(), count.min(n));
            assert!(sample.iter().all(|&x| (x as usize) < n));
        }
        assert_ne!(Rng::new(1, 2).next(), Rng::new(1, 3).next());
        assert!((0..1000).all(|_| Rng::new(3, 4).unit() < 1.0));
    }
}
