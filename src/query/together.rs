//! Some of all users, answered together. One that cannot be served does not keep the others from being served.

use rayon::prelude::*;

use crate::error::{Error, Result};
use crate::features::ID_FIELD;
use crate::query::answer::Answer;
use crate::query::encode;
use crate::query::exclude::ExcludeEach;
use crate::query::options::SearchOptions;
use crate::query::pipeline::{self, Asked};
use crate::query::prepared::PreparedFilter;
use crate::query::recipient::{Given, Recipient};
use crate::query::rules::Active;
use crate::query::source::Source;
use crate::segment::Shared;

/// What all of them are asked alike.
pub(super) struct Together<'q> {
    pub(super) shared: &'q Shared,
    pub(super) options: &'q SearchOptions,
    pub(super) prepared: &'q [PreparedFilter],
    /// Leaves out fields of rows that neither the tower nor a later stage reads.
    pub(super) ignore_unknown: bool,
}

/// The users' answers in their order, or what is wrong with a user, as of row 0.
///
/// # Errors
/// What is wrong with no single user: options, storage.
pub(super) fn answer(together: &Together<'_>, users: &mut [Recipient]) -> Result<Vec<Result<Answer>>> {
    let &Together { shared, options, prepared: _, ignore_unknown } = together;
    trim(shared, options, users, ignore_unknown)?;
    let mut refused: Vec<Option<Error>> = users.iter().map(|_| None).collect();
    let mut looked = false;
    loop {
        let served: Vec<usize> = (0..users.len()).filter(|&user| refused[user].is_none()).collect();
        let (error, row) = match run(together, users, &served) {
            Ok(answers) => {
                let mut answers = answers.into_iter();
                let own = |refused: Option<Error>| refused.map_or_else(|| Ok(answers.next().unwrap_or_default()), Err);
                return Ok(refused.into_iter().map(own).collect());
            }
            Err(error) => match error.row() {
                Some(row) => (error, row),
                None => return Err(error),
            },
        };
        // Where one row is bad, others often are: all are looked at before anything is computed again. What a tower makes of a row shows then only.
        if !std::mem::replace(&mut looked, true) {
            refused = look(shared, options, users)?;
        }
        if served.iter().all(|&user| refused[user].is_none()) {
            let Some(place) = served.get(row).and_then(|&user| refused.get_mut(user)) else { return Err(error) };
            *place = Some(error.of_row(0));
        }
    }
}

fn run(together: &Together<'_>, users: &[Recipient], served: &[usize]) -> Result<Vec<Answer>> {
    let &Together { shared, options, prepared, .. } = together;
    let served = || served.iter().map(|&user| &users[user]);
    let sources: Vec<Source<'_>> = served().map(Recipient::source).collect();
    let each = |of: fn(&Recipient) -> &Vec<String>| -> Vec<Vec<String>> {
        if served().all(|user| of(user).is_empty()) { Vec::new() } else { served().map(|user| of(user).clone()).collect() }
    };
    let exclude_each = ExcludeEach { ids: each(|user| &user.exclude), lists: each(|user| &user.exclude_lists) };
    pipeline::run(&Asked { shared, sources: &sources, options, prepared, exclude_each: &exclude_each, compute: None })
}

/// Leaves out what of the users' rows nothing reads: their ids, and all other such fields if `ignore_unknown` says so.
fn trim(shared: &Shared, options: &SearchOptions, users: &mut [Recipient], ignore_unknown: bool) -> Result<()> {
    let snapshot = shared.read()?;
    let rules = Active::of(shared, options)?;
    let further = encode::further(&snapshot, options, rules.as_ref());
    let tower = snapshot.space.towers.as_ref().map(|pair| pair.user_spec());
    let reads = |field: &str| tower.is_some_and(|spec| spec.reads(field)) || further(field);
    for user in users {
        let Given::Row(row) = &mut user.given else { continue };
        let unread = |field: &str| (ignore_unknown || field == ID_FIELD) && !reads(field);
        let unread: Vec<String> = row.iter().map(|(field, _)| field).filter(|field| unread(field)).map(str::to_owned).collect();
        unread.iter().for_each(|field| drop(row.remove(field)));
    }
    Ok(())
}

/// What is wrong with each user, as far as it shows without a tower being run.
fn look(shared: &Shared, options: &SearchOptions, users: &[Recipient]) -> Result<Vec<Option<Error>>> {
    let snapshot = shared.read()?;
    let rules = Active::of(shared, options)?;
    let further = encode::further(&snapshot, options, rules.as_ref());
    let one = |user: &Recipient| match encode::check(shared, &snapshot, &user.source(), &further) {
        Err(error) if error.row().is_some() => Ok(Some(error)),
        Err(error) => Err(error),
        Ok(()) => Ok(None),
    };
    users.par_iter().map(one).collect()
}
