//! The commands, with their options: the same in the shell and as subcommands of the binary.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::audience::Audience;
use super::list::List;
use super::ranker::Ranker;
use super::rules::PolicyCommand;
use super::stages::StageOptions;
use super::values::{NamesArg, RowArg, VectorArg, at_least_one, delimiter, filter, header, joined, parameter, score, share, whole};
use torre::filter::Filter;
use torre::{Effort, Metric, Refine, SearchOptions, Value};
use torre_data::{Encoding, Format};

/// A command on a collection.
#[derive(Subcommand, Clone, Debug)]
pub(crate) enum Command {
    /// Recommend items to a user, given as a row of raw features
    Recommend(Recommend),
    /// Find the items most like a stored one
    Similar(Similar),
    /// Find the items nearest to a vector
    Search(Search),
    /// Show stored items
    Get(Get),
    /// Insert items, or replace those that have the same id
    Put(Put),
    /// Set some fields of items; a null removes a field
    Patch(Patch),
    /// Delete items
    Delete(Delete),
    /// Count the items, or those of which a filter is true
    Count(Count),
    /// Count the values that items have in indexed fields
    Facets(Facets),
    /// Index a field, so that filters can ask for it
    Index(Index),
    /// Put ids on a stored list, take them off, show or drop it
    #[command(subcommand, disable_help_subcommand = true)]
    List(List),
    /// Import rows (.jsonl, .json, .csv, .tsv, .parquet) or vectors (.npy, .fvecs)
    Import(Import),
    /// Train the quantizer and seal everything, now instead of in the background
    Build(Build),
    /// Merge all segments and drop what was deleted
    Compact,
    /// Measure recommendations against what users really chose
    Eval(Eval),
    /// Compare the index with an exact scan, by nprobe
    Recall(Recall),
    /// Show the state of the collection in numbers
    Stats,
    /// Show what rows hold: the fields of the towers and of the collection
    Schema,
    /// Attach a second-stage model, list those there are, or detach one
    #[command(subcommand, disable_help_subcommand = true)]
    Ranker(Ranker),
    /// Keep rules for the order of hits under a name, show, list or drop them
    #[command(subcommand, disable_help_subcommand = true)]
    Policy(PolicyCommand),
    /// Make a collection: with towers, or of your own vectors
    Create(Create),
}

/// Of which fields, and of which items.
#[derive(Args, Clone, Debug)]
pub(crate) struct Facets {
    /// The fields, which must be indexed
    #[arg(required = true, value_name = "FIELD")]
    pub(crate) fields: Vec<String>,
    /// Only items of which this is true, over indexed fields
    #[arg(long = "where", value_name = "FILTER", value_parser = filter)]
    pub(crate) filter: Option<Filter>,
    /// Values of each field
    #[arg(long, value_name = "VALUES", default_value_t = 100, value_parser = at_least_one, allow_negative_numbers = true)]
    pub(crate) most: usize,
}

/// Who asks, and how.
#[derive(Args, Clone, Debug)]
pub(crate) struct Recommend {
    /// The user's raw features, a JSON object
    #[arg(value_name = "USER", required_unless_present_any = ["user_option", "users"])]
    user: Option<RowArg>,
    /// The same, by name
    #[arg(long = "user", value_name = "JSON", conflicts_with = "user", id = "user_option")]
    user_option: Option<RowArg>,
    #[command(flatten)]
    pub(crate) audience: Audience,
    #[command(flatten)]
    pub(crate) options: QueryOptions,
}

impl Recommend {
    pub(crate) fn user(&self) -> torre::Row {
        self.user.as_ref().or(self.user_option.as_ref()).map(|row| row.0.clone()).unwrap_or_default()
    }
}

/// The item to start from, and how to look.
#[derive(Args, Clone, Debug)]
pub(crate) struct Similar {
    /// The item's id
    #[arg(allow_negative_numbers = true)]
    pub(crate) id: String,
    #[command(flatten)]
    pub(crate) options: QueryOptions,
}

