//! States and events that come before what causes them, or long after it.

use super::super::observed::against;
use super::super::session::Asked;
use super::super::{Contradiction, Session};
use super::commands::CHANGES;
use super::machines::{Machine, Reported, Reports};
use crate::case_file::CasePeer;
use crate::verdict::{Layer, Place};
use peerproof_captures::event::PeerEvent;
use peerproof_captures::timeline::Entry;

/// How much later than its cause an event may be, in microseconds, beside what the machine delayed: a choice of ours. Implementations need a few
/// milliseconds.
const LATE_US: u64 = 2_000_000;

pub(super) fn check(
    session: &Session<'_>,
    peer: &CasePeer,
    reports: &Reports,
    found: &mut Vec<Contradiction>,
) {
    let asked = session.asked(&peer.name);
    let acts = session.events(&peer.name).any(|(_, event)| matches!(event, PeerEvent::Acted { .. }));
    // Who negotiates by itself is given no descriptions.
    if !session.reports_all(peer) || acts || asked.iter().any(|it| it.name == "join") {
        return;
    }
    found.extend(early(peer, &asked, reports));
    let ordered = Ordered { session, peer, asked: &asked };
    found.extend(ordered.late_signaling(reports));
    found.extend(ordered.late_end(reports));
    found.extend(ordered.late_need());
}

/// Gathering begins with a local description, checks with either one, and nothing is connected without both (webrtc-pc §4.3).
fn early(peer: &CasePeer, asked: &[Asked<'_>], reports: &Reports) -> Option<Contradiction> {
    let first = |name: &str| asked.iter().find(|it| it.name == name).map(|it| it.entry.n);
    let (Some(local), Some(remote)) = (first("setLocalDescription"), first("setRemoteDescription")) else {
        return None;
    };
    let needs = |report: &&Reported| {
        let (needed, missing) = match (report.machine, report.state) {
            (Machine::Gathering, "gathering" | "complete") => (local, "no local description had been set"),
            (Machine::Ice | Machine::IceTransport, "checking") | (Machine::Connection, "connecting") => {
                (local.min(remote), "no description had been set")
            }
            (Machine::Ice | Machine::IceTransport, "connected" | "completed")
            | (Machine::Connection, "connected")
            | (Machine::Dtls | Machine::Sctp, "connecting" | "connected") => {
                (local.max(remote), "only one of the two descriptions had been set")
            }
            _ => return None,
        };
        (report.n < needed).then_some(missing)
    };
    let (report, missing) = reports.all.iter().find_map(|report| Some((report, needs(&report)?)))?;
    Some(contradiction(peer, report, missing.to_owned(), None))
}

fn contradiction(peer: &CasePeer, report: &Reported, seen: String, more: Option<u64>) -> Contradiction {
    let claimed = format!("{} reports that {} became {}", peer.name, report.machine, report.state);
    let evidence = std::iter::once(report.place()).chain(more.map(Place::Entry));
    against(&peer.name, report.machine.claim(), report.t_us, claimed, seen, evidence)
}

struct Ordered<'a, 'b> {
    session: &'b Session<'a>,
    peer: &'b CasePeer,
    asked: &'b [Asked<'a>],
}

impl Ordered<'_, '_> {
    /// By how many milliseconds something is later than its cause, if that is too much.
    fn late_ms(&self, cause_us: u64, t_us: u64) -> Option<u64> {
        let error = self.session.clock_error(&self.peer.name);
        let stalled = self.session.stalled(cause_us, t_us);
        let latest = cause_us.saturating_add(LATE_US).saturating_add(error).saturating_add(stalled);
        (t_us > latest).then(|| t_us.saturating_sub(cause_us) / 1_000)
    }

