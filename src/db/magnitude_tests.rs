//! Rows that are stored and that the gate would refuse today: made by a version without one.
#![allow(clippy::unwrap_used)]

use crate::features::Row;
use crate::ingest::{NewRow, Op};
use crate::types::ItemId;
use crate::{BuildOptions, CollectionOptions, Database, Error, Metric, NoProgress, Refine};

fn put(n: u64, vector: [f32; 2]) -> Op {
    let id = ItemId::new(n.to_string()).unwrap();
    let mut row = Row::new();
    row.insert("id", n.to_string());
    Op::Put(NewRow { id, vector: vector.to_vec(), features: row.to_bytes() })
}

#[test]
fn rows_that_the_gate_refuses_are_built_searched_and_left_out_by_salvage() {
    for metric in [Metric::InnerProduct, Metric::L2] {
        for (refine, huge) in [(Refine::Int8, 2e19), (Refine::F16, 1e30), (Refine::F32, f32::MAX), (Refine::None, 2e19)] {
            let directory = tempfile::tempdir().unwrap();
            let (path, out) = (directory.path().join("db"), directory.path().join("out"));
            let database = Database::builder(&path).create(true).background(false).open().unwrap();
            let items = database.create_collection("items", CollectionOptions::vectors(2, metric).refine(refine)).unwrap();
            let ordinary = (1..200).map(|n| put(n, [n as f32 / 10.0, (n % 7) as f32]));
            items.put_as_stored(ordinary.chain([put(0, [huge, 0.0]), put(777, [0.0, -huge])]).collect()).unwrap();
            for built in [false, true] {
                if built {
                    items.build(&BuildOptions::default(), &NoProgress).unwrap();
                }
                for exact in [false, true] {
                    let query = items.search(&[1.0, 0.5]).k(201);
                    let answer = if exact { query.exact() } else { query }.run().unwrap();
                    assert_eq!(answer.hits.len(), 201);
                    assert!(answer.hits.iter().all(|hit| hit.score.is_finite()), "{metric} {refine:?} {huge}");
                }
            }
            drop((items, database));
            assert!(Database::verify_at(&path, &NoProgress).unwrap().is_sound(), "{metric} {refine:?}");
            let report = Database::salvage(&path, &out, &NoProgress).unwrap();
            assert_eq!((report.rows, report.lost.len()), (199, 2), "{:?}", report.lost);
            assert!(report.lost[0].what.contains("\"0\"") && report.lost[1].what.contains("\"777\""), "{:?}", report.lost);
            let saved = Database::open(&out).unwrap();
            assert_eq!(saved.collection("items").unwrap().search(&[1.0, 0.5]).k(5).run().unwrap().hits.len(), 5);
        }
    }
}

#[test]
fn a_dump_with_such_a_row_is_refused_by_its_line() {
    let directory = tempfile::tempdir().unwrap();
    let (dump, out) = (directory.path().join("dump"), directory.path().join("out"));
    let database = Database::in_memory().unwrap();
    let items = database.create_collection("items", CollectionOptions::vectors(2, Metric::L2)).unwrap();
    items.put_as_stored(vec![put(1, [1.0, 2.0]), put(2, [1.0, 2e19])]).unwrap();
    database.dump(&dump, &NoProgress).unwrap();
    let error = Database::load(&out, &dump, &NoProgress).unwrap_err();
    let text = error.to_string();
    assert!(matches!(error, Error::InvalidDump { .. }) && text.contains("line 2") && text.contains("2e19"), "{text}");
    assert!(!out.exists());
}
