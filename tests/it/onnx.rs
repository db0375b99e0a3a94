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

/// Element types of tensors.
const F32: u64 = 1;
const I64: u64 = 7;

/// A tensor of the graph's edge, `[N, width]`.
fn edge(name: &str, dtype: u64, width: usize) -> Message {
    let batch = Message::default().text(2, "N");
    let shape = Message::default().message(1, batch).message(1, Message::default().number(1, width as u64));
    let tensor = Message::default().number(1, dtype).message(2, shape);
    Message::default().text(1, name).message(2, Message::default().message(1, tensor))
}

/// A model that multiplies its input `x`, f32 `[N, inputs]`, with a matrix: output `vector`, f32 `[N, outputs]`.
pub(crate) fn linear(inputs: usize, outputs: usize) -> Vec<u8> {
    let weights: Vec<u8> = (0..inputs * outputs).flat_map(|at| ((at % 7) as f32 - 2.5).to_le_bytes()).collect();
    let weights = Message::default().number(1, inputs as u64).number(1, outputs as u64).number(2, 1).text(8, "w").bytes(9, &weights);
    let node = Message::default().text(1, "x").text(1, "w").text(2, "vector").text(4, "MatMul");
    let graph = Message::default().message(1, node).text(2, "g").message(5, weights).message(11, edge("x", F32, inputs));
    let graph = graph.message(12, edge("vector", F32, outputs));
    Message::default().number(1, 9).message(7, graph).message(8, Message::default().number(2, 17)).0
}

/// A model that sums the rows `i`, i64 `[N, places]`, of a table `[rows, 2]` with the weights `w`, f32 `[N, places]`: output `vector`, f32
/// `[N, 2]`. Row r of the table is r and 1.
pub(crate) fn bag(rows: usize, places: usize) -> Vec<u8> {
    let table: Vec<u8> = (0..rows).flat_map(|row| [row as f32, 1.0]).flat_map(f32::to_le_bytes).collect();
    let table = Message::default().number(1, rows as u64).number(1, 2).number(2, F32).text(8, "table").bytes(9, &table);
    let axis = Message::default().number(1, 1).number(2, I64).text(8, "axis").bytes(9, &1i64.to_le_bytes());
    let node =
        |inputs: [&str; 2], output: &str, op: &str| Message::default().text(1, inputs[0]).text(1, inputs[1]).text(2, output).text(4, op);
    // [N, 1, places] x [N, places, 2]
    let graph = Message::default()
        .message(1, node(["table", "i"], "rows", "Gather"))
        .message(1, node(["w", "axis"], "line", "Unsqueeze"))
        .message(1, node(["line", "rows"], "sum", "MatMul"))
        .message(1, node(["sum", "axis"], "vector", "Squeeze"))
        .text(2, "g")
        .message(5, table)
        .message(5, axis)
        .message(11, edge("i", I64, places))
        .message(11, edge("w", F32, places))
        .message(12, edge("vector", F32, 2));
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
