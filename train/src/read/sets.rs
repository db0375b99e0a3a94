//! Published splits without times: `user item item ...`, a line a user.

use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use torre_data::Input;

use super::log::{Log, RawEvent};
use crate::error::TrainError;

/// The bytes of an input, as a reader.
struct Bytes(Input);

impl Read for Bytes {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.fill(buffer)
    }
}

/// Reads lines `user item item ...` (ids between spaces or tabs) of the files of a split, one after the other; the end of each file among the
/// events comes beside. Events without times, all chosen.
///
/// # Errors
/// [`TrainError::Read`], and [`TrainError::Data`] where nothing can be learned from the events.
pub fn read_sets(paths: &[&Path]) -> Result<(Log, Vec<usize>), TrainError> {
    let (mut log, mut ends) = (Log::default(), Vec::with_capacity(paths.len()));
    for path in paths {
        let lines = BufReader::with_capacity(1 << 16, Bytes(Input::open(path)?)).lines();
        for (number, line) in (1..).zip(lines) {
            let line = line.map_err(|source| TrainError::Io { path: (*path).to_owned(), source })?;
            let mut ids = line.split_ascii_whitespace();
            let Some(user) = ids.next() else { continue };
            let too_many = || TrainError::Data(format!("{}, line {number}: more than 4 billion ids", path.display()));
            let user = log.users.number(user).ok_or_else(too_many)?;
            for item in ids {
                let item = log.items.number(item).ok_or_else(too_many)?;
                log.events.push(RawEvent { user, item, time: 0, weight: 1.0, positive: true });
                log.report.rows += 1;
            }
        }
        ends.push(log.events.len());
    }
    Ok((log.check(false)?, ends))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn lines_of_sets_are_read() {
        let directory = tempfile::tempdir().unwrap();
        let (train, test) = (directory.path().join("train.txt"), directory.path().join("test.txt"));
        std::fs::write(&train, "0 10 11\n1 11 \n2\n\n").unwrap();
        std::fs::write(&test, "0 12\n").unwrap();
        let (log, ends) = read_sets(&[&train, &test]).unwrap();
        assert_eq!((log.users.len(), log.items.len(), ends, log.timed), (3, 3, vec![3, 4], false));
        assert_eq!(log.events.iter().map(|e| (e.user, e.item)).collect::<Vec<_>>(), [(0, 0), (0, 1), (1, 1), (0, 2)]);
    }
}
