//! What several checks look up in descriptions.

use crate::checks::{Fault, Place, Tally};
use crate::evidence::{Call, Description, Evidence, Exchange, Peer};
use peerproof_captures::event::SdpType;
use peerproof_captures::sdp::{Codec, Group, MediaLine, Section, SessionDescription};
use std::collections::BTreeMap;

/// A line of a description.
pub(in crate::checks) const fn line(made: &Description, line: usize) -> Place {
    Place::Line { entry: made.entry, line }
}

/// The `m=` line of a section.
pub(in crate::checks) fn media_line(made: &Description, section: &Section<'_>) -> Place {
    section.media_line().map_or(Place::Entry(made.entry), |it| line(made, it.line))
}

/// The first attribute of that name in a section, else its `m=` line.
pub(in crate::checks) fn attribute(made: &Description, section: &Section<'_>, name: &str) -> Place {
    let found = section.named(name).next();
    found.map_or_else(|| media_line(made, section), |it| line(made, it.line))
}

/// What the `m=` line of a section says, if it can be read.
pub(in crate::checks) fn media(section: &Section<'_>) -> Option<MediaLine> {
    section.media_line()?.value.ok()
}

/// Whether a section is of RTP.
pub(in crate::checks) fn is_rtp(section: &Section<'_>) -> bool {
    media(section).is_some_and(|media| media.is_rtp())
}

/// Whether the port of a section is zero, for whatever reason.
pub(in crate::checks) fn has_port_zero(section: &Section<'_>) -> bool {
    media(section).is_some_and(|media| media.port == 0)
}

/// The index of the section that carries the transport of a section: the tagged one of its BUNDLE group, else itself.
pub(in crate::checks) fn transport_of(sdp: &SessionDescription, index: usize) -> usize {
    sdp.bundle_tag_section(index).and_then(|tag| tag.index()).unwrap_or(index)
}

/// A description of a peer, and what was agreed on when it was made.
pub(in crate::checks) struct Later<'a> {
    /// The description.
    pub made: &'a Description,
    /// The last offer and final answer before it.
    pub before: Exchange<'a>,
    /// The offer that it answers, if it does.
    pub answers: Option<&'a Description>,
}

impl<'a> Later<'a> {
    /// What the peer itself said then.
    pub(in crate::checks) fn own(&self) -> &'a Description {
        let Exchange { offer, answer } = self.before;
        if offer.by == self.made.by { offer } else { answer }
    }

    /// What the other one said then.
    pub(in crate::checks) fn others(&self) -> &'a Description {
        let Exchange { offer, answer } = self.before;
        if offer.by == self.made.by { answer } else { offer }
    }
}

/// The descriptions that a peer made after a first offer was answered. Offers that were rolled back bind nobody: each is
/// held against what was last agreed on.
pub(in crate::checks) fn later(evidence: &Evidence, peer: Peer) -> Vec<Later<'_>> {
    let exchanges = evidence.exchanges();
    let offers: BTreeMap<u64, &Description> =
        exchanges.iter().map(|it| (it.answer.entry, it.offer)).collect();
    let mut agreed = exchanges.iter().filter(|it| it.answer.kind == SdpType::Answer).peekable();
    let mut before = None;
    let mut all = Vec::new();
    for made in evidence.generated_by(peer) {
        while let Some(exchange) = agreed.next_if(|it| it.answer.entry < made.entry) {
            before = Some(*exchange);
        }
        let answers = offers.get(&made.entry).copied();
        all.extend(before.map(|before| Later { made, before, answers }));
    }
    all
}

/// The offers of a peer before any was answered. Of a capture that may have begun late none is known to be so.
pub(in crate::checks) fn initial_offers(
    evidence: &Evidence,
    peer: Peer,
) -> impl Iterator<Item = &Description> {
    let agreed = evidence.exchanges().into_iter().find(|it| it.answer.kind == SdpType::Answer);
    let until = agreed.map_or(u64::MAX, |it| it.answer.entry);
    evidence.offers(peer).filter(move |offer| evidence.whole && offer.entry < until)
}

/// The same, and where the evidence is not whole, as of descriptions without a recording, the first description if it is an offer of the peer.
/// For rules that hold for any offer in which what they judge occurs.
pub(in crate::checks) fn first_offers(evidence: &Evidence, peer: Peer) -> Vec<&Description> {
    let first = evidence
        .descriptions
        .first()
        .filter(|first| !evidence.whole && first.by == peer && first.kind == SdpType::Offer && !first.munged);
    initial_offers(evidence, peer).chain(first).collect()
}

