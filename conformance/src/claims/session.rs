//! A recorded case as the families of claims look at it.

use super::descriptions::certificates::Presented;
use crate::api::{PeerView, Views};
use crate::case_file::CasePeer;
use crate::evidence::{Handshake, Peer, Timing};
use crate::record::CaseRecord;
use peerproof_captures::event::PeerEvent;
use peerproof_captures::sdp::SessionDescription;
use peerproof_captures::timeline::{Answer, Entry, What};
use serde_json::Value;
use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};

/// A recorded case.
pub(crate) struct Session<'a> {
    pub(crate) record: &'a CaseRecord,
    pub(crate) views: &'a Views,
    timing: Timing,
    /// What each peer did, by its name: every family asks for it, and timelines are long.
    did: BTreeMap<&'a str, Did<'a>>,
    handshakes: BTreeMap<Peer, OnceCell<Handshake>>,
}

/// What a peer did.
#[derive(Default)]
struct Did<'a> {
    events: Vec<(&'a Entry, &'a PeerEvent)>,
    asked: Vec<Asked<'a>>,
    presented: OnceCell<Presented>,
}

/// A command with its answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked<'a> {
    /// The entry of the command.
    pub(crate) entry: &'a Entry,
    pub(crate) name: &'a str,
    pub(crate) args: &'a Value,
    /// The answer and its entry; none if the recording has none.
    pub(crate) answer: Option<(&'a Entry, &'a Answer)>,
}

impl<'a> Session<'a> {
    pub(crate) fn new(record: &'a CaseRecord, views: &'a Views) -> Self {
        let names: Vec<String> = record.file.peers.iter().map(|peer| peer.name.clone()).collect();
        let timing = Timing::of(&names, &record.timeline);
        let timing = timing.of_capture(&record.file, record.packets(), &record.timeline);
        let handshakes = (0..names.len()).map(|place| (Peer(place), OnceCell::new())).collect();
        let mut did = did(&record.timeline);
        for peer in &record.file.peers {
            did.entry(peer.name.as_str()).or_default();
        }
        Self { record, views, timing, did, handshakes }
    }

    /// Most that the machine may have delayed anything between two moments, in microseconds, and what is not known of the clock of the
    /// capture; [`u64::MAX`] where the recording does not say.
    pub(crate) fn stalled(&self, from_us: u64, to_us: u64) -> u64 {
        self.timing.stalled(from_us, to_us)
    }

    /// By how much the times of a peer's events may be off, either way, in microseconds.
    pub(crate) fn clock_error(&self, name: &str) -> u64 {
        self.place_of(name).map_or(u64::MAX, |place| self.timing.clock_error(place))
    }

    /// Each peer with its view.
    pub(crate) fn peers(&self) -> impl Iterator<Item = (&'a CasePeer, &'a PeerView)> + use<'a> {
        let views = self.views;
        self.record.file.peers.iter().filter_map(move |peer| Some((peer, views.get(&peer.name)?)))
    }

    /// The events of a peer in order.
    pub(crate) fn events(&self, peer: &str) -> impl Iterator<Item = (&'a Entry, &'a PeerEvent)> {
        self.did.get(peer).into_iter().flat_map(|did| did.events.iter().copied())
    }

    /// What a peer was asked to do, in order, with its answers.
    pub(crate) fn asked(&self, peer: &str) -> Vec<Asked<'a>> {
        self.did.get(peer).map(|did| did.asked.clone()).unwrap_or_default()
    }

    /// The username fragments in the local descriptions of a peer.
    pub(crate) fn own_ufrags(&self, peer: &str) -> BTreeSet<String> {
        let local = self.views.get(peer).into_iter().flat_map(|view| &view.local);
        local.flat_map(|at| ufrags(&at.is.sdp)).collect()
    }

    /// The first DTLS handshake as seen nearest to a peer; none without its packets.
    pub(crate) fn handshake(&self, place: Peer) -> Option<&Handshake> {
        let wire = self.record.packets()?;
        Some(self.handshakes.get(&place)?.get_or_init(|| Handshake::on(wire, place)))
    }

    /// The certificates of a peer.
    pub(in crate::claims) fn presented(&self, name: &str) -> Option<&Presented> {
        Some(self.did.get(name)?.presented.get_or_init(|| Presented::of(self, name)))
    }
}

/// The username fragments in a description.
pub(super) fn ufrags(sdp: &str) -> BTreeSet<String> {
    let sdp = SessionDescription::parse(sdp);
    let all = std::iter::once(sdp.session()).chain(sdp.media());
    all.filter_map(|section| section.value("ice-ufrag").map(str::to_owned)).collect()
}

/// What each peer did.
fn did(timeline: &[Entry]) -> BTreeMap<&str, Did<'_>> {
    let mut all: BTreeMap<&str, Did<'_>> = BTreeMap::new();
    // Where the last command of each peer and number is that has no answer yet.
    let mut open: BTreeMap<(&str, u64), usize> = BTreeMap::new();
    for entry in timeline {
        match &entry.what {
            What::Event { peer, event, .. } => {
                all.entry(peer).or_default().events.push((entry, event));
            }
            What::Command { peer, id, name, args } => {
                let asked = &mut all.entry(peer).or_default().asked;
                open.insert((peer, *id), asked.len());
                asked.push(Asked { entry, name, args, answer: None });
            }
            What::Answer { peer, id, answer } => {
                let Some(at) = open.remove(&(peer.as_str(), *id)) else { continue };
                if let Some(asked) = all.get_mut(peer.as_str()).and_then(|did| did.asked.get_mut(at)) {
                    asked.answer = Some((entry, answer));
                }
            }
            _ => {}
        }
    }
    all
}
