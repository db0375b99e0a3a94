//! A small shop, trained in every way.

#![allow(clippy::unwrap_used)]

use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

use serde_json::{Value as Json, json};
use torre_features::{FeatureSpec, Row};

use crate::config::{Combine, Config, PoolKind};
use crate::dataset::{Case, Dataset};
use crate::entities::{Column, Entities};
use crate::error::TrainError;
use crate::events::{Event, Events, Part};
use crate::loss::Loss;
use crate::optimizer::Rule;
use crate::progress::Progress;
use crate::rng::{Purpose, Rng};
use crate::trained::Trained;
use crate::trainer::{Run, train};

const ITEMS: usize = 60;
const USERS: usize = 150;
const TASTES: usize = 4;

fn spec(tower: &str, normalized: bool, vocab: &[String], inputs: &Json) -> FeatureSpec {
    let document = json!({"torre": 1, "tower": tower, "model": "shop", "dim": 16, "metric": "ip", "normalized": normalized,
        "output": "vector", "vocabs": {"items": vocab}, "inputs": inputs, "golden": []});
    FeatureSpec::parse(&document.to_string()).unwrap()
}

/// Users of four tastes; what they choose is of theirs four times in five, and a few items are popular.
pub(crate) fn shop(normalized: bool, timed: bool) -> Dataset {
    let mut rng = Rng::new(11, Purpose::Cases, 0);
    let ids: Vec<String> = (0..ITEMS).map(|item| format!("i{item}")).collect();
    let items = json!([
        {"tensor": "id", "dtype": "i64", "shape": ["N"], "from": "id", "op": {"vocab": {"name": "items", "oov": 2}}},
        {"tensor": "title", "dtype": "i64", "shape": ["N", 4], "from": "title", "op": {"text": {"buckets": 30}}, "list": {"max": 4, "keep": "first"}},
        {"tensor": "price", "dtype": "f32", "shape": ["N"], "from": "price", "op": {"number": ["log1p"]}}]);
    let users = json!([
        {"tensor": "history", "dtype": "i64", "shape": ["N", 8], "from": "history", "op": {"vocab": {"name": "items", "oov": 2}},
            "list": {"max": 8, "keep": "last"}},
        {"tensor": "age", "dtype": "f32", "shape": ["N", 2], "from": "age", "op": {"number": [{"bucketize": [30]}]}},
        {"tensor": "city", "dtype": "i64", "shape": ["N"], "from": "city", "op": {"hash": {"buckets": 5}}}]);
    let item_row = |item: usize| {
        let title = format!("thing {} of {}", item, ["wood", "steel", "wool", "glass"][item % TASTES]);
        Row::new().with("id", ids[item].as_str()).with("title", title).with("price", item as f64)
    };
    let item_rows: Vec<Row> = (0..ITEMS).map(item_row).collect();
    let user_rows: Vec<Row> =
        (0..USERS).map(|user| Row::new().with("age", 20 + user as i64 % 40).with("city", format!("c{}", user % 9))).collect();
    let mut events = Vec::new();
    for user in 0..USERS {
        let mut seen = Vec::new();
        for n in 0..10 {
            let of_taste = rng.uniform() < 0.8;
            let place = rng.below(ITEMS / TASTES).min(rng.below(ITEMS / TASTES));
            let item = place * TASTES + if of_taste { user % TASTES } else { rng.below(TASTES) };
            if seen.contains(&item) {
                continue;
            }
            seen.push(item);
            let part = [Part::Train, Part::Validation, Part::Test][usize::from(n >= 8) + usize::from(n == 9)];
            let time = if timed { 1000 + n as i64 } else { 0 };
            events.push(Event { user: user as u32, item: item as u32, time, weight: 1.0, positive: true, profile: user as u32, part });
        }
    }
    let events = Events::new(events, timed, USERS, ITEMS).unwrap();
    let items = Entities::encode(ids.clone(), spec("item", normalized, &ids, &items), &item_rows, false).unwrap();
    let user_ids = (0..USERS).map(|user| format!("u{user}")).collect();
    let users = Entities::encode(user_ids, spec("user", normalized, &ids, &users), &user_rows, false).unwrap();
    Dataset::new(items, users, events, Some("history")).unwrap()
}

