//! The shop's season: sixty days, of which the last ten are held out.

/// Days of the season.
pub(super) const DAYS: usize = 60;

/// The first held-out day. Everything before it may be learnt from; nothing from it on.
pub(super) const HELD_OUT_FROM: usize = 50;

/// Spells of ten days in which other products are talked about.
pub(super) const PERIODS: usize = 6;

/// Seconds of a day.
pub(super) const DAY: i64 = 86_400;

/// Monday 2 March 2026, 00:00 UTC, in unix seconds.
pub(super) const START: i64 = 1_772_409_600;

/// The moment from which clicks are held out, in unix seconds.
pub(super) const HELD_OUT: i64 = START + HELD_OUT_FROM as i64 * DAY;

/// The day of the season at a moment.
pub(super) fn day_of(at: i64) -> usize {
    ((at - START) / DAY).clamp(0, DAYS as i64 - 1) as usize
}
