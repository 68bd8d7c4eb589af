//! The roles that agents claim, who answers what to whom, and what may have an agent change its role.

use super::is_binding;
use crate::evidence::{Evidence, Packet, Peer};
use peerproof_captures::wire::stun::{AttributeType, Class, Code, Content, Message, TransactionId};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::ops::Range;

/// The role of an ICE agent (RFC 8445 §6.1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Controlling,
    Controlled,
}

impl Role {
    pub(super) const fn opposite(self) -> Self {
        match self {
            Self::Controlling => Self::Controlled,
            Self::Controlled => Self::Controlling,
        }
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Controlling => "controlling",
            Self::Controlled => "controlled",
        }
    }
}

/// What a message says about roles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Says {
    /// A connectivity check: its sender has this role and this tiebreaker.
    Claims(Role, u64),
    /// A success response.
    Agrees,
    /// 487 (Role Conflict).
    Conflict,
    /// Another error.
    Refuses(u16),
}

/// A Binding request or response at a peer's tap.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stated<'a> {
    pub(super) packet: &'a Packet,
    pub(super) message: Message<'a>,
    pub(super) says: Says,
}

impl<'a> Stated<'a> {
    pub(super) fn transaction(&self) -> TransactionId {
        self.message.transaction.value
    }

    /// The username fragments of a check: the receiver's and the sender's.
    pub(super) fn ufrags(&self) -> Option<(&'a str, &'a str)> {
        self.message.text(AttributeType::Username)?.value.split_once(':')
    }

    /// Whether this answers a request.
    pub(super) fn answers(&self, request: &Self) -> bool {
        !matches!(self.says, Says::Claims(..))
            && self.transaction() == request.transaction()
            && (self.packet.from, self.packet.to) == (request.packet.to, request.packet.from)
    }
}

/// A pair, from and to, and the username fragments of its session.
type Session<'a> = (SocketAddr, SocketAddr, (&'a str, &'a str));

/// What one peer saw, in order, and where in it something is: captures may hold millions of checks, so nothing is looked for by
/// going through them.
pub(super) struct History<'a> {
    pub(super) peer: Peer,
    pub(super) stated: Vec<Stated<'a>>,
    /// How often each check was seen so far, itself included.
    copies: Vec<usize>,
    last_copies: BTreeMap<(Peer, TransactionId), usize>,
    answers: BTreeMap<TransactionId, Vec<usize>>,
    /// The peer's own checks by its username fragment, and those of them that are no copies.
    own: BTreeMap<&'a str, (Vec<usize>, Vec<usize>)>,
    /// Its own checks that are no copies, by pair and session.
    paired: BTreeMap<Session<'a>, Vec<usize>>,
    own_requests: BTreeMap<TransactionId, usize>,
    /// What the other side says: that it controls, that it is controlled, and 487.
    controlling: Vec<usize>,
    controlled: Vec<usize>,
    conflicts: Vec<usize>,
}

impl<'a> History<'a> {
    pub(super) fn new(evidence: &'a Evidence, peer: Peer) -> Self {
        let mut history = Self {
            peer,
            stated: stated(evidence, peer),
            copies: Vec::new(),
            last_copies: BTreeMap::new(),
            answers: BTreeMap::new(),
            own: BTreeMap::new(),
            paired: BTreeMap::new(),
            own_requests: BTreeMap::new(),
            controlling: Vec::new(),
            controlled: Vec::new(),
            conflicts: Vec::new(),
        };
        for at in 0..history.stated.len() {
            history.note(at);
        }
        history
    }

    fn note(&mut self, at: usize) {
        let it = self.stated[at];
        let (is_own, transaction) = (it.packet.sender == self.peer, it.transaction());
        let Says::Claims(role, _) = it.says else {
            self.copies.push(0);
            self.answers.entry(transaction).or_default().push(at);
            if !is_own && it.says == Says::Conflict {
                self.conflicts.push(at);
            }
            return;
        };
        let copies = self.last_copies.entry((it.packet.sender, transaction)).or_default();
        *copies += 1;
        let is_first = *copies == 1;
        self.copies.push(*copies);
        match (is_own, role) {
            (true, _) => {
                self.own_requests.entry(transaction).or_insert(at);
                let Some(ufrags) = it.message.text(AttributeType::Username).map(|text| text.value) else {
                    return;
                };
                let Some(ufrags) = ufrags.split_once(':') else { return };
                let (all, first) = self.own.entry(ufrags.1).or_default();
                all.push(at);
                if is_first {
                    first.push(at);
                    self.paired.entry((it.packet.from, it.packet.to, ufrags)).or_default().push(at);
                }
            }
            (false, Role::Controlling) => self.controlling.push(at),
            (false, Role::Controlled) => self.controlled.push(at),
        }
    }

