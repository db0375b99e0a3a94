//! What a database does to the process that it is part of: threads, and memory given back to the system.

use std::sync::OnceLock;

use rayon::ThreadPool;

/// The threads of one database, started when they are first needed, and whether it may trim the process's heap.
#[derive(Debug, Default)]
pub(crate) struct Process {
    /// How many; as many as there are cores where it is `None`.
    threads: Option<usize>,
    trims: bool,
    pool: OnceLock<Option<ThreadPool>>,
}

impl Process {
    pub(crate) fn new(threads: Option<usize>, trims: bool) -> Self {
        Self { threads, trims, pool: OnceLock::new() }
    }

    /// Runs `work` on the database's threads. Where they cannot be started, `work` runs on the caller's.
    ///
    /// `work` computes and takes no lock that is held around other work: a thread that waits for its parts may take up another's.
    pub(crate) fn run<R: Send>(&self, work: impl FnOnce() -> R + Send) -> R {
        // The locks of a scheduled test know their own threads only.
        #[cfg(feature = "schedules")]
        return work();
        #[cfg(not(feature = "schedules"))]
        self.run_on_pool(work)
    }

    #[cfg(not(feature = "schedules"))]
    fn run_on_pool<R: Send>(&self, work: impl FnOnce() -> R + Send) -> R {
        let start = || {
            let named = rayon::ThreadPoolBuilder::new().thread_name(|at| format!("torre-{at}"));
            let pool = named.num_threads(self.threads.unwrap_or(0)).build();
            pool.inspect_err(|error| tracing::warn!(%error, "no threads can be started; work goes on one")).ok()
        };
        match self.pool.get_or_init(start) {
            Some(pool) => pool.install(work),
            None => work(),
        }
    }

    /// Returns memory that was freed to the system, where that is allowed.
    pub(crate) fn trim(&self) {
        if self.trims {
            crate::kernel::trim();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_runs_on_as_many_threads_as_are_allowed() {
        for threads in [1, 3] {
            let process = Process::new(Some(threads), false);
            let seen = process.run(|| (rayon::current_num_threads(), std::thread::current().name().map(str::to_owned)));
            assert_eq!(seen.0, threads);
            assert!(seen.1.is_some_and(|name| name.starts_with("torre-")));
        }
    }
}
