//! A ranker's file as nodes, attributes and tensors that borrow from its bytes.
//!
//! Trees are long attributes, and a file claims what it likes: what decoding takes in memory is counted while it is read. (The towers' decoder
//! copies every mode of every node; it and its limits are made for weights.)

use super::limits;
use super::wire::{Fields, Wire, not_onnx, varint};
use crate::model_error::ModelError;

type Result<T> = std::result::Result<T, ModelError>;

/// `ModelProto`.
#[derive(Debug, Default)]
pub(super) struct Model<'a> {
    pub(super) graph: Option<Graph<'a>>,
    pub(super) metadata: Vec<(&'a str, &'a str)>,
    pub(super) functions: bool,
}

/// `GraphProto`.
#[derive(Debug, Default)]
pub(super) struct Graph<'a> {
    pub(super) nodes: Vec<Node<'a>>,
    pub(super) initializers: Vec<Tensor<'a>>,
    pub(super) inputs: Vec<ValueInfo<'a>>,
    pub(super) outputs: Vec<ValueInfo<'a>>,
    pub(super) sparse: bool,
}

/// `NodeProto`.
#[derive(Debug, Default)]
pub(super) struct Node<'a> {
    pub(super) name: &'a str,
    pub(super) domain: &'a str,
    pub(super) operator: &'a str,
    pub(super) inputs: Vec<&'a str>,
    pub(super) outputs: Vec<&'a str>,
    pub(super) attributes: Vec<Attribute<'a>>,
}

/// `AttributeProto`; what kinds of values it holds is seen by what is there.
#[derive(Debug, Default)]
pub(super) struct Attribute<'a> {
    pub(super) name: &'a str,
    pub(super) float: Option<f32>,
    pub(super) int: Option<i64>,
    pub(super) text: Option<&'a [u8]>,
    pub(super) tensor: Option<Tensor<'a>>,
    pub(super) floats: Vec<f32>,
    pub(super) ints: Vec<i64>,
    pub(super) texts: Vec<&'a [u8]>,
    /// It holds something that no ranker needs: a graph, a reference, a type.
    pub(super) other: bool,
}

/// `TensorProto`.
#[derive(Debug, Default)]
pub(super) struct Tensor<'a> {
    pub(super) name: &'a str,
    pub(super) dims: Vec<i64>,
    pub(super) data_type: u64,
    pub(super) floats: Vec<f32>,
    pub(super) int32s: Vec<i64>,
    pub(super) int64s: Vec<i64>,
    pub(super) raw: &'a [u8],
    pub(super) external: bool,
}

/// `ValueInfoProto` of a tensor: its element type, and its dimensions where they are declared (`None` for a free one).
#[derive(Debug, Default)]
pub(super) struct ValueInfo<'a> {
    pub(super) name: &'a str,
    pub(super) elem_type: Option<u64>,
    pub(super) dims: Option<Vec<Option<i64>>>,
}

/// Decodes a model file.
pub(super) fn decode(bytes: &[u8]) -> Result<Model<'_>> {
    if bytes.is_empty() {
        return Err(not_onnx("it is empty"));
    }
    if bytes.len() > limits::MODEL_BYTES {
        return Err(too_large("bytes", bytes.len(), limits::MODEL_BYTES));
    }
    Reader { decoded: 0 }.model(bytes)
}

struct Reader {
    decoded: usize,
}

impl Reader {
    fn count(&mut self, bytes: usize) -> Result<()> {
        self.decoded = self.decoded.saturating_add(bytes);
        if self.decoded > limits::DECODED_BYTES {
            return Err(too_large("bytes when decoded", self.decoded, limits::DECODED_BYTES));
        }
        Ok(())
    }

