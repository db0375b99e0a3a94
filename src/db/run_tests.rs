//! How the rows of a run lie: list by list, whatever batches they came in, and with what belongs to them.
#![allow(clippy::unwrap_used)]

use crate::quantizer::testing::{clustered, in_turn};
use crate::segment::lists_of;
use crate::{BuildOptions, CollectionOptions, Database, Item, Metric, NoProgress};

const DIM: usize = 12;
const SEALED: usize = 4000;
const TAIL: usize = 3000;

#[test]
fn rows_of_a_run_lie_list_by_list_with_their_ids_and_vectors() {
    let vectors = clustered(SEALED + TAIL, DIM, 50, 3);
    for batches in [&[200][..], &[1, 63, 64, 500], &[7], &[1000]] {
        let database = Database::with_storage(torre_storage::Storage::in_memory(), false).unwrap();
        let items = database.create_collection("items", CollectionOptions::vectors(DIM, Metric::L2).lists(64)).unwrap();
        let item = |n: usize| Item::new(n.to_string()).unwrap().with_vector(vectors.row(n));
        items.upsert_many((0..SEALED).map(item)).unwrap();
        items.build(&BuildOptions::default(), &NoProgress).unwrap();
        for rows in in_turn(SEALED, SEALED + TAIL, batches) {
            items.upsert_many(rows.map(item)).unwrap();
        }
        items.delete((SEALED..SEALED + TAIL).step_by(7).map(|n| n.to_string())).unwrap();
        // More than the last run, so that runs are merged that have deleted rows.
        items.upsert_many((SEALED..SEALED + 900).map(item)).unwrap();
        let snapshot = items.core.shared.snapshot.load_full();
        let (mut live, mut listed) = (0, 0);
        for view in &snapshot.runs {
            let (run, lists) = (&view.body, view.body.lists(&snapshot.training));
            listed += if lists.is_some() { run.rows.len() } else { 0 };
            let of_rows: Vec<u32> = lists.map_or_else(|| vec![0; run.rows.len()], |lists| lists.of_rows().collect());
            if let Some(lists) = lists {
                let quantizer = snapshot.training.trained.as_ref().unwrap().engine.quantizer();
                assert_eq!(of_rows, lists_of(quantizer, run.vectors.iter()));
                for list in 0..64 {
                    assert!(lists.rows_of(list).all(|at| of_rows[at as usize] == list));
                }
                assert_eq!((0..64).map(|list| lists.rows_of(list).len()).sum::<usize>(), run.rows.len());
                assert!(lists.rows_of(64).is_empty() && lists.rows_of(u32::MAX - 1).is_empty());
            }
            let order: Vec<(u32, u64)> = of_rows.into_iter().zip(run.rows.numbers()).collect();
            assert!(order.is_sorted(), "batches of {batches:?}: within a list by number");
            for at in view.positions() {
                assert_eq!(run.vectors.row(at), vectors.row(run.rows.id(at).parse().unwrap()));
                live += 1;
            }
        }
        let kept = (SEALED..SEALED + TAIL).filter(|n| *n < SEALED + 900 || !(n - SEALED).is_multiple_of(7)).count();
        assert_eq!((live, listed * 2 > live), (kept, true), "batches of {batches:?}");
    }
}
