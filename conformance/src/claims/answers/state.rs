//! `getState`: each state is the one that the events reported last.

use super::{done, without_effect};
use crate::api::At;
use crate::case_file::{CasePeer, Runs};
use crate::claims::session::Asked;
use crate::claims::{Contradiction, Session};
use crate::verdict::{Layer, Place};
use serde_json::Value;
use std::fmt::Display;

/// How late an event may be behind the state, in microseconds: the state changes first, or with it (webrtc-pc §4.4.1.4).
pub(super) const LATE_US: u64 = 300_000;

pub(super) fn check(
    session: &Session<'_>,
    peer: &CasePeer,
    asked: &[Asked<'_>],
    found: &mut Vec<Contradiction>,
) {
    let Some(view) = session.views.get(&peer.name) else { return };
    for (command, n, t_us, value) in done(asked, "getState") {
        let from = command.entry.t_us.saturating_sub(LATE_US);
        let stalled = session.stalled(from, t_us.saturating_add(LATE_US));
        let off = LATE_US.saturating_add(stalled).saturating_add(session.clock_error(&peer.name));
        let reading = StateReading {
            value,
            n,
            from_us: command.entry.t_us.saturating_sub(off),
            by_us: t_us.saturating_add(off),
        };
        // What `close` changes is not reported (webrtc-pc §4.4.1.5).
        let closed = asked.iter().any(|it| it.name == "close" && it.entry.n < n);
        let all = [
            reading.one("signaling", "signalingstatechange", "stable", &view.signaling, Layer::Sdp),
            reading.one("iceGathering", "icegatheringstatechange", "new", &view.gathering, Layer::Gathering),
            reading.one("iceConnection", "iceconnectionstatechange", "new", &view.ice, Layer::Checks),
            reading.one("connection", "connectionstatechange", "new", &view.connection, Layer::Dtls),
            reading.one("dtls", "dtlsstatechange", "new", &view.dtls, Layer::Dtls),
            reading.one("ice", "icetransportstatechange", "new", &view.ice_transport, Layer::Checks),
            reading.one("sctp", "sctpstatechange", "connecting", &view.sctp, Layer::Sctp),
        ];
        if closed {
            continue;
        }
        found.extend(trickle(peer, asked, command, (n, t_us), value));
        for differs in all.into_iter().flatten() {
            if peer.never_reports(differs.event, &differs.says) {
                continue;
            }
            // Chrome reports nothing more of an SCTP transport once BUNDLE closed the DTLS transport below it.
            let is_bundled = (differs.event, differs.was.as_str()) == ("sctpstatechange", "closed");
            if is_bundled && peer.runs == Runs::Driven {
                continue;
            }
            let Differs { member, says, was, layer, entry, .. } = differs;
            let claimed = format!("getState with {member} {says}");
            let seen = format!("its last event was {was}");
            let evidence = std::iter::once(Place::Entry(n)).chain(entry.map(Place::Entry)).collect();
            found.push(without_effect("answer/getState", layer, &peer.name, t_us, claimed, seen, evidence));
        }
    }
}

/// `canTrickleIceCandidates` is what the other side's description says (webrtc-pc §4.4.2): `a=ice-options:trickle`.
fn trickle(
    peer: &CasePeer,
    asked: &[Asked<'_>],
    command: &Asked<'_>,
    (n, t_us): (u64, u64),
    value: &Value,
) -> Option<Contradiction> {
    let says = value.get("canTrickle")?.as_bool().filter(|_| !peer.is_translated())?;
    let mut set = asked.iter().filter(|it| it.name == "setRemoteDescription" && it.entry.n < n);
    let (last, before) = (set.next_back()?, set.next_back());
    // While a description is being set, the one before it may still count.
    let (entry, ..) = super::succeeded(last).filter(|(entry, ..)| *entry < command.entry.n)?;
    let sdp = last.args.get("description")?.get("sdp")?.as_str().filter(|sdp| !sdp.is_empty())?;
    let is = sdp.lines().filter_map(|line| line.trim_end().strip_prefix("a=ice-options:"));
    let is = is.flat_map(str::split_ascii_whitespace).any(|option| option == "trickle");
    if says == is || before.is_some_and(|before| super::succeeded(before).is_none()) {
        return None;
    }
    let claimed = format!("getState with canTrickle {says}");
    let seen = format!(
        "the description of the other side {} a=ice-options:trickle",
        if is { "has" } else { "has no" }
    );
    let evidence = vec![Place::Entry(n), Place::Entry(entry)];
    Some(without_effect("answer/getState", Layer::Sdp, &peer.name, t_us, claimed, seen, evidence))
}

struct StateReading<'a> {
    value: &'a Value,
    n: u64,
    from_us: u64,
    by_us: u64,
}

struct Differs {
    member: &'static str,
    event: &'static str,
    says: String,
    was: String,
    layer: Layer,
    entry: Option<u64>,
}

impl StateReading<'_> {
    /// A state that no event reported about then.
    fn one<S: Display>(
        &self,
        member: &'static str,
        event: &'static str,
        first: &str,
        events: &[At<S>],
        layer: Layer,
    ) -> Option<Differs> {
        let says = self.value.get(member)?.as_str()?;
        let before = events.iter().rev().find(|at| at.t_us < self.from_us && at.n < self.n);
        let about = events.iter().filter(|at| {
            (self.from_us..=self.by_us).contains(&at.t_us) || at.n > self.n && at.t_us <= self.by_us
        });
        let fits = |at: &At<S>| at.is.to_string() == says;
        let initial = before.is_none() && says == first;
        if initial || before.is_some_and(fits) || about.into_iter().any(fits) {
            return None;
        }
        let last = events.iter().rev().find(|at| at.t_us <= self.by_us);
        Some(Differs {
            member,
            event,
            says: says.to_owned(),
            was: last.map_or_else(|| "none".to_owned(), |at| at.is.to_string()),
            layer,
            entry: last.map(|at| at.n),
        })
    }
}
