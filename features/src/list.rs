//! How a list, or a text, becomes a fixed number of places.

/// How a list becomes `max` places.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ListRule {
    pub max: usize,
    pub keep: Keep,
}

/// What is kept of a list that is too long.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Keep {
    /// Its end.
    Last,
    /// Its beginning.
    First,
    /// The largest weights of a bag.
    Largest,
}
