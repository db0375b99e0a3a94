//! Lists beside a naive model, and beside what comes back from their log at every moment.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use super::change::KEEP;
use super::state::{LITTLE, State};
use super::{Changed, ListChange, ListEntry, ListState, Log};

/// Random numbers below `most`.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % most
    }

    fn ids(&mut self, kinds: u64, long: usize) -> Vec<Box<str>> {
        let many = self.below(6);
        (0..many).map(|_| format!("{}{}", self.below(kinds), "x".repeat(long)).into()).collect()
    }
}

/// Lists as plain texts.
#[derive(Default)]
struct Naive(BTreeMap<String, ListState>);

impl Naive {
    fn change(&mut self, ListChange { list, what }: &ListChange) {
        let there = self.0.contains_key(&**list);
        let state = self.0.entry(list.to_string()).or_insert(ListState { ids: vec![], keep: KEEP, expires: None });
        match what {
            Changed::Add(ids) => {
                state.ids.retain(|id| !ids.contains(id));
                for id in ids {
                    if !state.ids.contains(id) {
                        state.ids.push(id.clone());
                    }
                }
            }
            Changed::Remove(ids) => {
                state.ids.retain(|id| !ids.contains(id));
                if !there {
                    self.0.remove(&**list);
                    return;
                }
            }
            Changed::Keep(most) => state.keep = *most,
            Changed::Expire(at) => state.expires = *at,
            Changed::Set(set) => *state = set.clone(),
            Changed::Drop => {
                self.0.remove(&**list);
                return;
            }
        }
        let more = state.ids.len().saturating_sub(state.keep as usize);
        state.ids.drain(..more);
    }
}

fn all(state: &State, now: u64) -> BTreeMap<String, ListState> {
    state.names("", usize::MAX, now).into_iter().map(|name| (name.to_string(), state.get(&name, now).unwrap())).collect()
}

/// Runs random entries; checks memory against the model and the log against memory. Answers the most bytes that the log ever had.
fn run(seed: u64, entries: u64, long: usize) -> usize {
    let (mut dice, mut state, mut naive) = (Dice(seed), State::default(), Naive::default());
    let mut log: BTreeMap<u64, Vec<u8>> = BTreeMap::new();
    let mut most = 0;
    for now in 0..entries {
        let mut changes = Vec::new();
        for _ in 0..=dice.below(2) {
            let what = match dice.below(20) {
                0 => Changed::Drop,
                1 => Changed::Keep(dice.below(12) as u32 + 1),
                2 => Changed::Expire((dice.below(2) == 0).then(|| now + dice.below(30))),
                3..=5 => Changed::Remove(dice.ids(40, long)),
                6 => Changed::Set(ListState { ids: vec!["a".into(), "b".into()], keep: 5, expires: None }),
                _ => Changed::Add(dice.ids(40, long)),
            };
            changes.push(ListChange { list: format!("list-{}", dice.below(9)).into(), what });
        }
        let Log { number, entry, anew, gone } = state.entry(changes.clone(), now, dice.below(4) > 0);
        naive.0.retain(|_, list| list.expires.is_none_or(|at| at > now));
        let sizes = |naive: &Naive, list: &str| naive.0.get(list).map_or(0, |list| list.ids.len());
        let mut counts = Vec::new();
        for change in &changes {
            let (before, had) = (sizes(&naive, &change.list), naive.0.get(&*change.list).map(|list| list.ids.clone()).unwrap_or_default());
            naive.change(change);
            counts.push(match &change.what {
                Changed::Add(ids) => {
                    let mut new: Vec<_> = ids.iter().filter(|id| !had.contains(id)).collect();
                    new.sort();
                    new.dedup();
                    new.len() as u64
                }
                Changed::Set(_) => 2,
                _ => (before - sizes(&naive, &change.list)) as u64,
            });
        }
        assert_eq!(state.commit(number, &entry, None)[anew..], counts, "entry {number}: {changes:?}");
        log.insert(number, entry.encode().unwrap());
        gone.for_each(|number| assert!(log.remove(&number).is_some()));
        most = most.max(log.values().map(Vec::len).sum());
        // What expired at once is there for nobody.
        naive.0.retain(|_, list| list.expires.is_none_or(|at| at > now));
        assert_eq!(all(&state, now), naive.0);
        assert!(log.keys().copied().eq(state.log()));
        if now % 7 == 0 || now + 1 == entries {
            let mut again = State::default();
            log.iter().for_each(|(&number, bytes)| drop(again.commit(number, &ListEntry::decode(bytes).unwrap(), None)));
            assert_eq!((all(&again, now), again.log()), (naive.0.clone(), state.log()));
            let (size, found) = (state.size(now), again.size(now));
            assert_eq!((size.lists, size.entries), (found.lists, found.entries));
            assert_eq!(size.entries, naive.0.values().map(|list| list.ids.len() as u64).sum::<u64>());
        }
    }
    most
}

#[test]
fn lists_are_what_their_changes_make_of_them_and_come_back_from_the_log() {
    for seed in 0..20 {
        run(seed, 300, 0);
    }
}

#[test]
fn the_log_of_what_lives_on_does_not_grow_for_ever() {
    let most = run(1, 3000, 2000);
    assert!(most < 3 * LITTLE as usize, "{most} bytes");
}
