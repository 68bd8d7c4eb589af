//! RFC 5246 §7.2: an alert is a level, warning or fatal, and a description; §7.2.2: some are "always fatal", and no_renegotiation "is
//! always a warning". In 1.3 the level says nothing, but has the same two values (RFC 8446 §6).

use super::{Share, alerts, with_version};
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::wire::dtls::Version;
use peerproof_captures::wire::dtls::alert::{Description, Level};

pub(super) const CHECK: Check = Check {
    id: "dtls-alert-levels",
    layer: Layer::Dtls,
    subject: "alerts",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

const ALWAYS_FATAL: &[Description] = &[
    Description::UnexpectedMessage,
    Description::BadRecordMac,
    Description::RecordOverflow,
    Description::HandshakeFailure,
    Description::IllegalParameter,
    Description::UnknownCa,
    Description::AccessDenied,
    Description::DecodeError,
    Description::ProtocolVersion,
    Description::InsufficientSecurity,
    Description::InternalError,
    Description::UnsupportedExtension,
];

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    // Where one association is of 1.3, alerts may be that one's.
    let is_13 = with_version(evidence, peer, &[Version::Dtls13]) != Share::None;
    for said in alerts(evidence, peer, peer).filter(|said| !evidence.is_faulted(said.packet.frame)) {
        let place = Place::Frame(said.packet.frame);
        let Some(alert) = said.alert().filter(|_| said.content.len() == 2) else {
            let length = said.content.len();
            tally.fail(
                Fault("other-length"),
                format!("an alert record has {length} bytes of content, not 2"),
                [place],
            );
            continue;
        };
        let (level, description) = (alert.level.value, alert.description.value);
        if !matches!(level, Level::Warning | Level::Fatal) {
            tally.fail(
                Fault("unknown-level"),
                format!("an alert has the level {}, neither 1 nor 2", level.raw()),
                [place],
            );
        } else if !is_13 && ALWAYS_FATAL.contains(&description) && level != Level::Fatal {
            tally.fail(
                Fault("not-fatal"),
                format!("the alert {description} is a warning, although it is always fatal"),
                [place],
            );
        } else if !is_13 && description == Description::NoRenegotiation && level == Level::Fatal {
            tally.fail(
                Fault("not-a-warning"),
                "the alert no_renegotiation is fatal, although it is always a warning",
                [place],
            );
        } else {
            tally.pass(place);
        }
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, dtls};
    use crate::evidence::Peer;

    const ALERT: u8 = 21;
    const STACK: Peer = Peer(0);

    /// Makes an alert that is always fatal a warning.
    pub(super) const CONTROL: Control = Control::new(Recording::Data, |evidence| {
        dtls::say(evidence, STACK, ALERT, &[1, 20], 1_000);
    })
    .and(&[
        Mutation::new(Recording::Data, "has 1 bytes of content", |evidence| {
            dtls::say(evidence, STACK, ALERT, &[1], 1_000);
        }),
        Mutation::new(Recording::Data, "has the level 3", |evidence| {
            dtls::say(evidence, STACK, ALERT, &[3, 0], 1_000);
        }),
        Mutation::new(Recording::Data, "no_renegotiation is fatal", |evidence| {
            dtls::say(evidence, STACK, ALERT, &[2, 100], 1_000);
        }),
    ]);
}
