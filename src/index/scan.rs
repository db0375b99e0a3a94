//! The scans over the probed lists of all segments. Bounds are in integers; what they let through gets its place in the pool.

use crate::kernel::{BLOCK, ExactTask, FilterTask, Line, Offsets, Sink};
use crate::types::Metric;

use super::constants::Constants;
use super::engine::SearchEngine;
use super::ivf::IvfIndex;
use super::key::{Best, key, order, order_of, score_of};
use super::params::Part;
use super::pool::{Pool, Survivors};
use super::scratch::{Scratch, locate};
use super::stats::SearchStats;
use super::survey::Allowed;
use super::table::ExactTables;
use super::task::{FilterScan, ListTask};

/// Largest share that a row's constant has in a sum: with tables of at most 32,512 the sum stays below 2^16.
const CONSTANT_MAX: u32 = 32_767;

/// What a list adds to its codes' scores.
#[inline]
pub(super) fn base(metric: Metric, product: f32, constant: Option<f32>) -> f32 {
    if metric == Metric::L2 { 2.0 * product + constant.unwrap_or(0.0) } else { product }
}

/// The unit of a scan's integers: fine enough for the tables, and coarse enough for the rows' constants to fit.
fn unit<'a>(tables: f32, constants: impl Iterator<Item = &'a Constants>) -> f32 {
    constants.fold(tables, |unit, constants| unit.max(constants.step * (65_535.0 / CONSTANT_MAX as f32)))
}

fn offsets<'a>(constants: Option<&'a Constants>, lanes: std::ops::Range<usize>, inverse: f32) -> Option<Offsets<'a>> {
    constants.map(|c| Offsets { values: &c.values[lanes], weight: weight(c, inverse) })
}

fn weight(constants: &Constants, inverse: f32) -> u16 {
    ((f64::from(constants.step) * 65_536.0 * f64::from(inverse)) as u16).min(CONSTANT_MAX as u16)
}

/// No row's constant adds more than this to a sum.
fn most_added<'a>(constants: impl Iterator<Item = &'a Constants>, inverse: f32) -> u32 {
    constants.map(|c| u32::from(weight(c, inverse))).max().unwrap_or(0)
}

/// Lists whose shares lie further apart than this, in units, are not what the integers were made for: one of them is an extreme.
const WIDE: u32 = 1 << 18;

/// Gives the lists their shares where some lie far from the others. No sum of codes makes up for a difference of more than `highest`: larger
/// ones between one list and the next are made that, which changes no order, and the others keep their resolution. Answers the largest share.
fn close_gaps(shares: &[f32], inverse: f32, highest: u32, tasks: &mut [ListTask]) -> u32 {
    let mut order: Vec<usize> = (0..tasks.len()).collect();
    order.sort_by(|&a, &b| shares[a].total_cmp(&shares[b]));
    let widest = f64::from(highest) + 1.0;
    let mut base = 0.0;
    for (turn, &at) in order.iter().enumerate() {
        if let Some(before) = turn.checked_sub(1) {
            let gap = (f64::from(shares[at]) - f64::from(shares[order[before]])) * f64::from(inverse);
            // At most 65,536 lists with gaps of at most 2^16.
            base += if gap < widest { gap } else { widest };
        }
        tasks[at].base = ((base + 0.5) as u32).min(1 << 30);
    }
    order.last().map_or(0, |&at| tasks[at].base)
}

/// Lines of the first list's codes that are asked for before the tables are made.
const FIRST: usize = 64;

