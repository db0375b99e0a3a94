//! Places of lists' items beside looking each id up, in the newest state and in older ones.
#![allow(clippy::unwrap_used)]

use super::{Changed, ListChange, Lists, Parts};
use crate::segment::RowTable;

/// Parts with what is live of them.
#[derive(Clone, Default)]
struct State {
    version: u64,
    parts: Vec<(RowTable, Vec<bool>)>,
}

impl State {
    fn push(&mut self, ids: &[String]) {
        let table = RowTable::from_iter(ids.iter().map(String::as_str).zip(0..)).unwrap();
        self.parts.push((table, vec![true; ids.len()]));
    }

    fn delete(&mut self, id: &str) {
        if let Some((part, at)) = self.locate(id) {
            self.parts[part as usize].1[at as usize] = false;
        }
    }

    fn live(&self) -> Vec<String> {
        let of = |(table, live): &(RowTable, Vec<bool>)| -> Vec<String> {
            (0..table.len()).filter(|&at| live[at]).map(|at| table.id(at).to_owned()).collect()
        };
        self.parts.iter().flat_map(of).collect()
    }
}

impl Parts for State {
    fn version(&self) -> u64 {
        self.version
    }

    fn tables(&self) -> Vec<&RowTable> {
        self.parts.iter().map(|(table, _)| table).collect()
    }

    fn is_live(&self, (part, at): (u32, u32)) -> bool {
        self.parts[part as usize].1[at as usize]
    }

    fn is_whole(&self, part: usize) -> bool {
        self.parts[part].1.iter().all(|live| *live)
    }

    fn locate(&self, id: &str) -> Option<(u32, u32)> {
        let of = |(part, (table, live)): (usize, &(RowTable, Vec<bool>))| {
            table.find(id).filter(|&at| live[at]).map(|at| (part as u32, at as u32))
        };
        self.parts.iter().enumerate().find_map(of)
    }
}

#[test]
fn places_are_those_of_the_live_rows_in_every_state() {
    let mut seed = 7u64;
    let mut below = |most: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % most
    };
    for _ in 0..200 {
        let (lists, mut state, mut before) = (Lists::default(), State::default(), Vec::new());
        for _ in 0..60 {
            before.push(state.clone());
            state.version += 1;
            match below(6) {
                0 | 1 => {
                    let mut ids: Vec<String> = (0..=below(8)).map(|_| below(25).to_string()).collect();
                    ids.sort_unstable();
                    ids.dedup();
                    ids.iter().for_each(|id| state.delete(id));
                    state.push(&ids);
                }
                2 => state.delete(&below(25).to_string()),
                3 => {
                    let live = state.live();
                    state.parts.clear();
                    state.push(&live);
                }
                _ => {
                    let ids = (0..below(6)).map(|_| below(40).to_string().into()).collect();
                    let what = match below(4) {
                        0 => Changed::Remove(ids),
                        1 => Changed::Keep(below(9) as u32 + 1),
                        _ => Changed::Add(ids),
                    };
                    let log = lists.entry(vec![ListChange { list: below(3).to_string().into(), what }]);
                    lists.apply(log.number, &log.entry, &state);
                }
            }
            let old = below(before.len() as u64) as usize;
            let seen = if below(4) == 0 { &before[old] } else { &state };
            for list in ["0", "1", "2"] {
                let mut found = Vec::new();
                lists.places(seen, list, &mut found);
                found.sort_unstable();
                let ids = lists.get(list).map_or(Vec::new(), |state| state.ids);
                let mut expected: Vec<(u32, u32)> = ids.iter().filter_map(|id| seen.locate(id)).collect();
                expected.sort_unstable();
                assert_eq!(found, expected);
            }
        }
    }
}
