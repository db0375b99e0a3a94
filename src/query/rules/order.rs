//! Boosts and burials: the order of the candidates.

use std::time::Instant;

use super::active::Active;
use super::ready::Ready;
use crate::error::Result;
use crate::query::candidates::{Candidates, Found, Ranked};
use crate::query::report::Contribution;
use crate::query::request::Request;
use crate::query::source::Source;
use crate::rules::Candidate;

/// Orders the candidates of each query by their scores with what the boosts add, and puts those that are buried behind all others. What is
/// equal stays in its order; what has no score, because its ranker gave none, comes behind what has one. Rows behind the candidates stay there.
pub(crate) fn order(request: &Request<'_>, candidates: &mut Candidates) -> Result<()> {
    let Some(active) = request.rules.filter(|active| active.reorders()) else { return Ok(()) };
    for (ranked, source) in candidates.queries.iter_mut().zip(request.sources) {
        let start = Instant::now();
        one(request, active, source, ranked)?;
        ranked.took("rules", start.elapsed().as_secs_f64() * 1e6);
    }
    Ok(())
}

fn one(request: &Request<'_>, active: &Active<'_>, source: &Source<'_>, ranked: &mut Ranked) -> Result<()> {
    let ready = Ready::new(request, active, source)?;
    let window = ranked.found.partition_point(|found| found.candidate.is_some());
    if window > 0 {
        let rows = ready.rows(request.snapshot, &ranked.values)?;
        let formulas: Vec<String> = if request.options.explain {
            active.all("boost", |policy| &policy.boost).map(|(_, formula)| formula.to_string()).collect()
        } else {
            Vec::new()
        };
        ranked.contributions.resize(window, Vec::new());
        for found in &mut ranked.found[..window] {
            let (total, buried, contributions) = effect(&ready, &rows.row(found), &formulas)?;
            let base = found.rank.map_or(Some(found.score), |rank| (!rank.is_nan()).then_some(f64::from(rank)));
            found.boosted = base.filter(|_| !ready.boosts.is_empty()).map(|base| base + total);
            found.buried = buried;
            if let Some(known) = found.candidate.and_then(|candidate| ranked.contributions.get_mut(candidate as usize)) {
                *known = contributions;
            }
        }
    }
    let window = &mut ranked.found[..window];
    if !ready.boosts.is_empty() {
        window.sort_by(|a, b| match (a.boosted, b.boosted) {
            (Some(a), Some(b)) => b.total_cmp(&a),
            (a, b) => b.is_some().cmp(&a.is_some()),
        });
    }
    window.sort_by_key(|found| found.buried);
    if let Some(report) = ranked.explain.as_mut().and_then(|explain| explain.rules.as_mut()) {
        report.candidates = window.len() as u64;
        report.buried = window.iter().filter(|found: &&Found| found.buried).count() as u64;
        report.missing = ready.inputs.missing.iter().map(ToString::to_string).collect();
    }
    Ok(())
}

/// What the boosts add to a row, whether it is buried, and what each of the `formulas` added, of which there are none but for an explanation.
fn effect(ready: &Ready, row: &dyn Candidate, formulas: &[String]) -> Result<(f64, bool, Vec<Contribution>)> {
    let (mut total, mut buried) = (0.0, false);
    let mut contributions = Vec::with_capacity(formulas.len());
    for (at, boost) in ready.boosts.iter().enumerate() {
        let adds = boost.bound.of(row).map_err(|problem| problem.of(&boost.rule))?;
        total += adds.unwrap_or(0.0);
        contributions.extend(formulas.get(at).map(|rule| Contribution { rule: rule.clone(), adds }));
    }
    for burial in &ready.burials {
        // None is left out, so that an error of one of them does not depend on the others.
        buried |= burial.bound.of(row).map_err(|problem| problem.of(&burial.rule))? == Some(true);
    }
    Ok((total, buried, contributions))
}
