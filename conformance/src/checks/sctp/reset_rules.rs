//! RFC 6525 §5.1.1: requests to reset streams go one at a time with numbers that begin with the initial TSN, tell the last TSN
//! that was assigned, and are answered.

use super::pieces::{Tsns, piece, reads_all_sent_by};
use super::{chunks, reads_all_at};
use crate::checks::{Check, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::wire::sctp::{Body, ParameterContent, ParameterType, ReConfigResult};
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
    // Requests of the other side that are not answered.
    let mut asked: BTreeMap<u32, (u64, u64)> = BTreeMap::new();
    for (packet, body) in chunks(evidence, peer) {
        let place = Place::Frame(packet.frame);
        match body {
            Body::Init(init) | Body::InitAck(init) if packet.sender == peer => {
                requests.next.get_or_insert(init.initial_tsn.value);
                last_tsn.get_or_insert(tsns.extend(init.initial_tsn.value.wrapping_sub(1)));
            }
            Body::ReConfig(reset) => {
                for parameter in reset.parameters.iter() {
                    match (parameter.kind.value, parameter.content) {
                        (_, Some(ParameterContent::ResetResponse(response))) => {
                            let number = response.response.value;
                            if packet.sender == peer {
                                asked.remove(&number);
                            } else if response.result.value != ReConfigResult::StillInProgress {
                                requests.answered(number);
                            }
                        }
                        (kind, Some(ParameterContent::ResetRequest(request))) => {
                            let number = request.request.value;
                            if packet.sender != peer {
                                if !evidence.is_faulted(packet.frame) {
                                    asked.entry(number).or_insert((packet.t_us, packet.frame));
                                }
                                continue;
                            }
                            let told = request.last_tsn.map(|tsn| tsn.value);
                            let told = told.filter(|_| kind == ParameterType::OutgoingReset);
                            let fault = match requests.take(number) {
                                Taken::Again => continue,
                                Taken::Wrong(sentence) => Some(sentence),
                                Taken::New => told.zip(last_tsn).and_then(|(told, last)| {
                                    (told != last as u32).then(|| {
                                        format!(
                                            "the request tells {told} as the last TSN, {} is",
                                            last as u32
                                        )
                                    })
                                }),
                            };
                            match fault {
                                None => tally.good(place),
                                Some(sentence) if complete => tally.fault(sentence, [place]),
                                Some(_) => {
                                    tally.doubt("chunks may have been lost before the recording", [place])
                                }
                            }
                        }
                        _ => {}
                    }
                }
            }
            _ if packet.sender == peer => {
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
        if end.saturating_sub(*came_us) > LONGEST_US {
            tally.fault(format!("request {number} was not answered in five seconds"), [Place::Frame(*frame)]);
        }
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

enum Taken {
    New,
    Again,
    Wrong(String),
}

impl Requests {
    fn take(&mut self, number: u32) -> Taken {
        let expected = self.next.unwrap_or(number);
        // The newest one is sent again until it is answered.
        if number == expected.wrapping_sub(1) && self.next.is_some() {
            return Taken::Again;
        }
        let open = self.open.replace(number);
        self.next = Some(number.wrapping_add(1));
        if number != expected {
            return Taken::Wrong(format!("a request has the number {number}, {expected} is due"));
        }
        match open {
            Some(open) => Taken::Wrong(format!("request {number} is sent before {open} is answered")),
            None => Taken::New,
        }
    }

    fn answered(&mut self, number: u32) {
        if self.open == Some(number) {
            self.open = None;
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, sctp};
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
    });
}
