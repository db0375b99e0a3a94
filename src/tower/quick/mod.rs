//! Operators of our own in f32, over the kernel's products and curves, their weights packed once. What is not here, or not in f32, is
//! computed by the [`reference`](super::reference), from which these differ by rounding alone.

mod activation;
mod attention;
mod einsum;
mod gather;
mod layer_norm;
mod matmul;
mod recurrent;
mod reduce;
#[cfg(test)]
mod tests;
mod view;

use tract_onnx::pb;

use self::activation::curve;
use self::attention::Attention;
use self::einsum::Einsum;
use self::layer_norm::LayerNorm;
use self::recurrent::Recurrent;
use self::reduce::{Reduction, log_softmax};
pub(super) use self::view::View;
use self::view::{KERNEL, Views};
use super::attributes::Attributes;
use super::bag::OPERATOR;
use super::reference::axis;
use crate::kernel::Curve;

/// A node made ready.
pub(super) enum Quick {
    Curve(Curve),
    /// LayerNormalization from an axis on, and RMSNormalization, which leaves the mean in.
    Norm {
        axis: i64,
        epsilon: f64,
        centred: bool,
    },
    Softmax {
        axis: i64,
    },
    LogSoftmax {
        axis: i64,
    },
    Reduce {
        reduction: Reduction,
        node: pb::NodeProto,
    },
    Einsum(Einsum),
    /// The same numbers in another shape.
    Bags,
    /// Of the first dimension.
    Gather,
    /// Of two tensors of three and more dimensions.
    MatMul,
    Attention(Attention),
    Recurrent(Recurrent),
}

impl Quick {
    /// Whether nodes of this operator, with floats of f32, are likely to be made ready.
    pub(super) fn has(operator: &str) -> bool {
        matches!(operator, "GRU" | "LSTM" | "RNN" | "Attention" | "LayerNormalization" | "RMSNormalization" | "Softmax" | "LogSoftmax")
            || matches!(
                operator,
                OPERATOR
                    | "Einsum"
                    | "Gather"
                    | "MatMul"
                    | "ReduceLogSumExp"
                    | "ReduceL2"
                    | "ReduceMax"
                    | "ReduceMean"
                    | "ReduceMin"
                    | "ReduceSum"
            )
            || matches!(operator, "Erf" | "Exp" | "Gelu" | "Sin" | "Cos" | "Celu" | "Elu" | "Selu" | "Softplus" | "Softsign" | "Mish")
    }

    /// Makes a node ready. `constant` says of each input whether it is the same in every run. `None` where the node is not for us.
    pub(super) fn of(node: &pb::NodeProto, constant: &[bool], inputs: &Views<'_>) -> Option<Self> {
        let attributes = Attributes(node);
        match node.op_type.as_str() {
            "GRU" | "LSTM" | "RNN" => Recurrent::of(node, constant, inputs).map(Self::Recurrent),
            "Attention" => Some(Self::Attention(Attention::of(attributes))),
            "LayerNormalization" | "RMSNormalization" => Some(Self::Norm {
                axis: attributes.int("axis", -1),
                epsilon: attributes.float("epsilon", f64::from(1e-5f32)),
                centred: node.op_type == "LayerNormalization",
            }),
            "LogSoftmax" => Some(Self::LogSoftmax { axis: attributes.int("axis", -1) }),
            "Gather" => (attributes.int("axis", 0) == 0).then_some(Self::Gather),
            "Einsum" => Einsum::of(attributes.text("equation", "")).map(Self::Einsum),
            "MatMul" => Some(Self::MatMul),
            OPERATOR => Some(Self::Bags),
            "Softmax" => Some(Self::Softmax { axis: attributes.int("axis", -1) }),
            operator => match Reduction::of(operator) {
                Some(reduction) => Some(Self::Reduce { reduction, node: node.clone() }),
                None => curve(node).map(Self::Curve),
            },
        }
    }

    /// The outputs of a run, as many as there are shapes; `None` where the inputs are not of the kind that this computes.
    pub(super) fn run(&self, inputs: &Views<'_>, shapes: &[&[usize]]) -> Option<Vec<Vec<f32>>> {
        let first = inputs.first().copied().flatten()?;
        match self {
            Self::Curve(curve) => {
                let mut out = first.data.to_vec();
                KERNEL.curve(*curve, &mut out);
                Some(vec![out])
            }
            Self::Norm { axis: from, epsilon, centred } => {
                let width: usize = first.shape.get(axis(*from, first.shape.len()).ok()?..)?.iter().product();
                let (scale, bias) = (inputs.get(1).copied().flatten()?, inputs.get(2).copied().flatten());
                if scale.data.len() != width || shapes.len() != 1 {
                    return None;
                }
                let norm = LayerNorm { scale: scale.data, bias: bias.map(|bias| bias.data), epsilon: *epsilon, centred: *centred };
                norm.apply(first.data).map(|out| vec![out])
            }
            Self::Softmax { axis: along } => {
                let at = axis(*along, first.shape.len()).ok().filter(|at| at + 1 == first.shape.len())?;
                let mut out = first.data.to_vec();
                KERNEL.softmax(first.shape[at].max(1), &mut out);
                Some(vec![out])
            }
            Self::LogSoftmax { axis: along } => {
                axis(*along, first.shape.len()).ok().filter(|at| at + 1 == first.shape.len())?;
                log_softmax(first).map(|out| vec![out])
            }
            Self::Reduce { reduction, node } => reduction.run(Attributes(node), inputs).map(|out| vec![out]),
            Self::Einsum(einsum) => einsum.run(inputs, shapes.first()?).map(|out| vec![out]),
            Self::Bags => Some(vec![first.data.to_vec()]),
            Self::Gather => gather::rows(inputs).map(|out| vec![out]),
            Self::MatMul => matmul::run(inputs, shapes.first()?).map(|out| vec![out]),
            Self::Attention(attention) => attention.run(inputs, shapes.first()?.len()).map(|out| vec![out]),
            Self::Recurrent(recurrent) => recurrent.run(inputs, shapes.len()),
        }
    }
}
