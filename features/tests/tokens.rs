//! Tokens of texts: the same as the tokenizers' own, whatever the text; and tokenizers that were tampered with.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::sync::LazyLock;
use std::time::Instant;

use proptest::prelude::*;
use serde_json::{Value as Json, json};
use tokenizers::{Tokenizer, TruncationDirection, TruncationParams};
use torre_features::{EncodeOptions, FeatureSpec, InputRole, Row, TensorData, row};

/// The sample tokenizers of the vectors, with their operations.
const NAMES: [(&str, &str); 5] = [("uncased", "wordpiece"), ("cased", "wordpiece"), ("roberta", "bpe"), ("gpt", "bpe"), ("marked", "bpe")];

static SAMPLES: LazyLock<Json> = LazyLock::new(|| {
    let mut vectors: Json = serde_json::from_str(include_str!("vectors_v2.json")).unwrap();
    vectors["tokenizers"].take()
});

fn samples() -> &'static Json {
    &SAMPLES
}

fn document(tokenizers: &Json, name: &str, op: &str, list: &Json) -> String {
    let input = json!({
        "tensor": "ids", "token_types": "types", "mask": "mask", "length": "length", "dtype": "i64", "shape": ["N", list["max"]],
        "from": "title", "op": {op: {"tokenizer": name}}, "list": list,
    });
    let document = json!({
        "torre": 2, "tower": "item", "model": "m", "dim": 3, "metric": "ip", "output": "v", "tokenizers": tokenizers, "inputs": [input],
    });
    document.to_string()
}

fn spec(name: &str, op: &str, list: &Json) -> FeatureSpec {
    FeatureSpec::parse(&document(&json!({name: samples()[name]}), name, op, list)).unwrap()
}

/// Ids, types, mask and length of one text.
fn encoded(spec: &FeatureSpec, text: &str) -> [Vec<i64>; 4] {
    let tensors = spec.encode(&[&row! { "title" => text }], &EncodeOptions::default()).unwrap();
    let data = tensors.into_iter().map(|tensor| match tensor.data {
        TensorData::I64(data) => data,
        TensorData::F32(data) => panic!("{data:?}"),
    });
    data.collect::<Vec<_>>().try_into().unwrap()
}

/// What the tokenizers' own library gives, cut as it cuts.
fn theirs(tokenizer: &mut Tokenizer, text: &str, most: usize, last: bool) -> (Vec<i64>, Vec<i64>) {
    let direction = if last { TruncationDirection::Left } else { TruncationDirection::Right };
    tokenizer.with_truncation(Some(TruncationParams { max_length: most, direction, ..TruncationParams::default() })).unwrap();
    let encoding = tokenizer.encode(text, true).unwrap();
    let wide = |part: &[u32]| part.iter().map(|x| i64::from(*x)).collect();
    (wide(encoding.get_ids()), wide(encoding.get_type_ids()))
}

fn compare(spec: &FeatureSpec, tokenizer: &mut Tokenizer, text: &str, (most, last): (usize, bool)) {
    let (ids, types) = theirs(tokenizer, text, most, last);
    let [our_ids, our_types, mask, length] = encoded(spec, text);
    assert_eq!(length, [ids.len() as i64], "{text:?}");
    assert_eq!((&our_ids[..ids.len()], &our_types[..types.len()]), (&*ids, &*types), "{text:?}");
    assert!(our_types[types.len()..].iter().all(|x| *x == 0));
    assert_eq!(mask.iter().sum::<i64>(), ids.len() as i64);
    assert!(mask.is_sorted_by(|a, b| a >= b));
}

fn own(name: &str) -> Tokenizer {
    let mut json = samples()[name].clone();
    json["padding"] = Json::Null;
    Tokenizer::from_bytes(json.to_string()).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn the_same_tokens_as_the_library_of_tokenizers(
        text in "\\PC{0,40}|[a-z A-Z'.,é日語\\[\\]🙂\u{300}\u{200b}\t\n]{0,60}|(the |red|shoes|Red Shoes|<mask>|  |<s>|\\[SEP\\]|<end>|don't|42){0,20}",
        most in 3usize..30,
        last: bool,
    ) {
        for (name, op) in NAMES {
            let list = json!({"max": most, "keep": if last { "last" } else { "first" }});
            compare(&spec(name, op, &list), &mut own(name), &text, (most, last));
        }
    }
}

#[test]
fn a_field_is_told_in_one_entry() {
    let spec = spec("roberta", "bpe", &json!({"max": 6, "keep": "first"}));
    let inputs: Vec<_> =
        spec.inputs().iter().map(|input| (&*input.tensor, input.role, input.range().unwrap(), input.least, input.row_len())).collect();
    let last = i64::try_from(spec.inputs()[0].index_size.unwrap()).unwrap() - 1;
    assert_eq!(
        inputs,
        [
            ("ids", InputRole::Values, (0, last), 2, 6),
            ("types", InputRole::Values, (0, 0), 2, 6),
            ("mask", InputRole::Mask, (0, 1), 2, 6),
            ("length", InputRole::Length, (2, 6), 2, 1),
        ]
    );
    assert_eq!(spec.field_type("title"), Some(torre_features::FieldType::Text));
    // <s> and </s> around nothing, filled up with <pad>.
    assert_eq!(encoded(&spec, ""), [vec![0, 2, 1, 1, 1, 1], vec![0; 6], vec![1, 1, 0, 0, 0, 0], vec![2]]);
}

