//! The options of `recommend --users`: who is recommended to.

use std::path::PathBuf;

use clap::Args;

/// Who all get recommendations, and where these go.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Audience {
    /// Recommend to every user of this file: rows (.jsonl, .json, .csv, .tsv, .parquet; lines as for eval work too) or vectors (.npy, .fvecs;
    /// without towers rows with a "vector"); - is standard input
    #[arg(long, value_name = "FILE", requires = "out", conflicts_with_all = ["user", "user_option", "explain", "fields"])]
    pub(crate) users: Option<PathBuf>,
    /// Where their hits go: .parquet, .jsonl, .csv, or .npy for ids that are numbers. The file is there when it is whole
    #[arg(long, value_name = "FILE", requires = "users")]
    pub(crate) out: Option<PathBuf>,
    /// The users' field with the ids that each of them must not get. `--exclude-list 'seen:{id}'` names a stored list for each
    #[arg(long, value_name = "FIELD", requires = "users")]
    pub(crate) exclude_field: Option<String>,
    /// The column that names the users [default: id, where there is one, else the row numbers]
    #[arg(long, value_name = "COLUMN", requires = "users")]
    pub(crate) id: Option<String>,
    /// Leave out the users' fields that nothing reads
    #[arg(long, requires = "users")]
    pub(crate) ignore_unknown: bool,
    /// Stop at the first user that cannot be served, instead of counting it
    #[arg(long, requires = "users")]
    pub(crate) strict: bool,
}
