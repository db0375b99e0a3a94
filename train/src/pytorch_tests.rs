//! Layers, losses and update rules against what PyTorch computes: `fixtures/layers.json`, which `fixtures/layers.py` writes.

#![allow(clippy::unwrap_used)]

use std::sync::LazyLock;

use serde_json::Value as Json;

use crate::config::Towers;
use crate::dense::Dense;
use crate::entities::Lists;
use crate::layer::{LayerNorm, Linear, Mlp, MlpShape, unit, unit_back};
use crate::loss::{Candidates, Columns, Loss, Targets, evaluate};
use crate::optimizer::{Rule, Step};
use crate::pool::{Attention, Gru, Lstm, Transformer};
use crate::rng::{Purpose, Rng};
use crate::table::{Pooling, Table, TableGradient};

static FIXTURES: LazyLock<Json> = LazyLock::new(|| serde_json::from_str(include_str!("../fixtures/layers.json")).unwrap());
/// Of the histories' embeddings.
const WIDTH: usize = 6;
const PLACES: usize = 5;

fn numbers(json: &Json) -> Vec<f32> {
    json.as_array().unwrap().iter().map(|x| x.as_f64().unwrap() as f32).collect()
}

fn places(json: &Json) -> Vec<usize> {
    json.as_array().unwrap().iter().map(|x| x.as_u64().unwrap() as usize).collect()
}

fn near(what: &str, got: &[f32], expected: &Json) {
    let expected = numbers(expected);
    assert_eq!(got.len(), expected.len(), "{what}");
    for (at, (got, expected)) in got.iter().zip(&expected).enumerate() {
        assert!((got - expected).abs() <= 1e-5 * expected.abs().max(1.0), "{what} {at}: {got}, in PyTorch {expected}");
    }
}

/// Gives a layer the fixture's parameters and compares what comes out, and all derivatives.
fn check<L>(
    name: &str,
    mut layer: L,
    run: impl FnOnce(&mut L, &[f32], &[f32]) -> (Vec<f32>, Vec<f32>),
    parameters: impl for<'a> Fn(&'a mut L, &mut Vec<&'a mut Dense>),
) {
    let fixture = &FIXTURES["layers"][name];
    let of = fixture["parameters"].as_array().unwrap();
    let mut all = Vec::new();
    parameters(&mut layer, &mut all);
    assert_eq!(all.len(), of.len(), "{name}");
    for (dense, of) in all.into_iter().zip(of) {
        let values = numbers(&of["values"]);
        assert_eq!(dense.values.len(), values.len(), "{name}: {}", dense.name);
        dense.values = values;
    }
    let (y, dx) = run(&mut layer, &numbers(&fixture["x"]), &numbers(&fixture["dy"]));
    near(&format!("{name}: y"), &y, &fixture["y"]);
    near(&format!("{name}: dx"), &dx, &fixture["dx"]);
    let mut all = Vec::new();
    parameters(&mut layer, &mut all);
    for (dense, of) in all.into_iter().zip(of) {
        near(&format!("{name}: gradient of {}", dense.name), &dense.gradient, &of["gradient"]);
    }
}

fn rng() -> Rng {
    Rng::new(1, Purpose::Weights, 0)
}

#[test]
fn layers_are_those_of_pytorch() {
    check(
        "linear",
        Linear::new("l", 7, 3, &mut rng()),
        |layer, x, dy| (layer.forward(x), layer.backward(x, dy)),
        |layer, out| layer.parameters(out),
    );
    check(
        "layer_norm",
        LayerNorm::new("n", 7),
        |layer, x, dy| {
            let (y, trace) = layer.forward(x);
            (y, layer.backward(&trace, dy))
        },
        |layer, out| layer.parameters(out),
    );
    check(
        "unit",
        (),
        |(), x, dy| {
            let (mut y, mut dx) = (x.to_vec(), dy.to_vec());
            let lengths = unit(&mut y, 7);
            unit_back(&y, &lengths, &mut dx, 7);
            (y, dx)
        },
        |(), _| {},
    );
    let shape = MlpShape { inputs: 7, hidden: &[9], outputs: 4, layer_norm: true, dropout: 0.0 };
    check(
        "mlp",
        Mlp::new("m", &shape, &mut rng()),
        |layer, x, dy| {
            let (y, trace) = layer.forward(x.to_vec(), None);
            (y, layer.backward(&trace, dy))
        },
        |layer, out| layer.parameters(out),
    );
}

