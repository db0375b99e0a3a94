//! A model file's bytes into its protobuf form, and the feature spec out of its metadata.

use std::ops::Range;
use std::sync::Arc;

use prost::Message;
use tract_onnx::pb;
use tract_onnx::pb::tensor_proto::DataType;

use super::attributes::Attributes;
use super::bag;
use super::limits;
use super::split::split;
use super::table::{Table, Tables};
use super::wire;
use crate::model_error::ModelError;
use crate::tower_source::TowerSource;

/// The metadata key under which a tower carries its feature spec.
pub(super) const SPEC_KEY: &str = "torre.features";

/// Decodes a model file, with embedding bags in the place of loops that are some. Nothing but its size and its structure has been checked.
pub(super) fn model(bytes: &[u8]) -> Result<pb::ModelProto, ModelError> {
    wire::check(bytes)?;
    let mut model = pb::ModelProto::decode(bytes).map_err(|error| ModelError::NotOnnx { reason: error.to_string() })?;
    let mut weights = model.graph.iter().flat_map(|graph| &graph.initializer);
    if let Some(cut) = weights.find(|weights| weights.segment.is_some()) {
        return Err(ModelError::graph(format!("tensor {:?}", cut.name), "it is cut into segments"));
    }
    bag::rewrite(&mut model)?;
    Ok(model)
}

/// The same for a tower, whose tables of embeddings stay where they are in the file: in the model, each has a segment instead of data.
pub(super) fn tower(source: &Arc<TowerSource>) -> Result<(pb::ModelProto, Tables), ModelError> {
    let bytes = source.onnx.as_slice();
    wire::check(bytes)?;
    let split = split(bytes);
    let mut model = model(split.as_ref().map_or(bytes, |split| split.file.as_slice()))?;
    let mut tables = Tables::new();
    let Some(graph) = &mut model.graph else { return Ok((model, tables)) };
    for (at, range) in split.map(|split| split.weights).unwrap_or_default() {
        let only_looked_up = graph.initializer.get(at).is_some_and(|weights| is_table(graph, weights));
        let Some(weights) = graph.initializer.get_mut(at) else { continue };
        let table = if only_looked_up { table(source, weights, range.clone()) } else { None };
        match table {
            Some(table) => {
                weights.segment = Some(pb::tensor_proto::Segment { begin: range.start as i64, end: range.end as i64 });
                tables.insert(weights.name.clone(), Arc::new(table));
            }
            None => weights.raw_data = bytes.get(range).unwrap_or_default().to_vec(),
        }
    }
    Ok((model, tables))
}

fn table(source: &Arc<TowerSource>, weights: &pb::TensorProto, range: Range<usize>) -> Option<Table> {
    let dims = weights.dims.iter().map(|&dim| usize::try_from(dim).ok()).collect::<Option<Vec<_>>>()?;
    let (&rows, inner) = dims.split_first().filter(|(_, inner)| inner.len() < limits::RANK)?;
    Table::new(source, range, rows, inner.iter().try_fold(1usize, |width, &dim| width.checked_mul(dim))?)
}

/// Whether weights of the graph are f32, say nothing unusual of themselves, and are read by lookups of whole rows alone.
fn is_table(graph: &pb::GraphProto, weights: &pb::TensorProto) -> bool {
    let bare = pb::TensorProto {
        dims: weights.dims.clone(),
        data_type: DataType::Float as i32,
        name: weights.name.clone(),
        doc_string: weights.doc_string.clone(),
        ..Default::default()
    };
    let looks_up = |node: &pb::NodeProto| {
        node.op_type == "Gather" && node.domain.is_empty() && node.input.len() == 2 && Attributes(node).int("axis", 0) == 0
    };
    let reads = |node: &pb::NodeProto| node.input.contains(&weights.name);
    let fits = |node: &pb::NodeProto| {
        // A graph inside a node may read what it likes.
        let plain = node.attribute.iter().all(|attribute| attribute.g.is_none() && attribute.graphs.is_empty());
        plain && (!reads(node) || (looks_up(node) && node.input[1] != weights.name))
    };
    let once = graph.initializer.iter().filter(|other| other.name == weights.name).count() == 1;
    let inside = !graph.input.iter().chain(&graph.output).any(|value| value.name == weights.name);
    *weights == bare && !weights.name.is_empty() && once && inside && graph.node.iter().all(fits)
}

/// The feature spec inside the model, as text; the last one where there are several, as readers of ONNX metadata do.
pub(super) fn spec(model: &pb::ModelProto) -> Option<&str> {
    model.metadata_props.iter().rev().find(|entry| entry.key == SPEC_KEY).map(|entry| entry.value.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_what_is_not_a_model() {
        for bytes in [&b""[..], b"\x07", b"not a model", &[0x3A, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F], &[0xFF; 64]] {
            assert!(matches!(model(bytes), Err(ModelError::NotOnnx { .. })), "{bytes:?}");
        }
    }

    #[test]
    fn finds_the_spec() {
        let entry = |key: &str, value: &str| pb::StringStringEntryProto { key: key.to_owned(), value: value.to_owned() };
        let proto = pb::ModelProto { metadata_props: vec![entry("author", "x"), entry(SPEC_KEY, "{}")], ..Default::default() };
        let decoded = model(&proto.encode_to_vec()).unwrap();
        assert_eq!(spec(&decoded), Some("{}"));
        assert_eq!(spec(&pb::ModelProto::default()), None);
    }

    #[test]
    fn refuses_a_file_that_grows_when_decoded() {
        // A graph of empty nodes, 2 bytes each.
        let body = [0x0A, 0x00].repeat(300_000);
        let mut bytes = vec![0x3A];
        prost::encoding::encode_varint(body.len() as u64, &mut bytes);
        bytes.extend(body);
        assert!(matches!(model(&bytes), Err(ModelError::TooLarge { what: "protobuf messages", .. })));
    }
}
