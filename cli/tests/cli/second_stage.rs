//! `train-ranker`: a tiny shop in which what is chosen depends on the price, and what bad input comes to.

use std::collections::HashMap;
use std::fmt::Write;

use crate::binary::Workshop;

const TASTES: u64 = 4;
const ITEMS: u64 = 800;
const USERS: u64 = 1500;

/// A number below `bound`, by chance and the same every time.
fn dice(state: &mut u64, bound: u64) -> u64 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*state >> 33) % bound
}

/// Users of a taste choose what they can pay; what that is stands in their row.
fn shop(workshop: &Workshop) {
    let mut state = 11;
    let mut items = "id,kind,price\n".to_owned();
    let prices: Vec<u64> = (0..ITEMS).map(|_| 5 + dice(&mut state, 95)).collect();
    for (item, price) in prices.iter().enumerate() {
        writeln!(items, "i{item},{},{price}", ["tent", "boot", "lamp", "rope"][item % TASTES as usize]).unwrap();
    }
    let (mut users, mut clicks) = ("id,usual_price\n".to_owned(), "user,item,time\n".to_owned());
    for user in 0..USERS {
        let usual = 20 + dice(&mut state, 60);
        writeln!(users, "u{user},{usual}").unwrap();
        for event in 0..16 {
            let mut draw = || dice(&mut state, ITEMS / TASTES) * TASTES + user % TASTES;
            let mut item = draw();
            while prices[item as usize] > usual || prices[item as usize] + 10 < usual {
                item = draw();
            }
            writeln!(clicks, "u{user},i{item},{}", 1_000_000 + event * 1000 + user).unwrap();
        }
    }
    for (name, text) in [("items.csv", items), ("users.csv", users), ("clicks.csv", clicks)] {
        std::fs::write(workshop.path().join(name), text).unwrap();
    }
}

const DATA: [&str; 6] = ["--interactions", "clicks.csv", "--split", "last-share", "--validation-share", "0.3"];
/// What the towers do not know: the price that a user usually pays.
const USERS_TOO: [&str; 2] = ["--users", "users.csv"];

#[test]
fn what_depends_on_the_price_is_learned_attached_and_measured() {
    let workshop = Workshop::new();
    shop(&workshop);
    let towers = ["make", "shop", "--items", "items.csv", "--dim", "8", "--epochs", "2", "--no-refit"];
    workshop.json(&[&towers[..], &DATA].concat());
    let more = ["--candidates", "100", "--min-leaf", "20", "--table", "table.parquet", "--out", "ranker"];
    let trained = workshop.json(&[&["train-ranker", "shop"][..], &DATA, &USERS_TOO, &more].concat());
    let ndcg = |stage: &str| trained["test"][stage]["10"]["ndcg"].as_f64().unwrap();
    assert!(ndcg("all") > 1.15 * ndcg("first"), "{}", trained["test"]);
    assert!(
        trained["test"]["ndcg"]["p_value"].as_f64().unwrap() < 0.01
            && trained["validation"]["all"].as_f64() > trained["validation"]["first"].as_f64(),
        "{} {}",
        trained["test"],
        trained["validation"]
    );
    let crosses: Vec<&str> = trained["features"].as_array().unwrap().iter().filter_map(|feature| feature["cross"].as_str()).collect();
    assert_eq!(crosses, ["difference", "ratio"]);

    // The same users, asked by `eval` with the price that each pays.
    let read = |name: &str| std::fs::read_to_string(workshop.path().join(name)).unwrap();
    let prices: HashMap<String, u64> = read("users.csv")
        .lines()
        .skip(1)
        .map(|line| line.split_once(',').map(|(id, price)| (id.to_owned(), price.parse().unwrap())).unwrap())
        .collect();
    let with_price = |line: &str| {
        let mut case: serde_json::Value = serde_json::from_str(line).unwrap();
        case["user"]["usual_price"] = prices[case["user"]["id"].as_str().unwrap()].into();
        format!("{case}\n")
    };
    std::fs::write(workshop.path().join("eval.jsonl"), read("shop.towers/eval.jsonl").lines().map(with_price).collect::<String>()).unwrap();
    let again = workshop.json(&["eval", "shop", "eval.jsonl", "-k", "10,20", "--rerank", "100"]);
    let is = |got: &serde_json::Value, expected: f64| assert!((got.as_f64().unwrap() - expected).abs() < 1e-9, "{got} {expected}");
    is(&again["ndcg"]["10"], ndcg("all"));
    is(&again["first_stage"]["ndcg"]["10"], ndcg("first"));

    // The table, and the script beside it.
    let script = read("table.py");
    assert!(script.contains("read_parquet(\"table.parquet\")") && script.contains("min_child_samples=20") && script.lines().count() == 6);
    assert!(std::fs::read(workshop.path().join("table.parquet")).unwrap().starts_with(b"PAR1"));

    // The same files give the same ranker; so do its features, given; another split of users another one.
    let ranker = |name: &str| std::fs::read(workshop.path().join(name).join("ranker.onnx")).unwrap();
    let given = ["--candidates", "100", "--min-leaf", "20", "--features", "ranker/features.json", "--out", "again"];
    let repeated = workshop.json(&[&["train-ranker", "shop"][..], &DATA, &USERS_TOO, &given].concat());
    assert!(repeated["replaced"] == true && ranker("ranker") == ranker("again"));
    let cases = ["--cases", "eval.jsonl", "--most-users", "100", "--features", "ranker/ranker.json", "--name", "other", "--out", "other"];
    std::fs::write(
        workshop.path().join("ranker/ranker.json"),
        r#"{"features": [{"name": "dear", "cross": "ratio", "of": ["item.price", "user.usual_price"]}]}"#,
    )
    .unwrap();
    let other = workshop.torre(&[&["train-ranker", "shop"][..], &cases].concat());
    assert!(
        other.code == 0
            && other.stdout.contains("those that it was trained with")
            && other.stdout.contains("learned from 100 of ")
            && ranker("other") != ranker("ranker"),
        "{}",
        other.stderr
    );
    let listed = workshop.json(&["ranker", "list", "shop"]);
    assert_eq!(listed.as_array().unwrap().len(), 2);
}

