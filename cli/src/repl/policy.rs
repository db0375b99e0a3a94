//! `policy`: setting, showing, listing and dropping named rules.

use serde_json::{Value as Json, json};

use super::failure::Failure;
use super::output::{Layout, Output, Record, count, to_json};
use super::rules::{PolicyCommand, SetPolicy};
use torre::Collection;
use torre::rules::Policy;

pub(super) fn run(collection: &Collection, action: &PolicyCommand) -> Result<Output, Failure> {
    match action {
        PolicyCommand::Set(args) => set(collection, args),
        PolicyCommand::Show(args) => show(collection, &args.name),
        PolicyCommand::List => list(collection),
        PolicyCommand::Drop(args) => drop(collection, &args.name),
    }
}

fn set(collection: &Collection, args: &SetPolicy) -> Result<Output, Failure> {
    let policy = args.policy();
    let version = collection.set_policy(&args.name, &policy)?;
    let note = format!("policy {} set: version {version}, {}", args.name, count(rules(&policy).len() as u64, "rule"));
    Ok(Output::note(&json!({"policy": args.name, "version": version}), note))
}

fn show(collection: &Collection, name: &str) -> Result<Output, Failure> {
    let (policy, version) = collection.policy(name)?;
    let records: Vec<Record> = rules(&policy)
        .into_iter()
        .map(|(kind, rule)| vec![("rule".to_owned(), Json::from(kind)), ("what".to_owned(), Json::from(rule))])
        .collect();
    let json = json!({"policy": name, "version": version, "rules": policy});
    let notes = vec![format!("policy {name}, version {version}")];
    Ok(Output { json: to_json(&json), parts: Vec::new(), records, layout: Layout::Table, notes })
}

fn list(collection: &Collection) -> Result<Output, Failure> {
    let mut records: Vec<Record> = Vec::new();
    for (name, version) in collection.policies() {
        let (policy, _) = collection.policy(&name)?;
        records.push(vec![
            ("policy".to_owned(), Json::from(name)),
            ("version".to_owned(), Json::from(version)),
            ("rules".to_owned(), Json::from(rules(&policy).len())),
        ]);
    }
    let objects: Vec<Json> = records.iter().map(|record| Json::Object(record.iter().cloned().collect())).collect();
    let notes = if records.is_empty() { vec!["no policies; `policy set` adds one".to_owned()] } else { Vec::new() };
    Ok(Output { json: to_json(&objects), parts: objects.iter().map(to_json).collect(), records, layout: Layout::Table, notes })
}

fn drop(collection: &Collection, name: &str) -> Result<Output, Failure> {
    collection.drop_policy(name)?;
    Ok(Output::note(&json!({"dropped": name}), format!("policy {name} dropped")))
}

/// The rules in the order in which they take effect, each with its kind.
fn rules(policy: &Policy) -> Vec<(&'static str, String)> {
    let mut all: Vec<(&str, String)> = policy.require.iter().map(|filter| ("require", filter.to_string())).collect();
    all.extend(policy.forbid.iter().map(|filter| ("forbid", filter.to_string())));
    all.extend(policy.boost.iter().map(|formula| ("boost", formula.to_string())));
    all.extend(policy.bury.iter().map(|condition| ("bury", condition.to_string())));
    all.extend(policy.max_per.iter().map(|limit| ("max_per", format!("{} of each {}", limit.most, limit.field))));
    all.extend(policy.pin.iter().map(|pin| ("pin", format!("{} at {}", pin.id, pin.position))));
    all
}
