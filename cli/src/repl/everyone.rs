//! `recommend --users`: to every user of a file, into a file.

use std::path::PathBuf;

use serde_json::json;

use super::audience::Audience;
use super::command::QueryOptions;
use super::failure::Failure;
use super::import::at;
use super::output::{Output, count, grouped, rounded, to_json};
use super::users::{Account, Users, is_pattern};
use torre::{Answer, Collection, Error, Progress, Recipient, RecommendReport, Stage};
use torre_data::{HitFile, HitOptions, Meter, Place, UserHits};

/// Recommends to everyone; `None` where one user is asked for.
pub(super) fn run(
    collection: &Collection,
    audience: &Audience,
    options: &QueryOptions,
    progress: &dyn Progress,
) -> Option<Result<Output, Failure>> {
    let (users, out) = audience.users.as_ref().zip(audience.out.as_ref())?;
    Some(Job { collection, audience, options, users, out }.run(progress))
}

struct Job<'a> {
    collection: &'a Collection,
    audience: &'a Audience,
    options: &'a QueryOptions,
    users: &'a PathBuf,
    out: &'a PathBuf,
}

impl Job<'_> {
    fn run(&self, progress: &dyn Progress) -> Result<Output, Failure> {
        let account = Account::default();
        let mut search = self.options.search();
        let (each, all): (Vec<String>, Vec<String>) = search.exclude_lists.into_iter().partition(|name| is_pattern(name));
        search.exclude_lists = all;
        let users = Users::open(self.collection, self.users, self.audience, &each, &account)?;
        let (path, meter) = (users.path().to_owned(), users.meter().clone());
        let options = HitOptions { k: search.k, ranked: search.rerank.is_some() };
        let mut file = HitFile::create(self.out, options)?;
        let mut take = |user: &Recipient, answer: torre::Result<Answer>| -> Result<(), Failure> {
            let place = account.next().unwrap_or(Place::File);
            if let Err(error) = &answer {
                account.problem(at(&path, error, place).to_string());
            }
            Ok(file.add(&UserHits { user: user.name(), answer: answer.as_ref().ok() })?)
        };
        let watch = Watch { progress, meter };
        let query =
            self.collection.recommend_all().options(search).strict(self.audience.strict).ignore_unknown(self.audience.ignore_unknown);
        let report = query.progress(&watch).run(users.map(|user| user.map_err(Stop::Failed)), |user, answer| Ok(take(user, answer)?));
        let report = report.map_err(|stop| match stop {
            Stop::Failed(failure) => failure,
            Stop::Torre(Error::Interrupted) => Failure::new(format!("interrupted; {} was not written", self.out.display())),
            // The user at fault is the next to be answered.
            Stop::Torre(error) if error.row().is_some() => at(&path, &error, account.next().unwrap_or(Place::File)),
            Stop::Torre(error) => error.into(),
        })?;
        file.finish()?;
        Ok(self.show(&report, account))
    }

    fn show(&self, report: &RecommendReport, account: Account) -> Output {
        let (unread, problems) = account.close();
        let (users, refused) = (report.users + unread, report.refused + unread);
        let seconds = report.elapsed.as_secs_f64();
        let rate = (users as f64 / seconds.max(1e-9)).round();
        let json = json!({
            "users": users,
            "answered": report.answered(),
            "refused": refused,
            "first_refused": problems,
            "hits": report.hits,
            "short": report.short,
            "expected_recall": report.expected_recall.map(|recall| rounded(recall, 3)),
            "out": self.out.display().to_string(),
            "seconds": rounded(seconds, 3),
            "users_per_second": rate,
        });
        let mut notes = vec![format!(
            "{} in {seconds:.2} s ({} a second): {}, in {}",
            count(users, "user"),
            grouped(rate as u64),
            count(report.hits, "hit"),
            self.out.display()
        )];
        if report.short > 0 {
            notes.push(format!("{} got fewer than {}", count(report.short, "user"), self.options.k));
        }
        if refused > 0 {
            notes.push(format!("refused: {}", count(refused, "user")));
            notes.extend(problems.iter().map(|problem| format!("  {problem}")));
        }
        Output { json: to_json(&json), notes, ..Output::default() }
    }
}

/// Why it stopped.
enum Stop {
    Torre(Error),
    Failed(Failure),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Torre(error)
    }
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// Progress in bytes of the file of users: how many there are is known at its end only.
struct Watch<'a> {
    progress: &'a dyn Progress,
    meter: Meter,
}

impl Progress for Watch<'_> {
    fn update(&self, stage: Stage, done: u64, _: Option<u64>) {
        let total = Some(self.meter.total).filter(|total| *total > 0);
        self.progress.update(stage, total.map_or(done, |total| self.meter.done().min(total)), total);
    }

    fn cancelled(&self) -> bool {
        self.progress.cancelled()
    }
}
