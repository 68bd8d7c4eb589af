//! Offers and answers carried from one peer to the other.

use super::outcome::{Ended, broken, success, wrong};
use super::{Part, Player};
use crate::machine::Limit;
use crate::peers::protocol::Command;
use crate::scenario::condition::Condition;
use crate::scenario::rewrite::DescriptionRewrite;
use crate::scenario::step::{Candidates, Connect, DEFAULT_WITHIN, Negotiate};
use peerproof_captures::event::{Description, IceGatheringState};
use peerproof_captures::timeline::{Key, Seen, StepOutcome, What};
use peerproof_conformance::expect::AnyOf;
use serde_json::Value;

impl Player {
    /// Exchanges offer and answer and waits for the connection, or for what the step names instead.
    pub(super) async fn connect(&self, connect: &Connect) -> Ended {
        let limit = Limit::new(connect.within.unwrap_or(DEFAULT_WITHIN).0);
        let marks = self.marks();
        let negotiate = Negotiate {
            trickle: connect.trickle,
            offerer: connect.offerer.clone(),
            rewrite: connect.rewrite.clone(),
            ice_restart: connect.ice_restart,
            within: connect.within,
        };
        self.negotiate(&negotiate).await?;
        let Some(condition) = &connect.until else {
            return self.both_connect(&marks, &limit).await;
        };
        for (name, mark) in self.parts.keys().zip(marks) {
            self.wait_until(name, condition, mark, &limit).await?;
        }
        Ok(())
    }

    /// Decides what becomes of the candidates of both peers from now on.
    pub(super) fn candidates(&self, wanted: Candidates) {
        for part in self.parts.values() {
            part.carrier.want(wanted);
        }
    }

    /// Exchanges offer and answer; from then on candidates are carried.
    pub(super) async fn negotiate(&self, negotiate: &Negotiate) -> Ended {
        let limit = Limit::new(negotiate.within.unwrap_or(DEFAULT_WITHIN).0);
        let offerer = match &negotiate.offerer {
            Some(name) => self.part(name)?,
            None => self.parts.values().next().ok_or_else(|| broken("there are no peers"))?,
        };
        let answerer = self.other(offerer.actor.name())?;
        let rewrite = &negotiate.rewrite;
        if rewrite.candidate.is_some() && !negotiate.trickle {
            return Err(broken("candidates are rewritten on their way, and none is: `trickle` is false"));
        }
        if negotiate.trickle {
            answerer.carrier.expect(rewrite.candidate.as_ref());
        }
        let offer = Command::CreateOffer { ice_restart: negotiate.ice_restart };
        let offer = self.describe(offerer, offer, negotiate, &limit).await?;
        self.hand_over(offerer, answerer, &offer, rewrite.offer.as_ref(), None).await?;
        let answer = self.describe(answerer, Command::CreateAnswer, negotiate, &limit).await?;
        self.hand_over(answerer, offerer, &answer, rewrite.answer.as_ref(), Some(&offer)).await
    }

    /// Makes a description and sets it locally. Without trickling, it comes back with all candidates, as it does from a peer that never
    /// reports one.
    async fn describe(
        &self,
        part: &Part,
        create: Command,
        negotiate: &Negotiate,
        limit: &Limit,
    ) -> Result<Description, Box<StepOutcome>> {
        // What is no description is the peer's fault.
        let read = |command: &str, path: Vec<Key>, value: Value| {
            serde_json::from_value::<Description>(value.clone()).map_err(|_| {
                let seen = Seen::AnswerValue { command: command.to_owned(), path, value };
                wrong(success(part.actor.name(), command), seen)
            })
        };
        let name = create.name();
        let made = read(&name, Vec::new(), self.must(part, create).await?)?;
        let reports = |event: &str| !part.actor.info().unreported.iter().any(|it| it == event);
        let trickle = negotiate.trickle && reports("icecandidate");
        part.carrier.close(trickle, negotiate.rewrite.candidate.as_ref());
        let mark = part.actor.mark();
        let set = Command::SetLocalDescription { description: Some(made.clone()), as_type: None };
        self.must(part, set).await?;
        if trickle {
            return Ok(made);
        }
        if !negotiate.trickle || reports("icegatheringstatechange") {
            let complete = Condition::IceGatheringState(AnyOf(vec![IceGatheringState::Complete]));
            self.wait_until(part.actor.name(), &complete, mark, limit).await?;
        }
        let state = self.must(part, Command::GetState).await?;
        let path = vec![Key::Name("localDescription".to_owned())];
        read("getState", path, state.get("localDescription").cloned().unwrap_or_default())
    }

    /// Carries a description to the other, who sets it; from then on candidates may follow.
    async fn hand_over(
        &self,
        from: &Part,
        to: &Part,
        sent: &Description,
        rewrite: Option<&DescriptionRewrite>,
        own: Option<&Description>,
    ) -> Ended {
        let delivered = match rewrite {
            Some(rewrite) => rewrite.apply(sent, own).map_err(|error| broken(error.to_string()))?,
            None => sent.clone(),
        };
        if delivered == *sent && rewrite.is_some_and(DescriptionRewrite::must_change) {
            let from = from.actor.name();
            return Err(broken(format!("the rewriting changes nothing of {from}'s description")));
        }
        self.journal.write(What::Carried {
            from: from.actor.name().to_owned(),
            to: to.actor.name().to_owned(),
            sent: sent.clone(),
            delivered: (delivered != *sent).then(|| delivered.clone()),
        });
        self.must(to, Command::SetRemoteDescription { description: delivered }).await?;
        from.carrier.open();
        Ok(())
    }
}
