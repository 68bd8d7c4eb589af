//! What `inspect` takes out of a capture: pictures and sound as they were sent, and one connection of several.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use peerproof_captures::recording::{
    About, Content, Direction, Observes, PacketRecord as Recorded, Recorder,
};
use peerproof_stack::media::packet::{MediaPacket, Packetizer};
use peerproof_stack::media::{Codec, Frame, codec, picture, tone};
use serde_json::{Value, json};
use std::fs::{self, File};
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Exit code, standard output and standard error of `peerproof inspect`.
fn inspect(arguments: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_peerproof"));
    let output = command.arg("inspect").args(arguments).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

fn printed(arguments: &[&str]) -> String {
    let (code, out, complaint) = inspect(arguments);
    assert_eq!(code, 0, "{arguments:?}: {complaint}");
    out
}

const SSRC: u32 = 0x1a2b_3c4d;
const REPAIR: u32 = 0x5e6f_7081;
const TYPE: u8 = 96;
const REPAIR_TYPE: u8 = 97;

fn rtp(payload_type: u8, sequence: u16, ssrc: u32, packet: &MediaPacket, before: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x80, u8::from(packet.marker) << 7 | payload_type];
    bytes.extend(sequence.to_be_bytes());
    bytes.extend(packet.timestamp.to_be_bytes());
    bytes.extend(ssrc.to_be_bytes());
    bytes.extend(before);
    bytes.extend(&packet.payload);
    bytes
}

/// Numbered pictures as RTP packets, a list for each; `keys` are key frames.
fn pictures(codec: Codec, count: u16, keys: &[u16]) -> Vec<Vec<Vec<u8>>> {
    let mut encoder = codec::video_encoder(codec, 320, 240, 15.0, 2_000_000).unwrap();
    let mut packetizer = Packetizer::new(codec);
    let mut sequence = 65_500_u16;
    let mut number = |packet: MediaPacket| {
        sequence = sequence.wrapping_add(1);
        rtp(TYPE, sequence, SSRC, &packet, &[])
    };
    (0..count)
        .map(|n| {
            let frame = picture::draw(n, 320, 240).unwrap();
            let encoded = encoder.encode(&frame, u64::from(n) * 6000, keys.contains(&n)).unwrap().unwrap();
            packetizer.packetize(&encoded.data, u32::from(n) * 6000).into_iter().map(&mut number).collect()
        })
        .collect()
}

/// A tone of 1 kHz as RTP packets of 20 ms.
fn sound(count: u32) -> Vec<Vec<u8>> {
    let mut encoder = codec::audio_encoder(Codec::Opus, 64_000).unwrap();
    let packet = |n: u32| {
        let samples = tone::sine(1_000, u64::from(n) * 960, tone::BLOCK);
        let payload = encoder.encode(&samples).unwrap().into();
        let packet = MediaPacket { payload, marker: n == 0, timestamp: n * 960 };
        rtp(TYPE, u16::try_from(n).unwrap(), SSRC, &packet, &[])
    };
    (0..count).map(packet).collect()
}

/// A capture of packets in the clear, 2 ms apart.
fn capture(path: &Path, packets: &[Vec<u8>]) -> String {
    let about = About { application: "test", comment: "" };
    let mut recorder = Recorder::new(BufWriter::new(File::create(path).unwrap()), about).unwrap();
    let interface = recorder.interface("eth0", "", Observes::Plaintext).unwrap();
    for (packet, time_ns) in packets.iter().zip((1_000_000_000..).step_by(2_000_000)) {
        let [local, remote] = ["192.0.2.1:5000", "192.0.2.2:6000"].map(|end| end.parse().unwrap());
        let (direction, content) = (Direction::Outbound, Content::Rtp(packet));
        let packet = Recorded {
            interface,
            time_ns,
            direction,
            local,
            remote,
            content,
            carried_by: None,
            comment: None,
        };
        recorder.packet(&packet).unwrap();
    }
    drop(recorder.into_inner());
    path.to_str().unwrap().to_owned()
}

fn description(folder: &Path, codec: &str) -> String {
    let text = format!(
        "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\nm=video 9 UDP/TLS/RTP/SAVPF {TYPE} {REPAIR_TYPE}\r\n\
         c=IN IP4 0.0.0.0\r\na=rtpmap:{TYPE} {codec}\r\na=rtpmap:{REPAIR_TYPE} rtx/90000\r\n\
         a=fmtp:{REPAIR_TYPE} apt={TYPE}\r\na=ssrc-group:FID {SSRC} {REPAIR}\r\n"
    );
    let path = folder.join("offer.sdp");
    fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

/// The files of a folder in order, each with the number that its picture shows.
fn numbers(folder: &Path) -> Vec<(String, Option<u16>)> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|it| it.unwrap().path()).collect();
    files.sort();
    files.iter().map(|file| (file.file_name().unwrap().to_str().unwrap().to_owned(), shown(file))).collect()
}

