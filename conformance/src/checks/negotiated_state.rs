//! What was agreed on each media section, as a peer knows it, to which section what it sends belongs, and when what arrives may be left.

use crate::checks::media::{extensions, headers, mids};
use crate::checks::timing::Off;
use crate::checks::transports::Apart;
use crate::checks::{Fault, Place, Tally};
use crate::evidence::{Applied, Evidence, Exchange, Packet, Peer};
use peerproof_captures::event::SdpType;
use peerproof_captures::sdp::{Direction, SessionDescription};
use peerproof_captures::wire::rtp::{ExtensionKind, ExtensionMap, Header};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

/// What a section is, by an exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::checks) struct State {
    /// Whether the peer may send.
    pub(in crate::checks) sends: bool,
    /// Whether the peer receives.
    receives: bool,
    /// Whether a side does not both send and receive.
    pub(in crate::checks) is_directed: bool,
    pub(in crate::checks) is_rejected: bool,
}

/// The states from one moment on.
#[derive(Debug)]
pub(in crate::checks) struct Agreed {
    /// When the peer applied the answer.
    pub(in crate::checks) applied: Applied,
    /// The entry of the answer.
    pub(in crate::checks) entry: u64,
    /// By `a=mid`.
    pub(in crate::checks) sections: BTreeMap<String, State>,
}

/// What was agreed, exchange by exchange. Provisional answers are left out: more may be sent by the final one.
pub(in crate::checks) fn agreed(evidence: &Evidence, peer: Peer) -> Vec<Agreed> {
    let exchanges = evidence.exchanges().into_iter().filter(|it| it.answer.kind == SdpType::Answer);
    let agreed = exchanges.map(|exchange| Agreed {
        applied: evidence.applied(peer, exchange.answer),
        entry: exchange.answer.entry,
        sections: sections(peer, &exchange),
    });
    agreed.collect()
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
        let (here, there) = (own.direction(), remote.direction());
        let (sends, receives) =
            (here.sends() && there.receives(), here.receives() && there.sends() && !section.is_rejected());
        let is_directed = [own, remote].iter().any(|it| it.direction() != Direction::SendRecv);
        states.insert(mid, State { sends, receives, is_directed, is_rejected: section.is_rejected() });
    }
    states
}

/// How long media may be on its way out after the answer was applied, by encoder and pacer, in microseconds: the catalogue's choice.
pub(in crate::checks) const GRACE_US: u64 = 500_000;

/// Judges that a peer sends no RTP for sections that are so, from when it has applied the answer that says it. `why` ends the sentence of
/// a fault.
#[cfg_attr(test, track_caller)]
pub(in crate::checks) fn silent(
    fault: Fault,
    evidence: &Evidence,
    peer: Peer,
    agreed: &[Agreed],
    concerns: impl Fn(&State) -> bool,
    why: &str,
    tally: &mut Tally,
) {
    let sections = Sections::of(evidence, peer);
    for (packet, header) in headers(evidence, peer) {
        let Some(mid) = sections.mid(packet, &header) else { continue };
        let Some(now) = agreed.iter().rfind(|it| it.applied.by_us <= packet.t_us) else { continue };
        let Some(state) = now.sections.get(&mid) else { continue };
        let place = Place::Frame(packet.frame);
        // The next answer may be applied already.
        let next = agreed.iter().filter(|it| (it.applied.from_us..it.applied.by_us).contains(&packet.t_us));
        let allowed = next.filter_map(|it| it.sections.get(&mid)).any(|state| !concerns(state));
        if !concerns(state) {
            tally.pass(place);
        } else if let Some(off) = Off::late(now.applied.by_us, GRACE_US, packet.t_us)
            && !allowed
            && !evidence.is_faulted(packet.frame)
        {
            let text = format!("RTP is sent for section {mid:?}, {why}");
            tally.off(fault, evidence, off, text, [place, Place::Entry(now.entry)]);
        }
    }
}

/// When a peer may leave packets of a section that arrive: from when it begins to apply an answer by which it does not receive, to when it
/// has applied one by which it does. The sender stops later than that, as it hears of the answer later.
pub(in crate::checks) struct Deaf {
    sections: Sections,
    /// From when to when, in microseconds, by `a=mid`.
    spans: BTreeMap<String, Vec<Range<u64>>>,
}

