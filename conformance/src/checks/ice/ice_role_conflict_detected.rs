//! RFC 8445 §7.3.1.1: on a role conflict the agent compares the tiebreakers. Either it keeps its role and answers
//! 487, or it takes the other role and answers with success; so each answer implies a role, which the next checks must bear out.

use super::roles::{History, Role, Says, Stated};
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;

pub(super) const CHECK: Check = Check {
    id: "ice-role-conflict-detected",
    layer: Layer::Checks,
    subject: "answers to a claim of the same role",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    tally.not_applicable("no role conflict in the recording");
    let view = View {
        evidence,
        peer,
        history: History::new(evidence, peer),
        near: evidence.wire.as_ref().is_some_and(|wire| wire.is_tapped(peer)),
        passwords: evidence.credentials(peer).into_iter().map(|it| it.password).collect(),
    };
    for (at, request) in view.history.stated.iter().enumerate() {
        let Says::Claims(role, tiebreaker) = request.says else { continue };
        let answered = request.packet.sender != peer
            && view.history.is_first(at)
            && view.history.answers(at).next().is_some();
        if answered && view.is_authentic(request) {
            view.judge(Claim { at, request, role, tiebreaker }, tally);
        }
    }
}

/// A check that the peer got.
#[derive(Clone, Copy)]
struct Claim<'a> {
    at: usize,
    request: &'a Stated<'a>,
    role: Role,
    tiebreaker: u64,
}

impl Claim<'_> {
    /// Whether an agent with this tiebreaker that has the same role keeps it.
    const fn is_denied_by(&self, own: u64) -> bool {
        match self.role {
            Role::Controlling => own >= self.tiebreaker,
            Role::Controlled => own < self.tiebreaker,
        }
    }

    fn place(&self) -> Place {
        Place::Frame(self.request.packet.frame)
    }
}

/// What one peer saw.
struct View<'a> {
    evidence: &'a Evidence,
    peer: Peer,
    history: History<'a>,
    /// Whether that was at its own tap: else it may have sent things before it got what seems to be earlier.
    near: bool,
    passwords: Vec<String>,
}

