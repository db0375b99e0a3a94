//! Rankers: any bytes as a model file, which is refused or scores rows; and trees grown from the bytes, which score as a loop over their tables
//! does.
#![no_main]

use libfuzzer_sys::fuzz_target;
use torre::fuzzing;

fuzz_target!(
    init: {
        // The runtime may panic on a network that passed the guard; attach catches it. What it does not catch still ends the process.
        drop(std::panic::take_hook());
    },
    |data: &[u8]| match data.strip_prefix(b"GROW") {
        Some(rest) => fuzzing::trees(rest),
        None => drop(fuzzing::ranker(data)),
    }
);
