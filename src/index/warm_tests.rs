//! Many queries with one scratch space: batches answer as single queries do, and a warm query allocates nothing.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use super::testing::{Case, Rng, bits, case, quantizer, run};
use super::*;
use crate::kernel::Kernel;
use crate::kernel::counting::{Counting, allocations};
use crate::types::{Metric, Refine};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn a_batch_answers_as_its_queries_do_one_by_one() {
    let mut rng = Rng(20);
    for metric in [Metric::Cosine, Metric::L2] {
        for (dim, m, lists) in [(8, 8, 1), (100, 50, 40), (33, 5, 7)] {
            let quantizer = Arc::new(quantizer(&mut rng, dim, m, lists, metric));
            for refine in [Refine::None, Refine::Int8] {
                let cases: Vec<Case> = [900, 0, 65].map(|rows| case(&mut rng, &quantizer, rows, refine)).into();
                let parts: Vec<Part<'_>> = cases.iter().map(|case| Part { index: &case.index, selection: &case.selection }).collect();
                let engine = SearchEngine::new(Arc::clone(&quantizer));
                let skip = [(0, 5), (0, 700), (2, 64)];
                for (queries, k) in [(0, 3), (1, 3), (2, 0), (37, 10), (300, 4)] {
                    let queries = rng.matrix(dim, queries);
                    for mode in [ScanMode::Filter, ScanMode::Exact] {
                        let params =
                            SearchParams { k, nprobe: 12, candidates: 30, mode, narrow: Some(&Without(&skip)), ..SearchParams::default() };
                        let alone: Vec<_> = queries.iter().map(|query| bits(&run(&engine, &parts, query, &params))).collect();
                        for order in [batch::Order::Queries, batch::Order::Lists] {
                            let found = batch::search_in(order, &engine, &parts, &queries, &params, &[]);
                            assert_eq!(found.iter().map(|hits| bits(hits)).collect::<Vec<_>>(), alone, "{order:?}");
                        }
                    }
                }
            }
            let engine = SearchEngine::new(Arc::clone(&quantizer));
            assert_eq!(search_batch(&engine, &[], &rng.matrix(dim, 3), &SearchParams::default(), &[]), vec![Vec::new(); 3]);
        }
    }
}

/// A batch by tiles is the best of all rows of the lists that its queries visit, by the stored vectors' scores.
#[test]
fn tiles_find_the_best_of_the_lists_visited() {
    let mut rng = Rng(23);
    for metric in [Metric::Cosine, Metric::InnerProduct, Metric::L2] {
        for (dim, lists) in [(1, 3), (8, 1), (100, 40), (33, 7), (130, 5)] {
            let quantizer = Arc::new(quantizer(&mut rng, dim, dim.min(8), lists, metric));
            for refine in [Refine::Int8, Refine::F16, Refine::F32] {
                let cases: Vec<Case> = [900, 0, 65].map(|rows| case(&mut rng, &quantizer, rows, refine)).into();
                let parts: Vec<Part<'_>> = cases.iter().map(|case| Part { index: &case.index, selection: &case.selection }).collect();
                let skip = [(0, 5), (0, 700), (2, 64)];
                let narrow: Option<&dyn Narrow> = Some(&Without(&skip));
                for (queries, k, nprobe) in [(0, 3, 2), (1, 3, 5), (2, 0, 4), (37, 10, 12), (5, 2000, 99)] {
                    let queries = rng.matrix(dim, queries);
                    // All rows of the lists become candidates of single queries: no code leaves one out.
                    let params = SearchParams { k, nprobe, candidates: 2000, narrow, ..SearchParams::default() };
                    let mut answers = Vec::new();
                    for kernel in Kernel::available() {
                        let engine = SearchEngine::with_kernel(Arc::clone(&quantizer), kernel);
                        let found = batch::search_in(batch::Order::Tiles, &engine, &parts, &queries, &params, &[]);
                        for (query, found) in queries.iter().zip(&found) {
                            let alone = run(&engine, &parts, query, &params);
                            let close = |a: f64, b: f64| (a - b).abs() <= 0.02 * (1.0 + b.abs());
                            assert_eq!(found.len(), alone.len(), "{metric:?} {refine:?} {dim} {k} {nprobe}");
                            let same = found.iter().filter(|hit| alone.iter().any(|other| bits(&[**hit]) == bits(&[*other]))).count();
                            assert!(20 * same >= 19 * alone.len(), "{same} of {} {metric:?} {refine:?} dim {dim}", alone.len());
                            assert!(found.iter().zip(&alone).all(|(a, b)| close(a.score, b.score)), "{metric:?} {refine:?} dim {dim}");
                            assert!(found.iter().all(|hit| !skip.contains(&(hit.part, hit.position))));
                        }
                        answers.push(found.iter().map(|hits| bits(hits)).collect::<Vec<_>>());
                    }
                    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]), "paths differ");
                    let engine = SearchEngine::new(Arc::clone(&quantizer));
                    let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
                    let split = pool.install(|| batch::search_in(batch::Order::Tiles, &engine, &parts, &queries, &params, &[]));
                    assert_eq!(Some(&split.iter().map(|hits| bits(hits)).collect::<Vec<_>>()), answers.last());
                }
            }
        }
    }
}

#[test]
fn a_warm_query_allocates_nothing() {
    let mut rng = Rng(21);
    for metric in [Metric::Cosine, Metric::L2] {
        let quantizer = Arc::new(quantizer(&mut rng, 48, 13, 150, metric));
        for refine in [Refine::None, Refine::Int8, Refine::F16, Refine::F32] {
            let cases: Vec<Case> = [3000, 700].map(|rows| case(&mut rng, &quantizer, rows, refine)).into();
            let parts: Vec<Part<'_>> = cases.iter().map(|case| Part { index: &case.index, selection: &case.selection }).collect();
            let queries = rng.matrix(48, 40);
            let skip = [(0, 1), (1, 5)];
            for kernel in Kernel::available() {
                let engine = SearchEngine::with_kernel(Arc::clone(&quantizer), kernel);
                for mode in [ScanMode::Filter, ScanMode::Exact] {
                    let params = SearchParams { nprobe: 20, mode, narrow: Some(&Without(&skip)), timed: true, ..SearchParams::default() };
                    let mut scratch = Scratch::default();
                    let mut pass = || {
                        for query in queries.iter() {
                            search(&engine, &parts, query, &params, &mut scratch);
                        }
                    };
                    pass();
                    let before = allocations();
                    pass();
                    assert_eq!(allocations() - before, 0, "{metric} {refine:?} {mode:?} {}", kernel.name());
                }
            }
            // Detecting allocates.
            let kernel = Kernel::detect();
            let (mut scratch, params) = (flat::FlatScratch::default(), flat::FlatParams { metric, k: 10, min_score: None });
            let rows = [flat::FlatPart { rows: cases[0].vectors.as_slice(), selection: &Selection::flat(3000) }];
            flat::search(kernel, &rows, queries.row(0), &params, &mut scratch);
            let before = allocations();
            flat::search(kernel, &rows, queries.row(1), &params, &mut scratch);
            assert_eq!(allocations() - before, 0);
        }
    }
    let before = allocations();
    drop(std::hint::black_box(vec![1u8; 100]));
    assert_eq!(allocations() - before, 1, "the counter counts");
}
