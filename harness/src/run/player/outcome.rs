//! How a step ended, in the types of the timeline.

use crate::scenario::condition::Condition;
use peerproof_captures::timeline::{Answer, Expected, Lack, Seen, StepOutcome};

/// How a step ended, if not as the scenario wants.
pub(super) type Ended = Result<(), Box<StepOutcome>>;

pub(super) fn wrong(expected: Expected, seen: Seen) -> Box<StepOutcome> {
    Box::new(StepOutcome::Wrong { expected, seen })
}

pub(super) fn timed_out(awaited: Expected, within_ms: u64, seen: Seen) -> Box<StepOutcome> {
    Box::new(StepOutcome::TimedOut { awaited, within_ms, seen })
}

pub(super) fn unsupported(peer: &str, reason: Lack) -> Box<StepOutcome> {
    Box::new(StepOutcome::Unsupported { peer: peer.to_owned(), reason })
}

/// The peer is gone. Whether that is its own fault or ours is judged from what runs it.
pub(super) fn gone(expected: Expected, peer: &str, reason: String) -> Box<StepOutcome> {
    wrong(expected, Seen::Gone { peer: peer.to_owned(), reason })
}

pub(super) fn broken(cause: impl Into<String>) -> Box<StepOutcome> {
    Box::new(StepOutcome::Broken { cause: cause.into() })
}

pub(super) fn at(peer: &str, condition: &Condition) -> Expected {
    Expected::Condition { peer: peer.to_owned(), condition: condition.clone() }
}

pub(super) fn success(peer: &str, command: &str) -> Expected {
    Expected::Success { peer: peer.to_owned(), command: command.to_owned() }
}

pub(super) fn rejection(peer: &str, command: &str, exception: &str) -> Expected {
    let [peer, command, exception] = [peer, command, exception].map(str::to_owned);
    Expected::Rejection { peer, command, exception }
}

pub(super) fn unanswered(peer: &str, answer: Answer) -> Box<StepOutcome> {
    match answer {
        Answer::Unsupported { reason } => unsupported(peer, Lack::Answered(reason)),
        Answer::Lost { reason } => gone(Expected::Answer { peer: peer.to_owned() }, peer, reason),
        Answer::Ok(_) | Answer::Rejected { .. } => {
            broken(format!("{peer} gave an answer that does not belong here"))
        }
    }
}
