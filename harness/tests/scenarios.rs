//! The scenarios of the suite and the examples of the documentation can be read, and mean what they say.

use peerproof::peers::implementation::Roster;
use peerproof::run::{Filter, plan};
use peerproof::scenario::{Suite, load};
use std::path::Path;

fn root() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

#[test]
fn the_whole_suite_is_read() {
    let suite = Suite::load(&root().join("scenarios")).unwrap_or_else(|errors| {
        let messages: Vec<String> = errors.iter().map(ToString::to_string).collect();
        panic!("{}", messages.join("\n\n"))
    });
    let cases = plan(&suite, &Roster::default(), &Filter::default());
    assert!(suite.scenarios.len() >= 40 && cases.len() >= 200, "{} cases", cases.len());
    assert!(suite.controls.len() >= 10);
    for control in &suite.controls {
        let expected = &control.control.expect;
        assert!(
            expected.layer.is_some() && expected.side.is_some(),
            "{} accepts any failure: it must say layer and side",
            control.file.name
        );
    }
}

#[test]
fn every_example_of_the_documentation_is_read() {
    let text = std::fs::read_to_string(root().join("docs/scenarios.md")).expect("docs/scenarios.md is there");
    let mut examples = 0;
    let mut read = Vec::new();
    let mut fences = text.split("```");
    while let (Some(_), Some(block)) = (fences.next(), fences.next()) {
        let (language, body) = block.split_once('\n').unwrap_or_default();
        let path = Path::new("docs/scenarios.md");
        match language.trim() {
            "yaml" => {
                let name = if examples == 0 { "data/echo" } else { "docs/example" };
                read.extend(load::scenarios(path, name, body).unwrap_or_else(|error| panic!("{error}")));
            }
            "yaml control" => {
                load::control(path, "controls/example", body, &read)
                    .unwrap_or_else(|error| panic!("{error}"));
            }
            _ => continue,
        }
        examples += 1;
    }
    assert!(examples >= 7, "{examples}");
}
