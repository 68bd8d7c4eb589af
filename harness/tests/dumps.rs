//! What browsers write down themselves, as real browsers wrote it: `inspect` reads it like a capture, and says what is not in it.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

fn dump(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/dumps").join(name)
}

fn inspect(arguments: &[&str], file: &Path) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_peerproof"))
        .arg("inspect")
        .arg(file)
        .args(arguments)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn json(file: &Path) -> Value {
    serde_json::from_str(&inspect(&["--json"], file)).unwrap()
}

/// Chrome 156: `--enable-logging=stderr --vmodule=*/webrtc/*=3 --force-fieldtrials=WebRTC-Debugging-RtpDump/Enabled/`, a page that calls
/// itself, so that each packet is in the log as it went out and as it came in.
#[test]
fn packets_of_chromes_log_are_a_capture() {
    let file = dump("chrome.log");
    let report = json(&file);
    assert_eq!(report["trace"]["frames"], 140);
    let [connection] = report["trace"]["connections"].as_array().unwrap().as_slice() else {
        panic!("{report:#}")
    };
    let streams = connection["streams"].as_array().unwrap();
    assert_eq!(streams.len(), 6, "three each way: {streams:#?}");
    let channels = connection["associations"].to_string();
    assert!(channels.contains("\"chat\""), "{channels}");
    assert_eq!(report["diagnosis"].as_array().unwrap().len(), 0, "{:#}", report["diagnosis"]);
    let shown = inspect(&["--packets"], &file);
    assert_eq!(shown.lines().count(), 140);
    // Times are those of the messages, on one clock: the packets' own are of several.
    let times: Vec<f64> =
        shown.lines().map(|line| line.split_whitespace().nth(1).unwrap().parse().unwrap()).collect();
    assert!(times.is_sorted() && times.last().unwrap() < &1.0, "{times:?}");
    let said = report["file"].to_string();
    assert!(
        said.contains("a browser's text log") && said.contains("192.0.2.1 stands for the browser"),
        "{said}"
    );
}

/// Firefox 153: `MOZ_LOG=RtpLogger:5,timestamp`. Each line names its connection, of which there are two.
#[test]
fn packets_of_firefoxs_log_are_a_capture() {
    let file = dump("firefox.log");
    let report = json(&file);
    let connections = report["trace"]["connections"].as_array().unwrap();
    assert_eq!((connections.len(), &report["trace"]["frames"]), (2, &Value::from(130)));
    // 2026-11-29 04:43:05.500535 UTC.
    let first = report["trace"]["first"]["ns"].as_u64().unwrap();
    assert_eq!(first, 1_795_927_385_500_535_000);
    for connection in connections {
        assert_eq!(connection["streams"].as_array().unwrap().len(), 3);
        let rtcp: Vec<u64> =
            ["a", "b"].iter().map(|side| connection["peers"][side]["rtcp"].as_u64().unwrap()).collect();
        assert!(rtcp.iter().all(|count| *count > 0), "{rtcp:?}");
    }
    assert_eq!(report["diagnosis"].as_array().unwrap().len(), 0, "{:#}", report["diagnosis"]);
    let frame = inspect(&["--frame", "3"], &file);
    assert!(frame.contains("CNAME"), "{frame}");
}

#[test]
fn a_text_without_packets_is_no_capture() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("notes.txt");
    // A line longer than any packet, and hostile ones.
    let long = format!("O 00:00:00.000 0000 {}", "80 ".repeat(200_000));
    std::fs::write(&file, format!("hello\n{long}\nO 00:00:00.000 0000 80 # RTP_DUMP\n☃\n")).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_peerproof")).arg("inspect").arg(&file).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("notes.txt"), "{said}");
}

/// A dump of Chrome 156 with what `change` makes of its text.
fn changed(name: &str, change: impl Fn(String) -> String) -> Value {
    let folder = tempfile::tempdir().unwrap();
    let text = Command::new("gzip").arg("-dc").arg(dump(name)).output().unwrap().stdout;
    let text = String::from_utf8(text).unwrap();
    let after = change(text.clone());
    assert_ne!(after, text);
    let file = folder.path().join("dump.json");
    std::fs::write(&file, after).unwrap();
    json(&file)
}

