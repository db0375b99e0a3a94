//! Operators of our own inside the runtime: those it lacks, and those it computes otherwise than ONNX says.
//!
//! Such a node is carried through the runtime's graph as it stood in the file, beside the shapes that inference told for it, and is
//! computed in f32 by [`quick`](super::quick), or by [`reference`](super::reference).

use std::cell::RefCell;
use std::sync::{Arc, OnceLock};

use prost::Message;
use tract_onnx::model::ParsingContext;
use tract_onnx::pb;
use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::tract_hir::infer::{InferenceOp, InferenceResult, Solver, TensorProxy};
use tract_onnx::tract_hir::internal::*;

use super::convert::{datum_type, from_runtime, sizes, slice, to_runtime};
use super::quantized::quantized;
use super::quick::{Quick, View};
use super::reference::{Call, compute};
use super::table::{Table, Tables};
use super::value::Dtype;

/// The name under which nodes of our own stand in the lowered graph; no file may use it.
pub(super) const OPERATOR: &str = "torre.own";
const NODE: &str = "node";
const CASES: &str = "cases";
const CONSTANT: &str = "constant";
const TABLE: &str = "table";

thread_local! {
    /// The tables of the graph that is being parsed: the runtime hands a builder nothing but the graph's protobuf.
    static TABLES: RefCell<Tables> = RefCell::default();
}

/// Does what parses a graph with these tables in its file.
pub(super) fn with_tables<T>(tables: &Tables, parse: impl FnOnce() -> T) -> T {
    /// Lets go of them, whatever the parser does.
    struct Done;
    impl Drop for Done {
        fn drop(&mut self) {
            TABLES.take();
        }
    }
    TABLES.set(tables.clone());
    let _done = Done;
    parse()
}

/// The shapes of a node at one batch size: of the inputs that it has, and of the outputs that it makes, with their types.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Case {
    pub(super) inputs: Vec<Vec<usize>>,
    pub(super) outputs: Vec<(Dtype, Vec<usize>)>,
}

/// The node that stands for `node` in a graph for the runtime. `constant` says of each input whether it is the same in every run;
/// a lookup in a table of the file has the indices as its only input.
pub(super) fn lowered(node: &pb::NodeProto, cases: &[Case], constant: &[bool], table: Option<&str>) -> pb::NodeProto {
    let numbers = cases.iter().flat_map(Case::to_numbers).collect();
    let attribute =
        |name: &str, kind: AttributeType| pb::AttributeProto { name: name.to_owned(), r#type: kind as i32, ..Default::default() };
    pb::NodeProto {
        input: node.input.clone(),
        output: node.output.clone(),
        name: node.name.clone(),
        op_type: OPERATOR.to_owned(),
        attribute: vec![
            pb::AttributeProto { s: node.encode_to_vec(), ..attribute(NODE, AttributeType::String) },
            pb::AttributeProto { ints: numbers, ..attribute(CASES, AttributeType::Ints) },
            pb::AttributeProto { ints: constant.iter().map(|&flag| flag.into()).collect(), ..attribute(CONSTANT, AttributeType::Ints) },
            pb::AttributeProto { s: table.unwrap_or_default().into(), ..attribute(TABLE, AttributeType::String) },
        ],
        ..Default::default()
    }
}

impl Case {
    fn to_numbers(&self) -> Vec<i64> {
        let shape = |shape: &[usize]| [&[shape.len() as i64], shape.iter().map(|&d| d as i64).collect::<Vec<_>>().as_slice()].concat();
        let mut numbers = vec![self.inputs.len() as i64, self.outputs.len() as i64];
        numbers.extend(self.inputs.iter().flat_map(|input| shape(input)));
        numbers.extend(self.outputs.iter().flat_map(|(dtype, output)| [vec![i64::from(dtype.to_onnx())], shape(output)].concat()));
        numbers
    }

    fn all_from_numbers(numbers: &[i64]) -> Option<Vec<Self>> {
        let mut numbers = numbers.iter().copied();
        let mut cases = Vec::new();
        while let Some(inputs) = numbers.next() {
            let outputs = numbers.next()?;
            let mut shape = || -> Option<Vec<usize>> {
                let rank = numbers.next()?;
                (0..rank).map(|_| numbers.next().and_then(|dim| usize::try_from(dim).ok())).collect()
            };
            let inputs = (0..inputs).map(|_| shape()).collect::<Option<_>>()?;
            let mut all = Vec::new();
            for _ in 0..outputs {
                let dtype = Dtype::from_onnx(i32::try_from(numbers.next()?).ok()?, NODE).ok()?;
                let rank = numbers.next()?;
                all.push((dtype, (0..rank).map(|_| numbers.next().and_then(|dim| usize::try_from(dim).ok())).collect::<Option<_>>()?));
            }
            cases.push(Self { inputs, outputs: all });
        }
        Some(cases)
    }
}

/// Builds the operator when the runtime parses a lowered graph.
pub(super) fn build(_: &ParsingContext<'_>, node: &pb::NodeProto) -> TractResult<(Box<dyn InferenceOp>, Vec<String>)> {
    let attribute = |name: &str| node.attribute.iter().find(|attribute| attribute.name == name);
    let proto = attribute(NODE).and_then(|attribute| pb::NodeProto::decode(attribute.s.as_slice()).ok());
    let cases = attribute(CASES).and_then(|attribute| Case::all_from_numbers(&attribute.ints));
    let (Some(proto), Some(cases)) = (proto, cases) else { bail!("a node that was lowered badly") };
    let constant = attribute(CONSTANT).map_or_else(Vec::new, |attribute| attribute.ints.iter().map(|&flag| flag != 0).collect());
    let table = attribute(TABLE).and_then(|attribute| std::str::from_utf8(&attribute.s).ok()).filter(|name| !name.is_empty());
    let table = match table.map(|name| TABLES.with_borrow(|tables| tables.get(name).cloned())) {
        Some(None) => bail!("a table that is not in the file"),
        Some(table) => table,
        None => None,
    };
    Ok((expand(Own(Arc::new(Description { proto, cases, constant, table, quick: OnceLock::new() }))), vec![]))
}

struct Description {
    proto: pb::NodeProto,
    cases: Vec<Case>,
    /// Which inputs are the same in every run.
    constant: Vec<bool>,
    /// Where the node looks rows up, if it is in the file.
    table: Option<Arc<Table>>,
    /// Made ready in the first run, for all batch sizes and threads.
    quick: OnceLock<Option<Quick>>,
}

impl std::fmt::Debug for Description {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Description").field("operator", &self.proto.op_type).finish_non_exhaustive()
    }
}

