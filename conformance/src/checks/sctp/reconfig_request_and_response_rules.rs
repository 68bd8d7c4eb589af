//! RFC 6525 §5.1.1, §5.2.2: requests to reset streams go one at a time with numbers that begin with the initial TSN, name the last TSN
//! that was assigned, and are answered; they are performed once all up to that TSN has come.

use super::pieces::{Tsns, piece, reads_all_sent_by};
use super::{chunks, reads_all_at};
use crate::checks::timing::Off;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::wire::sctp::{Body, ParameterContent, ReConfigResult, ResetRequest, ResetResponse};
use std::collections::BTreeMap;

pub(super) const CHECK: Check = Check {
    id: "reconfig-request-and-response-rules",
    layer: Layer::Sctp,
    subject: "requests to reset streams",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

/// How long an answer may take, in microseconds: the catalogue's choice.
const LONGEST_US: u64 = 5_000_000;

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    let complete = reads_all_sent_by(evidence, peer) && reads_all_at(evidence, peer);
    let mut requests = Requests::default();
    let mut tsns = Tsns::default();
    let mut last_tsn: Option<i64> = None;
    // Requests of the other side that are not answered, and the last TSN that each names.
    let mut asked: BTreeMap<u32, (u64, u64)> = BTreeMap::new();
    let mut waits_for: BTreeMap<u32, u32> = BTreeMap::new();
    let mut acknowledged: Option<u32> = None;
    for (packet, body) in chunks(evidence, peer) {
        let own = packet.sender == peer;
        match body {
            Body::Init(init) | Body::InitAck(init) if own => {
                requests.next.get_or_insert(init.initial_tsn.value);
                last_tsn.get_or_insert(tsns.extend(init.initial_tsn.value.wrapping_sub(1)));
            }
            Body::ReConfig(reset) => {
                for content in reset.parameters.iter().filter_map(|parameter| parameter.content) {
                    match content {
                        ParameterContent::ResetResponse(response) if own => {
                            let number = response.response.value;
                            asked.remove(&number);
                            let waits_for = waits_for.get(&number);
                            if response.result.value == ReConfigResult::StillInProgress
                                && let (Some(tsn), Some(acknowledged)) = (waits_for, acknowledged)
                                && tsn.wrapping_sub(acknowledged) as i32 <= 0
                            {
                                let text = format!(
                                    "request {number} is answered \"in progress\", although all up to its last TSN is acknowledged"
                                );
                                tally.fail(Fault("not-performed"), text, [Place::Frame(packet.frame)]);
                            }
                        }
                        ParameterContent::ResetResponse(response) => requests.answered(&response),
                        ParameterContent::ResetRequest(request) if own => {
                            let Some(fault) = requests.take(&request, last_tsn) else { continue };
                            judge(fault, complete, Place::Frame(packet.frame), tally);
                        }
                        ParameterContent::ResetRequest(request) if !evidence.is_faulted(packet.frame) => {
                            asked.entry(request.request.value).or_insert((packet.t_us, packet.frame));
                            waits_for.extend(request.last_tsn.map(|tsn| (request.request.value, tsn.value)));
                        }
                        _ => {}
                    }
                }
            }
            Body::Sack(sack) if own => acknowledged = Some(sack.cumulative_tsn.value),
            // What it gives up may have a TSN that was never sent (RFC 3758 §3.5).
            Body::ForwardTsn(forward) if own => {
                last_tsn = last_tsn.max(Some(tsns.extend(forward.new_cumulative_tsn.value)));
            }
            Body::IForwardTsn(forward) if own => {
                last_tsn = last_tsn.max(Some(tsns.extend(forward.new_cumulative_tsn.value)));
            }
            _ if own => {
                if let Some(piece) = piece(packet, &body) {
                    last_tsn = last_tsn.max(Some(tsns.extend(piece.tsn)));
                }
            }
            _ => {}
        }
    }
    let end =
        evidence.wire.iter().flat_map(|wire| wire.at(peer)).map(|packet| packet.t_us).max().unwrap_or(0);
    for (number, (came_us, frame)) in asked.iter().filter(|_| complete) {
        if let Some(off) = Off::late(*came_us, LONGEST_US, end) {
            let text = format!("request {number} was not answered in five seconds");
            tally.off(Fault("not-answered"), evidence, off, text, [Place::Frame(*frame)]);
        }
    }
}

fn judge(fault: Result<(), (Fault, String)>, complete: bool, place: Place, tally: &mut Tally) {
    match fault {
        Ok(()) => tally.pass(place),
        Err((fault, sentence)) if complete => tally.fail(fault, sentence, [place]),
        Err(_) => tally.inconclusive("chunks may have been lost before the recording", [place]),
    }
}

/// The requests of a peer so far.
#[derive(Default)]
struct Requests {
    /// The number that the next one must have.
    next: Option<u32>,
    /// The one that is not answered.
    open: Option<u32>,
}

impl Requests {
    /// What is wrong with a request, after all DATA up to a TSN. `None` if it is the newest one again, which is not answered yet.
    fn take(
        &mut self,
        request: &ResetRequest<'_>,
        last_tsn: Option<i64>,
    ) -> Option<Result<(), (Fault, String)>> {
        let number = request.request.value;
        let expected = self.next.unwrap_or(number);
        if number == expected.wrapping_sub(1) && self.next.is_some() {
            return None;
        }
        let open = self.open.replace(number);
        self.next = Some(number.wrapping_add(1));
        let stated = request.last_tsn.map(|tsn| tsn.value).zip(last_tsn);
        Some(match (open, stated) {
            _ if number != expected => {
                Err((Fault("number-skips"), format!("a request has the number {number}, {expected} is due")))
            }
            (Some(open), _) => Err((
                Fault("second-request-open"),
                format!("request {number} is sent before {open} is answered"),
            )),
            (None, Some((stated, last))) if stated != last as u32 => Err((
                Fault("other-last-tsn"),
                format!("the request has {stated} as the last TSN, but it is {}", last as u32),
            )),
            _ => Ok(()),
        })
    }

    fn answered(&mut self, response: &ResetResponse) {
        let is_done = response.result.value != ReConfigResult::StillInProgress;
        if is_done && self.open == Some(response.response.value) {
            self.open = None;
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, sctp};
    use crate::evidence::Peer;

    /// Gives a request the number after its own.
    pub(super) const CONTROL: Control = Control::new(Recording::Closed, |evidence| {
        sctp::edit_each_of(evidence, Peer(0), sctp::RE_CONFIG, |packet| {
            // Behind the header of the packet and of the chunk: a parameter of type 13, its length, the number.
            if packet[16..18] == [0, 13] {
                let number = u32::from_be_bytes(*packet[20..].first_chunk().unwrap()).wrapping_add(1);
                packet[20..24].copy_from_slice(&number.to_be_bytes());
            }
        });
    })
    .and(&[
        // The last TSN that was assigned stands behind the two numbers.
        Mutation::new(Recording::Closed, "as the last TSN, but it is", |evidence| {
            sctp::edit_each_of(evidence, Peer(0), sctp::RE_CONFIG, |packet| {
                if packet[16..18] == [0, 13] {
                    packet[31] = packet[31].wrapping_add(5);
                }
            });
        }),
        // A response of type 16: its length, the number, the result.
        Mutation::new(Recording::Closed, "although all up to its last TSN is acknowledged", |evidence| {
            sctp::edit_each_of(evidence, Peer(1), sctp::RE_CONFIG, |packet| {
                if packet[16..18] == [0, 16] {
                    packet[27] = 6;
                }
            });
        }),
    ]);
}
