//! STUN messages: requests paired with their responses, checks put to their candidate pairs.

use super::at::{At, Side, Sides};
use super::connection::Role;
use super::ice::{Answer, Outcome, Pair, Request};
use super::state::TraceState;
use super::turn::{Allocation, Gathering, TurnRequest};
use super::{channel, limits};
use crate::hash::Lookup;
use crate::observe::Ends;
use crate::wire::stun::{AttributeType, Class, Content, Message, Method, TransactionId};
use std::collections::VecDeque;

/// Checks of a side whose integrity is looked at: enough to detect a wrong password, and bounded work.
const VERIFIED: u32 = 8;

/// Most pairs of ufrags known at a place of observation.
const MOST_FRAGMENTS: usize = 4 * limits::CONNECTIONS;

/// What a request is about.
#[derive(Debug, Clone, Copy)]
enum About {
    Check { connection: usize, pair: usize, request: Request, kept: Option<usize> },
    Gathering(usize),
    Turn(TurnRequest),
}

/// A request that waits for its response.
#[derive(Debug)]
struct OpenRequest {
    /// Where it was seen first.
    flow: usize,
    ends: Ends,
    newest: At,
    about: About,
    /// Its ends where it was seen on the other side of a NAT or TURN server.
    beyond: Vec<Ends>,
    /// A response that came from elsewhere. It counts only if the right one does not come: that may be the sight of the right one on the
    /// other side of a NAT.
    elsewhere: Option<Answer>,
    is_answered: bool,
}

/// Requests that wait for their response, the oldest forgotten first.
#[derive(Debug, Default)]
pub(super) struct OpenRequests {
    by_id: Lookup<TransactionId, OpenRequest>,
    order: VecDeque<TransactionId>,
}

impl OpenRequests {
    /// The one that was forgotten for it.
    fn add(&mut self, id: TransactionId, request: OpenRequest) -> Option<OpenRequest> {
        self.by_id.insert(id, request);
        self.order.push_back(id);
        if self.order.len() <= limits::OPEN_REQUESTS {
            return None;
        }
        self.order.pop_front().and_then(|oldest| self.by_id.remove(&oldest))
    }
}

/// How a response stands to its request.
enum Stands {
    /// It goes back the way of the request.
    Back,
    /// It goes back the way of the request on the other side of a NAT.
    Beyond,
    /// It goes another way.
    Elsewhere,
}

impl OpenRequest {
    fn stands(&self, response: Ends) -> Stands {
        let back = Ends { from: response.to, to: response.from, via: response.via };
        // Which server relays it may have become known in between.
        let same = |ends: &Ends| (ends.from, ends.to) == (back.from, back.to);
        if self.ends == back {
            Stands::Back
        } else if self.beyond.contains(&back) {
            Stands::Beyond
        } else if same(&self.ends) {
            Stands::Back
        } else {
            Stands::Elsewhere
        }
    }
}

impl TraceState {
    pub(super) fn stun(&mut self, at: At, flow: usize, ends: Ends, message: &Message<'_>) {
        match message.kind.value.class() {
            Class::Request => self.request(at, flow, ends, message),
            Class::Success | Class::Error => self.response(at, flow, ends, message),
            Class::Indication => {}
        }
    }

    fn request(&mut self, at: At, flow: usize, ends: Ends, message: &Message<'_>) {
        let Some(place) = self.trace.flows.get(flow).map(|flow| flow.place) else { return };
        let id = message.transaction.value;
        let open = self.places.get_mut(place).and_then(|place| place.requests.by_id.get_mut(&id));
        if let Some(open) = open {
            if open.ends == ends {
                open.newest = at;
                let about = open.about;
                return self.repeated(at, flow, ends, about);
            }
            if open.beyond.len() < limits::REQUEST_SIGHTS && !open.beyond.contains(&ends) {
                open.beyond.push(ends);
            }
            let first = open.flow;
            return self.request_beyond_nat(at, flow, first, ends, message);
        }
        let about = match message.kind.value.method() {
            Method::Binding | Method::GoogPing => {
                let fragments = fragments(message);
                let known = self.trace.flows.get(flow).is_some_and(|flow| flow.pair.is_some());
                if fragments.is_some() || known {
                    self.check(at, flow, ends, message, fragments)
                } else {
                    self.gathering(at, place, ends)
                }
            }
            _ => self.turn_request(at, place, ends, message),
        };
        let Some(about) = about else { return };
        let (beyond, elsewhere, is_answered) = (Vec::new(), None, false);
        let request = OpenRequest { flow, ends, newest: at, about, beyond, elsewhere, is_answered };
        let forgotten = self.places.get_mut(place).and_then(|place| place.requests.add(id, request));
        if let Some(forgotten) = forgotten.filter(|it| !it.is_answered) {
            self.trace.over.forgotten_requests += u64::from(forgotten.elsewhere.is_none());
            self.settle(forgotten);
        }
    }