#[test]
fn a_long_text_takes_bounded_time() {
    let began = Instant::now();
    for (name, op) in NAMES {
        for keep in ["first", "last"] {
            let spec = spec(name, op, &json!({"max": 8, "keep": keep}));
            for text in ["a".repeat(3_000_000), " ".repeat(3_000_000), "red shoe 日 ".repeat(300_000), "<mask>[SEP]".repeat(300_000)] {
                assert!((2..=8).contains(&encoded(&spec, &text)[3][0]) || op == "bpe");
            }
        }
    }
    // Without bounds it is minutes.
    assert!(began.elapsed().as_secs() < 60, "{:?}", began.elapsed());
}

/// A document with one place of the sample "roberta" or "uncased" changed; its error.
fn problem(name: &str, place: &str, json: Json) -> String {
    let mut tokenizers = json!({name: samples()[name]});
    let (parent, key) = place.rsplit_once('/').unwrap();
    tokenizers[name].pointer_mut(parent).unwrap().as_object_mut().unwrap().insert(key.to_owned(), json);
    let op = if name == "uncased" { "wordpiece" } else { "bpe" };
    FeatureSpec::parse(&document(&tokenizers, name, op, &json!({"max": 9, "keep": "first"}))).unwrap_err().to_string()
}

#[test]
fn what_a_tokenizer_must_not_have_is_named() {
    let split = |regex: &str| json!({"type": "Split", "pattern": {"Regex": regex}, "behavior": "Isolated", "invert": false});
    let replace = json!({"type": "Replace", "pattern": {"String": "a"}, "content": "bbbb"});
    for (name, place, json, expected) in [
        ("uncased", "/extra", json!(1), "tokenizers.uncased\": expected what is known here, got unknown key \"extra\""),
        (
            "uncased",
            "/model",
            json!({"type": "Unigram", "vocab": {"a": 0}}),
            "model.type\": expected \"WordPiece\" or \"BPE\", got \"Unigram\"",
        ),
        ("uncased", "/model/vocab", json!({}), "model.vocab\": expected 1 to 1048576 tokens, got 0"),
        ("uncased", "/model/vocab", json!({"a": 1u64 << 40}), "expected ids below 16777216, got \"a\" at 1099511627776"),
        ("uncased", "/model/vocab", json!({"a": -1}), "expected ids below 16777216, got \"a\" at -1"),
        ("uncased", "/model/unk_token", json!("?!"), "model.unk_token\": expected a token of the vocabulary, got \"?!\""),
        ("uncased", "/model/max_input_chars_per_word", json!(1_000_000), "expected a whole number from 1 to 256, got 1000000"),
        ("uncased", "/normalizer", json!({"type": "Precompiled"}), "normalizer\": expected one of BertNormalizer, "),
        (
            "uncased",
            "/normalizer",
            json!({"type": "Sequence", "normalizers": [{"type": "Sequence", "normalizers": []}]}),
            "got \"Sequence\"",
        ),
        (
            "uncased",
            "/normalizer",
            json!({"type": "Sequence", "normalizers": vec![replace.clone(); 3]}),
            "at most 2 times \"Replace\", got 3",
        ),
        (
            "uncased",
            "/normalizer",
            json!({"type": "Sequence", "normalizers": vec![json!({"type": "NFC"}); 17]}),
            "a list of at most 16, got one of 17",
        ),
        (
            "uncased",
            "/normalizer",
            json!({"type": "Replace", "pattern": {"String": "a"}, "content": "b".repeat(9)}),
            "content\": expected a string of at most 8 bytes, got one of 9",
        ),
        ("uncased", "/pre_tokenizer", json!({"type": "UnicodeScripts"}), "pre_tokenizer\": expected one of BertPreTokenizer, "),
        ("uncased", "/pre_tokenizer", split(r"\s+(?!\S)"), "expected a regular expression without look-around and back-references"),
        ("uncased", "/pre_tokenizer", split(r"(a)\1"), "expected a regular expression without look-around and back-references"),
        ("uncased", "/pre_tokenizer", split(r"(((\w{1000}){1000}){1000})"), "a tokenizer that this library can run"),
        ("uncased", "/padding/direction", json!("Left"), "padding.direction\": expected \"Right\", got \"Left\""),
        ("uncased", "/padding/pad_id", json!(-1), "padding.pad_id\": expected a whole number from 0 to 16777215, got -1"),
        ("uncased", "/post_processor/single", json!([]), "post_processor.single\": expected the sequence \"A\", once"),
        ("uncased", "/post_processor/single", json!([{"Sequence": {"id": "B", "type_id": 0}}]), "expected the sequence \"A\", once"),
        (
            "uncased",
            "/post_processor/special_tokens",
            json!({"[CLS]": {"ids": vec![2; 40]}, "[SEP]": {"ids": vec![3; 40]}}),
            "expected at most 64 special tokens",
        ),
        ("uncased", "/added_tokens", json!([{"id": 5, "content": ""}]), "added_tokens[0].content\": expected a token, got \"\""),
        (
            "uncased",
            "/added_tokens",
            json!([{"id": 9, "content": "new", "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true}]),
            "expected the id that \"new\" gets behind the vocabulary, got 9, which would be",
        ),
        ("roberta", "/model/dropout", json!(0.1), "model.dropout\": expected null: a text must give the same tokens every time, got 0.1"),
        ("roberta", "/model/continuing_subword_prefix", json!("é"), "model.continuing_subword_prefix\": expected null, got \"é\""),
        (
            "roberta",
            "/model/merges",
            json!(["a b c"]),
            "merges[0]\": expected two tokens of the vocabulary that make a third, got \"a b c\"",
        ),
        ("roberta", "/model/merges", json!([["a", "zz"]]), "merges[0]\": expected two tokens of the vocabulary"),
        ("roberta", "/model/fuse_unk", json!("yes"), "expected a tokenizer that this library can run, got"),
        (
            "roberta",
            "/post_processor",
            json!({"type": "RobertaProcessing", "cls": [0], "sep": ["</s>", 2]}),
            "cls\": expected a token and its id",
        ),
    ] {
        let problem = problem(name, place, json);
        assert!(problem.starts_with("feature spec, \"tokenizers.") && problem.contains(expected), "{place}: {problem}\n{expected}");
    }
}

#[test]
fn an_id_that_stands_around_a_text_counts_for_the_table() {
    let mut tokenizers = json!({"uncased": samples()["uncased"]});
    tokenizers["uncased"]["post_processor"] = json!({"type": "BertProcessing", "cls": ["[CLS]", 5000], "sep": ["[SEP]", 3]});
    let spec = FeatureSpec::parse(&document(&tokenizers, "uncased", "wordpiece", &json!({"max": 4, "keep": "last"}))).unwrap();
    assert_eq!(spec.inputs()[0].index_size, Some(5001));
    assert_eq!(encoded(&spec, "the red shoes")[0][0], 5000);
}

/// Every place of a document but the vocabularies' insides, from the top down.
fn places(json: &Json) -> Vec<String> {
    fn walk(json: &Json, at: &str, found: &mut Vec<String>) {
        found.push(at.to_owned());
        match json {
            Json::Array(list) => list.iter().take(4).enumerate().for_each(|(n, json)| walk(json, &format!("{at}/{n}"), found)),
            Json::Object(object) => object.iter().take(12).for_each(|(key, json)| {
                if !key.contains(['/', '~']) {
                    walk(json, &format!("{at}/{key}"), found);
                }
            }),
            _ => {}
        }
    }
    let mut found = Vec::new();
    walk(json, "", &mut found);
    found
}

/// JSON as tokenizers have it, in the wrong place.
fn some_json() -> impl Strategy<Value = Json> {
    let all = samples();
    let of = |name: &str| places(&all[name]).iter().map(|at| all[name].pointer(at).unwrap().clone()).collect::<Vec<_>>();
    let parts: Vec<Json> = NAMES.iter().flat_map(|(name, _)| of(name)).collect();
    prop_oneof![
        prop::sample::select(vec![
            json!(null),
            json!(0),
            json!(-1),
            json!(1e300),
            json!(u32::MAX),
            json!(""),
            json!([]),
            json!({}),
            json!(true)
        ]),
        prop::sample::select(parts),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn a_changed_tokenizer_is_refused_or_keeps_its_word(
        which in prop::sample::select(NAMES.to_vec()),
        changes in prop::collection::vec((any::<prop::sample::Index>(), some_json()), 1..3),
        text in "\\PC{0,20}|[a-z \\[\\]<>/.]{0,30}",
    ) {
        let (name, op) = which;
        let mut tokenizer = samples()[name].clone();
        for (place, json) in changes {
            let places = places(&tokenizer);
            *tokenizer.pointer_mut(&places[place.index(places.len())]).unwrap() = json;
        }
        let document = document(&json!({name: tokenizer}), name, op, &json!({"max": 9, "keep": "first"}));
        if let Ok(spec) = FeatureSpec::parse(&document) {
            let rows = [row! { "title" => text }, Row::default()];
            if let Ok(tensors) = spec.encode(&rows.iter().collect::<Vec<_>>(), &EncodeOptions::default()) {
                for (tensor, input) in tensors.iter().zip(spec.inputs()) {
                    let TensorData::I64(data) = &tensor.data else { panic!("{tensor:?}") };
                    let (least, most) = input.range().unwrap();
                    prop_assert_eq!(data.len(), 2 * input.row_len());
                    prop_assert!(data.iter().all(|x| (least..=most).contains(x)), "{:?}", tensor);
                }
            }
        }
    }
}
