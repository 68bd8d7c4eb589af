//! The greeting: what a peer said of itself before the first step, against what it did afterwards.

use super::marks::{self, Known};
use super::observed::against;
use super::{Claim, Contradiction, Fault, Session};
use crate::case_file::CasePeer;
use crate::evidence::Peer;
use crate::verdict::{Layer, Place};
use peerproof_captures::event::{MediaKind, PeerEvent};
use peerproof_captures::feature::Feature;
use peerproof_captures::sdp::SessionDescription;
use peerproof_captures::timeline::{Answer, What};
use peerproof_captures::wire::dtls::Version;
use peerproof_captures::wire::dtls::handshake::Body;
use serde_json::Value;

pub(super) const CLAIMS: &[Claim] = &[
    Claim::checked(
        "hello/unreported",
        Layer::Signalling,
        "its events: none is one that it says it never reports",
    ),
    Claim::checked(
        "hello/features",
        Layer::Signalling,
        "the commands that it does and has no feature for, its ClientHello if it says that it negotiates DTLS 1.3, the steps and expectations of the \
         scenarios that require them, and `adapter check`",
    ),
    Claim::unchecked(
        "hello/version",
        Layer::Signalling,
        "an implementation alone knows it: what the command line or the configuration asks for is compared before the case, and the mark of str0m has it",
    ),
    Claim::checked(
        "hello/implementation",
        Layer::Signalling,
        "the `o=` lines of the offers that it makes, where one implementation alone leaves a mark there (that of str0m has its version); its \
         descriptions, ClientHello and INIT, which are not to be those of another implementation alone (`conformance/marks.json`)",
    ),
];

/// The marks in the user name of the `o=` line (RFC 8866 §5.2) of every offer of an implementation, each of one alone. What follows the mark is
/// a version; that of Firefox is 99.0 in all of them. An answer may repeat the line of the offer.
const MARKS: [(&str, &str); 3] =
    [("firefox", "mozilla...THIS_IS_SDPARTA"), ("libdatachannel", "rtc"), (STR0M, "str0m")];
const STR0M: &str = "str0m";

pub(super) fn check(session: &Session<'_>, found: &mut Vec<Contradiction>) {
    found.extend(session.peers().filter_map(|(peer, _)| marked(session, peer)));
    for (peer, _) in session.peers() {
        found.extend(unlisted(session, peer));
        found.extend(stranger(session, peer));
        found.extend(unoffered(session, peer));
    }
    for (peer, _) in session.peers().filter(|(peer, _)| !peer.unreported.is_empty()) {
        let broken = session.events(&peer.name).find_map(|(entry, event)| Some((entry, said(peer, event)?)));
        if let Some((entry, said)) = broken {
            found.push(Contradiction {
                claim: "hello/unreported",
                layer: Layer::Signalling,
                fault: Fault::Peer(peer.name.clone()),
                t_us: entry.t_us,
                claimed: format!("{} says that it never reports {said}", peer.name),
                seen: "it reports it".to_owned(),
                evidence: vec![Place::Entry(entry.n)],
                is_less: false,
            });
        }
    }
}

/// A mark of another implementation alone.
fn stranger(session: &Session<'_>, peer: &CasePeer) -> Option<Contradiction> {
    let CasePeer { name, implementation, version, .. } = peer;
    let place = session.record.file.peers.iter().position(|it| it.name == *name).map(Peer)?;
    let (seen, owners) = Known::embedded().stranger(peer, marks::seen(session, peer, place))?;
    let claimed = format!("{name} says that it is {implementation} {version}");
    let seen_as = format!("its {} is one of {}: {}", seen.mark.carrier(), owners.join(" or "), seen.value);
    Some(against(name, IMPLEMENTATION, seen.t_us, claimed, seen_as, [seen.place]))
}

