//! `recall`: what the index finds of what an exact scan finds, by nprobe or by recall target.

use std::collections::HashSet;
use std::io::BufRead;
use std::path::Path;

use serde::Serialize;
use serde_json::Value as Json;

use super::command::Recall;
use super::failure::Failure;
use super::import;
use super::output::{Output, grouped, rounded};
use super::spread::Spread;
use torre::Answer;
use torre::Collection;
use torre::Error;
use torre::filter::Filter;
use torre::{Effort, SearchOptions};
use torre::{Progress, Stage};
use torre::{Row, VECTOR_FIELD, Value};
use torre_data::{Format, Input, Place, ReadOptions, Source};
use torre_report::Latency;

/// Hits compared.
const K: usize = 10;
/// Recall from which more lists are of no interest.
const ENOUGH: f64 = 0.9999;
/// Vectors read from a file at a time.
const CHUNK_ROWS: usize = 1024;

#[derive(Serialize)]
struct Point {
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<f32>,
    /// The nearest rows that were left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    excluded: Option<usize>,
    /// Lists visited: as asked, or the most that a target took.
    nprobe: u64,
    recall10: f64,
    /// What the answers say of their recall, on average.
    #[serde(skip_serializing_if = "Option::is_none")]
    expected: Option<f64>,
    #[serde(flatten)]
    latency: Latency,
}

/// A vector to search with, and what must not be found: the row that the vector is of, and rows nearest to it.
struct Probe {
    vector: Vec<f32>,
    excluded: Vec<String>,
    filter: Option<Filter>,
}

/// What an exact scan finds.
struct Truth {
    ids: HashSet<String>,
    /// Score of the last hit: a row that is as near is as right as that one.
    least: f32,
}

impl Truth {
    /// The hits of an exact answer after the first `excluded`.
    fn new(answer: &Answer, excluded: usize) -> Self {
        let hits = || answer.hits.iter().skip(excluded).take(K);
        Self { ids: hits().map(|hit| hit.id.to_string()).collect(), least: hits().next_back().map_or(f32::INFINITY, |hit| hit.score) }
    }

    /// Whether a row that was found is one of the nearest.
    fn has(&self, collection: &Collection, probe: &Probe, id: &str) -> Result<bool, Error> {
        if self.ids.contains(id) {
            return Ok(true);
        }
        Ok(collection.score(&probe.vector, id)?.is_some_and(|score| score >= self.least))
    }
}

pub(super) fn run(collection: &Collection, args: &Recall, progress: &dyn Progress) -> Result<Output, Failure> {
    let lists = collection.stats()?.lists;
    if lists == 0 {
        return Err(Failure::new("there is no index yet, so every search is exact; `build` makes one now"));
    }
    let (probes, origin) = match &args.queries {
        Some(path) => (from_file(collection, path, args.sample)?, format!("queries of {}", path.display())),
        None => (stored(collection, args.sample)?, "stored vectors, each without itself".to_owned()),
    };
    let probes = match &args.where_each {
        Some(path) => with_filters(probes, path)?,
        None => probes.into_iter().map(|probe| Probe { filter: args.filter.clone(), ..probe }).collect(),
    };
    if probes.is_empty() {
        return Err(Failure::new("there are no queries to measure with"));
    }
    let excluded: Vec<usize> = if args.excluded.is_empty() { vec![0] } else { args.excluded.clone() };
    let exact = exact(collection, args, &probes, excluded.iter().copied().max().unwrap_or(0))?;
    let cases: Vec<(usize, Vec<Probe>, Vec<Truth>)> = excluded.into_iter().map(|excluded| without(&probes, &exact, excluded)).collect();
    let mut points = Vec::new();
    let tried: Vec<Effort> = match (&args.target[..], &args.nprobe[..]) {
        ([], []) => powers(lists).into_iter().map(Effort::Nprobe).collect(),
        ([], lists) => lists.iter().copied().map(Effort::Nprobe).collect(),
        (targets, _) => targets.iter().copied().map(Effort::Recall).collect(),
    };
    let all = args.nprobe.is_empty() && args.target.is_empty();
    for (case, (excluded, probes, truth)) in cases.iter().enumerate() {
        for (at, &setting) in tried.iter().enumerate() {
            let point = measure(collection, args, setting, probes, truth, progress)?;
            let enough = all && point.recall10 >= ENOUGH;
            points.push(Point { excluded: (!args.excluded.is_empty()).then_some(*excluded), ..point });
            progress.update(Stage::Evaluate, (case * tried.len() + at) as u64 + 1, Some((cases.len() * tried.len()) as u64));
            if enough {
                break;
            }
        }
    }
    let mut output = Output::list(&points, |point| {
        let target = point.target.map(|target| ("target".to_owned(), Json::from(target.to_string())));
        let excluded = point.excluded.map(|excluded| ("excluded".to_owned(), Json::from(excluded)));
        let expected = point.expected.map(|expected| ("expected".to_owned(), Json::from(format!("{expected:.4}"))));
        let measured = [
            ("nprobe".to_owned(), Json::from(point.nprobe)),
            ("recall@10".to_owned(), Json::from(format!("{:.4}", point.recall10))),
            ("p50 us".to_owned(), Json::from(point.latency.p50_us)),
            ("p99 us".to_owned(), Json::from(point.latency.p99_us)),
        ];
        target.into_iter().chain(excluded).chain(measured).chain(expected).collect()
    });
    output.notes.push(format!("queries: {} ({origin}); lists: {}", grouped(probes.len() as u64), grouped(lists as u64)));
    Ok(output)
}

