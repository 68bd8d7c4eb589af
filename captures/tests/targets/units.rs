//! The dissectors.

use peerproof_captures::decrypt::srtp::{Context, MasterKey, Profile as SrtpProfile};
use peerproof_captures::decrypt::{Secrets, Session};
use peerproof_captures::sdp::SessionDescription;
use peerproof_captures::wire::dtls::handshake::Fragments;
use peerproof_captures::wire::dtls::{self, Version, handshake};
use peerproof_captures::wire::payload::Format;
use peerproof_captures::wire::rtp::{ExtensionKind, ExtensionMap};
use peerproof_captures::wire::srtp::Profile;
use peerproof_captures::wire::{
    Dissected, Field, Node, Span, Stop, dcep, mdns, rtcp, rtp, sctp, srtp, stun, turn,
};

/// Every byte belongs to one leaf, every child lies within its parent, and the tree can be shown.
fn covered(node: &Node, bytes: &[u8]) {
    let mut next = 0;
    for leaf in node.leaves() {
        assert_eq!(leaf.range.start as usize, next, "gap or overlap before `{}`\n{node}", leaf.name);
        next = leaf.range.end as usize;
    }
    assert_eq!(next, bytes.len(), "the end is not covered\n{node}");
    nested(node);
    assert!(!node.to_string().is_empty());
}

fn nested(node: &Node) {
    for child in &node.children {
        let inside = child.range.start >= node.range.start && child.range.end <= node.range.end;
        assert!(inside, "{} lies outside of {}\n{node}", child.name, node.name);
        nested(child);
    }
}

fn tree<V>(tree: &Dissected<V>, bytes: &[u8]) {
    covered(&tree.node, bytes);
}

pub(super) fn stun(data: &[u8]) {
    tree(&stun::tree_with_key(data, Some(b"password")), data);
    if let Ok(message) = stun::view(data) {
        for attribute in message.attributes().map_while(Result::ok) {
            let _ = attribute.content(message.transaction.value);
            let _ = message.verify(&attribute, Some(b"password"));
        }
        assert!(!message.to_string().is_empty());
    }
}

pub(super) fn turn(data: &[u8]) {
    tree(&turn::tree(data), data);
    if let Some(relayed) = turn::relayed(data) {
        assert!(relayed.data.value.len() < data.len());
    }
    if let Some(length) = turn::length_in_stream(data) {
        assert!(length >= 4);
    }
}

pub(super) fn dtls(data: &[u8]) {
    // The first byte gives the length of connection ids.
    let Some((first, data)) = data.split_first() else { return };
    let datagram = dtls::Datagram::at(data, 0, usize::from(first % 4));
    tree(&dtls::tree(datagram), data);
    let limits = handshake::Limits::default();
    for mut whole in [handshake::Reassembly::with_limits(limits), handshake::Reassembly::of_several(limits)] {
        for record in datagram.records().map_while(Result::ok) {
            for fragment in record.fragments().into_iter().flatten().map_while(Result::ok) {
                if let handshake::Pushed::Whole(message) = whole.push(&fragment) {
                    for version in [Version::Dtls12, Version::Dtls13] {
                        let read = message.read(version).is_ok();
                        assert_eq!(read, handshake::view(&message.to_bytes(), version).is_ok());
                    }
                }
            }
        }
    }
    let mut session = Session::new();
    let ends = (([192, 0, 2, 1], 1).into(), ([192, 0, 2, 2], 2).into());
    let datagram = peerproof_captures::decrypt::Datagram {
        time_ns: 0,
        frame: 1,
        from: ends.0,
        to: ends.1,
        payload: data,
    };
    session.datagram(&datagram, &mut |_| {});
    for version in [Version::Dtls12, Version::Dtls13] {
        tree(&handshake::tree(data, version), data);
    }
    let range = Span::new(0, data.len());
    assert!(Fragments::new(Field { range, value: data }).count() <= data.len() + 1);
    tree(&dtls::alert::tree(data), data);
    tree(&dtls::ack::tree(data), data);
}

