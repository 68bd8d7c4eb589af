//! The same matrix in each of its forms.

use super::*;
use crate::run::RunReport;
use crate::testing::{between, report};
use peerproof_conformance::verdict::Outcome;

fn all(reports: &[RunReport], runs: &[String]) -> [String; 3] {
    let matrix = Matrix::of(reports);
    let html = String::from_utf8(html(&matrix, runs).unwrap()).unwrap();
    [terminal(&matrix, runs, false), markdown(&matrix, runs), html]
}

#[test]
fn the_tables_and_what_they_do_not_show_by_themselves() {
    let mut report = report();
    report.cases.push(between("data/echo", ["firefox", "stack"], Outcome::Pass));
    let [terminal, markdown, _] = all(&[report], &["runs/latest".to_owned()]);
    insta::assert_snapshot!("terminal", terminal);
    insta::assert_snapshot!("markdown", markdown);
}

#[test]
fn a_document_has_its_preface_its_date_and_higher_headings_and_no_list_of_known_deviations() {
    let reports = [report()];
    let names = ["runs/latest".to_owned()];
    let matrix = Matrix::of(&reports);
    let text = document(&matrix, &reports, &names, "# Who works with whom\n\nThe core.\n\n");
    assert!(text.starts_with("# Who works with whom\n\nThe core.\n\nRun on "), "{text}");
    let bare = markdown(&matrix, &names);
    for section in ["overall", "Implementations", "Unexpected"] {
        assert!(text.contains(&format!("\n## {section}\n")), "{text}");
        assert!(bare.contains(&format!("\n### {section}\n")), "{bare}");
    }
    assert!(bare.contains("\n### Known deviations\n") && !text.contains("Known deviations\n"), "{text}");
}

#[test]
fn an_implementation_counts_in_both_roles_and_a_case_with_itself_once() {
    let mut report = report();
    report.cases = vec![
        between("data/echo", ["firefox", "stack"], Outcome::Pass),
        between("data/echo", ["stack", "firefox"], Outcome::Fail),
        between("data/echo", ["stack", "stack"], Outcome::Pass),
    ];
    let reports = [report];
    let matrix = Matrix::of(&reports);
    let counts: Vec<_> =
        (0..2).map(|it| matrix.of_implementation(it)).map(|it| (it.passed, it.unexpected)).collect();
    assert_eq!(counts, [(1, 1), (2, 1)]);
}

#[test]
fn a_cell_of_the_page_leads_to_its_cases_and_they_to_the_page_of_their_run() {
    let reports = [report(), report()];
    let [_, _, html] = all(&reports, &["../a b".to_owned(), String::new()]);
    // stack → firefox in data, the first family.
    assert!(html.contains("<a href=\"#stack-firefox-data\">0/2</a>"), "{html}");
    assert!(html.contains("id=\"stack-firefox-data\" open"));
    assert!(html.contains(
        "<a href=\"../a%20b/index.html#case=data/echo/stack-firefox\">data/echo/stack-firefox</a>"
    ));
    assert!(html.contains("<a href=\"index.html#case=data/echo/stack-firefox\">data/echo/stack-firefox</a>"));
}

#[test]
fn each_known_deviation_has_a_case_that_shows_it() {
    let mut report = report();
    // The second of its cases is the first that has its frame.
    for case in &mut report.cases {
        if case.name == "data/echo/stack-chrome" {
            case.breaches[0].evidence = vec![peerproof_conformance::verdict::Place::Entry(3)];
        }
        if case.name.starts_with("dtls/wrong-fingerprint") {
            case.files.push("page.html".to_owned());
        }
    }
    let reports = [report];
    let names = ["runs/a".to_owned()];
    let matrix = Matrix::of(&reports);
    let all: Vec<_> = matrix.deviations().iter().map(|it| (it.implementation, it.cases)).collect();
    assert_eq!(all, [(None, 1), (Some("chrome 156"), 2)]);
    let [terminal, bare, html] = self::all(&reports, &names);
    let seen = "dtls/wrong-fingerprint/stack-chrome, frame 9";
    assert!(
        terminal.contains(&format!("\n    2  chrome 156: it was always so\n       {seen}\n")),
        "{terminal}"
    );
    let document = document(&matrix, &reports, &names, "# Title\n");
    for text in [bare, document] {
        assert!(
            text.contains(&format!("| chrome 156 | it was always so (RFC 6347) | 2 | {seen} |")),
            "{text}"
        );
    }
    let page = "runs/a/cases/dtls/wrong-fingerprint/stack-chrome/page.html";
    assert!(html.contains(&format!("<td><a href=\"{page}#frame-9\">{seen}</a></td>")), "{html}");
    // Without its page, the case on the page of its run.
    assert!(html.contains("<a href=\"runs/a/index.html#case=ice/restart/stack-stack\">"), "{html}");
}

