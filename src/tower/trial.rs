//! Tries a tower before it is trusted: made-up rows, alone and among others, at every batch size, beside the reference.
//!
//! Whatever the runtime computes wrong, and whatever makes a row's vector depend on its neighbours, shows itself here on the user's own
//! model, and the node is named.

use std::collections::BTreeMap;

use tract_onnx::pb;

use super::array::Array;
use super::evaluate::{Evaluator, Values};
use super::guard::{self, Interface};
use super::infer::name_of;
use super::limits::{INSPECTED_BYTES, REFERENCE_STEPS, TOLERANCE, TOLERANCE_QUANTIZED, TRIAL_STEPS};
use super::plan::Plan;
use super::rows;
use crate::features::Tensor;
use crate::model_error::ModelError;

type Result<T> = std::result::Result<T, ModelError>;

/// What was tried, and how it went.
#[derive(Clone, PartialEq, Default, Debug)]
pub(crate) struct Trial {
    /// The operators of the graph, with how many nodes each has.
    pub(crate) operators: BTreeMap<String, usize>,
    /// Batch sizes at which made-up rows ran, each among different rows.
    pub(crate) batches: Vec<usize>,
    /// Rows whose vectors were compared with the reference.
    pub(crate) compared: usize,
    /// The largest difference to it, as a share of the vector's largest element.
    pub(crate) difference: f64,
    /// The largest that is allowed.
    pub(crate) tolerance: f64,
    /// The node at which the reference stopped, where the whole graph would have taken too long.
    pub(crate) cut: Option<String>,
}

/// One made-up row: its inputs, what the reference makes of it, and how far rounding may take that.
struct Row {
    inputs: Vec<Array>,
    expected: Option<Expected>,
}

struct Expected {
    vector: Vec<f64>,
    /// What honest rounding does to an element, at most.
    noise: f64,
}

/// Tries a plan that was prepared from the model.
pub(super) fn run(model: &pb::ModelProto, interface: &Interface<'_>, plan: &Plan) -> Result<Trial> {
    let Some(graph) = &model.graph else { return Err(ModelError::NotOnnx { reason: "it has no graph".to_owned() }) };
    let outlines = guard::outlines(graph, interface, &[1])?;
    let Some(outline) = outlines.first() else { return Err(ModelError::graph("model", "no outline")) };
    let mut evaluator = Evaluator::new(graph, outline, interface.output, plan.tables());
    let cost = evaluator.cost().max(1);
    let made: Vec<Vec<Array>> = interface.inputs.iter().zip(1..).map(|(spec, seed)| rows::synthetic(spec, seed)).collect();
    let mut all: Vec<Row> =
        (0..rows::ROWS).map(|row| Row { inputs: made.iter().map(|input| input[row].clone()).collect(), expected: None }).collect();

    let quantized = graph.node.iter().any(|node| node.op_type == "QuantizeLinear");
    let tolerance = if quantized { TOLERANCE_QUANTIZED } else { TOLERANCE };
    let mut operators = BTreeMap::new();
    graph.node.iter().for_each(|node| *operators.entry(node.op_type.clone()).or_insert(0) += 1);
    let mut trial = Trial { operators, batches: Vec::new(), compared: 0, difference: 0.0, tolerance, cut: None };
    let fits = usize::try_from(REFERENCE_STEPS / 2 / cost).unwrap_or(usize::MAX).clamp(1, rows::ROWS);
    for row in &mut all[rows::ROWS - fits..] {
        let named = inputs_of(interface, row);
        let exact = evaluator.run(&named, REFERENCE_STEPS / 2, false)?;
        if let Some(at) = exact.cut {
            trial.cut = graph.node.get(at).map(|node| name_of(node).to_owned());
            // To see the values inside, the runtime loads the model once more: not for giants.
            if weight_bytes(graph) <= INSPECTED_BYTES
                && let Some(error) = differing(&evaluator, plan, model, interface, row, &exact)?
            {
                return Err(error);
            }
            break;
        }
        let shaken = evaluator.run(&named, REFERENCE_STEPS / 2, true)?;
        row.expected = expected(&exact, &shaken, interface.output);
    }

    let mut alone = Vec::with_capacity(all.len());
    for row in &all {
        let vector = attempt(plan, interface, &[row])?;
        if let Some(expected) = &row.expected {
            match compare(&vector, expected, tolerance) {
                Ok(difference) => trial.difference = trial.difference.max(difference),
                Err(at) => return Err(blame(&mut evaluator, plan, model, interface, row, at, &vector)?),
            }
            trial.compared += 1;
        }
        alone.push(vector);
    }
    trial.batches.push(1);
    for batch in plan.batches().filter(|&batch| batch > 1) {
        if cost.saturating_mul(batch as u64) > TRIAL_STEPS {
            continue;
        }
        for turn in 0..2 {
            let places: Vec<usize> = (0..batch).map(|at| (at * 5 + turn) % all.len()).collect();
            let chosen: Vec<&Row> = places.iter().map(|&at| &all[at]).collect();
            let vectors = attempt(plan, interface, &chosen)?;
            for (&row, vector) in places.iter().zip(vectors.chunks(interface.width)) {
                // Sums in another order differ by their rounding; where that is not known, by a little more.
                let noise = all[row].expected.as_ref().map_or_else(|| 1e-4 * largest(&alone[row]), |expected| expected.noise);
                let same = Expected { vector: alone[row].iter().map(|&x| f64::from(x)).collect(), noise };
                if compare(vector, &same, tolerance).is_err() {
                    return Err(mixing(graph, interface, plan, &all, batch)?);
                }
            }
        }
        trial.batches.push(batch);
    }
    Ok(trial)
}