/// The vector to start from, and how to look.
#[derive(Args, Clone, Debug)]
pub(crate) struct Search {
    /// The vector, a JSON array of numbers
    #[arg(value_name = "VECTOR", required_unless_present = "vector_option")]
    vector: Option<VectorArg>,
    /// The same, by name
    #[arg(long = "vector", value_name = "JSON", conflicts_with = "vector", id = "vector_option")]
    vector_option: Option<VectorArg>,
    #[command(flatten)]
    pub(crate) options: QueryOptions,
}

impl Search {
    pub(crate) fn vector(&self) -> Vec<f32> {
        self.vector.as_ref().or(self.vector_option.as_ref()).map(|vector| vector.0.clone()).unwrap_or_default()
    }
}

/// How hard to look.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct EffortOptions {
    /// Find this share of the true nearest items on average [default: 0.95]
    #[arg(long, value_name = "SHARE", value_parser = share, allow_negative_numbers = true, group = "effort")]
    pub(crate) recall: Option<f32>,
    /// Visit this many lists
    #[arg(long, value_name = "LISTS", value_parser = at_least_one, allow_negative_numbers = true, group = "effort")]
    pub(crate) nprobe: Option<usize>,
    /// Compare with the exact vector of every item
    #[arg(long, group = "effort")]
    pub(crate) exact: bool,
    /// Refine FACTOR x k candidates by their stored vectors
    #[arg(long, value_name = "FACTOR", value_parser = at_least_one, allow_negative_numbers = true)]
    pub(crate) refine_factor: Option<usize>,
}

/// What a query wants besides its vector.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct QueryOptions {
    /// Number of hits
    #[arg(short, long, value_name = "HITS", default_value_t = 10, value_parser = whole, allow_negative_numbers = true)]
    pub(crate) k: usize,
    /// Skip the best hits: the next page
    #[arg(long, value_name = "HITS", default_value_t = 0, value_parser = whole, allow_negative_numbers = true)]
    pub(crate) offset: usize,
    /// Leave these items out: ids between commas, or a JSON array
    #[arg(long, value_name = "IDS")]
    exclude: Vec<NamesArg>,
    /// Leave out the items of these stored lists: names between commas, or a JSON array
    #[arg(long, value_name = "LISTS")]
    exclude_list: Vec<NamesArg>,
    /// Only items of which this is true, over indexed fields: "price < 50 AND NOT tags HAS 'adult'"
    #[arg(long = "where", value_name = "FILTER", value_parser = filter)]
    filter: Option<Filter>,
    #[command(flatten)]
    pub(crate) effort: EffortOptions,
    #[command(flatten)]
    pub(crate) stages: StageOptions,
    /// The value of a parameter of the filter or the rules: JSON, or text
    #[arg(long, value_name = "NAME=VALUE", value_parser = parameter)]
    param: Vec<(String, Value)>,
    /// Leave out hits with a lower score
    #[arg(long, value_name = "SCORE", value_parser = score, allow_negative_numbers = true)]
    pub(crate) min_score: Option<f32>,
    /// Return these fields of the items: names between commas, or a JSON array
    #[arg(long, value_name = "NAMES")]
    fields: Vec<NamesArg>,
    /// Say where the time went and what was looked at
    #[arg(long)]
    pub(crate) explain: bool,
}

impl EffortOptions {
    pub(crate) fn effort(&self) -> Effort {
        match (self.exact, self.nprobe, self.recall) {
            (true, ..) => Effort::Exact,
            (_, Some(lists), _) => Effort::Nprobe(lists),
            (.., Some(target)) => Effort::Recall(target),
            _ => Effort::default(),
        }
    }

    /// The options of a search that looks so hard.
    pub(crate) fn search(&self) -> SearchOptions {
        let mut search = SearchOptions::default();
        search.effort = self.effort();
        search.refine_factor = self.refine_factor;
        search
    }
}

