//! A recorded case as the families of claims look at it.

use crate::api::{PeerView, Views};
use crate::case_file::CasePeer;
use crate::evidence::Timing;
use crate::record::CaseRecord;
use peerproof_captures::event::PeerEvent;
use peerproof_captures::timeline::{Answer, Entry, What};
use serde_json::Value;
use std::collections::BTreeMap;

/// A recorded case.
pub(crate) struct Session<'a> {
    pub(crate) record: &'a CaseRecord,
    pub(crate) views: &'a Views,
    timing: Timing,
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
        Self { record, views, timing: Timing::of(&names, &record.timeline) }
    }

    /// Most that the machine may have delayed anything between two moments, in microseconds; [`u64::MAX`] where the recording does not say.
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
    pub(crate) fn events<'b>(
        &self,
        peer: &'b str,
    ) -> impl Iterator<Item = (&'a Entry, &'a PeerEvent)> + use<'a, 'b> {
        self.record.timeline.iter().filter_map(move |entry| match &entry.what {
            What::Event { peer: of, event, .. } if of == peer => Some((entry, event)),
            _ => None,
        })
    }

    /// What a peer was asked to do, in order, with its answers.
    pub(crate) fn asked(&self, peer: &str) -> Vec<Asked<'a>> {
        let mut all: Vec<Asked<'a>> = Vec::new();
        // Where the last command of each number is that has no answer yet.
        let mut open: BTreeMap<u64, usize> = BTreeMap::new();
        for entry in &self.record.timeline {
            match &entry.what {
                What::Command { peer: of, id, name, args } if of == peer => {
                    open.insert(*id, all.len());
                    all.push(Asked { entry, name, args, answer: None });
                }
                What::Answer { peer: of, id, answer } if of == peer => {
                    if let Some(asked) = open.remove(id).and_then(|n| all.get_mut(n)) {
                        asked.answer = Some((entry, answer));
                    }
                }
                _ => {}
            }
        }
        all
    }
}
