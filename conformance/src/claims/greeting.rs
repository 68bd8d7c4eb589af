//! The greeting: what a peer said of itself before the first step, against what it did afterwards.

use super::{Claim, Contradiction, Fault, Session};
use crate::case_file::CasePeer;
use crate::verdict::{Layer, Place};
use peerproof_captures::event::PeerEvent;
use peerproof_captures::sdp::SessionDescription;
use peerproof_captures::timeline::Answer;

pub(super) const CLAIMS: &[Claim] = &[
    Claim::checked(
        "hello/unreported",
        Layer::Signalling,
        "its events: none is one that it says it never reports",
    ),
    Claim::checked(
        "hello/features",
        Layer::Signalling,
        "the steps and expectations of the scenarios that require them, and `adapter check`",
    ),
    Claim::checked(
        "hello/version",
        Layer::Signalling,
        "the version that the command line or the configuration asks for, and that in the `o=` line of str0m's offers",
    ),
    Claim::checked(
        "hello/implementation",
        Layer::Signalling,
        "the `o=` lines of the offers that it makes, where one implementation alone leaves a mark there",
    ),
];

/// The marks in the user name of the `o=` line (RFC 8866 §5.2) of every offer of an implementation, each of one alone. What follows the mark is
/// a version; that of Firefox is 99.0 in all of them. An answer may repeat the line of the offer.
const MARKS: [(&str, &str); 3] =
    [("firefox", "mozilla...THIS_IS_SDPARTA"), ("libdatachannel", "rtc"), (STR0M, "str0m")];
const STR0M: &str = "str0m";

/// Implementations that leave none: `-`, as RFC 9429 §5.2.1 asks. What a name stands for that is in neither list is not known here.
const UNMARKED: [&str; 7] = ["aiortc", "chrome", "libwebrtc", "pion", "stack", "webrtcbin", "werift"];

pub(super) fn check(session: &Session<'_>, found: &mut Vec<Contradiction>) {
    found.extend(session.peers().filter_map(|(peer, _)| marked(session, peer)));
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
            });
        }
    }
}

/// What the origin of a peer's offers says against the implementation that it says it is.
fn marked(session: &Session<'_>, peer: &CasePeer) -> Option<Contradiction> {
    let CasePeer { name, implementation, version, .. } = peer;
    let own = MARKS.iter().find(|(of, _)| of == implementation);
    if own.is_none() && !UNMARKED.contains(&implementation.as_str()) {
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
                ("hello/version", claimed, format!("its offer has the origin {shown:?}"))
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
    use crate::verdict::Layer;

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
            (name, found(&record, super::check))
        };
        assert!(with("0.25.0").1.is_empty());
        let (name, found) = with("0.24.0");
        contradicted(&found, "hello/version", Layer::Signalling, &name);
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