impl QueryOptions {
    /// The options of the search.
    pub(crate) fn search(&self) -> SearchOptions {
        let mut search = self.effort.search();
        search.k = self.k;
        search.offset = self.offset;
        search.exclude = joined(&self.exclude);
        search.exclude_lists = joined(&self.exclude_list);
        search.filter = self.filter.clone();
        self.stages.add_to(&mut search);
        search.params = self.param.iter().cloned().collect();
        search.min_score = self.min_score;
        search.fields = (!self.fields.is_empty()).then(|| joined(&self.fields));
        search.explain = self.explain;
        search
    }
}

/// Which items.
#[derive(Args, Clone, Debug)]
pub(crate) struct Count {
    /// Only items of which this is true, over indexed fields
    #[arg(long = "where", value_name = "FILTER", value_parser = filter)]
    pub(crate) filter: Option<Filter>,
}

/// Which field.
#[derive(Args, Clone, Debug)]
pub(crate) struct Index {
    /// The field's name
    pub(crate) field: String,
    /// Drop the field's index; the field stays
    #[arg(long)]
    pub(crate) drop: bool,
}

/// Which items.
#[derive(Args, Clone, Debug)]
pub(crate) struct Get {
    /// The items' ids
    #[arg(required = true, value_name = "ID", allow_negative_numbers = true)]
    pub(crate) ids: Vec<String>,
    /// With their vectors
    #[arg(long)]
    pub(crate) vector: bool,
}

/// The rows.
#[derive(Args, Clone, Debug)]
pub(crate) struct Put {
    /// Rows as JSON objects, each with an "id" (and a "vector", in a collection without towers)
    #[arg(required = true, value_name = "JSON")]
    pub(crate) rows: Vec<RowArg>,
}

/// Which items, and what of them.
#[derive(Args, Clone, Debug)]
pub(crate) struct Patch {
    /// An item's id and the fields to set, a JSON object; or objects with an "id" each, which are set as one
    #[arg(required_unless_present = "file", value_name = "ID|JSON", allow_negative_numbers = true)]
    pub(crate) what: Vec<String>,
    /// A file of such objects, of any format that import reads, set batch by batch; - is standard input
    #[arg(long, value_name = "FILE", conflicts_with = "what")]
    pub(crate) file: Vec<PathBuf>,
    /// Rows of a file in one commit
    #[arg(long, value_name = "ROWS", default_value = "4000", value_parser = at_least_one, allow_negative_numbers = true)]
    pub(crate) batch: usize,
}

/// Which items.
#[derive(Args, Clone, Debug)]
pub(crate) struct Delete {
    /// The items' ids
    #[arg(required_unless_present = "filter", value_name = "ID", allow_negative_numbers = true)]
    pub(crate) ids: Vec<String>,
    /// All items of which this is true, over indexed fields
    #[arg(long = "where", value_name = "FILTER", value_parser = filter, conflicts_with = "ids")]
    pub(crate) filter: Option<Filter>,
}

/// Which files, and how to read them.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Import {
    /// Files of rows or of vectors, plain or packed with gzip or zstd; - is standard input
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// A file with an id a line, for files of vectors [default: the row numbers]
    #[arg(long, value_name = "FILE")]
    pub(crate) ids: Option<PathBuf>,
    /// What the files hold: jsonl, json, csv, tsv, parquet, npy, fvecs or bvecs [default: from name or, from a pipe, first bytes]
    #[arg(long, value_name = "FORMAT")]
    pub(crate) format: Option<Format>,
    /// What stands between the cells of a CSV file: a character, or "tab" [default: a comma; a tab in .tsv]
    #[arg(long, value_name = "CHARACTER", value_parser = delimiter, allow_hyphen_values = true)]
    pub(crate) delimiter: Option<u8>,
    /// Whether CSV files begin with the names of their columns: first, or none for columns named 1, 2 and so on
    #[arg(long, value_name = "WHERE", default_value = "first", value_parser = header, action = clap::ArgAction::Set)]
    pub(crate) header: bool,
    /// How CSV files write their characters: utf8 or latin1
    #[arg(long, value_name = "ENCODING", default_value = "utf8")]
    pub(crate) encoding: Encoding,
    /// Read these columns only, beside id and vector: COLUMN or FIELD=COLUMN between commas, or a JSON array
    #[arg(long, value_name = "COLUMNS")]
    columns: Vec<NamesArg>,
    /// The column that holds the ids [default: id]
    #[arg(long, value_name = "COLUMN")]
    pub(crate) id: Option<String>,
    /// The column that holds the vectors [default: vector]
    #[arg(long, value_name = "COLUMN")]
    pub(crate) vector: Option<String>,
    /// Leave out the columns that the collection does not declare
    #[arg(long)]
    pub(crate) ignore_unknown: bool,
    /// Rows of one commit
    #[arg(long, value_name = "ROWS", default_value = "4000", value_parser = at_least_one, allow_negative_numbers = true)]
    pub(crate) batch: usize,
    /// Leave bad rows out and count them, instead of stopping at the first
    #[arg(long)]
    pub(crate) skip_bad: bool,
    /// Leave the rows in the tail: no sealing and no training at the end
    #[arg(long)]
    pub(crate) no_seal: bool,
    /// Set fields of items that are there, instead of putting items.
    #[arg(skip)]
    pub(crate) patch: bool,
}

