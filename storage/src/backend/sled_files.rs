//! The files of a sled store, made fit for sled before it opens them. Nothing that they hold is changed.
//!
//! - Opening, sled writes a new snapshot of its metadata, removes the logs that are in it, removes the old snapshot, and begins the next log.
//!   After a crash before that log is there, the new snapshot gets the number of the old one at the next opening, and is removed in
//!   its place: the list of all leaves is gone as soon as the store is closed. An empty log behind the snapshot keeps the numbers apart.
//! - Where a slab is shorter than its leaves need, sled prints to standard output. Filled up with zeros it is damaged in the same places, and
//!   sled says so by an error.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::Path;

use crate::error::{Error, Result};
use crate::fsync::sync_directory;
use crate::salvage::slabs_needed;

/// Longest slab that is filled up: beyond it the list of leaves is wrong.
const LONGEST: u64 = 1 << 44;

/// Makes the files of a store fit to be opened; those of a store that is not there yet are.
pub(super) fn prepare(store: &Path) -> Result<()> {
    let metadata = store.join("metadata");
    if metadata.is_dir() {
        begin_next_log(&metadata)?;
        // What is wrong with the list of leaves is sled's to say.
        fill_up(store, &slabs_needed(store).unwrap_or_default())?;
    }
    Ok(())
}

fn begin_next_log(metadata: &Path) -> Result<()> {
    let failed = |error| Error::io(format!("opening {}", metadata.display()), error);
    let (mut snapshot, mut log) = (None, None);
    for entry in fs::read_dir(metadata).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name().to_string_lossy().into_owned();
        let number = |prefix: &str| name.strip_prefix(prefix).and_then(|number| u64::from_str_radix(number, 16).ok());
        snapshot = snapshot.max(number("snapshot_"));
        log = log.max(number("log_"));
    }
    let Some(next) = snapshot.and_then(|number| number.checked_add(1)).filter(|_| log <= snapshot) else { return Ok(()) };
    let path = metadata.join(format!("log_{next:016x}"));
    match File::create_new(&path).and_then(|file| file.sync_all()) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(Error::io(format!("making {}", path.display()), error)),
        _ => {}
    }
    sync_directory(metadata)
}

fn fill_up(store: &Path, needed: &BTreeMap<u64, u64>) -> Result<()> {
    for (slab, &length) in needed {
        let path = store.join("slabs").join(slab.to_string());
        let short = fs::metadata(&path).map_or(0, |about| about.len());
        if short >= length || length > LONGEST || !store.join("slabs").is_dir() {
            continue;
        }
        tracing::warn!(path = %path.display(), "cut short: {short} bytes of {length} are there");
        let fill = || OpenOptions::new().create(true).truncate(false).write(true).open(&path)?.set_len(length);
        fill().map_err(|error| Error::io(format!("filling up {}", path.display()), error))?;
    }
    Ok(())
}
