//! A ranker that is a network: rows of numbers in, a score each out, by the guard and the runtime of the towers.

use std::sync::Arc;

use tract_onnx::pb;

use super::decode;
use super::guard::Interface;
use super::limits::MICRO_BATCH;
use super::plan::{Plan, without_panic};
use super::trial;
use crate::features::{Dtype, InputSpec, Tensor, TensorData};
use crate::model_error::ModelError;

/// A network over rows of f32 with one number as its result.
pub(crate) struct Network {
    plan: Plan,
    input: Arc<str>,
    width: usize,
}

impl Network {
    /// Checks and prepares a graph that takes f32 `[N, width]` and gives f32 `[N, 1]` or `[N]`.
    pub(crate) fn load(onnx: &[u8], input: &str, width: usize, output: &str) -> Result<Self, ModelError> {
        let mut model = decode::model(onnx)?;
        let name = if is_flat(&model, output) { as_column(&mut model, output) } else { output.to_owned() };
        let input: Arc<str> = input.into();
        let inputs = [InputSpec::values(Arc::clone(&input), Dtype::F32, vec![width], None)];
        let interface = Interface { inputs: &inputs, output: &name, width: 1 };
        let mut plan = Plan::new(&mut model, &interface)?;
        // Tried as towers are: beside the reference, alone and in batches.
        without_panic("trial", || trial::run(&model, &interface, &plan))?;
        plan.settle();
        Ok(Self { plan, input, width })
    }

    /// One score a row.
    pub(crate) fn scores(&self, rows: &[f32]) -> Result<Vec<f32>, ModelError> {
        let mut scores = Vec::with_capacity(rows.len() / self.width);
        for rows in rows.chunks(MICRO_BATCH * self.width) {
            let count = rows.len() / self.width;
            let tensor = Tensor { name: Arc::clone(&self.input), shape: vec![count, self.width], data: TensorData::F32(rows.to_vec()) };
            scores.extend(self.plan.run(&[tensor], count)?);
        }
        Ok(scores)
    }
}

/// Whether an output is declared with one dimension.
fn is_flat(model: &pb::ModelProto, output: &str) -> bool {
    let outputs = model.graph.iter().flat_map(|graph| &graph.output);
    outputs.filter(|value| value.name == output).any(|value| {
        let declared = value.r#type.as_ref().and_then(|declared| declared.value.as_ref());
        matches!(declared, Some(pb::type_proto::Value::TensorType(tensor)) if tensor.shape.as_ref().is_some_and(|shape| shape.dim.len() == 1))
    })
}

/// Adds a node that makes `[N, 1]` of an output `[N]`, and gives the name of what it makes.
fn as_column(model: &mut pb::ModelProto, output: &str) -> String {
    let (axes, column) = (format!("{output}/torre/axes"), format!("{output}/torre/column"));
    if let Some(graph) = &mut model.graph {
        graph.initializer.push(pb::TensorProto {
            name: axes.clone(),
            dims: vec![1],
            data_type: pb::tensor_proto::DataType::Int64 as i32,
            int64_data: vec![1],
            ..Default::default()
        });
        graph.node.push(pb::NodeProto {
            name: column.clone(),
            op_type: "Unsqueeze".to_owned(),
            input: vec![output.to_owned(), axes],
            output: vec![column.clone()],
            ..Default::default()
        });
        graph.output.push(pb::ValueInfoProto { name: column.clone(), ..Default::default() });
    }
    column
}
