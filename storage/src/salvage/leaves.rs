//! The files of a sled 1.0.0-alpha.124 store, read without sled: slots of its slabs, and the leaves in them.
//!
//! ```text
//! slabs/<n>   slots of n bytes: the leaf (zstd), zeros, its length (u8, u16, u32 or u64 LE by the slot's size),
//!             u32 LE crc32 (IEEE) of all before, xor AF
//! leaf        bincode 1: lo bytes, hi option of bytes, prefix length u64, entries as count u64 and (key bytes, value bytes),
//!             two u64 more; "bytes" is a length u64 and the bytes
//! ```

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

use crate::backend::Entry;
use crate::error::{Error, Result};

/// The sizes of slots, ascending, as far as leaves of ours can need them (up to 64 MB).
pub(super) const SLOTS: [u64; 57] = [
    64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 640, 768, 896, 1024, 1280, 1536, 1792, 2048, 2560, 3072, 3584, 4096,
    5120, 6144, 7168, 8192, 10240, 12288, 14336, 16384, 20480, 24576, 28672, 32768, 40960, 49152, 57344, 65536, 98304, 131_072, 163_840,
    196_608, 262_144, 393_216, 524_288, 786_432, 1_048_576, 1_572_864, 2_097_152, 3_145_728, 4_194_304, 6_291_456, 8_388_608, 12_582_912,
];

/// The most that one leaf may unpack to: 64 values of 64 KB are 4 MB.
const LARGEST: u64 = 256 << 20;

/// Where a leaf is: a slab by its place in [`SLOTS`], and the slot in it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct Place {
    pub(super) slab: u8,
    pub(super) slot: u64,
}

/// A leaf: the entries from `lo` to before `hi`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Leaf {
    pub(crate) lo: Vec<u8>,
    pub(crate) hi: Option<Vec<u8>>,
    pub(crate) entries: Vec<Entry>,
}

/// The slabs of one store.
pub(super) struct Slabs {
    files: Vec<Result<File, Arc<io::Error>>>,
}

impl Slabs {
    /// Opens what slabs there are.
    pub(super) fn open(store: &Path) -> Self {
        let open = |size: &u64| File::open(store.join("slabs").join(size.to_string())).map_err(Arc::new);
        Self { files: SLOTS.iter().map(open).collect() }
    }

    /// How many whole slots a slab has.
    pub(super) fn slots(&self, slab: usize) -> u64 {
        let file = self.files.get(slab).and_then(|file| file.as_ref().ok());
        file.and_then(|file| file.metadata().ok()).map_or(0, |about| about.len() / SLOTS[slab])
    }

    /// The leaf at a place.
    pub(super) fn leaf(&self, place: Place) -> Result<Leaf> {
        let size = SLOTS.get(usize::from(place.slab)).copied().unwrap_or(0);
        let name = || format!("slot {} of slabs/{size}", place.slot);
        let file = match self.files.get(usize::from(place.slab)) {
            Some(Ok(file)) => file,
            // It is there, and not for us.
            Some(Err(error)) if error.kind() != io::ErrorKind::NotFound => {
                return Err(Error::Io { what: format!("opening slabs/{size}"), source: Arc::clone(error) });
            }
            _ => return Err(Error::Absent { part: name() }),
        };
        let mut slot = vec![0; size as usize];
        place
            .slot
            .checked_mul(size)
            .ok_or_else(|| std::io::Error::from(std::io::ErrorKind::UnexpectedEof))
            .and_then(|at| read_at(file, &mut slot, at))
            .map_err(|error| Error::corrupt(name(), format!("it cannot be read: {error}")))?;
        unpack(&slot).map_err(|detail| Error::corrupt(name(), detail))
    }
}

#[cfg(unix)]
fn read_at(file: &File, bytes: &mut [u8], at: u64) -> std::io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, bytes, at)
}

#[cfg(not(unix))]
fn read_at(mut file: &File, bytes: &mut [u8], at: u64) -> std::io::Result<()> {
    use std::io::{Seek, SeekFrom};
    file.seek(SeekFrom::Start(at))?;
    file.read_exact(bytes)
}

/// The leaf in a slot's bytes.
pub(crate) fn unpack(slot: &[u8]) -> Result<Leaf, String> {
    let (rest, sum) = slot.split_last_chunk::<4>().ok_or("it is too short")?;
    if (crc32fast::hash(rest) ^ 0xAF).to_le_bytes() != *sum {
        return Err("its checksum does not match".into());
    }
    let length = match slot.len() {
        0..=0xFF => rest.last_chunk().map(|n| u64::from(u8::from_le_bytes(*n))),
        0x100..=0xFFFF => rest.last_chunk().map(|n| u64::from(u16::from_le_bytes(*n))),
        _ => rest.last_chunk().map(|n| u64::from(u32::from_le_bytes(*n))),
    };
    let packed = length.and_then(|n| rest.get(..usize::try_from(n).ok()?)).ok_or("its length is impossible")?;
    let mut bytes = Vec::new();
    let unpacked = zstd::stream::read::Decoder::new(packed).and_then(|decoder| decoder.take(LARGEST).read_to_end(&mut bytes));
    unpacked.map_err(|error| format!("it does not unpack: {error}"))?;
    parse(&bytes).ok_or_else(|| "it is no leaf".into())
}

/// The leaf in unpacked bytes.
pub(crate) fn parse(bytes: &[u8]) -> Option<Leaf> {
    let mut rest = bytes;
    let lo = take_bytes(&mut rest)?.to_vec();
    let hi = match rest.split_off_first()? {
        0 => None,
        1 => Some(take_bytes(&mut rest)?.to_vec()),
        _ => return None,
    };
    let prefix = lo.get(..usize::try_from(take_number(&mut rest)?).ok()?)?.to_vec();
    let count = take_number(&mut rest)?;
    let mut entries = Vec::new();
    for _ in 0..count {
        let mut key = prefix.clone();
        key.extend_from_slice(take_bytes(&mut rest)?);
        entries.push((key, take_bytes(&mut rest)?.to_vec()));
    }
    (rest.len() == 16).then_some(Leaf { lo, hi, entries })
}

pub(super) fn take_number(rest: &mut &[u8]) -> Option<u64> {
    let (number, tail) = rest.split_first_chunk::<8>()?;
    *rest = tail;
    Some(u64::from_le_bytes(*number))
}

pub(super) fn take_bytes<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = usize::try_from(take_number(rest)?).ok()?;
    let (bytes, tail) = rest.split_at_checked(length)?;
    *rest = tail;
    Some(bytes)
}
