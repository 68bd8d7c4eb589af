//! Sources that a description announces (RFC 5576 §4.1), and what it says of them.

use crate::case_file::CasePeer;
use crate::claims::observed::against;
use crate::claims::{Contradiction, Session};
use crate::evidence::{Packet, Peer};
use crate::verdict::{Layer, Place};
use peerproof_captures::sdp::{Section, SessionDescription};
use peerproof_captures::wire::demux::Class;
use peerproof_captures::wire::rtp;
use std::collections::{BTreeMap, BTreeSet};

const SSRC: (&str, Layer) = ("description/ssrc", Layer::Media);
const MSID: (&str, Layer) = ("description/msid", Layer::Sdp);

/// With as many packets an SSRC is a source of the peer.
const SOURCE: usize = 5;

pub(super) fn check(session: &Session<'_>, peer: &CasePeer, place: Peer, found: &mut Vec<Contradiction>) {
    sent(session, peer, place, found);
    streams(session, peer, found);
}

fn is_rtp(section: &Section<'_>) -> bool {
    section.media_line().and_then(|line| line.value.ok()).is_some_and(|line| line.is_rtp())
}

/// Where every section that sends announces its sources, the RTP is of those. A simulcast need not name them (RFC 8853 §5.3).
fn sent(session: &Session<'_>, peer: &CasePeer, place: Peer, found: &mut Vec<Contradiction>) {
    let Some(view) = session.views.get(&peer.name) else { return };
    let Some(wire) = session.record.packets().filter(|wire| !wire.cut && wire.is_tapped(place)) else {
        return;
    };
    // Each with the entry that announces it first, and its time.
    let mut announced: BTreeMap<u32, (u64, u64)> = BTreeMap::new();
    for at in &view.local {
        let sdp = SessionDescription::parse(at.is.sdp.as_str());
        for section in sdp.media().filter(|it| is_rtp(it) && !it.is_rejected()) {
            let sources = section.ssrcs();
            let is_open = section.direction().sends() && sources.is_empty();
            if is_open || section.has("rid") || section.has("simulcast") {
                return;
            }
            for source in sources {
                announced.entry(source.ssrc).or_insert((at.n, at.t_us));
            }
        }
    }
    let disturbed = session.disturbed();
    let mut strays: BTreeMap<u32, (usize, &Packet)> = BTreeMap::new();
    let own = wire.sent(place).filter(|it| it.class() == Class::Rtp && it.tap == place);
    for packet in own.filter(|it| !disturbed.contains(&it.frame)) {
        let Ok(read) = rtp::view(&packet.bytes) else { continue };
        let ssrc = read.header.ssrc.value;
        if !announced.contains_key(&ssrc) {
            strays.entry(ssrc).or_insert((0, packet)).0 += 1;
        }
    }
    let stray = strays.into_iter().find(|(_, (count, _))| *count >= SOURCE);
    let (Some((ssrc, (_, packet))), Some((entry, t_us))) = (stray, announced.values().next().copied()) else {
        return;
    };
    let of: Vec<String> = announced.keys().map(u32::to_string).collect();
    let claimed = format!("{} announces the sources {}", peer.name, of.join(", "));
    let seen = format!("it sends RTP of the source {ssrc}");
    let evidence = [Place::Frame(packet.frame), Place::Entry(entry)];
    found.push(against(&peer.name, SSRC, t_us, claimed, seen, evidence));
}

/// `a=msid` of a section and the `msid` of its sources are the same, where a description has both (RFC 8830 §2).
fn streams(session: &Session<'_>, peer: &CasePeer, found: &mut Vec<Contradiction>) {
    let Some(view) = session.views.get(&peer.name) else { return };
    for at in &view.local {
        let sdp = SessionDescription::parse(at.is.sdp.as_str());
        for (index, section) in sdp.media().enumerate() {
            let whole: BTreeSet<&str> = section.named("msid").filter_map(|line| line.value).collect();
            let sources = section.ssrcs();
            let of_sources = sources.iter().filter(|it| it.attribute == "msid");
            let of_sources: BTreeSet<&str> = of_sources.filter_map(|it| it.value.as_deref()).collect();
            if whole.is_empty() || of_sources.is_empty() || !whole.is_disjoint(&of_sources) {
                continue;
            }
            let first = |of: &BTreeSet<&str>| of.first().copied().unwrap_or_default().to_owned();
            let claimed =
                format!("section {index} of {}'s {} has a=msid:{}", peer.name, at.is.kind, first(&whole));
            let seen = format!("its a=ssrc lines have msid:{}", first(&of_sources));
            found.push(against(&peer.name, MSID, at.t_us, claimed, seen, [Place::Entry(at.n)]));
            return;
        }
    }
}
