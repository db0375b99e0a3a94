//! What a collection must hold, and whether it does.

use std::collections::BTreeMap;

use torre::filter::{Filter, Params};
use torre::{Collection, Metric, Value};

/// Items by id.
pub type State = BTreeMap<String, Known>;

/// An item as it must be.
#[derive(Clone, PartialEq, Debug)]
pub struct Known {
    pub vector: Vec<f32>,
    pub mark: Option<i8>,
}

impl Known {
    /// The item that comes of this vector: of unit length under cosine.
    pub fn new(vector: Vec<f32>, mark: Option<i8>, metric: Metric) -> Self {
        if metric != Metric::Cosine {
            return Self { vector, mark };
        }
        let norm = vector.iter().map(|&x| f64::from(x) * f64::from(x)).sum::<f64>().sqrt();
        Self { vector: vector.iter().map(|&x| (f64::from(x) / norm) as f32).collect(), mark }
    }
}

/// A vector that follows from two numbers, never all zeros.
pub fn vector_of(id: u8, mark: i8, dim: usize) -> Vec<f32> {
    let at = |d: usize| (usize::from(id) * (d + 3) * 7 + usize::from(mark.unsigned_abs()) * 5) % 23;
    (0..dim).map(|d| if d == 0 { f32::from(id) + 1.0 } else { at(d) as f32 - 11.0 }).collect()
}

/// Everything the collection holds, item by item; every item is found by exact search, and by a search of all lists.
pub fn check(items: &Collection, metric: Metric) -> State {
    let mut state = State::new();
    for id in items.ids("", usize::MAX) {
        let found = items.get(&id).expect("reading an item").expect("an id that is there has an item");
        assert_eq!(found.row().get("id").and_then(Value::as_str), Some(id.as_str()));
        let mark = found.row().get("mark").and_then(Value::as_f64).map(|mark| mark as i8);
        let known = Known { vector: found.vector().expect("its vector").to_vec(), mark };
        assert!(items.contains(&id) && state.insert(id, known).is_none(), "an id comes twice");
    }
    assert_eq!(items.len(), state.len() as u64);
    search(items, &state, metric);
    state
}

/// The collection holds this, no more and no less.
pub fn expect(items: &Collection, state: &State, metric: Metric) {
    assert_eq!(&check(items, metric), state);
}

fn score(metric: Metric, query: &[f32], row: &[f32]) -> f64 {
    let pairs = || query.iter().zip(row).map(|(a, b)| (f64::from(*a), f64::from(*b)));
    match metric {
        Metric::L2 => -pairs().map(|(a, b)| (a - b) * (a - b)).sum::<f64>(),
        _ => pairs().map(|(a, b)| a * b).sum(),
    }
}

fn search(items: &Collection, state: &State, metric: Metric) {
    let query = Known::new(vector_of(state.len() as u8, 3, items.dim()), None, metric).vector;
    let all = items.search(&query).k(state.len() + 3).exact().run().expect("an exact search");
    assert_eq!(all.hits.len(), state.len(), "an exact search for everything");
    let room: f64 = 1e-5 * (1.0 + all.hits.iter().map(|hit| f64::from(hit.score).abs()).fold(0.0, f64::max));
    for hit in &all.hits {
        let right = score(metric, &query, &state.get(hit.id.as_str()).expect("a hit that is there").vector);
        assert!((f64::from(hit.score) - right).abs() <= room, "{}: {} for {right}", hit.id, hit.score);
    }
    assert!(all.hits.windows(2).all(|pair| pair[0].score >= pair[1].score), "best first");
    let few = items.search(&query).k(state.len() / 2).exact().run().expect("an exact search");
    assert!(few.ids().eq(all.ids().take(state.len() / 2)), "the best are the first of all");

    // Every live row is in some list or in the tail: all lists, and candidates enough, find each of them once.
    let mut everywhere: Vec<String> =
        items.search(&query).k(state.len() + 3).nprobe(1 << 20).run().expect("a search").ids().map(str::to_owned).collect();
    everywhere.sort();
    assert!(everywhere.iter().eq(state.keys()), "all lists hold {everywhere:?}");
    // However few lists are visited, as many come as were asked for.
    let excluded: Vec<&String> = state.keys().step_by(3).collect();
    let left = state.len() - excluded.len();
    let some = items.search(&query).k(left / 2).nprobe(1).exclude(excluded.iter().copied()).run().expect("a search");
    assert_eq!(some.hits.len(), left / 2, "with one list");
    assert!(some.ids().all(|id| !excluded.iter().any(|other| *other == id)), "excluded, and found");
    filters(items, state, &query);
}

/// A filter, and whether it is true of a mark and a bound.
type Case = (&'static str, fn(Option<i8>, i8) -> bool);

/// Each filter is true of the items that it is true of, counted, listed and searched.
fn filters(items: &Collection, state: &State, query: &[f32]) {
    const CASES: [Case; 6] = [
        ("mark < $bound", |mark, bound| mark.is_some_and(|mark| mark < bound)),
        ("mark = $bound", |mark, bound| mark == Some(bound)),
        ("NOT mark IN ($bound, 3)", |mark, bound| mark.is_some_and(|mark| mark != bound && mark != 3)),
        ("mark IS NULL OR mark > $bound", |mark, bound| mark.is_none_or(|mark| mark > bound)),
        ("mark >= $bound AND NOT (mark > $bound)", |mark, bound| mark == Some(bound)),
        ("mark IS NULL AND mark = $bound", |_, _| false),
    ];
    let bound = state.values().nth(state.len() / 2).and_then(|known| known.mark).unwrap_or(3);
    let all = items.search(query).k(state.len() + 3).exact().run().expect("an exact search");
    for (text, naive) in CASES {
        let (filter, params) = (Filter::parse(text).expect("a filter"), Params::new().with("bound", i32::from(bound)));
        let qualifies = |id: &str| state.get(id).is_some_and(|known| naive(known.mark, bound));
        let expected: Vec<&str> = state.keys().map(String::as_str).filter(|id| qualifies(id)).collect();
        let mut matching: Vec<String> =
            items.matching(&filter, &params).expect("an indexed field").iter().map(ToString::to_string).collect();
        matching.sort();
        assert_eq!(matching, expected, "{text}, {bound}");
        let prepared = items.prepare(filter, params).expect("an indexed field");
        let search = || items.search(query).prepared(&prepared);
        let exact = search().k(state.len() + 3).exact().run().expect("an exact search");
        assert!(exact.ids().eq(all.ids().filter(|id| qualifies(id))), "{text}, {bound}: exactly");
        for k in [1, expected.len() / 2, expected.len(), expected.len() + 3] {
            for answer in [search().k(k).run().expect("a search"), search().k(k).nprobe(1).run().expect("a search")] {
                assert_eq!(answer.hits.len(), k.min(expected.len()), "{text}, {bound}: as many as qualify");
                assert!(answer.ids().all(qualifies), "{text}, {bound}: only what qualifies");
            }
        }
    }
}
