//! A checked model as something that runs: one prepared plan for each batch size, shared by all threads, with a pool of states.

use std::collections::HashSet;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use parking_lot::Mutex;
use tract_onnx::pb;
use tract_onnx::prelude::{
    InferenceFact, InferenceModel, InferenceModelExt, IntoRunnable, IntoTValue, TValue, TypedFact, TypedOp, TypedRunnableModel,
};
use tract_onnx::tract_core::internal::SimpleState;
use tract_onnx::tract_core::prelude::Tensor as TractTensor;
use tract_onnx::tract_hir::internal::{DatumType, TVec};

use super::array::Array;
use super::convert;
use super::cuts::cuts;
use super::guard::{self, Interface, Outline};
use super::infer;
use super::limits::{BATCH_ELEMENTS, MICRO_BATCH};
use super::lower::Lowering;
use super::own;
use super::table::Tables;
use crate::features::{Dtype, InputSpec, Tensor, TensorData};
use crate::model_error::ModelError;

type State = SimpleState<TypedFact, Box<dyn TypedOp>>;

/// The batch sizes that are prepared, as far as their values fit the caches. Other numbers of rows are cut into these.
const BATCHES: [usize; 3] = [1, 8, MICRO_BATCH];

/// How many operators are taken from the runtime, one after the other, before a graph is refused.
const ATTEMPTS: usize = 4;

/// A graph that has passed the guard and is ready to run. Cheap to share; runs on any number of threads at once.
pub(crate) struct Plan {
    sized: Vec<Sized>,
    /// Which of the sizes comes first, by the number of rows that are left.
    cuts: Vec<usize>,
    inputs: Vec<InputSpec>,
    width: usize,
    /// The nodes as the runtime saw them; gone once the tower has been tried.
    lowered: Vec<pb::NodeProto>,
    tables: Tables,
}

struct Sized {
    batch: usize,
    model: Arc<TypedRunnableModel>,
    /// Idle states; at most one for each thread that runs at once. None where an operator keeps something from
    /// one run to the next (a recurrent layer its hidden state), for a row's vector must not depend on the rows before it.
    idle: Mutex<Vec<State>>,
}

impl Plan {
    /// Checks the model against the interface and prepares it. The model is as it was, on return.
    pub(crate) fn new(model: &mut pb::ModelProto, interface: &Interface<'_>) -> Result<Self, ModelError> {
        Self::with_tables(model, interface, Tables::new())
    }

    /// The same for a model whose tables are in its file.
    pub(super) fn with_tables(model: &mut pb::ModelProto, interface: &Interface<'_>, tables: Tables) -> Result<Self, ModelError> {
        let outlines = sizes(model, interface)?;
        let costs: Vec<u64> = outlines.iter().map(Outline::cost).collect();
        let cuts = cuts(&BATCHES[..costs.len()], &costs);
        let known: Vec<_> = outlines.into_iter().map(|outline| outline.known).collect();
        // An operator that the runtime cannot load or prepare becomes one of ours.
        let mut forced = HashSet::new();
        loop {
            let lowering = Lowering { known: &known, output: interface.output, forced: &forced, tables: &tables };
            match Self::lowered(model, interface, &lowering, &cuts) {
                Err(ModelError::Runtime { stage, reason }) => match at_fault(model, &reason) {
                    Some(operator) if forced.len() < ATTEMPTS && forced.insert(operator.to_owned()) => {}
                    _ => return Err(ModelError::Runtime { stage, reason }),
                },
                result => return result,
            }
        }
    }

    fn lowered(model: &mut pb::ModelProto, interface: &Interface<'_>, lowering: &Lowering<'_>, cuts: &[usize]) -> Result<Self, ModelError> {
        let nodes = model.graph.as_ref().map(|graph| graph.node.clone()).unwrap_or_default();
        if let Some(graph) = &mut model.graph {
            lowering.lower(graph);
        }
        let parsed = caught("load", || parse(model, interface, &[interface.output], lowering.tables));
        let lowered = model.graph.as_mut().map(|graph| std::mem::replace(&mut graph.node, nodes)).unwrap_or_default();
        let (parsed, _) = parsed?;
        let sized = BATCHES[..lowering.known.len()].iter().map(|&batch| prepare(&parsed, interface, batch)).collect::<Result<_, _>>()?;
        Ok(Self {
            sized,
            cuts: cuts.to_vec(),
            inputs: interface.inputs.to_vec(),
            width: interface.width,
            lowered,
            tables: lowering.tables.clone(),
        })
    }

