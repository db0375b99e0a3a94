//! Batches that go over the lists by tiles reach the recall target, and their hits have the scores that single queries give them.
#![allow(clippy::unwrap_used)]

use std::collections::HashMap;

use crate::quantizer::testing::{clustered, noise};
use crate::{BuildOptions, Collection, CollectionOptions, Database, Item, Metric, NoProgress, Refine};

const ROWS: usize = 6000;
const DIM: usize = 12;

fn shop(metric: Metric, refine: Refine) -> Collection {
    let options = CollectionOptions::vectors(DIM, metric).lists(64).refine(refine);
    let items = Database::in_memory().unwrap().create_collection("items", options).unwrap();
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