/// 1, 2, 4, ... and all.
fn powers(lists: usize) -> Vec<usize> {
    let mut powers: Vec<usize> = std::iter::successors(Some(1usize), |n| n.checked_mul(2)).take_while(|n| *n < lists).collect();
    powers.push(lists);
    powers
}

/// The queries without their nearest `excluded` rows, and what is to be found then.
fn without(probes: &[Probe], exact: &[Answer], excluded: usize) -> (usize, Vec<Probe>, Vec<Truth>) {
    let nearest = |answer: &Answer| answer.ids().take(excluded).map(str::to_owned).collect::<Vec<String>>();
    let probe = |(probe, answer): (&Probe, &Answer)| Probe {
        vector: probe.vector.clone(),
        filter: probe.filter.clone(),
        excluded: probe.excluded.iter().cloned().chain(nearest(answer)).collect(),
    };
    let truth = exact.iter().map(|answer| Truth::new(answer, excluded)).collect();
    (excluded, probes.iter().zip(exact).map(probe).collect(), truth)
}

/// The nearest rows of each query, as many as are measured and `more`.
fn exact(collection: &Collection, args: &Recall, probes: &[Probe], more: usize) -> Result<Vec<Answer>, Failure> {
    if args.where_each.is_some() {
        let one = |probe: &Probe| {
            let query = collection.search(&probe.vector).unsampled().k(K.saturating_add(more)).exact();
            let query = query.exclude(probe.excluded.iter().map(String::as_str));
            Ok(probe.filter.iter().fold(query, |query, filter| query.filter(filter.clone())).run()?)
        };
        return probes.iter().map(one).collect();
    }
    let mut queries = collection.search_many(probes.iter().map(|probe| probe.vector.as_slice()));
    if let Some(filter) = &args.filter {
        queries = queries.filter(filter.clone());
    }
    Ok(queries
        .unsampled()
        .k(K.saturating_add(more))
        .exact()
        .exclude_each(probes.iter().map(|probe| probe.excluded.clone()).collect())
        .run()?)
}

fn measure(
    collection: &Collection,
    args: &Recall,
    setting: Effort,
    probes: &[Probe],
    truth: &[Truth],
    progress: &dyn Progress,
) -> Result<Point, Failure> {
    let mut options = SearchOptions::default();
    options.k = K;
    options.unsampled = true;
    options.effort = setting;
    options.refine_factor = args.refine_factor;
    let ask = |probe: &Probe, explain: bool| {
        let mut options = options.clone();
        options.filter = probe.filter.clone();
        let query = collection.search(&probe.vector).options(options).exclude(probe.excluded.iter().map(String::as_str));
        if explain { query.explain().run() } else { query.run() }
    };
    let (target, mut nprobe) = match setting {
        Effort::Nprobe(lists) => (None, lists as u64),
        Effort::Recall(recall) => (Some(recall), 0),
        _ => (None, 0),
    };
    let mut expected = Vec::with_capacity(probes.len());
    let (mut found, mut wanted, mut times) = (0, 0, Vec::with_capacity(probes.len()));
    for (probe, truth) in probes.iter().zip(truth) {
        let answer = ask(probe, false)?;
        if target.is_some() {
            nprobe = ask(probe, true)?.explain.map_or(nprobe, |explain| nprobe.max(explain.lists_probed));
        }
        for id in answer.ids() {
            found += usize::from(truth.has(collection, probe, id)?);
        }
        wanted += truth.ids.len();
        expected.extend(answer.expected_recall.map(f64::from));
        times.push(answer.elapsed);
        if progress.cancelled() {
            return Err(Error::Interrupted.into());
        }
    }
    let recall10 = rounded(found as f64 / wanted.max(1) as f64, 4);
    let mean = expected.iter().sum::<f64>() / expected.len().max(1) as f64;
    let expected = (!expected.is_empty()).then(|| rounded(mean, 4));
    Ok(Point { target, excluded: None, nprobe, recall10, expected, latency: Latency::of(&times) })
}