/// The number in a picture, by its brightness.
fn shown(file: &Path) -> Option<u16> {
    let decoder = png::Decoder::new(std::io::BufReader::new(File::open(file).unwrap()));
    let mut reader = decoder.read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut pixels).unwrap();
    assert_eq!((info.width, info.height, info.color_type), (320, 240, png::ColorType::Rgb));
    let brightness = |pixel: &[u8]| (pixel.iter().map(|it| u32::from(*it)).sum::<u32>() / 3) as u8;
    let mut data: Vec<u8> = pixels.chunks_exact(3).map(brightness).collect();
    data.resize(320 * 240 * 3 / 2, 128);
    picture::read(&Frame::from_i420(320, 240, data).unwrap())
}

#[test]
fn pictures_are_those_that_were_sent() {
    for codec in [Codec::Vp8, Codec::H264] {
        let folder = tempfile::tempdir().unwrap();
        let sent = pictures(codec, 8, &[]);
        let frames: Vec<usize> = sent.iter().map(Vec::len).collect();
        let mut packets: Vec<Vec<u8>> = sent.into_iter().flatten().collect();
        let last = packets.len() - 1;
        packets.swap(last - 1, last);
        let file = capture(&folder.path().join("call.pcapng"), &packets);
        let encoding = if codec == Codec::Vp8 { "VP8/90000" } else { "H264/90000" };
        let sdp = description(folder.path(), encoding);
        let to = folder.path().join("pictures");
        let to = to.to_str().unwrap();
        let out = printed(&[&file, "--sdp", &sdp, "--png", to]);
        assert!(out.contains(&format!("8 pictures of A:{SSRC:#010x}, the last 320×240")), "{out}");
        assert!(!out.contains("missing") && !out.contains("not decoded"), "{out}");
        let there = numbers(Path::new(to));
        let read: Vec<Option<u16>> = there.iter().map(|(_, number)| *number).collect();
        assert_eq!(read, (0..8).map(Some).collect::<Vec<_>>(), "{there:?}");
        assert_eq!(there[0].0, format!("00001-frame-{}.png", frames[0]));
        // What is there stays, unless that is asked for; and only what is asked for is written.
        let (code, _, complaint) = inspect(&[&file, "--sdp", &sdp, "--png", to]);
        assert_eq!((code, complaint.contains("--force writes into it")), (2, true), "{complaint}");
        let few = folder.path().join("few");
        let until = format!("-{}", frames[0] + frames[1]);
        printed(&[&file, "--sdp", &sdp, "--png", few.to_str().unwrap(), "--frames", &until]);
        assert_eq!(numbers(&few), there[..2]);
    }
}

#[test]
fn the_codec_is_inferred_or_described_or_said_to_be_unknown() {
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("pictures");
    let to = to.to_str().unwrap();
    let file = |codec, name| {
        let packets: Vec<Vec<u8>> = pictures(codec, 2, &[]).into_iter().flatten().collect();
        capture(&folder.path().join(name), &packets)
    };
    let h264 = file(Codec::H264, "h264.pcapng");
    let stream = format!("{SSRC}");
    let (code, _, complaint) = inspect(&[&h264, "--png", to, "--frames-of", &stream]);
    assert_eq!((code, complaint.contains("--sdp")), (2, true), "{complaint}");
    let (code, _, complaint) = inspect(&[&h264, "--png", to, "--frames-of", "0x7"]);
    let named = complaint.contains("no such stream; it has ") && complaint.contains("0x1a2b3c4d");
    assert_eq!((code, named), (2, true), "{complaint}");
    // No stream was named, and none is of a codec that is decoded.
    let (code, _, complaint) = inspect(&[&h264, "--wav", to]);
    let named = complaint.contains("no stream that can be decoded: Opus, PCMU and PCMA can; it has ");
    assert_eq!((code, named), (2, true), "{complaint}");
    let sdp = description(folder.path(), "VP9/90000");
    let (code, _, complaint) = inspect(&[&h264, "--png", to, "--frames-of", &stream, "--sdp", &sdp]);
    assert_eq!((code, complaint.contains("it is VP9")), (2, true), "{complaint}");
    assert!(!Path::new(to).exists(), "nothing was begun");
    let vp8 = file(Codec::Vp8, "vp8.pcapng");
    assert!(printed(&[&vp8, "--png", to]).contains("2 pictures of "));
}

