//! The list of leaves of a sled 1.0.0-alpha.124 store: its metadata snapshot and logs, read without sled.
//!
//! ```text
//! metadata/snapshot_<16 hex>   one frame: all leaves as of the log of that number
//! metadata/log_<16 hex>        frames: changes, one frame a flush; the last one may be torn
//! frame       6 bytes LE length, u16 LE low half of the crc32 of these 6, the items (zstd), u32 LE crc32 of all before xor AF
//! item        leaf's number u64, tree u64, place u64 (0: freed), length of lo u64, lo
//! place       slab + 1 in the highest byte, slot in the other seven
//! ```

use std::collections::HashMap;
use std::fs;
use std::io::Read;
use std::path::Path;

use super::leaves::{Place, take_bytes, take_number};
use crate::error::{Error, Result};

/// The tree that holds our entries: sled's default one. Tree 0 is its list of trees.
pub(super) const TREE: u64 = 1;
const LARGEST: u64 = 4 << 30;

pub(crate) struct Item {
    leaf: u64,
    tree: u64,
    place: u64,
    lo: Vec<u8>,
}

/// A leaf of the list.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Listed {
    pub(super) tree: u64,
    pub(super) lo: Vec<u8>,
    pub(super) place: Place,
}

/// The leaves of all trees.
///
/// # Errors
/// [`Error::Absent`] and [`Error::Corrupt`] where the list cannot be had whole. What is torn at the end of the last log was never
/// acknowledged, or shows by the sequence that is found.
pub(super) fn read(store: &Path) -> Result<Vec<Listed>> {
    let directory = store.join("metadata");
    let name = || directory.display().to_string();
    let (mut snapshots, mut logs) = (Vec::new(), Vec::new());
    for entry in fs::read_dir(&directory).map_err(|error| Error::io(format!("reading {}", name()), error))? {
        let entry = entry.map_err(|error| Error::io(format!("reading {}", name()), error))?;
        let file = entry.file_name().to_string_lossy().into_owned();
        let number = |text: &str| u64::from_str_radix(text, 16).ok();
        if let Some(number) = file.strip_prefix("snapshot_").and_then(number) {
            snapshots.push((number, entry.path()));
        } else if let Some(number) = file.strip_prefix("log_").and_then(number) {
            logs.push((number, entry.path()));
        }
    }
    snapshots.sort();
    logs.sort();
    let bytes = |path: &Path| fs::read(path).map_err(|error| Error::io(format!("reading {}", path.display()), error));
    let mut leaves: HashMap<u64, Item> = HashMap::new();
    // sled writes a snapshot whenever it opens, before the first log: without one, or without a log in the middle, most leaves are not listed.
    let Some((covered, path)) = snapshots.last() else { return Err(Error::Absent { part: format!("the snapshot in {}", name()) }) };
    let snapshot = bytes(path)?;
    let items = frame(&mut &*snapshot).ok_or_else(|| Error::corrupt(path.display().to_string(), "its frame is not whole"))?;
    leaves.extend(items.into_iter().map(|item| (item.leaf, item)));
    for (next, (number, path)) in (covered.saturating_add(1)..).zip(logs.iter().filter(|(number, _)| number > covered)) {
        if *number != next {
            return Err(Error::Absent { part: directory.join(format!("log_{next:016x}")).display().to_string() });
        }
        let log = bytes(path)?;
        let mut rest = &*log;
        while let Some(items) = frame(&mut rest) {
            for item in items {
                if item.place == 0 {
                    leaves.remove(&item.leaf)
                } else {
                    leaves.insert(item.leaf, item)
                };
            }
        }
        if !rest.is_empty() && Some(path) != logs.last().map(|(_, path)| path) {
            return Err(Error::corrupt(path.display().to_string(), "a frame in its middle is not whole"));
        }
    }
    Ok(leaves.into_values().filter_map(|item| Some(Listed { tree: item.tree, place: place(item.place)?, lo: item.lo })).collect())
}

fn place(number: u64) -> Option<Place> {
    let [slab, slot @ ..] = number.to_be_bytes();
    let [a, b, c, d, e, f, g] = slot;
    Some(Place { slab: slab.checked_sub(1)?, slot: u64::from_be_bytes([0, a, b, c, d, e, f, g]) })
}

/// The next frame; `None` where there is no whole one, and then `rest` stays.
pub(crate) fn frame(rest: &mut &[u8]) -> Option<Vec<Item>> {
    let head: &[u8; 8] = rest.first_chunk()?;
    let [l0, l1, l2, l3, l4, l5, s0, s1] = *head;
    if (crc32fast::hash(&head[..6]) as u16).to_le_bytes() != [s0, s1] {
        return None;
    }
    let length = usize::try_from(u64::from_le_bytes([l0, l1, l2, l3, l4, l5, 0, 0])).ok()?;
    let (body, after) = rest.split_at_checked(length.checked_add(8)?)?;
    let (sum, after) = after.split_first_chunk::<4>()?;
    if (crc32fast::hash(body) ^ 0xAF).to_le_bytes() != *sum {
        return None;
    }
    let mut bytes = Vec::new();
    zstd::stream::read::Decoder::new(&body[8..]).ok()?.take(LARGEST).read_to_end(&mut bytes).ok()?;
    let items = items(&bytes)?;
    *rest = after;
    Some(items)
}

/// The items of an unpacked frame.
pub(crate) fn items(mut left: &[u8]) -> Option<Vec<Item>> {
    let mut items = Vec::new();
    while !left.is_empty() {
        let (leaf, tree, place) = (take_number(&mut left)?, take_number(&mut left)?, take_number(&mut left)?);
        items.push(Item { leaf, tree, place, lo: take_bytes(&mut left)?.to_vec() });
    }
    Some(items)
}
