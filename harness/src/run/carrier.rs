//! Carries the candidates of one peer to the other, in order, when the other can take them.

use super::actor::Actor;
use super::journal::Journal;
use crate::peers::protocol::Command;
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

    /// The other has the description.
    pub fn open(&self) {
        self.inner().open = true;
        self.changed.notify_one();
    }

    /// The scenario wants something else. To carry them means now, also where no step of ours exchanged the descriptions.
    pub fn want(&self, wanted: Candidates) {
        let mut inner = self.inner();
        inner.wanted = wanted;
        inner.open |= wanted == Candidates::Carry;
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
            _ => Next::Deliver(inner.rewrite.clone()),
        };
        Some((candidate, next))
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

enum Next {
    Withhold,
    Deliver(Option<CandidateRewrite>),
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
        (Next::Deliver(Some(rewrite)), Some(candidate)) => match rewrite.apply(candidate) {
            Ok(changed) => changed.into_iter().map(Some).collect(),
            Err(error) => {
                journal.write(What::Note(Note::NotRewritten { error: error.to_string() }));
                Vec::new()
            }
        },
        (Next::Deliver(_), sent) => vec![sent.clone()],
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
