//! Recordings that are judged again: the verdict and the findings are those that were given live, and what is taken away from a
//! recording shows.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use peerproof_captures::timeline::{self, What};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn peerproof(arguments: &[&str]) -> Output {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    Command::new(env!("CARGO_BIN_EXE_peerproof")).args(arguments).current_dir(root).output().unwrap()
}

/// Plays cases of the stack with itself: a pass, a known deviation of a requirement, a failing scenario, and a control.
fn played(folder: &Path) {
    let output = folder.to_str().unwrap();
    let filters = ["data/echo/*", "data/send-before-open/*", "dtls/forged-fingerprint-in-offer/*"];
    let control = ["controls/echo-corrupts/*"];
    let arguments: Vec<&str> =
        ["run", "--peers", "stack", "--output", output].into_iter().chain(filters).chain(control).collect();
    let run = peerproof(&arguments);
    assert_eq!(run.status.code(), Some(0), "{}", String::from_utf8_lossy(&run.stdout));
}

fn judged(arguments: &[&str]) -> (i32, Value) {
    let output = peerproof(&[&["judge", "--json"], arguments].concat());
    let code = output.status.code().unwrap();
    (code, serde_json::from_slice(&output.stdout).unwrap_or(Value::Null))
}

fn cases(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).unwrap().flatten() {
            match entry.path() {
                path if path.is_dir() => open.push(path),
                path if path.ends_with("case.json") => found.push(folder.clone()),
                _ => {}
            }
        }
    }
    found.sort();
    found
}

fn case_json(folder: &Path) -> Value {
    serde_json::from_slice(&fs::read(folder.join("case.json")).unwrap()).unwrap()
}

