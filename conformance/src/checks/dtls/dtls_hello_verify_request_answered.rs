//! RFC 6347 §4.2.1: "the client MUST retransmit the ClientHello with the cookie added", and "MUST use the same parameter values (version, random,
//! session_id, cipher_suites, compression_method) as it did in the original ClientHello".

use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::wire::dtls::handshake::{Body, ClientHello};

pub(super) const CHECK: Check = Check {
    id: "dtls-hello-verify-request-answered",
    layer: Layer::Dtls,
    subject: "ClientHellos after a HelloVerifyRequest",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    for handshake in evidence.handshakes(peer) {
        let mut first: Option<(u64, ClientHello<'_>)> = None;
        let mut cookie: Option<(u64, &[u8])> = None;
        for (message, body) in handshake.bodies() {
            match (body, first, cookie) {
                (Body::HelloVerifyRequest(request), Some(_), None) if message.sender != peer => {
                    cookie = Some((message.frame, request.cookie.value));
                }
                (Body::ClientHello(hello), None, _) if message.sender == peer => {
                    first = Some((message.frame, hello));
                }
                (Body::ClientHello(hello), Some((frame, before)), Some((asked, cookie)))
                    if message.sender == peer =>
                {
                    let places = [Place::Frame(message.frame), Place::Frame(asked), Place::Frame(frame)];
                    if hello.cookie.value != cookie {
                        tally.fail(
                            Fault("other-cookie"),
                            "the ClientHello after a HelloVerifyRequest has another cookie",
                            places,
                        );
                    } else if let Some(what) = differs(&before, &hello) {
                        tally.fail(
                            Fault("other-parameters"),
                            format!("the ClientHello after a HelloVerifyRequest has another {what}"),
                            places,
                        );
                    } else {
                        tally.pass(Place::Frame(message.frame));
                    }
                    break;
                }
                _ => {}
            }
        }
    }
}

/// Which parameter of two ClientHellos differs.
fn differs(one: &ClientHello<'_>, other: &ClientHello<'_>) -> Option<&'static str> {
    let pairs = [
        ("client_version", one.legacy_version.value == other.legacy_version.value),
        ("random", one.random.value == other.random.value),
        ("session_id", one.session_id.value == other.session_id.value),
        ("cipher_suites", one.cipher_suites.bytes.value == other.cipher_suites.bytes.value),
        ("compression_methods", one.compression_methods.value == other.compression_methods.value),
    ];
    pairs.into_iter().find(|(_, same)| !same).map(|(name, _)| name)
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, dtls};
    use crate::evidence::{Evidence, Packet};

    const COOKIE: &[u8] = &[9, 8, 7, 6];

    /// Puts a ClientHello without a cookie and a HelloVerifyRequest before the ClientHello, which gets number 1.
    fn verify(evidence: &mut Evidence) {
        let is_hello =
            |it: &Packet| it.bytes[0] == 22 && it.bytes[3..5] == [0, 0] && it.bytes[13] == dtls::CLIENT_HELLO;
        let packets = &mut evidence.wire.as_mut().unwrap().packets;
        let at = packets.iter().position(is_hello).unwrap();
        let first = packets[at].clone();
        let answer =
            packets.iter().find(|it| it.bytes[0] == 22 && it.sender != first.sender).unwrap().clone();
        dtls::edit_messages(evidence, dtls::CLIENT_HELLO, |body| {
            let at = 35 + usize::from(body[34]);
            body[at] = COOKIE.len() as u8;
            body.splice(at + 1..at + 1, COOKIE.iter().copied());
            true
        });
        dtls::edit_headers(evidence, dtls::CLIENT_HELLO, |header| header[5] += 1);
        dtls::edit_records(
            evidence,
            |packet, record| packet.sender == first.sender && dtls::is_record(record, 22, 0),
            |record| record[10] += 1,
        );
        let body = [&[0xfe, 0xff, COOKIE.len() as u8][..], COOKIE].concat();
        let length = body.len() as u8;
        let message = [&[3, 0, 0, length, 0, 0, 0, 0, 0, 0, 0, length][..], &body].concat();
        let record =
            [&[22, 0xfe, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, message.len() as u8][..], &message].concat();
        let packets = &mut evidence.wire.as_mut().unwrap().packets;
        let request = Packet { bytes: record.into(), t_us: first.t_us, frame: first.frame, ..answer };
        packets.splice(at..at, [first, request]);
    }

    /// Changes a byte of the random in the second ClientHello.
    pub(super) const CONTROL: Control = Control::prepared(Recording::Media, verify, |evidence| {
        edit_second(evidence, |hello| hello[13 + 12 + 2 + 5] ^= 1);
    })
    .also_breaks(&["dtls-record-sequence-increments"])
    .and(&[Mutation::new(Recording::Media, "has another cookie", |evidence| {
        edit_second(evidence, |hello| {
            let at = hello.windows(4).position(|it| it == COOKIE).unwrap();
            hello[at] ^= 1;
        });
    })
    .prepared(verify)]);

    fn edit_second(evidence: &mut Evidence, edit: impl Fn(&mut [u8])) {
        let packets = &mut evidence.wire.as_mut().unwrap().packets;
        let second = packets
            .iter_mut()
            .find(|it| it.bytes[0] == 22 && it.bytes[13] == dtls::CLIENT_HELLO && it.bytes[18] == 1);
        edit(second.unwrap().bytes.to_mut());
    }
}
