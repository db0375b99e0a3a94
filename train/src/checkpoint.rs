//! The file of a checkpoint: a head and tensors, with a checksum, written beside the old one and put in its place at once.

use std::fs::{File, rename};
use std::io::{Read, Write};
use std::path::Path;

use xxhash_rust::xxh3::Xxh3;

use crate::error::TrainError;

/// The first bytes of a checkpoint; the last of them is the version.
const MAGIC: &[u8; 8] = b"TORRECK\x02";

/// A checkpoint that cannot be gone on from.
pub(crate) fn refused(path: &Path, reason: impl Into<String>) -> TrainError {
    TrainError::Checkpoint { path: path.to_owned(), reason: reason.into() }
}

/// Writes a checkpoint: magic, key, and each part with its length, then the checksum of all of it. Little-endian.
pub(crate) fn write(path: &Path, key: u64, head: &[u8], tensors: &[&[f32]]) -> std::io::Result<()> {
    let temporary = path.with_extension("tmp");
    let written = write_to(&temporary, key, head, tensors).and_then(|()| rename(&temporary, path)).and_then(|()| {
        // The new name has to be there after a power cut too.
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(folder)?.sync_all()
    });
    // What is half written is of no use; the old checkpoint is still there.
    written.inspect_err(|_| drop(std::fs::remove_file(&temporary)))
}

fn write_to(path: &Path, key: u64, head: &[u8], tensors: &[&[f32]]) -> std::io::Result<()> {
    let mut file = std::io::BufWriter::new(File::create(path)?);
    let mut hash = Xxh3::new();
    let mut put = |bytes: &[u8]| {
        hash.update(bytes);
        file.write_all(bytes)
    };
    put(MAGIC)?;
    put(&key.to_le_bytes())?;
    put(&(head.len() as u64).to_le_bytes())?;
    put(head)?;
    for tensor in tensors {
        put(&(tensor.len() as u64).to_le_bytes())?;
        let mut bytes = Vec::with_capacity(4 * 4096);
        for values in tensor.chunks(4096) {
            bytes.clear();
            bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
            put(&bytes)?;
        }
    }
    let digest = hash.digest();
    file.write_all(&digest.to_le_bytes())?;
    file.into_inner().map_err(std::io::IntoInnerError::into_error)?.sync_all()
}

/// The head and the tensors of a checkpoint.
pub(crate) fn read(path: &Path, key: u64) -> Result<(Vec<u8>, Vec<Vec<f32>>), TrainError> {
    let mut bytes = Vec::new();
    let io = |source| TrainError::Io { path: path.to_owned(), source };
    File::open(path).and_then(|mut file| file.read_to_end(&mut bytes)).map_err(io)?;
    let damaged = || refused(path, "it is damaged; remove it to begin anew");
    let (body, digest) = bytes.split_last_chunk::<8>().ok_or_else(damaged)?;
    let mut hash = Xxh3::new();
    hash.update(body);
    if hash.digest() != u64::from_le_bytes(*digest) {
        return Err(damaged());
    }
    let mut rest = body.strip_prefix(MAGIC).ok_or_else(|| refused(path, "it is no checkpoint, or one of another version"))?;
    if number(&mut rest).ok_or_else(damaged)? != key {
        return Err(refused(path, "it is of other data or options; remove it to begin anew"));
    }
    let head = part(&mut rest, 1).ok_or_else(damaged)?.to_vec();
    let mut tensors = Vec::new();
    while !rest.is_empty() {
        let tensor = part(&mut rest, 4).ok_or_else(damaged)?;
        tensors.push(tensor.as_chunks::<4>().0.iter().map(|value| f32::from_le_bytes(*value)).collect());
    }
    Ok((head, tensors))
}

/// The next number.
fn number(rest: &mut &[u8]) -> Option<u64> {
    let (number, after) = rest.split_first_chunk::<8>()?;
    *rest = after;
    Some(u64::from_le_bytes(*number))
}

/// The next part, whose length in units of so many bytes stands before it.
fn part<'a>(rest: &mut &'a [u8], unit: usize) -> Option<&'a [u8]> {
    let length = usize::try_from(number(rest)?).ok()?.checked_mul(unit)?;
    let (part, after) = rest.split_at_checked(length)?;
    *rest = after;
    Some(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_damage_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("c");
        let tensors: [&[f32]; 3] = [&[1.0, -0.0], &[], &[f32::MAX; 5000]];
        write(&path, 7, b"head", &tensors).unwrap();
        let (head, read_back) = read(&path, 7).unwrap();
        assert_eq!((&head[..], read_back), (&b"head"[..], tensors.map(<[f32]>::to_vec).to_vec()));
        assert!(read(&path, 8).unwrap_err().to_string().contains("other data or options"));
        let whole = std::fs::read(&path).unwrap();
        for at in [0, 7, 9, 20, 30, whole.len() - 1] {
            let mut bytes = whole.clone();
            bytes[at] ^= 1;
            std::fs::write(&path, bytes).unwrap();
            assert!(matches!(read(&path, 7), Err(TrainError::Checkpoint { .. })), "{at}");
        }
        for length in [0, 5, 30, whole.len() - 1] {
            std::fs::write(&path, &whole[..length]).unwrap();
            assert!(matches!(read(&path, 7), Err(TrainError::Checkpoint { .. })), "{length}");
        }
    }

    #[test]
    fn a_checkpoint_that_cannot_be_written_leaves_the_old_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("c");
        write(&path, 7, b"old", &[]).unwrap();
        // Its temporary file cannot be made.
        std::fs::create_dir(path.with_extension("tmp")).unwrap();
        assert!(write(&path, 7, b"new", &[]).is_err());
        assert_eq!(read(&path, 7).unwrap().0, b"old");
    }
}
