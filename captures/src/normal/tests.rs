//! Two runs of one session, and what must distinguish them from another.

use super::*;
use crate::event::{Description, SdpType};
use crate::observe::unit;
use crate::recording::Direction;
use crate::timeline::What;
use serde_json::json;

/// What chance decides in a session.
#[derive(Clone)]
struct Chance {
    session: &'static str,
    version: u32,
    ufrag: &'static str,
    pwd: &'static str,
    fingerprint: &'static str,
    ssrc: u32,
    cname: &'static str,
    stream: &'static str,
    port: u16,
    candidates: &'static str,
}

const ONE: Chance = Chance {
    session: "4611731400430051336",
    version: 2,
    ufrag: "EsAw",
    pwd: "P2uYro0UCOQ4zxjKXaWCBui1",
    fingerprint: "D8:98:4C:E4:3B:61:61:17:54:AA:7A:E4:EC:FC:7F:A9:5F:32:64:32:C0:B3:E5:54:1A:8E:6E:0F:C3:4A:5D:11",
    ssrc: 1001,
    cname: "wG1DE7Z0bYV0Xj4u",
    stream: "d1cd9c4d-7d0d-4b3e-a4c1-2c0f7a0f0a01",
    port: 9,
    candidates: "",
};
const OTHER: Chance = Chance {
    session: "77",
    version: 2,
    ufrag: "h4Xq",
    pwd: "Mk2uYro0UCOQ4zxjKXaWCBu9",
    fingerprint: "00:98:4C:E4:3B:61:61:17:54:AA:7A:E4:EC:FC:7F:A9:5F:32:64:32:C0:B3:E5:54:1A:8E:6E:0F:C3:4A:5D:22",
    ssrc: 77,
    cname: "QQQQE7Z0bYV0Xj4u",
    stream: "a0a09c4d-7d0d-4b3e-a4c1-2c0f7a0f0a99",
    port: 50123,
    candidates: "a=candidate:1 1 udp 2122260223 192.0.2.2 50123 typ host generation 0\r\na=end-of-candidates\r\n",
};

/// A description as Chromium 156 writes it, shortened to one codec with its repair.
fn chrome(chance: &Chance, setup: &str) -> String {
    let Chance { session, version, ufrag, pwd, fingerprint, ssrc, cname, stream, port, candidates } = chance;
    let rtx = ssrc + 1;
    let address = if *port == 9 { "0.0.0.0" } else { "192.0.2.2" };
    format!(
        "v=0\r\no=- {session} {version} IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1\r\n\
         a=extmap-allow-mixed\r\na=msid-semantic: WMS {stream}\r\n\
         m=video {port} UDP/TLS/RTP/SAVPF 96 97\r\nc=IN IP4 {address}\r\na=rtcp:9 IN IP4 0.0.0.0\r\n{candidates}\
         a=ice-ufrag:{ufrag}\r\na=ice-pwd:{pwd}\r\na=ice-options:trickle\r\na=fingerprint:sha-256 {fingerprint}\r\n\
         a=setup:{setup}\r\na=mid:0\r\na=extmap:1 urn:ietf:params:rtp-hdrext:toffset\r\na=sendrecv\r\n\
         a=msid:{stream} track-of-{stream}\r\na=rtcp-mux\r\na=rtcp-rsize\r\na=rtpmap:96 VP8/90000\r\n\
         a=rtcp-fb:96 nack pli\r\na=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\na=ssrc-group:FID {ssrc} {rtx}\r\n\
         a=ssrc:{ssrc} cname:{cname}\r\na=ssrc:{ssrc} msid:{stream} track-of-{stream}\r\na=ssrc:{rtx} cname:{cname}\r\n\
         m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\na=ice-ufrag:{ufrag}\r\n\
         a=ice-pwd:{pwd}\r\na=fingerprint:sha-256 {fingerprint}\r\na=setup:{setup}\r\na=mid:1\r\na=sctp-port:5000\r\n\
         a=max-message-size:262144\r\n"
    )
}

