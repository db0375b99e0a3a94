//! `ranker`: attaching, listing and detaching second-stage models.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::{Value as Json, json};

use super::failure::Failure;
use super::output::{Layout, Output, Record, count, to_json};
use torre::{Collection, RankerSource};

/// What to do about rankers.
#[derive(Subcommand, Clone, Debug)]
pub(crate) enum Ranker {
    /// Check a ranker, replay its golden rows, and store it under a name
    Attach(AttachRanker),
    /// List the rankers with what they read
    List,
    /// Remove a ranker
    Detach(DetachRanker),
}

/// Which ranker, and how it is called.
#[derive(Args, Clone, Debug)]
pub(crate) struct AttachRanker {
    /// The ranker, an ONNX file
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Its name; a ranker that has it is replaced
    #[arg(long, value_name = "NAME", default_value = "default")]
    pub(crate) name: String,
    /// Its spec, where that is not in its file
    #[arg(long, value_name = "FILE")]
    pub(crate) spec: Option<PathBuf>,
}

/// Which ranker.
#[derive(Args, Clone, Debug)]
pub(crate) struct DetachRanker {
    /// The ranker's name
    #[arg(value_name = "NAME", default_value = "default")]
    pub(crate) name: String,
}

pub(super) fn run(collection: &Collection, action: &Ranker) -> Result<Output, Failure> {
    match action {
        Ranker::Attach(args) => attach(collection, args),
        Ranker::List => list(collection),
        Ranker::Detach(args) => detach(collection, args),
    }
}

fn attach(collection: &Collection, args: &AttachRanker) -> Result<Output, Failure> {
    let mut source = RankerSource::from_file(&args.file)?;
    if let Some(path) = &args.spec {
        source.spec = Some(std::fs::read_to_string(path).map_err(|source| torre::Error::Io { path: path.clone(), source })?);
    }
    let replaced = collection.rankers().contains(&args.name);
    collection.attach_ranker(&args.name, &source)?;
    let ranker = collection.ranker(&args.name)?;
    let (features, golden) = (ranker.spec().features().len() as u64, ranker.spec().golden().len() as u64);
    let result = json!({"ranker": args.name, "features": features, "golden_rows": golden, "replaced": replaced});
    let verb = if replaced { "replaced" } else { "attached" };
    let note = format!("ranker {} {verb}: {}, {} replayed", args.name, count(features, "feature"), count(golden, "golden row"));
    Ok(Output::note(&result, note))
}

fn list(collection: &Collection) -> Result<Output, Failure> {
    let mut records: Vec<Record> = Vec::new();
    for name in collection.rankers() {
        let ranker = collection.ranker(&name)?;
        let reads: Vec<String> = ranker.spec().features().iter().map(|feature| feature.from.to_string()).collect();
        records.push(vec![
            ("ranker".to_owned(), Json::from(name)),
            ("features".to_owned(), Json::from(reads.len())),
            ("reads".to_owned(), Json::from(reads.join(", "))),
        ]);
    }
    let objects: Vec<Json> = records.iter().map(|record| Json::Object(record.iter().cloned().collect())).collect();
    let notes = if records.is_empty() { vec!["no rankers; `ranker attach` adds one".to_owned()] } else { Vec::new() };
    Ok(Output { json: to_json(&objects), parts: objects.iter().map(to_json).collect(), records, layout: Layout::Table, notes })
}

fn detach(collection: &Collection, args: &DetachRanker) -> Result<Output, Failure> {
    collection.detach_ranker(&args.name)?;
    Ok(Output::note(&json!({"detached": args.name}), format!("ranker {} detached", args.name)))
}
