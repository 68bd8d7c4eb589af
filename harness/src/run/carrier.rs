//! Carries the candidates of one peer to the other, in order, when the other can take them.

use super::actor::Actor;
use crate::peers::protocol::Command;
use crate::recording::Journal;
use crate::scenario::rewrite::CandidateRewrite;
use crate::scenario::step::Candidates;
use peerproof_captures::event::IceCandidate;
use peerproof_captures::timeline::{Note, What};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// Carries candidates one way.
#[derive(Debug)]
pub struct Carrier {
    inner: Mutex<Inner>,
    changed: Notify,
    /// Held while a candidate is being handed over.
    under_way: tokio::sync::Mutex<()>,
}

#[derive(Debug)]
struct Inner {
    queue: VecDeque<Option<IceCandidate>>,
    /// The other has the description to which these candidates belong.
    open: bool,
    /// They travel on their own; otherwise they are in the description.
    trickle: bool,
    /// What the scenario wants.
    wanted: Candidates,
    rewrite: Option<CandidateRewrite>,
}

impl Carrier {
    /// A carrier that holds everything back until it is opened.
    #[must_use]
    pub fn new() -> Arc<Self> {
        let inner = Inner {
            queue: VecDeque::new(),
            open: false,
            trickle: true,
            wanted: Candidates::Carry,
            rewrite: None,
        };
        Arc::new(Self {
            inner: Mutex::new(inner),
            changed: Notify::new(),
            under_way: tokio::sync::Mutex::default(),
        })
    }

    /// A candidate was found; nothing for the end of candidates.
    pub fn found(&self, candidate: Option<IceCandidate>) {
        self.inner().queue.push_back(candidate);
        self.changed.notify_one();
    }

    /// A description is about to be made: candidates wait until the other has it.
    pub fn close(&self, trickle: bool, rewrite: Option<&CandidateRewrite>) {
        let mut inner = self.inner();
        inner.open = false;
        inner.trickle = trickle;
        inner.rewrite = rewrite.cloned();
    }

    /// The other offers, and candidates will travel on their own. A peer may find some as soon as it has that offer, before it answers: after
    /// an exchange without trickling these are none that its last description held, so that they wait as well.
    pub fn expect(&self, rewrite: Option<&CandidateRewrite>) {
        if !self.inner().trickle {
            self.close(true, rewrite);
        }
    }

    /// The other has the description.
    pub fn open(&self) {
        self.inner().open = true;
        self.changed.notify_one();
    }

    /// The scenario wants something else. To carry them means now, also where no step of ours exchanged the descriptions.
    pub fn want(&self, wanted: Candidates) {
        let mut inner = self.inner();
        inner.wanted = wanted;
        inner.open |= matches!(wanted, Candidates::Carry | Candidates::CarryByIndex);
        drop(inner);
        self.changed.notify_one();
    }

    /// Carries no more. Returns when what was under way has arrived.
    pub async fn stop(&self) {
        self.want(Candidates::Hold);
        let _under_way = self.under_way.lock().await;
    }

    /// Carries until it is cancelled.
    pub async fn carry(self: Arc<Self>, from: Arc<Actor>, to: Arc<Actor>, journal: Arc<Journal>) {
        loop {
            loop {
                let _under_way = self.under_way.lock().await;
                let Some((candidate, next)) = self.next() else { break };
                deliver(&from, &to, &journal, candidate, next).await;
            }
            self.changed.notified().await;
        }
    }

    /// The next one that may travel. Those that need not are thrown away.
    fn next(&self) -> Option<(Option<IceCandidate>, Next)> {
        let mut inner = self.inner();
        if !inner.open || inner.wanted == Candidates::Hold {
            return None;
        }
        if !inner.trickle {
            inner.queue.clear();
            return None;
        }
        let candidate = inner.queue.pop_front()?;
        let next = match inner.wanted {
            Candidates::Drop => Next::Withhold,
            wanted => {
                Next::Deliver { rewrite: inner.rewrite.clone(), by_index: wanted == Candidates::CarryByIndex }
            }
        };
        Some((candidate, next))
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The candidate with its media section named by its index alone, if it has one (webrtc-pc §4.8.1: then `sdpMid` may be null).
fn by_its_index(candidate: IceCandidate) -> IceCandidate {
    let sdp_mid = candidate.sdp_mid.filter(|_| candidate.sdp_m_line_index.is_none());
    IceCandidate { sdp_mid, ..candidate }
}

enum Next {
    Withhold,
    Deliver { rewrite: Option<CandidateRewrite>, by_index: bool },
}

impl Next {
    /// What the other peer gets, if not nothing at all.
    fn apply(&self, candidate: IceCandidate) -> Result<Vec<IceCandidate>, regex_lite::Error> {
        let Self::Deliver { rewrite, by_index } = self else { return Ok(Vec::new()) };
        let candidate = if *by_index { by_its_index(candidate) } else { candidate };
        match rewrite {
            Some(rewrite) => rewrite.apply(&candidate),
            None => Ok(vec![candidate]),
        }
    }
}

async fn deliver(from: &Actor, to: &Actor, journal: &Journal, sent: Option<IceCandidate>, next: Next) {
    let carried = |delivered: Option<IceCandidate>| What::CarriedCandidate {
        from: from.name().to_owned(),
        to: to.name().to_owned(),
        sent: sent.clone(),
        delivered,
    };
    let delivered: Vec<Option<IceCandidate>> = match (&next, &sent) {
        (Next::Withhold, _) => Vec::new(),
        (next, Some(candidate)) => match next.apply(candidate.clone()) {
            Ok(changed) => changed.into_iter().map(Some).collect(),
            Err(error) => {
                journal.write(What::Note(Note::NotRewritten { error: error.to_string() }));
                Vec::new()
            }
        },
        (Next::Deliver { .. }, None) => vec![None],
    };
    if delivered.is_empty() {
        journal.write(carried(None));
    }
    for candidate in delivered {
        journal.write(carried(candidate.clone()));
        // Whether it is rejected stands in the timeline, where it is judged.
        to.call(Command::AddIceCandidate { candidate }).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate() -> Option<IceCandidate> {
        Some(IceCandidate {
            candidate: "candidate:1 1 udp 1 192.0.2.2 5 typ host".to_owned(),
            sdp_mid: Some("m".to_owned()),
            sdp_m_line_index: Some(0),
            username_fragment: None,
        })
    }

    #[test]
    fn what_is_found_before_the_answer_waits_after_an_exchange_without_trickling() {
        let carrier = Carrier::new();
        carrier.close(false, None);
        carrier.open();
        carrier.found(candidate());
        assert!(carrier.next().is_none(), "it is in the description");
        carrier.expect(None);
        carrier.found(candidate());
        assert!(carrier.next().is_none(), "the other has no answer yet");
        carrier.close(true, None);
        carrier.open();
        assert_eq!(carrier.next().map(|(candidate, _)| candidate), Some(candidate()));
    }

    #[test]
    fn candidates_may_name_their_section_by_its_index_alone() {
        let carrier = Carrier::new();
        for (wanted, mid) in [(Candidates::Carry, Some("m")), (Candidates::CarryByIndex, None)] {
            carrier.found(candidate());
            carrier.want(wanted);
            let (sent, next) = carrier.next().unwrap();
            assert_eq!(sent, candidate(), "what was sent is kept");
            let delivered = next.apply(sent.unwrap()).unwrap().remove(0);
            assert_eq!((delivered.sdp_mid.as_deref(), delivered.sdp_m_line_index), (mid, Some(0)));
        }
    }
}
