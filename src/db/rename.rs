//! Names of collections: changed in one commit, so that a name goes from one collection to another at once.

use std::collections::BTreeSet;

use torre_storage::{Batch, codec};

use crate::db::Database;
use crate::db::database::Known;
use crate::error::{Error, Result};
use crate::segment::Settings;

impl Database {
    /// Gives collections other names, all of them in one commit: `from` becomes `to`. A name that one of them gives up can be taken by another, so
    /// that two can change places. Durable on return, whatever the durability; after a crash all have their new names or none has.
    ///
    /// Handles stay with the collection that they were opened for; [`Database::collection`] gives the one that has the name now.
    ///
    /// ```
    /// use torre::{CollectionOptions, Database, Item, Metric};
    ///
    /// let database = Database::in_memory()?;
    /// let options = CollectionOptions::vectors(1, Metric::InnerProduct);
    /// let served = database.create_collection("items", options.clone())?;
    /// database.create_collection("better", options)?.upsert(Item::new("a")?.with_vector([1.0]))?;
    /// database.rename_collections([("items", "before"), ("better", "items")])?;
    /// assert_eq!(database.collections(), ["before", "items"]);
    /// assert_eq!((database.collection("items")?.len(), served.len()), (1, 0));
    /// # Ok::<(), torre::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::UnknownCollection`], [`Error::CollectionExists`] for a name that another collection keeps or that two would have,
    /// [`Error::InvalidOption`] for what cannot be a name or a collection that is given two; storage errors. Nothing has changed then.
    pub fn rename_collections<'n>(&self, renames: impl IntoIterator<Item = (&'n str, &'n str)>) -> Result<()> {
        let renames: Vec<(&str, &str)> = renames.into_iter().collect();
        renames.iter().try_for_each(|(_, to)| Self::check_name(to))?;
        let mut collections = self.inner.collections.lock();
        let mut names: BTreeSet<&str> = collections.keys().map(String::as_str).collect();
        for (at, (from, _)) in renames.iter().enumerate() {
            if renames[..at].iter().any(|(earlier, _)| earlier == from) {
                let expected = "one new name for each collection".to_owned();
                return Err(Error::InvalidOption { option: "collection name", given: format!("{from:?} twice"), expected });
            }
            if !names.remove(from) {
                return Err(Error::UnknownCollection { name: (*from).to_owned(), known: collections.keys().cloned().collect() });
            }
        }
        if let Some((_, to)) = renames.iter().find(|(_, to)| !names.insert(to)) {
            return Err(Error::CollectionExists { name: (*to).to_owned() });
        }
        self.commit_names(collections.iter().filter_map(|(name, known)| Some((known, to_of(&renames, name)?))).collect())?;
        let renamed: Vec<(&str, Option<Known>)> = renames.iter().map(|(from, to)| (*to, collections.remove(*from))).collect();
        for (to, mut known) in renamed.into_iter().filter_map(|(to, known)| Some((to, known?))) {
            to.clone_into(&mut known.settings.name);
            collections.insert(to.to_owned(), known);
        }
        Ok(())
    }

    /// Commits settings with new names. Whoever has a collection open writes settings of it under its writer lock, and sees its name there.
    fn commit_names(&self, mut renamed: Vec<(&Known, &str)>) -> Result<()> {
        // In the order in which everybody takes several of these locks.
        renamed.sort_by_key(|(known, _)| known.id);
        let locked: Vec<_> = renamed.iter().map(|(known, _)| known.core.as_ref().map(|core| core.writer.lock())).collect();
        let mut batch = Batch::new();
        for (known, name) in &renamed {
            let settings = match &known.core {
                Some(core) => core.shared.settings_of(&*core.shared.read()?),
                None => known.settings.clone(),
            };
            batch.put_collection(known.id, &codec::encode(&Settings { name: (*name).to_owned(), ..settings })?);
        }
        self.inner.storage.commit(batch)?;
        // Acknowledged is durable: whoever switches to another collection may drop the first one next.
        self.inner.storage.flush()?;
        renamed.iter().filter_map(|(known, name)| Some((known.core.as_ref()?, name))).for_each(|(core, name)| core.shared.set_name(name));
        drop(locked);
        Ok(())
    }
}

fn to_of<'n>(renames: &[(&str, &'n str)], name: &str) -> Option<&'n str> {
    renames.iter().find(|(from, _)| *from == name).map(|(_, to)| *to)
}
