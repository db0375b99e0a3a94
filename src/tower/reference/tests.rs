//! The reference beside the examples of ONNX's text and beside naive loops.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use proptest::prelude::*;
use tract_onnx::pb;
use tract_onnx::pb::attribute_proto::AttributeType;

use super::{Call, compute};
use crate::tower::array::Array;
use crate::tower::value::Dtype;

fn ints(shape: &[usize], data: &[i64]) -> Array {
    Array::integers(Dtype::I64, shape.to_vec(), data.iter().copied())
}

fn floats(shape: &[usize], data: &[f64]) -> Array {
    Array::floats(Dtype::F64, shape.to_vec(), data.to_vec())
}

enum Given {
    Int(i64),
    Text(&'static str),
}

fn run(operator: &str, inputs: &[&Array], attributes: &[(&str, Given)], shapes: &[&[usize]]) -> Vec<Array> {
    let attribute = |(name, given): &(&str, Given)| {
        let blank = pb::AttributeProto { name: (*name).to_owned(), ..Default::default() };
        match given {
            Given::Int(i) => pb::AttributeProto { r#type: AttributeType::Int as i32, i: *i, ..blank },
            Given::Text(text) => pb::AttributeProto { r#type: AttributeType::String as i32, s: text.as_bytes().to_vec(), ..blank },
        }
    };
    let proto = pb::NodeProto {
        op_type: operator.to_owned(),
        input: (0..inputs.len()).map(|at| format!("x{at}")).collect(),
        output: (0..shapes.len()).map(|at| format!("y{at}")).collect(),
        attribute: attributes.iter().map(attribute).collect(),
        ..Default::default()
    };
    let shapes: Vec<Vec<usize>> = shapes.iter().map(|shape| shape.to_vec()).collect();
    compute(&Call { proto: &proto, inputs: inputs.iter().copied().map(Some).collect(), shapes: &shapes }).unwrap()
}

#[test]
fn examples_of_the_standard() {
    let x = floats(&[5], &[1.0, 2.0, 3.0, 4.0, 5.0]);
    let axis = ints(&[], &[0]);
    let sums = |flags: &[(&str, Given)]| run("CumSum", &[&x, &axis], flags, &[&[5]])[0].as_floats().unwrap().to_vec();
    assert_eq!(sums(&[]), [1.0, 3.0, 6.0, 10.0, 15.0]);
    assert_eq!(sums(&[("exclusive", Given::Int(1))]), [0.0, 1.0, 3.0, 6.0, 10.0]);
    assert_eq!(sums(&[("exclusive", Given::Int(1)), ("reverse", Given::Int(1))]), [14.0, 12.0, 9.0, 5.0, 0.0]);

    let table = ints(&[2, 2, 2], &[0, 1, 2, 3, 4, 5, 6, 7]);
    let found = run("GatherND", &[&table, &ints(&[2, 1], &[1, 0])], &[("batch_dims", Given::Int(1))], &[&[2, 2]]);
    assert_eq!(found[0].as_integers().unwrap(), [2, 3, 4, 5]);
    let found = run("GatherND", &[&ints(&[2, 2], &[0, 1, 2, 3]), &ints(&[2, 2], &[0, 0, 1, -1])], &[], &[&[2]]);
    assert_eq!(found[0].as_integers().unwrap(), [0, 3]);

    let data = floats(&[1, 5], &[1.0, 2.0, 3.0, 4.0, 5.0]);
    let (at, updates) = (ints(&[1, 2], &[1, 3]), floats(&[1, 2], &[1.1, 2.1]));
    let found = run("ScatterElements", &[&data, &at, &updates], &[("axis", Given::Int(1))], &[&[1, 5]]);
    assert_eq!(found[0].as_floats().unwrap(), [1.0, 1.1, 3.0, 2.1, 5.0]);
    let eight = floats(&[8], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]);
    let found = run("ScatterND", &[&eight, &ints(&[4, 1], &[4, 3, 1, 7]), &floats(&[4], &[9.0, 10.0, 11.0, 12.0])], &[], &[&[8]]);
    assert_eq!(found[0].as_floats().unwrap(), [1.0, 11.0, 3.0, 10.0, 9.0, 6.0, 7.0, 12.0]);

    let x = floats(&[2, 3], &[3.0, 1.0, 2.0, 5.0, 5.0, 4.0]);
    let found = run("TopK", &[&x, &ints(&[1], &[2])], &[], &[&[2, 2], &[2, 2]]);
    assert_eq!(found[0].as_floats().unwrap(), [3.0, 2.0, 5.0, 5.0]);
    assert_eq!(found[1].as_integers().unwrap(), [0, 2, 0, 1]);

    let found = run("NonZero", &[&ints(&[2, 2], &[1, 0, 1, 1])], &[], &[&[2, 3]]);
    assert_eq!(found[0].as_integers().unwrap(), [0, 1, 1, 0, 0, 1]);

    let (a, b) = (ints(&[6], &[-4, 7, 5, 4, -7, 8]), ints(&[6], &[2, -3, 8, -2, 3, 5]));
    assert_eq!(run("Mod", &[&a, &b], &[], &[&[6]])[0].as_integers().unwrap(), [0, -2, 5, 0, 2, 3]);
    assert_eq!(run("Mod", &[&a, &b], &[("fmod", Given::Int(1))], &[&[6]])[0].as_integers().unwrap(), [0, 1, 5, 0, -1, 3]);
}

#[test]
fn large_numbers_do_not_overflow() {
    let x = floats(&[1, 3], &[1000.0, 999.0, -1000.0]);
    let axes = ints(&[1], &[1]);
    let sum = run("ReduceLogSumExp", &[&x, &axes], &[], &[&[1, 1]])[0].as_floats().unwrap()[0];
    assert!((sum - 1_000.313_261_687_518_2).abs() < 1e-9, "{sum}");
    let found = run("LogSoftmax", &[&x], &[], &[&[1, 3]]);
    assert!((found[0].as_floats().unwrap()[1] + 1.313_261_687_518_2).abs() < 1e-9);
    assert_eq!(run("Softplus", &[&x], &[], &[&[1, 3]])[0].as_floats().unwrap(), [1000.0, 999.0, 0.0]);
}

proptest! {
    #[test]
    fn products_are_those_of_naive_loops(rows in 1usize..5, inner in 0usize..6, columns in 1usize..5, seed in any::<u32>()) {
        let number = |at: usize| f64::from((at as u32).wrapping_mul(2_654_435_761).wrapping_add(seed) >> 24) - 128.0;
        let a: Vec<f64> = (0..rows * inner).map(number).collect();
        let b: Vec<f64> = (0..inner * columns).map(|at| number(at + 1000)).collect();
        let naive: Vec<f64> = (0..rows * columns)
            .map(|at| (0..inner).map(|k| a[at / columns * inner + k] * b[k * columns + at % columns]).sum())
            .collect();
        let (a, b) = (floats(&[rows, inner], &a), floats(&[inner, columns], &b));
        let shape: &[usize] = &[rows, columns];
        let (product, sums) = (run("MatMul", &[&a, &b], &[], &[shape]), run("Einsum", &[&a, &b], &[("equation", Given::Text("ik, kj -> ij"))], &[shape]));
        prop_assert_eq!(product[0].as_floats().unwrap(), naive.as_slice());
        prop_assert_eq!(sums[0].as_floats().unwrap(), naive.as_slice());
    }
}

/// A row with a length is that row cut to it; what lies beyond is 0, and so is the last state of a row without steps, as in ONNX Runtime.
#[test]
fn sequence_lengths_end_rows_early() {
    let (steps, width, hidden, lengths) = (4, 2, 3, [0usize, 2, 4]);
    let rows = lengths.len();
    let numbers = |count: usize, seed: f64| (0..count).map(|at| (at as f64 * 0.7 + seed).sin()).collect::<Vec<f64>>();
    for (operator, gates) in [("RNN", 1), ("GRU", 3), ("LSTM", 4)] {
        let w = floats(&[1, gates * hidden, width], &numbers(gates * hidden * width, 1.0));
        let r = floats(&[1, gates * hidden, hidden], &numbers(gates * hidden * hidden, 2.0));
        let bias = floats(&[1, 2 * gates * hidden], &numbers(2 * gates * hidden, 3.0));
        let x = numbers(steps * rows * width, 4.0);
        let given = Array::integers(Dtype::I32, vec![rows], lengths.iter().map(|&length| length as i64));
        for direction in ["forward", "reverse"] {
            let inputs = [&floats(&[steps, rows, width], &x), &w, &r, &bias, &given];
            let found = run(operator, &inputs, &[("direction", Given::Text(direction))], &[&[steps, 1, rows, hidden], &[1, rows, hidden]]);
            let (all, last) = (found[0].as_floats().unwrap(), found[1].as_floats().unwrap());
            for (row, &length) in lengths.iter().enumerate() {
                let cut: Vec<f64> = (0..length).flat_map(|step| x[(step * rows + row) * width..][..width].to_vec()).collect();
                let inputs = [&floats(&[length, 1, width], &cut), &w, &r, &bias];
                let alone = run(operator, &inputs, &[("direction", Given::Text(direction))], &[&[length, 1, 1, hidden], &[1, 1, hidden]]);
                for step in 0..steps {
                    let expected =
                        if step < length { alone[0].as_floats().unwrap()[step * hidden..][..hidden].to_vec() } else { vec![0.0; hidden] };
                    assert_eq!(all[(step * rows + row) * hidden..][..hidden], expected, "{operator} {direction} {row} {step}");
                }
                let expected = if length > 0 { alone[1].as_floats().unwrap().to_vec() } else { vec![0.0; hidden] };
                assert_eq!(last[row * hidden..][..hidden], expected, "{operator} {direction} {row}");
            }
        }
    }
}
