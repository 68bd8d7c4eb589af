//! States of transports from which there is no way back.

use super::*;

#[test]
fn a_transport_does_not_go_back() {
    let up = |event: &PeerEvent| *event == sctp(SctpState::Connected);
    let of_ice = "event/icetransportstatechange.state";
    for (events, claim, layer) in [
        (vec![dtls(DtlsState::Connecting)], "event/dtlsstatechange.state", Layer::Dtls),
        (vec![sctp(SctpState::Connecting)], "event/sctpstatechange.state", Layer::Sctp),
        (vec![ice_transport(IceState::Connected), ice_transport(IceState::Failed)], of_ice, Layer::Checks),
    ] {
        let mut case = Case::of(Recording::Closed);
        for event in events {
            case.report_after("alice", up, event);
        }
        case.blames("alice", claim, layer, "from where it does not become");
    }
}

#[test]
fn a_transport_that_is_closed_does_not_come_up() {
    let begins = |event: &PeerEvent| *event == dtls(DtlsState::Connecting);
    for event in [dtls(DtlsState::Closed), dtls(DtlsState::Failed)] {
        let mut case = Case::of(Recording::Closed);
        case.report_after("alice", begins, event);
        let claim = "event/dtlsstatechange.state";
        case.blames("alice", claim, Layer::Dtls, "from where it does not become");
    }
}
