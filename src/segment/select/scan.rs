//! One test over the values of a column, or over the elements of its lists.

use std::ops::Range;

use super::words::{Block, CHUNK, Words, any_in, word_of, word_of_few};
use crate::kernel::{Kernel, Loop};
use crate::segment::column::{Bits, Codes, Numbers, Pages};

/// Smallest and greatest value that pass; both do.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Ends<T> {
    pub(super) low: T,
    pub(super) high: T,
}

impl<T: PartialOrd> Ends<T> {
    pub(super) fn hold(&self, value: &T) -> bool {
        self.low <= *value && *value <= self.high
    }
}

/// A test with its constants in the form of the column's values: where there is none, what it says means nothing.
#[derive(Debug)]
pub(super) enum Scan<'a> {
    Known(bool),
    Bools(&'a Bits, bool),
    I32(&'a Pages<i32>, Ends<i32>),
    I64(&'a Pages<i64>, Ends<i64>),
    I128(&'a Pages<i128>, Ends<i128>),
    F32(&'a Pages<f32>, Ends<f32>),
    F64(&'a Pages<f64>, Ends<f64>),
    /// One of these few.
    Few(&'a Pages<i32>, Box<[i32]>),
    /// One of these, which ascend.
    Wholes(&'a Numbers, Box<[i128]>),
    /// One of these, which ascend; 0.0 stands for both zeros.
    Floats(&'a Numbers, &'a [f64]),
    /// Codes in an interval.
    Codes(&'a Codes, Ends<u32>),
    /// Codes that are 1 in the table.
    Coded(&'a Codes, Box<[u8]>),
    /// Rows of whose elements, between these bounds, one passes.
    Lists(&'a [u32], Box<Scan<'a>>),
}

impl Scan<'_> {
    /// About what a row costs, to ask the cheapest first.
    pub(super) fn cost(&self) -> u32 {
        match self {
            Self::Known(_) | Self::Bools(..) => 0,
            Self::I32(..) | Self::F32(..) | Self::Codes(..) => 1,
            Self::I64(..) | Self::F64(..) | Self::Coded(..) => 2,
            Self::I128(..) | Self::Few(..) => 4,
            Self::Wholes(..) | Self::Floats(..) => 16,
            Self::Lists(_, elements) => 8 + 4 * elements.cost(),
        }
    }

    /// The rows of a block that pass, of those words that have a bit in `wanted`; the others are 0. Past the end there is nothing.
    pub(super) fn fill(&self, kernel: Kernel, block: Block, wanted: &Words, out: &mut Words) {
        match self {
            Self::Lists(bounds, elements) => {
                for word in 0..CHUNK {
                    let at = block.positions(word);
                    out[word] = if wanted[word] == 0 { 0 } else { elements.any_of_lists(kernel, &bounds[at.start..=at.end]) };
                }
            }
            scan => kernel.run(Fill { scan, block, wanted, out }),
        }
    }

    /// Asks for the first values at these positions: the CPU goes on by itself. Not of lists.
    pub(super) fn fetch(&self, kernel: Kernel, at: Range<usize>) {
        /// So many of them.
        const FIRST: usize = 256;
        let at = at.start..at.end.min(at.start + FIRST);
        match self {
            Self::I32(all, _) | Self::Few(all, _) => ask(kernel, all, at),
            Self::I64(all, _) => ask(kernel, all, at),
            Self::I128(all, _) => ask(kernel, all, at),
            Self::F32(all, _) => ask(kernel, all, at),
            Self::F64(all, _) => ask(kernel, all, at),
            Self::Codes(codes, _) | Self::Coded(codes, _) => match codes {
                Codes::U8(all) => ask(kernel, all, at),
                Codes::U16(all) => ask(kernel, all, at),
                Codes::U32(all) => ask(kernel, all, at),
            },
            Self::Known(_) | Self::Bools(..) | Self::Wholes(..) | Self::Floats(..) | Self::Lists(..) => {}
        }
    }

    /// One word of a block, of values that are no lists.
    #[inline(always)]
    fn word(&self, block: Block, word: usize) -> u64 {
        let at = block.positions(word);
        match self {
            Self::Known(truth) => {
                if *truth {
                    u64::MAX
                } else {
                    0
                }
            }
            Self::Bools(bits, wanted) => {
                if *wanted {
                    bits.window(at.start)
                } else {
                    !bits.window(at.start)
                }
            }
            Self::I32(all, ends) => paged(all, at, |value| (ends.low <= value) & (value <= ends.high)),
            Self::I64(all, ends) => paged(all, at, |value| (ends.low <= value) & (value <= ends.high)),
            Self::I128(all, ends) => paged(all, at, |value| (ends.low <= value) & (value <= ends.high)),
            Self::F32(all, ends) => paged(all, at, |value| (ends.low <= value) & (value <= ends.high)),
            Self::F64(all, ends) => paged(all, at, |value| (ends.low <= value) & (value <= ends.high)),
            Self::Few(all, set) => {
                let (first, second) = all.slices(at);
                let word = word_of_few(first, set);
                if second.is_empty() { word } else { word | word_of_few(second, set) << first.len() }
            }
            Self::Wholes(all, set) => bits_of(at, |at| set.binary_search(&all.whole_at(at)).is_ok()),
            Self::Floats(all, set) => bits_of(at, |at| {
                // Both zeros are one.
                let value = all.float_at(at) + 0.0;
                set.binary_search_by(|other| other.total_cmp(&value)).is_ok()
            }),
            // An interval of codes that the form cannot have was cut when the scan was made.
            Self::Codes(Codes::U8(all), ends) => {
                let (low, high) = (ends.low as u8, ends.high as u8);
                paged(all, at, |code| (low <= code) & (code <= high))
            }
            Self::Codes(Codes::U16(all), ends) => {
                let (low, high) = (ends.low as u16, ends.high as u16);
                paged(all, at, |code| (low <= code) & (code <= high))
            }
            Self::Codes(Codes::U32(all), ends) => paged(all, at, |code| (ends.low <= code) & (code <= ends.high)),
            Self::Coded(Codes::U8(all), table) => paged(all, at, |code| table[usize::from(code)] != 0),
            Self::Coded(Codes::U16(all), table) => paged(all, at, |code| table[usize::from(code)] != 0),
            Self::Coded(Codes::U32(all), table) => paged(all, at, |code| table[code as usize] != 0),
            // Lists have no lists as elements.
            Self::Lists(..) => 0,
        }
    }

    /// A bit for each list, between two bounds each: whether an element passes.
    fn any_of_lists(&self, kernel: Kernel, bounds: &[u32]) -> u64 {
        let (Some(first), Some(last)) = (bounds.first(), bounds.last()) else { return 0 };
        let (first, rows) = (*first as usize, *last as usize - *first as usize);
        let mut few = [0; CHUNK];
        let mut many = Vec::new();
        let words: &mut [u64] = if rows <= 64 * few.len() {
            &mut few
        } else {
            many.resize(rows.div_ceil(64), 0);
            &mut many
        };
        for (turn, out) in words.chunks_mut(CHUNK).enumerate() {
            // Elements are a block like rows are.
            let from = 64 * CHUNK * turn;
            let block = Block { from: first + from, rows: rows.saturating_sub(from).min(64 * CHUNK) };
            let mut words = Words::default();
            self.fill(kernel, block, &block.all(), &mut words);
            out.copy_from_slice(&words[..out.len()]);
        }
        let lists = bounds.windows(2).enumerate();
        lists.fold(0, |bits, (at, list)| bits | u64::from(any_in(words, list[0] as usize - first..list[1] as usize - first)) << at)
    }
}

/// Fills the wanted words of a block.
struct Fill<'a, 'w> {
    scan: &'w Scan<'a>,
    block: Block,
    wanted: &'w Words,
    out: &'w mut Words,
}

impl Loop for Fill<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { scan, block, wanted, out } = self;
        for word in 0..CHUNK {
            out[word] = if wanted[word] == 0 { 0 } else { scan.word(block, word) };
        }
    }
}

/// Asks for the values at at most a page of positions.
fn ask<T: Copy>(kernel: Kernel, all: &Pages<T>, at: Range<usize>) {
    let (first, second) = all.slices(at);
    kernel.prefetch_far(first);
    kernel.prefetch_far(second);
}

/// A bit for each of at most 64 positions: whether its value passes.
#[inline(always)]
fn paged<T: Copy>(all: &Pages<T>, at: Range<usize>, passes: impl Fn(T) -> bool) -> u64 {
    let (first, second) = all.slices(at);
    let word = word_of(first, &passes);
    if second.is_empty() { word } else { word | word_of(second, passes) << first.len() }
}

/// A bit for each of at most 64 positions.
#[inline(always)]
fn bits_of(positions: Range<usize>, passes: impl Fn(usize) -> bool) -> u64 {
    positions.enumerate().fold(0, |bits, (bit, at)| bits | u64::from(passes(at)) << bit)
}
