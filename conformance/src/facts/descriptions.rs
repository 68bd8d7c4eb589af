//! Descriptions by what they mean: codecs with their parameters and feedback, header extensions, attributes.

use super::{Fact, Found};
use crate::evidence::{Description, Evidence, Peer};
use peerproof_captures::sdp::{Section, SessionDescription};
use std::collections::BTreeMap;

/// Attributes that have facts of their own, or say something of this session alone.
const OWN: [&str; 24] = [
    "candidate",
    "end-of-candidates",
    "ice-ufrag",
    "ice-pwd",
    "fingerprint",
    "ssrc",
    "ssrc-group",
    "msid",
    "mid",
    "rtpmap",
    "fmtp",
    "rtcp-fb",
    "extmap",
    "sendrecv",
    "sendonly",
    "recvonly",
    "inactive",
    "setup",
    "rtcp",
    "group",
    "identity",
    "msid-semantic",
    "rid",
    "simulcast",
];

pub(super) fn of(evidence: &Evidence, peer: Peer, found: &mut Found) {
    for description in evidence.generated_by(peer) {
        one(description, found);
    }
}

fn one(description: &Description, found: &mut Found) {
    let kind = description.kind;
    for (media, facts) in sections(&description.sdp) {
        let of = if media.is_empty() { format!("{kind} session") } else { format!("{kind} {media}") };
        for (name, fact) in facts {
            found.add(format!("{of} {name}"), fact.in_entry(description.entry));
        }
    }
}

/// What the sections of a description mean, fact by fact: that of the session first, with an empty medium. Media sections whose `m=` line
/// cannot be read are left out.
#[must_use]
pub fn sections(sdp: &SessionDescription) -> Vec<(String, Vec<(String, Fact)>)> {
    let mut all = vec![(String::new(), vec![("attributes".to_owned(), attributes(&sdp.session()))])];
    for section in sdp.media() {
        let Some(Ok(media)) = section.media_line().map(|line| line.value) else { continue };
        let mut facts = vec![
            ("protocol".to_owned(), Fact::one(media.proto.clone())),
            ("attributes".to_owned(), attributes(&section)),
        ];
        let setup: Vec<String> = section.value("setup").map(str::to_owned).into_iter().collect();
        facts.push(("DTLS role".to_owned(), Fact::set(setup)));
        let mut codecs = section.codecs();
        // The order of preference is that of the `m=` line (RFC 3264 §5.1).
        let formats: Vec<u8> = media.payload_types().collect();
        let preference = |of: u8| formats.iter().position(|format| *format == of).unwrap_or(formats.len());
        codecs.sort_by_key(|(payload_type, _)| preference(*payload_type));
        facts.push(("codecs".to_owned(), Fact::list(codecs.iter().map(|(_, codec)| codec.to_string()))));
        let mut parameters: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (payload_type, codec) in &codecs {
            let format = section.fmtp(*payload_type).map(|fmtp| fmtp.parameters);
            // What RTX repeats is named by the codec; RED names payload types.
            let format = format.filter(|text| !text.contains("apt=") && text.contains('='));
            let feedback = section.rtcp_fbs(*payload_type).into_iter().map(|one| match one.parameters {
                Some(parameters) => format!("feedback {} {parameters}", one.id),
                None => format!("feedback {}", one.id),
            });
            let all = parameters.entry(codec.to_string()).or_default();
            all.extend(feedback.chain(format));
        }
        for (codec, parameters) in parameters {
            facts.push((format!("codec {codec}"), Fact::set(parameters)));
        }
        let extensions = section.extmaps().into_iter().map(|extension| extension.uri);
        facts.push(("header extensions".to_owned(), Fact::set(extensions)));
        all.push((media.media, facts));
    }
    all
}

fn attributes(section: &Section<'_>) -> Fact {
    let own = |name: &str| OWN.contains(&name);
    Fact::set(section.attributes().filter(|line| !own(line.name)).map(|line| match line.value {
        Some(value) => format!("{}:{value}", line.name),
        None => line.name.to_owned(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codecs_are_in_the_order_of_the_media_line() {
        let of = |line: &str| {
            let text = format!(
                "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF {line}\r\na=rtpmap:111 opus/48000/2\r\na=rtpmap:0 PCMU/8000\r\n"
            );
            let all = sections(&SessionDescription::parse(text));
            let codecs = all[1].1.iter().find(|(name, _)| name == "codecs");
            codecs.map(|(_, fact)| fact.values.join(" "))
        };
        assert_eq!(of("111 0").as_deref(), Some("opus/48000/2 pcmu/8000"));
        assert_eq!(of("0 111").as_deref(), Some("pcmu/8000 opus/48000/2"));
    }
}
