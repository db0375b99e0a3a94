//! From candidates to a ranker.

use serde_json::{Value as Json, json};
use torre::{FeatureOrigin, Progress, RankerSpec, Row};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::candidates::{Asked, Candidates, RankCase};
use super::suggest::{RankerFeatures, suggest};
use crate::error::TrainError;
use crate::onnx::{GoldenRow, RankerFile};
use crate::trees::{Boosted, RankingTable, TreeOptions, boost, ndcg};

/// Candidates that travel in the file with their features and scores.
const GOLDEN: usize = 4;

/// How a ranker is trained.
#[derive(Clone, PartialEq, Debug)]
pub struct RankerOptions {
    /// Features, as the document of a ranker has them (docs/ranker.md); without, they are suggested by the rows.
    pub features: Option<Json>,
    /// How trees are grown.
    pub trees: TreeOptions,
    /// Share of the cases that decide how many trees there are.
    pub held_share: f64,
    /// The fingerprint of the space that the scores are of ([`Collection::space`](torre::Collection::space)): in another one the ranker is refused.
    pub space: u64,
}

/// A ranker, and what it was trained on.
#[derive(Clone, Debug)]
pub struct FittedRanker {
    /// Its features, with the reasons for them where they were suggested.
    pub features: RankerFeatures,
    /// Its trees.
    pub boosted: Boosted,
    /// Candidates that it was trained on.
    pub train: RankingTable,
    /// Candidates that decided how many trees it has.
    pub held: RankingTable,
    /// The ids of the candidates, row by row: of `train`, of `held`.
    pub ids: [Vec<String>; 2],
    /// NDCG of the held candidates in the order of the first stage, and in that of the ranker.
    pub quality: [f64; 2],
    /// The file, checked.
    pub file: RankerFile,
}

/// Trains a ranker on candidates. Features come from the code that serving makes them with, of rows as they are stored.
///
/// # Errors
/// [`TrainError::Data`] where too few cases tell anything; [`TrainError::Option`]; [`TrainError::Database`] for features that cannot
/// be; [`TrainError::RankerParity`]; [`TrainError::Interrupted`].
pub fn fit_ranker(
    candidates: &Candidates,
    cases: &[RankCase],
    options: &RankerOptions,
    progress: &dyn Progress,
) -> Result<FittedRanker, TrainError> {
    if !(options.held_share > 0.0 && options.held_share < 1.0) {
        let reason = format!("{} is not above 0 and below 1", options.held_share);
        return Err(TrainError::Option { name: "held_share", reason });
    }
    let (held, train) = parts(candidates, options);
    if train.is_empty() || held.is_empty() {
        let (asked, telling) = (candidates.asked.len(), train.len() + held.len());
        return Err(TrainError::Data(format!(
            "of {asked} cases, {telling} chose something that the first stage finds, {} of them held out: a ranker needs more",
            held.len()
        )));
    }
    let features = match &options.features {
        Some(features) => RankerFeatures { features: features.clone(), why: Vec::new() },
        None => suggest(candidates, cases, &train),
    };
    let spec = spec(&features.features)?;
    let maker = Maker { spec: &spec, candidates, cases };
    let (train_table, held_table) = (maker.table(&train)?, maker.table(&held)?);
    let boosted = boost(&train_table, Some(&held_table), &options.trees, progress)?;
    let k = options.trees.k;
    let before = ndcg(&held_table, &vec![0.0; held_table.rows()], k).unwrap_or(0.0);
    let after = ndcg(&held_table, &boosted.forest.scores(held_table.values()), k).unwrap_or(0.0);
    let card = json!({"cases": train.len(), "held": held.len(), "rows": train_table.rows(), "options": options.trees, "k": k,
        "trees": boosted.forest.trees.len(), "ndcg_first_stage": before, "ndcg": after});
    let golden = maker.golden(&held);
    let file = RankerFile::new(&boosted.forest, &features.features, options.space, &golden, &card, &held_table)?;
    let ids = [maker.ids(&train), maker.ids(&held)];
    Ok(FittedRanker { features, boosted, train: train_table, held: held_table, ids, quality: [before, after], file })
}

/// The cases that are held out, drawn by chance, and those that are trained on.
fn parts<'c>(candidates: &'c Candidates, options: &RankerOptions) -> (Vec<&'c Asked>, Vec<&'c Asked>) {
    let bound = (options.held_share * u64::MAX as f64) as u64;
    candidates.telling().partition(|asked| xxh3_64_with_seed(&(asked.case as u64).to_le_bytes(), options.trees.seed) < bound)
}

/// The features as serving reads them. What the caller computes at a query is not known in training.
fn spec(features: &Json) -> Result<RankerSpec, TrainError> {
    let document = json!({"torre": 2, "features": features, "input": "features", "output": "score"});
    let spec = RankerSpec::parse(&document.to_string()).map_err(torre::Error::from)?;
    if let Some(feature) = spec.features().iter().find(|feature| matches!(feature.from, FeatureOrigin::Value(_))) {
        let (name, from) = (&feature.name, &feature.from);
        return Err(TrainError::Data(format!(
            "the feature {name:?} is {from}, which the caller computes at a query: it cannot be trained on"
        )));
    }
    Ok(spec)
}

/// Makes features of candidates.
struct Maker<'m> {
    spec: &'m RankerSpec,
    candidates: &'m Candidates,
    cases: &'m [RankCase],
}

impl Maker<'_> {
    fn table(&self, asked: &[&Asked]) -> Result<RankingTable, TrainError> {
        let names = self.spec.features().iter().map(|feature| feature.name.clone()).collect();
        let (mut table, mut rows) = (RankingTable::new(names)?, Vec::new());
        for asked in asked {
            rows.clear();
            for (&item, &score) in asked.items.iter().zip(&asked.scores) {
                self.spec.encode(score, self.item(item), self.user(asked), &mut rows);
            }
            table.push(&rows, &asked.grades)?;
        }
        Ok(table)
    }

    fn item(&self, item: u32) -> &Row {
        &self.candidates.items[item as usize].1
    }

    fn user(&self, asked: &Asked) -> &Row {
        &self.cases[asked.case].user
    }

    fn ids(&self, asked: &[&Asked]) -> Vec<String> {
        asked.iter().flat_map(|asked| &asked.items).map(|&item| self.candidates.items[item as usize].0.clone()).collect()
    }

    /// A few candidates, and one of which nothing is known; with the fields that the ranker reads and no others.
    fn golden(&self, asked: &[&Asked]) -> Vec<GoldenRow> {
        let row = |score: f32, item: Row, user: Row| {
            let mut features = Vec::new();
            self.spec.encode(score, &item, &user, &mut features);
            GoldenRow { score, item, user, features }
        };
        let some = asked.iter().enumerate().take(GOLDEN - 1).filter_map(|(at, asked)| {
            let place = (at * 7) % asked.items.len().max(1);
            let (&item, &score) = (asked.items.get(place)?, asked.scores.get(place)?);
            Some(row(score, self.read(self.item(item), true), self.read(self.user(asked), false)))
        });
        some.chain([row(0.25, Row::new(), Row::new())]).collect()
    }

    /// The fields of a row that features read.
    fn read(&self, row: &Row, of_item: bool) -> Row {
        let reads = |name: &str| {
            self.spec.features().iter().any(|feature| match of_item {
                true => feature.from.item_fields().any(|field| field == name),
                false => feature.from.user_fields().any(|field| field == name),
            })
        };
        row.iter().filter(|(name, _)| reads(name)).map(|(name, value)| (name, value.clone())).collect()
    }
}