pub(crate) fn config() -> Config {
    let mut config = Config::default();
    (config.towers.hidden, config.training.batch, config.training.epochs, config.training.k) = (vec![24], 128, 6, 10);
    (config.negatives.shared, config.training.patience, config.training.threads) = (32, 0, 1);
    config
}

pub(crate) fn run(dataset: &Dataset, config: &Config, stop: bool, checkpoint: Option<PathBuf>) -> Result<Trained, TrainError> {
    let mut progress = |_: &Progress| {};
    train(dataset, config, Run { progress: &mut progress, stop: &AtomicBool::new(stop), checkpoint, previous: None })
}

/// Bytes of both towers.
fn bytes(dataset: &Dataset, trained: &Trained) -> [Vec<u8>; 2] {
    let files = trained.files(dataset, &json!({"seed": trained.config.training.seed})).unwrap();
    assert!(files.difference <= 1e-5 && files.compared == ITEMS + USERS);
    [files.item, files.user]
}

/// The share of relevant items that the most popular ones are.
pub(crate) fn popularity(dataset: &Dataset, cases: &[Case], k: usize) -> f64 {
    let mut counts = vec![0usize; ITEMS];
    for event in dataset.events.all().iter().filter(|event| event.part == Part::Train) {
        counts[event.item as usize] += 1;
    }
    let of = |case: &Case| {
        let mut items: Vec<u32> = (0..ITEMS as u32).filter(|item| case.seen.binary_search(item).is_err()).collect();
        items.sort_by_key(|item| std::cmp::Reverse(counts[*item as usize]));
        case.relevant.iter().filter(|item| items[..k].contains(item)).count() as f64 / case.relevant.len() as f64
    };
    cases.iter().map(of).sum::<f64>() / cases.len() as f64
}

#[test]
fn every_pool_learns_and_is_served_as_it_was_trained() {
    let dataset = shop(true, true);
    let beaten = popularity(&dataset, &dataset.cases(Part::Test), 10);
    for pool in [PoolKind::Mean, PoolKind::Recency, PoolKind::Attention, PoolKind::Gru, PoolKind::Lstm, PoolKind::Transformer] {
        let mut config = config();
        (config.towers.pool, config.towers.heads, config.training.epochs) = (pool, 2, 12);
        config.optimizer.decay = 0.95;
        let trained = run(&dataset, &config, false, None).unwrap();
        let quality = trained.evaluate(&dataset, Part::Test, 10);
        assert!(quality.recall > 1.2 * beaten, "{pool:?}: {} against {beaten} of popularity", quality.recall);
        bytes(&dataset, &trained);
    }
}

#[test]
fn every_loss_and_way_to_combine_learns_and_is_served_as_it_was_trained() {
    let losses = [
        Loss::Softmax,
        Loss::Bce { weight: 1.0 },
        Loss::CosineContrastive { weight: 10.0, margin: 0.2 },
        Loss::Bpr,
        Loss::Triplet { margin: 0.5 },
    ];
    for (n, of) in losses.into_iter().enumerate() {
        // The cosine contrastive loss is of cosines.
        let normalized = matches!(of, Loss::CosineContrastive { .. });
        let dataset = shop(normalized, n % 2 == 0);
        let mut config = config();
        config.loss.of = of;
        config.towers.combine = [Combine::Add, Combine::Replace, Combine::Sum][n % 3];
        config.towers.layer_norm = n % 2 == 1;
        config.negatives.spare_history = n % 2 == 1;
        config.optimizer.rule = [Rule::Adam, Rule::RowAdam, Rule::RowAdagrad][n % 3];
        config.optimizer.rate = [0.01, 0.01, 0.05][n % 3];
        let trained = run(&dataset, &config, false, None).unwrap();
        let (first, last) = (trained.epochs[0].loss, trained.epochs.last().unwrap().loss);
        assert!(last < 0.97 * first, "{of:?}: {first} {last}");
        bytes(&dataset, &trained);
    }
}