#[test]
fn what_was_lost_is_said_and_what_was_repaired_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    let sdp = description(folder.path(), "VP8/90000");
    let sent = pictures(Codec::Vp8, 8, &[5]);
    let gone = sent[..2].iter().map(Vec::len).sum::<usize>();
    let mut packets: Vec<Vec<u8>> = sent.into_iter().flatten().collect();
    let lost = packets.remove(gone);
    let file = capture(&folder.path().join("lost.pcapng"), &packets);
    let to = folder.path().join("lost");
    let out = printed(&[&file, "--sdp", &sdp, "--png", to.to_str().unwrap()]);
    for expected in [
        "5 pictures of ",
        "1 packet missing in the capture",
        "pictures not decoded: a picture before is missing, and no key frame came since",
        &format!("frame {:<6} 1 packet missing before it", gone + 1),
    ] {
        assert!(out.contains(expected), "{expected}: {out}");
    }
    let read: Vec<Option<u16>> = numbers(&to).into_iter().map(|(_, number)| number).collect();
    assert_eq!(read, [0, 1, 5, 6, 7].map(Some), "{out}");
    // The same packet as a retransmission in a stream of its own (RFC 4588).
    let (timestamp, marker) = (u32::from_be_bytes(lost[4..8].try_into().unwrap()), lost[1] & 0x80 != 0);
    let payload = lost[12..].to_vec().into();
    let again = rtp(REPAIR_TYPE, 1, REPAIR, &MediaPacket { payload, marker, timestamp }, &lost[2..4]);
    packets.insert(gone + 3, again);
    let file = capture(&folder.path().join("repaired.pcapng"), &packets);
    let to = folder.path().join("repaired");
    let out = printed(&[&file, "--sdp", &sdp, "--png", to.to_str().unwrap()]);
    assert!(out.contains("8 pictures of ") && out.contains("1 retransmission (RTX) beside them"), "{out}");
    assert!(!out.contains("missing"), "{out}");
}

#[test]
fn sound_is_what_was_sent_with_silence_for_what_is_not_there() {
    let folder = tempfile::tempdir().unwrap();
    let sdp = description(folder.path(), "opus/48000/2");
    let mut packets = sound(50);
    packets.drain(20..25);
    let file = capture(&folder.path().join("call.pcapng"), &packets);
    let to = folder.path().join("sound.wav");
    let arguments = [&file, "--sdp", &sdp, "--wav", to.to_str().unwrap()];
    let out = printed(&arguments);
    for expected in ["1.00 s of A:0x1a2b3c4d", "0.10 s of it are silence", "5 packets missing"] {
        assert!(out.contains(expected), "{expected}: {out}");
    }
    let mut reader = hound::WavReader::open(&to).unwrap();
    assert_eq!((reader.spec().channels, reader.spec().sample_rate), (1, 48_000));
    let samples: Vec<f32> = reader.samples::<i16>().map(|it| f32::from(it.unwrap()) / 32_768.0).collect();
    assert_eq!(samples.len(), 48_000);
    let hertz = |range: std::ops::Range<usize>| tone::strongest(&samples[range]);
    assert!(hertz(9_600..14_400).unwrap().abs_diff(1_000) <= 10);
    assert!(samples[19_200..24_000].iter().all(|sample| *sample == 0.0));
    assert!(hertz(38_400..43_200).unwrap().abs_diff(1_000) <= 10);
    let (code, _, complaint) = inspect(&arguments);
    assert_eq!((code, complaint.contains("--force replaces it")), (2, true), "{complaint}");
    assert!(!folder.path().join("sound.part").exists());
    // Video is not sound.
    let (code, ..) = inspect(&[&file, "--sdp", &sdp, "--png", folder.path().join("p").to_str().unwrap()]);
    assert_eq!(code, 2);
}

