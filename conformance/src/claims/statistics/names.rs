//! What statistics name: streams, tracks, channels, candidates, certificates and pairs, against what the session has.

use super::wire::Seen;
use super::{Contradiction, Reading, Session, Stat};
use crate::case_file::CasePeer;
use crate::claims::candidates;
use crate::claims::channels::known::Known;
use crate::verdict::Layer;
use peerproof_captures::sdp::{Candidate, Fingerprint, Rid, RtpMap, SessionDescription, SsrcGroup};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// By how many datagrams of RTCP a counter of feedback may be ahead of the capture.
const AHEAD: f64 = 10.0;

/// How many packets of a stream may be counted and never leave the peer, such as those of an encoding that is not used.
const FEW: f64 = 3.0;

/// What a session has of what the statistics of a peer name.
pub(super) struct Named<'a> {
    /// The kinds of the sections by their MID.
    mids: BTreeMap<String, BTreeSet<String>>,
    /// By the SSRC of a stream that of its retransmissions (`a=ssrc-group:FID`, RFC 5576 §4.2).
    repairs: BTreeMap<u32, u32>,
    /// The restriction identifiers (`a=rid`, RFC 8851).
    rids: BTreeSet<String>,
    /// The payload types of RED (RFC 2198), in which packets of any codec are.
    redundant: BTreeSet<u8>,
    ufrags: BTreeSet<String>,
    /// The identifiers of the tracks that it reported.
    tracks: BTreeSet<&'a str>,
    /// The labels of the channels that the other side was asked to create: they may be here before that is reported.
    others: BTreeSet<&'a str>,
    /// Its channels, where they can be known.
    channels: Option<Known<'a>>,
    own: Vec<Candidate>,
    stated: Vec<Candidate>,
}

impl<'a> Named<'a> {
    pub(super) fn of(session: &Session<'a>, peer: &'a CasePeer) -> Self {
        let mut mids: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let (mut repairs, mut rids, mut redundant) = (BTreeMap::new(), BTreeSet::new(), BTreeSet::new());
        for at in session.peers().flat_map(|(_, view)| view.local.iter().chain(&view.remote)) {
            let sdp = SessionDescription::parse(at.is.sdp.as_str());
            for section in sdp.media() {
                let media = section.media_line().and_then(|line| line.value.ok()).map(|line| line.media);
                if let Some(mid) = section.mid() {
                    mids.entry(mid).or_default().extend(media);
                }
                rids.extend(section.every::<Rid>().map(|rid| rid.id));
                let red = section.every::<RtpMap>().filter(|map| map.is("red"));
                redundant.extend(red.map(|map| map.payload_type));
            }
            let groups = sdp.media().flat_map(|section| section.every::<SsrcGroup>().collect::<Vec<_>>());
            for group in groups.filter(|group| group.semantics == "FID") {
                if let [media, repair] = group.ssrcs[..] {
                    repairs.insert(media, repair);
                }
            }
        }
        let tracks = session.views.get(&peer.name).into_iter().flat_map(|view| &view.tracks);
        let others = session.record.other(&peer.name).map(|other| session.asked(other)).unwrap_or_default();
        let others = others.into_iter().filter(|it| it.name == "createDataChannel");
        let is_one = session.has_one_connection(&peer.name);
        Self {
            mids,
            repairs,
            rids,
            redundant,
            ufrags: session.own_ufrags(&peer.name),
            tracks: tracks.map(|at| at.is.id.as_str()).collect(),
            others: others.filter_map(|it| it.args.get("label")?.as_str()).collect(),
            channels: is_one.then(|| Known::of(session, peer)).filter(|known| !known.acts_alone),
            own: candidates::own(session, &peer.name),
            stated: candidates::stated(session, &peer.name),
        }
    }
}

