//! The program `torre`, as a library: [`main`] is the binary, and a [`Session`] is the shell without a terminal, for an application that
//! wants it inside.

mod bench;
mod demo;
mod program;
mod repl;
mod train;

#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing {
    //! What the fuzz targets reach of the inside. No API: it changes without notice.
    pub use crate::repl::fuzzing::{reads_files, words, write_words};
}

pub use program::main;
pub use repl::{Fed, Reply, Session};
