//! The recall target where rows are left out.

#![allow(clippy::unwrap_used)]
use crate::filter::{Filter, Params};
use crate::quantizer::testing::{clustered, unit_length};
use crate::vector::Matrix;
use crate::{BuildOptions, Collection, CollectionOptions, Database, Error, Field, FieldType, Item, Metric, NoProgress, Refine, row};

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
                let (left_out, wanted) = nearest.hits.split_at(seen);
                let answer = items.search(query).exclude(left_out.iter().map(|hit| hit.id.as_str())).run().unwrap();
                assert_eq!(answer.hits.len(), 10);
                assert!(answer.hits.iter().all(|hit| !left_out.iter().any(|seen| seen.id == hit.id)));
                found += answer.hits.iter().filter(|hit| wanted.iter().any(|wanted| wanted.id == hit.id)).count();
                expected += f64::from(answer.expected_recall.unwrap());
            }
            let (recall, expected) = (found as f64 / (10 * QUERIES) as f64, expected / QUERIES as f64);
            // A third of all rows were seen in the last case.
            let least = if seen < 2000 { 0.9 } else { 0.8 };
            assert!(recall >= least, "{metric} {refine:?}, {seen} seen: {recall}, expected {expected}");
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

/// Rows with a number, a group by their first value, and a list; the last of them in the tail.
fn with_fields(metric: Metric) -> (Collection, Vec<(i64, String)>) {
    let vectors = vectors().0;
    let database = Database::in_memory().unwrap();
    let mut options = CollectionOptions::vectors(DIM, metric).lists(96).m(6).refine(Refine::F32);
    for (name, of) in [("n", FieldType::Int), ("side", FieldType::Text), ("tags", FieldType::TextList)] {
        options = options.field(Field::new(name, of)).unwrap();
    }
    let items = database.create_collection("items", options).unwrap();
    ["n", "side"].into_iter().for_each(|field| items.add_index(field, &NoProgress).unwrap());
    let mut fields = Vec::new();
    let mut item = |at: usize| {
        let (n, side) = ((at * 7919 % 1000) as i64, if vectors.row(at)[0] > 0.2 { "left" } else { "right" });
        fields.push((n, side.to_owned()));
        let row = row! { "n" => n, "side" => side, "tags" => vec![format!("t{}", n % 3)] };
        Item::new(at as u64).unwrap().with_row(row).with_vector(vectors.row(at).to_vec())
    };
    items.upsert_many((0..ROWS - 300).map(&mut item)).unwrap();
    items.build(&BuildOptions::default(), &NoProgress).unwrap();
    items.upsert_many((ROWS - 300..ROWS).map(item)).unwrap();
    items.add_index("tags", &NoProgress).unwrap();
    (items, fields)
}

#[test]
fn the_recall_target_holds_under_filters_and_as_many_come_as_qualify() {
    type Naive = fn(i64, &str) -> bool;
    let cases: [(&str, Naive); 8] = [
        ("n >= 0", |_, _| true),
        ("n < 500", |n, _| n < 500),
        ("n < 100", |n, _| n < 100),
        ("n < 10", |n, _| n < 10),
        ("n = 7 OR n = 9", |n, _| n == 7 || n == 9),
        ("side = 'left'", |_, side| side == "left"),
        ("NOT side = 'left' AND tags HAS 't1'", |n, side| side != "left" && n % 3 == 1),
        ("n > 5000", |_, _| false),
    ];
    let queries = vectors().1;
    for metric in [Metric::Cosine, Metric::L2] {
        let (items, fields) = with_fields(metric);
        for (filter, naive) in &cases {
            let matches = fields.iter().filter(|(n, side)| naive(*n, side)).count();
            assert_eq!(items.count(&Filter::parse(filter).unwrap(), &Params::new()).unwrap(), matches as u64, "{filter}");
            let (mut found, mut wanted) = (0, 0);
            for (at, query) in queries.iter().enumerate() {
                let search = || items.search(query).filter_str(filter).unwrap().exclude(["0", "5999"]);
                let exact = search().exact().run().unwrap();
                let answer = search().run().unwrap();
                let qualifies = |id: &str| id.parse().is_ok_and(|id: usize| id != 0 && id != 5999 && naive(fields[id].0, &fields[id].1));
                assert!(exact.ids().chain(answer.ids()).all(qualifies), "{filter}");
                let there = (0..ROWS).filter(|id| qualifies(&id.to_string())).count();
                assert_eq!((answer.hits.len(), exact.hits.len()), (there.min(10), there.min(10)), "{filter}");
                found += answer.ids().filter(|id| exact.ids().any(|other| other == *id)).count();
                wanted += exact.hits.len();
                if at == 0 {
                    let few = search().nprobe(1).run().unwrap();
                    assert!(few.hits.len() == there.min(10) && few.ids().all(qualifies), "{filter} in one list");
                    let both = items.search_many([query, queries.row(1)]).filter_str(filter).unwrap().exclude(["0", "5999"]).run().unwrap();
                    assert_eq!(both[0].hits, answer.hits, "{filter} in a batch");
                }
            }
            assert!(found as f64 >= 0.9 * wanted as f64, "{metric} {filter}: {found} of {wanted}");
        }
    }
}

#[test]
fn a_filter_that_cannot_be_asked_is_refused() {
    let (items, _) = with_fields(Metric::Cosine);
    items.drop_index("tags").unwrap();
    let queries = vectors().1;
    let ask = |filter: &str| items.search(queries.row(0)).filter_str(filter).and_then(|query| query.run());
    assert!(matches!(ask("price < 5"), Err(Error::Filter(_))));
    assert!(matches!(ask("n < 'a'"), Err(Error::Filter(_))));
    assert!(matches!(ask("n <"), Err(Error::Filter(_))));
    assert!(matches!(ask("n < $most"), Err(Error::Filter(_))));
    assert!(matches!(ask("tags HAS 't1'"), Err(Error::NotIndexed { .. })));
    assert_eq!(ask("IN LIST 'seen'").unwrap().hits, [], "there is no such list");
    let asked = items.search(queries.row(0)).filter_str("n < $most").unwrap().param("most", 5).run().unwrap();
    assert_eq!(asked.hits.len(), 10);
}