#[test]
fn what_is_judged_again_is_what_was_judged_live_and_what_is_taken_away_shows() {
    let folder = tempfile::tempdir().unwrap();
    played(folder.path());
    let folders = cases(folder.path());
    assert_eq!(folders.len(), 4, "{folders:?}");

    let output = ["run", "--peers", "stack", "data/echo/*", "--output", folder.path().to_str().unwrap()];
    let over = peerproof(&output);
    assert_eq!(over.status.code(), Some(2), "a run is in the folder");
    assert!(String::from_utf8_lossy(&over.stderr).contains("another run is in this folder"));

    let (code, again) = judged(&[folder.path().to_str().unwrap()]);
    assert_eq!(code, 0, "{again:#}");
    let again = again["judged"].as_array().unwrap();
    let mut outcomes = Vec::new();
    for (folder, again) in folders.iter().zip(again) {
        let live = case_json(folder);
        assert_eq!(live["verdict"], again["verdict"]);
        assert_eq!(again["recorded"], again["verdict"]);
        assert_eq!(again["changed"], false);
        let live: Vec<&Value> = live["findings"].as_array().unwrap().iter().collect();
        let printed = again["findings"].as_array().unwrap();
        assert!(!live.is_empty());
        assert_eq!(live.len(), printed.len());
        for (live, printed) in live.iter().zip(printed) {
            for (key, value) in live.as_object().unwrap() {
                assert_eq!(&printed[key], value, "{}", live["requirement"]);
            }
            assert!(
                printed["level"].is_string() && !printed["source"].as_str().unwrap().is_empty(),
                "{printed}"
            );
        }
        outcomes.push(again["verdict"]["outcome"].as_str().unwrap());
    }
    assert!(outcomes.contains(&"pass") && outcomes.contains(&"fail"), "{outcomes:?}");

    // A known violation is a failure at its layer where nothing says that it is known.
    let open = folders.iter().find(|folder| folder.to_str().unwrap().contains("send-before-open")).unwrap();
    let waived = case_json(open);
    let known = waived["findings"].as_array().unwrap().iter().find(|it| it["result"] == "fail").unwrap();
    assert!(known["waiver"]["reason"].is_string());
    let nothing = folder.path().join("nothing.toml");
    fs::write(&nothing, "").unwrap();
    let (code, strict) = judged(&[open.to_str().unwrap(), "--expected", nothing.to_str().unwrap()]);
    let verdict = &strict["judged"][0]["verdict"];
    assert_eq!((code, &verdict["outcome"]), (1, &Value::from("fail")));
    assert_eq!((&verdict["layer"], &verdict["side"]), (&Value::from("sdp"), &known["endpoint"]));
    assert_eq!(strict["judged"][0]["changed"], true);

    // Only what is asked for is printed.
    let (_, some) = judged(&[open.to_str().unwrap(), "--requirement", "ice-"]);
    let some = some["judged"][0]["findings"].as_array().unwrap().clone();
    let typo = peerproof(&["judge", open.to_str().unwrap(), "--requirement", "dtls-no-compresion"]);
    let complaint = String::from_utf8(typo.stderr).unwrap();
    assert_eq!(typo.status.code(), Some(2), "{complaint}");
    assert!(complaint.contains("did you mean `dtls-no-compression`?"), "{complaint}");
    assert!(!some.is_empty() && some.iter().all(|it| it["requirement"].as_str().unwrap().contains("ice-")));
    let text = peerproof(&["judge", open.to_str().unwrap(), "--all"]);
    let text = String::from_utf8(text.stdout).unwrap();
    assert!(
        text.contains("holds  alice  ") && text.contains("known  ") && !text.contains('\u{1b}'),
        "{text}"
    );

    // The capture of a recording is judged by the requirements alone, and holds them too, but for what the stack always breaks.
    let echo = folders.iter().find(|folder| folder.to_str().unwrap().contains("data/echo")).unwrap();
    let copy = folder.path().join("somebody's.pcapng");
    fs::copy(echo.join("capture.pcapng"), &copy).unwrap();
    let (code, bare) = judged(&[copy.to_str().unwrap()]);
    let findings = bare["judged"][0]["findings"].as_array().unwrap().iter();
    let broken: BTreeSet<_> =
        findings.filter(|it| it["result"] == "fail").map(|it| it["requirement"].as_str().unwrap()).collect();
    assert_eq!(broken, BTreeSet::from(["sctp-init-announces-required-extensions"]), "{bare:#}");
    assert_eq!(code, 1);
    assert!(bare["judged"][0]["verdict"].is_null());
    let held = |requirement: &str| {
        let findings = bare["judged"][0]["findings"].as_array().unwrap().iter();
        findings.filter(|it| it["requirement"] == requirement && it["result"] == "pass").count()
    };
    assert_eq!((held("ice-check-has-fingerprint"), held("sctp-crc32c-correct")), (2, 2), "{bare:#}");

    // A file that was changed since is named and decides; it is judged all the same by `--changed`.
    let timeline = echo.join("timeline.jsonl");
    let whole = fs::read(&timeline).unwrap();
    fs::write(&timeline, [&whole[..], b"\n"].concat()).unwrap();
    let echo_path = echo.to_str().unwrap();
    let outcome = |judged: &Value| judged["judged"][0]["verdict"]["outcome"].clone();
    let (code, changed) = judged(&[echo_path]);
    assert_eq!((code, outcome(&changed)), (3, Value::from("harness-error")));
    assert!(changed["judged"][0]["altered"][0].as_str().unwrap().starts_with("timeline.jsonl was changed"));
    let (code, allowed) = judged(&[echo_path, "--changed"]);
    assert_eq!((code, outcome(&allowed)), (0, Value::from("pass")), "{allowed:#}");
    assert_eq!(allowed["judged"][0]["altered"], changed["judged"][0]["altered"]);
    fs::write(&timeline, &whole).unwrap();
    // So are case.json, and digests that were taken out of it.
    let written = fs::read(echo.join("case.json")).unwrap();
    let edited = |edit: fn(&mut Value)| {
        let mut case = case_json(echo);
        edit(&mut case);
        fs::write(echo.join("case.json"), serde_json::to_vec_pretty(&case).unwrap()).unwrap();
        let (code, changed) = judged(&[echo_path]);
        let (allowed, _) = judged(&[echo_path, "--changed"]);
        fs::write(echo.join("case.json"), &written).unwrap();
        assert_eq!((code, outcome(&changed), allowed), (3, Value::from("harness-error"), 0), "{changed:#}");
        let altered = changed["judged"][0]["altered"].as_array().unwrap().clone();
        altered.into_iter().map(|it| it.as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let itself = "case.json was changed: its SHA-256 is another one";
    assert_eq!(edited(|case| case["expect"] = json!({})), [itself]);
    assert_eq!(edited(|case| case["control_of"] = "data/echo".into()), [itself]);
    assert_eq!(edited(|case| case["peers"][0]["version"] = "0.0.1".into()), [itself]);
    let none = "timeline.jsonl was changed, or its digest was removed: case.json has none of it";
    let of_timeline =
        |case: &mut Value| drop(case["files"].as_object_mut().unwrap().remove("timeline.jsonl"));
    assert_eq!(edited(of_timeline), [itself, none]);
    // As in recordings of before, which have no digest of case.json.
    let earlier = edited(|case| {
        case["format"] = 3.into();
        let case = case.as_object_mut().unwrap();
        case.remove("sha256");
        case.remove("files");
    });
    assert!(earlier.len() >= 6 && earlier.iter().any(|it| it == none), "{earlier:?}");
    assert!(!earlier.iter().any(|it| it.starts_with("case.json")), "{earlier:?}");
    // A recording that breaks off accuses nobody, whatever of it breaks off.
    let capture = echo.join("capture.pcapng");
    let packets = fs::read(&capture).unwrap();
    for (path, bytes) in [(&timeline, &whole), (&capture, &packets)] {
        for share in [30, 60, 95] {
            fs::write(path, &bytes[..bytes.len() * share / 100]).unwrap();
            let (code, cut) = judged(&[echo_path, "--changed"]);
            assert_eq!((code, outcome(&cut)), (3, Value::from("harness-error")), "{share} % of {path:?}");
            let mut findings = cut["judged"][0]["findings"].as_array().unwrap().iter();
            assert!(findings.all(|it| it["result"] != "fail" && it["result"] != "warn"), "{cut:#}");
        }
        fs::write(path, bytes).unwrap();
    }
    // What a killed run left behind is called so.
    let killed = folder.path().join("killed/cases/data/echo");
    fs::create_dir_all(&killed).unwrap();
    for file in ["timeline.jsonl", "capture.pcapng"] {
        fs::copy(echo.join(file), killed.join(file)).unwrap();
    }
    let (code, left) = judged(&[folder.path().join("killed").to_str().unwrap()]);
    assert_eq!((code, outcome(&left)), (3, Value::from("harness-error")));
    let sentence = left["judged"][0]["verdict"]["sentence"].as_str().unwrap();
    assert!(sentence.contains("its run was killed"), "{sentence}");
    let text = peerproof(&["judge", killed.to_str().unwrap()]);
    let text = String::from_utf8(text.stdout).unwrap();
    assert!(text.starts_with("harness-error  ") && text.contains("killed/cases/data/echo"), "{text}");

    // What format 2 recorded is judged the same: its steps and notes were sentences.
    let case: Value = serde_json::from_slice(&fs::read(echo.join("case.json")).unwrap()).unwrap();
    let mut earlier = case.clone();
    earlier["format"] = 2.into();
    fs::write(echo.join("case.json"), earlier.to_string()).unwrap();
    fs::write(&timeline, in_sentences(&whole)).unwrap();
    let (code, same) = judged(&[echo_path, "--changed"]);
    assert_eq!((code, outcome(&same)), (0, Value::from("pass")), "{same:#}");
    assert_eq!(same["judged"][0]["findings"], allowed["judged"][0]["findings"]);
    fs::write(&timeline, &whole).unwrap();
    let refused = peerproof(&["judge", echo_path]);
    assert_eq!(refused.status.code(), Some(2), "format 2 with steps that are no sentences");
    fs::write(echo.join("case.json"), case.to_string()).unwrap();

    // No recording, no pass; and a broken file is refused with its place.
    fs::remove_file(echo.join("capture.pcapng")).unwrap();
    let (code, without) = judged(&[echo.to_str().unwrap()]);
    assert_eq!((code, &without["judged"][0]["verdict"]["outcome"]), (3, &Value::from("harness-error")));
    fs::write(echo.join("timeline.jsonl"), "{\"n\":0,\"t_us\":1,\"what\":{\"note\":{}}}\n").unwrap();
    let broken = peerproof(&["judge", echo.to_str().unwrap()]);
    assert_eq!(broken.status.code(), Some(2));
    let complaint = String::from_utf8(broken.stderr).unwrap();
    assert!(complaint.contains("timeline.jsonl:1:"), "{complaint}");
}

/// A timeline as formats 1 and 2 had it.
fn in_sentences(timeline: &[u8]) -> String {
    let mut text = String::new();
    for entry in timeline::read(timeline).unwrap() {
        let what = match entry.what {
            What::StepBegan { step, definition, .. } => {
                json!({ "step_began": { "step": step, "text": definition.to_string() } })
            }
            What::Note(note) => json!({ "note": { "text": note.to_string() } }),
            what => serde_json::to_value(what).unwrap(),
        };
        text += &format!("{}\n", json!({ "n": entry.n, "t_us": entry.t_us, "what": what }));
    }
    text
}

#[test]
fn what_cannot_be_judged_is_refused_in_one_message() {
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().to_str().unwrap();
    let garbage = folder.path().join("garbage.pcapng");
    fs::write(&garbage, b"\x00\x01\x02").unwrap();
    for (path, expected) in [
        (empty, "no case.json"),
        ("/nowhere/at/all", "No such file"),
        (garbage.to_str().unwrap(), "neither pcap nor pcapng"),
    ] {
        let output = peerproof(&["judge", path]);
        assert_eq!(output.status.code(), Some(2), "{path}");
        let complaint = String::from_utf8(output.stderr).unwrap();
        assert!(complaint.contains(expected) && complaint.lines().count() == 1, "{complaint}");
    }
}

/// An offer and an answer of a data channel, as a file may hold them; `change` is done to the answer.
fn exchange(folder: &Path, change: impl Fn(String) -> String) -> [String; 2] {
    let description = |session: u64, setup: &str| {
        format!(
            "v=0\no=- {session} 2 IN IP4 127.0.0.1\ns=-\nt=0 0\na=group:BUNDLE 0\n\
             m=application 9 UDP/DTLS/SCTP webrtc-datachannel\nc=IN IP4 0.0.0.0\na=ice-ufrag:abcd\na=ice-pwd:0123456789abcdef0123456789\n\
             a=ice-options:trickle ice2\na=fingerprint:sha-256 {}\na=setup:{setup}\na=mid:0\na=sctp-port:5000\na=max-message-size:262144\n",
            vec!["AB"; 32].join(":")
        )
    };
    let files = [("offer.sdp", description(1, "actpass")), ("answer.sdp", change(description(2, "active")))];
    files.map(|(name, text)| {
        let path = folder.join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    })
}

fn failing(judged: &Value) -> Vec<(String, String)> {
    let findings = judged["judged"][0]["findings"].as_array().unwrap();
    let failed = findings.iter().filter(|it| it["result"] == "fail");
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    failed.map(|it| (text(&it["requirement"]), text(&it["endpoint"]))).collect()
}

#[test]
fn descriptions_are_judged_without_a_capture() {
    let folder = tempfile::tempdir().unwrap();
    let [offer, answer] = exchange(folder.path(), |text| text);
    let (code, right) = judged(&["--offer", &offer, "--answer", &answer]);
    assert_eq!((code, failing(&right)), (0, Vec::new()));
    let passed = right["judged"][0]["findings"].as_array().unwrap().len();
    assert!(passed > 10, "{passed} requirements of descriptions apply");

    // Named in any way, with any line ends, the same is found.
    for change in [
        |text: String| text.replace("a=mid:0", "a=mid:7"),
        |text: String| text.replace("a=setup:active", "a=setup:actpass"),
    ] {
        let [offer, answer] = exchange(folder.path(), change);
        let (code, wrong) = judged(&["--offer", &offer, "--answer", &answer]);
        let failed = failing(&wrong);
        assert_eq!(code, 1);
        assert!(!failed.is_empty() && failed.iter().all(|(_, side)| side == "answerer"), "{failed:?}");
        let text = fs::read_to_string(&answer).unwrap();
        fs::write(&answer, text.replace('\n', "\r\n")).unwrap();
        assert_eq!(failing(&judged(&["--offer", &offer, "--answer", &answer]).1), failed);
        let printed = [("offer", &offer), ("answer", &answer)].map(
            |(kind, path)| serde_json::json!({ "type": kind, "sdp": fs::read_to_string(path).unwrap() }),
        );
        let both = folder.path().join("both.json");
        fs::write(&both, serde_json::to_vec(&printed).unwrap()).unwrap();
        assert_eq!(failing(&judged(&[both.to_str().unwrap()]).1), failed);
    }

    let capture = peerproof(&["judge", "--offer", &format!("{}/src/lib.rs", env!("CARGO_MANIFEST_DIR"))]);
    assert_eq!(capture.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&capture.stderr).contains("no session description"));
}

/// A description beside a capture that belongs to none of its connections is judged alone and says why; its line ends are a note, not a
/// violation; JSON is taken; and with `--all` what does not apply is listed.
#[test]
fn no_description_beside_a_capture_is_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let [offer, answer] = exchange(folder.path(), |text| text);
    let capture = concat!(env!("CARGO_MANIFEST_DIR"), "/../captures/corpus/diagnosis/consent-lost.pcapng");
    let text = fs::read_to_string(&offer).unwrap();
    let bare: String = text.split_inclusive('\n').filter(|line| !line.starts_with("a=ice-")).collect();
    fs::write(&offer, bare).unwrap();
    let printed = serde_json::json!({ "type": "answer", "sdp": fs::read_to_string(&answer).unwrap().replace('\n', "\r\n") });
    fs::write(&answer, serde_json::to_vec(&printed).unwrap()).unwrap();
    let (_, judged_with) = judged(&[capture, "--sdp", &offer, "--sdp", &answer]);
    let all = judged_with["judged"].as_array().unwrap();
    let alone = all.last().unwrap();
    assert!(alone["connection"].is_null(), "{alone}");
    let notices: Vec<&str> =
        alone["notices"].as_array().unwrap().iter().map(|it| it.as_str().unwrap()).collect();
    assert!(
        notices[0].contains("offer.sdp") && notices[0].contains("it lacks a=ice-ufrag, a=ice-pwd"),
        "{notices:?}"
    );
    assert!(
        notices[1].contains("answer.sdp")
            && notices[1].contains("no check in the capture has its username fragment")
    );
    let findings = alone["findings"].as_array().unwrap();
    let grammar = findings.iter().filter(|it| it["requirement"] == "sdp-grammar-strict");
    assert!(grammar.clone().count() == 2 && grammar.clone().all(|it| it["result"] == "pass"), "{findings:?}");
    let first = all[0]["notices"].as_array().unwrap();
    assert!(first.len() == 1 && first[0].as_str().unwrap().contains("do not end with CR LF"), "{first:?}");

    let count = |arguments: &[&str]| {
        let findings = judged(arguments).1["judged"][0]["findings"].as_array().unwrap().clone();
        findings.iter().filter(|it| it["result"] == "not-applicable").count()
    };
    assert_eq!(count(&[capture]), 0);
    assert!(count(&[capture, "--all"]) > 20);
}