    fn model<'a>(&mut self, bytes: &'a [u8]) -> Result<Model<'a>> {
        let mut model = Model::default();
        for field in Fields::of(bytes) {
            match field? {
                (7, Wire::Bytes(bytes)) if model.graph.is_none() => model.graph = Some(self.graph(bytes)?),
                (7, _) => return Err(not_onnx("it has two graphs")),
                (14, Wire::Bytes(bytes)) => {
                    self.count(limits::MESSAGE_BYTES)?;
                    let (mut key, mut value) = ("", "");
                    for field in Fields::of(bytes) {
                        match field? {
                            (1, Wire::Bytes(bytes)) => key = text(bytes)?,
                            (2, Wire::Bytes(bytes)) => value = text(bytes)?,
                            _ => {}
                        }
                    }
                    model.metadata.push((key, value));
                }
                (20 | 25, _) => model.functions = true,
                _ => {}
            }
        }
        Ok(model)
    }

    fn graph<'a>(&mut self, bytes: &'a [u8]) -> Result<Graph<'a>> {
        let mut graph = Graph::default();
        for field in Fields::of(bytes) {
            match field? {
                (1, Wire::Bytes(bytes)) => {
                    graph.nodes.push(self.node(bytes)?);
                    if graph.nodes.len() > limits::GRAPH_NODES {
                        return Err(too_large("nodes", graph.nodes.len(), limits::GRAPH_NODES));
                    }
                }
                (5, Wire::Bytes(bytes)) => graph.initializers.push(self.tensor(bytes)?),
                (11, Wire::Bytes(bytes)) => graph.inputs.push(self.value_info(bytes)?),
                (12, Wire::Bytes(bytes)) => graph.outputs.push(self.value_info(bytes)?),
                (15, _) => graph.sparse = true,
                _ => {}
            }
        }
        Ok(graph)
    }

    fn node<'a>(&mut self, bytes: &'a [u8]) -> Result<Node<'a>> {
        self.count(limits::MESSAGE_BYTES)?;
        let mut node = Node::default();
        for field in Fields::of(bytes) {
            match field? {
                (1, Wire::Bytes(bytes)) => {
                    self.count(size_of::<&str>())?;
                    node.inputs.push(text(bytes)?);
                }
                (2, Wire::Bytes(bytes)) => {
                    self.count(size_of::<&str>())?;
                    node.outputs.push(text(bytes)?);
                }
                (3, Wire::Bytes(bytes)) => node.name = text(bytes)?,
                (4, Wire::Bytes(bytes)) => node.operator = text(bytes)?,
                (5, Wire::Bytes(bytes)) => node.attributes.push(self.attribute(bytes)?),
                (7, Wire::Bytes(bytes)) => node.domain = text(bytes)?,
                _ => {}
            }
        }
        Ok(node)
    }

    fn attribute<'a>(&mut self, bytes: &'a [u8]) -> Result<Attribute<'a>> {
        self.count(limits::MESSAGE_BYTES)?;
        let mut attribute = Attribute::default();
        for field in Fields::of(bytes) {
            match field? {
                (1, Wire::Bytes(bytes)) => attribute.name = text(bytes)?,
                (2, Wire::Fixed32(bytes)) => attribute.float = Some(f32::from_le_bytes(bytes)),
                (3, Wire::Varint(value)) => attribute.int = Some(value.cast_signed()),
                (4, Wire::Bytes(bytes)) => attribute.text = Some(bytes),
                (5, Wire::Bytes(bytes)) => attribute.tensor = Some(self.tensor(bytes)?),
                (7, wire) => self.floats(&mut attribute.floats, wire)?,
                (8, wire) => self.ints(&mut attribute.ints, wire)?,
                (9, Wire::Bytes(bytes)) => {
                    self.count(size_of::<&[u8]>())?;
                    attribute.texts.push(bytes);
                }
                // The kind, and documentation.
                (13 | 20, _) => {}
                _ => attribute.other = true,
            }
        }
        Ok(attribute)
    }

    fn tensor<'a>(&mut self, bytes: &'a [u8]) -> Result<Tensor<'a>> {
        self.count(limits::MESSAGE_BYTES)?;
        let mut tensor = Tensor::default();
        for field in Fields::of(bytes) {
            match field? {
                (1, wire) => self.ints(&mut tensor.dims, wire)?,
                (2, Wire::Varint(value)) => tensor.data_type = value,
                (4, wire) => self.floats(&mut tensor.floats, wire)?,
                (5, wire) => self.ints(&mut tensor.int32s, wire)?,
                (7, wire) => self.ints(&mut tensor.int64s, wire)?,
                (8, Wire::Bytes(bytes)) => tensor.name = text(bytes)?,
                (9, Wire::Bytes(bytes)) => tensor.raw = bytes,
                (13, _) => tensor.external = true,
                (14, Wire::Varint(value)) => tensor.external |= value != 0,
                _ => {}
            }
        }
        Ok(tensor)
    }

    fn value_info<'a>(&mut self, bytes: &'a [u8]) -> Result<ValueInfo<'a>> {
        self.count(limits::MESSAGE_BYTES)?;
        let mut info = ValueInfo::default();
        for field in Fields::of(bytes) {
            match field? {
                (1, Wire::Bytes(bytes)) => info.name = text(bytes)?,
                (2, Wire::Bytes(bytes)) => {
                    // Of the kinds of types only a tensor's (1) is of interest.
                    if let Some(tensor) = message(bytes, 1)? {
                        self.tensor_type(tensor, &mut info)?;
                    }
                }
                _ => {}
            }
        }
        Ok(info)
    }

    fn tensor_type(&mut self, bytes: &[u8], info: &mut ValueInfo<'_>) -> Result<()> {
        for field in Fields::of(bytes) {
            match field? {
                (1, Wire::Varint(value)) => info.elem_type = Some(value),
                (2, Wire::Bytes(shape)) => {
                    let mut dims = Vec::new();
                    for field in Fields::of(shape) {
                        if let (1, Wire::Bytes(dim)) = field? {
                            self.count(size_of::<Option<i64>>())?;
                            let mut value = None;
                            for field in Fields::of(dim) {
                                if let (1, Wire::Varint(number)) = field? {
                                    value = Some(number.cast_signed());
                                }
                            }
                            dims.push(value);
                        }
                    }
                    info.dims = Some(dims);
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Repeated floats, packed or one by one.
    fn floats(&mut self, into: &mut Vec<f32>, wire: Wire<'_>) -> Result<()> {
        match wire {
            Wire::Fixed32(bytes) => {
                self.count(4)?;
                into.push(f32::from_le_bytes(bytes));
            }
            Wire::Bytes(bytes) => {
                let (chunks, []) = bytes.as_chunks::<4>() else { return Err(not_onnx("packed floats of a broken length")) };
                self.count(bytes.len())?;
                into.extend(chunks.iter().map(|&chunk| f32::from_le_bytes(chunk)));
            }
            _ => return Err(not_onnx("floats of another wire type")),
        }
        Ok(())
    }

    /// Repeated integers, packed or one by one.
    fn ints(&mut self, into: &mut Vec<i64>, wire: Wire<'_>) -> Result<()> {
        match wire {
            Wire::Varint(value) => {
                self.count(8)?;
                into.push(value.cast_signed());
            }
            Wire::Bytes(mut bytes) => {
                while !bytes.is_empty() {
                    self.count(8)?;
                    into.push(varint(&mut bytes)?.cast_signed());
                }
            }
            _ => return Err(not_onnx("integers of another wire type")),
        }
        Ok(())
    }
}

/// The message in the field `number`, the last one where there are several.
fn message(bytes: &[u8], number: u64) -> Result<Option<&[u8]>> {
    let mut found = None;
    for field in Fields::of(bytes) {
        if let (at, Wire::Bytes(bytes)) = field?
            && at == number
        {
            found = Some(bytes);
        }
    }
    Ok(found)
}

fn text(bytes: &[u8]) -> Result<&str> {
    std::str::from_utf8(bytes).map_err(|_| not_onnx("a name is not UTF-8"))
}

pub(super) fn too_large(what: &'static str, got: usize, limit: usize) -> ModelError {
    ModelError::TooLarge { what, got: got as u64, limit: limit as u64 }
}
