//! Eight readers and two writers at once, with sealing, compaction and building going on: every answer is explained by a state that the
//! collection had between the start of the call and its end.
//!
//! Each writer owns its ids and numbers its changes 1, 2, 3...; a change puts or deletes a whole group of ids as one. A row carries the number of
//! the change that wrote it, in its field and in its vector, so that an answer tells which changes it has seen. A state of a writer's ids
//! is a number of changes: it must be at least those that had returned when the call began, at most those that had begun when it ended,
//! and not less than what an answer showed that had ended before this call began.
//!
//! `TORRE_CHECK_SECONDS` is how long each test runs (3).

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Barrier, Mutex};
use std::time::{Duration, Instant};

use torre::{Answer, BuildOptions, Collection, CollectionOptions, Database, Error, Item, Metric, NoProgress, Refine, Row, row};

use crate::history::{Group, History, Observation, Reading, Seen, Write, check};
use crate::random::Random;

const DIM: usize = 8;
const READERS: u64 = 8;
/// Groups of a writer, and the ids of a group: the first half of the groups have several.
const GROUPS: usize = 24;
/// Rows that never change: they make scans longer.
const STILL: u64 = 1500;

fn group_size(group: usize) -> usize {
    if group < GROUPS / 2 { 4 } else { 1 }
}

fn ids(group: Group) -> impl Iterator<Item = String> {
    (0..group_size(group.at)).map(move |member| format!("{}-{}-{member}", group.writer, group.at))
}

fn group_of(id: &str) -> Option<Group> {
    let mut parts = id.split('-');
    Some(Group { writer: parts.next()?.parse().ok()?, at: parts.next()?.parse().ok()? })
}

fn item(id: String, change: u64, random: &mut Random) -> Item {
    let mut vector = random.vector(DIM);
    vector[0] = change as f32;
    Item::new(id).unwrap().with_row(row! { "change" => change as i64 }).with_vector(vector)
}

/// The inner product with it is the number of the change.
fn probe() -> [f32; DIM] {
    std::array::from_fn(|at| if at == 0 { 1.0 } else { 0.0 })
}

fn write(items: &Collection, writer: usize, seed: u64, started: Instant, stop: &AtomicBool) -> Vec<Write> {
    let mut random = Random::new(seed);
    let mut there = [false; GROUPS];
    let mut writes = Vec::new();
    for change in 1.. {
        let group = Group { writer, at: random.below(GROUPS as u64) as usize };
        let delete = there[group.at] && random.below(4) == 0;
        let patch = there[group.at] && group_size(group.at) == 1 && random.below(2) == 0;
        if there[group.at] && random.below(2) == 0 {
            // All of the group, where they are: no state of its own, for a later change puts the rows without it.
            let stock = |id: String| Item::new(id).unwrap().with_row(row! { "stock" => change as i64 });
            assert_eq!(items.patch_many(ids(group).map(stock)).unwrap().patched, group_size(group.at) as u64);
        }
        let start = started.elapsed();
        if delete {
            assert_eq!(items.delete(ids(group)).unwrap(), group_size(group.at) as u64);
        } else if patch {
            let put = item("any".to_owned(), change, &mut random);
            let vector = put.vector().unwrap().to_vec();
            items.patch(&ids(group).next().unwrap(), &row! { "change" => change as i64, "vector" => vector }).unwrap();
        } else {
            items.upsert_many(ids(group).map(|id| item(id, change, &mut random))).unwrap();
        }
        there[group.at] = !delete;
        writes.push(Write { group: group.at, put: !delete, start, end: started.elapsed() });
        if stop.load(Ordering::Relaxed) {
            break;
        }
    }
    writes
}

/// What an answer with everything in it shows of every group; its parts must agree.
fn whole(answer: &Answer, fields: bool) -> Result<Vec<(Group, Seen)>, String> {
    let mut seen = [[(0usize, 0u64); GROUPS]; 2];
    let mut stocks = [[None; GROUPS]; 2];
    for hit in answer {
        let Some(group) = group_of(hit.id.as_str()) else { continue };
        let change = hit.score as u64;
        let (count, known) = &mut seen[group.writer][group.at];
        if *count > 0 && *known != change {
            return Err(format!("{group:?} is seen at the changes {known} and {change}"));
        }
        let stock = hit.fields.as_ref().and_then(|row| row.get("stock")).and_then(torre::Value::as_f64);
        if *count > 0 && stocks[group.writer][group.at] != stock {
            return Err(format!("{group:?} is seen with the stocks {:?} and {stock:?}", stocks[group.writer][group.at]));
        }
        stocks[group.writer][group.at] = stock;
        (*count, *known) = (*count + 1, change);
        let field = hit.fields.as_ref().map(|row| row.get("change").and_then(torre::Value::as_f64));
        if fields && field != Some(Some(change as f64)) {
            return Err(format!("{}: the field is {field:?}, the score {change}", hit.id));
        }
    }
    let mut all = Vec::new();
    for (writer, groups) in seen.iter().enumerate() {
        for (at, &(count, change)) in groups.iter().enumerate() {
            if count != 0 && count != group_size(at) {
                return Err(format!("writer {writer}, group {at}: {count} of {} ids are seen", group_size(at)));
            }
            all.push((Group { writer, at }, if count == 0 { Seen::Absent } else { Seen::Change(change) }));
        }
    }
    Ok(all)
}

fn one(group: Group, seen: Seen) -> Observation {
    Observation::Groups(vec![(group, seen)])
}