pub(super) fn check(
    session: &Session<'_>,
    peer: &CasePeer,
    reading: &Reading<'_>,
    (named, seen): (&Named<'_>, Option<&Seen>),
    found: &mut Vec<Contradiction>,
) {
    for stat in reading.stats() {
        match stat.kind {
            "inbound-rtp" => stream(session, peer, reading, &stat, (named, seen), &INBOUND, found),
            "outbound-rtp" => stream(session, peer, reading, &stat, (named, seen), &OUTBOUND, found),
            "data-channel" => channel(peer, reading, &stat, named, found),
            "local-candidate" => candidate(reading, &stat, (&named.own, &named.ufrags), &LOCAL, found),
            "remote-candidate" => {
                candidate(reading, &stat, (&named.stated, &BTreeSet::new()), &REMOTE, found);
            }
            "certificate" => algorithm(reading, &stat, found),
            "transport" => nominated(reading, &stat, found),
            _ => {}
        }
    }
}

/// The claims of a stream in one direction.
struct Stream {
    is_sent: bool,
    packets: &'static str,
    ssrc: &'static str,
    kind: &'static str,
    mid: &'static str,
    codec: &'static str,
    repair: &'static str,
    /// Counters of feedback with their claims: what a receiver sends of it.
    feedback: &'static [(&'static str, &'static str)],
}

const INBOUND: Stream = Stream {
    is_sent: false,
    packets: "packetsReceived",
    ssrc: "stat/inbound-rtp.ssrc",
    kind: "stat/inbound-rtp.kind",
    mid: "stat/inbound-rtp.mid",
    codec: "stat/inbound-rtp.codecId",
    repair: "stat/inbound-rtp.rtxSsrc",
    feedback: &[("stat/inbound-rtp.pliCount", "pliCount"), ("stat/inbound-rtp.firCount", "firCount")],
};

const OUTBOUND: Stream = Stream {
    is_sent: true,
    packets: "packetsSent",
    ssrc: "stat/outbound-rtp.ssrc",
    kind: "stat/outbound-rtp.kind",
    mid: "stat/outbound-rtp.mid",
    codec: "stat/outbound-rtp.codecId",
    repair: "stat/outbound-rtp.rtxSsrc",
    feedback: &[],
};

fn stream(
    session: &Session<'_>,
    peer: &CasePeer,
    reading: &Reading<'_>,
    stat: &Stat<'_>,
    (named, seen): (&Named<'_>, Option<&Seen>),
    claims: &Stream,
    found: &mut Vec<Contradiction>,
) {
    let mut differs = |claim: &'static str, claimed: String, seen: String| {
        found.push(reading.contradicts(claim, Layer::Media, claimed, seen, None));
    };
    let packets = stat.number(claims.packets).unwrap_or_default();
    let ssrc = stat.fields.get("ssrc").and_then(Value::as_u64).and_then(|ssrc| u32::try_from(ssrc).ok());
    if let (Some(ssrc), Some(seen)) = (ssrc.filter(|ssrc| *ssrc != 0 && packets > FEW), seen)
        && let Some(known) = seen.streams(claims.is_sent)
        && !known.contains_key(&ssrc)
        // Padding in the stream of retransmissions counts as packets of this one, and may come before any of its own.
        && !named.repairs.get(&ssrc).is_some_and(|repair| known.contains_key(repair))
    {
        let seen = "no packet on the wire has that SSRC".to_owned();
        differs(claims.ssrc, format!("{packets} packets of the SSRC {ssrc}"), seen);
    }
    let codec = stat.text("codecId").and_then(|id| reading.by_id(id));
    let mime = codec.and_then(|codec| codec.text("mimeType")).and_then(|mime| mime.split('/').next());
    if let (Some(kind), Some(of)) = (stat.text("kind"), mime)
        && !kind.eq_ignore_ascii_case(of)
    {
        differs(claims.kind, format!("a stream of the kind {kind}"), format!("its codec is one of {of}"));
    }
    if let Some(mid) = stat.text("mid").filter(|_| !named.mids.is_empty()) {
        let claimed = format!("a stream of the section {mid}");
        let kind = stat.text("kind").filter(|_| mime.is_none() || stat.text("kind") == mime);
        match (named.mids.get(mid), kind) {
            (None, _) => differs(claims.mid, claimed, "no description has that section".to_owned()),
            (Some(kinds), Some(kind)) if !kinds.is_empty() && !kinds.contains(kind) => {
                differs(claims.mid, claimed, format!("it is one of {kind}, and the section is not"));
            }
            _ => {}
        }
    }
    if let Some(id) = stat.text("trackIdentifier").filter(|_| !claims.is_sent && packets > 0.0)
        && session.reports_all(peer)
        && !peer.never_reports("track", "")
        && !named.tracks.contains(id)
    {
        let seen = "it never reported such a track".to_owned();
        differs("stat/inbound-rtp.trackIdentifier", format!("a stream of the track {id}"), seen);
    }
    if session.reports_all(peer) {
        encoding(reading, stat, (named, seen), claims, found);
    }
    let mut differs = |claim: &'static str, claimed: String, seen: String| {
        found.push(reading.contradicts(claim, Layer::Media, claimed, seen, None));
    };
    for (claim, field) in claims.feedback {
        let (Some(says), Some(seen)) = (stat.number(field), seen) else { continue };
        let Some(flow) = seen.sent(reading) else { continue };
        let most = flow.rtcp as f64;
        if says > most * flow.factor + AHEAD + seen.acted {
            let seen = format!("it had sent no more than {most} datagrams of RTCP by then");
            differs(claim, format!("{field} {says} of a stream"), seen);
        }
    }
}

