//! Transceivers: what was done to each shows in the section of the next description that the peer creates.
//!
//! The sections of a peer's own transceivers stand in the order in which these were made (RFC 9429 §5.2.1). Where both sides made some,
//! or one was stopped, their order depends on more, and nothing is concluded.

use super::{succeeded, without_effect};
use crate::case_file::CasePeer;
use crate::claims::session::Asked;
use crate::claims::{Contradiction, Session};
use crate::verdict::{Layer, Place};
use peerproof_captures::sdp::{Section, SessionDescription};
use serde_json::Value;
use std::collections::BTreeMap;

/// What a peer was asked to do with a transceiver.
#[derive(Debug, Clone, Default)]
pub(super) struct Own {
    pub(super) kind: String,
    /// The track that it sends.
    pub(super) track: Option<String>,
    sends: bool,
    receives: bool,
    /// The streams of a simulcast.
    rids: Vec<String>,
    /// The only codecs that it may have, as MIME types.
    codecs: Vec<String>,
    /// The claim and the entry of the last answer that changed it.
    claim: &'static str,
    entry: u64,
    /// What was done.
    did: String,
}

/// The transceivers of a peer, command by command.
#[derive(Debug, Clone, Default)]
pub(super) struct Transceivers {
    all: Vec<Own>,
    /// The kind of each track that a source gave.
    kinds: BTreeMap<String, String>,
    /// The sections of the other side's last offer, if it is to be answered.
    offered: Option<Vec<(bool, bool)>>,
    /// Whether their sections are unknown.
    unclear: bool,
}

impl Transceivers {
    /// Takes up a command that succeeded.
    pub(super) fn take(&mut self, asked: &Asked<'_>) {
        let Some((entry, _, value)) = succeeded(asked) else { return };
        let text = |name: &str| asked.args.get(name).and_then(Value::as_str);
        match asked.name {
            "createSource" | "getUserMedia" => {
                for track in value.get("tracks").and_then(Value::as_array).into_iter().flatten() {
                    let of = |name: &str| track.get(name).and_then(Value::as_str).map(str::to_owned);
                    self.kinds.extend(of("id").zip(of("kind")));
                }
            }
            "addTransceiver" => {
                let direction = text("direction").unwrap_or("sendrecv");
                let encodings = asked.args.get("sendEncodings").and_then(Value::as_array);
                let rid = |it: &Value| it.get("rid").and_then(Value::as_str).map(str::to_owned);
                let rids: Vec<String> = encodings.into_iter().flatten().filter_map(rid).collect();
                let (sends, receives) = ways(direction);
                self.all.push(Own {
                    kind: text("kind").unwrap_or_default().to_owned(),
                    track: text("track").map(str::to_owned),
                    sends,
                    receives,
                    rids: if rids.len() > 1 { rids } else { Vec::new() },
                    codecs: Vec::new(),
                    claim: "answer/addTransceiver",
                    entry,
                    did: format!("addTransceiver with {direction}"),
                });
            }
            "addTrack" => self.add_track(text("track").unwrap_or_default(), entry),
            "removeTrack" => {
                let track = text("track");
                if let Some(own) = self.all.iter_mut().find(|own| own.track.as_deref() == track) {
                    own.sends = false;
                    own.track = None;
                    own.changed("answer/removeTrack", entry, "removeTrack".to_owned());
                }
            }
            "replaceTrack" => {
                let track = text("track");
                if let Some(own) = self.all.iter_mut().find(|own| own.track.as_deref() == track) {
                    own.track = text("with").map(str::to_owned);
                }
            }
            "setDirection" | "setCodecPreferences" | "stopTransceiver" => self.change(asked, entry),
            "setRemoteDescription" => self.remote(asked.args.get("description")),
            "createPeerConnection" => {
                *self = Self { kinds: std::mem::take(&mut self.kinds), ..Self::default() }
            }
            _ => {}
        }
    }

    /// `addTrack` takes a transceiver of that kind that sends nothing yet, or makes one (webrtc-pc §5.1).
    fn add_track(&mut self, track: &str, entry: u64) {
        let Some(kind) = self.kinds.get(track).cloned() else {
            self.unclear = true;
            return;
        };
        let free =
            self.all.iter_mut().find(|own| own.kind == kind && own.track.is_none() && own.rids.is_empty());
        match free {
            // Whether one that was used before is taken again depends on more.
            Some(own) if own.claim == "answer/removeTrack" => self.unclear = true,
            Some(own) => {
                own.track = Some(track.to_owned());
                own.sends = true;
                own.changed("answer/addTrack", entry, "addTrack".to_owned());
            }
            None => self.all.push(Own {
                kind,
                track: Some(track.to_owned()),
                sends: true,
                receives: true,
                claim: "answer/addTrack",
                entry,
                did: "addTrack".to_owned(),
                ..Own::default()
            }),
        }
    }