/// One packet of each byte of PCMA, with a packet of comfort noise (RFC 3389) that is not decoded, then nothing for 20 ms.
#[test]
fn sound_of_telephones_is_written_sample_by_sample() {
    let folder = tempfile::tempdir().unwrap();
    let packet = |payload_type, n: u16, payload: &[u8]| {
        let packet =
            MediaPacket { payload: payload.to_vec().into(), marker: n == 0, timestamp: u32::from(n) * 160 };
        rtp(payload_type, n, SSRC, &packet, &[])
    };
    // Both by their static numbers (RFC 3551 §6), without a description.
    for (payload_type, loudest, quietest) in [(0, 0x80, 0xFF), (8, 0xAA, 0xD5)] {
        let mut packets: Vec<Vec<u8>> =
            (0..50).map(|n| packet(payload_type, n, &[[loudest; 80], [quietest; 80]].concat())).collect();
        packets[20] = packet(13, 20, &[0x40]);
        packets.remove(30);
        let file = capture(&folder.path().join(format!("{payload_type}.pcapng")), &packets);
        let to = folder.path().join(format!("{payload_type}.wav"));
        let out = printed(&[&file, "--wav", to.to_str().unwrap()]);
        for expected in [
            "1.00 s of A:0x1a2b3c4d",
            "0.04 s of it are silence",
            "1 packet missing",
            "1 packet of payload type 13",
        ] {
            assert!(out.contains(expected), "{expected}: {out}");
        }
        let mut reader = hound::WavReader::open(&to).unwrap();
        assert_eq!((reader.spec().channels, reader.spec().sample_rate), (1, 8_000));
        let samples: Vec<i16> = reader.samples().map(Result::unwrap).collect();
        let (loud, quiet) = if payload_type == 0 { (32_124, 0) } else { (32_256, 8) };
        assert_eq!(
            (samples.len(), &samples[..2], &samples[158..162]),
            (8_000, &[loud; 2][..], &[quiet, quiet, loud, loud][..])
        );
        assert!([20, 30].iter().all(|n| samples[n * 160..][..160].iter().all(|sample| *sample == 0)));
    }
}

#[test]
fn a_call_between_browsers_is_seen_and_heard() {
    let call = |name: &str| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../captures/corpus/calls").join(name);
        path.to_str().unwrap().to_owned()
    };
    let folder = tempfile::tempdir().unwrap();
    let [file, offer, answer] =
        ["chrome-firefox.pcapng", "chrome-firefox.offer.sdp", "chrome-firefox.answer.sdp"].map(call);
    let described = [file.as_str(), "--sdp", &offer, "--sdp", &answer];
    let report: Value = serde_json::from_str(&printed(&[&described[..], &["--json"]].concat())).unwrap();
    let streams = report["trace"]["connections"][0]["streams"].as_array().unwrap();
    let mut seen = [0, 0];
    for stream in streams.iter().filter(|stream| stream["repairs"].is_null()) {
        let ssrc = stream["ssrc"].to_string();
        // Firefox wraps its packets by RFC 2198 here.
        let is_video = stream["codec"].as_str().is_some_and(|codec| codec.contains("VP8"));
        let to = folder.path().join(&ssrc);
        let option = if is_video { "--png" } else { "--wav" };
        let out = printed(&[&described[..], &[option, to.to_str().unwrap(), "--frames-of", &ssrc]].concat());
        assert!(!out.contains("nothing was decoded"), "{out}");
        seen[usize::from(is_video)] += 1;
        if is_video {
            assert_ne!(fs::read_dir(&to).unwrap().count(), 0, "{out}");
        }
    }
    assert!(seen.iter().all(|count| *count > 0), "{seen:?}: {streams:#?}");
    // Several are of the kind: which one is to be said.
    let (code, _, complaint) =
        inspect(&[&described[..], &["--wav", folder.path().join("x").to_str().unwrap()]].concat());
    assert!(code == 0 || complaint.contains("--frames-of"), "{complaint}");
}

fn json(file: &str) -> Value {
    serde_json::from_str(&printed(&[file, "--json"])).unwrap()
}

#[test]
fn what_was_said_to_its_turn_server_and_all_parts_of_its_packets_belong_to_a_connection() {
    let folder = tempfile::tempdir().unwrap();
    // Frames of the capture, of the export, and connections of the capture.
    for (name, all, kept) in [
        ("turn/relay.pcapng", 16, 16),
        // One frame is of another TCP connection.
        ("tcp/rfc4571.pcap", 6, 5),
        ("link/fragments.pcap", 7, 4),
    ] {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../captures/corpus").join(name);
        let to = folder.path().join("one.pcapng");
        let (file, to) = (file.to_str().unwrap(), to.to_str().unwrap());
        printed(&[file, "--export", to, "--connection", "1", "--force"]);
        assert_eq!(json(file)["trace"]["frames"], all, "{name}");
        let one = json(to);
        assert_eq!(one["trace"]["frames"], kept, "{name}");
        let packets = |of: &Value| of["trace"]["connections"][0]["pairs"].clone();
        assert_eq!(
            packets(&one).as_array().map(Vec::len),
            packets(&json(file)).as_array().map(Vec::len),
            "{name}"
        );
    }
}

