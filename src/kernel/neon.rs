//! NEON: the scalar loops, as the compiler vectorises them for a CPU that always has it. Loops of our own (`vqtbl1q` for the filter,
//! `vqtbl4q` for the exact scan) wait for a machine or an emulator to be tested on.

pub(super) use super::scalar::*;