#[test]
fn the_same_bytes_on_any_number_of_threads_and_resumed_after_every_step() {
    let dataset = shop(true, true);
    let mut config = config();
    (config.training.epochs, config.towers.pool) = (2, PoolKind::Gru);
    (config.negatives.hard, config.negatives.hard_best, config.negatives.hard_refresh) = (20, 10, 3);
    config.negatives.cached_batches = 3;
    let one = bytes(&dataset, &run(&dataset, &config, false, None).unwrap());
    config.training.threads = 2;
    assert!(one == bytes(&dataset, &run(&dataset, &config, false, None).unwrap()), "two threads give other bytes than one");

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("checkpoint");
    let mut steps = 0;
    let resumed = loop {
        match run(&dataset, &config, true, Some(path.clone())) {
            Err(TrainError::Interrupted { step }) => {
                assert_eq!(step, steps + 1);
                steps = step;
            }
            other => break other.unwrap(),
        }
    };
    assert!(steps > 10 && one == bytes(&dataset, &resumed), "resumed after each of {steps} steps, other bytes came out");

    config.training.seed += 1;
    assert!(matches!(run(&dataset, &config, false, Some(path)), Err(TrainError::Checkpoint { .. })));
    assert!(one != bytes(&dataset, &run(&dataset, &config, false, None).unwrap()));
}

#[test]
fn numbers_that_run_away_stop_the_run_with_their_step() {
    let mut dataset = shop(false, true);
    // One user's numbers are none; a ReLU hides that, the gradient of its weights does not.
    if let Column::Numbers { values, .. } = &mut dataset.users.columns[1] {
        values[..2].fill(f32::NAN);
    }
    match run(&dataset, &config(), false, None) {
        Err(TrainError::NotFinite { step, tensor, rate }) => {
            assert!(step < 10 && tensor == "gradient of user.0.weight" && rate == 0.005, "{step} {tensor} {rate}");
        }
        other => panic!("{:?}", other.map(|trained| trained.epochs.len())),
    }
}

#[test]
fn what_cannot_be_trained_on_is_said() {
    let dataset = shop(true, true);
    let mut events = dataset.events.all().to_vec();
    events.iter_mut().for_each(|event| event.positive = false);
    let none = Dataset { events: Events::new(events, true, USERS, ITEMS).unwrap(), ..dataset.clone() };
    assert!(matches!(run(&none, &config(), false, None), Err(TrainError::Data(_))));
    let bad = |change: fn(&mut Event)| {
        let mut event = dataset.events.all()[0];
        change(&mut event);
        Events::new(vec![event], true, USERS, ITEMS).unwrap_err().to_string()
    };
    assert!(bad(|event| event.item = 60).contains("item 60 of 60"));
    assert!(bad(|event| event.weight = f32::NAN).contains("weight NaN"));
    let error = Dataset::new(dataset.items.clone(), dataset.users.clone(), dataset.events.clone(), Some("age")).unwrap_err();
    assert!(error.to_string().contains("a history is a list of categories"), "{error}");
}