/// Asks for the beginning of the first list; answers how many lines of its codes.
pub(super) fn ask_first(engine: &SearchEngine, parts: &[Part<'_>], scratch: &Scratch) -> usize {
    let Some(Ahead { codes, values }) = scratch.tasks.first().map(|task| ahead(parts, task)) else { return 0 };
    let asked = codes.len().min(FIRST);
    engine.kernel.prefetch_far(&codes[..asked]);
    ask_values(engine, values);
    asked
}

/// Asks for the constants of a list. They are few beside its codes, and no scan asks for them; of a long list the rest comes by itself, as
/// they are read one after the other.
fn ask_values(engine: &SearchEngine, values: &[u16]) {
    engine.kernel.prefetch_far(&values[..values.len().min(16 * BLOCK)]);
}

/// Scans by the high nibbles; the best `wanted` are then in `scratch.pool`. `asked` is what [`ask_first`] answered.
pub(super) fn filter(
    engine: &SearchEngine,
    parts: &[Part<'_>],
    wanted: usize,
    mut asked: usize,
    scratch: &mut Scratch,
    stats: &mut SearchStats,
) {
    filter_begin(engine, parts, wanted, scratch);
    let mut fetched = 0;
    for at in 0..scratch.tasks.len() {
        // The later lists change little: fetch the records of what will be refined while they are scanned.
        if 4 * at >= 3 * scratch.tasks.len() {
            let pool = &scratch.pool;
            fetched = fetched.min(pool.len());
            let until = fetched + (pool.len() - fetched).div_ceil(scratch.tasks.len() - at);
            for place in pool.places(fetched..until) {
                let (part, position) = locate(&scratch.starts, place);
                engine.kernel.prefetch_far(parts[part].index.refine.record(position));
            }
            fetched = until;
        }
        let next = scratch.tasks.get(at + 1).map_or(Ahead::default(), |task| ahead(parts, task));
        stats.codes_scanned += filter_list(engine, parts, scratch, at, next, &mut asked);
    }
}

/// Finds what each list adds to its codes' scores; empties the pool.
pub(super) fn filter_begin(engine: &SearchEngine, parts: &[Part<'_>], wanted: usize, scratch: &mut Scratch) {
    let metric = engine.quantizer.metric;
    let unit = unit(scratch.filter.finest_unit(), parts.iter().filter_map(|p| p.index.l2.as_ref()).map(|l2| &l2.filter));
    let inverse = scratch.filter.quantise(engine, unit, 0.5);
    let lowest = |task: &ListTask| parts[task.part as usize].index.l2.as_ref().map(|l2| l2.filter.lowest[task.list as usize]);
    let share = |task: &ListTask| base(metric, task.product, lowest(task));
    // Shares count from the largest down, so that they fit whatever the vectors' lengths are.
    let most = scratch.tasks.iter().map(share).fold(f32::NEG_INFINITY, f32::max);
    let highest = scratch.filter.highest_sum() + most_added(parts.iter().filter_map(|p| p.index.l2.as_ref()).map(|l2| &l2.filter), inverse);
    let below = |task: &ListTask| (((most - share(task)) * inverse + 0.5) as i32).clamp(0, 1 << 30).cast_unsigned();
    let mut span = scratch.tasks.iter().map(below).max().unwrap_or(0);
    if span <= WIDE {
        for task in &mut scratch.tasks {
            task.base = span - below(task);
        }
    } else {
        let shares: Vec<f32> = scratch.tasks.iter().map(share).collect();
        span = close_gaps(&shares, inverse, highest, &mut scratch.tasks);
    }
    scratch.pool.reset(wanted, span + highest);
    scratch.scan = FilterScan { inverse, highest };
}

/// Chooses the candidates, and adds the rows that are candidates whatever their codes are; answers how many there are.
pub(super) fn filter_end(scratch: &mut Scratch) -> usize {
    scratch.pool.finish();
    scratch.pool.add(&scratch.few);
    scratch.pool.kept().len()
}

/// What of a list can be asked for while the list before it is scanned.
#[derive(Clone, Copy, Default)]
pub(super) struct Ahead<'a> {
    /// Its high nibbles.
    codes: &'a [Line],
    /// Under L2 its constants.
    values: &'a [u16],
}

pub(super) fn ahead<'a>(parts: &[Part<'a>], task: &ListTask) -> Ahead<'a> {
    let index = parts[task.part as usize].index;
    let blocks = index.layout.blocks_of(task.list as usize);
    let values = index.l2.as_ref().map_or(&[][..], |l2| &l2.filter.values[blocks.start * BLOCK..blocks.end * BLOCK]);
    Ahead { codes: &index.hi[blocks.start * index.height()..blocks.end * index.height()], values }
}

