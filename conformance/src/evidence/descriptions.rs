//! Who made which description, what became of it on the way, and which answer belongs to which offer (RFC 3264).

use super::{Evidence, Peer};
use peerproof_captures::event::{self, PeerEvent, SdpType};
use peerproof_captures::sdp::{Excess, Fingerprint, IcePwd, IceUfrag, SessionDescription};
use peerproof_captures::timeline::{Answer, Entry, What};
use peerproof_captures::trace::{Nature, Recognised};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// A description that a peer made.
#[derive(Debug, Clone)]
pub struct Description {
    /// Who made it.
    pub by: Peer,
    /// Who got it, if it was carried.
    pub to: Option<Peer>,
    /// Offer, answer or pranswer.
    pub kind: SdpType,
    /// As it was made.
    pub sdp: SessionDescription,
    /// Whether the scenario had the peer set another text than the peer had created: then the peer does not answer for what
    /// it says.
    pub munged: bool,
    /// As it was handed over, if it was rewritten on the way.
    pub delivered: Option<SessionDescription>,
    /// The entry of the timeline that reports it.
    pub entry: u64,
    /// Microseconds since the case began.
    pub t_us: u64,
}

impl Description {
    /// What the other peer got.
    #[must_use]
    pub fn received(&self) -> &SessionDescription {
        self.delivered.as_ref().unwrap_or(&self.sdp)
    }

    /// The ICE credentials in it, as the other peer received them, without repetitions.
    #[must_use]
    pub fn credentials(&self) -> Vec<Credentials> {
        let mut all: Vec<Credentials> = Vec::new();
        let sdp = self.received();
        for section in std::iter::once(sdp.session()).chain(sdp.media()) {
            if let (Some(ufrag), Some(password)) = (section.first::<IceUfrag>(), section.first::<IcePwd>()) {
                let found = Credentials { ufrag: ufrag.0, password: password.0 };
                if !all.contains(&found) {
                    all.push(found);
                }
            }
        }
        all
    }

    /// The fingerprints in it (RFC 8122 §5), as the other peer received them.
    #[must_use]
    pub fn fingerprints(&self) -> BTreeSet<Fingerprint> {
        let sdp = self.received();
        let sections = sdp.media().flat_map(|section| section.fingerprints());
        let all = sdp.session().fingerprints().into_iter().chain(sections);
        all.map(|it| Fingerprint { hash: it.hash.to_ascii_lowercase(), ..it }).collect()
    }

    /// Whether it is of a lite agent (RFC 8839 §5.3), as it was made.
    #[must_use]
    pub fn is_lite(&self) -> bool {
        self.sdp.session().has("ice-lite")
    }
}

/// An offer and its answer.
#[derive(Debug, Clone, Copy)]
pub struct Exchange<'a> {
    /// The offer.
    pub offer: &'a Description,
    /// The answer, or a provisional one.
    pub answer: &'a Description,
}

/// One generation of ICE credentials (RFC 8445 §5.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The username fragment.
    pub ufrag: String,
    /// The password.
    pub password: String,
}

impl Evidence {
    /// Evidence of descriptions alone. What happened besides is not known. Where none of them says anything of DTLS, they are another protocol's.
    #[must_use]
    pub fn of_descriptions(peers: Vec<String>, descriptions: Vec<Description>) -> Self {
        let is_foreign =
            !descriptions.is_empty() && descriptions.iter().all(|made| made.sdp.is_without_dtls());
        let recognised =
            is_foreign.then(|| Recognised { nature: Nature::Described, ..Recognised::default() });
        Self { descriptions, whole: false, recognised, ..Self::new(peers, Vec::new(), None) }
    }

    /// The descriptions that a peer made, in order.
    pub fn made_by(&self, peer: Peer) -> impl Iterator<Item = &Description> {
        self.descriptions.iter().filter(move |description| description.by == peer)
    }

    /// Those of them that the peer answers for: all but what the scenario changed before they were set.
    pub fn generated_by(&self, peer: Peer) -> impl Iterator<Item = &Description> {
        self.made_by(peer).filter(|description| !description.munged)
    }

    /// The offers that a peer generated.
    pub fn offers(&self, peer: Peer) -> impl Iterator<Item = &Description> {
        self.generated_by(peer).filter(|description| description.kind == SdpType::Offer)
    }

