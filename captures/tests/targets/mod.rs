//! What the fuzz targets run, one function each. `tests/fuzz.rs` runs them on the kept corpus, `fuzz/` under libFuzzer.
//!
//! None may panic or take time or memory beyond what its input explains; and each asserts what holds for every input.

mod capture;
mod units;

/// A target: its name and what it runs.
pub(crate) type Target = (&'static str, fn(&[u8]));

/// All of them. Their names are those of the files in `fuzz/fuzz_targets/` and of the archives in `fuzz/corpus/`.
pub(crate) const ALL: [Target; 16] = [
    ("stun", units::stun),
    ("turn", units::turn),
    ("dtls", units::dtls),
    ("srtp", units::srtp),
    ("rtp", units::rtp),
    ("payload", units::payload),
    ("rtcp", units::rtcp),
    ("sctp", units::sctp),
    ("dcep", units::dcep),
    ("mdns", units::mdns),
    ("sdp", units::sdp),
    ("key_log", units::key_log),
    ("dump", units::dump),
    ("link", capture::link),
    ("file", capture::file),
    ("trace", capture::trace),
];

/// Runs the target of that name.
pub(crate) fn run(name: &str, data: &[u8]) {
    let target = ALL.iter().find(|(known, _)| *known == name);
    let (_, run) = target.expect("the target is one of these");
    run(data);
}
