//! The numbers of a column, in the narrowest form that holds all of them exactly.

use super::pages::Pages;

/// Whole numbers beyond this are not told apart by f64.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// Numbers by position. Pushing one that does not fit makes all of them wider.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Numbers {
    I32(Pages<i32>),
    I64(Pages<i64>),
    /// Where one is beyond `i64::MAX`.
    I128(Pages<i128>),
    F32(Pages<f32>),
    F64(Pages<f64>),
}

/// Evaluates an expression with the pages of whichever form the numbers have.
macro_rules! with_numbers {
    ($numbers:expr, $slice:ident => $body:expr) => {
        match $numbers {
            Numbers::I32($slice) => $body,
            Numbers::I64($slice) => $body,
            Numbers::I128($slice) => $body,
            Numbers::F32($slice) => $body,
            Numbers::F64($slice) => $body,
        }
    };
}

impl Numbers {
    /// Room for whole numbers, or for times.
    pub(super) fn whole() -> Self {
        Self::I32(Pages::new())
    }

    /// Room for floats.
    pub(super) fn float() -> Self {
        Self::F32(Pages::new())
    }

    pub(crate) fn len(&self) -> usize {
        with_numbers!(self, slice => slice.len())
    }

    /// Adds a whole number.
    pub(super) fn push_whole(&mut self, number: i128) {
        match self {
            Self::I32(all) => match i32::try_from(number) {
                Ok(number) => all.push(number),
                Err(_) => {
                    *self = Self::I64(all.iter().map(i64::from).collect());
                    self.push_whole(number);
                }
            },
            Self::I64(all) => match i64::try_from(number) {
                Ok(number) => all.push(number),
                Err(_) => {
                    *self = Self::I128(all.iter().map(i128::from).collect());
                    self.push_whole(number);
                }
            },
            Self::I128(all) => all.push(number),
            Self::F32(_) | Self::F64(_) => self.push_float(number as f64),
        }
    }

    /// Adds a number that fits always, where there is none.
    pub(super) fn push_zero(&mut self) {
        match self {
            Self::I32(all) => all.push(0),
            Self::I64(all) => all.push(0),
            Self::I128(all) => all.push(0),
            Self::F32(all) => all.push(0.0),
            Self::F64(all) => all.push(0.0),
        }
    }

    /// Adds a finite float.
    pub(super) fn push_float(&mut self, number: f64) {
        match self {
            Self::F64(all) => all.push(number),
            Self::F32(all) if f64::from(number as f32) == number => all.push(number as f32),
            _ => {
                *self = Self::F64((0..self.len()).map(|at| self.float_at(at)).collect());
                self.push_float(number);
            }
        }
    }

    /// Adds a time, in seconds: whole as long as all are.
    pub(super) fn push_time(&mut self, seconds: f64) {
        let is_whole = seconds.fract() == 0.0 && seconds.abs() <= EXACT;
        if is_whole && matches!(self, Self::I32(_) | Self::I64(_)) { self.push_whole(seconds as i128) } else { self.push_float(seconds) }
    }

    /// Puts a number of a column of the same type at a position, or what stands where there is none; false where it does not fit the form, and
    /// nothing was changed.
    pub(super) fn set(&mut self, at: usize, number: Option<(&Self, usize)>) -> bool {
        let whole = |number: &Self, at: usize| match number {
            Self::F32(_) | Self::F64(_) => None,
            _ => Some(number.whole_at(at)),
        };
        macro_rules! put {
            ($all:expr, $found:expr) => {
                match $found {
                    Some(found) => $all.set(at, found),
                    None => return false,
                }
            };
        }
        let whole = |zero| number.map_or(Some(zero), |(from, at)| whole(from, at));
        match self {
            Self::I32(all) => put!(all, whole(0).and_then(|number| i32::try_from(number).ok())),
            Self::I64(all) => put!(all, whole(0).and_then(|number| i64::try_from(number).ok())),
            Self::I128(all) => put!(all, whole(0)),
            Self::F32(all) => {
                let number = number.map_or(0.0, |(from, at)| from.float_at(at));
                put!(all, Some(number as f32).filter(|&half| f64::from(half) == number));
            }
            Self::F64(all) => all.set(at, number.map_or(0.0, |(from, at)| from.float_at(at))),
        }
        true
    }

    /// The number at a position as f64: exactly, but for whole numbers beyond 2^53.
    pub(crate) fn float_at(&self, at: usize) -> f64 {
        match self {
            Self::I32(all) => f64::from(all.get(at)),
            Self::I64(all) => all.get(at) as f64,
            Self::I128(all) => all.get(at) as f64,
            Self::F32(all) => f64::from(all.get(at)),
            Self::F64(all) => all.get(at),
        }
    }

    /// The whole number at a position; a float's fraction is cut off.
    pub(crate) fn whole_at(&self, at: usize) -> i128 {
        match self {
            Self::I32(all) => i128::from(all.get(at)),
            Self::I64(all) => i128::from(all.get(at)),
            Self::I128(all) => all.get(at),
            Self::F32(all) => all.get(at) as i128,
            Self::F64(all) => all.get(at) as i128,
        }
    }

