//! What peers claim, and what contradicts it.
//!
//! A *claim* is whatever a peer says: an event, an answer, a field of a statistic, a value in a description or a candidate. A
//! verdict relies on a claim only as far as something else could have contradicted it: the packets at either end, the other
//! peer, the command that caused it, the state machines of the W3C. Each family of claims has a file, which lists its
//! claims ([`Claim`]) and looks for what contradicts them ([`Contradiction`]). What nothing can contradict is listed too, with
//! the reason.

mod acted;
mod answers;
mod candidates;
mod channels;
mod clocks;
mod descriptions;
mod greeting;
mod keys;
pub mod marks;
mod media;
mod messages;
mod observed;
mod packets;
mod recording;
mod session;
mod states;
mod statistics;
#[cfg(test)]
mod testing;

pub(crate) use session::Session;

use crate::api::Views;
use crate::record::CaseRecord;
use crate::verdict::{Layer, Place};
use peerproof_captures::timeline::{Condition, Expected};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Something that a peer can say, and what checks it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    /// Its name: `event/datachannel`, `event/datachannel.label`, `answer/restartIce`, `stat/inbound-rtp.packetsReceived`,
    /// `description/ice-ufrag`, `candidate/port`, `clock/offset`.
    pub name: &'static str,
    /// The layer of a verdict by which it is contradicted.
    pub layer: Layer,
    /// What can contradict it, in one sentence.
    pub by: By,
}

/// What can contradict a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// The checks of this module, a requirement of the catalogue or an expectation; the sentence says with what the claim is
    /// compared.
    Evidence(&'static str),
    /// Nothing; the sentence says why.
    Nothing(&'static str),
}

/// Whether there is a claim of that name that something can contradict.
pub(crate) fn can_be_contradicted(name: &str) -> bool {
    claims().iter().any(|claim| claim.name == name && matches!(claim.by, By::Evidence(_)))
}

impl Claim {
    pub(crate) const fn checked(name: &'static str, layer: Layer, with: &'static str) -> Self {
        Self { name, layer, by: By::Evidence(with) }
    }

    pub(crate) const fn unchecked(name: &'static str, layer: Layer, reason: &'static str) -> Self {
        Self { name, layer, by: By::Nothing(reason) }
    }
}

/// Every claim that a peer can make, by family.
#[must_use]
pub fn claims() -> Vec<&'static Claim> {
    let families = [
        greeting::CLAIMS,
        keys::CLAIMS,
        states::CLAIMS,
        candidates::CLAIMS,
        channels::CLAIMS,
        messages::CLAIMS,
        media::CLAIMS,
        statistics::CLAIMS,
        statistics::OTHERS,
        answers::CLAIMS,
        descriptions::CLAIMS,
        clocks::CLAIMS,
    ];
    families.into_iter().flatten().collect()
}

/// Whose fault a contradiction is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// The peer's, which claims what is not so.
    Peer(String),
    /// One peer's: the two contradict each other, and nothing shows which of them is right.
    Undecided,
    /// The recording's: both peers agree, or nothing was lost by them, and the recording lacks what proves it. It decides nothing then.
    Recording,
}

/// A claim that something else contradicts.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Contradiction {
    /// [`Claim::name`]; empty for what is missing in the recording.
    pub(crate) claim: &'static str,
    pub(crate) layer: Layer,
    pub(crate) fault: Fault,
    /// When the claim was made, in microseconds since the case began: the first decides.
    pub(crate) t_us: u64,
    /// What should be, if the claim were true: `"alice reports …"`.
    pub(crate) claimed: String,
    /// What is.
    pub(crate) seen: String,
    pub(crate) evidence: Vec<Place>,
    /// Whether a counter is less than what was counted.
    pub(crate) is_less: bool,
}

impl Contradiction {
    /// The same, of a counter that is less than what was counted.
    pub(crate) fn of_less(self) -> Self {
        Self { is_less: true, ..self }
    }

    /// The same, but what is missing is missing in the recording.
    pub(crate) fn of_the_recording(self) -> Self {
        Self { fault: Fault::Recording, ..self }
    }

    /// In one sentence.
    pub(crate) fn sentence(&self) -> String {
        format!("{}, but {}", self.claimed, self.seen)
    }
}

/// The peer that never sent video of the awaited size, with the sizes that it sent; none unless the packets show all of them.
pub(crate) fn never_sent<'a>(
    record: &'a CaseRecord,
    views: &'a Views,
    awaited: &Expected,
) -> Option<(&'a str, String)> {
    let Expected::Condition { peer, condition: Condition::Media(wanted) } = awaited else { return None };
    media::never_sent(&Session::new(record, views), peer, (wanted.width, wanted.height))
}

/// How many messages of a sender on a channel the other side acknowledged; none if no packets show that.
pub(crate) fn acknowledged(record: &CaseRecord, views: &Views, sender: &str, label: &str) -> Option<usize> {
    messages::acknowledged(&Session::new(record, views), sender, label)
}

/// How many bytes the message of a `send` has at least; none if its arguments have no message.
pub(crate) fn message_length(args: &serde_json::Value) -> Option<u64> {
    answers::message_length(args)
}

/// What the recording itself lacks: where it lacks anything, it contradicts no claim of a peer.
pub(crate) fn flaws(record: &CaseRecord) -> Vec<Contradiction> {
    record.flaws.iter().map(recording::contradiction).collect()
}

/// Everything in a recording that contradicts a claim of a peer, or the recording itself, in the order of time.
pub(crate) fn contradictions(record: &CaseRecord, views: &Views) -> Vec<Contradiction> {
    let session = Session::new(record, views);
    let mut found = Vec::new();
    greeting::check(&session, &mut found);
    keys::check(&session, &mut found);
    states::check(&session, &mut found);
    candidates::check(&session, &mut found);
    channels::check(&session, &mut found);
    messages::check(&session, &mut found);
    packets::check(&session, &mut found);
    media::check(&session, &mut found);
    statistics::check(&session, &mut found);
    acted::check(&session, &mut found);
    answers::check(&session, &mut found);
    descriptions::check(&session, &mut found);
    clocks::check(&session, &mut found);
    found.sort_by_key(|it| (it.t_us, it.layer));
    found
}
