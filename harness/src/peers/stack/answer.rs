//! How an operation of the stack ends, as the peer protocol answers it.

use peerproof_captures::timeline::Answer;
use peerproof_stack::connection::Rejection;
use serde_json::Value;

/// Why a command was not done.
#[derive(Debug)]
pub(super) enum Refusal {
    /// As the W3C API rejects it.
    Rejected { name: String, message: String },
    /// The stack cannot do this.
    Unsupported(String),
}

impl Refusal {
    pub(super) fn rejected(name: &str, message: impl Into<String>) -> Self {
        Self::Rejected { name: name.to_owned(), message: message.into() }
    }

    pub(super) fn not_found(what: &str, name: &str) -> Self {
        Self::rejected("NotFoundError", format!("unknown {what} {name}"))
    }
}

impl From<Rejection> for Refusal {
    fn from(rejection: Rejection) -> Self {
        Self::rejected(rejection.name.as_str(), rejection.message)
    }
}

/// What a command gives.
pub(super) type Outcome = Result<Value, Refusal>;

pub(super) fn answer(outcome: Outcome) -> Answer {
    match outcome {
        Ok(value) => Answer::Ok(value),
        Err(Refusal::Rejected { name, message }) => Answer::Rejected { name, message },
        Err(Refusal::Unsupported(reason)) => Answer::Unsupported { reason },
    }
}
