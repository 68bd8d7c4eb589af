//! Who is in which room, and who gets what. No sockets here.

use super::message::{ErrorName, FromServer};
use super::server::Limits;
use indexmap::IndexMap;
use serde_json::Value;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::mpsc;

/// What an observer of the server gets.
#[derive(Debug, Clone, PartialEq)]
pub enum Observed {
    /// A client entered a room.
    Joined {
        /// The room.
        room: String,
        /// The client.
        id: String,
    },
    /// A message was carried.
    Carried {
        /// The room.
        room: String,
        /// Who sent it.
        from: String,
        /// Who gets it, in the order of their coming.
        to: Vec<String>,
        /// The message as it was sent.
        message: Value,
    },
    /// A client left or vanished.
    Left {
        /// The room.
        room: String,
        /// The client.
        id: String,
    },
    /// A client did something wrong.
    Refused {
        /// The client, if it had joined.
        id: Option<String>,
        /// What.
        name: ErrorName,
        /// For people.
        message: String,
    },
}

/// Why the server does not do what a client wants.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub(super) struct Refusal {
    pub(super) name: ErrorName,
    pub(super) message: String,
}

impl Refusal {
    pub(super) fn new(name: ErrorName, message: impl Into<String>) -> Self {
        Self { name, message: message.into() }
    }
}

/// The way to a client: its task writes what comes here. A full queue is dealt with by closing the client.
#[derive(Debug, Clone)]
pub(super) struct Outbox {
    queue: mpsc::Sender<FromServer>,
    /// Reported once when the queue was full.
    overrun: mpsc::Sender<()>,
}

impl Outbox {
    /// An outbox for a given number of messages, its other end, and the end that is notified when it overran.
    pub(super) fn new(size: usize) -> (Self, mpsc::Receiver<FromServer>, mpsc::Receiver<()>) {
        let (queue, messages) = mpsc::channel(size);
        let (overrun, overran) = mpsc::channel(1);
        (Self { queue, overrun }, messages, overran)
    }

    fn send(&self, message: FromServer) {
        if let Err(mpsc::error::TrySendError::Full(_)) = self.queue.try_send(message) {
            // A second notification changes nothing.
            let _notified_before = self.overrun.try_send(());
        }
    }
}

/// The clients of a room in the order of their coming.
type Room = IndexMap<String, Outbox>;

#[derive(Debug, Default)]
struct HubState {
    rooms: IndexMap<String, Room>,
    named: u64,
}

/// All rooms.
#[derive(Debug)]
pub(super) struct Hub {
    limits: Limits,
    state: Mutex<HubState>,
    observer: Option<mpsc::UnboundedSender<Observed>>,
}

impl Hub {
    pub(super) fn new(limits: Limits, observer: Option<mpsc::UnboundedSender<Observed>>) -> Self {
        Self { limits, state: Mutex::default(), observer }
    }

    pub(super) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// How many rooms there are, and clients in all of them.
    pub(super) fn population(&self) -> (usize, usize) {
        let state = self.state();
        (state.rooms.len(), state.rooms.values().map(IndexMap::len).sum())
    }

    /// Lets a client in. It leaves when the membership is dropped.
    pub(super) fn join<'a>(
        &'a self,
        room: &str,
        name: Option<String>,
        outbox: Outbox,
    ) -> Result<Membership<'a>, Refusal> {
        let mut state = self.state();
        if !state.rooms.contains_key(room) && state.rooms.len() >= self.limits.rooms {
            let message = format!("the server has its most rooms ({})", self.limits.rooms);
            return Err(Refusal::new(ErrorName::TooManyRooms, message));
        }
        let mut members = state.rooms.get(room).cloned().unwrap_or_default();
        if members.len() >= self.limits.clients_per_room {
            let message = format!("the room has its most clients ({})", self.limits.clients_per_room);
            return Err(Refusal::new(ErrorName::RoomFull, message));
        }
        let id = match name {
            Some(name) if members.contains_key(&name) => {
                return Err(Refusal::new(ErrorName::NameTaken, format!("{name:?} is in the room already")));
            }
            Some(name) => name,
            None => state.free_name(&members),
        };
        let peers: Vec<String> = members.keys().cloned().collect();
        for other in members.values() {
            other.send(FromServer::PeerJoined { id: id.clone() });
        }
        outbox.send(FromServer::Joined { version: super::message::VERSION, id: id.clone(), peers });
        members.insert(id.clone(), outbox);
        state.rooms.insert(room.to_owned(), members);
        self.observe(Observed::Joined { room: room.to_owned(), id: id.clone() });
        Ok(Membership { hub: self, room: room.to_owned(), id })
    }

    /// Carries a message to one other client of the room, or to all.
    pub(super) fn carry(
        &self,
        member: &Membership<'_>,
        to: Option<&str>,
        message: Value,
        delivered: &FromServer,
    ) -> Result<(), Refusal> {
        let state = self.state();
        let members = state.rooms.get(&member.room);
        let targets: Vec<(&String, &Outbox)> = members
            .into_iter()
            .flatten()
            .filter(|(id, _)| **id != member.id && to.is_none_or(|to| *id == to))
            .collect();
        if let (Some(to), true) = (to, targets.is_empty()) {
            return Err(Refusal::new(ErrorName::NoSuchPeer, format!("{to:?} is not in the room")));
        }
        // Observed before it is sent, and under the lock: the record never shows an answer before its offer.
        self.observe(Observed::Carried {
            room: member.room.clone(),
            from: member.id.clone(),
            to: targets.iter().map(|(id, _)| (*id).clone()).collect(),
            message,
        });
        for (_, outbox) in targets {
            outbox.send(delivered.clone());
        }
        Ok(())
    }

    pub(super) fn observe(&self, what: Observed) {
        if let Some(observer) = &self.observer {
            // An observer that has gone wants to know no more.
            let _gone = observer.send(what);
        }
    }

    fn leave(&self, room: &str, id: &str) {
        let mut state = self.state();
        let Some(members) = state.rooms.get_mut(room) else { return };
        if members.shift_remove(id).is_none() {
            return;
        }
        for other in members.values() {
            other.send(FromServer::PeerLeft { id: id.to_owned() });
        }
        if members.is_empty() {
            state.rooms.shift_remove(room);
        }
        self.observe(Observed::Left { room: room.to_owned(), id: id.to_owned() });
    }

    // The state is whole between any two statements that can panic.
    fn state(&self) -> MutexGuard<'_, HubState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl HubState {
    fn free_name(&mut self, members: &Room) -> String {
        loop {
            self.named += 1;
            let name = format!("client-{}", self.named);
            if !members.contains_key(&name) {
                return name;
            }
        }
    }
}

/// A client's place in a room; dropping it is leaving.
#[derive(Debug)]
pub(super) struct Membership<'a> {
    hub: &'a Hub,
    room: String,
    id: String,
}

impl Membership<'_> {
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// Sends the client itself a message.
    pub(super) fn send(&self, message: FromServer) {
        if let Some(outbox) = self.hub.state().rooms.get(&self.room).and_then(|room| room.get(&self.id)) {
            outbox.send(message);
        }
    }
}

impl Drop for Membership<'_> {
    fn drop(&mut self) {
        self.hub.leave(&self.room, &self.id);
    }
}
