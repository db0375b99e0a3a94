//! Model files through attach: any bytes, the demo's towers with a few things changed, or graphs grown from the operators that towers
//! may have. Each is refused, or is a tower that runs, and that computes on made-up rows what the reference evaluator computes.
#![no_main]

mod common;

use std::sync::OnceLock;

use arbitrary::Unstructured;
use libfuzzer_sys::fuzz_target;
use prost::Message;
use torre::{Error, ModelError, TowerPair, fuzzing};
use tract_onnx::pb;

use common::graph;

const ITEM: &[u8] = include_bytes!("../../cli/assets/demo/item.onnx");
const USER: &[u8] = include_bytes!("../../cli/assets/demo/user.onnx");

fn demo() -> &'static [pb::ModelProto; 2] {
    static DEMO: OnceLock<[pb::ModelProto; 2]> = OnceLock::new();
    DEMO.get_or_init(|| [ITEM, USER].map(|bytes| pb::ModelProto::decode(bytes).expect("the demo's towers")))
}

/// Attaches, where "refused" must not mean that the runtime computes an operator otherwise than ONNX defines it.
fn attach(onnx: &[u8]) {
    if let Err(error @ Error::Model(ModelError::Differs { .. })) = fuzzing::attach(onnx) {
        panic!("{error}");
    }
}

fuzz_target!(
    init: {
        // The runtime may panic on a model that passed the guard; attach catches it. What it does not catch still ends the process.
        drop(std::panic::take_hook());
        TowerPair::from_bytes(ITEM, USER).expect("the demo's towers");
    },
    |data: &[u8]| {
        let model = match data.split_first_chunk::<4>() {
            Some((b"GROW", rest)) => graph::grown(&mut Unstructured::new(rest)),
            Some((b"EDIT", [which, rest @ ..])) => graph::edited(&mut Unstructured::new(rest), &demo()[usize::from(which % 2)]),
            _ => return attach(data),
        };
        if let Ok(model) = model {
            attach(&model.encode_to_vec());
        }
    }
);
