//! Each operator beside the reference, at awkward sizes.
#![allow(clippy::unwrap_used, reason = "tests")]

use proptest::prelude::*;
use tract_onnx::pb;
use tract_onnx::pb::attribute_proto::AttributeType;

use super::{Quick, View};
use crate::tower::array::Array;
use crate::tower::reference::{Call, compute};
use crate::tower::shape::volume;
use crate::tower::value::Dtype;

enum Set<'a> {
    Int(i64),
    Float(f32),
    Text(&'a str),
    Texts(&'a [&'a str]),
}

fn node(operator: &str, inputs: usize, outputs: usize, attributes: &[(&str, Set<'_>)]) -> pb::NodeProto {
    let attribute = |(name, set): &(&str, Set<'_>)| {
        let named = |kind: AttributeType| pb::AttributeProto { name: (*name).to_owned(), r#type: kind as i32, ..Default::default() };
        match set {
            Set::Int(i) => pb::AttributeProto { i: *i, ..named(AttributeType::Int) },
            Set::Float(f) => pb::AttributeProto { f: *f, ..named(AttributeType::Float) },
            Set::Text(text) => pb::AttributeProto { s: text.as_bytes().to_vec(), ..named(AttributeType::String) },
            Set::Texts(texts) => {
                pb::AttributeProto { strings: texts.iter().map(|text| text.as_bytes().to_vec()).collect(), ..named(AttributeType::Strings) }
            }
        }
    };
    pb::NodeProto {
        op_type: operator.to_owned(),
        input: (0..inputs).map(|n| format!("x{n}")).collect(),
        output: (0..outputs).map(|n| format!("y{n}")).collect(),
        attribute: attributes.iter().map(attribute).collect(),
        ..Default::default()
    }
}

/// Numbers from -scale to scale, the same for the same seed.
fn array(shape: &[usize], seed: u64, scale: f64) -> Array {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    };
    Array::floats(Dtype::F32, shape.to_vec(), (0..volume(shape)).map(|_| scale * next()).collect())
}

/// Runs both, and fails where they differ by more than rounding. Missing inputs have no name.
fn same(mut proto: pb::NodeProto, inputs: &[Option<Array>], shapes: &[Vec<usize>]) {
    for (name, input) in proto.input.iter_mut().zip(inputs) {
        if input.is_none() {
            name.clear();
        }
    }
    let floats: Vec<Option<Vec<f32>>> =
        inputs.iter().map(|input| input.as_ref().map(|array| array.as_floats().unwrap().iter().map(|&x| x as f32).collect())).collect();
    let views: Vec<Option<View<'_>>> = inputs
        .iter()
        .zip(&floats)
        .map(|(input, data)| input.as_ref().zip(data.as_ref()).map(|(array, data)| View { shape: &array.shape, data, whole: &[] }))
        .collect();
    let quick = Quick::of(&proto, &vec![true; inputs.len()], &views).unwrap();
    let outlines: Vec<&[usize]> = shapes.iter().map(Vec::as_slice).collect();
    let found = quick.run(&views, &outlines).unwrap();
    let expected = compute(&Call { proto: &proto, inputs: inputs.iter().map(Option::as_ref).collect(), shapes }).unwrap();
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(&expected) {
        let expected = expected.as_floats().unwrap();
        assert_eq!(found.len(), expected.len());
        let most = expected.iter().filter(|x| x.is_finite()).fold(0.3f64, |most, x| most.max(x.abs()));
        for (at, (&x, &y)) in found.iter().zip(expected).enumerate() {
            assert!(f64::from(x) == y || (f64::from(x) - y).abs() <= 3e-6 * most, "{} at {at}: {x} instead of {y}", proto.op_type);
        }
    }
}

#[derive(Clone, Debug)]
struct Sizes {
    steps: usize,
    rows: usize,
    width: usize,
    hidden: usize,
    directions: usize,
    seed: u64,
    optional: [bool; 4],
}

fn sizes() -> impl Strategy<Value = Sizes> {
    let rows = prop_oneof![Just(1usize), 1usize..6, Just(13usize), Just(64usize)];
    (1usize..7, rows, 1usize..20, 1usize..40, 1usize..3, any::<u64>(), any::<[bool; 4]>()).prop_map(
        |(steps, rows, width, hidden, directions, seed, optional)| Sizes { steps, rows, width, hidden, directions, seed, optional },
    )
}

fn recurrent(operator: &str, gates: usize, sizes: &Sizes, attributes: &[(&str, Set<'_>)]) {
    let Sizes { steps, rows, width, hidden, directions, seed, optional } = *sizes;
    let scale = 1.5 / (hidden as f64).sqrt();
    let state = || array(&[directions, rows, hidden], seed ^ 5, 0.7);
    let mut inputs = vec![
        Some(array(&[steps, rows, width], seed, 1.0)),
        Some(array(&[directions, gates * hidden, width], seed ^ 1, scale)),
        Some(array(&[directions, gates * hidden, hidden], seed ^ 2, scale)),
        optional[0].then(|| array(&[directions, 2 * gates * hidden], seed ^ 3, 0.5)),
        None,
        optional[1].then(state),
    ];
    if operator == "LSTM" {
        inputs.push(optional[2].then(state));
        inputs.push(optional[3].then(|| array(&[directions, 3 * hidden], seed ^ 4, 0.3)));
    }
    let direction = match (directions, optional[3]) {
        (2, _) => "bidirectional",
        (_, true) => "reverse",
        _ => "forward",
    };
    let mut proto = node(operator, inputs.len(), if gates == 4 { 3 } else { 2 }, attributes);
    proto.attribute.extend(node("", 0, 0, &[("direction", Set::Text(direction))]).attribute);
    let last = vec![directions, rows, hidden];
    let shapes = [vec![steps, directions, rows, hidden], last.clone(), last];
    same(proto, &inputs, &shapes[..if gates == 4 { 3 } else { 2 }]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn recurrent_layers_are_those_of_the_reference(sizes in sizes()) {
        recurrent("RNN", 1, &sizes, &[]);
        recurrent("RNN", 1, &sizes, &[("activations", Set::Texts(&["Relu", "Softsign"])), ("clip", Set::Float(0.8))]);
        recurrent("GRU", 3, &sizes, &[("linear_before_reset", Set::Int(1))]);
        recurrent("GRU", 3, &sizes, &[("linear_before_reset", Set::Int(0))]);
        let names = ["HardSigmoid", "Elu", "Sigmoid", "LeakyRelu"];
        recurrent("GRU", 3, &sizes, &[("activations", Set::Texts(&names)), ("clip", Set::Float(1.5))]);
        recurrent("LSTM", 4, &sizes, &[]);
        recurrent("LSTM", 4, &sizes, &[("input_forget", Set::Int(1)), ("clip", Set::Float(0.9))]);
    }

    #[test]
    fn attention_is_that_of_the_reference(
        (rows, group, kv_heads, steps, keys) in (1usize..4, 1usize..3, 1usize..4, 1usize..20, 1usize..20),
        (width, out, seed) in (1usize..17, 1usize..17, any::<u64>()),
        (flat, causal, masked, scaled) in any::<(bool, bool, bool, bool)>(),
    ) {
        let heads = group * kv_heads;
        let shape = |heads: usize, steps: usize, width: usize| {
            if flat { vec![rows, steps, heads * width] } else { vec![rows, heads, steps, width] }
        };
        let mut attributes = vec![("is_causal", Set::Int(i64::from(causal)))];
        if flat {
            attributes.push(("q_num_heads", Set::Int(heads as i64)));
            attributes.push(("kv_num_heads", Set::Int(kv_heads as i64)));
        }
        if scaled {
            attributes.push(("scale", Set::Float(0.3)));
        }
        let inputs = [
            Some(array(&shape(heads, steps, width), seed, 1.0)),
            Some(array(&shape(kv_heads, keys, width), seed ^ 1, 1.0)),
            Some(array(&shape(kv_heads, keys, out), seed ^ 2, 1.0)),
            masked.then(|| array(&[1, steps, keys], seed ^ 3, 4.0)),
        ];
        same(node("Attention", 4, 1, &attributes), &inputs, &[shape(heads, steps, out)]);
    }

    #[test]
    fn rows_are_normalised_as_by_the_reference(outer in 1usize..5, width in 1usize..40, seed in any::<u64>(), biased in any::<bool>()) {
        let x = array(&[outer, 3, width], seed, 5.0);
        let inputs = [Some(x.clone()), Some(array(&[width], seed ^ 1, 1.0)), biased.then(|| array(&[width], seed ^ 2, 1.0))];
        same(node("LayerNormalization", 3, 1, &[]), &inputs, std::slice::from_ref(&x.shape));
        same(node("RMSNormalization", 2, 1, &[("epsilon", Set::Float(1e-3))]), &inputs[..2], std::slice::from_ref(&x.shape));
        same(node("Softmax", 1, 1, &[]), &inputs[..1], std::slice::from_ref(&x.shape));
    }
}

#[test]
fn curves_are_those_of_the_reference() {
    for scale in [0.1, 1.0, 8.0, 60.0] {
        let x = array(&[7, 29], 3, scale);
        for operator in ["Erf", "Exp", "Gelu", "Sin", "Cos", "Celu", "Elu", "Selu", "Softplus", "Softsign", "Mish", "Sigmoid", "Tanh"] {
            same(node(operator, 1, 1, &[]), &[Some(x.clone())], std::slice::from_ref(&x.shape));
        }
        same(node("Gelu", 1, 1, &[("approximate", Set::Text("tanh"))]), &[Some(x.clone())], std::slice::from_ref(&x.shape));
        same(node("Celu", 1, 1, &[("alpha", Set::Float(2.5))]), &[Some(x.clone())], std::slice::from_ref(&x.shape));
        same(node("HardSigmoid", 1, 1, &[("alpha", Set::Float(0.4))]), &[Some(x.clone())], std::slice::from_ref(&x.shape));
    }
}

proptest! {
    #[test]
    fn einsums_are_those_of_the_reference(sizes in proptest::array::uniform5(1usize..7), seed in any::<u64>()) {
        let [a, b, c, d, e] = sizes;
        for (equation, left, right, out) in [
            ("abc,cd->abd", vec![a, b, c], vec![c, d], vec![a, b, d]),
            ("abc,adc->abd", vec![a, b, c], vec![a, d, c], vec![a, b, d]),
            ("ab,cb->ca", vec![a, b], vec![c, b], vec![c, a]),
            ("eab,bcd->cdea", vec![e, a, b], vec![b, c, d], vec![c, d, e, a]),
            ("a,b->ba", vec![a], vec![b], vec![b, a]),
            ("ab,ab->a", vec![a, b], vec![a, b], vec![a]),
        ] {
            let inputs = [Some(array(&left, seed, 1.0)), Some(array(&right, seed ^ 1, 1.0))];
            same(node("Einsum", 2, 1, &[("equation", Set::Text(equation))]), &inputs, &[out]);
        }
    }

    #[test]
    fn products_are_those_of_the_reference(sizes in proptest::array::uniform5(1usize..7), seed in any::<u64>()) {
        let [outer, heads, rows, inner, columns] = sizes;
        let out = vec![outer, heads, rows, columns];
        for (left, right) in [
            (vec![outer, heads, rows, inner], vec![outer, heads, inner, columns]),
            (vec![outer, heads, rows, inner], vec![heads, inner, columns]),
            (vec![heads, rows, inner], vec![outer, 1, inner, columns]),
        ] {
            let inputs = [Some(array(&left, seed, 1.0)), Some(array(&right, seed ^ 1, 1.0))];
            same(node("MatMul", 2, 1, &[]), &inputs, std::slice::from_ref(&out));
        }
    }

    #[test]
    fn reductions_are_those_of_the_reference(sizes in proptest::array::uniform4(1usize..6), first in 0usize..4, more in 0usize..3, seed in any::<u64>()) {
        let last = (first + more).min(3);
        let axes: Vec<i64> = (first..=last).map(|at| at as i64).collect();
        let mut shape = sizes.to_vec();
        shape[first..=last].fill(1);
        let mut x = array(&sizes, seed, 20.0);
        for operator in ["ReduceMax", "ReduceMin", "ReduceLogSumExp", "ReduceSum", "ReduceMean", "ReduceL2"] {
            let mut proto = node(operator, 1, 1, &[]);
            let axes = pb::AttributeProto { name: "axes".to_owned(), r#type: AttributeType::Ints as i32, ints: axes.clone(), ..Default::default() };
            proto.attribute.push(axes);
            same(proto, &[Some(x.clone())], std::slice::from_ref(&shape));
        }
        same(node("LogSoftmax", 1, 1, &[]), &[Some(x.clone())], &[sizes.to_vec()]);
        if let crate::tower::array::Data::Float(data) = &mut x.data {
            data[0] = f64::NEG_INFINITY;
        }
        let shape = vec![sizes[0], 1, 1, 1];
        let axes = pb::AttributeProto { name: "axes".to_owned(), r#type: AttributeType::Ints as i32, ints: vec![1, 2, 3], ..Default::default() };
        let mut proto = node("ReduceMax", 1, 1, &[]);
        proto.attribute.push(axes);
        same(proto, &[Some(x)], &[shape]);
    }
}

#[test]
fn rows_are_looked_up_from_both_ends() {
    let table: Vec<f32> = (0..12).map(|x| x as f32).collect();
    let views =
        |picks: &'static [i64]| [Some(View { shape: &[4, 3], data: &[], whole: &[] }), Some(View { shape: &[3], data: &[], whole: picks })];
    let look = |picks: &'static [i64]| {
        let [head, picks] = views(picks);
        let views = [head.map(|view| View { data: &table, ..view }), picks];
        Quick::of(&node("Gather", 2, 1, &[]), &[true, false], &views).unwrap().run(&views, &[&[3, 3]])
    };
    assert_eq!(look(&[2, 0, -1]), Some(vec![vec![6.0, 7.0, 8.0, 0.0, 1.0, 2.0, 9.0, 10.0, 11.0]]));
    assert_eq!(look(&[2, 4, 0]), None);
    assert_eq!(look(&[-5, 0, i64::MIN]), None);
}

#[test]
fn what_varies_is_not_packed() {
    let inputs = [Some(array(&[2, 1, 3], 1, 1.0)), Some(array(&[1, 4, 3], 2, 1.0)), Some(array(&[1, 4, 4], 3, 1.0))];
    let floats: Vec<Vec<f32>> =
        inputs.iter().flatten().map(|array| array.as_floats().unwrap().iter().map(|&x| x as f32).collect()).collect();
    let views: Vec<_> =
        inputs.iter().flatten().zip(&floats).map(|(array, data)| Some(View { shape: &array.shape, data, whole: &[] })).collect();
    let proto = node("RNN", 3, 1, &[]);
    assert!(Quick::of(&proto, &[false, true, true], &views).is_some());
    assert!(Quick::of(&proto, &[false, true, false], &views).is_none());
}