impl Import {
    /// Patches from files, so many rows in one commit.
    pub(crate) fn patching(files: &[PathBuf], batch: usize) -> Self {
        Self { files: files.to_vec(), batch, no_seal: true, patch: true, ..Self::default() }
    }

    /// The chosen columns: field and column.
    pub(crate) fn columns(&self) -> Vec<(String, String)> {
        let pair = |text: String| match text.split_once('=') {
            Some((field, column)) => (field.trim().to_owned(), column.trim().to_owned()),
            None => (text.clone(), text),
        };
        joined(&self.columns).into_iter().map(pair).collect()
    }
}

/// What to build.
#[derive(Args, Clone, Debug)]
pub(crate) struct Build {
    #[command(flatten)]
    pub(crate) index: IndexOptions,
    /// Real queries to calibrate recall targets with: user rows (.jsonl, packed or not; lines as for eval work too) or vectors (.npy, .fvecs;
    /// without towers {"vector": [..]} lines) [default: queries asked before, else stored vectors]
    #[arg(long, value_name = "FILE")]
    pub(crate) users: Option<PathBuf>,
    /// Memory that building may take beside the index, in MB; a smaller sample is trained on then
    #[arg(long, value_name = "MB", value_parser = at_least_one, allow_negative_numbers = true)]
    pub(crate) memory: Option<usize>,
    /// Weight of a code's error along the vector, from 1; 1 turns score-aware encoding off [default: as last built, first 4, under L2 1]
    #[arg(long, value_name = "WEIGHT", allow_negative_numbers = true)]
    pub(crate) eta: Option<f32>,
}

/// How the index is made. What is not given stays as the collection has it.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct IndexOptions {
    /// Bytes of a code, 1 to 256 [default: from the width]
    #[arg(long, value_name = "BYTES", value_parser = at_least_one, allow_negative_numbers = true)]
    pub(crate) m: Option<usize>,
    /// Number of lists [default: from the number of rows]
    #[arg(long, value_name = "LISTS", value_parser = at_least_one, allow_negative_numbers = true)]
    pub(crate) lists: Option<usize>,
    /// What is kept to refine candidates with: auto (what the data needs), int8, f16, f32 or none [default: auto, later what it was]
    #[arg(long, value_name = "KIND")]
    pub(crate) refine: Option<Refine>,
    /// Seed of everything random in training [default: 0]
    #[arg(long, value_name = "NUMBER")]
    pub(crate) seed: Option<u64>,
}

/// What to measure with.
#[derive(Args, Clone, Debug)]
pub(crate) struct Eval {
    /// A line a user: {"user": {...}, "seen": [ids], "relevant": [ids]}
    #[arg(value_name = "EVAL.jsonl")]
    pub(crate) file: PathBuf,
    /// Cut-offs of the metrics
    #[arg(short, long, value_name = "HITS,...", value_delimiter = ',', default_value = "10,20", value_parser = at_least_one, allow_negative_numbers = true)]
    pub(crate) k: Vec<usize>,
    #[command(flatten)]
    pub(crate) effort: EffortOptions,
    #[command(flatten)]
    pub(crate) stages: StageOptions,
    /// Time at most this many users one by one, and compare the hits of each with each other
    #[arg(long, value_name = "USERS", default_value = "1000", value_parser = at_least_one, allow_negative_numbers = true)]
    pub(crate) timed: usize,
}

