//! Tables of numbers, read in blocks of whole rows: `.npy`, and the `.fvecs` family of TEXMEX, where each row carries its width.

use std::path::Path;

use super::elements::Element;
use super::error::{ImportError, Place, Problem};
use super::format::Format;
use super::input::{Input, Meter};
use super::npy;
use torre::Matrix;

/// Widest row read: what is wider is a lying header.
const MAX_WIDTH: usize = 1 << 16;
/// A block has as many rows as fit in this, and at least one.
const BLOCK_BYTES: usize = 4 << 20;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Layout {
    /// One header, then rows without a gap; the number of rows is known.
    Npy { rows: u64 },
    /// Each row begins with its width as a little-endian i32.
    Vecs,
}

/// An opened table.
pub(crate) struct Table {
    input: Input,
    layout: Layout,
    element: Element,
    big_endian: bool,
    width: usize,
    next_row: u64,
    /// The width of the first row of a `.fvecs` file is read on opening.
    first_width: Option<[u8; 4]>,
    buffer: Vec<u8>,
}

/// Rows of a table: their values, packed.
pub(crate) struct Block<'a> {
    pub first_row: u64,
    pub rows: usize,
    pub element: Element,
    pub values: &'a [u8],
}

impl Table {
    pub(crate) fn open(path: &Path) -> Result<Self, ImportError> {
        Self::over(Input::open(path)?)
    }

    /// Reads an open file by the ending of its name.
    pub(super) fn over(input: Input) -> Result<Self, ImportError> {
        let format = Format::of_name(&input.path);
        Self::of(format, input)
    }

    /// Reads an open file of this format.
    pub(super) fn of(format: Option<Format>, input: Input) -> Result<Self, ImportError> {
        match format {
            Some(Format::Npy) => Self::npy(input),
            Some(Format::Fvecs) => Self::vecs(input, Element::F32),
            Some(Format::Bvecs) => Self::vecs(input, Element::U8),
            Some(Format::Ivecs) => Self::vecs(input, Element::I32),
            _ => Err(ImportError::unknown_format(&input.path)),
        }
    }

    pub(super) fn npy(mut input: Input) -> Result<Self, ImportError> {
        let header = npy::read_header(&mut input)?;
        let width = usize::try_from(header.width).ok().filter(|w| (1..=MAX_WIDTH).contains(w));
        let width = width.ok_or_else(|| {
            input.error(Place::File, Problem::Width { got: i64::try_from(header.width).unwrap_or(i64::MAX), limit: MAX_WIDTH })
        })?;
        let layout = Layout::Npy { rows: header.rows };
        let (element, big_endian) = (header.element, header.big_endian);
        Ok(Self { input, layout, element, big_endian, width, next_row: 0, first_width: None, buffer: Vec::new() })
    }

    pub(super) fn vecs(mut input: Input, element: Element) -> Result<Self, ImportError> {
        let mut first = [0u8; 4];
        let got = input.fill(&mut first).map_err(|e| input.error(Place::File, e))?;
        if got > 0 && got < first.len() {
            return Err(input.error(Place::Row(0), Problem::CutShort { expected: 4, got: got as u64 }));
        }
        let announced = i32::from_le_bytes(first);
        let width = if got == 0 { Some(0) } else { usize::try_from(announced).ok().filter(|w| (1..=MAX_WIDTH).contains(w)) };
        let Some(width) = width else {
            return Err(input.error(Place::Row(0), Problem::Width { got: i64::from(announced), limit: MAX_WIDTH }));
        };
        let first_width = (got > 0).then_some(first);
        Ok(Self { input, layout: Layout::Vecs, element, big_endian: false, width, next_row: 0, first_width, buffer: Vec::new() })
    }

    /// Values a row; 0 for an empty `.fvecs` file, which does not say.
    pub(crate) fn width(&self) -> usize {
        self.width
    }

    /// Rows in all, where the file says so before it is read.
    #[cfg(test)]
    pub(crate) fn rows(&self) -> Option<u64> {
        match self.layout {
            Layout::Npy { rows } => Some(rows),
            Layout::Vecs if self.width == 0 => Some(0),
            Layout::Vecs => self.input.plain_length.map(|length| length / self.stored_row() as u64),
        }
    }

    pub(crate) fn meter(&self) -> &Meter {
        &self.input.meter
    }

    pub(crate) fn error(&self, place: Place, problem: Problem) -> ImportError {
        self.input.error(place, problem)
    }

    fn row_bytes(&self) -> usize {
        self.width * self.element.bytes()
    }

