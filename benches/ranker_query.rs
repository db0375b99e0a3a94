//! Whole queries with both stages and rules, over a made-up shop and the demo's towers.

use std::time::{Duration, Instant};

use torre::filter::Filter;
use torre::rules::Policy;
use torre::{BuildOptions, CollectionOptions, Database, Field, Item, NoProgress, Query, RankerSource, Row, TowerPair, TowerSource, row};

use super::{Random, table};

const ITEM_TOWER: &[u8] = include_bytes!("../cli/assets/demo/item.onnx");
const USER_TOWER: &[u8] = include_bytes!("../cli/assets/demo/user.onnx");

const WORDS: [&str; 12] = ["red", "oak", "lamp", "chair", "wool", "steel", "kettle", "garden", "small", "travel", "mug", "blue"];
const CITIES: [&str; 5] = ["Amsterdam", "Bergen", "Lyon", "Porto", "Tallinn"];
const NOW: i64 = 1_777_061_720;
const USERS: usize = 300;

/// Fields that the ranker reads; the towers read some of them too.
const FIELDS: [&str; 8] = ["price", "rating", "reviews", "stock", "promo", "margin", "views", "sales"];

fn item(random: &mut Random, number: usize) -> Item {
    let mut word = || WORDS[random.below(WORDS.len())];
    let title = format!("{} {} {}", word(), word(), word());
    // Brands are of very unlike sizes.
    let brand = format!("brand {}", random.below(300).min(random.below(300)).min(random.below(300)));
    let row = row! {
        "title" => title, "brand" => brand, "category" => "lamp", "colour" => "red", "price" => f64::from(random.float()) * 100.0,
        "rating" => f64::from(random.float()) * 5.0, "reviews" => random.below(5000) as i64, "stock" => random.below(20) as i64,
        "promo" => random.below(10) == 0, "margin" => f64::from(random.float()), "views" => random.below(100_000) as i64,
        "sales" => random.below(1000) as i64, "added" => NOW - random.below(90 * 86_400) as i64,
    };
    Item::new(format!("P{number}")).unwrap().with_row(row)
}

fn user(random: &mut Random, items: usize) -> Row {
    let history: Vec<String> = (0..8).map(|_| format!("P{}", random.below(items))).collect();
    row! { "history" => history, "city" => CITIES[random.below(5)], "age" => 18 + random.below(60) as i64, "device" => "phone", "now" => NOW }
}

/// 30 columns: the score, the user's age, and the item's fields over and over.
fn spec() -> String {
    let feature = |at: usize| match at {
        0 => "score".to_owned(),
        1 => "user.age".to_owned(),
        at => format!("item.{}", FIELDS[at % FIELDS.len()]),
    };
    let features: Vec<_> = (0..30).map(|at| serde_json::json!({"name": format!("f{at}"), "from": feature(at)})).collect();
    serde_json::json!({"torre": 1, "features": features, "input": "x", "output": "y"}).to_string()
}

/// What a query asks for besides its user.
type Way = fn(Query<'_>) -> Query<'_>;

/// Prints the times of queries, one by one.
pub(super) fn run(random: &mut Random) {
    let rows: usize = std::env::var("TORRE_BENCH_ROWS").ok().and_then(|rows| rows.parse().ok()).unwrap_or(100_000);
    let towers = TowerPair::new(TowerSource::new(ITEM_TOWER), TowerSource::new(USER_TOWER)).expect("towers");
    let mut options = CollectionOptions::towers(&towers);
    for field in ["stock:int index", "promo:bool index", "margin:float index", "views:int index", "sales:int index", "added:time index"] {
        options = options.field(field.parse::<Field>().unwrap()).expect("a field");
    }
    let items = Database::in_memory().and_then(|database| database.create_collection("items", options)).expect("a collection");
    for from in (0..rows).step_by(10_000) {
        items.upsert_many((from..rows.min(from + 10_000)).map(|number| item(random, number))).expect("rows");
    }
    items.build(&BuildOptions::default(), &NoProgress).expect("an index");
    for field in ["brand", "price", "rating", "reviews"] {
        items.add_index(field, &NoProgress).expect("an index of a field");
    }
    let trees = table(random, 500, 30, Some(6), 64);
    items.attach_ranker("main", &RankerSource::new(trees.to_onnx()).with_spec(spec())).expect("a ranker");
    let boosts = Policy::new().boost("0.2*promo - 0.05*ln1p(price) + 0.3*decay(added, 7d)").and_then(|policy| policy.bury("stock = 0"));
    let everything = boosts.expect("rules").max_per("brand", 2).forbid(Filter::parse("price > 95").unwrap()).pin("P17", 3);
    items.set_policy("homepage", &everything).expect("a policy");
    let users: Vec<Row> = (0..USERS).map(|_| user(random, rows)).collect();

    println!(
        "\n{:<52} {:>9} {:>9} {:>9}",
        format!("recommend to {USERS} users, {rows} items, k = 20, one by one"),
        "p50",
        "p99",
        "widened"
    );
    let ways: [(&str, Way); 6] = [
        ("the first stage", |query| query),
        ("max_per(\"brand\", 2)", |query| query.max_per("brand", 2)),
        ("boost, bury", |query| query.boost("0.2*promo - 0.05*ln1p(price)").and_then(|query| query.bury("stock = 0")).expect("rules")),
        ("rerank(200)", |query| query.rerank(200)),
        ("rerank(200), max_per(\"brand\", 2)", |query| query.rerank(200).max_per("brand", 2)),
        ("rerank(200), policy of all kinds of rules", |query| query.rerank(200).policy("homepage")),
    ];
    for (name, way) in ways {
        let mut widened = 0;
        for user in &users {
            let answer = way(items.recommend(user).k(20)).explain().run().expect("an answer");
            assert_eq!(answer.hits.len(), 20, "{name}");
            widened += answer.explain.and_then(|explain| explain.rules).map_or(0, |rules| rules.widened);
        }
        let mut times: Vec<Duration> = users
            .iter()
            .map(|user| {
                let begun = Instant::now();
                std::hint::black_box(way(items.recommend(user).k(20)).run().expect("an answer"));
                begun.elapsed()
            })
            .collect();
        times.sort();
        let micros = |at: usize| times[at].as_nanos() as f64 / 1e3;
        println!("{name:<52} {:>6.1} us {:>6.1} us {widened:>9}", micros(USERS / 2), micros(USERS * 99 / 100));
    }
}
