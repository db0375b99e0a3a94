//! Values between those that were measured.

/// How far `value` is from `low` to `high`, in logarithms.
pub(super) fn share(low: usize, high: usize, value: usize) -> f32 {
    (value as f32 / low as f32).ln() / (high as f32 / low as f32).ln()
}

/// The value at a share of the way from one to another.
pub(super) fn between(low: f32, high: f32, share: f32) -> f32 {
    low * (1.0 - share) + high * share
}

/// The least number from 1 to `most` with the property, which holds from some number on; `most` where none has it.
pub(super) fn least(most: usize, holds: impl Fn(usize) -> bool) -> usize {
    let (mut low, mut high) = (1, most);
    while low < high {
        let middle = low.midpoint(high);
        if holds(middle) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    low
}
