//! Damages a real database and looks at what it answers: `storage_damage run DIR TRIALS SEED` makes a database in `DIR`, and for every trial
//! copies it, flips, zeroes, cuts or deletes something in one of its files, and starts `storage_damage check COPY` under a time limit.
//! Right is a clear error or an intact answer; a panic, a hang, a crash or a wrong answer in silence is not. The last lines count.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio, exit};
use std::time::{Duration, Instant};

use torre_storage::{Batch, CollectionId, Create, Error, Manifest, OpenOptions, SegmentMeta, Storage};

const C: CollectionId = CollectionId(1);
const ROWS: u64 = 4000;
const BLOBS: u64 = 6;

fn content(row: u64) -> Vec<u8> {
    let length = if row.is_multiple_of(499) { 90_000 } else { 40 + (row as usize * 37) % 600 };
    (0..length).map(|i| (row.wrapping_mul(2_654_435_761).wrapping_add((i as u64).pow(2) * 131) >> 7) as u8).collect()
}

fn blob(number: u64) -> Vec<u8> {
    (0..200_000 + number as usize * 999).map(|i| ((number + 7).wrapping_mul(i as u64).wrapping_mul(i as u64 + 11) >> 5) as u8).collect()
}

fn make(path: &Path) {
    let storage = Storage::open(path, &OpenOptions { create: Create::New, ..OpenOptions::default() }).unwrap();
    let mut batch = Batch::new();
    batch.put_collection(C, b"damage trial");
    storage.commit(batch).unwrap();
    let mut segments = Vec::new();
    for group in 0..ROWS / 100 {
        let mut batch = Batch::new();
        for row in group * 100..group * 100 + 100 {
            batch.put_record(C, row, content(row));
        }
        batch.put_tombstones(C, &[group * 100 + 1]);
        if group.is_multiple_of(8) && (segments.len() as u64) < BLOBS {
            let number = segments.len() as u64;
            let part = storage.write_blob(C, number, 0, &blob(number)).unwrap();
            storage.flush_blobs().unwrap();
            segments.push(SegmentMeta { blob: number, rows: 100, parts: vec![part], ..SegmentMeta::default() });
        }
        batch.put_manifest(C, &Manifest { next_row: group * 100 + 100, segments: segments.clone(), ..Manifest::default() });
        storage.commit(batch).unwrap();
    }
    storage.close().unwrap();
}

/// Everything in the database, compared with what was written; an error is the database's own.
fn check(path: &Path) -> Result<Result<(), String>, Error> {
    let storage = Storage::open(path, &OpenOptions { timeout: Duration::from_secs(5), ..OpenOptions::default() })?;
    let collections = storage.collections()?;
    if collections != [(C, b"damage trial".to_vec())] {
        return Ok(Err(format!("collections {collections:?}")));
    }
    let mut next = 0;
    for record in storage.records(C, 0..u64::MAX) {
        let (row, bytes) = record?;
        if row != next || bytes != content(row) {
            return Ok(Err(format!("row {row} where {next} was due")));
        }
        next += 1;
    }
    if next != ROWS {
        return Ok(Err(format!("{next} rows")));
    }
    let tombstones = storage.tombstones(C)?;
    if tombstones.rows != (0..ROWS / 100).map(|g| g * 100 + 1).collect::<Vec<u64>>() {
        return Ok(Err(format!("tombstones {tombstones:?}")));
    }
    let Some(manifest) = storage.manifest(C)? else { return Ok(Err("no manifest".into())) };
    if manifest.next_row != ROWS || manifest.segments.len() as u64 != (ROWS / 100).div_ceil(8).min(BLOBS) {
        return Ok(Err(format!("manifest {manifest:?}")));
    }
    for segment in &manifest.segments {
        if storage.read_blob(C, &segment.parts[0])? != blob(segment.blob) {
            return Ok(Err(format!("blob {}", segment.blob)));
        }
    }
    // A write and a close must be as good as the rest.
    let mut batch = Batch::new();
    batch.put_record(C, ROWS, b"one more");
    storage.commit(batch)?;
    storage.close()?;
    Ok(Ok(()))
}

struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % end.max(1)
    }
}

fn files(path: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(path).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files(&path, into) } else { into.push(path) }
    }
    into.sort();
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &to)
        } else {
            let _ = fs::copy(entry.path(), to).unwrap();
        }
    }
}

