//! Operations on a database beside the same on a map, with filters over what it holds, reopening, power cuts and injected faults.
#![no_main]

mod common;

use std::collections::BTreeMap;
use std::sync::Arc;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use torre::filter::{Filter, Params};
use torre::{BuildOptions, CollectionOptions, Database, Error, Item, Metric, NoProgress, Refine, Result, Row, fuzzing, row};
use torre_storage::Storage;
use torre_storage::backend::fault::{Call, Durable, Failure, FaultBackend, Faults};

use common::model::{Known, State, check, expect, vector_of};

#[derive(Arbitrary, Debug)]
struct Case {
    dim: u8,
    metric: u8,
    refine: u8,
    m: u8,
    lists: u8,
    acts: Vec<Act>,
}

#[derive(Arbitrary, Debug)]
struct Act {
    fault: Option<Fault>,
    step: Step,
}

#[derive(Arbitrary, Debug)]
enum Step {
    Upsert(u8, [i8; 8], i8),
    UpsertMany(Vec<(u8, [i8; 8], i8)>),
    /// Many rows for few bytes.
    Fill {
        first: u8,
        count: u8,
        mark: i8,
    },
    Patch(u8, Option<i8>),
    /// Several as one: all, or none where one is not there.
    PatchMany(Vec<(u8, Option<i8>)>),
    Delete(Vec<u8>),
    DeleteFrom {
        first: u8,
        count: u8,
    },
    /// Ids onto one of four stored lists, and others off it.
    List {
        list: u8,
        keep: u8,
        on: Vec<u8>,
        off: Vec<u8>,
    },
    DropList(u8),
    Maintain,
    Build {
        m: u8,
        lists: u8,
        refine: u8,
        seed: u8,
    },
    Compact,
    Reopen,
    PowerCut {
        records: u8,
        blobs: u8,
    },
}

/// The n-th such call during the step fails; then the power goes with so many batches written.
#[derive(Arbitrary, Debug)]
struct Fault {
    call: u8,
    nth: u8,
    failure: u8,
    records: u8,
    blobs: u8,
}

/// Stored lists by name: how many ids each keeps, and the ids.
type Lists = BTreeMap<String, (usize, Vec<String>)>;

struct World {
    records: Arc<Durable>,
    blobs: Arc<Durable>,
    faults: Arc<Faults>,
    database: Database,
}

impl World {
    fn open(records: Arc<Durable>, blobs: Arc<Durable>) -> Self {
        let faults = Faults::new();
        let store = |durable: &Arc<Durable>| Box::new(FaultBackend::new(Arc::clone(durable), Arc::clone(&faults)));
        let storage = Storage::with_backend(store(&records), store(&blobs)).expect("it opens");
        let database = fuzzing::database(storage).expect("it opens");
        Self { records, blobs, faults, database }
    }

    fn reopen(self) -> Self {
        let Self { records, blobs, database, .. } = self;
        drop(database);
        Self::open(records, blobs)
    }

    /// What the power leaves: everything flushed, and so many of the other batches.
    fn cut(self, records: u8, blobs: u8) -> Self {
        let left = |durable: &Durable, batches: u8| durable.reopen(usize::from(batches));
        Self::open(left(&self.records, records), left(&self.blobs, blobs))
    }

    /// The stored lists; what queries leave out by them is as it should be.
    fn lists(&self) -> Lists {
        let items = self.database.collection("items").expect("the collection");
        let live = items.ids("", usize::MAX);
        let filter = Filter::parse("NOT IN LIST $list").expect("a filter");
        let mut lists = Lists::new();
        for list in items.lists("", usize::MAX) {
            let ids = items.list(&list.name).ids();
            let without = items.matching(&filter, &Params::new().with("list", list.name.as_str()));
            let mut without: Vec<String> = without.expect("an id needs no index").iter().map(ToString::to_string).collect();
            let mut expected: Vec<String> = live.iter().filter(|id| !ids.contains(id)).cloned().collect();
            without.sort_unstable();
            expected.sort_unstable();
            assert_eq!(without, expected, "{}", list.name);
            lists.insert(list.name, (list.keep as usize, ids));
        }
        lists
    }

    fn state(&self, metric: Metric) -> State {
        check(&self.database.collection("items").expect("the collection"), metric)
    }
}

fn metric(choice: u8) -> Metric {
    [Metric::L2, Metric::InnerProduct, Metric::Cosine][usize::from(choice) % 3]
}

