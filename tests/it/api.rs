//! What an application counts on when it shares Torre between its threads.

use std::fmt::Debug;

use torre::{
    Answer, BuildOptions, Collection, CollectionOptions, Database, DatabaseBuilder, Error, FeatureSpec, Hit, Import, Item, ItemId, Items,
    Metric, Query, QueryBatch, Row, Schema, Stats, StorageError, Value,
};

fn shared<T: Send + Sync + Debug + 'static>() {}
fn sent<T: Send>() {}

/// Compiles or does not.
#[test]
fn handles_and_values_go_between_threads() {
    shared::<Database>();
    shared::<DatabaseBuilder>();
    shared::<Collection>();
    shared::<CollectionOptions>();
    shared::<BuildOptions>();
    shared::<Item>();
    shared::<ItemId>();
    shared::<Row>();
    shared::<Value>();
    shared::<Schema>();
    shared::<FeatureSpec>();
    shared::<Answer>();
    shared::<Hit>();
    shared::<Stats>();
    shared::<Error>();
    shared::<StorageError>();
    #[cfg(feature = "onnx")]
    {
        shared::<torre::TowerPair>();
        shared::<torre::TowerSource>();
        shared::<torre::ModelError>();
    }
    sent::<Query<'static>>();
    sent::<QueryBatch<'static>>();
    sent::<Items<'static>>();
    sent::<Import<'static>>();
}

#[test]
fn a_collection_keeps_its_database_open() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("db");
    let items = Database::create(&path).unwrap().create_collection("items", CollectionOptions::vectors(1, Metric::InnerProduct)).unwrap();
    let clone = items.clone();
    items.upsert(Item::new("a").unwrap().with_vector([1.0])).unwrap();
    drop(items);
    // Another handle sees what this one did, and the directory is still taken.
    let error = Database::open(&path).unwrap_err();
    assert!(matches!(&error, Error::Storage(StorageError::InUse { .. } | StorageError::Held { .. })), "{error:?}");
    assert_eq!(clone.len(), 1);
    let said = format!("{clone:?}");
    assert!(said.contains("items") && said.contains("len: 1"), "{said}");
    drop(clone);
    let database = Database::open(&path).unwrap();
    assert_eq!(database.path(), Some(path.as_path()));
    assert!(format!("{database:?}").contains("items"));
    // Two handles to one collection are one collection.
    let (one, two) = (database.collection("items").unwrap(), database.clone().collection("items").unwrap());
    one.delete(["a"]).unwrap();
    assert!(two.is_empty());
}
