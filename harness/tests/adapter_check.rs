//! `peerproof adapter check`: with the reference stack as an adapter all works, and each lie of one that reports something else is found.
//!
//! A liar is the stack whose output `sed` alters.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

use serde_json::Value;
use std::process::Command;

const PEERPROOF: &str = env!("CARGO_BIN_EXE_peerproof");

/// What `adapter check --json` says of a command, with its exit code.
fn checked(command: &[&str]) -> (i32, Value) {
    let output =
        Command::new(PEERPROOF).args(["adapter", "check", "--json", "--"]).args(command).output().unwrap();
    let report = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
        panic!(
            "{error}: {}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        )
    });
    (output.status.code().unwrap(), report)
}

/// The checks of a report with a result, as `group: check`, with what came.
fn with_result(report: &Value, result: &str) -> Vec<(String, String)> {
    let groups = report["groups"].as_array().unwrap().iter();
    let checks = groups.flat_map(|group| {
        let title = group["title"].as_str().unwrap();
        group["checks"].as_array().unwrap().iter().map(move |check| (title, check))
    });
    checks
        .filter(|(_, check)| check["result"] == result)
        .map(|(title, check)| {
            let came = check["came"].as_str().unwrap_or_default();
            (format!("{title}: {}", check["name"].as_str().unwrap()), came.to_owned())
        })
        .collect()
}

/// The violations of the stack behind this `sed` script.
fn violations(script: &str) -> Vec<(String, String)> {
    let pipe = format!("'{PEERPROOF}' adapter stack | sed -u -E '{script}'");
    let (code, report) = checked(&["sh", "-c", &pipe]);
    assert_eq!(code, 1, "{report:#}");
    with_result(&report, "violates")
}

fn found<'a>(violations: &'a [(String, String)], check: &str) -> &'a str {
    let found = violations.iter().find(|(name, _)| name.contains(check));
    &found.unwrap_or_else(|| panic!("{check} is not among {violations:#?}")).1
}

#[test]
fn with_the_reference_stack_all_works() {
    let (code, report) = checked(&[PEERPROOF, "adapter", "stack"]);
    for result in ["violates", "deviates", "unsupported", "not-tried"] {
        assert_eq!(with_result(&report, result), [], "{result}");
    }
    assert_eq!(code, 0);
    assert_eq!(report["implementation"], "stack");
    assert!(with_result(&report, "works").len() > 60);
    let families = report["scenarios"].as_array().unwrap();
    let data = families.iter().find(|family| family["family"] == "data").unwrap();
    assert!(data["offerer"]["of"].as_u64().unwrap() > 20);
    for family in families {
        for role in ["offerer", "answerer"] {
            assert_eq!(family[role]["playable"], family[role]["of"], "{family}");
        }
    }
}

#[test]
fn a_doubled_event_is_found() {
    let violations = violations("/signalingstatechange/p");
    let came = found(&violations, "events are numbered from 0 without gaps");
    assert!(came.contains("duplicate") && came.contains("signalingstatechange"), "{came}");
    // Nothing else is wrong with it.
    assert_eq!(violations.len(), 1, "{violations:#?}");
}

#[test]
fn a_lost_event_is_found() {
    let violations = violations("/\"event\":\"signalingstatechange\"/d");
    let came = found(&violations, "events are numbered from 0 without gaps");
    assert!(came.contains("an earlier one is missing"), "{came}");
    found(&violations, "alone: an event reports have-local-offer");
}

