//! The n-th read, write or flush fails, for every n of a small workload: nothing acknowledged is lost, nothing half-done is seen.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeMap;
use std::sync::Arc;

use torre_storage::Storage;
use torre_storage::backend::fault::{Call, Durable, ERRORS, Failure, FaultBackend, Faults};

use crate::ranker::testing::Table;
use crate::rules::Policy;
use crate::{BuildOptions, CollectionOptions, Database, Error, Item, Matrix, Metric, NoProgress, RankerSource, Result, row};

type State = BTreeMap<String, i64>;
/// A step of the workload: does it, and says what the state is afterwards.
type Step = (fn(&Database) -> Result<()>, fn(&mut State));

fn item(number: i64, mark: i64) -> Item {
    let vector = [number as f32, (number * number % 17) as f32, mark as f32, 1.0];
    Item::new(number).unwrap().with_row(row! { "mark" => mark }).with_vector(vector)
}

/// Another mark, and nothing else, for an item.
fn marked(number: i64, mark: i64) -> Item {
    Item::new(number).unwrap().with_row(row! { "mark" => mark })
}

fn put(state: &mut State, numbers: std::ops::Range<i64>, mark: i64) {
    state.extend(numbers.map(|number| (number.to_string(), mark)));
}

fn attach(database: &Database, score: i64) -> Result<()> {
    let onnx = Table::stump(score as f32, 0.0).to_onnx();
    database.collection("items")?.attach_ranker("second", &RankerSource::new(onnx))
}

fn set_policy(database: &Database, pinned: i64) -> Result<()> {
    database.collection("items")?.set_policy("rules", &Policy::new().pin(pinned.to_string(), 1)).map(drop)
}

/// Upserts, deletions, patches, with a build, a seal and a compaction between them; a ranker that is attached, replaced and detached, a stored list, and a
/// policy that is set, set again and dropped.
const STEPS: [Step; 21] = [
    (
        |database| {
            database
                .create_collection(
                    "items",
                    CollectionOptions::vectors(4, Metric::L2).field("mark:int index".parse()?)?.field("f0:float".parse()?)?.m(2).lists(2),
                )
                .map(drop)
        },
        |_| {},
    ),
    (|db| db.collection("items")?.upsert_many((0..40).map(|n| item(n, 1))).map(drop), |state| put(state, 0..40, 1)),
    (|db| db.collection("items")?.build(&BuildOptions::default(), &NoProgress).map(drop), |_| {}),
    (|db| db.collection("items")?.upsert_many((30..60).map(|n| item(n, 2))).map(drop), |state| put(state, 30..60, 2)),
    (|db| db.collection("items")?.delete(["3", "35", "59"]).map(drop), |state| state.retain(|id, _| !["3", "35", "59"].contains(&&**id))),
    (|db| db.collection("items")?.list("seen").add(["1", "2"]).map(drop), |state| state.extend([(SEEN.to_owned(), 2)])),
    (|db| attach(db, 5), |state| state.extend([(RANKER.to_owned(), 5)])),
    (|db| set_policy(db, 8), |state| state.extend([(POLICY.to_owned(), 108)])),
    (|db| db.collection("items")?.maintain(&NoProgress), |_| {}),
    (|db| attach(db, 6), |state| state.extend([(RANKER.to_owned(), 6)])),
    (|db| set_policy(db, 9), |state| state.extend([(POLICY.to_owned(), 209)])),
    (|db| db.collection("items")?.patch("7", &row! { "mark" => 9 }), |state| state.extend([("7".to_owned(), 9)])),
    (|db| db.collection("items")?.patch_many((5..20).map(|n| marked(n, 10))).map(drop), |state| put(state, 5..20, 10)),
    (|db| db.collection("items")?.upsert_many((70..75).map(|n| item(n, 3))).map(drop), |state| put(state, 70..75, 3)),
    (|db| db.collection("items")?.patch_many((15..25).map(|n| marked(n, 11))).map(drop), |state| put(state, 15..25, 11)),
    (|db| db.collection("items")?.compact(&NoProgress).map(drop), |_| {}),
    (|db| db.collection("items")?.list("seen").add(["3"]).map(drop), |state| state.extend([(SEEN.to_owned(), 3)])),
    (|db| db.collection("items")?.delete(["74"]).map(drop), |state| state.retain(|id, _| id != "74")),
    (|db| db.collection("items")?.detach_ranker("second"), |state| state.retain(|id, _| id != RANKER)),
    (|db| db.collection("items")?.list("seen").drop().map(drop), |state| state.retain(|id, _| id != SEEN)),
    (|db| db.collection("items")?.drop_policy("rules"), |state| state.retain(|id, _| id != POLICY)),
];

