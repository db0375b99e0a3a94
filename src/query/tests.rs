//! Whole queries, through all stages.

#![allow(clippy::unwrap_used)]
use crate::{BuildOptions, Collection, CollectionOptions, Database, Effort, Item, Metric, NoProgress, SearchOptions, row};

#[test]
fn as_many_come_as_may_be_returned_however_few_lists_are_visited() {
    let database = Database::in_memory().unwrap();
    let items = database.create_collection("items", CollectionOptions::vectors(2, Metric::L2).lenient(true).m(1).lists(9)).unwrap();
    let item = |n: u64| Item::new(n).unwrap().with_row(row! { "n" => n }).with_vector([n as f32, (n % 7) as f32]);
    items.upsert_many((0..200).map(item)).unwrap();
    items.build(&BuildOptions::default(), &NoProgress).unwrap();
    items.upsert_many((200..210).map(item)).unwrap();
    items.delete((150..160).map(|n: u64| n.to_string())).unwrap();
    let near: Vec<String> = (0..60).map(|n| n.to_string()).collect();
    for (k, exclude, hits) in [(10, &near[..], 10), (150, &near, 140), (200, &[], 200), (usize::MAX, &[], 200), (190, &near[..5], 190)] {
        let answer = items.search(&[1.0, 1.0]).k(k).nprobe(1).exclude(exclude).run().unwrap();
        assert_eq!(answer.hits.len(), hits, "{k} without {}", exclude.len());
        let queries: [&[f32]; 2] = [&[1.0, 1.0], &[100.0, 3.0]];
        let answers = items.search_many(queries).k(k).recall(0.1).exclude(exclude).run().unwrap();
        assert!(answers.iter().all(|answer| answer.hits.len() == hits), "{k} without {}, in a batch", exclude.len());
        assert!(!answer.ids().any(|id| exclude.iter().any(|other| other == id)));
    }
}

/// 300 rows in segments, 20 in the tail.
fn built() -> Collection {
    let database = Database::in_memory().unwrap();
    let items = database.create_collection("items", CollectionOptions::vectors(2, Metric::L2).lenient(true).m(1).lists(9)).unwrap();
    let item = |n: u64| Item::new(n).unwrap().with_row(row! { "n" => n }).with_vector([n as f32, (n % 7) as f32]);
    items.upsert_many((0..300).map(item)).unwrap();
    items.build(&BuildOptions::default(), &NoProgress).unwrap();
    items.upsert_many((300..320).map(item)).unwrap();
    items
}

const QUERIES: [&[f32]; 3] = [&[1.0, 1.0], &[150.5, 3.0], &[310.25, 5.0]];

#[test]
fn each_answer_of_a_batch_is_what_the_query_gets_by_itself_with_its_explanation() {
    let items = built();
    for effort in [Effort::Recall(0.9), Effort::Nprobe(2), Effort::Exact] {
        let options = SearchOptions { k: 5, explain: true, effort, fields: Some(vec!["n".to_owned()]), ..SearchOptions::default() };
        let batch = items.search_many(QUERIES).options(options.clone()).run().unwrap();
        for (query, answer) in QUERIES.iter().zip(&batch) {
            let single = items.search(query).options(options.clone()).run().unwrap();
            assert_eq!((&single.hits, single.expected_recall), (&answer.hits, answer.expected_recall), "{effort:?}");
            let (single, own) = (single.explain.unwrap(), answer.explain.as_ref().unwrap());
            let counts = |of: &crate::Explain| (of.lists_probed, of.codes_scanned, of.rows_scanned, of.candidates_refined);
            let stages = |of: &crate::Explain| of.stages.iter().map(|time| time.stage).collect::<Vec<_>>();
            assert_eq!((counts(&single), stages(&single)), (counts(own), stages(own)), "{effort:?}");
            assert_eq!(own.rows_scanned, if effort == Effort::Exact { 320 } else { 20 });
            assert_eq!(stages(own).first(), Some(&"vector"));
            assert_eq!(stages(own).last(), Some(&"fields"));
        }
        let silent = items.search_many(QUERIES).options(SearchOptions { explain: false, ..options }).run().unwrap();
        assert!(silent.iter().zip(&batch).all(|(silent, said)| silent.hits == said.hits && silent.explain.is_none()), "{effort:?}");
    }
}

#[test]
fn builders_set_the_options() {
    let items = built();
    let mut options = SearchOptions { k: 4, offset: 2, effort: Effort::Exact, min_score: Some(-900.0), ..SearchOptions::default() };
    options.exclude = vec!["1".to_owned(), "310".to_owned()];
    options.unsampled = true;
    let all = items.search_many(QUERIES).options(options.clone()).run().unwrap();
    let built = items.search_many(QUERIES).k(4).offset(2).exact().min_score(-900.0).exclude(["1", "310"]).unsampled().run().unwrap();
    for (query, (all, built)) in QUERIES.iter().zip(all.iter().zip(&built)) {
        assert_eq!(all.hits, built.hits);
        assert_eq!(items.search(query).options(options.clone()).run().unwrap().hits, built.hits);
    }
    // Options take the place of what was set before them, and are added to by what is set after.
    let query = items.search(QUERIES[0]).k(1).exclude(["0"]).options(options).exclude(["2"]).offset(0);
    assert_eq!(query.run().unwrap().ids().collect::<Vec<_>>(), ["0", "3", "4", "5"]);
}

#[test]
fn an_item_is_not_near_itself_alone_or_in_a_batch() {
    let items = built();
    let ids = ["0", "150", "305"];
    let batch = items.similar_many(ids).k(3).exclude(["151"]).exclude_each(vec![vec!["1".to_owned()], vec![], vec![]]).run().unwrap();
    for (id, answer) in ids.iter().zip(&batch) {
        assert_eq!(answer.hits.len(), 3);
        assert!(!answer.ids().any(|other| other == *id || other == "151"));
    }
    assert!(!batch[0].ids().any(|id| id == "1"));
    assert_eq!(items.similar("305").k(3).run().unwrap().hits, batch[2].hits);
}

#[test]
fn where_only_the_tail_is_left_everything_is_found() {
    let items = built();
    let sealed: Vec<String> = (0..300).map(|n| n.to_string()).collect();
    let answer = items.search(QUERIES[0]).exclude(&sealed).explain().run().unwrap();
    assert_eq!((answer.hits.len(), answer.expected_recall), (10, Some(1.0)));
    let explain = answer.explain.unwrap();
    assert_eq!((explain.lists_probed, explain.rows_scanned), (0, 20));
    let all: Vec<String> = (0..320).map(|n| n.to_string()).collect();
    assert_eq!(items.search(QUERIES[0]).exclude(&all).run().unwrap().hits, []);
}