/// A feature that a peer uses although it does not list it, and thereby evades what is judged by it.
fn unlisted(session: &Session<'_>, peer: &CasePeer) -> Option<Contradiction> {
    let asked = session.asked(&peer.name);
    let done = |command: &str, is: fn(&Value) -> bool| {
        asked.iter().find_map(|asked| {
            let (entry, Answer::Ok(_)) = asked.answer? else { return None };
            (asked.name == command && is(asked.args)).then_some(entry)
        })
    };
    let reports = |kind: MediaKind| {
        session.events(&peer.name).find_map(|(entry, event)| match event {
            PeerEvent::MediaSeen { kind: of, .. } if *of == kind => Some(entry),
            _ => None,
        })
    };
    let used = |feature: Feature| match feature {
        Feature::DataChannels => done("createDataChannel", |_| true).and_then(|_| done("send", |_| true)),
        Feature::Audio => {
            done("createSource", |args| args["kind"] == "audio").and_then(|_| reports(MediaKind::Audio))
        }
        Feature::Video => {
            done("createSource", |args| args["kind"] == "video").and_then(|_| reports(MediaKind::Video))
        }
        Feature::Simulcast => done("addTransceiver", |args| {
            args["sendEncodings"].as_array().is_some_and(|encodings| encodings.len() > 1)
        }),
        Feature::W3cApi | Feature::Dtls13 | Feature::H264 => None,
    };
    Feature::ALL.into_iter().filter(|feature| peer.lacks(*feature)).find_map(|feature| {
        let entry = used(feature)?;
        let claimed = format!("{} does not list the feature {}", peer.name, feature.as_str());
        let seen = "it does what that stands for".to_owned();
        Some(against(&peer.name, FEATURES, entry.t_us, claimed, seen, [Place::Entry(entry.n)]))
    })
}

/// A ClientHello of a peer that says it negotiates DTLS 1.3, and does not offer that (RFC 9147 §5.3). Nothing follows from one that a rule of
/// the scenario may have changed.
fn unoffered(session: &Session<'_>, peer: &CasePeer) -> Option<Contradiction> {
    let claims = peer.features.as_ref().is_some_and(|features| features.contains(&Feature::Dtls13));
    let place =
        session.record.file.peers.iter().position(|it| it.name == peer.name).map(Peer).filter(|_| claims)?;
    let wire = session.record.packets().filter(|wire| wire.is_tapped(place) && wire.ruled.is_empty())?;
    if session.record.timeline.iter().any(|entry| matches!(entry.what, What::Faulted { .. })) {
        return None;
    }
    let handshake = session.handshake(place)?;
    let hello = handshake.bodies().find_map(|(message, body)| match body {
        Body::ClientHello(hello) if message.sender == place => Some((message, hello)),
        _ => None,
    });
    let (message, hello) = hello.filter(|_| !wire.hides_packets())?;
    if hello.offers(Version::Dtls13) {
        return None;
    }
    let claimed = format!("{} says that it negotiates DTLS 1.3", peer.name);
    let seen = "its ClientHello does not offer it".to_owned();
    Some(against(&peer.name, FEATURES, message.t_us, claimed, seen, [Place::Frame(message.frame)]))
}

const IMPLEMENTATION: (&str, Layer) = ("hello/implementation", Layer::Signalling);
const FEATURES: (&str, Layer) = ("hello/features", Layer::Signalling);

