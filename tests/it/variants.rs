//! Near copies: products of many variants, whose vectors lie closer together than coarse refine vectors say. What is found is compared
//! with an exact scan.

use torre::{BuildOptions, Collection, CollectionOptions, Database, Item, Metric, NoProgress, Refine};

use crate::random::Random;

/// Products, variants of each, width, how far variants are from their product in each direction.
type Shape = (usize, usize, usize, f32);

const METRICS: [Metric; 3] = [Metric::InnerProduct, Metric::Cosine, Metric::L2];

/// Near the normal distribution.
fn normal(random: &mut Random) -> f32 {
    (0..4).map(|_| random.vector(1)[0]).sum::<f32>() * 0.87
}

/// Variants, product by product, and queries that lie among those of some products.
fn data((products, variants, dim, noise): Shape) -> (Vec<Vec<f32>>, Vec<Vec<f32>>) {
    let mut random = Random::new(7);
    let centre = |random: &mut Random| -> Vec<f32> {
        let centre: Vec<f32> = (0..dim).map(|_| normal(random)).collect();
        let length = centre.iter().map(|x| x * x).sum::<f32>().sqrt();
        centre.iter().map(|x| x / length).collect()
    };
    let centres: Vec<Vec<f32>> = (0..products).map(|_| centre(&mut random)).collect();
    let mut near = |centre: &Vec<f32>| -> Vec<f32> { centre.iter().map(|x| x + noise * normal(&mut random)).collect() };
    let queries = centres.iter().cycle().take(100).map(&mut near).collect();
    (centres.iter().flat_map(|centre| std::iter::repeat_n(centre, variants)).map(near).collect(), queries)
}

fn fill(database: &Database, name: &str, options: CollectionOptions, rows: &[Vec<f32>]) -> Collection {
    let items = database.create_collection(name, options).unwrap();
    items.upsert_many(rows.iter().enumerate().map(|(id, row)| Item::new(id).unwrap().with_vector(row.clone()))).unwrap();
    items
}

fn database() -> Database {
    Database::in_memory().unwrap()
}

/// The share of the ten nearest that a search for so much recall finds; a row as near as the tenth counts.
fn recall(items: &Collection, queries: &[Vec<f32>], target: f32) -> f64 {
    let (mut found, mut wanted) = (0, 0);
    for query in queries {
        let exact = items.search(query).k(10).exact().run().unwrap();
        let ids: Vec<&str> = exact.ids().collect();
        let answer = items.search(query).k(10).recall(target).run().unwrap();
        found += answer.ids().filter(|id| ids.contains(id)).count();
        wanted += ids.len();
    }
    found as f64 / wanted as f64
}

#[test]
fn default_settings_tell_variants_apart() {
    for (at, shape) in [
        (60, 50, 32, 0.01),
        (60, 50, 32, 0.003),
        (60, 50, 64, 0.001),
        (30, 100, 96, 0.0005),
        (60, 50, 64, 0.0003),
        (6, 500, 32, 0.001),
        (300, 10, 16, 0.001),
    ]
    .into_iter()
    .enumerate()
    {
        let (rows, queries) = data(shape);
        for metric in [METRICS[at % 3], METRICS[(at + 1) % 3]] {
            let database = database();
            let items = fill(&database, "items", CollectionOptions::vectors(shape.2, metric), &rows);
            items.build(&BuildOptions::default(), &NoProgress).unwrap();
            let found = recall(&items, &queries, 0.95);
            // As far off as a hundred queries may be.
            assert!(found >= 0.94, "{shape:?} {metric}: {found} with {:?}", items.stats().unwrap().refine_kind);
        }
    }
}

#[test]
fn more_bytes_never_find_less() {
    for (at, noise) in [0.01, 0.003, 0.001, 0.0003].into_iter().enumerate() {
        let (rows, queries) = data((60, 50, 64, noise));
        let metric = METRICS[at % 3];
        let database = database();
        let found = [Refine::Int8, Refine::F16, Refine::F32].map(|kind| {
            let items = fill(&database, kind.name(), CollectionOptions::vectors(64, metric).refine(kind), &rows);
            items.build(&BuildOptions::default(), &NoProgress).unwrap();
            assert_eq!(items.stats().unwrap().refine_kind, Some(kind.name()));
            recall(&items, &queries, 0.95)
        });
        // What a lucky number of candidates makes of it.
        let luck = 0.02;
        assert!(found[0] <= found[1] + luck && found[1] <= found[2] + luck, "{noise} {metric}: {found:?}");
    }
}

