//! Which module of the framework a node comes from, so that a refusal names what its author wrote and not what an exporter made of it.

use std::collections::{HashMap, HashSet, VecDeque};

use prost::Message;
use tract_onnx::pb;

use super::infer::name_of;
use crate::model_error::ModelError;

/// Where PyTorch's exporter notes the modules around a node, the outermost first and the function last, as a list of Python's.
const SCOPES: &str = "pkg.torch.onnx.name_scopes";
/// Their classes, the same way.
const CLASSES: &str = "pkg.torch.onnx.class_hierarchy";

/// A model file as far as exporters note something in it, which the runtime's own reading leaves out.
#[derive(Message)]
struct NotedModel {
    #[prost(message, optional, tag = "7")]
    graph: Option<NotedGraph>,
}

#[derive(Message)]
struct NotedGraph {
    #[prost(message, repeated, tag = "1")]
    node: Vec<NotedNode>,
}

#[derive(Message)]
struct NotedNode {
    #[prost(string, repeated, tag = "2")]
    output: Vec<String>,
    #[prost(message, repeated, tag = "9")]
    metadata_props: Vec<pb::StringStringEntryProto>,
}

/// The same error, with the module of the node that it names, where that can be told from the file and the model that it holds.
pub(super) fn named(file: &[u8], model: &pb::ModelProto, error: ModelError) -> ModelError {
    let Some(graph) = &model.graph else { return error };
    let found = graph.node.iter().find(|node| is_at(&error, name_of(node)));
    match found.and_then(|node| noted(file, node).or_else(|| weights_above(graph, node))) {
        Some(module) => ModelError::Module { module, source: Box::new(error) },
        None => error,
    }
}

/// The module that an exporter noted.
fn noted(file: &[u8], node: &pb::NodeProto) -> Option<String> {
    let nodes = NotedModel::decode(file).ok()?.graph?.node;
    let node = nodes.iter().find(|noted| noted.output == node.output)?;
    let list = |key: &str| node.metadata_props.iter().find(|entry| entry.key == key).map(|entry| innermost(&entry.value));
    let (path, class) = (list(SCOPES)??, list(CLASSES).flatten());
    let class = class.and_then(|class| class.rsplit('.').next()).map_or_else(String::new, |class| format!(" ({class})"));
    (!path.is_empty()).then(|| format!("in the module {path:?}{class}"))
}

/// The last but one text of a list of texts: the last is the function.
fn innermost(list: &str) -> Option<&str> {
    let texts: Vec<&str> = list.split('\'').skip(1).step_by(2).collect();
    texts.len().checked_sub(2).map(|at| texts[at])
}

/// The nearest weights that a node computes with: they have the name of their module.
fn weights_above(graph: &pb::GraphProto, node: &pb::NodeProto) -> Option<String> {
    let weights: HashSet<&str> = graph.initializer.iter().map(|weights| weights.name.as_str()).collect();
    let makers: HashMap<&str, &pb::NodeProto> =
        graph.node.iter().flat_map(|node| node.output.iter().map(move |output| (output.as_str(), node))).collect();
    let mut queue: VecDeque<&str> = reads(node).into();
    let mut seen = HashSet::new();
    while let Some(name) = queue.pop_front() {
        if !seen.insert(name) {
            continue;
        }
        if weights.contains(name) && name.contains('.') {
            return Some(format!("below the weights {name:?}"));
        }
        if let Some(maker) = makers.get(name) {
            queue.extend(maker.input.iter().map(String::as_str));
        }
    }
    None
}

/// What a node reads, and the graphs inside it.
fn reads(node: &pb::NodeProto) -> Vec<&str> {
    let mut names = Vec::new();
    let mut nodes = vec![node];
    while let Some(node) = nodes.pop() {
        names.extend(node.input.iter().map(String::as_str));
        nodes.extend(node.attribute.iter().filter_map(|attribute| attribute.g.as_ref()).flat_map(|graph| &graph.node));
    }
    names
}