#[test]
fn a_terminal_names_the_command_for_the_cases_of_a_cell() {
    let reports = [report()];
    let names = ["runs/a".to_owned()];
    let text = terminal(&Matrix::of(&reports), &names, false);
    let command = "\n  peerproof judge runs/a/cases/data/*/stack-firefox\n";
    assert!(
        text.contains(command) && text.contains("\n  peerproof matrix runs/a -o interop.html\n"),
        "{text}"
    );
}

/// The targets of links within a text, and its anchors.
fn links(text: &str, before: &str, after: char) -> (BTreeSet<String>, BTreeSet<String>) {
    let all = |before: &str, after: char| {
        let found = text.split(before).skip(1).filter_map(|rest| rest.split(after).next());
        found.map(str::to_owned).collect::<BTreeSet<String>>()
    };
    (all(before, after), all(" id=\"", '"'))
}

#[test]
fn every_cell_leads_to_its_cases_by_pair_and_by_feature() {
    let mut report = report();
    report.cases.push(between("data/echo", ["firefox", "stack"], Outcome::Pass));
    for (n, case) in report.cases.iter_mut().enumerate() {
        case.rows = vec![format!("dc-{}", 10 - n % 3), "dc-2".to_owned()];
    }
    let reports = [report];
    let mut matrix = Matrix::of(&reports);
    matrix.statements = [("dc-2".to_owned(), "Messages are *ordered*".to_owned())].into();
    assert_eq!(matrix.features, ["dc-2", "dc-8", "dc-9", "dc-10"]);
    let names = ["run".to_owned()];
    let html = String::from_utf8(html(&matrix, &names).unwrap()).unwrap();
    for (text, (before, after)) in [(markdown(&matrix, &names), ("](#", ')')), (html, ("href=\"#", '"'))] {
        let (targets, anchors) = links(&text, before, after);
        assert!(targets.contains("stack-firefox-data") && targets.contains("dc-2-firefox"), "{targets:?}");
        assert!(targets.is_subset(&anchors), "{targets:?} {anchors:?}");
        // A cell without cases leads nowhere.
        assert!(!targets.contains("firefox-firefox-data"), "{targets:?}");
    }
    assert!(markdown(&matrix, &names).contains("| dc-2 Messages are \\*ordered\\* |"));
    assert!(terminal(&matrix, &names, false).contains("\n  dc-2 Messages are *ordered*"));
    assert_eq!(matrix.of_feature("dc-2", 0), matrix.of_implementation(0));
    assert!(
        matrix.time_of(0) > 0
            && matrix.time_of(0) <= reports[0].cases.iter().map(|case| case.duration_us).sum()
    );
}

#[test]
fn nothing_in_a_recording_is_markup_or_steers_the_terminal() {
    let hostile = "<script>\u{1b}[2J\u{7}|\n# a](http://x)";
    let mut report = report();
    for case in &mut report.cases {
        case.name = format!("{hostile}/{hostile}/a-b");
        case.verdict.sentence = hostile.to_owned();
        case.verdict.side = Some(hostile.to_owned());
        for peer in &mut case.peers {
            peer.implementation = format!("{hostile}{}", peer.implementation);
            peer.version = hostile.to_owned();
            peer.named = Some(hostile.to_owned());
        }
        if let Some(waiver) = &mut case.waiver {
            waiver.reason = hostile.to_owned();
            waiver.link = hostile.to_owned();
        }
    }
    let [terminal, markdown, html] = all(&[report], &[hostile.to_owned()]);
    assert!(!terminal.contains(['\u{1b}', '\u{7}']), "{terminal}");
    let bare = markdown.replace("\\]", "");
    assert!(!bare.contains("<script") && !bare.contains("](http") && !bare.contains("\n# a"), "{markdown}");
    assert!(!html.contains("<script"), "{html}");
    assert!(!html.contains("javascript:") && !html.contains("src="));
}

#[test]
fn colours_come_only_when_asked_for() {
    let reports = [report()];
    let matrix = Matrix::of(&reports);
    assert!(terminal(&matrix, &[], true).contains("\u{1b}[31m"));
    assert!(!terminal(&matrix, &[], false).contains('\u{1b}'));
}

#[test]
fn runs_without_cases_have_a_matrix_too() {
    let empty = RunReport::new("peerproof".to_owned(), 0, 0, 0, vec![]);
    let [terminal, markdown, html] = all(&[empty], &["run".to_owned()]);
    assert!(terminal.contains("0 cases of 1 run") && markdown.contains("0 cases of 1 run"));
    assert!(html.contains("No case was run"));
}
