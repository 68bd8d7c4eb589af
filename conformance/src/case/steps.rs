//! The eight steps of connecting, in order, each with its time.

use super::view::PeerView;
use crate::record::CaseRecord;
use peerproof_captures::event::{ConnectionState, DtlsState, SctpState, SdpType};
use peerproof_captures::observe::{StunClass, Unit};
use peerproof_captures::timeline::What;
use peerproof_captures::wire::stun::Method;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Name of a step of connecting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum StepName {
    /// The offer is made and carried.
    Offer,
    /// The answer is made and carried.
    Answer,
    /// Candidates are gathered and carried.
    Gathering,
    /// Connectivity checks until the first pair works.
    Checks,
    /// A pair is nominated.
    Nomination,
    /// The DTLS handshake.
    Dtls,
    /// SRTP keys are exported and the SCTP association is established.
    SrtpSctp,
    /// Media and messages arrive.
    MediaData,
}

impl StepName {
    /// All eight, in the order in which a connection comes up.
    pub const ALL: [Self; 8] = [
        Self::Offer,
        Self::Answer,
        Self::Gathering,
        Self::Checks,
        Self::Nomination,
        Self::Dtls,
        Self::SrtpSctp,
        Self::MediaData,
    ];

    /// The step in words.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Offer => "offer",
            Self::Answer => "answer",
            Self::Gathering => "gathering",
            Self::Checks => "checks",
            Self::Nomination => "nomination",
            Self::Dtls => "DTLS",
            Self::SrtpSctp => "SRTP, SCTP",
            Self::MediaData => "media, data",
        }
    }
}

/// One step and when it was; nothing if it did not come to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConnectingStep {
    /// Which.
    pub step: StepName,
    /// Its first sign, in microseconds since the case began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub began_us: Option<u64>,
    /// When both peers had done it (of gathering: when the last candidate was reported).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_us: Option<u64>,
}

/// The eight steps of the first connection in a case, from both peers' events and the wire.
///
/// A step begins with its first sign at either peer and ends when the last of the two is done with it. `None`: there was no
/// such sign (a case without media or data has no last step; where no peer reports its selected pair, nomination rests on the
/// packets).
#[must_use]
pub fn steps(record: &CaseRecord) -> Vec<ConnectingStep> {
    let views: Vec<PeerView> =
        record.file.peers.iter().map(|peer| PeerView::of(&record.timeline, &peer.name)).collect();
    StepName::ALL
        .into_iter()
        .map(|step| {
            let (began, ended) = match step {
                StepName::Offer => exchange(record, &views, SdpType::Offer, "createOffer"),
                StepName::Answer => exchange(record, &views, SdpType::Answer, "createAnswer"),
                StepName::Gathering => gathering(&views),
                StepName::Checks => checks(record, &views),
                StepName::Nomination => nomination(record, &views),
                StepName::Dtls => dtls(record, &views),
                StepName::SrtpSctp => srtp_sctp(record, &views),
                StepName::MediaData => media_data(&views),
            };
            // A step without an end is not done, even if it began.
            let ended = ended.map(|ended| ended.max(began.unwrap_or(ended)));
            ConnectingStep { step, began_us: began, ended_us: ended }
        })
        .collect()
}

type Times = (Option<u64>, Option<u64>);

fn first<I: IntoIterator<Item = u64>>(times: I) -> Option<u64> {
    times.into_iter().min()
}

/// When the last of all peers had it; nothing if one never did.
fn all(views: &[PeerView], when: impl Fn(&PeerView) -> Option<u64>) -> Option<u64> {
    views.iter().map(when).collect::<Option<Vec<_>>>()?.into_iter().max()
}

fn exchange(record: &CaseRecord, views: &[PeerView], kind: SdpType, command: &str) -> Times {
    let called = record.timeline.iter().filter_map(|entry| match &entry.what {
        What::Command { name, .. } if name == command => Some(entry.t_us),
        _ => None,
    });
    let made = views.iter().flat_map(|view| &view.local).filter(|at| at.is.kind == kind).map(|at| at.t_us);
    let set = views.iter().flat_map(|view| &view.remote).filter(|at| at.is.kind == kind).map(|at| at.t_us);
    (first(called.chain(made)), first(set))
}

