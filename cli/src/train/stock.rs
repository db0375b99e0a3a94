//! Items into a collection, which has its name once it can serve.

use torre::{BuildOptions, Built, Collection, CollectionOptions, Database, Error, Item, Progress, Row, TowerPair};
use torre_train::Joined;

use crate::repl::Failure;

/// Rows of one commit.
const BATCH: usize = 4000;

/// A collection that is made under another name, and takes its own in one commit. Whatever ends it before, no half of a collection is left that
/// looks like a whole one: what an error leaves is dropped with this, what a kill leaves by the next run.
pub(super) struct Stock<'a> {
    database: &'a Database,
    name: &'a str,
    making: String,
    collection: Collection,
    serves: bool,
}

impl<'a> Stock<'a> {
    pub(super) fn begin(database: &'a Database, name: &'a str, pair: &TowerPair) -> Result<Self, Failure> {
        let making = making(name);
        if database.contains_collection(&making) {
            database.drop_collection(&making)?;
        }
        let collection = database.create_collection(&making, CollectionOptions::towers(pair).lenient(true))?;
        Ok(Self { database, name, making, collection, serves: false })
    }

    pub(super) fn import(&self, joined: &Joined, progress: &dyn Progress) -> Result<(), Failure> {
        import(&self.collection, joined, progress).map_err(go_on)
    }

    pub(super) fn build(&self, progress: &dyn Progress) -> Result<Built, Failure> {
        self.collection.build(&BuildOptions::default(), progress).map_err(|error| go_on(error.into()))
    }

    /// Gives the collection its name.
    pub(super) fn serve(mut self) -> Result<Collection, Failure> {
        self.database.rename_collections([(self.making.as_str(), self.name)]).map_err(|error| go_on(error.into()))?;
        self.serves = true;
        Ok(self.database.collection(self.name)?)
    }
}

impl Drop for Stock<'_> {
    fn drop(&mut self) {
        if !self.serves {
            // What ended it is told already; the next run tries again to remove this.
            drop(self.database.drop_collection(&self.making));
        }
    }
}

/// What a collection is called until it can serve.
pub(crate) fn making(name: &str) -> String {
    format!("{name}.making")
}

fn go_on(failure: Failure) -> Failure {
    Failure::new(format!("{failure}; the towers are trained and saved: the same command with --resume goes on from there"))
}

pub(super) fn import(collection: &Collection, joined: &Joined, progress: &dyn Progress) -> Result<(), Failure> {
    let importing = collection.begin_import();
    let all = joined.item_ids.len() as u64;
    let rows: Vec<(&String, &Row)> = joined.item_ids.iter().zip(&joined.item_rows).collect();
    for (at, rows) in rows.chunks(BATCH).enumerate() {
        let items = rows.iter().map(|(id, row)| Ok(Item::new(id.as_str())?.with_row((*row).clone())));
        collection.upsert_many(items.collect::<Result<Vec<Item>, Error>>()?)?;
        progress.update(torre::Stage::Import, (at * BATCH + rows.len()) as u64, Some(all));
        if progress.cancelled() {
            return Err(Error::Interrupted.into());
        }
    }
    drop(importing);
    Ok(())
}