/// What is no WebRTC is named as that, and only what holds for any description is judged.
#[test]
fn descriptions_of_another_protocol_are_judged_as_such() {
    let folder = tempfile::tempdir().unwrap();
    let description = |session: u64, direction: &str| {
        format!(
            "v=0\no=- {session} 1 IN IP4 192.0.2.1\ns=-\nc=IN IP4 192.0.2.1\nt=0 0\n\
             m=audio 49170 RTP/SAVP 0 97\na=rtpmap:0 PCMU/8000\na=rtpmap:97 iLBC/8000\n\
             a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz\na={direction}\n"
        )
    };
    let write = |name: &str, text: String| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let offer = write("offer.sdp", description(1, "sendonly"));
    let answer = write("answer.sdp", description(2, "recvonly"));
    let (code, right) = judged(&["--offer", &offer, "--answer", &answer]);
    assert_eq!((code, failing(&right)), (0, Vec::new()));
    let notices = right["judged"][0]["notices"].to_string();
    assert!(notices.contains("not WebRTC") && notices.contains("descriptions without DTLS"), "{notices}");
    let wrong = write("wrong.sdp", description(2, "sendrecv"));
    let (code, wrong) = judged(&["--offer", &offer, "--answer", &wrong]);
    let direction = [("oa-answer-direction-compatible".to_owned(), "answerer".to_owned())];
    assert_eq!((code, failing(&wrong)), (1, direction.to_vec()));
    // Beside a capture they belong to no connection of, it is the same.
    let capture = concat!(env!("CARGO_MANIFEST_DIR"), "/../captures/corpus/diagnosis/consent-lost.pcapng");
    let (_, beside) = judged(&[capture, "--sdp", &offer]);
    let alone = beside["judged"].as_array().unwrap().last().unwrap();
    let findings = alone["findings"].as_array().unwrap();
    assert!(alone["notices"].to_string().contains("not WebRTC") && !findings.is_empty(), "{alone}");
    assert!(findings.iter().all(|it| it["result"] != "fail"), "{findings:?}");
    // An offer of WebRTC that has lost its fingerprint is one.
    let [offer, _] = exchange(folder.path(), |text| text);
    let text = fs::read_to_string(&offer).unwrap();
    let bare: String = text.split_inclusive('\n').filter(|line| !line.starts_with("a=fingerprint")).collect();
    fs::write(&offer, bare).unwrap();
    let text = judged(&["--offer", &offer]).1["judged"][0].to_string();
    assert!(text.contains("trickle-option-announced") && !text.contains("not WebRTC"), "{text}");
}