#[derive(Clone, Debug)]
struct Own(Arc<Description>);

impl PartialEq for Own {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Own {}

impl Own {
    /// The outputs for inputs of these shapes.
    fn case(&self, shapes: &[TVec<usize>]) -> TractResult<&[(Dtype, Vec<usize>)]> {
        let fits =
            |case: &&Case| case.inputs.len() == shapes.len() && case.inputs.iter().zip(shapes).all(|(a, b)| a.as_slice() == b.as_slice());
        match self.0.cases.iter().find(fits) {
            Some(case) => Ok(&case.outputs),
            None => bail!("shapes that were not inferred: {shapes:?}"),
        }
    }

    /// The outputs without the detour over f64; `None` where they are left to the reference.
    fn quick(&self, inputs: &[TValue], outputs: &[(Dtype, Vec<usize>)]) -> Option<TractResult<TVec<TValue>>> {
        let Description { proto, constant, quick, .. } = &*self.0;
        if !Quick::has(&proto.op_type) || outputs.iter().any(|(dtype, _)| *dtype != Dtype::F32) {
            return None;
        }
        // The runtime counts with numbers of its own kind here and there.
        let counted =
            |input: &TValue| (input.datum_type() == DatumType::TDim).then(|| input.cast_to::<i64>().ok().map(|it| it.into_owned()));
        let counted: Vec<Option<Option<Tensor>>> = inputs.iter().map(counted).collect();
        let mut given = inputs.iter().zip(&counted).map(|(input, counted)| match input.datum_type() {
            DatumType::TDim => Some(View { shape: input.shape(), whole: slice(counted.as_ref()?.as_ref()?)?, ..View::default() }),
            DatumType::F32 => Some(View { shape: input.shape(), data: slice(input)?, ..View::default() }),
            DatumType::I64 => Some(View { shape: input.shape(), whole: slice(input)?, ..View::default() }),
            _ => None,
        });
        let mut views = Vec::with_capacity(proto.input.len());
        for name in &proto.input {
            // The runtime leaves out inputs without a name.
            views.push(if name.is_empty() { None } else { Some(given.next()??) });
        }
        let quick = quick.get_or_init(|| Quick::of(proto, constant, &views)).as_ref()?;
        let shapes: Vec<&[usize]> = outputs.iter().map(|(_, shape)| shape.as_slice()).collect();
        let results = quick.run(&views, &shapes)?;
        let tensor = |at: usize| match results.get(at) {
            Some(data) => Ok(Tensor::from_shape(shapes[at], data)?.into_tvalue()),
            None => bail!("{}: it has no output {at}", proto.op_type),
        };
        Some(self.named().map(tensor).collect())
    }

