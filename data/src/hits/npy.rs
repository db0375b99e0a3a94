//! A table of int64 for numpy: a row a user, `k` ids each, -1 where there are no more.

use std::fs::File;
use std::io::{BufWriter, Seek, SeekFrom, Write};

use super::error::HitProblem;
use super::writer::{HitOptions, Hits, UserHits, flushed};

/// Bytes before the values: room for any number of rows, which is known at the end only.
const HEADER: usize = 128;
/// Where there is no hit.
const NONE: i64 = -1;

pub(super) struct Npy {
    out: BufWriter<File>,
    k: usize,
    rows: u64,
}

impl Npy {
    pub(super) fn begin(mut out: BufWriter<File>, options: HitOptions) -> Result<Self, HitProblem> {
        out.write_all(&[0; HEADER])?;
        Ok(Self { out, k: options.k, rows: 0 })
    }
}

impl Hits for Npy {
    fn add(&mut self, hits: &UserHits<'_>) -> Result<(), HitProblem> {
        self.rows += 1;
        let mut ids = hits.answer.into_iter().flatten().map(|hit| hit.id.as_str());
        for _ in 0..self.k {
            let number = match ids.next() {
                Some(id) => number(id).ok_or_else(|| HitProblem::NotANumber { user: hits.user.to_owned(), id: id.to_owned() })?,
                None => NONE,
            };
            self.out.write_all(&number.to_le_bytes())?;
        }
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<File, HitProblem> {
        let mut file = flushed(self.out)?;
        file.seek(SeekFrom::Start(0))?;
        file.write_all(&header(self.rows, self.k))?;
        Ok(file)
    }
}

/// The number that an id is the decimal text of, so that no two ids are one number.
fn number(id: &str) -> Option<i64> {
    let plain = id == "0" || (!id.starts_with(['0', '+', '-']) && !id.is_empty());
    id.parse::<i64>().ok().filter(|_| plain)
}

/// Version 1.0 of the format: magic, length, and a Python dictionary padded with spaces to a line's end.
fn header(rows: u64, k: usize) -> Vec<u8> {
    const START: usize = 10;
    let mut text = format!("{{'descr': '<i8', 'fortran_order': False, 'shape': ({rows}, {k}), }}");
    text.extend(std::iter::repeat_n(' ', (HEADER - START - 1).saturating_sub(text.len())));
    text.push('\n');
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend_from_slice(&((HEADER - START) as u16).to_le_bytes());
    bytes.extend_from_slice(text.as_bytes());
    bytes
}