#[test]
fn bad_input_is_named_and_attaches_nothing() {
    let workshop = Workshop::new();
    shop(&workshop);
    let towers = ["make", "shop", "--items", "items.csv", "--dim", "4", "--epochs", "1", "--no-refit"];
    workshop.json(&[&towers[..], &DATA].concat());
    let write = |name: &str, text: &str| std::fs::write(workshop.path().join(name), text).unwrap();
    write("none.jsonl", "");
    write("broken.jsonl", "{\"user\": {}, \"relevant\": [\"i1\"]}\n{\"user\": 1}\n");
    write("unknown.jsonl", "{\"user\": {}, \"relevant\": [\"x\"]}\n");
    write("broken.json", "[{\"name\": ");
    write("computed.json", r#"[{"name": "days", "from": "value.days"}]"#);
    write("own.json", r#"[{"name": "label", "from": "item.price"}]"#);
    let refused = |arguments: &[&str], code: i32, says: &str| {
        let run = workshop.torre(&[&["train-ranker", "shop"][..], arguments].concat());
        assert!(run.code == code && run.stderr.contains(says), "{arguments:?}: {} {}", run.code, run.stderr);
    };
    let with = |arguments: &[&'static str]| [&DATA[..], arguments].concat();
    refused(&[], 2, "--interactions");
    refused(&with(&["--cases", "none.jsonl"]), 2, "cannot be used with");
    refused(&with(&["--trees", "0"]), 2, "option trees: 0 is not from 1");
    refused(&with(&["--bins", "256"]), 2, "option bins");
    refused(&with(&["--held-share", "0"]), 2, "option held_share");
    refused(&with(&["--items", "items.csv"]), 2, "rows of items are those of the collection");
    refused(&with(&["--name", ""]), 2, "without control characters");
    refused(&with(&["--features", "broken.json"]), 1, "broken.json");
    refused(&with(&["--features", "computed.json"]), 1, "which the caller computes at a query");
    refused(&with(&["--features", "own.json", "--table", "t.parquet"]), 1, "is called like a column that --table has");
    refused(&["--cases", "none.jsonl"], 1, "of 0 cases");
    refused(&["--cases", "broken.jsonl"], 1, "broken.jsonl, line 2");
    refused(&["--cases", "unknown.jsonl"], 1, "of 1 cases, 0 chose something");
    refused(&["--cases", "gone.jsonl"], 1, "gone.jsonl");
    assert_eq!(workshop.json(&["ranker", "list", "shop"]), serde_json::json!([]));
    assert_eq!(workshop.torre(&["create", "flat", "--dim", "2"]).code, 0);
    let flat = workshop.torre(&["train-ranker", "flat", "--cases", "unknown.jsonl"]);
    assert!(flat.code == 1 && flat.stderr.contains("has no towers"), "{}", flat.stderr);
    let nowhere = workshop.torre(&[&["train-ranker", "nowhere"][..], &DATA].concat());
    assert!(nowhere.code == 1 && nowhere.stderr.contains("no database at nowhere"));
}
