//! The commands that the README and the page on ranking promise.

/// The README's shell lines that begin with `torre`, as far as they need no data of the reader's own, run as they stand.
#[test]
fn the_commands_of_the_readme_run() {
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md")).unwrap();
    let start = readme.find("<!-- runs -->").expect("the README marks the commands that a test runs");
    let block = readme[start..].split("```").nth(1).unwrap();
    let workshop = crate::binary::Workshop::new();
    let lines: Vec<&str> = block.lines().skip(1).filter(|line| !line.trim().is_empty() && !line.starts_with('#')).collect();
    assert!(lines.len() >= 3, "{lines:?}");
    for line in lines {
        let run = workshop.shell(line);
        assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{line}");
    }
}

/// All shell lines of the page on ranking, over a shop with the demo's towers and the fields that the page speaks of.
#[test]
fn the_commands_of_the_page_on_ranking_run() {
    let workshop = crate::binary::Workshop::new();
    for number in 0..30 {
        let (brand, category) = (["Lumenar", "Nordhag", "Acme"][number % 3], ["lamps", "tents"][number % 2]);
        let row = serde_json::json!({
            "id": format!("P{number:05}"), "title": format!("blue lamp {number}"), "brand": brand,
            "category": category, "colour": "blue", "price": 10 + number, "rating": 4.5, "reviews": number, "clicks": number,
            "promo": number % 4 == 0, "stock": number % 5,
        });
        workshop.append("rows.jsonl", &row.to_string());
    }
    workshop.append(
        "rows.jsonl",
        r#"{"id": "card", "title": "gift card", "brand": "Shop", "category": "cards", "colour": "red", "price": 10, "stock": 99}"#,
    );
    let case =
        serde_json::json!({"user": {"history": ["P00012"], "age": 30, "now": 1_777_061_720}, "seen": ["P00012"], "relevant": ["P00003"]});
    workshop.append("eval.jsonl", &case.to_string());
    let fields = ["clicks:int index", "promo:bool index", "stock:int index"].map(|field| format!("--field '{field}'")).join(" ");
    let set_up = [
        "cp $ASSETS/demo/ranker.onnx .".to_owned(),
        format!("torre create shop --item $ASSETS/demo/item.onnx --user $ASSETS/demo/user.onnx {fields}"),
        "torre import shop rows.jsonl".to_owned(),
        "for field in brand category colour price rating reviews; do torre index shop $field; done".to_owned(),
    ];
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/ranking.md")).unwrap();
    let blocks = page.split("```sh\n").skip(1).map(|block| block.split("```").next().unwrap());
    // Training takes events; `second_stage.rs` has that.
    let blocks = blocks.filter(|block| !block.starts_with("torre make "));
    let lines: Vec<String> = blocks.flat_map(str::lines).map(str::to_owned).collect();
    assert!(lines.len() >= 10 && lines.iter().all(|line| line.starts_with("torre ")), "{lines:?}");
    for line in set_up.iter().chain(&lines) {
        let run = workshop.shell(line);
        assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{line}");
    }
}
