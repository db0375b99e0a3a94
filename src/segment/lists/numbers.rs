//! The ids of all stored lists, each once: a list has their numbers, 4 bytes an entry, however long the ids are and however many lists have them.

use hashbrown::HashTable;
use xxhash_rust::xxh3::xxh3_64;

use super::change::bytes_of;

/// Ids by number. A number is given again when no list has its id any more.
#[derive(Default, Debug)]
pub(super) struct Numbers {
    texts: Vec<Box<str>>,
    /// Entries of lists that have the number.
    uses: Vec<u32>,
    free: Vec<u32>,
    table: HashTable<u32>,
    text_bytes: usize,
}

impl Numbers {
    /// The number of an id that some list has.
    pub(super) fn find(&self, id: &str) -> Option<u32> {
        let texts = &self.texts;
        self.table.find(xxh3_64(id.as_bytes()), |&number| texts.get(number as usize).is_some_and(|text| **text == *id)).copied()
    }

    /// The number of an id that one more entry has; true where it was given just now.
    pub(super) fn take(&mut self, id: &str) -> (u32, bool) {
        if let Some(number) = self.find(id) {
            if let Some(uses) = self.uses.get_mut(number as usize) {
                *uses += 1;
            }
            return (number, false);
        }
        let number = match self.free.pop() {
            Some(number) => {
                if let (Some(text), Some(uses)) = (self.texts.get_mut(number as usize), self.uses.get_mut(number as usize)) {
                    (*text, *uses) = (id.into(), 1);
                }
                number
            }
            None => {
                self.texts.push(id.into());
                self.uses.push(1);
                (self.texts.len() - 1) as u32
            }
        };
        self.text_bytes += id.len();
        let texts = &self.texts;
        self.table.insert_unique(xxh3_64(id.as_bytes()), number, |&number| {
            xxh3_64(texts.get(number as usize).map_or(&[], |text| text.as_bytes()))
        });
        (number, true)
    }

    /// Says that one entry less has the number; answers what the entry took in the log.
    pub(super) fn release(&mut self, number: u32) -> u64 {
        let (Some(text), Some(uses)) = (self.texts.get_mut(number as usize), self.uses.get_mut(number as usize)) else { return 0 };
        let bytes = bytes_of(text);
        *uses -= 1;
        if *uses == 0 {
            if let Ok(entry) = self.table.find_entry(xxh3_64(text.as_bytes()), |&other| other == number) {
                entry.remove();
            }
            self.text_bytes -= text.len();
            *text = Box::default();
            self.free.push(number);
        }
        bytes
    }

    /// The id of a number; empty where no list has it.
    pub(super) fn text(&self, number: u32) -> &str {
        self.texts.get(number as usize).map_or("", |text| text)
    }

    /// Numbers up to which some are in use.
    pub(super) fn len(&self) -> usize {
        self.texts.len()
    }

    /// The numbers in use, with their ids.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, &str)> {
        let used = (0u32..).zip(self.texts.iter()).zip(&self.uses).filter(|(_, uses)| **uses > 0);
        used.map(|((number, text), _)| (number, &**text))
    }

    /// Bytes of memory.
    pub(super) fn memory(&self) -> usize {
        self.texts.capacity() * size_of::<Box<str>>()
            + self.text_bytes
            + (self.uses.capacity() + self.free.capacity()) * 4
            + self.table.capacity() * 5
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_an_ids_as_long_as_somebody_has_it() {
        let mut numbers = Numbers::default();
        let (a, b) = (numbers.take("a").0, numbers.take("b").0);
        assert_eq!((numbers.take("a"), numbers.find("b"), numbers.find("c")), ((a, false), Some(b), None));
        numbers.release(a);
        assert_eq!((numbers.find("a"), numbers.text(a)), (Some(a), "a"));
        numbers.release(a);
        assert_eq!((numbers.find("a"), numbers.text(a)), (None, ""));
        assert!(numbers.iter().eq([(b, "b")]));
        assert_eq!((numbers.take("c"), numbers.len()), ((a, true), 2));
        for round in 0..3 {
            let taken: Vec<u32> = (0..1000).map(|at| numbers.take(&format!("{round}-{at}")).0).collect();
            assert!(taken.iter().enumerate().all(|(at, &number)| numbers.find(&format!("{round}-{at}")) == Some(number)));
            for number in taken {
                numbers.release(number);
            }
        }
        assert_eq!((numbers.len(), numbers.iter().count()), (1002, 2));
    }
}
