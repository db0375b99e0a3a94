//! All users at once are answered as the same users in batches, in their order; bad ones are refused by themselves.

#![allow(clippy::unwrap_used)]
use std::sync::atomic::{AtomicU64, Ordering};

use crate::quantizer::testing::clustered;
use crate::{
    Answer, BuildOptions, Collection, CollectionOptions, Database, Error, Item, Metric, NoProgress, Progress, Recipient, Result, Stage, row,
};

const DIM: usize = 8;

fn shop() -> Collection {
    let options = CollectionOptions::vectors(DIM, Metric::Cosine).lists(16).field("n:int index".parse().unwrap()).unwrap();
    let items = Database::in_memory().unwrap().create_collection("items", options).unwrap();
    let vectors = clustered(3000, DIM, 30, 3);
    let item = |(n, vector): (usize, &[f32])| Item::new(n as u64).unwrap().with_row(row! { "n" => n as i64 }).with_vector(vector);
    items.upsert_many(vectors.iter().enumerate().map(item)).unwrap();
    items.build(&BuildOptions::default(), &NoProgress).unwrap();
    items
}

fn users(count: usize) -> impl Iterator<Item = Recipient> {
    let vectors = clustered(count, DIM, 30, 8);
    (0..count).map(move |n| Recipient::vector(format!("u{n}"), vectors.row(n).to_vec()))
}

/// A user of a block and its ids, or what is wrong with it.
type Taken = (String, std::result::Result<Vec<String>, String>);

fn taker(taken: &mut Vec<Taken>) -> impl FnMut(&Recipient, Result<Answer>) -> Result<()> {
    |user, answer| {
        let ids = answer.map(|answer| answer.ids().map(str::to_owned).collect()).map_err(|error| error.to_string());
        taken.push((user.name().to_owned(), ids));
        Ok(())
    }
}

#[test]
fn every_user_gets_what_a_batch_gives_in_order() {
    let items = shop();
    // More than two blocks of so many hits.
    let (count, k) = (7000, 100);
    let mut taken = Vec::new();
    // Not as a sample: calibration would follow, and other lists be visited from then on.
    let report = items.recommend_all().k(k).unsampled().run(users(count).map(Ok), taker(&mut taken)).unwrap();
    assert_eq!((report.users, report.refused, report.answered(), report.hits), (7000, 0, 7000, 700_000));
    assert!(report.expected_recall.is_some_and(|recall| recall >= 0.95) && report.short == 0);
    let vectors = clustered(count, DIM, 30, 8);
    // Blocks are of 2621 users: a batch of as many goes the same way.
    for (from, to) in [(0, 2621), (2621, 5242), (5242, 7000)] {
        let batch = items.search_many((from..to).map(|n| vectors.row(n))).k(k).unsampled().run().unwrap();
        for (n, answer) in (from..to).zip(&batch) {
            let ids: Vec<String> = answer.ids().map(str::to_owned).collect();
            assert_eq!(taken[n], (format!("u{n}"), Ok(ids)), "{n}");
        }
    }
}

#[test]
fn bad_users_are_refused_by_themselves_and_named() {
    let items = shop();
    let bad = [0, 7, 8, 299];
    let all = || {
        let spoil = |(n, user): (usize, Recipient)| match n {
            0 | 8 | 299 => Recipient::vector(user.name(), vec![1.0; DIM + 1]),
            7 => Recipient::vector(user.name(), vec![f32::NAN; DIM]),
            _ => user,
        };
        users(300).enumerate().map(spoil).map(Ok)
    };
    let mut taken = Vec::new();
    let report = items.recommend_all().run(all(), taker(&mut taken)).unwrap();
    assert_eq!((report.users, report.refused, report.hits), (300, 4, 2960));
    let places: Vec<(u64, &str)> = report.refusals.iter().map(|refusal| (refusal.place, refusal.name.as_str())).collect();
    assert_eq!(places, [(0, "u0"), (7, "u7"), (8, "u8"), (299, "u299")]);
    assert_eq!(report.refusals[3].problem, "vector (row 299): expected length 8, got 9");
    assert!(taken.iter().enumerate().all(|(n, (name, answer))| *name == format!("u{n}") && answer.is_err() == bad.contains(&n)));

    let mut taken = Vec::new();
    let strict = items.recommend_all().strict(true).run(all().skip(1), taker(&mut taken));
    assert!(matches!(strict, Err(Error::VectorNotFinite { row: 6, .. })), "{strict:?}");
    assert_eq!(taken.len(), 6, "those before are handed on");
    let none = items.recommend_all().run(all().take(1), taker(&mut taken)).unwrap();
    assert_eq!((none.users, none.refused, none.hits), (1, 1, 0));
}

