//! Models side by side on the same held-out users.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::{Comparison, Exposure, ExposureCount, Histories, Interval, Measure, Scores, Segment, Segmented};

/// Users up to this many items before are cold.
const COLD: usize = 5;
/// Where the random numbers of intervals come from.
const SEED: u64 = 1;

/// A held-out user, by item numbers.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct HeldOut {
    /// What was chosen before, oldest first.
    pub history: Vec<u32>,
    /// What is not to be recommended.
    pub seen: Vec<u32>,
    /// What was chosen then.
    pub relevant: Vec<u32>,
}

/// What a model reached.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Entry {
    /// The model.
    pub name: String,
    /// Measures by cut-off, with 95 % intervals.
    pub measures: BTreeMap<usize, BTreeMap<&'static str, Interval>>,
    /// What kind of items it shows, at the largest cut-off.
    pub exposure: Exposure,
    /// NDCG and recall by segment, at the first cut-off.
    pub segments: Vec<SegmentEntry>,
    /// NDCG at the first cut-off against that of the model entered first; none for that itself.
    pub against_first: Option<Comparison>,
}

/// What a model reached with a segment.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct SegmentEntry {
    /// Which.
    pub segment: String,
    /// Users that it has.
    pub users: usize,
    /// Recall with its interval.
    pub recall: Option<Interval>,
    /// NDCG with its interval.
    pub ndcg: Option<Interval>,
}

/// Users, cut-offs and what was before: all that entries have in common.
pub struct Contest<'a> {
    users: &'a [HeldOut],
    before: &'a Histories,
    ks: Vec<usize>,
    first: Option<Scores>,
    entries: Vec<Entry>,
}

impl<'a> Contest<'a> {
    /// `ks`: cut-offs, the one that decides first; `before`: what models learned from.
    pub fn new(users: &'a [HeldOut], before: &'a Histories, ks: &[usize]) -> Self {
        Self { users, before, ks: ks.to_vec(), first: None, entries: Vec::new() }
    }

    /// Hits that a model has to give for each user.
    pub fn depth(&self) -> usize {
        self.ks.iter().copied().max().unwrap_or(0)
    }

    /// Enters a model with its hits for each user, best first. `vectors` of the items say how alike they are.
    pub fn enter(&mut self, name: impl Into<String>, hits: &[Vec<u32>], vectors: Option<&dyn Fn(u32) -> Option<&'a [f32]>>) {
        let counts = self.before.counts();
        let mut exposure = ExposureCount::new(counts, self.before.users());
        let first_k = self.ks.first().copied().unwrap_or(0);
        let segments = [Segment::ColdUsers(COLD), Segment::ColdItems(0), Segment::Tail];
        let mut segments: Vec<Segmented> = segments.into_iter().map(|segment| Segmented::new(segment, first_k, counts)).collect();
        let mut by_k: Vec<Scores> = self.ks.iter().map(|&k| Scores::new(k)).collect();
        for (user, hits) in self.users.iter().zip(hits) {
            let hits = &hits[..hits.len().min(self.depth())];
            by_k.iter_mut().for_each(|scores| scores.add(hits, &user.relevant));
            segments.iter_mut().for_each(|segment| segment.add(hits, &user.relevant, user.history.len(), counts));
            let of_hits: Option<Vec<&[f32]>> = vectors.map(|vectors| hits.iter().filter_map(|&hit| vectors(hit)).collect());
            exposure.add(hits, &user.relevant, of_hits.as_deref());
        }
        let measures = |scores: &Scores| {
            let of = |measure: Measure| Some((measure.name(), scores.interval(measure, SEED)?));
            Measure::ALL.into_iter().filter_map(of).collect::<BTreeMap<_, _>>()
        };
        let segment = |of: &Segmented| SegmentEntry {
            segment: of.segment.name(),
            users: of.scores.users(),
            recall: of.scores.interval(Measure::Recall, SEED),
            ndcg: of.scores.interval(Measure::Ndcg, SEED),
        };
        let own = by_k.first().cloned();
        let against_first = self.first.as_ref().zip(own.as_ref()).and_then(|(first, own)| own.compare(first, Measure::Ndcg, SEED));
        self.entries.push(Entry {
            name: name.into(),
            measures: by_k.iter().map(|scores| (scores.k(), measures(scores))).collect(),
            exposure: exposure.get(),
            segments: segments.iter().map(segment).collect(),
            against_first,
        });
        if self.first.is_none() {
            self.first = own;
        }
    }

    /// The models, in the order in which they were entered.
    pub fn entries(self) -> Vec<Entry> {
        self.entries
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Baseline, Popularity};

    #[test]
    fn models_are_measured_side_by_side() {
        let before = Histories::new(30, 6, (0..30).flat_map(|user| (0..=user % 3).map(move |item| (user, item))));
        let users: Vec<HeldOut> =
            (0..30).map(|user| HeldOut { history: vec![user % 3], seen: vec![0], relevant: vec![user % 5 + 1] }).collect();
        let mut contest = Contest::new(&users, &before, &[2, 4]);
        let right: Vec<Vec<u32>> = users.iter().map(|user| vec![user.relevant[0]]).collect();
        let popularity = Popularity::new(&before);
        let popular: Vec<Vec<u32>> = users.iter().map(|user| popularity.recommend(&user.history, &user.seen, contest.depth())).collect();
        contest.enter("right", &right, None);
        contest.enter("popularity", &popular, None);
        let entries = contest.entries();
        assert_eq!((entries[0].measures[&2]["ndcg"].mean, entries[0].against_first), (1.0, None));
        let loss = entries[1].against_first.map(|comparison| comparison.difference.mean).unwrap_or(0.0);
        assert!(loss < 0.0 && entries[1].measures[&4]["recall"].mean < 1.0, "{:?}", entries[1]);
        assert_eq!(entries[0].segments[0].users, 30, "all of them are cold");
        assert_eq!(entries[0].exposure.coverage, Some(5.0 / 6.0));
    }
}
