//! What the fuzz targets reach of the inside. No API: it changes without notice.

use crate::backend::Entry;
use crate::envelope;
use crate::error::Result;
use crate::key::{Key, describe, describe_bound};
use crate::marker::Marker;
use crate::salvage;

/// Reads a key, and writes what was read.
pub fn key(bytes: &[u8]) -> Option<Vec<u8>> {
    Key::decode(bytes).map(Key::encode)
}

/// Keys and bounds in words, for any bytes.
pub fn words_of_key(bytes: &[u8]) -> (String, String) {
    (describe(bytes), describe_bound(bytes))
}

/// Pieces, sequence and payload of a stored value.
///
/// # Errors
/// Damage, naming the key.
pub fn open_value(key: &[u8], value: &[u8]) -> Result<(u32, u64, Vec<u8>)> {
    envelope::open(key, value).map(|found| (found.pieces, found.sequence, found.payload.to_vec()))
}

/// A stored value with the right checksum; `None` where the key is none.
pub fn seal_value(key: &[u8], pieces: u32, sequence: u64, payload: &[u8]) -> Option<Vec<u8>> {
    Key::decode(key).map(|decoded| envelope::seal(decoded, key, pieces, sequence, payload))
}

/// Reads a marker, and writes what was read; the checksum is made right first.
pub fn marker(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = bytes.to_vec();
    if let Some((head, sum)) = bytes.split_last_chunk_mut::<4>() {
        *sum = crc32c::crc32c(head).to_le_bytes();
    }
    Marker::decode("".as_ref(), &bytes).ok().map(|marker| marker.encode())
}

/// Reads the bytes of a slot of the store as salvage does; the entries found in it. The checksum is made right first.
pub fn slot(bytes: &[u8]) -> Option<Vec<Entry>> {
    let mut bytes = bytes.to_vec();
    if let Some((head, sum)) = bytes.split_last_chunk_mut::<4>() {
        *sum = (crc32fast::hash(head) ^ 0xAF).to_le_bytes();
    }
    salvage::unpack(&bytes).ok().map(|leaf| leaf.entries)
}

/// Reads an unpacked leaf of the store as salvage does; the entries found in it.
pub fn leaf(bytes: &[u8]) -> Option<Vec<Entry>> {
    salvage::parse(bytes).map(|leaf| leaf.entries)
}

/// Reads a frame of the store's list of leaves as salvage does; how many items are in it. The checksums are made right first.
pub fn frame(bytes: &[u8]) -> Option<usize> {
    let mut bytes = bytes.to_vec();
    let length = (bytes.len().checked_sub(12)? as u64).to_le_bytes();
    bytes[..6].copy_from_slice(&length[..6]);
    let sum = (crc32fast::hash(&bytes[..6]) as u16).to_le_bytes();
    bytes[6..8].copy_from_slice(&sum);
    let (body, sum) = bytes.split_last_chunk_mut::<4>()?;
    *sum = (crc32fast::hash(body) ^ 0xAF).to_le_bytes();
    salvage::frame(&mut &*bytes).map(|items| items.len())
}

/// Reads the unpacked items of the store's list of leaves as salvage does; how many there are.
pub fn items(bytes: &[u8]) -> Option<usize> {
    salvage::items(bytes).map(|items| items.len())
}