/// The initial offers, those among them of which the caller said that they are of the first round. For rules that the description alone
/// decides.
pub(in crate::checks) fn known_initial_offers(evidence: &Evidence, peer: Peer) -> Vec<&Description> {
    let first = first_offers(evidence, peer).into_iter();
    first.filter(|_| evidence.whole || evidence.begins).collect()
}

/// Whether the descriptions of a peer are of one connection, so that a later one follows an earlier; a doubt if not.
pub(in crate::checks) fn is_one_connection(evidence: &Evidence, peer: Peer, tally: &mut Tally) -> bool {
    let several = has_several_connections(evidence, peer);
    if several {
        tally
            .inconclusive("the peer has several connections; their descriptions cannot be distinguished", []);
    }
    !several
}

/// Whether a peer has had several connections: their descriptions are not distinguished.
pub(in crate::checks) fn has_several_connections(evidence: &Evidence, peer: Peer) -> bool {
    evidence.calls(peer).iter().filter(|call| call.name == "createPeerConnection").count() > 1
}

/// The payload types of the `m=` line in their order, each once, with what they stand for.
pub(in crate::checks) fn codecs(section: &Section<'_>) -> Vec<(u8, Codec)> {
    let Some(media) = media(section) else { return Vec::new() };
    let mut known: BTreeMap<u8, Codec> = section.codecs().into_iter().collect();
    media.payload_types().filter_map(|payload_type| known.remove_entry(&payload_type)).collect()
}

/// The BUNDLE groups of a description with their lines.
pub(in crate::checks) fn groups(made: &Description) -> Vec<(Group, Place)> {
    let all = made.sdp.session().typed::<Group>();
    let read = all.filter_map(|it| Some((it.value.ok()?, line(made, it.line))));
    read.filter(|(group, _)| group.is_bundle()).collect()
}

/// The username fragment and the password of a transport.
pub(in crate::checks) type Pair<'a> = (&'a str, &'a str);

/// The ICE credentials that hold for a section: those of the tagged section, if it is bundled.
pub(in crate::checks) fn credentials(sdp: &SessionDescription, index: usize) -> Option<Pair<'_>> {
    let tag = transport_of(sdp, index);
    Some((sdp.effective_value(tag, "ice-ufrag")?, sdp.effective_value(tag, "ice-pwd")?))
}

/// The credentials of each section that goes on, as its maker described them before and describes them now.
pub(in crate::checks) fn credentials_before_and_now<'a>(later: &Later<'a>) -> Vec<(usize, [Pair<'a>; 2])> {
    common_sections(&later.own().sdp, &later.made.sdp)
}

fn common_sections<'a>(
    was: &'a SessionDescription,
    now: &'a SessionDescription,
) -> Vec<(usize, [Pair<'a>; 2])> {
    let goes_on = |(index, (one, other)): (usize, (Section<'a>, Section<'a>))| {
        let same = !one.is_rejected() && !other.is_rejected() && one.mid() == other.mid();
        Some((index, [credentials(was, index)?, credentials(now, index)?])).filter(|_| same)
    };
    was.media().zip(now.media()).enumerate().filter_map(goes_on).collect()
}

/// Where a peer was asked to restart ICE, or was given another configuration, which may force it to.
pub(in crate::checks) fn restarts_asked(evidence: &Evidence, peer: Peer) -> Vec<u64> {
    let asks = |call: &Call<'_>| match call.name {
        "restartIce" | "setConfiguration" => true,
        "createOffer" => call.args.get("iceRestart").and_then(serde_json::Value::as_bool) == Some(true),
        _ => false,
    };
    evidence.calls(peer).into_iter().filter(asks).map(|call| call.entry).collect()
}

/// Whether an answer answers an offer that restarts ICE.
pub(in crate::checks) fn others_restart(later: &Later<'_>) -> bool {
    let Some(offer) = later.answers else { return false };
    let both = common_sections(later.others().received(), offer.received());
    both.iter().any(|(_, [was, now])| was != now)
}

