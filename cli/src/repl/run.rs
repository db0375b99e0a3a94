//! Commands, carried out.

use serde::Serialize;
use serde_json::{Value as Json, json};

use super::command::{Build, Command, Count, Delete, Facets, Get, Import, Index, Patch, Put, Recommend};
use super::context::Context;
use super::failure::Failure;
use super::output::{Layout, Output, Record, count, grouped, rounded, short, to_json};
use super::values::RowArg;
use super::{create, eval, everyone, import, list, policy, query, ranker, recall, schema};
use torre::Item;
use torre::Metric;
use torre::Progress;
use torre::filter::Params;
use torre::{BuildOptions, Collection};

/// Carries out one command.
pub(crate) fn run(command: &Command, context: &Context<'_>) -> Result<Output, Failure> {
    match command {
        Command::Recommend(args) => recommend(&context.open()?, args, context.progress),
        Command::Similar(args) => query::similar(&context.open()?, args),
        Command::Search(args) => query::search(&context.open()?, args),
        Command::Get(args) => get(&context.open()?, args),
        Command::Put(args) => put(&context.open()?, args),
        Command::Patch(args) => patch(&context.open()?, args, context.progress),
        Command::Delete(args) => delete(&context.open()?, args, context.progress),
        Command::Count(args) => number(&context.open()?, args),
        Command::Facets(args) => facets(&context.open()?, args),
        Command::List(action) => list::run(&context.open()?, action),
        Command::Index(args) => index(&context.open()?, args, context.progress),
        Command::Import(args) => import::run(&context.open()?, args, context.progress),
        Command::Build(args) => build(&context.open()?, args, context.progress),
        Command::Compact => compact(&context.open()?, context.progress),
        Command::Eval(args) => eval::run(&context.open()?, args, context.progress),
        Command::Recall(args) => recall::run(&context.open()?, args, context.progress),
        Command::Stats => stats(context),
        Command::Schema => Ok(schema::describe(&context.open()?)),
        Command::Ranker(action) => ranker::run(&context.open()?, action),
        Command::Policy(action) => policy::run(&context.open()?, action),
        Command::Create(args) => create::run(context, args),
    }
}

fn recommend(collection: &Collection, args: &Recommend, progress: &dyn Progress) -> Result<Output, Failure> {
    let everyone = everyone::run(collection, &args.audience, &args.options, progress);
    everyone.unwrap_or_else(|| query::recommend(collection, args))
}

fn get(collection: &Collection, args: &Get) -> Result<Output, Failure> {
    let mut items = Vec::with_capacity(args.ids.len());
    for id in &args.ids {
        let item = collection.get(id)?.ok_or_else(|| Failure::from(torre::Error::UnknownItem { id: id.clone() }))?;
        let mut record: Record = vec![("id".to_owned(), Json::from(item.id().as_str()))];
        record.extend(item.row().iter().filter(|(name, _)| *name != "id").map(|(name, value)| (name.to_owned(), value.to_json())));
        if args.vector {
            record.push(("vector".to_owned(), item.vector().unwrap_or_default().iter().map(|&x| short(x)).collect()));
        }
        items.push(record);
    }
    let mut notes = Vec::new();
    let normalised = args.vector && collection.metric() == Metric::Cosine;
    let object = |record: &Record| {
        let mut object: serde_json::Map<String, Json> = record.iter().cloned().collect();
        if normalised {
            // A field of the item's own of this name is the item's.
            object.entry("normalised").or_insert(Json::Bool(true));
        }
        Json::Object(object)
    };
    if normalised {
        notes.push("vectors are shown as they are stored: brought to length 1, as the metric cosine asks".to_owned());
    }
    let objects: Vec<Json> = items.iter().map(object).collect();
    let json = if let [one] = &objects[..] { to_json(one) } else { to_json(&objects) };
    let layout = if items.len() == 1 { Layout::Card } else { Layout::Table };
    Ok(Output { json, parts: objects.iter().map(to_json).collect(), records: items, layout, notes })
}

fn put(collection: &Collection, args: &Put) -> Result<Output, Failure> {
    let items = args.rows.iter().map(|row| Item::from_row(row.0.clone())).collect::<Result<Vec<_>, _>>()?;
    let changes = collection.upsert_many(items)?;
    let result = json!({"inserted": changes.inserted, "updated": changes.updated});
    Ok(Output::note(&result, format!("{} inserted, {} updated", grouped(changes.inserted), grouped(changes.updated))))
}

fn patch(collection: &Collection, args: &Patch, progress: &dyn Progress) -> Result<Output, Failure> {
    if !args.file.is_empty() {
        return import::run(collection, &Import::patching(&args.file, args.batch), progress);
    }
    let row = |text: &String| text.parse::<RowArg>().map(|row| row.0).map_err(Failure::usage);
    let items = match args.what.as_slice() {
        [id, changes] if !id.trim_start().starts_with('{') => vec![Item::new(id.as_str())?.with_row(row(changes)?)],
        rows => rows.iter().map(|text| Ok(Item::from_row(row(text)?)?)).collect::<Result<Vec<_>, Failure>>()?,
    };
    let changes = collection.patch_many(items)?;
    let updated = changes.updated + changes.patched;
    Ok(Output::note(&json!({"updated": updated}), format!("{} updated", grouped(updated))))
}

