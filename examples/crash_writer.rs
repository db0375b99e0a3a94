//! Writes for ever, and prints `ACK <n>` once the changes 1 to `n` are durable: `crash_writer DIR`. It goes on where it was killed.
//!
//! What it may leave behind, `crash_checker` says. Meanwhile the tail is sealed, segments are compacted,
//! quantizers are trained, rankers attached, replaced and detached, and policies set, replaced and dropped.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Duration;

use torre::{BuildOptions, Collection, Database, Error, NoProgress, Result};

#[path = "crash/policies.rs"]
mod policies;
#[path = "crash/rankers.rs"]
mod rankers;
#[path = "crash/steps.rs"]
mod steps;
#[path = "crash/workload.rs"]
mod workload;
use workload::{Change, THREADS, change, cursor, first, id, item, patch};

fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    let path: PathBuf = std::env::args_os().nth(1).ok_or("usage: crash_writer DIR")?.into();
    let database = Database::builder(path).create(true).open()?;
    let items = match database.collection("items") {
        Err(Error::UnknownCollection { .. }) => database.create_collection("items", workload::options()?)?,
        found => found?,
    };
    let next: Vec<u64> = (0..THREADS).map(|thread| resume(&items, thread)).collect::<Result<_>>()?;
    let acks = Mutex::new(Acks { below: next.iter().copied().min().unwrap_or(1), done: BTreeSet::new(), next: next.clone() });
    std::thread::scope(|scope| {
        let mut threads = Vec::new();
        for (thread, &next) in (0..THREADS).zip(&next) {
            let (items, acks) = (&items, &acks);
            threads.push(scope.spawn(move || write(items, thread, next, acks)));
        }
        threads.push(scope.spawn(|| maintain(&items)));
        // Nobody ends but by an error, and then all must end: the harness sees a writer that stopped.
        for thread in threads {
            if let Ok(Err(error)) = thread.join() {
                eprintln!("{error}");
                std::process::exit(1);
            }
        }
    });
    Ok(())
}

/// The change after the last one that this thread is known to have made.
fn resume(items: &Collection, thread: u64) -> Result<u64> {
    let found = items.get(&cursor(thread))?;
    let last = found.and_then(|item| item.row().get("op").and_then(torre::Value::as_f64));
    Ok(last.map_or(first(thread), |last| last as u64 + THREADS))
}

fn write(items: &Collection, thread: u64, mut n: u64, acks: &Mutex<Acks>) -> Result<()> {
    loop {
        match change(n) {
            Change::Put(slots) => {
                let rows = slots.iter().map(|&slot| item(&id(thread, slot), n));
                // An import of one batch is as atomic as an upsert.
                if slots.len() > 1 && (n / THREADS).is_multiple_of(2) {
                    items.import().batch(slots.len()).run(rows)?;
                } else {
                    items.upsert_many(rows.collect::<Result<Vec<_>>>()?)?;
                }
            }
            Change::Patch(slots) => {
                let patches = slots.iter().map(|&slot| patch(&id(thread, slot), n)).collect::<Result<Vec<_>>>()?;
                match items.patch_many(patches) {
                    Err(Error::UnknownItem { .. }) => {}
                    done => {
                        done?;
                    }
                }
            }
            Change::Delete(slots) => {
                items.delete(slots.iter().map(|&slot| id(thread, slot)))?;
            }
        }
        if let Ok(mut acks) = acks.lock() {
            acks.done(n);
        }
        items.upsert(item(&cursor(thread), n)?)?;
        n += THREADS;
    }
}

fn maintain(items: &Collection) -> Result<()> {
    for round in 0u64.. {
        std::thread::sleep(Duration::from_millis(40));
        rankers::make(items, steps::last(items, rankers::CURSOR)? + 1)?;
        policies::make(items, steps::last(items, policies::CURSOR)? + 1)?;
        match round % 8 {
            0 if !items.is_empty() => drop(items.build(&BuildOptions::default().seed(round), &NoProgress)?),
            5 => drop(items.compact(&NoProgress)?),
            _ => items.maintain(&NoProgress)?,
        }
    }
    Ok(())
}

/// Which changes are durable.
struct Acks {
    /// All changes below are.
    below: u64,
    done: BTreeSet<u64>,
    /// Where the threads began: what they made before is durable too.
    next: Vec<u64>,
}

impl Acks {
    fn done(&mut self, n: u64) {
        self.done.insert(n);
        let before = self.below;
        while self.done.remove(&self.below) || self.next.get((self.below % THREADS) as usize).is_some_and(|&next| self.below < next) {
            self.below += 1;
        }
        if self.below > before {
            let mut out = std::io::stdout().lock();
            // A reader that went away is no reason to stop.
            let _ = writeln!(out, "ACK {}", self.below - 1).and_then(|()| out.flush());
        }
    }
}