/// Damages one file; half of the time one picked by size, so that the big ones are not lost among the many small.
fn damage(copy: &Path, random: &mut Random) -> String {
    let mut all = Vec::new();
    files(copy, &mut all);
    let mut full: Vec<(PathBuf, u64)> =
        all.into_iter().map(|p| (p.clone(), fs::metadata(&p).unwrap().len())).filter(|(_, n)| *n > 0).collect();
    if random.below(2) == 0 {
        let total: u64 = full.iter().map(|(_, n)| n).sum();
        let mut at = random.below(total);
        full.retain(|(_, n)| {
            let here = at < *n;
            at = at.wrapping_sub(*n);
            here
        });
        full.truncate(1);
    }
    let (path, length) = full[random.below(full.len() as u64) as usize].clone();
    let name = path.strip_prefix(copy).unwrap().display().to_string();
    let mut bytes = fs::read(&path).unwrap();
    let at = random.below(length);
    let longest = 1 << random.below(14);
    let many = random.below((length - at).min(longest)) + 1;
    let range = at as usize..(at + many) as usize;
    match random.below(20) {
        0 => {
            fs::remove_file(&path).unwrap();
            return format!("deleted {name}");
        }
        1..=4 => {
            fs::write(&path, &bytes[..at as usize]).unwrap();
            return format!("cut {name} from {length} to {at}");
        }
        5..=8 => {
            bytes[range.clone()].fill(0);
            fs::write(&path, &bytes).unwrap();
            return format!("zeroed {name} {range:?}");
        }
        9..=10 => {
            bytes.drain(range.clone());
            fs::write(&path, &bytes).unwrap();
            return format!("took out of {name} {range:?}");
        }
        _ => {}
    }
    bytes[at as usize] ^= 1 << random.below(8);
    fs::write(&path, &bytes).unwrap();
    format!("flipped a bit of {name} at {at} of {length}")
}

fn run(directory: &Path, trials: u64, seed: u64) -> bool {
    let (whole, broken) = (directory.join("whole"), directory.join("broken"));
    let _ = fs::remove_dir_all(&whole);
    fs::create_dir_all(directory).unwrap();
    make(&whole);
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    let mut slowest = Duration::ZERO;
    for trial in 0..trials {
        let _ = fs::remove_dir_all(&broken);
        copy(&whole, &broken);
        let done = damage(&broken, &mut Random(seed.wrapping_mul(1_000_003) + trial));
        let start = Instant::now();
        let mut child = Command::new(std::env::current_exe().unwrap())
            .arg("check")
            .arg(&broken)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // Pipes are drained by threads, so that a talkative child does not block.
        let read = |mut pipe: Box<dyn std::io::Read + Send>| {
            std::thread::spawn(move || {
                let mut text = Vec::new();
                let _ = pipe.read_to_end(&mut text);
                String::from_utf8_lossy(&text).into_owned()
            })
        };
        let (out, err) = (read(Box::new(child.stdout.take().unwrap())), read(Box::new(child.stderr.take().unwrap())));
        let status = loop {
            match child.try_wait().unwrap() {
                Some(status) => break Some(status),
                None if start.elapsed() > Duration::from_secs(20) => {
                    child.kill().unwrap();
                    child.wait().unwrap();
                    break None;
                }
                None => std::thread::sleep(Duration::from_millis(5)),
            }
        };
        slowest = slowest.max(start.elapsed());
        let (out, err) = (out.join().unwrap(), err.join().unwrap());
        let said = out.lines().last().unwrap_or("").to_string();
        let verdict = match status.map(|s| s.code()) {
            None => "hang",
            Some(Some(0)) => "intact",
            Some(Some(3)) if said.contains("no answer within") => "error (time limit)",
            Some(Some(3)) if said.contains("gave up") => "error (panic caught)",
            Some(Some(3)) => "error",
            Some(Some(1)) => "WRONG ANSWER",
            Some(_) => "CRASH",
        };
        *counts.entry(verdict).or_default() += 1;
        if !matches!(verdict, "intact") || said.is_empty() {
            println!("{trial}: {done}: {verdict}: {said}");
        }
        if matches!(verdict, "hang" | "WRONG ANSWER" | "CRASH") {
            println!("   {}", err.lines().take(3).collect::<Vec<_>>().join(" | "));
        }
    }
    println!("{trials} trials from seed {seed}: {counts:?}, slowest {slowest:?}");
    !counts.keys().any(|verdict| matches!(*verdict, "hang" | "WRONG ANSWER" | "CRASH"))
}

fn main() {
    let words: Vec<String> = std::env::args().collect();
    match (words.get(1).map(String::as_str), words.get(2).map(Path::new)) {
        (Some("run"), Some(directory)) => {
            let number = |at: usize, other: u64| words.get(at).map_or(other, |n| n.parse().unwrap());
            exit(i32::from(!run(directory, number(3, 100), number(4, 1))));
        }
        (Some("check"), Some(path)) => match check(path) {
            Ok(Ok(())) => println!("intact"),
            Ok(Err(wrong)) => {
                println!("{wrong}");
                exit(1);
            }
            Err(error) => {
                println!("{error}");
                exit(3);
            }
        },
        _ => {
            eprintln!("storage_damage run DIR TRIALS SEED | storage_damage check DIR");
            exit(64);
        }
    }
}