/// Whatever the order and times of events, a history holds what was chosen strictly before, and nothing of a later part.
#[test]
fn no_history_sees_its_future() {
    let mut rng = Rng::new(3, Purpose::Cases, 1);
    for round in 0..200 {
        let timed = round % 2 == 0;
        let draw = |rng: &mut Rng| Event {
            user: rng.below(3) as u32,
            item: rng.below(9) as u32,
            time: if timed { rng.below(5) as i64 } else { 0 },
            weight: 1.0,
            positive: rng.uniform() < 0.8,
            profile: 0,
            part: [Part::Train, Part::Validation, Part::Test][rng.below(3)],
        };
        let list: Vec<Event> = (0..40).map(|_| draw(&mut rng)).collect();
        let events = Events::new(list, timed, 3, 9).unwrap();
        let mut history = Vec::new();
        for (at, event) in events.all().iter().enumerate() {
            events.history(at, &mut history);
            let may = |other: &Event| {
                let before = if timed {
                    other.time < event.time && other.part <= event.part
                } else {
                    other.item != event.item && (other.part < event.part || other.part == Part::Train)
                };
                before && other.positive && other.user == event.user
            };
            let mut expected: Vec<(i64, u32)> =
                events.all().iter().filter(|other| may(other)).map(|other| (other.time, other.item)).collect();
            expected.sort_by_key(|(time, _)| *time);
            let expected: Vec<u32> = expected.into_iter().map(|(_, item)| item).collect();
            assert_eq!(history, expected);
        }
    }
}

/// Users and items of ids alone.
fn ids_alone() -> Dataset {
    let shop = shop(false, false);
    let ids = shop.items.ids.clone();
    let items = json!([{"tensor": "id", "dtype": "i64", "shape": ["N"], "from": "id", "op": {"vocab": {"name": "items", "oov": 1}}}]);
    let users = json!([{"tensor": "history", "dtype": "i64", "shape": ["N", 20], "from": "history",
        "op": {"vocab": {"name": "items", "oov": 1}}, "list": {"max": 20, "keep": "last"}}]);
    let item_rows: Vec<Row> = ids.iter().map(|id| Row::new().with("id", id.as_str())).collect();
    let user_rows = vec![Row::new(); USERS];
    let mut events = shop.events.all().to_vec();
    events.iter_mut().for_each(|event| event.part = Part::Train);
    let events = Events::new(events, false, USERS, ITEMS).unwrap();
    let items = Entities::encode(ids.clone(), spec("item", false, &ids, &items), &item_rows, false).unwrap();
    let users = Entities::encode(shop.users.ids, spec("user", false, &ids, &users), &user_rows, false).unwrap();
    Dataset::new(items, users, events, Some("history")).unwrap()
}

#[test]
fn a_fold_is_a_step_from_users_to_their_items() {
    let dataset = ids_alone();
    let mut config = config();
    let plain = run(&dataset, &config, false, None).unwrap();
    config.fold.lambdas = vec![0.5];
    let histories = |user: usize| dataset.events.of(user).iter().map(|event| event.item).collect::<Vec<u32>>();
    let case = |user: usize| Case { user: user as u32, profile: user as u32, history: histories(user), seen: vec![], relevant: vec![] };
    let cases: Vec<Case> = (0..USERS).map(case).collect();
    let (items, users) = (plain.item_vectors(&dataset), plain.user_vectors(&dataset, &cases));
    let mut counts = [0f32; ITEMS];
    cases.iter().flat_map(|case| &case.history).for_each(|&item| counts[item as usize] += 1.0);
    let mut expected = items.clone();
    for (case, user) in cases.iter().zip(users.chunks(16)) {
        for &item in &case.history {
            let by = 0.5 / (case.history.len() as f32 * counts[item as usize]).sqrt();
            expected[item as usize * 16..][..16].iter_mut().zip(user).for_each(|(sum, x)| *sum += by * x);
        }
    }
    for with_histories in [true, false] {
        config.fold.histories = with_histories;
        let folded = run(&dataset, &config, false, None).unwrap();
        assert_eq!(folded.lambda, 0.5);
        let got = folded.item_vectors(&dataset);
        // All rows are rescaled by one number.
        let along = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
        let by = along(&got, &expected) / along(&expected, &expected);
        let off = got.iter().zip(&expected).map(|(got, expected)| (f64::from(*got) - by * f64::from(*expected)).abs()).fold(0.0, f64::max);
        assert!(off < 1e-5 && by < 1.0, "{off} {by}");
        assert_eq!(folded.user_vectors(&dataset, &cases) == users, !with_histories);
        bytes(&dataset, &folded);
    }
}
