//! One node of the graph as an operator over rows.

use super::attributes::{Attributes, place};
use super::domain::ML;
use super::ops::{Arithmetic, Linear, Op, Unary};
use super::proto::Node;
use super::trees::{Classifier, Regressor};
use crate::model_error::ModelError;

type Result<T> = std::result::Result<T, ModelError>;

/// The shape of a value: a row each for the rows of the batch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Shape {
    /// `[N, columns]`.
    Rows(usize),
    /// `[N]`.
    Flat,
}

/// What is known of a name of the graph.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Known {
    /// A value that is computed, by its number in the plan.
    Value { at: usize, shape: Shape },
    /// Constant floats.
    Floats { dims: Vec<i64>, values: Vec<f32> },
    /// Constant integers.
    Ints(Vec<i64>),
    /// The labels that a classifier would give: they are not computed.
    Label,
}

/// What a node becomes.
pub(super) enum Compiled {
    /// A constant.
    Constant,
    /// The same numbers under another name or in another shape.
    Alias(Known),
    /// A step; with `label`, its first output is a label and the second one the value.
    Step { op: Op, inputs: Vec<usize>, width: usize, shape: Shape, label: bool },
}

/// Compiles a node; `inputs` are those that it names, in order.
pub(super) fn compile(node: &Node<'_>, inputs: &[&Known]) -> Result<Compiled> {
    let refuse = |reason: String| Err(ModelError::graph(place(node), reason));
    let domain = if node.domain == "ai.onnx" { "" } else { node.domain };
    if domain.is_empty() && node.operator == "Constant" {
        return Ok(Compiled::Constant);
    }
    let Some(Known::Value { at, shape }) = inputs.iter().find(|known| matches!(known, Known::Value { .. })) else {
        return match inputs.iter().any(|known| matches!(known, Known::Label)) {
            true => refuse("it reads the label of a class; only scores rank".to_owned()),
            false => refuse("it reads nothing that depends on the features".to_owned()),
        };
    };
    let (at, shape) = (*at, *shape);
    let width = match shape {
        Shape::Rows(width) => width,
        Shape::Flat => 1,
    };
    let one = |op: Op, width: usize| Ok(Compiled::Step { op, inputs: vec![at], width, shape: Shape::Rows(width), label: false });
    let labelled = |op: Op, width: usize| Ok(Compiled::Step { op, inputs: vec![at], width, shape: Shape::Rows(width), label: true });
    let alias = |shape: Shape| Ok(Compiled::Alias(Known::Value { at, shape }));
    if domain == ML && (shape == Shape::Flat || !matches!(inputs.first(), Some(Known::Value { .. }))) {
        return refuse("it must read rows of features, [N, F]".to_owned());
    }
    match (domain, node.operator) {
        (ML, "TreeEnsembleRegressor") => {
            let regressor = Regressor::read(&Attributes::of(node, &Regressor::attributes())?, width)?;
            let targets = regressor.width();
            one(Op::Regressor(Box::new(regressor)), targets)
        }
        (ML, "TreeEnsemble") => {
            let regressor = Regressor::read_5(&Attributes::of(node, &Regressor::ATTRIBUTES_5)?, width)?;
            let targets = regressor.width();
            one(Op::Regressor(Box::new(regressor)), targets)
        }
        (ML, "TreeEnsembleClassifier") => {
            let classifier = Classifier::read(&Attributes::of(node, &Classifier::attributes())?, width)?;
            let classes = classifier.width();
            labelled(Op::Classifier(Box::new(classifier)), classes)
        }
        (ML, "LinearRegressor") => {
            let known = ["coefficients", "intercepts", "post_transform", "targets"];
            let linear = Linear::regressor(&Attributes::of(node, &known)?, width)?;
            let targets = linear.targets();
            one(Op::Linear(linear), targets)
        }
        (ML, "LinearClassifier") => {
            let known = ["classlabels_ints", "classlabels_strings", "coefficients", "intercepts", "multi_class", "post_transform"];
            let linear = Linear::classifier(&Attributes::of(node, &known)?, width)?;
            let targets = linear.targets();
            labelled(Op::Linear(linear), targets)
        }
        (ML, "Scaler") => one(Op::scaler(&Attributes::of(node, &["offset", "scale"])?, width)?, width),
        (ML, "Imputer") => one(Op::imputer(&Attributes::of(node, &["imputed_value_floats", "replaced_value_float"])?, width)?, width),
        (ML, "Normalizer") => one(Op::normalizer(&Attributes::of(node, &["norm"])?)?, width),
        // A map from labels to scores: the scores themselves are what ranks.
        (ML, "ZipMap") | ("", "Identity") => alias(shape),
        (ML, "ArrayFeatureExtractor") => match inputs {
            [_, Known::Ints(columns)] => {
                let columns = columns_of(node, columns, width)?;
                let width = columns.len();
                one(Op::Columns(columns), width)
            }
            _ => refuse("its columns must be constant".to_owned()),
        },
        ("", "Cast") => match Attributes::of(node, &["to", "saturate"])?.int("to", 0)? {
            1 => alias(shape),
            11 => refuse("it casts to double precision; convert the model with float32 inputs".to_owned()),
            to => refuse(format!("it casts scores to the type {to}; only float (1) is supported in a ranker")),
        },
        ("", "Reshape" | "Squeeze" | "Unsqueeze" | "Flatten") => alias(reshaped(node, inputs, shape)?),
        ("", "Gather") => gather(node, inputs, (at, width), shape),
        ("", "Concat") => concat(node, inputs),
        ("", operator) if Unary::named(operator).is_some() => {
            let op = Unary::named(operator).map(Op::Unary);
            op.map_or_else(|| unsupported(node), |op| Ok(Compiled::Step { op, inputs: vec![at], width, shape, label: false }))
        }
        ("", operator) => match Arithmetic::named(operator) {
            Some(by) => arithmetic(node, by, inputs),
            None => unsupported(node),
        },
        _ => unsupported(node),
    }
}