fn delete(collection: &Collection, args: &Delete, progress: &dyn Progress) -> Result<Output, Failure> {
    if let Some(filter) = &args.filter {
        let deleted = collection.delete_where(filter, &Params::new(), progress)?;
        return Ok(Output::note(&json!({"deleted": deleted, "not_found": 0}), format!("{} deleted", grouped(deleted))));
    }
    let deleted = collection.delete(&args.ids)?;
    let missing = args.ids.len() as u64 - deleted.min(args.ids.len() as u64);
    let note = match missing {
        0 => format!("{} deleted", grouped(deleted)),
        _ => format!("{} deleted, {} not found", grouped(deleted), grouped(missing)),
    };
    Ok(Output::note(&json!({"deleted": deleted, "not_found": missing}), note))
}

fn number(collection: &Collection, args: &Count) -> Result<Output, Failure> {
    let items = match &args.filter {
        Some(filter) => collection.count(filter, &Params::new())?,
        None => collection.len(),
    };
    Ok(Output::note(&json!({"items": items}), count(items, "item")))
}

fn facets(collection: &Collection, args: &Facets) -> Result<Output, Failure> {
    let mut query = collection.facets(args.fields.iter().map(String::as_str)).most(args.most);
    if let Some(filter) = &args.filter {
        query = query.filter(filter.clone());
    }
    let facets = query.run()?;
    let (mut records, mut notes) = (Vec::new(), Vec::new());
    for facet in &facets {
        records.extend(facet.values.iter().map(|value| -> Record {
            vec![
                ("field".to_owned(), Json::from(facet.field.as_str())),
                ("value".to_owned(), value.value.to_json()),
                ("items".to_owned(), Json::from(value.items)),
            ]
        }));
        if facet.more > 0 {
            notes.push(format!("{}: {} more", facet.field, count(facet.more, "value")));
        }
        if facet.null > 0 {
            notes.push(format!("{}: {} without a value", facet.field, count(facet.null, "item")));
        }
    }
    Ok(Output { json: to_json(&facets), parts: facets.iter().map(to_json).collect(), records, layout: Layout::Table, notes })
}

fn index(collection: &Collection, args: &Index, progress: &dyn Progress) -> Result<Output, Failure> {
    let field = &args.field;
    if args.drop {
        collection.drop_index(field)?;
        return Ok(Output::note(&json!({"field": field, "indexed": false}), format!("the field {field:?} is not indexed")));
    }
    collection.add_index(field, progress)?;
    Ok(Output::note(&json!({"field": field, "indexed": true}), format!("the field {field:?} is indexed")))
}

fn build(collection: &Collection, args: &Build, progress: &dyn Progress) -> Result<Output, Failure> {
    let mut options = BuildOptions::default();
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
    if let Some(eta) = args.eta {
        options = options.eta(eta);
    }
    if let Some(megabytes) = args.memory {
        options = options.memory(megabytes.saturating_mul(1 << 20));
    }
    if let Some(file) = &args.users {
        options = options.queries(recall::queries_of(collection, file, usize::MAX)?);
    }
    let built = collection.build(&options, progress)?;
    let mut output = Output::card(&built);
    output.records = vec![vec![
        ("rows".to_owned(), Json::from(grouped(built.rows))),
        ("lists".to_owned(), Json::from(built.lists)),
        ("bytes of a code (m)".to_owned(), Json::from(built.m)),
        ("bytes per row in memory".to_owned(), Json::from(rounded(built.bytes_per_row, 1))),
        ("quantization error".to_owned(), Json::from(rounded(built.quantization_error, 4))),
        ("refine vectors".to_owned(), Json::from(built.refine.name())),
        ("generation".to_owned(), Json::from(built.generation)),
        ("seconds".to_owned(), Json::from(format!("{:.3}", built.elapsed.as_secs_f64()))),
    ]];
    if let Some(expected) = built.expected_recall {
        output.records[0].push(("expected recall".to_owned(), Json::from(rounded(f64::from(expected), 3))));
    }
    output.notes.extend(query::out_of_reach(built.expected_recall, built.refine.name()));
    Ok(output)
}

fn compact(collection: &Collection, progress: &dyn Progress) -> Result<Output, Failure> {
    let dropped = collection.compact(progress)?;
    let rows = collection.len();
    let note = format!("{} kept, {} dropped for good", count(rows, "row"), count(dropped, "deleted row"));
    Ok(Output::note(&json!({"rows": rows, "dropped": dropped}), note))
}

fn stats(context: &Context<'_>) -> Result<Output, Failure> {
    #[derive(Serialize)]
    struct Named<S: Serialize> {
        collection: String,
        #[serde(flatten)]
        stats: S,
    }
    let collection = context.open()?;
    let stats = collection.stats()?;
    let warning = query::out_of_reach(stats.expected_recall, stats.refine_kind.unwrap_or(stats.refine));
    let mut output = Output::card(&Named { collection: collection.name().to_owned(), stats });
    output.notes.extend(warning);
    for (_, value) in output.records.iter_mut().flatten() {
        if let Some(number) = value.as_f64().filter(|_| value.is_f64()) {
            *value = Json::from(rounded(number, if number < 1.0 { 4 } else { 1 }));
        }
    }
    Ok(output)
}
