//! What becomes of a command, and whether that is what it should be.

use super::outcome::{Outcome, Tried, shortened, violates};
use super::session::Over;
use peerproof_captures::timeline::Answer;
use serde_json::Value;
use std::time::Duration;

/// What became of a command.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Reply {
    /// It was answered.
    Answered(Answer),
    /// Not in time.
    Silent(Duration),
    /// The program ended instead.
    Ended(Over),
}

impl Reply {
    /// What came, in words.
    pub(super) fn text(&self) -> String {
        match self {
            Self::Answered(Answer::Lost { reason }) => reason.clone(),
            Self::Answered(answer) => shortened(&serde_json::to_string(answer).unwrap_or_default()),
            Self::Silent(deadline) => format!("no answer within {} s", deadline.as_secs()),
            Self::Ended(over) => over.text.clone(),
        }
    }

    /// The result of what must be done.
    pub(super) fn done(self) -> Tried<Value> {
        match self {
            Self::Answered(Answer::Ok(value)) => Ok(value),
            Self::Answered(Answer::Unsupported { reason }) => {
                Err(Outcome::Unsupported { reason: shortened(&reason) })
            }
            other => violates("ok", other.text()),
        }
    }

    /// The result of what the standard asks of the implementation: one that rejects it deviates, and its adapter only reports it.
    pub(super) fn done_by_standard(self, expected: &str) -> Tried<Value> {
        let is_rejected = matches!(self, Self::Answered(Answer::Rejected { .. }));
        self.done().map_err(|outcome| match outcome {
            Outcome::Violates { came, .. } if is_rejected => {
                Outcome::Deviates { expected: expected.to_owned(), came }
            }
            outcome => outcome,
        })
    }

    /// What must not be done: it is rejected with one of these names (any if there are none), or unsupported. Returns whether it was
    /// rejected.
    pub(super) fn refused(&self, names: &[&str]) -> Tried<bool> {
        match self {
            Self::Answered(Answer::Unsupported { .. }) => Ok(false),
            Self::Answered(Answer::Rejected { name, .. })
                if (names.is_empty() && !name.is_empty()) || names.contains(&name.as_str()) =>
            {
                Ok(true)
            }
            other if names.is_empty() => violates("a rejection", other.text()),
            other => violates(format!("a rejection with {}", names.join(" or ")), other.text()),
        }
    }

    /// The same where it is the standard that refuses: an implementation that does not deviates, and its adapter only reports it. To
    /// fall silent or to end is a violation even so.
    pub(super) fn refused_by_standard(&self, names: &[&str]) -> Tried<bool> {
        self.refused(names).map_err(|outcome| match (self, outcome) {
            (
                Self::Answered(Answer::Ok(_) | Answer::Rejected { .. }),
                Outcome::Violates { expected, came },
            ) => Outcome::Deviates { expected, came },
            (_, outcome) => outcome,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peers::ANSWER_DEADLINE;
    use serde_json::json;

    #[test]
    fn replies_are_judged_by_what_was_asked() {
        let rejected = |name: &str| {
            Reply::Answered(Answer::Rejected { name: name.to_owned(), message: "\u{7}".to_owned() })
        };
        let unsupported = Reply::Answered(Answer::Unsupported { reason: "no".to_owned() });
        assert_eq!(rejected("TypeError").refused(&[]), Ok(true));
        assert!(rejected("").refused(&[]).is_err());
        assert!(rejected("TypeError").refused(&["NotFoundError"]).is_err());
        assert_eq!(unsupported.refused(&["NotFoundError"]), Ok(false));
        assert!(Reply::Silent(ANSWER_DEADLINE).refused(&[]).is_err());
        assert!(Reply::Answered(Answer::Ok(json!(1))).refused(&[]).is_err());
        assert_eq!(unsupported.done(), Err(Outcome::Unsupported { reason: "no".to_owned() }));
        assert_eq!(Reply::Answered(Answer::Ok(json!(1))).done(), Ok(json!(1)));
        assert!(!rejected("TypeError").text().contains('\u{7}'));
    }

    #[test]
    fn what_is_rejected_though_the_standard_asks_for_it_is_a_deviation() {
        let answer = |answer| Reply::Answered(answer).done_by_standard("an empty message");
        let message = "too large".to_owned();
        let rejected = Answer::Rejected { name: "TypeError".to_owned(), message };
        let Err(Outcome::Deviates { expected, came }) = answer(rejected) else { panic!("it was rejected") };
        assert_eq!(expected, "an empty message");
        assert!(came.contains("TypeError"), "{came}");
        assert_eq!(answer(Answer::Ok(json!(1))), Ok(json!(1)));
        // The word alone says nothing.
        let lost = Answer::Lost { reason: "rejected".to_owned() };
        assert!(matches!(answer(lost), Err(Outcome::Violates { .. })));
    }

    #[test]
    fn what_the_standard_alone_refuses_is_a_deviation() {
        let done = Reply::Answered(Answer::Ok(json!(null)));
        assert!(matches!(done.refused_by_standard(&[]), Err(Outcome::Deviates { .. })));
        let silent = Reply::Silent(ANSWER_DEADLINE);
        assert!(matches!(silent.refused_by_standard(&[]), Err(Outcome::Violates { .. })));
    }
}
