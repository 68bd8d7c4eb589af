//! `index.html`: the page of a run. It contains all cases as data and shows those that are selected; it fetches nothing.

use super::{ExportError, Exporter, NAT_TABLES};
use crate::case::CaseReport;
use crate::document::{Packed, Part, Policy, pack, plain};
use crate::escape::lines;
use crate::findings::Requirements;
use crate::nats::{NatTable, search_word};
use crate::run::{Counts, RunReport};
use crate::time::{span, utc};
use askama::Template;
use peerproof_conformance::case::{CasePeer, Standing, versioned};
use peerproof_conformance::verdict::{Layer, Outcome};
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;

/// Version of the format of [`RunHead`] and [`CaseRow`].
pub const RUN_PAGE_FORMAT: u32 = 1;

/// Cases of a block.
const BLOCK: usize = 64;

/// The page of a case in its folder.
pub const CASE_PAGE: &str = "page.html";

const SCRIPTS: [Part; 4] = [
    include_str!("../../page/base.js"),
    include_str!("../../page/parts.js"),
    include_str!("../../page/chart.js"),
    include_str!("../../page/run.js"),
];
const STYLES: [Part; 2] = [include_str!("../../page/base.css"), include_str!("../../page/run.css")];

/// A page for people. Names and sentences are data for its scripts, which make text of them.
#[derive(Debug, Clone, Copy)]
pub struct Html;

/// What the page of a run begins with.
#[derive(Debug, Serialize, JsonSchema)]
pub struct RunHead<'a> {
    /// Version of the format of the data of this page.
    pub format: u32,
    /// Name and version of the tool.
    pub tool: &'a str,
    /// When the run began.
    pub began: String,
    /// How long it took, in words.
    pub took: String,
    /// The run's seed, in digits.
    pub seed: String,
    /// Whether it was ended before all cases had run.
    pub interrupted: bool,
    /// Cases by verdict.
    pub counts: Counts,
    /// Cases with an unexpected result.
    pub unexpected: usize,
    /// Requirements by how they stand.
    pub requirements: Requirements,
    /// What an implementation with its version (`stack 0.1.0 (webrtc 0.21.1)`) is called, where it is called otherwise (`webrtc 0.21.1`).
    pub called: BTreeMap<String, String>,
}

/// What the implementations are called, where it is not their name and their version.
fn called(report: &RunReport) -> BTreeMap<String, String> {
    let peers = report.cases.iter().flat_map(|case| &case.peers);
    let both = peers.map(|it| {
        (format!("{} {}", it.implementation, it.version), versioned(&it.implementation, &it.version))
    });
    both.filter(|(reported, called)| reported.trim_end() != called).collect()
}

/// A case in the list. `block` says where all of it is: the blocks have [`CaseReport`]s.
#[derive(Debug, Serialize, JsonSchema)]
pub struct CaseRow<'a> {
    /// Its name.
    pub name: &'a str,
    /// Which attempt.
    pub attempt: u32,
    /// The verdict.
    pub outcome: Outcome,
    /// How it stands to what was expected.
    pub standing: Standing,
    /// Whether the result is unexpected.
    pub unexpected: bool,
    /// The layer.
    pub layer: Option<Layer>,
    /// The side.
    pub side: Option<&'a str>,
    /// The verdict's sentence.
    pub sentence: &'a str,
    /// Its duration in microseconds.
    pub duration_us: u64,
    /// The implementations with their versions, offerer first.
    pub versions: Vec<String>,
    /// Requirements that are broken or not followed.
    pub requirements: Vec<&'a str>,
    /// The page of the case, if there is one.
    pub page: Option<String>,
    /// The word that finds the cases of its two NATs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nats: Option<String>,
}

/// A requirement that is broken, over all cases.
#[derive(Debug, Serialize, JsonSchema)]
pub struct BreachRow<'a> {
    /// `fail`, `known`, `warn`.
    pub word: &'static str,
    /// The requirement.
    pub requirement: &'a str,
    /// Its level.
    pub level: &'static str,
    /// Document and section.
    pub source: &'a str,
    /// By which implementation.
    pub implementation: &'a str,
    /// In how many cases.
    pub cases: usize,
}