/// One call of a reader, and what it showed.
fn read(items: &Collection, what: u64, random: &mut Random) -> Result<Observation, String> {
    let (probe, all) = (probe(), 200);
    let group = Group { writer: random.below(2) as usize, at: random.below(GROUPS as u64) as usize };
    let member = random.below(group_size(group.at) as u64) as usize;
    let id = ids(group).nth(member).unwrap();
    let failed = |error: Error| error.to_string();
    let query = || items.search(&probe).k(all);
    Ok(match what {
        0 => Observation::Groups(whole(&query().exact().run().map_err(failed)?, false)?),
        1 => Observation::Groups(whole(&query().exact().fields(["change", "stock"]).run().map_err(failed)?, true)?),
        2 => Observation::Groups(whole(&query().nprobe(usize::MAX).refine_factor(100).run().map_err(failed)?, false)?),
        3 => {
            let answers = items.search_many([&probe[..], &probe[..]]).k(all).exact().run().map_err(failed)?;
            let (a, b) = (whole(&answers[0], false)?, whole(&answers[1], false)?);
            if a != b {
                return Err("two queries of one call show two states".to_owned());
            }
            Observation::Groups(a)
        }
        4 => match items.get(&id).map_err(failed)? {
            None => one(group, Seen::Absent),
            Some(found) => {
                let (change, vector) = (found.row().get("change").and_then(torre::Value::as_f64), found.vector().unwrap_or(&[]));
                match (change, vector.first()) {
                    (Some(a), Some(&b)) if a == f64::from(b) => one(group, Seen::Change(a as u64)),
                    both => return Err(format!("{id}: field and vector are {both:?}")),
                }
            }
        },
        5 => one(group, if items.contains(&id) { Seen::Present } else { Seen::Absent }),
        6 => match items.similar(&id).k(1).run() {
            Ok(_) => one(group, Seen::Present),
            Err(Error::UnknownItem { .. }) => one(group, Seen::Absent),
            Err(error) => return Err(error.to_string()),
        },
        7 => {
            let there = items.ids(&format!("{}-{}-", group.writer, group.at), usize::MAX).len();
            match there {
                0 => one(group, Seen::Absent),
                all if all == group_size(group.at) => one(group, Seen::Present),
                some => return Err(format!("{some} ids of {group:?} are listed")),
            }
        }
        _ => Observation::Len(items.len() - STILL),
    })
}

fn run(database: &Database) {
    let options = CollectionOptions::vectors(DIM, Metric::InnerProduct).lenient(true).m(4).lists(4).refine(Refine::F32);
    let items = &database.create_collection("items", options).unwrap();
    let mut random = Random::new(1);
    items
        .upsert_many((0..STILL).map(|n| {
            let mut vector = random.vector(DIM);
            vector[0] = -1.0;
            Item::new(format!("still{n}")).unwrap().with_row(Row::new()).with_vector(vector)
        }))
        .unwrap();
    let seconds = std::env::var("TORRE_CHECK_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(3.0);
    let (started, stop, readings) = (Instant::now(), &AtomicBool::new(false), &Mutex::new(Vec::new()));
    let barrier = &Barrier::new(READERS as usize + 3);
    let histories: Vec<Vec<Write>> = std::thread::scope(|scope| {
        let writers: Vec<_> = (0..2)
            .map(|writer| {
                scope.spawn(move || {
                    barrier.wait();
                    write(items, writer, 100 + writer as u64, started, stop)
                })
            })
            .collect();
        for reader in 0..READERS {
            scope.spawn(move || {
                let mut random = Random::new(1000 + reader);
                let mut own = Vec::new();
                barrier.wait();
                while !stop.load(Ordering::Relaxed) {
                    let what = random.below(9);
                    let start = started.elapsed();
                    let shown = read(items, what, &mut random);
                    let end = started.elapsed();
                    match shown {
                        Ok(shown) => own.push(Reading { what, start, end, shown }),
                        Err(error) => {
                            stop.store(true, Ordering::Relaxed);
                            panic!("call {what}: {error}");
                        }
                    }
                }
                readings.lock().unwrap().append(&mut own);
            });
        }
        scope.spawn(move || {
            barrier.wait();
            for round in 0.. {
                if stop.load(Ordering::Relaxed) {
                    break;
                }
                if round % 5 == 0 {
                    items.build(&BuildOptions::default().seed(round), &NoProgress).unwrap();
                }
                items.maintain(&NoProgress).unwrap();
                items.compact(&NoProgress).unwrap();
            }
        });
        let over = || stop.load(Ordering::Relaxed) || started.elapsed() > Duration::from_secs_f64(seconds);
        while !over() {
            std::thread::sleep(Duration::from_millis(10));
        }
        stop.store(true, Ordering::Relaxed);
        writers.into_iter().map(|writer| writer.join().unwrap()).collect()
    });
    let readings = std::mem::take(&mut *readings.lock().unwrap());
    let group_sizes: Vec<usize> = (0..GROUPS).map(group_size).collect();
    let histories: Vec<History> = histories.into_iter().map(|writes| History::new(writes, &group_sizes)).collect();
    println!("{} and {} changes, {} answers", histories[0].len(), histories[1].len(), readings.len());
    check(&histories, readings).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(database.verify(&NoProgress).unwrap().damage, []);
}

#[test]
fn every_answer_has_a_state_in_memory() {
    run(&Database::in_memory().unwrap());
}

#[test]
fn every_answer_has_a_state_on_disk() {
    let directory = tempfile::tempdir().unwrap();
    run(&Database::create(directory.path().join("db")).unwrap());
}