/// What the origin of a peer's offers says against the implementation that it says it is.
fn marked(session: &Session<'_>, peer: &CasePeer) -> Option<Contradiction> {
    let CasePeer { name, implementation, version, .. } = peer;
    let own = MARKS.iter().find(|(of, _)| of == implementation);
    // What a name stands for that nobody knows may leave any; who is known and leaves none writes `-`, as RFC 9429 §5.2.1 asks.
    if own.is_none() && !Known::embedded().0.contains_key(implementation) {
        return None;
    }
    session.asked(name).into_iter().filter(|asked| asked.name == "createOffer").find_map(|asked| {
        let (entry, Answer::Ok(offer)) = asked.answer? else { return None };
        let offer = SessionDescription::parse(offer.get("sdp")?.as_str()?);
        let user = offer.origin()?.value.ok()?.username;
        let left = MARKS.iter().find_map(|mark| Some((mark, after(&user, mark.1)?)));
        let shown: String = user.chars().take(60).collect();
        let (claim, claimed, seen) = match left {
            left if left.map(|(mark, _)| mark) != own => {
                let seen = match left {
                    Some(((other, _), _)) => format!("its offer has the origin of {other}: {shown:?}"),
                    None => {
                        format!("its offer does not have the origin that {implementation} writes: {shown:?}")
                    }
                };
                ("hello/implementation", format!("{name} says that it is {implementation}"), seen)
            }
            Some(((STR0M, _), in_offer)) if in_offer != version => {
                let claimed = format!("{name} says that it is {implementation} {version}");
                ("hello/implementation", claimed, format!("its offer has the origin {shown:?}"))
            }
            _ => return None,
        };
        Some(Contradiction {
            claim,
            layer: Layer::Signalling,
            fault: Fault::Peer(name.clone()),
            t_us: entry.t_us,
            claimed,
            seen,
            evidence: vec![Place::Entry(entry.n)],
            is_less: false,
        })
    })
}

/// What follows a mark and its `-`, if a user name begins with it; nothing if it is the mark alone.
fn after<'a>(user: &'a str, mark: &str) -> Option<&'a str> {
    let rest = user.strip_prefix(mark)?;
    if rest.is_empty() { Some(rest) } else { rest.strip_prefix('-') }
}

/// The properties of a channel that an API may not have at the side that did not open it.
const OPTIONAL: [&str; 3] = ["ordered", "maxRetransmits", "maxPacketLifeTime"];

/// What the peer said never to report, if this event reports it.
fn said(peer: &crate::case_file::CasePeer, event: &PeerEvent) -> Option<String> {
    let value = serde_json::to_value(event).ok()?;
    let name = value.get("event")?.as_str()?;
    if peer.unreported.iter().any(|one| one == name) {
        return Some(name.to_owned());
    }
    let data = value.get("data")?;
    // A state, or a property of a channel that the other side opened.
    let state = data.get("state").and_then(|state| state.as_str());
    let given = |property: &str| {
        OPTIONAL.contains(&property)
            && data.get("channel").and_then(|channel| channel.get(property)).is_some()
    };
    let specific = peer.unreported.iter().find(|one| {
        one.split_once(':').is_some_and(|(of, only)| {
            of == name && (Some(only) == state || (name == "datachannel" && given(only)))
        })
    });
    specific.cloned()
}

#[cfg(test)]
mod tests {
    use super::super::testing::{answers, contradicted, found};
    use crate::checks::controls::Recording;
    use crate::evidence::{Handshake, Peer};
    use crate::record::CaseRecord;
    use crate::verdict::Layer;
    use peerproof_captures::feature::Feature;
    use peerproof_captures::timeline::What;

    #[test]
    fn the_origin_of_an_offer_shows_whose_it_is() {
        let of = |recording: Recording, implementation: &str| {
            let mut record = recording.record();
            implementation.clone_into(&mut record.file.peers[0].implementation);
            (record.file.peers[0].name.clone(), found(&record, super::check))
        };
        for (recording, lies, true_or_unknown) in [
            (Recording::Call, ["chrome", "str0m", "libdatachannel"], ["firefox", "mine"]),
            (Recording::Data, ["firefox", "str0m", "libdatachannel"], ["stack", "mine"]),
        ] {
            for claimed in lies {
                let (name, found) = of(recording, claimed);
                contradicted(&found, "hello/implementation", Layer::Signalling, &name);
            }
            for claimed in true_or_unknown {
                assert!(of(recording, claimed).1.is_empty(), "{claimed}");
            }
        }
    }

