//! Marks: what shows which implementation a peer is. No scenario changes it, and it differs between implementations.
//!
//! [`Known`] has the marks of each implementation that this project plays with, as recordings of ours showed them
//! (`conformance/marks.json`, made by `cargo xtask marks`). A mark that is not in it says nothing: versions change their habits. One that is
//! another's alone contradicts the name that a peer gives.

use super::Session;
use crate::case_file::CasePeer;
use crate::evidence::Peer;
use crate::record::CaseRecord;
use crate::verdict::Place;
use peerproof_captures::sdp::SessionDescription;
use peerproof_captures::timeline::{Answer, What};
use peerproof_captures::wire::dtls::handshake::Body;
use peerproof_captures::wire::sctp::{Body as Chunk, ParameterContent};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

/// A kind of mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mark {
    /// How long the ICE credentials are in a description that the peer made, and in which order the attributes stand that every description of
    /// WebRTC has (RFC 9429 §5.2.1).
    Description,
    /// The cipher suites of its first ClientHello, in order (RFC 6347 §4.2.1).
    ClientHello,
    /// The parameters, streams and window of its INIT (RFC 9260 §3.3.2).
    Init,
}

impl Mark {
    /// All kinds.
    const ALL: [Self; 3] = [Self::Description, Self::ClientHello, Self::Init];

    /// In words, as what carries it.
    #[must_use]
    pub fn carrier(self) -> &'static str {
        match self {
            Self::Description => "description",
            Self::ClientHello => "ClientHello",
            Self::Init => "INIT",
        }
    }
}

/// A mark that a recording shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Its kind.
    pub mark: Mark,
    /// The mark.
    pub value: String,
    /// When, in microseconds from the beginning of the case.
    pub t_us: u64,
    /// Where.
    pub place: Place,
}

/// The marks of an implementation.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Marks {
    /// The versions that were seen.
    pub versions: BTreeSet<String>,
    /// What they showed.
    pub marks: BTreeMap<Mark, BTreeSet<String>>,
}

/// The marks of all implementations that are known, by their names.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Known(pub BTreeMap<String, Marks>);

impl Known {
    /// Those that this program has.
    #[must_use]
    pub fn embedded() -> &'static Self {
        static KNOWN: LazyLock<Known> = LazyLock::new(|| {
            // A test reads them.
            serde_json::from_str(include_str!("../../marks.json")).unwrap_or_default()
        });
        &KNOWN
    }

    /// Adds what a recorded case shows of both peers.
    pub fn add(&mut self, record: &CaseRecord) {
        let views = crate::api::views(&record.timeline, record.file.peers.iter().map(|peer| &peer.name));
        let session = Session::new(record, &views);
        for (n, peer) in record.file.peers.iter().enumerate() {
            // One that did not open has said no version.
            if peer.version.is_empty() {
                continue;
            }
            let own = self.0.entry(peer.implementation.clone()).or_default();
            own.versions.insert(peer.version.clone());
            for seen in seen(&session, peer, Peer(n)) {
                own.marks.entry(seen.mark).or_default().insert(seen.value);
            }
        }
    }

    /// Adds what others are known by.
    pub fn merge(&mut self, others: Self) {
        for (name, marks) in others.0 {
            let own = self.0.entry(name).or_default();
            own.versions.extend(marks.versions);
            for (mark, values) in marks.marks {
                own.marks.entry(mark).or_default().extend(values);
            }
        }
    }

    /// Who shows a mark.
    fn owners(&self, mark: Mark, value: &str) -> BTreeSet<&str> {
        let has = |marks: &Marks| marks.marks.get(&mark).is_some_and(|known| known.contains(value));
        self.0.iter().filter(|(_, marks)| has(marks)).map(|(name, _)| name.as_str()).collect()
    }

    /// What a peer shows that is another's and not its own, with whose it is. A version that is known has to show one such mark; of one that
    /// is not, a habit may have changed: two are needed that are one implementation's, or one where all else that it shows is that
    /// implementation's too.
    pub(super) fn stranger(
        &self,
        peer: &CasePeer,
        seen: impl IntoIterator<Item = Seen>,
    ) -> Option<(Seen, Vec<String>)> {
        let own = self.0.get(&peer.implementation)?;
        let mut foreign: Vec<(Seen, BTreeSet<&str>)> = Vec::new();
        let mut kinds = BTreeSet::new();
        let mut fits_all: Option<BTreeSet<&str>> = None;
        for seen in seen {
            let owners = self.owners(seen.mark, &seen.value);
            kinds.insert(seen.mark);
            fits_all = Some(match fits_all {
                Some(all) => all.intersection(&owners).copied().collect(),
                None => owners.clone(),
            });
            if own.marks.get(&seen.mark).is_none_or(|known| known.contains(&seen.value)) {
                continue;
            }
            if !owners.is_empty() {
                foreign.push((seen, owners));
            }
        }
        let is_shared = |(n, (seen, owners)): (usize, &(Seen, BTreeSet<&str>))| {
            let mut others = foreign.iter().skip(n + 1);
            others.any(|(other, of)| other.mark != seen.mark && !owners.is_disjoint(of))
        };
        // Of all kinds, so that nothing speaks against it.
        let is_another_in_all =
            Mark::ALL.iter().all(|kind| kinds.contains(kind)) && fits_all.is_some_and(|all| !all.is_empty());
        let suffices = own.versions.contains(&peer.version)
            || foreign.iter().enumerate().any(is_shared)
            || is_another_in_all;
        let (first, owners) = foreign.into_iter().next().filter(|_| suffices)?;
        Some((first, owners.into_iter().map(str::to_owned).collect()))
    }
}

