//! One mistake each that would pass, or be taken for a peer's fault: a small scenario, and the error at its line.

use super::*;

/// A channel that opens, and a message from alice to bob.
const DATA: &str = "title: t
peers:
  alice: { role: offerer, plays: [stack] }
  bob: { role: answerer, plays: [stack] }
steps:
  - alice: { createDataChannel: { label: chat } }
  - connect: {}
  - alice: { await: { open: chat } }
  - alice: { send: { channel: chat, text: hi } }
  - bob: { await: { message: { channel: chat, text: hi } } }
";
/// Video from alice to bob.
const VIDEO: &str = "title: t
peers:
  alice: { role: offerer, plays: [stack], media: { send: [video] } }
  bob: { role: answerer, plays: [stack], media: { watch: true } }
steps:
  - connect: {}
  - bob: { await: { media: { kind: video, frames: 5 } } }
";
/// The peers act alone.
const ALONE: &str = "title: t
signalling: autonomous
peers:
  alice: { role: offerer, plays: [stack] }
  bob: { role: answerer, plays: [stack] }
steps:
  - alice: { createDataChannel: { label: chat } }
  - alice: { join: { polite: true } }
  - bob: { join: { polite: false } }
  - alice: { await: { open: chat } }
";

fn messages(text: &str) -> Vec<String> {
    scenarios(Path::new("t.yaml"), "data/t", text).map_or_else(|error| vec![error.message], |_| Vec::new())
}

