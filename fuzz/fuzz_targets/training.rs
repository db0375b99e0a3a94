//! Options of training, and rows of items and users from which feature specs are inferred.
#![no_main]

use libfuzzer_sys::fuzz_target;
use torre_train::fuzzing;

fuzz_target!(|data: &[u8]| match (data.strip_prefix(b"TOML"), std::str::from_utf8(data)) {
    (Some(_), Ok(text)) => fuzzing::config(&text[4..]),
    _ => fuzzing::inference(data),
});