/// A description as Firefox 153 writes it.
fn firefox(chance: &Chance, setup: &str) -> String {
    let Chance { session, version, ufrag, pwd, fingerprint, ssrc, cname, stream, .. } = chance;
    format!(
        "v=0\r\no=mozilla...THIS_IS_SDPARTA-99.0 {session} {version} IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n\
         a=fingerprint:sha-256 {fingerprint}\r\na=group:BUNDLE 0 1\r\na=ice-options:trickle\r\na=msid-semantic:WMS *\r\n\
         m=video 9 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 0.0.0.0\r\na=sendrecv\r\na=ice-pwd:{pwd}\r\na=ice-ufrag:{ufrag}\r\n\
         a=mid:0\r\na=msid:{{{stream}}} {{t-{stream}}}\r\na=rtcp-mux\r\na=rtpmap:96 VP8/90000\r\na=setup:{setup}\r\n\
         a=ssrc:{ssrc} cname:{{{cname}}}\r\n\
         m=application 0 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\na=mid:1\r\n"
    )
}

struct Session {
    timeline: Vec<Entry>,
    packets: Vec<(Direction, Vec<u8>)>,
}

impl Session {
    fn what(&mut self, what: What) {
        let n = self.timeline.len() as u64;
        self.timeline.push(Entry { n, t_us: n, what });
    }

    fn event(&mut self, peer: &str, event: &str, data: serde_json::Value) {
        let event = serde_json::from_value(json!({"event": event, "data": data})).unwrap();
        self.what(What::Event { peer: peer.into(), seq: 0, event });
    }

    fn states(&mut self, peer: &str, event: &str, states: &[&str]) {
        for state in states {
            self.event(peer, event, json!({"state": state}));
        }
    }

    fn candidate(&mut self, peer: &str, candidate: &str) {
        self.event(peer, "icecandidate", json!({"candidate": {"candidate": candidate}}));
    }

    fn carried(&mut self, from: &str, kind: SdpType, sdp: String, delivered: Option<String>) {
        self.what(What::Carried {
            from: from.into(),
            to: if from == "alice" { "bob" } else { "alice" }.into(),
            sent: Description { kind, sdp },
            delivered: delivered.map(|sdp| Description { kind, sdp }),
        });
    }

    fn packets(&mut self, packets: &[(Direction, Vec<u8>)]) {
        self.packets.extend_from_slice(packets);
    }

    fn text(&self) -> String {
        let mut sent = Vec::new();
        for (direction, bytes) in &self.packets {
            let (from, to) = if *direction == OUT { ("alice", "bob") } else { ("bob", "alice") };
            unit::each(bytes, 0, |unit| sent.push(Sent { from, to, unit }));
        }
        let sent = (!sent.is_empty()).then_some(sent.as_slice());
        let played = Played { peers: &["alice", "bob"], timeline: &self.timeline, sent };
        snapshot(&played, &[Section::Sdp, Section::Ice, Section::Dtls])
    }
}

fn message(kind: u8, seq: u8) -> Vec<u8> {
    let mut bytes = vec![22, 0xFE, 0xFD, 0, 0, 0, 0, 0, 0, 0, 0, 0, 14, kind, 0, 0, 2, 0, seq];
    bytes.extend([0, 0, 0, 0, 0, 2, 0xFE, 0xFD]);
    bytes
}

const OUT: Direction = Direction::Outbound;
const IN: Direction = Direction::Inbound;