    fn change(&mut self, asked: &Asked<'_>, entry: u64) {
        let index = asked.args.get("transceiver").and_then(Value::as_u64);
        let own = index.and_then(|index| self.all.get_mut(usize::try_from(index).ok()?));
        let Some(own) = own else {
            self.unclear = true;
            return;
        };
        match asked.name {
            "setDirection" => {
                let direction = asked.args.get("direction").and_then(Value::as_str).unwrap_or_default();
                if direction == "stopped" {
                    self.unclear = true;
                    return;
                }
                (own.sends, own.receives) = ways(direction);
                own.changed("answer/setDirection", entry, format!("setDirection to {direction}"));
            }
            "setCodecPreferences" => {
                let types = asked.args.get("mimeTypes").and_then(Value::as_array);
                let types = types.into_iter().flatten().filter_map(Value::as_str);
                own.codecs = types.map(str::to_ascii_lowercase).collect();
                own.changed(
                    "answer/setCodecPreferences",
                    entry,
                    format!("setCodecPreferences of {:?}", own.codecs),
                );
            }
            // What follows has other indexes.
            _ => self.unclear = true,
        }
    }

    /// An offer of the other side makes transceivers for its sections.
    fn remote(&mut self, description: Option<&Value>) {
        let of = |name: &str| description.and_then(|it| it.get(name)).and_then(Value::as_str);
        let (Some(kind), Some(sdp)) = (of("type"), of("sdp")) else { return };
        if kind == "rollback" {
            self.unclear = true;
        }
        let sdp = SessionDescription::parse(sdp);
        let sections: Vec<Section<'_>> = sdp.media().filter(is_rtp).collect();
        if kind != "offer" {
            self.offered = None;
            self.keep_answered(&sections);
            return;
        }
        self.unclear |= sections.iter().any(Section::is_rejected);
        if self.all.is_empty() {
            self.all = sections
                .iter()
                .map(|section| Own { kind: kind_of(section), receives: true, ..Own::default() })
                .collect();
        }
        self.unclear |= self.all.len() != sections.len()
            || self.all.iter().zip(&sections).any(|(own, section)| own.kind != kind_of(section));
        let ways = sections.iter().map(|section| ways(&section.direction().to_string()));
        self.offered = Some(ways.collect());
    }

    /// An answer that lacks all streams of a simulcast that was negotiated removes all encodings but the first, and one that lacks some
    /// removes these (webrtc-pc §4.4.1.5, "set a session description"). An answer to a section that does not send has none (RFC 9429
    /// §5.3.1). One that is left need not have a stream identifier.
    fn keep_answered(&mut self, sections: &[Section<'_>]) {
        if self.all.len() != sections.len() {
            return;
        }
        for (own, section) in self.all.iter_mut().zip(sections) {
            let taken: Vec<&str> = section.named("rid").filter_map(|line| line.value).collect();
            own.rids.retain(|rid| taken.iter().any(|it| it.split(' ').next() == Some(rid.as_str())));
            if own.rids.len() < 2 {
                own.rids.clear();
            }
        }
    }

    /// The transceivers, where their sections are known.
    pub(super) fn known(&self) -> Option<&[Own]> {
        (!self.unclear).then_some(&self.all)
    }
}

impl Own {
    fn changed(&mut self, claim: &'static str, entry: u64, did: String) {
        (self.claim, self.entry, self.did) = (claim, entry, did);
    }
}

/// Whether it sends, and whether it receives.
fn ways(direction: &str) -> (bool, bool) {
    match direction {
        "sendrecv" => (true, true),
        "sendonly" => (true, false),
        "recvonly" => (false, true),
        _ => (false, false),
    }
}

/// The direction of what sends and receives so.
const fn named(ways: (bool, bool)) -> &'static str {
    match ways {
        (true, true) => "sendrecv",
        (true, false) => "sendonly",
        (false, true) => "recvonly",
        (false, false) => "inactive",
    }
}

fn is_rtp(section: &Section<'_>) -> bool {
    section.media_line().and_then(|line| line.value.ok()).is_some_and(|line| line.is_rtp())
}

fn kind_of(section: &Section<'_>) -> String {
    section.media_line().and_then(|line| line.value.ok()).map(|line| line.media).unwrap_or_default()
}

