//! The numbers of the parts of blobs, in one place: what is not listed is free, and what is kept is not to be used for anything else.
//!
//! | blob of | numbers | what |
//! | --- | --- | --- |
//! | a space | 0 | head |
//! | | 1, 2 | the item tower's and the user tower's ONNX files |
//! | | 3, 4 | their feature specs, where these came beside the files |
//! | | 5 to 255 | kept for what else vectors are made with |
//! | a training | 0 | head |
//! | | 1 | quantizer |
//! | | 2 | kind of the refine vectors |
//! | | 3 | calibration |
//! | | 4 | the queries that it was calibrated with |
//! | | 5 | a sample of what users asked |
//! | | 6 to 255 | kept for what else codes are made with |
//! | a segment | 0 | head |
//! | | 1 | ids |
//! | | 2 | row numbers |
//! | | 3 to 31 | kept for what else there is of rows |
//! | | 32 to 63 | the index: 32 and the part's own number, from 1 |
//! | | 64 to 255 | kept for other indexes: second places of rows, further levels, other codes |
//! | | 256 to 65,535 | columns: 16 numbers each, 256 + 16 column + the part's own number |

use torre_storage::BlobMeta;
use xxhash_rust::xxh3::Xxh3Default;

/// What every blob has: its versioned head.
pub(super) const HEAD: u16 = 0;

/// Parts of a space's blob.
pub(super) mod space {
    pub(in crate::segment) const ITEM_ONNX: u16 = 1;
    pub(in crate::segment) const USER_ONNX: u16 = 2;
    pub(in crate::segment) const ITEM_SPEC: u16 = 3;
    pub(in crate::segment) const USER_SPEC: u16 = 4;
}

/// Parts of a training's blob.
pub(super) mod training {
    pub(in crate::segment) const QUANTIZER: u16 = 1;
    pub(in crate::segment) const REFINE: u16 = 2;
    pub(in crate::segment) const CALIBRATION: u16 = 3;
    pub(in crate::segment) const QUERIES: u16 = 4;
    pub(in crate::segment) const SAMPLE: u16 = 5;
}

/// Parts of a segment's blob.
pub(super) mod segment {
    use std::ops::Range;

    pub(in crate::segment) const IDS: u16 = 1;
    pub(in crate::segment) const ROWS: u16 = 2;
    /// The index's own parts, which it numbers from 1.
    pub(in crate::segment) const INDEX: Range<u16> = 32..64;
    /// Columns, of which each numbers its parts from 0.
    const COLUMNS: u16 = 256;
    const COLUMN_PARTS: u16 = 16;
    /// There is no room for more.
    pub(crate) const MOST_COLUMNS: usize = (u16::MAX - COLUMNS + 1) as usize / COLUMN_PARTS as usize;

    /// The number of a column's part.
    pub(in crate::segment) fn of_column(column: u16, part: u16) -> u16 {
        COLUMNS + COLUMN_PARTS * column + part
    }

    /// The column that a part belongs to, and the part's own number.
    pub(in crate::segment) fn column(part: u16) -> Option<(u16, u16)> {
        part.checked_sub(COLUMNS).map(|part| (part / COLUMN_PARTS, part % COLUMN_PARTS))
    }
}

/// The XXH3 of numbers and of the checksums of parts, in the order of their numbers.
pub(super) fn fingerprint<'p>(numbers: &[u64], parts: impl Iterator<Item = &'p BlobMeta>) -> u64 {
    let mut parts: Vec<&BlobMeta> = parts.collect();
    parts.sort_unstable_by_key(|part| part.part);
    let mut hash = Xxh3Default::new();
    numbers.iter().for_each(|number| hash.update(&number.to_le_bytes()));
    for BlobMeta { part, bytes, crc, .. } in parts {
        hash.update(&part.to_le_bytes());
        hash.update(&bytes.to_le_bytes());
        hash.update(&crc.to_le_bytes());
    }
    hash.digest()
}
