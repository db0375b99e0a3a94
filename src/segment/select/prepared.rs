//! A filter made ready for the rows of one table: what depends on the table is found out once.

use std::ops::Range;
use std::sync::Arc;

use super::make::{is_one_of, scan};
use super::ordered::Ordered;
use super::scan::Scan;
use super::words::{Block, CHUNK, Truth, Words};
use crate::error::{Error, Result};
use crate::features::Schema;
use crate::filter::{Bound, Circle, Node, Source, Test, has_words};
use crate::kernel::Kernel;
use crate::segment::RowTable;
use crate::segment::column::{Bits, Cells, Column, FEWEST_ORDERED};

/// A filter over the rows of one table.
pub(crate) struct Prepared<'a> {
    table: &'a RowTable,
    root: Plan<'a>,
    kernel: Kernel,
}

/// A condition with all that it needs of the table.
pub(super) enum Plan<'a> {
    And(Vec<Plan<'a>>),
    Or(Vec<Plan<'a>>),
    Not(Box<Plan<'a>>),
    Certain(Box<Plan<'a>>),
    /// Unknown where there is no value.
    Scan {
        nulls: Option<&'a Bits>,
        scan: Scan<'a>,
        /// Where the column's rows are ordered.
        ordered: Option<Ordered<'a>>,
    },
    /// Whether there is no value.
    Null(Option<&'a Bits>),
    /// Ids at these positions.
    Positions(Bits),
    /// Ids that pass a test of text.
    Ids(&'a Test),
    Within {
        lat: &'a Column,
        lon: &'a Column,
        circle: &'a Circle,
    },
    /// Rows at these positions are on a stored list; `None` where none is.
    OnList(Option<&'a Bits>),
}

/// Checks that the fields that a filter tests are indexed.
///
/// # Errors
/// [`Error::NotIndexed`] for the first that is not.
pub(crate) fn check_indexed(schema: &Schema, bound: &Bound) -> Result<()> {
    let indexed: Vec<&str> = schema.indexed().map(|field| field.name.as_str()).collect();
    let lacks = |field: &&crate::filter::BoundField| field.source != Source::Id && !indexed.contains(&&*field.name);
    match bound.fields.iter().find(lacks) {
        Some(field) => Err(not_indexed(&field.name, indexed.into_iter())),
        None => Ok(()),
    }
}

fn not_indexed<'n>(field: &str, indexed: impl Iterator<Item = &'n str>) -> Error {
    Error::NotIndexed { field: field.to_owned(), indexed: indexed.map(str::to_owned).collect() }
}

impl RowTable {
    /// Makes a filter ready for these rows; `lists` has the rows of them that are on each stored list that the filter asks for, in its order.
    ///
    /// # Errors
    /// [`Error::NotIndexed`] for a field that has no column here.
    pub(crate) fn prepare<'a>(&'a self, bound: &'a Bound, lists: &'a [Bits]) -> Result<Prepared<'a>> {
        Ok(Prepared { table: self, kernel: Kernel::detect(), root: Preparing { table: self, bound, lists }.plan(&bound.root)? })
    }

    /// Sets bit `i` of word `j` of `out` where the filter is true of the row at position `positions.start + 64 j + i`, and clears all other
    /// bits. Positions must be below [`RowTable::len`], and `out` must have a bit for each.
    ///
    /// # Errors
    /// As [`RowTable::prepare`].
    #[cfg(test)]
    pub(crate) fn select(&self, bound: &Bound, positions: Range<usize>, out: &mut [u64]) -> Result<()> {
        self.prepare(bound, &[])?.select(positions, out);
        Ok(())
    }
}

/// Where a filter and a table come together.
struct Preparing<'a> {
    table: &'a RowTable,
    bound: &'a Bound,
    lists: &'a [Bits],
}

impl<'a> Preparing<'a> {
    // As deep as the tree, which is bounded.
    fn plan(&self, node: &'a Node) -> Result<Plan<'a>> {
        match node {
            Node::And(parts) => Ok(Plan::And(self.plans(parts)?)),
            Node::Or(parts) => Ok(Plan::Or(self.plans(parts)?)),
            Node::Not(inner) => Ok(Plan::Not(Box::new(self.plan(inner)?))),
            Node::Certain(inner) => Ok(Plan::Certain(Box::new(self.plan(inner)?))),
            Node::Test { field, test } if self.bound.fields[*field].source == Source::Id => Ok(self.of_id(test)),
            Node::Test { field, test } => {
                let column = self.column(*field)?;
                Ok(match test {
                    Test::Null => Plan::Null(column.nulls.as_ref()),
                    test => Plan::Scan {
                        nulls: column.nulls.as_ref(),
                        scan: scan(column, test),
                        ordered: column.order.as_ref().map(|order| Ordered { order, test }),
                    },
                })
            }
            Node::Within { lat, lon, circle } => Ok(Plan::Within { lat: self.column(*lat)?, lon: self.column(*lon)?, circle }),
            Node::InList(list) => Ok(Plan::OnList(self.lists.get(*list))),
        }
    }

    /// The cheapest first: what it decides need not be asked of the others.
    fn plans(&self, nodes: &'a [Node]) -> Result<Vec<Plan<'a>>> {
        let mut plans = nodes.iter().map(|node| self.plan(node)).collect::<Result<Vec<_>>>()?;
        plans.sort_by_key(Plan::cost);
        Ok(plans)
    }

    fn column(&self, field: usize) -> Result<&'a Column> {
        let field = &self.bound.fields[field];
        let columns = self.table.columns();
        let found = columns.get(&field.name).filter(|column| column.kind == field.kind).map(Arc::as_ref);
        found.ok_or_else(|| not_indexed(&field.name, columns.iter().map(|column| &*column.field)))
    }

    /// An id is a text, and never null.
    fn of_id(&self, test: &'a Test) -> Plan<'a> {
        match test {
            Test::Null => Plan::Null(None),
            Test::Known(truth) => Plan::Scan { nulls: None, scan: Scan::Known(*truth), ordered: None },
            Test::TextSet(set) if set.len() <= self.table.len() => {
                let mut found: Vec<usize> = set.iter().filter_map(|id| self.table.find(id)).collect();
                found.sort_unstable();
                Plan::Positions(Bits::of(self.table.len(), &found))
            }
            test => Plan::Ids(test),
        }
    }
}

impl Plan<'_> {
    fn cost(&self) -> u32 {
        match self {
            Self::And(parts) | Self::Or(parts) => parts.iter().map(Self::cost).sum(),
            Self::Not(inner) | Self::Certain(inner) => inner.cost(),
            Self::Scan { scan, .. } => scan.cost(),
            Self::Null(_) | Self::Positions(_) | Self::OnList(_) => 0,
            Self::Within { .. } => 100,
            Self::Ids(_) => 200,
        }
    }

    /// What is known of the rows of a block; of words without a bit in `wanted`, anything.
    fn truth(&self, table: &RowTable, kernel: Kernel, block: Block, wanted: &Words) -> Truth {
        let mut truth = Truth::default();
        match self {
            Self::And(parts) => {
                truth.yes = *wanted;
                let mut open = *wanted;
                for part in parts {
                    truth.and(&part.truth(table, kernel, block, &open));
                    open.iter_mut().zip(truth.yes.iter().zip(&truth.unknown)).for_each(|(open, (yes, unknown))| *open &= yes | unknown);
                    if open == [0; CHUNK] {
                        break;
                    }
                }
            }
            Self::Or(parts) => {
                let mut open = *wanted;
                for part in parts {
                    truth.or(&part.truth(table, kernel, block, &open));
                    open.iter_mut().zip(&truth.yes).for_each(|(open, yes)| *open &= !yes);
                    if open == [0; CHUNK] {
                        break;
                    }
                }
            }
            Self::Not(inner) => {
                truth = inner.truth(table, kernel, block, wanted);
                truth.not(wanted);
            }
            Self::Certain(inner) => {
                truth = inner.truth(table, kernel, block, wanted);
                truth.unknown = Words::default();
            }
            Self::Scan { nulls, scan, .. } => {
                scan.fill(kernel, block, wanted, &mut truth.yes);
                if let Some(nulls) = nulls {
                    each_word(block, wanted, &mut truth.unknown, |at| nulls.window(at.start));
                }
                let known = truth.unknown.iter().zip(wanted).map(|(unknown, wanted)| wanted & !unknown);
                truth.yes.iter_mut().zip(known).for_each(|(yes, known)| *yes &= known);
            }
            Self::Null(None) | Self::OnList(None) => {}
            Self::Null(Some(bits)) => each_word(block, wanted, &mut truth.yes, |at| bits.window(at.start)),
            Self::Positions(bits) => each_word(block, wanted, &mut truth.yes, |at| bits.window(at.start)),
            Self::OnList(Some(bits)) => each_word(block, wanted, &mut truth.yes, |at| bits.window(at.start)),
            Self::Ids(test) => each_word(block, wanted, &mut truth.yes, |at| bits_of(at, |at| passes(test, table.id(at)))),
            Self::Within { lat, lon, circle } => {
                for word in (0..CHUNK).filter(|word| wanted[*word] != 0) {
                    for (bit, at) in block.positions(word).enumerate() {
                        let inside = degrees(lat, at).zip(degrees(lon, at)).and_then(|(lat, lon)| circle.contains(lat, lon));
                        truth.yes[word] |= u64::from(inside == Some(true)) << bit;
                        truth.unknown[word] |= u64::from(inside.is_none()) << bit;
                    }
                    truth.yes[word] &= wanted[word];
                    truth.unknown[word] &= wanted[word];
                }
            }
        }
        truth
    }
}

impl Plan<'_> {
    /// Asks for the values of these rows.
    fn fetch(&self, kernel: Kernel, at: Range<usize>) {
        match self {
            Self::And(parts) | Self::Or(parts) => parts.iter().for_each(|part| part.fetch(kernel, at.clone())),
            Self::Not(inner) | Self::Certain(inner) => inner.fetch(kernel, at),
            Self::Scan { scan, .. } => scan.fetch(kernel, at),
            Self::Null(_) | Self::Positions(_) | Self::OnList(_) | Self::Ids(_) | Self::Within { .. } => {}
        }
    }
}

/// Fills the words of a block that have a bit in `wanted`, and clears what is not wanted.
fn each_word(block: Block, wanted: &Words, out: &mut Words, word_of: impl Fn(Range<usize>) -> u64) {
    for word in 0..CHUNK {
        out[word] = if wanted[word] == 0 { 0 } else { word_of(block.positions(word)) & wanted[word] };
    }
}

/// A bit for each of at most 64 positions.
fn bits_of(positions: Range<usize>, passes: impl Fn(usize) -> bool) -> u64 {
    positions.enumerate().fold(0, |bits, (bit, at)| bits | u64::from(passes(at)) << bit)
}

/// Whether an id passes a test of text.
pub(super) fn passes(test: &Test, id: &str) -> bool {
    match test {
        Test::Texts(low, high) => {
            let ends = (low.as_ref().map(|low| &**low), high.as_ref().map(|high| &**high));
            std::ops::RangeBounds::<str>::contains(&ends, id)
        }
        Test::TextSet(set) => is_one_of(set, id),
        Test::Prefix(prefix) => id.starts_with(&**prefix),
        Test::Words(words) => has_words(id, words),
        _ => false,
    }
}

/// The number at a position, if there is one.
pub(super) fn degrees(column: &Column, at: usize) -> Option<f64> {
    match &column.cells {
        Cells::Numbers(numbers) if column.lists.is_none() && !column.is_null(at) => Some(numbers.float_at(at)),
        _ => None,
    }
}

impl Prepared<'_> {
    /// The positions of the rows for which the filter is true, in no particular order; `None` where there may be more than `most`, or finding
    /// them takes a pass over many rows.
    pub(crate) fn few(&self, most: usize) -> Option<Vec<u32>> {
        if self.table.len() < FEWEST_ORDERED {
            return self.few_of_all(most);
        }
        let few = self.root.few(most)?;
        let mut positions = few.positions();
        if !few.is_exact() {
            positions.retain(|&at| self.root.at(self.table, at as usize) == Some(true));
        }
        Some(positions)
    }

    fn few_of_all(&self, most: usize) -> Option<Vec<u32>> {
        let mut positions = Vec::new();
        for from in (0..self.table.len()).step_by(64 * CHUNK) {
            let mut words = Words::default();
            self.select(from..self.table.len().min(from + 64 * CHUNK), &mut words);
            for (word, &bits) in words.iter().enumerate() {
                let mut bits = bits;
                while bits != 0 {
                    positions.push((from + 64 * word) as u32 + bits.trailing_zeros());
                    bits &= bits - 1;
                }
            }
            if positions.len() > most {
                return None;
            }
        }
        Some(positions)
    }

    /// Asks for the values of these rows, which will be tested soon.
    pub(crate) fn fetch(&self, positions: Range<usize>) {
        self.root.fetch(self.kernel, positions.start..positions.end.min(self.table.len()));
    }

    /// As [`RowTable::select`].
    pub(crate) fn select(&self, positions: Range<usize>, out: &mut [u64]) {
        let mut from = positions.start;
        for chunk in out.chunks_mut(CHUNK) {
            let rows = positions.end.saturating_sub(from).min(64 * chunk.len());
            let block = Block { from, rows };
            let truth = self.root.truth(self.table, self.kernel, block, &block.all());
            chunk.copy_from_slice(&truth.yes[..chunk.len()]);
            from += 64 * chunk.len();
        }
    }

    /// The rows from a position on for which the filter is true, at most 64, as [`Prepared::select`] gives them.
    pub(crate) fn word(&self, from: usize, rows: usize) -> u64 {
        let mut word = [0];
        self.select(from..from + rows.min(64), &mut word);
        word[0]
    }
}
