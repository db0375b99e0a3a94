//! Events, items and users put together: rows by number, each event with what was known of its user then.

use std::cmp::Reverse;
use std::collections::HashMap;

use torre_features::{FeatureSpec, Row, Value};
use torre_report::Histories;

use crate::cases::{Case, cases};
use crate::dataset::Dataset;
use crate::entities::Entities;
use crate::error::TrainError;
use crate::events::{Event, Events, Part};
use crate::infer::{Inferred, Kinds, SpecOptions, infer_item, infer_user};
use crate::read::{Log, Table, to_seconds};
use crate::split::Split;

/// Names of the column that says since when a row of a user holds, where users have several rows.
const SINCE: [&str; 6] = ["since", "as_of", "valid_from", "from", "time", "timestamp"];
/// Those of them that say it of a single row too.
const ALWAYS: usize = 3;

/// What was read.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Sources {
    /// Events.
    pub log: Log,
    /// Rows of items; without them an item is its id.
    pub items: Option<Table>,
    /// Rows of users; without them a user is what they chose. A user with several rows, of which a column says since when each holds, has at
    /// an event the last one of before.
    pub users: Option<Table>,
}

/// Rows and events by number, in the parts of a split.
#[derive(Clone, PartialEq, Debug)]
pub struct Joined {
    /// Ids of items: those of the rows, then those that have events alone.
    pub item_ids: Vec<String>,
    /// Their rows.
    pub item_rows: Vec<Row>,
    /// What their fields hold.
    pub item_kinds: Kinds,
    /// Ids of the users that have events.
    pub user_ids: Vec<String>,
    /// Their rows as far as they do not change, by number; then rows as of some time.
    pub profiles: Vec<Row>,
    /// What their fields hold.
    pub user_kinds: Kinds,
    /// The events, in the order of the log.
    pub events: Vec<Event>,
    /// Whether their times mean anything.
    pub timed: bool,
    /// What one has to know, a sentence each.
    pub notes: Vec<String>,
}

impl Joined {
    /// Puts the sources together. Where a spec is given its fields are read as it wants them.
    ///
    /// # Errors
    /// [`TrainError::Data`] where a split is of another log.
    pub fn new(sources: Sources, split: &Split, specs: Option<(&FeatureSpec, &FeatureSpec)>) -> Result<Self, TrainError> {
        let Sources { log, items, users } = sources;
        if split.parts.len() != log.events.len() {
            return Err(TrainError::Data(format!("a split of {} events, and {} events", split.parts.len(), log.events.len())));
        }
        let mut notes = Vec::new();
        let items = Items::new(&log, items, specs.map(|(item, _)| item), &mut notes);
        let users = Users::new(&log, users, specs.map(|(_, user)| user), &mut notes);
        let event = |(raw, part): (&crate::read::RawEvent, &Part)| Event {
            user: raw.user,
            item: items.number_of.get(raw.item as usize).copied().unwrap_or(raw.item),
            time: raw.time,
            weight: raw.weight,
            positive: raw.positive,
            profile: users.profile(raw.user, log.timed.then_some(raw.time)),
            part: *part,
        };
        let events = log.events.iter().zip(&split.parts).map(event).collect();
        Ok(Self {
            item_ids: items.ids,
            item_rows: items.rows,
            item_kinds: items.kinds,
            user_ids: log.users.iter().map(str::to_owned).collect(),
            profiles: users.profiles,
            user_kinds: users.kinds,
            events,
            timed: log.timed,
            notes,
        })
    }

