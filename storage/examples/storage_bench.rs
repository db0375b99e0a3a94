//! Measures the store: `storage_bench DIR import|single|blobs|open|get [NUMBER]`.
#![allow(clippy::unwrap_used, missing_docs)]

use std::path::Path;
use std::time::{Duration, Instant};

use torre_storage::{Batch, CollectionId, Create, Durability, Manifest, OpenOptions, SegmentMeta, Storage};

const C: CollectionId = CollectionId(1);

fn record(row: u64, length: usize) -> Vec<u8> {
    let mut state = row.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    // Half noise, as vectors are, half text, as features are.
    (0..length).map(|i| if i % 2 == 0 { next() as u8 } else { b'a' + (i % 26) as u8 }).collect()
}

fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed | 1;
    let mut bytes = Vec::with_capacity(length);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = |name: &str| status.lines().find(|l| l.starts_with(name)).and_then(|l| l.split_whitespace().nth(1)?.parse::<u64>().ok());
    println!("  resident {} MB, at most {} MB", line("VmRSS:").unwrap_or(0) >> 10, line("VmHWM:").unwrap_or(0) >> 10);
    line("VmHWM:").unwrap_or(0)
}

fn open(path: &Path) -> Storage {
    let start = Instant::now();
    let storage = Storage::open(path, &OpenOptions { create: Create::IfMissing, ..OpenOptions::default() }).unwrap();
    println!("open {:?}, swept {:?}", start.elapsed(), storage.swept());
    if storage.collections().unwrap().is_empty() {
        let mut batch = Batch::new();
        batch.put_collection(C, b"bench");
        storage.commit(batch).unwrap();
    }
    resident();
    storage
}

fn main() {
    let words: Vec<String> = std::env::args().collect();
    let number: u64 = words.get(3).map_or(1_000_000, |n| n.parse().unwrap());
    let storage = open(Path::new(&words[1]));
    let first = storage.last_record(C).unwrap().map_or(0, |row| row + 1);
    let start = Instant::now();
    match words[2].as_str() {
        "import" => {
            for group in 0..number / 1000 {
                let mut batch = Batch::new();
                for row in first + group * 1000..first + (group + 1) * 1000 {
                    batch.put_record(C, row, record(row, 600));
                }
                storage.commit(batch).unwrap();
                if group % 200 == 199 {
                    println!("  {} rows, {:.0} rows/s", (group + 1) * 1000, ((group + 1) * 1000) as f64 / start.elapsed().as_secs_f64());
                    resident();
                }
            }
            println!("import {:.0} rows/s", number as f64 / start.elapsed().as_secs_f64());
        }
        "single" => {
            for threads in [1u64, 8] {
                let start = Instant::now();
                std::thread::scope(|scope| {
                    for thread in 0..threads {
                        let storage = storage.clone();
                        scope.spawn(move || {
                            for i in 0..number / threads {
                                let row = first + 1 + threads * 100_000_000 + i * threads + thread;
                                let mut batch = Batch::new();
                                batch.put_record(C, row, record(row, 600));
                                storage.commit(batch).unwrap();
                            }
                        });
                    }
                });
                println!("{threads} threads: {:.0} commits/s", number as f64 / start.elapsed().as_secs_f64());
            }
            storage.set_durability(Durability::Batched(Duration::from_millis(500)));
            let start = Instant::now();
            for i in 0..number * 10 {
                let mut batch = Batch::new();
                batch.put_record(C, first + 1_000_000_000 + i, record(i, 600));
                storage.commit(batch).unwrap();
            }
            storage.flush().unwrap();
            println!("batched 500 ms: {:.0} commits/s", (number * 10) as f64 / start.elapsed().as_secs_f64());
        }
        "blobs" => {
            let bytes = noise(7, 16 << 20);
            let parts: Vec<_> = (0..number).map(|blob| storage.write_blob(C, blob, 0, &bytes).unwrap()).collect();
            storage.flush_blobs().unwrap();
            println!("blobs written {:.0} MB/s", (number * 16) as f64 / start.elapsed().as_secs_f64());
            let mut batch = Batch::new();
            let segments = parts.iter().map(|p| SegmentMeta { blob: p.blob, parts: vec![*p], ..SegmentMeta::default() });
            batch.put_manifest(C, &Manifest { segments: segments.collect(), ..Manifest::default() });
            storage.commit(batch).unwrap();
            let start = Instant::now();
            for meta in &parts {
                assert_eq!(storage.read_blob(C, meta).unwrap().len(), bytes.len());
            }
            println!("blobs read {:.0} MB/s", (number * 16) as f64 / start.elapsed().as_secs_f64());
        }
        "read" => {
            for meta in storage.manifest(C).unwrap().unwrap().segments.iter().flat_map(|s| &s.parts) {
                storage.read_blob(C, meta).unwrap();
            }
            println!("blobs read cold in {:?}", start.elapsed());
        }
        "get" => {
            let mut row = 1u64;
            for _ in 0..number {
                row = row.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                storage.record(C, (row >> 11) % first).unwrap().unwrap();
            }
            println!("get {:.1} us", start.elapsed().as_secs_f64() * 1e6 / number as f64);
            resident();
            let start = Instant::now();
            for _ in 0..number {
                storage.record(C, 77).unwrap().unwrap();
            }
            println!("get the same {:.1} us", start.elapsed().as_secs_f64() * 1e6 / number as f64);
            let start = Instant::now();
            for i in 0..number / 10 {
                let rows: Vec<u64> = (0..10).map(|j| (i * 7919 + j * 104_729) % first).collect();
                assert!(storage.records_of(C, &rows).unwrap().iter().all(Option::is_some));
            }
            println!("get ten at once {:.1} us each", start.elapsed().as_secs_f64() * 1e6 / number as f64);
            let start = Instant::now();
            let bytes: usize = storage.records(C, 0..u64::MAX).map(|record| record.unwrap().1.len()).sum();
            println!("scan {:.0} MB/s", bytes as f64 / 1e6 / start.elapsed().as_secs_f64());
        }
        other => println!("what is {other}?"),
    }
    resident();
    println!("on disk {} MB", storage.disk_bytes().unwrap() >> 20);
    let start = Instant::now();
    storage.close().unwrap();
    println!("close {:?}", start.elapsed());
}