    /// Runs one row and gives the values of these names; none where the runtime has no such value. Slow: it prepares the graph again.
    pub(super) fn inspect(
        &self,
        model: &pb::ModelProto,
        interface: &Interface<'_>,
        names: &[&str],
        tensors: &[Tensor],
    ) -> Result<Vec<Option<Array>>, ModelError> {
        let mut model = model.clone();
        if let Some(graph) = &mut model.graph {
            graph.node.clone_from(&self.lowered);
        }
        let (parsed, found) = caught("load", || parse(&mut model, interface, names, &self.tables))?;
        drop(model);
        let sized = prepare(&parsed, interface, 1)?;
        let inputs =
            self.inputs.iter().zip(tensors).map(|(spec, tensor)| fill(spec, tensor, 0..1, 1)).collect::<Result<TVec<TValue>, _>>()?;
        let values = caught("run", || {
            let outputs = sized.model.spawn().and_then(|mut state| state.run(inputs)).map_err(reason)?;
            outputs.iter().map(|output| convert::from_runtime(output).map_err(reason)).collect::<Result<Vec<_>, _>>()
        })?;
        let mut values = values.into_iter();
        Ok(found.into_iter().map(|found| if found { values.next() } else { None }).collect())
    }

    /// The batch sizes that were prepared.
    pub(super) fn batches(&self) -> impl Iterator<Item = usize> {
        self.sized.iter().map(|sized| sized.batch)
    }

    /// The tables that are in the model's file.
    pub(super) fn tables(&self) -> &Tables {
        &self.tables
    }

    /// Forgets what only [`Self::inspect`] needs.
    pub(super) fn settle(&mut self) {
        self.lowered = Vec::new();
        self.tables = Tables::new();
    }

    /// Runs up to [`MICRO_BATCH`] rows; `tensors` are in the order of the interface's inputs. Gives `rows x width` numbers.
    pub(crate) fn run(&self, tensors: &[Tensor], rows: usize) -> Result<Vec<f32>, ModelError> {
        let failed = |reason: String| ModelError::Runtime { stage: "run", reason };
        if rows > MICRO_BATCH {
            return Err(failed(format!("a batch of {rows} rows; at most {MICRO_BATCH} run at once")));
        }
        if tensors.len() != self.inputs.len() {
            return Err(failed(format!("{} input tensors; expected {}", tensors.len(), self.inputs.len())));
        }
        for (spec, tensor) in self.inputs.iter().zip(tensors) {
            check(spec, tensor, rows)?;
        }
        let mut all = Vec::with_capacity(rows * self.width);
        let mut done = 0;
        while done < rows {
            let left = rows - done;
            let Some(sized) = self.cuts.get(left).and_then(|&cut| self.sized.get(cut)) else {
                return Err(failed("no batch size".to_owned()));
            };
            let count = left.min(sized.batch);
            self.piece(sized, tensors, done..done + count, &mut all)?;
            done += count;
        }
        Ok(all)
    }

