//! numpy's `default_rng(seed).permutation(n)`, so that a bench here takes the same queries in the same order as one written in Python.
//!
//! The parts: SeedSequence (O'Neill's seed_seq_fe), PCG64 XSL-RR (O'Neill 2014), bounded integers by masked rejection on 32-bit halves,
//! and a Fisher-Yates shuffle from the end.

/// The numbers 0..n in numpy's shuffled order. `n` is at most 2^32.
pub(crate) fn permutation(seed: u32, n: usize) -> Vec<usize> {
    let mut random = Pcg64::seeded(seed);
    let mut order: Vec<usize> = (0..n).collect();
    for last in (1..n).rev() {
        order.swap(last, random.up_to(last as u32) as usize);
    }
    order
}

/// 128-bit PCG; 32-bit draws use the low half of an output first and keep the high half.
struct Pcg64 {
    state: u128,
    increment: u128,
    half: Option<u32>,
}

impl Pcg64 {
    const MULTIPLIER: u128 = 0x2360_ED05_1FC6_5DA4_4385_DF64_9FCC_F645;

    fn seeded(seed: u32) -> Self {
        let [a, b, c, d] = seed_words(seed);
        let wide = |high: u64, low: u64| u128::from(high) << 64 | u128::from(low);
        let mut pcg = Self { state: 0, increment: wide(c, d) << 1 | 1, half: None };
        pcg.step();
        pcg.state = pcg.state.wrapping_add(wide(a, b));
        pcg.step();
        pcg
    }

    fn step(&mut self) {
        self.state = self.state.wrapping_mul(Self::MULTIPLIER).wrapping_add(self.increment);
    }

    fn next_u64(&mut self) -> u64 {
        self.step();
        let folded = (self.state >> 64) as u64 ^ self.state as u64;
        folded.rotate_right((self.state >> 122) as u32)
    }

    fn next_u32(&mut self) -> u32 {
        if let Some(half) = self.half.take() {
            return half;
        }
        let both = self.next_u64();
        self.half = Some((both >> 32) as u32);
        both as u32
    }

    /// A number in 0..=top, without bias: draws under the next power of two are repeated until one fits.
    fn up_to(&mut self, top: u32) -> u32 {
        let mask = u32::MAX.checked_shr(top.leading_zeros()).unwrap_or(0);
        loop {
            let drawn = self.next_u32() & mask;
            if drawn <= top {
                return drawn;
            }
        }
    }
}

/// `SeedSequence(seed).generate_state(4, uint64)`: the seed's entropy spread over a pool of four words, then hashed out.
fn seed_words(seed: u32) -> [u64; 4] {
    let mut constant = 0x43b0_d7e5_u32;
    let mut absorb = |value: u32| {
        let value = value ^ constant;
        constant = constant.wrapping_mul(0x931e_8875);
        let value = value.wrapping_mul(constant);
        value ^ value >> 16
    };
    let mut pool = [0u32; 4];
    for (at, word) in pool.iter_mut().enumerate() {
        *word = absorb(if at == 0 { seed } else { 0 });
    }
    for from in 0..4 {
        for to in 0..4 {
            if from != to {
                let mixed = pool[to].wrapping_mul(0xca01_f9dd).wrapping_sub(absorb(pool[from]).wrapping_mul(0x4973_f715));
                pool[to] = mixed ^ mixed >> 16;
            }
        }
    }
    let mut constant = 0x8b51_f9dd_u32;
    let mut draw = |at: usize| {
        let value = pool[at % 4] ^ constant;
        constant = constant.wrapping_mul(0x58f3_8ded);
        let value = value.wrapping_mul(constant);
        u64::from(value ^ value >> 16)
    };
    std::array::from_fn(|at| {
        let low = draw(2 * at);
        low | draw(2 * at + 1) << 32
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    // The expected values were printed by numpy 2.4.6.

    #[test]
    fn seed_sequence_and_generator_are_numpys() {
        assert_eq!(
            seed_words(7),
            [16_920_295_385_781_661_272, 610_735_763_742_393_210, 7_078_124_019_849_193_311, 12_917_519_645_081_627_820]
        );
        let mut random = Pcg64::seeded(7);
        let first: [u64; 4] = std::array::from_fn(|_| random.next_u64());
        assert_eq!(first, [11_530_976_094_092_348_043, 16_550_673_365_885_938_325, 14_308_875_409_591_826_786, 4_154_339_397_315_733_314]);
        assert_eq!(Pcg64::seeded(12_345).next_u64(), 4_193_609_425_186_963_869);
    }

    #[test]
    fn permutation_is_numpys() {
        assert_eq!(permutation(7, 0), [0usize; 0]);
        assert_eq!(permutation(7, 1), [0]);
        assert_eq!(permutation(7, 10), [8, 0, 7, 1, 3, 6, 2, 4, 5, 9]);
        let thousand = permutation(7, 1000);
        assert_eq!(thousand[..8], [816, 923, 151, 900, 213, 100, 851, 503]);
        assert_eq!(thousand[997..], [661, 425, 651]);
        let five = permutation(7, 5000);
        assert_eq!(five[..8], [553, 4157, 148, 228, 402, 2792, 3929, 4966]);
        assert_eq!(five[4997..], [2709, 425, 2699]);
    }
}
