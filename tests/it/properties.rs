//! Random operations against a model that is a map and a loop; see `sizes` for what holds at awkward sizes.
//!
//! `PROPTEST_CASES` makes more cases than the few of a normal run (256 is as many as that). proptest prints what failed, made as
//! small as it can, and keeps its seed in `proptest-regressions`.

use proptest::prelude::*;
use torre::{BuildOptions, Collection, CollectionOptions, Database, Durability, Item, Metric, NoProgress, Refine, row};

use crate::model::{Ask, Model, Stored};
use crate::random::Random;

const DIM: usize = 6;
const IDS: u64 = 80;

#[derive(Clone, Debug)]
enum Op {
    /// Ids and the seeds of their vectors; an id may come twice.
    Upsert(Vec<(u64, u64)>),
    /// With the seed of a new vector, or without.
    Patch(u64, Option<u64>),
    Delete(Vec<u64>),
    Maintain,
    Build {
        m: usize,
        lists: usize,
        refine: Refine,
        seed: u64,
    },
    Compact,
    Reopen,
    /// Seed, k, offset, ids to leave out, the lowest score.
    Search(u64, usize, usize, Vec<u64>, Option<f32>),
    Similar(u64),
    Compare,
}

fn op() -> impl Strategy<Value = Op> {
    let ids = |most: usize| prop::collection::vec(0..IDS, 0..most);
    let seed = 0..1000u64;
    let refine = prop::sample::select(vec![Refine::None, Refine::Int8, Refine::F16, Refine::F32]);
    prop_oneof![
        6 => prop::collection::vec((0..IDS, seed.clone()), 0..70).prop_map(Op::Upsert),
        2 => (0..IDS, prop::option::of(seed.clone())).prop_map(|(id, seed)| Op::Patch(id, seed)),
        3 => ids(40).prop_map(Op::Delete),
        2 => Just(Op::Maintain),
        2 => (1..7usize, 1..6usize, refine, seed.clone()).prop_map(|(m, lists, refine, seed)| Op::Build { m, lists, refine, seed }),
        2 => Just(Op::Compact),
        1 => Just(Op::Reopen),
        6 => (seed, 0..100usize, 0..20usize, ids(20), prop::option::of(-2.0..1.0f32))
            .prop_map(|(seed, k, offset, exclude, score)| Op::Search(seed, k, offset, exclude, score)),
        1 => (0..IDS).prop_map(Op::Similar),
        2 => Just(Op::Compare),
    ]
}

fn vector(seed: u64) -> Vec<f32> {
    // Some vectors are equal, some are each other's opposite.
    Random::new(seed / 2).vector(DIM).iter().map(|x| if seed.is_multiple_of(10) { -x } else { *x }).collect()
}

/// The collection under test, and where it is opened from again.
struct Subject {
    directory: Option<tempfile::TempDir>,
    open: Option<(Database, Collection)>,
}

impl Subject {
    fn new(metric: Metric, on_disk: bool) -> Self {
        let directory = on_disk.then(|| tempfile::tempdir().unwrap());
        let options = CollectionOptions::vectors(DIM, metric).field("mark:int".parse().unwrap()).unwrap();
        let mut subject = Self { directory, open: None };
        let database = subject.database();
        let items = database.create_collection("items", options).unwrap();
        subject.open = Some((database, items));
        subject
    }

    fn database(&self) -> Database {
        match &self.directory {
            None => Database::in_memory().unwrap(),
            Some(directory) => {
                let builder = Database::builder(directory.path().join("db")).create(true).background(false);
                builder.durability(Durability::Batched(std::time::Duration::from_secs(5))).open().unwrap()
            }
        }
    }

    fn items(&self) -> &Collection {
        &self.open.as_ref().unwrap().1
    }

    fn reopen(&mut self) {
        if self.directory.is_some() {
            self.open = None;
            let database = self.database();
            let items = database.collection("items").unwrap();
            self.open = Some((database, items));
        }
    }

