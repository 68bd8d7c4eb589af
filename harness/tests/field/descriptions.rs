//! Offers and answers that are right, so that a change of one line is all that is wrong.

use super::packets::{ALICE, BOB, Peer};

/// The transport's lines of a section.
fn transport(peer: Peer, setup: &str) -> String {
    let digest = vec![format!("{:02X}", peer.ip[3]); 32].join(":");
    format!(
        "c=IN IP4 0.0.0.0\na=ice-ufrag:{}\na=ice-pwd:{}\na=ice-options:trickle ice2\na=fingerprint:sha-256 {digest}\na=setup:{setup}\n",
        peer.ufrag, peer.password
    )
}

/// A description with sections of this kind: what stands in the `m=` line, what follows the transport's lines.
fn description(peer: Peer, setup: &str, sections: &[(&str, &str)]) -> String {
    let mids: Vec<String> = (0..sections.len()).map(|mid| mid.to_string()).collect();
    let mut text = format!(
        "v=0\no=- {} 2 IN IP4 127.0.0.1\ns=-\nt=0 0\na=group:BUNDLE {}\n",
        7_614_219_274_584_779_017_u64 + u64::from(peer.ip[3]),
        mids.join(" ")
    );
    for (mid, (media, lines)) in sections.iter().enumerate() {
        // What is bundled in an answer has the transport of the first section (RFC 9143 §7.1.3).
        let is_bundled = setup != "actpass" && mid > 0;
        let own = if is_bundled { "c=IN IP4 0.0.0.0\n".to_owned() } else { transport(peer, setup) };
        let lines = if is_bundled {
            lines.replace("a=rtcp-mux\n", "").replace("a=rtcp-rsize\n", "")
        } else {
            (*lines).to_owned()
        };
        text += &format!("m={media}\n{own}a=mid:{mid}\n{lines}");
        if !is_bundled {
            let [a, b, c, d] = peer.ip;
            text += &format!("a=candidate:1 1 udp 2130706431 {a}.{b}.{c}.{d} {} typ host\n", peer.port);
        }
    }
    text.replace('\n', "\r\n")
}

pub(crate) fn offer(sections: &[(&str, &str)]) -> String {
    description(ALICE, "actpass", sections)
}

pub(crate) fn answer(sections: &[(&str, &str)]) -> String {
    description(BOB, "active", sections)
}

pub(crate) const AUDIO: (&str, &str) = (
    "audio 9 UDP/TLS/RTP/SAVPF 111 0 8",
    "a=extmap:1 urn:ietf:params:rtp-hdrext:sdes:mid\na=sendrecv\na=msid:s a\na=rtcp-mux\na=rtpmap:111 opus/48000/2\n\
     a=fmtp:111 minptime=10;useinbandfec=1\na=rtpmap:0 PCMU/8000\na=rtpmap:8 PCMA/8000\n",
);
pub(crate) const VIDEO: (&str, &str) = (
    "video 9 UDP/TLS/RTP/SAVPF 96 97 102",
    "a=extmap:1 urn:ietf:params:rtp-hdrext:sdes:mid\na=extmap:3 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id\n\
     a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id\n\
     a=extmap:5 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01\na=sendrecv\na=msid:t v\na=rtcp-mux\na=rtcp-rsize\n\
     a=rtpmap:96 VP8/90000\na=rtcp-fb:96 nack\na=rtcp-fb:96 nack pli\na=rtcp-fb:96 transport-cc\na=rtpmap:97 rtx/90000\na=fmtp:97 apt=96\n\
     a=rtpmap:102 H264/90000\na=fmtp:102 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f\n",
);
pub(crate) const DATA: (&str, &str) =
    ("application 9 UDP/DTLS/SCTP webrtc-datachannel", "a=sctp-port:5000\na=max-message-size:262144\n");

/// A text of which a part, which is there, was replaced.
#[track_caller]
pub(crate) fn changed(text: &str, from: &str, to: &str) -> String {
    let (from, to) = (from.replace('\n', "\r\n"), to.replace('\n', "\r\n"));
    assert!(text.contains(&from), "{from} is not in {text}");
    text.replace(&from, &to)
}
