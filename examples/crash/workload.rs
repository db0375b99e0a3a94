//! What the crash writer does and the crash checker expects: change `n` follows from `n` alone.
//!
//! Thread `t` of [`THREADS`] makes the changes `n` with `n % THREADS == t`, in order, to items of its own. After each it moves its cursor, an
//! item that says which change was its last; a crash between the two leaves one change that may be there or not, and that is made again.
#![allow(dead_code, reason = "the writer and the checker each use a part")]

use std::collections::BTreeMap;

use torre::{CollectionOptions, Item, Metric, Result, row};

pub(crate) const THREADS: u64 = 4;
pub(crate) const DIM: usize = 16;
const SLOTS: u64 = 600;

/// One change.
pub(crate) enum Change {
    Put(Vec<u64>),
    Patch(Vec<u64>),
    Delete(Vec<u64>),
}

pub(crate) fn options() -> Result<CollectionOptions> {
    CollectionOptions::vectors(DIM, Metric::L2)
        .field("op:int".parse()?)?
        .field("patched:int index".parse()?)
        .map(|options| options.m(4).lists(16))
}

fn mix(seed: u64) -> u64 {
    let mut z = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(0x1234_5678_9ABC_DEF1);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// Change `n`.
pub(crate) fn change(n: u64) -> Change {
    let dice = mix(n);
    let slot = |i: u64| (dice >> 16).wrapping_add(i * 7) % SLOTS;
    match dice % 100 {
        0..50 => Change::Put(vec![slot(0)]),
        50..58 => Change::Patch(vec![slot(0)]),
        58..65 => Change::Patch((0..16).map(slot).collect()),
        65..80 => Change::Delete(vec![slot(0), slot(1)]),
        _ => Change::Put((0..16).map(slot).collect()),
    }
}

pub(crate) fn id(thread: u64, slot: u64) -> String {
    format!("{thread}-{slot}")
}

pub(crate) fn cursor(thread: u64) -> String {
    format!("cursor-{thread}")
}

/// Different for every item and change.
pub(crate) fn vector(id: &str, n: u64) -> Vec<f32> {
    let seed = id.bytes().fold(mix(n), |seed, byte| mix(seed ^ u64::from(byte)));
    (0..DIM as u64).map(|at| (mix(seed ^ (at << 32)) >> 40) as f32 / 8_388_608.0 - 1.0).collect()
}

/// What change `n` puts under an id.
pub(crate) fn item(id: &str, n: u64) -> Result<Item> {
    Ok(Item::new(id)?.with_row(row! { "op" => n as i64 }).with_vector(vector(id, n)))
}

/// What change `n` sets of an item that is there.
pub(crate) fn patch(id: &str, n: u64) -> Result<Item> {
    Ok(Item::new(id)?.with_row(row! { "patched" => n as i64 }))
}

/// What is there: the change that put it, the change that patched it.
pub(crate) type State = BTreeMap<String, (u64, Option<u64>)>;

/// Makes change `n` in the model.
pub(crate) fn apply(state: &mut State, n: u64) {
    let thread = n % THREADS;
    match change(n) {
        Change::Put(slots) => state.extend(slots.iter().map(|&slot| (id(thread, slot), (n, None)))),
        // As one: all of them, or none where one is not there.
        Change::Patch(slots) if slots.iter().any(|&slot| !state.contains_key(&id(thread, slot))) => {}
        Change::Patch(slots) => slots.iter().for_each(|&slot| {
            state.entry(id(thread, slot)).and_modify(|(_, patched)| *patched = Some(n));
        }),
        Change::Delete(slots) => slots.iter().for_each(|&slot| {
            state.remove(&id(thread, slot));
        }),
    }
}

/// The first change of a thread; changes are numbered from 1.
pub(crate) fn first(thread: u64) -> u64 {
    if thread == 0 { THREADS } else { thread }
}
