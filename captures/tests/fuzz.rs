//! Every fuzz target bears its kept corpus, on any toolchain. `fuzz/README.md` tells how it came about.
#![expect(
    clippy::expect_used,
    reason = "helpers of tests; the lints' exception for tests covers test functions only"
)]

mod targets;

use std::fs;
use std::path::Path;

#[test]
fn every_target_bears_its_corpus() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    for (name, _) in targets::ALL {
        let entries = fs::read_dir(corpus.join(name)).expect("each target has a corpus");
        let mut inputs = 0;
        for entry in entries {
            let input = fs::read(entry.expect("it can be listed").path()).expect("it can be read");
            targets::run(name, &input);
            inputs += 1;
        }
        assert!(inputs > 0, "{name} has an empty corpus");
    }
}
