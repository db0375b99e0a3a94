//! A feature spec in the first line, rows in the others: what a tower's file and its callers bring.
#![no_main]

use libfuzzer_sys::fuzz_target;
use torre::fuzzing::{self, Stored, TensorBits};
use torre::{FeatureSpec, Row};

/// A row comes back from its bytes and from its JSON.
fn check_row(row: &Row) {
    let json = row.to_json().to_string();
    assert_eq!(Row::from_json(&json).as_ref(), Ok(row));
    assert_eq!(Row::from_json_value(row.to_json()).as_ref(), Ok(row));
}

/// The tensors of a batch are those of its rows, one after the other.
fn together(parts: Vec<Vec<TensorBits>>) -> Vec<TensorBits> {
    let mut parts = parts.into_iter();
    let mut all = parts.next().unwrap_or_default();
    for part in parts {
        for ((_, shape, bits), (_, more_shape, more)) in all.iter_mut().zip(part) {
            shape[0] += more_shape[0];
            bits.extend(more);
        }
    }
    all
}

fuzz_target!(|data: &[u8]| {
    // As stored, rows need not be text.
    if let Some(bytes) = fuzzing::recode(Stored::Row, data) {
        assert_eq!(fuzzing::recode(Stored::Row, &bytes).as_ref(), Some(&bytes));
    }
    let Ok(text) = std::str::from_utf8(data) else { return };
    let mut lines = text.lines();
    let spec = FeatureSpec::parse(lines.next().unwrap_or_default());
    let rows: Vec<Row> = lines.take(70).filter_map(|line| Row::from_json(line).ok()).collect();
    rows.iter().for_each(check_row);
    let Ok(spec) = spec else { return };
    let again = FeatureSpec::parse(spec.to_json()).expect("a spec that was read is read again");
    for row in &rows {
        let _ = fuzzing::inspect(&spec, row);
    }
    // 64 MB of tensors are enough to see that more of them would be the same.
    let elements: usize = spec.inputs().iter().map(|input| input.row_len()).sum();
    let rows = &rows[..rows.len().min((1 << 23) / elements.max(1))];

    let lenient = fuzzing::tensors(&spec, rows, true);
    let strict = fuzzing::tensors(&spec, rows, false);
    let one_by_one: Result<Vec<_>, _> = rows.iter().map(|row| fuzzing::tensors(&spec, std::slice::from_ref(row), true)).collect();
    match &lenient {
        Ok(tensors) => {
            assert_eq!(fuzzing::tensors(&again, rows, true).as_ref().ok(), Some(tensors), "encoded twice");
            if !rows.is_empty() {
                assert_eq!(one_by_one.map(together).ok().as_ref(), Some(tensors), "a batch, and its rows alone");
            }
            if let Ok(strict) = strict {
                assert_eq!(&strict, tensors, "strict and lenient");
            }
            for (input, (name, shape, bits)) in spec.inputs().iter().zip(tensors) {
                assert_eq!(*name, *input.tensor);
                assert_eq!(bits.len(), shape.iter().product::<usize>());
                assert_eq!((shape[0], &shape[1..]), (rows.len(), input.row_shape.as_slice()));
                if let Some(size) = input.index_size {
                    assert!(bits.iter().all(|index| *index < size), "an index beyond the embedding table");
                } else {
                    assert!(bits.iter().all(|bits| f32::from_bits(*bits as u32).is_finite()), "a number that is none");
                }
            }
        }
        Err(_) => assert!(strict.is_err() && one_by_one.is_err(), "refused in a batch, taken alone or strictly"),
    }
});
