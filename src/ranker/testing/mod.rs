//! What tests and fuzz targets need: trees as tables, those tables as ONNX files, their scores by the plainest of loops, and tables grown from
//! bytes.

mod encode;
mod grow;
mod reference;
mod table;

#[cfg_attr(not(test), allow(unused_imports, reason = "fuzzing needs some of it"))]
pub(crate) use self::{
    encode::{Message, attribute, model, node, weight},
    grow::Bytes,
    table::{Form, Row, Table},
};