fn inputs_of<'a>(interface: &Interface<'a>, row: &Row) -> Vec<(&'a str, Array)> {
    interface.inputs.iter().zip(&row.inputs).map(|(spec, array)| (&*spec.tensor, array.clone())).collect()
}

/// Runs rows through the plan.
fn attempt(plan: &Plan, interface: &Interface<'_>, rows: &[&Row]) -> Result<Vec<f32>> {
    let input = |(at, spec)| rows::tensor(spec, &rows.iter().map(|row| &row.inputs[at]).collect::<Vec<_>>());
    let tensors: Vec<Tensor> = interface.inputs.iter().enumerate().map(input).collect();
    plan.run(&tensors, rows.len()).map_err(|source| ModelError::Trial { batch: rows.len(), source: Box::new(source) })
}

fn largest(vector: &[f32]) -> f64 {
    vector.iter().filter(|x| x.is_finite()).fold(0.0, |most, x| f64::max(most, f64::from(x.abs())))
}

/// What the two runs of the reference agree on; nothing where one has a number and the other has none.
fn expected(exact: &Values<'_>, shaken: &Values<'_>, output: &str) -> Option<Expected> {
    let (a, b) = (exact.get(output)?.as_floats().ok()?, shaken.get(output)?.as_floats().ok()?);
    let mut noise = 0.0f64;
    for (x, y) in a.iter().zip(b) {
        if x.is_finite() != y.is_finite() {
            return None;
        }
        noise = noise.max(if x.is_finite() { (x - y).abs() } else { 0.0 });
    }
    Some(Expected { vector: a.to_vec(), noise })
}

/// The largest difference as a share of the largest element, or the place of the element that differs by more than is allowed.
fn compare(vector: &[f32], expected: &Expected, tolerance: f64) -> std::result::Result<f64, usize> {
    let most = expected.vector.iter().filter(|x| x.is_finite()).fold(0.0f64, |most, x| most.max(x.abs()));
    let allowed = tolerance * most + NOISE * expected.noise + f64::from(f32::MIN_POSITIVE);
    let mut worst = 0.0f64;
    for (at, (&x, &y)) in vector.iter().zip(&expected.vector).enumerate() {
        let x = f64::from(x);
        if x == y || (x.is_nan() && y.is_nan()) {
            continue;
        }
        let difference = (x - y).abs();
        if difference.is_nan() || difference > allowed {
            return Err(at);
        }
        worst = worst.max(difference / most.max(f64::MIN_POSITIVE));
    }
    Ok(worst)
}

/// How many times what one unit in the last place of every value does to the output may be missing from it.
const NOISE: f64 = 32.0;

/// Names the first node whose value the runtime computes otherwise than the reference.
fn blame<'a>(
    evaluator: &mut Evaluator<'a>,
    plan: &Plan,
    model: &pb::ModelProto,
    interface: &Interface<'a>,
    row: &Row,
    at: usize,
    vector: &[f32],
) -> Result<ModelError> {
    let named = inputs_of(interface, row);
    let exact = evaluator.run(&named, REFERENCE_STEPS / 2, false)?;
    if let Some(error) = differing(evaluator, plan, model, interface, row, &exact)? {
        return Ok(error);
    }
    let expected = exact.get(interface.output).and_then(|array| array.as_floats().ok()?.get(at).copied()).unwrap_or(f64::NAN);
    let got = f64::from(vector[at]);
    Ok(Difference { node: interface.output, operator: "output", at, expected, got }.error(exact.get(interface.output).into_iter()))
}

/// A value that the runtime computes otherwise than the reference.
struct Difference<'a> {
    node: &'a str,
    operator: &'a str,
    at: usize,
    expected: f64,
    got: f64,
}

impl Difference<'_> {
    /// Beyond these sizes f32 loses squares and products; below their inverse too.
    const MOST: f64 = 1e18;

    /// Who is to blame: f32, where it does not carry what the node is given or makes, else the runtime.
    fn error<'v>(&self, inputs: impl Iterator<Item = &'v Array>) -> ModelError {
        let carried = |x: f64| x == 0.0 || (1.0 / Self::MOST..=Self::MOST).contains(&x.abs());
        let (node, operator) = (self.node.to_owned(), self.operator.to_owned());
        let Self { at, expected, got, .. } = *self;
        let mut inputs = inputs.filter_map(|array| array.as_floats().ok());
        if carried(expected) && inputs.all(|values| values.iter().all(|&x| carried(x))) {
            ModelError::Differs { node, operator, at, expected, got }
        } else {
            ModelError::Magnitude { node, operator, at, expected, got }
        }
    }
}

