//! The measures of one ranking, from which of its hits are relevant.
//!
//! In all of them `found[i]` says whether the hit at place i + 1 is relevant, `relevant` is the number of relevant items in all, and `k` the
//! number of hits that count.

/// Relevant items among the first k, over all relevant ones; 0 where there are none.
pub(crate) fn recall(found: &[bool], relevant: usize, k: usize) -> f64 {
    hits(found, k) as f64 / relevant.max(1) as f64
}

/// Normalised discounted cumulative gain (Järvelin and Kekäläinen 2002), binary.
pub(crate) fn ndcg(found: &[bool], relevant: usize, k: usize) -> f64 {
    let gain = |at: usize| 1.0 / (at as f64 + 2.0).log2();
    let ideal: f64 = (0..k.min(relevant)).map(gain).sum();
    if ideal == 0.0 {
        return 0.0;
    }
    found.iter().take(k).enumerate().filter(|(_, f)| **f).map(|(at, _)| gain(at)).sum::<f64>() / ideal
}

/// 1 where anything relevant is among the first k, else 0.
pub(crate) fn hit_rate(found: &[bool], k: usize) -> f64 {
    f64::from(u8::from(hits(found, k) > 0))
}

/// Average precision: the mean, over min(k, relevant), of the precision at the place of each relevant hit.
pub(crate) fn average_precision(found: &[bool], relevant: usize, k: usize) -> f64 {
    let mut hits = 0_usize;
    let mut sum = 0.0;
    for (at, _) in found.iter().take(k).enumerate().filter(|(_, found)| **found) {
        hits += 1;
        sum += hits as f64 / (at as f64 + 1.0);
    }
    sum / k.min(relevant).max(1) as f64
}

/// 1 / place of the first relevant hit, 0 where there is none.
pub(crate) fn reciprocal_rank(found: &[bool]) -> f64 {
    found.iter().position(|&f| f).map_or(0.0, |at| 1.0 / (at as f64 + 1.0))
}

fn hits(found: &[bool], k: usize) -> usize {
    found.iter().take(k).filter(|&&f| f).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn average_precision_by_hand() {
        let found = [true, false, true, false, true];
        assert!((average_precision(&found, 3, 5) - (1.0 + 2.0 / 3.0 + 3.0 / 5.0) / 3.0).abs() < 1e-12);
        assert!((average_precision(&found, 3, 2) - 0.5).abs() < 1e-12, "of at most two that fit");
        assert!((average_precision(&found, 10, 5) - (1.0 + 2.0 / 3.0 + 3.0 / 5.0) / 5.0).abs() < 1e-12);
        assert_eq!(average_precision(&[false; 5], 2, 5), 0.0);
        assert_eq!((average_precision(&[], 0, 0), recall(&[], 0, 3), ndcg(&[], 0, 3)), (0.0, 0.0, 0.0));
    }

    #[test]
    fn every_measure_is_a_share_and_a_perfect_ranking_has_all() {
        for relevant in 1..=5_usize {
            for k in 1..=6 {
                let perfect: Vec<bool> = (0..6).map(|at| at < relevant).collect();
                assert_eq!((ndcg(&perfect, relevant, k), average_precision(&perfect, relevant, k)), (1.0, 1.0), "{relevant} at {k}");
                for bits in 0..64_u32 {
                    let found: Vec<bool> = (0..6).map(|at| bits >> at & 1 == 1).collect();
                    if found.iter().filter(|f| **f).count() > relevant {
                        continue;
                    }
                    let all = [recall(&found, relevant, k), ndcg(&found, relevant, k), average_precision(&found, relevant, k)];
                    assert!(all.iter().all(|x| (0.0..=1.0 + 1e-12).contains(x)), "{found:?} {relevant} {k}: {all:?}");
                    assert_eq!(hit_rate(&found, k) > 0.0, all.iter().all(|x| *x > 0.0));
                }
            }
        }
    }
}
