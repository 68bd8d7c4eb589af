//! Everything that this crate does about defects of the `webrtc` crate, by name, each with its reason and a switch.
//!
//! As an instrument the stack runs with all of them. As the subject of a scenario it runs with none, so that its
//! deviations show.

use std::collections::BTreeSet;

macro_rules! workarounds {
    ($($variant:ident = $name:literal, $reason:literal;)+) => {
        /// One work-around for one defect of the `webrtc` crate, version 0.21.1.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Workaround {
            $(#[doc = $reason] $variant),+
        }

        impl Workaround {
            /// All of them.
            pub const ALL: &'static [Workaround] = &[$(Workaround::$variant),+];

            /// The name by which it is switched off.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Workaround::$variant => $name),+ }
            }

            /// Which defect it is about, and what is done.
            #[must_use]
            pub const fn reason(self) -> &'static str {
                match self { $(Workaround::$variant => $reason),+ }
            }
        }
    };
}

workarounds! {
    SleepCap = "sleep-cap",
        "the event loop sends what its own events produced only at its next turn, 200 ms later: the turn after any \
         activity comes at once";
    DtlsFlightResend = "dtls-flight-resend",
        "a repeated flight of the peer stops the handshake's retransmission timer for good: our last flight is retransmitted \
         when the peer's comes again (RFC 6347 §4.2.4)";
    DtlsStateFromAlerts = "dtls-state-from-alerts",
        "no DTLS failure is ever reported: a fatal alert, sent or received, makes the DTLS transport and the connection \
         `failed`";
    DeadLoopFails = "dead-loop-fails",
        "when the handshake times out the event loop ends without a word and all states stay as they are: the DTLS transport \
         and the connection become `failed` before the end is reported";
    SilenceAfterFatalAlert = "silence-after-fatal-alert",
        "after a fatal alert both sides answer each other's alerts forever: no further DTLS record leaves (RFC 5246 §7.2.2)";
    GatheringEvent = "gathering-event",
        "`icegatheringstatechange` to `gathering` is never fired: it is, once per generation of candidates";
    RegatherFilter = "regather-filter",
        "each new description gathers again and repeats candidates and `complete`: reported once per generation";
    CandidateIdentity = "candidate-identity",
        "local candidates come without sdpMid, sdpMLineIndex and usernameFragment: they are taken from the local description";
    RtcpComponentFilter = "rtcp-component-filter",
        "with rtcp-mux the local description repeats each candidate for component 2 (RFC 8445 §5.1.1.1): these lines are \
         removed";
    TrickleOption = "trickle-option",
        "descriptions lack `a=ice-options:trickle` although candidates are trickled (RFC 8840 §4.1.1): it is added";
    ImplicitRollback = "implicit-rollback",
        "a remote offer in `have-local-offer` is refused: the local offer is rolled back first (webrtc-pc §4.4.1.5)";
    SctpClosedBlip = "sctp-closed-blip",
        "the SCTP transport says `closed` for a moment between `connecting` and `connected`: not reported";
    TrackAtDescription = "track-at-description",
        "`track` is fired with a track's first packet and without its media section: it is reported when the remote description \
         announces the track, and its first packet is `unmute` (webrtc-pc §5.7)";
    RemoteReliability = "remote-reliability",
        "a channel that the remote peer opened never shows its maxRetransmits or maxPacketLifeTime: they are read from its \
         announcement (RFC 8832 §5.1)";
    AnswerRole = "answer-role",
        "answers say `setup:active` whatever was offered or is in force: they say the role that RFC 8842 §5.3 and §5.5 want, \
         which is the one that is really taken";
    ReadyStateAfterClose = "ready-state-after-close",
        "a closed channel's properties cannot be read any more: the last known ones are reported, with `closed`";
    RelayWithoutServer = "relay-without-server",
        "a connection of policy `relay` without a TURN server cannot be made: it is made, gathers nothing and sends nothing";
}

/// Which work-arounds are on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workarounds(BTreeSet<Workaround>);

impl Default for Workarounds {
    fn default() -> Self {
        Self::all()
    }
}

impl Workarounds {
    /// All on: the stack as an instrument.
    #[must_use]
    pub fn all() -> Self {
        Self(Workaround::ALL.iter().copied().collect())
    }

    /// All off: the stack as the subject.
    #[must_use]
    pub fn none() -> Self {
        Self(BTreeSet::new())
    }

    /// These without one.
    #[must_use]
    pub fn without(mut self, workaround: Workaround) -> Self {
        self.0.remove(&workaround);
        self
    }

    /// Whether one is on.
    #[must_use]
    pub fn has(&self, workaround: Workaround) -> bool {
        self.0.contains(&workaround)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_distinct_and_reasons_are_given() {
        let names: BTreeSet<_> = Workaround::ALL.iter().map(|w| w.name()).collect();
        assert_eq!(names.len(), Workaround::ALL.len());
        assert!(Workaround::ALL.iter().all(|w| w.reason().len() > 40));
    }

    #[test]
    fn one_can_be_switched_off() {
        let most = Workarounds::all().without(Workaround::SleepCap);
        assert!(!most.has(Workaround::SleepCap) && most.has(Workaround::GatheringEvent));
    }
}