#[test]
fn what_was_chosen_holds_until_the_next_build() {
    let (rows, queries) = data((60, 50, 64, 0.0005));
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("db");
    let open = || Database::builder(&path).create(true).background(false).open().unwrap();
    let kinds = |items: &Collection| {
        let stats = items.stats().unwrap();
        (stats.refine, stats.refine_kind, stats.segments)
    };
    let database = open();
    let items = fill(&database, "items", CollectionOptions::vectors(64, Metric::Cosine), &rows[..2000]);
    assert_eq!(kinds(&items), ("auto", None, 0));
    let built = items.build(&BuildOptions::default(), &NoProgress).unwrap();
    assert_eq!((built.refine, kinds(&items)), (Refine::F32, ("auto", Some("f32"), 1)));
    // What is sealed later is of the same kind, also when it is opened in between, and merges with it.
    drop((items, database));
    let database = open();
    let items = database.collection("items").unwrap();
    items.upsert_many((2000..3000).map(|id| Item::new(id).unwrap().with_vector(rows[id].clone()))).unwrap();
    items.maintain(&NoProgress).unwrap();
    assert_eq!(kinds(&items).1, Some("f32"));
    drop((items, database));
    let database = open();
    let items = database.collection("items").unwrap();
    items.compact(&NoProgress).unwrap();
    assert_eq!(kinds(&items), ("auto", Some("f32"), 1));
    assert!(recall(&items, &queries, 0.95) >= 0.95);
    assert!(database.verify(&NoProgress).unwrap().damage.is_empty());
    // The next build looks at the rows that there are then; and what is asked for is done.
    let apart: Vec<Vec<f32>> = (0..3000).map(|id| Random::new(id).vector(64)).collect();
    items.upsert_many(apart.iter().enumerate().map(|(id, row)| Item::new(id).unwrap().with_vector(row.clone()))).unwrap();
    assert_eq!(items.build(&BuildOptions::default(), &NoProgress).unwrap().refine, Refine::Int8);
    assert_eq!(items.build(&BuildOptions::default().refine(Refine::F16), &NoProgress).unwrap().refine, Refine::F16);
    assert_eq!(kinds(&items), ("f16", Some("f16"), 1));
    assert_eq!(items.build(&BuildOptions::default().refine(Refine::Auto), &NoProgress).unwrap().refine, Refine::Int8);
    assert_eq!(kinds(&items), ("auto", Some("int8"), 1));
}

#[test]
fn copies_of_one_row_are_found_in_the_order_of_their_rows() {
    let (mut rows, queries) = data((40, 1, 24, 0.0));
    rows = rows.iter().cycle().take(2400).cloned().collect();
    for metric in METRICS {
        let database = database();
        let items = fill(&database, "items", CollectionOptions::vectors(24, metric), &rows[..1600]);
        // Copies are no reason for larger refine vectors: nothing tells them apart.
        assert_eq!(items.build(&BuildOptions::default(), &NoProgress).unwrap().refine, Refine::Int8);
        items.upsert_many((1600..2400).map(|id| Item::new(id).unwrap().with_vector(rows[id].clone()))).unwrap();
        for sealed in [false, true] {
            if sealed {
                items.maintain(&NoProgress).unwrap();
            }
            for query in &queries {
                let ids = |answer: torre::Answer| answer.ids().map(str::to_owned).collect::<Vec<_>>();
                let exact = ids(items.search(query).k(10).exact().run().unwrap());
                assert!(exact.is_sorted_by_key(|id| id.parse::<u64>().unwrap()), "{exact:?}");
                if sealed {
                    assert_eq!(ids(items.search(query).k(10).recall(0.95).run().unwrap()), exact, "{metric}");
                }
            }
        }
    }
}
