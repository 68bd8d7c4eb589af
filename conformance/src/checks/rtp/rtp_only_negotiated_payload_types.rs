//! RFC 3264 §6.1, RFC 8834 §4.3: a packet has a payload type that the receiver's description lists, and still lists for the section of the packet, or
//! for a section of the transport that it takes. One that is listed for other sections only is judged by `oa-rtp-payload-type-from-remote`.

use crate::checks::negotiated_state::Sections;
use crate::checks::timing::Off;
use crate::checks::transports::{Indices, Transports};
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Description, Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::event::SdpType;
use std::collections::BTreeSet;

pub(super) const CHECK: Check = Check {
    id: "rtp-only-negotiated-payload-types",
    layer: Layer::Media,
    subject: "RTP packets",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

/// How long media may be on its way out after the answer was applied, by encoder and pacer, in microseconds: the catalogue's choice.
const GRACE_US: u64 = 500_000;

/// The payload types of a description of the receiver's.
struct Listed {
    /// Those of each section, by its index and `a=mid`.
    sections: Vec<(usize, Option<String>, BTreeSet<u8>)>,
    /// When the sender had applied the answer of the next exchange, if there was one.
    replaced_us: Option<u64>,
}

impl Listed {
    /// Whether a payload type is listed for a section; for any of the transport, where the description has no such section or it is not known
    /// which.
    fn names(&self, mid: Option<&String>, among: Option<&Indices>, payload_type: u8) -> bool {
        let named = |of: &Option<String>| mid.is_none() || of.as_ref() == mid;
        let is_one = self.sections.iter().any(|(_, of, _)| named(of));
        self.sections.iter().any(|(index, of, types)| {
            let here = if is_one { named(of) } else { true };
            here && among.is_none_or(|among| among.contains(index)) && types.contains(&payload_type)
        })
    }

    fn is_empty(&self) -> bool {
        self.sections.iter().all(|(.., types)| types.is_empty())
    }
}

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    let Some(other) = evidence.other(peer) else { return };
    let listed = listed(evidence, peer, other);
    let sections = Sections::of(evidence, peer);
    let transports = Transports::of(evidence);
    for (packet, rtp) in evidence.wire.iter().flat_map(|wire| wire.rtp_read(peer)) {
        let place = Place::Frame(packet.frame);
        let payload_type = rtp.header.payload_type();
        // Where no section has it, `oa-rtp-payload-type-from-remote` says so.
        let mid = sections.named(packet, &rtp.header);
        let among = transports.of_packet(packet);
        let own =
            mid.as_ref().filter(|_| listed.iter().any(|it| it.names(mid.as_ref(), among, payload_type)));
        let mut naming = listed.iter().filter(|it| it.names(own, among, payload_type)).peekable();
        if listed.iter().all(Listed::is_empty) {
            tally.inconclusive("the receiver's description is not in the recording", [place]);
        } else if naming.peek().is_none() {
            tally.fail(
                Fault("payload-type-unknown"),
                format!(
                    "payload type {payload_type} is in no description of the receiver for this transport"
                ),
                [place],
            );
        } else if let Some(off) =
            naming.map(|it| since(it, packet.t_us)).min_by_key(Option::is_some).flatten()
        {
            let text =
                format!("payload type {payload_type} is that of an earlier description of the receiver");
            tally.off(Fault("payload-type-of-before"), evidence, off, text, [place]);
        } else {
            tally.pass(place);
        }
    }
}

/// How long a description has been replaced at a moment, if it has.
fn since(listed: &Listed, t_us: u64) -> Option<Off> {
    Off::late(listed.replaced_us?, GRACE_US, t_us)
}

/// What the descriptions of the receiver list: those of exchanges that ended until the next one, all others forever.
fn listed(evidence: &Evidence, peer: Peer, other: Peer) -> Vec<Listed> {
    let types = |made: &Description, replaced_us| {
        let mut listed = Listed { sections: Vec::new(), replaced_us };
        let sections = made.received().media().enumerate();
        for (index, section) in sections.filter(|(_, section)| !section.is_rejected()) {
            let line = section.media_line().and_then(|line| line.value.ok()).filter(|line| line.is_rtp());
            let types: BTreeSet<u8> = line.iter().flat_map(|line| line.payload_types()).collect();
            listed.sections.push((index, section.mid(), types));
        }
        listed
    };
    let exchanges = evidence.exchanges();
    let agreed: Vec<_> = exchanges.iter().filter(|it| it.answer.kind == SdpType::Answer).collect();
    let mut all = Vec::new();
    let mut ended = BTreeSet::new();
    for (at, exchange) in agreed.iter().enumerate() {
        let made = if exchange.answer.by == other { exchange.answer } else { exchange.offer };
        ended.insert(made.entry);
        let next = agreed.get(at + 1).map(|next| evidence.applied(peer, next.answer).by_us);
        all.push(types(made, next));
    }
    let rest = evidence.made_by(other).filter(|made| !ended.contains(&made.entry));
    all.extend(rest.map(|made| types(made, None)));
    all
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, rtp};
    use peerproof_captures::sdp::SessionDescription;

    /// Gives a packet a payload type that is in neither description.
    pub(super) const CONTROL: Control = Control::new(Recording::Media, |evidence| {
        let bytes = rtp::first(evidence);
        bytes[1] = bytes[1] & 0x80 | 35;
    })
    .and(&[Mutation::new(Recording::Media, "of an earlier description", |evidence| {
        // Both describe the same once more, with another payload type in the place of 111.
        for at in [0, 1] {
            let mut again = evidence.descriptions[at].clone();
            again.entry += 1_000_000;
            again.sdp = SessionDescription::parse(renumber(again.sdp.as_str()));
            evidence.descriptions.push(again);
        }
    })])
    .also_breaks(&["oa-rtp-payload-type-from-remote"]);

    /// Puts 35 in the place of 111, in the next version of the description.
    fn renumber(sdp: &str) -> String {
        let line = |line: &str| {
            let mut words: Vec<String> = line.split(' ').map(str::to_owned).collect();
            if line.starts_with("o=") {
                words[2] = (words[2].parse::<u64>().unwrap() + 1).to_string();
            }
            let text = words.join(" ").replace(":111 ", ":35 ");
            if text.starts_with("m=audio") { text.replace(" 111", " 35") } else { text }
        };
        sdp.split("\r\n").map(line).collect::<Vec<_>>().join("\r\n")
    }
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::checks::Status;
    use crate::checks::controls::Recording;
    use peerproof_captures::sdp::SessionDescription;

    /// How alice's packets stand if both describe the same once more, changed so.
    fn result(change: impl Fn(&str) -> String) -> Status {
        let mut evidence = Recording::Video.evidence();
        for at in [0, 1] {
            let mut again = evidence.descriptions[at].clone();
            again.entry += 1_000_000;
            again.sdp = SessionDescription::parse(change(again.sdp.as_str()));
            again.delivered = None;
            evidence.descriptions.push(again);
        }
        CHECK.run(&evidence)[0].result
    }

    #[test]
    fn a_payload_type_is_that_of_its_section() {
        assert_eq!(result(str::to_owned), Status::Pass);
        // Audio and video change their payload types: each is still listed, for the other one.
        let swapped = |sdp: &str| {
            let text = sdp.replace("111", "###").replace(":96 ", ":111 ").replace("SAVPF 96", "SAVPF 111");
            text.replace("###", "96")
        };
        assert_eq!(result(swapped), Status::Fail);
    }
}
