//! Which batches are slow, and what the database was doing meanwhile: it says so in spans of `tracing`, which are gathered here.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// A piece of work of the database: what it was, from when to when.
#[derive(Clone, Copy)]
pub(super) struct Piece {
    what: &'static str,
    from: Instant,
    to: Instant,
}

/// Spans that are over, and those that are not.
static OVER: Mutex<Vec<Piece>> = Mutex::new(Vec::new());
static OPEN: Mutex<BTreeMap<u64, (&'static str, Option<Instant>)>> = Mutex::new(BTreeMap::new());
static LAST: AtomicU64 = AtomicU64::new(0);

/// Gathers the spans of this process from now on.
pub(super) fn listen() {
    tracing::subscriber::set_global_default(Gatherer).unwrap();
}

/// The pieces of work that have ended since the last call.
pub(super) fn take() -> Vec<Piece> {
    std::mem::take(&mut OVER.lock().unwrap_or_else(PoisonError::into_inner))
}

struct Gatherer;

impl Subscriber for Gatherer {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_span() && metadata.target().starts_with("torre")
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let id = LAST.fetch_add(1, Ordering::Relaxed) + 1;
        OPEN.lock().unwrap().insert(id, (span.metadata().name(), None));
        Id::from_u64(id)
    }

    fn record(&self, _span: &Id, _values: &Record<'_>) {}

    fn record_follows_from(&self, _span: &Id, _follows: &Id) {}

    fn event(&self, _event: &Event<'_>) {}

    fn enter(&self, span: &Id) {
        if let Some((_, from)) = OPEN.lock().unwrap().get_mut(&span.into_u64()) {
            from.get_or_insert_with(Instant::now);
        }
    }

    fn exit(&self, _span: &Id) {}

    fn try_close(&self, span: Id) -> bool {
        let over = OPEN.lock().unwrap().remove(&span.into_u64());
        if let Some((what, Some(from))) = over {
            OVER.lock().unwrap().push(Piece { what, from, to: Instant::now() });
        }
        true
    }
}

/// Says of the batches that took more than five times the median, or ten, what went on during them: each batch is put down to the
/// work that took most of its time, the rarest kind first where several overlap.
pub(super) fn report(batches: &[(Instant, Duration)], median: Duration, pieces: &[Piece]) {
    let mut lengths: BTreeMap<&'static str, Vec<Duration>> = BTreeMap::new();
    for piece in pieces {
        lengths.entry(piece.what).or_default().push(piece.to - piece.from);
    }
    for (what, lengths) in &mut lengths {
        lengths.sort_unstable();
        let (total, most) = (lengths.iter().sum::<Duration>(), lengths.last().copied().unwrap_or_default());
        println!(
            "    {what}: {} times, median {:.2} ms, most {:.2} ms, all {:.0} ms",
            lengths.len(),
            lengths[lengths.len() / 2].as_secs_f64() * 1e3,
            most.as_secs_f64() * 1e3,
            total.as_secs_f64() * 1e3
        );
    }
    for times in [5, 10] {
        let slow: Vec<&(Instant, Duration)> = batches.iter().filter(|(_, took)| *took > median * times).collect();
        let mut causes: BTreeMap<&'static str, usize> = BTreeMap::new();
        for (from, took) in &slow {
            *causes.entry(cause(*from, *took, pieces, &lengths)).or_default() += 1;
        }
        let mut causes: Vec<_> = causes.into_iter().collect();
        causes.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        let causes: Vec<String> = causes.iter().map(|(cause, count)| format!("{cause} {count}")).collect();
        println!("    over {times} medians: {} of {} batches; by cause: {}", slow.len(), batches.len(), causes.join(", "));
    }
}

/// The work that was under way for half of the batch's time, of several the kind that there is least of in all.
fn cause(from: Instant, took: Duration, pieces: &[Piece], lengths: &BTreeMap<&'static str, Vec<Duration>>) -> &'static str {
    let to = from + took;
    let mut beside: BTreeMap<&'static str, Duration> = BTreeMap::new();
    for piece in pieces {
        let common = piece.to.min(to).saturating_duration_since(piece.from.max(from));
        *beside.entry(piece.what).or_default() += common;
    }
    let all = |what: &str| lengths.get(what).map_or(Duration::ZERO, |lengths| lengths.iter().sum());
    let half = beside.into_iter().filter(|(_, time)| *time * 2 >= took).map(|(what, _)| what);
    half.min_by_key(|what| all(what)).unwrap_or("none")
}
