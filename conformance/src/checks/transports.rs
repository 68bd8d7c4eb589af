//! Which media sections a 5-tuple carries, where they do not all share a transport: without a BUNDLE group, or with several (RFC 9143 §7). Each
//! section is then judged by what goes over its transport. In a capture that somebody took a connection is one of these transports.

use super::sdp::look;
use crate::evidence::{Description, Evidence, Packet, Peer};
use peerproof_captures::event::{IceCandidate, PeerEvent, SdpType};
use peerproof_captures::sdp::{Candidate, CandidateAddress, SessionDescription};
use peerproof_captures::wire::demux::Class;
use peerproof_captures::wire::stun::{self, AttributeType};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::ops::Deref;

/// The ends of a 5-tuple, in order.
type Path = (SocketAddr, SocketAddr);

/// Indices of media sections.
pub(in crate::checks) type Indices = BTreeSet<usize>;

/// What distinguishes the transports of a peer: the ufrags of its sections, and the addresses of their candidates.
#[derive(Debug, Default)]
struct Stated {
    ufrags: BTreeMap<(Peer, String), Indices>,
    addresses: BTreeMap<(Peer, SocketAddr), Indices>,
    /// The sections whose transport the section with a MID carries.
    carriers: BTreeMap<(Peer, String), Indices>,
}

/// The sections of each 5-tuple; of none, if all share a transport.
#[derive(Debug, Default)]
pub(in crate::checks) struct Transports(BTreeMap<Path, Indices>);

impl Transports {
    pub(in crate::checks) fn of(evidence: &Evidence) -> Self {
        let (Some(stated), Some(wire)) = (Stated::of(evidence), &evidence.wire) else {
            return Self::default();
        };
        let mut ways: BTreeSet<(Peer, SocketAddr, SocketAddr)> = BTreeSet::new();
        let mut by_checks: BTreeMap<Path, Indices> = BTreeMap::new();
        for packet in wire.packets.iter().filter(|packet| packet.knows_its_ends()) {
            ways.insert((packet.sender, packet.from, packet.to));
            if let Some(sections) = stated.of_check(evidence, packet).filter(|it| !it.is_empty()) {
                by_checks.entry(path(packet)).or_default().extend(sections);
            }
        }
        let mut carried = by_checks.clone();
        for (sender, from, to) in ways {
            let path = (from.min(to), from.max(to));
            let ends = [Some((sender, from)), evidence.other(sender).map(|other| (other, to))];
            let found = ends.into_iter().flatten().filter_map(|end| stated.addresses.get(&end)).cloned();
            let Some(by_address) = found.reduce(|one, other| common(&one, &other)) else { continue };
            let sections = by_checks.get(&path).map(|by_checks| common(by_checks, &by_address));
            let sections = sections.unwrap_or(by_address);
            if !sections.is_empty() {
                carried.insert(path, sections);
            }
        }
        Self(carried)
    }

    /// The sections whose media may go where a packet goes; `None` if these are all, or are not known.
    pub(in crate::checks) fn of_packet(&self, packet: &Packet) -> Option<&Indices> {
        self.0.get(&path(packet))
    }

    /// The sections of all paths of the evidence; `None` if these are all, or those of a path are not known.
    pub(in crate::checks) fn of_all(&self, evidence: &Evidence) -> Option<Indices> {
        if self.0.is_empty() {
            return None;
        }
        let packets = evidence.wire.iter().flat_map(|wire| &wire.packets);
        let is_used = |packet: &&Packet| matches!(packet.class(), Class::Dtls | Class::Rtp | Class::Rtcp);
        // Not collected: that would make a list of all packets first.
        let mut paths: BTreeSet<Path> = BTreeSet::new();
        packets.filter(is_used).for_each(|packet| {
            paths.insert(path(packet));
        });
        let each: Option<Vec<&Indices>> = paths.iter().map(|path| self.0.get(path)).collect();
        each.map(|each| each.into_iter().flatten().copied().collect()).filter(|all: &Indices| !all.is_empty())
    }
}

fn address(candidate: &Candidate) -> Option<SocketAddr> {
    match candidate.address {
        CandidateAddress::Ip(ip, _) => Some(SocketAddr::new(ip, candidate.port)),
        _ => None,
    }
}

fn path(packet: &Packet) -> Path {
    (packet.from.min(packet.to), packet.from.max(packet.to))
}

fn common(one: &Indices, other: &Indices) -> Indices {
    one.intersection(other).copied().collect()
}

impl Stated {
    /// `None` if all sections share a transport.
    fn of(evidence: &Evidence) -> Option<Self> {
        let mut stated = Self::default();
        let mut has_several = false;
        let exchanges = evidence.exchanges();
        for exchange in &exchanges {
            has_several |= stated.take(&[exchange.offer, exchange.answer], exchange.answer.received(), false);
        }
        let exchanged: BTreeSet<u64> =
            exchanges.iter().flat_map(|it| [it.offer.entry, it.answer.entry]).collect();
        for alone in evidence.descriptions.iter().filter(|it| !exchanged.contains(&it.entry)) {
            // What an offer bundles the answer may leave apart.
            has_several |= stated.take(&[alone], alone.received(), alone.kind == SdpType::Offer);
        }
        if !has_several {
            return None;
        }
        for peer in evidence.each_peer() {
            for happened in evidence.events(peer) {
                if let PeerEvent::IceCandidate { candidate: Some(reported) } = happened.event {
                    stated.take_candidate(peer, reported);
                }
            }
        }
        Some(stated)
    }

