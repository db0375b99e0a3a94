//! Walks a model file's protobuf before it is decoded, and counts: decoding an empty message of 2 bytes takes hundreds in memory.

use super::limits;
use crate::model_error::ModelError;

/// The messages of onnx.proto that can hold others.
#[derive(Clone, Copy)]
enum Message {
    Model,
    Graph,
    Node,
    Attribute,
    Tensor,
    SparseTensor,
    Value,
    Type,
    TensorType,
    Shape,
    Training,
    Function,
    Metadata,
    Leaf,
}

impl Message {
    /// What the field `number` of this message holds: a message, or `None` for text, bytes and packed numbers.
    fn child(self, number: u64) -> Option<Message> {
        use Message::*;
        Some(match (self, number) {
            (Model, 7) => Graph,
            (Model, 8) => Leaf,
            (Model, 14) => Metadata,
            (Model, 20) => Training,
            (Model, 25) => Function,
            (Graph, 1) => Node,
            (Graph, 5) => Tensor,
            (Graph, 15) => SparseTensor,
            (Graph, 11..=13) => Value,
            (Graph, 14) => Leaf,
            (Node, 5) => Attribute,
            (Attribute, 5 | 10) => Tensor,
            (Attribute, 6 | 11) => Graph,
            (Attribute, 15) => Type,
            (Attribute, 22 | 23) => SparseTensor,
            (Tensor, 3 | 13) => Leaf,
            (SparseTensor, 1 | 2) => Tensor,
            (Value, 2) => Type,
            (Type, 1) => TensorType,
            (TensorType, 2) => Shape,
            (Shape, 1) => Leaf,
            (Training, 1 | 2) => Graph,
            (Training, 3 | 4) => Leaf,
            (Function, 7) => Node,
            (Function, 9) => Leaf,
            _ => return None,
        })
    }

    /// The fields that make a model file large for good reason, and that take no more memory decoded than here: weights, vocabularies.
    fn is_bulk(self, number: u64) -> bool {
        matches!((self, number), (Message::Tensor, 4 | 9 | 10) | (Message::Metadata, 2))
    }
}

struct Counter {
    messages: usize,
    fields: usize,
    structure: usize,
}

/// Refuses a file that is not protobuf, or whose structure is larger than any tower's.
pub(super) fn check(bytes: &[u8]) -> Result<(), ModelError> {
    if bytes.len() > limits::MODEL_BYTES {
        return Err(ModelError::TooLarge { what: "bytes", got: bytes.len() as u64, limit: limits::MODEL_BYTES as u64 });
    }
    if bytes.is_empty() {
        return Err(not_onnx("it is empty"));
    }
    let mut counter = Counter { messages: 0, fields: 0, structure: 0 };
    // An own stack: nesting is the file's choice.
    let mut todo = vec![(Message::Model, bytes)];
    while let Some((message, bytes)) = todo.pop() {
        counter.walk(message, bytes, &mut todo)?;
    }
    Ok(())
}

impl Counter {
    fn walk<'a>(&mut self, message: Message, mut bytes: &'a [u8], todo: &mut Vec<(Message, &'a [u8])>) -> Result<(), ModelError> {
        self.messages += 1;
        limit("protobuf messages", self.messages, limits::MESSAGES)?;
        while !bytes.is_empty() {
            let key = varint(&mut bytes)?;
            self.fields += 1;
            limit("protobuf fields", self.fields, limits::FIELDS)?;
            let length = match key & 7 {
                0 => {
                    varint(&mut bytes)?;
                    continue;
                }
                1 => 8,
                5 => 4,
                2 => usize::try_from(varint(&mut bytes)?).map_err(|_| not_onnx("a field is longer than memory"))?,
                wire => return Err(not_onnx(format!("a field has the unknown wire type {wire}"))),
            };
            let Some((field, rest)) = bytes.split_at_checked(length) else {
                return Err(not_onnx(format!("it ends inside a field: {length} bytes announced, {} left", bytes.len())));
            };
            bytes = rest;
            match message.child(key >> 3).filter(|_| key & 7 == 2) {
                Some(child) => todo.push((child, field)),
                None if message.is_bulk(key >> 3) => {}
                None => {
                    self.structure += length;
                    limit("bytes of structure", self.structure, limits::STRUCTURE_BYTES)?;
                }
            }
        }
        Ok(())
    }
}

fn limit(what: &'static str, got: usize, limit: usize) -> Result<(), ModelError> {
    if got > limit {
        return Err(ModelError::TooLarge { what, got: got as u64, limit: limit as u64 });
    }
    Ok(())
}

fn varint(bytes: &mut &[u8]) -> Result<u64, ModelError> {
    let mut value = 0u64;
    for shift in (0..70).step_by(7) {
        let Some((&byte, rest)) = bytes.split_first() else {
            return Err(not_onnx("it ends inside a number"));
        };
        *bytes = rest;
        value |= u64::from(byte & 0x7F).checked_shl(shift).unwrap_or(0);
        if byte < 0x80 {
            return Ok(value);
        }
    }
    Err(not_onnx("a number is longer than 10 bytes"))
}

fn not_onnx(reason: impl Into<String>) -> ModelError {
    ModelError::NotOnnx { reason: reason.into() }
}
