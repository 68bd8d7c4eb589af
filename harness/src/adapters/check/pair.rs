//! Two processes of the program that are connected with each other.

use super::alone::description;
use super::effects::credentials;
use super::outcome::{Tried, violates};
use super::session::{Ground, Session, Trouble};
use crate::machine::Limit;
use peerproof_captures::event::{
    ConnectionState, Description, IceCandidate, IceGatheringState, PeerEvent, SdpType,
};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;

/// How long anything between two peers may take.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

/// Offerer and answerer.
pub(super) struct Pair {
    pub(super) offerer: Session,
    pub(super) answerer: Session,
    /// How many candidates of each were carried.
    carried: [usize; 2],
    /// The lines with ICE credentials in the offer by which they were connected.
    pub(super) credentials: BTreeSet<String>,
}

impl Pair {
    /// Starts both and lets each make a connection.
    pub(super) async fn start(ground: &Ground, name: &str) -> Result<(Self, Tried), Trouble> {
        let (offerer, one) = Session::connection(ground, &format!("{name}, offerer")).await?;
        let (answerer, other) = Session::connection(ground, &format!("{name}, answerer")).await?;
        Ok((Self { offerer, answerer, carried: [0, 0], credentials: BTreeSet::new() }, one.and(other)))
    }

    /// Exchanges offer and answer, carries candidates, and waits until both are connected.
    pub(super) async fn connect(&mut self) -> Tried {
        let offer = describe(&mut self.offerer, "createOffer", json!({}), SdpType::Offer).await?;
        self.credentials = credentials(&offer.sdp);
        self.answerer.call("setRemoteDescription", json!({ "description": offer })).await.done()?;
        let answer = describe(&mut self.answerer, "createAnswer", Value::Null, SdpType::Answer).await?;
        self.offerer.call("setRemoteDescription", json!({ "description": answer })).await.done()?;
        let limit = Limit::new(PATIENCE);
        let mut connected = [false, false];
        while connected != [true, true] {
            self.carry().await?;
            connected = [&self.offerer, &self.answerer].map(is_connected);
            for session in [&self.offerer, &self.answerer] {
                if let Some(over) = session.over() {
                    return violates("both are connected", format!("{}: {over}", session.name()));
                }
            }
            let left = limit.left();
            if left.is_zero() {
                let which = if connected[0] { "the answerer" } else { "the offerer" };
                let came = format!("{which} reported no connectionstatechange to connected within 20 s");
                return violates("both are connected", came);
            }
            // Whoever of both says something next.
            tokio::select! {
                biased;
                () = self.offerer.news(left.min(Duration::from_millis(100))) => {}
                () = self.answerer.news(left.min(Duration::from_millis(100))) => {}
            }
        }
        Ok(())
    }

    /// Carries the candidates that are new.
    async fn carry(&mut self) -> Tried {
        for from in [0, 1] {
            let (one, other) = match from {
                0 => (&self.offerer, &mut self.answerer),
                _ => (&self.answerer, &mut self.offerer),
            };
            let all: Vec<Option<IceCandidate>> = one.events(0, |event| match event {
                PeerEvent::IceCandidate { candidate } => Some(candidate.clone()),
                _ => None,
            });
            let carried = self.carried.get(from).copied().unwrap_or_default();
            for candidate in all.get(carried..).unwrap_or_default() {
                let args =
                    candidate.as_ref().map_or(json!({}), |candidate| json!({ "candidate": candidate }));
                match other.call("addIceCandidate", args).await.done() {
                    // That it takes no sign of the end stops nothing.
                    Err(_) if candidate.is_none() && other.over().is_none() => {}
                    done => {
                        done?;
                    }
                }
            }
            if let Some(carried) = self.carried.get_mut(from) {
                *carried = all.len();
            }
        }
        Ok(())
    }

    /// Whether one of both has ended by itself.
    pub(super) fn over(&self) -> bool {
        self.offerer.over().is_some() || self.answerer.over().is_some()
    }

    /// Ends both.
    pub(super) async fn end(self) {
        self.offerer.end().await;
        self.answerer.end().await;
    }
}

/// Has a description made and set. One that never reports a candidate has them in its local description, as a run takes them.
async fn describe(session: &mut Session, create: &str, args: Value, as_type: SdpType) -> Tried<Description> {
    let made = session.call(create, args).await.done()?;
    let made = description(&made, as_type)?;
    session.call("setLocalDescription", json!({ "description": made })).await.done()?;
    if session.reports("icecandidate") {
        return Ok(made);
    }
    if session.reports("icegatheringstatechange") {
        let is_complete = |event: &PeerEvent| {
            matches!(event, PeerEvent::IceGatheringStateChange { state: IceGatheringState::Complete })
                .then_some(())
        };
        session.event(0, "icegatheringstatechange to complete", PATIENCE, is_complete).await?;
    }
    let state = session.call("getState", Value::Null).await.done()?;
    description(state.get("localDescription").unwrap_or(&Value::Null), as_type)
}

fn is_connected(session: &Session) -> bool {
    let connected = |event: &PeerEvent| {
        matches!(event, PeerEvent::ConnectionStateChange { state: ConnectionState::Connected }).then_some(())
    };
    !session.events(0, connected).is_empty()
}

/// Why no pair can be made, if so.
pub(super) fn cannot(listed: &BTreeSet<String>) -> Option<String> {
    let needed = [
        "createPeerConnection",
        "createOffer",
        "createAnswer",
        "setLocalDescription",
        "setRemoteDescription",
        "addIceCandidate",
    ];
    let missing: Vec<&str> = needed.into_iter().filter(|name| !listed.contains(*name)).collect();
    (!missing.is_empty()).then(|| format!("it has no {}", missing.join(", ")))
}
