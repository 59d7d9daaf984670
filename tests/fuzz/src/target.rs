//! One fuzz target: that of the body whose name the binary has.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| tollgate_fuzz::run(env!("CARGO_BIN_NAME"), data));
