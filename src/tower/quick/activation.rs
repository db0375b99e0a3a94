//! Which curve of the kernel an operator or an activation of a recurrent layer stands for.

use tract_onnx::pb;

use crate::kernel::Curve;
use crate::tower::attributes::Attributes;

/// The curve that a node of one input stands for.
pub(super) fn curve(node: &pb::NodeProto) -> Option<Curve> {
    let attributes = Attributes(node);
    let alpha = |default: f64| attributes.float("alpha", default) as f32;
    Some(match node.op_type.as_str() {
        "Exp" => Curve::Exp,
        "Sigmoid" => Curve::Sigmoid,
        "Tanh" => Curve::Tanh,
        "Erf" => Curve::Erf,
        "Gelu" if attributes.text("approximate", "none") == "tanh" => Curve::GeluTanh,
        "Gelu" => Curve::Gelu,
        "Sin" => Curve::Sin,
        "Cos" => Curve::Cos,
        "Relu" => Curve::Relu,
        "LeakyRelu" => Curve::LeakyRelu { alpha: alpha(0.01) },
        "Elu" => Curve::Elu { alpha: alpha(1.0), width: 1.0, gamma: 1.0 },
        "Celu" => Curve::Elu { alpha: alpha(1.0), width: alpha(1.0), gamma: 1.0 },
        "Selu" => Curve::Elu { alpha: alpha(1.673_263_2), width: 1.0, gamma: attributes.float("gamma", 1.050_701) as f32 },
        "HardSigmoid" => Curve::HardSigmoid { alpha: alpha(0.2), beta: attributes.float("beta", 0.5) as f32 },
        "Softsign" => Curve::Softsign,
        "Softplus" => Curve::Softplus,
        "Mish" => Curve::Mish,
        _ => return None,
    })
}

/// The activations of each direction of a recurrent layer, in ONNX's order; `None` where one is no curve of the kernel.
pub(super) fn activations(node: &pb::NodeProto, directions: usize, defaults: &[&'static str]) -> Option<Vec<Vec<Curve>>> {
    let attributes = Attributes(node);
    let names: Vec<&str> = attributes.texts("activations").collect();
    let mut alphas = attributes.floats("activation_alpha").iter().copied();
    let mut betas = attributes.floats("activation_beta").iter().copied();
    let count = defaults.len();
    let mut one = |at: usize| {
        let name = names.get(at).or_else(|| names.get(at % count)).copied().unwrap_or(defaults[at % count]);
        // Alphas and betas are listed for those activations that take them.
        Some(match name.to_ascii_lowercase().as_str() {
            "sigmoid" => Curve::Sigmoid,
            "tanh" => Curve::Tanh,
            "relu" => Curve::Relu,
            "leakyrelu" => Curve::LeakyRelu { alpha: alphas.next().unwrap_or(0.01) },
            "hardsigmoid" => Curve::HardSigmoid { alpha: alphas.next().unwrap_or(0.2), beta: betas.next().unwrap_or(0.5) },
            "elu" => Curve::Elu { alpha: alphas.next().unwrap_or(1.0), width: 1.0, gamma: 1.0 },
            "softsign" => Curve::Softsign,
            "softplus" => Curve::Softplus,
            _ => return None,
        })
    };
    (0..directions).map(|direction| (0..count).map(|n| one(direction * count + n)).collect()).collect()
}
