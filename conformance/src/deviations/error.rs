//! Why a known deviation means nothing.

use crate::checks::fault;

/// Why a deviation means nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DeviationError {
    /// A comparison of versions is malformed.
    #[error("`{0}` compares no versions (write `>=156, <158`)")]
    Versions(String),
    /// No version satisfies all comparisons.
    #[error("no version is `{0}`")]
    NoVersion(String),
    /// It does not say why, or where the rule stands.
    #[error("a deviation of {peer} has an empty `{key}`")]
    Unexplained {
        /// The peer.
        peer: String,
        /// The key that is empty.
        key: &'static str,
    },
    /// It names cases of all scenarios and all pairs.
    #[error("the deviation of {peer} in `{case}` is about every case: name scenarios or a pair")]
    OfEverything {
        /// The peer.
        peer: String,
        /// The pattern of the cases.
        case: String,
    },
    /// Its peer plays in none of its cases.
    #[error("{peer} does not play in `{case}`")]
    NotInCase {
        /// The peer.
        peer: String,
        /// The pattern of the cases.
        case: String,
    },
    /// It names neither cases nor a requirement.
    #[error(
        "a deviation of {peer} names neither `case` nor `requirement` nor `claim` (its reason: {reason})"
    )]
    OfNothing {
        /// The peer.
        peer: String,
        /// Its reason.
        reason: String,
    },
    /// One of cases does not say at which layer it shows.
    #[error("the deviation of {peer} in `{case}` needs its `layer`")]
    NoLayer {
        /// The peer.
        peer: String,
        /// The pattern of the cases.
        case: String,
    },
    /// One of cases names faults, which only checks find.
    #[error("the deviation of {peer} in `{case}` names a `fault`, but no `requirement` whose check finds it")]
    FaultOfCase {
        /// The peer.
        peer: String,
        /// The pattern of the cases.
        case: String,
    },
    /// One of a requirement names a layer or a side, which only verdicts have.
    #[error(
        "the deviation of {peer} from `{requirement}` names a `layer` or a `side`, which only those of cases have"
    )]
    LayerOfRequirement {
        /// The peer.
        peer: String,
        /// The requirement.
        requirement: String,
    },
    /// One of a requirement does not say which faults it covers.
    #[error("the deviation of {peer} from `{requirement}` needs its `fault`: {}", fault::of(requirement).join(", "))]
    NoFault {
        /// The peer.
        peer: String,
        /// The requirement.
        requirement: String,
    },
    /// The check of its requirement finds no such fault.
    #[error("the check of `{requirement}` finds no fault `{fault}`, only {}", fault::of(requirement).join(", "))]
    NoSuchFault {
        /// The fault.
        fault: String,
        /// The requirement.
        requirement: String,
    },
    /// No peer makes such a claim, or nothing can contradict it.
    #[error("nothing contradicts a claim `{0}` (`docs/claims.md` lists them)")]
    NoClaim(String),
    /// One of a claim names what only others have.
    #[error(
        "the deviation of {peer} from the claim `{claim}` names a `requirement`, a `fault`, a `layer` or a `side`: it has those of the claim"
    )]
    OfClaim {
        /// The peer.
        peer: String,
        /// The claim.
        claim: String,
    },
    /// One that the suite does not show has no rate.
    #[error("the deviation of {peer} that the suite does not show needs its `rate`, which begins with 0")]
    Unshown {
        /// The peer.
        peer: String,
    },
    /// One that names no claim is limited to counters.
    #[error("the deviation of {peer} has `less`, but no `claim`")]
    LessOfNothing {
        /// The peer.
        peer: String,
    },
    /// One of a claim in all cases does not say how often it shows.
    #[error("the deviation of {peer} from the claim `{claim}` in every case needs its `rate`")]
    NoRate {
        /// The peer.
        peer: String,
        /// The claim.
        claim: String,
    },
    /// Its requirement is not in the catalogue, or no check decides it.
    #[error("no check decides a requirement `{0}` (`peerproof requirements` lists them)")]
    NoRequirement(String),
}

impl DeviationError {
    /// The keys at which it shows: the first that is there. None of the entry at large.
    #[must_use]
    pub fn keys(&self) -> Vec<&'static str> {
        match self {
            Self::Versions(_) | Self::NoVersion(_) => vec!["versions"],
            Self::Unexplained { key, .. } => vec![key],
            Self::OfEverything { .. } | Self::NoLayer { .. } => vec!["case"],
            Self::NotInCase { .. } => vec!["peer"],
            Self::OfNothing { .. } => vec![],
            Self::FaultOfCase { .. } | Self::NoSuchFault { .. } => vec!["fault"],
            Self::LayerOfRequirement { .. } => vec!["layer", "side"],
            Self::NoFault { .. } | Self::NoRequirement(_) => vec!["requirement"],
            Self::NoClaim(_) | Self::NoRate { .. } => vec!["claim"],
            Self::OfClaim { .. } => vec!["requirement", "fault", "layer", "side"],
            Self::Unshown { .. } => vec!["rate"],
            Self::LessOfNothing { .. } => vec!["less"],
        }
    }
}