/// One run of a session: no retransmission, candidates before the descriptions are carried.
fn first() -> Session {
    let mut session = Session { timeline: vec![], packets: vec![] };
    session.carried("alice", SdpType::Offer, chrome(&ONE, "actpass"), None);
    session.carried("bob", SdpType::Answer, firefox(&OTHER, "active"), None);
    for peer in ["alice", "bob"] {
        session.states(peer, "icegatheringstatechange", &["gathering", "complete"]);
        session.candidate(peer, "candidate:1 1 udp 2122260223 192.0.2.2 50000 typ host generation 0");
        session.candidate(peer, "candidate:2 1 tcp 1518280447 192.0.2.2 9 typ host tcptype active");
        session.states(peer, "iceconnectionstatechange", &["checking", "connected", "completed"]);
        session.states(peer, "icetransportstatechange", &["checking", "connected"]);
        session.states(peer, "dtlsstatechange", &["connecting", "connected"]);
        session.states(peer, "connectionstatechange", &["connecting", "connected"]);
    }
    session.packets(&[
        (IN, message(1, 0)),
        (OUT, message(3, 0)),
        (IN, message(1, 1)),
        (OUT, [message(2, 1), message(11, 2)].concat()),
        (IN, [message(16, 2), vec![20, 0xFE, 0xFD, 0, 0, 0, 0, 0, 0, 0, 9, 0, 1, 1]].concat()),
        (OUT, vec![20, 0xFE, 0xFD, 0, 0, 0, 0, 0, 0, 0, 9, 0, 1, 1]),
    ]);
    session
}

/// The same session by other chances: other values, retransmissions, another order, a passing trouble.
fn second() -> Session {
    let mut session = Session { timeline: vec![], packets: vec![] };
    for peer in ["bob", "alice"] {
        session.states(peer, "icegatheringstatechange", &["gathering"]);
        session.candidate(peer, "candidate:7 1 udp 2122260223 198.51.100.9 41000 typ host");
        session.candidate(peer, "candidate:9 1 udp 2122260222 2001:db8::9 41001 typ host");
        session.candidate(peer, "");
        session.states(peer, "connectionstatechange", &["connecting", "connected"]);
        session.states(
            peer,
            "icetransportstatechange",
            &["checking", "connected", "disconnected", "completed"],
        );
        session.states(
            peer,
            "iceconnectionstatechange",
            &["checking", "connected", "disconnected", "connected"],
        );
        session.states(peer, "dtlsstatechange", &["connecting", "connecting", "connected", "closed"]);
    }
    session.carried("alice", SdpType::Offer, chrome(&Chance { version: 2, ..OTHER }, "actpass"), None);
    session.carried("bob", SdpType::Answer, firefox(&Chance { session: "5", ..ONE }, "active"), None);
    session.packets(&[
        (IN, message(1, 0)),
        (IN, message(1, 0)),
        (OUT, message(3, 0)),
        (IN, message(1, 1)),
        (OUT, message(2, 1)),
        (OUT, message(11, 2)),
        (OUT, message(2, 1)),
        (IN, message(16, 2)),
        (IN, vec![20, 0xFE, 0xFD, 0, 0, 0, 0, 0, 0, 0, 9, 0, 1, 1]),
        (OUT, vec![20, 0xFE, 0xFD, 0, 0, 0, 0, 0, 0, 0, 9, 0, 1, 1]),
        (OUT, vec![21, 0xFE, 0xFD, 0, 0, 0, 0, 0, 0, 0, 9, 0, 2, 1, 0]),
    ]);
    session
}

#[test]
fn two_runs_of_one_session_give_one_text() {
    let (first, second) = (first().text(), second().text());
    for (one, other) in first.lines().zip(second.lines()) {
        assert_eq!(one, other);
    }
    assert_eq!(first, second);
}

#[test]
fn the_text_shows_what_the_values_mean() {
    insta::assert_snapshot!(first().text());
}

