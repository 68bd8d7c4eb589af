//! Arguments that no peer takes are refused where they stand, unless they are to be rejected.

use super::limits::all_errors;

const HEAD: &str = "\
title: t
peers:
  alice: { role: offerer, media: { send: [video] } }
  bob: { role: answerer }
steps:
";

/// All that is wrong with a scenario of these steps, without the lines.
fn errors(steps: &[&str]) -> Vec<String> {
    let lines: String = steps.iter().map(|step| format!("  - {step}\n")).collect();
    let text = format!("{HEAD}{lines}  - connect: {{}}\n");
    match super::load(&text) {
        Ok(_) => Vec::new(),
        Err(_) => all_errors(&text).iter().map(|it| it.split_once(": ").unwrap().1.to_owned()).collect(),
    }
}

/// A step that is refused so, and not if it must be rejected.
fn refused(command: &str, message: &str) {
    assert_eq!(errors(&[&format!("alice: {{ {command} }}")]), [message], "{command}");
    let rejected = format!("alice: {{ {command}, rejects: TypeError }}");
    assert_eq!(errors(&[&rejected]), [""; 0], "{command}");
}

#[test]
fn words_that_the_api_does_not_have_are_refused() {
    refused(
        "createPeerConnection: { configuration: { bundlePolicy: max-bundel } }",
        "unknown policy `max-bundel`",
    );
    refused("setConfiguration: { configuration: { iceTransportPolicy: relais } }", "unknown policy `relais`");
    refused("createPeerConnection: { configuration: { certificate: ECDSSA } }", "unknown algorithm `ECDSSA`");
    let text = HEAD.replace("peers:\n", "configuration: { bundlePolicy: max-bundel }\npeers:\n");
    assert_eq!(all_errors(&format!("{text}  - connect: {{}}\n")), ["2: unknown policy `max-bundel`"]);
}

#[test]
fn codecs_are_known_and_of_the_kind_of_their_transceiver() {
    let set = |types: &str| format!("setCodecPreferences: {{ transceiver: 0, mimeTypes: [{types}] }}");
    refused(&set("video/VP88"), "unknown codec `video/VP88`");
    refused(&set("audio/opus"), "the transceiver is of video");
    assert_eq!(errors(&[&format!("alice: {{ {} }}", set("video/vp8, video/H264"))]), [""; 0]);
    let second = "alice: { setCodecPreferences: { transceiver: 1, mimeTypes: [video/VP8] } }";
    let audio = "alice: { addTransceiver: { kind: audio } }";
    assert_eq!(errors(&[audio, second]), ["the transceiver is of audio"]);
    // What the remote description makes comes behind, and is not certain.
    assert_eq!(errors(&["negotiate: {}", audio, second]), [""; 0]);
}

#[test]
fn numbers_and_identifiers_are_those_that_a_peer_takes() {
    refused(
        "createDataChannel: { label: c, negotiated: true, id: 65535 }",
        "the `id` of a channel is at most 65534 (webrtc-pc §6.1)",
    );
    refused("createSource: { kind: video, width: 0 }", "a picture has from 1 to 16384 pixels a side");
    refused("createSource: { kind: audio, width: 320 }", "a source of audio has no `width`");
    let encoded = |list: &str| format!("addTransceiver: {{ kind: video, sendEncodings: [{list}] }}");
    refused(&encoded("{ rid: a }, { rid: a }"), "`a` stands here twice");
    refused(&encoded("{ rid: a-b }"), "a `rid` has letters and digits (RFC 8852 §3.1)");
    refused(&encoded("{ rid: a }, {}"), "each of several encodings needs a `rid` (webrtc-pc §5.1)");
    refused(
        &encoded("{ scaleResolutionDownBy: 0.5 }"),
        "`scaleResolutionDownBy` must be at least 1 (webrtc-pc §5.1)",
    );
    assert_eq!(
        errors(&[&format!("alice: {{ {} }}", encoded("{ rid: a }, { rid: b, scaleResolutionDownBy: 2 }"))]),
        [""; 0]
    );
}

#[test]
fn a_name_stands_only_where_its_kind_belongs() {
    let offer = "alice: { createOffer: {}, as: offer }";
    let source = "alice: { createSource: { kind: video }, as: camera }";
    let both = "alice: { getUserMedia: { constraints: { audio: true, video: true } }, as: both }";
    let of = |step: &str| {
        let mut all = errors(&[offer, source, both, step]);
        all.retain(|it| !it.starts_with("no later step uses "));
        all
    };
    assert_eq!(of("alice: { addTrack: { track: offer } }"), ["`offer` is a description, not a track"]);
    assert_eq!(
        of("alice: { setLocalDescription: { description: camera } }"),
        ["`camera` is a track, not a description"]
    );
    assert_eq!(
        of("bob: { addIceCandidate: { candidate: offer } }"),
        ["`offer` is a description, not a candidate"]
    );
    assert_eq!(of("alice: { await: { ended: offer } }"), ["`offer` is a description, not a track"]);
    assert_eq!(
        of("alice: { addTrack: { track: camera.audio } }"),
        ["no earlier step is named `camera.audio`"]
    );
    for right in ["camera", "camera.video", "both", "both.audio"] {
        assert_eq!(of(&format!("alice: {{ addTrack: {{ track: {right} }} }}")), [""; 0], "{right}");
    }
}

#[test]
fn all_steps_together_have_some_time() {
    assert_eq!(
        all_errors(&format!("{HEAD}  - connect: {{}}\ntimeout: 0s\n")),
        ["7: `timeout` must be longer than 0"]
    );
}
