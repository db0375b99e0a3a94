//! The recall target where rows are left out.

#![allow(clippy::unwrap_used)]
use crate::quantizer::testing::{clustered, unit_length};
use crate::vector::Matrix;
use crate::{BuildOptions, Collection, CollectionOptions, Database, Item, Metric, NoProgress, Refine};

const ROWS: usize = 6000;
const DIM: usize = 12;
const QUERIES: usize = 60;

/// Rows, and queries from where they lie.
fn vectors() -> (Matrix, Matrix) {
    let all = unit_length(clustered(ROWS + QUERIES, DIM, 40, 3));
    let (mut rows, mut queries) = (Matrix::new(DIM), Matrix::new(DIM));
    all.iter().enumerate().for_each(|(at, vector)| if at < ROWS { rows.push(vector) } else { queries.push(vector) });
    (rows, queries)
}

fn built(metric: Metric, refine: Refine) -> Collection {
    let vectors = vectors().0;
    let database = Database::in_memory().unwrap();
    let options = CollectionOptions::vectors(DIM, metric).lists(96).m(6).refine(refine);
    let items = database.create_collection("items", options).unwrap();
    let rows = vectors.iter().enumerate();
    items.upsert_many(rows.map(|(n, vector)| Item::new(n as u64).unwrap().with_vector(vector.to_vec()))).unwrap();
    items.build(&BuildOptions::default(), &NoProgress).unwrap();
    items
}

#[test]
fn the_recall_target_holds_whatever_was_seen() {
    let queries = vectors().1;
    for (metric, refine) in [(Metric::Cosine, Refine::F32), (Metric::InnerProduct, Refine::F16), (Metric::L2, Refine::Int8)] {
        let items = built(metric, refine);
        for seen in [20, 100, 400, 2000] {
            let (mut found, mut expected) = (0, 0.0);
            for query in queries.iter() {
                let nearest = items.search(query).k(seen + 10).exact().run().unwrap();
                let (seen, wanted) = nearest.hits.split_at(seen);
                let answer = items.search(query).exclude(seen.iter().map(|hit| hit.id.as_str())).run().unwrap();
                assert_eq!(answer.hits.len(), 10);
                assert!(answer.hits.iter().all(|hit| !seen.iter().any(|seen| seen.id == hit.id)));
                found += answer.hits.iter().filter(|hit| wanted.iter().any(|wanted| wanted.id == hit.id)).count();
                expected += f64::from(answer.expected_recall.unwrap());
            }
            let (recall, expected) = (found as f64 / (10 * QUERIES) as f64, expected / QUERIES as f64);
            assert!(recall >= 0.9, "{metric} {refine:?}, {seen} seen: {recall}, expected {expected}");
            assert!((expected - recall).abs() < 0.07, "{metric} {refine:?}, {seen} seen: {recall}, expected {expected}");
        }
    }
}

#[test]
fn all_that_is_left_comes_back() {
    let items = built(Metric::Cosine, Refine::Int8);
    let ids: Vec<String> = (0..ROWS as u64).map(|n| n.to_string()).collect();
    let queries = vectors().1;
    let query = queries.row(0);
    for left in [0, 1, 9, 10, 11, 63] {
        let answer = items.search(query).exclude(&ids[left..]).run().unwrap();
        let exact = items.search(query).exclude(&ids[left..]).exact().run().unwrap();
        assert_eq!(answer.hits.len(), left.min(10), "{left}");
        assert!(left > 10 || answer.ids().eq(exact.ids()), "{left}");
        assert!(left > 0 || answer.expected_recall == Some(1.0));
    }
}