/// Stored vectors, spread evenly over the collection.
fn stored(collection: &Collection, most: usize) -> Result<Vec<Probe>, Failure> {
    let ids = collection.ids("", usize::MAX);
    let step = ids.len().div_ceil(most).max(1);
    let mut probes = Vec::with_capacity(most.min(ids.len()));
    for id in ids.into_iter().step_by(step) {
        // Deleted since the ids were listed.
        let Some(item) = collection.get(&id)? else { continue };
        probes.push(Probe { vector: item.vector().unwrap_or_default().to_vec(), excluded: vec![id], filter: None });
    }
    Ok(probes)
}

fn from_file(collection: &Collection, path: &Path, most: usize) -> Result<Vec<Probe>, Failure> {
    Ok(queries_of(collection, path, most)?.into_iter().map(|vector| Probe { vector, excluded: vec![], filter: None }).collect())
}

/// The queries, each with the filter on its line of a file.
fn with_filters(probes: Vec<Probe>, path: &Path) -> Result<Vec<Probe>, Failure> {
    let text = std::fs::read_to_string(path).map_err(|source| Failure::from(Error::Io { path: path.to_owned(), source }))?;
    let filters = (1..)
        .zip(text.lines())
        .map(|(number, line)| Filter::parse(line).map_err(|error| Failure::new(format!("{}, line {number}: {error}", path.display()))));
    let filters = filters.collect::<Result<Vec<Filter>, Failure>>()?;
    if filters.len() != probes.len() {
        let (filters, queries) = (grouped(filters.len() as u64), grouped(probes.len() as u64));
        return Err(Failure::new(format!(
            "{}: {filters} filters for {queries} queries; expected one for each (--sample takes more queries)",
            path.display()
        )));
    }
    Ok(probes.into_iter().zip(filters).map(|(probe, filter)| Probe { filter: Some(filter), ..probe }).collect())
}

/// The queries of a file, packed or not: vectors as they are, or the lines of a .jsonl file (see [`vectors_of_users`]).
pub(super) fn queries_of(collection: &Collection, path: &Path, most: usize) -> Result<Vec<Vec<f32>>, Failure> {
    let lines = Format::of_name(path) == Some(Format::JsonLines);
    if lines { vectors_of_users(collection, path, most) } else { vectors_of_file(path, most) }
}

fn vectors_of_file(path: &Path, most: usize) -> Result<Vec<Vec<f32>>, Failure> {
    let Source::Vectors(mut reader) = Source::open(path, &ReadOptions::default())? else {
        return Err(Failure::new(format!(
            "{}: expected vectors (.npy, .fvecs, .bvecs) or user rows or vectors a line (.jsonl)",
            path.display()
        )));
    };
    let mut spread = Spread::new(most);
    while let Some(chunk) = reader.next_chunk(CHUNK_ROWS)? {
        for vector in chunk.vectors.iter() {
            if spread.wants_next() {
                spread.push(vector.to_vec());
            }
        }
    }
    Ok(spread.finish())
}

