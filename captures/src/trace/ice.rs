//! ICE: connectivity checks on candidate pairs, nomination, roles and consent (RFC 8445, RFC 7675).

use super::at::{At, Side, Sides};
use super::limits;
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;
use std::net::SocketAddr;

/// How a transaction ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// No response was seen.
    Unanswered,
    /// A success response.
    Success,
    /// An error response with this code.
    Error(u16),
}

/// A request with its retransmissions and its response.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Transaction {
    /// Who sent the request.
    pub from: Side,
    /// The transaction ID in hexadecimal digits.
    pub id: String,
    /// The first request.
    pub request: At,
    /// How often the request was retransmitted.
    pub retransmissions: u64,
    /// The response.
    pub response: Option<At>,
    /// How it ended.
    pub outcome: Outcome,
    /// Nanoseconds from the newest request to the response, at this place of observation.
    pub rtt_ns: Option<u64>,
    /// Whether the request bears USE-CANDIDATE.
    pub use_candidate: bool,
    /// Where the response came from, if not from where the request went.
    pub answered_from: Option<SocketAddr>,
}

/// Round trip times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, JsonSchema)]
pub struct RoundTrips {
    /// How many.
    pub count: u64,
    /// The shortest in nanoseconds.
    pub shortest_ns: u64,
    /// The longest in nanoseconds.
    pub longest_ns: u64,
    /// Their sum in nanoseconds.
    pub sum_ns: u64,
}

impl RoundTrips {
    fn add(&mut self, ns: u64) {
        self.shortest_ns = if self.count == 0 { ns } else { self.shortest_ns.min(ns) };
        self.longest_ns = self.longest_ns.max(ns);
        self.sum_ns = self.sum_ns.saturating_add(ns);
        self.count += 1;
    }

    /// The mean in nanoseconds.
    pub const fn mean_ns(&self) -> Option<u64> {
        self.sum_ns.checked_div(self.count)
    }
}

/// The checks that a side sent on a pair.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, JsonSchema)]
pub struct Checks {
    /// Binding requests (and GOOG-PINGs), retransmissions not counted.
    pub sent: u64,
    /// Requests retransmitted under the same transaction ID.
    pub retransmissions: u64,
    /// Success responses to them.
    pub succeeded: u64,
    /// Error responses to them by code.
    pub errors: BTreeMap<u16, u64>,
    /// The first error response.
    pub first_error: Option<At>,
    /// The first request.
    pub first: Option<At>,
    /// The last request.
    pub last: Option<At>,
    /// The first success response.
    pub first_success: Option<At>,
    /// The newest success response.
    pub last_success: Option<At>,
    /// Round trips of those that were answered.
    pub round_trips: RoundTrips,
    /// Responses that came from another address than the request had gone to, or went to another.
    pub answered_elsewhere: u64,
    /// The first of them, and where it came from.
    pub first_elsewhere: Option<(At, SocketAddr)>,
    /// Requests whose MESSAGE-INTEGRITY does not match the password in the description given.
    pub wrong_integrity: u64,
    /// The first of them.
    pub first_wrong_integrity: Option<At>,
    /// Requests since the newest success response.
    pub unanswered_run: u64,
    /// The longest time from a success response to a later unanswered request, in nanoseconds.
    pub longest_silence_ns: u64,
    /// The newest request within that time.
    pub silence_at: Option<At>,
    /// Requests whose integrity has been looked at.
    #[serde(skip)]
    pub(super) verified: u32,
}

/// The state of a pair as far as packets show it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum PairState {
    /// Checks were sent, none answered.
    Unanswered,
    /// Checks were answered by errors only.
    Failed,
    /// A check succeeded.
    Succeeded,
    /// A check with USE-CANDIDATE succeeded.
    Nominated,
}

/// A candidate pair: a local and a remote address between which checks went.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Pair {
    /// The flow between its addresses.
    pub flow: usize,
    /// Addresses of the sides.
    pub addresses: Sides<SocketAddr>,
    /// The TURN server that one side's address is on, where seen.
    pub via: Option<SocketAddr>,
    /// Its state.
    pub state: PairState,
    /// The success response to the first check with USE-CANDIDATE.
    pub nominated: Option<At>,
    /// The first check with USE-CANDIDATE.
    pub use_candidate: Option<At>,
    /// Checks of each side.
    pub checks: Sides<Checks>,
    /// The first transactions, one by one.
    pub transactions: Vec<Transaction>,
}

