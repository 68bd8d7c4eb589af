//! Expectations of packets that hold or fail whatever the peers do, given what the steps make.

use super::super::document::ValuePath;
use super::super::step::Action;
use super::always_messages;
use super::facts::Facts;
use super::found::Found;
use peerproof_conformance::expect::{MessageMatch, WireMatch};

/// Largest payload type: seven bits (RFC 3550 §5.1).
const LARGEST_PAYLOAD_TYPE: u8 = 127;

/// Checks what must have been on the wire.
pub(super) fn check(facts: &Facts<'_>, found: &mut Found<'_>) {
    let path = ValuePath::default().key("expect").key("wire");
    let all = &facts.scenario.expect.wire;
    for (n, wanted) in all.iter().enumerate() {
        let path = path.index(n);
        let Ok((protocol, kind)) = wanted.class() else { continue };
        if !facts.scenario.peers.contains_key(&wanted.from) || !wanted.troubles().is_empty() {
            continue;
        }
        match protocol {
            "stun" => stun(facts, wanted, kind, &path, found),
            "srtp" | "srtcp" | "rtcp" => media(facts, wanted, protocol, &path, found),
            "sctp" | "dcep" => data(facts, wanted, protocol, &path, found),
            _ => {}
        }
        if matches!((protocol, kind), ("dtls" | "stun", "any")) && wanted.count().at_most == Some(0) {
            let connects = facts
                .scenario
                .steps
                .iter()
                .any(|step| matches!(&step.action, Action::Connect(connect) if connect.until.is_none()));
            if connects {
                found.add(&path, format!("without {protocol} nobody connects, as a step wants"));
            }
        }
        if let Some(other) = all.iter().take(n).find(|other| excludes(other, wanted)) {
            let message = format!("this and another expectation ({}) exclude each other", other.count());
            found.add(&path, message);
        }
    }
}

/// Whether no number of packets satisfies both.
fn excludes(one: &WireMatch, other: &WireMatch) -> bool {
    let kind = |it: &WireMatch| it.class().map(|(protocol, kind)| (protocol, kind.to_lowercase())).ok();
    let plain = |it: &WireMatch| {
        it.level.is_none() && it.use_candidate.is_none() && it.payload_type.is_none() && it.message.is_none()
    };
    let (Some(a), Some(b)) = (kind(one), kind(other)) else { return false };
    if one.from != other.from || a.0 != b.0 {
        return false;
    }
    let same = a == b
        && (one.level == other.level
            && one.use_candidate == other.use_candidate
            && one.payload_type == other.payload_type
            && one.message == other.message);
    let apart = |most: Option<u64>, least: u64| most.is_some_and(|most| most < least);
    let (x, y) = (one.count(), other.count());
    let holds = |whole: &WireMatch, kind: &str| kind == "any" && plain(whole);
    (same && (apart(x.at_most, y.at_least) || apart(y.at_most, x.at_least)))
        || (holds(one, &a.1) && apart(x.at_most, y.at_least))
        || (holds(other, &b.1) && apart(y.at_most, x.at_least))
}

fn stun(facts: &Facts<'_>, wanted: &WireMatch, kind: &str, path: &ValuePath, found: &mut Found<'_>) {
    let (method, class) = kind.split_once(' ').unwrap_or((kind, ""));
    let is_binding = method.eq_ignore_ascii_case("binding");
    let is_any = kind == "any";
    let at = path.key("stun");
    if wanted.use_candidate == Some(true) && !is_any && !is_binding {
        found.add(&path.key("useCandidate"), "only Binding requests have USE-CANDIDATE (RFC 8445 §16.1)");
    } else if wanted.use_candidate == Some(true)
        && class.eq_ignore_ascii_case("success")
        && wanted.count().at_least > 0
    {
        found.add(&path.key("useCandidate"), "no response has USE-CANDIDATE (RFC 8445 §16.1)");
    }
    if is_any || is_binding {
        return;
    }
    let comes_from_servers = ["success", "error"].iter().any(|word| class.eq_ignore_ascii_case(word))
        || kind.eq_ignore_ascii_case("data indication");
    if comes_from_servers {
        found.add(&at, format!("`{kind}` comes from servers, and never from a peer (RFC 8656)"));
    } else if !facts.anybody_relays() {
        found.help(&at, "no peer has a TURN server", "give `iceServers` a server for `turn`");
    }
}

fn media(facts: &Facts<'_>, wanted: &WireMatch, protocol: &str, path: &ValuePath, found: &mut Found<'_>) {
    if wanted.payload_type.is_some_and(|number| number > LARGEST_PAYLOAD_TYPE) {
        let message = format!("a payload type is at most {LARGEST_PAYLOAD_TYPE} (RFC 3550 §5.1)");
        found.add(&path.key("payloadType"), message);
    }
    let sends = facts.has_any_media(&wanted.from);
    if !facts.is_with_media() {
        found.add(&path.key(protocol), "there is no media in this scenario");
    } else if protocol == "srtp" && !sends && wanted.count().at_least > 0 {
        found.add(&path.key(protocol), format!("{} has no media to send", wanted.from));
    }
}

fn data(facts: &Facts<'_>, wanted: &WireMatch, protocol: &str, path: &ValuePath, found: &mut Found<'_>) {
    if !facts.is_with_channels() {
        found.add(&path.key(protocol), "there is no channel in this scenario");
        return;
    }
    let all_negotiated = facts.made.iter().all(|made| made.options.negotiated == Some(true));
    if protocol == "dcep" && all_negotiated && wanted.count().at_least > 0 {
        found.add(&path.key("dcep"), "no channel is announced in-band: all are `negotiated`");
    }
    if let Some(text) = &wanted.message {
        let message = MessageMatch::Text { text: text.clone(), times: 1 };
        let leaves = facts.leaves(&wanted.from);
        if leaves.is_some_and(|all| !all.iter().any(|sent| always_messages::can_be(sent, &message))) {
            found.add(&path.key("message"), format!("{} never sends `{text}`", wanted.from));
        }
        if wanted.count().at_most == Some(0)
            && let Some(name) = facts.other(&wanted.from).filter(|name| comes(facts, name, text))
        {
            let message = format!("`{text}` is expected at {name}, so it is on the wire");
            found.help(path, message, "write `atLeast: 1`, or expect no such message there");
        }
    }
}

/// Whether a text is expected at a peer.
fn comes(facts: &Facts<'_>, name: &str, text: &str) -> bool {
    let expected = facts.scenario.expect.peers.get(name);
    expected.iter().flat_map(|expected| expected.messages.values()).any(|messages| {
        let lists = [&messages.exactly, &messages.unordered, &messages.in_order, &messages.includes];
        lists.into_iter().flatten().flatten().any(|message| {
            matches!(message, MessageMatch::Text { text: known, times } if known == text && *times > 0)
        })
    })
}