#[test]
fn one_connection_of_several_is_exported() {
    let log = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/dumps/firefox.log");
    let log = log.to_str().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let whole = json(log);
    let mut frames = 0;
    for number in ["1", "2"] {
        let to = folder.path().join(format!("{number}.pcapng"));
        let to = to.to_str().unwrap();
        printed(&[log, "--export", to, "--connection", number]);
        let one = json(to);
        let connections = one["trace"]["connections"].as_array().unwrap();
        assert_eq!(connections.len(), 1);
        let ssrcs = |connection: &Value| -> Vec<Value> {
            connection["streams"].as_array().unwrap().iter().map(|stream| stream["ssrc"].clone()).collect()
        };
        let index = number.parse::<usize>().unwrap() - 1;
        assert_eq!(ssrcs(&connections[0]), ssrcs(&whole["trace"]["connections"][index]));
        frames += one["trace"]["frames"].as_u64().unwrap();
        // A file that is there stays.
        let (code, _, complaint) = inspect(&[log, "--export", to, "--connection", number]);
        assert_eq!((code, complaint.contains("--force")), (2, true), "{complaint}");
    }
    assert_eq!(frames, whole["trace"]["frames"].as_u64().unwrap());
    for wrong in ["0", "3"] {
        let to = folder.path().join("none.pcapng");
        let (code, _, complaint) = inspect(&[log, "--export", to.to_str().unwrap(), "--connection", wrong]);
        assert_eq!((code, complaint.contains("it has 2")), (2, true), "{complaint}");
        assert!(!to.exists());
    }
}

/// The receiver's dump says that nothing was decoded; the capture says whether it could be.
#[test]
fn a_capture_shows_whether_a_browser_that_decodes_nothing_had_a_key_frame() {
    let folder = tempfile::tempdir().unwrap();
    let sdp = format!(
        "v=0\r\nm=video 9 UDP/TLS/RTP/SAVPF {TYPE}\r\na=rtpmap:{TYPE} VP8/90000\r\na=ice-ufrag:abcd\r\n"
    );
    let called =
        |kind: &str, value: Value| json!({ "type": kind, "value": value.to_string(), "timestamp": 1_000 });
    let stat = |kind: &str, value: Value| json!({ "statsType": kind, "values": json!([value]).to_string() });
    let dump = json!({ "UserAgent": "it", "PeerConnections": { "1-1": {
        "updateLog": [
            called("setRemoteDescription", json!({ "type": "offer", "sdp": sdp })),
            called("setLocalDescription", json!({ "type": "answer", "sdp": sdp })),
            called("oniceconnectionstatechange", json!("connected")),
            called("onconnectionstatechange", json!("connected")),
        ],
        "stats": {
            "L-address": stat("local-candidate", json!("192.0.2.2")),
            "L-port": stat("local-candidate", json!(6000)),
            "I-kind": stat("inbound-rtp", json!("video")),
            "I-ssrc": stat("inbound-rtp", json!(SSRC)),
            "I-packetsReceived": stat("inbound-rtp", json!(90)),
            "I-framesDecoded": stat("inbound-rtp", json!(0)),
        },
    } } });
    let beside = folder.path().join("bob.json");
    fs::write(&beside, dump.to_string()).unwrap();
    let sent = pictures(Codec::Vp8, 4, &[]);
    for (skipped, expected) in [
        (0, "the capture has 1 key frame of it: the decoder does not take them"),
        (1, "the capture has no key frame of it, without which nothing can be decoded"),
    ] {
        let packets: Vec<Vec<u8>> = sent[skipped..].iter().flatten().cloned().collect();
        let file = capture(&folder.path().join(format!("{skipped}.pcapng")), &packets);
        let text = printed(&[&file, "--dump", beside.to_str().unwrap(), "--json"]);
        let report: Value = serde_json::from_str(&text).unwrap();
        let found = report["diagnosis"].as_array().unwrap();
        let media = found.iter().find(|it| it["kind"] == "no-media").unwrap_or_else(|| panic!("{report:#}"));
        assert_eq!(media["why"], expected);
        assert_eq!(media["frame"].is_u64(), skipped == 0, "the key frame decides");
        assert_eq!((&media["connection"], &media["side"]), (&json!(0), &json!("B")), "{media:#}");
    }
}
