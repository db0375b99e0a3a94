//! What the first stage finds for those who ask.

use std::collections::{HashMap, HashSet};

use torre::{Collection, Progress, Row, Stage};

use crate::error::TrainError;

/// Askers answered in one call, and items read in one.
const BATCH: usize = 256;

/// Who asks, and what they then chose.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct RankCase {
    /// The raw user row, as it was when they asked.
    pub user: Row,
    /// Ids that are not to be found.
    pub seen: Vec<String>,
    /// Ids that they chose.
    pub relevant: Vec<String>,
}

/// One who asked, and what was found: best first, as the first stage has them.
#[derive(Clone, PartialEq, Debug)]
pub struct Asked {
    /// The case, by its place.
    pub case: usize,
    /// What was found, by places in [`Candidates::items`].
    pub items: Vec<u32>,
    /// The first stage's score of each.
    pub scores: Vec<f32>,
    /// 1 for what was chosen, else 0.
    pub grades: Vec<u8>,
}

/// The candidates of all cases.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Candidates {
    /// Everything that was found: ids, and rows as they are stored.
    pub items: Vec<(String, Row)>,
    /// One for each case, in their order.
    pub asked: Vec<Asked>,
    /// What was chosen, over all cases.
    pub relevant: usize,
    /// How much of it is among the candidates.
    pub found: usize,
}

impl Candidates {
    /// Asks a collection for the `depth` best items of each case.
    ///
    /// # Errors
    /// [`TrainError::Database`] with what the collection answers; [`TrainError::Interrupted`].
    pub fn of(collection: &Collection, cases: &[RankCase], depth: usize, progress: &dyn Progress) -> Result<Self, TrainError> {
        let (mut all, mut places, total) = (Self::default(), HashMap::<String, u32>::new(), cases.len() as u64);
        for (batch, cases) in cases.chunks(BATCH).enumerate() {
            let rows: Vec<Row> = cases.iter().map(|case| case.user.clone()).collect();
            let seen: Vec<Vec<String>> = cases.iter().map(|case| case.seen.clone()).collect();
            let answers = collection.recommend_many(&rows).k(depth).exclude_each(seen).run()?;
            for (at, (answer, case)) in answers.iter().zip(cases).enumerate() {
                let chosen: HashSet<&str> = case.relevant.iter().map(String::as_str).collect();
                let mut asked = Asked { case: batch * BATCH + at, items: Vec::new(), scores: Vec::new(), grades: Vec::new() };
                for hit in &answer.hits {
                    let id = hit.id.as_str();
                    let next = places.len() as u32;
                    asked.items.push(*places.entry(id.to_owned()).or_insert(next));
                    asked.scores.push(hit.score);
                    asked.grades.push(u8::from(chosen.contains(id)));
                }
                all.relevant += chosen.len();
                all.found += asked.grades.iter().filter(|grade| **grade > 0).count();
                all.asked.push(asked);
            }
            progress.update(Stage::Evaluate, all.asked.len() as u64, Some(total));
            stop(progress)?;
        }
        all.items = read(collection, places, progress)?;
        Ok(all)
    }

    /// Those of whom something was chosen among what was found: a ranker learns from them alone.
    pub fn telling(&self) -> impl Iterator<Item = &Asked> {
        self.asked.iter().filter(|asked| asked.grades.iter().any(|grade| *grade > 0))
    }
}

/// The rows of items by their places. One that was deleted meanwhile has an empty row.
fn read(collection: &Collection, places: HashMap<String, u32>, progress: &dyn Progress) -> Result<Vec<(String, Row)>, TrainError> {
    let mut ids: Vec<(u32, String)> = places.into_iter().map(|(id, place)| (place, id)).collect();
    ids.sort_unstable();
    let mut items = Vec::with_capacity(ids.len());
    for ids in ids.chunks(BATCH) {
        let rows = collection.get_many(ids.iter().map(|(_, id)| id))?;
        let row = |item: Option<torre::Item>| item.map_or_else(Row::new, |item| item.row().clone());
        items.extend(ids.iter().map(|(_, id)| id.clone()).zip(rows.into_iter().map(row)));
        stop(progress)?;
    }
    Ok(items)
}

fn stop(progress: &dyn Progress) -> Result<(), TrainError> {
    if progress.cancelled() { Err(TrainError::Interrupted { step: 0 }) } else { Ok(()) }
}
