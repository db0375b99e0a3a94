//! Measures of rankings at a cut-off, under the names that they have everywhere: `recall`, `ndcg`, `hit_rate`, `map`.

use std::collections::BTreeMap;

use serde::ser::{Serialize, SerializeMap, Serializer};

/// The means of what is measured among the first `k` hits; `None` where no user had anything relevant. Definitions: see
/// [`Evaluation`](crate::Evaluation).
///
/// ```
/// let at = torre_report::Cutoff { k: 10, recall: Some(0.5), ndcg: Some(0.25), hit_rate: None, map: None };
/// assert_eq!(serde_json::to_string(&at)?, r#"{"recall":0.5,"ndcg":0.25,"hit_rate":null,"map":null}"#);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Cutoff {
    /// Hits that count.
    pub k: usize,
    /// Share of the relevant items that are found.
    pub recall: Option<f64>,
    /// Normalised discounted cumulative gain.
    pub ndcg: Option<f64>,
    /// Share of the users of whom anything relevant is found.
    pub hit_rate: Option<f64>,
    /// Mean average precision.
    pub map: Option<f64>,
}

impl Cutoff {
    fn named(&self) -> [(&'static str, Option<f64>); 4] {
        [("recall", self.recall), ("ndcg", self.ndcg), ("hit_rate", self.hit_rate), ("map", self.map)]
    }
}

impl Serialize for Cutoff {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_map(self.named())
    }
}

/// Several cut-offs, ascending; serialized by measure, then by cut-off: `{"recall": {"10": 0.5}, ...}`.
#[derive(Clone, PartialEq, Debug)]
pub struct Cutoffs(pub Vec<Cutoff>);

impl Cutoffs {
    /// The measures at `k`; there are none where it is not one of the cut-offs.
    pub fn at(&self, k: usize) -> Cutoff {
        let found = self.0.iter().find(|cutoff| cutoff.k == k);
        found.copied().unwrap_or(Cutoff { k, recall: None, ndcg: None, hit_rate: None, map: None })
    }
}

impl Serialize for Cutoffs {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(Some(4))?;
        let measures = ["recall", "ndcg", "hit_rate", "map"];
        for (at, name) in measures.into_iter().enumerate() {
            let by_k: BTreeMap<usize, Option<f64>> = self.0.iter().map(|cutoff| (cutoff.k, cutoff.named()[at].1)).collect();
            map.serialize_entry(name, &by_k)?;
        }
        map.end()
    }
}
