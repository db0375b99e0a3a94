//! What to do about a model that uses an operator which towers do not run.

/// Advice for those who exported the model; begins with a semicolon, or is empty where there is none.
pub(super) fn way_out(domain: &str, operator: &str) -> &'static str {
    match (domain, operator) {
        ("com.microsoft", _) => "; save the model before ONNX Runtime optimises it, or with its basic optimisations only",
        ("ai.onnx.ml", _) => "; a tower starts with tensors: prepare rows by the feature spec (vocab, hash, number, onehot) instead",
        (
            "",
            "Loop" | "SequenceEmpty" | "SequenceInsert" | "SequenceAt" | "SequenceConstruct" | "ConcatFromSequence" | "SplitToSequence",
        ) => {
            "; only an EmbeddingBag over lists of one length may be a loop: write an Embedding and a masked sum, mean or maximum over the list instead \
             (\"mask\" in the feature spec gives the mask), or unroll the loop"
        }
        ("", "If") => {
            "; export with a dynamic batch and without branches (torch.onnx.export with dynamo=True; for a TransformerEncoder, \
             enable_nested_tensor=False)"
        }
        ("", "NonZero" | "Compress" | "Unique" | "NonMaxSuppression") => {
            "; its shape depends on the values: multiply by a mask, or use where with three arguments, instead of indexing by booleans \
             (x[mask], x[mask] = y, masked_select, nonzero)"
        }
        ("", "DynamicQuantizeLinear" | "MatMulInteger" | "ConvInteger") => {
            "; its scale would depend on the other rows of the batch: quantise statically (QuantizeLinear and DequantizeLinear), or keep f32"
        }
        ("", "RandomNormal" | "RandomUniform" | "RandomNormalLike" | "RandomUniformLike" | "Bernoulli" | "Multinomial") => {
            "; export the model in evaluation mode"
        }
        _ => "; docs/towers.md lists those that are",
    }
}