/// A request on a pair.
#[derive(Debug, Clone, Copy)]
pub(super) struct Request {
    pub(super) at: At,
    pub(super) from: Side,
    pub(super) use_candidate: bool,
}

impl Pair {
    pub(super) const fn new(flow: usize, addresses: Sides<SocketAddr>, via: Option<SocketAddr>) -> Self {
        Self {
            flow,
            addresses,
            via,
            state: PairState::Unanswered,
            nominated: None,
            use_candidate: None,
            checks: Sides { a: Checks::NONE, b: Checks::NONE },
            transactions: Vec::new(),
        }
    }

    /// A new request; gives the index of its transaction if that is kept.
    pub(super) fn request(&mut self, request: Request, id: &str) -> Option<usize> {
        let Request { at, from, use_candidate } = request;
        self.checks.of_mut(from).request(at);
        if use_candidate {
            self.use_candidate.get_or_insert(at);
        }
        if self.transactions.len() >= limits::TRANSACTIONS {
            return None;
        }
        self.transactions.push(Transaction {
            from,
            id: id.to_owned(),
            request: at,
            retransmissions: 0,
            response: None,
            outcome: Outcome::Unanswered,
            rtt_ns: None,
            use_candidate,
            answered_from: None,
        });
        Some(self.transactions.len() - 1)
    }

    pub(super) fn again(&mut self, from: Side, kept: Option<usize>) {
        self.checks.of_mut(from).retransmissions += 1;
        if let Some(transaction) = kept.and_then(|index| self.transactions.get_mut(index)) {
            transaction.retransmissions += 1;
        }
    }

    /// A response to `request`, whose newest transmission was at `newest`.
    pub(super) fn response(&mut self, request: Request, newest: At, kept: Option<usize>, answer: Answer) {
        let Answer { at, outcome, elsewhere } = answer;
        let rtt = at.since(newest);
        let checks = self.checks.of_mut(request.from);
        if let Some(address) = elsewhere {
            checks.answered_elsewhere += 1;
            checks.first_elsewhere.get_or_insert((at, address));
        }
        match outcome {
            Outcome::Success if elsewhere.is_none() => {
                checks.success(at, rtt);
                self.state = self.state.max(PairState::Succeeded);
                if request.use_candidate {
                    self.nominated.get_or_insert(at);
                    self.state = PairState::Nominated;
                }
            }
            Outcome::Error(code) => {
                *checks.errors.entry(code).or_default() += 1;
                checks.first_error.get_or_insert(at);
                self.state = self.state.max(PairState::Failed);
            }
            _ => {}
        }
        if let Some(transaction) = kept.and_then(|index| self.transactions.get_mut(index)) {
            transaction.response = Some(at);
            transaction.outcome = outcome;
            transaction.rtt_ns = Some(rtt);
            transaction.answered_from = elsewhere;
        }
    }
}

/// A response.
#[derive(Debug, Clone, Copy)]
pub(super) struct Answer {
    pub(super) at: At,
    pub(super) outcome: Outcome,
    /// Where it came from, if not from where the request went.
    pub(super) elsewhere: Option<SocketAddr>,
}

impl Checks {
    const NONE: Self = Self {
        sent: 0,
        retransmissions: 0,
        succeeded: 0,
        errors: BTreeMap::new(),
        first_error: None,
        first: None,
        last: None,
        first_success: None,
        last_success: None,
        round_trips: RoundTrips { count: 0, shortest_ns: 0, longest_ns: 0, sum_ns: 0 },
        answered_elsewhere: 0,
        first_elsewhere: None,
        wrong_integrity: 0,
        first_wrong_integrity: None,
        unanswered_run: 0,
        longest_silence_ns: 0,
        silence_at: None,
        verified: 0,
    };

    fn request(&mut self, at: At) {
        self.sent += 1;
        self.first.get_or_insert(at);
        self.last = Some(at);
        self.unanswered_run += 1;
        if let Some(success) = self.last_success.filter(|_| self.unanswered_run > 1) {
            let silence = at.since(success);
            if silence > self.longest_silence_ns {
                (self.longest_silence_ns, self.silence_at) = (silence, Some(at));
            }
        }
    }

    fn success(&mut self, at: At, rtt: u64) {
        self.succeeded += 1;
        self.first_success.get_or_insert(at);
        self.last_success = Some(at);
        self.round_trips.add(rtt);
        self.unanswered_run = 0;
    }

    /// Error responses of all codes.
    pub fn failed(&self) -> u64 {
        self.errors.values().sum()
    }
}