impl Deaf {
    /// Those of a peer, for packets that the other one sent.
    pub(in crate::checks) fn of(evidence: &Evidence, peer: Peer, sender: Peer) -> Self {
        let mut spans: BTreeMap<String, Vec<Range<u64>>> = BTreeMap::new();
        for Agreed { applied, sections, .. } in agreed(evidence, peer) {
            for (mid, state) in sections {
                let spans = spans.entry(mid).or_default();
                let open = spans.last_mut().filter(|span| span.end == u64::MAX);
                match open {
                    Some(open) if state.receives => open.end = applied.by_us,
                    None if !state.receives => spans.push(applied.from_us..u64::MAX),
                    _ => {}
                }
            }
        }
        Self { sections: Sections::of(evidence, sender), spans }
    }

    /// Whether the peer may leave a packet with this header, by when it arrived.
    pub(in crate::checks) fn may_leave(&self, packet: &Packet, header: &Header<'_>) -> bool {
        let has = |spans: &Vec<Range<u64>>| spans.iter().any(|it| it.contains(&packet.t_us));
        self.sections.mid(packet, header).is_some_and(|mid| self.spans.get(&mid).is_some_and(has))
    }
}

/// Says to which section a packet belongs: by its MID, by the `a=ssrc` of its sender, or because no other of its transport lists its
/// payload type.
pub(in crate::checks) struct Sections {
    listed: Apart<BTreeMap<u8, BTreeSet<String>>>,
    extensions: Apart<ExtensionMap>,
    sources: BTreeMap<u32, String>,
}

impl Sections {
    pub(in crate::checks) fn of(evidence: &Evidence, peer: Peer) -> Self {
        let mut sources = BTreeMap::new();
        for section in evidence.made_by(peer).flat_map(|made| made.sdp.media()) {
            for ssrc in section.ssrcs() {
                sources.extend(section.mid().map(|mid| (ssrc.ssrc, mid)));
            }
        }
        Self { listed: mids(evidence, peer), extensions: extensions(evidence, peer), sources }
    }

    pub(in crate::checks) fn mid(&self, packet: &Packet, header: &Header<'_>) -> Option<String> {
        self.named(packet, header).or_else(|| {
            let mids = self.listed.of(packet).get(&header.payload_type())?;
            if mids.len() == 1 { mids.first().cloned() } else { None }
        })
    }

    /// The same, by what does not depend on its payload type.
    pub(in crate::checks) fn named(&self, packet: &Packet, header: &Header<'_>) -> Option<String> {
        let extensions = self.extensions.of(packet);
        let mut elements = header.elements();
        if let Some(named) = elements.find(|element| extensions.get(element.id) == ExtensionKind::Mid) {
            return Some(String::from_utf8_lossy(named.value.value).into_owned());
        }
        self.sources.get(&header.ssrc.value).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::Status;
    use crate::checks::controls::Recording;
    use crate::checks::rtp::CHECKS;

    const ALICE: Peer = Peer(0);

    #[test]
    fn what_the_next_answer_allows_may_be_sent_while_that_is_applied() {
        let evidence = Recording::Media.evidence();
        let sent: Vec<u64> = headers(&evidence, ALICE).map(|(packet, _)| packet.t_us).collect();
        let (first_us, last_us) = (sent[0], *sent.last().unwrap());
        let result = |from_us: u64| {
            let mut agreed = agreed(&evidence, ALICE);
            let mut next = agreed.pop().unwrap();
            let silent_sections =
                next.sections.iter().map(|(mid, state)| (mid.clone(), State { sends: false, ..*state }));
            let applied = Applied { from_us: 0, by_us: 0 };
            let before = Agreed { applied, entry: next.entry, sections: silent_sections.collect() };
            next.applied = Applied { from_us, by_us: last_us + 1 };
            let mut tally = Tally::default();
            let concerns = |state: &State| !state.sends;
            silent(
                Fault("sent"),
                &evidence,
                ALICE,
                &[before, next],
                concerns,
                "on which the peer may not send",
                &mut tally,
            );
            let check = CHECKS.iter().find(|check| check.id == "oa-direction-respected-on-wire");
            tally.finish(check.unwrap(), "alice", true).result
        };
        assert_eq!(result(first_us), Status::NotApplicable);
        assert_eq!(result(last_us), Status::Fail);
    }
}