    /// Infers both specs from the training part alone.
    #[must_use]
    pub fn infer(&self, options: &SpecOptions) -> (Inferred, Inferred) {
        let trained = || self.events.iter().filter(|event| event.part == Part::Train);
        let by_count = |numbers: &mut dyn Iterator<Item = u32>| {
            let mut counts: HashMap<u32, u32> = HashMap::new();
            numbers.for_each(|number| *counts.entry(number).or_default() += 1);
            let mut numbers: Vec<u32> = counts.keys().copied().collect();
            numbers.sort_unstable_by_key(|number| (Reverse(counts[number]), *number));
            numbers
        };
        let items = by_count(&mut trained().map(|event| event.item));
        let users = by_count(&mut trained().map(|event| event.user));
        let mut profiles = by_count(&mut trained().map(|event| event.profile));
        profiles.sort_unstable();
        let mut lengths = vec![0.0; self.user_ids.len()];
        trained().filter(|event| event.positive).for_each(|event| lengths[event.user as usize] += 1.0);
        lengths.retain(|length| *length > 0.0);
        let ids = |numbers: &[u32], of: &'_ [String]| numbers.iter().map(|&number| of[number as usize].clone()).collect::<Vec<String>>();
        let (item_ids, user_ids) = (ids(&items, &self.item_ids), ids(&users, &self.user_ids));
        let item_ids: Vec<&str> = item_ids.iter().map(String::as_str).collect();
        let user_ids: Vec<&str> = user_ids.iter().map(String::as_str).collect();
        let mut in_order = items;
        in_order.sort_unstable();
        let item_rows = in_order.iter().map(|&number| &self.item_rows[number as usize]);
        let profiles = profiles.iter().map(|&number| &self.profiles[number as usize]);
        let item = infer_item(options, &self.item_kinds, item_rows, &item_ids);
        let user = infer_user(options, &self.user_kinds, profiles, &user_ids, &item_ids, &lengths);
        (item, user)
    }

    /// Encodes rows by the specs, for training. `history` is the field of user rows that holds what they chose.
    ///
    /// # Errors
    /// As of [`Entities::encode`] and [`Dataset::new`].
    pub fn dataset(&self, item: FeatureSpec, user: FeatureSpec, history: &str) -> Result<Dataset, TrainError> {
        let item_rows = read_fields(&self.item_rows, &item);
        let mut profiles = read_fields(&self.profiles, &user);
        // What users chose is what the events say, whatever a row says of it.
        profiles.iter_mut().for_each(|profile| drop(profile.remove(history)));
        let items = Entities::encode(self.item_ids.clone(), item, &item_rows, false)?;
        let users = Entities::encode(self.user_ids.clone(), user, &profiles, false)?;
        let events = Events::new(self.events.clone(), self.timed, self.user_ids.len(), self.item_ids.len())?;
        let history = users.spec.reads(history).then_some(history);
        Dataset::new(items, users, events, history)
    }

    /// The same with the validation part trained on too: for a last training, once everything is chosen.
    #[must_use]
    pub fn refit(&self) -> Self {
        let mut refit = self.clone();
        refit.events.iter_mut().filter(|event| event.part == Part::Validation).for_each(|event| event.part = Part::Train);
        refit
    }

    /// The users that have something to be found in a part, as [`Dataset::cases`] has them.
    ///
    /// # Errors
    /// As of [`Events::new`].
    pub fn cases(&self, part: Part) -> Result<Vec<Case>, TrainError> {
        Ok(cases(&Events::new(self.events.clone(), self.timed, self.user_ids.len(), self.item_ids.len())?, part))
    }

    /// Who chose what in the training part: what popularity and baselines are counted over.
    #[must_use]
    pub fn chosen(&self) -> Histories {
        let pairs = self.events.iter().filter(|event| event.part == Part::Train && event.positive).map(|event| (event.user, event.item));
        Histories::new(self.user_ids.len(), self.item_ids.len(), pairs)
    }
}

struct Items {
    ids: Vec<String>,
    rows: Vec<Row>,
    kinds: Kinds,
    /// Number in the log -> number here.
    number_of: Vec<u32>,
}

