//! Values that are whole and wrong: an error or an answer, at once.
#![allow(clippy::unwrap_used)]

use crate::backend::Backend;
use crate::backend::memory::Memory;
use crate::envelope::seal;
use crate::key::Key;
use crate::{CollectionId, Error, Storage};

const C: CollectionId = CollectionId(1);

fn put(store: &Memory, key: Key, pieces: u32, sequence: u64, payload: &[u8]) {
    let encoded = key.encode();
    let value = seal(key, &encoded, pieces, sequence, payload);
    store.apply(vec![(encoded, Some(value))]).unwrap();
}

#[test]
fn a_stray_chunk_with_the_last_number_or_billions_of_others_is_swept() {
    for (chunk, pieces) in [(u32::MAX, 1), (u32::MAX - 3, u32::MAX), (0, u32::MAX), (0, 0), (7, 3)] {
        let blobs = Memory::new();
        put(&blobs, Key::Chunk { collection: C, blob: 5, part: 0, chunk }, pieces, 1, b"x");
        put(&blobs, Key::Chunk { collection: C, blob: 5, part: 1, chunk: 0 }, 1, 1, b"y");
        let storage = Storage::with_backend(Box::new(Memory::new()), Box::new(blobs)).unwrap();
        assert!(storage.swept().chunks >= 2 && storage.swept().blobs == 1, "{chunk} of {pieces}");
    }
}

#[test]
fn a_head_with_impossible_numbers_is_damage() {
    for (sequence, tombstone) in [(u64::MAX, 0), (1, u64::MAX)] {
        let records = Memory::new();
        put(&records, Key::Collection(C), 1, 1, &[1]);
        put(&records, Key::Head(C), 1, sequence, &tombstone.to_le_bytes());
        let opened = Storage::with_backend(Box::new(records), Box::new(Memory::new()));
        assert!(matches!(opened, Err(Error::Corrupt { .. })), "{sequence} {tombstone}");
    }
}

#[test]
fn a_manifest_of_a_newer_version_is_refused_by_name() {
    let store = Memory::new();
    put(&store, Key::Manifest { collection: C, piece: 0 }, 1, 1, &[200, 1, 2, 3]);
    let storage = Storage::with_backend(Box::new(store), Box::new(Memory::new())).unwrap();
    let error = storage.manifest(C).unwrap_err();
    let named = |what: &str| what.contains("the manifest of collection 1");
    assert!(matches!(&error, Error::NewerPart { what, found: 200, known: 3 } if named(what)), "{error}");
}