#[test]
fn what_was_given_wrongly_is_said_so() {
    let folder = tempfile::tempdir().unwrap();
    let [_, answer] = exchange(folder.path(), |text| text);
    let printed = serde_json::json!({ "type": "answer", "sdp": fs::read_to_string(&answer).unwrap() });
    let printed_at = folder.path().join("x.json");
    fs::write(&printed_at, serde_json::to_vec(&printed).unwrap()).unwrap();
    let other = folder.path().join("w.json");
    fs::write(&other, "{\n  \"type\": \"offer\",\n  \"description\": \"v=0\"\n}\n").unwrap();
    let (printed_at, other) = (printed_at.to_str().unwrap(), other.to_str().unwrap());
    for (arguments, says) in [
        (&["--offer", printed_at][..], "given as --offer, but it says that it is of the type `answer`"),
        (&["--offer", "-", "--answer", "-"], "`-` is named more than once"),
        (&[other], "w.json:3:3: unknown field `description`, expected `type` or `sdp`\n"),
    ] {
        let output = peerproof(&[&["judge"], arguments].concat());
        let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{complaint}");
        assert!(complaint.contains(says), "{complaint}");
    }
}

/// The descriptions of a recording are read once, also if the command line names them too.
#[test]
fn descriptions_of_a_recording_are_not_taken_twice() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("case.json"), "{}").unwrap();
    let capture = folder.path().join("capture.pcapng");
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/../captures/corpus/diagnosis/consent-lost.pcapng");
    fs::copy(corpus, &capture).unwrap();
    let sdp = folder.path().join("sdp");
    fs::create_dir(&sdp).unwrap();
    let [offer, _] = exchange(folder.path(), |text| text);
    let own = sdp.join("01-offer.sdp");
    fs::copy(&offer, &own).unwrap();
    let count = |more: &[&str]| {
        let (_, judged) = judged(&[&[capture.to_str().unwrap()], more].concat());
        judged["judged"][0]["descriptions"].as_array().unwrap().len()
    };
    assert_eq!(count(&[]), 1);
    assert_eq!(count(&["--sdp", own.to_str().unwrap()]), 1);
    fs::write(&offer, fs::read_to_string(&offer).unwrap().replace(" 2 IN", " 3 IN")).unwrap();
    assert_eq!(count(&["--sdp", &offer]), 2);
}

