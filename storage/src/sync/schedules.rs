//! How tests try schedules.

use shuttle::scheduler::{PctScheduler, RandomScheduler, ReplayScheduler, Scheduler};
use shuttle::{Config, MaxSteps, Runner};

/// A thread of a schedule may use this much stack: a search or a training runs on it.
const STACK_BYTES: usize = 2 << 20;
/// A schedule that is longer waits for something that never comes.
const LONGEST: usize = 50_000;
/// Changes of priority in a schedule of the second half.
const DEPTH: usize = 3;

fn setting(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

/// Runs `test` under so many schedules, or as many as `TORRE_SCHEDULES` says: half of them drawn at random, half in which threads have
/// priorities that change a few times (probabilistic concurrency testing), which goes further into rare orders. The seed is
/// `TORRE_SCHEDULES_SEED` (1). A failure prints its schedule, which `TORRE_SCHEDULE` then repeats.
pub fn try_schedules(schedules: u64, test: impl Fn() + Send + Sync + 'static) {
    if let Ok(schedule) = std::env::var("TORRE_SCHEDULE") {
        run(ReplayScheduler::new_from_encoded(&schedule), test);
        return;
    }
    let (schedules, seed) = (setting("TORRE_SCHEDULES", schedules) as usize, setting("TORRE_SCHEDULES_SEED", 1));
    let test = std::sync::Arc::new(test);
    let again = std::sync::Arc::clone(&test);
    run(RandomScheduler::new_from_seed(seed, schedules.div_ceil(2)), move || again());
    run(PctScheduler::new_from_seed(seed, DEPTH, schedules / 2), move || test());
}

/// Runs `job` by itself, where locks work only in a schedule: to make what all schedules begin with.
pub fn outside(job: impl Fn() + Send + Sync + 'static) {
    run(RandomScheduler::new_from_seed(1, 1), job);
}

fn run(scheduler: impl Scheduler + 'static, test: impl Fn() + Send + Sync + 'static) {
    let mut config = Config::new();
    config.stack_size = STACK_BYTES;
    config.max_steps = MaxSteps::FailAfter(LONGEST);
    Runner::new(scheduler, config).run(test);
}