/// Each description that a peer creates, against the commands before it.
pub(super) fn check(
    _session: &Session<'_>,
    peer: &CasePeer,
    asked: &[Asked<'_>],
    found: &mut Vec<Contradiction>,
) {
    // An adapter may have transceivers of its own making.
    let mut transceivers = Transceivers::default();
    for command in asked {
        transceivers.take(command);
        let is_offer = command.name == "createOffer";
        if !is_offer && command.name != "createAnswer" {
            continue;
        }
        let (Some((n, t_us, value)), Some(all)) = (succeeded(command), transceivers.known()) else {
            continue;
        };
        let Some(sdp) = value.get("sdp").and_then(Value::as_str).filter(|sdp| !sdp.is_empty()) else {
            continue;
        };
        let sdp = SessionDescription::parse(sdp);
        let sections: Vec<Section<'_>> = sdp.media().filter(is_rtp).collect();
        if sections.iter().any(Section::is_rejected) {
            continue;
        }
        for (index, own) in all.iter().enumerate().filter(|(_, own)| !own.claim.is_empty()) {
            let offered = match (is_offer, &transceivers.offered) {
                (true, _) => Some((true, true)),
                (false, Some(offered)) => offered.get(index).copied(),
                (false, None) => None,
            };
            let Some(offered) = offered else { continue };
            if let Some(seen) = differs(own, sections.get(index), offered, is_offer) {
                let (claim, claimed) = (own.claim, own.did.clone());
                let what = if is_offer { "offer" } else { "answer" };
                let seen = format!("in its next {what} {seen}");
                let evidence = vec![Place::Entry(n), Place::Entry(own.entry)];
                found.push(without_effect(claim, Layer::Sdp, &peer.name, t_us, claimed, seen, evidence));
                return;
            }
        }
    }
}

/// What a section lacks of what was done to its transceiver.
fn differs(
    own: &Own,
    section: Option<&Section<'_>>,
    offered: (bool, bool),
    is_offer: bool,
) -> Option<String> {
    let Some(section) = section else {
        return is_offer.then(|| format!("there is no section for it ({})", own.kind));
    };
    let kind = kind_of(section);
    if kind != own.kind {
        return Some(format!("the section is of {kind}, not {}", own.kind));
    }
    // An answer has what both allow (RFC 3264 §6.1).
    let wanted = (own.sends && offered.1, own.receives && offered.0);
    let direction = section.direction().to_string();
    if ways(&direction) != wanted {
        let due = if is_offer || wanted == (own.sends, own.receives) {
            String::new()
        } else {
            format!(", where {} was offered and {} is due", named(offered), named(wanted))
        };
        return Some(format!("the section is {direction}{due}"));
    }
    // What does not send has no restrictions on what it sends (RFC 8853 §5.1, RFC 9429 §5.2.2).
    if is_offer && own.sends {
        let rids: Vec<&str> = section.named("rid").filter_map(|line| line.value).collect();
        let missing =
            own.rids.iter().find(|rid| !rids.iter().any(|it| it.split(' ').next() == Some(rid.as_str())));
        if let Some(rid) = missing {
            return Some(format!("there is no rid {rid}"));
        }
        let simulcast = section.value("simulcast").unwrap_or_default();
        let streams = |text: &str| -> Vec<String> {
            text.split([' ', ';', ',']).map(|it| it.trim_start_matches('~').to_owned()).collect()
        };
        let named = streams(simulcast);
        if let Some(rid) = own.rids.iter().find(|rid| !named.contains(rid)) {
            return Some(format!("a=simulcast does not have the rid {rid}"));
        }
    }
    if !own.codecs.is_empty() {
        const HELPERS: [&str; 5] = ["rtx", "red", "ulpfec", "flexfec-03", "flexfec"];
        let stray = section.rtpmaps().into_iter().find(|map| {
            let name = map.encoding.to_ascii_lowercase();
            !HELPERS.contains(&name.as_str()) && !own.codecs.contains(&format!("{}/{name}", own.kind))
        });
        if let Some(map) = stray {
            return Some(format!("there is the codec {}", map.encoding));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_direction_that_the_offer_does_not_allow_is_named_with_the_one_that_is_due() {
        let seen = |direction: &str, offered: &str| {
            let sdp = format!("v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na={direction}\r\n");
            let sdp = SessionDescription::parse(sdp);
            let own = Own { kind: "audio".to_owned(), sends: true, receives: true, ..Own::default() };
            differs(&own, sdp.section(0).as_ref(), ways(offered), false)
        };
        let due = "the section is sendrecv, where sendonly was offered and recvonly is due";
        assert_eq!(seen("sendrecv", "sendonly").as_deref(), Some(due));
        assert_eq!(seen("inactive", "sendrecv").as_deref(), Some("the section is inactive"));
        assert_eq!(seen("recvonly", "sendonly"), None);
    }
}
