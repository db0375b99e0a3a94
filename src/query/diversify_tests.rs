//! Queries whose hits are chosen as a list.

#![allow(clippy::unwrap_used)]
use crate::ranker::testing::Table;
use crate::{
    Answer, BuildOptions, Collection, CollectionOptions, Database, Diverse, Error, Item, Metric, NoProgress, RankerSource, Refine,
    SearchOptions, row,
};

const DIM: usize = 6;

fn vector(n: u64) -> Vec<f32> {
    // A dozen directions, and items near them.
    let mix = |seed: u64| (seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40) as f32 / (1u64 << 23) as f32 - 1.0;
    (0..DIM as u64).map(|at| mix((n % 12) * 100 + at + 1) + 0.1 * mix(n * 1000 + at + 7)).collect()
}

fn items(metric: Metric, refine: Refine, sealed: u64, tail: u64) -> Collection {
    let database = Database::in_memory().unwrap();
    let options = CollectionOptions::vectors(DIM, metric).field("genres:list<text>".parse().unwrap()).unwrap();
    let options = options.field("f0:float".parse().unwrap()).unwrap().m(2).lists(6).refine(refine);
    let items = database.create_collection("items", options).unwrap();
    let item = |n: u64| {
        let genres = ["a", "b", "c", "d"].iter().take((n % 5) as usize).copied().collect::<Vec<_>>();
        Item::new(n).unwrap().with_row(row! { "genres" => genres, "f0" => (n % 10) as f64 / 10.0 }).with_vector(vector(n))
    };
    if sealed > 0 {
        items.upsert_many((0..sealed).map(item)).unwrap();
        items.build(&BuildOptions::default(), &NoProgress).unwrap();
    }
    items.upsert_many((sealed..sealed + tail).map(item)).unwrap();
    items
}

/// How much rounding may change what an item is worth.
const ROUNDING: f64 = 0.02;

/// Checks, by the definition of maximal marginal relevance over the first stage's answer, that each of `chosen` was worth as much as any other.
fn check(items: &Collection, metric: Metric, pool: &Answer, lambda: f64, chosen: &[String]) {
    let vectors: Vec<Vec<f64>> = pool
        .ids()
        .map(|id| {
            let item = items.get(id).unwrap().unwrap();
            let vector = item.vector().unwrap();
            let most = vector.iter().fold(0f32, |most, x| most.max(x.abs()));
            vector.iter().map(|x| f64::from((x * 127.0 / most).round_ties_even() * most / 127.0)).collect()
        })
        .collect();
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>();
    let apart = |a: usize, b: usize| vectors[a].iter().zip(&vectors[b]).map(|(x, y)| (x - y) * (x - y)).sum::<f64>();
    let pairs = vectors.len() * (vectors.len() - 1);
    let mean =
        (0..vectors.len()).flat_map(|a| (0..vectors.len()).map(move |b| (a, b))).map(|(a, b)| apart(a, b)).sum::<f64>() / pairs as f64;
    let similarity = |a: usize, b: usize| match metric {
        Metric::L2 => 1.0 - apart(a, b) / mean,
        _ => dot(&vectors[a], &vectors[b]) / (dot(&vectors[a], &vectors[a]) * dot(&vectors[b], &vectors[b])).sqrt(),
    };
    let scores: Vec<f64> = pool.hits.iter().map(|hit| f64::from(hit.score)).collect();
    let (first, last) = (scores[0], scores[scores.len() - 1]);
    for (place, id) in chosen.iter().enumerate() {
        let number = |id: &String| pool.ids().position(|other| other == id).unwrap();
        let before: Vec<usize> = chosen[..place].iter().map(number).collect();
        let value = |at: usize| {
            let most = before.iter().map(|&other| similarity(at, other)).reduce(f64::max).unwrap_or(0.0);
            lambda * (scores[at] - last) / (first - last) - (1.0 - lambda) * most
        };
        let best = (0..scores.len()).filter(|at| !before.contains(at)).map(value).reduce(f64::max).unwrap();
        assert!(value(number(id)) >= best - ROUNDING, "{metric} {lambda}: {id} at {place} of {chosen:?}");
    }
}

fn ids(answer: &Answer) -> Vec<String> {
    answer.ids().map(str::to_owned).collect()
}