/// The marks that a peer shows in a case. What a rule of the scenario may have changed on its way shows nothing.
pub(super) fn seen(session: &Session<'_>, peer: &CasePeer, place: Peer) -> Vec<Seen> {
    let mut all: Vec<Seen> = descriptions(session, peer).collect();
    let is_changed = session.record.timeline.iter().any(|entry| matches!(entry.what, What::Faulted { .. }));
    if !is_changed {
        all.extend(client_hello(session, place));
        all.extend(init(session, place));
    }
    all
}

/// Attributes that every description of WebRTC has, in each section or for all of them.
const ALWAYS: [&str; 5] = ["ice-ufrag", "ice-pwd", "fingerprint", "setup", "mid"];

/// The descriptions that a peer made.
fn descriptions<'a>(session: &'a Session<'_>, peer: &CasePeer) -> impl Iterator<Item = Seen> + use<'a> {
    let made = session.asked(&peer.name).into_iter();
    let made = made.filter(|asked| ["createOffer", "createAnswer"].contains(&asked.name));
    made.filter_map(|asked| {
        let (entry, Answer::Ok(made)) = asked.answer? else { return None };
        let value = description(&SessionDescription::parse(made.get("sdp")?.as_str()?))?;
        Some(Seen { mark: Mark::Description, value, t_us: entry.t_us, place: Place::Entry(entry.n) })
    })
}

/// The mark of a description, by its session and its first section with a MID; none if these have no credentials.
fn description(sdp: &SessionDescription) -> Option<String> {
    let both = [sdp.session(), sdp.media().find(|section| section.has("mid"))?];
    let length = |name: &str| both.iter().find_map(|it| it.value(name)).map(str::len);
    let (ufrag, pwd) = (length("ice-ufrag")?, length("ice-pwd")?);
    let [session, section] = both.map(|lines| {
        let mut order: Vec<&str> = Vec::new();
        for name in lines.attributes().map(|attribute| attribute.name).filter(|name| ALWAYS.contains(name)) {
            if !order.contains(&name) {
                order.push(name);
            }
        }
        order.join(" ")
    });
    Some(format!("ice-ufrag {ufrag}, ice-pwd {pwd}; session: {session}; section: {section}"))
}

