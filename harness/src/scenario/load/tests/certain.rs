//! Unknown words, expectations that always hold or never can, and steps that cannot work are refused.

use super::*;

const HEAD: &str = "title: t\npeers: { alice: { role: offerer, plays: [stack] }, bob: { role: answerer, plays: [stack] } }\n";
const CHAT: &str = "steps:\n  - alice: { createDataChannel: { label: chat } }\n  - connect: {}\n  - alice: { await: { open: chat } }\n";

fn message(text: &str) -> Option<String> {
    scenario(Path::new("t.yaml"), "data/t", text).err().map(|error| error.message)
}

/// What is expected of a peer after a channel has opened.
fn of_alice(expected: &str) -> Option<String> {
    message(&format!("{HEAD}{CHAT}expect: {{ alice: {{ {expected} }} }}\n"))
}

/// A step after a channel has opened.
fn then(step: &str) -> Option<String> {
    message(&format!("{HEAD}{CHAT}  - {step}\n"))
}

/// A step before everything.
fn first(step: &str) -> Option<String> {
    message(&format!("{HEAD}{}", CHAT.replacen("steps:\n", &format!("steps:\n  - {step}\n"), 1)))
}

#[track_caller]
fn refused(message: Option<String>, says: &str) {
    assert_eq!(message.as_deref(), Some(says));
}

#[test]
fn what_is_right_is_read() {
    assert_eq!(
        of_alice("errors: [], channels: { chat: open }, stats: [{ type: data-channel, count: 1 }]"),
        None
    );
    let sent =
        "alice: { send: { channel: chat, text: x } }\n  - bob: { await: { message: { channel: chat } } }";
    assert_eq!(then(sent), None);
    assert_eq!(first("alice: { createAnswer: {}, rejects: InvalidStateError }"), None);
    assert_eq!(first("network: { drop: { class: dtls, handshake: Finished, first: 2 } }"), None);
}

#[test]
fn every_word_of_an_expectation_names_something() {
    refused(of_alice("stats: [{ type: inbond-rtp, count: 0 }]"), "unknown type of statistics `inbond-rtp`");
    refused(of_alice("errors: [createAnswr: InvalidStateError]"), "unknown command `createAnswr`");
    refused(of_alice("errors: [createAnswer: InvalidStateErr]"), "unknown exception `InvalidStateErr`");
    refused(of_alice("candidates: { lacks: [relya] }"), "unknown type of candidate `relya`");
    refused(of_alice("candidates: { types: [hots] }"), "unknown type of candidate `hots`");
    refused(of_alice("messages: { chta: none }"), "no step makes a channel `chta`");
    refused(of_alice("channels: { chta: none }"), "no step makes a channel `chta`");
}