/// Whether an error names this node of the graph.
fn is_at(error: &ModelError, name: &str) -> bool {
    match error {
        ModelError::Operator { node, .. }
        | ModelError::Volume { node, .. }
        | ModelError::Index { node, .. }
        | ModelError::Differs { node, .. }
        | ModelError::Magnitude { node, .. }
        | ModelError::MixesRows { node, .. } => node == name,
        ModelError::Type { place, .. } | ModelError::Graph { place, .. } => place.strip_prefix("node ").is_some_and(|place| {
            place.strip_prefix(format!("{name:?}").as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
        }),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(name: &str, operator: &str, inputs: &[&str], output: &str) -> pb::NodeProto {
        pb::NodeProto {
            name: name.to_owned(),
            op_type: operator.to_owned(),
            input: inputs.iter().map(ToString::to_string).collect(),
            output: vec![output.to_owned()],
            ..Default::default()
        }
    }

    fn model(nodes: Vec<pb::NodeProto>) -> pb::ModelProto {
        let weights = |name: &str| pb::TensorProto { name: name.to_owned(), ..Default::default() };
        let initializer = vec![weights("val_3"), weights("tags.weight"), weights("head.weight")];
        pb::ModelProto { graph: Some(pb::GraphProto { node: nodes, initializer, ..Default::default() }), ..Default::default() }
    }

    fn refused(name: &str) -> ModelError {
        ModelError::Operator { node: name.to_owned(), operator: "Loop".to_owned(), way_out: "; write it otherwise" }
    }

    #[test]
    fn the_module_that_the_exporter_noted_is_named() {
        let entry = |key: &str, value: &str| pb::StringStringEntryProto { key: key.to_owned(), value: value.to_owned() };
        let file = |scopes: &str| {
            let classes = "['__main__.Tower', 'mine.Encoder', 'mine.Pool', 'aten.index.Tensor']";
            let metadata_props = vec![entry(SCOPES, scopes), entry(CLASSES, classes)];
            let node = vec![NotedNode { output: vec!["y".to_owned()], metadata_props }];
            NotedModel { graph: Some(NotedGraph { node }) }.encode_to_vec()
        };
        let model = model(vec![node("n", "NonZero", &["x"], "y")]);
        let text = named(&file("['', 'encoder', 'encoder.pool', 'index']"), &model, refused("n")).to_string();
        assert!(text.ends_with("; write it otherwise; it is in the module \"encoder.pool\" (Pool)"), "{text}");
        // The tower itself has no name; something else than a list says nothing.
        for scopes in ["['', 'index']", "", "'", "[]"] {
            assert!(matches!(named(&file(scopes), &model, refused("n")), ModelError::Operator { .. }), "{scopes}");
        }
    }

    #[test]
    fn else_the_nearest_weights_are() {
        let body = pb::GraphProto { node: vec![node("inside", "Slice", &["rows"], "part")], ..Default::default() };
        let mut over = node("n9", "Loop", &["", "val_3"], "bags");
        over.attribute = vec![pb::AttributeProto { name: "body".to_owned(), g: Some(body), ..Default::default() }];
        let nodes = vec![
            node("n1", "Gather", &["tags.weight", "tags"], "found"),
            node("n2", "Mul", &["found", "val_3"], "rows"),
            over,
            node("n10", "Gemm", &["bags", "head.weight"], "y"),
        ];
        let text = named(&[], &model(nodes), refused("n9")).to_string();
        assert!(text.ends_with("; it is below the weights \"tags.weight\""), "{text}");
        // No weights, no node, and a circle.
        assert!(matches!(named(&[], &model(vec![node("n9", "Loop", &["y"], "y")]), refused("n9")), ModelError::Operator { .. }));
        assert!(matches!(named(b"\x07", &model(vec![]), refused("n9")), ModelError::Operator { .. }));
    }
}