    /// Whether a check was not seen before: a retransmission says what was true when it was first sent.
    pub(super) fn is_first(&self, at: usize) -> bool {
        self.copies.get(at) == Some(&1)
    }

    /// Whether a check came more than once.
    pub(super) fn came_again(&self, request: &Stated<'_>) -> bool {
        self.last_copies
            .get(&(request.packet.sender, request.transaction()))
            .is_some_and(|copies| *copies > 1)
    }

    /// The answers to a check that came after it, in order.
    pub(super) fn answers(&self, at: usize) -> impl Iterator<Item = (usize, &Stated<'a>)> + Clone {
        let all = self.answers.get(&self.stated[at].transaction()).map(Vec::as_slice).unwrap_or_default();
        let after = all.get(all.partition_point(|answer| *answer < at)..).unwrap_or_default();
        after
            .iter()
            .map(|answer| (*answer, &self.stated[*answer]))
            .filter(move |(_, it)| it.answers(&self.stated[at]))
    }

    /// The peer's own check that has this transaction, the first of them.
    pub(super) fn own_request(&self, transaction: TransactionId) -> Option<&Stated<'a>> {
        self.own_requests.get(&transaction).and_then(|at| self.stated.get(*at))
    }

    /// The peer's last check with this username fragment before a place.
    pub(super) fn own_before(&self, ufrag: &str, at: usize) -> Option<usize> {
        let (all, _) = self.own.get(ufrag)?;
        all.get(all.partition_point(|own| *own < at).checked_sub(1)?).copied()
    }

    /// Its next one from a place on that is no copy.
    pub(super) fn own_after(&self, ufrag: &str, at: usize) -> Option<usize> {
        let (_, first) = self.own.get(ufrag)?;
        first.get(first.partition_point(|own| *own < at)).copied()
    }

    /// Its checks of the same pair and session as `request` from a place on that are no copies.
    pub(super) fn of_pair<'b>(&'b self, request: &'b Stated<'_>, at: usize) -> &'b [usize] {
        let Some(ufrags) = request.ufrags() else { return &[] };
        let all = self.paired.get(&(request.packet.from, request.packet.to, ufrags));
        let all = all.map(Vec::as_slice).unwrap_or_default();
        all.get(all.partition_point(|own| *own < at)..).unwrap_or_default()
    }

    /// Whether the other side claims a role within a stretch.
    pub(super) fn claims(&self, role: Role, stretch: Range<usize>) -> bool {
        let all = match role {
            Role::Controlling => &self.controlling,
            Role::Controlled => &self.controlled,
        };
        within(all, stretch)
    }

    /// Whether the other side says 487 within a stretch.
    pub(super) fn conflicts(&self, stretch: Range<usize>) -> bool {
        within(&self.conflicts, stretch)
    }
}

fn within(all: &[usize], stretch: Range<usize>) -> bool {
    all.get(all.partition_point(|at| *at < stretch.start)).is_some_and(|at| *at < stretch.end)
}

/// The Binding requests and responses between the peers as seen nearest to `peer`, in order, without those that bear no role.
fn stated(evidence: &Evidence, peer: Peer) -> Vec<Stated<'_>> {
    let stun = evidence.wire.iter().flat_map(|wire| wire.stun(peer));
    stun.filter_map(|(packet, message)| Some(Stated { packet, message, says: says(&message)? })).collect()
}

fn says(message: &Message<'_>) -> Option<Says> {
    if is_binding(message, Class::Success) {
        return Some(Says::Agrees);
    }
    if is_binding(message, Class::Error) {
        return match message.content(AttributeType::ErrorCode)?.value {
            Content::Error(error) if error.code.value == Code::RoleConflict => Some(Says::Conflict),
            Content::Error(error) => Some(Says::Refuses(error.code.value.raw())),
            _ => None,
        };
    }
    if !is_binding(message, Class::Request) {
        return None;
    }
    let value = |kind| message.number(kind).map(|number| number.value);
    match (value(AttributeType::IceControlling), value(AttributeType::IceControlled)) {
        (Some(tiebreaker), None) => Some(Says::Claims(Role::Controlling, tiebreaker)),
        (None, Some(tiebreaker)) => Some(Says::Claims(Role::Controlled, tiebreaker)),
        // Neither or both: judged by `ice-check-role-attribute`.
        _ => None,
    }
}