    /// All offers with their answers, in the order of the answers.
    #[must_use]
    pub fn exchanges(&self) -> Vec<Exchange<'_>> {
        let mut pending: BTreeMap<Peer, &Description> = BTreeMap::new();
        let mut exchanges = Vec::new();
        for answer in &self.descriptions {
            match answer.kind {
                SdpType::Offer => {
                    pending.insert(answer.by, answer);
                }
                SdpType::Answer | SdpType::Pranswer => {
                    let Some(offer) = self.other(answer.by).and_then(|offerer| pending.get(&offerer)) else {
                        continue;
                    };
                    exchanges.push(Exchange { offer, answer });
                    if answer.kind == SdpType::Answer {
                        pending.clear();
                    }
                }
                SdpType::Rollback => {}
            }
        }
        exchanges
    }

    /// The offers that a peer answered, with the answers that it generated.
    pub fn answered_by(&self, peer: Peer) -> impl Iterator<Item = Exchange<'_>> {
        let own = move |exchange: &Exchange<'_>| exchange.answer.by == peer && !exchange.answer.munged;
        self.exchanges().into_iter().filter(own)
    }

    /// Whether a peer received other fingerprints by then than it had before, so that it begins another DTLS association (RFC 8842 §3.1).
    #[must_use]
    pub fn renews_association(&self, peer: Peer, by_us: u64) -> bool {
        let theirs = self.other(peer).into_iter().flat_map(|other| self.made_by(other));
        let sets: Vec<_> = theirs.filter(|made| made.t_us <= by_us).map(Description::fingerprints).collect();
        sets.windows(2).any(|pair| matches!(pair, [before, after] if before != after))
    }

    /// The ICE credentials of a peer as the other peer received them, generation by generation, without repetitions.
    #[must_use]
    pub fn credentials(&self, peer: Peer) -> Vec<Credentials> {
        let mut all: Vec<Credentials> = Vec::new();
        for found in self.made_by(peer).flat_map(Description::credentials) {
            if !all.contains(&found) {
                all.push(found);
            }
        }
        all
    }
}

/// Collects the descriptions of a timeline.
///
/// What was carried is known from both ends. What a peer set as its local description without its being carried (a peer that
/// signals on its own) is taken from what the peer said.
pub(super) fn of(peers: &[String], timeline: &[Entry]) -> Vec<Description> {
    let peer = |name: &str| peers.iter().position(|peer| peer == name).map(Peer);
    let mut found: Vec<Description> = Vec::new();
    let mut local: BTreeMap<(&str, u64), ()> = BTreeMap::new();
    let mut own = Vec::new();
    for entry in timeline {
        match &entry.what {
            What::Carried { from, to, sent, delivered } if sent.kind != SdpType::Rollback => {
                let Some(by) = peer(from) else { continue };
                found.push(Description {
                    by,
                    to: peer(to),
                    kind: sent.kind,
                    sdp: SessionDescription::parse(sent.sdp.as_str()),
                    munged: false,
                    delivered: delivered.as_ref().map(|it| SessionDescription::parse(it.sdp.as_str())),
                    entry: entry.n,
                    t_us: entry.t_us,
                });
            }
            What::Command { peer, id, name, .. } if name == "setLocalDescription" => {
                local.insert((peer, *id), ());
            }
            What::Answer { peer: name, id, answer: Answer::Ok(value) } => {
                if local.remove(&(name.as_str(), *id)).is_some()
                    && let Ok(description) = serde_json::from_value::<event::Description>(value.clone())
                {
                    own.extend(peer(name).map(|by| (by, description, entry)));
                }
            }
            What::Event {
                peer: name,
                event: PeerEvent::Acted { description: Some(description), operation, .. },
                ..
            } if operation == "setLocalDescription" => {
                own.extend(peer(name).map(|by| (by, description.clone(), entry)));
            }
            _ => {}
        }
    }
    for (by, description, entry) in own {
        let sdp = SessionDescription::parse(description.sdp);
        let carried = |other: &Description| other.by == by && origin(&other.sdp) == origin(&sdp);
        if description.kind == SdpType::Rollback || found.iter().any(carried) {
            continue;
        }
        let (entry, t_us) = (entry.n, entry.t_us);
        let kind = description.kind;
        found.push(Description { by, to: None, kind, sdp, munged: false, delivered: None, entry, t_us });
    }
    let munged = munged(peers, timeline);
    for description in &mut found {
        description.munged = munged.contains(&(description.by, origin(&description.sdp)));
    }
    found.sort_by_key(|description| description.entry);
    found
}

/// The first entry with a description that exceeds a limit, and the limit.
#[must_use]
pub fn excessive_description(timeline: &[Entry]) -> Option<(u64, Excess)> {
    let text = |value: &Value| value.get("sdp").and_then(Value::as_str).and_then(Excess::of);
    let of = |entry: &Entry| match &entry.what {
        What::Carried { sent, delivered, .. } => {
            let each = std::iter::once(sent).chain(delivered);
            each.into_iter().find_map(|description| Excess::of(&description.sdp))
        }
        What::Command { args, .. } => args.get("description").and_then(text),
        What::Answer { answer: Answer::Ok(value), .. } => text(value),
        What::Event { event: PeerEvent::Acted { description: Some(description), .. }, .. } => {
            Excess::of(&description.sdp)
        }
        _ => None,
    };
    timeline.iter().find_map(|entry| Some((entry.n, of(entry)?)))
}