    /// Which outputs the runtime has: those with a name.
    fn named(&self) -> impl Iterator<Item = usize> {
        self.0.proto.output.iter().enumerate().filter(|(_, name)| !name.is_empty()).map(|(at, _)| at)
    }
}

impl Expansion for Own {
    fn name(&self) -> StaticName {
        OPERATOR.into()
    }

    fn nboutputs(&self) -> TractResult<usize> {
        Ok(self.named().count())
    }

    fn rules<'r, 'p: 'r, 's: 'r>(&'s self, s: &mut Solver<'r>, inputs: &'p [TensorProxy], outputs: &'p [TensorProxy]) -> InferenceResult {
        s.given_all(inputs.iter().map(|input| &input.shape), move |s, shapes: Vec<TVec<TDim>>| {
            let shapes = shapes.iter().map(|shape| sizes(shape.iter())).collect::<TractResult<Vec<TVec<usize>>>>()?;
            let case = self.case(&shapes)?;
            for (output, at) in outputs.iter().zip(self.named()) {
                let (dtype, shape) = &case[at];
                s.equals(&output.datum_type, datum_type(*dtype))?;
                s.equals(&output.shape, shape.iter().map(|&dim| dim.to_dim()).collect::<TVec<TDim>>())?;
            }
            Ok(())
        })
    }

    fn wire(&self, prefix: &str, model: &mut TypedModel, inputs: &[OutletId]) -> TractResult<TVec<OutletId>> {
        model.wire_node(prefix, self.clone(), inputs)
    }
}

impl Op for Own {
    fn name(&self) -> StaticName {
        OPERATOR.into()
    }

    op_as_typed_op!();
}

impl TypedOp for Own {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let shapes = inputs.iter().map(|input| sizes(input.shape.iter())).collect::<TractResult<Vec<TVec<usize>>>>()?;
        let case = self.case(&shapes)?;
        Ok(self.named().map(|at| datum_type(case[at].0).fact(case[at].1.as_slice())).collect())
    }

    as_op!();
}

impl EvalOp for Own {
    op_out_of_plan!();

    fn eval(&self, _: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let shapes: Vec<TVec<usize>> = inputs.iter().map(|input| input.shape().into()).collect();
        let outputs = self.case(&shapes)?;
        if let (Some(table), [indices], [(_, shape)]) = (&self.0.table, inputs.as_slice(), outputs) {
            let indices = indices.cast_to::<i64>()?;
            let rows = table.lookup(indices.to_plain_array_view::<i64>()?.as_slice().unwrap_or_default());
            let rows = rows.map_err(|index| anyhow!("{}: the index {index} is not in the table", self.0.proto.op_type))?;
            return Ok(tvec!(Tensor::from_shape(shape, &rows)?.into_tvalue()));
        }
        if let Some(results) = self.quick(&inputs, outputs) {
            return results;
        }
        if let Some(result) = quantized(&self.0.proto, &inputs) {
            return Ok(tvec!(result?.into_tvalue()));
        }
        let arrays = inputs.iter().map(|input| from_runtime(input)).collect::<TractResult<Vec<_>>>()?;
        // The runtime leaves out inputs without a name.
        let mut given = arrays.iter();
        let inputs = self.0.proto.input.iter().map(|name| if name.is_empty() { None } else { given.next() }).collect();
        let shapes: Vec<Vec<usize>> = outputs.iter().map(|(_, shape)| shape.clone()).collect();
        let call = Call { proto: &self.0.proto, inputs, shapes: &shapes };
        let results = compute(&call).map_err(|reason| anyhow!("{}: {reason}", self.0.proto.op_type))?;
        self.named()
            .map(|at| match results.get(at) {
                Some(result) if (result.dtype, &result.shape) == (outputs[at].0, &outputs[at].1) => Ok(to_runtime(result)?.into_tvalue()),
                _ => bail!("{}: an output of another type or shape than inferred", self.0.proto.op_type),
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_travel_in_an_attribute() {
        let cases = vec![
            Case { inputs: vec![vec![1, 2], vec![]], outputs: vec![(Dtype::F32, vec![1]), (Dtype::Bool, vec![])] },
            Case { inputs: vec![], outputs: vec![(Dtype::I64, vec![3, 4, 5])] },
        ];
        let numbers: Vec<i64> = cases.iter().flat_map(Case::to_numbers).collect();
        assert_eq!(Case::all_from_numbers(&numbers), Some(cases));
        assert_eq!(Case::all_from_numbers(&numbers[..5]), None);
    }
}
