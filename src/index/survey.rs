//! Which of the probed lists are scanned, and what of them may be returned.

use crate::kernel::BLOCK;

use super::narrow::{spans, take_out, within};
use super::params::{Part, ScanMode, SearchParams};
use super::scratch::Scratch;
use super::selection::{Selection, ones};
use super::task::ListTask;

/// A list of which no more than one row in so many may be returned is not scanned: those few rows all become candidates.
const FEW: usize = 16;

/// What a filter reads of a list is asked for so many lists ahead.
const AHEAD: usize = 3;

/// The probed lists that have rows, nearest first, and what of them the query may return.
pub(super) fn survey(parts: &[Part<'_>], params: &SearchParams<'_>, scratch: &mut Scratch) {
    scratch.surveyed.clear();
    scratch.words.clear();
    survey_more(parts, params, scratch);
}

/// The same after more lists were probed for the same query, of the first `params.nprobe`: what is known of a list is not found out again.
pub(super) fn survey_more(parts: &[Part<'_>], params: &SearchParams<'_>, scratch: &mut Scratch) {
    let Scratch { coarse, surveyed, known, words, .. } = scratch;
    known.clear();
    known.append(surveyed);
    known.sort_unstable_by_key(|task| (task.list, task.part));
    let filter = params.narrow.filter(|narrow| narrow.filters());
    for (turn, probe) in coarse.probes.iter().enumerate().take(params.nprobe) {
        if let Some((narrow, later)) = filter.zip(coarse.probes.get(turn + AHEAD)) {
            parts.iter().enumerate().for_each(|(part, at)| narrow.fetch(part, at.index.layout.rows_of(later.list as usize)));
        }
        for (part, Part { index, selection }) in parts.iter().enumerate() {
            let rows = index.layout.rows_of(probe.list as usize);
            if rows.is_empty() {
                continue;
            }
            if let Ok(at) = known.binary_search_by_key(&(probe.list, part as u32), |task| (task.list, task.part)) {
                surveyed.push(ListTask { probe: turn as u32, product: probe.product, ..known[at] });
                continue;
            }
            let mut task = ListTask {
                part: part as u32,
                list: probe.list,
                probe: turn as u32,
                product: probe.product,
                base: 0,
                count: rows.len() as u32,
                excluded: 0,
                words: None,
            };
            let excluded = params.narrow.map_or(&[][..], |narrow| within(narrow.excluded(), part, rows.clone()));
            task.excluded = excluded.len() as u32;
            if let Some(narrow) = params.narrow.filter(|narrow| narrow.filters() || !excluded.is_empty()) {
                let at = words.len();
                words.extend(index.layout.blocks_of(probe.list as usize).map(|block| selection.word(block)));
                take_out(excluded, rows.start, &mut words[at..]);
                if narrow.filters() {
                    narrow.filter(part, rows, &mut words[at..]);
                }
                (task.words, task.count) = (Some(at as u32), ones(&words[at..]) as u32);
            }
            surveyed.push(task);
        }
    }
}

/// Of the lists surveyed those that will be scanned. Lists of which the query may return nothing are left out, and of those with few such rows
/// these are taken at once.
pub(super) fn choose(parts: &[Part<'_>], params: &SearchParams<'_>, scratch: &mut Scratch) {
    let Scratch { surveyed, tasks, words, few, starts, .. } = scratch;
    tasks.clear();
    few.clear();
    for task in surveyed.iter().take_while(|task| (task.probe as usize) < params.nprobe) {
        let few_rows = params.mode == ScanMode::Filter && task.count as usize * FEW <= task.rows(parts);
        match task.words {
            Some(at) if few_rows => {
                let layout = &parts[task.part as usize].index.layout;
                let place = starts[task.part as usize] + layout.rows_of(task.list as usize).start as u32;
                let words = &words[at as usize..][..layout.blocks_of(task.list as usize).len()];
                few.extend(lanes(words).map(|lane| place + lane as u32));
            }
            _ => tasks.push(*task),
        }
    }
}

/// Numbers of the bits that are set.
pub(super) fn lanes(words: &[u64]) -> impl Iterator<Item = usize> {
    words.iter().enumerate().flat_map(|(block, &word)| {
        let mut word = word;
        std::iter::from_fn(move || {
            let lane = word.trailing_zeros() as usize;
            word &= word.wrapping_sub(1);
            (lane < BLOCK).then_some(block * BLOCK + lane)
        })
    })
}

/// What of a list's blocks may be returned.
#[derive(Clone, Copy)]
pub(super) struct Allowed<'a> {
    selection: &'a Selection,
    /// Of the list's first block.
    pub(super) first_block: usize,
    /// A word a block in the place of the selection's; empty where that holds.
    words: &'a [u64],
}

impl<'a> Allowed<'a> {
    pub(super) fn new(part: &Part<'a>, task: &ListTask, words: &'a [u64]) -> Self {
        let blocks = part.index.layout.blocks_of(task.list as usize);
        let words = task.words.map_or(&[][..], |at| &words[at as usize..][..blocks.len()]);
        Self { selection: part.selection, first_block: blocks.start, words }
    }

    #[inline(always)]
    pub(super) fn word(&self, block: usize) -> u64 {
        if self.words.is_empty() { self.selection.word(self.first_block + block) } else { self.words[block] }
    }

    /// Calls `scan` with the ranges of blocks to look at, of `blocks`.
    pub(super) fn spans(&self, blocks: usize, mut scan: impl FnMut(std::ops::Range<usize>)) {
        if self.words.is_empty() {
            scan(0..blocks);
        } else {
            spans(self.words).for_each(scan);
        }
    }
}
