//! Messages without content. SCTP has none, so that WebRTC sends a byte in their place and says so by the payload protocol identifier (RFC 8831
//! §6.6). Some implementations do not, and send nothing more on that channel: each message has a channel of its own.

use super::content::Content;
use super::data::{ENDED, Side, Taken, arrive, messages_of, opened, send, word};
use super::outcome::{Group, Outcome, Tried};
use super::pair::{PATIENCE, Pair};
use crate::machine::Limit;
use crate::peers::protocol::Payload;
use serde_json::json;
use std::collections::BTreeSet;

/// Sends an empty text and no bytes from each side. `lost` are the sides of which messages with content did not arrive: of another side it is
/// the implementation that loses an empty one, and not the program around it.
pub(super) async fn messages(pair: &mut Pair, group: &mut Group, taken: &mut Taken, lost: &BTreeSet<Side>) {
    let payloads =
        [("an empty text", Payload::Text(String::new())), ("no bytes", Payload::Binary(String::new()))];
    let mut all: Vec<(String, Side, Payload, String, Tried)> = Vec::new();
    for (what, payload) in payloads {
        for side in Side::BOTH {
            let name = format!("{what}, {} to {}", word(side), word(side.other()));
            let label = format!("{what} of the {}", word(side));
            let sent = match pair.over() {
                true => Err(Outcome::NotTried { because: ENDED.to_owned() }),
                false => sent(pair, side, &label, &payload).await,
            };
            all.push((name, side, payload.clone(), label, sent));
        }
    }
    let limit = Limit::new(PATIENCE);
    for (name, side, payload, label, sent) in all {
        let tried = match sent {
            Ok(()) => {
                let arrived =
                    arrive(pair, side.other(), &label, &[Content::of(&payload)], &limit, taken).await;
                let nothing = messages_of(side.other().of(pair), &label).is_empty();
                if nothing && !lost.contains(&side) && !pair.over() { by_standard(arrived) } else { arrived }
            }
            failed => failed,
        };
        group.add(name, tried);
    }
}

async fn sent(pair: &mut Pair, side: Side, label: &str, payload: &Payload) -> Tried {
    pair.offerer.call("createDataChannel", json!({ "label": label })).await.done()?;
    opened(pair, label).await?;
    let sent = send(pair, side, label, payload, 1).await;
    sent.done_by_standard("an empty message (RFC 8831 section 6.6)").map(|_| ())
}

/// It is the implementation that does not carry it.
fn by_standard(tried: Tried) -> Tried {
    tried.map_err(|outcome| match outcome {
        Outcome::Violates { expected, came } => {
            Outcome::Deviates { expected: format!("{expected} (RFC 8831 section 6.6)"), came }
        }
        other => other,
    })
}