    /// Which form they have, as it is stored.
    pub(super) fn form(&self) -> u8 {
        match self {
            Self::I32(_) => 0,
            Self::I64(_) => 1,
            Self::I128(_) => 2,
            Self::F32(_) => 3,
            Self::F64(_) => 4,
        }
    }

    /// Little-endian numbers.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        with_numbers!(self, slice => slice.iter().flat_map(|number| number.to_le_bytes()).collect())
    }

    /// Reads what [`Numbers::to_bytes`] wrote in a form; `None` when the bytes are not finite numbers of it.
    pub(super) fn from_bytes(form: u8, data: &[u8]) -> Option<Self> {
        macro_rules! read {
            ($form:ident, $number:ty, $width:literal) => {
                data.len()
                    .is_multiple_of($width)
                    .then(|| Self::$form(data.as_chunks::<$width>().0.iter().map(|b| <$number>::from_le_bytes(*b)).collect()))
            };
        }
        let found = match form {
            0 => read!(I32, i32, 4),
            1 => read!(I64, i64, 8),
            2 => read!(I128, i128, 16),
            3 => read!(F32, f32, 4),
            4 => read!(F64, f64, 8),
            _ => None,
        }?;
        let sound = match &found {
            Self::F32(all) => all.iter().all(|number| number.is_finite()),
            Self::F64(all) => all.iter().all(|number| number.is_finite()),
            // A row's whole numbers go from -2^63 to 2^64 - 1.
            Self::I128(all) => all.iter().all(|number| i64::try_from(number).is_ok() || u64::try_from(number).is_ok()),
            _ => true,
        };
        sound.then_some(found)
    }

    pub(super) fn shrink(&mut self) {
        with_numbers!(self, all => all.shrink());
    }

    /// Bytes of memory.
    pub(super) fn memory(&self) -> usize {
        with_numbers!(self, all => all.memory())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn wholes(all: &[i128]) -> Numbers {
        let mut numbers = Numbers::whole();
        all.iter().for_each(|&number| numbers.push_whole(number));
        numbers
    }

    #[test]
    fn whole_numbers_are_as_wide_as_the_widest() {
        let (least, most) = (i128::from(i64::MIN), i128::from(u64::MAX));
        for (all, bytes) in [
            (vec![], 0),
            (vec![0, i128::from(i32::MIN), i128::from(i32::MAX)], 12),
            (vec![1, i128::from(i32::MAX) + 1], 16),
            (vec![1, least], 16),
            (vec![1, least, i128::from(i64::MAX) + 1, most], 64),
            (vec![most, 1], 32),
        ] {
            let numbers = wholes(&all);
            assert_eq!((0..numbers.len()).map(|at| numbers.whole_at(at)).collect::<Vec<_>>(), all);
            let stored = numbers.to_bytes();
            assert_eq!(stored.len(), bytes);
            assert_eq!(Numbers::from_bytes(numbers.form(), &stored).unwrap(), numbers);
        }
        assert!(Numbers::from_bytes(2, &(most + 1).to_le_bytes()).is_none());
        assert!(Numbers::from_bytes(0, &[0; 3]).is_none() && Numbers::from_bytes(9, &[]).is_none());
    }

    #[test]
    fn floats_are_halved_where_nothing_is_lost() {
        for (all, bytes) in [(vec![0.5, -0.0, 1e30_f32.into()], 12), (vec![0.5, 0.1], 16), (vec![0.1, 0.5], 16), (vec![1.0, 1e300], 16)] {
            let mut numbers = Numbers::float();
            all.iter().for_each(|&number| numbers.push_float(number));
            assert_eq!(
                (0..numbers.len()).map(|at| numbers.float_at(at).to_bits()).collect::<Vec<_>>(),
                all.iter().map(|x: &f64| x.to_bits()).collect::<Vec<_>>()
            );
            let stored = numbers.to_bytes();
            assert_eq!(stored.len(), bytes);
            assert_eq!(Numbers::from_bytes(numbers.form(), &stored).unwrap(), numbers);
        }
        for bad in [f64::NAN, f64::INFINITY] {
            assert!(Numbers::from_bytes(4, &bad.to_le_bytes()).is_none());
            assert!(Numbers::from_bytes(3, &(bad as f32).to_le_bytes()).is_none());
        }
    }

    #[test]
    fn times_are_whole_seconds_as_long_as_all_are() {
        for (all, bytes) in
            [(vec![1.7e9, -5.0], 8), (vec![1.0, 4e9], 16), (vec![1.0, 4e9, 0.25], 24), (vec![0.25, 1.0], 16), (vec![1e300], 8)]
        {
            let mut numbers = Numbers::whole();
            all.iter().for_each(|&seconds| numbers.push_time(seconds));
            assert_eq!((0..numbers.len()).map(|at| numbers.float_at(at)).collect::<Vec<_>>(), all);
            assert_eq!(numbers.to_bytes().len(), bytes);
        }
    }
}
