//! Calibrated recommendations (Steck 2018, "Calibrated recommendations", RecSys): a list has categories in the shares of a user's history.

/// How much of the history's shares is mixed into the list's, so that a category that the list lacks has a cost and not an infinite one.
const MIXED_IN: f64 = 0.01;

/// Shares of categories, by number; they add up to 1, or there are none.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Shares(Vec<f64>);

impl Shares {
    /// The shares of some items' categories: an item has weight 1 in all, a category of it as often as it is there, and an item without any none.
    pub(crate) fn of<'c>(items: impl IntoIterator<Item = &'c [u32]>) -> Self {
        let mut shares: Vec<f64> = Vec::new();
        let mut total = 0.0;
        for categories in items.into_iter().filter(|categories| !categories.is_empty()) {
            total += 1.0;
            for &category in categories {
                let category = category as usize;
                if shares.len() <= category {
                    shares.resize(category + 1, 0.0);
                }
                shares[category] += 1.0 / categories.len() as f64;
            }
        }
        shares.iter_mut().for_each(|share| *share /= total);
        Self(shares)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// A list under way.
struct List<'s> {
    target: &'s Shares,
    /// The weight of each category of the target.
    weights: Vec<f64>,
    /// Items with categories.
    items: f64,
}

impl List<'_> {
    /// A category's part of the divergence p log(p / q~), where q~ mixes a little of p into q.
    fn part(&self, category: usize, weight: f64, items: f64) -> f64 {
        let p = self.target.0.get(category).copied().unwrap_or(0.0);
        if p == 0.0 {
            return 0.0;
        }
        let q = if items > 0.0 { weight / items } else { 0.0 };
        p * (p / (MIXED_IN * p + (1.0 - MIXED_IN) * q)).ln()
    }

    /// The Kullback-Leibler divergence of the target from the list with this many items.
    fn divergence(&self, items: f64) -> f64 {
        (0..self.weights.len()).map(|category| self.part(category, self.weights[category], items)).sum()
    }

    /// The divergence with one more item; `without` is that of the list as it is if it had one item more.
    fn with(&self, categories: &[u32], without: f64) -> f64 {
        let mut divergence = without;
        for (at, &category) in categories.iter().enumerate() {
            if categories[..at].contains(&category) {
                continue;
            }
            let Some(&weight) = self.weights.get(category as usize) else { continue };
            let more = categories.iter().filter(|other| **other == category).count() as f64 / categories.len() as f64;
            let (category, items) = (category as usize, self.items + 1.0);
            divergence += self.part(category, weight + more, items) - self.part(category, weight, items);
        }
        divergence
    }

    fn add(&mut self, categories: &[u32]) {
        if categories.is_empty() {
            return;
        }
        self.items += 1.0;
        for &category in categories {
            if let Some(weight) = self.weights.get_mut(category as usize) {
                *weight += 1.0 / categories.len() as f64;
            }
        }
    }
}

/// Chooses `wanted` of the candidates, one after the other: each time the one with the largest
/// `lambda x relevance - (1 - lambda) x divergence of the target from the list with it`. Ties go to the earlier candidate; what was chosen does
/// not depend on how many more are wanted. `categories` has each candidate's; those that the target has no share of count as others.
pub(crate) fn calibrated(relevance: &[f64], lambda: f64, wanted: usize, target: &Shares, categories: &[Vec<u32>]) -> Vec<usize> {
    let mut list = List { target, weights: vec![0.0; target.0.len()], items: 0.0 };
    let mut left: Vec<usize> = (0..relevance.len().min(categories.len())).collect();
    let mut chosen = Vec::with_capacity(wanted.min(left.len()));
    while chosen.len() < wanted {
        let (same, longer) = (list.divergence(list.items), list.divergence(list.items + 1.0));
        let value = |at: usize| {
            let of = &categories[at];
            let divergence = if of.is_empty() { same } else { list.with(of, longer) };
            lambda * relevance[at] - (1.0 - lambda) * divergence
        };
        let best =
            left.iter().enumerate().map(|(place, &at)| (place, value(at))).reduce(|best, next| if next.1 > best.1 { next } else { best });
        let Some((place, _)) = best else { break };
        let at = left.remove(place);
        list.add(&categories[at]);
        chosen.push(at);
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What a list is worth by the definition: the sum of its relevances beside its divergence.
    fn divergence(target: &Shares, list: &[usize], categories: &[Vec<u32>]) -> f64 {
        let shares = Shares::of(list.iter().map(|&at| &categories[at][..]));
        let term = |(category, &p): (usize, &f64)| {
            let q = shares.0.get(category).copied().unwrap_or(0.0);
            if p == 0.0 { 0.0 } else { p * (p / (0.99 * q + 0.01 * p)).ln() }
        };
        target.0.iter().enumerate().map(term).sum()
    }

    proptest! {
        #[test]
        fn each_choice_is_the_best_by_the_definition(
            history in prop::collection::vec(prop::collection::vec(0..6u32, 0..4), 0..12),
            pool in prop::collection::vec((prop::collection::vec(0..9u32, 0..4), 0..5u32), 0..40),
            lambda in 0.0..=1.0f64, wanted in 0..45usize,
        ) {
            let target = Shares::of(history.iter().map(Vec::as_slice));
            let relevance: Vec<f64> = pool.iter().map(|item| f64::from(item.1) / 4.0).collect();
            let categories: Vec<Vec<u32>> = pool.into_iter().map(|item| item.0).collect();
            let chosen = calibrated(&relevance, lambda, wanted, &target, &categories);
            prop_assert_eq!(chosen.len(), wanted.min(relevance.len()));
            for place in 0..chosen.len() {
                let value = |at: usize| {
                    let list: Vec<usize> = chosen[..place].iter().copied().chain([at]).collect();
                    lambda * relevance[at] - (1.0 - lambda) * divergence(&target, &list, &categories)
                };
                let best = (0..relevance.len()).filter(|at| !chosen[..place].contains(at)).map(value).fold(f64::NEG_INFINITY, f64::max);
                prop_assert!(value(chosen[place]) >= best - 1e-9, "place {place} of {chosen:?}");
            }
            prop_assert_eq!(&calibrated(&relevance, lambda, wanted / 2, &target, &categories), &chosen[..chosen.len().min(wanted / 2)]);
        }
    }

    #[test]
    fn a_list_has_the_shares_of_the_history() {
        // Seven of ten in the history are of category 0; by relevance alone the list would be of that alone.
        let history: Vec<Vec<u32>> = (0..10).map(|at| vec![u32::from(at >= 7)]).collect();
        let target = Shares::of(history.iter().map(Vec::as_slice));
        let categories: Vec<Vec<u32>> = (0..40).map(|at| vec![u32::from(at >= 20)]).collect();
        let relevance: Vec<f64> = (0..40).map(|at| 1.0 - f64::from(at) / 39.0).collect();
        let chosen = calibrated(&relevance, 0.01, 10, &target, &categories);
        assert_eq!(chosen.iter().filter(|&&at| at < 20).count(), 7, "{chosen:?}");
        assert_eq!(calibrated(&relevance, 1.0, 10, &target, &categories), (0..10).collect::<Vec<_>>());
        assert!(Shares::of([]).is_empty() && Shares::of([&[][..]]).is_empty());
    }
}
