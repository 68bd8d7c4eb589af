//! What `inspect` prints and writes, for calls between browsers.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use crate::needs::is_here;
use base64::Engine as _;
use peerproof::tools::Tool;
use peerproof_captures::file::{CaptureReader, Item};
use peerproof_captures::recording::{About, Observes, Recorder};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn peerproof(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_peerproof")).args(arguments).current_dir(root()).output().unwrap()
}

fn inspect(arguments: &[&str]) -> String {
    let output = peerproof(&[&["inspect"], arguments].concat());
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{complaint}");
    String::from_utf8(output.stdout).unwrap()
}

const CALL: &str = "captures/corpus/calls/chrome-firefox.pcapng";
const DESCRIBED: [&str; 5] = [
    CALL,
    "--sdp",
    "captures/corpus/calls/chrome-firefox.offer.sdp",
    "--sdp",
    "captures/corpus/calls/chrome-firefox.answer.sdp",
];

#[test]
fn a_call_is_explained() {
    insta::assert_snapshot!(inspect(&DESCRIBED));
}

#[test]
fn of_many_interfaces_the_first_are_listed_and_long_names_are_shortened() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("many.pcapng");
    let mut writer = Recorder::new(Vec::new(), About::default()).unwrap();
    for _ in 0..50 {
        writer.interface(&"x".repeat(60_000), "", Observes::Wire).unwrap();
    }
    fs::write(&path, writer.into_inner()).unwrap();
    let text = inspect(&[path.to_str().unwrap()]);
    assert_eq!(text.lines().filter(|line| line.starts_with("  interface ")).count(), 20);
    assert!(text.contains("\n  and 30 more interfaces (--json lists all)\n"), "{text}");
    assert!(text.lines().all(|line| line.chars().count() < 300));
}

#[test]
fn a_ladder_shows_who_sent_what() {
    insta::assert_snapshot!(inspect(&[&DESCRIBED[..], &["--ladder"]].concat()));
}

#[test]
fn a_failure_is_explained() {
    insta::assert_snapshot!(inspect(&["captures/corpus/diagnosis/wrong-password.pcapng"]));
    insta::assert_snapshot!(inspect(&["captures/corpus/diagnosis/wrong-password.pcapng", "--ladder"]));
}

/// The packets of a capture, each cut to a number of bytes as a snap length does.
fn snapped(capture: &Path, length: usize) -> Vec<u8> {
    let mut reader = CaptureReader::new(fs::File::open(capture).unwrap());
    let mut pcap = [0xa1b2_3c4d_u32, 0x0004_0002, 0, 0, u32::try_from(length).unwrap(), 101]
        .map(u32::to_le_bytes)
        .concat();
    while let Some(item) = reader.next_item() {
        let Item::Frame(frame) = item else { continue };
        let ns = frame.time_ns.unwrap();
        let kept = &frame.data[..frame.data.len().min(length)];
        let [seconds, rest] =
            [ns / 1_000_000_000, ns % 1_000_000_000].map(|part| u32::try_from(part).unwrap());
        let header = [seconds, rest, u32::try_from(kept.len()).unwrap(), frame.original_length];
        pcap.extend(header.map(u32::to_le_bytes).concat());
        pcap.extend_from_slice(kept);
    }
    pcap
}

#[test]
fn what_a_snap_length_cut_is_shown_everywhere() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cut.pcap");
    fs::write(&path, snapped(&root().join("captures/corpus/diagnosis/wrong-password.pcapng"), 96)).unwrap();
    let name = path.to_str().unwrap();
    let printed = inspect(&[name]);
    assert!(printed.contains("cut off by the snap length of the capture, the first is frame "), "{printed}");
    let packets = inspect(&[name, "--packets"]);
    assert!(packets.contains(" [cut off: 96 of the frame's "), "{packets}");
    let number =
        packets.lines().find(|line| line.contains("[cut off")).unwrap().split_whitespace().next().unwrap();
    assert!(inspect(&[name, "--frame", number]).contains("cut off by the snap length: 96 of "));
    // Nothing is said of a capture that is whole.
    fs::write(&path, snapped(&root().join("captures/corpus/diagnosis/wrong-password.pcapng"), 65_535))
        .unwrap();
    assert!(
        ![&[name][..], &[name, "--packets"]].iter().any(|arguments| inspect(arguments).contains("cut off"))
    );
}

