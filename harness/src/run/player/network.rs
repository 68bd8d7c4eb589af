//! Rules on packets, what is awaited of them, and changes of the lab.

use super::Player;
use super::outcome::{Ended, broken, timed_out};
use crate::machine;
use crate::network::fabric::Change;
use crate::network::fabric::link::LinkQuality;
use crate::network::rule::{Rule, RuleAction, RuleSpec};
use crate::run::laboratory::link_event;
use crate::scenario::step::{ActsStep, BitrateStep, DEFAULT_WITHIN, LinkStep, NetworkStep, StreamsStep};
use peerproof_captures::sdp::SessionDescription;
use peerproof_captures::timeline::{Expected, Seen};
use peerproof_captures::wire::rtp::ExtensionKind;
use std::sync::Arc;
use std::time::Duration;

impl Player {
    /// Installs a rule, waits for what a rule or a peer does, or changes the lab.
    pub(super) async fn network(&self, step: &NetworkStep) -> Ended {
        let install =
            |spec: &RuleSpec, action| self.capture.install(Rule::new(spec.clone(), action, self.seed));
        let by = |spec: &RuleSpec| spec.by.map_or(Duration::ZERO, |by| by.0);
        match step {
            NetworkStep::Drop(spec) => install(spec, RuleAction::Drop),
            NetworkStep::Delay(spec) => install(spec, RuleAction::Delay(by(spec))),
            NetworkStep::Duplicate(spec) => install(spec, RuleAction::Duplicate),
            NetworkStep::Replay(spec) => install(spec, RuleAction::Replay(by(spec))),
            NetworkStep::Corrupt(spec) => match spec.field {
                Some(field) => install(spec, RuleAction::CorruptField(field)),
                None => install(spec, RuleAction::Corrupt(spec.byte.unwrap_or(-1))),
            },
            NetworkStep::Reorder(spec) => install(spec, RuleAction::Reorder),
            NetworkStep::Inject(spec) => {
                let bytes = spec.bytes.as_ref().ok_or_else(|| broken("there is nothing to inject"))?;
                install(spec, RuleAction::Inject(Arc::clone(&bytes.0)));
            }
            NetworkStep::Fragment(spec) => install(spec, RuleAction::Fragment(spec.pieces.unwrap_or(2))),
            NetworkStep::Acts(acts) => return self.acts(acts).await,
            NetworkStep::Bitrate(bitrate) => return self.bitrate(bitrate).await,
            NetworkStep::Streams(streams) => return self.streams(streams).await,
            NetworkStep::Clear => self.capture.clear(),
            change => return self.change(change).await,
        }
        Ok(())
    }

    /// Waits until rules of a name have acted.
    async fn acts(&self, step: &ActsStep) -> Ended {
        let ActsStep { rule, times, within } = step;
        let within = within.unwrap_or(DEFAULT_WITHIN);
        let acts = machine::within(within.0, self.capture.acts(rule, *times));
        acts.await.map_err(|_| {
            let awaited = Expected::RuleActs { rule: rule.clone(), times: *times };
            timed_out(awaited, within.as_millis(), self.capture.how_often(rule))
        })
    }

    /// Waits until a peer sends media at a rate within bounds.
    async fn bitrate(&self, step: &BitrateStep) -> Ended {
        let BitrateStep { from, over, at_least_kbit, at_most_kbit, within } = step;
        let within = within.unwrap_or(DEFAULT_WITHIN);
        let (least, most) = (at_least_kbit.unwrap_or(0), at_most_kbit.unwrap_or(u64::MAX));
        let sends = self.capture.sends_at(from, over.0, |kbit| (least..=most).contains(&kbit));
        machine::within(within.0, sends).await.map_err(|_| {
            let awaited = Expected::Bitrate {
                from: from.clone(),
                over_ms: over.as_millis(),
                at_least_kbit: *at_least_kbit,
                at_most_kbit: *at_most_kbit,
            };
            timed_out(awaited, within.as_millis(), Seen::Bitrate { kbit: self.capture.rate(from, over.0) })
        })
    }

    /// Waits until a peer has sent all these streams of a simulcast.
    async fn streams(&self, step: &StreamsStep) -> Ended {
        let StreamsStep { from, rids, within } = step;
        let within = within.unwrap_or(DEFAULT_WITHIN);
        let description = self.part(from)?.actor.local_description();
        let extension = description.and_then(|sdp| {
            let sdp = SessionDescription::parse(sdp);
            sdp.media().find_map(|section| section.extension_map().id_of(ExtensionKind::Rid))
        });
        machine::within(within.0, self.capture.sends_streams(from, rids, extension)).await.map_err(|_| {
            let sends =
                |rid: &String| self.capture.has_sent_streams(from, std::slice::from_ref(rid), extension);
            let there = |rid: &&String| sends(rid);
            let awaited = Expected::Streams { from: from.clone(), rids: rids.clone() };
            let seen = Seen::Streams { rids: rids.iter().filter(there).cloned().collect() };
            timed_out(awaited, within.as_millis(), seen)
        })
    }

    /// Changes the lab under way.
    async fn change(&self, step: &NetworkStep) -> Ended {
        let lab = self.lab.as_ref().ok_or_else(|| broken("this case has no lab"))?;
        let done = match step {
            NetworkStep::Link(link) => {
                let LinkStep { name, of, both, up, down } = &**link;
                let way = |one: &Option<LinkQuality>| one.clone().or_else(|| both.clone());
                let (up, down) = (way(up), way(down));
                let event = link_event(lab.topology(), name.as_deref(), of, up.as_ref(), down.as_ref());
                let done = lab.link(of, up, down).await;
                if matches!(done, Ok(true)) {
                    self.capture.journal().write(event);
                }
                done
            }
            NetworkStep::Cut(of) => lab.cut(of, true).await,
            NetworkStep::Mend(of) => lab.cut(of, false).await,
            NetworkStep::Down(of) => lab.set_up(of, false).await.map(|()| true),
            NetworkStep::Up(of) => lab.set_up(of, true).await.map(|()| true),
            NetworkStep::Rebind(of) => lab.change(Change::Rebind(of.clone())).await,
            _ => Ok(true),
        };
        match done {
            Ok(true) => Ok(()),
            Ok(false) => Err(broken("the network has no such part")),
            Err(error) => Err(broken(error.to_string())),
        }
    }
}
