//! Fuzzes the target `dump`: what it does is in `captures/tests/targets/`.
#![no_main]

#[path = "../../tests/targets/mod.rs"]
mod targets;

libfuzzer_sys::fuzz_target!(|data: &[u8]| targets::run("dump", data));