#[test]
fn packets_are_chosen_by_protocol_layer_peer_and_frames() {
    let all = inspect(&[CALL, "--packets"]);
    let lines = |more: &[&str]| -> Vec<String> {
        let text = inspect(&[&[CALL, "--packets"], more].concat());
        assert!(text.lines().all(|line| all.lines().any(|known| known == line)));
        text.lines().map(str::to_owned).collect()
    };
    let number = |line: &String| line.split_whitespace().next().unwrap().parse::<u64>().unwrap();
    assert!(lines(&["--frames", "10-20"]).iter().all(|line| (10..=20).contains(&number(line))));
    assert_eq!(lines(&["--frames", "5-5"]), lines(&["--frame", "5"]));
    assert_eq!(lines(&["--layer", "data"]), lines(&["--protocol", "sctp"]));
    assert_eq!(lines(&["--layer", "media"]), lines(&["--protocol", "rtp,rtcp"]));
    let security = lines(&["--layer", "security"]);
    assert!(!security.is_empty() && security.iter().all(|line| line.contains("DTLS") || line.contains('└')));
    let named = [&DESCRIBED[1..], &["--peer", "chrome-firefox.offer"]].concat();
    assert_eq!(lines(&named).len(), all.lines().count());
    assert!(lines(&["--peer", "192.0.2.77"]).is_empty());
    assert_eq!(lines(&["--peer", "[fd00::2]:32867"]).len(), all.lines().count());
}

/// Whether `value` is what `schema` says: known keys, all that are required, and the types of the leaves.
fn follows(value: &Value, schema: &Value, whole: &Value, path: &str) -> Result<(), String> {
    if let Some(name) = schema["$ref"].as_str() {
        let name = name.strip_prefix("#/$defs/").unwrap();
        return follows(value, &whole["$defs"][name], whole, path);
    }
    for alternatives in ["anyOf", "oneOf"] {
        if let Some(any) = schema[alternatives].as_array() {
            let all: Vec<_> = any.iter().map(|one| follows(value, one, whole, path)).collect();
            return if all.iter().any(Result::is_ok) { Ok(()) } else { all.into_iter().next().unwrap() };
        }
    }
    if let Some(known) = schema["enum"].as_array() {
        return known.contains(value).then_some(()).ok_or(format!("{path}: {value} is not in {known:?}"));
    }
    if !schema["const"].is_null() {
        return (schema["const"] == *value).then_some(()).ok_or(format!("{path}: {value} is another"));
    }
    let types = match &schema["type"] {
        Value::String(one) => vec![one.as_str()],
        Value::Array(all) => all.iter().filter_map(Value::as_str).collect(),
        _ => return Ok(()),
    };
    let is = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    if !types.contains(&is) {
        return Err(format!("{path} is {is}, not {types:?}"));
    }
    match value {
        Value::Object(fields) => {
            let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
            if let Some(missing) = required.into_iter().find(|key| !fields.contains_key(*key)) {
                return Err(format!("{path} has no {missing}"));
            }
            for (key, value) in fields {
                let path = format!("{path}.{key}");
                match (&schema["properties"][key], &schema["additionalProperties"]) {
                    (Value::Null, Value::Null) if schema["patternProperties"].is_object() => {}
                    (Value::Null, Value::Null) => return Err(format!("{path} is not in the schema")),
                    (Value::Null, more) => follows(value, more, whole, &path)?,
                    (known, _) => follows(value, known, whole, &path)?,
                }
            }
            Ok(())
        }
        Value::Array(items) => items
            .iter()
            .enumerate()
            .try_for_each(|(n, item)| follows(item, &schema["items"], whole, &format!("{path}[{n}]"))),
        _ => Ok(()),
    }
}