    fn apply(&mut self, model: &mut Model, op: Op, mark: i64) -> Result<(), String> {
        let failed = |error: torre::Error| error.to_string();
        let items = self.items();
        match op {
            Op::Upsert(rows) => {
                let item = |&(id, seed): &(u64, u64)| Item::new(id).unwrap().with_row(row! { "mark" => mark }).with_vector(vector(seed));
                items.upsert_many(rows.iter().map(item)).map_err(failed)?;
                model.rows.extend(rows.into_iter().map(|(id, seed)| (id.to_string(), Stored { vector: vector(seed), mark })));
            }
            Op::Patch(id, seed) => {
                let mut changes = row! { "mark" => mark };
                if let Some(seed) = seed {
                    changes.insert("vector", vector(seed));
                }
                let (id, patched) = (id.to_string(), items.patch(&id.to_string(), &changes));
                match model.rows.get_mut(&id) {
                    Some(row) => {
                        patched.map_err(failed)?;
                        row.mark = mark;
                        row.vector = seed.map_or_else(|| row.vector.clone(), vector);
                    }
                    None => drop(patched.expect_err("patching what is not there")),
                }
            }
            Op::Delete(ids) => {
                let deleted = items.delete(ids.iter().map(u64::to_string)).map_err(failed)?;
                let before = model.rows.len();
                model.rows.retain(|id, _| !ids.iter().any(|other| other.to_string() == *id));
                if deleted != (before - model.rows.len()) as u64 {
                    return Err(format!("{deleted} were deleted of {ids:?}"));
                }
            }
            Op::Maintain => items.maintain(&NoProgress).map_err(failed)?,
            Op::Build { m, lists, refine, seed } => {
                let built = items.build(&BuildOptions::default().m(m).lists(lists).refine(refine).seed(seed), &NoProgress);
                if !model.rows.is_empty() {
                    built.map_err(failed)?;
                }
            }
            Op::Compact => drop(items.compact(&NoProgress).map_err(failed)?),
            Op::Reopen => self.reopen(),
            Op::Search(seed, k, offset, exclude, min_score) => {
                let exclude = exclude.iter().map(u64::to_string).collect();
                model.ask(items, &Ask { vector: vector(seed), k, offset, exclude, min_score })?;
            }
            Op::Similar(id) => {
                let id = id.to_string();
                let answer = items.similar(&id).k(20).exact().run();
                match model.rows.get(&id) {
                    None => drop(answer.expect_err("like what is not there")),
                    Some(row) => {
                        let ask = Ask { vector: row.vector.clone(), k: 20, exclude: vec![id], ..Ask::default() };
                        model.check(&ask, &answer.map_err(failed)?, 1e-5)?;
                    }
                }
            }
            Op::Compare => model.compare(items, &vector(1))?,
        }
        Ok(())
    }
}

fn run(ops: Vec<Op>, metric: Metric, on_disk: bool) -> Result<(), TestCaseError> {
    let mut subject = Subject::new(metric, on_disk);
    let mut model = Model::new(metric);
    for (step, op) in ops.into_iter().chain([Op::Reopen, Op::Compare]).enumerate() {
        let name = format!("{op:?}");
        subject.apply(&mut model, op, step as i64).map_err(|error| TestCaseError::fail(format!("step {step}, {name}: {error}")))?;
    }
    let damage = subject.open.as_ref().unwrap().0.verify(&NoProgress).unwrap().damage;
    prop_assert_eq!(damage, []);
    Ok(())
}

/// A share of proptest's own number of cases.
fn cases(share: u32) -> ProptestConfig {
    let config = ProptestConfig::default();
    ProptestConfig { cases: (config.cases / share).max(1), ..config }
}

fn metric() -> impl Strategy<Value = Metric> {
    prop::sample::select(vec![Metric::InnerProduct, Metric::Cosine, Metric::L2])
}

proptest! {
    #![proptest_config(cases(1))]
    #[test]
    fn operations_in_memory_do_what_the_model_does(metric in metric(), ops in prop::collection::vec(op(), 1..40)) {
        run(ops, metric, false)?;
    }
}

proptest! {
    #![proptest_config(cases(20))]
    #[test]
    fn operations_on_disk_do_what_the_model_does(metric in metric(), ops in prop::collection::vec(op(), 1..40)) {
        run(ops, metric, true)?;
    }
}