    /// Takes in a candidate that a peer reported for a section.
    fn take_candidate(&mut self, by: Peer, reported: &IceCandidate) {
        let Some(sections) = reported.sdp_mid.as_ref().and_then(|mid| self.carriers.get(&(by, mid.clone())))
        else {
            return;
        };
        if let Some(address) = Candidate::parse(&reported.candidate).ok().and_then(|it| address(&it)) {
            self.addresses.entry((by, address)).or_default().extend(sections);
        }
    }

    /// Takes in descriptions whose sections are bundled as `groups` says, or perhaps not. Whether these have several transports.
    fn take(&mut self, made: &[&Description], groups: &SessionDescription, perhaps: bool) -> bool {
        let live = groups.media().enumerate().filter(|(_, section)| !section.is_rejected());
        let tags: Vec<(usize, usize)> =
            live.map(|(index, _)| (index, look::transport_of(groups, index))).collect();
        for (index, tag) in &tags {
            for carrier in std::iter::once(tag).chain(Some(index).filter(|_| perhaps)) {
                for made in made {
                    self.take_section(made.by, &made.sdp, *carrier, *index);
                    self.take_section(made.by, made.received(), *carrier, *index);
                }
            }
        }
        tags.iter().map(|(_, tag)| tag).collect::<BTreeSet<_>>().len() > 1
    }

    /// Takes in what the section that carries the transport of another says of it.
    fn take_section(&mut self, by: Peer, sdp: &SessionDescription, carrier: usize, index: usize) {
        if let Some(ufrag) = sdp.effective_value(carrier, "ice-ufrag") {
            self.ufrags.entry((by, ufrag.to_owned())).or_default().insert(index);
        }
        let Some(section) = sdp.section(carrier) else { return };
        if let Some(mid) = section.mid() {
            self.carriers.entry((by, mid)).or_default().insert(index);
        }
        for address in section.candidates().iter().filter_map(address) {
            self.addresses.entry((by, address)).or_default().insert(index);
        }
    }

    /// The sections of the two ufrags of a connectivity check (RFC 8445 §7.2.2), as far as they are known.
    fn of_check(&self, evidence: &Evidence, packet: &Packet) -> Option<Indices> {
        let message = stun::view(&packet.bytes).ok().filter(|_| packet.class() == Class::Stun)?;
        let (receivers, senders) = message.text(AttributeType::Username)?.value.split_once(':')?;
        let of = |peer: Peer, ufrag: &str| self.ufrags.get(&(peer, ufrag.to_owned()));
        let receivers = evidence.other(packet.sender).and_then(|other| of(other, receivers));
        match (of(packet.sender, senders), receivers) {
            (Some(one), Some(other)) => Some(common(one, other)),
            (one, other) => one.or(other).cloned(),
        }
    }
}

/// What holds for the packets of each transport. Where a check looks at no packet, what holds for those of the evidence together.
#[derive(Debug)]
pub(crate) struct Apart<T> {
    transports: Transports,
    together: T,
    each: BTreeMap<Indices, T>,
}

impl<T> Apart<T> {
    /// `of` makes it of the sections with these indices; of all for `None`.
    pub(in crate::checks) fn new(evidence: &Evidence, of: impl Fn(Option<&Indices>) -> T) -> Self {
        let transports = Transports::of(evidence);
        let each: BTreeSet<&Indices> = transports.0.values().collect();
        let each = each.into_iter().map(|sections| (sections.clone(), of(Some(sections)))).collect();
        let together = of(transports.of_all(evidence).as_ref());
        Self { transports, together, each }
    }

    /// What holds for a packet.
    pub(in crate::checks) fn of(&self, packet: &Packet) -> &T {
        let sections = self.transports.of_packet(packet);
        sections.and_then(|sections| self.each.get(sections)).unwrap_or(&self.together)
    }
}

