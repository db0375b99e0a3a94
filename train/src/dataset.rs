//! What is trained on: items, users, and what users chose.

use torre_features::FeatureSpec;

pub(crate) use crate::cases::Case;
use crate::cases::cases;
use crate::entities::Entities;
use crate::error::TrainError;
use crate::events::{Events, Part};
use crate::layout::{Layout, document};

/// The input of the user tower that holds the items a user chose before.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct History {
    /// Its place among the inputs of the users' spec.
    pub input: usize,
    /// The row's field that holds the item ids, oldest first.
    pub field: String,
    /// How many items it takes.
    pub max: usize,
    /// Whether it keeps the last of a longer list (else the first).
    pub keeps_last: bool,
    /// Item row -> index in the input's embedding table.
    pub index_of: Vec<u32>,
}

/// Items, users, and what users chose, in the parts of a split.
#[derive(Clone, Debug)]
pub struct Dataset {
    /// Everything that can be recommended.
    pub items: Entities,
    /// Everybody who chose, with the inputs that do not come from events.
    pub users: Entities,
    /// The history input of the user tower, if its spec has one.
    pub history: Option<History>,
    /// What they chose.
    pub events: Events,
}

impl Dataset {
    /// Puts the sides together. `history` names the field of the user rows that holds what a user chose before; it has to be read by exactly
    /// one input, a list with a `vocab`.
    ///
    /// # Errors
    /// [`TrainError::Unsupported`] where the users' spec does not read the field so; [`TrainError::Data`] where sides do not fit.
    pub fn new(items: Entities, users: Entities, events: Events, history: Option<&str>) -> Result<Self, TrainError> {
        if events.users() != users.len() {
            return Err(TrainError::Data(format!("events of {} users, {} users", events.users(), users.len())));
        }
        if items.spec.dim() != users.spec.dim() {
            let (item, user) = (items.spec.dim(), users.spec.dim());
            return Err(TrainError::Data(format!("the specs have two widths: {item} of items, {user} of users")));
        }
        let history = history.map(|field| History::new(&users, &items.ids, field)).transpose()?;
        Ok(Self { items, users, history, events })
    }

    /// The users that have something to be found in a part, each with what was known before the first of it.
    ///
    /// With times, known is what lies strictly before the user's first event of the part; without, all of the earlier parts. Items
    /// seen before are not relevant again.
    #[must_use]
    pub fn cases(&self, part: Part) -> Vec<Case> {
        cases(&self.events, part)
    }

    /// What was trained on, as if it were to be found: the last trained event of at most `most` users, evenly chosen, whose item they had not
    /// chosen before. Beside the cases of a later part they show what is learned by heart.
    #[must_use]
    pub fn learned(&self, most: usize) -> Vec<Case> {
        let mut cases = Vec::new();
        let (mut history, mut from) = (Vec::new(), 0);
        for user in 0..self.users.len() {
            let events = self.events.of(user);
            let last = events.iter().rposition(|event| event.part == Part::Train && event.positive);
            if let Some((at, event)) = last.and_then(|at| Some((at, events.get(at)?))) {
                self.events.history(from + at, &mut history);
                if !history.contains(&event.item) {
                    let mut seen = history.clone();
                    seen.sort_unstable();
                    seen.dedup();
                    cases.push(Case {
                        user: user as u32,
                        profile: event.profile,
                        history: history.clone(),
                        seen,
                        relevant: vec![event.item],
                    });
                }
            }
            from += events.len();
        }
        let every = cases.len().div_ceil(most.max(1)).max(1);
        cases.into_iter().step_by(every).collect()
    }

    /// Lets both specs say vectors of another width: that of a prefix of the trained ones.
    ///
    /// # Errors
    /// [`TrainError::Spec`] for a width that no spec can have.
    pub fn set_width(&mut self, width: usize) -> Result<(), TrainError> {
        for side in [&mut self.items, &mut self.users] {
            let mut document = document(&side.spec)?;
            document["dim"] = width.into();
            let of = side.spec.tower().name();
            side.spec = FeatureSpec::parse(&document.to_string()).map_err(|source| TrainError::Spec { side: of, source })?;
        }
        Ok(())
    }
}

impl History {
    /// What of a longer history the input takes.
    #[must_use]
    pub fn cut<'a>(&self, items: &'a [u32]) -> &'a [u32] {
        let count = items.len().min(self.max);
        if self.keeps_last { &items[items.len() - count..] } else { &items[..count] }
    }

    fn new(users: &Entities, items: &[String], field: &str) -> Result<Self, TrainError> {
        let layouts = Layout::of(&users.spec)?;
        let unsupported = |reason: &str| TrainError::Unsupported { side: "user", input: field.to_owned(), reason: reason.to_owned() };
        let mut reading = layouts.iter().enumerate().filter(|(_, layout)| layout.field == field);
        let (input, layout) = reading.next().ok_or_else(|| unsupported("no input reads this field"))?;
        if reading.next().is_some() {
            return Err(unsupported("more than one input reads this field"));
        }
        if layout.padding.is_none() || layout.rows == 0 {
            return Err(unsupported("a history is a list of categories"));
        }
        let index_of = layout.indexes_of(&users.spec, items)?;
        Ok(Self { input, field: field.to_owned(), max: layout.length, keeps_last: layout.keeps_last, index_of })
    }
}
