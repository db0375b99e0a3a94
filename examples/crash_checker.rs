//! Checks what a crash of `crash_writer` left: `crash_checker DIR N`. Everything up to change `N` is there, whole, and found by its id and its
//! vector; of what came after, each thread's next change is there whole or not at all; nothing else is there; rankers and policies
//! are those of the last step that was made, or of the next; `verify` finds nothing.

use std::collections::BTreeSet;
use std::path::Path;

use torre::{Collection, Database, Error, NoProgress};

#[path = "crash/policies.rs"]
mod policies;
#[path = "crash/rankers.rs"]
mod rankers;
#[path = "crash/steps.rs"]
mod steps;
#[path = "crash/workload.rs"]
mod workload;
use workload::{DIM, State, THREADS, apply, cursor, first, vector};

type Outcome = std::result::Result<String, Box<dyn std::error::Error>>;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [path, acked] = arguments.as_slice() else {
        eprintln!("usage: crash_checker DIR N");
        std::process::exit(2);
    };
    match acked.parse().map_err(Into::into).and_then(|acked| check(Path::new(path), acked)) {
        Ok(saw) => println!("{saw}"),
        Err(error) => {
            println!("{error}");
            std::process::exit(1);
        }
    }
}

fn check(path: &Path, acked: u64) -> Outcome {
    let database = match Database::builder(path).background(false).open() {
        // Killed while it was made.
        Err(Error::Storage(error)) if acked == 0 && !error.is_damage() => return Ok(format!("nothing yet: {error}")),
        opened => opened?,
    };
    let items = match database.collection("items") {
        Err(Error::UnknownCollection { .. }) if acked == 0 => return Ok("no collection yet".to_owned()),
        found => found?,
    };
    let mut expected = 0;
    for thread in 0..THREADS {
        expected += check_thread(&items, thread, acked)?;
    }
    expected += check_rankers(&items)? + check_policies(&items)?;
    let ids = items.ids("", usize::MAX);
    if ids.len() as u64 != expected || items.len() != expected || ids.iter().collect::<BTreeSet<_>>().len() != ids.len() {
        return Err(format!("{} ids, {} rows, where {expected} are explained", ids.len(), items.len()).into());
    }
    check_search(&items, &ids)?;
    let report = database.verify(&NoProgress)?;
    if let Some(damage) = report.damage.first() {
        return Err(format!("verify: {}: {} ({} in all)", damage.part, damage.what, report.damage.len()).into());
    }
    Ok(format!("{expected} rows, {} segments, {} tombstones, acked {acked}", report.segments, report.tombstones))
}

/// Compares the rankers with the model; returns how many items say so.
fn check_rankers(items: &Collection) -> Result<u64, Box<dyn std::error::Error>> {
    let (last, found) = (steps::last(items, rankers::CURSOR)?, rankers::found(items)?);
    let mut scores = rankers::Scores::new();
    (1..=last).for_each(|step| rankers::apply(&mut scores, step));
    if found != scores {
        rankers::apply(&mut scores, last + 1);
    }
    if found != scores {
        return Err(format!("the rankers {found:?} are explained neither before nor after step {}", last + 1).into());
    }
    Ok(items.get(rankers::CURSOR)?.is_some().into())
}

/// Compares the policies with the model; returns how many items say so.
fn check_policies(items: &Collection) -> Result<u64, Box<dyn std::error::Error>> {
    let (last, found) = (steps::last(items, policies::CURSOR)?, policies::found(items)?);
    let mut kept = policies::Kept::new();
    (1..=last).try_for_each(|step| policies::apply(&mut kept, step))?;
    if found != kept {
        policies::apply(&mut kept, last + 1)?;
    }
    if found != kept {
        return Err(format!("the policies {found:?} are explained neither before nor after step {}", last + 1).into());
    }
    Ok(items.get(policies::CURSOR)?.is_some().into())
}

/// Compares a thread's items with the model; returns how many there are, the cursor included.
fn check_thread(items: &Collection, thread: u64, acked: u64) -> Result<u64, Box<dyn std::error::Error>> {
    let last = match items.get(&cursor(thread))? {
        None => None,
        Some(item) => Some(item.row().get("op").and_then(torre::Value::as_f64).ok_or("a cursor without a number")? as u64),
    };
    let next = last.map_or(first(thread), |last| last + THREADS);
    if next + THREADS <= acked {
        return Err(format!("thread {thread} comes up before change {next}, and {acked} was acknowledged").into());
    }
    let mut state = State::new();
    (first(thread)..next).step_by(THREADS as usize).for_each(|n| apply(&mut state, n));
    let found = read(items, thread)?;
    if next <= acked || found != state {
        let before = std::mem::take(&mut state);
        state = before.clone();
        apply(&mut state, next);
        if found != state {
            let wrong = found
                .iter()
                .find(|(id, found)| state.get(*id) != Some(found))
                .or_else(|| state.iter().find(|(id, _)| !found.contains_key(*id)));
            return Err(format!("thread {thread}: {wrong:?} is explained neither before nor after change {next}; acked {acked}").into());
        }
    }
    Ok(found.len() as u64 + u64::from(last.is_some()))
}

/// What is there of a thread, each with the vector that belongs to it.
fn read(items: &Collection, thread: u64) -> Result<State, Box<dyn std::error::Error>> {
    let mut state = State::new();
    for id in items.ids(&format!("{thread}-"), usize::MAX) {
        let item = items.get(&id)?.ok_or_else(|| format!("{id} is listed and not there"))?;
        let number = |name: &str| item.row().get(name).and_then(torre::Value::as_f64).map(|n| n as u64);
        let op = number("op").ok_or_else(|| format!("{id} has lost its fields"))?;
        if item.id().as_str() != id || item.vector() != Some(&vector(&id, op)) {
            return Err(format!("{id} has another vector than change {op} gave it").into());
        }
        state.insert(id, (op, number("patched")));
    }
    Ok(state)
}

/// Every item is the nearest to its own vector: by an exact scan, and by the index with all lists probed.
fn check_search(items: &Collection, ids: &[String]) -> Result<(), Box<dyn std::error::Error>> {
    let mut vectors: Vec<Vec<f32>> = Vec::with_capacity(ids.len());
    for id in ids {
        let item = items.get(id)?.ok_or_else(|| format!("{id} is gone"))?;
        vectors.push(item.vector().filter(|vector| vector.len() == DIM).ok_or_else(|| format!("{id} has no vector"))?.to_vec());
    }
    for exact in [true, false] {
        let batch = items.search_many(vectors.iter().map(Vec::as_slice)).k(1);
        let answers = if exact { batch.exact().run()? } else { batch.nprobe(16).run()? };
        for (id, answer) in ids.iter().zip(&answers) {
            let hit = answer.ids().next();
            if hit != Some(id.as_str()) {
                return Err(format!("a search (exact: {exact}) by the vector of {id} finds {hit:?}").into());
            }
        }
    }
    Ok(())
}
