//! Floats as integers that order as they do.

use std::ops::RangeInclusive;

/// The key of a missing value where missing values pass a test for small ones.
pub(super) const LOWEST: i32 = i32::MIN;
/// The key of a missing value where missing values pass a test for large ones.
pub(super) const HIGHEST: i32 = i32::MAX;

/// The key of a number: a < b exactly where key(a) < key(b), and the two zeros have one key. No number's key is [`LOWEST`] or [`HIGHEST`],
/// nor next to them.
#[inline]
pub(super) fn key(number: f32) -> i32 {
    // -0.0 + 0.0 is 0.0.
    let bits = (number + 0.0).to_bits().cast_signed();
    // Of a negative number the larger magnitude is the smaller number.
    bits ^ (((bits >> 31).cast_unsigned()) >> 1).cast_signed()
}

/// The key of a feature's value, where a missing one has the key `missing`.
#[inline]
pub(super) fn key_or(number: f32, missing: i32) -> i32 {
    if number.is_nan() { missing } else { key(number) }
}

/// The keys of the numbers up to `threshold`, and of what is missing low.
pub(super) fn up_to(threshold: f32) -> RangeInclusive<i32> {
    LOWEST..=key(threshold)
}

/// The keys of the numbers below `threshold`, and of what is missing low.
pub(super) fn below(threshold: f32) -> RangeInclusive<i32> {
    LOWEST..=key(threshold) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_order_as_numbers_do() {
        let numbers = [
            f32::NEG_INFINITY,
            f32::MIN,
            -1.5,
            -1.0,
            -f32::MIN_POSITIVE,
            -f32::from_bits(1),
            -0.0,
            0.0,
            f32::from_bits(1),
            f32::MIN_POSITIVE,
            1.0,
            1.5,
            f32::MAX,
            f32::INFINITY,
        ];
        for a in numbers {
            assert!(key(a) > LOWEST + 1 && key(a) < HIGHEST - 1);
            for b in numbers {
                assert_eq!(key(a) < key(b), a < b, "{a} {b}");
                assert_eq!(key(a) == key(b), a == b, "{a} {b}");
                assert_eq!(up_to(b).contains(&key(a)), a <= b, "{a} {b}");
                assert_eq!(below(b).contains(&key(a)), a < b, "{a} {b}");
            }
        }
        assert_eq!((key_or(f32::NAN, LOWEST), key_or(-f32::NAN, HIGHEST)), (LOWEST, HIGHEST));
    }
}
