//! Where a query's vector comes from.

use crate::features::Row;

/// Where a query's vector comes from.
#[derive(Clone, Debug)]
pub(crate) enum Source<'q> {
    /// A user's raw features, for the user tower.
    User(&'q Row),
    /// A vector of the caller's.
    Vector(&'q [f32]),
    /// The stored vector of an item.
    Item(&'q str),
}

impl<'q> Source<'q> {
    /// The user's row; `None` where there is no user.
    pub(crate) fn user(&self) -> Option<&'q Row> {
        if let Self::User(row) = self { Some(row) } else { None }
    }

    /// The item whose neighbours are looked for.
    pub(crate) fn item(&self) -> Option<&'q str> {
        if let Self::Item(id) = self { Some(id) } else { None }
    }
}