fn gathering(views: &[PeerView]) -> Times {
    let times = || {
        let states = views.iter().flat_map(|view| view.gathering.iter().map(|at| at.t_us));
        states.chain(views.iter().flat_map(|view| view.candidates.iter().map(|at| at.t_us)))
    };
    (times().min(), times().max())
}

/// When the first such unit was on the wire.
fn on_wire(record: &CaseRecord, which: impl Fn(&Unit<'_>) -> bool) -> Option<u64> {
    record.wire.as_ref()?.units().filter(|seen| which(&seen.unit)).map(|seen| seen.t_us).min()
}

fn checks(record: &CaseRecord, views: &[PeerView]) -> Times {
    let asked = on_wire(record, |unit| {
        matches!(
            unit,
            Unit::Stun { class: StunClass::Request, method: Method::Binding, controlling: Some(_), .. }
        )
    });
    let checking = views.iter().flat_map(|view| view.ice.iter().chain(&view.ice_transport)).map(|at| at.t_us);
    (first(asked.into_iter().chain(checking)), all(views, |view| Some(view.ice_connected()?.t_us)))
}

fn nomination(record: &CaseRecord, views: &[PeerView]) -> Times {
    let nominated = on_wire(record, |unit| matches!(unit, Unit::Stun { use_candidate: true, .. }));
    let pairs = || views.iter().filter_map(|view| view.pairs.first()).map(|at| at.t_us);
    (first(nominated.into_iter().chain(pairs())), pairs().max().or(nominated))
}

fn dtls(record: &CaseRecord, views: &[PeerView]) -> Times {
    let hello = on_wire(record, |unit| matches!(unit, Unit::Handshake { .. }));
    let begun =
        views.iter().flat_map(|view| &view.dtls).filter(|at| at.is != DtlsState::New).map(|at| at.t_us);
    let done = |view: &PeerView| {
        let dtls = view.dtls.iter().filter(|at| at.is == DtlsState::Connected).map(|at| at.t_us);
        let whole = view.connection.iter().filter(|at| at.is == ConnectionState::Connected).map(|at| at.t_us);
        dtls.chain(whole).min()
    };
    (first(hello.into_iter().chain(begun)), all(views, done))
}

fn srtp_sctp(record: &CaseRecord, views: &[PeerView]) -> Times {
    let association = views
        .iter()
        .flat_map(|view| &view.sctp)
        .filter(|at| at.is == SctpState::Connected)
        .map(|at| at.t_us)
        .collect::<Vec<_>>();
    let packets = on_wire(record, |unit| {
        matches!(unit, Unit::Srtp { .. } | Unit::Chunk { .. } | Unit::ApplicationData)
    });
    let opened = views.iter().flat_map(|view| view.channels.values()).filter_map(|c| c.opened_us);
    let began = first(packets.into_iter().chain(association.iter().copied()));
    // Media that nobody watches shows on the wire alone.
    let media = views.iter().all(|view| view.sctp.is_empty()).then_some(began).flatten();
    let unmuted = first(views.iter().flat_map(|view| &view.media_samples).map(|at| at.t_us));
    (began, association.into_iter().max().or(unmuted).or_else(|| first(opened)).or(media))
}

fn media_data(views: &[PeerView]) -> Times {
    let arrivals = || {
        views.iter().flat_map(|view| {
            let message = view.received.values().filter_map(|list| list.first()).map(|at| at.t_us).min();
            let media = view.media_samples.first().map(|at| at.t_us);
            message.into_iter().chain(media)
        })
    };
    let open =
        || views.iter().flat_map(|view| view.channels.values()).filter_map(|channel| channel.opened_us);
    // A channel over which nothing is sent is done when it is open.
    (first(open().chain(arrivals())), arrivals().max().or_else(|| open().max()))
}