    #[test]
    fn who_uses_a_feature_lists_it() {
        let with = |recording: Recording, peer: usize, features: &[Feature]| {
            let mut record = recording.record();
            record.file.peers[peer].features = Some(features.to_vec());
            (record.file.peers[peer].name.clone(), found(&record, super::check))
        };
        for (recording, peer, features) in [
            (Recording::Data, 0, &[Feature::W3cApi, Feature::Audio][..]),
            (Recording::Simulcast, 0, &[Feature::W3cApi, Feature::Video]),
            (Recording::Video, 0, &[Feature::Video]),
            (Recording::Video, 1, &[Feature::Audio]),
        ] {
            let (name, found) = with(recording, peer, features);
            contradicted(&found, "hello/features", Layer::Signalling, &name);
        }
        for (recording, peer) in [(Recording::Data, 0), (Recording::Data, 1), (Recording::Video, 1)] {
            let all: Vec<Feature> = Feature::ALL.into_iter().filter(|it| *it != Feature::Dtls13).collect();
            assert!(with(recording, peer, &all).1.is_empty(), "{recording:?}");
        }
        // It answers an echo, and has no channel of its own.
        assert!(with(Recording::Data, 1, &[]).1.is_empty());
    }

    #[test]
    fn who_says_that_it_negotiates_dtls_1_3_offers_it() {
        for (recording, offers) in
            [(Recording::Restart, true), (Recording::Conflict, true), (Recording::Media, false)]
        {
            let mut record = recording.record();
            let wire = record.wire.as_ref().unwrap();
            let client = Handshake::on(wire, Peer(0)).client().unwrap();
            assert!(wire.is_tapped(client), "{recording:?}");
            let peer = &mut record.file.peers[client.0];
            peer.features = Some(Feature::ALL.to_vec());
            let name = peer.name.clone();
            let of_features = |record: &CaseRecord| {
                let mut found = found(record, super::check);
                found.retain(|it| it.claim == "hello/features");
                found
            };
            if offers {
                assert!(of_features(&record).is_empty(), "{recording:?}: {:#?}", of_features(&record));
                continue;
            }
            contradicted(&of_features(&record), "hello/features", Layer::Signalling, &name);
            // Where a rule acted it may have made another hello.
            let faulted = Recording::Lost.record().timeline;
            record.timeline.extend(faulted.into_iter().filter(|it| matches!(it.what, What::Faulted { .. })));
            assert!(of_features(&record).is_empty());
        }
    }

    #[test]
    fn the_version_in_an_origin_is_that_of_the_greeting() {
        let with = |version: &str| {
            let mut record = Recording::Data.record();
            let peer = &mut record.file.peers[0];
            (peer.implementation, peer.version) = ("str0m".to_owned(), version.to_owned());
            let name = peer.name.clone();
            answers(&mut record, &name, "createOffer", |offer| {
                let sdp = offer["sdp"].as_str().unwrap().replace("o=- ", "o=str0m-0.25.0 ");
                offer["sdp"] = sdp.into();
            });
            let mut found = found(&record, super::check);
            // Its packets are the stack's.
            found.retain(|it| it.seen.contains("origin"));
            (name, found)
        };
        assert!(with("0.25.0").1.is_empty());
        let (name, found) = with("0.24.0");
        contradicted(&found, "hello/implementation", Layer::Signalling, &name);
        assert!(found[0].claimed.ends_with("str0m 0.24.0"), "{found:#?}");
    }

    #[test]
    fn who_reports_what_it_says_never_to_report_contradicts_itself() {
        let with = |unreported: &str| {
            let mut record = Recording::Data.record();
            record.file.peers[1].unreported.push(unreported.to_owned());
            (record.file.peers[1].name.clone(), found(&record, super::check))
        };
        for said in ["dtlsstatechange", "dtlsstatechange:connected"] {
            let (name, found) = with(said);
            contradicted(&found, "hello/unreported", Layer::Signalling, &name);
        }
        for said in ["dtlsstatechange:failed", "icecandidateerror"] {
            assert!(with(said).1.is_empty(), "{said}");
        }
    }
}