/// The stack, of whose events those of one name are reported that number of times, and all that are left are numbered anew.
fn renumbered(event: &str, times: usize) -> Vec<(String, String)> {
    let program = format!(
        "import re, sys
n = 0
for line in iter(sys.stdin.readline, \"\"):
    for _ in range({times} if '\"event\":\"{event}\"' in line else 1):
        if '\"event\":' in line:
            line = re.sub(r'\"seq\":[0-9]+', '\"seq\":%d' % n, line, count=1)
            n += 1
        sys.stdout.write(line)
        sys.stdout.flush()
"
    );
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("renumber.py");
    std::fs::write(&script, program).unwrap();
    let pipe = format!("'{PEERPROOF}' adapter stack | python3 '{}'", script.display());
    let (code, report) = checked(&["sh", "-c", &pipe]);
    assert_eq!(code, 1, "{report:#}");
    with_result(&report, "violates")
}

#[test]
fn events_that_are_lost_or_doubled_are_found_though_the_rest_is_numbered() {
    for (event, times, came) in [
        ("icegatheringstatechange", 0, "no such event"),
        ("channelopen", 2, "it came 2 times"),
        ("datachannel", 2, "it came 2 times"),
    ] {
        let violations = renumbered(event, times);
        let seen = found(&violations, "each reports its states, and the channel once");
        assert!(seen.contains(came), "{event}: {seen}");
    }
}

#[test]
fn an_altered_text_is_found_where_it_was_altered() {
    let violations = violations("s/\"value\":\"again\"/\"value\":\"agaim\"/");
    for check in ["one text three times, offerer to answerer", "one text three times, answerer to offerer"] {
        assert!(found(&violations, check).contains("agaim"));
    }
    assert_eq!(violations.len(), 2, "{violations:#?}");
}

/// The stack, with a script that alters its commands but not its answers.
fn instead(script: &str) -> Vec<(String, String)> {
    // The program that is checked is the adapter, so that its end is seen.
    let pipe = format!("exec '{PEERPROOF}' adapter stack < <(sed -u -E '{script}')");
    let (code, report) = checked(&["bash", "-c", &pipe]);
    assert_eq!(code, 1, "{report:#}");
    with_result(&report, "violates")
}

#[test]
fn commands_that_are_answered_and_not_carried_out_are_found() {
    let restart = instead("s/\"command\":\"restartIce\"/\"command\":\"getState\"/");
    assert!(found(&restart, "restartIce gives the next offer other credentials").contains("a=ice-ufrag:"));
    assert_eq!(restart.len(), 1, "{restart:#?}");
    let close = instead("s/\"command\":\"close\"/\"command\":\"getStats\"/");
    found(&close, "a connection that is closed has ended");
}

/// An implementation that loses empty messages deviates; its adapter reports the truth.
#[test]
fn an_empty_message_that_is_lost_is_a_deviation_where_others_arrive() {
    let pipe = |script: &str| format!("'{PEERPROOF}' adapter stack | sed -u -E '{script}'");
    // Another event takes the number of the one that is left out.
    let log =
        "s/\"event\":\"channelmessage\".*/\"event\":\"log\",\"data\":{\"level\":\"info\",\"message\":\"\"}}/";
    let (code, report) = checked(&["sh", "-c", &pipe(&format!("/\"size\":0,/{log}"))]);
    assert_eq!(code, 0, "{report:#}");
    let deviations = with_result(&report, "deviates");
    let names: Vec<&str> = deviations.iter().map(|(name, _)| name.as_str()).collect();
    for what in ["an empty text", "no bytes"] {
        for way in ["offerer to answerer", "answerer to offerer"] {
            let name = format!("data channels between two instances: {what}, {way}");
            assert!(names.contains(&name.as_str()), "{name} is not among {names:?}");
        }
    }
    assert_eq!(deviations.len(), 4, "{deviations:#?}");
    // Where messages with content are lost too, it is the program.
    let lost = violations(&format!("/\"size\":0,|\"value\":\"again\"/{log}"));
    found(&lost, "an empty text, offerer to answerer");
    found(&lost, "one text three times, offerer to answerer");
}

#[test]
fn answers_that_claim_all_was_done_are_found() {
    let violations = violations("s/\"answer\":\\{\"(rejected|unsupported)\".*/\"answer\":{\"ok\":null}}/");
    found(&violations, "greeting: impossible and invented commands are unsupported");
    found(&violations, "before createPeerConnection: createOffer");
    found(&violations, "wrong arguments: send: an unknown channel");
    found(&violations, "alone: a closed connection makes no offer");
}

#[test]
fn media_that_is_claimed_is_found() {
    let violations = violations("s/\"toneHz\":[0-9]+/\"toneHz\":440/");
    assert!(found(&violations, "a tone of 523 Hz is heard").contains("440"));
}

#[test]
fn a_time_in_the_future_is_found() {
    // Of some events it says that they happen later than they are reported.
    let violations =
        violations("s/\"t\":([0-9].*\"event\":\"(icecandidate|signalingstatechange)\")/\"t\":99\\1/");
    let came = found(&violations, "times fit the harness");
    assert!(came.contains("in the future"), "{came}");
}

#[test]
fn what_is_no_message_is_found_and_shown_without_control_characters() {
    let violations = violations("1i\\\n\\x1b[2Jready");
    let came = found(&violations, "every line is an answer or an event");
    assert!(came.contains("ready") && !came.contains('\u{1b}'), "{came}");
}

#[test]
fn bytes_that_are_no_text_are_found() {
    let violations = violations(r#"s/"channelopen"/"channelopen\xFF"/"#);
    let came = found(&violations, "every line is an answer or an event");
    assert!(came.contains("the program wrote invalid UTF-8"), "{came}");
}

#[test]
fn a_program_without_a_known_command_is_refused_at_once() {
    let (code, report) = checked(&["sh", "-c", "echo hello; exit 3"]);
    assert_eq!(code, 1);
    let violations = with_result(&report, "violates");
    assert!(found(&violations, "hello is answered").contains("status 3"), "{violations:#?}");
    found(&violations, "every line is an answer or an event");
    assert_eq!(report["scenarios"], Value::Array(Vec::new()));
}

#[test]
fn a_program_that_is_not_there_is_a_matter_of_usage() {
    for command in [&["/no/such/program"][..], &[]] {
        let output = Command::new(PEERPROOF).args(["adapter", "check", "--"]).args(command).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        assert!(!output.stderr.is_empty());
    }
}

#[test]
fn a_claim_that_the_commands_contradict_is_found() {
    let violations = violations("s/\"watch\",?//");
    let came = found(&violations, "it has the commands of the features that it claims");
    assert!(came.contains("no watch"), "{came}");
}