fn refine(choice: u8) -> Refine {
    [Refine::Int8, Refine::F32, Refine::F16, Refine::None][usize::from(choice) % 4]
}

/// Does the step, and says what the state is when it was done.
fn apply(world: &World, step: &Step, dim: usize, metric: Metric, (state, lists): (&mut State, &mut Lists)) -> Result<()> {
    let items = world.database.collection("items")?;
    let mut put = |rows: Vec<(u8, Vec<f32>, i8)>| -> Result<()> {
        let item = |(id, vector, mark): &(u8, Vec<f32>, i8)| -> Result<Item> {
            Ok(Item::new(u64::from(*id))?.with_row(row! { "mark" => i32::from(*mark) }).with_vector(vector.clone()))
        };
        let done = items.upsert_many(rows.iter().map(item).collect::<Result<Vec<_>>>()?).map(drop);
        let refused = metric == Metric::Cosine && rows.iter().any(|(_, vector, _)| vector.iter().all(|x| *x == 0.0));
        if !refused {
            let known = |(id, vector, mark): (u8, Vec<f32>, i8)| (id.to_string(), Known::new(vector, Some(mark), metric));
            state.extend(rows.into_iter().map(known));
        }
        done
    };
    let exact = |numbers: &[i8; 8]| numbers[..dim].iter().map(|x| f32::from(*x)).collect::<Vec<_>>();
    match step {
        Step::Upsert(id, numbers, mark) => put(vec![(*id, exact(numbers), *mark)]),
        Step::UpsertMany(rows) => put(rows.iter().map(|(id, numbers, mark)| (*id, exact(numbers), *mark)).collect()),
        Step::Fill { first, count, mark } => {
            let ids = (0..*count).map(|n| first.wrapping_add(n));
            put(ids.map(|id| (id, vector_of(id, *mark, dim), *mark)).collect())
        }
        Step::Patch(id, mark) => {
            let changes: Row = row! { "mark" => mark.map(i32::from) };
            if let Some(known) = state.get_mut(&id.to_string()) {
                known.mark = *mark;
            }
            items.patch(&id.to_string(), &changes)
        }
        Step::PatchMany(patches) => {
            let patch = |(id, mark): &(u8, Option<i8>)| -> Result<Item> {
                Ok(Item::new(u64::from(*id))?.with_row(row! { "mark" => mark.map(i32::from) }))
            };
            if patches.iter().all(|(id, _)| state.contains_key(&id.to_string())) {
                for (id, mark) in patches {
                    state.entry(id.to_string()).and_modify(|known| known.mark = *mark);
                }
            }
            items.patch_many(patches.iter().map(patch).collect::<Result<Vec<_>>>()?).map(drop)
        }
        Step::Delete(ids) => {
            let ids: Vec<String> = ids.iter().map(u8::to_string).collect();
            state.retain(|id, _| !ids.contains(id));
            items.delete(&ids).map(drop)
        }
        Step::DeleteFrom { first, count } => {
            let ids: Vec<String> = (0..*count).map(|n| first.wrapping_add(n).to_string()).collect();
            state.retain(|id, _| !ids.contains(id));
            items.delete(&ids).map(drop)
        }
        Step::List { list, keep, on, off } => {
            let (name, keep) = (format!("list-{}", list % 4), usize::from(*keep) + 1);
            let ids = |ids: &[u8]| ids.iter().map(u8::to_string).collect::<Vec<_>>();
            let (on, off) = (ids(on), ids(off));
            // Three commits: a fault in the second leaves the first.
            let list = items.list(&name);
            let mut change = |change: &dyn Fn(&mut (usize, Vec<String>))| {
                let known = lists.entry(name.clone()).or_insert((100_000, vec![]));
                change(known);
                let more = known.1.len().saturating_sub(known.0);
                known.1.drain(..more);
            };
            list.keep(keep as u32)?;
            change(&|known| known.0 = keep);
            list.add(on.iter().map(String::as_str))?;
            change(&|(_, known)| {
                known.retain(|id| !on.contains(id));
                on.iter().for_each(|id| {
                    if !known.contains(id) {
                        known.push(id.clone())
                    }
                });
            });
            list.remove(&off)?;
            change(&|(_, known)| known.retain(|id| !off.contains(id)));
            Ok(())
        }
        Step::DropList(list) => {
            let name = format!("list-{}", list % 4);
            items.list(&name).drop()?;
            lists.remove(&name);
            Ok(())
        }
        Step::Maintain => items.maintain(&NoProgress),
        Step::Build { m, lists, refine: kind, seed } => {
            let options = BuildOptions::default().m(usize::from(*m % 10)).lists(usize::from(*lists % 20)).refine(refine(*kind));
            // Calibrated with two queries: with the collection's own rows, that would take most of the time.
            let options = options.seed(u64::from(*seed)).queries((1..3).map(|n| vector_of(n, n as i8, dim)).collect());
            items.build(&options, &NoProgress).map(drop)
        }
        Step::Compact => items.compact(&NoProgress).map(drop),
        Step::Reopen | Step::PowerCut { .. } => Ok(()),
    }
}

