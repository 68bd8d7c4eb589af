//! What a server said: written to the timeline, and kept for whoever awaits it.

use crate::machine::Limit;
use crate::recording::Journal;
use crate::scenario::server::{ServerAwait, ServerEventKind};
use indexmap::IndexMap;
use peerproof_captures::server::ServerEvent;
use peerproof_captures::timeline::What;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// What was awaited did not come; the last few events are these, the newest last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missed(pub Vec<ServerEvent>);

/// The most events that are listed of a server that did not report what was awaited.
const MOST_LISTED: usize = 6;

/// Events that are kept for waiting; a server that says more is under attack by its own case.
const MOST_KEPT: usize = 100_000;

#[derive(Debug, Default)]
struct Kept {
    /// Each event, and whether somebody who awaited it has taken it.
    events: Vec<(ServerEvent, bool)>,
    /// The place after the last event taken of each client.
    after: IndexMap<String, usize>,
}

/// The log of one server.
#[derive(Debug)]
pub(super) struct Log {
    server: String,
    journal: Arc<Journal>,
    kept: Mutex<Kept>,
    grown: Notify,
}

impl Log {
    pub(super) fn new(server: String, journal: Arc<Journal>) -> Self {
        Self { server, journal, kept: Mutex::default(), grown: Notify::new() }
    }

    pub(super) fn push(&self, event: ServerEvent) {
        self.journal.write(What::Server { server: self.server.clone(), event: event.clone() });
        let mut kept = self.kept();
        if kept.events.len() < MOST_KEPT {
            kept.events.push((event, false));
        }
        drop(kept);
        self.grown.notify_waiters();
    }

    /// Watches until the limit has passed that nothing of this kind comes.
    pub(super) async fn never(&self, kind: ServerEventKind, limit: &Limit) -> Result<(), Missed> {
        let count = |kept: &Kept| kept.events.iter().filter(|(event, _)| event.kind() == Some(kind)).count();
        let before = count(&self.kept());
        loop {
            let grown = self.grown.notified();
            tokio::pin!(grown);
            grown.as_mut().enable();
            if count(&self.kept()) > before {
                return Err(Missed(self.seen()));
            }
            if limit.bound(grown).await.is_err() {
                return Ok(());
            }
        }
    }

    /// Waits until as many events are there as awaited, and takes them.
    pub(super) async fn wait(&self, awaited: &ServerAwait, limit: &Limit) -> Result<(), Missed> {
        loop {
            let grown = self.grown.notified();
            tokio::pin!(grown);
            // From here on no event is missed.
            grown.as_mut().enable();
            if take(&mut self.kept(), awaited) {
                return Ok(());
            }
            if limit.bound(grown).await.is_err() {
                return Err(Missed(self.seen()));
            }
        }
    }

    /// The last few events.
    fn seen(&self) -> Vec<ServerEvent> {
        let kept = self.kept();
        let last = kept.events.iter().skip(kept.events.len().saturating_sub(MOST_LISTED));
        last.map(|(event, _)| event.clone()).collect()
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes the events that are awaited, or none if they are not all there.
fn take(kept: &mut Kept, awaited: &ServerAwait) -> bool {
    let mut found: Vec<(usize, String)> = Vec::new();
    let wanted = awaited.sockets.or(awaited.times).unwrap_or(1);
    let wanted = usize::try_from(wanted).unwrap_or(usize::MAX);
    for (n, (event, taken)) in kept.events.iter().enumerate() {
        let client = event.client().unwrap_or_default();
        let is_late = kept.after.get(client).is_none_or(|after| n >= *after);
        let is_new = awaited.sockets.is_none() || found.iter().all(|(_, known)| known != client);
        if !taken && is_late && is_new && is_awaited(awaited, event) {
            found.push((n, client.to_owned()));
        }
        if found.len() == wanted {
            break;
        }
    }
    if found.len() < wanted {
        return false;
    }
    for (n, client) in found {
        if let Some((_, taken)) = kept.events.get_mut(n) {
            *taken = true;
        }
        kept.after.insert(client, n + 1);
    }
    true
}

fn is_awaited(awaited: &ServerAwait, event: &ServerEvent) -> bool {
    let is_code = match event {
        ServerEvent::Refused { code, .. } => awaited.code.is_none_or(|wanted| wanted == *code),
        _ => true,
    };
    is_code && event.kind().is_some_and(|kind| awaited.event.allows(&kind))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peers::CaseClock;
    use peerproof_conformance::expect::AnyOf;
    use std::time::Duration;

    fn refused(client: &str, code: u16) -> ServerEvent {
        ServerEvent::Refused { client: client.to_owned(), method: "Allocate".to_owned(), code }
    }

    fn awaited(code: u16) -> ServerAwait {
        let event = AnyOf(vec![ServerEventKind::Refused]);
        ServerAwait { event, code: Some(code), times: None, sockets: None, within: None }
    }

    fn log(folder: &std::path::Path) -> Log {
        let journal = Journal::create(&folder.join("t.jsonl"), CaseClock::start()).unwrap();
        Log::new("relay".to_owned(), Arc::new(journal))
    }

    #[tokio::test]
    async fn an_event_counts_once_and_in_the_order_of_its_client() {
        let folder = tempfile::tempdir().unwrap();
        let log = log(folder.path());
        let soon = &Limit::new(Duration::from_secs(20));
        for event in [refused("a", 401), refused("a", 403), refused("a", 401), refused("b", 401)] {
            log.push(event);
        }
        log.wait(&awaited(403), soon).await.unwrap();
        // The first 401 of `a` came before the 403 that was awaited; that of `b` is another matter.
        let twice = ServerAwait { times: Some(2), ..awaited(401) };
        log.wait(&twice, soon).await.unwrap();
        assert!(log.wait(&awaited(401), &Limit::new(Duration::ZERO)).await.is_err());
    }

    /// A ChannelBind installs a permission, too (RFC 8656 §12).
    #[tokio::test]
    async fn any_of_several_events_does() {
        let folder = tempfile::tempdir().unwrap();
        let log = log(folder.path());
        let event = AnyOf(vec![ServerEventKind::Permitted, ServerEventKind::ChannelBound]);
        let either = ServerAwait { event, code: None, times: None, sockets: None, within: None };
        log.push(refused("a", 438));
        assert!(log.wait(&either, &Limit::new(Duration::ZERO)).await.is_err());
        log.push(ServerEvent::ChannelBound { client: "a".to_owned(), channel: 0x4000, peer: "b".to_owned() });
        log.wait(&either, &Limit::new(Duration::from_secs(20))).await.unwrap();
    }

    #[tokio::test]
    async fn several_sockets_are_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let log = log(folder.path());
        let soon = &Limit::new(Duration::from_secs(20));
        log.push(refused("a", 438));
        log.push(refused("a", 438));
        let both = ServerAwait { sockets: Some(2), ..awaited(438) };
        let missed = log.wait(&both, &Limit::new(Duration::ZERO)).await;
        assert_eq!(missed, Err(Missed(vec![refused("a", 438), refused("a", 438)])));
        let (waited, ()) = tokio::join!(log.wait(&both, soon), async { log.push(refused("b", 438)) });
        waited.unwrap();
        assert_eq!(log.never(ServerEventKind::Refused, &Limit::new(Duration::ZERO)).await, Ok(()));
    }
}
