//! What users chose: sorted by user and time, each event in one part of the split.

use crate::error::TrainError;

/// Which part of the data an event belongs to. A part sees what lies before it in this order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Part {
    /// Trained on.
    Train,
    /// Decides what is chosen: epochs, options.
    Validation,
    /// Measured once.
    Test,
}

/// One event, before it is sorted in.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Event {
    /// Row of the users (whose history it belongs to).
    pub user: u32,
    /// Row of the items.
    pub item: u32,
    /// Unix seconds; all 0 where the data have no times.
    pub time: i64,
    /// What it counts in the loss; at least 0.
    pub weight: f32,
    /// Chosen (true), or shown and not chosen (false): such an event is a negative of its user and in no history.
    pub positive: bool,
    /// Row of the users' inputs as of this event; the user's own row where features do not change.
    pub profile: u32,
    /// Its part of the split.
    pub part: Part,
}

/// All events, sorted by user, then by time, then as they came.
#[derive(Clone, PartialEq, Debug)]
pub struct Events {
    list: Vec<Event>,
    /// User `u` has `list[starts[u]..starts[u + 1]]`.
    starts: Vec<usize>,
    timed: bool,
}

impl Events {
    /// Sorts the events in. `timed` says whether times mean anything: without them a history is what else the user chose.
    ///
    /// # Errors
    /// [`TrainError::Data`] for a row beyond `users` or `items`, or a weight that is negative or not finite.
    pub fn new(mut list: Vec<Event>, timed: bool, users: usize, items: usize) -> Result<Self, TrainError> {
        for (at, event) in list.iter().enumerate() {
            if event.user as usize >= users || event.item as usize >= items {
                let (user, item) = (event.user, event.item);
                return Err(TrainError::Data(format!("event {at} names user {user} of {users} and item {item} of {items}")));
            }
            if !(event.weight >= 0.0 && event.weight.is_finite()) {
                return Err(TrainError::Data(format!("event {at} has weight {}: it has to be finite and at least 0", event.weight)));
            }
        }
        list.sort_by_key(|event| (event.user, event.time));
        let mut starts = vec![0; users + 1];
        for event in &list {
            starts[event.user as usize + 1] += 1;
        }
        for user in 0..users {
            starts[user + 1] += starts[user];
        }
        Ok(Self { list, starts, timed })
    }

    /// All of them.
    #[must_use]
    pub fn all(&self) -> &[Event] {
        &self.list
    }

    /// Whether times mean anything.
    #[must_use]
    pub fn timed(&self) -> bool {
        self.timed
    }

    /// Number of users, those without events included.
    #[must_use]
    pub fn users(&self) -> usize {
        self.starts.len() - 1
    }

    /// The events of a user, by time; none for a user that there is not.
    #[must_use]
    pub fn of(&self, user: usize) -> &[Event] {
        match (self.starts.get(user), self.starts.get(user + 1)) {
            (Some(&from), Some(&to)) => &self.list[from..to],
            _ => &[],
        }
    }

    /// Puts the items of the user's history at an event into `out`, oldest first: what the user chose strictly before it (the same second is
    /// not before) in the event's part or an earlier one. Without times it is all else that the user chose in the parts before it, and in
    /// the training part itself; the event's own item is left out.
    ///
    /// `at` is the event's place in [`Events::all`].
    pub fn history(&self, at: usize, out: &mut Vec<u32>) {
        out.clear();
        let Some(event) = self.list.get(at) else { return };
        let before = |other: &&Event| {
            let allowed = if self.timed {
                other.part <= event.part && other.time < event.time
            } else {
                (other.part < event.part || other.part == Part::Train) && other.item != event.item
            };
            allowed && other.positive
        };
        out.extend(self.of(event.user as usize).iter().filter(before).map(|other| other.item));
    }
}
