//! A thread that owns something which may hang or panic, and answers calls within a time limit.
//!
//! A call that does not come back in time is an error for the caller; its thread is left to itself, since nothing can end it safely.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;
use std::time::Duration;

use crate::error::{Error, Result};

/// How long a call may take before a reason is looked for: damage of the files, or a disk without room.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long to wait for an answer.
pub(crate) struct Wait {
    pub(crate) limit: Duration,
    /// What to say when no answer comes for long and a reason can be found.
    pub(crate) diagnose: Box<dyn Fn() -> Option<Error> + Send + Sync>,
}

/// How a call failed.
#[derive(Debug)]
pub(crate) enum Failed {
    /// The job gave an error.
    Answered(Error),
    /// No answer came in time.
    Silent(Error),
    Panicked(Error),
}

impl From<Failed> for Error {
    fn from(failed: Failed) -> Self {
        let (Failed::Answered(error) | Failed::Silent(error) | Failed::Panicked(error)) = failed;
        error
    }
}

type Job<S> = Box<dyn FnOnce(&mut Option<S>) + Send>;

/// The thread's address. Its state is dropped on the thread when the last address is, unless a job took it.
pub(crate) struct Worker<S> {
    jobs: Sender<Job<S>>,
}

impl<S: 'static> Worker<S> {
    /// Starts a thread without a state; the first job makes it.
    pub(crate) fn start(name: &str) -> Result<Self> {
        let (jobs, inbox) = mpsc::channel::<Job<S>>();
        thread::Builder::new()
            .name(name.into())
            .spawn(move || {
                let mut state = None;
                for job in inbox {
                    job(&mut state);
                }
                // Nothing of a state that is left may take the process down on its way out.
                let _ = catch_unwind(AssertUnwindSafe(move || drop(state)));
            })
            .map_err(|error| Error::io(format!("starting the thread {name}"), error))?;
        Ok(Self { jobs })
    }

    /// Runs `job` on the thread and waits for its answer.
    ///
    /// # Errors
    /// The job's; [`Error::TimedOut`], or what the wait's diagnosis says; [`Error::Panicked`]. After these the thread is not to be used
    /// again.
    pub(crate) fn call<R: Send + 'static>(
        &self,
        what: &str,
        wait: &Wait,
        job: impl FnOnce(&mut Option<S>) -> Result<R> + Send + 'static,
    ) -> Result<R, Failed> {
        let (reply, answer) = mpsc::sync_channel(1);
        let boxed: Job<S> = Box::new(move |state| {
            let result = catch_unwind(AssertUnwindSafe(|| job(state)));
            // The caller may have gone.
            let _ = reply.send(result);
        });
        if self.jobs.send(boxed).is_err() {
            return Err(Failed::Answered(Error::Closed));
        }
        let first = wait.limit.min(PATIENCE);
        let mut result = answer.recv_timeout(first);
        if matches!(result, Err(RecvTimeoutError::Timeout)) && first < wait.limit {
            if let Some(reason) = (wait.diagnose)() {
                return Err(Failed::Silent(reason));
            }
            // There is none: it may be a slow device.
            result = answer.recv_timeout(wait.limit - first);
        }
        match result {
            Ok(Ok(result)) => result.map_err(Failed::Answered),
            Ok(Err(panic)) => Err(Failed::Panicked(Error::Panicked { what: what.into(), message: message(&*panic) })),
            Err(RecvTimeoutError::Timeout) => Err(Failed::Silent(Error::TimedOut { what: what.into(), after: wait.limit })),
            Err(RecvTimeoutError::Disconnected) => {
                Err(Failed::Panicked(Error::Panicked { what: what.into(), message: "its thread ended".into() }))
            }
        }
    }

    /// Runs `job` on the thread some time later, without waiting.
    pub(crate) fn send(&self, job: impl FnOnce(&mut Option<S>) + Send + 'static) {
        let _ = self.jobs.send(Box::new(move |state| {
            let _ = catch_unwind(AssertUnwindSafe(|| job(state)));
        }));
    }
}

pub(crate) fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|s| (*s).to_string()).or_else(|| panic.downcast_ref::<String>().cloned());
    let text = text.unwrap_or_else(|| "a panic without a message".into());
    text.chars().take(300).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    fn wait(limit: u64) -> Wait {
        Wait { limit: Duration::from_millis(limit), diagnose: Box::new(|| None) }
    }

    #[test]
    fn a_hang_and_a_panic_are_errors() {
        let worker = Worker::<u32>::start("test").unwrap();
        let set = |state: &mut Option<u32>| {
            *state = Some(5);
            Ok(())
        };
        worker.call("set", &wait(60_000), set).unwrap();
        assert_eq!(worker.call("get", &wait(60_000), |state| Ok(*state)).unwrap(), Some(5));
        let error = worker.call("panicking", &wait(60_000), |_| -> Result<()> { panic!("ouch {}", 3) }).unwrap_err();
        assert!(matches!(&error, Failed::Panicked(Error::Panicked { message, .. }) if message == "ouch 3"), "{error:?}");
        let error = worker.call("sleeping", &wait(20), |_| {
            thread::sleep(Duration::from_millis(200));
            Ok(())
        });
        assert!(matches!(error, Err(Failed::Silent(Error::TimedOut { .. }))));
    }
}