#[test]
fn what_always_holds_or_never_can_is_refused() {
    refused(of_alice("stats: [{ type: inbound-rtp }]"), "nothing is expected of these statistics");
    refused(
        of_alice("stats: [{ type: data-channel, field: messagesSent, above: 5, below: 3 }]"),
        "no number is above 5 and below 3",
    );
    refused(
        of_alice("stats: [{ type: data-channel, field: messagesSent, atLeast: 5, below: 5 }]"),
        "no number is above 5 and below 5",
    );
    refused(of_alice("stats: [{ type: data-channel, above: 5 }]"), "a comparison needs a `field`");
    refused(of_alice("candidates: { includes: [host], lacks: [host] }"), "`host` is expected, too");
    refused(
        of_alice("sdp: { offer: { contains: ['a=xy'], lacks: ['a=x'] } }"),
        "`a=x` is in `a=xy`, which is expected",
    );
    refused(
        of_alice("states: { dtls: { includes: [failed], never: [failed] } }"),
        "`failed` is expected, too",
    );
    refused(of_alice("pair: {}"), "nothing is expected of the pair");
    refused(of_alice("tracks: {}"), "nothing is expected of the tracks");
    refused(of_alice("states: { dtls: {} }"), "nothing is expected of these states");
    refused(
        of_alice("messages: { chat: { atLeast: 3, atMost: 2 } }"),
        "at least 3 and at most 2 exclude each other",
    );
    refused(of_alice("messages: { chat: {} }"), "nothing is expected of these messages");
    refused(
        of_alice("channels: { chat: { maxRetransmits: 3, reliable: true } }"),
        "a channel with a limit is not reliable",
    );
    let sent = |times: u32, expected: &str| {
        let send = format!("  - alice: {{ send: {{ channel: chat, text: x, times: {times} }} }}\n");
        message(&format!("{HEAD}{CHAT}{send}expect: {{ bob: {{ messages: {{ chat: {expected} }} }} }}\n"))
    };
    assert_eq!(sent(2, "[x, x]"), None);
    refused(sent(1, "[x, x]"), "`x` is sent once to bob, and is expected 2 times");
    refused(message(&format!("{HEAD}{CHAT}expect: {{}}\n")), "nothing is expected");
    refused(message(&format!("{HEAD}{CHAT}expect: {{ wire: [] }}\n")), "no packet is expected");
    let at_bob = |wire: &str| {
        let send = "  - alice: { send: { channel: chat, text: hello } }\n";
        let expect = format!("expect:\n  bob: {{ messages: {{ chat: [hello] }} }}\n  wire: [{{ {wire} }}]\n");
        message(&format!("{HEAD}{CHAT}{send}{expect}"))
    };
    assert_eq!(at_bob("from: alice, sctp: DATA, message: hello"), None);
    refused(
        at_bob("from: alice, sctp: DATA, message: hello, times: 0"),
        "`hello` is expected at bob, so it is on the wire",
    );
    refused(message("- a\n- b\n"), "expected a mapping with `title`, `peers` and `steps`, not a list");
    refused(of_alice("media: none"), "alice watches no track, so nothing of its media is seen");
}

#[test]
fn every_word_of_a_step_names_something() {
    refused(
        first("alice: { createAnswer: {}, rejects: InvalidStateErorr }"),
        "unknown exception `InvalidStateErorr`",
    );
    for step in [
        "bob: { await: { open: chta } }",
        "bob: { await: { datachannel: chta } }",
        "bob: { never: { event: { message: { channel: chta } }, for: 1s } }",
        "alice: { send: { channel: chta, text: x } }",
        "alice: { closeDataChannel: { channel: chta } }",
        "bob: { echo: { channel: chta } }",
        "network: { drop: { channel: chta } }",
    ] {
        refused(then(step), "no step makes a channel `chta`");
    }
    refused(
        then("bob: { never: { event: { icecandidate: { type: relya } }, for: 1s } }"),
        "unknown type of candidate `relya`",
    );
    refused(
        then("bob: { never: { event: { acted: setRemoteDescrption }, for: 1s } }"),
        "no peer reports the operation `setRemoteDescrption`",
    );
}

