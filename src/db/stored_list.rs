//! Stored lists of ids: what a user has seen, what is blocked.

use std::time::Duration;

use serde::Serialize;

use crate::db::Collection;
use crate::error::{Error, Result};
use crate::ingest::Op;
use crate::segment::{Changed, ListChange, MOST_LIST_KEEP, unix_second};
use crate::types::ItemId;

/// Longest name of a stored list, in bytes of UTF-8.
pub const MAX_LIST_NAME_BYTES: usize = 512;

/// A stored list of ids of a collection, by name; see [`Collection::list`].
///
/// ```
/// # use torre::{CollectionOptions, Database, Item, Metric};
/// # let items = Database::in_memory()?.create_collection("items", CollectionOptions::vectors(2, Metric::Cosine))?;
/// # items.upsert_many([Item::new("a")?.with_vector([1.0, 0.0]), Item::new("b")?.with_vector([0.0, 1.0])])?;
/// let seen = items.list("seen:u42");
/// assert_eq!(seen.add(["a", "gone"])?, 2);
/// let answer = items.search(&[1.0, 0.0]).exclude_list("seen:u42").run()?;
/// assert_eq!(answer.ids().collect::<Vec<_>>(), ["b"]);
/// seen.expire_in(std::time::Duration::from_secs(30 * 86_400))?;
/// assert_eq!((seen.ids(), seen.contains("b")), (vec!["a".to_owned(), "gone".to_owned()], false));
/// # Ok::<(), torre::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct StoredList<'c> {
    collection: &'c Collection,
    name: String,
}

/// A stored list in numbers.
///
/// ```
/// # use torre::{CollectionOptions, Database, Metric};
/// # let items = Database::in_memory()?.create_collection("items", CollectionOptions::vectors(2, Metric::Cosine))?;
/// items.list("seen:u1").add(["a"])?;
/// items.list("blocked").add(["b", "c"])?;
/// let lists = items.lists("", usize::MAX);
/// assert_eq!(lists.iter().map(|list| (list.name.as_str(), list.ids)).collect::<Vec<_>>(), [("blocked", 2), ("seen:u1", 1)]);
/// # Ok::<(), torre::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[non_exhaustive]
pub struct ListInfo {
    /// Its name.
    pub name: String,
    /// How many ids are on it.
    pub ids: u64,
    /// How many it keeps.
    pub keep: u32,
    /// The unix second at which it goes; `None` for never.
    pub expires: Option<u64>,
}

impl Collection {
    /// The stored list of a name, of 1 to 512 bytes. There need not be one yet: the first id makes it. Lists are the collection's and durable
    /// like its rows; an id may be on one whether there is such an item or not. In memory an entry takes 4 bytes, and each id that is on any list some
    /// 60 and its text once ([`Stats::lists`](crate::Stats::lists)).
    ///
    /// Queries leave its items out ([`Query::exclude_list`](crate::Query::exclude_list)), filters ask for it: `NOT IN LIST 'seen:u42'`.
    pub fn list(&self, name: impl Into<String>) -> StoredList<'_> {
        StoredList { collection: self, name: name.into() }
    }

    /// The stored lists whose names begin with `prefix`, in the order of their names, at most `limit`.
    #[must_use]
    pub fn lists(&self, prefix: &str, limit: usize) -> Vec<ListInfo> {
        let lists = &self.core.shared.lists;
        let info = |name: &std::sync::Arc<str>| {
            let (ids, keep, expires) = lists.shape(name)?;
            Some(ListInfo { name: name.to_string(), ids: ids as u64, keep, expires })
        };
        lists.names(prefix, limit).iter().filter_map(info).collect()
    }
}

impl StoredList<'_> {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Puts ids on the list, the last of them newest; those that are on it become newest too. Durable on return, and the next query knows it. Returns
    /// how many were not on it.
    ///
    /// # Errors
    /// [`Error::InvalidId`], [`Error::InvalidOption`] for a name that no list can have, with nothing changed; storage errors.
    pub fn add<I: Into<String>>(&self, ids: impl IntoIterator<Item = I>) -> Result<u64> {
        let ids = ids.into_iter().map(|id| Ok(ItemId::new(id)?.as_str().into())).collect::<Result<Vec<Box<str>>>>()?;
        self.change(Changed::Add(ids))
    }

    /// Takes ids off the list; those that are not on it are ignored. Durable on return. Returns how many were on it.
    ///
    /// # Errors
    /// As [`StoredList::add`].
    pub fn remove<I: AsRef<str>>(&self, ids: impl IntoIterator<Item = I>) -> Result<u64> {
        self.change(Changed::Remove(ids.into_iter().map(|id| id.as_ref().into()).collect()))
    }

    /// Whether an id is on the list.
    #[must_use]
    pub fn contains(&self, id: &str) -> bool {
        self.collection.core.shared.lists.contains(&self.name, id)
    }

    /// How many ids are on the list; 0 where there is none.
    #[must_use]
    pub fn len(&self) -> usize {
        self.collection.core.shared.lists.len(&self.name).unwrap_or(0)
    }

    /// Whether no ids are on the list.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The ids on the list, oldest first.
    #[must_use]
    pub fn ids(&self) -> Vec<String> {
        let state = self.collection.core.shared.lists.get(&self.name);
        state.map_or(Vec::new(), |state| state.ids.into_iter().map(String::from).collect())
    }

    /// Bounds the list: of more ids the oldest go, now and later (100,000). Durable on return. Returns how many went now.
    ///
    /// # Errors
    /// [`Error::InvalidOption`] for 0 and for more than 10,000,000; as [`StoredList::add`].
    pub fn keep(&self, most: u32) -> Result<u64> {
        if !(1..=MOST_LIST_KEEP).contains(&most) {
            let expected = format!("1 to {MOST_LIST_KEEP} ids");
            return Err(Error::InvalidOption { option: "keep", given: most.to_string(), expected });
        }
        self.change(Changed::Keep(most))
    }

    /// Lets the list go after so long a time, to the second; a later call takes the place of an earlier one. What is added until then does not
    /// change it. Durable on return.
    ///
    /// # Errors
    /// As [`StoredList::add`].
    pub fn expire_in(&self, time: Duration) -> Result<()> {
        self.change(Changed::Expire(Some(unix_second().saturating_add(time.as_secs())))).map(drop)
    }

    /// Lets the list stay until it is dropped. Durable on return.
    ///
    /// # Errors
    /// As [`StoredList::add`].
    pub fn expire_never(&self) -> Result<()> {
        self.change(Changed::Expire(None)).map(drop)
    }

    /// Removes the list. Durable on return. Returns how many ids were on it.
    ///
    /// # Errors
    /// As [`StoredList::add`].
    pub fn drop(&self) -> Result<u64> {
        self.change(Changed::Drop)
    }

    fn change(&self, what: Changed) -> Result<u64> {
        check_name(&self.name)?;
        let change = Op::List(ListChange { list: self.name.as_str().into(), what });
        Ok(self.collection.put_as_stored(vec![change])?.listed)
    }
}

/// Refuses what cannot be a list's name.
pub(super) fn check_name(name: &str) -> Result<()> {
    if name.is_empty() || name.len() > MAX_LIST_NAME_BYTES {
        let expected = format!("1 to {MAX_LIST_NAME_BYTES} bytes of text");
        return Err(Error::InvalidOption { option: "list name", given: format!("{} bytes", name.len()), expected });
    }
    Ok(())
}
