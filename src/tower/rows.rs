//! Rows made up to try a tower on: what its feature spec can make, from the empty row to the full one. The same each time.

use super::array::{Array, Data};
use super::value::Dtype;
use crate::features::{Dtype as InputType, InputRole, InputSpec, Tensor, TensorData};

/// How many there are.
pub(super) const ROWS: usize = 6;

/// The made-up rows of one input, each as an array of shape `[1, ...]`.
pub(super) fn synthetic(spec: &InputSpec, seed: u64) -> Vec<Array> {
    let mut dice = Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    (0..ROWS).map(|row| row_of(spec, row, &mut dice)).collect()
}

fn row_of(spec: &InputSpec, row: usize, dice: &mut Dice) -> Array {
    let shape = [&[1], spec.row_shape.as_slice()].concat();
    let count = spec.row_len();
    // Of a list of L, so many are there: none (or those that always are), all, half, one, ...; what follows is padding.
    let length = match spec.role {
        InputRole::Length => spec.index_size.map_or(0, |size| usize::try_from(size - 1).unwrap_or(usize::MAX)),
        _ => spec.row_shape.first().copied().unwrap_or(1),
    };
    let filled = [0, length, length.div_ceil(2), 1, length.saturating_sub(1), length][row % ROWS].max(spec.least);
    let inner = count / length.max(1);
    match spec.dtype {
        InputType::I64 if spec.role == InputRole::Length => Array::integers(Dtype::I64, shape, vec![filled as i64]),
        InputType::I64 if spec.role == InputRole::Mask => Array::integers(Dtype::I64, shape, (0..count).map(|at| i64::from(at < filled))),
        InputType::I64 => {
            // Padding, missing, the first bucket of unknown values, the last of the vocabulary; then any.
            let last = spec.index_size.unwrap_or(1).max(1) - 1;
            let index = |at: usize, dice: &mut Dice| match (row, at) {
                (0, _) if spec.least == 0 => 0,
                (3, 0) => 1.min(last),
                (4, 0) => 2.min(last),
                (1 | 5, 0) => last,
                _ => dice.below(last.max(1)) + last.min(1),
            };
            let is_list = !spec.row_shape.is_empty();
            let data = (0..count).map(|at| if is_list && at >= filled { 0 } else { index(at, dice) as i64 }).collect::<Vec<_>>();
            Array::integers(Dtype::I64, shape, data)
        }
        InputType::F32 => {
            // Nothing, ones, about one, tiny, tens, thousands.
            let scale = [0.0, 1.0, 1.0, 1e-3, 30.0, 2e3][row % ROWS];
            let is_list = spec.row_shape.len() > 1;
            let number = |at: usize, dice: &mut Dice| match row {
                1 if !is_list => 1.0,
                _ if is_list && at >= filled * inner => 0.0,
                _ if is_list => dice.unit() / (inner as f64).sqrt(),
                _ => scale * dice.unit(),
            };
            let data = (0..count).map(|at| number(at, dice)).collect();
            Array::floats(Dtype::F32, shape, data)
        }
    }
}

/// Several rows as one tensor for the runtime.
pub(super) fn tensor(spec: &InputSpec, rows: &[&Array]) -> Tensor {
    let ints = rows.iter().flat_map(|row| match &row.data {
        Data::Int(data) => data.as_slice(),
        Data::Float(_) => &[],
    });
    let floats = rows.iter().flat_map(|row| match &row.data {
        Data::Float(data) => data.as_slice(),
        Data::Int(_) => &[],
    });
    let data = match spec.dtype {
        InputType::I64 => TensorData::I64(ints.copied().collect()),
        InputType::F32 => TensorData::F32(floats.map(|&x| x as f32).collect()),
    };
    Tensor { name: spec.tensor.clone(), shape: [&[rows.len()], spec.row_shape.as_slice()].concat(), data }
}

/// Xorshift: numbers that look random, the same from the same seed.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    /// From -1 to 1.
    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_within_the_spec() {
        for (row_shape, size) in [(vec![], 1), (vec![], 2), (vec![5], 3), (vec![1], 1000), (vec![0], 7)] {
            let spec = InputSpec::values("x", InputType::I64, row_shape, Some(size));
            let rows = synthetic(&spec, 3);
            assert_eq!(rows.len(), ROWS);
            for row in &rows {
                assert_eq!(row.len(), spec.row_len());
                assert!(row.as_integers().unwrap().iter().all(|&x| (0..size as i64).contains(&x)), "{row:?}");
            }
        }
        // What is told of a list agrees with the list, and special tokens are always there.
        let tokens = InputSpec { least: 2, ..InputSpec::values("x", InputType::I64, vec![5], Some(9)) };
        let mask = InputSpec { role: InputRole::Mask, index_size: Some(2), ..tokens.clone() };
        let length = InputSpec { role: InputRole::Length, index_size: Some(6), row_shape: vec![], ..tokens.clone() };
        let [tokens, mask, length] = [tokens, mask, length].map(|spec| synthetic(&spec, 3));
        let lengths: Vec<i64> = length.iter().flat_map(|row| row.as_integers().unwrap()).copied().collect();
        assert_eq!(lengths, [2, 5, 3, 2, 4, 5]);
        for ((tokens, mask), length) in tokens.iter().zip(&mask).zip(lengths) {
            let wanted: Vec<i64> = (0..5).map(|at| i64::from(at < length)).collect();
            assert_eq!(mask.as_integers().unwrap(), wanted);
            assert!(tokens.as_integers().unwrap().iter().zip(&wanted).all(|(id, mask)| *mask == 1 || *id == 0));
        }
        let spec = InputSpec::values("x", InputType::F32, vec![4, 3], None);
        let rows = synthetic(&spec, 3);
        assert!(rows[0].as_floats().unwrap().iter().all(|&x| x == 0.0));
        assert!(rows[1].as_floats().unwrap().iter().all(|&x| x != 0.0 && x.abs() <= 1.0));
        assert_eq!(rows, synthetic(&spec, 3));
    }
}
