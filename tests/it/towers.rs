//! Tower files that must not be attached: damaged, hostile, or with a spec that is not theirs. Each is refused with a reason.

use std::path::Path;

use serde_json::{Value as Json, json};
use torre::{CollectionOptions, Database, Error, ModelError, Responsible, TowerPair, TowerSource, row};

use crate::onnx::{linear, linear_spec, linear_tower};

fn refusal(item: TowerSource, user: TowerSource) -> ModelError {
    let error = TowerPair::new(item, user).expect_err("a pair that must be refused");
    assert_eq!(error.responsible(), Responsible::ModelAuthor, "{error}");
    match error {
        Error::Model(error) => error,
        other => panic!("{other:?}"),
    }
}

fn demo(name: &str) -> TowerSource {
    TowerSource::from_file(Path::new(env!("CARGO_MANIFEST_DIR")).join("cli/assets/demo").join(name)).unwrap()
}

/// The spec that a tower carries.
fn spec_of(item: bool) -> Json {
    let pair = TowerPair::new(demo("item.onnx"), demo("user.onnx")).unwrap();
    let spec = if item { pair.item_spec() } else { pair.user_spec() };
    serde_json::from_str(spec.to_json()).unwrap()
}

#[test]
fn a_pair_of_two_linear_towers_works() {
    let pair = TowerPair::new(linear_tower("item", 3, 4, "ip"), linear_tower("user", 2, 4, "ip")).unwrap();
    let items = Database::in_memory().unwrap().create_collection("items", CollectionOptions::towers(&pair)).unwrap();
    items.upsert_row(row! { "id" => "a", "x" => vec![1.0, 0.0, 0.0] }).unwrap();
    assert_eq!(items.get("a").unwrap().unwrap().vector().unwrap(), [-2.5, -1.5, -0.5, 0.5]);
    let answer = items.recommend(&row! { "x" => vec![2.0, 0.0] }).run().unwrap();
    assert_eq!(answer.hits[0].score, 2.0 * (6.25 + 2.25 + 0.25 + 0.25));
}

#[test]
fn towers_that_are_no_pair() {
    let refused = |item: (&str, usize, &str), user: (&str, usize, &str)| {
        refusal(linear_tower(item.0, 3, item.1, item.2), linear_tower(user.0, 3, user.1, user.2))
    };
    let not_a_pair = |error: ModelError, about: &str| match error {
        ModelError::NotAPair { what, .. } => assert!(what.contains(about), "{what}"),
        other => panic!("{other}"),
    };
    not_a_pair(refused(("item", 4, "ip"), ("user", 5, "ip")), "width");
    not_a_pair(refused(("item", 4, "ip"), ("user", 4, "cosine")), "metric");
    let swapped = refused(("user", 4, "ip"), ("item", 4, "ip"));
    assert!(matches!(swapped, ModelError::Role { expected: "item", got: "user" }), "{swapped}");
    let twice = refused(("item", 4, "ip"), ("item", 4, "ip"));
    assert!(matches!(twice, ModelError::Role { expected: "user", got: "item" }), "{twice}");
    let mut other = linear_spec("user", 3, 4, "ip");
    other["model"] = json!("another training");
    let error = refusal(linear_tower("item", 3, 4, "ip"), TowerSource::new(linear(3, 4)).with_spec(other.to_string()));
    not_a_pair(error, "label");
}

/// What is wrong with a spec, what it is changed by, and what the refusal says.
type Misfit = (&'static str, fn(&mut Json), &'static str);

const MISFITS: [Misfit; 11] = [
    (
        "an input that is not filled",
        |spec| drop(spec["inputs"].as_array_mut().unwrap().remove(1)),
        "\"brand\": the feature spec does not fill it",
    ),
    ("an input that is not there", |spec| spec["inputs"][0]["tensor"] = json!("nothing"), "\"nothing\": the graph has no such input"),
    ("an input twice", |spec| spec["inputs"][1]["tensor"] = json!("title"), "\"title\""),
    (
        "another width",
        |spec| {
            spec["inputs"][0]["list"]["max"] = json!(9);
            spec["inputs"][0]["shape"] = json!(["N", 9]);
        },
        "the feature spec makes [N, 9], the graph takes [N, 10]",
    ),
    (
        "another rank",
        |spec| {
            spec["inputs"][1]["list"] = json!({"max": 3, "keep": "last"});
            spec["inputs"][1]["shape"] = json!(["N", 3]);
        },
        "the feature spec makes [N, 3], the graph takes [N]",
    ),
    (
        "another type",
        |spec| {
            let input = json!({"tensor": "brand", "dtype": "f32", "shape": ["N"], "from": "brand", "op": {"number": []}});
            spec["inputs"][1] = input;
        },
        "\"brand\": the feature spec makes f32, the graph takes i64",
    ),
    ("a type that is not the operation's", |spec| spec["inputs"][1]["dtype"] = json!("f32"), "expected the dtype \"i64\""),
    ("more buckets than the table has rows", |spec| spec["inputs"][0]["op"]["text"]["buckets"] = json!(1001), "indices from 0 to 1002"),
    (
        "another width of the vectors",
        |spec| {
            spec["dim"] = json!(63);
            spec["golden"] = json!([]);
        },
        "expected f32 [1, 63] for a batch of 1, the graph makes f32 [1, 64]",
    ),
    ("an output that is not there", |spec| spec["output"] = json!("y"), "output \"y\": the graph has no such output; it has \"vector\""),
    ("golden rows without vectors", |spec| spec["golden"][0]["vector"] = json!([1.0]), "golden[0].vector"),
];

