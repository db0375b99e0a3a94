//! Collections of one database: they come, go, and are read back, whatever goes on beside.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use torre::{BuildOptions, Collection, CollectionOptions, Database, Error, Item, Metric, NoProgress, Responsible, Row, row};

const DIM: usize = 8;

fn item(n: u64) -> Item {
    let vector: Vec<f32> = (0..DIM as u64).map(|x| ((n * 31 + x * 17) % 101) as f32 - 50.0).collect();
    Item::new(n).unwrap().with_row(row! { "n" => n }).with_vector(vector)
}

fn options() -> CollectionOptions {
    CollectionOptions::vectors(DIM, Metric::L2).field("n:int".parse().unwrap()).unwrap()
}

fn is_gone<T: std::fmt::Debug>(result: torre::Result<T>) -> bool {
    match result {
        Ok(_) => false,
        Err(error) => {
            assert!(matches!(&error, Error::CollectionDropped { name } if name == "items"), "{error:?}");
            assert_eq!(error.responsible(), Responsible::Caller);
            true
        }
    }
}

#[test]
fn a_dropped_collection_is_gone_for_good() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("db");
    let database = Database::builder(&path).create(true).background(false).open().unwrap();
    let (items, other) = (database.create_collection("items", options()).unwrap(), database.create_collection("other", options()).unwrap());
    items.upsert_many((0..20_000).map(item)).unwrap();
    items.build(&BuildOptions::default(), &NoProgress).unwrap();
    items.upsert_many((20_000..20_100).map(item)).unwrap();
    other.upsert_many((0..50).map(item)).unwrap();
    let disk = database.disk_bytes().unwrap();

    database.drop_collection("items").unwrap();
    assert_eq!(database.collections(), ["other"]);
    assert!(!database.contains_collection("items") && database.contains_collection("other"));
    assert!(matches!(database.collection("items"), Err(Error::UnknownCollection { .. })));
    assert!(matches!(database.drop_collection("items"), Err(Error::UnknownCollection { .. })));
    // The old handle knows nothing any more, and says why.
    let vector = [1.0; DIM];
    assert!(items.is_empty() && !items.contains("7") && items.ids("", 10).is_empty());
    assert!(is_gone(items.get("7")) && is_gone(items.get_many(["7"])) && is_gone(items.stats()));
    assert!(is_gone(items.search(&vector).run()) && is_gone(items.similar("7").exact().run()) && is_gone(items.search(&vector).vector()));
    assert!(is_gone(items.search_many([&vector[..]]).run()));
    assert!(is_gone(items.upsert(item(7))) && is_gone(items.patch("7", &row! { "n" => 8 })) && is_gone(items.delete(["7"])));
    assert!(is_gone(items.build(&BuildOptions::default(), &NoProgress)) && is_gone(items.compact(&NoProgress)));
    assert!(is_gone(items.maintain(&NoProgress)) && is_gone(items.import().run([Ok(item(7))])));

    // The name is free, and means something new.
    let again = database.create_collection("items", CollectionOptions::vectors(2, Metric::Cosine)).unwrap();
    assert!(again.is_empty());
    again.upsert(Item::new("a").unwrap().with_vector([1.0, 0.0])).unwrap();
    assert!(is_gone(items.get("7")));
    assert_eq!(other.search(&vector).exact().k(100).run().unwrap().hits.len(), 50);
    assert!(database.verify(&NoProgress).unwrap().damage.is_empty());
    drop((items, other, again, database));

    let database = Database::builder(&path).background(false).open().unwrap();
    assert_eq!(database.collections(), ["items", "other"]);
    assert_eq!((database.collection("items").unwrap().len(), database.collection("other").unwrap().len()), (1, 50));
    assert!(database.verify(&NoProgress).unwrap().damage.is_empty());
    let left = database.disk_bytes().unwrap();
    assert!(left < disk, "{disk} bytes before, {left} after");
    // One that nobody has read since the database was opened.
    database.drop_collection("other").unwrap();
    drop(database);
    assert_eq!(Database::open(&path).unwrap().collections(), ["items"]);
}