    /// Runs some of the rows at a batch size that holds them, and appends what comes out.
    fn piece(&self, sized: &Sized, tensors: &[Tensor], rows: Range<usize>, all: &mut Vec<f32>) -> Result<(), ModelError> {
        let failed = |reason: String| ModelError::Runtime { stage: "run", reason };
        let count = rows.len();
        let inputs = self.inputs.iter().zip(tensors).map(|(spec, tensor)| fill(spec, tensor, rows.clone(), sized.batch));
        let inputs = inputs.collect::<Result<TVec<TValue>, _>>()?;
        // A state that has seen an error is not used again.
        let (output, state) = caught("run", || {
            let mut state = match sized.idle.lock().pop() {
                Some(state) => state,
                None => sized.model.spawn().map_err(reason)?,
            };
            Ok((state.run(inputs).map_err(reason)?, state))
        })?;
        if state.op_states.iter().all(Option::is_none) {
            sized.idle.lock().push(state);
        }
        let output = output.first().ok_or_else(|| failed("no output".to_owned()))?;
        if output.shape() != [sized.batch, self.width] {
            return Err(failed(format!("an output of shape {:?}; expected [{}, {}]", output.shape(), sized.batch, self.width)));
        }
        let plain = output.to_plain_array_view::<f32>().map_err(|e| failed(reason(e)))?;
        let numbers = plain.as_slice().ok_or_else(|| failed("an output that is not contiguous".to_owned()))?;
        all.extend_from_slice(&numbers[..count * self.width]);
        Ok(())
    }
}

/// Parses the checked model with no more operators registered than the guard lets through. Says for each output whether it is there.
fn parse(
    model: &mut pb::ModelProto,
    interface: &Interface<'_>,
    outputs: &[&str],
    tables: &Tables,
) -> Result<(InferenceModel, Vec<bool>), String> {
    let mut onnx = tract_onnx::onnx().with_ignore_output_shapes(true).with_ignore_value_info(true);
    onnx.op_register.0.retain(|operator, _| infer::allowed(operator));
    onnx.op_register.insert(own::OPERATOR, own::build);
    // The runtime is to know nothing of weights that have no data.
    let all = model.graph.as_mut().map(|graph| std::mem::take(&mut graph.initializer)).unwrap_or_default();
    let (in_file, here): (Vec<_>, Vec<_>) = all.into_iter().partition(|weights| weights.segment.is_some());
    if let Some(graph) = &mut model.graph {
        graph.initializer = here;
    }
    let parsed = own::with_tables(tables, || onnx.parse(model, None));
    if let Some(graph) = &mut model.graph {
        graph.initializer.extend(in_file);
    }
    let parsed = parsed.map_err(reason)?;
    let found = outputs.iter().map(|name| parsed.outlets_by_name.contains_key(*name)).collect();
    let outlets: Vec<_> = outputs.iter().filter_map(|name| parsed.outlets_by_name.get(*name).copied()).collect();
    let mut model = parsed.model;
    model.select_output_outlets(&outlets).map_err(reason)?;
    model.set_input_names(interface.inputs.iter().map(|input| &*input.tensor)).map_err(reason)?;
    Ok((model, found))
}

/// The operator of the node that the runtime's words name: it writes names in quotation marks, some with a suffix of its own.
fn at_fault<'a>(model: &'a pb::ModelProto, reason: &str) -> Option<&'a str> {
    let nodes = &model.graph.as_ref()?.node;
    let named = |quoted: &str| {
        nodes
            .iter()
            .filter(|node| !infer::name_of(node).is_empty() && quoted.starts_with(infer::name_of(node)))
            .max_by_key(|node| infer::name_of(node).len())
    };
    reason.split('"').skip(1).step_by(2).find_map(named).map(|node| node.op_type.as_str())
}

fn prepare(parsed: &InferenceModel, interface: &Interface<'_>, batch: usize) -> Result<Sized, ModelError> {
    let model = caught("prepare", || {
        let mut model = parsed.clone();
        for (at, input) in interface.inputs.iter().enumerate() {
            let dtype = match input.dtype {
                Dtype::I64 => DatumType::I64,
                Dtype::F32 => DatumType::F32,
            };
            let shape = [&[batch], input.row_shape.as_slice()].concat();
            model.set_input_fact(at, InferenceFact::dt_shape(dtype, shape)).map_err(reason)?;
        }
        model.into_optimized().and_then(IntoRunnable::into_runnable).map_err(reason)
    })?;
    Ok(Sized { batch, model, idle: Mutex::new(Vec::new()) })
}

