//! States against the packets at the peer's own tap: those that they need, and those that they leave no room for.

use super::super::observed::{PATIENCE_US, Tap, against, lacks};
use super::super::{Contradiction, Session};
use super::machines::{Machine, Reported, Reports, hides_some};
use crate::case_file::CasePeer;
use crate::evidence::Packet;
use crate::verdict::Place;
use peerproof_captures::wire::demux::Class as First;
use peerproof_captures::wire::dtls::record::Record;
use peerproof_captures::wire::sctp::{self, ChunkType};
use peerproof_captures::wire::stun;
use std::collections::BTreeSet;

/// An agent that got an answer to a check within this time, in microseconds, has no reason to think that the path is gone: the shortest
/// time after which implementations do is five seconds without one.
const FRESH_ANSWER_US: u64 = 4_000_000;
/// The same of any packet: implementations notice silence after two seconds and more.
const FRESH_PACKET_US: u64 = 1_000_000;
/// Packets that were on their way when a transport ended, in microseconds.
const IN_FLIGHT_US: u64 = 200_000;

/// A peer with what its tap shows.
struct At<'a, 'b> {
    session: &'b Session<'a>,
    peer: &'a CasePeer,
    reports: &'b Reports,
    tap: Tap<'a>,
    /// Whether several transports may take turns.
    is_several: bool,
}

pub(super) fn check<'a>(
    session: &Session<'a>,
    peer: &'a CasePeer,
    reports: &Reports,
    is_several: bool,
    found: &mut Vec<Contradiction>,
) {
    let Some(tap) = session.tap(&peer.name) else { return };
    let at = At { session, peer, reports, tap, is_several };
    at.without_packets(found);
    if !peer.is_translated() {
        at.path_works(found);
        at.goes_on(found);
    }
    if session.reports_all(peer) {
        at.never_reported(found);
    }
}

/// Whether a datagram has a record under protection.
fn is_protected(packet: &Packet) -> bool {
    packet.class() == First::Dtls
        && packet.records().map_while(Result::ok).any(|record| match record {
            Record::Plain(plain) => plain.epoch.value > 0,
            Record::Unified(_) => true,
        })
}

/// Whether a datagram is the answer that a check succeeded.
fn is_answer(packet: &Packet) -> bool {
    packet.class() == First::Stun
        && stun::view(&packet.bytes).is_ok_and(|message| message.kind.value.class() == stun::Class::Success)
}

/// Whether a datagram holds a chunk of one of these types, as far as it could be decrypted.
fn has_chunk(packet: &Packet, wanted: &[ChunkType]) -> bool {
    packet.clear.iter().filter(|clear| clear.is_application_data()).any(|clear| {
        sctp::view(&clear.bytes)
            .is_ok_and(|sctp| sctp.chunks.iter().any(|chunk| wanted.contains(&chunk.kind.value)))
    })
}

/// Whether a datagram is application data or media that goes under the keys of a finished handshake.
fn carries_data(packet: &Packet) -> bool {
    packet.clear.iter().any(crate::evidence::Clear::is_application_data)
        || (matches!(packet.class(), First::Rtp) && !packet.clear.is_empty())
}

impl At<'_, '_> {
    fn report(&self, report: &Reported, seen: String, places: &[Place]) -> Contradiction {
        let claimed = format!("{} reports that {} became {}", self.peer.name, report.machine, report.state);
        let evidence = std::iter::once(report.place()).chain(places.iter().copied());
        against(&self.peer.name, report.machine.claim(), report.t_us, claimed, seen, evidence)
    }

    /// Whether a time is later than another by more than a limit and than the clocks and the load of the machine leave open.
    fn is_later(&self, from_us: u64, limit_us: u64, at_us: u64) -> bool {
        let error = self.session.clock_error(&self.peer.name);
        let limit = limit_us.saturating_add(error).saturating_add(self.session.stalled(from_us, at_us));
        at_us > from_us.saturating_add(limit)
    }

    /// States that need packets, of which the peer's tap has none.
    fn without_packets(&self, found: &mut Vec<Contradiction>) {
        let Self { tap, reports, session, peer, .. } = self;
        let reads_all = tap.reads_all();
        let both = || tap.sent().chain(tap.received());
        let missing = [
            (
                Machine::Ice,
                &["connected", "completed"][..],
                !both().any(is_answer),
                "no check was answered with success",
            ),
            (
                Machine::Dtls,
                &["connected"][..],
                !tap.received().any(is_protected),
                "nothing of the other side's handshake came under protection: there is no Finished",
            ),
            (
                Machine::Sctp,
                &["connected"][..],
                reads_all && !both().any(|it| has_chunk(it, &[ChunkType::CookieEcho, ChunkType::CookieAck])),
                "there is neither COOKIE-ECHO nor COOKIE-ACK",
            ),
        ];
        for (machine, states, is_missing, seen) in missing {
            let Some(report) = reports.first(machine, states).filter(|_| is_missing) else { continue };
            // An adapter may have taken the first state that its library shows for one that was reached.
            if peer.is_translated() && !states.contains(&reports.before(machine, u64::MAX)) {
                continue;
            }
            let other = session.record.other(&peer.name);
            let agrees =
                other.is_some_and(|other| Reports::of(session, other).first(machine, states).is_some());
            // Where nothing else shows that there was a session either, the states decide.
            if agrees && !both().any(carries_data) {
                continue;
            }
            found.push(if agrees {
                let claimed = format!("both peers report that {machine} became {}", report.state);
                lacks(machine.claim().1, report.t_us, claimed, seen, [report.place()])
            } else {
                self.report(report, seen.to_owned(), &[])
            });
        }
    }

