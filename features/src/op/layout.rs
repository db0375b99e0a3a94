//! Where the indexes of a categorical input lie.

/// The indexes that stand for no value, and the first of those that do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Layout {
    /// A place after the end of a list.
    pub padding: u64,
    /// A value that is missing.
    pub missing: u64,
    /// The first index of a value.
    pub first: u64,
}

impl Layout {
    /// Padding, missing, then the values: that of every operation but `identity`.
    pub(crate) const STANDARD: Self = Self { padding: 0, missing: 1, first: 2 };
    /// A value is its own index.
    pub(crate) const IDENTITY: Self = Self::padded(0);

    /// The same, with this index behind the end of a list.
    pub(crate) const fn padded(padding: u64) -> Self {
        Self { padding, missing: 0, first: 0 }
    }
}
