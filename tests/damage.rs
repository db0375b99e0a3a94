//! Random damage of a real database: a clear error or an intact answer, in time; and salvage saves what is left, and only that.
//!
//! Every trial runs in a process of its own under a time limit, so that a crash or a hang is a failed trial. `TORRE_DAMAGES=1000` makes as many
//! trials (20 without it), from `TORRE_DAMAGE_SEED` on (1); a trial is repeated by its seed and `TORRE_DAMAGES=1`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use torre::{BuildOptions, Collection, CollectionOptions, Database, Item, Metric, NoProgress, Result, row};

const DIM: usize = 8;
/// Longest that a damaged database may take to answer.
const LIMIT: Duration = Duration::from_secs(10);

fn vector(number: u64) -> Vec<f32> {
    let mix = |x: u64| (x ^ (x >> 31)).wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_mul(x | 1);
    (0..DIM as u64).map(|at| (mix(number * 64 + at + 1) >> 40) as f32 / 8_388_608.0 - 1.0).collect()
}

fn item(number: u64) -> Item {
    let row = row! { "title" => format!("number {number} {}", "x".repeat((number % 97) as usize)), "stock" => number as i64 };
    Item::new(number).unwrap().with_row(row).with_vector(vector(number))
}

fn fill(database: &Database) {
    let options = CollectionOptions::vectors(DIM, Metric::L2).lenient(true).m(4).lists(8);
    let items = database.create_collection("items", options).unwrap();
    items.upsert_many((0..1500).map(item)).unwrap();
    items.build(&BuildOptions::default(), &NoProgress).unwrap();
    items.upsert_many((1400..1800).map(item)).unwrap();
    items.maintain(&NoProgress).unwrap();
    items.upsert_many((1790..2000).map(item)).unwrap();
    items.delete((0..2000).step_by(13).map(|n| n.to_string())).unwrap();
}

type Contents = BTreeMap<String, (String, Vec<u32>)>;

fn contents(items: &Collection) -> Result<Contents> {
    let mut all = Contents::new();
    for id in items.ids("", usize::MAX) {
        let Some(item) = items.get(&id)? else { continue };
        all.insert(id, (item.row().to_json().to_string(), item.vector().unwrap_or_default().iter().map(|x| x.to_bits()).collect()));
    }
    Ok(all)
}

fn answers(items: &Collection) -> Result<Vec<Vec<String>>> {
    (0..20).map(|n| Ok(items.search(&vector(n * 97)).k(10).run()?.ids().map(str::to_owned).collect())).collect()
}

/// What a child says about a damaged database; an error is an answer too.
fn look(path: &Path) -> Result<&'static str> {
    let truth = Database::in_memory()?;
    fill(&truth);
    let expected = truth.collection("items")?;
    let database = Database::builder(path).background(false).timeout(Duration::from_secs(8)).open()?;
    let items = database.collection("items")?;
    let right = contents(&items)? == contents(&expected)? && answers(&items)? == answers(&expected)? && items.len() == expected.len();
    Ok(if right { "INTACT" } else { "WRONG" })
}

/// Saves what is left; what was saved must be what was there.
fn save(path: &Path, out: &Path) -> Result<String> {
    let truth = Database::in_memory()?;
    fill(&truth);
    let expected = contents(&truth.collection("items")?)?;
    let report = Database::salvage(path, out, &NoProgress)?;
    let saved = Database::builder(out).background(false).open()?;
    let found = match saved.collection("items") {
        Ok(items) => contents(&items)?,
        Err(_) => Contents::new(),
    };
    // A deleted row may come back only where the report names a loss.
    let right = found.iter().all(|(id, row)| expected.get(id).map_or(!report.lost.is_empty(), |there| there == row));
    let silent = found.len() < expected.len() && report.lost.is_empty();
    Ok(if right && !silent { format!("SAVED {}", found.len()) } else { "WRONG".to_owned() })
}

#[test]
#[ignore = "a trial's child process"]
fn child() {
    let path = PathBuf::from(std::env::var_os("TORRE_DAMAGE_PATH").expect("TORRE_DAMAGE_PATH"));
    let said = match std::env::var_os("TORRE_DAMAGE_OUT") {
        None => look(&path).map(str::to_owned),
        Some(out) => save(&path, Path::new(&out)),
    };
    println!("\nSAID {}", said.unwrap_or_else(|error| format!("ERROR {error}")));
}