impl Items {
    fn new(log: &Log, table: Option<Table>, spec: Option<&FeatureSpec>, notes: &mut Vec<String>) -> Self {
        let has_rows = table.is_some();
        let table = table.unwrap_or_default();
        let kinds = Kinds::of(&table.rows, spec);
        let last: HashMap<String, usize> = table.last().into_iter().map(|(id, at)| (id.to_owned(), at)).collect();
        let (mut ids, mut rows) = (Vec::new(), Vec::new());
        for (at, (id, row)) in table.ids.into_iter().zip(table.rows).enumerate() {
            if last.get(&id) == Some(&at) {
                ids.push(id);
                rows.push(kinds.typed(row));
            }
        }
        let mut numbers: HashMap<String, u32> = (0..).zip(&ids).map(|(number, id)| (id.clone(), number)).collect();
        let with_rows = ids.len();
        let mut number_of = Vec::with_capacity(log.items.len());
        for id in log.items.iter() {
            let number = *numbers.entry(id.to_owned()).or_insert_with(|| {
                ids.push(id.to_owned());
                rows.push(Row::new().with("id", id));
                ids.len() as u32 - 1
            });
            number_of.push(number);
        }
        let without = ids.len() - with_rows;
        if has_rows && without > 0 {
            notes.push(format!("{without} of {} items with events have no row: of them the id alone is known", log.items.len()));
        }
        let never = ids.len() - log.items.len();
        if never > 0 {
            notes.push(format!("{never} items have no event: they are served by their features"));
        }
        Self { ids, rows, kinds, number_of }
    }
}

struct Users {
    profiles: Vec<Row>,
    kinds: Kinds,
    /// By user: since when, and the profile, in the order of times.
    dated: HashMap<u32, Vec<(i64, u32)>>,
}

impl Users {
    fn new(log: &Log, table: Option<Table>, spec: Option<&FeatureSpec>, notes: &mut Vec<String>) -> Self {
        let has_rows = table.is_some();
        let mut table = table.unwrap_or_default();
        let several = table.last().len() < table.ids.len();
        let names = &SINCE[..if several { SINCE.len() } else { ALWAYS }];
        let dates = |name: &&&str| has_rows && table.rows.iter().all(|row| row.get(name).and_then(to_seconds).is_some());
        let since = names.iter().find(dates).copied();
        let times: Vec<Option<i64>> = table.rows.iter_mut().map(|row| to_seconds(&row.remove(since?)?)).collect();
        let kinds = Kinds::of(&table.rows, spec);
        let mut profiles: Vec<Row> = log.users.iter().map(|id| Row::new().with("id", id)).collect();
        let mut dated: HashMap<u32, Vec<(i64, u32)>> = HashMap::new();
        let mut known = vec![false; profiles.len()];
        for ((id, row), time) in table.ids.iter().zip(table.rows).zip(times) {
            let Some(user) = log.users.find(id) else { continue };
            known[user as usize] = true;
            let row = kinds.typed(row);
            match time.filter(|_| log.timed) {
                None => profiles[user as usize] = row,
                Some(time) => {
                    dated.entry(user).or_default().push((time, profiles.len() as u32));
                    profiles.push(row);
                }
            }
        }
        dated.values_mut().for_each(|rows| rows.sort_by_key(|(time, _)| *time));
        let unknown = known.iter().filter(|known| !**known).count();
        if has_rows && unknown > 0 {
            notes.push(format!("{unknown} of {} users with events have no row: of them what they chose alone is known", known.len()));
        }
        match since {
            Some(since) if log.timed => notes.push(format!("users have rows as of {since:?}: an event sees the last one before it")),
            _ if several => notes.push("users have several rows, and nothing says since when they hold: the last one is taken".to_owned()),
            _ => {}
        }
        Self { profiles, kinds, dated }
    }

    /// The row of a user that holds strictly before a time.
    fn profile(&self, user: u32, time: Option<i64>) -> u32 {
        let (Some(rows), Some(time)) = (self.dated.get(&user), time) else { return user };
        let before = rows.partition_point(|(since, _)| *since < time);
        before.checked_sub(1).and_then(|last| rows.get(last)).map_or(user, |(_, profile)| *profile)
    }
}

/// The rows with the fields that a spec reads, and no others: some of them travel in the tower's file.
fn read_fields(rows: &[Row], spec: &FeatureSpec) -> Vec<Row> {
    let read = |row: &Row| row.iter().filter(|(name, _)| spec.reads(name)).map(|(name, value)| (name, value.clone())).collect();
    rows.iter().map(read).collect()
}

/// The row of a user as it is asked with: the profile with the history in its field.
#[must_use]
pub fn asking_row(profile: &Row, history: &str, items: &[&str]) -> Row {
    let chosen: Vec<Value> = items.iter().map(|&id| id.into()).collect();
    profile.clone().with(history, Value::List(chosen))
}

#[cfg(test)]
mod tests;
