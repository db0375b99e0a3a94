//! Every user of many, answered in blocks and handed on in their order.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, Scope};
use std::time::Instant;

use crate::error::{Error, Result};
use crate::progress::{NoProgress, Progress, Stage};
use crate::query::all_report::RecommendReport;
use crate::query::answer::Answer;
use crate::query::options::SearchOptions;
use crate::query::prepared::PreparedFilter;
use crate::query::recipient::Recipient;
use crate::query::together::{self, Together};
use crate::segment::Shared;

/// Users of a block, and most rows that are found for all of them: what is held in memory follows from these.
const USERS: usize = 1 << 14;
const ROWS: usize = 1 << 18;
/// Blocks that are answered at one time: what one does on a single thread leaves the others to the other.
const AT_ONCE: usize = 2;

/// Recommends to all users: an iterator of them goes in, and each one's answer comes out, in their order. Users are read, answered and handed on
/// in blocks of some thousands, on all threads of the database, so that memory does not grow with their number. A block is answered from the
/// collection as it is then. A user that cannot be served (a row that does not fit, a vector with NaN) is counted and named, and does not keep
/// the others from being served.
///
/// ```
/// # use torre::{CollectionOptions, Database, Item, Metric};
/// # let database = Database::in_memory()?;
/// # let items = database.create_collection("items", CollectionOptions::vectors(2, Metric::Cosine))?;
/// # items.upsert_many([Item::new("a")?.with_vector([1.0, 0.0]), Item::new("b")?.with_vector([0.0, 1.0])])?;
/// use torre::{Answer, Recipient};
///
/// let users = [("ada", [0.9, 0.1]), ("bob", [0.1, 0.9])];
/// let users = users.map(|(name, vector)| Ok(Recipient::vector(name, vector)));
/// let mut best = Vec::new();
/// let take = |user: &Recipient, answer: torre::Result<Answer>| -> torre::Result<()> {
///     best.push((user.name().to_owned(), answer?.hits[0].id.to_string()));
///     Ok(())
/// };
/// let report = items.recommend_all().k(1).run(users, take)?;
/// assert_eq!((report.users, report.refused), (2, 0));
/// assert_eq!(best, [("ada".to_owned(), "a".to_owned()), ("bob".to_owned(), "b".to_owned())]);
/// # Ok::<(), torre::Error>(())
/// ```
#[must_use = "nobody gets anything before `run`"]
pub struct RecommendAll<'c> {
    shared: &'c Arc<Shared>,
    pub(super) options: SearchOptions,
    pub(super) prepared: Vec<PreparedFilter>,
    strict: bool,
    ignore_unknown: bool,
    progress: &'c dyn Progress,
}

impl std::fmt::Debug for RecommendAll<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RecommendAll").field("options", &self.options).field("strict", &self.strict).finish_non_exhaustive()
    }
}

impl<'c> RecommendAll<'c> {
    pub(crate) fn new(shared: &'c Arc<Shared>) -> Self {
        Self {
            shared,
            options: SearchOptions::default(),
            prepared: Vec::new(),
            strict: false,
            ignore_unknown: false,
            progress: &NoProgress,
        }
    }

    /// Stops at the first user that cannot be served (off).
    pub fn strict(mut self, strict: bool) -> Self {
        self.strict = strict;
        self
    }

    /// Leaves out fields of users' rows that neither the tower nor a later stage reads, instead of refusing the row (off).
    pub fn ignore_unknown(mut self, ignore: bool) -> Self {
        self.ignore_unknown = ignore;
        self
    }

    /// Reports progress here, in users, and stops when it says so.
    pub fn progress(mut self, progress: &'c dyn Progress) -> Self {
        self.progress = progress;
        self
    }

    /// Answers all users, and gives each with its answer, or with what is wrong with it, to `take`, one after another on this thread.
    ///
    /// # Errors
    /// The first error of `users` or of `take`; [`Error::InvalidOption`] and the like for what would keep every user from being served, before
    /// any is; [`Error::Interrupted`]; storage errors; with [`strict`](Self::strict) the error of the first user that cannot be served, which
    /// names its place. All users before have been handed on.
    pub fn run<E: From<Error>>(
        self,
        users: impl IntoIterator<Item = Result<Recipient, E>>,
        mut take: impl FnMut(&Recipient, Result<Answer>) -> Result<(), E>,
    ) -> Result<RecommendReport, E> {
        let start = Instant::now();
        let mut users = users.into_iter();
        let total = match users.size_hint() {
            (least, Some(most)) if least == most => Some(least as u64),
            _ => None,
        };
        // What is wrong with the options shows without users.
        together::answer(&self.together(), &mut [])?;
        let size = (ROWS / self.options.wanted().max(self.options.window(false)).max(1)).clamp(1, USERS);
        let mut report = RecommendReport::default();
        let mut hand = |block: Block, report: &mut RecommendReport| -> Result<(), E> {
            for (user, answer) in block.users.iter().zip(block.answers?) {
                match report.note(user.name(), answer, self.options.k) {
                    Err(error) if self.strict => return Err(error.into()),
                    answer => take(user, answer)?,
                }
            }
            self.progress.update(Stage::Recommend, report.users, total);
            Ok(())
        };
        let answered = thread::scope(|scope| -> Result<(), E> {
            let workers: Vec<Worker> = (0..AT_ONCE).map(|_| self.start(scope)).collect();
            let (mut sent, mut taken) = (0, 0);
            loop {
                if self.progress.cancelled() {
                    return Err(Error::Interrupted.into());
                }
                let block = users.by_ref().take(size).collect::<Result<Vec<Recipient>, E>>()?;
                let ended = block.is_empty();
                if !ended && workers[sent % AT_ONCE].blocks.send(block).is_ok() {
                    sent += 1;
                }
                // One block more than is being answered waits, so that no thread does.
                while taken < sent && (ended || sent - taken > AT_ONCE) {
                    // A worker ends before its turn only by a panic, which goes on when the scope ends.
                    let Ok(block) = workers[taken % AT_ONCE].answered.recv() else { return Ok(()) };
                    taken += 1;
                    hand(block, &mut report)?;
                    if self.progress.cancelled() {
                        return Err(Error::Interrupted.into());
                    }
                }
                if ended {
                    return Ok(());
                }
            }
        });
        answered?;
        report.elapsed = start.elapsed();
        Ok(report)
    }

    fn together(&self) -> Together<'_> {
        let Self { shared, options, prepared, ignore_unknown, .. } = self;
        Together { shared, options, prepared, ignore_unknown: *ignore_unknown }
    }

    /// Starts a thread that answers blocks as they come.
    fn start<'scope>(&'scope self, scope: &'scope Scope<'scope, '_>) -> Worker {
        let (send_block, blocks) = sync_channel::<Vec<Recipient>>(1);
        let (send_answered, answered) = sync_channel(1);
        scope.spawn(move || {
            for mut users in blocks {
                let answer = || together::answer(&self.together(), &mut users);
                let answers = self.shared.process().run(answer);
                if send_answered.send(Block { users, answers }).is_err() {
                    return;
                }
            }
        });
        Worker { blocks: send_block, answered }
    }
}

/// Users with their answers.
struct Block {
    users: Vec<Recipient>,
    answers: Result<Vec<Result<Answer>>>,
}

/// A thread's ends: what it takes and what it gives, in the same order.
struct Worker {
    blocks: SyncSender<Vec<Recipient>>,
    answered: Receiver<Block>,
}