    /// States that were never reported though the peer sends what needs them.
    fn never_reported(&self, found: &mut Vec<Contradiction>) {
        let Self { tap, reports, session, peer, .. } = self;
        let data = tap.sent().find(|packet| carries_data(packet));
        // DATA may go with COOKIE-ECHO, before the association is up (RFC 9260 §5.1).
        let up = tap.received().find(|packet| has_chunk(packet, &[ChunkType::CookieAck]));
        let chunk = tap.sent().find(|packet| {
            up.is_some_and(|up| packet.frame > up.frame)
                && has_chunk(packet, &[ChunkType::Data, ChunkType::IData])
        });
        let due = [
            (Machine::Ice, &["connected", "completed"][..], data, "sends application data or media"),
            (Machine::Dtls, &["connected"][..], data, "sends application data or media"),
            (Machine::Connection, &["connected"][..], data, "sends application data or media"),
            (Machine::Sctp, &["connected"][..], chunk, "sends DATA"),
        ];
        for (machine, states, packet, does) in due {
            let Some(packet) = packet else { continue };
            // What was just before the end of the recording may have been reported after it.
            let is_late = session.had_time(&peer.name, packet.t_us, PATIENCE_US);
            if !is_late || reports.first(machine, states).is_some() || hides_some(peer, machine) {
                continue;
            }
            let claimed = format!("{} {does}", peer.name);
            let seen = format!("it never reports that {machine} became connected");
            let evidence = [Place::Frame(packet.frame)];
            found.push(against(&peer.name, machine.claim(), packet.t_us, claimed, seen, evidence));
        }
    }

    /// Reported as gone or failed while its checks are answered and packets come in.
    fn path_works(&self, found: &mut Vec<Contradiction>) {
        let disturbed: BTreeSet<u64> = self.session.disturbed();
        let changes = self.session.network_changes();
        let came = || self.tap.received().filter(|packet| !disturbed.contains(&packet.frame));
        let down = |it: &&Reported| {
            matches!(it.machine, Machine::Ice | Machine::IceTransport)
                && ["disconnected", "failed"].contains(&it.state)
                && ["connected", "completed"].contains(&self.reports.before(it.machine, it.n))
        };
        for report in self.reports.all.iter().filter(down) {
            let (t_us, error) = (report.t_us, self.session.clock_error(&self.peer.name));
            let stalled = self.session.stalled(t_us.saturating_sub(FRESH_ANSWER_US), t_us);
            let within = |limit_us: u64| {
                // In this order: what is earlier than the case began is not later by what the machine delayed.
                let earliest = t_us.saturating_add(stalled.saturating_add(error)).saturating_sub(limit_us);
                move |packet: &&Packet| (earliest..=t_us).contains(&packet.t_us)
            };
            let answer = came().filter(within(FRESH_ANSWER_US)).filter(|packet| is_answer(packet)).last();
            let newest = came().filter(within(FRESH_PACKET_US)).last();
            // Where the network is asked to change, an agent may notice that at once.
            let goes_on = !changes || came().any(|packet| packet.t_us > t_us.saturating_add(FRESH_PACKET_US));
            if let (Some(answer), Some(newest), true) = (answer, newest, goes_on) {
                let ms = t_us.saturating_sub(answer.t_us) / 1_000;
                let seen = format!(
                    "a check of it was answered {ms} ms before, and a packet came {} ms before",
                    t_us.saturating_sub(newest.t_us) / 1_000
                );
                let places = [Place::Frame(answer.frame), Place::Frame(newest.frame)];
                found.push(self.report(report, seen, &places));
                return;
            }
        }
    }

    /// Reported as closed or failed, and goes on to send what needs it.
    fn goes_on(&self, found: &mut Vec<Contradiction>) {
        if self.is_several {
            return;
        }
        for report in &self.reports.all {
            let (is_end, data): (bool, fn(&Packet) -> bool) = match report.machine {
                Machine::Dtls => (["closed", "failed"].contains(&report.state), carries_data),
                Machine::Sctp => (report.state == "closed", |packet| {
                    has_chunk(packet, &[ChunkType::Data, ChunkType::Sack])
                }),
                _ => continue,
            };
            // Another handshake or association may come.
            let again = |machine: Machine| {
                self.reports.of_machine(machine).any(|it| it.n > report.n && it.state == "connected")
            };
            if !is_end || again(Machine::Dtls) || again(Machine::Sctp) {
                continue;
            }
            let later = self
                .tap
                .sent()
                .find(|packet| data(packet) && self.is_later(report.t_us, IN_FLIGHT_US, packet.t_us));
            if let Some(packet) = later {
                let ms = packet.t_us.saturating_sub(report.t_us) / 1_000;
                let seen = format!("{ms} ms later it goes on to send");
                found.push(self.report(report, seen, &[Place::Frame(packet.frame)]));
                return;
            }
        }
    }
}