#[test]
fn json_is_what_its_schema_says() {
    for (schema, command) in [
        ("inspect", [&["inspect", "--json"], &DESCRIBED[..]].concat()),
        ("inspect", vec!["inspect", "--json", "captures/corpus/diagnosis/turn-forbidden.pcapng"]),
        ("judge", vec!["judge", "--json", CALL]),
        ("requirements", vec!["requirements", "--json"]),
    ] {
        let whole: Value = serde_json::from_slice(&peerproof(&["schema", schema]).stdout).unwrap();
        let output = peerproof(&command);
        let mut value: Value = serde_json::from_slice(&output.stdout).unwrap();
        follows(&value, &whole, &whole, schema).unwrap();
        // The comparison can fail.
        value["unheard-of"] = Value::from(1);
        assert!(follows(&value, &whole, &whole, schema).is_err());
    }
}

/// The data in a script of a page: JSON, or JSON in gzip in Base64.
fn data(page: &str, id: &str) -> Value {
    let (_, from) = page.split_once(&format!("id=\"{id}\">")).unwrap();
    let (text, _) = from.split_once("</script>").unwrap();
    if text.starts_with('{') {
        return serde_json::from_str(text).unwrap();
    }
    let bytes = base64::engine::general_purpose::STANDARD.decode(text).unwrap();
    serde_json::from_reader(flate2::read::GzDecoder::new(bytes.as_slice())).unwrap()
}

#[test]
fn the_data_of_a_page_is_what_its_schema_says() {
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("page.html");
    inspect(&[&DESCRIBED[..], &["--html", page.to_str().unwrap()]].concat());
    let page = fs::read_to_string(page).unwrap();
    let whole: Value = serde_json::from_slice(&peerproof(&["schema", "page"]).stdout).unwrap();
    for part in ["head", "body", "packets"] {
        let mut value = data(&page, &format!("data-{part}"));
        let schema = &whole["properties"][part];
        follows(&value, schema, &whole, part).unwrap();
        value["unheard-of"] = Value::from(1);
        assert!(follows(&value, schema, &whole, part).is_err());
    }
}

/// tshark, if this machine has it; `PEERPROOF_REQUIRE` makes its absence a failure.
fn tshark() -> Option<PathBuf> {
    is_here("tshark").then(|| Tool::Tshark.find().unwrap())
}

fn count(tshark: &Path, capture: &Path, filter: &str) -> usize {
    let output = Command::new(tshark)
        .args(["-n", "-r"])
        .arg(capture)
        .args(["-Y", filter, "-T", "fields", "-e", "frame.number"])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().lines().count()
}

#[test]
fn an_export_opens_in_wireshark_with_everything_in_the_clear() {
    let folder = tempfile::tempdir().unwrap();
    let clear = folder.path().join("clear.pcapng");
    let printed = inspect(&[CALL, "--export", clear.to_str().unwrap()]);
    assert!(
        printed.contains("240 frames, and in the clear 15 SCTP, 177 RTP and 34 RTCP packets"),
        "{printed}"
    );
    // What we read from it is what we read from the original.
    let again = inspect(&[clear.to_str().unwrap(), "--packets", "--protocol", "stun"]);
    assert_eq!(again.lines().count(), inspect(&[CALL, "--packets", "--protocol", "stun"]).lines().count());
    // An export of an export adds nothing.
    let twice = folder.path().join("twice.pcapng");
    let printed = inspect(&[clear.to_str().unwrap(), "--export", twice.to_str().unwrap()]);
    assert!(
        printed.contains("466 frames, among them those that the capture itself has in the clear"),
        "{printed}"
    );
    // The capture itself is not overwritten, and nothing half is left behind.
    let itself = peerproof(&["inspect", clear.to_str().unwrap(), "--export", clear.to_str().unwrap()]);
    assert_eq!(itself.status.code(), Some(2));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    // Nor is any other file, unless that is asked for.
    let over = ["inspect", CALL, "--export", twice.to_str().unwrap()];
    let refused = peerproof(&over);
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("--force replaces it"));
    assert!(peerproof(&[&over[..], &["--force"]].concat()).status.success());
    let Some(tshark) = tshark() else {
        println!("skipped: there is no tshark");
        return;
    };
    assert_eq!(count(&tshark, &clear, "exported_pdu && sctp"), 15);
    assert_eq!(count(&tshark, &clear, "exported_pdu && rtp"), 177);
    assert_eq!(count(&tshark, &clear, "exported_pdu && rtcp"), 34);
    assert_eq!(count(&tshark, &clear, "stun"), 8);
    assert_eq!(count(&tshark, &clear, "sctp.chunk_type == 1"), 2);
}

