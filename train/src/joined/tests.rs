//! What the training part may not know: planted in each place, and caught by one check.

#![allow(clippy::unwrap_used)]
use proptest::prelude::*;
use torre_features::row;

use super::*;
use crate::read::{Names, RawEvent};
use crate::split::SplitRule;

/// A shop of which everything is known: items and users have rows, users' rows change.
#[derive(Clone, Debug)]
struct Planted {
    /// User, item, time, chosen.
    events: Vec<(u32, u32, i64, bool)>,
    /// Price and brand of each item.
    items: Vec<(i64, &'static str)>,
    /// User, since, age.
    users: Vec<(u32, i64, i64)>,
}

/// Everything at or after this is the future.
const NOW: i64 = 100;

impl Planted {
    fn sources(&self) -> Sources {
        let mut log = Log { timed: true, ..Log::default() };
        let name = |names: &mut Names, letter: char, n: u32| names.number(&format!("{letter}{n}")).unwrap();
        // All ids have their numbers whatever happens later, so that a changed future changes no number.
        (0..self.items.len() as u32).for_each(|n| assert_eq!(name(&mut log.items, 'i', n), n));
        (0..8).for_each(|n| assert_eq!(name(&mut log.users, 'u', n), n));
        log.events = self.events.iter().map(|&(user, item, time, positive)| RawEvent { user, item, time, weight: 1.0, positive }).collect();
        let items =
            (0..).zip(&self.items).map(|(n, (price, brand))| row! { "id" => format!("i{n}"), "price" => *price, "brand" => *brand });
        let users = self.users.iter().map(|(user, since, age)| row! { "id" => format!("u{user}"), "since" => *since, "age" => *age });
        let table = |rows: Vec<Row>| {
            let ids = rows.iter().map(|row| row.get("id").unwrap().to_id_text().unwrap()).collect();
            Some(Table { ids, rows, ..Table::default() })
        };
        Sources { log, items: table(items.collect()), users: table(users.collect()) }
    }

    /// Parts by [`NOW`].
    fn split(&self) -> Split {
        let part = |time: i64| if time >= NOW { Part::Test } else { Part::Train };
        let parts = self.events.iter().map(|event| part(event.2)).collect();
        let rule = SplitRule::Time { validation: 0.0, test: 0.5 };
        let mut split = Split::new(&self.sources().log, &rule, 1).unwrap_or_else(|_| Split { parts: vec![], report: empty() });
        split.parts = parts;
        split
    }
}

fn empty() -> crate::split::SplitReport {
    crate::split::SplitReport { rule: String::new(), parts: vec![], notes: vec![] }
}

/// All that training sees: specs (vocabularies, statistics), popularity, and of each training event its history and its user's row.
#[derive(PartialEq, Debug)]
struct Seen {
    item_spec: String,
    user_spec: String,
    popularity: Vec<u32>,
    examples: Vec<(u32, u32, Vec<u32>, Option<i64>)>,
}

/// Which guard is taken away, one at a time.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Leak {
    None,
    Specs,
    Popularity,
    History,
    Profile,
}

fn seen(planted: &Planted, leak: Leak) -> Seen {
    let joined = Joined::new(planted.sources(), &planted.split(), None).unwrap();
    let mut all = joined.clone();
    all.events.iter_mut().for_each(|event| event.part = Part::Train);
    let (item, user) = if leak == Leak::Specs { all.infer(&SpecOptions::default()) } else { joined.infer(&SpecOptions::default()) };
    let popularity = if leak == Leak::Popularity { all.chosen() } else { joined.chosen() };
    let mut events = joined.events.clone();
    if leak == Leak::History {
        // The parts forgotten, and the clock of what was chosen later put back.
        events.iter_mut().filter(|event| event.part == Part::Test).for_each(|event| {
            event.part = Part::Train;
            event.time = i64::MIN;
        });
    }
    if leak == Leak::Profile {
        let last = |user: u32| {
            (0..joined.profiles.len()).rev().find(|&at| joined.profiles[at].get("id") == joined.profiles[user as usize].get("id"))
        };
        events.iter_mut().for_each(|event| event.profile = last(event.user).unwrap() as u32);
    }
    let events = Events::new(events, true, joined.user_ids.len(), joined.item_ids.len()).unwrap();
    let mut examples = Vec::new();
    for (at, event) in events.all().iter().enumerate().filter(|(_, event)| event.part == Part::Train && event.time != i64::MIN) {
        let mut history = Vec::new();
        events.history(at, &mut history);
        history.sort_unstable();
        let age = joined.profiles[event.profile as usize].get("age").and_then(Value::as_f64).map(|age| age as i64);
        examples.push((event.user, event.item, history, age));
    }
    Seen { item_spec: item.document.to_string(), user_spec: user.document.to_string(), popularity: popularity.counts().to_vec(), examples }
}