/// Errors that are the right answer to the step, faults aside; nothing has changed then.
fn fair(error: &Error, step: &Step, before: &BTreeMap<String, Known>) -> bool {
    match (error, step) {
        (Error::UnknownItem { id }, Step::Patch(..) | Step::PatchMany(..)) => !before.contains_key(id),
        (Error::ZeroVector { .. }, Step::Upsert(..) | Step::UpsertMany(_) | Step::Fill { .. }) => true,
        (Error::Unsupported { .. }, Step::Build { .. }) => before.is_empty(),
        (Error::InvalidOption { .. }, Step::Build { m, lists, .. }) => m % 10 == 0 || lists % 20 == 0,
        _ => false,
    }
}

fuzz_target!(|case: Case| {
    let (dim, metric) = (1 + usize::from(case.dim % 8), metric(case.metric));
    let mut world = World::open(Durable::new(), Durable::new());
    let options = CollectionOptions::vectors(dim, metric).lenient(true).refine(refine(case.refine));
    let options = options.field("mark:int index".parse().expect("a field")).expect("a name that is free");
    let options = options.m(1 + usize::from(case.m % 9)).lists(1 + usize::from(case.lists % 17));
    world.database.create_collection("items", options).expect("it can be created");
    let (mut state, mut lists) = (State::new(), Lists::new());
    for Act { fault, step } in case.acts.iter().take(24) {
        let before = state.clone();
        if let Some(Fault { call, nth, failure, .. }) = fault {
            let call = [Call::Read, Call::Write, Call::Flush][usize::from(call % 3)];
            let failures = [Failure::Io, Failure::IoAfter, Failure::DiskFull, Failure::Damage];
            // Only what is read can be damaged without a trace; a full disk does not fail a read.
            let kinds = if call == Call::Read { [0, 3, 0] } else { [0, 1, 2] };
            world.faults.fail(call, u64::from(nth % 64) + 1, failures[kinds[usize::from(failure % 3)]]);
        }
        let done = apply(&world, step, dim, metric, (&mut state, &mut lists));
        let failed = world.faults.hits() > 0;
        world.faults.heal();
        match (&done, fault) {
            (Err(error), _) if fair(error, step, &before) => state = before.clone(),
            (Err(error), _) => assert!(failed, "{step:?}: {error}"),
            (Ok(()), _) => {}
        }
        if failed {
            let either = |found: &State, when: &str| {
                let right = *found == state || (done.is_err() && *found == before);
                assert!(right, "{step:?}, {fault:?}, {done:?}, {when}: {found:?}");
            };
            either(&world.state(metric), "in the process that had the fault");
            let (records, blobs) = fault.as_ref().map_or((0, 0), |fault| (fault.records, fault.blobs));
            world = world.cut(records, blobs);
            let found = world.state(metric);
            either(&found, "after the power cut");
            state = found;
            // A step of lists is several commits, of which a fault may have cut off the last ones.
            let listed = world.lists();
            assert!(listed == lists || done.is_err(), "{step:?}, {fault:?}, {done:?}: {listed:?} is not {lists:?}");
            lists = listed;
        } else {
            match step {
                Step::Reopen => world = world.reopen(),
                Step::PowerCut { records, blobs } => world = world.cut(*records, *blobs),
                _ => {}
            }
            expect(&world.database.collection("items").expect("the collection"), &state, metric);
            assert_eq!(world.lists(), lists, "{step:?}");
            if !matches!(step, Step::Reopen | Step::PowerCut { .. }) {
                continue;
            }
        }
        let verified = world.database.verify(&NoProgress).expect("it can be verified");
        assert!(verified.damage.is_empty(), "{step:?}, {fault:?}: {:?}", verified.damage);
    }
    let world = world.reopen();
    expect(&world.database.collection("items").expect("the collection"), &state, metric);
});