/// Until the collection is dropped every answer is whole; from then on there is none.
#[test]
fn dropping_ends_what_is_under_way() {
    let database = Database::in_memory().unwrap();
    let items = database.create_collection("items", options().lists(16)).unwrap();
    items.upsert_many((0..4000).map(item)).unwrap();
    items.build(&BuildOptions::default(), &NoProgress).unwrap();
    let begun = AtomicUsize::new(0);
    let until_gone = |call: &dyn Fn(&Collection) -> bool| {
        let start = Instant::now();
        begun.fetch_add(1, Ordering::SeqCst);
        while !call(&items) {
            assert!(start.elapsed() < Duration::from_secs(60), "the collection is not gone");
        }
    };
    let vector = [3.0; DIM];
    let whole = |answer: torre::Result<torre::Answer>| match answer {
        Ok(answer) => {
            assert!(answer.hits.len() == 10 && answer.hits.iter().all(|hit| hit.fields.as_ref().is_some_and(|row| row.contains("n"))));
            false
        }
        error => is_gone(error),
    };
    thread::scope(|scope| {
        scope.spawn(|| until_gone(&|items| whole(items.search(&vector).fields(["n"]).run())));
        scope.spawn(|| until_gone(&|items| whole(items.search(&vector).exact().fields(["n"]).run())));
        scope.spawn(|| until_gone(&|items| is_gone(items.get("17"))));
        scope.spawn(|| until_gone(&|items| is_gone(items.upsert_many((5000..5100).map(item)))));
        scope.spawn(|| until_gone(&|items| is_gone(items.patch("19", &row! { "n" => 1 }))));
        while begun.load(Ordering::SeqCst) < 5 {
            thread::yield_now();
        }
        thread::sleep(Duration::from_millis(50));
        database.drop_collection("items").unwrap();
    });
    // The background goes on for the others.
    let other = database.create_collection("other", options().m(2).lists(8)).unwrap();
    other.upsert_many((0..12_000).map(item)).unwrap();
    let start = Instant::now();
    while other.stats().unwrap().generation == 1 {
        assert!(start.elapsed() < Duration::from_secs(120), "nobody looks after the other collection");
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn items_are_read_back_one_some_and_all() {
    let database = Database::in_memory().unwrap();
    let items = database.create_collection("items", options().m(2).lists(4)).unwrap();
    assert_eq!(items.items().count(), 0);
    items.upsert_many((0..700).map(item)).unwrap();
    items.build(&BuildOptions::default(), &NoProgress).unwrap();
    items.upsert_many((700..900).map(item)).unwrap();
    items.delete(["5", "750"]).unwrap();

    let some = items.get_many(["899", "nothing", "5", "3", "899", ""]).unwrap();
    let ids: Vec<Option<&str>> = some.iter().map(|item| item.as_ref().map(|item| item.id().as_str())).collect();
    assert_eq!(ids, [Some("899"), None, None, Some("3"), Some("899"), None]);
    assert_eq!(some[3], items.get("3").unwrap());
    assert_eq!(some[3].as_ref().unwrap().vector(), item(3).vector());

    let mut all: Vec<Item> = items.items().collect::<torre::Result<_>>().unwrap();
    all.sort_by_key(|item| item.id().as_str().parse::<u64>().unwrap());
    let expected: Vec<Item> =
        (0..900).filter(|n| ![5, 750].contains(n)).map(|n| item(n).with_row(row! { "n" => n, "id" => n.to_string() })).collect();
    assert_eq!(all, expected);
    // What changes on the way is read as it is by then, or not at all; nothing waits for the reader.
    let mut reader = items.items();
    let first = reader.next().unwrap().unwrap();
    items.delete((600..900).map(|n: u64| n.to_string())).unwrap();
    items.compact(&NoProgress).unwrap();
    let rest: Vec<Item> = reader.collect::<torre::Result<_>>().unwrap();
    assert!(rest.iter().all(|item| item.id() != first.id()) && rest.len() >= 598, "{}", rest.len());

    let many = items.similar_many(["1", "2"]).k(3).run().unwrap();
    for (id, answer) in ["1", "2"].into_iter().zip(&many) {
        assert_eq!(answer.hits, items.similar(id).k(3).run().unwrap().hits);
        assert!(answer.hits.len() == 3 && answer.ids().all(|hit| hit != id));
    }
    assert!(matches!(items.similar_many(["1", "none"]).run(), Err(Error::UnknownItem { id }) if id == "none"));
}

#[test]
fn fields_come_with_hits_and_misspelt_ones_are_refused() {
    let database = Database::in_memory().unwrap();
    let items = database.create_collection("items", options()).unwrap();
    items.upsert_many((0..3).map(item)).unwrap();
    let vector = item(2).vector().unwrap().to_vec();
    let answer = items.search(&vector).k(1).fields(["id", "n", "vector"]).run().unwrap();
    let expected: Row = row! { "id" => "2", "n" => 2, "vector" => vector.clone() };
    assert_eq!(answer.hits[0].fields, Some(expected));
    for error in [
        items.search(&vector).fields(["n", "m"]).run().map(drop).unwrap_err(),
        items.search_many([&vector[..]]).fields(["m"]).run().map(drop).unwrap_err(),
    ] {
        assert!(matches!(error, Error::InvalidOption { option: "fields", .. }), "{error}");
        assert!(error.to_string().contains("id, vector, n") && error.to_string().contains("\"m\""), "{error}");
    }
    let lenient = database.create_collection("lenient", options().lenient(true)).unwrap();
    lenient.upsert(item(1)).unwrap();
    assert_eq!(lenient.search(&vector).fields(["m"]).run().unwrap().hits[0].fields, Some(Row::new()));
    let taken = CollectionOptions::vectors(DIM, Metric::InnerProduct).field("vector:text".parse().unwrap()).unwrap();
    let error = database.create_collection("taken", taken).unwrap_err();
    assert!(error.to_string().contains("vector") && !database.contains_collection("taken"), "{error}");
}