/// `layer kind` of each diagnosis of each connection.
fn diagnoses(report: &Value) -> Vec<Vec<String>> {
    let connections = report["connections"].as_array().unwrap().iter();
    let of = |connection: &Value| {
        let all = connection["diagnosis"].as_array().unwrap().iter();
        all.map(|it| format!("{} {}", it["layer"].as_str().unwrap(), it["kind"].as_str().unwrap())).collect()
    };
    connections.map(of).collect()
}

#[test]
fn a_dump_of_a_call_that_works_shows_it_and_accuses_nobody() {
    let file = dump("ok.json.gz");
    let report = json(&file);
    assert_eq!(report["browser"], "Chromium 156.0.8078.108");
    assert_eq!(diagnoses(&report), [Vec::<String>::new(), Vec::new()], "{report:#}");
    let shown = inspect(&[], &file);
    for expected in [
        "oniceconnectionstatechange connected",
        "createDataChannel",
        "succeeded, nominated",
        "DTLS connected",
        "framesDecoded",
        "channel \"chat\": open",
        "Diagnosis: no problem found",
        "not in a dump: packets",
    ] {
        assert!(shown.contains(expected), "{expected}: {shown}");
    }
    let output = Command::new(env!("CARGO_BIN_EXE_peerproof"))
        .arg("inspect")
        .arg(&file)
        .arg("--packets")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("a dump has no packets"));
}

#[test]
fn a_dump_of_a_call_that_failed_names_the_layer() {
    // The answerer's fingerprint was changed on the way: the offerer refuses its certificate, and the answerer gets an alert.
    assert_eq!(
        diagnoses(&json(&dump("nodtls.json.gz"))),
        [["dtls dtls-not-connected"], ["dtls dtls-not-connected"]]
    );
    // The candidates of both sides were withheld, and one of loopback given instead.
    let report = json(&dump("noice.json.gz"));
    assert_eq!(diagnoses(&report), [["checks ice-not-connected"], ["checks ice-not-connected"]]);
    assert!(report["connections"][0]["diagnosis"][0]["why"].as_str().unwrap().contains("no pair was formed"));

    let failed = changed("ok.json.gz", |text| {
        text.replace(
            r#""oniceconnectionstatechange", "value": "\"connected\""#,
            r#""oniceconnectionstatechange", "value": "\"failed\""#,
        )
    });
    assert_eq!(diagnoses(&failed), [["checks ice-not-connected"], ["checks ice-not-connected"]]);
    let what = failed["connections"][0]["diagnosis"][0]["what"].as_str().unwrap();
    assert!(what.contains("its last state is failed") && what.contains("(host) → "), "{what}");

    let undelivered = changed("ok.json.gz", |text| text.replace("\"setRemoteDescription", "\"other"));
    assert_eq!(diagnoses(&undelivered)[0], ["signalling answer-not-delivered"]);

    let undecoded = changed("ok.json.gz", |text| {
        text.split("framesDecoded\"").enumerate().fold(String::new(), |whole, (n, part)| {
            if n == 0 {
                return part.to_owned();
            }
            let (series, rest) = part.split_once(']').unwrap();
            let last = series.rfind([',', '[']).unwrap();
            format!("{whole}framesDecoded\"{}0]{rest}", &series[..=last])
        })
    });
    let all = diagnoses(&undecoded);
    assert_eq!(
        (all[0].len(), all[1].as_slice()),
        (0, ["media no-media".to_owned()].as_slice()),
        "{undecoded:#}"
    );
}

