//! A shop in which what is chosen depends on the price, beside what users usually pay.

#![allow(clippy::unwrap_used)]

use serde_json::json;
use torre::{Matrix, NoProgress, Ranker, RankerSource, Row, Value, row};

use super::*;
use crate::error::TrainError;
use crate::rng::{Purpose, Rng};
use crate::trees::{TreeOptions, ndcg};

const ITEMS: usize = 60;
const COLOURS: [&str; 3] = ["blue", "green", "red"];

/// Candidates of users who choose what is at most what they usually pay, of their brands twice as often; the first stage knows nothing of it.
fn shop(users: usize, seed: u64) -> (Candidates, Vec<RankCase>) {
    let mut rng = Rng::new(seed, Purpose::Cases, 0);
    let item = |at: usize| {
        let brand = ["Acme", "Borealis", "Cirrus", "Dune"][at % 4];
        let row = row! { "id" => format!("i{at}"), "price" => (at * 37 % 100) as f64, "brand" => brand, "colour" => COLOURS[at % 3],
        "title" => format!("title {at}"), "same" => 3, "lat" => 48.0 + at as f64 * 0.01, "lon" => 11.0 };
        (format!("i{at}"), if at.is_multiple_of(9) { row.into_fields().filter(|(name, _)| &**name != "colour").collect() } else { row })
    };
    let items: Vec<(String, Row)> = (0..ITEMS).map(item).collect();
    let (mut asked, mut cases) = (Vec::new(), Vec::new());
    for case in 0..users {
        let usual = 20.0 + rng.below(60) as f64;
        let brands = [["Acme", "Borealis"], ["Cirrus", "Dune"]][case % 2];
        let user = row! { "id" => format!("u{case}"), "usual_price" => usual, "brands" => brands.to_vec(), "age" => 20 + case as i64 % 50,
        "latitude" => 48.2, "longitude" => 11.0, "history" => vec!["i1"] };
        let mut places: Vec<u32> = (0..ITEMS as u32).collect();
        rng.shuffle(&mut places);
        places.truncate(40);
        let grade = |&place: &u32| {
            let row = &items[place as usize].1;
            let cheap = row.get("price").and_then(Value::as_f64).unwrap() <= usual;
            let liked = brands.contains(&row.get("brand").and_then(Value::as_str).unwrap());
            u8::from(cheap && rng.below(10) < if liked { 6 } else { 1 })
        };
        let grades: Vec<u8> = places.iter().map(grade).collect();
        let scores = (0..40).map(|at| 1.0 - at as f32 * 0.01).collect();
        asked.push(Asked { case, items: places, scores, grades });
        cases.push(RankCase { user, seen: vec![], relevant: vec![] });
    }
    (Candidates { items, asked, relevant: 0, found: 0 }, cases)
}

fn options() -> RankerOptions {
    let trees = TreeOptions { trees: 80, min_leaf: 20, rate: 0.1, ..TreeOptions::default() };
    RankerOptions { features: None, trees, held_share: 0.25, space: 5 }
}

#[test]
fn what_both_sides_have_in_common_is_found_and_learned() {
    let (candidates, cases) = shop(300, 1);
    let fitted = fit_ranker(&candidates, &cases, &options(), &NoProgress).unwrap();
    let names: Vec<&str> = fitted.boosted.forest.features.iter().map(String::as_str).collect();
    let expected = [
        "score",
        "item.brand",
        "item.colour",
        "item.lat",
        "item.price",
        "user.age",
        "user.usual_price",
        "item.price - user.usual_price",
        "item.price / user.usual_price",
        "share of item.brand in user.brands",
        "km",
    ];
    assert_eq!(names, expected, "{:#?}", fitted.features.why);
    let why = |start: &str| fitted.features.why.iter().find(|why| why.starts_with(start)).unwrap().clone();
    assert!(why("item.title is left out").contains("hardly any text comes twice"));
    assert!(why("item.same is left out").contains("the same everywhere"));
    assert!(why("user.history is left out").contains("the same everywhere"));
    let [before, after] = fitted.quality;
    assert!(after > before + 0.3, "{before} {after}");
    // Other users, scored by the file as a database has it.
    let ranker = Ranker::load(&RankerSource::new(fitted.file.onnx.clone())).unwrap();
    assert_eq!((ranker.spec().golden().len(), ranker.spec().space(), fitted.file.compared), (4, Some(5), fitted.held.rows()));
    assert_eq!(fitted.ids[0].len(), fitted.train.rows());
    let served = ranker.score(&Matrix::from_vec(names.len(), fitted.held.values().to_vec()).unwrap()).unwrap();
    assert_eq!(ndcg(&fitted.held, &served, 10), Some(after));
}

#[test]
fn a_texts_number_is_its_rank_among_what_is_trained_on() {
    let (candidates, cases) = shop(200, 2);
    let mut held_differently = candidates.clone();
    let options = options();
    let first = fit_ranker(&candidates, &cases, &options, &NoProgress).unwrap();
    // What is chosen by those who are held out changes; what the ranker knows of texts, and its trees, do not.
    let held = |case: usize| xxhash_rust::xxh3::xxh3_64_with_seed(&(case as u64).to_le_bytes(), 1) < (0.25 * u64::MAX as f64) as u64;
    for asked in held_differently.asked.iter_mut().filter(|asked| held(asked.case)) {
        asked.grades.rotate_left(1);
    }
    let second = fit_ranker(&held_differently, &cases, &options, &NoProgress).unwrap();
    assert_eq!(first.features, second.features);
    let common = first.boosted.forest.trees.len().min(second.boosted.forest.trees.len());
    assert_eq!(first.boosted.forest.trees[..common], second.boosted.forest.trees[..common]);
    assert_ne!(first.quality, second.quality);
}

#[test]
fn features_can_be_given_and_wrong_ones_are_named() {
    let (candidates, cases) = shop(100, 3);
    let with = |features: serde_json::Value| {
        fit_ranker(&candidates, &cases, &RankerOptions { features: Some(features), ..options() }, &NoProgress)
    };
    let fitted = with(json!([{"name": "price to usual", "cross": "ratio", "of": ["item.price", "user.usual_price"]}])).unwrap();
    assert!(fitted.quality[1] > fitted.quality[0] && fitted.features.why.is_empty());
    let refused = |features: serde_json::Value| with(features).unwrap_err().to_string();
    assert!(refused(json!([{"name": "a", "from": "shop.price"}])).contains("features[0].from"));
    assert!(refused(json!([{"name": "days", "from": "value.days"}])).contains("computes at a query"));
    assert!(refused(json!([{"name": "none", "from": "item.nothing"}])).contains("no feature splits"));
}

#[test]
fn too_few_cases_are_an_error_with_numbers() {
    let (mut candidates, cases) = shop(20, 4);
    candidates.asked.iter_mut().for_each(|asked| asked.grades.fill(0));
    let refused = fit_ranker(&candidates, &cases, &options(), &NoProgress).unwrap_err();
    assert!(matches!(&refused, TrainError::Data(_)) && refused.to_string().contains("of 20 cases, 0 chose something"), "{refused}");
    let refused = fit_ranker(&candidates, &cases, &RankerOptions { held_share: 1.0, ..options() }, &NoProgress).unwrap_err();
    assert!(matches!(refused, TrainError::Option { name: "held_share", .. }));
    assert!(fit_ranker(&Candidates::default(), &[], &options(), &NoProgress).is_err());
}