/// What stands for the stored list in a state, with the number of ids on it.
const SEEN: &str = "(seen)";

/// What stands for the ranker in a state, with its score of nothing.
const RANKER: &str = "(ranker)";

/// What stands for the policy in a state, with its version in hundreds and the item that it pins.
const POLICY: &str = "(policy)";

fn read(database: &Database) -> Result<State> {
    let items = match database.collection("items") {
        Err(Error::UnknownCollection { .. }) => return Ok(State::new()),
        found => found?,
    };
    let mut state = State::new();
    for id in items.ids("", usize::MAX) {
        let found = items.get(&id)?.ok_or_else(|| Error::UnknownItem { id: id.clone() })?;
        let mark = found.row().get("mark").and_then(crate::Value::as_f64).map_or(-1, |mark| mark as i64);
        // What is there is also found, by its own vector.
        let hit = items.search(found.vector().unwrap()).k(1).exact().run()?;
        assert_eq!(hit.ids().next(), Some(&*id));
        state.insert(id, mark);
    }
    state.extend(items.lists("", usize::MAX).iter().map(|list| (SEEN.to_owned(), list.ids as i64)));
    for name in items.rankers() {
        let missing = Matrix::from_vec(1, vec![f32::NAN]).unwrap();
        state.insert(RANKER.to_owned(), items.ranker(&name)?.score(&missing)?[0] as i64);
    }
    for (name, version) in items.policies() {
        let (policy, _) = items.policy(&name)?;
        state.insert(POLICY.to_owned(), version as i64 * 100 + policy.pin[0].id.parse::<i64>().unwrap());
    }
    Ok(state)
}

struct Disk {
    records: Arc<Durable>,
    blobs: Arc<Durable>,
}

impl Disk {
    fn open(&self, faults: &Arc<Faults>) -> Result<Database> {
        let store = |durable: &Arc<Durable>| Box::new(FaultBackend::new(Arc::clone(durable), Arc::clone(faults)));
        Database::with_storage(Storage::with_backend(store(&self.records), store(&self.blobs))?, false)
    }

    /// What a power cut leaves, with the first `batches` unflushed batches.
    fn cut(&self, batches: usize) -> Self {
        Self { records: self.records.reopen(batches), blobs: self.blobs.reopen(batches) }
    }
}

/// Runs the workload until a step fails; returns the state before that step, the one after it, and the error.
fn run(database: &Database) -> (State, State, Option<Error>) {
    let mut state = State::new();
    for (step, effect) in STEPS {
        let before = state.clone();
        effect(&mut state);
        if let Err(error) = step(database) {
            return (before, state, Some(error));
        }
    }
    (state.clone(), state, None)
}

