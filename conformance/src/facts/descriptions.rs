//! Descriptions by what they mean: codecs with their parameters and feedback, header extensions, attributes.

use super::{Fact, Found};
use crate::evidence::{Description, Evidence, Peer};
use peerproof_captures::sdp::Section;
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
    let sdp = &description.sdp;
    found.add(format!("{kind} session attributes"), attributes(&sdp.session()));
    for section in sdp.media() {
        let Some(Ok(media)) = section.media_line().map(|line| line.value) else { continue };
        let of = format!("{kind} {}", media.media);
        found.add(format!("{of} protocol"), Fact::one(media.proto.clone()));
        found.add(format!("{of} attributes"), attributes(&section));
        let setup: Vec<String> = section.value("setup").map(str::to_owned).into_iter().collect();
        found.add(format!("{of} DTLS role"), Fact::set(setup));
        let codecs = section.codecs();
        found.add(format!("{of} codecs"), Fact::list(codecs.iter().map(|(_, codec)| codec.to_string())));
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
            found.add(format!("{of} codec {codec}"), Fact::set(parameters));
        }
        found.add(
            format!("{of} header extensions"),
            Fact::set(section.extmaps().into_iter().map(|extension| extension.uri)),
        );
    }
}

fn attributes(section: &Section<'_>) -> Fact {
    let own = |name: &str| OWN.contains(&name);
    Fact::set(section.attributes().filter(|line| !own(line.name)).map(|line| match line.value {
        Some(value) => format!("{}:{value}", line.name),
        None => line.name.to_owned(),
    }))
}
