//! What a crash trial runs: `storage_crash write DIR` writes for ever and prints `ACK <n>` after each durable commit; `storage_crash check
//! DIR N` opens and exits 0 only if everything up to `N` is there and whole, and nothing unexplained beside it.
//!
//! Four threads commit. Commit `n` of thread `t` puts row `4n + t` (some of several pieces), deletes the record of one earlier row, buries
//! it, and replaces a counter row of the thread. Thread 0 also writes blobs, names the newest in the manifest, and deletes the one before.
//! An ack `n` says that all threads' commits up to number `n` are durable.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use std::path::Path;
use std::process::exit;
use std::sync::Mutex;

use torre_storage::{Batch, CollectionId, Create, Manifest, OpenOptions, SegmentMeta, Storage};

const C: CollectionId = CollectionId(1);
const THREADS: u64 = 4;
/// Rows of counters, one a thread.
const COUNTERS: u64 = 1 << 40;

fn content(row: u64) -> Vec<u8> {
    let length = match row % 97 {
        0 => 100_000,
        5 => 0,
        other => 40 + (other as usize * 37) % 700,
    };
    (0..length).map(|i| (row.wrapping_mul(2_654_435_761).wrapping_add(i as u64 * 131) >> 7) as u8).collect()
}

fn blob(number: u64) -> Vec<u8> {
    (0..150_000 + number as usize % 1000).map(|i| (number.wrapping_mul(97).wrapping_add(i as u64 * 31) >> 3) as u8).collect()
}

/// The row that commit `n` of a thread deletes, if it does.
fn deleted(n: u64, thread: u64) -> Option<u64> {
    (n.is_multiple_of(3) && n >= 10).then(|| (n - 10) * THREADS + thread)
}

fn open(path: &Path) -> Storage {
    Storage::open(path, &OpenOptions { create: Create::IfMissing, ..OpenOptions::default() }).unwrap_or_else(|error| {
        println!("open: {error}");
        exit(2);
    })
}

fn counter(storage: &Storage, thread: u64) -> u64 {
    let record = storage.record(C, COUNTERS + thread).unwrap();
    record.map_or(0, |bytes| u64::from_le_bytes(bytes.try_into().unwrap()))
}

fn write(path: &Path) {
    let storage = open(path);
    if storage.collections().unwrap().is_empty() {
        let mut batch = Batch::new();
        batch.put_collection(C, b"crash");
        storage.commit(batch).unwrap();
    }
    let done = Mutex::new((0..THREADS).map(|thread| counter(&storage, thread)).collect::<Vec<u64>>());
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (storage, done) = (storage.clone(), &done);
            scope.spawn(move || {
                let mut n = counter(&storage, thread);
                loop {
                    n += 1;
                    let mut batch = Batch::new();
                    batch.put_record(C, n * THREADS + thread, content(n * THREADS + thread));
                    batch.put_record(C, COUNTERS + thread, n.to_le_bytes());
                    if let Some(row) = deleted(n, thread) {
                        batch.delete_record(C, row);
                        batch.put_tombstones(C, &[row]);
                    }
                    let names = thread == 0 && n.is_multiple_of(5);
                    if names {
                        let part = storage.write_blob(C, n, 0, &blob(n)).unwrap();
                        storage.flush_blobs().unwrap();
                        let segment = SegmentMeta { blob: n, parts: vec![part], ..SegmentMeta::default() };
                        batch.put_manifest(C, &Manifest { next_blob: n + 1, segments: vec![segment], ..Manifest::default() });
                    }
                    let folded = (n.is_multiple_of(50) && thread == 1).then(|| storage.tombstones(C).unwrap());
                    if let Some(folded) = &folded {
                        batch.put_tombstones(C, &folded.rows);
                    }
                    storage.commit(batch).unwrap();
                    if let Some(folded) = folded {
                        storage.remove_tombstones(C, folded.last).unwrap();
                    }
                    if names {
                        storage.delete_blob(C, n - 5).unwrap();
                    }
                    let mut done = done.lock().unwrap();
                    let before = done.iter().min().copied();
                    done[thread as usize] = n;
                    if done.iter().min().copied() != before {
                        println!("ACK {}", done.iter().min().unwrap());
                    }
                }
            });
        }
    });
}

fn check(path: &Path, acked: u64) -> Result<String, String> {
    if acked == 0 && !path.exists() {
        return Ok("nothing was acknowledged and nothing is there".into());
    }
    let storage = open(path);
    let counters: Vec<u64> = (0..THREADS).map(|thread| counter(&storage, thread)).collect();
    if let Some(thread) = counters.iter().position(|n| *n < acked) {
        return Err(format!("thread {thread} stands at {}, acknowledged was {acked}", counters[thread]));
    }
    let mut expected = std::collections::BTreeMap::new();
    let mut buried = std::collections::BTreeSet::new();
    for (thread, last) in (0..THREADS).zip(&counters) {
        for n in 1..=*last {
            expected.insert(n * THREADS + thread, content(n * THREADS + thread));
        }
        for row in (1..=*last).filter_map(|n| deleted(n, thread)) {
            expected.remove(&row);
            buried.insert(row);
        }
    }
    let found = expected.len();
    for record in storage.records(C, 0..COUNTERS) {
        let (row, bytes) = record.map_err(|error| error.to_string())?;
        match expected.remove(&row) {
            Some(wanted) if wanted == bytes => {}
            Some(_) => return Err(format!("row {row} has other bytes")),
            None => return Err(format!("row {row} is there and should not be")),
        }
    }
    if let Some((row, _)) = expected.first_key_value() {
        return Err(format!("row {row} is missing, and {} more", expected.len() - 1));
    }
    if !storage.collections().map_err(|e| e.to_string())?.is_empty() {
        let seen = storage.tombstones(C).map_err(|e| e.to_string())?;
        if seen.rows.iter().copied().collect::<std::collections::BTreeSet<u64>>() != buried {
            return Err(format!("{} tombstones where {} are right", seen.rows.len(), buried.len()));
        }
        let named = storage.manifest(C).map_err(|e| e.to_string())?;
        let last_named = counters[0] / 5 * 5;
        if named.as_ref().map_or(0, |m| m.segments[0].blob) != last_named {
            return Err(format!("the manifest does not name blob {last_named}"));
        }
        let live: Vec<u64> = named.iter().flat_map(Manifest::live_blobs).collect();
        for segment in named.iter().flat_map(|m| &m.segments) {
            if storage.read_blob(C, &segment.parts[0]).map_err(|e| e.to_string())? != blob(segment.blob) {
                return Err(format!("blob {} has other bytes", segment.blob));
            }
        }
        if storage.sweep(C, &live).map_err(|e| e.to_string())? != 0 {
            return Err("orphan blobs are left after the sweep".into());
        }
    }
    let swept = storage.swept().blobs;
    storage.close().map_err(|error| error.to_string())?;
    Ok(format!("{found} rows up to {counters:?}, swept {swept} blobs"))
}

fn main() {
    let words: Vec<String> = std::env::args().collect();
    match (words.get(1).map(String::as_str), words.get(2), words.get(3)) {
        (Some("write"), Some(path), _) => write(Path::new(path)),
        (Some("check"), Some(path), Some(acked)) => match check(Path::new(path), acked.parse().unwrap()) {
            Ok(seen) => println!("{seen}"),
            Err(wrong) => {
                println!("{wrong}");
                exit(1);
            }
        },
        _ => {
            eprintln!("storage_crash write DIR | storage_crash check DIR N");
            exit(64);
        }
    }
}