#[test]
fn lists_are_chosen_by_maximal_marginal_relevance_wherever_the_vectors_lie() {
    for metric in [Metric::Cosine, Metric::InnerProduct, Metric::L2] {
        for (refine, sealed, tail) in
            [(Refine::Int8, 200, 0), (Refine::F16, 200, 20), (Refine::F32, 150, 70), (Refine::None, 200, 0), (Refine::Int8, 0, 90)]
        {
            let items = items(metric, refine, sealed, tail);
            let query = vector(5);
            for (lambda, pool, k) in [(0.5, 40, 10), (0.9, 60, 20), (0.0, 30, 5), (0.3, 3, 8), (0.7, 1000, 12)] {
                let first = items.search(&query).k(pool).exact().run().unwrap();
                let answer = items.search(&query).k(k).diverse(lambda, pool).exact().run().unwrap();
                let got = ids(&answer);
                check(&items, metric, &first, f64::from(lambda), &got[..k.min(first.hits.len())]);
                assert_eq!(got.len(), k);
                // One page after the other is the same list.
                let next = items.search(&query).k(k - k / 2).offset(k / 2).diverse(lambda, pool).exact().run().unwrap();
                assert_eq!(ids(&next), got[k / 2..]);
            }
            let plain = items.search(&query).k(20).exact().run().unwrap();
            assert_eq!(items.search(&query).k(20).diverse(1.0, 50).exact().run().unwrap().hits, plain.hits);
        }
    }
}

#[test]
fn batches_pages_and_least_scores_go_with_it() {
    let items = items(Metric::Cosine, Refine::Int8, 200, 30);
    let queries: Vec<Vec<f32>> = (0..4).map(vector).collect();
    let batch = items.search_many(queries.iter().map(Vec::as_slice)).k(6).diverse(0.5, 30).exact().run().unwrap();
    for (query, answer) in queries.iter().zip(&batch) {
        assert_eq!(items.search(query).k(6).diverse(0.5, 30).exact().run().unwrap().hits, answer.hits);
    }
    // What is too far takes nobody's place.
    let least = items.search(&queries[0]).k(12).exact().run().unwrap().hits[11].score - 1e-5;
    let answer = items.search(&queries[0]).k(12).diverse(0.2, 100).min_score(least).exact().run().unwrap();
    assert_eq!(answer.hits.len(), 12);
    let explained = items.search(&queries[0]).diverse(0.5, 30).explain().run().unwrap().explain.unwrap();
    assert!(explained.stages.iter().any(|stage| stage.stage == "diversify"));
    assert_eq!(items.search(&queries[0]).k(0).diverse(0.5, 30).run().unwrap().hits, []);
}

#[test]
fn the_order_of_a_second_stage_is_what_counts_as_relevance() {
    let items = items(Metric::Cosine, Refine::Int8, 0, 100);
    items.attach_ranker("main", &RankerSource::new(Table::stump(1.0, -1.0).to_onnx())).unwrap();
    let ranked = items.search(&vector(3)).k(30).rerank(30).run().unwrap();
    let same = items.search(&vector(3)).k(30).rerank(30).diverse(1.0, 30).run().unwrap();
    assert_eq!(ranked.hits, same.hits);
    // Those with the better score of the ranker are all chosen before the others where that is nearly all that counts.
    let mostly = items.search(&vector(3)).k(30).rerank(30).diverse(0.99, 30).run().unwrap();
    let better = |answer: &Answer| answer.hits.iter().map(|hit| hit.rank_score).collect::<Vec<_>>();
    assert_eq!(better(&mostly), better(&ranked));
    assert_ne!(ids(&mostly), ids(&ranked));
}

#[cfg(feature = "onnx")]
mod users {
    use super::*;
    use crate::Row;

    #[test]
    fn what_has_no_user_has_no_history() {
        let items = items(Metric::Cosine, Refine::Int8, 0, 60);
        items.add_index("genres", &NoProgress).unwrap();
        let calibrated = Diverse::new(0.5, 20).calibrated("genres", "history");
        let error = items.search(&vector(1)).diversify(calibrated.clone()).run().unwrap_err();
        assert!(matches!(&error, Error::InvalidOption { option: "diverse.calibrate", .. }), "{error}");
        let nobody = Row::new();
        assert!(items.recommend(&nobody).diversify(calibrated).run().is_err());
    }
}

#[test]
fn what_cannot_be_meant_is_refused() {
    let items = items(Metric::Cosine, Refine::Int8, 0, 20);
    for (lambda, pool) in [(-0.1, 10), (1.1, 10), (f32::NAN, 10), (0.5, 0)] {
        let options = SearchOptions { diverse: Some(Diverse::new(lambda, pool)), ..SearchOptions::default() };
        assert!(matches!(items.search(&vector(1)).options(options).run(), Err(Error::InvalidOption { .. })), "{lambda} {pool}");
    }
}