/// What a child said, or how it ended, and how long it took to say it. What it printed besides would be in the middle of its user's output.
fn ask(path: &Path, out: Option<&Path>) -> (String, Duration) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "child", "--ignored", "--nocapture"]).env("TORRE_DAMAGE_PATH", path);
    if let Some(out) = out {
        command.env("TORRE_DAMAGE_OUT", out);
    }
    let start = Instant::now();
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut pipe = child.stdout.take().unwrap();
    let reader = std::thread::spawn(move || {
        let mut text = Vec::new();
        pipe.read_to_end(&mut text).map(|_| String::from_utf8_lossy(&text).into_owned())
    });
    while child.try_wait().unwrap().is_none() {
        if start.elapsed() > 3 * LIMIT {
            child.kill().unwrap();
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    let status = child.wait().unwrap();
    let text = reader.join().unwrap().unwrap();
    if let Some(line) = text.lines().find(|line| line.starts_with("failed to read")) {
        return (format!("PRINTED {line}"), start.elapsed());
    }
    let said = text.lines().find_map(|line| line.strip_prefix("SAID ")).map(str::to_owned);
    (said.filter(|_| status.success()).unwrap_or_else(|| format!("CRASHED {status}")), start.elapsed())
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
            let _bytes = fs::copy(entry.path(), to).unwrap();
        }
    }
}

/// Damages one file; says how.
fn damage(path: &Path, random: &mut Random) -> String {
    let mut all = Vec::new();
    files(path, &mut all);
    all.retain(|file| fs::metadata(file).unwrap().len() > 0);
    let file = &all[random.below(all.len() as u64) as usize];
    let length = fs::metadata(file).unwrap().len();
    let at = random.below(length);
    let name = file.strip_prefix(path).unwrap().display().to_string();
    let write = |bytes: &[u8]| {
        let mut file = OpenOptions::new().write(true).open(file).unwrap();
        file.seek(SeekFrom::Start(at)).unwrap();
        file.write_all(bytes).unwrap();
    };
    match random.below(10) {
        0..5 => {
            let byte = fs::read(file).unwrap()[at as usize] ^ (1 << random.below(8));
            write(&[byte]);
            format!("{name}: a bit of byte {at} flipped")
        }
        5..7 => {
            let count = (1 + random.below(4096)).min(length - at);
            write(&vec![0; count as usize]);
            format!("{name}: {count} bytes from {at} on zeroed")
        }
        7..9 => {
            OpenOptions::new().write(true).open(file).unwrap().set_len(at).unwrap();
            format!("{name}: cut to {at} of {length} bytes")
        }
        _ => {
            fs::remove_file(file).unwrap();
            format!("{name}: deleted")
        }
    }
}

fn setting(name: &str, or: u64) -> u64 {
    std::env::var(name).ok().map_or(or, |text| text.parse().unwrap())
}

#[test]
fn damage_is_an_error_or_no_harm_and_salvage_saves_the_rest() {
    let directory = tempfile::tempdir().unwrap();
    let good = directory.path().join("good");
    let database = Database::builder(&good).create(true).background(false).open().unwrap();
    fill(&database);
    let rows = database.collection("items").unwrap().len();
    drop(database);
    assert_eq!(ask(&good, None).0, "INTACT");
    let (first, trials) = (setting("TORRE_DAMAGE_SEED", 1), setting("TORRE_DAMAGES", 20));
    let (mut counts, mut failures, mut saved, mut slowest) = (BTreeMap::<String, u64>::new(), Vec::new(), Vec::new(), Duration::ZERO);
    for seed in first..first + trials {
        let (path, out) = (directory.path().join("damaged"), directory.path().join("saved"));
        copy(&good, &path);
        let what = damage(&path, &mut Random(seed));
        // Salvage works on a copy of its own: opening may write.
        let (spare, expected) = (directory.path().join("spare"), ["INTACT", "ERROR", "SAVED"]);
        copy(&path, &spare);
        for (from, out) in [(&path, None), (&spare, Some(out.as_path()))] {
            let (said, took) = ask(from, out);
            let word = said.split(' ').next().unwrap_or_default().to_owned();
            let kind = if out.is_some() { format!("salvage {word}") } else { format!("open {word}") };
            *counts.entry(kind).or_default() += 1;
            slowest = slowest.max(took);
            if !expected.contains(&&*word) || took > LIMIT {
                failures.push(format!("seed {seed}: {what}: {said} after {took:.1?} (salvage: {})", out.is_some()));
            }
            saved.extend(said.strip_prefix("SAVED ").map(|rows| rows.parse::<u64>().unwrap()));
        }
        for path in [path, spare, out] {
            let _ = fs::remove_dir_all(path);
        }
        let done = seed - first + 1;
        if done.is_multiple_of(50) {
            eprintln!("{done} of {trials} damages, {} failures", failures.len());
        }
    }
    let whole = saved.iter().filter(|&&saved| saved == rows).count();
    println!(
        "{trials} damages: {counts:?}; salvaged whole {whole}, at least {:?} of {rows} rows; slowest {slowest:.1?}",
        saved.iter().min()
    );
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
}
