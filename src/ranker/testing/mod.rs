//! What tests and fuzz targets need: trees as tables, those tables as ONNX files, their scores by the plainest of loops, and tables grown from
//! bytes.

mod encode;
mod grow;
mod reference;
mod table;

pub(crate) use encode::{Message, attribute, model, node};
pub(crate) use grow::{Bytes, NUMBERS};
pub(crate) use table::{Form, Row, Table};
