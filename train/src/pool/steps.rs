//! The steps of a recurrent layer over histories of several lengths.

/// The order in which a recurrent layer takes histories: the longest first, so that those that still go on at a step are the first ones.
pub(super) struct Steps {
    /// Histories, the longest first.
    order: Vec<usize>,
    /// How many of them have a step `t`.
    active: Vec<usize>,
}

impl Steps {
    pub(super) fn new(starts: &[usize]) -> Self {
        let length = |n: &usize| starts[n + 1] - starts[*n];
        let mut order: Vec<usize> = (0..starts.len() - 1).collect();
        order.sort_by_key(|n| std::cmp::Reverse(length(n)));
        let longest = order.first().map_or(0, length);
        let active = (0..longest).map(|t| order.partition_point(|n| length(n) > t)).collect();
        Self { order, active }
    }

    /// Number of steps.
    pub(super) fn count(&self) -> usize {
        self.active.len()
    }

    /// How many histories have a step `t`.
    pub(super) fn active(&self, t: usize) -> usize {
        self.active[t]
    }

    /// The tokens of step `t`, in the order of the histories.
    pub(super) fn tokens<'a>(&'a self, starts: &'a [usize], t: usize) -> impl Iterator<Item = usize> + 'a {
        self.order[..self.active[t]].iter().map(move |&n| starts[n] + t)
    }

    /// Rows in this order, from rows as they came.
    pub(super) fn sorted(&self, rows: &[f32], width: usize) -> Vec<f32> {
        self.order.iter().flat_map(|&n| rows[n * width..][..width].iter().copied()).collect()
    }

    /// Rows as they came, from rows in this order.
    pub(super) fn unsorted(&self, rows: &[f32], width: usize) -> Vec<f32> {
        let mut out = vec![0f32; rows.len()];
        for (&n, row) in self.order.iter().zip(rows.chunks_exact(width)) {
            out[n * width..][..width].copy_from_slice(row);
        }
        out
    }
}