impl Exporter for Html {
    fn serialize(&self, report: &RunReport) -> Result<Vec<u8>, ExportError> {
        let policy = Policy::of(&SCRIPTS, &STYLES);
        let began = utc(report.began_us).format("%Y-%m-%d %H:%M:%S UTC").to_string();
        let head = RunHead {
            format: RUN_PAGE_FORMAT,
            tool: &report.tool,
            began: began.clone(),
            took: span(report.duration_us),
            seed: report.seed.to_string(),
            interrupted: report.interrupted,
            counts: report.counts,
            unexpected: report.unexpected,
            requirements: report.requirements,
            called: called(report),
        };
        let rows: Vec<CaseRow<'_>> = report.cases.iter().map(row).collect();
        let breaches: Vec<BreachRow<'_>> = report
            .breaches()
            .iter()
            .map(|group| {
                let breach = group.breach;
                BreachRow {
                    word: breach.word(),
                    requirement: &breach.requirement,
                    level: breach.level(),
                    source: &breach.source,
                    implementation: &breach.implementation,
                    cases: group.cases,
                }
            })
            .collect();
        let blocks: Result<Vec<Packed>, _> = report.cases.chunks(BLOCK).map(pack).collect();
        let page = Page {
            tool: &report.tool,
            title: format!("Run of {began}: {} cases, {} unexpected", report.cases.len(), report.unexpected),
            began,
            count: report.cases.len(),
            policy: policy.as_str(),
            styles: &STYLES,
            scripts: &SCRIPTS,
            head: plain(&head)?,
            rows: pack(&rows)?,
            breaches: pack(&breaches)?,
            blocks: blocks?,
            block: BLOCK,
            nats: NAT_TABLES
                .map(|(relay, title)| (title, NatTable::of(report, relay)))
                .into_iter()
                .filter(|(_, table)| !table.is_empty())
                .collect(),
        };
        Ok(lines(&page.render()?).into_owned().into_bytes())
    }
}

fn row(case: &CaseReport) -> CaseRow<'_> {
    let folder = case.folder.as_deref();
    let page = folder.filter(|_| case.files.iter().any(|file| file == CASE_PAGE));
    let mut requirements: Vec<&str> = case.breaches.iter().map(|it| it.requirement.as_str()).collect();
    requirements.dedup();
    CaseRow {
        name: &case.name,
        attempt: case.attempt,
        outcome: case.verdict.outcome,
        standing: case.standing,
        unexpected: !case.standing.is_good(),
        layer: case.verdict.layer,
        side: case.verdict.side.as_deref(),
        sentence: &case.verdict.sentence,
        duration_us: case.duration_us,
        versions: case.peers.iter().map(CasePeer::called).collect(),
        requirements,
        page: page.map(|folder| encode(&format!("{folder}/{CASE_PAGE}"))),
        nats: case.meeting.as_ref().filter(|_| case.control_of.is_none()).map(search_word),
    }
}

#[derive(Template)]
#[template(path = "index.html")]
struct Page<'a> {
    tool: &'a str,
    title: String,
    began: String,
    count: usize,
    policy: &'a str,
    styles: &'a [Part],
    scripts: &'a [Part],
    head: String,
    rows: Packed,
    breaches: Packed,
    blocks: Vec<Packed>,
    block: usize,
    nats: Vec<(&'static str, NatTable)>,
}