#[test]
fn nobody_gets_what_is_left_out() {
    let items = shop();
    items.list("seen:u1").add(["1", "2", "3"]).unwrap();
    let mut first = Vec::new();
    items.recommend_all().k(20).run(users(40).map(Ok), taker(&mut first)).unwrap();
    let best = |n: usize, rank: usize| first[n].1.as_ref().unwrap()[rank].clone();
    let own = |(n, user): (usize, Recipient)| Ok(user.exclude([best(n, 0), best(n, 3)]).exclude_list(format!("seen:u{n}")));
    let mut taken = Vec::new();
    let query = items.recommend_all().k(20).exclude([best(0, 1)]).filter_str("n >= 5").unwrap();
    query.run(users(40).enumerate().map(own), taker(&mut taken)).unwrap();
    for (n, (_, ids)) in taken.iter().enumerate() {
        let ids = ids.as_ref().unwrap();
        assert!(ids.len() == 20 && ids.iter().all(|id| id.parse::<u32>().unwrap() >= 5));
        assert!(!ids.contains(&best(n, 0)) && !ids.contains(&best(n, 3)) && !ids.contains(&best(0, 1)));
    }
}

/// Stops when so many users have been handed on.
struct Until(u64, AtomicU64);

impl Progress for Until {
    fn update(&self, stage: Stage, done: u64, total: Option<u64>) {
        assert_eq!((stage, total), (Stage::Recommend, Some(17_000)));
        self.1.store(done, Ordering::Relaxed);
    }

    fn cancelled(&self) -> bool {
        self.1.load(Ordering::Relaxed) >= self.0
    }
}

#[test]
fn it_stops_between_blocks_and_at_errors_of_either_side() {
    let items = shop();
    let mut taken = Vec::new();
    let until = Until(100, AtomicU64::new(0));
    let vectors = clustered(1, DIM, 30, 8);
    let same = |count: usize| (0..count).map(|n| Ok(Recipient::vector(format!("u{n}"), vectors.row(0).to_vec())));
    let stopped = items.recommend_all().progress(&until).run(same(17_000), taker(&mut taken));
    assert!(matches!(stopped, Err(Error::Interrupted)), "{stopped:?}");
    assert_eq!(taken.len(), 1 << 14, "whole blocks");

    let wrong = || Error::Unsupported { what: "no more".to_owned() };
    let broken = same(10).chain([Err(wrong())]);
    assert!(items.recommend_all().run(broken, taker(&mut taken)).is_err_and(|error| error.to_string() == "no more"));
    let refuse = |_: &Recipient, _: Result<Answer>| Err(wrong());
    assert!(items.recommend_all().run(same(10), refuse).is_err_and(|error| error.to_string() == "no more"));
    // Nothing is read where the options are wrong.
    let unread = std::iter::from_fn(|| -> Option<Result<Recipient>> { unreachable!("a user was read") });
    assert!(items.recommend_all().recall(0.0).run(unread, taker(&mut taken)).is_err());
}

#[test]
fn nobody_and_nothing() {
    let items = shop();
    let mut taken = Vec::new();
    let report = items.recommend_all().run(users(0).map(Ok), taker(&mut taken)).unwrap();
    assert_eq!((report.users, report.expected_recall, taken.len()), (0, None, 0));
    let report = items.recommend_all().k(0).run(users(3).map(Ok), taker(&mut taken)).unwrap();
    assert_eq!((report.users, report.hits, report.short), (3, 0, 0));
}
