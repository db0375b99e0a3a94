//! Reading everything there is, whether anything names it or not: keys, envelopes, checksums.

use std::ops::Range;

use crate::backend::Backend;
use crate::envelope;
use crate::error::{Error, Result};
use crate::key::{Key, describe};
use crate::storage::Storage;

/// Entries and bytes fetched from a store at once.
const PAGE: usize = 512;
const PAGE_BYTES: usize = 4 << 20;

/// What a reading of everything found.
#[derive(Clone, Debug, Default)]
pub struct Checked {
    /// Values read, in both stores.
    pub values: u64,
    /// Bytes of their keys and values.
    pub bytes: u64,
    /// What is damaged, in the order in which it was met.
    pub damage: Vec<Error>,
    /// Everything was read: it was neither stopped, nor did a store refuse to go on.
    pub complete: bool,
}

impl Storage {
    /// Reads every value of both stores and checks it against its key and its checksum. What belongs together of several values is the
    /// affair of the calls that read it. `go_on` gets the number of values read so far, after every page, and stops the reading by `false`.
    pub fn check(&self, mut go_on: impl FnMut(u64) -> bool) -> Checked {
        let mut checked = Checked { complete: true, ..Checked::default() };
        for store in [&*self.inner.records, &*self.inner.blobs] {
            checked.complete &= match check_store(store, &mut checked, &mut go_on) {
                Ok(complete) => complete,
                Err(error) => {
                    checked.damage.push(error);
                    false
                }
            };
        }
        checked
    }
}

fn check_store(store: &dyn Backend, checked: &mut Checked, go_on: &mut impl FnMut(u64) -> bool) -> Result<bool> {
    let mut range: Range<Vec<u8>> = vec![]..vec![u8::MAX; 32];
    let mut complete = true;
    loop {
        let page = match store.range(&range.start..&range.end, PAGE, PAGE_BYTES) {
            Ok(page) => page,
            // Where the store can go on behind it, there may be more.
            Err(error) => match store.skip(&range.start).filter(|next| *next > range.start) {
                Some(next) => {
                    (complete, range.start) = (false, next);
                    checked.damage.push(error);
                    continue;
                }
                None => return Err(error),
            },
        };
        let Some((last, _)) = page.last() else { return Ok(complete) };
        range.start.clone_from(last);
        range.start.push(0);
        for (key, value) in &page {
            checked.values += 1;
            checked.bytes += (key.len() + value.len()) as u64;
            if Key::decode(key).is_none() {
                checked.damage.push(Error::corrupt(describe(key), "it is not a key"));
            } else if let Err(error) = envelope::open(key, value) {
                checked.damage.push(error);
            }
        }
        if !go_on(checked.values) {
            return Ok(false);
        }
    }
}