/// What the graph computes at each batch size that is worth preparing: that of one row, and larger ones as long as their values are few.
fn sizes(model: &pb::ModelProto, interface: &Interface<'_>) -> Result<Vec<Outline>, ModelError> {
    let mut outlines = guard::check(model, interface, &BATCHES[..1])?;
    let Some(graph) = &model.graph else { return Ok(outlines) };
    for &batch in &BATCHES[1..] {
        match guard::outlines(graph, interface, &[batch]) {
            Ok(larger) if larger.iter().all(|outline| outline.most_alive <= BATCH_ELEMENTS) => outlines.extend(larger),
            Ok(_) | Err(ModelError::Volume { .. }) => break,
            Err(error) => return Err(error),
        }
    }
    Ok(outlines)
}

/// Checks an input against the interface.
fn check(spec: &InputSpec, tensor: &Tensor, rows: usize) -> Result<(), ModelError> {
    let refuse = |reason: String| Err(ModelError::Input { tensor: spec.tensor.to_string(), reason });
    let wanted = [&[rows], spec.row_shape.as_slice()].concat();
    if rows == 0 || tensor.shape != wanted {
        return refuse(format!("a tensor of shape {:?}; expected {wanted:?}", tensor.shape));
    }
    let count = rows * spec.row_len();
    match (&tensor.data, spec.dtype) {
        (TensorData::I64(data), Dtype::I64) if data.len() == count => {
            let (least, most) = spec.range().unwrap_or((0, i64::MAX));
            match data.iter().find(|index| !(least..=most).contains(*index)) {
                Some(index) => refuse(format!("the index {index}; expected {least} to {most}")),
                None => Ok(()),
            }
        }
        (TensorData::F32(data), Dtype::F32) if data.len() == count => Ok(()),
        _ => refuse(format!("data of another type or length than {} {wanted:?}", spec.dtype.name())),
    }
}

/// Some rows of a checked input for the runtime, the last one repeated up to the batch.
fn fill(spec: &InputSpec, tensor: &Tensor, rows: Range<usize>, batch: usize) -> Result<TValue, ModelError> {
    let width = spec.row_len();
    let shape = [&[batch], spec.row_shape.as_slice()].concat();
    let part = rows.start * width..rows.end * width;
    let value = match &tensor.data {
        TensorData::I64(data) => TractTensor::from_shape(&shape, &repeated(&data[part], width, batch)),
        TensorData::F32(data) => TractTensor::from_shape(&shape, &repeated(&data[part], width, batch)),
    };
    Ok(value.map_err(|e| ModelError::Input { tensor: spec.tensor.to_string(), reason: reason(e) })?.into_tvalue())
}

fn repeated<T: Copy>(data: &[T], width: usize, batch: usize) -> std::borrow::Cow<'_, [T]> {
    if data.len() == width * batch {
        return data.into();
    }
    let last = &data[data.len() - width..];
    let mut all = data.to_vec();
    while all.len() < width * batch {
        all.extend_from_slice(last);
    }
    all.into()
}

/// Runs `f` on the runtime; a panic in there is an error like any other. (The process's panic hook still sees it: a library does not
/// replace that.)
fn caught<T>(stage: &'static str, f: impl FnOnce() -> Result<T, String>) -> Result<T, ModelError> {
    without_panic(stage, || f().map_err(|reason| ModelError::Runtime { stage, reason }))
}

/// The same for what has errors of its own.
pub(super) fn without_panic<T>(stage: &'static str, f: impl FnOnce() -> Result<T, ModelError>) -> Result<T, ModelError> {
    catch_unwind(AssertUnwindSafe(f)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<&str>().map(ToString::to_string).or_else(|| panic.downcast_ref::<String>().cloned());
        let reason = format!("the runtime panicked: {}", text.as_deref().unwrap_or("no message"));
        Err(ModelError::Runtime { stage, reason })
    })
}

/// The runtime's error with its causes, in one line.
fn reason(error: impl Into<tract_onnx::prelude::TractError>) -> String {
    format!("{:#}", error.into())
}