/// A shop whose future differs from the first one's in every respect.
fn other_future(planted: &Planted) -> Planted {
    let mut other = planted.clone();
    let trained: Vec<u32> = planted.events.iter().filter(|event| event.2 < NOW).map(|event| event.1).collect();
    for event in other.events.iter_mut().filter(|event| event.2 >= NOW) {
        *event = (event.0, (event.1 + 1) % planted.items.len() as u32, event.2 + 5, !event.3);
    }
    other.events.push((0, 0, NOW, true));
    // Items that nobody had to do with yet may be anything; so may what users become.
    for (n, item) in other.items.iter_mut().enumerate() {
        if !trained.contains(&(n as u32)) {
            *item = (item.0 * 1000 + 7, "brand of tomorrow");
        }
    }
    other.users.iter_mut().filter(|user| user.1 >= NOW).for_each(|user| user.2 += 40);
    other
}

fn shop() -> Planted {
    let mut events = Vec::new();
    for n in 0..60_u32 {
        events.push((n % 5, (n * 7) % 9, i64::from(n) * 3 % 170, n % 4 != 0));
    }
    // Item 9 is of the future alone; user 5 too.
    events.push((1, 9, 150, true));
    events.push((5, 9, 160, true));
    let items = (0..11).map(|n| (n * n + 1, if n < 9 { ["acme", "bolt", "core"][n as usize % 3] } else { "dawn" })).collect();
    let users = (0..6).flat_map(|user| [(user, 0, 20 + i64::from(user)), (user, 60, 30 + i64::from(user)), (user, 140, 70)]).collect();
    Planted { events, items, users }
}

#[test]
fn the_future_changes_nothing_that_training_sees() {
    let shop = shop();
    assert_eq!(seen(&shop, Leak::None), seen(&other_future(&shop), Leak::None));
}

#[test]
fn a_leak_in_any_place_is_caught() {
    let shop = shop();
    for leak in [Leak::Specs, Leak::Popularity, Leak::History, Leak::Profile] {
        let (one, other) = (seen(&shop, leak), seen(&other_future(&shop), leak));
        let caught = [one.item_spec != other.item_spec, one.popularity != other.popularity, one.examples != other.examples];
        let place = match leak {
            Leak::None | Leak::Specs => 0,
            Leak::Popularity => 1,
            Leak::History | Leak::Profile => 2,
        };
        let expected: Vec<bool> = (0..3).map(|at| at == place).collect();
        assert_eq!(caught.to_vec(), expected, "{leak:?}");
    }
}

#[test]
fn an_event_sees_the_row_of_before_not_that_of_its_second() {
    let planted =
        Planted { events: vec![(0, 0, 59, true), (0, 1, 60, true), (0, 2, 61, true), (0, 0, 0, true)], items: vec![(1, "a"); 3], ..shop() };
    let joined = Joined::new(planted.sources(), &planted.split(), None).unwrap();
    let age = |at: usize| joined.profiles[joined.events[at].profile as usize].get("age").and_then(Value::as_f64);
    assert_eq!([age(0), age(1), age(2), age(3)], [Some(20.0), Some(20.0), Some(30.0), None]);
    assert!(joined.notes.iter().any(|note| note.contains("\"since\"")));
}

#[test]
fn items_without_rows_and_rows_without_events_are_there_and_told() {
    let mut planted = shop();
    planted.items.truncate(8);
    let mut sources = planted.sources();
    (8..10).for_each(|n| assert_eq!(sources.log.items.number(&format!("i{n}")), Some(n)));
    let joined = Joined::new(sources, &planted.split(), None).unwrap();
    assert_eq!((joined.item_ids.len(), joined.item_rows[9].clone()), (10, row! { "id" => "i9" }));
    assert!(joined.notes.iter().any(|note| note.contains("2 of 10 items with events have no row")), "{:?}", joined.notes);
    let dataset = {
        let (item, user) = joined.infer(&SpecOptions { dim: 8, ..SpecOptions::default() });
        joined.dataset(item.parse().unwrap(), user.parse().unwrap(), "history").unwrap()
    };
    assert_eq!((dataset.items.len(), dataset.users.len()), (10, 8));
    assert!(dataset.history.is_some() && !dataset.cases(Part::Test).is_empty());
}

proptest! {
    /// Whatever the past, no future changes what training sees.
    #[test]
    fn no_future_changes_training(
        events in prop::collection::vec((0..8u32, 0..11u32, 0..200i64, any::<bool>()), 5..60),
        users in prop::collection::vec((0..8u32, 0..200i64, 18..90i64), 0..30)
    ) {
        let planted = Planted { events, users, ..shop() };
        prop_assert_eq!(seen(&planted, Leak::None), seen(&other_future(&planted), Leak::None));
    }
}
