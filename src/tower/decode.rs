//! A model file's bytes into its protobuf form, and the feature spec out of its metadata.

use prost::Message;
use tract_onnx::pb;

use super::wire;
use crate::model_error::ModelError;

/// The metadata key under which a tower carries its feature spec.
pub(super) const SPEC_KEY: &str = "torre.features";

/// Decodes a model file. Nothing but its size and its structure has been checked.
pub(super) fn model(bytes: &[u8]) -> Result<pb::ModelProto, ModelError> {
    wire::check(bytes)?;
    pb::ModelProto::decode(bytes).map_err(|error| ModelError::NotOnnx { reason: error.to_string() })
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