fn unsupported(node: &Node<'_>) -> Result<Compiled> {
    let operator = if node.domain.is_empty() { node.operator.to_owned() } else { format!("{}.{}", node.domain, node.operator) };
    let name = if node.name.is_empty() { node.outputs.first().copied().unwrap_or_default() } else { node.name };
    Err(ModelError::RankerOperator { node: name.to_owned(), operator })
}

/// The shape of a `Reshape`, `Squeeze`, `Unsqueeze` or `Flatten` that keeps a batch's rows apart.
fn reshaped(node: &Node<'_>, inputs: &[&Known], shape: Shape) -> Result<Shape> {
    let attributes = Attributes::of(node, &["axes", "axis", "shape", "allowzero"])?;
    let constant = match inputs.get(1) {
        Some(Known::Ints(values)) => Some(&values[..]),
        _ => None,
    };
    let axes = || constant.map_or_else(|| attributes.ints("axes"), Ok);
    let dims = || constant.map_or_else(|| attributes.ints("shape"), Ok);
    if attributes.int("allowzero", 0)? != 0 {
        return Err(ModelError::graph(place(node), "it takes 0 for a size (allowzero)"));
    }
    let found = match (node.operator, shape) {
        ("Flatten", Shape::Rows(width)) if attributes.int("axis", 1)? == 1 => Some(Shape::Rows(width)),
        ("Squeeze", Shape::Rows(1)) if matches!(axes()?, [1 | -1]) => Some(Shape::Flat),
        ("Unsqueeze", Shape::Flat) if matches!(axes()?, [1 | -1]) => Some(Shape::Rows(1)),
        ("Reshape", Shape::Rows(1) | Shape::Flat) if matches!(dims()?, [-1]) => Some(Shape::Flat),
        ("Reshape", Shape::Rows(1) | Shape::Flat) if matches!(dims()?, [-1, 1] | [0, 1]) => Some(Shape::Rows(1)),
        ("Reshape", Shape::Rows(width)) => match dims()? {
            [0, -1] => Some(Shape::Rows(width)),
            [-1 | 0, to] if usize::try_from(*to) == Ok(width) => Some(Shape::Rows(width)),
            _ => None,
        },
        _ => None,
    };
    found
        .ok_or_else(|| ModelError::graph(place(node), format!("it changes the shape of {shape:?} to one in which rows are not kept apart")))
}