#[test]
fn the_nth_fault_of_every_kind_loses_nothing_acknowledged() {
    let mut failed = 0;
    for (call, failure) in ERRORS {
        for nth in 1.. {
            let disk = Disk { records: Durable::new(), blobs: Durable::new() };
            let faults = Arc::new(Faults::default());
            let database = disk.open(&faults).unwrap();
            faults.fail(call, nth, failure);
            let (before, after, error) = run(&database);
            if faults.hits() == 0 {
                assert!(error.is_none() && nth > 5, "{call:?} {nth}: {error:?}");
                break;
            }
            failed += 1;
            let which = format!("{call:?} {nth} {failure:?}: {error:?}");
            faults.heal();
            // Reads go on in the process that had the fault, and show one of the two states: that after the step only where it was done.
            let seen = read(&database).unwrap_or_else(|error| panic!("{which}: reading: {error}"));
            assert!(seen == before || seen == after, "{which}: {seen:?}");
            // A refusal changes nothing; after anything else writing stops, and says what to do.
            if error.is_some() && call != Call::Read {
                let again = database.collection("items").and_then(|items| items.upsert(item(1000, 1)).map(drop));
                match again {
                    Ok(()) => assert_eq!(failure, Failure::DiskFull, "{which}"),
                    Err(Error::UnknownCollection { .. }) => {}
                    Err(error) => assert!(error.to_string().contains("open the database again"), "{which}: {error}"),
                }
            }
            let wrote = database.collection("items").is_ok_and(|items| items.contains("1000"));
            // The power goes; of what was not flushed, nothing, one batch or all is there.
            for batches in [0, 1, usize::MAX] {
                let left = disk.cut(batches).open(&Arc::new(Faults::default())).unwrap_or_else(|error| panic!("{which}: opening: {error}"));
                let mut found = read(&left).unwrap_or_else(|error| panic!("{which}: {batches}: {error}"));
                assert_eq!(found.remove("1000").is_some(), wrote, "{which}: {batches}");
                assert!(found == before || found == after, "{which}: {batches} batches: {found:?}");
                assert!(error.is_some() || found == after, "{which}: {batches} batches: acknowledged and lost");
                assert_eq!(left.verify(&NoProgress).unwrap().damage, [], "{which}: {batches} batches");
                // What comes next is as good as ever: also under the row numbers that it gets.
                let Ok(items) = left.collection("items") else { continue };
                items.upsert_many((2000..2010).map(|n| item(n, 5))).unwrap();
                found.extend((2000..2010).map(|n| (n.to_string(), 5)));
                found.extend(wrote.then(|| ("1000".to_owned(), 1)));
                assert_eq!(read(&left).unwrap(), found, "{which}");
            }
        }
    }
    println!("{failed} faults");
    assert!(failed > 100);
}

#[test]
fn a_tombstone_left_by_a_seal_cut_short_does_not_fall_on_a_new_row() {
    let disk = Disk { records: Durable::new(), blobs: Durable::new() };
    let faults = Arc::new(Faults::default());
    let database = disk.open(&faults).unwrap();
    let items = database.create_collection("items", CollectionOptions::vectors(4, Metric::L2).lenient(true).m(2).lists(2)).unwrap();
    items.upsert_many((0..40).map(|n| item(n, 1))).unwrap();
    items.build(&BuildOptions::default(), &NoProgress).unwrap();
    items.upsert_many((40..50).map(|n| item(n, 1))).unwrap();
    // The last row of the tail is deleted; the seal drops its record, and then the power goes.
    items.delete(["49"]).unwrap();
    let mut cut = None;
    for nth in 1..20 {
        let copy = disk.cut(0);
        let faults = Arc::new(Faults::default());
        let database = copy.open(&faults).unwrap();
        let items = database.collection("items").unwrap();
        faults.fail(Call::Write, nth, Failure::Io);
        if items.maintain(&NoProgress).is_ok() {
            cut = Some(nth);
            break;
        }
        let left = copy.cut(0);
        {
            let database = left.open(&Arc::new(Faults::default())).unwrap();
            database.collection("items").unwrap().upsert(item(100, 7)).unwrap();
        }
        let database = left.open(&Arc::new(Faults::default())).unwrap();
        assert!(database.collection("items").unwrap().contains("100"), "write {nth} failed, and then an acknowledged row was lost");
    }
    assert!(cut.is_some_and(|nth| nth > 3));
}
