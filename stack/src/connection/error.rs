//! Rejections, with the names that the W3C gives them.

use webrtc::error::Error;

/// Names of `DOMException`s (Web IDL §2.8.1) and of ECMAScript's errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorName {
    /// The object is in the wrong state.
    InvalidState,
    /// The object does not allow this.
    InvalidAccess,
    /// A description was altered in a way that is not allowed.
    InvalidModification,
    /// Not possible here.
    NotSupported,
    /// The operation failed for a reason of its own.
    Operation,
    /// Text that cannot be parsed.
    Syntax,
    /// There is no such object.
    NotFound,
    /// An argument is out of its type.
    Type,
    /// An argument is out of its range.
    Range,
}

impl ErrorName {
    /// The name as the standard spells it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidState => "InvalidStateError",
            Self::InvalidAccess => "InvalidAccessError",
            Self::InvalidModification => "InvalidModificationError",
            Self::NotSupported => "NotSupportedError",
            Self::Operation => "OperationError",
            Self::Syntax => "SyntaxError",
            Self::NotFound => "NotFoundError",
            Self::Type => "TypeError",
            Self::Range => "RangeError",
        }
    }
}

/// An operation was rejected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {message}", name.as_str())]
pub struct Rejection {
    /// The error's name.
    pub name: ErrorName,
    /// What was wrong.
    pub message: String,
}

impl Rejection {
    /// A rejection.
    pub fn new(name: ErrorName, message: impl Into<String>) -> Self {
        Self { name, message: message.into() }
    }

    pub(super) fn closed() -> Self {
        Self::new(ErrorName::InvalidState, "the connection is closed")
    }
}

impl From<Error> for Rejection {
    fn from(error: Error) -> Self {
        let name = match &error {
            Error::ErrConnectionClosed
            | Error::ErrDataChannelClosed
            | Error::ErrDataChannelNotOpen
            | Error::ErrNoRemoteDescription
            | Error::ErrIncorrectSignalingState
            | Error::ErrSignalingStateCannotRollback
            | Error::ErrSignalingStateProposedTransitionInvalid(_) => ErrorName::InvalidState,
            Error::ErrSDPDoesNotMatchOffer
            | Error::ErrSDPDoesNotMatchAnswer
            | Error::ErrModifyingPeerIdentity
            | Error::ErrModifyingCertificates
            | Error::ErrModifyingBundlePolicy
            | Error::ErrModifyingRTCPMuxPolicy
            | Error::ErrModifyingICECandidatePoolSize => ErrorName::InvalidModification,
            Error::ErrSessionDescriptionNoFingerprint
            | Error::ErrSessionDescriptionInvalidFingerprint
            | Error::ErrSessionDescriptionConflictingFingerprints
            | Error::ErrSessionDescriptionMissingIceUfrag
            | Error::ErrSessionDescriptionMissingIcePwd
            | Error::ErrSessionDescriptionConflictingIceUfrag
            | Error::ErrSessionDescriptionConflictingIcePwd
            | Error::ErrNoTurnCredentials
            | Error::ErrTurnCredentials
            | Error::ErrCertificateExpired
            | Error::ErrExistingTrack
            | Error::ErrSenderNotCreatedByConnection => ErrorName::InvalidAccess,
            Error::ErrOutboundPacketTooLarge
            | Error::ErrRetransmitsOrPacketLifeTime
            | Error::ErrProtocolTooLarge
            | Error::ErrStringSizeLimit
            | Error::ErrNegotiatedWithoutID
            | Error::ErrRTPSenderNewTrackHasIncorrectKind
            | Error::ErrInvalidDirection => ErrorName::Type,
            Error::ErrSchemeType
            | Error::ErrHost
            | Error::ErrPort
            | Error::ErrUrlParse
            | Error::ErrInvalidUrl => ErrorName::Syntax,
            _ => ErrorName::Operation,
        };
        Self::new(name, error.to_string())
    }
}