/// Firefox 153: "Copy Report" of about:webrtc (`ok`), and the reports of both ends of a call that its page keeps (`nodtls`: the answerer's fingerprint was
/// changed on the way; `noice`: no candidate was carried, and one given that nobody has).
#[test]
fn reports_of_about_webrtc_are_explained_as_far_as_they_go() {
    let file = dump("aboutwebrtc-ok.json.gz");
    let report = json(&file);
    assert_eq!((&report["origin"], diagnoses(&report)), (&Value::from("about:webrtc"), vec![Vec::new()]));
    let shown = inspect(&[], &file);
    for expected in [
        "https://example.org/call",
        "succeeded, nominated, 2 answered",
        "ICE connected (controlling), DTLS connected",
        "channel \"chat\": open",
        "not in a report of about:webrtc: packets",
    ] {
        assert!(shown.contains(expected), "{expected}: {shown}");
    }
    assert!(!shown.contains("checks sent,"), "Firefox does not count them: {shown}");
    let failed = diagnoses(&json(&dump("aboutwebrtc-nodtls.json.gz")));
    assert_eq!(failed, [["dtls dtls-not-connected"], ["dtls dtls-not-connected"]]);
    let report = json(&dump("aboutwebrtc-noice.json.gz"));
    assert_eq!(diagnoses(&report), [["signalling candidates-withheld"], ["checks ice-not-connected"]]);
    let what = report["connections"][1]["diagnosis"][0]["what"].as_str().unwrap();
    assert!(what.contains("→ 192.0.2.7:9999 (host): in-progress, 0 answered"), "{what}");
}

#[test]
fn a_saved_page_of_about_webrtc_is_refused_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("about.html");
    let long = format!(
        "<!DOCTYPE html><head><style>{}</style><title>WebRTC Internals</title></head>",
        "a{} ".repeat(9_000)
    );
    let pages = [
        "<html><head><link href=\"chrome://global/skin/aboutwebrtc.css\"></head></html>",
        "<html><a href=about:webrtc>",
        &long,
    ];
    for page in pages {
        std::fs::write(&file, page).unwrap();
        let (code, said) = refused(&file);
        assert!(code == Some(2) && said.contains("Copy Report"), "{said}");
    }
    std::fs::write(&file, "<html><title>Other internals</title></html>").unwrap();
    assert!(!refused(&file).1.contains("Copy Report"));
}

/// The exit code and what is said of a file that is refused.
fn refused(file: &Path) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_peerproof")).arg("inspect").arg(file).output().unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

/// The first event of either format, by the numbers of fields in rtc_event_log.proto and rtc_event_log2.proto of libwebrtc.
#[test]
fn an_rtc_event_log_is_refused_by_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("event.log");
    let older = [&[0x0a, 6, 0x08, 0x80, 0x89, 0x7a, 0x10, 0x01][..], &[0x0a, 2, 0x10, 0x02]].concat();
    let newer = [0x82, 0x01, 9, 0x08, 0x80, 0x89, 0x7a, 0x10, 0x02, 0x18, 0x80, 0x01, 0x12, 0];
    for log in [&older[..], &newer] {
        std::fs::write(&file, log).unwrap();
        let (code, said) = refused(&file);
        assert!(code == Some(2) && said.contains("an RTC event log of Chrome"), "{said}");
    }
    // Another protobuf with a text in its first field.
    std::fs::write(&file, b"\x0a\x06abcdef\x10\x01").unwrap();
    assert!(!refused(&file).1.contains("RTC event log"));
}

/// Chrome 156: "Download the rtcstats dump" of chrome://webrtc-internals.
#[test]
fn a_dump_of_rtcstats_is_explained() {
    let file = dump("rtcstats-nodtls.gz");
    let report = json(&file);
    assert_eq!(
        (&report["origin"], &report["browser"]),
        (&Value::from("rtcstats"), &Value::from("Chromium 156"))
    );
    assert_eq!(diagnoses(&report), [["dtls dtls-not-connected"], ["dtls dtls-not-connected"]]);
    let shown = inspect(&[], &file);
    for expected in
        ["https://example.org/call", "oniceconnectionstatechange connected", "succeeded, nominated, "]
    {
        assert!(shown.contains(expected), "{expected}: {shown}");
    }
}

