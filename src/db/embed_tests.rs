//! A collection embedded again: everything comes along, and nothing is left behind where it does not end well.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::sync::atomic::{AtomicBool, Ordering};

use crate::ranker::testing::Table;
use crate::rules::Policy;
use crate::{
    BuildOptions, Collection, CollectionOptions, Database, Error, NoProgress, Progress, RankerSource, Row, Stage, TowerPair, TowerSource,
    row,
};

const ITEM: &[u8] = include_bytes!("../../cli/assets/demo/item.onnx");
const USER: &[u8] = include_bytes!("../../cli/assets/demo/user.onnx");

fn pair() -> TowerPair {
    TowerPair::from_bytes(ITEM, USER).unwrap()
}

/// Another pair: the same towers with other labels, whose space has another fingerprint.
fn other_pair() -> TowerPair {
    let pair = pair();
    let relabelled = |onnx: &[u8], spec: &str| {
        let mut spec: serde_json::Value = serde_json::from_str(spec).unwrap();
        spec["model"] = "other".into();
        TowerSource::new(onnx).with_spec(spec.to_string())
    };
    TowerPair::new(relabelled(ITEM, pair.item_spec().to_json()), relabelled(USER, pair.user_spec().to_json())).unwrap()
}

fn product(n: usize) -> Row {
    row! {
        "id" => format!("p{n}"), "title" => format!("Tazza Luna Mug {n}"), "brand" => "Tazza", "category" => "mugs", "colour" => "red",
        "price" => 10.0 + n as f64, "rating" => 4.5, "reviews" => 12, "stock" => n as i64,
    }
}

/// Segments and a tail, a patched row, a list, a policy, a ranker.
fn shop(database: &Database) -> Collection {
    let options = CollectionOptions::towers(&pair()).field("stock:int index".parse().unwrap()).unwrap().m(4).lists(4);
    let items = database.create_collection("items", options).unwrap();
    items.upsert_many((0..300).map(|n| crate::Item::from_row(product(n)).unwrap())).unwrap();
    items.build(&BuildOptions::default(), &NoProgress).unwrap();
    items.upsert_many((300..320).map(|n| crate::Item::from_row(product(n)).unwrap())).unwrap();
    items.patch("p7", &row! { "stock" => -1 }).unwrap();
    items.delete(["p8"]).unwrap();
    items.list("seen").add(["p1", "gone"]).unwrap();
    items.set_policy("home", &Policy::new().pin("p3", 1)).unwrap();
    items.set_policy("home", &Policy::new().pin("p4", 1)).unwrap();
    items
        .attach_ranker("any", &RankerSource::new(Table::stump(1.0, 0.0).to_onnx()))
        .unwrap_or_else(|error| assert!(matches!(error, Error::UnknownFeature { .. }), "{error}"));
    items
}

fn rows(items: &Collection) -> Vec<(String, String)> {
    let mut rows: Vec<_> =
        items.items().map(|item| item.unwrap()).map(|item| (item.id().to_string(), item.row().to_json().to_string())).collect();
    rows.sort();
    rows
}

#[test]
fn everything_comes_along_and_the_name_goes_over() {
    let database = Database::in_memory().unwrap();
    let old = shop(&database);
    let report = database.embed_again("items", "items.next", &other_pair(), &NoProgress).unwrap();
    assert_eq!((report.rows, report.rankers_left), (319, vec![]));
    database.rename_collections([("items", "items.previous"), ("items.next", "items")]).unwrap();
    let new = database.collection("items").unwrap();
    assert_eq!(rows(&new), rows(&old));
    assert_eq!((new.schema(), new.rankers(), new.policies()), (old.schema(), old.rankers(), old.policies()));
    assert_eq!((new.policy("home").unwrap(), new.list("seen").ids()), (old.policy("home").unwrap(), old.list("seen").ids()));
    assert_eq!(
        (new.specs().unwrap().0.model(), old.specs().unwrap().0.model()),
        ("other", database.collection("items.previous").unwrap().towers().unwrap().model())
    );
    assert!(new.stats().unwrap().lists > 0 && new.space() != old.space());
    // The same networks: the same answers.
    let ask = |items: &Collection| items.similar("p1").k(5).exact().run().unwrap().ids().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(ask(&new), ask(&old));
    assert_eq!(database.verify(&NoProgress).unwrap().damage, []);
}

/// Stops when something is reported of a stage.
struct StopAt(Stage, AtomicBool);

impl Progress for StopAt {
    fn update(&self, stage: Stage, _: u64, _: Option<u64>) {
        if stage == self.0 {
            self.1.store(true, Ordering::Relaxed);
        }
    }

    fn cancelled(&self) -> bool {
        self.1.load(Ordering::Relaxed)
    }
}

#[test]
fn what_is_interrupted_or_refused_leaves_the_old_one_alone() {
    let database = Database::in_memory().unwrap();
    let old = shop(&database);
    let before = rows(&old);
    for stage in [Stage::Import, Stage::TrainCoarse] {
        let stopped = database.embed_again("items", "items.next", &other_pair(), &StopAt(stage, AtomicBool::new(false)));
        assert!(matches!(stopped, Err(Error::Interrupted)), "{stopped:?}");
        assert_eq!((database.collections(), &rows(&old)), (vec!["items".to_owned()], &before));
    }
    assert!(matches!(database.embed_again("items", "items", &pair(), &NoProgress), Err(Error::CollectionExists { .. })));
    assert!(matches!(database.embed_again("none", "items.next", &pair(), &NoProgress), Err(Error::UnknownCollection { .. })));
    assert_eq!(rows(&old), before);
}
