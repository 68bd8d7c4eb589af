//! Whether commands on a connection have their effect: an answer `ok` says that it was done.

use super::alone::description;
use super::outcome::{Group, Tried, violates};
use super::pair::Pair;
use peerproof_captures::event::{ConnectionState, DtlsState, IceState, PeerEvent, SdpType};
use peerproof_captures::sdp::SessionDescription;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;

/// How long it may take until the other side notices an end that was not signalled: consent expires after 30 s (RFC 7675 §5.1).
const NOTICED: Duration = Duration::from_secs(45);

/// The last commands of two that are connected: an ICE restart, and the end.
pub(super) async fn effects(pair: &mut Pair, group: &mut Group, listed: &BTreeSet<String>) {
    let restart = if listed.contains("restartIce") { "restartIce" } else { "createOffer with iceRestart" };
    group.add(format!("{restart} gives the next offer other credentials"), restarts(pair, listed).await);
    if listed.contains("close") {
        group.add("a connection that is closed has ended", closes(pair, listed).await);
    }
}

async fn restarts(pair: &mut Pair, listed: &BTreeSet<String>) -> Tried {
    let by_option = !listed.contains("restartIce");
    if !by_option {
        pair.offerer.call("restartIce", Value::Null).await.done()?;
    }
    let args = if by_option { json!({ "iceRestart": true }) } else { json!({}) };
    let offer = pair.offerer.call("createOffer", args).await.done()?;
    let offer = credentials(&description(&offer, SdpType::Offer)?.sdp);
    // Both change (RFC 8445 §9).
    let kept: Vec<&String> = offer.intersection(&pair.credentials).collect();
    if offer.is_empty() || !kept.is_empty() {
        return violates("another ice-ufrag and another ice-pwd", format!("{offer:?}"));
    }
    Ok(())
}

/// The lines with credentials in a description.
pub(super) fn credentials(sdp: &str) -> BTreeSet<String> {
    let of_ice = |line: &str| line.starts_with("a=ice-ufrag:") || line.starts_with("a=ice-pwd:");
    SessionDescription::parse(sdp)
        .lines()
        .map(|line| line.raw.trim_end().to_owned())
        .filter(|it| of_ice(it))
        .collect()
}

async fn closes(pair: &mut Pair, listed: &BTreeSet<String>) -> Tried {
    let mark = pair.answerer.mark();
    pair.offerer.call("close", Value::Null).await.done()?;
    if listed.contains("getState") {
        // After the end not every implementation has a state.
        let state = pair.offerer.call("getState", Value::Null).await.done().unwrap_or_default();
        if ["signaling", "connection", "iceConnection"].iter().any(|name| state[*name] == "closed") {
            return Ok(());
        }
    }
    // Some keep their states, but do nothing any more.
    let offer = pair.offerer.call("createOffer", json!({})).await;
    if offer.refused(&["InvalidStateError"]) == Ok(true) {
        return Ok(());
    }
    let noticed = |event: &PeerEvent| {
        let end = matches!(
            event,
            PeerEvent::ChannelClose { .. }
                | PeerEvent::ConnectionStateChange {
                    state: ConnectionState::Disconnected | ConnectionState::Failed | ConnectionState::Closed
                }
                | PeerEvent::IceConnectionStateChange {
                    state: IceState::Disconnected | IceState::Failed | IceState::Closed
                }
                | PeerEvent::DtlsStateChange { state: DtlsState::Failed | DtlsState::Closed, .. }
        );
        end.then_some(())
    };
    let what = "the state closed, a rejection of createOffer, or an event at the answerer that shows the end";
    pair.answerer.event(mark, what, NOTICED, noticed).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_those_of_every_section() {
        let sdp = "v=0\r\na=ice-ufrag:one\r\nm=audio 9 x 0\r\na=ice-pwd:two\r\na=ice-options:ice2\r\n";
        let all: Vec<String> = credentials(sdp).into_iter().collect();
        assert_eq!(all, ["a=ice-pwd:two", "a=ice-ufrag:one"]);
        assert!(credentials("").is_empty());
    }
}
