//! A filter in the first line, rows in the others: what callers write, or let their users write.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use torre::filter::{Filter, Params};
use torre::{Row, Schema, row};

/// The time of every query.
const NOW: f64 = 1_000_000_000.5;

/// A field of every type, under short names.
static SCHEMA: LazyLock<Schema> = LazyLock::new(|| {
    let fields = [
        "t:text",
        "i:int",
        "f:float",
        "g:float",
        "b:bool",
        "w:time",
        "tt:list<text>",
        "ii:list<int>",
        "ff:list<float>",
        "bb:list<bool>",
        "ww:list<time>",
    ];
    Schema { fields: fields.map(|field| field.parse().expect("a field")).into(), lenient: false }
});

static PARAMS: LazyLock<Params> =
    LazyLock::new(|| Params::from(row! { "i" => 5, "f" => 0.5, "t" => "a", "b" => true, "l" => ["a", "b"], "n" => [1, 2], "x" => null }));

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let mut lines = text.lines();
    let first = lines.next().unwrap_or_default();
    // As a text, and as the JSON of a tree.
    let Some(filter) = Filter::parse(first).ok().or_else(|| serde_json::from_str(first).ok()) else { return };
    let printed = filter.to_string();
    assert_eq!(Filter::parse(&printed).as_ref(), Ok(&filter), "{printed}");
    let json = serde_json::to_string(&filter).expect("a filter that was read is written");
    assert_eq!(serde_json::from_str::<Filter>(&json).ok().as_ref(), Some(&filter), "{json}");

    let Ok(bound) = filter.bind(&SCHEMA, &PARAMS, NOW) else { return };
    let negated = (!filter).bind(&SCHEMA, &PARAMS, NOW);
    for row in lines.take(70).filter_map(|line| Row::from_json(line).ok()) {
        let in_list = |list: &str, id: &str| list.len() == id.len();
        let truth = bound.eval_with(&row, &in_list);
        assert_eq!(truth, bound.eval_with(&row, &in_list), "evaluated twice");
        // A filter that is as deep as can be has no negation.
        if let Ok(negated) = &negated {
            assert_eq!(negated.eval_with(&row, &in_list), truth.map(|truth| !truth), "NOT ({printed})");
        }
    }
});