    fn stored_row(&self) -> usize {
        self.row_bytes() + if self.layout == Layout::Vecs { 4 } else { 0 }
    }

    /// The next rows, at most `most`, and no more than a few megabytes; `None` at the end.
    pub(crate) fn next_block(&mut self, most: usize) -> Result<Option<Block<'_>>, ImportError> {
        if self.width == 0 {
            return Ok(None);
        }
        let fitting = (BLOCK_BYTES / self.stored_row()).clamp(1, most.max(1));
        let rows = match self.layout {
            Layout::Npy { rows } => usize::try_from(rows - self.next_row).unwrap_or(usize::MAX).min(fitting),
            Layout::Vecs => fitting,
        };
        let stored = self.stored_row();
        self.buffer.resize(rows * stored, 0);
        let ahead = match self.first_width.take() {
            Some(width) => {
                self.buffer[..4].copy_from_slice(&width);
                4
            }
            None => 0,
        };
        let place = Place::Row(self.next_row);
        let got = self.input.fill(&mut self.buffer[ahead..]).map_err(|e| ImportError::new(&self.input.path, place, e))? + ahead;
        let whole = got / stored;
        // In the order of the file: the error must not depend on how many rows are read at a time.
        if self.layout == Layout::Vecs {
            self.strip_widths(whole)?;
        } else if rows == 0 {
            self.refuse_surplus()?;
        }
        let cut = got % stored != 0 || (matches!(self.layout, Layout::Npy { .. }) && whole < rows);
        if cut {
            let place = Place::Row(self.next_row + whole as u64);
            return Err(self.input.error(place, Problem::CutShort { expected: stored as u64, got: (got % stored) as u64 }));
        }
        if whole == 0 {
            return Ok(None);
        }
        if self.big_endian {
            self.buffer.chunks_exact_mut(self.element.bytes()).for_each(<[u8]>::reverse);
        }
        let first_row = self.next_row;
        self.next_row += whole as u64;
        Ok(Some(Block { first_row, rows: whole, element: self.element, values: &self.buffer[..whole * self.row_bytes()] }))
    }

    /// Moves the rows' values together, leaving out their widths, which must all be the first one's.
    fn strip_widths(&mut self, rows: usize) -> Result<(), ImportError> {
        let (stored, packed) = (self.stored_row(), self.row_bytes());
        for row in 0..rows {
            let at = row * stored;
            let width = i32::from_le_bytes([self.buffer[at], self.buffer[at + 1], self.buffer[at + 2], self.buffer[at + 3]]);
            if usize::try_from(width) != Ok(self.width) {
                let problem = Problem::WidthChanges { expected: self.width, got: i64::from(width) };
                return Err(self.input.error(Place::Row(self.next_row + row as u64), problem));
            }
            self.buffer.copy_within(at + 4..at + stored, row * packed);
        }
        Ok(())
    }

    /// A packed file may hold more than its header says, which only its end shows.
    fn refuse_surplus(&mut self) -> Result<(), ImportError> {
        let mut more = [0u8; 64];
        let extra = self.input.fill(&mut more).map_err(|e| self.input.error(Place::File, e))?;
        if extra > 0 {
            return Err(self.input.error(Place::File, Problem::Surplus { extra: extra as u64 }));
        }
        Ok(())
    }
}

/// A table of integers, such as the true neighbours of queries.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct IntegerTable {
    pub width: usize,
    pub values: Vec<i64>,
}

/// Reads a whole `.ivecs`, `.bvecs` or `.npy` file of integers.
pub fn read_integers(path: &Path) -> Result<IntegerTable, ImportError> {
    let mut table = Table::open(path)?;
    let mut values = Vec::new();
    let mut fractions = false;
    while let Some(block) = table.next_block(usize::MAX)? {
        fractions |= !block.element.append_i64(block.values, &mut values);
    }
    if fractions {
        return Err(table.error(Place::File, Problem::NpyHeader { what: "values with fractions where integers are needed".to_owned() }));
    }
    Ok(IntegerTable { width: table.width(), values })
}

/// Reads a whole file of vectors as f32.
pub fn read_vectors(path: &Path) -> Result<Matrix, ImportError> {
    let mut table = Table::open(path)?;
    let mut values = Vec::new();
    while let Some(block) = table.next_block(usize::MAX)? {
        block.element.append_f32(block.values, &mut values);
    }
    Ok(Matrix::from_vec(table.width(), values).unwrap_or_default())
}

#[cfg(test)]
mod tests;
