//! A stack peer that acts on its own through the signalling server.

use super::answer::{Outcome, Refusal};
use super::outlet::Outlet;
use peerproof_captures::event::{Description, PeerEvent, SdpType};
use peerproof_stack::connection::PeerConnection;
use peerproof_stack::join::{self, Acted, JoinOptions, LocalEvent};
use serde_json::Value;
use std::sync::Arc;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::watch;

/// Joins, and reports each step until the session or the peer ends.
pub(super) async fn join(
    options: JoinOptions,
    connection: Arc<PeerConnection>,
    events: UnboundedReceiver<LocalEvent>,
    outlet: Arc<Outlet>,
    mut ended: watch::Receiver<bool>,
) -> Outcome {
    let joined = join::join(options, connection, events).await;
    let mut session = joined.map_err(|error| Refusal::rejected("NetworkError", error.to_string()))?;
    tokio::spawn(async move {
        loop {
            tokio::select! {
                biased;
                acted = session.next() => match acted {
                    Some(acted) => outlet.report(event_of(acted)),
                    None => return,
                },
                () = over(&mut ended) => {
                    session.leave().await;
                    return;
                }
            }
        }
    });
    Ok(Value::Null)
}

/// Waits for the peer's end.
async fn over(ended: &mut watch::Receiver<bool>) {
    // Fails only when the peer is gone altogether.
    let _ = ended.wait_for(|ended| *ended).await;
}

fn event_of(acted: Acted) -> PeerEvent {
    let kind = |kind| match kind {
        join::SdpType::Offer => SdpType::Offer,
        join::SdpType::Pranswer => SdpType::Pranswer,
        join::SdpType::Answer => SdpType::Answer,
        join::SdpType::Rollback => SdpType::Rollback,
    };
    PeerEvent::Acted {
        operation: acted.operation.to_owned(),
        description: acted.description.map(|d| Description { kind: kind(d.kind), sdp: d.sdp }),
        error: acted.error,
    }
}