/// A relative path as a URL: everything but letters, digits and `-._~/` is percent-encoded, so that no name is a scheme.
pub(super) fn encode(path: &str) -> String {
    let mut url = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                url.push(char::from(byte));
            }
            byte => url.push_str(&format!("%{byte:02X}")),
        }
    }
    url
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::unpack;
    use crate::testing::report;
    use serde_json::Value;

    fn page(report: &RunReport) -> String {
        String::from_utf8(Html.serialize(report).unwrap()).unwrap()
    }

    /// The data in a script of the page.
    fn packed(page: &str, id: &str) -> Value {
        let (_, from) = page.split_once(&format!("id=\"{id}\"")).unwrap();
        let (_, from) = from.split_once('>').unwrap();
        let (data, _) = from.split_once('<').unwrap();
        serde_json::from_slice(&unpack(data).unwrap()).unwrap()
    }

    /// The page without its own scripts and styles.
    fn without_scripts(page: &str) -> String {
        let parts = SCRIPTS.iter().chain(&STYLES);
        parts.fold(page.to_owned(), |page, part| page.replace(part, ""))
    }

    #[test]
    fn hostile_names_are_data_and_no_markup() {
        let mut report = report();
        report.tool = "</script><img src=x onerror=alert(1)>".to_owned();
        let page = without_scripts(&page(&report));
        assert!(!page.contains("<img"), "an image");
        assert!(!page.contains("alert(1)</script>"), "a script");
        let rows = packed(&page, "data-rows");
        let hostile =
            rows.as_array().unwrap().iter().find(|row| row["name"].as_str().unwrap().contains("<script>"));
        let link = hostile.unwrap()["page"].clone();
        assert_eq!(link, Value::Null, "there is no page");
    }

    #[test]
    fn the_page_fetches_nothing_and_only_its_own_scripts_may_run() {
        let page = page(&report());
        assert!(page.contains("default-src 'none'; script-src 'sha256-"));
        let page = without_scripts(&page);
        for outlawed in
            ["http://", "https://", "src=", "@import", "url(", "javascript:", " onclick", " style="]
        {
            assert!(!page.contains(outlawed), "{outlawed}");
        }
    }

    #[test]
    fn the_policy_names_every_script_and_style() {
        use base64::Engine as _;
        use sha2::Digest as _;
        let page = page(&report());
        let (_, policy) = page.split_once("Content-Security-Policy\" content=\"").unwrap();
        let (policy, _) = policy.split_once('"').unwrap();
        for part in SCRIPTS.iter().chain(&STYLES) {
            let digest = sha2::Sha256::digest(part.as_bytes());
            let digest = base64::engine::general_purpose::STANDARD.encode(digest);
            assert!(policy.contains(&format!("'sha256-{digest}'")));
            assert!(page.contains(*part), "hidden characters in a script or style");
        }
    }

    #[test]
    fn standings_have_the_words_of_other_reports() {
        for standing in [
            Standing::ControlHeld,
            Standing::ControlBroken,
            Standing::Known,
            Standing::WaiverStale,
            Standing::Changed,
            Standing::Unexpected,
        ] {
            let words = crate::export::remark(standing).unwrap();
            let parts = include_str!("../../page/parts.js");
            assert!(parts.contains(&format!(": \"{words}\",")), "{words}");
        }
    }

    #[test]
    fn a_folder_cannot_become_a_scheme() {
        assert_eq!(encode("javascript:alert(1)/x"), "javascript%3Aalert%281%29/x");
    }

    #[test]
    fn every_case_is_in_the_list_and_whole_in_a_block() {
        let mut report = report();
        report.cases[0].files.push(CASE_PAGE.to_owned());
        let page = page(&report);
        let rows = packed(&page, "data-rows");
        let rows = rows.as_array().unwrap();
        assert_eq!(rows.len(), report.cases.len());
        assert_eq!(packed(&page, "data-block-0").as_array().unwrap().len(), report.cases.len().min(BLOCK));
        for (row, case) in rows.iter().zip(&report.cases) {
            assert_eq!(row["name"], case.name.as_str());
        }
        let folder = report.cases[0].folder.as_deref().unwrap();
        assert_eq!(rows[0]["page"], format!("{folder}/page.html").as_str());
        assert_eq!(rows[1]["page"], Value::Null);
    }

    #[test]
    fn the_head_says_what_the_reference_stack_is_called() {
        let mut report = report();
        let name = |report: &RunReport| called(report).into_iter().collect::<Vec<_>>();
        assert_eq!(name(&report), []);
        let stack = report
            .cases
            .iter_mut()
            .flat_map(|case| &mut case.peers)
            .filter(|it| it.implementation == "stack");
        stack.for_each(|peer| peer.version = "0.1.0 (webrtc 0.21.1)".to_owned());
        let expected = ("stack 0.1.0 (webrtc 0.21.1)".to_owned(), "webrtc 0.21.1".to_owned());
        assert_eq!(name(&report), [expected]);
    }

    #[test]
    fn an_empty_run_is_a_page_too() {
        let empty = RunReport::new("peerproof".to_owned(), 0, 0, 0, vec![]);
        assert_eq!(packed(&page(&empty), "data-rows"), Value::Array(Vec::new()));
    }
}