/// What to measure with.
#[derive(Args, Clone, Debug)]
pub(crate) struct Recall {
    /// Query vectors (.npy, .fvecs) or user rows (.jsonl), packed or not [default: stored vectors]
    #[arg(long, value_name = "FILE")]
    pub(crate) queries: Option<PathBuf>,
    /// Number of queries
    #[arg(long, value_name = "QUERIES", default_value = "200", value_parser = at_least_one, allow_negative_numbers = true)]
    pub(crate) sample: usize,
    /// Numbers of lists to try [default: 1, 2, 4, ... all]
    #[arg(long, value_name = "LISTS,...", value_delimiter = ',', value_parser = at_least_one, allow_negative_numbers = true)]
    pub(crate) nprobe: Vec<usize>,
    /// Recall targets to try, instead of numbers of lists
    #[arg(long, value_name = "RECALL,...", value_delimiter = ',', value_parser = share, allow_negative_numbers = true, conflicts_with_all = ["nprobe", "refine_factor"])]
    pub(crate) target: Vec<f32>,
    /// Refine FACTOR x 10 candidates by their stored vectors
    #[arg(long, value_name = "FACTOR", value_parser = at_least_one, allow_negative_numbers = true)]
    pub(crate) refine_factor: Option<usize>,
    /// Leave out each query's nearest ROWS, as if they had been seen: what is wanted then are the ten after them
    #[arg(long, value_name = "ROWS,...", value_delimiter = ',', allow_negative_numbers = true)]
    pub(crate) excluded: Vec<usize>,
    /// Only items of which this is true, over indexed fields
    #[arg(long = "where", value_name = "FILTER", value_parser = filter)]
    pub(crate) filter: Option<Filter>,
    /// A file with a filter a line, one for each query in their order
    #[arg(long, value_name = "FILE", requires = "queries", conflicts_with = "filter")]
    pub(crate) where_each: Option<PathBuf>,
}

/// What to create.
#[derive(Args, Clone, Debug)]
pub(crate) struct Create {
    /// The collection's name [default: that of --collection]
    pub(crate) name: Option<String>,
    /// The item tower, an ONNX file
    #[arg(long, value_name = "FILE", requires = "user", conflicts_with_all = ["dim", "metric"])]
    pub(crate) item: Option<PathBuf>,
    /// The user tower, an ONNX file
    #[arg(long, value_name = "FILE", requires = "item")]
    pub(crate) user: Option<PathBuf>,
    /// The item tower's feature spec, where it is not in its file
    #[arg(long, value_name = "FILE", requires = "item")]
    pub(crate) item_spec: Option<PathBuf>,
    /// The user tower's feature spec, where it is not in its file
    #[arg(long, value_name = "FILE", requires = "user")]
    pub(crate) user_spec: Option<PathBuf>,
    /// Width of your own vectors
    #[arg(long, value_name = "NUMBERS", value_parser = at_least_one, allow_negative_numbers = true)]
    pub(crate) dim: Option<usize>,
    /// Metric of your own vectors: ip, cosine or l2 [default: ip]
    #[arg(long, value_name = "METRIC", requires = "dim")]
    pub(crate) metric: Option<Metric>,
    /// A further field of the rows, NAME:TYPE, or "NAME:TYPE index" to index it; types: text, int, float, bool, time, list<...> of one of them
    #[arg(long, value_name = "NAME:TYPE")]
    pub(crate) field: Vec<torre::Field>,
    /// Take rows with any further fields
    #[arg(long)]
    pub(crate) lenient: bool,
    #[command(flatten)]
    pub(crate) index: IndexOptions,
}