    /// A request that was seen on another side of a NAT before: its flow belongs to the same connection, and it is no further check.
    fn request_beyond_nat(&mut self, at: At, flow: usize, first: usize, ends: Ends, message: &Message<'_>) {
        if let Some((theirs, own)) = fragments(message) {
            self.join(at, flow, ends, &channel::text(own.as_bytes()), &channel::text(theirs.as_bytes()));
        }
        if flow != first {
            self.beyond_nat(flow, first);
        }
    }

    /// A request has no other response any more.
    fn settle(&mut self, request: OpenRequest) {
        let (About::Check { connection, pair, request: of, kept }, Some(answer)) =
            (request.about, request.elsewhere)
        else {
            return;
        };
        if let Some(pair) = self.pair(connection, pair) {
            pair.response(of, request.newest, kept, answer);
        }
    }

    /// The same of all requests, at the end of the capture.
    pub(super) fn settle_requests(&mut self) {
        for place in 0..self.places.len() {
            let Some(OpenRequests { mut by_id, order }) =
                self.places.get_mut(place).map(|place| std::mem::take(&mut place.requests))
            else {
                continue;
            };
            for request in order.iter().filter_map(|id| by_id.remove(id)).filter(|it| !it.is_answered) {
                self.settle(request);
            }
        }
    }

    fn repeated(&mut self, at: At, flow: usize, ends: Ends, about: About) {
        match about {
            About::Check { connection, pair, request, kept } => {
                self.touch(at, flow, ends.from);
                if let Some(pair) = self.pair(connection, pair) {
                    pair.again(request.from, kept);
                }
            }
            About::Gathering(index) => {
                if let Some(gathering) = self.trace.gatherings.get_mut(index) {
                    gathering.requests += 1;
                    gathering.last = at;
                }
            }
            About::Turn(_) => {}
        }
    }

    fn pair(&mut self, connection: usize, pair: usize) -> Option<&mut Pair> {
        self.trace.connections.get_mut(connection)?.pairs.get_mut(pair)
    }

    /// A connectivity check. `fragments` are those of USERNAME: the receiver's, then the sender's (RFC 8445 §7.2.2).
    fn check(
        &mut self,
        at: At,
        flow: usize,
        ends: Ends,
        message: &Message<'_>,
        fragments: Option<(&str, &str)>,
    ) -> Option<About> {
        if let Some((theirs, own)) = fragments {
            self.join(at, flow, ends, &channel::text(own.as_bytes()), &channel::text(theirs.as_bytes()));
        }
        let (index, side) = self.touch(at, flow, ends.from)?;
        let password = fragments.and_then(|(theirs, _)| self.context.password(theirs)).map(str::to_owned);
        let connection = self.trace.connections.get_mut(index)?;
        let found = self.trace.flows.get_mut(flow)?;
        let pair = match found.pair {
            Some(pair) => pair,
            None if connection.pairs.len() >= limits::PAIRS => {
                self.trace.over.checks_on_other_pairs += 1;
                return None;
            }
            None => {
                let addresses = Sides { a: found.address(Side::A), b: found.address(Side::B) };
                connection.pairs.push(Pair::new(flow, addresses, found.via));
                connection.pairs.len() - 1
            }
        };
        found.pair = Some(pair);
        let controlling = message.attribute(AttributeType::IceControlling).is_some();
        if controlling || message.attribute(AttributeType::IceControlled).is_some() {
            let peer = connection.peers.of_mut(side);
            let role = Role { at, controlling };
            peer.first_role.get_or_insert(role);
            if peer.role.is_none_or(|role| role.controlling != controlling) {
                peer.role = Some(role);
            }
        }
        let use_candidate = message.attribute(AttributeType::UseCandidate).is_some();
        let request = Request { at, from: side, use_candidate };
        let pair_of = connection.pairs.get_mut(pair)?;
        let kept = pair_of.request(request, &message.transaction.value.to_string());
        let checks = pair_of.checks.of_mut(side);
        if let Some(password) = password.filter(|_| checks.verified < VERIFIED) {
            checks.verified += 1;
            if message.integrity_matches(password.as_bytes()) == Some(false) {
                checks.wrong_integrity += 1;
                checks.first_wrong_integrity.get_or_insert(at);
            }
        }
        Some(About::Check { connection: index, pair, request, kept })
    }