/// The encoding of a stream: its codec is that of its packets, its RID and the stream of its retransmissions are those of the descriptions.
fn encoding(
    reading: &Reading<'_>,
    stat: &Stat<'_>,
    (named, seen): (&Named<'_>, Option<&Seen>),
    claims: &Stream,
    found: &mut Vec<Contradiction>,
) {
    let mut differs = |claim: &'static str, claimed: String, seen: String| {
        found.push(reading.contradicts(claim, Layer::Media, claimed, seen, None));
    };
    let number = |field: &str| stat.fields.get(field).and_then(Value::as_u64);
    let ssrc = number("ssrc").and_then(|ssrc| u32::try_from(ssrc).ok());
    let codec = stat.text("codecId").and_then(|id| reading.by_id(id));
    let says = codec.and_then(|codec| codec.number("payloadType"));
    let streams = seen.and_then(|seen| seen.streams(claims.is_sent));
    let used = ssrc.and_then(|ssrc| streams?.get(&ssrc));
    if let (Some(says), Some(used)) = (says, used)
        && !used.iter().any(|it| f64::from(*it) == says || named.redundant.contains(it))
    {
        let is: Vec<String> = used.iter().map(u8::to_string).collect();
        let seen = format!("the packets of its SSRC have the payload type {}", is.join(" or "));
        differs(claims.codec, format!("a stream whose codec has the payload type {says}"), seen);
    }
    if let Some(rid) = stat.text("rid").filter(|rid| claims.is_sent && !named.rids.contains(*rid)) {
        let seen = "no description has that a=rid".to_owned();
        differs("stat/outbound-rtp.rid", format!("a stream with the rid {rid:?}"), seen);
    }
    let index = number("encodingIndex").filter(|_| claims.is_sent && !named.mids.is_empty());
    let most = named.rids.len().max(1) as u64;
    if let Some(says) = index.filter(|says| *says >= most) {
        let seen = format!("the descriptions have no more than {most}");
        differs(
            "stat/outbound-rtp.encodingIndex",
            format!("a stream of the encoding {says}, from zero"),
            seen,
        );
    }
    // In simulcast each encoding has its own.
    let repair = ssrc.and_then(|ssrc| named.repairs.get(&ssrc)).filter(|_| named.rids.is_empty());
    if let (Some(says), Some(is)) = (number("rtxSsrc").filter(|says| *says != 0), repair)
        && says != u64::from(*is)
    {
        let seen = format!("a=ssrc-group:FID has {is}");
        differs(claims.repair, format!("a stream with the rtxSsrc {says}"), seen);
    }
}