pub(super) fn srtp(data: &[u8]) {
    for profile in [
        Profile::Aes128CmSha1_80,
        Profile::Aes128CmSha1_32,
        Profile::AeadAes128Gcm,
        Profile::AeadAes256Gcm,
        Profile::DoubleAeadAes256Gcm,
    ] {
        tree(&srtp::tree(data, profile, &ExtensionMap::EMPTY), data);
        tree(&srtp::rtcp_tree(data, profile), data);
    }
    let mut out = Vec::new();
    for profile in SrtpProfile::ALL {
        let (key, salt) = (vec![1; profile.key_length()], vec![2; profile.salt_length()]);
        let master = MasterKey::new(profile, &key, &salt).expect("the lengths are right");
        let mut context = Context::new(&master).expect("the key is right");
        // Nothing that was not made with the key authenticates.
        assert!(context.rtp(data, &mut out).is_err());
        assert!(context.rtcp(data, &mut out).is_err());
    }
}

pub(super) fn rtp(data: &[u8]) {
    let kinds = [
        ExtensionKind::AbsSendTime,
        ExtensionKind::TransportSequence,
        ExtensionKind::Mid,
        ExtensionKind::DependencyDescriptor,
    ];
    let map: ExtensionMap = (1..=14).map(|id| (id, kinds[usize::from(id) % kinds.len()])).collect();
    tree(&rtp::tree_with(data, &map), data);
    if let Ok(packet) = rtp::view(data) {
        assert!(packet.header.elements().count() <= data.len());
        assert!(!packet.to_string().is_empty());
    }
}

pub(super) fn payload(data: &[u8]) {
    // The first byte gives the format.
    const FORMATS: [Format; 10] = [
        Format::Vp8,
        Format::Vp9,
        Format::H264,
        Format::Av1,
        Format::Opus,
        Format::Red,
        Format::Ulpfec,
        Format::Flexfec03,
        Format::Flexfec,
        Format::Rtx,
    ];
    let Some((first, data)) = data.split_first() else { return };
    let format = FORMATS[usize::from(*first) % FORMATS.len()];
    let (node, _): (Node, Option<Stop>) = format.tree(data);
    covered(&node, data);
    let _ = format.begins_key_frame(data);
}

pub(super) fn rtcp(data: &[u8]) {
    tree(&rtcp::tree(data), data);
    let compound = rtcp::view(data);
    assert!(compound.packets.iter().count() <= data.len() / 4 + 1);
    assert!(!compound.to_string().is_empty());
}

pub(super) fn sctp(data: &[u8]) {
    tree(&sctp::tree(data), data);
    if let Ok(packet) = sctp::view(data) {
        let _ = packet.verify_checksum();
        assert!(!packet.to_string().is_empty());
    }
}

pub(super) fn dcep(data: &[u8]) {
    tree(&dcep::tree(data), data);
    let _ = dcep::view(data);
}

pub(super) fn mdns(data: &[u8]) {
    tree(&mdns::tree(data), data);
    if let Ok(message) = mdns::view(data) {
        assert!(message.entries().count() <= data.len());
        assert!(!message.to_string().is_empty());
    }
}

pub(super) fn sdp(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let description = SessionDescription::parse(text.as_ref());
    assert_eq!(description.as_str(), text);
    let _ = description.violations();
    let _ = peerproof_captures::sdp::Candidate::parse(&text);
    for (index, section) in description.media().enumerate() {
        let _ = (section.mid(), section.direction(), section.is_rejected(), section.media_line());
        let _ = (section.rtpmaps(), section.extmaps(), section.candidates(), section.fingerprints());
        let _ = (section.ssrcs(), description.effective(index, "ice-ufrag"));
    }
}

pub(super) fn key_log(data: &[u8]) {
    let mut secrets = Secrets::new();
    let (added, errors) = secrets.add_key_log(data);
    let lines = data.split(|byte| *byte == b'\n').count();
    assert!(added <= lines && errors.len() <= lines);
    assert!(errors.iter().all(|(line, error)| *line <= lines && !error.to_string().is_empty()));
}

/// Dumps of browsers and lines of their logs. What is kept of one is bounded by what it has.
pub(super) fn dump(data: &[u8]) {
    use peerproof_captures::dump;
    let read = dump::read(data);
    assert!(read.is_none() || dump::may_be_dump(data));
    for connection in read.iter().flat_map(|dump| &dump.connections) {
        let points: usize = connection.series.iter().map(|series| series.points.len()).sum();
        assert!(points <= data.len() && connection.log.len() <= data.len());
        assert!(connection.descriptions().count() <= connection.log.len());
        let _ = (connection.state("oniceconnectionstatechange"), connection.of_type("transport").count());
    }
    for line in String::from_utf8_lossy(data).lines() {
        let _ = dump::header(line);
        if let Some(packet) = dump::line(line) {
            assert!(packet.bytes.len() <= line.len());
        }
    }
}