/// What the user tower makes of the rows of a file: a row a line, or a line of an evaluation file, whose `user` is the row. Without
/// towers a row's field `vector` is the query.
fn vectors_of_users(collection: &Collection, path: &Path, most: usize) -> Result<Vec<Vec<f32>>, Failure> {
    let io = |source| Failure::from(Error::Io { path: path.to_owned(), source });
    let lines = Input::open(path)?.into_reader().lines();
    let (towers, mut spread) = (collection.specs().is_some(), Spread::new(most));
    for (number, line) in (1..).zip(lines) {
        let line = line.map_err(io)?;
        if line.trim().is_empty() || !spread.wants_next() {
            continue;
        }
        let located = |problem: String| Failure::new(format!("{}, line {number}: {problem}", path.display()));
        let row = Row::from_json(&line).map_err(|error| located(error.to_string()))?;
        let user = match row.get("user") {
            Some(Value::Object(user)) => user.clone(),
            _ => row,
        };
        let vector = if towers {
            collection.recommend(&user).vector()
        } else {
            let numbers = |list: &[Value]| list.iter().map(|x| x.as_f64().map(|x| x as f32)).collect::<Option<Vec<f32>>>();
            let given = user.get(VECTOR_FIELD).and_then(Value::as_list).and_then(numbers);
            let given = given.ok_or_else(|| located(format!("its field {VECTOR_FIELD:?} is missing or not a list of numbers")))?;
            collection.search(&given).vector()
        };
        spread.push(vector.map_err(|error| import::located(path, &error, &[Place::Line(number)]))?);
    }
    Ok(spread.finish())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use torre::{CollectionOptions, Database, Metric};

    /// Two lines: a vector, and a user's.
    const LINES: &str = "{\"vector\":[1,2.5]}\n{\"user\":{\"vector\":[3,4]}}\n";
    /// The same as gzip and zstd pack them.
    const GZIP: &[u8] = b"\x1F\x8B\x08\x00\x00\x00\x00\x00\x02\x03\xABV*KM.\xC9/R\xB2\x8A6\xD41\xD23\x8D\xAD\xE5\xAAV*-N\x05\x0AT#\xA4\x8CuLbkk\xB9\x00\xCE\x88\x91\x92-\x00\x00\x00";
    const ZSTD: &[u8] = b"(\xB5/\xFD\x00hM\x01\x00$\x02{\x22vector\x22:[1,2.5]}\x0A{\x22user\x22:3,4]}}\x0A\x01\x00\xBB1\xC7";

    #[test]
    fn lines_may_be_packed() {
        let directory = tempfile::tempdir().unwrap();
        let items = Database::in_memory().unwrap().create_collection("items", CollectionOptions::vectors(2, Metric::L2)).unwrap();
        for (name, bytes) in [("q.jsonl", LINES.as_bytes()), ("q.ndjson", LINES.as_bytes()), ("q.jsonl.gz", GZIP), ("q.jsonl.zst", ZSTD)] {
            let path = directory.path().join(name);
            std::fs::write(&path, bytes).unwrap();
            assert_eq!(queries_of(&items, &path, usize::MAX).unwrap(), [[1.0, 2.5], [3.0, 4.0]], "{name}");
            std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
            let error = queries_of(&items, &path, usize::MAX).unwrap_err();
            assert!(error.to_string().contains(name), "{error}");
        }
    }

    #[test]
    fn queries_of_a_collection_without_towers_are_read_from_files_of_vectors_and_from_lines() {
        let directory = tempfile::tempdir().unwrap();
        let database = Database::in_memory().unwrap();
        let items = database.create_collection("items", CollectionOptions::vectors(2, Metric::L2)).unwrap();
        let (lines, vectors) = (directory.path().join("q.jsonl"), directory.path().join("q.fvecs"));
        std::fs::write(&lines, "{\"vector\":[1,2.5]}\n\n{\"user\":{\"vector\":[3,4]}}\n").unwrap();
        assert_eq!(queries_of(&items, &lines, usize::MAX).unwrap(), [[1.0, 2.5], [3.0, 4.0]]);
        let bytes: Vec<u8> = 2i32.to_le_bytes().into_iter().chain([1.0f32, 2.5].into_iter().flat_map(f32::to_le_bytes)).collect();
        std::fs::write(&vectors, bytes).unwrap();
        assert_eq!(queries_of(&items, &vectors, usize::MAX).unwrap(), [[1.0, 2.5]]);
        for wrong in ["{\"id\":1}", "{\"vector\":\"1 2\"}", "{\"vector\":[1]}", "{\"vector\":[1e60,1]}"] {
            std::fs::write(&lines, wrong).unwrap();
            assert!(queries_of(&items, &lines, usize::MAX).is_err(), "{wrong}");
        }
    }
}
