//! What a column of a file holds, as the field that it is meant for says.

/// What one value of a column is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CellKind {
    /// Text, and categories: taken as it stands.
    Text,
    /// An integer.
    Int,
    /// A number, or a bool.
    Number,
    /// `true`, `false`, `1` or `0`, in any case.
    Bool,
    /// Unix seconds, or RFC 3339 text.
    Time,
}

/// What a column holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ColumnKind {
    /// One value a cell.
    One(CellKind),
    /// A list a cell: a JSON array, or values between semicolons (`red;green`). `[]` is the empty list.
    List(CellKind),
}
