//! A small seeded generator: integers only, so that a seed gives the same shop on every platform.

/// SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014), one stream for each thing that is made.
#[derive(Clone, Debug)]
pub(super) struct Dice {
    state: u64,
}

const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

impl Dice {
    /// The generator number `stream` of a seed; streams don't disturb each other.
    pub(super) fn new(seed: u64, stream: u64) -> Self {
        Self { state: mix(seed.wrapping_mul(GOLDEN) ^ mix(stream.wrapping_add(GOLDEN))) }
    }

    /// The next 64 bits.
    pub(super) fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(GOLDEN);
        mix(self.state)
    }

    /// An integer from 0 to `n - 1`; 0 when `n` is 0. (Multiply and shift; the bias is below 2^-40 for the sizes used here.)
    pub(super) fn below(&mut self, n: usize) -> usize {
        ((u128::from(self.next()) * n as u128) >> 64) as usize
    }

    /// True `times` times in `of`.
    pub(super) fn chance(&mut self, times: usize, of: usize) -> bool {
        self.below(of) < times
    }

    /// One of the values, all equally likely.
    pub(super) fn pick<'a, T>(&mut self, values: &'a [T]) -> &'a T {
        &values[self.below(values.len())]
    }

    /// A place in `weights`, drawn in proportion to them.
    pub(super) fn weighted(&mut self, weights: &[u32]) -> usize {
        let mut left = self.below(weights.iter().map(|&w| w as usize).sum());
        for (at, &weight) in weights.iter().enumerate() {
            if left < weight as usize {
                return at;
            }
            left -= weight as usize;
        }
        weights.len().saturating_sub(1)
    }

    /// As [`weighted`](Self::weighted), from running sums: quick for many weights.
    pub(super) fn by_sums(&mut self, sums: &[u64]) -> usize {
        let total = sums.last().copied().unwrap_or(0);
        let at = self.below(total as usize) as u64;
        sums.partition_point(|&sum| sum <= at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_always_gives_the_same_numbers() {
        let mut dice = Dice::new(1, 2);
        let first: Vec<u64> = (0..3).map(|_| dice.next()).collect();
        let mut again = Dice::new(1, 2);
        assert_eq!(first, (0..3).map(|_| again.next()).collect::<Vec<_>>());
        assert_ne!(first[0], Dice::new(1, 3).next());
        assert_ne!(first[0], Dice::new(2, 2).next());
    }

    #[test]
    fn draws_follow_the_weights() {
        let weights = [1, 0, 3];
        let sums = [1, 1, 4];
        let (mut by_weights, mut by_sums) = ([0_usize; 3], [0_usize; 3]);
        let mut dice = Dice::new(5, 0);
        for _ in 0..4000 {
            by_weights[dice.weighted(&weights)] += 1;
            by_sums[dice.by_sums(&sums)] += 1;
        }
        for counts in [by_weights, by_sums] {
            assert_eq!(counts[1], 0);
            assert!((900..1100).contains(&counts[0]), "{counts:?}");
        }
    }
}
