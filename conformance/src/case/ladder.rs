//! The rungs of a connection in the order in which they come up, and the first that was not reached.
//!
//! A failing case says what it missed; why is often further down: no message came since no channel opened since DTLS failed.
//! The ladder looks at both peers' events and at the wire, from signalling upwards.

use super::check::{Mismatch, Views};
use super::record::CaseRecord;
use super::view::{At, PeerView};
use crate::verdict::{Evidence, Layer};
use peerproof_captures::event::{ConnectionState, Description, DtlsState, IceState, SctpState, SdpType};
use peerproof_captures::summary::{Item, Kind, StunClass};
use peerproof_captures::timeline::{StepOutcome, What};
use serde_json::Value;

/// The two peers and all that is known of them.
pub(crate) struct Ladder<'a> {
    record: &'a CaseRecord,
    /// Offerer and answerer.
    peers: [(&'a str, &'a PeerView); 2],
}

type Rung<'a> = fn(&Ladder<'a>) -> Option<Mismatch>;

impl<'a> Ladder<'a> {
    /// The ladder of a case of two peers.
    pub(crate) fn of(record: &'a CaseRecord, views: &'a Views) -> Option<Self> {
        let mut peers = views.iter().map(|(name, view)| (name.as_str(), view));
        Some(Self { record, peers: [peers.next()?, peers.next()?] })
    }

    /// The first rung up to `top` that was not reached.
    pub(crate) fn first_missing(&self, top: Layer) -> Option<Mismatch> {
        let rungs: [(Layer, Rung<'a>); 10] = [
            (Layer::Sdp, Self::refused),
            (Layer::Signalling, Self::signalling),
            (Layer::Gathering, Self::gathering),
            (Layer::Checks, Self::checks),
            (Layer::Nomination, Self::nomination),
            (Layer::Dtls, Self::dtls),
            (Layer::Sctp, Self::sctp),
            (Layer::DataChannel, Self::channels),
            (Layer::Srtp, Self::srtp),
            (Layer::Media, Self::media),
        ];
        rungs.into_iter().filter(|(layer, _)| *layer <= top).find_map(|(_, rung)| rung(self))
    }

    fn both(&self) -> impl Iterator<Item = (&'a str, &'a PeerView, &'a str, &'a PeerView)> {
        let [(a, va), (b, vb)] = self.peers;
        [(a, va, b, vb), (b, vb, a, va)].into_iter()
    }

    /// Both descriptions of one exchange were set on both sides: from here on the transports are on their own.
    fn negotiated(&self) -> bool {
        self.peers.iter().all(|(_, view)| !view.remote.is_empty() && !view.local.is_empty())
    }

    /// Whether an application section was negotiated and not rejected.
    fn with_data(&self) -> bool {
        self.sections("application")
    }

    fn sections(&self, kind: &str) -> bool {
        let has = |at: &At<Description>| {
            at.is.sdp.lines().any(|line| {
                line.strip_prefix("m=")
                    .and_then(|m| m.strip_prefix(kind))
                    .is_some_and(|rest| !rest.starts_with(" 0 "))
            })
        };
        self.peers.iter().any(|(_, view)| {
            view.local.iter().chain(&view.remote).any(|at| at.is.kind == SdpType::Answer && has(at))
        })
    }

    fn frames(&self, from: &str, to: &str, which: impl Fn(&Kind) -> bool) -> Option<Vec<&'a Item>> {
        let wire = self.record.packets()?;
        let (from, to) = (self.peer(from)?, self.peer(to)?);
        wire.sees(from, to).then(|| wire.sent(from, to).filter(|item| which(&item.kind)).collect())
    }

