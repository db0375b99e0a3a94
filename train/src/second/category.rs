//! Texts in the order of their worth, so that trees part them by thresholds.
//!
//! Of all ways to part categories in two, the best one parts them in the order of their means (Fisher 1958, "On grouping for maximum
//! homogeneity"). The order is made once, of smoothed means over the candidates that are trained on, and becomes the feature's vocabulary:
//! a text's number is its rank, and serving needs nothing new.

use std::collections::HashMap;

use super::fields::Tally;

/// Candidates that a text must have to be known; others are missing.
const SHOWN: u64 = 20;
/// Candidates with the mean rate that every text is given on top, so that few do not stand at an end by chance.
const PRIOR: f64 = 20.0;
/// Texts that are known at most, those of the most candidates.
const MOST: usize = 50_000;

/// The texts that come often enough, the least chosen ones first.
pub(super) fn in_order(values: &HashMap<String, Tally>) -> Vec<String> {
    let mut all = Tally::default();
    values.values().for_each(|tally| all.add(*tally));
    let mean = all.chosen as f64 / (all.shown as f64).max(1.0);
    let rate = |tally: &Tally| (tally.chosen as f64 + PRIOR * mean) / (tally.shown as f64 + PRIOR);
    let mut known: Vec<(&String, &Tally)> = values.iter().filter(|(_, tally)| tally.shown >= SHOWN).collect();
    known.sort_unstable_by(|(a, x), (b, y)| y.shown.cmp(&x.shown).then_with(|| a.cmp(b)));
    known.truncate(MOST);
    known.sort_unstable_by(|(a, x), (b, y)| rate(x).total_cmp(&rate(y)).then_with(|| a.cmp(b)));
    known.into_iter().map(|(text, _)| text.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_chosen_come_first_and_few_candidates_say_little() {
        let tally = |shown, chosen| Tally { shown, chosen };
        let values = [
            ("never", tally(1000, 0)),
            ("often", tally(1000, 400)),
            ("some", tally(1000, 100)),
            ("rare", tally(19, 19)),
            ("few", tally(20, 2)),
        ];
        let values: HashMap<String, Tally> = values.map(|(name, tally)| (name.to_owned(), tally)).into();
        // Two of twenty is less than 0.17, the mean, but near it: between what is known to be less and to be more.
        assert_eq!(in_order(&values), ["never", "some", "few", "often"]);
        assert!(in_order(&HashMap::new()).is_empty());
        let many: HashMap<String, Tally> = (0..100_000u64).map(|n| (format!("v{n}"), tally(20 + n, n / 2))).collect();
        let order = in_order(&many);
        assert_eq!((order.len(), order[0].as_str(), order[MOST - 1].as_str()), (MOST, "v50001", "v99998"));
    }
}