    /// The latest answer to some commands, command by command; none from one on that has none.
    fn answers(&self, wanted: impl Fn(&str) -> bool) -> Vec<(u64, Option<&Entry>)> {
        let mut latest: Option<&Entry> = None;
        let mut is_known = true;
        let given = self.asked.iter().filter(|it| wanted(it.name));
        let each = given.map(|it| {
            let answer = it.answered();
            is_known &= answer.is_some();
            latest = latest.into_iter().chain(answer).max_by_key(|entry| entry.t_us);
            (it.entry.n, latest.filter(|_| is_known))
        });
        each.collect()
    }

    /// `signalingState` changes with the description that is set (webrtc-pc §4.4.1.5).
    fn late_signaling(&self, reports: &Reports) -> Option<Contradiction> {
        let is_set = |name: &str| matches!(name, "setLocalDescription" | "setRemoteDescription");
        let answers = self.answers(is_set);
        let changed = reports.of_machine(Machine::Signaling).filter(|it| it.state != "closed");
        changed.into_iter().find_map(|report| {
            let cause = before(&answers, report.n)?;
            let ms = self.late_ms(cause.t_us, report.t_us)?;
            let seen = format!("the last description had been set {ms} ms before");
            Some(contradiction(self.peer, report, seen, Some(cause.n)))
        })
    }

    /// Gathering ends with the state `complete` and with the candidate `null`, one just behind the other (webrtc-pc §4.8.2).
    fn late_end(&self, reports: &Reports) -> Option<Contradiction> {
        let events = self.session.events(&self.peer.name);
        let null = events.filter(|(_, it)| matches!(it, PeerEvent::IceCandidate { candidate: None }));
        let ends: Vec<&Entry> = null.map(|(entry, _)| entry).collect();
        let complete = reports.of_machine(Machine::Gathering).filter(|it| it.state == "complete");
        complete.into_iter().find_map(|report| {
            let end = ends.iter().min_by_key(|it| it.t_us.abs_diff(report.t_us))?;
            let ms = self.late_ms(end.t_us.min(report.t_us), end.t_us.max(report.t_us))?;
            let order = if end.t_us < report.t_us { "before" } else { "later" };
            let seen = format!("the end of its candidates was reported {ms} ms {order}");
            Some(contradiction(self.peer, report, seen, Some(end.n)))
        })
    }

    /// `negotiationneeded` fires when something becomes necessary, or when the description is set after which it still is (webrtc-pc §4.7.3).
    fn late_need(&self) -> Option<Contradiction> {
        const CLAIM: (&str, Layer) = ("event/negotiationneeded", Layer::Signalling);
        let is_cause = |name: &str| CHANGES.contains(&name) || name.ends_with("Description");
        let answers = self.answers(is_cause);
        let events = self.session.events(&self.peer.name);
        let needs = events.filter(|(_, event)| matches!(event, PeerEvent::NegotiationNeeded));
        needs.into_iter().find_map(|(entry, _)| {
            let cause = before(&answers, entry.n)?;
            let ms = self.late_ms(cause.t_us, entry.t_us)?;
            let claimed = format!("{} reports negotiationneeded", self.peer.name);
            let seen = format!("nothing that makes one necessary was done in the {ms} ms before");
            let evidence = [Place::Entry(entry.n), Place::Entry(cause.n)];
            Some(against(&self.peer.name, CLAIM, entry.t_us, claimed, seen, evidence))
        })
    }
}