#[test]
fn specs_that_do_not_fit_their_graph() {
    for (what, change, expected) in MISFITS {
        let mut spec = spec_of(true);
        change(&mut spec);
        let error = refusal(demo("item.onnx").with_spec(spec.to_string()), demo("user.onnx")).to_string();
        assert!(error.contains(expected) && error.contains("item.onnx"), "{what}: {error}");
    }
}

#[test]
fn golden_rows_that_give_another_vector() {
    for (item, place) in [(true, 0), (false, 0), (true, 1)] {
        let mut spec = spec_of(item);
        let right = spec["golden"][place]["vector"][5].as_f64().unwrap();
        spec["golden"][place]["vector"][5] = json!(right + 0.001);
        let spec = spec.to_string();
        let (good, bad) =
            (demo(if item { "user.onnx" } else { "item.onnx" }), demo(if item { "item.onnx" } else { "user.onnx" }).with_spec(spec));
        let error = if item { refusal(bad, good) } else { refusal(good, bad) };
        let ModelError::File { source, .. } = error else { panic!("{error}") };
        assert!(matches!(*source, ModelError::Golden { row, at: 5, .. } if row == place), "{source}");
    }
    // A row that the spec itself cannot take.
    let mut spec = spec_of(true);
    spec["golden"][0]["row"]["price"] = json!("cheap");
    let error = refusal(demo("item.onnx").with_spec(spec.to_string()), demo("user.onnx")).to_string();
    assert!(error.contains("golden row 0: feature \"price\" (row 0): expected a number, got the string \"cheap\""), "{error}");
}

#[test]
fn files_without_a_spec_and_files_that_are_none() {
    let error = refusal(TowerSource::new(linear(3, 4)), linear_tower("user", 3, 4, "ip"));
    assert!(matches!(error, ModelError::NoSpec { .. }), "{error}");
    for bytes in [&b""[..], b"{}", b"PK\x03\x04", &[0; 1000], &[0xFF; 1000]] {
        let spec = linear_spec("item", 3, 4, "ip").to_string();
        let error = refusal(TowerSource::new(bytes).with_spec(spec), linear_tower("user", 3, 4, "ip"));
        assert!(matches!(error, ModelError::NotOnnx { .. } | ModelError::TooLarge { .. }), "{error}");
    }
    let error = TowerPair::from_files("no-such-item.onnx", "no-such-user.onnx").unwrap_err();
    assert!(matches!(&error, Error::Io { path, .. } if path.ends_with("no-such-item.onnx")), "{error}");
}

/// The spec stays whole, so that the graph alone is what is cut off.
#[test]
fn truncated_files() {
    for (name, item) in [("item.onnx", true), ("user.onnx", false)] {
        let (whole, spec) = (demo(name).onnx, spec_of(item).to_string());
        let lengths = (0..64).chain((64..whole.len()).step_by(1009)).chain(whole.len() - 64..whole.len());
        for length in lengths {
            let cut = TowerSource::new(&whole[..length]).with_spec(&*spec);
            let error = if item { TowerPair::new(cut, demo("user.onnx")) } else { TowerPair::new(demo("item.onnx"), cut) };
            // The file ends with its metadata and its operator sets: without the former it is a model still.
            if let Err(error) = error {
                assert!(matches!(error, Error::Model(_)), "{name}, {length} bytes: {error:?}");
            } else {
                let carries = TowerSource::new(&whole[..length]);
                let pair = if item { TowerPair::new(carries, demo("user.onnx")) } else { TowerPair::new(demo("item.onnx"), carries) };
                assert!(
                    matches!(pair, Err(Error::Model(ModelError::NoSpec { .. }))),
                    "{name}, {length} of {} bytes are accepted",
                    whole.len()
                );
            }
        }
    }
}

/// One flipped bit: refused, or harmless (in a name or a weight that no golden row sees), never a panic.
#[test]
fn files_with_a_flipped_bit() {
    let (whole, user) = (linear(3, 4), linear_tower("user", 3, 4, "ip"));
    let mut spec = linear_spec("item", 3, 4, "ip");
    spec["golden"] = json!([{"row": {"x": [1.0, 1.0, 1.0]}, "vector": [-3.5, -0.5, 2.5, -1.5]}]);
    let spec = spec.to_string();
    let attach = |bytes: Vec<u8>| TowerPair::new(TowerSource::new(bytes).with_spec(&*spec), user.clone());
    let mut refused = 0;
    for bit in 0..whole.len() * 8 {
        let mut bytes = whole.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        match attach(bytes) {
            Ok(_) => {}
            Err(Error::Model(_)) => refused += 1,
            Err(other) => panic!("bit {bit}: {other:?}"),
        }
    }
    assert!(refused > whole.len(), "{refused} of {} bits", whole.len() * 8);
}
