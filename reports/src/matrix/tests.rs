//! Small runs whose matrices can be counted by hand.

use super::*;
use crate::testing::{between, report};
use peerproof_conformance::case::Missing;
use peerproof_conformance::verdict::Outcome::{Fail, Pass, Unsupported};

fn run(cases: Vec<CaseReport>) -> RunReport {
    RunReport::new("peerproof 0.1.0".to_owned(), 0, 0, 1, cases)
}

fn names(matrix: &Matrix<'_>) -> Vec<String> {
    matrix.implementations.iter().map(ToString::to_string).collect()
}

#[test]
fn rows_are_what_the_recordings_say_and_controls_are_left_out() {
    let reports = [report()];
    let matrix = Matrix::of(&reports);
    assert_eq!(matrix.controls, 2);
    assert_eq!(matrix.plays.len(), 10);
    assert_eq!(names(&matrix), ["chrome 156.0.8078.79", "firefox 156.0.8078.79", "stack 156.0.8078.79"]);
    assert_eq!(matrix.conflicts, []);
    let (chrome, stack) = (0, 2);
    assert_eq!(matrix.cell(stack, chrome, Some("data")), Cell { passed: 1, ..Cell::default() });
    let own = matrix.cell(stack, stack, None);
    assert_eq!(own, Cell { known: 1, unexpected: 1, ..Cell::default() });
    assert_eq!(own.played(), 2);
    assert!(matrix.cell(chrome, chrome, None).is_empty());
}

#[test]
fn versions_and_names_of_one_implementation_are_rows_of_their_own() {
    let mut old = between("data/echo", ["chrome", "stack"], Pass);
    old.peers[0].version = "99.0.1".to_owned();
    let mut named = between("data/echo", ["chrome", "stack"], Pass);
    named.peers[0].named = Some("chrome@156".to_owned());
    named.name = "data/echo/chrome@156-stack".to_owned();
    let mut played = [between("data/echo", ["chrome", "stack"], Pass), old, named];
    // The reference stack is called by what it is built on.
    played.iter_mut().for_each(|case| case.peers[1].version = "0.1.0 (webrtc 0.21.1)".to_owned());
    let reports = played.map(|case| run(vec![case]));
    let matrix = Matrix::of(&reports);
    assert_eq!(
        names(&matrix),
        [
            "chrome 99.0.1",
            "chrome 156.0.8078.79",
            "chrome@156 = chrome 156.0.8078.79",
            "stack = webrtc 0.21.1"
        ]
    );
    assert_eq!(matrix.conflicts, []);
    assert!((0..3).all(|row| matrix.cell(row, 3, None).passed == 1));
}

#[test]
fn a_case_that_opened_no_peer_stands_with_the_only_version_of_its_run() {
    let mut silent = between("data/lost", ["chrome", "chrome"], Unsupported);
    silent.peers.iter_mut().for_each(|peer| peer.version.clear());
    let asked = between("data/echo", ["chrome", "stack"], Pass);
    let mut other = between("data/more", ["chrome", "stack"], Pass);
    other.peers[0].version = "157.0".to_owned();
    let one = [run(vec![silent.clone(), asked.clone()])];
    assert_eq!(names(&Matrix::of(&one)), ["chrome 156.0.8078.79", "stack 156.0.8078.79"]);
    let two = [run(vec![silent.clone(), asked.clone(), other])];
    assert_eq!(names(&Matrix::of(&two))[0], "chrome (unknown version)");
    // What another run says does not count.
    let apart = [run(vec![silent]), run(vec![asked])];
    assert_eq!(names(&Matrix::of(&apart))[0], "chrome (unknown version)");
}

#[test]
fn a_recording_that_contradicts_itself_is_named_and_its_rows_stay_what_it_says() {
    let mut renamed = between("data/echo", ["firefox", "stack"], Pass);
    renamed.peers[0].named = Some("chrome@150".to_owned());
    renamed.name = "data/echo/chrome@150-stack".to_owned();
    let mut miscalled = between("data/more", ["firefox", "stack"], Pass);
    miscalled.name = "data/more/chrome-stack".to_owned();
    let reports = [run(vec![renamed, miscalled])];
    let matrix = Matrix::of(&reports);
    let found: Vec<String> = matrix.conflicts.iter().map(ToString::to_string).collect();
    assert_eq!(
        found,
        [
            "`chrome@150` identifies as `firefox` (1 case, first data/echo/chrome@150-stack)",
            "the case named `chrome-stack` was run by `firefox-stack` (1 case, first data/more/chrome-stack)"
        ]
    );
    assert_eq!(
        names(&matrix),
        ["firefox 156.0.8078.79", "chrome@150 = firefox 156.0.8078.79", "stack 156.0.8078.79"]
    );
    // A name of the user's own says nothing of who answers by it.
    let mut free = between("data/echo", ["vendor", "stack"], Pass);
    free.peers[0].named = Some("mine".to_owned());
    free.name = "data/echo/mine-stack".to_owned();
    let reports = [run(vec![free])];
    let matrix = Matrix::of(&reports);
    assert!(matrix.conflicts.is_empty());
    assert!(names(&matrix).contains(&"mine = vendor 156.0.8078.79".to_owned()), "{:?}", names(&matrix));
}

#[test]
fn scenarios_that_come_out_otherwise_with_roles_exchanged_are_found() {
    let reports = [run(vec![
        between("data/same", ["stack", "chrome"], Pass),
        between("data/same", ["chrome", "stack"], Pass),
        between("data/other", ["stack", "chrome"], Pass),
        between("data/other", ["chrome", "stack"], Fail),
        between("data/one-way", ["stack", "chrome"], Fail),
        between("data/alone", ["stack", "stack"], Fail),
    ])];
    let matrix = Matrix::of(&reports);
    let [it] = matrix.differences().try_into().unwrap();
    let (chrome, stack) = (0, 1);
    assert_eq!((it.scenario, it.one, it.other), ("data/other", chrome, stack));
    assert_eq!((it.forth, it.back), (BTreeSet::from([Came::Unexpected]), BTreeSet::from([Came::Passed])));
}

#[test]
fn reasons_are_counted_whoever_the_peer_is_called_and_wherever_the_server_was() {
    let lacking = |pair: [&str; 2], side: &str, port: u32| {
        let mut case = between("turn/tcp", pair, Unsupported);
        let reason = format!("UDP only, not turn:192.0.2.2:{port}?transport=tcp");
        case.missing = Some(Missing { peer: Some(side.to_owned()), reason });
        case
    };
    let mut nobody = between("data/lost", ["chrome", "chrome"], Unsupported);
    nobody.missing = Some(Missing { peer: None, reason: "neither peer exposes keys".to_owned() });
    let reports = [run(vec![
        lacking(["stack", "chrome"], "alice", 1234),
        lacking(["chrome", "stack"], "bob", 4321),
        nobody,
    ])];
    let matrix = Matrix::of(&reports);
    let found: Vec<(usize, Option<usize>, String)> =
        matrix.lacks().into_iter().map(|it| (it.plays.len(), it.by, it.reason)).collect();
    let (chrome, stack) = (0, 1);
    assert_eq!(
        found,
        [
            (2, Some(stack), "UDP only, not turn:…?transport=tcp".to_owned()),
            (1, None, "neither peer exposes keys".to_owned())
        ]
    );
    let unplayed = matrix.unplayed();
    let own = unplayed.iter().find(|it| (it.offerer, it.answerer) == (chrome, chrome)).unwrap();
    assert_eq!((own.absent.as_slice(), own.unsupported.as_slice()), (&["turn"][..], &[("data", 1)][..]));
}
