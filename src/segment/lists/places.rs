//! Where the items of stored lists are: found once, and again for the parts of a snapshot that are new.

use std::sync::{Arc, Weak};

use super::numbers::Numbers;
use super::parts::{Parts, Place};
use crate::segment::Ids;

/// The serial of no part.
const NOWHERE: u32 = 0;

/// The place of every number's item as of one snapshot. Parts are named by serials, so that a part that goes takes its places with it.
#[derive(Default, Debug)]
pub(super) struct Places {
    /// Version of the snapshot.
    version: u64,
    /// The snapshot's parts by their ids, in its order.
    parts: Vec<(u32, Weak<Ids>)>,
    last_serial: u32,
    /// By number: the part's serial, or [`NOWHERE`], and the position in it.
    of: Vec<(u32, u32)>,
    /// Numbers that were given since.
    new: Vec<u32>,
}

impl Places {
    /// Whether places are as of this snapshot.
    pub(super) fn are_of(&self, snapshot: &dyn Parts) -> bool {
        self.version == snapshot.version() && self.new.is_empty()
    }

    /// Whether they can be brought to this snapshot: they only go forward, because an item's place in an older one is forgotten.
    pub(super) fn reach(&self, snapshot: &dyn Parts) -> bool {
        self.version <= snapshot.version()
    }

    /// Says that a number stands for an id that was not there before.
    pub(super) fn add(&mut self, number: u32) {
        self.new.push(number);
    }

    /// Brings places to this snapshot, or to a later one's. A row that is live now in a part that stays was live there all the time, and had its place.
    pub(super) fn advance(&mut self, snapshot: &dyn Parts, numbers: &Numbers) {
        if !self.reach(snapshot) {
            return;
        }
        if self.last_serial > u32::MAX / 2 {
            // Serials begin again, and with them all places.
            let new = numbers.iter().map(|(number, _)| number).collect();
            *self = Self { new, ..Self::default() };
        }
        self.of.resize(numbers.len(), (NOWHERE, 0));
        for number in std::mem::take(&mut self.new) {
            if let Some(of) = self.of.get_mut(number as usize) {
                *of = (NOWHERE, 0);
            }
            // Of the parts that are known; the others are about to be looked through.
            for (part, table) in snapshot.tables().into_iter().enumerate() {
                if let Some(serial) = self.serial(table.ids())
                    && let Some(position) = table.find(numbers.text(number))
                {
                    self.put(snapshot, number, serial, (part as u32, position as u32));
                }
            }
        }
        let mut parts = Vec::with_capacity(self.parts.len());
        for (part, table) in snapshot.tables().into_iter().enumerate() {
            let serial = self.serial(table.ids()).unwrap_or_else(|| {
                self.last_serial += 1;
                let serial = self.last_serial;
                if table.len() < numbers.len() {
                    for position in 0..table.len() {
                        if let Some(number) = numbers.find(table.id(position)) {
                            self.put(snapshot, number, serial, (part as u32, position as u32));
                        }
                    }
                } else {
                    for (number, id) in numbers.iter() {
                        if let Some(position) = table.find(id) {
                            self.put(snapshot, number, serial, (part as u32, position as u32));
                        }
                    }
                }
                serial
            });
            parts.push((serial, Arc::downgrade(table.ids())));
        }
        (self.parts, self.version) = (parts, snapshot.version());
    }

    fn serial(&self, ids: &Arc<Ids>) -> Option<u32> {
        self.parts.iter().find(|(_, known)| std::ptr::eq(known.as_ptr(), Arc::as_ptr(ids))).map(|(serial, _)| *serial)
    }

    fn put(&mut self, snapshot: &dyn Parts, number: u32, serial: u32, place: Place) {
        if snapshot.is_live(place)
            && let Some(of) = self.of.get_mut(number as usize)
        {
            *of = (serial, place.1);
        }
    }

    /// Adds the places of the live items of these numbers, of a snapshot that the places are of.
    pub(super) fn extend(&self, snapshot: &dyn Parts, numbers: &[u32], out: &mut Vec<Place>) {
        let whole: Vec<bool> = (0..self.parts.len()).map(|part| snapshot.is_whole(part)).collect();
        // Most rows are in few parts.
        let mut last = (NOWHERE, 0);
        for &number in numbers {
            let Some(&(serial, position)) = self.of.get(number as usize).filter(|of| of.0 != NOWHERE) else { continue };
            if serial != last.0 {
                match self.parts.iter().position(|(known, _)| *known == serial) {
                    Some(part) => last = (serial, part),
                    None => continue,
                }
            }
            let place = (last.1 as u32, position);
            if whole.get(last.1) == Some(&true) || snapshot.is_live(place) {
                out.push(place);
            }
        }
    }

    /// Bytes of memory.
    pub(super) fn memory(&self) -> usize {
        self.of.capacity() * 8 + self.new.capacity() * 4
    }
}