#[test]
fn steps_that_cannot_work_are_refused() {
    refused(first("bob: { createAnswer: {} }"), "`createAnswer` cannot work: bob has no remote offer");
    refused(then("alice: { createAnswer: {} }"), "`createAnswer` cannot work: alice has no remote offer");
    let closed = format!("{HEAD}{CHAT}  - alice: close\n  - alice: {{ createOffer: {{}} }}\n");
    refused(message(&closed), "`createOffer` cannot work: alice is closed");
    refused(then("bob: { await: { track: { kind: video } } }"), "no step makes a track of video");
    refused(then("bob: { await: { media: { kind: video, frames: 5 } } }"), "bob watches no track");
    let watched = format!("{HEAD}{CHAT}  - bob: {{ await: {{ media: {{ kind: video }} }} }}\n");
    let watched = watched.replacen("role: answerer", "role: answerer, media: { watch: true }", 1);
    refused(message(&watched), "nobody sends video to bob");
    let others =
        "alice: { createSource: { kind: video }, as: camera }\n  - bob: { addTrack: { track: camera } }";
    refused(then(others), "`camera` is a track of alice");
    refused(then("bob: { never: { event: { open: chat }, for: 0s } }"), "`for` must be longer than 0");
    let provisional = "bob: { await: { signalingState: have-local-pranswer } }";
    refused(then(provisional), "no step makes a provisional answer");
    assert_eq!(then("bob: { await: { signalingState: [stable, have-local-pranswer] } }"), None);
    refused(then("bob: { await: { open: chat }, within: 0s }"), "`within` must be longer than 0");
    let at_once = format!("{HEAD}{}", CHAT.replace("connect: {}", "connect: { within: 0s }"));
    refused(message(&at_once), "`within` must be longer than 0");
    refused(then("alice: { send: { channel: chat, text: x, times: 0 } }"), "`times` must be at least 1");
    let close = "alice: { closeDataChannel: { channel: chat } }";
    let send = "alice: { send: { channel: chat, text: x } }";
    refused(then(&format!("{close}\n  - {send}")), "alice has closed `chat`");
    let rejected = "alice: { send: { channel: chat, text: x }, rejects: InvalidStateError }";
    assert_eq!(then(&format!("{close}\n  - {rejected}")), None);
    refused(
        then("alice: { restartIce: { when: x } }"),
        "expected the word alone, without a value, not a mapping",
    );
    let negotiated =
        format!("{HEAD}{}", CHAT.replace("label: chat", "label: chat, id: 70000, negotiated: true"));
    let errors = super::limits::all_errors(&negotiated);
    assert!(errors.len() == 1 && errors[0].contains("65535"), "{errors:?}");
}

#[test]
fn rules_that_never_act_are_refused() {
    refused(then("network: { drop: { class: dtls, first: 0 } }"), "packets are counted from 1");
    refused(
        then("network: { drop: { class: dtls, first: 1, nth: 2 } }"),
        "packet 2 is not among the first 1",
    );
    refused(then("network: { drop: { class: dtls, probability: 0 } }"), "a rule of probability 0 never acts");
    refused(
        then("network: { drop: { class: srtp, handshake: ClientHello } }"),
        "only packets of class dtls have `handshake`, and `class` is of others",
    );
    refused(
        then("network: { drop: { stun: request, sctp: DATA } }"),
        "only packets of class stun have `stun`, and `sctp` is of others",
    );
    let acts = "network: { drop: { name: lost, class: dtls, first: 1 } }\n  - network: { acts: { rule: lost, times: 2 } }";
    refused(then(acts), "`times` can be 1 at most: `lost` acts no more often");
}

#[test]
fn every_word_of_a_control_names_something() {
    let text = format!("{HEAD}{CHAT}");
    let base = scenario(
        Path::new("t.yaml"),
        "data/t",
        &text.replacen("steps:\n", "steps:\n  - bob: { echo: { channel: chat } }\n", 1),
    )
    .unwrap();
    let control = |rest: &str| {
        let text = format!("title: t\nof: data/t\n{rest}\n");
        let made = control(Path::new("c.yaml"), "controls/c", &text, std::slice::from_ref(&base));
        made.err().map(|error| error.message)
    };
    let expect = "expect: { verdict: fail, layer: dtls, side: bob }";
    assert_eq!(control(&format!("break: {{ network: direct }}\n{expect}")), None);
    let of_its_own = "break:
  before: [{ alice: { createDataChannel: { label: more } } }]
  connected: [{ bob: { await: { datachannel: more } } }]
  after: [{ alice: { send: { channel: more, text: x } } }]";
    assert_eq!(control(&format!("{of_its_own}\n{expect}")), None);
    refused(
        control(&format!("break: {{ echo: {{ bob: swap-pair }} }}\n{expect}")),
        "unknown defect `swap-pair`",
    );
    refused(
        control(&format!("break: {{ dead: bob }}\nplays: {{ alice: [chrom] }}\n{expect}")),
        "unknown implementation `chrom`",
    );
    refused(
        control(&format!("break: {{ dead: bob }}\nplays: {{ alice: [] }}\n{expect}")),
        "no implementation plays alice",
    );
    refused(
        control("break: { dead: bob }\nexpect: { verdict: fail, layer: dtls, side: carol }"),
        "unknown peer `carol`",
    );
    refused(control(&format!("break: {{ idle: true }}\n{expect}")), "data/t has no rule");
}