fn channel(
    peer: &CasePeer,
    reading: &Reading<'_>,
    stat: &Stat<'_>,
    named: &Named<'_>,
    found: &mut Vec<Contradiction>,
) {
    const STATES: [&str; 4] = ["connecting", "open", "closing", "closed"];
    let mut differs = |claim: &'static str, claimed: String, seen: String| {
        found.push(reading.contradicts(claim, Layer::DataChannel, claimed, seen, None));
    };
    if let Some(state) = stat.text("state").filter(|state| !STATES.contains(state)) {
        let seen = "a channel has no such state".to_owned();
        differs("stat/data-channel.state", format!("a channel with the state {state:?}"), seen);
    }
    // An API may have no event for what the other side opened.
    let Some(known) = named.channels.as_ref().filter(|_| !peer.never_reports("datachannel", "")) else {
        return;
    };
    let Some(label) = stat.text("label") else { return };
    let labels = known.created.iter().map(|it| it.label);
    let shown = || known.announced.iter().chain(&known.opened);
    let mut labels = labels.chain(shown().map(|it| it.info.label.as_str()));
    if named.others.contains(label) && !labels.clone().any(|it| it == label) {
        return;
    }
    if !labels.any(|it| it == label) {
        let seen = "it neither created that channel nor reported it".to_owned();
        differs("stat/data-channel.label", format!("a channel {label:?}"), seen);
        return;
    }
    let ids = known.ids(label);
    let id = stat.fields.get("dataChannelIdentifier").and_then(Value::as_u64);
    let id = id.and_then(|id| u16::try_from(id).ok());
    if let Some(id) = id.filter(|id| !ids.is_empty() && !ids.contains(id)) {
        let is: Vec<String> = ids.iter().map(u16::to_string).collect();
        let claimed = format!("dataChannelIdentifier {id} of the channel {label:?}");
        differs("stat/data-channel.dataChannelIdentifier", claimed, format!("it is {}", is.join(" or ")));
    }
    let asked = known.created.iter().filter(|it| it.label == label);
    let asked = asked.map(|it| it.asked.args.get("protocol").and_then(Value::as_str).unwrap_or_default());
    let stated = shown().filter(|it| it.info.label == label).map(|it| it.info.protocol.as_str());
    let protocols: BTreeSet<&str> = asked.chain(stated).collect();
    let says = stat.fields.get("protocol").and_then(Value::as_str);
    if let Some(says) = says.filter(|says| !protocols.contains(says)) {
        let is: Vec<String> = protocols.iter().map(|it| format!("{it:?}")).collect();
        let claimed = format!("the protocol {says:?} of the channel {label:?}");
        differs("stat/data-channel.protocol", claimed, format!("it is {}", is.join(" or ")));
    }
}

/// The claims of a candidate of one side.
struct Claims {
    protocol: &'static str,
    foundation: Option<&'static str>,
    ufrag: Option<&'static str>,
}

const LOCAL: Claims = Claims {
    protocol: "stat/local-candidate.protocol",
    foundation: Some("stat/local-candidate.foundation"),
    ufrag: Some("stat/local-candidate.usernameFragment"),
};

const REMOTE: Claims = Claims { protocol: "stat/remote-candidate.protocol", foundation: None, ufrag: None };

