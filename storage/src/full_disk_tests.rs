//! A disk without any room: a handle closes all the same, and soon. On small file systems in memory, which need root to be mounted.
#![allow(clippy::unwrap_used)]

use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::directory::Create;
use crate::{Batch, CollectionId, Durability, Error, OpenOptions, Storage};

const C: CollectionId = CollectionId(1);

/// A small file system that is unmounted at the end.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn mount(megabytes: u32) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let size = format!("size={megabytes}m");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(folder.path()).status();
        assert!(mounted.is_ok_and(|status| status.success()), "no file system can be mounted here");
        Self(folder)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// Takes all the room that is left.
    fn fill(&self) {
        let mut file = std::fs::File::create(self.path().join("filler")).unwrap();
        while file.write(&[1; 4096]).is_ok_and(|written| written > 0) {}
    }

    fn free(&self) {
        std::fs::remove_file(self.path().join("filler")).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg("--lazy").arg(self.path()).status();
        assert!(unmounted.is_ok_and(|status| status.success()) || std::thread::panicking(), "{} stays mounted", self.path().display());
    }
}

fn records(storage: &Storage, rows: std::ops::Range<u64>) -> crate::Result<u64> {
    let mut batch = Batch::new();
    for row in rows {
        let mut state = row;
        let bytes = (0..1000).map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 56) as u8
        });
        batch.put_record(C, row, bytes.collect::<Vec<u8>>());
    }
    storage.commit(batch)
}

#[test]
#[ignore = "needs root, to mount a file system"]
fn root_a_handle_closes_within_seconds_where_nothing_can_be_written() {
    for (durability, lost) in [(Durability::Commit, 0), (Durability::Batched(Duration::from_secs(3600)), 4000)] {
        let disk = SmallDisk::mount(100);
        let path = disk.path().join("db");
        let storage = Storage::open(&path, &OpenOptions { create: Create::IfMissing, ..OpenOptions::default() }).unwrap();
        let mut batch = Batch::new();
        batch.put_collection(C, b"settings");
        storage.commit(batch).unwrap();
        records(&storage, 0..1000).unwrap();
        storage.flush().unwrap();
        storage.set_durability(durability);
        records(&storage, 1000..5000).unwrap();
        disk.fill();
        let refused = records(&storage, 5000..5001);
        assert!(matches!(refused, Err(Error::DiskFull { .. })), "{refused:?}");
        let start = Instant::now();
        let closed = storage.close();
        let took = start.elapsed();
        assert!(took < Duration::from_secs(8), "{durability:?}: closing took {took:?}: {closed:?}");
        assert_eq!(matches!(closed, Err(Error::DiskFull { .. })), lost > 0, "{durability:?}: {closed:?}");
        disk.free();
        // What was durable is there, in another process as a rule: this one may still hold what could not be written.
        let reader = Storage::open_read_only(&path, &OpenOptions::default());
        let reader = match reader {
            Err(Error::InUse { .. } | Error::Held { .. }) if lost > 0 => continue,
            reader => reader.unwrap(),
        };
        assert!(reader.record(C, 999).unwrap().is_some());
        assert_eq!(reader.record(C, 4999).unwrap().is_some(), lost == 0, "{durability:?}");
    }
}