#[test]
fn pools_are_those_of_pytorch() {
    let starts = places(&FIXTURES["starts"]);
    check(
        "gru",
        Gru::new("p", WIDTH, &mut rng()),
        |pool, e, dy| {
            let (y, trace) = pool.forward(&starts, e);
            (y, pool.backward(&starts, e, &trace, dy))
        },
        |pool, out| pool.parameters(out),
    );
    check(
        "lstm",
        Lstm::new("p", WIDTH, &mut rng()),
        |pool, e, dy| {
            let (y, trace) = pool.forward(&starts, e);
            (y, pool.backward(&starts, e, &trace, dy))
        },
        |pool, out| pool.parameters(out),
    );
    check(
        "attention",
        Attention::new("p", WIDTH, PLACES, &mut rng()),
        |pool, e, dy| {
            let (y, trace) = pool.forward(&starts, e);
            (y, pool.backward(&starts, e, &trace, dy))
        },
        |pool, out| pool.parameters(out),
    );
    for (heads, blocks) in [(1, 1), (2, 2)] {
        let towers = Towers { heads, blocks, ..Towers::default() };
        check(
            &format!("transformer_{heads}"),
            Transformer::new(&towers, WIDTH, PLACES, &mut rng()),
            |pool, e, dy| {
                let (y, trace) = pool.forward(&starts, e, None);
                (y, pool.backward(&starts, &trace, dy))
            },
            |pool, out| pool.parameters(out),
        );
    }
}

#[test]
fn losses_are_those_of_pytorch() {
    let given = &FIXTURES["losses"]["given"];
    let ids = |name: &str| -> Vec<u32> { places(&given[name]).into_iter().map(|id| id as u32).collect() };
    let (own, others) = (ids("ids"), ids("candidates"));
    let (bias, candidate_bias, weights) = (numbers(&given["bias"]), numbers(&given["candidate_bias"]), numbers(&given["weights"]));
    let mut columns = Columns::new(given["items"].as_u64().unwrap() as usize);
    columns.set(&others);
    let fixtures = FIXTURES["losses"]["of"].as_array().unwrap();
    assert_eq!(fixtures.len(), 5);
    for fixture in fixtures {
        let loss: Loss = serde_json::from_value(fixture["of"].clone()).unwrap();
        let vectors = |name: &str| numbers(&fixture[name]["values"]);
        let (users, chosen, candidates) = (vectors("users"), vectors("chosen"), vectors("others"));
        let targets = Targets {
            dim: given["dim"].as_u64().unwrap() as usize,
            users: &users,
            items: &chosen,
            ids: &own,
            bias: &bias,
            weights: &weights,
            spared: None,
            spared_among: [0, 0],
            scale: given["scale"].as_f64().unwrap() as f32,
        };
        let ours = evaluate(loss, targets, Candidates { vectors: &candidates, columns: &columns, bias: &candidate_bias });
        let expected = fixture["loss"].as_f64().unwrap();
        assert!((ours.loss - expected).abs() < 1e-5 * expected.abs().max(1.0), "{loss:?}: {}, in PyTorch {expected}", ours.loss);
        for (name, gradient) in [("users", &ours.users), ("chosen", &ours.items), ("others", &ours.candidates)] {
            near(&format!("{loss:?} {name}"), gradient, &fixture[name]["gradient"]);
        }
    }
}

#[test]
fn rules_are_those_of_pytorch() {
    let fixture = &FIXTURES["rules"]["adam"];
    let number = |fixture: &Json, name: &str| fixture[name].as_f64().unwrap() as f32;
    let mut dense = Dense::constant("d", 9, 0.0);
    dense.values = numbers(&fixture["before"]);
    for (t, gradient) in fixture["gradients"].as_array().unwrap().iter().enumerate() {
        dense.gradient = numbers(gradient);
        dense.apply(Step::new(Rule::Adam, number(fixture, "rate"), number(fixture, "l2"), t as u64 + 1));
    }
    near("adam", &dense.values, &fixture["after"]);

    let fixture = &FIXTURES["rules"]["table"];
    let width = fixture["width"].as_u64().unwrap() as usize;
    let before = numbers(&fixture["before"]);
    let mut table = Table::new("t", before.len() / width, width, 0.1, Rule::Adam, &mut rng());
    table.values = before;
    for (t, step) in fixture["steps"].as_array().unwrap().iter().enumerate() {
        let indexes = places(&step["indexes"]).into_iter().map(|row| row as u32).collect();
        let lists = Lists { starts: places(&step["starts"]), indexes, weights: None };
        let mut y = vec![0f32; (lists.starts.len() - 1) * width];
        table.pool(&lists, Pooling::Mean, &mut y);
        near("the mean of a table's rows", &y, &step["y"]);
        let mut gradient = TableGradient::default();
        gradient.add_pooled(&lists, Pooling::Mean, &numbers(&step["dy"]), width);
        table.apply(&mut gradient, Step::new(Rule::Adam, number(fixture, "rate"), 0.0, t as u64 + 1));
    }
    near("a table after lazy steps", &table.values, &fixture["after"]);
}
