//! `cargo xtask quotes`: compares the quotations of the catalogue with the texts of the RFCs.
//!
//! Git keeps the RFCs that are quoted, as their editor publishes them, in one archive: `conformance/requirements/texts.tar.gz`. Documents whose text
//! cannot be had in that form are in [`WITHOUT`]. A document in [`PREDECESSORS`] is compared with the text of the one that it replaces.

use crate::corpus::{self, Inputs};
use anyhow::{Context, Result, bail, ensure};
use peerproof_conformance::catalogue::{Catalogue, Quote};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Documents of which no text is kept.
const WITHOUT: &[&str] = &[
    "AV1 RTP",
    "RFC 9628",
    "RFC 9653",
    "W3C webrtc-pc",
    "draft-holmer-rmcat-transport-wide-cc-extensions-01",
    "draft-ietf-mmusic-mdns-ice-candidates",
    "libwebrtc abs-send-time README",
];

/// Documents whose predecessor is compared instead; section numbers may differ.
const PREDECESSORS: &[(&str, &str)] = &[("RFC 9429", "RFC 8829")];

/// Most characters of a quotation: it is a few words, not the section.
const MOST: usize = 250;

#[derive(clap::Args)]
pub(crate) struct Quotes {
    /// Make the archive anew from a folder with `rfcNNNN.txt` (such as Debian's packages `doc-rfc-*` install, unpacked)
    #[arg(long, value_name = "FOLDER")]
    pack: Option<PathBuf>,
}

fn archive(root: &Path) -> PathBuf {
    root.join("conformance/requirements/texts.tar.gz")
}

impl Quotes {
    /// Compares, and prints the numbers.
    ///
    /// # Errors
    /// When a quotation is not in the section that it names, or a text cannot be read.
    #[expect(clippy::print_stdout, reason = "a chore speaks to the terminal")]
    pub(crate) fn run(&self, root: &Path) -> Result<()> {
        if let Some(folder) = &self.pack {
            let mut texts = Inputs::new();
            for name in documents().filter_map(file_name) {
                let text = fs::read(folder.join(&name)).with_context(|| format!("reading {name}"))?;
                texts.insert(name, text);
            }
            fs::write(archive(root), corpus::gzip(&corpus::assemble(&texts)?)?)?;
        }
        let found = compare(&read(root)?);
        println!("{} quotations, {} of documents whose text is not kept", quotes().count(), found.without);
        ensure!(found.wrong.is_empty(), "{}", found.wrong.join("\n"));
        Ok(())
    }
}

/// The documents that are quoted and have a text, or whose predecessor has.
fn documents() -> impl Iterator<Item = String> {
    let named: BTreeSet<&str> = quotes().filter_map(|(_, quote)| Some(split(&quote.place)?.0)).collect();
    let kept = named.into_iter().filter(|document| !WITHOUT.contains(document));
    kept.map(|document| predecessor(document).to_owned())
}

/// All quotations, each with the name of its requirement. Those that are left for later are among them.
fn quotes() -> impl Iterator<Item = (&'static str, &'static Quote)> {
    let catalogue = Catalogue::get();
    let decided = catalogue.requirements().map(|it| (it.id.as_str(), &it.quotes));
    let deferred = catalogue.deferred().iter().map(|it| (it.id.as_str(), &it.quotes));
    decided.chain(deferred).flat_map(|(id, quotes)| quotes.iter().map(move |quote| (id, quote)))
}

fn predecessor(document: &str) -> &str {
    PREDECESSORS.iter().find(|(new, _)| *new == document).map_or(document, |(_, old)| old)
}

fn file_name(document: String) -> Option<String> {
    Some(format!("rfc{}.txt", document.strip_prefix("RFC ")?))
}

/// Document and section: `RFC 9260 §3.2`.
fn split(place: &str) -> Option<(&str, &str)> {
    place.split_once(" §")
}

fn read(root: &Path) -> Result<BTreeMap<String, Sections>> {
    let texts = corpus::read(&fs::read(archive(root)).context("reading the archive")?)?;
    let mut documents = BTreeMap::new();
    for (name, bytes) in texts {
        let Some(number) = name.strip_prefix("rfc").and_then(|it| it.strip_suffix(".txt")) else {
            bail!("{name} is no RFC");
        };
        documents.insert(format!("RFC {number}"), Sections::of(&String::from_utf8_lossy(&bytes)));
    }
    Ok(documents)
}

/// The text of a document by the number of the innermost section.
#[derive(Debug, Default)]
struct Sections(BTreeMap<String, String>);

impl Sections {
    fn of(text: &str) -> Self {
        let mut sections: BTreeMap<String, String> = BTreeMap::new();
        let mut current = String::new();
        for line in text.lines().filter(|line| !is_of_the_page(line)) {
            if let Some(number) = heading(line) {
                number.clone_into(&mut current);
            }
            let section = sections.entry(current.clone()).or_default();
            section.push_str(line.trim_matches('\u{c}'));
            section.push('\n');
        }
        Self(sections.into_iter().map(|(number, text)| (number, plain(&text))).collect())
    }

    fn has(&self, section: &str, quote: &str) -> bool {
        self.0.get(section).is_some_and(|text| in_order(text, quote))
    }

