//! RFC 5246 §7.2.1, RFC 8446 §6.1: close_notify "notifies the recipient that the sender will not send any more messages on this connection".

use super::{alerts, has_application_data};
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;

pub(super) const CHECK: Check = Check {
    id: "dtls-nothing-after-close-notify",
    layer: Layer::Dtls,
    subject: "close_notify alerts",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    let Some(wire) = &evidence.wire else { return };
    // One in clear closes nothing that is protected: who sent it is not sure.
    let mut said = alerts(evidence, peer, peer).filter(|said| said.epoch > 0 && said.is_close_notify());
    let Some(closed) = said.next() else { return };
    let place = Place::Frame(closed.packet.frame);
    let mut after = wire.sent(peer).skip_while(|packet| packet.frame != closed.packet.frame).skip(1);
    let sends = |packet: &&crate::evidence::Packet| {
        has_application_data(packet)
            && !evidence.is_faulted(packet.frame)
            && packet.t_us >= closed.packet.t_us
    };
    match after.find(sends) {
        Some(packet) if wire.is_tapped(peer) && evidence.whole => tally.fail(
            Fault("data-after-close-notify"),
            "application data follows the close_notify of the same side",
            [Place::Frame(packet.frame), place],
        ),
        Some(packet) => tally.inconclusive(
            "packets may have overtaken each other on their way",
            [Place::Frame(packet.frame), place],
        ),
        None => tally.pass(place),
    }
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Recording, dtls};
    use crate::evidence::Peer;

    /// Has the stack send data after its close_notify.
    pub(super) const CONTROL: Control = Control::new(Recording::Data, |evidence| {
        let wire = evidence.wire.as_ref().unwrap();
        let own = |it: &&crate::evidence::Packet| {
            it.sender == Peer(0) && it.clear.iter().any(crate::evidence::Clear::is_application_data)
        };
        let last = wire.packets.iter().rfind(own).unwrap().clear.last().unwrap().bytes.as_slice().to_vec();
        dtls::say(evidence, Peer(0), 23, &last, 1_000);
    });
}