/// What `inspect` says of a case that failed begins with the verdict; diagnoses of other layers did not decide it.
#[test]
fn a_failed_recording_begins_with_its_verdict() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let played = [
        "run",
        "controls/no-fingerprint",
        "--peers",
        "stack",
        "--virtual",
        "--output",
        run.to_str().unwrap(),
    ];
    assert!(peerproof(&played).status.success());
    let recording = run.join("cases/controls/no-fingerprint/stack-stack");
    let path = recording.to_str().unwrap();
    let file = recording.join("case.json");
    let mut case: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    let verdict = case["verdict"].clone();
    assert_eq!(verdict["outcome"], "fail");
    let report = |path: &str| -> Value { serde_json::from_str(&inspect(&[path, "--json"])).unwrap() };
    let before = report(path);
    assert_eq!(before["judged"]["verdict"], verdict);
    assert!(before["besides"].is_null());
    let diagnosed = before["diagnosis"].as_array().unwrap();
    assert!(!diagnosed.is_empty() && diagnosed.iter().all(|it| it["layer"] == verdict["layer"]));
    let text = inspect(&[path]);
    let place = |what: &str| text.find(what).unwrap_or_else(|| panic!("no {what} in {text}"));
    assert!(place("Verdict: fail at ") < place("\nNo connection") && place("Verdict") < place("Diagnosis"));
    // The verdict says it, and the diagnosis only what follows.
    assert_eq!(text.matches(diagnosed[0]["what"].as_str().unwrap()).count(), 1, "{text}");

    // Had the case failed elsewhere, the same was seen besides.
    case["verdict"]["layer"] = "media".into();
    fs::write(&file, serde_json::to_vec(&case).unwrap()).unwrap();
    let after = report(path);
    assert_eq!(after["diagnosis"], serde_json::json!([]));
    assert_eq!(after["besides"].as_array().unwrap().len(), diagnosed.len());
    let text = inspect(&[path]);
    assert!(
        text.contains("Seen besides, and not what failed the case") && !text.contains("no problem found"),
        "{text}"
    );
}

/// Captures of others: the requirements that they violate, the addresses of flows, and one item for the same advice.
#[test]
fn a_capture_names_its_violations_and_its_flows() {
    let text = inspect(&["captures/corpus/diagnosis/sctp-checksum.pcapng"]);
    assert!(text.contains("Requirements: 3 violations, 1 warning"), "{text}");
    assert!(text.contains("fail  sctp-crc32c-correct  A, frame 5: the checksum is zero"), "{text}");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("calls.pcap");
    fs::write(&path, plain_calls(3)).unwrap();
    let text = inspect(&[path.to_str().unwrap()]);
    for n in 1..=3 {
        assert!(
            text.contains(&format!("Connection {n} of 3: A (10.0.0.{n}:5000) and B (10.0.1.{n}:5001)")),
            "{text}"
        );
    }
    assert!(text.contains("Conversations that are no WebRTC connection\n  UDP 10.0.0.9:40000 ↔ 10.0.1.9:9999: 1 packet, 4 bytes: 1 other"), "{text}");
    assert_eq!(text.matches("  next: ").count(), 1, "{text}");
    assert!(text.contains(", 3 times\n"), "{text}");
}

/// A pcap of RTP without anything else between pairs of addresses, one of which stops in the middle, and a datagram of no known protocol.
fn plain_calls(count: u8) -> Vec<u8> {
    let mut pcap = [0xa1b2_c3d4_u32, 0x0004_0002, 0, 0, 65_535, 101].map(u32::to_le_bytes).concat();
    let mut add = |ms: u32, from: [u8; 4], to: [u8; 4], ports: [u16; 2], payload: &[u8]| {
        let [ip, udp] = [28, 8].map(|header| u16::try_from(payload.len() + header).unwrap().to_be_bytes());
        let mut packet = vec![0x45, 0, ip[0], ip[1], 0, 0, 0, 0, 64, 17, 0, 0];
        packet.extend([from, to].concat());
        packet.extend(ports.map(u16::to_be_bytes).concat());
        packet.extend([udp[0], udp[1], 0, 0]);
        packet.extend(payload);
        let length = u32::try_from(packet.len()).unwrap();
        pcap.extend([ms / 1_000, ms % 1_000 * 1_000, length, length].map(u32::to_le_bytes).concat());
        pcap.extend(packet);
    };
    add(0, [10, 0, 0, 9], [10, 0, 1, 9], [40_000, 9_999], b"abcd");
    for n in 0..200_u16 {
        for call in 1..=count {
            let mut rtp = vec![0x80, 0];
            rtp.extend(n.to_be_bytes());
            rtp.extend((u32::from(n) * 160).to_be_bytes());
            rtp.extend([call; 4]);
            rtp.extend([0xff; 160]);
            add(u32::from(n) * 20, [10, 0, 0, call], [10, 0, 1, call], [5_000, 5_001], &rtp);
        }
    }
    pcap
}