    fn peer(&self, name: &str) -> Option<&'a str> {
        self.peers.iter().map(|(peer, _)| *peer).find(|peer| *peer == name)
    }

    /// An operation on descriptions that was rejected within a step that then did not end well. A candidate that was refused hinders nothing
    /// but the checks: where those succeeded in spite of it, something else went wrong.
    fn refused(&self) -> Option<Mismatch> {
        const OPERATIONS: [&str; 5] =
            ["createOffer", "createAnswer", "setLocalDescription", "setRemoteDescription", "addIceCandidate"];
        let connected = self.peers.iter().all(|(_, view)| view.ice_succeeded());
        let is_cause =
            |command: &str| OPERATIONS.contains(&command) && !(connected && command == "addIceCandidate");
        let (from, begun) = self.record.timeline.iter().rev().find_map(|entry| match entry.what {
            What::StepBegan { step, .. } => Some((entry.n, step)),
            _ => None,
        })?;
        let done = self.record.timeline.iter().any(|entry| {
            matches!(&entry.what, What::StepEnded { step, outcome: StepOutcome::Done } if *step == begun)
        });
        if done {
            return None; // What was rejected in it was to be rejected.
        }
        self.peers.iter().find_map(|(name, view)| {
            let at = view.refused.iter().find(|at| at.n >= from && is_cause(&at.is.command))?;
            let text = format!("{name} should accept {}", at.is.command);
            let is = format!("it rejected it with {}: {}", at.is.name, at.is.message);
            Some(Mismatch::new(Layer::Sdp, name, text, is).at(Some(at.n)))
        })
    }

    fn signalling(&self) -> Option<Mismatch> {
        for (name, view, other, far) in self.both() {
            let Some(offer) = view.last_local(SdpType::Offer) else { continue };
            if !far.remote.iter().any(|at| at.is.kind == SdpType::Offer) {
                let text = format!("{name}'s offer should reach {other}");
                let is = format!("{other} never set it as its remote description");
                return Some(Mismatch::new(Layer::Signalling, other, text, is).at(Some(offer.n)));
            }
        }
        for (name, view, other, far) in self.both() {
            let Some(answer) = view.last_local(SdpType::Answer) else { continue };
            if !far.remote.iter().any(|at| matches!(at.is.kind, SdpType::Answer | SdpType::Pranswer)) {
                let text = format!("{name}'s answer should reach {other}");
                let is = format!("{other} never set it as its remote description");
                return Some(Mismatch::new(Layer::Signalling, other, text, is).at(Some(answer.n)));
            }
        }
        None
    }

    fn gathering(&self) -> Option<Mismatch> {
        if !self.negotiated() || self.peers.iter().any(|(_, view)| view.ice_connected().is_some()) {
            return None;
        }
        for (name, view, _, _) in self.both() {
            if view.own_candidates().is_empty() {
                let text = format!("{name} should gather candidates");
                let is = match view.candidate_errors.last() {
                    Some(at) => format!("it gathered none and reported error {} of {}", at.is.0, at.is.1),
                    None => "it gathered none".to_owned(),
                };
                let n = view.candidate_errors.last().map(|at| at.n).or(view.gathering.last().map(|at| at.n));
                return Some(Mismatch::new(Layer::Gathering, name, text, is).at(n));
            }
        }
        // All candidates of both sides were withheld on the way: signalling, not gathering.
        let deaf = |name: &str| {
            let mut withheld = None;
            for entry in &self.record.timeline {
                match &entry.what {
                    What::CarriedCandidate { to, sent: Some(_), delivered, .. } if to == name => {
                        if delivered.is_some() {
                            return None;
                        }
                        withheld = Some(entry.n);
                    }
                    What::Carried { to, sent, delivered, .. } if to == name => {
                        let got = delivered.as_ref().unwrap_or(sent);
                        if got.sdp.contains("a=candidate:") {
                            return None;
                        }
                    }
                    _ => {}
                }
            }
            withheld
        };
        let [(a, _), (b, _)] = self.peers;
        let (deaf_a, deaf_b) = (deaf(a), deaf(b));
        if let (Some(_), Some(n)) = (deaf_a, deaf_b) {
            let text = format!("the candidates of {a} should reach {b} and those of {b} {a}");
            let is = "every one was withheld on the way";
            return Some(Mismatch::new(Layer::Signalling, b, text, is).at(Some(n)));
        }
        None
    }

    fn checks(&self) -> Option<Mismatch> {
        if !self.negotiated() {
            return None;
        }
        let request = |kind: &Kind| matches!(kind, Kind::Stun { class: StunClass::Request, method: 1, .. });
        let success = |kind: &Kind| matches!(kind, Kind::Stun { class: StunClass::Success, method: 1, .. });
        let missing: Vec<_> = self.both().filter(|(_, view, _, _)| view.ice_connected().is_none()).collect();
        // The side that does not answer is the one at which it shows: told by the wire if that was seen.
        let (name, view, other, _) = *missing.first()?;
        let mut side = if missing.len() == 1 { name } else { other };
        let state = view.ice.last().or(view.ice_transport.last());
        let state_text = state.map_or_else(|| "never left new".to_owned(), |at| format!("is {}", at.is));
        let mut evidence: Vec<Evidence> = state.map(|at| Evidence::Entry(at.n)).into_iter().collect();
        let mut seen = format!("the iceConnectionState of {name} {state_text}");
        for (name, _, other, _) in self.both() {
            let (Some(asked), Some(answered)) =
                (self.frames(name, other, request), self.frames(other, name, success))
            else {
                continue;
            };
            if let Some(first) = asked.first()
                && answered.is_empty()
            {
                side = other;
                seen = format!("{seen}; {other} answered none of {name}'s {} Binding requests", asked.len());
                evidence.push(Evidence::Frame(first.frame));
                break;
            }
        }
        let who = if missing.len() == 2 { format!("{name} and {other}") } else { name.to_owned() };
        let mut mismatch =
            Mismatch::new(Layer::Checks, side, format!("connectivity checks of {who} should succeed"), seen);
        mismatch.evidence = evidence;
        Some(mismatch)
    }

    /// The connection came up and went away: consent (RFC 7675) was lost.
    fn nomination(&self) -> Option<Mismatch> {
        for (name, view, other, far) in self.both() {
            let Some(connected) = view.ice_connected() else { continue };
            let gone = view
                .ice
                .iter()
                .rev()
                .take_while(|at| !matches!(at.is, IceState::Connected | IceState::Completed))
                .find(|at| at.n > connected.n && matches!(at.is, IceState::Disconnected | IceState::Failed));
            let Some(gone) = gone else { continue };
            if view.dtls.iter().any(|at| at.is == DtlsState::Failed) || view.closed.is_some() {
                continue; // It ended for another reason.
            }
            let (side, why) = match &far.lost {
                Some(lost) => (other, format!(" after {other} was gone ({})", lost.is)),
                None if far.closed.is_some() => continue,
                None => (name, String::new()),
            };
            let text = format!("the path between {name} and {other} should stay alive");
            let is = format!("{name}'s iceConnectionState became {}{why}", gone.is);
            return Some(Mismatch::new(Layer::Nomination, side, text, is).at(Some(gone.n)));
        }
        None
    }

    fn dtls(&self) -> Option<Mismatch> {
        if !self.peers.iter().all(|(_, view)| view.ice_connected().is_some()) {
            return None;
        }
        let up = |view: &PeerView| {
            view.dtls.iter().any(|at| at.is == DtlsState::Connected)
                || view.connection.iter().any(|at| at.is == ConnectionState::Connected)
        };
        let failed = |view: &PeerView| view.dtls.iter().find(|at| at.is == DtlsState::Failed).map(|at| at.n);
        let broken: Vec<_> =
            self.both().filter(|(_, view, _, _)| !up(view) || failed(view).is_some()).collect();
        // Who refuses is the one at which it shows: the sender of the first fatal alert, else who failed first.
        let fatal = |kind: &Kind| matches!(kind, Kind::Alert { level: Some(2), .. });
        let mut first: Vec<_> =
            broken.iter().filter_map(|(name, view, ..)| Some((failed(view)?, *name))).collect();
        first.sort_unstable();
        let (mut side, view, ..) = *broken.first()?;
        let mut evidence: Vec<Evidence> = Vec::new();
        if let Some((n, name)) = first.first() {
            (side, evidence) = (name, vec![Evidence::Entry(*n)]);
        }
        let mut seen = match (first.first(), view.dtls.last()) {
            (Some((_, name)), _) => {
                let reason = self
                    .peers
                    .iter()
                    .find(|(peer, _)| peer == name)
                    .and_then(|(_, v)| v.dtls_reason.as_ref());
                let reason = reason.map_or_else(String::new, |reason| format!(" ({reason})"));
                format!("it failed at {name}{reason}")
            }
            (None, Some(at)) => format!("the DTLS state of {side} stayed {}", at.is),
            (None, None) => format!("it never began at {side}"),
        };
        for (name, _, other, _) in self.both() {
            if let Some(alert) = self.frames(name, other, fatal).and_then(|alerts| alerts.first().copied()) {
                if let Kind::Alert { description: Some(description), .. } = &alert.kind {
                    seen = format!("{seen}; {name} sent fatal alert {description}");
                }
                side = name;
                evidence.push(Evidence::Frame(alert.frame));
                break;
            }
        }
        let [(a, _), (b, _)] = self.peers;
        let text = format!("the DTLS handshake between {a} and {b} should complete");
        let mut mismatch = Mismatch::new(Layer::Dtls, side, text, seen);
        mismatch.evidence = evidence;
        Some(mismatch)
    }

    fn sctp(&self) -> Option<Mismatch> {
        let data = self.with_data();
        for (name, view, _, far) in self.both() {
            if view.closed.is_some() || far.closed.is_some() {
                continue; // It went down on purpose.
            }
            let up = view.sctp.iter().any(|at| at.is == SctpState::Connected)
                || view.channels.values().any(|channel| channel.was_open());
            if data && !up && (!view.sctp.is_empty() || !view.channels.is_empty()) {
                let text = format!("the SCTP association should be established at {name}");
                let state = view.sctp.last();
                let is =
                    state.map_or_else(|| "it never was".to_owned(), |at| format!("its state is {}", at.is));
                return Some(Mismatch::new(Layer::Sctp, name, text, is).at(state.map(|at| at.n)));
            }
        }
        None
    }

    fn channels(&self) -> Option<Mismatch> {
        for (name, view, other, far) in self.both() {
            for (label, channel) in &view.channels {
                let wanted = channel.was_open() || view.closed.is_some() || far.closed.is_some();
                if !wanted {
                    let text = format!("the channel {label:?} should open at {name}");
                    return Some(
                        Mismatch::new(Layer::DataChannel, name, text, "it did not").at(Some(channel.state.n)),
                    );
                }
                if channel.was_open() && !channel.info.negotiated && !far.channels.contains_key(label) {
                    let text = format!("the channel {label:?} of {name} should appear at {other}");
                    return Some(
                        Mismatch::new(Layer::DataChannel, other, text, "it did not")
                            .at(Some(channel.state.n)),
                    );
                }
            }
        }
        None
    }

    /// Packets were sent, and none of them was taken: protection, not media.
    fn srtp(&self) -> Option<Mismatch> {
        for (name, view, other, _) in self.both() {
            if view.tracks.is_empty() || !view.glimpses.is_empty() {
                continue;
            }
            let received = self.stat(name, "inbound-rtp", "packetsReceived").unwrap_or(0.0);
            if received > 0.0 {
                continue;
            }
            let frames = self.frames(other, name, |kind| matches!(kind, Kind::Srtp { .. }));
            let sent = match &frames {
                Some(frames) => frames.len() as f64,
                None => self.stat(other, "outbound-rtp", "packetsSent").unwrap_or(0.0),
            };
            if sent > 0.0 {
                let text = format!("{name} should take {other}'s SRTP packets");
                let is = format!("{sent} were sent and it took none");
                let mut mismatch = Mismatch::new(Layer::Srtp, name, text, is);
                let first = frames.as_ref().and_then(|frames| frames.first());
                mismatch.evidence.extend(first.map(|item| Evidence::Frame(item.frame)));
                return Some(mismatch);
            }
        }
        None
    }

    fn media(&self) -> Option<Mismatch> {
        if !self.sections("audio") && !self.sections("video") {
            return None;
        }
        for (name, view, other, _) in self.both() {
            for at in &view.tracks {
                let watched = self.record.timeline.iter().any(|entry| {
                    matches!(&entry.what, What::Command { peer, name: command, args, .. }
                        if peer == name && command == "watch" && args.get("track").and_then(Value::as_str) == Some(&at.is.id))
                });
                if watched && !view.glimpses.iter().any(|glimpse| glimpse.is.track == at.is.id) {
                    let frames = self.frames(other, name, |kind| matches!(kind, Kind::Srtp { .. }));
                    let silent = frames.is_some_and(|frames| frames.is_empty());
                    let (side, is) = if silent {
                        (other, format!("{other} sent no packet"))
                    } else {
                        (name, "none was decoded and recognised".to_owned())
                    };
                    let text = format!("{name} should get {other}'s {}", at.is.kind);
                    return Some(Mismatch::new(Layer::Media, side, text, is).at(Some(at.n)));
                }
            }
        }
        None
    }

    /// The largest value of a member over all dictionaries of a type.
    fn stat(&self, name: &str, kind: &str, member: &str) -> Option<f64> {
        let report = self.record.stats.get(name)?.as_object()?;
        let those =
            report.values().filter(|dictionary| dictionary.get("type").and_then(Value::as_str) == Some(kind));
        those.filter_map(|dictionary| dictionary.get(member)?.as_f64()).max_by(f64::total_cmp)
    }
}
