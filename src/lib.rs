//! Torre: an embedded vector database with the two towers of a recommender built in.
//!
//! An application deals in raw features only. On insert an **item tower** (an ONNX model) turns an item's row into a vector; on query a
//! **user tower** turns a user's row into a vector of the same space; the nearest items come back. A collection without towers takes the
//! caller's own vectors. Everything is durable on return, and readers never wait for writers.
//!
//! It is not a server and not a training framework.
//!
//! ```
//! use torre::{CollectionOptions, Database, Item, Metric, row};
//!
//! # fn main() -> torre::Result<()> {
//! let database = Database::in_memory()?; // or Database::create("shop"), Database::open("shop")
//! let items = database.create_collection("items", CollectionOptions::vectors(2, Metric::Cosine).lenient(true))?;
//! items.upsert(Item::new("a")?.with_row(row! { "title" => "Alpha" }).with_vector([1.0, 0.0]))?;
//! items.upsert(Item::new("b")?.with_row(row! { "title" => "Beta" }).with_vector([0.0, 1.0]))?;
//!
//! let answer = items.search(&[0.9, 0.1]).k(1).fields(["title"]).run()?;
//! assert_eq!(answer.ids().collect::<Vec<_>>(), ["a"]);
//! # Ok(())
//! # }
//! ```
//!
//! | to | begin with |
//! | --- | --- |
//! | open or make a database | [`Database::open`], [`Database::create`], [`Database::builder`], [`Database::in_memory`] |
//! | attach towers | [`TowerPair::from_files`], [`CollectionOptions::towers`] |
//! | rank | [`Ranker::load`], [`Ranker::score`], [`Collection::attach_ranker`] |
//! | set rules | [`rules::Policy`], [`Query::boost`], [`Query::max_per`], [`Collection::set_policy`] |
//! | store | [`Collection::upsert_many`], [`Collection::upsert_row`], [`Collection::import`], [`Collection::patch`], [`Collection::delete`] |
//! | ask | [`Collection::recommend`], [`Collection::search`], [`Collection::similar`], [`Collection::recommend_many`], [`Collection::recommend_all`] |
//! | read back | [`Collection::get`], [`Collection::get_many`], [`Collection::items`], [`Collection::ids`] |
//! | look after it | [`Collection::build`], [`Collection::compact`], [`Collection::stats`], [`Database::drop_collection`] |
//! | change its towers | [`Database::embed_again`], [`Database::rename_collections`] |
//! | keep it whole | [`Database::verify`], [`Database::backup`], [`Database::dump`], [`Database::salvage`] |
//!
//! All calls block: they compute or wait for the disk. From async code call them on a thread that may block, as
//! `tokio::task::spawn_blocking` gives; a [`Collection`] is a handle that can be cloned into it.
//!
//! The feature `onnx`, on by default, brings the towers, and rankers that are networks. The program `torre` is the crate `torre-cli`.

pub mod bare;
mod db;
mod diverse;
mod error;
pub mod filter;
mod index;
mod ingest;
mod model_error;
mod process;
mod progress;
mod quantizer;
mod query;
mod ranker;
pub mod rules;
mod segment;
mod sync;
#[cfg(feature = "onnx")]
mod tower;
#[cfg(not(feature = "onnx"))]
#[path = "tower/absent.rs"]
mod tower;
mod tower_report;
mod tower_source;
mod types;
mod vector;

#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;

use torre_features as features;
use torre_kernel as kernel;

pub use db::{
    BackupReport, BuildOptions, Built, Collection, CollectionOptions, Damage, Database, DatabaseBuilder, DumpReport, Durability,
    EmbedReport, Facet, FacetValue, Facets, Import, ImportReport, Importing, Items, ListInfo, ListRows, LoadReport, MAX_LIST_NAME_BYTES,
    SalvageReport, Stats, StoredList, VerifyReport,
};
pub use error::{Error, Responsible, Result};
pub use features::{
    Dtype, EncodeError, FeatureError, FeatureReport, FeatureSpec, Field, FieldType, Golden, ID_FIELD, InputRole, InputSpec, InvalidOption,
    Metric, Row, Schema, SpecError, TowerRole, VECTOR_FIELD, Value,
};
pub use ingest::{Changes, Item};
pub use model_error::ModelError;
pub use progress::{NoProgress, Progress, Stage};
pub use query::{
    Answer, Calibrate, CandidateValues, Contribution, Diverse, Effort, Explain, Hit, MissingFeature, PreparedFilter, Query, QueryBatch,
    RankerExplain, Recipient, RecommendAll, RecommendReport, Refusal, Rerank, RulesExplain, SearchOptions, StageTime,
};
pub use ranker::{
    Cross, FeatureOrigin, Operand, Ranker, RankerFeature, RankerGolden, RankerSource, RankerSpec, TextBuckets, TextCode, TextVocab,
};
pub use torre_features::row;
/// Why storage failed; what [`Error::Storage`] carries.
pub use torre_storage::Error as StorageError;
pub use torre_storage::Foreign;
pub use tower::TowerPair;
pub use tower_report::TowerReport;
pub use tower_source::TowerSource;
pub use types::{DEFAULT_RECALL, ItemId, MAX_ID_BYTES, Refine};
pub use vector::Matrix;

// The README's example is compiled and run as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

// So are those of the page on ranking.
#[cfg(doctest)]
#[doc = include_str!("../docs/ranking.md")]
struct Ranking;

// And the examples of the page on filters.
#[cfg(doctest)]
#[doc = include_str!("../docs/filters.md")]
struct Filters;
