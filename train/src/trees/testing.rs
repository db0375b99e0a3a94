//! Tables for tests.

use super::options::TreeOptions;
use super::table::RankingTable;
use crate::rng::{Purpose, Rng};

/// What a drawn table is like.
#[derive(Clone, Copy)]
pub(crate) struct Drawn {
    pub(crate) groups: usize,
    /// Rows of a group, at most.
    pub(crate) rows: usize,
    pub(crate) seed: u64,
}

impl Drawn {
    /// Groups of which the first feature, large, and the second, small or missing, make what is chosen likely; the third is noise of few
    /// values, the fourth constant, the fifth mostly missing.
    pub(crate) fn table(self) -> RankingTable {
        let names = ["large", "small", "noise", "constant", "mostly missing"].map(str::to_owned).to_vec();
        let mut table = RankingTable::new(names).unwrap();
        let mut rng = Rng::new(self.seed, Purpose::Cases, 1);
        for _ in 0..self.groups {
            let rows = rng.below(self.rows) + 1;
            let (mut values, mut grades) = (Vec::new(), Vec::new());
            for _ in 0..rows {
                let (large, small) = (rng.uniform(), if rng.below(4) == 0 { f32::NAN } else { rng.normal() });
                let drive = 3.0 * large - if small.is_nan() { -1.0 } else { small } + 0.5 * rng.normal();
                let last = if rng.below(10) == 0 { rng.uniform() } else { f32::NAN };
                values.extend([large, small, rng.below(5) as f32, 7.0, last]);
                grades.push(u8::from(drive > 3.0) + u8::from(drive > 4.0));
            }
            table.push(&values, &grades).unwrap();
        }
        table
    }
}

/// Options for small tables.
pub(crate) fn small() -> TreeOptions {
    TreeOptions { trees: 40, leaves: 6, rate: 0.2, min_leaf: 5, l2: 1.0, ..TreeOptions::default() }
}
