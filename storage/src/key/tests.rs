//! Keys: their order, and bytes that are none.
#![allow(clippy::unwrap_used)]
use super::*;
use proptest::prelude::*;

fn any_key() -> impl Strategy<Value = Key> {
    let numbers = (any::<u32>(), 0..=LAST_ROW, any::<u16>(), any::<u16>(), any::<u32>());
    (0..10, numbers).prop_map(|(which, (c, number, piece, part, chunk))| {
        let collection = CollectionId(c);
        match which {
            0 => Key::Identity,
            1 => Key::Collection(collection),
            2 => Key::Manifest { collection, piece },
            3 => Key::Tombstones { collection, number, piece },
            4 => Key::Record { collection, row: number, piece },
            5 => Key::Head(collection),
            6 => Key::Vector { collection, space: SpaceId(chunk), row: number, piece },
            7 => Key::Delta { collection, number, piece },
            8 => Key::ListEntry { collection, number, piece },
            _ => Key::Chunk { collection, blob: number, part, chunk },
        }
    })
}

proptest! {
    #[test]
    fn a_key_comes_back_from_its_bytes(key in any_key()) {
        prop_assert_eq!(Key::decode(&key.encode()), Some(key));
    }

    #[test]
    fn byte_order_is_row_order(a in 0..=LAST_ROW, b in 0..=LAST_ROW, p in any::<u16>(), q in any::<u16>()) {
        let key = |row, piece| Key::Record { collection: CollectionId(7), row, piece }.encode();
        prop_assert_eq!((a, p).cmp(&(b, q)), key(a, p).cmp(&key(b, q)));
        prop_assert!(key(a, p) < Key::Head(CollectionId(7)).encode());
    }

    #[test]
    fn arbitrary_bytes_decode_to_what_encodes_to_them(bytes in proptest::collection::vec(any::<u8>(), 0..24)) {
        if let Some(key) = Key::decode(&bytes) {
            prop_assert_eq!(key.encode(), bytes);
        }
    }
}

#[test]
fn ranges_hold_their_own_and_nothing_else() {
    let c = CollectionId(3);
    let all = records(c, 0..u64::MAX);
    assert!(all.contains(&Key::Record { collection: c, row: 0, piece: 0 }.encode()));
    assert!(all.contains(&Key::Record { collection: c, row: LAST_ROW, piece: u16::MAX }.encode()));
    assert!(!all.contains(&Key::Head(c).encode()));
    assert!(!all.contains(&Key::Record { collection: CollectionId(4), row: 0, piece: 0 }.encode()));
    let vector = |c, space, row, piece| Key::Vector { collection: c, space: SpaceId(space), row, piece }.encode();
    assert!(vectors(c, SpaceId(2), 0..u64::MAX).contains(&vector(c, 2, LAST_ROW, u16::MAX)));
    assert!(!vectors(c, SpaceId(2), 0..u64::MAX).contains(&vector(c, 3, 0, 0)));
    assert!(all_vectors(c).contains(&vector(c, 0, 0, 0)) && all_vectors(c).contains(&vector(c, u32::MAX, LAST_ROW, u16::MAX)));
    assert!(!all_vectors(c).contains(&vector(CollectionId(4), 0, 0, 0)));
    let part = blob(c, 5, Some(1));
    assert!(part.contains(&Key::Chunk { collection: c, blob: 5, part: 1, chunk: u32::MAX }.encode()));
    assert!(!part.contains(&Key::Chunk { collection: c, blob: 5, part: 2, chunk: 0 }.encode()));
    assert!(!blob(c, 5, None).contains(&Key::Chunk { collection: c, blob: 6, part: 0, chunk: 0 }.encode()));
}
