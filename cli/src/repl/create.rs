//! `create`: a collection with towers, or of the caller's own vectors.

use serde_json::json;

use super::command::Create;
use super::context::Context;
use super::failure::Failure;
use super::output::Output;
use torre::Metric;
use torre::{CollectionOptions, TowerPair, TowerSource};

/// What the collection will be; towers are read and checked.
pub(crate) fn options(args: &Create) -> Result<CollectionOptions, Failure> {
    let mut options = base(args)?.lenient(args.lenient);
    for field in &args.field {
        options = options.field(field.clone())?;
    }
    if let Some(m) = args.index.m {
        options = options.m(m);
    }
    if let Some(lists) = args.index.lists {
        options = options.lists(lists);
    }
    if let Some(refine) = args.index.refine {
        options = options.refine(refine);
    }
    if let Some(seed) = args.index.seed {
        options = options.seed(seed);
    }
    options.check()?;
    Ok(options)
}

pub(super) fn run(context: &Context<'_>, args: &Create) -> Result<Output, Failure> {
    create(context, args.name.as_deref(), options(args)?)
}

pub(crate) fn create(context: &Context<'_>, name: Option<&str>, options: CollectionOptions) -> Result<Output, Failure> {
    let name = name.unwrap_or(context.collection);
    let collection = context.database.create_collection(name, options)?;
    let (dim, metric, generation) = (collection.dim(), collection.metric(), collection.stats()?.generation);
    let result = json!({"collection": name, "dim": dim, "metric": metric.name(), "generation": generation});
    Ok(Output::note(&result, format!("collection {name} created: vectors of length {dim}, metric {metric}")))
}

fn base(args: &Create) -> Result<CollectionOptions, Failure> {
    let source = |file: &std::path::Path, spec: Option<&std::path::Path>| -> Result<TowerSource, Failure> {
        let source = TowerSource::from_file(file)?;
        let Some(path) = spec else { return Ok(source) };
        let text = std::fs::read_to_string(path).map_err(|source| torre::Error::Io { path: path.to_owned(), source })?;
        Ok(source.with_spec(text))
    };
    match (&args.item, &args.user) {
        (Some(item), Some(user)) => {
            let pair = TowerPair::new(source(item, args.item_spec.as_deref())?, source(user, args.user_spec.as_deref())?)?;
            Ok(CollectionOptions::towers(&pair))
        }
        _ => {
            let dim = args.dim.ok_or_else(|| Failure::usage("say what the collection holds: --item FILE --user FILE, or --dim NUMBERS"))?;
            Ok(CollectionOptions::vectors(dim, args.metric.unwrap_or(Metric::InnerProduct)))
        }
    }
}
