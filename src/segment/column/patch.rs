//! Columns with other values in some of their positions. Where these fit, pages are copied and all else is shared.

use super::builder::TooLarge;
use super::cells::Cells;
use super::values::Column;
use super::{Bits, ColumnBuilder};
use crate::features::Value;

impl Column {
    /// The column with these values at positions below [`Column::len`], which ascend. A whole number that is wider than the others, a text that
    /// no other row has, and lists make the column anew.
    ///
    /// # Errors
    /// [`TooLarge`].
    pub(crate) fn patched(&self, changes: &[(u32, Option<&Value>)]) -> Result<Self, TooLarge> {
        let mut builder = ColumnBuilder::of(&self.field, self.kind);
        changes.iter().for_each(|(_, value)| builder.push(*value));
        let values = builder.finish()?;
        let patched = match self.with_cells(changes, &values) {
            Some(patched) => patched,
            None => self.made_anew(changes, &values)?,
        };
        let order = self.order.as_ref().map(|order| order.changed_at(self.len(), changes.iter().map(|(at, _)| *at)));
        Ok(Self { order, ..patched })
    }

    /// `None` where a value does not fit.
    fn with_cells(&self, changes: &[(u32, Option<&Value>)], values: &Self) -> Option<Self> {
        if self.lists.is_some() {
            return None;
        }
        let mut patched = self.clone();
        let mut nulls = patched.nulls.take().or_else(|| values.nulls.as_ref().map(|_| Bits::of(self.len(), &[])));
        for (from, (at, _)) in changes.iter().enumerate() {
            let (at, is_null) = (*at as usize, values.is_null(from));
            if let Some(nulls) = &mut nulls {
                nulls.set(at, is_null);
            }
            if !patched.cells.set(at, (!is_null).then_some((&values.cells, from))) {
                return None;
            }
        }
        patched.nulls = nulls.filter(Bits::any);
        Some(patched)
    }

    fn made_anew(&self, changes: &[(u32, Option<&Value>)], values: &Self) -> Result<Self, TooLarge> {
        let mut order: Vec<(u32, u32)> = (0..self.len() as u32).map(|at| (0, at)).collect();
        for (from, (at, _)) in (0u32..).zip(changes) {
            order[*at as usize] = (1, from);
        }
        Self::gather_unordered(self, &[values], &order)
    }
}

impl Cells {
    /// Puts a value of another column of the field at a position, or what stands where there is none; false where it does not fit.
    fn set(&mut self, at: usize, value: Option<(&Self, usize)>) -> bool {
        match (self, value) {
            (Self::Bools(bits), Some((Self::Bools(other), from))) => bits.set(at, other.get(from)),
            (Self::Bools(bits), None) => bits.set(at, false),
            (Self::Numbers(numbers), Some((Self::Numbers(other), from))) => return numbers.set(at, Some((other, from))),
            (Self::Numbers(numbers), None) => return numbers.set(at, None),
            (Self::Texts { codes, .. }, None) => codes.set(at, 0),
            (Self::Texts { codes, dictionary }, Some((Self::Texts { codes: other, dictionary: texts }, from))) => {
                let Some(code) = dictionary.find(texts.get(other.get(from))) else { return false };
                codes.set(at, code);
            }
            // Columns are of one field and type, and so are their cells.
            _ => return false,
        }
        true
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::segment::column::testing::{Dice, KINDS, column_of, random_value, random_values};

    #[test]
    fn a_patched_column_has_the_values_of_one_made_of_them_and_comes_back_from_its_parts() {
        for (seed, kind) in (1..).zip(KINDS) {
            for rows in [1usize, 63, 64, 65, 1024, 1025, 2500] {
                for nulls in [false, true] {
                    let mut dice = Dice(seed * 1000 + rows as u64);
                    let mut plain = random_values(kind, rows, nulls, seed);
                    let mut column = column_of(kind, &plain);
                    for _ in 0..6 {
                        let before: Vec<Value> = (0..rows).map(|at| column.value(at)).collect();
                        let at: Vec<u32> = (0..rows as u32).filter(|_| dice.below(rows) < 3).collect();
                        let mut value = || if dice.below(4) == 0 { Value::Null } else { random_value(kind, &mut dice) };
                        let changes: Vec<(u32, Value)> = at.into_iter().map(|at| (at, value())).collect();
                        let borrowed: Vec<(u32, Option<&Value>)> = changes.iter().map(|(at, value)| (*at, Some(value))).collect();
                        let patched = column.patched(&borrowed).unwrap();
                        changes.iter().for_each(|(at, value)| plain[*at as usize] = value.clone());
                        let expected = column_of(kind, &plain);
                        for (at, before) in before.iter().enumerate() {
                            assert_eq!(patched.value(at), expected.value(at), "{kind} at {at} of {rows}");
                            assert_eq!(column.value(at), *before, "the old column keeps what it had");
                        }
                        assert_eq!(Column::from_parts(&patched.parts().unwrap(), rows).unwrap(), patched, "{kind}");
                        column = patched;
                    }
                }
            }
        }
    }

    #[test]
    fn a_value_of_another_type_counts_as_none() {
        let column = column_of("int", &[Value::Int(1), Value::Int(2)]);
        let patched = column.patched(&[(1, Some(&Value::from("many")))]).unwrap();
        assert_eq!((patched.value(0), patched.value(1)), (Value::Int(1), Value::Null));
        let again = patched.patched(&[(1, Some(&Value::Int(7)))]).unwrap();
        assert!(again.nulls.is_none() && again.value(1) == Value::Int(7));
    }
}
