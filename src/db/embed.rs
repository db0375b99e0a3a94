//! A collection with the vectors of other towers: what it holds is embedded again, into a new one beside it.

use std::time::{Duration, Instant};

use crate::db::{BuildOptions, Collection, CollectionOptions, Database, list_log};
use crate::error::{Error, Result};
use crate::ingest::{self, Item, Op};
use crate::model_error::ModelError;
use crate::progress::{Progress, Stage};
use crate::tower::TowerPair;

/// Rows of one commit.
const BATCH: usize = 4000;

/// What [`Database::embed_again`] made.
#[derive(Clone, PartialEq, Debug, Default, serde::Serialize)]
#[non_exhaustive]
pub struct EmbedReport {
    /// Rows embedded.
    pub rows: u64,
    /// Names of rankers that did not come along: they were trained with the scores of the old space.
    pub rankers_left: Vec<String>,
    /// Time taken.
    #[serde(rename = "seconds", serialize_with = "super::options::seconds")]
    pub elapsed: Duration,
}

impl Database {
    /// Makes the collection `to` of what `from` holds, with vectors by other towers: its rows, its fields and their indexes, its stored lists,
    /// policies and rankers (but for those that say that they are of the old space). An index that was trained is trained. The first collection
    /// stays as it is, and serves meanwhile; what is written to it meanwhile may not come along. Then [`Database::rename_collections`] lets the two
    /// change places.
    ///
    /// ```no_run
    /// use torre::{Database, NoProgress, TowerPair};
    ///
    /// let database = Database::open("shop")?;
    /// let towers = TowerPair::from_files("item.onnx", "user.onnx")?;
    /// database.embed_again("items", "items.next", &towers, &NoProgress)?;
    /// database.rename_collections([("items", "items.previous"), ("items.next", "items")])?;
    /// # Ok::<(), torre::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::UnknownCollection`], [`Error::CollectionExists`], errors of rows that the new towers do not take, [`Error::Interrupted`], storage
    /// errors. There is no collection `to` then, as long as the storage lets it be removed.
    pub fn embed_again(&self, from: &str, to: &str, towers: &TowerPair, progress: &dyn Progress) -> Result<EmbedReport> {
        let start = Instant::now();
        let source = self.collection(from)?;
        let snapshot = source.core.shared.read()?;
        let options =
            CollectionOptions { schema: source.schema(), index: snapshot.training.index.clone(), ..CollectionOptions::towers(towers) };
        let made = self.create_collection(to, options)?;
        let trained = snapshot.training.trained.is_some();
        drop(snapshot);
        let filled = fill(&source, &made, progress).and_then(|rankers_left| {
            if trained && !made.is_empty() {
                made.build(&BuildOptions::default(), progress)?;
            }
            Ok(EmbedReport { rows: made.len(), rankers_left, elapsed: start.elapsed() })
        });
        if filled.is_err() {
            drop(made);
            // What went wrong is told; what is left behind has another name.
            if let Err(error) = self.drop_collection(to) {
                tracing::warn!(collection = to, %error, "a collection that was not finished is still there");
            }
        }
        filled
    }
}

/// Copies rows, lists, policies and rankers; the names of rankers that cannot come along.
fn fill(source: &Collection, made: &Collection, progress: &dyn Progress) -> Result<Vec<String>> {
    let importing = made.begin_import();
    let total = source.len();
    let mut batch = Vec::with_capacity(BATCH);
    let put = |batch: &mut Vec<Item>| {
        made.upsert_many(std::mem::take(batch))?;
        progress.update(Stage::Import, made.len(), Some(total));
        if progress.cancelled() { Err(Error::Interrupted) } else { Ok(()) }
    };
    for item in source.items() {
        batch.push(Item { vector: None, ..item? });
        if batch.len() == BATCH {
            put(&mut batch)?;
        }
    }
    put(&mut batch)?;
    drop(importing);
    for changes in list_log::batches(&list_log::all(&source.core.shared.lists)) {
        made.put_as_stored(changes.iter().cloned().map(Op::List).collect())?;
    }
    for (name, _) in source.policies() {
        let (policy, version) = source.policy(&name)?;
        made.put_policy(&name, &policy, Some(version))?;
    }
    let (shared, metas) = (&source.core.shared, source.core.writer.lock().manifest.rankers.clone());
    let mut left = Vec::new();
    for meta in metas {
        match made.attach_ranker(&meta.name, &ingest::read_ranker(&shared.storage, shared.id, &meta)?) {
            Err(Error::Model(ModelError::RankerSpace { .. })) => left.push(meta.name),
            attached => attached?,
        }
    }
    Ok(left)
}