/// Each row: what is replaced in the scenario, by what, and the error. Nothing replaced means that it is put at the end.
#[track_caller]
fn each(base: &str, rows: &[(&str, &str, &str)]) {
    assert_eq!(messages(base), [""; 0]);
    let wrong: Vec<String> = rows
        .iter()
        .filter_map(|(what, with, says)| {
            let text = if what.is_empty() { format!("{base}{with}\n") } else { base.replacen(what, with, 1) };
            assert!(base.contains(what), "{what}");
            let found = messages(&text);
            (found != [*says]).then(|| format!("{with}\n  wanted {says}\n  found  {found:?}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn steps_that_do_nothing_or_cannot_work() {
    const FIRST: &str = "  - alice: { createDataChannel: { label: chat } }\n";
    const CONNECT: &str = "  - connect: {}\n";
    let then = "  - bob: { await: { message: { channel: chat, text: hi } } }\n";
    let rows: &[(&str, &str, &str)] = &[
        (CONNECT, "  - connect: { rewrite: {} }\n", "nothing is changed"),
        (CONNECT, "  - connect: { rewrite: { offer: {} } }\n", "nothing is changed"),
        (
            CONNECT,
            "  - connect: { rewrite: { offer: { replace: [{ regex: m=x, with: m=x }] } } }\n",
            "`m=x` is replaced by itself",
        ),
        (
            CONNECT,
            "  - connect: { rewrite: { candidate: { drop: [hots] } } }\n",
            "unknown type of candidate `hots`",
        ),
        (
            CONNECT,
            "  - connect: { trickle: false, rewrite: { candidate: { drop: [host] } } }\n",
            "no candidate travels on its own here",
        ),
        (
            CONNECT,
            "  - connect: { iceRestart: true }\n",
            "there is no ICE session yet that could be restarted",
        ),
        (CONNECT, "  - candidates: hold\n  - connect: {}\n", "no candidates are carried, so nobody connects"),
        (CONNECT, "  - candidates: carry\n  - connect: {}\n", "candidates are carried already"),
        (CONNECT, "  - network: clear\n  - connect: {}\n", "no step before installs a rule"),
        (
            CONNECT,
            "  - connect: { within: 50s }\n",
            "`within: 50s` is longer than all steps may take: `timeout` is 40s",
        ),
        (
            CONNECT,
            "  - alice: { send: { channel: chat, text: hi } }\n  - connect: {}\n",
            "`chat` cannot be open yet",
        ),
        (
            CONNECT,
            "  - alice: { setLocalDescription: { description: { type: rollback } } }\n  - connect: {}\n",
            "`setLocalDescription` cannot work: alice has no offer to roll back",
        ),
        (
            CONNECT,
            "  - bob: { addIceCandidate: { candidate: { candidate: 'candidate:1 1 udp 1 192.0.2.1 5 typ host' } } }\n  - connect: {}\n",
            "bob has no remote description that the candidate could belong to",
        ),
        (
            FIRST,
            "  - bob: { createDataChannel: { label: chat } }\n",
            "alice has nothing to offer, so nobody connects",
        ),
        (
            FIRST,
            "  - alice: { createDataChannel: { label: chat, id: 5 } }\n",
            "only a negotiated channel has an `id` (webrtc-pc §6.2)",
        ),
        (
            FIRST,
            "  - alice: { createDataChannel: { label: chat, negotiated: true, id: 5 } }\n",
            "`chat` is negotiated, and bob does not make it",
        ),
        (
            FIRST,
            "  - alice: { createDataChannel: { label: chat } }\n  - alice: { createDataChannel: { label: chat } }\n",
            "alice has a channel `chat` already",
        ),
        (
            FIRST,
            "  - alice: { createDataChannel: { label: chat, ordered: false }, answers: { ordered: true } }\n",
            "the channel is made with `ordered: false`",
        ),
        ("", "  - alice: { createOffer: {}, as: o }", "no later step uses `o`"),
        (
            "",
            "  - alice: { getState: {}, within: 5s }",
            "`within` has no effect on a command: it belongs to `await`",
        ),
        ("", "  - alice: { getState: {}, answers: {} }", "nothing is expected of the answer"),
        (
            "",
            "  - alice: { getState: {}, answers: { signalling: stable } }",
            "the answer to `getState` has no `signalling`",
        ),
        ("", "  - alice: { getState: {}, answers: { signaling: stabel } }", "`signaling` is never `stabel`"),
        ("", "  - alice: { close: {}, answers: { x: 1 } }", "`close` answers nothing"),
        (
            "",
            "  - alice: { createAnswer: {}, rejects: InvalidStateError, answers: { x: 1 } }",
            "what is rejected has no answer",
        ),
        (
            "",
            "  - alice: { createAnswer: {}, rejects: InvalidStateError, as: o }",
            "what is rejected has no result that could be named",
        ),
        (
            "",
            "  - alice: { createOffer: {}, rejects: InvalidStateError }",
            "a stable connection does not reject `createOffer` with InvalidStateError (webrtc-pc §4.4.2)",
        ),
        (
            "",
            "  - alice: { setDirection: { transceiver: 7, direction: sendonly } }",
            "alice has no transceiver yet",
        ),
        ("", "  - alice: createPeerConnection", "alice needs its connection before: an earlier step uses it"),
        (
            "",
            "  - alice: close\n  - alice: createPeerConnection",
            "alice needs its connection before: an earlier step uses it",
        ),
        ("", "  - alice: close\n  - alice: { await: { connectionState: connected } }", "alice is closed"),
        (
            "",
            "  - bob: { never: { event: { connectionState: connected }, for: 1s } }",
            "bob is connected already",
        ),
        (
            "",
            "  - bob: { never: { event: { message: { channel: chat, text: helo } }, for: 1s } }",
            "nobody sends `helo` to bob, so it never comes",
        ),
        (
            "",
            "  - bob: { never: { event: { message: { channel: chat } }, for: 90s } }",
            "`for: 90s` is longer than all steps may take: `timeout` is 40s",
        ),
        ("", "  - quiet: { for: 0ms }", "`for` must be longer than 0"),
        ("", "  - quiet: { for: 3s, within: 1s }", "`for` must not be longer than `within`"),
        ("", "  - network: { drop: { class: dtls } }", "no step follows in which this rule could act"),
        (
            then,
            "  - bob: { await: { message: { channel: chat, text: hello } } }\n",
            "nobody sends `hello` to bob by `chat`",
        ),
        (
            then,
            "  - alice: { await: { message: { channel: chat, text: hi } } }\n",
            "nobody sends `hi` to alice by `chat`",
        ),
        (
            "",
            "  - bob: { await: { message: { channel: chat, text: hi } } }",
            "`hi` is sent once before, and is awaited 2 times by now",
        ),
        ("", "  - alice: { await: { datachannel: chat } }", "alice makes `chat` itself"),
        ("", "  - bob: { await: { close: chat } }", "no step closes a channel or a connection"),
        (
            "",
            "  - bob: { await: { icecandidate: { type: host, end: true } } }",
            "the end of candidates has neither type nor transport",
        ),
        (
            "",
            "  - bob: { await: { icecandidate: { type: relay } } }",
            "bob has no server, so no candidate of type relay",
        ),
        (
            "",
            "  - bob: { await: { icecandidateerror: { code: 7 } } }",
            "this is no code of STUN, nor 701 (webrtc-pc §4.8.2)",
        ),
    ];
    each(DATA, rows);
    each(
        ALONE,
        &[
            ("  - bob: { join: { polite: false } }\n", "", "bob does not join"),
            ("polite: false", "polite: true", "one peer is polite, and the other is not (webrtc-pc §10.7)"),
            ("steps:\n", "steps:\n  - candidates: hold\n", "the peers carry their candidates themselves"),
        ],
    );
}

#[test]
fn descriptions_that_belong_to_the_other_peer() {
    let steps = |last: &str| {
        let offer = "  - alice: { createOffer: {}, as: o }\n";
        let set = "  - alice: { setLocalDescription: { description: o } }\n";
        DATA.replacen("  - connect: {}\n", &format!("{offer}{set}{last}"), 1)
    };
    let of = |last: &str| messages(&steps(last)).first().cloned();
    let own = of("  - alice: { setRemoteDescription: { description: o } }\n");
    assert_eq!(own.as_deref(), Some("it is alice's own description, and not the other peer's"));
    let other = of("  - bob: { setLocalDescription: { description: o } }\n");
    assert_eq!(other.as_deref(), Some("it is a description of alice, and not bob's own"));
}

#[test]
fn rules_that_no_packet_meets() {
    let rule = |rule: &str, says: &'static str| {
        (format!("  - network: {{ drop: {{ {rule} }} }}\n  - connect: {{}}\n"), says)
    };
    let rules = [
        rule("from: dtls-server, handshake: ClientHello", "the dtls-server never sends ClientHello"),
        rule("class: dtls, nth: 2, every: 3", "`nth` and `every` exclude each other"),
        rule("stun: indication, useCandidate: true", "only requests have USE-CANDIDATE (RFC 8445 §16.1)"),
        rule("method: Allocate", "no peer has a TURN server"),
        rule("class: turn-channel", "no peer has a TURN server"),
        rule("class: srtp", "there is no media in this scenario"),
        rule("payloadType: 200", "a payload type is at most 127 (RFC 3550 §5.1)"),
        rule("leastSize: 70000", "no datagram is so large: UDP carries at most 65507 bytes"),
        rule("name: lost, class: dtls, first: 1", "no step awaits that `lost` acts"),
    ];
    let rows: Vec<(&str, &str, &str)> =
        rules.iter().map(|(with, says)| ("  - connect: {}\n", with.as_str(), *says)).collect();
    each(DATA, &rows);
    each(
        DATA,
        &[(
            "  - connect: {}\n",
            "  - network: { delay: { class: dtls, by: 0ms } }\n  - connect: {}\n",
            "`by` must be longer than 0",
        )],
    );
}

#[test]
fn expectations_that_always_hold_or_never_can() {
    let of = |expected: &str, says: &'static str| (format!("expect: {{ {expected} }}"), says);
    let data = [
        of("alice: {}", "nothing is expected of alice"),
        of(
            "alice: { connectionState: [new, connecting, connected, disconnected, failed, closed] }",
            "these are all states, so it is always one of them",
        ),
        of("alice: { states: {} }", "nothing is expected of the states"),
        of(
            "alice: { states: { connection: [connected, new] } }",
            "a list of all states begins with `new`, not with [connected, new]",
        ),
        of(
            "alice: { states: { connection: [new, closed, connected] } }",
            "`connected` cannot follow `closed`",
        ),
        of(
            "alice: { states: { signaling: [stable, have-local-pranswer] } }",
            "`have-local-pranswer` cannot follow `stable`",
        ),
        of(
            "alice: { connectionState: connected, states: { connection: [new, connecting, failed] } }",
            "no list ends with what `connectionState` is to be: connected",
        ),
        of(
            "alice: { connectionState: connected, states: { connection: { never: [connected] } } }",
            "`connectionState` is to be connected in the end",
        ),
        of("bob: { messages: { chat: [hello] } }", "nobody sends `hello` to bob by `chat`"),
        of("alice: { messages: { chat: [hi] } }", "nobody sends `hi` to alice by `chat`"),
        of("bob: { messages: { chat: { lacks: [helo] } } }", "nobody sends `helo` to bob by `chat`"),
        of(
            "bob: { messages: { chat: { lacks: [{ size: 5000 }] } } }",
            "nobody sends a message of 5000 bytes to bob by `chat`",
        ),
        of(
            "bob: { messages: { chat: { exactly: [hi], lacks: [hi] } } }",
            "it is in the list of all messages",
        ),
        of("bob: { messages: { chat: { inOrder: [hi, ho] } } }", "nobody sends `ho` to bob by `chat`"),
        of("bob: { messages: { chat: { someOf: [] } } }", "no message is one of none"),
        of("bob: { messages: { chat: { atLeast: 0 } } }", "`atLeast: 0` always holds"),
        of("bob: { messages: { chat: [{ text: hi, times: 0 }] } }", "`times: 0` expects no message"),
        of("bob: { channels: {} }", "nothing is expected of the channels"),
        of("bob: { channels: none }", "a step awaits an open channel at bob"),
        of("bob: { channels: { chat: { ordered: false } } }", "`chat` is made with `ordered: true`"),
        of(
            "bob: { channels: { chat: { maxRetransmits: 3 } } }",
            "`chat` is made with `maxRetransmits: null`",
        ),
        of("bob: { channels: { chat: { protocol: foo } } }", "`chat` is made with `protocol: `"),
        of(
            "bob: { channels: { chat: { id: 65535 } } }",
            "the `id` of a channel is at most 65534 (RFC 8832 §6)",
        ),
        of(
            "bob: { channels: { chat: { state: none, ordered: true } } }",
            "what is not there has no properties",
        ),
        of("bob: { tracks: { video: 1 } }", "alice has no video to send"),
        of("bob: { tracks: { msid: true } }", "alice has no media to send"),
        of("alice: { rids: [] }", "alice has no media to send"),
        of(
            "alice: { errors: [createAnswer: InvalidStateError] }",
            "no step wants `createAnswer` rejected at alice",
        ),
        of("alice: { sdp: {} }", "nothing is expected of the descriptions"),
        of("alice: { sdp: { offer: { contains: [''] } } }", "every line contains nothing"),
        of("alice: { sdp: { offer: { lacks: [a=icelite] } } }", "unknown attribute `icelite`"),
        of("bob: { sdp: { offer: { lacks: [m=audio] } } }", "bob makes no offer in this scenario"),
        of("alice: { sdp: { answer: { lacks: [m=audio] } } }", "alice makes no answer in this scenario"),
        of(
            "bob: { sdp: { pranswer: { lacks: [m=audio] } } }",
            "bob makes no provisional answer in this scenario",
        ),
        of("alice: { candidates: { lacks: [relay] } }", "alice has no server, so no candidate of type relay"),
        of(
            "alice: { candidates: { includes: [prflx] } }",
            "no peer reports a candidate of its own as `prflx` (RFC 8445 §7.3.1.3)",
        ),
        of("alice: { candidates: { mdns: true } }", "alice does not hide its addresses"),
        of("alice: { candidateErrors: [{ codes: [701] }] }", "alice has no server that could not be used"),
        of(
            "alice: { pair: { local: [host, srflx, prflx, relay] } }",
            "these are all types, so it is always one of them",
        ),
        of("alice: { reachedBy: relay }", "alice has no server, so no candidate of type relay"),
        of(
            "alice: { stats: [{ type: data-channel, where: { labl: chat }, count: 0 }] }",
            "statistics of type data-channel have no `labl`",
        ),
        of(
            "alice: { stats: [{ type: candidate-pair, where: { state: suceeded }, count: 0 }] }",
            "the member is never `suceeded`",
        ),
        of(
            "alice: { stats: [{ type: data-channel, field: messagesSnt, equals: 1 }] }",
            "statistics of type data-channel have no `messagesSnt`",
        ),
        of(
            "alice: { stats: [{ type: data-channel, field: messagesSent, equals: one }] }",
            "the member holds a number",
        ),
        of(
            "alice: { stats: [{ type: data-channel, field: messagesSent, oneOf: [] }] }",
            "no value is one of none",
        ),
        of(
            "alice: { stats: [{ type: data-channel, field: messagesSent, equals: 1, oneOf: [1] }] }",
            "`equals` and `oneOf` exclude each other",
        ),
        of(
            "alice: { stats: [{ type: transport, follow: selectedCandidatePairIdd, field: state, equals: succeeded }] }",
            "statistics of type transport have no `selectedCandidatePairIdd`",
        ),
        of(
            "alice: { stats: [{ type: transport, follow: selectedCandidatePairId, field: stat, equals: succeeded }] }",
            "statistics of type candidate-pair have no `stat`",
        ),
        of(
            "alice: { stats: [{ type: inbound-rtp, field: packetsLost, atLeast: 0 }] }",
            "there is no media in this scenario",
        ),
        of("wire: [{ from: alice, sctp: DATA, message: hello, times: 0 }]", "alice never sends `hello`"),
        of("wire: [{ from: bob, sctp: DATA, message: hi }]", "bob never sends `hi`"),
        of("wire: [{ from: alice, srtp: any, times: 0 }]", "there is no media in this scenario"),
        of("wire: [{ from: alice, stun: Allocate request, times: 0 }]", "no peer has a TURN server"),
        of(
            "wire: [{ from: alice, stun: Allocate success, times: 0 }]",
            "`Allocate success` comes from servers, and never from a peer (RFC 8656)",
        ),
        of("wire: [{ from: alice, stun: any, times: 0 }]", "without stun nobody connects, as a step wants"),
        of(
            "wire: [{ from: alice, dtls: ClientHello, times: 1 }, { from: alice, dtls: ClientHello, times: 2 }]",
            "this and another expectation (exactly 1) exclude each other",
        ),
    ];
    let rows: Vec<(&str, &str, &str)> = data.iter().map(|(with, says)| ("", with.as_str(), *says)).collect();
    each(DATA, &rows);
    let video = [
        of("bob: { media: { video: {} } }", "nothing is expected of the video"),
        of("bob: { media: { video: { minFrames: 0 } } }", "`minFrames: 0` always holds"),
        of("bob: { media: { video: { seen: false, minFrames: 3 } } }", "what is not seen has no properties"),
        of("bob: { media: { video: { width: 0 } } }", "a picture has at least one pixel"),
        of("bob: { media: { audio: { seen: false } } }", "alice has no audio to send"),
        of("alice: { tracks: { video: 1 } }", "bob has no video to send"),
        of("alice: { rids: [h] }", "no step gives alice an encoding `h`"),
        of(
            "wire: [{ from: alice, srtp: any, payloadType: 200 }]",
            "a payload type is at most 127 (RFC 3550 §5.1)",
        ),
        of("wire: [{ from: alice, sctp: INIT, times: 0 }]", "there is no channel in this scenario"),
    ];
    let rows: Vec<(&str, &str, &str)> = video.iter().map(|(with, says)| ("", with.as_str(), *says)).collect();
    each(VIDEO, &rows);
    each(
        VIDEO,
        &[
            ("frames: 5", "frames: 0", "`frames: 0` needs no media"),
            ("frames: 5", "toneHz: 440", "video has no `toneHz`"),
        ],
    );
}

#[test]
fn keys_of_a_scenario_that_have_no_effect() {
    let top = |text: &'static str, says: &'static str| ("peers:\n", format!("{text}\npeers:\n"), says);
    let rows = [
        top("tags: ['']", "a tag is empty"),
        top("snapshot: [sdp, sdp]", "this section stands here twice"),
        top("tags: [$x]", "`each` has no word `x`"),
        top(
            "exclude: [{ offerer: chrome, reason: x }]",
            "this excludes no pair: `chrome` does not play the offerer",
        ),
        top("exclude: [{ offerer: stack, reason: '' }]", "the reason is empty"),
        top("servers: { relay: {} }", "nobody asks the server `relay`"),
        top("configuration: { iceTransportPolicy: relay }", "no peer has a relay, so none can connect"),
    ];
    let rows: Vec<(&str, &str, &str)> =
        rows.iter().map(|(what, with, says)| (*what, with.as_str(), *says)).collect();
    each(DATA, &rows);
    let peer = "alice: { role: offerer, plays: [stack] }";
    each(
        DATA,
        &[
            (
                peer,
                "alice: { role: offerer, plays: [stack], permission: denied }",
                "nobody asks alice's user: no step is `getUserMedia`",
            ),
            (peer, "alice: { role: offerer, plays: [stack], ice: {} }", "this says nothing"),
            (
                peer,
                "alice: { role: offerer, plays: [stack], media: { watch: true } }",
                "nobody sends media to alice",
            ),
        ],
    );
}

#[test]
fn an_error_says_where_and_what_would_be_right() {
    let text = DATA.replacen("text: hi } }\n  - bob", "text: ho } }\n  - bob", 1);
    let error = scenario(Path::new("t.yaml"), "data/t", &text).unwrap_err();
    assert_eq!(error.place.map(|at| at.line), Some(10));
    let text = format!("{DATA}  - alice: {{ getState: {{}}, answers: {{ signalling: stable }} }}\n");
    let error = scenario(Path::new("t.yaml"), "data/t", &text).unwrap_err();
    assert_eq!(error.help.as_deref(), Some("did you mean `signaling`?"));
}
