//! A long tail: queries compare themselves with the rows of the lists that they visit, and find as much of it as of segments.
#![allow(clippy::unwrap_used)]

use std::collections::HashSet;

use crate::quantizer::testing::{clustered, in_turn, noise};
use crate::{Answer, BuildOptions, Collection, CollectionOptions, Database, Effort, Item, Metric, NoProgress, SearchOptions};

const DIM: usize = 12;
const SEALED: usize = 4000;
const TAIL: usize = 3000;
/// What a target of 0.95 is to give: it is calibrated with items, and the queries lie beside them.
const NEARLY: f64 = 0.92;

/// Half of its rows in a segment, the others in the tail, which come in batches of these sizes in turn. Nothing runs in the background.
fn shop(metric: Metric, batches: &[usize]) -> Collection {
    let database = Database::with_storage(torre_storage::Storage::in_memory(), false).unwrap();
    let items = database.create_collection("items", CollectionOptions::vectors(DIM, metric).lists(64)).unwrap();
    let vectors = clustered(SEALED + TAIL, DIM, 50, 3);
    let item = |n: usize| Item::new(n.to_string()).unwrap().with_vector(vectors.row(n));
    items.upsert_many((0..SEALED).map(item)).unwrap();
    items.build(&BuildOptions::default(), &NoProgress).unwrap();
    for rows in in_turn(SEALED, SEALED + TAIL, batches) {
        items.upsert_many(rows.map(item)).unwrap();
    }
    assert_eq!(items.stats().unwrap().tail, TAIL as u64);
    items
}

/// Near the rows, and near none of them alone.
fn queries() -> Vec<Vec<f32>> {
    let mut queries = clustered(300, DIM, 50, 3);
    queries.as_mut_slice().iter_mut().zip(noise(300, DIM, 5).as_slice()).for_each(|(x, off)| *x += 0.3 * off);
    queries.iter().map(<[f32]>::to_vec).collect()
}

fn recall(found: &[Answer], exact: &[Answer]) -> f64 {
    let among = |(found, exact): (&Answer, &Answer)| {
        let found: HashSet<&str> = found.ids().collect();
        exact.ids().filter(|id| found.contains(id)).count()
    };
    let wanted: usize = exact.iter().map(|answer| answer.hits.len()).sum();
    found.iter().zip(exact).map(among).sum::<usize>() as f64 / wanted as f64
}

#[test]
fn a_query_looks_at_a_part_of_a_long_tail_and_reaches_its_target() {
    let queries = queries();
    for metric in [Metric::InnerProduct, Metric::Cosine, Metric::L2] {
        // Many at once find their lists by themselves, few when they are merged, and either may replace the other.
        for batches in [&[200][..], &[1, 63, 64, 500], &[7], &[1000]] {
            let items = shop(metric, batches);
            let exact: Vec<Answer> = queries.iter().map(|query| items.search(query).exact().run().unwrap()).collect();
            let single: Vec<Answer> = queries.iter().map(|query| items.search(query).recall(0.95).explain().run().unwrap()).collect();
            let looked: u64 = single.iter().map(|answer| answer.explain.as_ref().unwrap().rows_scanned).sum();
            let share = looked as f64 / (queries.len() * TAIL) as f64;
            assert!(share < 0.6, "{metric}, batches of {batches:?}: {share} of the tail was looked at");
            let found = recall(&single, &exact);
            assert!(found >= NEARLY, "{metric}, batches of {batches:?}: {found}");
            assert!(single.iter().all(|answer| answer.expected_recall.unwrap() >= 0.95));
            let many = items.search_many(queries.iter().map(Vec::as_slice)).recall(0.95).run().unwrap();
            let found = recall(&many, &exact);
            assert!(found >= NEARLY, "{metric}, batches of {batches:?}, at once: {found}");
        }
    }
}