#[test]
fn a_run_is_reported_again_by_what_its_recordings_show_now() {
    let folder = tempfile::tempdir().unwrap();
    let [run, again, strict] = ["run", "again", "strict"].map(|name| folder.path().join(name));
    played(&run);
    let report = |folder: &Path| -> Value {
        serde_json::from_slice(&fs::read(folder.join("run.json")).unwrap()).unwrap()
    };
    let live = report(&run);
    // What another version said of the cases does not count.
    let mut other = live.clone();
    for case in other["cases"].as_array_mut().unwrap() {
        case["verdict"] = json!({ "outcome": "inconclusive", "sentence": "nothing was known then" });
        case["standing"] = "unexpected".into();
        case["breaches"] = json!([]);
    }
    fs::write(run.join("run.json"), other.to_string()).unwrap();
    let merge = |output: &Path, more: &[&str]| {
        let arguments = ["merge", run.to_str().unwrap(), "--judge", "--output", output.to_str().unwrap()];
        peerproof(&[&arguments[..], more].concat())
    };
    let done = merge(&again, &[]);
    assert_eq!(done.status.code(), Some(0), "{}", String::from_utf8_lossy(&done.stdout));
    assert_eq!(report(&again)["cases"], live["cases"]);
    assert_eq!(report(&again)["began_us"], live["began_us"]);
    // The recordings are there, too.
    assert_eq!(cases(&again).len(), 4);

    let nothing = folder.path().join("nothing.toml");
    fs::write(&nothing, "whole = true").unwrap();
    let done = merge(&strict, &["--expected", nothing.to_str().unwrap()]);
    assert_eq!(done.status.code(), Some(1), "{}", String::from_utf8_lossy(&done.stdout));
    // Each of them shows something that is known of the stack.
    assert_eq!((&live["unexpected"], &report(&strict)["unexpected"]), (&json!(0), &json!(4)));
}
