//! RFC 9429 §5.2.1: the session identifier is below 2^63 - 1, and there is no `k=`. The user name and the session name should be a dash, the
//! session should begin and end at 0, and `i=`, `u=`, `e=`, `p=`, `r=` and `z=` should be absent.

use super::look;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Description, Evidence, Peer};
use crate::verdict::Layer;

pub(super) const CHECK: Check = Check {
    id: "jsep-session-level-lines",
    layer: Layer::Sdp,
    subject: "descriptions",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

/// The session identifier has to be less.
const LIMIT: u64 = i64::MAX as u64;
/// Lines that are not useful.
const USELESS: [char; 6] = ['i', 'u', 'e', 'p', 'r', 'z'];

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    for made in evidence.generated_by(peer) {
        judge(made, tally);
    }
}

fn judge(made: &Description, tally: &mut Tally) {
    let Some(origin) = made.sdp.origin() else { return };
    let Ok(said) = origin.value else { return };
    let place: Place = look::line(made, origin.line);
    let session = made.sdp.session();
    let value = |kind: char| session.lines_of(kind).next().map(|line| (line.number, line.value()));
    let mut keys = made.sdp.lines().filter(|line| line.kind() == Some('k'));
    let useless = session.lines().find(|line| line.kind().is_some_and(|kind| USELESS.contains(&kind)));
    if said.session_id.parse::<u64>().ok().is_none_or(|id| id >= LIMIT) {
        tally.fail(
            Fault("session-id-too-large"),
            format!("the session identifier {} is not below 2^63 - 1", said.session_id),
            [place],
        );
    } else if let Some(key) = keys.next() {
        tally.fail(Fault("key-line"), "there is a k= line", [look::line(made, key.number)]);
    } else if said.username != "-" {
        tally.warn(Fault("user-name"), format!("the user name is {:?}, not a dash", said.username), [place]);
    } else if let Some((line, name)) = value('s').filter(|(_, name)| *name != "-") {
        tally.warn(
            Fault("session-name"),
            format!("the session name is {name:?}, not a dash"),
            [look::line(made, line)],
        );
    } else if let Some((line, times)) = value('t').filter(|(_, times)| *times != "0 0") {
        tally.warn(Fault("times"), format!("the session is from {times:?}"), [look::line(made, line)]);
    } else if let Some(line) = useless {
        tally.warn(
            Fault("useless-line"),
            format!("a line {:?} says nothing useful", line.raw),
            [look::line(made, line.number)],
        );
    } else {
        tally.pass(place);
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, replace};

    /// Adds a key.
    pub(super) const CONTROL: Control = Control::new(Recording::Descriptions, |evidence| {
        replace(&mut evidence.descriptions[1].sdp, "t=0 0\r\n", "t=0 0\r\nk=prompt\r\n");
    })
    .also_breaks(&["sdp-grammar-strict"])
    .and(&[
        Mutation::new(Recording::Descriptions, "is not below 2^63 - 1", |evidence| {
            let answer = &mut evidence.descriptions[1].sdp;
            let origin = answer.origin().unwrap().value.unwrap();
            replace(answer, &origin.session_id, "9223372036854775807");
        }),
        Mutation::new(Recording::Descriptions, "the user name is \"me\"", |evidence| {
            replace(&mut evidence.descriptions[1].sdp, "o=- ", "o=me ");
        }),
        Mutation::new(Recording::Descriptions, "the session name is \"call\"", |evidence| {
            replace(&mut evidence.descriptions[1].sdp, "s=-", "s=call");
        }),
        Mutation::new(Recording::Descriptions, "the session is from \"1 2\"", |evidence| {
            replace(&mut evidence.descriptions[1].sdp, "t=0 0", "t=1 2");
        }),
        Mutation::new(Recording::Descriptions, "says nothing useful", |evidence| {
            replace(&mut evidence.descriptions[1].sdp, "s=-\r\n", "s=-\r\ni=a call\r\n");
        }),
    ]);
}
