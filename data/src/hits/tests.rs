//! What is written reads back the same, and half of it is never there.
#![allow(clippy::unwrap_used)]

use std::path::Path;

use torre::{Answer, CollectionOptions, Database, Item, Metric, Row, Value};

use super::{HitFile, HitOptions, HitProblem, UserHits};
use crate::{ReadOptions, Source, read_integers};

/// Answers over items of these ids, nearest first in their order.
fn answers(ids: &[&str]) -> Vec<Answer> {
    let items = Database::in_memory().unwrap().create_collection("items", CollectionOptions::vectors(1, Metric::L2)).unwrap();
    items.upsert_many(ids.iter().enumerate().map(|(n, id)| Item::new(*id).unwrap().with_vector([0.5 + n as f32 / 4.0]))).unwrap();
    (0..ids.len()).map(|k| items.search(&[0.0]).k(k).run().unwrap()).collect()
}

fn write(path: &Path, k: usize, answers: &[Answer]) -> Result<(), HitProblem> {
    let mut file = HitFile::create(path, HitOptions { k, ranked: false }).map_err(|error| error.problem)?;
    for (n, answer) in answers.iter().enumerate() {
        file.add(&UserHits { user: &format!("u{n}"), answer: Some(answer) }).map_err(|error| error.problem)?;
    }
    file.add(&UserHits { user: "no,\"body\"", answer: None }).map_err(|error| error.problem)?;
    file.finish().map_err(|error| error.problem)
}

fn rows(path: &Path) -> Vec<Row> {
    let Source::Rows(mut reader) = Source::open(path, &ReadOptions::default().takes_ids(false)).unwrap() else { unreachable!() };
    std::iter::from_fn(|| reader.next_batch(100).unwrap()).flat_map(|batch| batch.rows).map(|row| row.row).collect()
}

#[test]
fn rows_of_users_read_back() {
    let folder = tempfile::tempdir().unwrap();
    let answers = answers(&["a", "b\n", "7", "c"]);
    for name in ["top.jsonl", "top.parquet"] {
        let path = folder.path().join(name);
        write(&path, 3, &answers).unwrap();
        let rows = rows(&path);
        assert_eq!(rows.len(), 5, "{name}");
        for (n, (row, answer)) in rows.iter().zip(&answers).enumerate() {
            assert_eq!(row.get("user"), Some(&Value::from(format!("u{n}"))), "{name}");
            let ids: Vec<Value> = answer.ids().map(Value::from).collect();
            assert_eq!(row.get("items").and_then(Value::as_list), Some(&ids[..]), "{name}");
            let scores: Vec<f32> = answer.hits.iter().map(|hit| hit.score).collect();
            let read = row.get("scores").and_then(Value::as_list).unwrap().iter().map(|x| x.as_f64().unwrap() as f32);
            assert_eq!(read.collect::<Vec<f32>>(), scores, "{name}");
        }
        assert!(rows[4].get("items").is_none_or(|items| *items == Value::Null), "{name}: {:?}", rows[4]);
        assert_eq!(rows[4].get("user"), Some(&Value::from("no,\"body\"")), "{name}");
    }
}

#[test]
fn a_table_of_numbers_has_a_row_a_user() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("top.npy");
    write(&path, 3, &answers(&["5", "0", "9000000000"])).unwrap();
    let table = read_integers(&path).unwrap();
    assert_eq!((table.width, table.values), (3, vec![-1, -1, -1, 5, -1, -1, 5, 0, -1, -1, -1, -1]));
    for id in ["x", "07", "-1", "+1", "9223372036854775808"] {
        let refused = write(&path, 1, &answers(&[id, "1"]));
        assert!(matches!(&refused, Err(HitProblem::NotANumber { user, id: of }) if user == "u1" && of == id), "{refused:?}");
    }
    assert_eq!(read_integers(&path).unwrap().values.len(), 12, "what was there before still is");
}

#[test]
fn cells_with_commas_and_quotes_are_quoted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("top.csv");
    write(&path, 2, &answers(&["a,b", "c\"d", "e"])).unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    assert_eq!(text, "user,rank,item,score\nu1,1,\"a,b\",-0.25\nu2,1,\"a,b\",-0.25\nu2,2,\"c\"\"d\",-0.5625\n");
}

#[test]
fn a_file_stands_there_when_it_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    let names = || std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect::<Vec<_>>();
    for name in ["top.jsonl", "top.csv", "top.npy", "top.parquet"] {
        let path = folder.path().join(name);
        let mut file = HitFile::create(&path, HitOptions { k: 1, ranked: false }).unwrap();
        file.add(&UserHits { user: "u", answer: Some(&answers(&["1", "2"])[1]) }).unwrap();
        assert!(!path.exists() && names().len() == 1, "{name}");
        drop(file);
        assert!(names().is_empty(), "{name}: {:?}", names());
    }
    for name in ["top.jsonl.gz", "top.fvecs", "top", "top.json"] {
        let refused = HitFile::create(&folder.path().join(name), HitOptions::default()).map(|_| ()).unwrap_err();
        assert!(matches!(refused.problem, HitProblem::Format { .. }), "{name}");
    }
    assert!(names().is_empty());
    std::fs::create_dir(folder.path().join("dir.csv")).unwrap();
    assert!(HitFile::create(&folder.path().join("dir.csv"), HitOptions::default()).is_err());
    assert!(HitFile::create(&folder.path().join("none/top.csv"), HitOptions::default()).is_err());
}
