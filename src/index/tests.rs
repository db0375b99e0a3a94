//! The whole search against its definition, on every CPU path.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use super::testing::{Case, Rng, SHAPES, bits, case, code_score, quantizer, ranked, run, sort};
use super::*;
use crate::kernel::{FILTER_MAX, Kernel};
use crate::quantizer::GROUPS;
use crate::types::{Metric, Refine};

#[test]
fn exact_mode_ranks_by_whole_codes() {
    let mut rng = Rng(11);
    for metric in [Metric::InnerProduct, Metric::L2] {
        for (dim, m, lists) in SHAPES {
            let quantizer = Arc::new(quantizer(&mut rng, dim, m, lists, metric));
            for rows in [0, 1, 63, 64, 65, 500] {
                let case = case(&mut rng, &quantizer, rows, Refine::None);
                let query = rng.matrix(dim, 1);
                let own = if metric == Metric::L2 { Kernel::by_name("scalar").unwrap().dot(query.row(0), query.row(0)) } else { 0.0 };
                let mut want = ranked(&case, 0, |row| code_score(&case, query.row(0), row) - own);
                sort(&mut want);
                for k in [1, 10, 1000] {
                    let params = SearchParams { k, nprobe: lists + 1, candidates: 1, mode: ScanMode::Exact, ..SearchParams::default() };
                    let part = Part { index: &case.index, selection: &case.selection };
                    for kernel in Kernel::available() {
                        let engine = SearchEngine::with_kernel(Arc::clone(&quantizer), kernel);
                        let got = run(&engine, &[part], query.row(0), &params);
                        let tell = format!("{metric} {dim} {m} {lists} rows {rows} k {k} {}", kernel.name());
                        // Under L2 taking |q|^2 off can make two scores equal: then the order is by place after all, but not which rows.
                        assert_eq!(got.len(), k.min(rows), "{tell}");
                        let scores = |hits: &[Candidate]| hits.iter().map(|h| h.score).collect::<Vec<_>>();
                        assert_eq!(scores(&got), scores(&want[..k.min(rows)]), "{tell}");
                        if metric == Metric::InnerProduct {
                            assert_eq!(bits(&got), bits(&want[..k.min(rows)]), "{tell}");
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn with_all_rows_refined_both_modes_are_the_exact_answer() {
    let mut rng = Rng(12);
    for metric in [Metric::InnerProduct, Metric::Cosine, Metric::L2] {
        for (dim, m, lists) in SHAPES {
            let quantizer = Arc::new(quantizer(&mut rng, dim, m, lists, metric));
            let case = case(&mut rng, &quantizer, 300, Refine::F32);
            let query = rng.matrix(dim, 1);
            let mut want = ranked(&case, 0, |row| refine::float_score(Kernel::detect(), metric, query.row(0), case.vectors.row(row)));
            sort(&mut want);
            for mode in [ScanMode::Filter, ScanMode::Exact] {
                let params = SearchParams { k: 20, nprobe: lists, candidates: 300, mode, ..SearchParams::default() };
                for kernel in Kernel::available() {
                    let engine = SearchEngine::with_kernel(Arc::clone(&quantizer), kernel);
                    let got = run(&engine, &[Part { index: &case.index, selection: &case.selection }], query.row(0), &params);
                    assert_eq!(bits(&got), bits(&want[..20]), "{metric} {dim} {m} {mode:?}");
                }
            }
        }
    }
}

#[test]
fn all_paths_give_the_same_bits() {
    let mut rng = Rng(13);
    for metric in [Metric::Cosine, Metric::L2] {
        for (dim, m, lists) in SHAPES {
            let quantizer = Arc::new(quantizer(&mut rng, dim, m, lists, metric));
            for refine in [Refine::None, Refine::Int8, Refine::F16, Refine::F32] {
                let cases: Vec<Case> = [200, 0, 65, 700].map(|rows| case(&mut rng, &quantizer, rows, refine)).into();
                let mut selections: Vec<Selection> = cases.iter().map(|case| case.selection.clone()).collect();
                for position in (0..700).step_by(5) {
                    let (block, lane) = cases[3].index.block_lane(position);
                    assert!(selections[3].remove(block, lane));
                }
                let parts: Vec<Part<'_>> =
                    cases.iter().zip(&selections).map(|(case, selection)| Part { index: &case.index, selection }).collect();
                let skip: Vec<(u32, u32)> = (0..60).map(|i| (0, 3 * i)).chain((0..200).map(|i| (3, 3 * i + 1))).collect();
                for mode in [ScanMode::Filter, ScanMode::Exact] {
                    for (k, nprobe, candidates) in [(1, 1, 1), (10, 3, 40), (5, 100, 64), (2000, 7, 3)] {
                        let query = rng.matrix(dim, 1);
                        let params = SearchParams { k, nprobe, candidates, mode, narrow: Some(&Without(&skip)), ..SearchParams::default() };
                        let mut first: Option<Vec<Candidate>> = None;
                        for kernel in Kernel::available() {
                            let engine = SearchEngine::with_kernel(Arc::clone(&quantizer), kernel);
                            let got = run(&engine, &parts, query.row(0), &params);
                            assert!(got.iter().all(|hit| skip.binary_search(&(hit.part, hit.position)).is_err()));
                            assert!(got.iter().all(|hit| hit.part != 3 || hit.position % 5 != 0));
                            if let Some(first) = &first {
                                assert_eq!(bits(&got), bits(first), "{metric} {dim} {m} {refine:?} {mode:?} {k} {}", kernel.name());
                            }
                            if let (Some(middle), true) = (got.get(got.len() / 2), first.is_none()) {
                                let least = SearchParams { min_score: Some(middle.score), ..params };
                                let some = run(&engine, &parts, query.row(0), &least);
                                assert_eq!(bits(&some), bits(&got[..some.len()]));
                                assert!(some.len() > got.len() / 2 && got.get(some.len()).is_none_or(|hit| hit.score < middle.score));
                            }
                            first.get_or_insert(got);
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn the_filter_keeps_the_best_by_its_integers() {
    // Candidates R are defined by integer scores; with R = k and refine vectors that agree with nothing, the set of hits shows them.
    let mut rng = Rng(14);
    for (dim, m, lists) in SHAPES {
        let quantizer = Arc::new(quantizer(&mut rng, dim, m, lists, Metric::InnerProduct));
        let case = case(&mut rng, &quantizer, 900, Refine::Int8);
        let engine = SearchEngine::new(Arc::clone(&quantizer));
        let query = rng.matrix(dim, 1);
        let query = query.row(0);
        // The integer scores, from the words of the definition.
        let mut table = vec![0f32; m * 16];
        let part_entry = |j: usize, g: usize| {
            let (from, to) = (quantizer.pq.bounds[j] as usize, quantizer.pq.bounds[j + 1] as usize);
            let centre = &quantizer.pq.groups[GROUPS * from + g * (to - from)..][..to - from];
            centre.iter().enumerate().fold(0f32, |sum, (d, x)| query[from + d].mul_add(*x, sum))
        };
        for (at, entry) in table.iter_mut().enumerate() {
            *entry = part_entry(at / 16, at % 16);
        }
        let low: Vec<f32> = table.chunks(16).map(|t| t.iter().copied().fold(f32::INFINITY, f32::min)).collect();
        let widest =
            table.chunks(16).zip(&low).map(|(t, low)| t.iter().copied().fold(f32::NEG_INFINITY, f32::max) - low).fold(0f32, f32::max);
        let inverse = 1.0 / (widest / f32::from(FILTER_MAX));
        let products: Vec<f32> = quantizer.coarse.iter().map(|c| engine.kernel.dot(query, c)).collect();
        let most = products.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        // The reference point of the lists' shares is the best probed list that has rows.
        let used: Vec<bool> = (0..lists).map(|l| !case.index.layout().rows_of(l).is_empty()).collect();
        let most_used = products.iter().zip(&used).filter(|(_, used)| **used).map(|(p, _)| *p).fold(f32::NEG_INFINITY, f32::max);
        assert!(most_used <= most);
        let mut scored: Vec<(i64, u32)> = case
            .order
            .iter()
            .enumerate()
            .map(|(position, &row)| {
                let code = &case.codes[row as usize * m..];
                let sum: i64 =
                    (0..m).map(|j| i64::from(((table[16 * j + usize::from(code[j] >> 4)] - low[j]) * inverse + 0.5) as i32)).sum();
                let below = ((most_used - products[case.assignment[row as usize] as usize]) * inverse + 0.5) as i64;
                (below - sum, position as u32)
            })
            .collect();
        scored.sort_unstable();
        for wanted in [1, 10, 130] {
            let params = SearchParams { k: wanted, nprobe: lists, candidates: wanted, ..SearchParams::default() };
            let mut got: Vec<u32> = run(&engine, &[Part { index: &case.index, selection: &case.selection }], query, &params)
                .iter()
                .map(|hit| hit.position)
                .collect();
            let mut want: Vec<u32> = scored[..wanted].iter().map(|&(_, position)| position).collect();
            got.sort_unstable();
            want.sort_unstable();
            assert_eq!(got, want, "{dim} {m} {lists} {wanted}");
        }
    }
}

#[test]
fn parts_make_the_same_index_and_bad_parts_an_error() {
    let mut rng = Rng(15);
    for metric in [Metric::Cosine, Metric::L2] {
        for (dim, m, lists) in SHAPES {
            let quantizer = Arc::new(quantizer(&mut rng, dim, m, lists, metric));
            for refine in [Refine::None, Refine::Int8, Refine::F16, Refine::F32] {
                let case = case(&mut rng, &quantizer, 130, refine);
                let parts: Vec<(u8, Vec<u8>)> = case.index.parts().into_iter().map(|(part, bytes)| (part, bytes.into_owned())).collect();
                let borrowed: Vec<(u8, &[u8])> = parts.iter().rev().map(|(part, bytes)| (*part, &bytes[..])).collect();
                let again = IvfIndex::from_parts(case.index.shape(), &borrowed).unwrap();
                assert_eq!(again, case.index);
                let engine = SearchEngine::new(Arc::clone(&quantizer));
                for _ in 0..200 {
                    let mut damaged = parts.clone();
                    let which = rng.next() as usize % damaged.len();
                    match rng.next() % 4 {
                        0 => drop(damaged.remove(which)),
                        1 => damaged[which].1.truncate(rng.next() as usize % (parts[which].1.len() + 1)),
                        2 => damaged[which].1.extend([7; 3]),
                        _ => {
                            for _ in 0..4 {
                                let at = rng.next() as usize % damaged[which].1.len();
                                damaged[which].1[at] = rng.next() as u8;
                            }
                        }
                    }
                    let borrowed: Vec<(u8, &[u8])> = damaged.iter().map(|(part, bytes)| (*part, &bytes[..])).collect();
                    if let Ok(index) = IvfIndex::from_parts(case.index.shape(), &borrowed) {
                        let again = index.parts();
                        let again: Vec<(u8, &[u8])> = again.iter().map(|(part, bytes)| (*part, &bytes[..])).collect();
                        assert_eq!(IvfIndex::from_parts(case.index.shape(), &again).as_ref(), Ok(&index));
                        let selection = index.all();
                        for mode in [ScanMode::Filter, ScanMode::Exact] {
                            let params = SearchParams { nprobe: 5, mode, ..SearchParams::default() };
                            run(&engine, &[Part { index: &index, selection: &selection }], rng.matrix(dim, 1).row(0), &params);
                        }
                    }
                }
            }
        }
    }
    let shape = Shape { dim: 4, m: 2, lists: 1, metric: Metric::InnerProduct, refine: Refine::None };
    assert_eq!(IvfIndex::from_parts(shape, &[]), Err(parts::PartsError::Missing { part: 1 }));
    assert_eq!(IvfIndex::from_parts(shape, &[(1, &[1])]), Err(parts::PartsError::Length { part: 1, expected: 4, got: 1 }));
    assert_eq!(IvfIndex::from_parts(shape, &[(1, &[255; 4])]), Err(parts::PartsError::Range { what: "the number of rows" }));
    assert!(IvfIndex::from_parts(Shape { m: 0, ..shape }, &[]).is_err());
    assert!(IvfIndex::from_parts(Shape { m: 257, ..shape }, &[]).is_err());
    assert!(IvfIndex::from_parts(Shape { lists: usize::MAX, ..shape }, &[(1, &[])]).is_err());
}

#[test]
fn merging_keeps_codes_and_vectors_and_drops_deleted_rows() {
    let mut rng = Rng(16);
    for metric in [Metric::InnerProduct, Metric::L2] {
        for refine in [Refine::None, Refine::Int8, Refine::F16] {
            let quantizer = Arc::new(quantizer(&mut rng, 20, 7, 6, metric));
            let cases: Vec<Case> = [130, 0, 65, 300].map(|rows| case(&mut rng, &quantizer, rows, refine)).into();
            let mut selections: Vec<Selection> = cases.iter().map(|case| case.selection.clone()).collect();
            let mut live = 0;
            for (case, selection) in cases.iter().zip(&mut selections) {
                for position in 0..case.index.rows() {
                    let (block, lane) = case.index.block_lane(position);
                    if rng.next().is_multiple_of(3) {
                        selection.remove(block, lane);
                    } else {
                        live += 1;
                    }
                }
            }
            let inputs: Vec<(&IvfIndex, &Selection)> =
                cases.iter().zip(&selections).map(|(case, selection)| (&case.index, selection)).collect();
            let (merged, from) = IvfIndex::merge(&inputs).unwrap();
            assert_eq!((merged.rows(), from.len()), (live, live));
            let (mut a, mut b, mut x, mut y) = ([0u8; 7], [0u8; 7], [0f32; 20], [0f32; 20]);
            for (position, &(input, old)) in from.iter().enumerate() {
                let (index, old) = (&cases[input as usize].index, old as usize);
                merged.code(position, &mut a);
                index.code(old, &mut b);
                assert_eq!(a, b);
                assert_eq!(merged.refine_vector(position, &mut x), index.refine_vector(old, &mut y));
                assert_eq!(x, y);
                merged.decode(&quantizer, position, &mut x);
                index.decode(&quantizer, old, &mut y);
                assert_eq!(x, y);
            }
            // Whole codes rank alike before and after (the filter's constants are rounded anew under L2).
            let parts: Vec<Part<'_>> =
                cases.iter().zip(&selections).map(|(case, selection)| Part { index: &case.index, selection }).collect();
            let engine = SearchEngine::new(Arc::clone(&quantizer));
            let params = SearchParams { k: 400, nprobe: 6, mode: ScanMode::Exact, ..SearchParams::default() };
            let query = rng.matrix(20, 1);
            let before: Vec<u64> = run(&engine, &parts, query.row(0), &params).iter().map(|hit| hit.score.to_bits()).collect();
            let all = merged.all();
            let after = run(&engine, &[Part { index: &merged, selection: &all }], query.row(0), &params);
            assert_eq!(after.iter().map(|hit| hit.score.to_bits()).collect::<Vec<_>>(), before);
            assert_eq!(before.len(), live);
        }
    }
    assert!(IvfIndex::merge(&[]).is_none());
}

#[test]
fn the_coarse_step_finds_the_nearest_lists() {
    let mut rng = Rng(17);
    for metric in [Metric::InnerProduct, Metric::L2] {
        for lists in [1, 2, 15, 16, 17, 100, 1000] {
            for dim in [1, 3, 4, 33, 100] {
                let quantizer = Arc::new(quantizer(&mut rng, dim, 1, lists, metric));
                let query = rng.matrix(dim, 1);
                let query = query.row(0);
                for nprobe in [0, 1, 2, 10, 64, 2000] {
                    for exact in [false, true] {
                        let mut first: Option<Vec<coarse::Probe>> = None;
                        for kernel in Kernel::available() {
                            let engine = SearchEngine::with_kernel(Arc::clone(&quantizer), kernel);
                            let mut scratch = coarse::CoarseScratch::default();
                            coarse::probe(&engine, query, nprobe, exact, &mut scratch);
                            let mut want: Vec<(f32, u32)> = (0..lists)
                                .map(|l| (refine::float_score(kernel, metric, query, quantizer.coarse.row(l)), l as u32))
                                .collect();
                            want.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
                            want.truncate(nprobe);
                            let found = scratch.probes.iter().filter(|p| want.iter().any(|w| w.1 == p.list)).count();
                            assert_eq!(scratch.probes.len(), want.len());
                            assert!(found + want.len() / 50 >= want.len(), "{metric} {lists} {dim} {nprobe}: {found} of {}", want.len());
                            assert_eq!(first.get_or_insert(scratch.probes.clone()), &scratch.probes);
                            for probe in &scratch.probes {
                                let product = kernel.dot(query, quantizer.coarse.row(probe.list as usize));
                                assert!(if exact { probe.product == product } else { (probe.product - product).abs() < 0.1 });
                            }
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn extreme_numbers_do_no_harm() {
    let mut rng = Rng(19);
    for metric in [Metric::InnerProduct, Metric::L2] {
        for size in [0.0, 1e-42, 1e-20, 1e19, 1e38] {
            let mut q = quantizer(&mut rng, 12, 5, 9, metric);
            q.coarse.as_mut_slice().iter_mut().for_each(|x| *x *= size);
            q.pq.codebook.iter_mut().for_each(|x| *x *= size);
            let q = Arc::new(q);
            let case = case(&mut rng, &q, 300, Refine::Int8);
            for scale in [0.0, 1.0, 1e30] {
                let mut query = rng.matrix(12, 1);
                query.as_mut_slice().iter_mut().for_each(|x| *x *= scale);
                for mode in [ScanMode::Filter, ScanMode::Exact] {
                    let params = SearchParams { k: 7, nprobe: 9, candidates: 20, mode, ..SearchParams::default() };
                    let mut first: Option<Vec<Candidate>> = None;
                    for kernel in Kernel::available() {
                        let engine = SearchEngine::with_kernel(Arc::clone(&q), kernel);
                        let got = run(&engine, &[Part { index: &case.index, selection: &case.selection }], query.row(0), &params);
                        assert_eq!(got.len(), 7);
                        assert_eq!(bits(first.get_or_insert(got.clone())), bits(&got));
                    }
                }
            }
        }
    }
}