impl View<'_> {
    fn judge(&self, claim: Claim<'_>, tally: &mut Tally) {
        let answers = self.history.answers(claim.at).filter(|(_, it)| it.packet.sender == self.peer);
        let answer = |wanted: fn(Says) -> bool| answers.clone().find(|(_, it)| wanted(it.says));
        let place = |(_, stated): (usize, &Stated<'_>)| Place::Frame(stated.packet.frame);
        let agreed = answer(|says| says == Says::Agrees);
        let denied = answer(|says| says == Says::Conflict);
        match (agreed, denied, answer(|says| matches!(says, Says::Refuses(_)))) {
            (Some(agreed), Some(denied), _) => self.both(claim, [place(denied), place(agreed)], tally),
            (None, Some((at, _)), _) => self.denied(claim, at, tally),
            (Some((at, _)), None, _) => self.agreed(claim, at, tally),
            (None, None, Some(refused)) if self.is_conflict(claim) => {
                tally.fail(
                    Fault("other-error-than-487"),
                    "a claim of the same role is answered by another error than 487",
                    [place(refused)],
                );
            }
            _ => {}
        }
    }

    /// Success and 487 for one request contradict each other; for one that came again, the role may have changed between them.
    fn both(&self, claim: Claim<'_>, places: [Place; 2], tally: &mut Tally) {
        match (self.history.came_again(claim.request), self.evidence.whole) {
            (true, _) => {}
            (false, true) => tally.fail(
                Fault("both-487-and-success"),
                "one check is answered both by 487 and by success",
                places,
            ),
            (false, false) => tally.inconclusive("the request may have come twice", places),
        }
    }

    fn denied(&self, claim: Claim<'_>, at: usize, tally: &mut Tally) {
        let Claim { role, tiebreaker, .. } = claim;
        let place = Place::Frame(self.history.stated[at].packet.frame);
        // A 487 changes the tiebreaker of who gets it, so there may be two that it can have had.
        let own = [self.before(claim), self.after(claim, at)].map(|it| it.map(|(.., own)| own));
        let Some(known) = own[0].or(own[1]) else {
            tally.inconclusive("no check shows the tiebreaker of the agent that answers 487", [place]);
            return;
        };
        let name = role.name();
        if !own.into_iter().flatten().any(|own| claim.is_denied_by(own)) {
            tally.fail(
                Fault("487-to-who-wins"),
                format!(
                    "487 to a {name} agent of tiebreaker {tiebreaker:#018x} by one of {known:#018x}, which has to give way"
                ),
                [place],
            );
            return;
        }
        // The claim itself does not have the peer give way: that is what its 487 says.
        let since = claim.at + 1;
        match self.after(claim, at) {
            Some((next, now, _)) if now != role && !self.is_pulled(since, next, role.opposite()) => {
                tally.fail(
                    Fault("487-and-yet-gives-way"),
                    format!("487 is answered to a {name} agent, and yet the next check is {}", now.name()),
                    [place, Place::Frame(self.history.stated[next].packet.frame)],
                );
            }
            _ => tally.pass(place),
        }
    }

    /// Success says that the other role is taken, whether it was before or is from now on.
    fn agreed(&self, claim: Claim<'_>, at: usize, tally: &mut Tally) {
        let Claim { role, tiebreaker, .. } = claim;
        let (name, place) = (role.name(), Place::Frame(self.history.stated[at].packet.frame));
        let conflict = self.is_conflict(claim);
        let after = self.after(claim, at);
        if let (true, Some((next, now, _))) = (self.near, after)
            && now == role
            && !self.is_pulled(claim.at, next, role)
        {
            tally.fail(
                Fault("success-without-giving-way"),
                format!(
                    "a claim to be {name} is answered with success, and yet the next check claims the same"
                ),
                [place, Place::Frame(self.history.stated[next].packet.frame)],
            );
            return;
        }
        if !conflict {
            return;
        }
        match (self.before(claim), after) {
            (Some((.., own)), _) if claim.is_denied_by(own) => tally.fail(
                Fault("gives-way-though-larger"),
                format!(
                    "a {name} agent of tiebreaker {own:#018x} gives way to one of {tiebreaker:#018x} instead of answering 487"
                ),
                [place],
            ),
            (_, Some((next, ..))) => tally.pass(Place::Frame(self.history.stated[next].packet.frame)),
            (_, None) => tally.inconclusive("no check shows whether the role changed", [claim.place()]),
        }
    }

    /// Whether the peer had the claimed role for sure: its last check says so, and nothing before may have changed that.
    fn is_conflict(&self, claim: Claim<'_>) -> bool {
        let disturbed = self.history.claims(claim.role, 0..claim.at) || self.history.conflicts(0..claim.at);
        let claimed = self.before(claim).is_some_and(|(_, role, _)| role == claim.role);
        self.near && self.evidence.whole && !disturbed && claimed
    }

    /// Whether something came within a stretch that may have the peer take this role.
    fn is_pulled(&self, from: usize, to: usize, role: Role) -> bool {
        self.history.claims(role.opposite(), from..to) || self.history.conflicts(from..to)
    }

    /// The peer's last check of the session before a claim came: its place, role and tiebreaker.
    fn before(&self, claim: Claim<'_>) -> Option<(usize, Role, u64)> {
        self.own(self.history.own_before(claim.request.ufrags()?.0, claim.at)?)
    }

    /// Its next new one after an answer.
    fn after(&self, claim: Claim<'_>, answer: usize) -> Option<(usize, Role, u64)> {
        self.own(self.history.own_after(claim.request.ufrags()?.0, answer)?)
    }

    fn own(&self, at: usize) -> Option<(usize, Role, u64)> {
        let Says::Claims(role, tiebreaker) = self.history.stated.get(at)?.says else { return None };
        Some((at, role, tiebreaker))
    }

    /// Whether it is for the peer to answer: a check with another password is for 401.
    fn is_authentic(&self, request: &Stated<'_>) -> bool {
        let signed = |key: &String| request.message.integrity_matches(key.as_bytes()) == Some(true);
        !self.evidence.is_faulted(request.packet.frame)
            && (self.passwords.is_empty() || self.passwords.iter().any(signed))
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, stun};
    use crate::evidence::Peer;

    /// Makes the 487 a success while the role stays as it was.
    pub(super) const CONTROL: Control = Control::new(Recording::Conflict, stun::conflict_to_success).and(&[
        Mutation::new(Recording::Conflict, "answered by another error than 487", |evidence| {
            stun::edit_where(
                evidence,
                |it| it.bytes[..2] == [1, 0x11] && it.tap == it.sender,
                |attributes| {
                    let (_, code) = attributes.iter_mut().find(|(kind, _)| *kind == 0x0009).unwrap();
                    code[3] = 0;
                },
            );
        }),
        Mutation::new(Recording::Conflict, "both by 487 and by success", |evidence| {
            stun::repeat_conflict(evidence);
            stun::conflict_to_success(evidence);
        }),
        Mutation::new(Recording::Conflict, "which has to give way", |evidence| {
            stun::edit_where(
                evidence,
                |it| it.bytes[..2] == [0, 1] && it.sender == Peer(0) && it.tap == Peer(1),
                |attributes| {
                    for (_, tiebreaker) in attributes.iter_mut().filter(|(kind, _)| *kind == 0x802a) {
                        tiebreaker.fill(0xff);
                    }
                },
            );
        }),
        Mutation::new(Recording::Conflict, "yet the next check is controlled", |evidence| {
            stun::edit_where(evidence, |it| it.frame > stun::AGAIN, stun::swap_role);
        })
        .prepared(|evidence| stun::ask_again(evidence, Peer(1), |n| n * 4_700_000 + n * n % 7 * 40_000)),
    ]);
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::checks::Status;
    use crate::checks::controls::{Recording, stun};

    #[test]
    fn success_beside_a_487_is_a_fault_whatever_the_tiebreakers_say() {
        let mut evidence = Recording::Conflict.evidence();
        assert_eq!(CHECK.run(&evidence)[1].result, Status::Pass);
        stun::repeat_conflict(&mut evidence);
        assert_eq!(CHECK.run(&evidence)[1].result, Status::Pass, "the same answer twice says nothing else");
        stun::conflict_to_success(&mut evidence);
        let finding = &CHECK.run(&evidence)[1];
        assert_eq!(finding.result, Status::Fail);
        assert!(finding.sentence.contains("both by 487 and by success"), "{}", finding.sentence);
    }
}
