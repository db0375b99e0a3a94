//! Files of rows and of vectors, read in batches of any size.
#![no_main]

use libfuzzer_sys::fuzz_target;
use torre_data::fuzzing::{Imported, import};

const NAMES: [&str; 8] = ["f.jsonl", "f.csv", "f.npy", "f.fvecs", "f.bvecs", "f.jsonl.zst", "f.csv.zst", "f.npy.zst"];

/// What small batches make of a file is what a large one makes of it; before an error that ends the reading, perhaps more.
fn same(small: &Imported, whole: &Imported, batch: usize, one_file: bool) {
    // Which of two files is found broken first depends on how far each was read.
    let alike = if one_file { small.fatal == whole.fatal } else { small.fatal.is_some() == whole.fatal.is_some() };
    assert!(alike, "in batches of {batch}: {:?}, else {:?}", small.fatal, whole.fatal);
    if whole.fatal.is_none() {
        assert_eq!(small, whole, "in batches of {batch}");
    }
    assert!(small.rows.starts_with(&whole.rows) && small.bad.starts_with(&whole.bad), "in batches of {batch}");
}

fuzz_target!(|data: &[u8]| {
    let [first, second, data @ ..] = data else { return };
    let name = NAMES[usize::from(first % 8)];
    // The last bytes may be the ids of the vectors.
    let cut = if first & 0x80 == 0 { data.len() } else { data.len() - data.len().min(usize::from(second % 64)) };
    let (bytes, ids) = data.split_at(cut);
    let ids = (first & 0x80 != 0).then_some(ids);
    let batch = 1 + usize::from(second % 7);

    let whole = import(name, bytes, ids, 1000, true);
    assert_eq!(import(name, bytes, ids, 1000, true), whole, "read twice");
    same(&import(name, bytes, ids, batch, true), &whole, batch, ids.is_none());
    assert!(whole.bad.iter().all(|error| error.starts_with(&format!("{name}, line "))), "{:?}", whole.bad);
    assert!(whole.fatal.iter().all(|error| error.starts_with(name) || error.starts_with("ids.txt")), "{:?}", whole.fatal);

    // Without passing bad rows over, all ends at the first.
    let strict = import(name, bytes, ids, batch, false);
    assert!(strict.bad.is_empty() && whole.rows.starts_with(&strict.rows) || whole.fatal.is_some(), "up to the first bad row");
    if let Some(first) = whole.bad.first() {
        assert_eq!(strict.fatal.as_ref(), Some(first));
    } else if whole.fatal.is_none() {
        assert_eq!(strict, whole, "no bad rows");
    }
});