/// What holds of the commands before an entry.
fn before<'e>(answers: &[(u64, Option<&'e Entry>)], n: u64) -> Option<&'e Entry> {
    let given = answers.partition_point(|(command, _)| *command < n);
    answers.get(given.checked_sub(1)?)?.1
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::Case;
    use crate::checks::controls::Recording;
    use crate::verdict::Layer;
    use peerproof_captures::event::{
        ConnectionState, DtlsState, IceGatheringState, IceState, PeerEvent, SctpState, SignalingState,
    };
    use peerproof_captures::timeline::{Entry, What};

    /// Moves the first such event of a peer before its command of that place among those that set a description, or else to the end, long after
    /// the rest.
    fn moved(name: &str, event: &PeerEvent, before: Option<usize>) -> Case {
        let mut case = Case::of(Recording::Conflict);
        let timeline = &mut case.record.timeline;
        let is = |entry: &Entry| matches!(&entry.what, What::Event { peer, event: it, .. } if peer == name && it == event);
        let mut entry = timeline.remove(timeline.iter().position(is).unwrap());
        let sets = |entry: &Entry| matches!(&entry.what, What::Command { peer, name: of, .. } if peer == name && of.starts_with("set") && of.ends_with("Description"));
        let mut set = (0..timeline.len()).filter(|at| sets(&timeline[*at]));
        let at = before.map_or(timeline.len(), |nth| set.nth(nth).unwrap());
        entry.t_us = timeline.get(at).map_or_else(|| timeline[at - 1].t_us + 60_000_000, |it| it.t_us);
        timeline.insert(at, entry);
        for (n, entry) in (0..).zip(timeline) {
            entry.n = n;
        }
        case
    }

    #[test]
    fn what_needs_a_description_does_not_come_before_it() {
        let gathering = PeerEvent::IceGatheringStateChange { state: IceGatheringState::Gathering };
        let dtls = PeerEvent::DtlsStateChange { state: DtlsState::Connecting, reason: None };
        let connected = PeerEvent::ConnectionStateChange { state: ConnectionState::Connected };
        let sctp = PeerEvent::SctpStateChange { state: SctpState::Connected };
        for (event, nth, claim, layer, words) in [
            (gathering, 0, "icegathering", Layer::Gathering, "no local description"),
            (dtls, 1, "dtls", Layer::Dtls, "only one of the two"),
            (connected, 1, "connection", Layer::Dtls, "only one of the two"),
            (sctp, 1, "sctp", Layer::Sctp, "only one of the two"),
        ] {
            let claim = format!("event/{claim}statechange.state");
            moved("bob", &event, Some(nth)).blames("bob", &claim, layer, words);
        }
        for (event, claim, layer) in [
            (
                PeerEvent::IceConnectionStateChange { state: IceState::Checking },
                "iceconnection",
                Layer::Checks,
            ),
            (PeerEvent::IceTransportStateChange { state: IceState::Checking }, "icetransport", Layer::Checks),
            (
                PeerEvent::ConnectionStateChange { state: ConnectionState::Connecting },
                "connection",
                Layer::Dtls,
            ),
        ] {
            let claim = format!("event/{claim}statechange.state");
            moved("bob", &event, Some(0)).blames("bob", &claim, layer, "no description had");
            // Checks of the other side may come first.
            let found = moved("bob", &event, Some(1)).found();
            assert!(!found.iter().any(|it| it.sentence().contains("no description had")), "{found:#?}");
        }
    }

    #[test]
    fn what_follows_from_a_command_does_not_come_long_after_it() {
        let stable = PeerEvent::SignalingStateChange { state: SignalingState::Stable };
        let complete = PeerEvent::IceGatheringStateChange { state: IceGatheringState::Complete };
        let signaling = "event/signalingstatechange.state";
        moved("bob", &stable, None).blames("bob", signaling, Layer::Sdp, "had been set");
        let gathering = "event/icegatheringstatechange.state";
        moved("bob", &complete, None).blames("bob", gathering, Layer::Gathering, "ms before");
        let needed = PeerEvent::NegotiationNeeded;
        let claim = "event/negotiationneeded";
        moved("alice", &needed, None).blames(
            "alice",
            claim,
            Layer::Signalling,
            "nothing that makes one necessary",
        );
    }

    #[test]
    fn on_a_machine_that_stalls_it_may() {
        let stable = PeerEvent::SignalingStateChange { state: SignalingState::Stable };
        let mut case = moved("bob", &stable, None);
        for entry in &mut case.record.timeline {
            if let What::Stalls { waited_us, .. } = &mut entry.what {
                *waited_us = vec![u64::MAX];
            }
        }
        let found = case.found();
        assert!(!found.iter().any(|it| it.sentence().contains("had been set")), "{found:#?}");
    }
}