    /// Puts a flow to the connection of two ufrags.
    fn join(&mut self, at: At, flow: usize, ends: Ends, own: &str, theirs: &str) {
        let Some(found) = self.trace.flows.get_mut(flow) else { return };
        let Some(place) = self.places.get_mut(found.place) else { return };
        let key = if own <= theirs { (own, theirs) } else { (theirs, own) };
        let key = (key.0.to_owned(), key.1.to_owned());
        let known = place.by_ufrags.get(&key).copied();
        let index = match (known, found.connection) {
            (Some(known), None) => known,
            // After an ICE restart the same addresses have new ufrags.
            (None, Some(connection)) => {
                if place.by_ufrags.len() < MOST_FRAGMENTS {
                    place.by_ufrags.insert(key, connection);
                }
                return self.describe(connection, flow, ends, own, theirs);
            }
            (Some(_), Some(_)) => return,
            (None, None) => {
                let Some((index, _)) = self.touch(at, flow, ends.from) else { return };
                if let Some(place) =
                    self.trace.flows.get(flow).and_then(|flow| self.places.get_mut(flow.place))
                {
                    place.by_ufrags.insert(key, index);
                }
                return self.describe(index, flow, ends, own, theirs);
            }
        };
        let Some(connection) = self.trace.connections.get_mut(index) else { return };
        if connection.flows.len() < limits::PAIRS {
            connection.flows.push(flow);
        }
        let own_side = if connection.peers.a.ufrag.as_deref() == Some(own) { Side::A } else { Side::B };
        found.connection = Some(index);
        found.initiator_is = if ends.from == found.initiator { own_side } else { own_side.other() };
    }

    /// Names the sides of a connection by their ufrags.
    fn describe(&mut self, connection: usize, flow: usize, ends: Ends, own: &str, theirs: &str) {
        let Some(side) = self.trace.flows.get(flow).map(|flow| flow.side(ends.from)) else { return };
        let Some(connection) = self.trace.connections.get_mut(connection) else { return };
        for (side, ufrag) in [(side, own), (side.other(), theirs)] {
            let peer = connection.peers.of_mut(side);
            peer.ufrag = Some(ufrag.to_owned());
            if peer.ufrags.len() < limits::UFRAGS && !peer.ufrags.iter().any(|known| known == ufrag) {
                peer.ufrags.push(ufrag.to_owned());
            }
            if let Some(index) = self.context.with_ufrag(ufrag) {
                peer.described = Some(index);
                peer.name = self.context.get(index).map(|known| known.name.clone());
            }
        }
    }

    fn gathering(&mut self, at: At, place: usize, ends: Ends) -> Option<About> {
        let known = &mut self.places.get_mut(place)?.gatherings;
        let index = match known.get(&(ends.from, ends.to)) {
            Some(index) => *index,
            None if self.trace.gatherings.len() >= limits::GATHERINGS => {
                self.trace.over.requests_to_other_servers += 1;
                return None;
            }
            None => {
                self.trace.gatherings.push(Gathering {
                    client: ends.from,
                    server: ends.to,
                    requests: 0,
                    first: at,
                    last: at,
                    answered: None,
                    mapped: None,
                    error: None,
                });
                let index = self.trace.gatherings.len() - 1;
                known.insert((ends.from, ends.to), index);
                index
            }
        };
        let gathering = self.trace.gatherings.get_mut(index)?;
        gathering.requests += 1;
        gathering.last = at;
        Some(About::Gathering(index))
    }

