//! A formula, a condition or a policy in the first line, rows in the others: what callers write, or let their users write.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use torre::rules::{Condition, Formula, Policy};
use torre::{Row, Schema};

/// A field of every type, under short names.
static SCHEMA: LazyLock<Schema> = LazyLock::new(|| {
    let fields = ["t:text index", "i:int index", "f:float index", "g:float index", "b:bool index", "w:time index", "tt:list<text> index"];
    Schema { fields: fields.map(|field| field.parse().expect("a field")).into(), lenient: false }
});

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let mut lines = text.lines();
    let first = lines.next().unwrap_or_default();
    let formula = Formula::parse(first).ok();
    if let Some(formula) = &formula {
        let printed = formula.to_string();
        assert_eq!(Formula::parse(&printed).as_ref(), Ok(formula), "{printed}");
    }
    let condition = Condition::parse(first).ok();
    if let Some(condition) = &condition {
        let printed = condition.to_string();
        assert_eq!(Condition::parse(&printed).as_ref(), Ok(condition), "{printed}");
    }
    if let Ok(policy) = serde_json::from_str::<Policy>(first) {
        let json = serde_json::to_string(&policy).expect("a policy that was read is written");
        assert_eq!(serde_json::from_str::<Policy>(&json).ok().as_ref(), Some(&policy), "{json}");
    }
    for row in lines.take(20).filter_map(|line| Row::from_json(line).ok()) {
        torre::fuzzing::rules(formula.as_ref(), condition.as_ref(), &row, &SCHEMA);
    }
});