/// Each with a capture of the same call, on the interface of its machine.
#[test]
fn a_dump_beside_a_capture_is_on_its_axis_and_in_its_diagnosis() {
    for (capture, name, stem, ends) in [
        ("nodtls-captured.pcapng", "nodtls-captured.json.gz", "nodtls-captured", ["10-2", "10-1"]),
        ("rtcstats-nodtls.pcapng", "rtcstats-nodtls.gz", "rtcstats-nodtls", ["10-2", "10-1"]),
    ] {
        let beside = dump(name);
        let beside = ["--dump", beside.to_str().unwrap()];
        let shown = inspect(&beside, &dump(capture));
        let [a, b] = ends.map(|end| format!("{stem} {end}"));
        for expected in [
            format!("Connection 1 of 1: {a} "),
            "broken at DTLS: see diagnosis 1".to_owned(),
            format!("the dump of {b}: ICE connected, but DTLS failed"),
            format!("API          {a}: iceConnectionState connected"),
            format!("{b}: connectionState failed"),
            "10-1: ".to_owned() + &b + " of connection 1",
            "DTLS failed".to_owned(),
        ] {
            assert!(shown.contains(&expected), "{expected}: {shown}");
        }
        // On one axis: ICE connects after its first check succeeds, and before the last packet.
        let at = |text: &str| shown.find(text).unwrap_or_else(|| panic!("{text}: {shown}"));
        let connected = at("iceConnectionState connected");
        assert!(at("first check of") < connected && connected < at("last packet"), "{shown}");
        let alone: Value = serde_json::from_str(&inspect(&["--json"], &dump(capture))).unwrap();
        assert_eq!(alone["diagnosis"].as_array().unwrap().len(), 0, "the packets alone do not show it");
        assert!(alone.get("dumps").is_none());
        let report: Value =
            serde_json::from_str(&inspect(&[&beside[..], &["--json"]].concat(), &dump(capture))).unwrap();
        let sides: Vec<&Value> =
            report["dumps"][0]["connections"].as_array().unwrap().iter().map(|it| &it["side"]).collect();
        assert_eq!(sides, [&Value::from(b), &Value::from(a)]);
    }
}

#[test]
fn a_capture_says_what_a_browser_does_not_know_and_the_other_way_round() {
    // The answer had another password on its way.
    let beside = dump("nopassword-captured.json.gz");
    let arguments = ["--json", "--dump", beside.to_str().unwrap()];
    let report: Value =
        serde_json::from_str(&inspect(&arguments, &dump("nopassword-captured.pcapng"))).unwrap();
    let found = report["diagnosis"].as_array().unwrap();
    let checks = found.iter().find(|it| it["layer"] == "checks").unwrap();
    let (what, why) = (checks["what"].as_str().unwrap(), checks["why"].as_str().unwrap());
    assert!(what.contains("ICE never connected, its last state is checking"), "{what}");
    assert!(what.contains("(host): in-progress, ") && what.contains(" 0 answered"), "{what}");
    assert!(checks["frame"].is_u64() && (why.contains("401") || why.contains("password")), "{why}");
    // Of another call it says so, and adds nothing.
    let arguments = ["--dump", beside.to_str().unwrap()];
    let other = inspect(&arguments, &dump("nodtls-captured.pcapng"));
    assert!(other.contains("not in the capture: no connection there has its ICE ufrags"), "{other}");
    assert!(other.contains("Diagnosis: no problem found") && !other.contains("API "), "{other}");
    // What is no dump is refused.
    let output = Command::new(env!("CARGO_BIN_EXE_peerproof"))
        .arg("inspect")
        .arg(dump("nodtls-captured.pcapng"))
        .arg("--dump")
        .arg(dump("chrome.log"))
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("no dump of chrome://webrtc-internals"));
}

#[test]
fn events_of_another_clock_are_not_placed() {
    let folder = tempfile::tempdir().unwrap();
    let text = Command::new("gzip").arg("-dc").arg(dump("rtcstats-nodtls.gz")).output().unwrap().stdout;
    // The first event has the time, all others are counted from it.
    let text = String::from_utf8(text).unwrap().replace(",1795939155113]", ",1795935555113]");
    let late = folder.path().join("late.jsonl");
    std::fs::write(&late, text).unwrap();
    let shown = inspect(&["--dump", late.to_str().unwrap()], &dump("rtcstats-nodtls.pcapng"));
    assert!(
        shown.contains("its events are not placed on the axis: the nearest is 3599 s off")
            || shown.contains("the nearest is 3600 s off"),
        "{shown}"
    );
    assert!(!shown.contains("API ") && shown.contains("ICE connected, but DTLS failed"), "{shown}");
}
