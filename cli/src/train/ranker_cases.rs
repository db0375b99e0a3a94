//! Who asked, and what they chose: from events cut into parts, or from lines as `eval` takes them.

use std::path::Path;

use torre::{Collection, Progress, Row};
use torre_data::Input;
use torre_report::read_cases;
use torre_train::{Joined, Part, RankCase};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::load::load;
use super::ranker_args::RankerArgs;
use super::rivals::Held;
use crate::repl::Failure;

/// Cases to learn from, and cases to measure with.
pub(super) struct Cases {
    pub(super) learn: Vec<RankCase>,
    /// None where the learned ones have to do.
    pub(super) test: Option<Vec<RankCase>>,
    /// What was read, a line each.
    pub(super) notes: Vec<String>,
}

impl Cases {
    /// Reads them; of more than are wanted to learn from, some are drawn by the seed.
    pub(super) fn read(collection: &Collection, args: &RankerArgs, seed: u64, progress: &dyn Progress) -> Result<Self, Failure> {
        let mut cases = Self::all(collection, args, seed, progress)?;
        let all = cases.learn.len();
        if all > args.most_users {
            let drawn = |at: usize| xxh3_64_with_seed(&(at as u64).to_le_bytes(), !seed);
            let mut order: Vec<usize> = (0..all).collect();
            order.sort_unstable_by_key(|&at| (drawn(at), at));
            order.truncate(args.most_users);
            order.sort_unstable();
            cases.learn = order.into_iter().map(|at| std::mem::take(&mut cases.learn[at])).collect();
            cases.notes.push(format!("learned from {} of {all} users (--most-users)", args.most_users));
        }
        Ok(cases)
    }

    fn all(collection: &Collection, args: &RankerArgs, seed: u64, progress: &dyn Progress) -> Result<Self, Failure> {
        if let Some(path) = &args.cases {
            let test = args.test_cases.as_deref().map(lines).transpose()?;
            return Ok(Self { learn: lines(path)?, test, notes: Vec::new() });
        }
        if args.data.items.is_some() {
            return Err(Failure::usage("--items: rows of items are those of the collection"));
        }
        let loaded = load(&args.data, seed, progress)?;
        let specs = collection.specs();
        let joined = Joined::new(loaded.sources, &loaded.split, specs.as_ref().map(|(item, user)| (item, user)))?;
        // The validation part: what towers that were trained on the training part have not seen.
        let learn = of_part(&joined, Part::Validation, &args.history)?;
        let test = of_part(&joined, Part::Test, &args.history)?;
        Ok(Self { learn, test: Some(test), notes: loaded.notes })
    }
}

fn of_part(joined: &Joined, part: Part, history: &str) -> Result<Vec<RankCase>, Failure> {
    let cases = joined.cases(part)?;
    let held = Held::new(joined, &cases, history);
    let relevant = |case: &torre_train::Case| case.relevant.iter().map(|&item| joined.item_ids[item as usize].clone()).collect();
    let rows = held.rows.into_iter().zip(held.seen).zip(&cases);
    Ok(rows.map(|((user, seen), case)| RankCase { user, seen, relevant: relevant(case) }).collect())
}

fn lines(path: &Path) -> Result<Vec<RankCase>, Failure> {
    let read = read_cases(Input::open(path)?.into_reader()).map_err(|error| Failure::new(format!("{}, {error}", path.display())))?;
    let case = |case: torre_report::EvalCase| {
        let user = Row::from_json_value(serde_json::Value::Object(case.user));
        let user = user.map_err(|error| Failure::new(format!("{}, line {}: {error}", path.display(), case.line)))?;
        Ok(RankCase { user, seen: case.seen, relevant: case.relevant })
    };
    read.into_iter().map(case).collect()
}