    fn turn_request(&mut self, at: At, place: usize, ends: Ends, message: &Message<'_>) -> Option<About> {
        let known = &mut self.places.get_mut(place)?.allocations;
        let index = match known.get(&(ends.from, ends.to)) {
            Some(index) => *index,
            None if self.trace.allocations.len() >= limits::ALLOCATIONS => {
                self.trace.over.requests_to_other_servers += 1;
                return None;
            }
            None => {
                self.trace.allocations.push(Allocation::new(ends.from, ends.to, at));
                let index = self.trace.allocations.len() - 1;
                known.insert((ends.from, ends.to), index);
                index
            }
        };
        Some(About::Turn(self.trace.allocations.get_mut(index)?.request(index, at, message)))
    }

    fn response(&mut self, at: At, flow: usize, ends: Ends, message: &Message<'_>) {
        let Some(place) = self.trace.flows.get(flow).map(|flow| flow.place) else { return };
        let id = message.transaction.value;
        let outcome = outcome(message);
        let Some(requests) = self.places.get_mut(place).map(|place| &mut place.requests) else { return };
        let Some(open) = requests.by_id.get_mut(&id).filter(|open| !open.is_answered) else {
            let is_known =
                requests.by_id.get(&id).is_some_and(|it| matches!(it.stands(ends), Stands::Beyond));
            self.trace.responses_without_request += u64::from(!is_known);
            return;
        };
        let (newest, about) = (open.newest, open.about);
        match (open.stands(ends), about) {
            // The addresses must be those of the request, the other way round (RFC 8445 §7.2.5.2.1).
            (Stands::Elsewhere, About::Check { connection, request, .. }) => {
                open.elsewhere.get_or_insert(Answer { at, outcome, elsewhere: Some(ends.from) });
                return self.touched(at, connection, request.from.other());
            }
            (Stands::Beyond, _) => return,
            _ => {}
        }
        open.is_answered = true;
        if open.beyond.is_empty() {
            requests.by_id.remove(&id);
        }
        match about {
            About::Check { connection, pair, request, kept } => {
                self.touched(at, connection, request.from.other());
                if let Some(pair) = self.pair(connection, pair) {
                    pair.response(request, newest, kept, Answer { at, outcome, elsewhere: None });
                }
            }
            About::Gathering(index) => {
                let Some(gathering) = self.trace.gatherings.get_mut(index) else { return };
                match outcome {
                    Outcome::Error(code) => drop(gathering.error.get_or_insert((at, code))),
                    _ => {
                        gathering.answered.get_or_insert(at);
                        gathering.mapped =
                            message.address(AttributeType::XorMappedAddress).map(|address| address.value);
                    }
                }
            }
            About::Turn(request) => {
                if let Some(allocation) = self.trace.allocations.get_mut(request.allocation) {
                    allocation.response(at, &request, message);
                }
            }
        }
    }
    /// Notes that something of a side of a connection came.
    fn touched(&mut self, at: At, connection: usize, of: Side) {
        if let Some(connection) = self.trace.connections.get_mut(connection) {
            connection.last = connection.last.max(at);
            connection.peers.of_mut(of).last = Some(at);
        }
    }
}

/// The ufrags of USERNAME: the receiver's, then the sender's (RFC 8445 §7.2.2).
fn fragments<'a>(message: &Message<'a>) -> Option<(&'a str, &'a str)> {
    message.text(AttributeType::Username).and_then(|name| name.value.split_once(':'))
}

fn outcome(message: &Message<'_>) -> Outcome {
    match message.content(AttributeType::ErrorCode).map(|found| found.value) {
        Some(Content::Error(error)) if message.kind.value.class() == Class::Error => {
            Outcome::Error(error.code.value.raw())
        }
        _ if message.kind.value.class() == Class::Error => Outcome::Error(0),
        _ => Outcome::Success,
    }
}