/// By whom, and with which `o=` line, a description was set that is not, to the letter, what that peer had created.
fn munged(peers: &[String], timeline: &[Entry]) -> BTreeSet<(Peer, Option<String>)> {
    let peer = |name: &str| peers.iter().position(|peer| peer == name).map(Peer);
    let mut creating: BTreeSet<(&str, u64)> = BTreeSet::new();
    let mut created: BTreeMap<(Peer, Option<String>), BTreeSet<String>> = BTreeMap::new();
    let mut set = Vec::new();
    for entry in timeline {
        match &entry.what {
            What::Command { peer, id, name, .. }
                if matches!(name.as_str(), "createOffer" | "createAnswer") =>
            {
                creating.insert((peer, *id));
            }
            What::Answer { peer: name, id, answer: Answer::Ok(value) } => {
                if creating.remove(&(name.as_str(), *id))
                    && let (Some(by), Some(sdp)) = (peer(name), value.get("sdp").and_then(Value::as_str))
                {
                    let of = (by, origin(&SessionDescription::parse(sdp)));
                    created.entry(of).or_default().insert(sdp.to_owned());
                }
            }
            What::Command { peer: name, name: operation, args, .. } if operation == "setLocalDescription" => {
                let sdp = args.get("description").and_then(|it| it.get("sdp")).and_then(Value::as_str);
                set.extend(peer(name).zip(sdp.filter(|sdp| !sdp.is_empty())));
            }
            _ => {}
        }
    }
    let stated = set.into_iter().map(|(by, sdp)| ((by, origin(&SessionDescription::parse(sdp))), sdp));
    stated
        .filter(|(of, sdp)| created.get(of).is_some_and(|all| !all.contains(*sdp)))
        .map(|(of, _)| of)
        .collect()
}

/// The text of the `o=` line: it distinguishes a peer's descriptions (RFC 8866 §5.2).
fn origin(sdp: &SessionDescription) -> Option<String> {
    sdp.session().lines_of('o').next().map(|line| line.raw.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use peerproof_captures::sdp::MOST_SECTIONS;
    use serde_json::json;

    #[test]
    fn a_description_that_exceeds_a_limit_is_found_wherever_it_stands() {
        let places = |sdp: &str| {
            let sdp = json!({"type": "offer", "sdp": sdp});
            [
                json!({"carried": {"from": "alice", "to": "bob", "sent": sdp}}),
                json!({"carried": {"from": "alice", "to": "bob", "sent": {"type": "offer", "sdp": ""}, "delivered": sdp}}),
                json!({"command": {"peer": "alice", "id": 1, "name": "setLocalDescription", "args": {"description": sdp}}}),
                json!({"answer": {"peer": "alice", "id": 1, "answer": {"ok": sdp}}}),
                json!({"event": {"peer": "alice", "seq": 0, "event": {"event": "acted", "data": {"operation": "setLocalDescription", "description": sdp}}}}),
            ]
        };
        let section = "m=audio 9 X 0\r\n";
        let found = |sdp: &str| {
            places(sdp).map(|what| {
                let other = json!({"n": 6, "t_us": 0, "what": {"stalls": {"window_us": 1, "waited_us": []}}});
                let own = json!({"n": 7, "t_us": 0, "what": what});
                let timeline: Vec<Entry> = serde_json::from_value(json!([other, own])).unwrap();
                excessive_description(&timeline)
            })
        };
        assert_eq!(found(&section.repeat(MOST_SECTIONS)), [None; 5]);
        assert_eq!(found(&section.repeat(MOST_SECTIONS + 1)), [Some((7, Excess::Sections)); 5]);
    }

    #[test]
    fn what_the_scenario_changed_before_it_was_set_is_not_the_peers() {
        let sdp = |more: &str| format!("v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n{more}");
        let munged = |set: &str| {
            let description = |sdp: &str| json!({"type": "offer", "sdp": sdp});
            let command = |id: u32, name: &str, args: Value| json!({"command": {"peer": "alice", "id": id, "name": name, "args": args}});
            let answer = |id: u32, sdp: &str| json!({"answer": {"peer": "alice", "id": id, "answer": {"ok": description(sdp)}}});
            let timeline = [
                command(1, "createOffer", json!({})),
                answer(1, &sdp("")),
                command(2, "setLocalDescription", json!({"description": description(set)})),
                answer(2, set),
            ];
            let entry = |(n, what): (usize, Value)| {
                serde_json::from_value(json!({"n": n, "t_us": n, "what": what})).unwrap()
            };
            let timeline: Vec<Entry> = timeline.into_iter().enumerate().map(entry).collect();
            let evidence = Evidence::new(vec!["alice".to_owned()], timeline, None);
            assert_eq!(evidence.made_by(Peer(0)).count(), 1);
            evidence.generated_by(Peer(0)).count() == 0
        };
        assert!(!munged(&sdp("")));
        assert!(munged(&sdp("a=x-changed\r\n")));
    }
}
