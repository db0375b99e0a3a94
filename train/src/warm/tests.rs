//! Towers that are gone on from: what they compute is computed again, and what has come since is known.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::sync::atomic::AtomicBool;

use serde_json::json;
use torre::TowerSource;
use torre_features::{FeatureSpec, Row, row};

use super::Previous;
use crate::config::{Config, PoolKind};
use crate::dataset::Dataset;
use crate::error::TrainError;
use crate::events::Part;
use crate::infer::SpecOptions;
use crate::joined::{Joined, Sources};
use crate::model::Model;
use crate::onnx::Files;
use crate::read::{Log, RawEvent, Table};
use crate::rng::{Purpose, Rng};
use crate::split::{Split, SplitRule};
use crate::trained::Trained;
use crate::trainer::{Run, train};

const TASTES: usize = 3;

/// A shop of so many items and users; the larger one has all of the smaller one's, and brands that are new.
fn shop(items: usize, users: usize) -> Joined {
    let mut rng = Rng::new(5, Purpose::Cases, 0);
    let mut log = Log { timed: true, ..Log::default() };
    for user in 0..users {
        for n in 0..12 {
            let taste = if rng.uniform() < 0.9 { user % TASTES } else { rng.below(TASTES) };
            let item = rng.below(items / TASTES) * TASTES + taste;
            let (user, item) = (log.users.number(&format!("u{user}")).unwrap(), log.items.number(&format!("i{item}")).unwrap());
            log.events.push(RawEvent { user, item, time: 1000 + n, weight: 1.0, positive: true });
        }
    }
    let item = |n: usize| row! { "id" => format!("i{n}"), "price" => n as f64, "brand" => format!("b{}", n / 8), "title" => format!("a thing of kind {}", n % 7) };
    let rows: Vec<Row> = (0..items).map(item).collect();
    let table = Table { ids: (0..items).map(|n| format!("i{n}")).collect(), rows, ..Table::default() };
    let users: Vec<Row> = (0..users).map(|n| row! { "id" => format!("u{n}"), "city" => format!("c{}", n / 20) }).collect();
    let ids = users.iter().map(|user| user.get("id").unwrap().to_id_text().unwrap()).collect();
    let users = Table { ids, rows: users, ..Table::default() };
    let split = Split::new(&log, &SplitRule::Time { validation: 0.15, test: 0.15 }, 1).unwrap();
    Joined::new(Sources { log, items: Some(table), users: Some(users) }, &split, None).unwrap()
}

fn config(pool: PoolKind) -> Config {
    let mut config = Config::default();
    (config.towers.hidden, config.towers.pool, config.towers.layer_norm, config.towers.heads) = (vec![20, 12], pool, true, 2);
    (config.training.batch, config.training.epochs, config.training.patience, config.training.threads) = (128, 3, 0, 1);
    config.negatives.shared = 32;
    config
}

fn trained(dataset: &Dataset, config: &Config, previous: Option<&Previous>) -> Result<Trained, TrainError> {
    train(dataset, config, Run { progress: &mut |_| {}, stop: &AtomicBool::new(false), checkpoint: None, previous })
}

fn files(trained: &Trained, dataset: &Dataset) -> Files {
    trained.files(dataset, &json!({"config": trained.config, "history": "history"})).unwrap()
}

fn read(files: &Files) -> Previous {
    Previous::read(&TowerSource::new(files.item.clone()), &TowerSource::new(files.user.clone())).unwrap()
}

fn options() -> SpecOptions {
    SpecOptions { dim: 16, user_ids: true, history_length: Some(6), ..SpecOptions::default() }
}

fn dataset(joined: &Joined, texts: &[String; 2]) -> Dataset {
    let [item, user] = texts.each_ref().map(|text| FeatureSpec::parse(text).unwrap());
    joined.dataset(item, user, "history").unwrap()
}

#[test]
fn before_its_first_step_a_training_gives_the_vectors_of_the_towers_that_it_goes_on_from() {
    let (small, large) = (shop(45, 60), shop(90, 100));
    let (item, user) = small.infer(&options());
    let before = dataset(&small, &[item.to_text(), user.to_text()]);
    for pool in [PoolKind::Mean, PoolKind::Recency, PoolKind::Attention, PoolKind::Gru, PoolKind::Lstm, PoolKind::Transformer] {
        let config = config(pool);
        let towers = trained(&before, &config, None).unwrap();
        let previous = read(&files(&towers, &before));
        assert_eq!((previous.config(), previous.history()), (&config, Some("history")));
        let grown = previous.grown(&large, "history").unwrap();
        assert!(grown.notes.iter().any(|note| note.contains("\"brand\": 6 values since")), "{:?}", grown.notes);
        // The new data as the old specs read them, by the old model; and as the grown ones do, by the new model.
        let (as_before, now) = (dataset(&large, &[item.to_text(), user.to_text()]), dataset(&large, &grown.texts));
        let mut model = Model::new(&now, &config, previous.widths()).unwrap();
        previous.fill(&mut model, [&now.items.spec, &now.users.spec]).unwrap();
        let cases = now.cases(Part::Test);
        let rows: Vec<u32> = (0..now.items.len() as u32).collect();
        assert!(model.items(&now, &rows) == towers.item_vectors(&as_before), "{pool:?}");
        assert!(model.users(&now, &cases) == towers.user_vectors(&as_before, &cases), "{pool:?}");
        // New items have rows of their own, which move apart.
        let table = &model.tables.list[0];
        assert!(table.rows() >= 4 + 90 && table.width == 16);
    }
}

