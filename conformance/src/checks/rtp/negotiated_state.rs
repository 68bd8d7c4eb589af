//! What was agreed on each media section, as a peer knows it, and to which section what it sends belongs.

use crate::checks::media::{Codec, codecs, extensions, headers};
use crate::checks::{Place, Tally};
use crate::evidence::{Evidence, Exchange, Peer};
use peerproof_captures::event::SdpType;
use peerproof_captures::sdp::{Direction, SessionDescription};
use peerproof_captures::wire::rtp::{ExtensionKind, ExtensionMap, Header};
use std::collections::BTreeMap;

/// What a section is, by an exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct State {
    /// Whether the peer may send.
    pub(super) sends: bool,
    /// Whether a side does not both send and receive.
    pub(super) is_directed: bool,
    pub(super) is_rejected: bool,
}

/// The states from one moment on.
#[derive(Debug)]
pub(super) struct Agreed {
    /// When the peer had applied the answer, in microseconds since the case began.
    pub(super) t_us: u64,
    /// The entry of the answer.
    pub(super) entry: u64,
    /// By `a=mid`.
    pub(super) sections: BTreeMap<String, State>,
}

/// What was agreed, exchange by exchange. Provisional answers are left out: more may be sent by the final one.
pub(super) fn agreed(evidence: &Evidence, peer: Peer) -> Vec<Agreed> {
    let exchanges = evidence.exchanges().into_iter().filter(|it| it.answer.kind == SdpType::Answer);
    let agreed = exchanges.map(|exchange| Agreed {
        t_us: applied_us(evidence, peer, &exchange),
        entry: exchange.answer.entry,
        sections: sections(peer, &exchange),
    });
    agreed.collect()
}

/// When a peer had applied an answer: its own was before it was carried.
fn applied_us(evidence: &Evidence, peer: Peer, exchange: &Exchange<'_>) -> u64 {
    let answer = exchange.answer;
    if answer.by == peer {
        return answer.t_us;
    }
    let calls = evidence.calls(peer);
    let applied = |name: &str, entry: u64| name == "setRemoteDescription" && entry > answer.entry;
    let call = calls.iter().find(|call| applied(call.name, call.entry));
    let entry = call.and_then(|call| evidence.timeline.iter().find(|entry| entry.n == call.answered));
    entry.map_or(answer.t_us, |entry| entry.t_us)
}

fn sections(peer: Peer, exchange: &Exchange<'_>) -> BTreeMap<String, State> {
    let seen = |description: &crate::evidence::Description| -> SessionDescription {
        if description.by == peer { description.sdp.clone() } else { description.received().clone() }
    };
    let (offer, answer) = (seen(exchange.offer), seen(exchange.answer));
    let (own, remote) = if exchange.answer.by == peer { (&answer, &offer) } else { (&offer, &answer) };
    let mut states = BTreeMap::new();
    for (index, section) in answer.media().enumerate() {
        let (Some(mid), Some(own), Some(remote)) = (section.mid(), own.section(index), remote.section(index))
        else {
            continue;
        };
        let sends = own.direction().sends() && remote.direction().receives();
        let is_directed = [own, remote].iter().any(|it| it.direction() != Direction::SendRecv);
        states.insert(mid, State { sends, is_directed, is_rejected: section.is_rejected() });
    }
    states
}

/// How long media may be on its way out after the answer was applied, in microseconds: the catalogue's choice.
const GRACE_US: u64 = 500_000;

/// Judges that a peer sends no RTP for sections that are so, from when it has applied the answer that says it. `why` ends the sentence of
/// a fault.
pub(super) fn silent(
    evidence: &Evidence,
    peer: Peer,
    agreed: &[Agreed],
    concerns: impl Fn(&State) -> bool,
    why: &str,
    tally: &mut Tally,
) {
    let sections = Sections::of(evidence, peer);
    for (packet, header) in headers(evidence, peer) {
        let Some(mid) = sections.mid(&header) else { continue };
        let Some(now) = agreed.iter().rfind(|it| it.t_us <= packet.t_us) else { continue };
        let Some(state) = now.sections.get(&mid) else { continue };
        let place = Place::Frame(packet.frame);
        if !concerns(state) {
            tally.good(place);
        } else if packet.t_us.saturating_sub(now.t_us) > GRACE_US && !evidence.is_faulted(packet.frame) {
            tally.fault(format!("RTP is sent for section {mid:?}, {why}"), [place, Place::Entry(now.entry)]);
        }
    }
}

/// Tells to which section a packet belongs: by its MID, by the `a=ssrc` of its sender, or because no other lists its payload type.
struct Sections {
    codecs: BTreeMap<u8, Codec>,
    extensions: ExtensionMap,
    sources: BTreeMap<u32, String>,
}

impl Sections {
    fn of(evidence: &Evidence, peer: Peer) -> Self {
        let mut sources = BTreeMap::new();
        for section in evidence.made_by(peer).flat_map(|made| made.sdp.media()) {
            for ssrc in section.ssrcs() {
                sources.extend(section.mid().map(|mid| (ssrc.ssrc, mid)));
            }
        }
        Self { codecs: codecs(evidence, peer), extensions: extensions(evidence, peer), sources }
    }

    fn mid(&self, header: &Header<'_>) -> Option<String> {
        let mut elements = header.elements();
        if let Some(named) = elements.find(|element| self.extensions.get(element.id) == ExtensionKind::Mid) {
            return Some(String::from_utf8_lossy(named.value.value).into_owned());
        }
        if let Some(mid) = self.sources.get(&header.ssrc.value) {
            return Some(mid.clone());
        }
        let mids = &self.codecs.get(&header.payload_type())?.mids;
        if mids.len() == 1 { mids.first().cloned() } else { None }
    }
}
