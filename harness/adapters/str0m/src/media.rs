//! Transceivers and the tracks that come in. What str0m has is a medium for each media section; nothing is sent on it here.

use serde_json::{Value, json};
use str0m::media::{Direction, MediaKind, Mid};

use crate::connection::Connection;
use crate::sdp;
use crate::wire::{Answer, Refusal, Wire, rejected, unsupported};

pub struct Transceiver {
    pub kind: MediaKind,
    /// Of the receiver, whose track it is.
    track: String,
    /// What the application wants; what is negotiated str0m knows.
    pub direction: Direction,
    /// Of the section in the last offer or answer.
    pub mid: Option<Mid>,
    pub negotiated: bool,
    pub stopped: bool,
    /// Whether `track` has been fired for what comes in now.
    receiving: bool,
    /// Whether it has ever been fired: only then can the track end.
    reported: bool,
    muted: bool,
}

const DIRECTIONS: [(&str, Direction); 4] = [
    ("sendrecv", Direction::SendRecv),
    ("sendonly", Direction::SendOnly),
    ("recvonly", Direction::RecvOnly),
    ("inactive", Direction::Inactive),
];

pub fn direction(name: &str) -> Result<Direction, Refusal> {
    match DIRECTIONS.iter().find(|(known, _)| *known == name) {
        Some((_, direction)) => Ok(*direction),
        None => rejected("TypeError", format!("{name} is no direction")),
    }
}

fn name(direction: Direction) -> &'static str {
    DIRECTIONS.iter().find(|(_, known)| *known == direction).map_or("inactive", |(name, _)| name)
}

fn kind_name(kind: MediaKind) -> &'static str {
    if kind == MediaKind::Audio { "audio" } else { "video" }
}

impl Connection {
    pub fn add_transceiver(&mut self, kind: &str, direction: Direction) -> Answer {
        self.must_be_open()?;
        let kind = match kind {
            "audio" => MediaKind::Audio,
            "video" => MediaKind::Video,
            _ => return rejected("TypeError", format!("{kind} is no kind of media")),
        };
        self.push_transceiver(kind, direction, None);
        self.offer_is_stale = true;
        Ok(json!({ "transceiver": self.transceivers.len() - 1, "mid": null }))
    }

    fn push_transceiver(&mut self, kind: MediaKind, direction: Direction, mid: Option<Mid>) {
        let track = format!("{}-{}", kind_name(kind), self.transceivers.len());
        self.transceivers.push(Transceiver {
            kind,
            track,
            direction,
            mid,
            negotiated: mid.is_some(),
            stopped: false,
            receiving: false,
            reported: false,
            muted: true,
        });
    }

    pub fn set_direction(&mut self, index: usize, direction: Direction) -> Answer {
        self.change_transceiver(index, |transceiver| {
            if transceiver.stopped {
                return rejected("InvalidStateError", "the transceiver is stopped");
            }
            transceiver.direction = direction;
            Ok(Value::Null)
        })
    }

    pub fn stop_transceiver(&mut self, index: usize) -> Answer {
        self.change_transceiver(index, |transceiver| {
            transceiver.stopped = true;
            Ok(Value::Null)
        })
    }

    fn change_transceiver(
        &mut self,
        index: usize,
        change: impl FnOnce(&mut Transceiver) -> Answer,
    ) -> Answer {
        self.must_be_open()?;
        let answering = self.signaling == "have-remote-offer";
        let Some(transceiver) = self.transceivers.get_mut(index) else {
            return rejected("NotFoundError", format!("unknown transceiver {index}"));
        };
        if answering && transceiver.negotiated {
            return unsupported(
                "str0m makes its answer when it takes the offer: nothing can be changed between",
            );
        }
        self.offer_is_stale = true;
        change(transceiver)
    }

    pub fn get_transceivers(&self) -> Value {
        let local = self.local.as_ref().map_or("", |(_, sdp)| sdp);
        let describe = |transceiver: &Transceiver| {
            let medium =
                transceiver.mid.filter(|_| transceiver.negotiated).and_then(|mid| self.rtc.media(mid));
            let stopped = transceiver.stopped || medium.is_some_and(|medium| medium.stopped());
            // Before the answer is set locally nothing is negotiated yet.
            let current =
                medium.filter(|_| self.signaling != "have-remote-offer").map(|medium| medium.direction());
            json!({
                "mid": transceiver.mid.map(|mid| mid.to_string()).filter(|mid| sdp::section(local, mid).is_some()),
                "kind": kind_name(transceiver.kind),
                "direction": if stopped { "stopped" } else { name(transceiver.direction) },
                "currentDirection": if stopped { Some("stopped") } else { current.map(name) },
                "stopped": stopped,
                "sender": null,
                "receiver": transceiver.track,
            })
        };
        self.transceivers.iter().map(describe).collect()
    }

    /// A medium that the remote side offered. str0m answers with the counterpart of the offered direction, whether anything
    /// will be sent or not.
    pub fn on_media_added(&mut self, wire: &mut Wire, mid: Mid, kind: MediaKind, direction: Direction) {
        if self.transceivers.iter().all(|transceiver| transceiver.mid != Some(mid)) {
            self.push_transceiver(kind, direction, Some(mid));
        }
        self.look_for_tracks(wire);
    }

    /// Reports the tracks that come in since the directions were negotiated, and those that end since their section was
    /// stopped.
    pub fn look_for_tracks(&mut self, wire: &mut Wire) {
        let remote = self.remote.as_ref().map_or("", |(_, sdp)| sdp);
        for transceiver in self.transceivers.iter_mut().filter(|transceiver| transceiver.negotiated) {
            let Some((mid, medium)) =
                transceiver.mid.and_then(|mid| Some((mid.to_string(), self.rtc.media(mid)?)))
            else {
                continue;
            };
            if medium.stopped() && !transceiver.stopped {
                transceiver.stopped = true;
                if transceiver.reported {
                    wire.event("trackended", json!({ "id": transceiver.track }));
                }
            }
            let receives = medium.direction().is_receiving() && !medium.disabled();
            if receives && !transceiver.receiving {
                let section = sdp::section(remote, &mid).unwrap_or("");
                let streams: Vec<&str> = sdp::attributes(section, "msid")
                    .filter_map(|msid| msid.split(' ').next())
                    .filter(|stream| *stream != "-")
                    .collect();
                let (id, kind) = (&transceiver.track, kind_name(transceiver.kind));
                wire.event("track", json!({ "id": id, "kind": kind, "mid": mid, "streams": streams }));
                transceiver.reported = true;
            }
            transceiver.receiving = receives;
        }
    }

    /// Something of a track came in, or nothing did for a while.
    pub fn on_flow(&mut self, wire: &mut Wire, mid: Mid, muted: bool) {
        let of_mid = |transceiver: &&mut Transceiver| transceiver.mid == Some(mid) && transceiver.receiving;
        if let Some(transceiver) = self.transceivers.iter_mut().find(of_mid)
            && transceiver.muted != muted
        {
            transceiver.muted = muted;
            wire.event(if muted { "trackmute" } else { "trackunmute" }, json!({ "id": transceiver.track }));
        }
    }
}
