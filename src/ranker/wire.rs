//! The fields of one protobuf message, without copying.

use crate::model_error::ModelError;

/// The value of a field, as its wire type says.
#[derive(Clone, Copy, Debug)]
pub(super) enum Wire<'a> {
    Varint(u64),
    Fixed32([u8; 4]),
    Fixed64,
    Bytes(&'a [u8]),
}

/// Goes over a message's fields: number and value. After an error there is nothing more.
pub(super) struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    pub(super) fn of(message: &'a [u8]) -> Self {
        Self(message)
    }

    fn field(&mut self) -> Result<(u64, Wire<'a>), ModelError> {
        let key = varint(&mut self.0)?;
        let value = match key & 7 {
            0 => Wire::Varint(varint(&mut self.0)?),
            1 => {
                self.chunk::<8>()?;
                Wire::Fixed64
            }
            5 => Wire::Fixed32(self.chunk()?),
            2 => {
                let length = varint(&mut self.0)?;
                let split = usize::try_from(length).ok().and_then(|length| self.0.split_at_checked(length));
                let Some((bytes, rest)) = split else {
                    return Err(not_onnx(format!("it ends inside a field: {length} bytes announced, {} left", self.0.len())));
                };
                self.0 = rest;
                Wire::Bytes(bytes)
            }
            wire => return Err(not_onnx(format!("a field has the unknown wire type {wire}"))),
        };
        Ok((key >> 3, value))
    }

    fn chunk<const N: usize>(&mut self) -> Result<[u8; N], ModelError> {
        let Some((chunk, rest)) = self.0.split_first_chunk() else { return Err(not_onnx("it ends inside a number")) };
        self.0 = rest;
        Ok(*chunk)
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(u64, Wire<'a>), ModelError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_err() {
            self.0 = &[];
        }
        Some(field)
    }
}

/// Takes a number off the front.
pub(super) fn varint(bytes: &mut &[u8]) -> Result<u64, ModelError> {
    let mut value = 0u64;
    for shift in (0..70).step_by(7) {
        let Some((&byte, rest)) = bytes.split_first() else { return Err(not_onnx("it ends inside a number")) };
        *bytes = rest;
        value |= u64::from(byte & 0x7F).checked_shl(shift).unwrap_or(0);
        if byte < 0x80 {
            return Ok(value);
        }
    }
    Err(not_onnx("a number is longer than 10 bytes"))
}

pub(super) fn not_onnx(reason: impl Into<String>) -> ModelError {
    ModelError::NotOnnx { reason: reason.into() }
}