impl<T> Deref for Apart<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.together
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::controls::{Recording, replace, replace_all, rtp};
    use crate::checks::media::{extensions, headers};
    use crate::checks::{Status, all};
    use peerproof_captures::wire::rtp::ExtensionKind;

    const ALICE: Peer = Peer(0);

    /// The recording, with an answer that has left the group of the offer.
    fn unbundled() -> Evidence {
        let mut evidence = Recording::Video.evidence();
        replace(&mut evidence.descriptions[1].sdp, "a=group:BUNDLE 0 1", "a=x-group:");
        evidence
    }

    /// Gives the second section of a description another ufrag.
    fn rename(evidence: &mut Evidence, at: usize, ufrag: &str) {
        let sdp = &mut evidence.descriptions[at].sdp;
        let (before, second) = sdp.as_str().split_once("m=video").unwrap();
        let line = second.lines().find(|line| line.starts_with("a=ice-ufrag:")).unwrap();
        let second = second.replace(line, &format!("a=ice-ufrag:{ufrag}"));
        *sdp = SessionDescription::parse(format!("{before}m=video{second}"));
    }

    fn is_video(packet: &Packet) -> bool {
        rtp::is(packet) && matches!(rtp::payload_type(packet), rtp::VP8 | rtp::RTX)
    }

    /// The video of both goes over a path of its own, which a connectivity check of alice has found.
    fn apart() -> Evidence {
        let mut evidence = unbundled();
        rename(&mut evidence, 0, "offered");
        rename(&mut evidence, 1, "answered");
        let mut found = None;
        for packet in rtp::packets(&mut evidence).filter(|packet| is_video(packet)) {
            let (from, to) = (packet.from.port() + 1, packet.to.port() + 1);
            packet.from.set_port(from);
            packet.to.set_port(to);
            found = found.or_else(|| Some(packet.clone()).filter(|packet| packet.sender == ALICE));
        }
        let mut check = found.unwrap();
        check.clear.clear();
        let mut bytes = vec![0, 1, 0, 20, 0x21, 0x12, 0xa4, 0x42];
        bytes.extend([7; 12]);
        bytes.extend([0, 6, 0, 16]);
        bytes.extend(b"answered:offered");
        *check.bytes.to_mut() = bytes;
        evidence.wire.as_mut().unwrap().packets.push(check);
        evidence
    }

    fn result(evidence: &Evidence, id: &str) -> Status {
        all().find(|check| check.id == id).unwrap().run(evidence)[0].result
    }

    const TYPES: &str = "rtp-only-negotiated-payload-types";

    #[test]
    fn rtp_is_held_against_the_sections_of_its_transport() {
        assert_eq!(result(&Recording::Video.evidence(), TYPES), Status::Pass, "all share one");
        let mut evidence = apart();
        assert_eq!(result(&evidence, TYPES), Status::Pass);
        let audio = Transports::of(&evidence);
        let video =
            rtp::packets(&mut evidence).find(|packet| is_video(packet) && packet.sender == ALICE).unwrap();
        assert_eq!(audio.of_packet(video), Some(&Indices::from([1])));
        // The payload type of the other section. Its source is none of a section, so that only the path says where it belongs.
        let bytes = video.clear[0].bytes.to_mut();
        bytes[1] = bytes[1] & 0x80 | rtp::OPUS;
        for made in &mut evidence.descriptions {
            replace_all(&mut made.sdp, "a=ssrc:", "a=x-ssrc:");
        }
        assert_eq!(result(&evidence, TYPES), Status::Fail);
    }

    #[test]
    fn where_ufrags_are_the_same_candidates_tell_the_transports_apart() {
        // All candidates are of the first section, and all media goes between them: so does the video.
        let evidence = unbundled();
        assert_eq!(result(&evidence, TYPES), Status::Fail);
        let mut of_none = evidence;
        of_none.timeline.clear();
        assert_eq!(result(&of_none, TYPES), Status::Pass, "nothing tells them apart");
    }

    #[test]
    fn an_identifier_stands_for_what_the_section_of_the_packet_says() {
        let mut evidence = apart();
        for made in &mut evidence.descriptions {
            let (first, second) = made.sdp.as_str().split_once("m=video").unwrap();
            let second = second.replace("a=extmap:4 ", "a=extmap:2 ").replacen(
                "a=extmap:2 http",
                "a=extmap:4 http",
                1,
            );
            made.sdp = SessionDescription::parse(format!("{first}m=video{second}"));
        }
        let known = extensions(&evidence, ALICE);
        let of = |wanted: bool| {
            let (packet, _) =
                headers(&evidence, ALICE).find(|(packet, _)| is_video(packet) == wanted).unwrap();
            [2, 4].map(|id| known.of(packet).get(id))
        };
        assert_eq!(of(false), [ExtensionKind::AbsSendTime, ExtensionKind::Mid]);
        assert_eq!(of(true), [ExtensionKind::Mid, ExtensionKind::AbsSendTime]);
    }

    #[test]
    fn a_certificate_is_that_of_its_transport() {
        const ID: &str = "sec-fingerprint-matches-presented-cert";
        // What is on the wire is the first transport alone, as in a capture that distinguishes connections.
        let mut evidence = apart();
        evidence.wire.as_mut().unwrap().packets.retain(|packet| !is_video(packet));
        assert_eq!(result(&evidence, ID), Status::Pass);
        // The certificate becomes that of the second section.
        let (first, second) = evidence.descriptions[0].sdp.as_str().split_once("m=video").unwrap();
        let first = first.replace("sha-256 1A:1C", "sha-256 1B:1C");
        evidence.descriptions[0].sdp = SessionDescription::parse(format!("{first}m=video{second}"));
        assert_eq!(result(&evidence, ID), Status::Fail);
    }
}
