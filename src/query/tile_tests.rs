//! Batches that go over the lists by tiles reach the recall target, and their hits have the scores that single queries give them.
#![allow(clippy::unwrap_used)]

use std::collections::HashMap;

use crate::quantizer::testing::{clustered, noise};
use crate::{BuildOptions, Collection, CollectionOptions, Database, Item, Metric, NoProgress, Refine};

const ROWS: usize = 6000;
const DIM: usize = 12;

fn shop(metric: Metric, refine: Refine) -> Collection {
    let options = CollectionOptions::vectors(DIM, metric).lists(64).refine(refine);
    // Nothing runs in the background: after so many queries it would calibrate anew.
    let database = Database::with_storage(torre_storage::Storage::in_memory(), false).unwrap();
    let items = database.create_collection("items", options).unwrap();
    let vectors = clustered(ROWS, DIM, 50, 3);
    items.upsert_many(vectors.iter().enumerate().map(|(n, vector)| Item::new(n.to_string()).unwrap().with_vector(vector))).unwrap();
    items.build(&BuildOptions::default(), &NoProgress).unwrap();
    // Some rows of the segment are gone, some are in the tail.
    items.delete((0..ROWS).step_by(17).map(|n| n.to_string())).unwrap();
    items
        .upsert_many(noise(20, DIM, 9).iter().enumerate().map(|(n, vector)| Item::new(format!("new{n}")).unwrap().with_vector(vector)))
        .unwrap();
    items
}

#[test]
fn a_batch_by_tiles_reaches_the_target() {
    // With two lists a query, 32 queries visit each list and more: they go by tiles.
    let mut queries = clustered(1200, DIM, 50, 3);
    queries.as_mut_slice().iter_mut().zip(noise(1200, DIM, 5).as_slice()).for_each(|(x, off)| *x += 0.3 * off);
    let queries: Vec<&[f32]> = queries.iter().collect();
    for (metric, refine) in [(Metric::Cosine, Refine::Int8), (Metric::L2, Refine::F16)] {
        let items = shop(metric, refine);
        let (batch, exact) = (items.search_many(queries.clone()).recall(0.95), items.search_many(queries.clone()).exact());
        let (batch, exact) = (batch.run().unwrap(), exact.run().unwrap());
        let (mut found, mut wanted) = (0, 0);
        for (at, (batch, exact)) in batch.iter().zip(&exact).enumerate() {
            assert!(batch.expected_recall.is_some_and(|recall| recall >= 0.95) && batch.hits.len() == 10, "{:?}", batch.expected_recall);
            found += exact.ids().filter(|id| batch.ids().any(|other| other == *id)).count();
            wanted += exact.hits.len();
            if at % 100 == 0 {
                let single = items.search(queries[at]).k(50).nprobe(64).run().unwrap();
                let scores: HashMap<&str, f32> = single.hits.iter().map(|hit| (hit.id.as_str(), hit.score)).collect();
                let same = |hit: &crate::Hit| scores.get(hit.id.as_str()).is_none_or(|score| *score == hit.score);
                assert!(batch.hits.iter().all(same), "{metric:?} {refine:?}");
            }
        }
        let recall = found as f64 / wanted as f64;
        assert!(recall >= 0.945, "{metric:?} {refine:?}: {recall}");
    }
}

#[test]
fn a_batch_reaches_the_target_behind_what_each_leaves_out() {
    let mut queries = clustered(1200, DIM, 50, 3);
    queries.as_mut_slice().iter_mut().zip(noise(1200, DIM, 5).as_slice()).for_each(|(x, off)| *x += 0.3 * off);
    let queries: Vec<&[f32]> = queries.iter().collect();
    for (metric, refine) in [(Metric::Cosine, Refine::Int8), (Metric::L2, Refine::F16)] {
        let items = shop(metric, refine);
        // What is asked lies beside the rows, and a target is calibrated with what is asked.
        let asked = queries.iter().map(|query| query.to_vec()).collect();
        items.build(&BuildOptions::default().queries(asked), &NoProgress).unwrap();
        let near = items.search_many(queries.clone()).k(150).exact().run().unwrap();
        // Nothing, a few, some and many of the nearest: those of one batch go several ways.
        let seen = |query: usize| [0, 3, 25, 60, 140][query % 5];
        let left_out: Vec<Vec<String>> =
            near.iter().enumerate().map(|(query, near)| near.ids().take(seen(query)).map(str::to_owned).collect()).collect();
        let exact = items.search_many(queries.clone()).exclude_each(left_out.clone()).exact().run().unwrap();
        let batch = items.search_many(queries.clone()).exclude_each(left_out.clone()).recall(0.95).run().unwrap();
        let (mut found, mut wanted) = ([0; 5], [0; 5]);
        for (query, (batch, exact)) in batch.iter().zip(&exact).enumerate() {
            assert!(batch.hits.len() == 10 && batch.ids().all(|id| !left_out[query].iter().any(|out| out == id)), "{query}");
            assert!(batch.expected_recall.is_some_and(|recall| recall > 0.5 && recall <= 1.0), "{query}: {:?}", batch.expected_recall);
            found[query % 5] += exact.ids().filter(|id| batch.ids().any(|other| other == *id)).count();
            wanted[query % 5] += exact.hits.len();
        }
        for (at, (found, wanted)) in found.iter().zip(wanted).enumerate() {
            let recall = *found as f64 / wanted as f64;
            // What lies behind a fortieth of all rows is known less well.
            let least = if seen(at) > 100 { 0.92 } else { 0.93 };
            assert!(recall >= least, "{metric:?} {refine:?} without {}: {recall}", seen(at));
        }
        // The same on any number of threads.
        let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
        let again = pool.install(|| items.search_many(queries.clone()).exclude_each(left_out.clone()).recall(0.95).run().unwrap());
        assert!(again.iter().zip(&batch).all(|(again, batch)| again.hits == batch.hits));
    }
}

#[test]
fn one_that_leaves_much_out_does_not_send_the_others_another_way() {
    let items = shop(Metric::Cosine, Refine::Int8);
    let queries = clustered(1300, DIM, 50, 3);
    let queries: Vec<&[f32]> = queries.iter().collect();
    let plain = items.search_many(queries.clone()).run().unwrap();
    let mut left_out = vec![Vec::new(); queries.len()];
    left_out[7] = (0..4000).map(|n| n.to_string()).collect();
    let mixed = items.search_many(queries.clone()).exclude_each(left_out.clone()).run().unwrap();
    let same = mixed.iter().zip(&plain).filter(|(mixed, plain)| mixed.hits == plain.hits).count();
    assert_eq!(same, queries.len() - 1);
    assert_eq!(mixed[7].hits.len(), 10);
    assert!(mixed[7].ids().all(|id| id.parse::<usize>().is_ok_and(|n| n >= 4000) || id.starts_with("new")));
}