/// Columns of a constant list; negative ones count from the end.
fn columns_of(node: &Node<'_>, columns: &[i64], width: usize) -> Result<Vec<usize>> {
    let column = |&column: &i64| {
        let from_start = if column < 0 { column.checked_add(width as i64) } else { Some(column) };
        let found = from_start.and_then(|column| usize::try_from(column).ok()).filter(|&column| column < width);
        found.ok_or_else(|| ModelError::graph(place(node), format!("it takes the column {column}; there are {width}")))
    };
    columns.iter().map(column).collect()
}

fn gather(node: &Node<'_>, inputs: &[&Known], (at, width): (usize, usize), shape: Shape) -> Result<Compiled> {
    let axis = Attributes::of(node, &["axis"])?.int("axis", 0)?;
    match (inputs, shape, axis) {
        ([Known::Value { .. }, Known::Ints(columns)], Shape::Rows(_), 1 | -1) => {
            let columns = columns_of(node, columns, width)?;
            let width = columns.len();
            Ok(Compiled::Step { op: Op::Columns(columns), inputs: vec![at], width, shape: Shape::Rows(width), label: false })
        }
        _ => Err(ModelError::graph(place(node), "it must take constant columns (axis 1) of rows")),
    }
}

fn concat(node: &Node<'_>, inputs: &[&Known]) -> Result<Compiled> {
    let refuse = |reason: &str| Err(ModelError::graph(place(node), reason.to_owned()));
    if !matches!(Attributes::of(node, &["axis"])?.int("axis", 0)?, 1 | -1) {
        return refuse("it must put columns side by side (axis 1)");
    }
    let (mut from, mut total) = (Vec::new(), 0usize);
    for input in inputs {
        let Known::Value { at, shape: Shape::Rows(width) } = input else { return refuse("it must put rows of columns side by side") };
        from.push(*at);
        total = total.saturating_add(*width);
    }
    Ok(Compiled::Step { op: Op::Concat, inputs: from, width: total, shape: Shape::Rows(total), label: false })
}

fn arithmetic(node: &Node<'_>, by: Arithmetic, inputs: &[&Known]) -> Result<Compiled> {
    Attributes::of(node, &[])?;
    match inputs {
        [Known::Value { at, shape }, Known::Floats { dims, values }] => with_constant(node, by, (*at, *shape), (dims, values), false),
        [Known::Floats { dims, values }, Known::Value { at, shape }] => with_constant(node, by, (*at, *shape), (dims, values), true),
        [Known::Value { at: a, shape: left }, Known::Value { at: b, shape: right }] => {
            let shape = match (*left, *right) {
                (left, right) if left == right => left,
                (Shape::Rows(1), Shape::Rows(width)) | (Shape::Rows(width), Shape::Rows(1)) => Shape::Rows(width),
                (left, right) => return Err(ModelError::graph(place(node), format!("the shapes {left:?} and {right:?}"))),
            };
            let width = if let Shape::Rows(width) = shape { width } else { 1 };
            Ok(Compiled::Step { op: Op::Binary(by), inputs: vec![*a, *b], width, shape, label: false })
        }
        _ => Err(ModelError::graph(place(node), "it must read two values of floats")),
    }
}

fn with_constant(node: &Node<'_>, by: Arithmetic, value: (usize, Shape), constant: (&[i64], &[f32]), swapped: bool) -> Result<Compiled> {
    let ((at, shape), (dims, values)) = (value, constant);
    let width = if let Shape::Rows(width) = shape { width } else { 1 };
    // A further dimension of the constant would be one of the result.
    let rank = if shape == Shape::Flat { 1 } else { 2 };
    let leading = dims.len().saturating_sub(1);
    let values = match values {
        [one] if dims.len() <= rank => vec![*one; width],
        all if shape != Shape::Flat && all.len() == width && leading < rank && dims[..leading].iter().all(|&dim| dim == 1) => all.to_vec(),
        _ => return Err(ModelError::graph(place(node), format!("a constant of the shape {dims:?} beside {shape:?}"))),
    };
    Ok(Compiled::Step { op: Op::Constant { by, values, swapped }, inputs: vec![at], width, shape, label: false })
}
