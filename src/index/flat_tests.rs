//! The exact search of plain rows, all or some of them, against its definition.
#![allow(clippy::unwrap_used)]

use super::testing::{Rng, bits, sort};
use super::*;
use crate::kernel::Kernel;
use crate::types::Metric;
use crate::vector::Matrix;

#[test]
fn flat_search_is_the_definition() {
    let mut rng = Rng(18);
    for metric in [Metric::InnerProduct, Metric::L2] {
        for dim in [1, 5, 33, 128] {
            let runs: Vec<Matrix> = [0, 1, 65, 600].map(|rows| rng.matrix(dim, rows)).into();
            let mut selections: Vec<Selection> = runs.iter().map(|run| Selection::flat(run.rows())).collect();
            for row in (0..600).step_by(4) {
                selections[3].remove(row / 64, row % 64);
            }
            let parts: Vec<flat::FlatPart<'_>> =
                runs.iter().zip(&selections).map(|(run, selection)| flat::FlatPart { rows: run.as_slice(), selection }).collect();
            let queries = rng.matrix(dim, 5);
            for k in [0, 1, 10, 2000] {
                let params = flat::FlatParams { metric, k, min_score: None };
                for query in queries.iter() {
                    let mut want = Vec::new();
                    for (part, run) in runs.iter().enumerate() {
                        for row in 0..run.rows() {
                            let hit = Candidate {
                                part: part as u32,
                                position: row as u32,
                                score: f64::from(refine::float_score(Kernel::detect(), metric, query, run.row(row))),
                            };
                            if selections[part].contains(row / 64, row % 64) {
                                want.push(hit);
                            }
                        }
                    }
                    sort(&mut want);
                    // Two thirds of the rows, from the last to the first.
                    let picked = |hit: &Candidate| !(hit.part + hit.position).is_multiple_of(3);
                    let mut want_some: Vec<Candidate> = want.iter().filter(|hit| picked(hit)).copied().collect();
                    want_some.truncate(k);
                    let places = (0u32..4).flat_map(|part| (0..runs[part as usize].rows() as u32).map(move |row| (part, row)));
                    let some: Vec<(u32, u32)> = places.filter(|(part, row)| !(part + row).is_multiple_of(3)).collect();
                    want.truncate(k);
                    for kernel in Kernel::available() {
                        let mut scratch = flat::FlatScratch::default();
                        flat::search(kernel, &parts, query, &params, &mut scratch);
                        assert_eq!(bits(scratch.hits()), bits(&want), "{metric} {dim} {k}");
                        flat::search_some(kernel, &parts, some.iter().rev().copied(), query, &params, &mut scratch);
                        assert_eq!(bits(scratch.hits()), bits(&want_some), "{metric} {dim} {k}");
                    }
                    let least = want.get(3).map(|hit| hit.score);
                    let mut scratch = flat::FlatScratch::default();
                    flat::search(Kernel::detect(), &parts, query, &flat::FlatParams { min_score: least, ..params }, &mut scratch);
                    assert!(least.is_none() || scratch.hits().len() >= 4 && scratch.hits().iter().all(|h| Some(h.score) >= least));
                }
            }
        }
    }
}
