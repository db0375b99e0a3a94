//! `train`, `make` and `report`: from files to a database that recommends, and what bad files come to.

use std::fmt::Write;

use crate::binary::Workshop;

/// Tastes in the tiny shop: users choose items of theirs.
const TASTES: u64 = 6;
const ITEMS: u64 = 120;
const USERS: u64 = 240;

/// A number below `bound`, by chance and the same every time.
fn dice(state: &mut u64, bound: u64) -> u64 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*state >> 33) % bound
}

/// Files of a shop: users of a taste choose its items nine times in ten, popular ones first.
pub(crate) fn shop(workshop: &Workshop) {
    let mut state = 7;
    let mut items = "id,title,price,colour,nothing\n".to_owned();
    for item in 0..ITEMS {
        let taste = ["tent", "boot", "lamp", "rope", "map", "cup"][(item % TASTES) as usize];
        let price = 1 << (item % 11);
        writeln!(items, "i{item},the {taste} of kind {},{price},{},x", item % 40, ["red", "blue"][(item % 2) as usize]).unwrap();
    }
    let mut events = "user,item,time,rating\n".to_owned();
    for user in 0..USERS {
        for event in 0..24 {
            let taste = if dice(&mut state, 10) == 0 { dice(&mut state, TASTES) } else { user % TASTES };
            let place = dice(&mut state, ITEMS / TASTES).min(dice(&mut state, ITEMS / TASTES));
            let rating = if event % 6 == 5 { 2 } else { 4 };
            writeln!(events, "u{user},i{},{},{rating}", place * TASTES + taste, 1_000_000 + event * 1000 + dice(&mut state, 900)).unwrap();
        }
    }
    std::fs::write(workshop.path().join("items.csv"), items).unwrap();
    std::fs::write(workshop.path().join("clicks.csv"), events).unwrap();
}

const MAKE: [&str; 11] =
    ["--items", "items.csv", "--interactions", "clicks.csv", "--positive", "rating >= 4", "--dim", "16", "--epochs", "4", "--no-refit"];