fn weight_bytes(graph: &pb::GraphProto) -> usize {
    graph.initializer.iter().map(|weights| weights.raw_data.len() + 4 * weights.float_data.len()).sum()
}

/// Lets the runtime show its values, and gives the first that differs from the reference's.
fn differing(
    evaluator: &Evaluator<'_>,
    plan: &Plan,
    model: &pb::ModelProto,
    interface: &Interface<'_>,
    row: &Row,
    exact: &Values<'_>,
) -> Result<Option<ModelError>> {
    let names: Vec<(&str, &pb::NodeProto)> = evaluator
        .nodes()
        .flat_map(|(_, node)| node.output.iter().map(move |name| (name.as_str(), node)))
        .filter(|(name, _)| exact.get(name).is_some_and(|array| array.dtype.is_float()))
        .collect();
    let tensors: Vec<Tensor> = interface.inputs.iter().zip(&row.inputs).map(|(spec, array)| rows::tensor(spec, &[array])).collect();
    let found = plan.inspect(model, interface, &names.iter().map(|(name, _)| *name).collect::<Vec<_>>(), &tensors)?;
    for ((name, node), found) in names.iter().zip(found) {
        let values = exact;
        let (Some(exact), Some(found)) = (exact.get(name), found) else { continue };
        let (Ok(expected), Ok(found)) = (exact.as_floats(), found.as_floats()) else { continue };
        let found: Vec<f32> = found.iter().map(|&x| x as f32).collect();
        // A value inside has no noise of its own to be judged by: ten times the tolerance of the output.
        let wanted = Expected { vector: expected.to_vec(), noise: 0.0 };
        if let Err(at) = compare(&found, &wanted, 10.0 * TOLERANCE) {
            let (expected, got) = (expected[at], f64::from(found[at]));
            let inputs = node.input.iter().filter_map(|name| values.get(name));
            return Ok(Some(Difference { node: name_of(node), operator: &node.op_type, at, expected, got }.error(inputs)));
        }
    }
    Ok(None)
}

/// Names the first node that makes something else of a row when another row is beside it.
fn mixing(graph: &pb::GraphProto, interface: &Interface<'_>, plan: &Plan, all: &[Row], batch: usize) -> Result<ModelError> {
    let fallback = ModelError::MixesRows { node: interface.output.to_owned(), operator: "output".to_owned(), batch };
    let outlines = guard::outlines(graph, interface, &[1, 2])?;
    let [one, two] = outlines.as_slice() else { return Ok(fallback) };
    let evaluator = |outline| Evaluator::new(graph, outline, interface.output, plan.tables());
    let (mut single, mut double) = (evaluator(one), evaluator(two));
    let (first, second) = (&all[2], &all[all.len() - 1]);
    let alone = single.run(&inputs_of(interface, first), REFERENCE_STEPS, false)?;
    let pairs: Vec<(&str, Array)> = interface
        .inputs
        .iter()
        .enumerate()
        .map(|(at, spec)| {
            let (a, b) = (&first.inputs[at], &second.inputs[at]);
            let shape = [&[2], spec.row_shape.as_slice()].concat();
            let places = (0..a.len()).map(|i| (0, i)).chain((0..b.len()).map(|i| (1, i)));
            Array::gather(&[a, b], shape, places).map(|array| (&*spec.tensor, array))
        })
        .collect::<std::result::Result<_, _>>()
        .map_err(|reason| ModelError::graph("inputs", reason))?;
    let together = double.run(&pairs, REFERENCE_STEPS, false)?;
    for (_, node) in single.nodes() {
        for name in &node.output {
            let (Some(a), Some(b)) = (alone.get(name), together.get(name)) else { continue };
            // Shapes and what is made of them are other ones by their nature.
            let of_rows = a.dtype.is_float() && one.known.get(name).is_some_and(|value| value.content.is_none());
            if of_rows && !is_half(a, b) {
                return Ok(ModelError::MixesRows { node: name_of(node).to_owned(), operator: node.op_type.clone(), batch });
            }
        }
    }
    Ok(fallback)
}

/// Whether `a` is what `b` has of the first of its two rows, along the dimension that is twice as long.
fn is_half(a: &Array, b: &Array) -> bool {
    let (Ok(x), Ok(y)) = (a.as_floats(), b.as_floats()) else { return true };
    if a.rank() != b.rank() {
        return true;
    }
    let near = |x: f64, y: f64| x == y || (x.is_nan() && y.is_nan()) || (x - y).abs() <= 1e-5 * x.abs().max(y.abs()).max(1e-3);
    match (0..a.rank()).find(|&at| a.shape[at] != b.shape[at]) {
        None => x.iter().zip(y).all(|(&x, &y)| near(x, y)),
        Some(at) if b.shape[at] == 2 * a.shape[at] => {
            let run = super::shape::volume(&a.shape[at..]);
            x.chunks(run.max(1)).zip(y.chunks((2 * run).max(1))).all(|(x, y)| x.iter().zip(y).all(|(&x, &y)| near(x, y)))
        }
        Some(_) => true,
    }
}
