//! A collection as it should be: a map and a loop over all of it.

use std::collections::{BTreeMap, HashSet};

use torre::{Answer, Collection, Metric};

/// Largest difference between a score and the model's, for scores of the size of 1.
const TOLERANCE: f64 = 1e-5;

#[derive(Clone, Debug)]
pub(crate) struct Stored {
    /// As it was given.
    pub(crate) vector: Vec<f32>,
    pub(crate) mark: i64,
}

#[derive(Clone, Debug)]
pub(crate) struct Model {
    pub(crate) metric: Metric,
    pub(crate) rows: BTreeMap<String, Stored>,
}

/// A query: everything but the vector has a meaning of its own when it is left out.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ask {
    pub(crate) vector: Vec<f32>,
    pub(crate) k: usize,
    pub(crate) offset: usize,
    pub(crate) exclude: Vec<String>,
    pub(crate) min_score: Option<f32>,
}

fn unit(vector: &[f32]) -> Vec<f64> {
    let norm = vector.iter().map(|&x| f64::from(x) * f64::from(x)).sum::<f64>().sqrt();
    vector.iter().map(|&x| f64::from(x) / norm).collect()
}

impl Model {
    pub(crate) fn new(metric: Metric) -> Self {
        Self { metric, rows: BTreeMap::new() }
    }

    fn score(&self, a: &[f32], b: &[f32]) -> f64 {
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>();
        let wide = |x: &[f32]| x.iter().map(|&x| f64::from(x)).collect::<Vec<f64>>();
        match self.metric {
            Metric::InnerProduct => dot(&wide(a), &wide(b)),
            Metric::Cosine => dot(&unit(a), &unit(b)),
            _ => -wide(a).iter().zip(wide(b)).map(|(x, y)| (x - y).powi(2)).sum::<f64>(),
        }
    }

    /// Fails when the answer of an exact search is not right. Rows whose scores differ by rounding may stand in each other's place.
    pub(crate) fn check(&self, ask: &Ask, answer: &Answer, tolerance: f64) -> Result<(), String> {
        let excluded: HashSet<&str> = ask.exclude.iter().map(String::as_str).collect();
        let mut scores: Vec<f64> = self
            .rows
            .iter()
            .filter(|(id, _)| !excluded.contains(id.as_str()))
            .map(|(_, row)| self.score(&ask.vector, &row.vector))
            .collect();
        scores.sort_by(|a, b| b.total_cmp(a));
        let length = |least: f64| scores.iter().filter(|&&score| score >= least).count().saturating_sub(ask.offset).min(ask.k);
        let least = ask.min_score.map_or(f64::NEG_INFINITY, f64::from);
        let (shortest, longest) = (length(least + tolerance), length(least - tolerance));
        if !(shortest..=longest).contains(&answer.hits.len()) {
            return Err(format!("{ask:?}: {} hits, expected {shortest} to {longest}", answer.hits.len()));
        }
        let mut seen = HashSet::new();
        for (hit, expected) in answer.hits.iter().zip(&scores[ask.offset.min(scores.len())..]) {
            let id = hit.id.as_str();
            let Some(row) = self.rows.get(id) else { return Err(format!("{id} is not there")) };
            if !seen.insert(id) || excluded.contains(id) {
                return Err(format!("{id} came twice, or is excluded"));
            }
            let score = self.score(&ask.vector, &row.vector);
            if (f64::from(hit.score) - score).abs() > tolerance || (f64::from(hit.score) - expected).abs() > tolerance {
                return Err(format!("{ask:?}: {id} has the score {}, its vector gives {score}, its place {expected}", hit.score));
            }
            let mark = hit.fields.as_ref().map(|fields| fields.get("mark").and_then(torre::Value::as_f64));
            if mark.is_some_and(|mark| mark != Some(row.mark as f64)) {
                return Err(format!("{id}: the field is {mark:?}, expected {}", row.mark));
            }
        }
        Ok(())
    }

    /// Asks exactly, and checks the answer.
    pub(crate) fn ask(&self, items: &Collection, ask: &Ask) -> Result<(), String> {
        let mut query = items.search(&ask.vector).k(ask.k).offset(ask.offset).exclude(ask.exclude.iter().cloned()).exact().fields(["mark"]);
        if let Some(score) = ask.min_score {
            query = query.min_score(score);
        }
        self.check(ask, &query.run().map_err(|e| e.to_string())?, TOLERANCE)
    }

    /// Every row is there under its id, nothing else is, and a search over all lists finds all of it.
    pub(crate) fn compare(&self, items: &Collection, probe: &[f32]) -> Result<(), String> {
        let listed: HashSet<String> = items.ids("", usize::MAX).into_iter().collect();
        let found = items.search(probe).k(self.rows.len() + 10).nprobe(usize::MAX).refine_factor(100).run().map_err(|e| e.to_string())?;
        let searched: HashSet<String> = found.ids().map(str::to_owned).collect();
        let there: HashSet<String> = self.rows.keys().cloned().collect();
        if items.len() != there.len() as u64 || listed != there || searched != there || found.hits.len() != there.len() {
            let missing: Vec<_> = there.difference(&searched).collect();
            return Err(format!(
                "{} rows, {} listed, {} found by a search of all lists, expected {}; not found: {missing:?}",
                items.len(),
                listed.len(),
                found.hits.len(),
                there.len()
            ));
        }
        for (id, row) in &self.rows {
            let Some(item) = items.get(id).map_err(|e| e.to_string())? else { return Err(format!("{id} is not there")) };
            let vector = item.vector().unwrap_or(&[]);
            let same = match self.metric {
                Metric::Cosine => unit(&row.vector).iter().zip(vector).all(|(a, &b)| (a - f64::from(b)).abs() < 1e-5),
                _ => vector == row.vector,
            };
            let mark = item.row().get("mark").and_then(torre::Value::as_f64);
            if !same || vector.len() != row.vector.len() || mark != Some(row.mark as f64) {
                return Err(format!("{id} is {item:?}, expected {row:?}"));
            }
        }
        Ok(())
    }
}