    fn has_anywhere(&self, quote: &str) -> bool {
        self.0.values().any(|text| in_order(text, quote))
    }
}

/// Whether a line is the head or the foot of a page.
fn is_of_the_page(line: &str) -> bool {
    let foot = line.trim_end().ends_with(']') && line.contains("[Page ") && !line.starts_with(' ');
    foot || (line.starts_with("RFC ")
        && line.trim_end().ends_with(|last: char| last.is_ascii_digit())
        && line.contains("   "))
}

/// The number of the section that begins with this line, which is not one of the table of contents.
fn heading(line: &str) -> Option<&str> {
    if line.contains("....") || line.contains(". . .") {
        return None;
    }
    let line = line.strip_prefix("Appendix ").unwrap_or(line);
    let (number, rest) = line.split_once(' ')?;
    let number = number.strip_suffix('.').unwrap_or(number);
    let mut parts = number.split('.');
    let is_number =
        |part: &str| (1..=2).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
    let first = parts.next()?;
    let is_letter = first.len() == 1 && first.bytes().all(|byte| byte.is_ascii_uppercase());
    let is_section = (is_letter || is_number(first)) && parts.all(is_number);
    (is_section && !rest.trim().is_empty()).then_some(number)
}

/// Text without line ends: single spaces, straight quotation marks; a hyphen at the end of a line joins.
fn plain(text: &str) -> String {
    let straight = text.replace(['“', '”'], "\"").replace(['‘', '’'], "'");
    let mut plain = String::new();
    for word in straight.split_inclusive(char::is_whitespace) {
        let (ends_line, word) = (word.ends_with('\n'), word.trim());
        if word.is_empty() {
            continue;
        }
        plain.push_str(word);
        if !(ends_line && word.ends_with('-')) {
            plain.push(' ');
        }
    }
    plain
}

/// Whether the pieces of a quotation stand in a text in this order.
fn in_order(text: &str, quote: &str) -> bool {
    let quote = plain(quote);
    let mut rest = text;
    quote.split("[...]").all(|piece| match rest.split_once(piece.trim()) {
        Some((_, after)) => {
            rest = after;
            true
        }
        None => false,
    })
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Compared {
    wrong: Vec<String>,
    /// Quotations of documents in [`WITHOUT`].
    without: usize,
}

fn compare(texts: &BTreeMap<String, Sections>) -> Compared {
    let mut compared = Compared::default();
    for (id, quote) in quotes() {
        let wrong = match split(&quote.place) {
            _ if quote.text.chars().count() > MOST => Some("is longer than a few words".to_owned()),
            None => Some("names no section".to_owned()),
            Some((document, _)) if WITHOUT.contains(&document) => {
                compared.without += 1;
                None
            }
            Some((document, section)) => match texts.get(predecessor(document)) {
                None => Some("is of a document without a text".to_owned()),
                Some(text) if predecessor(document) != document => {
                    (!text.has_anywhere(&quote.text)).then(|| format!("is not in {}", predecessor(document)))
                }
                Some(text) => (!text.has(section, &quote.text)).then(|| format!("is not in §{section}")),
            },
        };
        compared.wrong.extend(wrong.map(|wrong| format!("{id}: {} {wrong}: {}", quote.place, quote.text)));
    }
    compared
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_quotation_is_in_the_section_that_it_names() {
        let compared = compare(&read(&crate::root()).unwrap());
        assert!(compared.wrong.is_empty(), "{}", compared.wrong.join("\n"));
    }

    #[test]
    fn every_requirement_is_quoted() {
        let unquoted = Catalogue::get().requirements().filter(|it| it.quotes.is_empty());
        // Of the text of RFC 9628 only drafts could be read.
        let unquoted: Vec<&str> = unquoted.map(|it| it.id.as_str()).collect();
        assert_eq!(unquoted, ["codec-vp9-frame-flags"]);
    }

    #[test]
    fn the_archive_holds_the_texts_that_are_quoted_and_no_other() {
        let kept: Vec<String> = read(&crate::root()).unwrap().into_keys().collect();
        let quoted: BTreeSet<String> = documents().collect();
        assert_eq!(kept, Vec::from_iter(quoted));
    }

    #[test]
    fn words_are_found_over_line_and_page_ends_in_their_section_only() {
        let text = "1.  Begin\n\n   It MUST be\n\nDoe                      Standards Track                    [Page 5]\n\u{c}\nRFC 1                  Title                   May 2020\n\n   \
            session-\n   level.  Then it\n   SHOULD end.\n2.  End\n   Other \u{201c}words\u{201d}.\nAppendix A.  More\nA.1.  Words\n   Last.\n";
        let sections = Sections::of(text);
        assert!(sections.has("1", "It MUST be session-level. Then it SHOULD end."));
        assert!(sections.has("1", "It MUST be [...] SHOULD end."));
        assert!(!sections.has("1", "SHOULD end. [...] It MUST be"));
        assert!(!sections.has("2", "SHOULD end."));
        assert!(sections.has("2", "Other \"words\"."));
        assert!(sections.has("A.1", "Last.") && sections.has_anywhere("Last."));
        assert!(!sections.has("1", "Page 5"));
    }
}
