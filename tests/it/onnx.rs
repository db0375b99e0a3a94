//! Small ONNX files, written field by field: as much of the format as these tests need.

use serde_json::{Value as Json, json};
use torre::TowerSource;

fn varint(mut number: u64, out: &mut Vec<u8>) {
    while number > 127 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// A protobuf message.
#[derive(Default)]
struct Message(Vec<u8>);

impl Message {
    fn number(mut self, field: u64, number: u64) -> Self {
        varint(field << 3, &mut self.0);
        varint(number, &mut self.0);
        self
    }

    fn bytes(mut self, field: u64, bytes: &[u8]) -> Self {
        varint(field << 3 | 2, &mut self.0);
        varint(bytes.len() as u64, &mut self.0);
        self.0.extend_from_slice(bytes);
        self
    }

    fn text(self, field: u64, text: &str) -> Self {
        self.bytes(field, text.as_bytes())
    }

    fn message(self, field: u64, message: Self) -> Self {
        self.bytes(field, &message.0)
    }
}

/// An f32 tensor of the graph's edge, `[N, width]`.
fn edge(name: &str, width: usize) -> Message {
    let batch = Message::default().text(2, "N");
    let shape = Message::default().message(1, batch).message(1, Message::default().number(1, width as u64));
    let tensor = Message::default().number(1, 1).message(2, shape);
    Message::default().text(1, name).message(2, Message::default().message(1, tensor))
}

/// A model that multiplies its input `x`, f32 `[N, inputs]`, with a matrix: output `vector`, f32 `[N, outputs]`.
pub(crate) fn linear(inputs: usize, outputs: usize) -> Vec<u8> {
    let weights: Vec<u8> = (0..inputs * outputs).flat_map(|at| ((at % 7) as f32 - 2.5).to_le_bytes()).collect();
    let weights = Message::default().number(1, inputs as u64).number(1, outputs as u64).number(2, 1).text(8, "w").bytes(9, &weights);
    let node = Message::default().text(1, "x").text(1, "w").text(2, "vector").text(4, "MatMul");
    let graph = Message::default().message(1, node).text(2, "g").message(5, weights).message(11, edge("x", inputs));
    let graph = graph.message(12, edge("vector", outputs));
    Message::default().number(1, 9).message(7, graph).message(8, Message::default().number(2, 17)).0
}

/// The feature spec of [`linear`].
pub(crate) fn linear_spec(role: &str, inputs: usize, outputs: usize, metric: &str) -> Json {
    let op = json!({"vector": {"width": inputs}});
    json!({
        "torre": 1, "tower": role, "model": "linear", "dim": outputs, "metric": metric, "output": "vector",
        "inputs": [{"tensor": "x", "dtype": "f32", "shape": ["N", inputs], "from": "x", "op": op}],
    })
}

pub(crate) fn linear_tower(role: &str, inputs: usize, outputs: usize, metric: &str) -> TowerSource {
    TowerSource::new(linear(inputs, outputs)).with_spec(linear_spec(role, inputs, outputs, metric).to_string())
}