#[test]
fn all_lists_find_what_all_rows_do() {
    for metric in [Metric::InnerProduct, Metric::L2] {
        let items = shop(metric, &[200, 3]);
        items.delete((0..SEALED + TAIL).step_by(13).map(|n| n.to_string())).unwrap();
        let vectors = noise(40, DIM, 8);
        let new = |(n, vector): (usize, &[f32])| Item::new((5000 + n).to_string()).unwrap().with_vector(vector);
        items.upsert_many(vectors.iter().enumerate().map(new)).unwrap();
        // Of the tail alone: codes are not exact.
        items.delete((0..SEALED).filter(|n| n % 13 != 0).map(|n| n.to_string())).unwrap();
        for query in queries().iter().take(50) {
            let all = items.search(query).nprobe(64).k(20).explain().run().unwrap();
            let exact = items.search(query).exact().k(20).run().unwrap();
            assert_eq!(all.hits, exact.hits, "{metric}");
            assert!(all.explain.unwrap().rows_scanned < TAIL as u64, "deleted rows are passed over");
        }
    }
}

#[test]
fn of_equals_the_first_rows_are_kept_however_a_run_lies() {
    let vectors = clustered(SEALED + TAIL, DIM, 50, 3);
    for batches in [&[200][..], &[7], &[1000]] {
        let items = shop(Metric::InnerProduct, batches);
        // Equals for the query, and of many lists.
        let alike = |n: usize| {
            let mut vector = vectors.row(n).to_vec();
            vector[0] = if n < SEALED + 700 { 100.0 } else { 50.0 };
            Item::new(n.to_string()).unwrap().with_vector(vector)
        };
        items.upsert_many((SEALED..SEALED + TAIL).map(alike)).unwrap();
        let query: Vec<f32> = (0..DIM).map(|d| if d == 0 { 1.0 } else { 0.0 }).collect();
        for k in [1, 10, 699, 700, 701, 1000] {
            let answer = items.search(&query).k(k).exact().run().unwrap();
            let expected: Vec<String> = (SEALED..SEALED + k).map(|n| n.to_string()).collect();
            assert!(answer.ids().eq(expected.iter().map(String::as_str)), "{k} of batches of {batches:?}");
        }
    }
}

#[test]
fn what_the_lists_do_not_hold_comes_all_the_same() {
    let items = shop(Metric::L2, &[200]);
    let query = &queries()[0];
    for (k, effort) in [(SEALED + TAIL, Effort::Nprobe(1)), (usize::MAX, Effort::Recall(0.1)), (SEALED + 10, Effort::Nprobe(2))] {
        let answer = items.search(query).options(SearchOptions { k, effort, ..SearchOptions::default() }).run().unwrap();
        assert_eq!(answer.hits.len(), k.min(SEALED + TAIL), "{effort:?}");
        let distinct: HashSet<&str> = answer.ids().collect();
        assert_eq!(distinct.len(), answer.hits.len());
    }
}

#[test]
fn a_new_training_finds_new_lists() {
    let items = shop(Metric::Cosine, &[200]);
    items.build(&BuildOptions::default().lists(32), &NoProgress).unwrap();
    assert_eq!(items.stats().unwrap().tail, 0);
    let vectors = clustered(TAIL, DIM, 50, 3);
    let item = |n: usize| Item::new(n.to_string()).unwrap().with_vector(vectors.row(n));
    for from in (0..TAIL).step_by(100) {
        items.upsert_many((from..from + 100).map(item)).unwrap();
    }
    let queries = queries();
    let exact: Vec<Answer> = queries.iter().map(|query| items.search(query).exact().run().unwrap()).collect();
    let found: Vec<Answer> = queries.iter().map(|query| items.search(query).recall(0.95).run().unwrap()).collect();
    assert!(recall(&found, &exact) >= NEARLY);
    // Sealed by those lists, too.
    items.maintain(&NoProgress).unwrap();
    assert_eq!(items.stats().unwrap().tail, 0);
    let found: Vec<Answer> = queries.iter().map(|query| items.search(query).recall(0.95).run().unwrap()).collect();
    assert!(recall(&found, &exact) >= NEARLY);
}
