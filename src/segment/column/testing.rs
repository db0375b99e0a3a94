//! Values to test columns with.
#![allow(clippy::unwrap_used)]

use super::builder::ColumnBuilder;
use super::values::Column;
use crate::features::Value;

/// Every type of a field.
pub(crate) const KINDS: [&str; 10] =
    ["text", "int", "float", "bool", "time", "list<text>", "list<int>", "list<float>", "list<bool>", "list<time>"];

/// Numbers from a seed (SplitMix64).
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ x >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ x >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((x ^ x >> 31) % end.max(1) as u64) as usize
    }

    pub(crate) fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())].clone()
    }
}

/// A value of a type: few distinct ones, those at the ends of number types among them.
pub(crate) fn random_value(kind: &str, dice: &mut Dice) -> Value {
    if let Some(element) = kind.strip_prefix("list<").and_then(|rest| rest.strip_suffix('>')) {
        return Value::List((0..dice.below(4)).map(|_| random_value(element, dice)).collect());
    }
    let small = dice.below(5) as i64 - 2;
    let often = dice.below(8) > 0;
    match kind {
        "int" if often => Value::Int(small),
        "int" => {
            dice.pick(&[Value::Int(i64::MIN), Value::Int(i64::MAX), Value::Uint(u64::MAX), Value::Int((1 << 53) + 1), Value::Int(1 << 31)])
        }
        "float" if often => Value::Float(small as f64 / 2.0),
        "float" => dice.pick(&[Value::Float(0.1), Value::Float(-0.0), Value::Float(1e300), Value::Int((1 << 53) + 1), Value::Int(3)]),
        "bool" => Value::Bool(small > 0),
        "time" if often => Value::Int(1_700_000_000 + small),
        "time" => dice.pick(&[Value::from("2026-04-25T20:15:00.5Z"), Value::Int(1 << 40), Value::Float(0.25), Value::Float(-0.0)]),
        _ if often => Value::from(dice.pick(&["", "a", "ab", "b c", "é", "a B"])),
        _ => dice.pick(&[Value::Int(7), Value::from("7"), Value::from("z".repeat(40)), Value::from("b"), Value::from(small.to_string())]),
    }
}

/// Values of a type, a fifth of them null if there are to be nulls. Few of them have wide numbers.
pub(crate) fn random_values(kind: &str, rows: usize, nulls: bool, seed: u64) -> Vec<Value> {
    let mut dice = Dice(seed);
    (0..rows).map(|_| if nulls && dice.below(5) == 0 { Value::Null } else { random_value(kind, &mut dice) }).collect()
}

/// The column of these values under the field `f`.
pub(crate) fn column_of(kind: &str, values: &[Value]) -> Column {
    let mut builder = ColumnBuilder::new(&format!("f:{kind}").parse().unwrap());
    values.iter().for_each(|value| builder.push(Some(value)));
    builder.finish().unwrap()
}