#[test]
fn a_behaviour_that_changed_changes_the_text() {
    let text = first().text();
    let changed = |name: &str, change: &dyn Fn(&mut Session)| {
        let mut session = first();
        change(&mut session);
        assert_ne!(session.text(), text, "{name}");
    };
    let resdp = |from: &'static str, to: &'static str| {
        move |session: &mut Session| {
            for entry in &mut session.timeline {
                if let What::Carried { sent, .. } = &mut entry.what {
                    assert!(!to.is_empty());
                    sent.sdp = sent.sdp.replace(from, to);
                }
            }
        }
    };
    changed("a codec", &resdp("VP8/90000", "VP9/90000"));
    changed("a role", &resdp("a=setup:active", "a=setup:passive"));
    changed("a section accepted", &resdp("m=application 0 ", "m=application 9 "));
    changed("a ufrag of its own in the second section", &|session| {
        if let What::Carried { sent, .. } = &mut session.timeline[0].what {
            let at = sent.sdp.rfind("EsAw").unwrap();
            sent.sdp.replace_range(at..at + 4, "else");
        }
    });
    changed("the other's fingerprint", &|session| {
        if let What::Carried { sent, .. } = &mut session.timeline[1].what {
            sent.sdp = sent.sdp.replace(OTHER.fingerprint, ONE.fingerprint);
        }
    });
    changed("a rewritten description", &|session| {
        if let What::Carried { sent, delivered, .. } = &mut session.timeline[0].what {
            let sdp = sent.sdp.replace(ONE.fingerprint, OTHER.fingerprint);
            *delivered = Some(Description { kind: SdpType::Offer, sdp });
        }
    });
    changed("a failure", &|s| s.states("bob", "connectionstatechange", &["failed"]));
    changed("a DTLS failure", &|s| s.states("bob", "dtlsstatechange", &["failed"]));
    changed("a relay", &|s| {
        s.candidate("bob", "candidate:3 1 udp 1 192.0.2.9 5 typ relay raddr 0.0.0.0 rport 9");
    });
    changed("hidden addresses", &|s| s.candidate("bob", "candidate:3 1 udp 1 a.local 5 typ host"));
    changed("a fatal alert", &|s| {
        s.packets(&[(OUT, vec![21, 0xFE, 0xFD, 0, 0, 0, 0, 0, 0, 0, 1, 0, 2, 2, 42])]);
    });
    changed("a renegotiation", &|s| {
        s.carried("alice", SdpType::Offer, chrome(&Chance { version: 3, ..ONE }, "actpass"), None);
    });
}

#[test]
fn what_was_rewritten_on_the_way_is_named_by_meaning() {
    let mut session = first();
    if let What::Carried { sent, delivered, .. } = &mut session.timeline[0].what {
        let sdp = sent.sdp.replace(ONE.fingerprint, "AA:BB");
        *delivered = Some(Description { kind: SdpType::Offer, sdp });
    }
    let text = session.text();
    assert!(text.contains("    - a=fingerprint:sha-256 <fingerprint alice>\n"), "{text}");
    assert!(text.contains("    + a=fingerprint:sha-256 <fingerprint alice 2>\n"), "{text}");
}

#[test]
fn a_line_finds_its_section() {
    let text = first().text();
    let line =
        |what: &str| u32::try_from(text.lines().position(|line| line.contains(what)).unwrap()).unwrap() + 1;
    assert_eq!(section_of_line(&text, line("a=rtpmap:96")), Some("sdp"));
    assert_eq!(section_of_line(&text, line("candidates:")), Some("ice"));
    assert_eq!(section_of_line(&text, line("ClientHello")), Some("dtls"));
}

#[test]
fn a_hostile_description_is_normalised_without_a_panic() {
    for sdp in [
        "",
        "=",
        "a=",
        "m=",
        "o=",
        "o=a b c d e f g",
        "a=ssrc:",
        "a=ssrc-group:FID",
        "a=msid:",
        "\u{0}\n\n=a=\r",
    ] {
        let mut session = Session { timeline: vec![], packets: vec![] };
        session.carried("alice", SdpType::Offer, sdp.to_owned(), Some("m=\r\n".to_owned()));
        assert!(session.text().starts_with("[sdp]\nalice, description 1: offer\n"));
    }
}
