//! A diagnosis names no cause that the same report refutes, and what the call did not need broke nothing.

use super::packets::{ALICE, BOB, Capture, Peer, bare_stun};
use super::{Files, inspect};

const SERVER: Peer = Peer { ip: [203, 0, 113, 7], port: 3_478, ufrag: "", password: "" };

fn inspected(capture: &Capture) -> String {
    let files = Files::new();
    inspect(&[&files.write("call.pcap", capture.file())])
}

/// An allocation of alice in which the permission for bob is refused.
fn forbidden() -> Capture {
    let mut capture = Capture::new();
    // XOR-PEER-ADDRESS and XOR-RELAYED-ADDRESS (RFC 8489 §14.2).
    let xor = |ip: [u8; 4], port: u16| {
        let mut value = vec![0, 1];
        value.extend((port ^ 0x2112).to_be_bytes());
        value.extend((u32::from_be_bytes(ip) ^ 0x2112_a442).to_be_bytes());
        value
    };
    let (relayed, peer) = (xor(SERVER.ip, 50_000), xor(BOB.ip, BOB.port));
    capture.udp(ALICE, SERVER, &bare_stun(0x0003, [1; 12], &[(0x0019, &[17, 0, 0, 0])]));
    capture.udp(SERVER, ALICE, &bare_stun(0x0103, [1; 12], &[(0x0016, &relayed)]));
    capture.udp(ALICE, SERVER, &bare_stun(0x0008, [2; 12], &[(0x0012, &peer)]));
    capture.udp(SERVER, ALICE, &bare_stun(0x0118, [2; 12], &[(0x0009, b"\0\0\x04\x03Forbidden")]));
    capture
}

#[test]
fn what_a_relay_refuses_is_no_failure_if_the_call_works_without_it() {
    let text = inspected(&forbidden());
    assert!(text.contains("gathering: broken") && text.contains("answered 403 (Forbidden)"), "{text}");
    let mut works = forbidden();
    works.connect();
    let text = inspected(&works);
    assert!(text.contains("gathering: notice") && text.contains("answered 403 (Forbidden)"), "{text}");
    assert!(text.contains("a connection of this client works all the same"), "{text}");
    assert!(!text.contains("broken"), "{text}");
}

/// A pair that works for four seconds, and nobody nominates it.
fn not_nominated(alice_controls: bool, bob_controls: bool) -> String {
    let mut capture = Capture::new();
    for _ in 0..5 {
        for (from, to, controls) in [(ALICE, BOB, alice_controls), (BOB, ALICE, bob_controls)] {
            let id = capture.check(from, to, controls, false);
            capture.wait(20).success(id, from, to);
        }
        capture.wait(1_000);
    }
    inspected(&capture)
}

#[test]
fn nobody_is_called_controlled_who_claims_to_control() {
    let text = not_nominated(true, false);
    assert!(
        text.contains("ICE: A is controlling")
            && text.contains("why: the controlling side does not nominate"),
        "{text}"
    );
    assert!(!text.contains("consider themselves controlled"), "{text}");
    let text = not_nominated(false, false);
    assert!(text.contains("since both consider themselves controlled"), "{text}");
    let text = not_nominated(true, true);
    assert!(text.contains("both sides consider themselves controlling"), "{text}");
}
