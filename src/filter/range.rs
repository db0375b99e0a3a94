//! Ranges of numbers, as exact comparisons have them.
//!
//! A field holds whole numbers or f64; it may be compared with either. Each comparison is brought to the field's own numbers once, when a
//! filter is bound, so that evaluating it neither rounds nor converts: `f < 5.5` on whole numbers is `f <= 5`, and `f = 9007199254740993` on
//! f64, which has no such number, is nothing.

use super::tree::Comparison;

/// The numbers from `low` to `high`, both included; none where `low` is above `high`.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Range<T> {
    pub(crate) low: T,
    pub(crate) high: T,
}

/// A number that a field is compared with; a float is finite.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Number {
    /// Of 64 bits, signed or not.
    Int(i128),
    Float(f64),
}

/// The numbers that a field can hold.
pub(crate) trait Grid: Copy + PartialOrd {
    const LEAST: Self;
    const GREATEST: Self;
    /// The greatest that is not above `number`.
    fn floor(number: Number) -> Self;
    /// The least that is not below `number`.
    fn ceil(number: Number) -> Self;
    /// The next one below.
    fn below(self) -> Self;
    /// The next one above.
    fn above(self) -> Self;
}

/// Whole numbers: those of a row, from -2^63 to 2^64 - 1, and some more around them, so that every bound can be said.
impl Grid for i128 {
    const LEAST: Self = Self::MIN;
    const GREATEST: Self = Self::MAX;

    // Conversions of floats saturate, far outside the numbers of a row.
    fn floor(number: Number) -> Self {
        match number {
            Number::Int(number) => number,
            Number::Float(number) => number.floor() as Self,
        }
    }

    fn ceil(number: Number) -> Self {
        match number {
            Number::Int(number) => number,
            Number::Float(number) => number.ceil() as Self,
        }
    }

    fn below(self) -> Self {
        self.saturating_sub(1)
    }

    fn above(self) -> Self {
        self.saturating_add(1)
    }
}

impl Grid for f64 {
    const LEAST: Self = Self::NEG_INFINITY;
    const GREATEST: Self = Self::INFINITY;

    // An integer of 64 bits rounds to a float of at most 2^64, which converts back exactly.
    fn floor(number: Number) -> Self {
        match number {
            Number::Int(number) if (number as Self) as i128 > number => (number as Self).next_down(),
            Number::Int(number) => number as Self,
            Number::Float(number) => number,
        }
    }

    fn ceil(number: Number) -> Self {
        match number {
            Number::Int(number) if ((number as Self) as i128) < number => (number as Self).next_up(),
            Number::Int(number) => number as Self,
            Number::Float(number) => number,
        }
    }

    fn below(self) -> Self {
        self.next_down()
    }

    fn above(self) -> Self {
        self.next_up()
    }
}

impl<T: Grid> Range<T> {
    /// The numbers that compare so with `to`. `Ne` has no range: it is the negation of `Eq`, whose range is given.
    pub(crate) fn comparing(op: Comparison, to: Number) -> Self {
        let (low, high) = match op {
            Comparison::Eq | Comparison::Ne => (T::ceil(to), T::floor(to)),
            Comparison::Lt => (T::LEAST, T::ceil(to).below()),
            Comparison::Le => (T::LEAST, T::floor(to)),
            Comparison::Gt => (T::floor(to).above(), T::GREATEST),
            Comparison::Ge => (T::ceil(to), T::GREATEST),
        };
        Self { low, high }
    }

    /// The numbers in both.
    pub(crate) fn and(self, other: Self) -> Self {
        let low = if other.low > self.low { other.low } else { self.low };
        let high = if other.high < self.high { other.high } else { self.high };
        Self { low, high }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.low > self.high
    }

    pub(crate) fn contains(&self, number: T) -> bool {
        self.low <= number && number <= self.high
    }
}
