//! Hard negatives against a ranking by sorting, and in training.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use crate::config::Negatives;
use crate::events::{Event, Events, Part};
use crate::hard::{Asking, ItemVectors};
use crate::rng::{Purpose, Rng};
use crate::trainer_tests::{config, popularity, run, shop};

/// Whatever was chosen and whatever the vectors: only items of the best that the user did not choose, each as often as is said.
#[test]
fn hard_items_are_the_best_that_a_user_did_not_choose() {
    let mut dataset = shop(false, true);
    let (users, items) = (dataset.users.len(), dataset.items.len());
    for round in 0..60u64 {
        let mut rng = Rng::new(round, Purpose::Cases, 2);
        let dim = 1 + rng.below(5);
        let event = |rng: &mut Rng| Event {
            user: rng.below(12) as u32,
            item: rng.below(items) as u32,
            time: rng.below(9) as i64,
            weight: 1.0,
            positive: rng.uniform() < 0.8,
            profile: 0,
            part: [Part::Train, Part::Train, Part::Validation, Part::Test][rng.below(4)],
        };
        let mut list: Vec<Event> = (0..300).map(|_| event(&mut rng)).collect();
        // One user has chosen everything.
        let all = |item: u32| Event { user: 12, item, time: 0, weight: 1.0, positive: true, profile: 0, part: Part::Train };
        list.extend((0..items as u32).map(all));
        dataset.events = Events::new(list, true, users, items).unwrap();
        let all = dataset.events.all();
        let trained = |at: &u32| all[*at as usize].part == Part::Train && all[*at as usize].positive;
        let mut events: Vec<u32> = (0..all.len() as u32).filter(trained).collect();
        rng.shuffle(&mut events);
        events.truncate(1 + rng.below(40));
        // Few values, so that there are ties.
        let mut draw = |n: usize| (0..n).map(|_| rng.below(5) as f32 - 2.0).collect::<Vec<f32>>();
        let (of_users, values) = (draw(events.len() * dim), draw(items * dim));
        let options = Negatives { hard: 1 + rng.below(60), hard_best: 1 + rng.below(80), ..Negatives::default() };

        let mut expected: BTreeMap<u32, f64> = BTreeMap::new();
        for n in 0..options.hard {
            let place = n % options.hard.min(events.len());
            let user = all[events[place] as usize].user;
            let chose = |item: u32| all.iter().any(|e| e.user == user && e.item == item && e.part == Part::Train && e.positive);
            // A sum that begins with minus zero is none that is compared.
            let score = |item: u32| (0..dim).map(|d| of_users[place * dim + d] * values[item as usize * dim + d]).sum::<f32>() + 0.0;
            let mut best: Vec<u32> = (0..items as u32).filter(|item| !chose(*item)).collect();
            best.sort_by(|a, b| score(*b).total_cmp(&score(*a)).then(a.cmp(b)));
            best.truncate(options.hard_best);
            best.iter().for_each(|item| *expected.entry(*item).or_default() += 1.0 / best.len() as f64);
        }
        let vectors = ItemVectors { values };
        let asking = Asking { dataset: &dataset, events: &events, users: &of_users, dim };
        let draw = |seed: u64| vectors.draw(asking, &options, &mut Rng::new(seed, Purpose::Hard, 0));
        let pool = |threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        assert_eq!(pool(1).install(|| draw(1)), pool(3).install(|| draw(1)));
        let mut often: BTreeMap<u32, usize> = BTreeMap::new();
        let times = 200;
        for seed in 0..times {
            let drawn = draw(seed);
            assert!(drawn.expected.len() == expected.len() && drawn.items.iter().all(|item| expected.contains_key(item)));
            for (item, count) in &drawn.expected {
                assert!((count - expected[item]).abs() < 1e-9);
            }
            drawn.items.iter().for_each(|item| *often.entry(*item).or_default() += 1);
        }
        for (item, expected) in expected {
            let mean = often.get(&item).copied().unwrap_or(0) as f64 / times as f64;
            // Five deviations of a sum of so many rare draws.
            assert!((mean - expected).abs() < 5.0 * (expected / times as f64).sqrt() + 0.03, "{item}: {mean} {expected}");
        }
    }
}

#[test]
fn training_with_hard_negatives_learns() {
    let dataset = shop(true, true);
    let beaten = popularity(&dataset, &dataset.cases(Part::Test), 10);
    let mut config = config();
    (config.negatives.hard, config.negatives.hard_best, config.negatives.hard_refresh) = (40, 20, 5);
    (config.negatives.in_batch, config.negatives.shared) = (false, 0);
    config.training.epochs = 12;
    let alone = run(&dataset, &config, false, None).unwrap();
    (config.negatives.in_batch, config.negatives.shared) = (true, 32);
    let beside = run(&dataset, &config, false, None).unwrap();
    for (name, trained) in [("alone", alone), ("beside others", beside)] {
        let recall = trained.evaluate(&dataset, Part::Test, 10).recall;
        assert!(recall > 1.2 * beaten, "{name}: {recall} against {beaten} of popularity");
        // The loss need not fall: what the towers learn to tell apart makes room for what is harder.
        assert!(trained.epochs.iter().all(|epoch| epoch.loss.is_finite()));
    }
}
