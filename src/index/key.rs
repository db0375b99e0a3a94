//! Sort keys: one u64 orders hits by score (larger first), then by place (earlier first). Keys of different rows differ, so the
//! best of any set of rows are the same whatever order they came in.

/// A f32 as a u32 of the same order. NaN, which no finite vector gives, sorts below everything.
pub(crate) fn order(score: f32) -> u32 {
    let bits = if score.is_nan() { f32::NEG_INFINITY.to_bits() } else { score.to_bits() };
    if bits >> 31 == 1 { !bits } else { bits | 1 << 31 }
}

/// The score that [`order`] made into this number.
pub(crate) fn score_of(order: u32) -> f32 {
    f32::from_bits(if order >> 31 == 1 { order & !(1 << 31) } else { !order })
}

/// Scores below are where f32 squares and products begin to lose digits, and soon vanish: 2^-90. The numbers that [`order`] has for them are
/// given, by [`fine_order`], to the f64 scores from here down to 2^-380, with 20 bits of each.
const FINE: f32 = f32::from_bits((127 - 90) << 23);
/// 2^-380.
const FINEST: u64 = (1023 - 380) << 52;

/// The number of a final score: an f32 one where that has all its digits, else what `precise` makes of it in f64.
#[inline(always)]
pub(crate) fn final_order(score: f32, precise: impl FnOnce() -> f64) -> u32 {
    if (FINE..=f32::MAX).contains(&score.abs()) { order(score) } else { fine_order(precise()) }
}

/// An f64 as a u32 of the same order: as [`order`] has it from 2^-90 on; what no f32 reaches is the largest f32.
#[cold]
pub(crate) fn fine_order(score: f64) -> u32 {
    if score.abs() >= f64::from(FINE) || score == 0.0 || score.is_nan() {
        let score = if score.is_nan() { score } else { score.clamp(f64::from(f32::MIN), f64::from(f32::MAX)) };
        return order(score as f32);
    }
    let code = 1 + (score.abs().to_bits().saturating_sub(FINEST) >> 32) as u32;
    if score < 0.0 { !(code | 1 << 31) } else { code | 1 << 31 }
}

/// The score of [`final_order`] and [`fine_order`].
pub(crate) fn final_score(order: u32) -> f64 {
    let score = score_of(order);
    if score == 0.0 || score.abs() >= FINE {
        return f64::from(score);
    }
    let code = u64::from(score.abs().to_bits()) - 1;
    f64::from_bits(FINEST + (code << 32)).copysign(f64::from(score))
}

pub(crate) fn key(order: u32, place: u32) -> u64 {
    u64::from(order) << 32 | u64::from(!place)
}

pub(crate) fn order_of(key: u64) -> u32 {
    (key >> 32) as u32
}

pub(crate) fn place_of(key: u64) -> u32 {
    !(key as u32)
}

/// Moves the `want` largest keys to the front, in no order; answers how many there are.
pub(crate) fn keep_largest(keys: &mut [u64], want: usize) -> usize {
    if want == 0 {
        return 0;
    }
    if keys.len() > want {
        keys.select_nth_unstable_by(want - 1, |a, b| b.cmp(a));
    }
    keys.len().min(want)
}

/// The best `want` keys of a stream.
#[derive(Default, Debug)]
pub(crate) struct Best {
    keys: Vec<u64>,
    want: usize,
    limit: usize,
    /// The worst key that was kept at the last cut: what does not exceed it cannot be among the best.
    floor: u64,
}

impl Best {
    pub(crate) fn reset(&mut self, want: usize) {
        self.reset_with(want, want.saturating_mul(3).saturating_add(64));
    }

    /// The same, cut whenever there are `limit` keys, of which there have to be more than are wanted: a floor that follows closely keeps more keys
    /// away, and costs more cuts.
    pub(crate) fn reset_with(&mut self, want: usize, limit: usize) {
        debug_assert!(limit > want);
        self.want = want;
        self.limit = limit;
        self.floor = 0;
        self.keys.clear();
        // Rows may be far fewer than wanted: the buffer grows with what comes.
        self.keys.reserve(self.limit.min(4096));
    }