#[test]
fn what_is_new_is_learned_and_what_was_known_is_kept() {
    let (small, large) = (shop(45, 60), shop(90, 100));
    let (item, user) = small.infer(&options());
    let before = dataset(&small, &[item.to_text(), user.to_text()]);
    let mut config = config(PoolKind::Mean);
    (config.training.epochs, config.optimizer.rate, config.optimizer.decay) = (15, 0.02, 0.95);
    let towers = trained(&before, &config, None).unwrap();
    let previous = read(&files(&towers, &before));
    let now = dataset(&large, &previous.grown(&large, "history").unwrap().texts);
    let as_before = dataset(&large, &[item.to_text(), user.to_text()]);
    let again = trained(&now, &config, Some(&previous)).unwrap();
    let (old, new) = (towers.evaluate(&as_before, Part::Test, 10), again.evaluate(&now, Part::Test, 10));
    assert!(new.ndcg > 1.2 * old.ndcg, "{} against {}", new.ndcg, old.ndcg);
    // Again: files of a grown pair are gone on from as those of a first one.
    let previous = read(&files(&again, &now));
    assert_eq!(previous.grown(&large, "history").unwrap().notes, Vec::<String>::new());
    trained(&now, &config, Some(&previous)).unwrap();
}

#[test]
fn a_checkpoint_belongs_to_what_it_went_on_from() {
    let shop = shop(45, 60);
    let (item, user) = shop.infer(&options());
    let dataset = dataset(&shop, &[item.to_text(), user.to_text()]);
    let config = config(PoolKind::Mean);
    let towers = trained(&dataset, &config, None).unwrap();
    let previous = read(&files(&towers, &dataset));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("checkpoint");
    let stopped = |stop: bool, previous: Option<&Previous>| {
        let run = Run { progress: &mut |_| {}, stop: &AtomicBool::new(stop), checkpoint: Some(path.clone()), previous };
        train(&dataset, &config, run)
    };
    assert!(matches!(stopped(true, Some(&previous)), Err(TrainError::Interrupted { step: 1 })));
    assert!(matches!(stopped(true, None), Err(TrainError::Checkpoint { .. })));
    let resumed = stopped(false, Some(&previous)).unwrap();
    assert!(resumed.item_vectors(&dataset) == trained(&dataset, &config, Some(&previous)).unwrap().item_vectors(&dataset));
}

#[test]
fn files_that_cannot_be_gone_on_from_are_refused_with_the_reason() {
    let shop = shop(45, 60);
    let (item, user) = shop.infer(&options());
    let dataset = dataset(&shop, &[item.to_text(), user.to_text()]);
    let config = config(PoolKind::Gru);
    let towers = trained(&dataset, &config, None).unwrap();
    let whole = files(&towers, &dataset);
    let refused = |item: &[u8], user: &[u8]| Previous::read(&TowerSource::new(item), &TowerSource::new(user)).unwrap_err().to_string();
    assert!(refused(b"none", &whole.user).contains("the item tower cannot be trained further: it is no ONNX file"));
    assert!(refused(&whole.user, &whole.user).contains("its spec is of the tower user"));
    let others = towers.files(&dataset, &json!({"config": {"towers": {"hidden": [16384, 16384]}}})).unwrap();
    assert!(
        refused(&others.item, &others.user).contains("layers of at least 268435456 numbers"),
        "{}",
        refused(&others.item, &others.user)
    );
    let none = towers.files(&dataset, &json!({})).unwrap();
    assert!(refused(&none.item, &none.user).contains("the options in its card"));

    // Options of other towers than those that are there.
    let previous = read(&whole);
    for change in [|config: &mut Config| config.towers.hidden = vec![20, 13], |config: &mut Config| config.towers.pool = PoolKind::Lstm] {
        let mut other = config.clone();
        change(&mut other);
        assert!(matches!(trained(&dataset, &other, Some(&previous)), Err(TrainError::Previous { .. })));
    }
    // Any byte of a file may be another one: an error, or towers; never a panic.
    let mut rng = Rng::new(1, Purpose::Cases, 7);
    for _ in 0..300 {
        let mut item = whole.item.clone();
        let at = rng.below(item.len());
        item[at] ^= 1 << rng.below(8);
        if let Ok(previous) = Previous::read(&TowerSource::new(item), &TowerSource::new(whole.user.clone())) {
            let mut config = previous.config().clone();
            config.training.epochs = 1;
            if let Ok(mut model) = Model::new(&dataset, &config, previous.widths()) {
                drop(previous.fill(&mut model, [&dataset.items.spec, &dataset.users.spec]));
            }
        }
    }
}