#[test]
fn a_tiny_shop_is_made_served_and_beats_popularity() {
    let workshop = Workshop::new();
    shop(&workshop);
    let made = workshop.json(&[&["make", "shop"][..], &MAKE].concat());
    let model = |name: &str| made["models"].as_array().unwrap().iter().find(|model| model["name"] == name).unwrap().clone();
    let ndcg = |name: &str| model(name)["measures"]["10"]["ndcg"]["mean"].as_f64().unwrap();
    assert!(ndcg("served") > 1.3 * ndcg("popularity"), "{} against {}", ndcg("served"), ndcg("popularity"));
    assert!(model("popularity")["against_first"]["p_value"].as_f64().unwrap() < 0.01);
    assert_eq!(made["rows"], ITEMS);
    let why =
        |field: &str| made["item_fields"].as_array().unwrap().iter().find(|choice| choice["field"] == field).unwrap()["why"].to_string();
    assert!(
        why("price").contains("log1p") && why("nothing").contains("left out") && why("title").contains("words"),
        "{}",
        made["item_fields"]
    );

    // The same users, asked again by `eval`.
    let again = workshop.json(&["eval", "shop", "shop.towers/eval.jsonl", "-k", "10,20"]);
    assert!((again["ndcg"]["10"].as_f64().unwrap() - ndcg("served")).abs() < 1e-9, "{again}");
    let answer = workshop.json(&["recommend", "shop", "--user", r#"{"history": ["i0", "i6", "i12"]}"#, "-k", "5"]);
    assert_eq!(answer["hits"].as_array().unwrap().len(), 5);
    let refused = workshop.torre(&[&["make", "shop"][..], &MAKE].concat());
    assert!(refused.code == 1 && refused.stderr.contains("exists"), "{}", refused.stderr);
}

#[test]
fn what_is_inferred_is_written_for_editing_and_taken_again() {
    let workshop = Workshop::new();
    shop(&workshop);
    let inferred = workshop.json(&[&["train", "--infer", "--out", "towers"][..], &MAKE].concat());
    assert!(inferred["split"]["parts"][0]["from"].as_str().unwrap().starts_with("1970-01-12"), "{}", inferred["split"]);
    let read = |name: &str| std::fs::read_to_string(workshop.path().join("towers").join(name)).unwrap();
    assert!(read("train.toml").contains("#   price: numbers from 1 to 1024") && read("item-spec.json").contains("\"notes\""));
    assert!(!workshop.path().join("towers/item.onnx").exists());
    let edited = read("train.toml").replace("epochs = 4", "epochs = 1");
    std::fs::write(workshop.path().join("towers/train.toml"), edited).unwrap();
    let again = ["--config", "towers/train.toml", "--item-spec", "towers/item-spec.json", "--user-spec", "towers/user-spec.json"];
    let data = &MAKE[..6];
    let trained = workshop.json(&[&["train", "--out", "towers", "--no-refit"][..], data, &again].concat());
    assert_eq!(trained["epochs"].as_array().unwrap().len(), 1);
    let checked = workshop.torre(&["check", "towers/item.onnx", "towers/user.onnx"]);
    assert_eq!(checked.code, 0, "{}", checked.stderr);
}

#[test]
fn a_report_compares_widths_and_codes() {
    let workshop = Workshop::new();
    shop(&workshop);
    let data = &MAKE[..6];
    let report = workshop.json(&[&["report", "--dims", "4,16", "--epochs", "2", "--no-refit", "--out", "page.html"][..], data].concat());
    assert_eq!(report["settings"].as_array().unwrap().len(), 8);
    assert!(report["sweet_spot"].is_u64() && !report["reasons"].as_array().unwrap().is_empty());
    let page = std::fs::read_to_string(workshop.path().join("page.html")).unwrap();
    assert!(page.contains("<svg") && !page.contains("http"));
    for chart in ["quality-by-width", "quality-by-memory", "latency-by-width", "learned-by-heart"] {
        let svg = std::fs::read_to_string(workshop.path().join(format!("page.{chart}.svg"))).unwrap();
        assert!(svg.starts_with("<svg") && svg.contains("xmlns="), "{chart}");
    }
    let beside: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(workshop.path().join("page.json")).unwrap()).unwrap();
    assert_eq!(beside, report);
}

#[test]
fn bad_files_are_clear_errors_or_said_defaults() {
    let workshop = Workshop::new();
    let write = |name: &str, text: &str| std::fs::write(workshop.path().join(name), text).unwrap();
    let many: String = (0..200).map(|n| format!("u{},i{}\n", n % 9, n % 13)).collect();
    for (name, text, says) in [
        ("one.csv", "user,item,time\na,x,1\nb,x,2\n", "all 2 events are of one item"),
        ("labels.csv", "user,item,label\na,x,0\nb,y,0\n", "none of 2 events was chosen"),
        ("empty.csv", "user,item\n", "no events"),
        ("columns.csv", "who,what\na,b\n", "user=COLUMN; the columns are who, what"),
        ("broken.csv", "user,item,time\na,x,soon\nb,y,later\n", "no events (2 broken rows; the first broken row is broken.csv, line 2"),
        ("latin.csv", "user;item\na;x\n", "no column is the user"),
        ("missing.csv", "", "empty"),
    ] {
        write(name, text);
        let run = workshop.torre(&["make", "db", "--interactions", name]);
        assert!(run.code == 1 && run.stderr.contains(says) && run.stderr.lines().count() == 1, "{name}: {}", run.stderr);
        assert!(!workshop.path().join("db").exists() && !workshop.path().join("db.towers").exists(), "{name} left something behind");
    }
    write("good.csv", &format!("user,item\n{many}"));
    for (arguments, code, says) in [
        (&["--split", "time"][..], 1, "needs times"),
        (&["--test-share", "1.5"], 2, "option split"),
        (&["--columns", "user=who"], 1, "no column \"who\""),
        (&["--event-weights", "buy=much"], 2, "--event-weights: buy has no number"),
        (&["--positive", "stars > 3"], 1, "stars"),
        (&["--epochs", "0"], 2, "whole number of 1 or more"),
    ] {
        let run = workshop.torre(&[&["make", "db", "--interactions", "good.csv"], arguments].concat());
        assert!(run.code == code && run.stderr.contains(says), "{arguments:?}: {} {}", run.code, run.stderr);
    }
    write("train.toml", "[training]\nepoch = 3\n");
    let run = workshop.torre(&["make", "db", "--interactions", "good.csv", "--config", "train.toml"]);
    assert!(run.code == 1 && run.stderr.contains("train.toml") && run.stderr.contains("epoch"), "{}", run.stderr);
    let made = workshop.torre(&["make", "db", "--interactions", "good.csv", "--epochs", "1", "--dim", "8"]);
    assert!(made.code == 0 && made.stdout.contains("there are no times"), "{}{}", made.stdout, made.stderr);
}
