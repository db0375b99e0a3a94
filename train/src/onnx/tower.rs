//! The graph of a tower.

use torre_features::FeatureSpec;

use super::dense::{linear, normal};
use super::graph::{Builder, Name, Value};
use super::message::Model as Proto;
use super::places::{Places, over_count, weighted_sum};
use super::pooling::pool as pool_of;
use crate::layer::LEAST;
use crate::layout::Layout;
use crate::table::Pooling;
use crate::tower::{Part, Tables, Tower};

/// The model of a tower, without metadata.
pub(super) fn model(tower: &Tower, tables: &Tables, spec: &FeatureSpec, layouts: &[Layout]) -> Proto {
    let mut builder = Builder::default();
    let shapes: Vec<&[usize]> = spec.inputs().iter().map(|input| &input.row_shape[..]).collect();
    for (layout, shape) in layouts.iter().zip(&shapes) {
        builder.input(&layout.tensor, layout.numbers.is_none() && layout.weights_of.is_none(), shape);
    }
    let mut parts: Vec<Name> = Vec::new();
    for field in &tower.fields {
        let (layout, shape) = (&layouts[field.input], shapes[field.input]);
        parts.push(match &field.part {
            Part::Numbers if shape.is_empty() => {
                let axes = builder.integers(&[1]);
                builder.node("Unsqueeze", &[&layout.tensor, &axes], &[])
            }
            Part::Numbers => {
                let row = builder.integers(&[-1, field.width as i64]);
                if shape.len() > 1 { builder.node("Reshape", &[&layout.tensor, &row], &[]) } else { layout.tensor.clone() }
            }
            Part::Embedding { table, pooling } => {
                let e = rows(&mut builder, tables, *table, &layout.tensor);
                match layout.padding {
                    None => e,
                    Some(padding) => {
                        let weights = layout.weights.map(|at| layouts[at].tensor.clone());
                        let places = Places::new(&mut builder, &layout.tensor, padding, layout.length);
                        pooled(&mut builder, &e, &places, *pooling, weights.as_deref())
                    }
                }
            }
            Part::History { table, pool } => {
                let e = rows(&mut builder, tables, *table, &layout.tensor);
                let places = Places::new(&mut builder, &layout.tensor, layout.padding.unwrap_or(0), layout.length);
                pool_of(&mut builder, pool, &e, &places)
            }
        });
    }
    let mut sum: Option<Name> = None;
    for (n, part) in parts.iter().enumerate().filter(|(n, _)| tower.adds(*n)) {
        let scale = tower.fields[n].scale;
        let scaled = if scale == 1.0 {
            part.clone()
        } else {
            let by = builder.floats(&[], &[scale]);
            builder.node("Mul", &[part, &by], &[])
        };
        sum = Some(add(&mut builder, sum, scaled));
    }
    if let Some(mlp) = &tower.mlp {
        let wide: Vec<&str> = parts.iter().enumerate().filter(|(n, _)| tower.is_wide(*n)).map(|(_, part)| &**part).collect();
        let mut y = if wide.len() > 1 { builder.node("Concat", &wide, &[("axis", Value::Int(-1))]) } else { wide.concat() };
        for (layer, norm) in &mlp.hidden {
            y = linear(&mut builder, layer, &y);
            if let Some(norm) = norm {
                y = normal(&mut builder, norm, &y);
            }
            y = builder.node("Relu", &[&y], &[]);
        }
        y = linear(&mut builder, &mlp.last, &y);
        sum = Some(add(&mut builder, sum, y));
    }
    let mut output = sum.unwrap_or_default();
    if tower.width < tower.dim {
        let (from, to, axes) = (builder.integers(&[0]), builder.integers(&[tower.width as i64]), builder.integers(&[1]));
        output = builder.node("Slice", &[&output, &from, &to, &axes], &[]);
    }
    if tower.normalized {
        let axes = builder.integers(&[-1]);
        let length = builder.node("ReduceL2", &[&output, &axes], &[("keepdims", Value::Int(1))]);
        let least = builder.floats(&[], &[LEAST]);
        let length = builder.node("Max", &[&length, &least], &[]);
        output = builder.node("Div", &[&output, &length], &[]);
    }
    builder.finish(&output, spec.output(), tower.width)
}

fn rows(builder: &mut Builder, tables: &Tables, table: usize, indexes: &str) -> Name {
    let table = &tables.list[table];
    let weights = builder.weights(&table.name, &[table.rows(), table.width], &table.values);
    builder.node("Gather", &[&weights, indexes], &[("axis", Value::Int(0))])
}

fn add(builder: &mut Builder, sum: Option<Name>, more: Name) -> Name {
    match sum {
        Some(sum) => builder.node("Add", &[&sum, &more], &[]),
        None => more,
    }
}

/// The mean or weighted sum of a list's rows.
fn pooled(builder: &mut Builder, e: &str, places: &Places, pooling: Pooling, weights: Option<&str>) -> Name {
    let counts = match weights {
        Some(weights) => builder.node("Mul", &[&places.mask, weights], &[]),
        None => places.mask.clone(),
    };
    let sum = weighted_sum(builder, e, &counts);
    match pooling {
        Pooling::Sum => sum,
        Pooling::Mean => over_count(builder, &sum, places),
    }
}
