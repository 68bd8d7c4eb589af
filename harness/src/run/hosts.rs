//! The hosts of labs in which browsers run. A browser takes seconds to start, so its host serves one case after the other, each time
//! with the addresses of that case's network.
//!
//! Nothing of one case may be visible in the next: a host whose browser still has sockets of the last case waits, and one that
//! cannot be made as new is ended.

use crate::network::lab::{Host, InterfaceSpec, LabError};
use crate::peers::Surroundings;
use crate::peers::browser::Browsers;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Most hosts with browsers that wait for another case. Beyond that the one that has waited longest is ended.
const MOST_IDLE: usize = 24;

/// For whom a host is.
#[derive(Debug, Clone)]
pub(super) struct Purpose {
    pub(super) implementation: String,
    /// Whether the host is kept for the next case.
    pub(super) keeps: bool,
    pub(super) surroundings: Surroundings,
    pub(super) interfaces: Vec<InterfaceSpec>,
}

impl Purpose {
    /// Whether a host made for this can serve that, as it is or with other addresses.
    fn serves(&self, wanted: &Self) -> bool {
        if self.implementation != wanted.implementation || self.surroundings != wanted.surroundings {
            return false;
        }
        // A browser's responder of multicast DNS stays bound to the addresses that it found first.
        if wanted.surroundings.mdns {
            return self.interfaces == wanted.interfaces;
        }
        self.interfaces.len() == wanted.interfaces.len()
            && self.interfaces.iter().zip(&wanted.interfaces).all(|(own, other)| own.is_shaped_like(other))
    }
}

/// All hosts of a run that hold a browser, or may.
#[derive(Default)]
pub(super) struct Hosts(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    /// Those that wait, the longest first.
    idle: VecDeque<(Purpose, Arc<Host>)>,
    /// What those in use were made for, by the number of their namespaces.
    used: BTreeMap<u64, Purpose>,
}

/// Whether a host can serve in another network.
enum Readiness {
    Ready,
    /// The last case is not gone yet.
    NotYet,
    /// The kernel refused.
    Broken,
}

impl Hosts {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A host for this purpose: one that waits, or a new one.
    ///
    /// # Errors
    /// When none waits and the kernel makes no new one.
    pub(super) async fn take(&self, wanted: Purpose, browsers: &Browsers) -> Result<Arc<Host>, LabError> {
        let mut seen = BTreeSet::new();
        while let Some((purpose, mut host)) = self.next(&wanted, &seen) {
            let number = host.namespace().number();
            seen.insert(number);
            match readiness(&mut host, &wanted.interfaces, browsers).await {
                Readiness::Ready => {
                    self.inner().used.insert(number, wanted);
                    return Ok(host);
                }
                Readiness::NotYet => self.inner().idle.push_back((purpose, host)),
                Readiness::Broken => browsers.end_in(&host),
            }
        }
        let host = Host::new(&wanted.interfaces).await?;
        self.inner().used.insert(host.namespace().number(), wanted);
        Ok(host)
    }

    /// The host that has waited longest of those that could serve and were not looked at before.
    fn next(&self, wanted: &Purpose, seen: &BTreeSet<u64>) -> Option<(Purpose, Arc<Host>)> {
        let mut inner = self.inner();
        let place = inner.idle.iter().position(|(purpose, host)| {
            purpose.serves(wanted) && !seen.contains(&host.namespace().number())
        })?;
        inner.idle.remove(place)
    }

    /// Takes a host back. Returns one that is to be ended, if there is one.
    pub(super) fn give_back(&self, host: Arc<Host>) -> Option<Arc<Host>> {
        let mut inner = self.inner();
        match inner.used.remove(&host.namespace().number()) {
            // A stack's host costs milliseconds; a new one holds nothing of the last case.
            Some(purpose) if purpose.keeps && !host.was_changed() => {
                inner.idle.push_back((purpose, host));
                let too_many = inner.idle.len() > MOST_IDLE;
                too_many.then(|| inner.idle.pop_front().map(|(_, host)| host)).flatten()
            }
            _ => Some(host),
        }
    }
}

/// Makes a host that waited ready for its next case.
async fn readiness(host: &mut Arc<Host>, interfaces: &[InterfaceSpec], browsers: &Browsers) -> Readiness {
    // A page that loads while addresses change may be lost (net::ERR_NETWORK_CHANGED).
    browsers.settle_in(host).await;
    match host.exposed_sockets().await {
        Ok(sockets) if sockets.is_empty() => {}
        Ok(_) => return Readiness::NotYet,
        Err(_) => return Readiness::Broken,
    }
    if host.interfaces() == interfaces {
        return Readiness::Ready;
    }
    match Arc::get_mut(host) {
        None => Readiness::NotYet,
        Some(host) => match host.readdress(interfaces).await {
            Ok(()) => Readiness::Ready,
            Err(_) => Readiness::Broken,
        },
    }
}
