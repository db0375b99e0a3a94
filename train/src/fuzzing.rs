//! What the fuzz targets and property tests reach of the inside. No API: it changes without notice.

use torre_features::{FeatureSpec, Row};

use crate::config::Config;
use crate::events::Part;
use crate::infer::SpecOptions;
use crate::joined::{Joined, Sources};
use crate::read::{Log, RawEvent, Table, to_seconds};
use crate::split::{Split, SplitReport};

/// Rows of one side at most.
const ROWS: usize = 60;

/// Reads options as a file has them; those that are taken are written, and are the same when they are read again.
///
/// # Panics
/// Where they are others.
pub fn config(text: &str) {
    let Ok(config) = Config::from_toml(text) else { return };
    // Options have no numbers that are none: what is written reads back.
    let written = toml::to_string(&config).unwrap_or_else(|error| unwritable(&error));
    match Config::from_toml(&written) {
        Ok(again) => assert_eq!(again, config, "{written}"),
        Err(error) => unwritable(&error),
    }
}

#[allow(clippy::panic, reason = "a finding")]
fn unwritable<T>(error: &dyn std::fmt::Display) -> T {
    panic!("options that were read cannot be written and read again: {error}")
}

/// Rows of items and of users, JSON objects a line with an empty line between them: what is inferred from them is a valid spec that encodes
/// all rows, also those that it was not inferred from.
///
/// # Panics
/// Where it is not.
pub fn inference(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let mut sides = text.splitn(2, "\n\n");
    let mut rows = |letter: char| {
        let read = |(n, line): (usize, &str)| Some(Row::from_json(line).ok()?.with("id", format!("{letter}{n}")));
        let rows: Vec<Row> = sides.next().unwrap_or_default().lines().take(ROWS).enumerate().filter_map(read).collect();
        for (_, value) in rows.iter().flat_map(Row::iter) {
            let _ = to_seconds(value);
        }
        let ids = rows.iter().filter_map(|row| row.get("id")?.to_id_text()).collect();
        Table { ids, rows, ..Table::default() }
    };
    let (items, users) = (rows('i'), rows('u'));
    if items.ids.is_empty() || users.ids.is_empty() {
        return;
    }
    let joined = joined(items, users);
    let options = SpecOptions { dim: 4, user_ids: data.len().is_multiple_of(2), ..SpecOptions::default() };
    let (item, user) = joined.infer(&options);
    let spec =
        |inferred: &crate::infer::Inferred| inferred.parse().unwrap_or_else(|error| failed(&format!("{error}: {}", inferred.document)));
    let (item, user): (FeatureSpec, FeatureSpec) = (spec(&item), spec(&user));
    let dataset = joined.dataset(item, user, &options.history).unwrap_or_else(|error| failed(&error));
    assert_eq!((dataset.items.len(), dataset.users.len()), (joined.item_ids.len(), joined.user_ids.len()));
    drop(dataset.cases(Part::Test));
}

#[allow(clippy::panic, reason = "a finding")]
fn failed<T>(error: &dyn std::fmt::Display) -> T {
    panic!("what was inferred does not read its own rows: {error}")
}

/// Every user has chosen some items; the first half of each one's events is trained on.
fn joined(items: Table, users: Table) -> Joined {
    let mut log = Log { timed: true, ..Log::default() };
    let mut parts = Vec::new();
    for (u, id) in users.ids.iter().enumerate() {
        for n in 0..4 {
            let Some((user, item)) = log.users.number(id).zip(log.items.number(&items.ids[(u * 3 + n) % items.ids.len()])) else {
                continue;
            };
            log.events.push(RawEvent { user, item, time: n as i64, weight: 1.0, positive: true });
            parts.push(if n < 2 { Part::Train } else { Part::Test });
        }
    }
    let split = Split { parts, report: SplitReport { rule: String::new(), parts: vec![], notes: vec![] } };
    Joined::new(Sources { log, items: Some(items), users: Some(users) }, &split, None).unwrap_or_else(|error| failed(&error))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    /// Fields that look like something, and values that are something else.
    fn value() -> impl Strategy<Value = String> {
        prop_oneof![
            "-?[0-9]{1,12}",
            "-?[0-9]{1,3}(\\.[0-9]{1,5})?(e-?[0-9]{1,2})?",
            Just("1e308".to_owned()),
            Just("-1.7e308".to_owned()),
            Just("null".to_owned()),
            Just("true".to_owned()),
            Just("\"\"".to_owned()),
            "\"[a-c |;,]{0,12}\"",
            "\"(a|b) (c|d) (e|f) [a-z]{1,3}\"",
            "\"(nan|NaN|inf|2020-01-0[0-9]|2020-13-40|1e999|0012|-)\"",
            "\\[(\"[a-c]\"(,\"[a-c]\"){0,3})?\\]",
            "\\[-?[0-9]{1,3}(,-?[0-9]{1,3}){0,3}\\]",
            "\"\\[(1(,2){0,2})?\\]\"",
            Just("{\"x\":1}".to_owned()),
            Just("[[1]]".to_owned()),
            Just("[null]".to_owned()),
            Just("[1,\"a\"]".to_owned()),
        ]
    }

    fn rows() -> impl Strategy<Value = String> {
        let names = prop::collection::vec(
            prop_oneof![
                Just("a"),
                Just("b_id"),
                Just("created_at"),
                Just("id"),
                Just("history"),
                Just("since"),
                Just(""),
                Just("numbers"),
                Just("item_id"),
                Just("Größe \\u0000"),
                Just("A"),
                Just("a b"),
                Just("vector"),
                Just("time")
            ],
            1..5,
        );
        let kinds = prop::collection::vec(value(), 1..4);
        (names, prop::collection::vec(kinds, 1..40)).prop_map(|(names, rows)| {
            let row = |values: &Vec<String>| {
                let cells = names.iter().zip(values.iter().cycle()).map(|(name, value)| format!("\"{name}\":{value}"));
                format!("{{{}}}", cells.collect::<Vec<_>>().join(","))
            };
            rows.iter().map(row).collect::<Vec<_>>().join("\n")
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

        #[test]
        fn whatever_rows_hold_what_is_inferred_of_them_reads_them(items in rows(), users in rows()) {
            super::inference(format!("{items}\n\n{users}").as_bytes());
        }

        #[test]
        fn options_are_taken_or_refused(
            section in "(towers|loss|negatives|optimizer|training|fold|x)",
            key in "(hidden|combine|dropout|of|temperature|shared|alpha|log_q|rule|rate|warm_up|batch|epochs|seed|lambdas|history|threads)",
            value in "(-?[0-9]{1,20}|-?[0-9]{1,3}\\.[0-9]{1,3}|nan|-inf|1e-40|true|\"(add|sum|all|none|adam|bpr)\"|\\[[0-9]{1,6}(, [0-9]{1,6}){0,9}\\]|\\{ kind = \"(softmax|bce|triplet)\", (weight|margin) = [0-9.]{1,4} \\})",
        ) {
            super::config(&format!("[{section}]\n{key} = {value}\n"));
        }
    }
}