/// A pcap of checks and a nomination, and then of datagrams of one side for five seconds.
fn behind_ice(datagram: impl Fn(u16) -> Vec<u8>) -> Vec<u8> {
    let mut pcap = [0xa1b2_c3d4_u32, 0x0004_0002, 0, 0, 65_535, 101].map(u32::to_le_bytes).concat();
    let mut add = |ms: u32, from: u8, payload: &[u8]| {
        let [ip, udp] = [28, 8].map(|header| u16::try_from(payload.len() + header).unwrap().to_be_bytes());
        let mut packet =
            vec![0x45, 0, ip[0], ip[1], 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, from, 10, 0, 0, 3 - from];
        packet.extend([0x10, from, 0x10, 3 - from, udp[0], udp[1], 0, 0]);
        packet.extend(payload);
        let length = u32::try_from(packet.len()).unwrap();
        pcap.extend([ms / 1_000, ms % 1_000 * 1_000, length, length].map(u32::to_le_bytes).concat());
        pcap.extend(packet);
    };
    for (n, from, nominates) in [(1_u8, 1_u8, false), (2, 2, false), (3, 1, true)] {
        let name = if from == 1 { b"bbbb:aaaa\0\0\0" } else { b"aaaa:bbbb\0\0\0" };
        let mut attributes = [&[0, 6, 0, 9][..], name].concat();
        attributes.extend([0x80, if from == 1 { 0x2a } else { 0x29 }, 0, 8, 7, 7, 7, 7, 7, 7, 7, from]);
        if nominates {
            attributes.extend([0, 0x25, 0, 0]);
        }
        let message = |kind: [u8; 2], attributes: &[u8]| {
            let length = u16::try_from(attributes.len()).unwrap().to_be_bytes();
            [&kind, &length, &[0x21, 0x12, 0xa4, 0x42][..], &[n; 12], attributes].concat()
        };
        add(u32::from(n) * 50, from, &message([0, 1], &attributes));
        add(u32::from(n) * 50 + 10, 3 - from, &message([1, 1], &[]));
    }
    for n in 0..100_u16 {
        add(300 + u32::from(n) * 50, 1, &datagram(n));
    }
    pcap
}

/// What is another protocol behind ICE has no ClientHello to wait for.
#[test]
fn no_handshake_is_missed_where_there_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ice.pcap");
    let told = |datagram: &dyn Fn(u16) -> Vec<u8>| {
        fs::write(&path, behind_ice(datagram)).unwrap();
        inspect(&[path.to_str().unwrap()])
    };
    let check = |n: u16| [&[0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42][..], &[9; 10], &n.to_be_bytes()].concat();
    let missed = "no side sent a ClientHello";
    let text = told(&check);
    assert!(text.contains(missed), "{text}");
    // Bytes that are read as RTP by their first one, and are none.
    let other = |n: u16| {
        let mut word = u32::from(n) + 1;
        let next = |_| {
            word = word.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (word >> 24) as u8
        };
        let mut bytes: Vec<u8> = (0..40).map(next).collect();
        bytes[0] = 0x80 | bytes[0] & 0x3f;
        bytes
    };
    let text = told(&other);
    assert!(text.contains("another protocol than DTLS and RTP") && !text.contains(missed), "{text}");
    let report = |_| vec![0x80, 201, 0, 1, 0, 0, 0, 7];
    let text = told(&report);
    assert!(text.contains("ICE and RTP without DTLS") && !text.contains(missed), "{text}");
}