/// What a candidate has besides its address, port and type is what was signalled of it.
fn candidate(
    reading: &Reading<'_>,
    stat: &Stat<'_>,
    (known, ufrags): (&[Candidate], &BTreeSet<String>),
    claims: &Claims,
    found: &mut Vec<Contradiction>,
) {
    let address = stat.text("address").or_else(|| stat.text("ip")).and_then(|it| it.parse::<IpAddr>().ok());
    let (Some(address), Some(port), Some(kind)) = (address, stat.number("port"), stat.text("candidateType"))
    else {
        return;
    };
    // Signalled with port 9 (RFC 6544 §4.5); its own port may be that of a candidate of UDP by chance.
    if stat.text("tcpType") == Some("active") {
        return;
    }
    let same: Vec<&Candidate> = known
        .iter()
        .filter(|it| {
            it.address.ip() == Some(address) && f64::from(it.port) == port && it.kind.to_string() == kind
        })
        .collect();
    let mut differs = |claim: &'static str, claimed: String, seen: String| {
        let claimed = format!("{claimed} of the candidate at {address} port {port}");
        found.push(reading.contradicts(claim, Layer::Gathering, claimed, seen, None));
    };
    let Some(first) = same.first() else { return };
    if let Some(says) = stat.text("protocol")
        && !same.iter().any(|it| it.transport.eq_ignore_ascii_case(says))
    {
        let seen = format!("it was signalled with {}", first.transport);
        differs(claims.protocol, format!("the protocol {says}"), seen);
    }
    if let (Some(claim), Some(says)) = (claims.foundation, stat.text("foundation"))
        && !same.iter().any(|it| it.foundation == says)
    {
        let seen = format!("it was signalled with {}", first.foundation);
        differs(claim, format!("the foundation {says}"), seen);
    }
    if let (Some(claim), Some(says)) = (claims.ufrag, stat.text("usernameFragment"))
        && !ufrags.is_empty()
        && !ufrags.contains(says)
    {
        let seen = "no description of its own has it".to_owned();
        differs(claim, format!("the username fragment {says}"), seen);
    }
}

/// A fingerprint is as long as its hash function makes it.
fn algorithm(reading: &Reading<'_>, stat: &Stat<'_>, found: &mut Vec<Contradiction>) {
    let (Some(says), Some(fingerprint)) = (stat.text("fingerprintAlgorithm"), stat.text("fingerprint"))
    else {
        return;
    };
    let length = fingerprint.split(':').count();
    let of = Fingerprint::digest_length(says);
    if of == Some(length) {
        return;
    }
    let seen = match of {
        Some(of) => format!("its fingerprint has {length} bytes, and not {of}"),
        None => "there is no such hash function".to_owned(),
    };
    let claimed = format!("fingerprintAlgorithm {says}");
    let claim = "stat/certificate.fingerprintAlgorithm";
    found.push(reading.contradicts(claim, Layer::Dtls, claimed, seen, None));
}

/// The first pair of a transport that is connected was nominated (RFC 8445 §8.1.1), and the controlling agent did so itself. Once that
/// pair fails it may select another one before it nominates it.
fn nominated(reading: &Reading<'_>, stat: &Stat<'_>, found: &mut Vec<Contradiction>) {
    let pair = stat.text("selectedCandidatePairId").and_then(|id| reading.by_id(id));
    let says = pair.and_then(|pair| pair.fields.get("nominated")?.as_bool());
    let nominates = stat.text("iceRole") == Some("controlling");
    let is_another = stat.number("selectedCandidatePairChanges").is_some_and(|changes| changes > 1.0)
        || reading
            .of_kind("candidate-pair")
            .any(|pair| pair.fields.get("nominated").and_then(Value::as_bool) == Some(true));
    if says == Some(false) && nominates && !is_another && stat.text("dtlsState") == Some("connected") {
        let claimed = "that the selected pair was not nominated".to_owned();
        let seen = "its DTLS transport is connected over it".to_owned();
        let claim = "stat/candidate-pair.nominated";
        found.push(reading.contradicts(claim, Layer::Nomination, claimed, seen, None));
    }
}