/// The index of the section of a peer's transceiver, from the order in which a peer made them; or from the order of the sections if it made
/// none, since offers of the other side make them in that order (RFC 9429 §5.10), and none of these sections was used again. Not known if
/// both made some.
pub(in crate::checks) fn section_of_transceiver(
    evidence: &Evidence,
    later: &Later<'_>,
    number: u64,
) -> Option<usize> {
    let made = evidence.calls(later.made.by).into_iter().filter(|call| {
        matches!(call.name, "addTransceiver" | "addTrack") && call.answered < later.own().entry
    });
    let sections = later.own().sdp.media().enumerate().filter(|(_, section)| is_rtp(section));
    let sections: Vec<usize> = sections.map(|(index, _)| index).collect();
    let own = made.count();
    let is_reused = || {
        let earlier = evidence.descriptions.iter().filter(|it| it.entry <= later.own().entry);
        earlier.flat_map(|it| it.sdp.media()).any(|section| section.is_rejected())
    };
    let is_known = own == sections.len() || (own == 0 && !is_reused());
    sections.get(usize::try_from(number).ok()?).copied().filter(|_| is_known)
}

/// Judges whether offers announce an ICE option (RFC 8839 §5.6) for all transports, and answers where the offer does.
#[cfg_attr(test, track_caller)]
pub(in crate::checks) fn judge_ice_option(
    evidence: &Evidence,
    peer: Peer,
    option: &str,
    fault: Fault,
    tally: &mut Tally,
) {
    let answered: BTreeMap<u64, &Description> =
        evidence.answered_by(peer).map(|it| (it.answer.entry, it.offer)).collect();
    for made in evidence.generated_by(peer) {
        let due = match answered.get(&made.entry) {
            Some(offer) => without_option(offer.received(), option).is_none(),
            None => made.kind == SdpType::Offer,
        };
        if !due || made.sdp.media().len() == 0 {
            continue;
        }
        match without_option(&made.sdp, option) {
            None => tally.pass(Place::Entry(made.entry)),
            Some(section) => {
                let index = section.index().unwrap_or_default();
                let sentence = format!("the {} does not announce {option} for section {index}", made.kind);
                tally.fail(fault, sentence, [attribute(made, &section, "ice-options")]);
            }
        }
    }
}

/// The first section with a transport of which the option is not announced.
fn without_option<'a>(sdp: &'a SessionDescription, option: &str) -> Option<Section<'a>> {
    let announces = |index: usize| {
        let value = sdp.effective_value(index, "ice-options");
        value.is_some_and(|value| value.split(' ').any(|it| it == option))
    };
    let mut sections = sdp.media().enumerate().filter(|(_, section)| !section.is_rejected());
    sections.find(|(index, _)| !announces(*index)).map(|(_, section)| section)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::controls::events::evidence;
    use serde_json::json;

    fn carried(from: &str, kind: &str, version: u32) -> serde_json::Value {
        let to = if from == "alice" { "bob" } else { "alice" };
        let sdp = format!("v=0\r\no=- 1 {version} IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n");
        json!({"carried": {"from": from, "to": to, "sent": {"type": kind, "sdp": sdp}}})
    }

    #[test]
    fn an_offer_is_held_against_what_was_agreed_on_not_against_one_that_was_rolled_back() {
        let all = [
            ("alice", "offer"),
            ("bob", "answer"),
            ("alice", "offer"),
            ("bob", "offer"),
            ("alice", "answer"),
        ];
        let evidence = evidence(all.iter().zip(1..).map(|((from, kind), n)| carried(from, kind, n)));
        let stated = |peer| -> Vec<(u64, u64, Option<u64>)> {
            let all = later(&evidence, Peer(peer)).into_iter();
            all.map(|it| (it.made.entry, it.own().entry, it.answers.map(|offer| offer.entry))).collect()
        };
        assert_eq!(stated(0), [(2, 0, None), (4, 0, Some(3))]);
        assert_eq!(stated(1), [(3, 1, None)]);
        let initial: Vec<u64> = initial_offers(&evidence, Peer(0)).map(|offer| offer.entry).collect();
        assert_eq!(initial, [0]);
    }

    #[test]
    fn codecs_come_in_the_order_of_the_payload_types_and_each_once() {
        let sdp = "m=video 9 UDP/TLS/RTP/SAVPF 97 96 97 98 300\r\na=rtpmap:96 VP8/90000\r\na=rtpmap:97 rtx/90000\r\n";
        let found = codecs(&SessionDescription::parse(sdp).section(0).unwrap());
        assert_eq!(found.iter().map(|(payload_type, _)| *payload_type).collect::<Vec<_>>(), [97, 96]);
    }
}
