//! The stage that chooses a list: of the best rows those that are good and unlike each other come first.

use std::collections::HashMap;
use std::time::Instant;

use crate::diverse::{Shares, calibrated, mmr};
use crate::error::Result;
use crate::features::{Row, Value};
use crate::query::candidates::{Candidates, Found};
use crate::query::diverse::Calibrate;
use crate::query::field::FieldColumns;
use crate::query::pool;
use crate::query::request::Request;
use crate::segment::Place;

/// Puts the rows chosen for each query first, in the order in which they were chosen; the others keep their order behind them.
pub(crate) fn diversify(request: &Request<'_>, candidates: &mut Candidates) -> Result<()> {
    let Some(diverse) = &request.options.diverse else { return Ok(()) };
    let wanted = request.options.k.saturating_add(request.options.offset);
    let nobody = Row::new();
    for (ranked, source) in candidates.queries.iter_mut().zip(request.sources) {
        let start = Instant::now();
        // What is buried stays behind all others.
        let unburied = ranked.found.iter().position(|found| found.buried).unwrap_or(ranked.found.len());
        let best = &ranked.found[..diverse.pool.min(unburied)];
        let relevance = relevance(best);
        let lambda = f64::from(diverse.lambda);
        let chosen = match &diverse.calibrate {
            None => {
                let vectors = pool::vectors(request, best)?;
                mmr(&relevance, lambda, wanted, vectors.similarity(request.shared.settings.metric))
            }
            Some(calibrate) => {
                let columns = FieldColumns::new(request.snapshot, &calibrate.field);
                let mut categories = Categories { columns, numbers: HashMap::new() };
                let target = history(request, calibrate, source.user().unwrap_or(&nobody), &mut categories);
                // Nothing is known to be like: the order stays.
                let lambda = if target.is_empty() { 1.0 } else { lambda };
                let of_pool: Vec<Vec<u32>> = best.iter().map(|found| categories.of(found.place)).collect();
                calibrated(&relevance, lambda, wanted, &target, &of_pool)
            }
        };
        let mut first = vec![false; best.len()];
        chosen.iter().for_each(|&at| first[at] = true);
        let mut order: Vec<Found> = chosen.iter().map(|&at| best[at]).collect();
        order.extend(best.iter().zip(first).filter(|(_, first)| !first).map(|(found, _)| *found));
        ranked.found[..order.len()].copy_from_slice(&order);
        ranked.took("diversify", start.elapsed().as_secs_f64() * 1e6);
    }
    Ok(())
}

/// What ordered the rows, spread from 0 to 1. Behind rows that were ranked come those that were not: they have 0, as have scores that are none.
fn relevance(found: &[Found]) -> Vec<f64> {
    let is_boosted = found.iter().any(|found| found.boosted.is_some());
    let is_ranked = found.iter().any(|found| found.rank.is_some());
    let score = |found: &Found| match (is_boosted, is_ranked) {
        (true, _) => found.boosted,
        (false, true) => found.rank.map(f64::from),
        (false, false) => Some(found.score),
    };
    let scores: Vec<Option<f64>> = found.iter().map(|found| score(found).filter(|score| score.is_finite())).collect();
    let (least, most) = scores.iter().flatten().fold((f64::INFINITY, f64::NEG_INFINITY), |(least, most), &x| (least.min(x), most.max(x)));
    let spread = |score: f64| if most > least { (score - least) / (most - least) } else { 1.0 };
    scores.into_iter().map(|score| score.map_or(0.0, spread)).collect()
}

/// The shares of categories of the items in a user's history, as far as the collection has them.
fn history(request: &Request<'_>, calibrate: &Calibrate, user: &Row, categories: &mut Categories<'_>) -> Shares {
    let of_user = user.get(&calibrate.history);
    let ids = of_user.and_then(Value::as_list).unwrap_or(of_user.map_or(&[], std::slice::from_ref));
    let places = ids.iter().filter_map(|id| request.snapshot.locate(&id.to_id_text()?));
    let all: Vec<Vec<u32>> = places.map(|place| categories.of(place)).collect();
    Shares::of(all.iter().map(Vec::as_slice))
}

/// The categories of items, numbered as they come.
struct Categories<'s> {
    columns: FieldColumns<'s>,
    numbers: HashMap<String, u32>,
}

impl Categories<'_> {
    fn of(&mut self, place: Place) -> Vec<u32> {
        match &self.columns.value(place) {
            Some(Value::List(values)) => values.iter().filter_map(|value| self.number(value)).collect(),
            Some(value) => self.number(value).into_iter().collect(),
            None => Vec::new(),
        }
    }

    fn number(&mut self, value: &Value) -> Option<u32> {
        let text = match value {
            Value::Bool(flag) => flag.to_string(),
            value => value.to_id_text()?,
        };
        let next = self.numbers.len() as u32;
        Some(*self.numbers.entry(text).or_insert(next))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relevance_is_what_the_rows_were_ordered_by() {
        let found = |score: f64, rank: Option<f32>| Found { rank, ..Found::new(score, (0, 0)) };
        assert_eq!(relevance(&[found(0.75, None), found(0.5, None), found(0.25, None)]), [1.0, 0.5, 0.0]);
        let ranked = [found(0.1, Some(7.0)), found(0.9, Some(3.0)), found(0.5, Some(f32::NAN)), found(0.4, None)];
        assert_eq!(relevance(&ranked), [1.0, 0.0, 0.0, 0.0]);
        assert_eq!(relevance(&[found(0.5, None), found(0.5, None)]), [1.0, 1.0]);
        assert_eq!(relevance(&[found(0.5, Some(f32::INFINITY)), found(0.5, Some(1.0))]), [0.0, 1.0]);
        assert_eq!(relevance(&[]), [0.0; 0]);
    }
}
