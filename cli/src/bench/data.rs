//! Vectors, queries and true neighbours, and what counts as found.

use std::collections::HashSet;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use xxhash_rust::xxh3::xxh3_64;

use super::args::BenchArgs;
use super::error::BenchError;
use super::shuffle::permutation;
use torre::Matrix;
use torre::Metric;
use torre::bare::Index;
use torre_data::{read_integers, read_vectors};

/// Seed of the order in which queries are taken: stored queries are often sorted, and their first thousand are no sample.
const SHUFFLE_SEED: u32 = 7;

pub(super) struct Dataset {
    pub(super) name: String,
    pub(super) metric: Metric,
    /// In the shuffled order, as the metric takes them.
    pub(super) queries: Matrix,
    base: PathBuf,
    /// True neighbours of each query, nearest first, `depth` a query.
    ids: Vec<u32>,
    /// Their scores, larger is nearer; ids alone decide where there are none.
    scores: Vec<f32>,
    depth: usize,
}

#[derive(Deserialize)]
struct Info {
    metric: String,
}

impl Dataset {
    pub(super) fn load(args: &BenchArgs) -> Result<Self, BenchError> {
        let files = Files::of(args)?;
        let queries = Index::prepare(&read_vectors(&files.query)?, files.metric)?;
        let truth = read_integers(&files.ids)?;
        let order = permutation(SHUFFLE_SEED, queries.rows());
        if truth.width == 0 || truth.values.len() != truth.width * queries.rows() {
            return Err(BenchError::Unusable(format!(
                "{} queries, but {} rows of true neighbours",
                queries.rows(),
                truth.values.len() / truth.width.max(1)
            )));
        }
        let ids: Result<Vec<u32>, _> = truth.values.iter().map(|&id| u32::try_from(id)).collect();
        let ids = ids.map_err(|_| BenchError::Unusable(format!("{}: a row number is out of range", files.ids.display())))?;
        let scores = match &files.scores {
            Some((path, sign)) => {
                let scores = read_vectors(path)?;
                if scores.as_slice().len() != ids.len() {
                    return Err(BenchError::Unusable(format!(
                        "{}: expected {} scores, got {}",
                        path.display(),
                        ids.len(),
                        scores.as_slice().len()
                    )));
                }
                order.iter().flat_map(|&q| scores.row(q).iter().map(|s| s * sign)).collect()
            }
            None => Vec::new(),
        };
        let shuffled = order.iter().flat_map(|&q| queries.row(q)).copied().collect();
        let shuffled = Matrix::from_vec(queries.dim(), shuffled).unwrap_or_default();
        let depth = truth.width;
        let ids = order.iter().flat_map(|&q| ids[q * depth..(q + 1) * depth].iter().copied()).collect();
        Ok(Self { name: files.name, metric: files.metric, queries: shuffled, base: files.base, ids, scores, depth })
    }

    /// Reads the vectors searched in, as the metric takes them: only building needs them.
    pub(super) fn read_base(&self) -> Result<Matrix, BenchError> {
        let base = Index::prepare(&read_vectors(&self.base)?, self.metric)?;
        if base.dim() != self.queries.dim() {
            return Err(BenchError::Unusable(format!("vectors of {} values, queries of {}", base.dim(), self.queries.dim())));
        }
        Ok(base)
    }

    /// Tells other vectors under the same name: the length of their file, its beginning and its end. All of a large file would take longer to
    /// read than its index.
    pub(super) fn fingerprint(&self) -> Result<u64, BenchError> {
        const END: u64 = 1 << 16;
        let read = || {
            let mut file = File::open(&self.base)?;
            let length = file.metadata()?.len();
            let mut bytes = length.to_le_bytes().to_vec();
            (&file).take(END).read_to_end(&mut bytes)?;
            file.seek(SeekFrom::Start(length.saturating_sub(END)))?;
            (&file).take(END).read_to_end(&mut bytes)?;
            Ok(xxh3_64(&bytes))
        };
        read().map_err(|e| BenchError::io(&self.base, e))
    }