fn client_hello(session: &Session<'_>, place: Peer) -> Option<Seen> {
    let wire = session.record.packets().filter(|wire| wire.ruled.is_empty() && !wire.hides_packets())?;
    let handshake = session.handshake(place).filter(|_| !wire.packets.is_empty())?;
    handshake.bodies().find_map(|(message, body)| match body {
        Body::ClientHello(hello) if message.sender == place => {
            let suites: Vec<String> = hello.cipher_suites.iter().map(|suite| suite.to_string()).collect();
            let value = suites.join(" ");
            let place = Place::Frame(message.frame);
            Some(Seen { mark: Mark::ClientHello, value, t_us: message.t_us, place })
        }
        _ => None,
    })
}

fn init(session: &Session<'_>, place: Peer) -> Option<Seen> {
    let wire = session.record.packets().filter(|wire| wire.ruled.is_empty())?;
    wire.sctp(place).filter(|(packet, _)| packet.sender == place).find_map(|(packet, sctp)| {
        let value = sctp.chunks.iter().find_map(|chunk| match &chunk.body {
            Some(Chunk::Init(init)) => {
                let mut kinds = BTreeSet::new();
                for parameter in init.parameters.iter() {
                    kinds.insert(parameter.kind.value.to_string());
                    if let Some(ParameterContent::ChunkTypes(all)) = parameter.content {
                        kinds.extend(all.iter().map(|listed| listed.0.value.to_string()));
                    }
                }
                let kinds: Vec<String> = kinds.into_iter().collect();
                let (out, into) = (init.outbound_streams.value, init.inbound_streams.value);
                Some(format!(
                    "{}; {out} out, {into} in; window {}",
                    kinds.join(", "),
                    init.receiver_window.value
                ))
            }
            _ => None,
        })?;
        Some(Seen { mark: Mark::Init, value, t_us: packet.t_us, place: Place::Frame(packet.frame) })
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing::{contradicted, found};
    use super::{Known, Mark, Seen};
    use crate::checks::controls::Recording;
    use crate::record::CaseRecord;
    use crate::verdict::{Layer, Place};
    use peerproof_captures::timeline::What;

    fn as_said(recording: Recording, peer: usize, (name, version): (&str, &str)) -> (String, CaseRecord) {
        let mut record = recording.record();
        let of = &mut record.file.peers[peer];
        (of.implementation, of.version) = (name.to_owned(), version.to_owned());
        (of.name.clone(), record)
    }

    fn accused(record: &CaseRecord) -> bool {
        found(record, super::super::greeting::check).iter().any(|it| it.claim == "hello/implementation")
    }

    /// A version of an implementation whose marks are known.
    fn known(name: &str) -> String {
        Known::embedded().0[name].versions.first().unwrap().clone()
    }

    #[test]
    fn marks_of_another_contradict_the_name() {
        for (recording, peer, of) in [(Recording::Data, 0, "stack"), (Recording::Relay, 0, "chrome")] {
            for name in ["aiortc", "werift", "webrtcbin"] {
                let (peer, record) = as_said(recording, peer, (name, &known(name)));
                let found = found(&record, super::super::greeting::check);
                contradicted(&found, "hello/implementation", Layer::Signalling, &peer);
                assert!(found[0].seen.contains(of), "{name}: {}", found[0].seen);
            }
            // What nobody knows is contradicted by nothing.
            for name in ["mine", of] {
                let (_, record) = as_said(recording, peer, (name, &known(of)));
                assert!(!accused(&record), "{recording:?} {name}");
            }
        }
    }

    #[test]
    fn what_a_rule_may_have_changed_is_not_a_mark() {
        let (_, mut record) = as_said(Recording::Data, 1, ("aiortc", &known("aiortc")));
        record.timeline.retain(|entry| !matches!(entry.what, What::Answer { .. }));
        assert!(accused(&record));
        let faulted = Recording::Lost.record().timeline;
        record.timeline.extend(faulted.into_iter().filter(|it| matches!(it.what, What::Faulted { .. })));
        assert!(!accused(&record));
    }

    #[test]
    fn a_version_that_nobody_knows_has_to_show_two_marks_of_one_implementation() {
        let of = |name: &str, mark: Mark| {
            let value = Known::embedded().0[name].marks[&mark].first().unwrap().clone();
            Seen { mark, value, t_us: 0, place: Place::Entry(0) }
        };
        let of_pion = |version: &str, seen: &[Seen]| {
            let mut peer = Recording::Data.record().file.peers.swap_remove(0);
            (peer.implementation, peer.version) = ("pion".to_owned(), version.to_owned());
            Known::embedded().stranger(&peer, seen.to_vec()).map(|(_, owners)| owners)
        };
        let [hello, init] = [Mark::ClientHello, Mark::Init].map(|mark| of("aiortc", mark));
        let own = [of("pion", Mark::Description), of("pion", Mark::ClientHello)];
        let changed = Seen { value: "of a version to come".to_owned(), ..of("aiortc", Mark::ClientHello) };
        let version = known("pion");
        for (version, seen, owners) in [
            (version.as_str(), vec![hello.clone()], Some(vec!["aiortc"])),
            (&version, own.to_vec(), None),
            (&version, vec![changed.clone()], None),
            ("99.0", vec![hello.clone()], None),
            ("99.0", vec![hello.clone(), hello.clone()], None),
            ("99.0", vec![hello.clone(), of("webrtcbin", Mark::Init)], None),
            ("99.0", vec![hello, of("aiortc", Mark::Init)], Some(vec!["aiortc"])),
            ("99.0", vec![changed, init], None),
        ] {
            let owners = owners.map(|all: Vec<&str>| all.into_iter().map(str::to_owned).collect());
            assert_eq!(of_pion(version, &seen), owners, "{version} {seen:?}");
        }
    }

    #[test]
    fn an_implementation_has_marks_of_each_kind_and_its_hellos_are_its_own() {
        let known = Known::embedded();
        assert!(known.0.len() >= 11, "{}", known.0.len());
        for (name, marks) in &known.0 {
            assert!(!marks.versions.is_empty(), "{name}");
            for mark in [Mark::Description, Mark::ClientHello, Mark::Init] {
                assert!(marks.marks.get(&mark).is_some_and(|values| !values.is_empty()), "{name} {mark:?}");
            }
            for value in &marks.marks[&Mark::ClientHello] {
                assert_eq!(
                    known.owners(Mark::ClientHello, value).into_iter().collect::<Vec<_>>(),
                    [name.as_str()]
                );
            }
        }
    }

    #[test]
    fn a_version_that_nobody_knows_and_that_is_another_in_all_that_it_shows_is_that_one() {
        // Its description and its INIT are Chrome's too.
        let of = |name: &str, mark: Mark| {
            let value = Known::embedded().0[name].marks[&mark].first().unwrap().clone();
            Seen { mark, value, t_us: 0, place: Place::Entry(0) }
        };
        let of_chrome = |seen: &[Seen]| {
            let mut peer = Recording::Data.record().file.peers.swap_remove(0);
            (peer.implementation, peer.version) = ("chrome".to_owned(), "999.0".to_owned());
            Known::embedded().stranger(&peer, seen.to_vec()).map(|(_, owners)| owners)
        };
        let shown = Mark::ALL.map(|mark| of("libwebrtc", mark));
        assert_eq!(of_chrome(&shown), Some(vec!["libwebrtc".to_owned()]));
        assert_eq!(of_chrome(&shown[..2]), None, "its INIT might be its own");
        assert_eq!(of_chrome(&Mark::ALL.map(|mark| of("chrome", mark))), None);
    }
}
