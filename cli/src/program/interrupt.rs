//! Ctrl-C: the first asks the work to stop, the second ends the process.

use std::sync::atomic::{AtomicBool, Ordering};

static ASKED: AtomicBool = AtomicBool::new(false);
/// What shells report for a process that Ctrl-C ended.
const KILLED: i32 = 130;

/// Watches for Ctrl-C from now on.
pub(super) fn watch() {
    let watching = ctrlc::set_handler(|| {
        if ASKED.swap(true, Ordering::SeqCst) {
            std::process::exit(KILLED);
        }
    });
    if let Err(error) = watching {
        tracing::warn!(%error, "Ctrl-C ends the process at once: no handler");
    }
}

/// True once Ctrl-C was pressed.
pub(super) fn requested() -> bool {
    ASKED.load(Ordering::SeqCst)
}

/// Forgets a Ctrl-C: the next command of the shell begins anew.
pub(super) fn forget() {
    ASKED.store(false, Ordering::SeqCst);
}