    /// The share of the `k` nearest that the answers of the first queries hold: a row at least as near as the true k-th counts.
    pub(super) fn recall(&self, answers: &[Vec<u32>], k: usize) -> Option<f64> {
        if k > self.depth || answers.is_empty() {
            return None;
        }
        let found: usize = answers.iter().enumerate().map(|(query, answer)| self.found(query, answer, k)).sum();
        Some(found as f64 / (k * answers.len()) as f64)
    }

    fn found(&self, query: usize, answer: &[u32], k: usize) -> usize {
        let row = query * self.depth..(query + 1) * self.depth;
        let ids = &self.ids[row.clone()];
        let near = match self.scores.get(row) {
            Some(scores) => scores.iter().take_while(|&&s| s >= scores[k - 1]).count().max(k),
            None => k,
        };
        let near: HashSet<u32> = ids[..near].iter().copied().collect();
        let answer: HashSet<u32> = answer.iter().take(k).copied().collect();
        near.intersection(&answer).count().min(k)
    }
}

/// Where the parts of a data set are.
struct Files {
    name: String,
    metric: Metric,
    base: PathBuf,
    query: PathBuf,
    ids: PathBuf,
    /// And the sign that makes larger nearer.
    scores: Option<(PathBuf, f32)>,
}

impl Files {
    fn of(args: &BenchArgs) -> Result<Self, BenchError> {
        let stem = |path: &Path| path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        if let Some(folder) = &args.data {
            let info = folder.join("info.json");
            let text = std::fs::read_to_string(&info).map_err(|e| BenchError::io(&info, e))?;
            let said: Info = serde_json::from_str(&text).map_err(|e| BenchError::Unusable(format!("{}: {e}", info.display())))?;
            let metric = args.metric.map_or_else(|| said.metric.parse().map_err(torre::Error::from), Ok)?;
            let scores = find(folder, "gt100_scores").ok().map(|path| (path, 1.0));
            let scores = scores.or_else(|| find(folder, "gt100_sqdist").ok().map(|path| (path, -1.0)));
            let folder_name = folder.canonicalize().map_or_else(|_| stem(folder), |path| stem(&path));
            return Ok(Self {
                name: args.name.clone().unwrap_or(folder_name),
                metric,
                base: find(folder, "base")?,
                query: find(folder, "query")?,
                ids: find(folder, "gt100_ids")?,
                scores,
            });
        }
        let (Some(base), Some(query), Some(ids)) = (&args.base, &args.query, &args.gt) else {
            return Err(BenchError::Unusable("--base, --query and --gt go together".to_owned()));
        };
        let Some(metric) = args.metric else { return Err(BenchError::Unusable("--metric is needed beside --base".to_owned())) };
        let name = args.name.clone().unwrap_or_else(|| stem(base));
        Ok(Self { name, metric, base: base.clone(), query: query.clone(), ids: ids.clone(), scores: None })
    }
}

/// `stem` with one of the endings that can be read.
fn find(folder: &Path, stem: &str) -> Result<PathBuf, BenchError> {
    const ENDINGS: [&str; 5] = ["npy", "npy.zst", "fvecs", "ivecs", "bvecs"];
    let tried = ENDINGS.iter().map(|ending| folder.join(format!("{stem}.{ending}")));
    tried
        .into_iter()
        .find(|path| path.exists())
        .ok_or_else(|| BenchError::Unusable(format!("{}: there is no {stem}.npy, .npy.zst or .fvecs", folder.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recall_counts_ties_with_the_last() {
        let data = Dataset {
            name: String::new(),
            metric: Metric::InnerProduct,
            queries: Matrix::default(),
            base: PathBuf::new(),
            ids: vec![5, 6, 7, 8, 1, 2, 3, 4],
            scores: vec![9.0, 8.0, 8.0, 7.0, 4.0, 3.0, 2.0, 1.0],
            depth: 4,
        };
        assert_eq!(data.recall(&[vec![5, 7], vec![1, 2]], 2), Some(1.0), "row 7 is as near as row 6");
        assert_eq!(data.recall(&[vec![5, 5], vec![9, 3]], 2), Some(0.25), "a row counts once");
        assert_eq!(data.recall(&[vec![6, 7], vec![]], 2), Some(0.5));
        assert_eq!(data.recall(&[vec![5, 7]], 5), None, "nothing is known beyond the stored neighbours");
    }
}
