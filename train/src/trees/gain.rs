//! Discounted cumulative gain (Järvelin and Kekäläinen 2002), with a gain of 2^grade - 1 (Burges et al. 2005).

use rayon::prelude::*;

use super::table::RankingTable;

/// What a grade is worth.
pub(super) fn gain(grade: u8) -> f64 {
    ((1u64 << grade.min(62)) - 1) as f64
}

/// What a place counts, from 0.
pub(super) fn discount(place: usize) -> f64 {
    1.0 / (place as f64 + 2.0).log2()
}

/// The most that a ranking of these grades can gain in its first `k` places.
pub(super) fn ideal(grades: &[u8], k: usize) -> f64 {
    let mut sorted = grades.to_vec();
    sorted.sort_unstable_by(|a, b| b.cmp(a));
    sorted.iter().take(k).enumerate().map(|(place, &grade)| gain(grade) * discount(place)).sum()
}

/// Places of a group's rows, the best score first; equal ones stay in the order of the first stage.
pub(super) fn order(scores: &[f32], into: &mut Vec<u32>) {
    into.clear();
    into.extend(0..scores.len() as u32);
    into.sort_by(|&a, &b| scores[b as usize].total_cmp(&scores[a as usize]));
}

/// Mean NDCG@k of the groups that have something to be found, ordered by scores (one a row of the table); `None` where there is no such group.
#[must_use]
pub fn ndcg(table: &RankingTable, scores: &[f32], k: usize) -> Option<f64> {
    let ranges: Vec<std::ops::Range<usize>> = table.ranges().collect();
    let of_group = |rows: &std::ops::Range<usize>| {
        let grades = &table.grades()[rows.clone()];
        let best = ideal(grades, k);
        (best > 0.0).then(|| {
            let mut places = Vec::new();
            order(scores.get(rows.clone()).unwrap_or_default(), &mut places);
            let gained: f64 = places.iter().take(k).enumerate().map(|(place, &row)| gain(grades[row as usize]) * discount(place)).sum();
            gained / best
        })
    };
    let values: Vec<f64> = ranges.par_iter().filter_map(of_group).collect();
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn ndcg_by_hand() {
        let mut table = RankingTable::new(vec!["x".into()]).unwrap();
        table.push(&[0.0; 4], &[0, 1, 0, 2]).unwrap();
        table.push(&[0.0; 2], &[0, 0]).unwrap();
        let third = 1.0 / 3f64.log2();
        // Places: row 1 (gain 1), row 0, row 3 (gain 3).
        let got = ndcg(&table, &[0.5, 0.9, 0.1, 0.3, 0.0, 0.0], 3).unwrap();
        assert!((got - (1.0 + 3.0 * 0.5) / (3.0 + third)).abs() < 1e-12);
        // Ties stay in order.
        let tied = ndcg(&table, &[0.0; 6], 2).unwrap();
        assert!((tied - third / (3.0 + third)).abs() < 1e-12);
        let mut none = RankingTable::new(vec!["x".into()]).unwrap();
        none.push(&[0.0; 2], &[0, 0]).unwrap();
        assert_eq!(ndcg(&none, &[0.0; 2], 10), None);
    }
}