/// Scans one of the lists that [`filter_begin`] named; answers the number of codes, 0 when none of them can reach the threshold. `fetched` is
/// how many of the list's first lines were asked for before, and then how many of `next`.
pub(super) fn filter_list(
    engine: &SearchEngine,
    parts: &[Part<'_>],
    scratch: &mut Scratch,
    at: usize,
    next: Ahead<'_>,
    fetched: &mut usize,
) -> usize {
    let Scratch { tasks, pool, filter, words, starts, scan, .. } = scratch;
    let task = tasks[at];
    let threshold = pool.threshold().saturating_sub(task.base);
    if threshold > scan.highest {
        // Nothing of the next list is asked for then.
        *fetched = 0;
        return 0;
    }
    let Part { index, .. } = parts[task.part as usize];
    let (rows, blocks) = (index.layout.rows_of(task.list as usize), index.layout.blocks_of(task.list as usize));
    let constants = index.l2.as_ref().map(|l2| &l2.filter);
    let allowed = Allowed::new(&parts[task.part as usize], &task, words);
    let first = starts[task.part as usize] + rows.start as u32;
    let (codes, mut codes_scanned) = (ahead(parts, &task).codes, 0);
    ask_values(engine, next.values);
    let mut sink = FilterSink { pool, allowed, begin: 0, first, base: task.base };
    allowed.spans(blocks.len(), |span| {
        let lines = span.start * index.height()..span.end * index.height();
        let lanes = (blocks.start + span.start) * BLOCK..(blocks.start + span.end) * BLOCK;
        sink.begin = span.start;
        let task = FilterTask {
            codes: &codes[lines],
            fetched: if span.start == 0 { *fetched } else { 0 },
            next: if span.end == blocks.len() { next.codes } else { &[] },
            tables: filter.bytes(),
            offsets: offsets(constants, lanes, scan.inverse),
            threshold: sink.threshold(),
        };
        codes_scanned += (span.len() * BLOCK).min(rows.len());
        *fetched = engine.kernel.filter(task, &mut sink);
    });
    codes_scanned.min(rows.len())
}

struct FilterSink<'a> {
    pool: &'a mut Pool,
    allowed: Allowed<'a>,
    /// The block of the list that the scan calls its first.
    begin: usize,
    /// Place of the list's first row.
    first: u32,
    base: u32,
}

impl FilterSink<'_> {
    #[inline(always)]
    fn threshold(&self) -> u16 {
        self.pool.threshold().saturating_sub(self.base).min(u32::from(u16::MAX)) as u16
    }
}

impl Sink for FilterSink<'_> {
    #[inline(always)]
    fn survivors(&mut self, block: usize, lanes: u64, sums: &[u16; BLOCK]) -> u16 {
        let block = self.begin + block;
        let lanes = lanes & self.allowed.word(block);
        let first = self.first + (block * BLOCK) as u32;
        self.pool.take(&Survivors { lanes, sums, base: self.base, first });
        self.threshold()
    }
}

