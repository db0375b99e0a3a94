//! Rows that a query leaves out, as places of the snapshot.

use crate::error::{Error, Result};
use crate::query::options::SearchOptions;
use crate::query::source::Source;
use crate::segment::{Place, Shared, Snapshot};

/// What the queries of a batch leave out besides what all of them do: nothing, or something for each.
#[derive(Clone, Default, Debug)]
pub(crate) struct ExcludeEach {
    pub(crate) ids: Vec<Vec<String>>,
    /// Names of stored lists.
    pub(crate) lists: Vec<Vec<String>>,
}

impl ExcludeEach {
    /// Refuses what is for another number of queries than there are.
    pub(crate) fn check(&self, queries: usize) -> Result<()> {
        for (option, given, what) in [("exclude_each", self.ids.len(), "ids"), ("exclude_list_each", self.lists.len(), "names")] {
            if given != 0 && given != queries {
                let (given, expected) = (format!("{given} lists of {what}"), format!("one for each of {queries} queries"));
                return Err(Error::InvalidOption { option, given, expected });
            }
        }
        Ok(())
    }

    fn is_none(&self) -> bool {
        self.ids.is_empty() && self.lists.is_empty()
    }
}

/// The places that each query leaves out, ascending; one list for all where no query has its own.
#[derive(Debug)]
pub(crate) struct Excluded(Vec<Vec<Place>>);

impl Excluded {
    /// What the options say holds for every query, `each` for one; an item is never near itself. Ids that are not in the snapshot leave nothing out,
    /// nor do lists that there are not.
    pub(crate) fn new(shared: &Shared, snapshot: &Snapshot, sources: &[Source<'_>], options: &SearchOptions, each: &ExcludeEach) -> Self {
        let mut all = Vec::new();
        snapshot.locate_all(&options.exclude, &mut all);
        options.exclude_lists.iter().for_each(|list| shared.lists.places(snapshot, list, &mut all));
        if each.is_none() && sources.iter().all(|source| source.item().is_none()) {
            return Self(vec![ascending(snapshot, all)]);
        }
        let own = |(query, source): (usize, &Source<'_>)| {
            let mut places = all.clone();
            snapshot.locate_all(each.ids.get(query).map_or(&[][..], Vec::as_slice), &mut places);
            each.lists.get(query).into_iter().flatten().for_each(|list| shared.lists.places(snapshot, list, &mut places));
            places.extend(source.item().and_then(|id| snapshot.locate(id)));
            ascending(snapshot, places)
        };
        Self(sources.iter().enumerate().map(own).collect())
    }

    /// What one query leaves out, as that of a query by itself.
    pub(crate) fn only(&self, query: usize) -> Self {
        Self(vec![self.of(query).to_vec()])
    }

    /// What query number `query` leaves out.
    pub(crate) fn of(&self, query: usize) -> &[Place] {
        self.0.get(query).or_else(|| self.0.first()).map_or(&[], Vec::as_slice)
    }
}

/// From so many places on a bit for every row of the snapshot is faster than sorting, as long as a place has no more than so many words of bits.
const MANY: usize = 256;
const WORDS: usize = 16;

/// The places ascending, each once.
fn ascending(snapshot: &Snapshot, mut places: Vec<Place>) -> Vec<Place> {
    let mut starts = Vec::new();
    let mut words = 0;
    if places.len() >= MANY {
        for table in snapshot.tables() {
            starts.push(words);
            words += table.len().div_ceil(64);
        }
    }
    if starts.is_empty() || words > places.len() * WORDS {
        places.sort_unstable();
        places.dedup();
        return places;
    }
    let mut bits = vec![0u64; words];
    for &(part, position) in &places {
        if let Some(word) = starts.get(part as usize).and_then(|start| bits.get_mut(start + position as usize / 64)) {
            *word |= 1 << (position % 64);
        }
    }
    places.clear();
    for (part, &start) in starts.iter().enumerate() {
        let end = starts.get(part + 1).copied().unwrap_or(words);
        for (block, &word) in bits.get(start..end).unwrap_or_default().iter().enumerate() {
            let mut word = word;
            while word != 0 {
                places.push((part as u32, (block * 64) as u32 + word.trailing_zeros()));
                word &= word - 1;
            }
        }
    }
    places
}
