//! Stored bytes with the right checksums and any content: one decoder, a store of any entries, or a database with one part exchanged.
#![no_main]

mod common;

use libfuzzer_sys::fuzz_target;
use torre::fuzzing::{Stored, recode};
use torre_storage::backend::Backend;
use torre_storage::backend::memory::Memory;
use torre_storage::{CollectionId, Manifest, SpaceId, Storage, fuzzing as storage};

use common::parts;

fuzz_target!(|data: &[u8]| {
    let Some((&which, rest)) = data.split_first() else { return };
    match which % 16 {
        0..=9 => decoder(which % 16, rest),
        10 | 11 => entries(rest),
        _ => parts::exchanged(rest),
    }
});

/// What decodes encodes to what decodes to the same; and to the same bytes where there is one way only to write it.
fn again(what: Stored, bytes: &[u8], one_way: bool) {
    if let Some(first) = recode(what, bytes) {
        assert_eq!(recode(what, &first).as_ref(), Some(&first), "{what:?}");
        assert!(!one_way || first == bytes, "{what:?}: two ways to write one value");
    }
}

fn decoder(which: u8, bytes: &[u8]) {
    match which {
        0 => {
            storage::words_of_key(bytes);
            if let Some(key) = storage::key(bytes) {
                assert_eq!(key, bytes);
            }
        }
        1 => {
            let (key, value) = bytes.split_at(bytes.len().min(19));
            let _ = storage::open_value(key, value);
            if let Some(sealed) = storage::seal_value(key, 3, 7, value) {
                assert_eq!(storage::open_value(key, &sealed).expect("what was sealed opens"), (3, 7, value.to_vec()));
            }
        }
        2 => {
            if let Ok(manifest) = Manifest::from_bytes(bytes) {
                assert_eq!(manifest.to_bytes().expect("what was decoded encodes"), bytes);
                manifest.live_blobs();
            }
        }
        3 => {
            if let Some(marker) = storage::marker(bytes) {
                assert_eq!(storage::marker(&marker).as_ref(), Some(&marker));
            }
        }
        4 => drop((storage::slot(bytes), storage::leaf(bytes))),
        5 => drop((storage::frame(bytes), storage::items(bytes))),
        6 => {
            again(Stored::Record, bytes, true);
            again(Stored::Vector, bytes, true);
            again(Stored::Row, bytes, false);
            again(Stored::Delta, bytes, false);
        }
        7 => {
            let Some((&count, rest)) = bytes.split_first() else { return };
            again(Stored::Ids(usize::from(count)), rest, true);
            again(Stored::Rows(usize::from(count)), rest, true);
            again(Stored::Column(usize::from(count)), rest, false);
            // A manifest may say any number.
            assert_eq!(recode(Stored::Ids(usize::MAX - usize::from(count)), rest), None);
            assert_eq!(recode(Stored::Rows(usize::MAX - usize::from(count)), rest), None);
        }
        8 => {
            again(Stored::Quantizer, bytes, true);
            again(Stored::Calibration, bytes, false);
        }
        _ => {
            again(Stored::Settings, bytes, false);
            again(Stored::Head, bytes, true);
        }
    }
}

/// Cuts off a length in one byte, and as much.
fn piece<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (&length, tail) = rest.split_first()?;
    let (piece, tail) = tail.split_at(usize::from(length).min(tail.len()));
    *rest = tail;
    Some(piece)
}

/// Everything that can be read of a store with these entries: each a key of up to 19 bytes, pieces, sequence, payload.
fn entries(mut rest: &[u8]) {
    let (records, blobs) = (Memory::new(), Memory::new());
    let mut entries = 0;
    while let (Some(key), Some(value)) = (piece(&mut rest), piece(&mut rest)) {
        let (pieces, payload) = value.split_at(value.len().min(1));
        let pieces = pieces.first().copied().map_or(0, u32::from);
        let sequence = payload.first().copied().map_or(0, u64::from);
        // Any key that is none is found damaged at once, so make the most of them that are.
        let Some(sealed) = storage::seal_value(key, pieces, sequence, payload) else { continue };
        entries += 1;
        let store = if key.first() == Some(&0x60) { &blobs } else { &records };
        store.apply(vec![(key.to_vec(), Some(sealed))]).expect("memory takes it");
    }
    let Ok(storage) = Storage::with_backend(Box::new(records), Box::new(blobs)) else { return };
    for c in [0, 1, 2].map(CollectionId) {
        let _ = (storage.collections(), storage.tombstones(c), storage.last_record(c), storage.record(c, 0));
        assert!(storage.records(c, 0..u64::MAX).take(entries + 1).count() <= entries, "more records than entries");
        assert!(storage.vectors(c, SpaceId(1), 0..u64::MAX).take(entries + 1).count() <= entries, "more vectors than entries");
        if let Ok(Some(manifest)) = storage.manifest(c) {
            for part in manifest.parts() {
                let _ = storage.read_blob(c, part);
            }
        }
    }
    if let Ok(database) = torre::fuzzing::database(storage) {
        parts::use_it(&database);
    }
}
