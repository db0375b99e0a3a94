//! How a number of rows is cut into batches that are prepared.

use super::limits::MICRO_BATCH;

/// For each number of rows up to a micro-batch, which size comes first when they are cut at the least cost; the larger where two cost the same.
pub(super) fn cuts(batches: &[usize], costs: &[u64]) -> Vec<usize> {
    let (mut least, mut cuts) = (vec![0u64], vec![0]);
    for rows in 1..=MICRO_BATCH {
        let cost = |cut: usize| costs[cut].saturating_add(least[rows.saturating_sub(batches[cut])]);
        let best = (0..batches.len()).rev().min_by_key(|&cut| cost(cut)).unwrap_or(0);
        least.push(cost(best));
        cuts.push(best);
    }
    cuts
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The batches that so many rows are cut into.
    fn pieces(mut rows: usize, batches: &[usize], costs: &[u64]) -> Vec<usize> {
        let cuts = cuts(batches, costs);
        let mut pieces = Vec::new();
        while rows > 0 {
            let batch = batches[cuts[rows]];
            pieces.push(batch);
            rows = rows.saturating_sub(batch);
        }
        pieces
    }

    #[test]
    fn rows_are_cut_at_the_least_cost() {
        // Nearly nothing but rows counts: no row is run in vain, if small batches are no dearer.
        assert_eq!(pieces(9, &[1, 8, 64], &[10, 80, 640]), [8, 1]);
        assert_eq!(pieces(64, &[1, 8, 64], &[10, 80, 640]), [64]);
        // A batch costs the same whatever it holds.
        assert_eq!(pieces(9, &[1, 8, 64], &[10, 10, 10]), [64]);
        assert_eq!(pieces(7, &[1, 8, 64], &[10, 30, 200]), [8]);
        assert_eq!(pieces(3, &[1], &[10]), [1, 1, 1]);
        for rows in 1..=MICRO_BATCH {
            assert!(pieces(rows, &[1, 8, 64], &[3, 11, 50]).iter().sum::<usize>() >= rows);
        }
    }
}