    #[inline(always)]
    pub(crate) fn push(&mut self, key: u64) {
        if key > self.floor {
            self.take(key);
        }
    }

    /// Takes a key that exceeds the floor; true where the floor may have moved.
    #[inline(always)]
    pub(crate) fn take(&mut self, key: u64) -> bool {
        self.keys.push(key);
        let full = self.keys.len() == self.limit;
        if full {
            self.cut();
        }
        full
    }

    /// What a key has to exceed.
    pub(crate) fn floor(&self) -> u64 {
        self.floor
    }

    #[cold]
    fn cut(&mut self) {
        let kept = keep_largest(&mut self.keys, self.want);
        self.keys.truncate(kept);
        self.floor = if self.want == 0 { u64::MAX } else { self.keys.get(self.want - 1).copied().unwrap_or(0) };
    }

    /// The best keys, best first.
    pub(crate) fn sorted(&mut self) -> &[u64] {
        let kept = self.unsorted().len();
        self.keys[..kept].sort_unstable_by(|a, b| b.cmp(a));
        &self.keys[..kept]
    }

    /// The best keys in no order.
    pub(crate) fn unsorted(&mut self) -> &mut [u64] {
        let kept = keep_largest(&mut self.keys, self.want);
        self.keys.truncate(kept);
        &mut self.keys
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn keys_sort_as_scores_do_then_by_place() {
        let scores = [f32::NEG_INFINITY, -1e30, -1.5, -1e-40, -0.0, 0.0, 1e-40, 1.5, 1e30, f32::INFINITY];
        for pair in scores.windows(2) {
            assert!(order(pair[0]) < order(pair[1]), "{pair:?}");
        }
        for score in scores {
            assert_eq!(score_of(order(score)).to_bits(), score.to_bits());
        }
        assert_eq!(order(f32::NAN), order(f32::NEG_INFINITY));
        assert!(key(5, 1) > key(5, 2) && key(6, 9) > key(5, 0));
        assert_eq!((order_of(key(5, 7)), place_of(key(5, 7))), (5, 7));
    }

    #[test]
    fn fine_scores_keep_their_order_beside_the_others() {
        let scores = [
            f64::INFINITY,
            1e30,
            1.0,
            1e-26,
            9e-28,
            1e-28,
            1e-30,
            1.00001e-40,
            1e-40,
            1e-76,
            1e-89,
            0.0,
            -0.0,
            -1e-89,
            -1e-40,
            -1e-28,
            -1e-27,
            -1.0,
            -1e30,
        ];
        for pair in scores.windows(2) {
            assert!(fine_order(pair[0]) > fine_order(pair[1]), "{pair:?}");
        }
        for score in &scores[1..] {
            let back = final_score(fine_order(*score));
            assert!(back == *score || (back / score - 1.0).abs() < 2e-6, "{score:e}: {back:e}");
            let from_f32 = final_order(*score as f32, || *score);
            assert_eq!(from_f32, fine_order(*score), "{score:e}");
        }
        assert_eq!(final_score(fine_order(f64::INFINITY)), f64::from(f32::MAX));
        assert_eq!(fine_order(f64::NAN), order(f32::NEG_INFINITY));
    }

    #[test]
    fn the_best_do_not_depend_on_the_order() {
        let mut keys: Vec<u64> = (0..1000u32).map(|i| key(i * 7919 % 83, i)).collect();
        for want in [0, 1, 2, 10, 64, 999, 1000, 5000] {
            let mut sorted = keys.clone();
            sorted.sort_unstable_by(|a, b| b.cmp(a));
            sorted.truncate(want);
            for turn in [1, 333] {
                keys.rotate_left(turn);
                let mut best = Best::default();
                best.reset(want);
                keys.iter().for_each(|&key| best.push(key));
                assert_eq!(best.sorted(), sorted);
            }
        }
    }
}