/// Scans by whole codes; the best `wanted` by f32 score are then in `scratch.best`.
pub(super) fn exact(engine: &SearchEngine, parts: &[Part<'_>], wanted: usize, scratch: &mut Scratch, stats: &mut SearchStats) {
    let metric = engine.quantizer.metric;
    let unit = unit(scratch.exact.finest_unit(), parts.iter().filter_map(|p| p.index.l2.as_ref()).map(|l2| &l2.exact));
    // Rounded down: a sum never exceeds what it stands for, and falls short by less than a unit an entry.
    let inverse = scratch.exact.quantise(engine, unit, 0.0);
    scratch.best.reset(wanted);
    let added = most_added(parts.iter().filter_map(|p| p.index.l2.as_ref()).map(|l2| &l2.exact), inverse);
    let highest = f64::from(scratch.exact.highest_sum() + added);

    let Scratch { tasks, best, exact: tables, words, starts, .. } = scratch;
    let (lowest, size) = (tables.lowest(), tables.size());
    let m = engine.quantizer.pq.m() as f64;
    for task in tasks.iter() {
        let Part { index, .. } = parts[task.part as usize];
        let (rows, blocks) = (index.layout.rows_of(task.list as usize), index.layout.blocks_of(task.list as usize));
        let constants = index.l2.as_ref().map(|l2| &l2.exact);
        let constant = constants.map_or(0.0, |c| f64::from(c.lowest[task.list as usize]) + f64::from(c.step) * 1.001);
        let share = f64::from(base(metric, task.product, None)) + constant;
        // What f32 additions can lose, with room to spare.
        let lost = (size + share.abs() + constants.map_or(0.0, |c| 65_535.0 * f64::from(c.step))) * (m + 8.0) * f64::from(f32::EPSILON);
        let bound = Bound { inverse: f64::from(inverse), reach: share + lowest + lost, short: m * 1.001 + 4.0 };
        let threshold = bound.threshold(best.floor());
        if threshold > highest {
            continue;
        }
        stats.codes_scanned += rows.len();
        let lines = blocks.start * index.height()..blocks.end * index.height();
        let offsets = offsets(constants, blocks.start * BLOCK..blocks.end * BLOCK, inverse);
        let first = starts[task.part as usize] + rows.start as u32;
        let task_ =
            ExactTask { hi: &index.hi[lines.clone()], lo: &index.lo[lines], tables: tables.bytes(), offsets, threshold: threshold as u16 };
        let share = base(metric, task.product, None);
        let allowed = Allowed::new(&parts[task.part as usize], task, words);
        let mut sink = ExactSink { best, allowed, index, tables, bound, row: rows.start, first, share };
        engine.kernel.exact(task_, &mut sink);
    }
}

/// Turns a score to be beaten into the sum below which no code of a list can.
#[derive(Clone, Copy)]
struct Bound {
    inverse: f64,
    /// The score of sum 0, and what rounding may hide.
    reach: f64,
    /// Units by which a sum falls short at most.
    short: f64,
}

impl Bound {
    fn threshold(&self, floor: u64) -> f64 {
        if floor == 0 || self.inverse == 0.0 {
            return 0.0;
        }
        let least = (f64::from(score_of(order_of(floor))) - self.reach) * self.inverse - self.short;
        // Not a number (infinite scores) lets everything through.
        if least > 0.0 { least.floor() } else { 0.0 }
    }
}

struct ExactSink<'a> {
    best: &'a mut Best,
    allowed: Allowed<'a>,
    index: &'a IvfIndex,
    tables: &'a ExactTables,
    bound: Bound,
    /// Position of the list's first row.
    row: usize,
    /// Place of the list's first row.
    first: u32,
    share: f32,
}

impl Sink for ExactSink<'_> {
    #[inline]
    fn survivors(&mut self, block: usize, lanes: u64, _sums: &[u16; BLOCK]) -> u16 {
        let mut lanes = lanes & self.allowed.word(block);
        while lanes != 0 {
            let lane = lanes.trailing_zeros() as usize;
            lanes &= lanes - 1;
            let within = block * BLOCK + lane;
            let place = self.first + within as u32;
            let share = self.index.l2.as_ref().map_or(self.share, |l2| self.share + l2.rows[self.row + within]);
            self.best.push(key(order(self.tables.score(self.index, self.allowed.first_block + block, lane, share)), place));
        }
        self.bound.threshold(self.best.floor()).min(f64::from(u16::MAX)) as u16
    }
}
