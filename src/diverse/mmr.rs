//! Maximal marginal relevance (Carbonell and Goldstein 1998, "The use of MMR, diversity-based reranking", SIGIR).

/// Chooses `wanted` of the candidates, one after the other: each time the one with the largest
/// `lambda x relevance - (1 - lambda) x similarity to the most similar one chosen before`. Ties go to the earlier candidate. What was chosen
/// does not depend on how many more are wanted.
pub(crate) fn mmr(relevance: &[f64], lambda: f64, wanted: usize, similarity: impl Fn(usize, usize) -> f64) -> Vec<usize> {
    // Those left, ascending, each with its similarity to what was chosen.
    let mut left: Vec<(usize, f64)> = (0..relevance.len()).map(|at| (at, f64::NEG_INFINITY)).collect();
    let mut chosen = Vec::with_capacity(wanted.min(left.len()));
    while chosen.len() < wanted {
        // Nothing is similar to nothing.
        let like = |similar: f64| if chosen.is_empty() { 0.0 } else { similar };
        let value = |&(at, similar): &(usize, f64)| lambda * relevance[at] - (1.0 - lambda) * like(similar);
        let best = left
            .iter()
            .enumerate()
            .map(|(place, candidate)| (place, value(candidate)))
            .reduce(|best, next| if next.1 > best.1 { next } else { best });
        let Some((place, _)) = best else { break };
        let (at, _) = left.remove(place);
        chosen.push(at);
        if chosen.len() < wanted {
            left.iter_mut().for_each(|(other, similar)| *similar = similar.max(similarity(*other, at)));
        }
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// By the definition, each similarity anew.
    fn naive(relevance: &[f64], lambda: f64, wanted: usize, similarity: impl Fn(usize, usize) -> f64) -> Vec<usize> {
        let mut chosen: Vec<usize> = Vec::new();
        for _ in 0..wanted.min(relevance.len()) {
            let value = |at: usize| {
                let most = chosen.iter().map(|&other| similarity(at, other)).reduce(f64::max).unwrap_or(0.0);
                lambda * relevance[at] - (1.0 - lambda) * most
            };
            let left = (0..relevance.len()).filter(|at| !chosen.contains(at));
            let best =
                left.fold(None, |best: Option<usize>, at| if best.is_none_or(|best| value(at) > value(best)) { Some(at) } else { best });
            chosen.extend(best);
        }
        chosen
    }

    proptest! {
        #[test]
        fn what_is_chosen_is_what_the_definition_says(
            points in prop::collection::vec((0..6i32, 0..6i32, 0..5u32), 0..70), lambda in 0.0..=1.0f64, wanted in 0..80usize,
        ) {
            // Few values: there are ties, and candidates that are the same.
            let relevance: Vec<f64> = points.iter().map(|point| f64::from(point.2) / 4.0).collect();
            let similarity = |a: usize, b: usize| 1.0 - f64::from((points[a].0 - points[b].0).pow(2) + (points[a].1 - points[b].1).pow(2)) / 20.0;
            let chosen = mmr(&relevance, lambda, wanted, similarity);
            prop_assert_eq!(&chosen, &naive(&relevance, lambda, wanted, similarity));
            prop_assert_eq!(&mmr(&relevance, lambda, wanted / 2, similarity), &chosen[..chosen.len().min(wanted / 2)]);
        }
    }

    #[test]
    fn one_keeps_the_order_and_less_passes_over_what_is_alike() {
        let relevance = [1.0, 0.9, 0.8, 0.1];
        // The second is much like the first.
        let similarity = |a: usize, b: usize| if (a, b) == (1, 0) { 0.99 } else { 0.1 };
        assert_eq!(mmr(&relevance, 1.0, 4, similarity), [0, 1, 2, 3]);
        assert_eq!(mmr(&relevance, 0.5, 4, similarity), [0, 2, 3, 1]);
        assert_eq!(mmr(&relevance, 0.5, 0, similarity), [0usize; 0]);
    }
}
