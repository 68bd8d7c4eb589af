//! Words that the glossary in CONTRIBUTING.md replaces by others.

/// The file with the glossary; it names the words that it bans.
pub(super) const GLOSSARY: &str = "CONTRIBUTING.md";

/// Ends of the names of files that people write.
const WRITTEN: [&str; 11] = ["go", "html", "js", "json", "md", "mjs", "py", "rs", "sh", "toml", "yaml"];
/// Beginnings of the paths of files that are records of something: what it was called then is a part of it.
const RECORDS: [&str; 5] = [
    "CHANGELOG.md",
    "captures/corpus/",
    "captures/fuzz/corpus/",
    "conformance/recordings/",
    "docs/findings/",
];

/// A word or some words that are not to be used, in small letters, and what to write.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Banned {
    words: String,
    instead: String,
}

/// Whether the glossary applies to a file.
pub(super) fn applies(path: &str) -> bool {
    let written = path.rsplit_once('.').is_some_and(|(_, end)| WRITTEN.contains(&end));
    let excepted = path == GLOSSARY || path.ends_with("package-lock.json");
    written && !excepted && !RECORDS.iter().any(|record| path.starts_with(record))
}

/// The words that the glossary bans: what stands between backticks in the last column of its table.
pub(super) fn banned(glossary: &str) -> Vec<Banned> {
    let rows =
        glossary.lines().skip_while(|line| *line != "## Glossary").filter(|line| line.starts_with('|'));
    let mut banned = Vec::new();
    for row in rows {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [instead, .., not] = cells.as_slice() else { continue };
        let words = not.split('`').skip(1).step_by(2);
        banned.extend(
            words.map(|words| Banned { words: words.to_lowercase(), instead: (*instead).to_owned() }),
        );
    }
    banned
}

/// Where a text uses words that are banned.
pub(super) fn breaches(path: &str, text: &str, banned: &[Banned]) -> Vec<String> {
    let mut breaches = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.to_lowercase();
        for Banned { words, instead } in banned.iter().filter(|banned| contains(&line, &banned.words)) {
            breaches.push(format!("{path}:{}: `{words}`; write: {instead}", number + 1));
        }
    }
    breaches
}

/// Whether a line has these words, not only as a part of others. A name such as `only_warden` is a word of its own.
fn contains(line: &str, words: &str) -> bool {
    let in_word = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(words).any(|(at, _)| {
        let before = line.get(..at).and_then(|before| before.chars().next_back());
        let after = line.get(at + words.len()..).and_then(|after| after.chars().next());
        !before.is_some_and(in_word) && !after.is_some_and(in_word)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "| a | `before` |\n\n## Glossary\n\nText.\n\n| write | for | not |\n| --- | --- | --- |\n\
        | NAT | what `it` is | `gadget`, `Gadgets` |\n| case | | |\n";

    #[test]
    fn the_last_column_of_the_glossary_is_banned() {
        let word = |words: &str| Banned { words: words.to_owned(), instead: "NAT".to_owned() };
        assert_eq!(banned(TABLE), [word("gadget"), word("gadgets")]);
    }

    #[test]
    fn whole_words_are_found_in_any_case() {
        let found = |text: &str| breaches("a.md", text, &banned(TABLE));
        assert_eq!(found("x\nThe Gadget."), ["a.md:2: `gadget`; write: NAT"]);
        assert!(found("gadgetry, megagadgets, only_gadget").is_empty());
    }

    #[test]
    fn records_and_the_glossary_itself_may_hold_them() {
        assert!(applies("harness/src/lib.rs") && applies("docs/media.md") && applies("a/clock.rs"));
        for path in [
            GLOSSARY,
            "CHANGELOG.md",
            "Cargo.lock",
            "a/package-lock.json",
            "docs/findings/x.md",
            "a.pcapng",
            "b.snap",
        ] {
            assert!(!applies(path), "{path}");
        }
    }

    #[test]
    fn the_glossary_of_this_repository_bans_words() {
        let text = std::fs::read_to_string(crate::root().join(GLOSSARY)).unwrap();
        assert!(banned(&text).len() > 20);
    }
}
