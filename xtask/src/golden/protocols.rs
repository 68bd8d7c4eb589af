//! STUN, TURN, DTLS, SCTP with data channels, and mDNS: everything that the dissectors know, once.

use super::story::{ALICE, BOB, SERVER, Story, noise};
use super::stun::{self, Message};
use super::{File, dtls, hex, rtp, sctp};
use peerproof_captures::recording::Content;
use std::net::SocketAddr;

pub(super) fn files() -> Vec<File> {
    vec![
        file("stun/attributes", attributes()),
        file("turn/relay", relay()),
        file("dtls/messages-1.2", messages_12()),
        file("dtls/connection-ids-1.2", connection_ids()),
        file("dtls/records-1.3", records_13()),
        file("sctp/chunks", chunks()),
        file("sctp/data-channels", data_channels()),
        file("mdns/names", names()),
    ]
}

fn file(name: &str, story: Story) -> File {
    File { path: format!("{name}.pcapng"), bytes: story.file() }
}

/// Every attribute in the messages to which it belongs, or at least once.
fn attributes() -> Story {
    let mut story = Story::new("STUN messages and attributes");
    let v6: SocketAddr = "[2001:db8::9]:40000".parse().unwrap_or(SERVER);
    let number = |number: u32| number.to_be_bytes();
    let request = Message::new(stun::BINDING_REQUEST, 1)
        .with(stun::USERNAME, b"bbbb:aaaa")
        .with(stun::PRIORITY, &number(0x6e00_1eff))
        .with(stun::ICE_CONTROLLING, &[7; 8])
        .with(stun::USE_CANDIDATE, &[])
        // NOMINATION, GOOG-NETWORK-INFO, GOOG-LAST-ICE-CHECK-RECEIVED, GOOG-MISC-INFO
        .with(0xc001, &number(1))
        .with(0xc057, &[0, 1, 0, 10])
        .with(0xc058, &[1; 12])
        .with(0xc059, &[0, 1]);
    story.udp(ALICE, BOB, &request.signed(b"password-of-bob-123456")).wait(10);
    let success = Message::new(stun::BINDING_SUCCESS, 1)
        .with_address(stun::XOR_MAPPED_ADDRESS, v6)
        .with_address(stun::MAPPED_ADDRESS, ALICE)
        .with(stun::SOFTWARE, b"xtask")
        // ALTERNATE-SERVER, CACHE-TIMEOUT, RESPONSE-ORIGIN, OTHER-ADDRESS
        .with(0x8023, &hex("0001 0d96 cb007109"))
        .with(0x8027, &number(60))
        .with(0x802b, &hex("0001 0d96 cb007109"))
        .with(0x802c, &hex("0001 0d97 cb00710a"));
    story.udp(BOB, ALICE, &success.signed(b"password-of-bob-123456")).wait(10);
    let error = Message::new(stun::BINDING_ERROR, 2)
        .with_error(420, "Unknown Attribute")
        .with(0x000a, &hex("0003 7fff"))
        .with(stun::ICE_CONTROLLED, &[8; 8]);
    story.udp(BOB, ALICE, &error.with_fingerprint()).wait(10);
    // CHANGE-REQUEST, PADDING, RESPONSE-PORT, an unknown one that must be known and one that need not.
    let behaviour = Message::new(stun::BINDING_REQUEST, 3)
        .with(0x0003, &number(6))
        .with(0x0026, &[0; 16])
        .with(0x0027, &hex("1389 0000"))
        .with(0x7ffe, b"odd")
        .with(0xffee, b"fine");
    story.udp(ALICE, SERVER, &behaviour.bare()).wait(10);
    // USERHASH, PASSWORD-ALGORITHM and -ALGORITHMS, ALTERNATE-DOMAIN, ACCESS-TOKEN, THIRD-PARTY-AUTHORIZATION, MOBILITY-TICKET
    let long_term = Message::new(stun::ALLOCATE_REQUEST, 4)
        .with(stun::REQUESTED_TRANSPORT, &[17, 0, 0, 0])
        .with(0x001e, &[0xab; 32])
        .with(0x001d, &hex("0002 0000"))
        .with(0x8002, &hex("0002 0000 0001 0000"))
        .with(0x8003, b"example.net")
        .with(0x001b, &[1; 8])
        .with(0x802e, b"server")
        .with(0x8030, &[2; 4])
        // REQUESTED-ADDRESS-FAMILY, EVEN-PORT, DONT-FRAGMENT, RESERVATION-TOKEN, ADDITIONAL-ADDRESS-FAMILY
        .with(0x0017, &[2, 0, 0, 0])
        .with(0x0018, &[0x80])
        .with(0x001a, &[])
        .with(0x0022, &[3; 8])
        .with(0x8000, &[2, 0, 0, 0]);
    story.udp(ALICE, SERVER, &long_term.bare()).wait(10);
    // ADDRESS-ERROR-CODE, ICMP, CONNECTION-ID, TRANSACTION_TRANSMIT_COUNTER, ECN-CHECK
    let rare = Message::new(stun::ALLOCATE_ERROR, 4)
        .with_error(440, "Address Family not Supported")
        .with(0x8001, &hex("0200 0428 6e6f"))
        .with(0x8004, &hex("0000 0301 00000000"))
        .with(0x002a, &number(9))
        .with(0x8025, &hex("0000 0102"))
        .with(0x802d, &number(0));
    story.udp(SERVER, ALICE, &rare.bare()).wait(10);
    // libwebrtc's short pings: request and response of method 0x080, with GOOG-MESSAGE-INTEGRITY-32.
    for kind in [0x0200, 0x0300] {
        story
            .udp(ALICE, BOB, &Message::new(kind, 5).with(0xc060, &number(0x1234_5678)).with_fingerprint())
            .wait(10);
    }
    story.udp(ALICE, BOB, &Message::new(stun::BINDING_INDICATION, 6).with_fingerprint()).wait(10);
    // What is seldom seen: RFC 3489's attributes, MESSAGE-INTEGRITY-SHA256, those of Cisco, Google and Meta.
    let seldom = [
        (0x0002, "0001 0d96 cb007109"),
        (0x0004, "0001 0d96 cb007109"),
        (0x0005, "0001 0d97 cb00710a"),
        (0x0007, "736563726574"),
        (0x000b, "0001 0d96 cb007109"),
        (0x0010, "00000064"),
        (0x0021, "00000005"),
        (0x8020, "0001 2c84 ea125ddb"),
        (0xc000, "01020304"),
        (0xc002, "01020304"),
        (0xc056, "01020304"),
        (0xc05a, "00000001"),
        (0xc05b, "00000001"),
        (0xc05c, "01020304"),
        (0xc05d, "0000000000000007"),
        (0xc05e, ""),
        (0xc070, "16fefd"),
        (0xc071, "1122334455667788"),
        (0x001c, "b5c7bf005b6c52a21c51c5e892f81924136296cb927c43149309278cc6518e65"),
    ];
    let empty = Message::new(stun::BINDING_REQUEST, 7);
    let all = seldom.iter().fold(empty, |message, (kind, value)| message.with(*kind, &hex(value)));
    story.udp(ALICE, SERVER, &all.bare()).wait(10);
    // SharedSecret, Connect, ConnectionBind, ConnectionAttempt.
    for (kind, id) in [0x0002, 0x000a, 0x000b, 0x001c].into_iter().zip(8..) {
        story
            .udp(ALICE, SERVER, &Message::new(kind, id).with(0x002a, &number(9)).with_fingerprint())
            .wait(10);
    }
    story
}

/// An allocation, a permission, both ways to relay, a channel, the end.
fn relay() -> Story {
    let mut story = Story::new("An allocation and what goes over it");
    let relayed = SocketAddr::new(SERVER.ip(), 50_000);
    let key = b"key";
    let signed = |message: Message| {
        let message = message.with(stun::USERNAME, b"user").with(stun::REALM, b"example.org");
        message.with(stun::NONCE, b"nonce-1").signed(key)
    };
    let lifetime = |seconds: u32| seconds.to_be_bytes();
    let allocate =
        |id| Message::new(stun::ALLOCATE_REQUEST, id).with(stun::REQUESTED_TRANSPORT, &[17, 0, 0, 0]);
    let check = Message::new(stun::BINDING_REQUEST, 90)
        .with(stun::USERNAME, b"bbbb:aaaa")
        .with(stun::PRIORITY, &[1, 0, 0x1e, 0xff])
        .with(stun::ICE_CONTROLLING, &[7; 8])
        .signed(b"password-of-bob-123456");
    let answer = Message::new(stun::BINDING_SUCCESS, 90)
        .with_address(stun::XOR_MAPPED_ADDRESS, relayed)
        .signed(b"password-of-bob-123456");
    let channel = |data: &[u8]| [&[0x40, 0, 0, data.len() as u8], data].concat();
    let hello = dtls::message(1, 0, &dtls::client_hello(0xa1, &[], &[&dtls::USE_SRTP]));
    let hello = dtls::record(dtls::HANDSHAKE, 0, 0, &hello);
    let media = rtp::packet(story.header(0xa, 1), &[], &[], &noise(3, 41));
    let unauthorised = Message::new(stun::ALLOCATE_ERROR, 1)
        .with_error(401, "Unauthenticated")
        .with(stun::REALM, b"example.org")
        .with(stun::NONCE, b"nonce-1");
    let granted = Message::new(stun::ALLOCATE_SUCCESS, 2)
        .with_address(stun::XOR_RELAYED_ADDRESS, relayed)
        .with_address(stun::XOR_MAPPED_ADDRESS, ALICE)
        .with(stun::LIFETIME, &lifetime(600));
    let steps: [(bool, Vec<u8>); 16] = [
        (true, allocate(1).with_fingerprint()),
        (false, unauthorised.with_fingerprint()),
        (true, signed(allocate(2))),
        (false, granted.signed(key)),
        (
            true,
            signed(
                Message::new(stun::CREATE_PERMISSION_REQUEST, 3).with_address(stun::XOR_PEER_ADDRESS, BOB),
            ),
        ),
        (false, Message::new(stun::CREATE_PERMISSION_SUCCESS, 3).signed(key)),
        (
            true,
            Message::new(stun::SEND_INDICATION, 4)
                .with_address(stun::XOR_PEER_ADDRESS, BOB)
                .with(stun::DATA, &check)
                .with_fingerprint(),
        ),
        (
            false,
            Message::new(stun::DATA_INDICATION, 5)
                .with_address(stun::XOR_PEER_ADDRESS, BOB)
                .with(stun::DATA, &answer)
                .with_fingerprint(),
        ),
        (
            true,
            signed(
                Message::new(stun::CHANNEL_BIND_REQUEST, 6)
                    .with(stun::CHANNEL_NUMBER, &[0x40, 0, 0, 0])
                    .with_address(stun::XOR_PEER_ADDRESS, BOB),
            ),
        ),
        (false, Message::new(stun::CHANNEL_BIND_SUCCESS, 6).signed(key)),
        (true, channel(&check)),
        (false, channel(&answer)),
        (true, channel(&hello)),
        (false, channel(&media)),
        (true, signed(Message::new(stun::REFRESH_REQUEST, 7).with(stun::LIFETIME, &lifetime(0)))),
        (false, Message::new(stun::REFRESH_SUCCESS, 7).with(stun::LIFETIME, &lifetime(0)).signed(key)),
    ];
    for (asks, bytes) in steps {
        let (from, to) = if asks { (ALICE, SERVER) } else { (SERVER, ALICE) };
        story.udp(from, to, &bytes).wait(20);
    }
    story
}

/// Cookie exchange, messages in fragments that come in the wrong order, alerts of both levels.
fn messages_12() -> Story {
    let mut story = Story::new("DTLS 1.2 in the clear");
    let hello = |cookie: &[u8]| {
        dtls::client_hello(
            0xb0,
            cookie,
            &[&dtls::EXTENDED_MASTER_SECRET, &dtls::GROUPS, &dtls::SIGNATURE_ALGORITHMS, &dtls::USE_SRTP],
        )
    };
    story.record(BOB, ALICE, dtls::HANDSHAKE, &dtls::message(1, 0, &hello(&[]))).wait(5);
    story.record(ALICE, BOB, dtls::HANDSHAKE, &dtls::message(3, 0, &hex("feff 04 c00c1e00"))).wait(5);
    story.record(BOB, ALICE, dtls::HANDSHAKE, &dtls::message(1, 1, &hello(&hex("c00c1e00")))).wait(5);
    let server = dtls::server_hello(0x5e, &[&dtls::EXTENDED_MASTER_SECRET, &dtls::USE_SRTP]);
    let certificate = dtls::certificate(dtls::CERTIFICATE);
    let key_exchange = [&[3, 0, 0x17, 65, 4][..], &noise(2, 64), &[4, 3, 0, 8], &noise(3, 8)].concat();
    let request = hex("01 40 0002 0403 0000");
    let middle = certificate.len() / 2;
    let one = dtls::record(dtls::HANDSHAKE, 0, 1, &dtls::message(2, 1, &server));
    let late =
        dtls::record(dtls::HANDSHAKE, 0, 3, &dtls::fragment(11, 2, &certificate, middle..certificate.len()));
    let early = dtls::record(dtls::HANDSHAKE, 0, 2, &dtls::fragment(11, 2, &certificate, 0..middle));
    // Several messages in one record, and several records in one datagram.
    let rest =
        [dtls::message(12, 3, &key_exchange), dtls::message(13, 4, &request), dtls::message(14, 5, &[])];
    let rest = dtls::record(dtls::HANDSHAKE, 0, 4, &rest.concat());
    story.udp(ALICE, BOB, &one).udp(ALICE, BOB, &late).udp(ALICE, BOB, &[early, rest].concat()).wait(5);
    let exchange = dtls::message(16, 3, &[&[65, 4][..], &noise(1, 64)].concat());
    let own = dtls::record(dtls::HANDSHAKE, 0, 2, &dtls::message(11, 2, &certificate));
    let keys = dtls::record(dtls::HANDSHAKE, 0, 3, &exchange);
    let signature = [&[4, 3, 0, 8][..], &noise(4, 8)].concat();
    let verify = dtls::record(dtls::HANDSHAKE, 0, 4, &dtls::message(15, 4, &signature));
    let change = dtls::record(dtls::CHANGE_CIPHER_SPEC, 0, 5, &[1]);
    let finished = dtls::record(dtls::HANDSHAKE, 1, 0, &noise(5, 40));
    story.udp(BOB, ALICE, &[own, keys, verify, change, finished].concat()).wait(5);
    // A heartbeat (RFC 6520) and a check of return routability, in the clear.
    let heartbeat = hex("01 0004 61626364 00112233445566778899aabbccddeeff");
    story.udp(ALICE, BOB, &dtls::record(24, 0, 7, &heartbeat)).wait(5);
    story.udp(ALICE, BOB, &dtls::record(27, 0, 8, &hex("00 0102030405060708"))).wait(5);
    story.udp(ALICE, BOB, &dtls::record(dtls::ALERT, 0, 9, &[1, 100])).wait(5);
    story.udp(BOB, ALICE, &dtls::record(dtls::ALERT, 0, 9, &[2, 42]));
    story
}

/// RFC 9146: records of type 25 with the ID that their receiver asked for.
fn connection_ids() -> Story {
    let mut story = Story::new("DTLS 1.2 with connection IDs");
    let asks = |id: &str| {
        let id = hex(id);
        [&[0, 54, 0, id.len() as u8 + 1, id.len() as u8][..], &id].concat()
    };
    let hello = dtls::client_hello(0xb0, &[], &[&dtls::EXTENDED_MASTER_SECRET, &asks("b0b0b0b0")]);
    story.record(BOB, ALICE, dtls::HANDSHAKE, &dtls::message(1, 0, &hello)).wait(5);
    let hello = dtls::server_hello(0x5e, &[&dtls::EXTENDED_MASTER_SECRET, &asks("a1a1")]);
    story.record(ALICE, BOB, dtls::HANDSHAKE, &dtls::message(2, 0, &hello)).wait(5);
    let record = |id: &str, sequence: u64, length: usize| {
        let [_, _, number @ ..] = sequence.to_be_bytes();
        [
            &[25, 0xfe, 0xfd, 0, 1][..],
            &number,
            &hex(id),
            &(length as u16).to_be_bytes(),
            &noise(sequence, length),
        ]
        .concat()
    };
    story.udp(BOB, ALICE, &record("a1a1", 0, 40)).wait(5);
    story.udp(ALICE, BOB, &[record("b0b0b0b0", 0, 40), record("b0b0b0b0", 1, 30)].concat());
    story
}

/// HelloRetryRequest, ServerHello, and protected records with every form of the unified header.
fn records_13() -> Story {
    let mut story = Story::new("DTLS 1.3 records");
    let versions = hex("002b 0003 02 fefc");
    let chosen = hex("002b 0002 fefc");
    let share = [&hex("0033 0026 0024 001d 0020")[..], &noise(1, 32)].concat();
    let hello = dtls::client_hello(
        0xb0,
        &[],
        &[&versions, &dtls::GROUPS, &dtls::SIGNATURE_ALGORITHMS, &dtls::USE_SRTP, &share],
    );
    story.record(BOB, ALICE, dtls::HANDSHAKE, &dtls::message(1, 0, &hello)).wait(5);
    let retry = hex(
        "fefd cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c 00 1301 00 000c 002b0002fefc 003300020017",
    );
    story.record(ALICE, BOB, dtls::HANDSHAKE, &dtls::message(2, 0, &retry)).wait(5);
    let share = [&hex("0033 0047 0045 0017 0041 04")[..], &noise(2, 64)].concat();
    let hello = dtls::client_hello(
        0xb0,
        &[],
        &[&versions, &dtls::GROUPS, &dtls::SIGNATURE_ALGORITHMS, &dtls::USE_SRTP, &share],
    );
    story.record(BOB, ALICE, dtls::HANDSHAKE, &dtls::message(1, 1, &hello)).wait(5);
    let share = [&hex("0033 0045 0017 0041 04")[..], &noise(3, 64)].concat();
    let hello = [
        &[0xfe, 0xfd][..],
        &[0x5e; 32],
        &[0, 0x13, 1, 0],
        &((chosen.len() + share.len()) as u16).to_be_bytes(),
        &chosen,
        &share,
    ]
    .concat();
    story.record(ALICE, BOB, dtls::HANDSHAKE, &dtls::message(2, 1, &hello)).wait(5);
    // An ACK in the clear of the two records so far.
    let ack = hex("0020 0000000000000000 0000000000000000 0000000000000000 0000000000000001");
    story.udp(BOB, ALICE, &dtls::record(26, 0, 2, &ack)).wait(5);
    // S and L set and not, epochs 2 and 3; records without a length end the datagram.
    let with_length = |first: u8, number: &[u8], length: usize| {
        [&[first], number, &(length as u16).to_be_bytes(), &noise(first.into(), length)].concat()
    };
    story.udp(ALICE, BOB, &[with_length(0x2e, &[1, 2], 40), with_length(0x26, &[3], 30)].concat()).wait(5);
    story.udp(BOB, ALICE, &[&[0x2b, 4, 5][..], &noise(7, 50)].concat()).wait(5);
    story.udp(ALICE, BOB, &[&[0x23, 6][..], &noise(8, 50)].concat());
    story
}

/// Every chunk type, alone or in the company it keeps.
fn chunks() -> Story {
    let mut story = Story::new("SCTP chunks");
    let chunk = |digits: &str| hex(digits);
    let packets: Vec<Vec<Vec<u8>>> = vec![
        // INIT with supported extensions, zero checksum acceptable and unknown parameters.
        vec![chunk(
            "01 00 002c 00000a11 00020000 0400 0400 00000001 8008 0009 c0c28240 80000000 8001 0008 00000001 c000 0004",
        )],
        vec![sctp::init(2, 0xb0b, 1)],
        vec![sctp::chunk(10, 0, b"cookie!!"), sctp::data(1, 0, 0, sctp::STRING, b"hello")],
        vec![
            sctp::chunk(11, 0, &[]),
            chunk("03 00 001c 00000001 00020000 0002 0001 0002 0003 0005 0005 00000001"),
        ],
        // A message in three fragments.
        vec![sctp::data_part(0x02, 2, (1, 0), sctp::BINARY, b"first ")],
        vec![sctp::data_part(0x00, 3, (1, 0), sctp::BINARY, b"second ")],
        vec![sctp::data_part(0x01, 4, (1, 0), sctp::BINARY, b"third")],
        // Unordered, immediate, with an empty message.
        vec![sctp::data_part(0x0f, 5, (2, 0), 57, &[0])],
        // I-DATA: a beginning and an end.
        vec![
            chunk("40 02 0018 00000006 0003 0000 00000000 00000033 61626364"),
            chunk("40 01 0017 00000007 0003 0000 00000000 00000001 656667"),
        ],
        // FORWARD-TSN and I-FORWARD-TSN.
        vec![chunk("c0 00 000c 00000009 0001 0002"), chunk("c2 00 0010 0000000a 0001 0001 00000007")],
        // RE-CONFIG: outgoing, incoming, SSN/TSN reset; response; adding streams.
        vec![
            chunk("82 00 0018 000d 0014 00000001 00000002 00000003 0001 0002"),
            chunk("82 00 000e 000e 000a 00000001 0004"),
        ],
        vec![chunk("82 00 000c 000f 0008 00000002"), chunk("82 00 0010 0010 000c 00000001 00000001")],
        vec![
            chunk("82 00 0010 0011 000c 00000003 0010 0000"),
            chunk("82 00 0010 0012 000c 00000004 0010 0000"),
        ],
        vec![chunk("04 00 0010 0001 000c 0102030405060708"), chunk("05 00 0010 0001 000c 0102030405060708")],
        // ERROR with a stale cookie and an unrecognised chunk.
        vec![chunk("09 00 0014 0003 0008 00000bb8 0006 0008 3f000004")],
        vec![chunk("0c 00 0008 00000003"), chunk("0d 00 0008 00000003")],
        vec![chunk("0f 00 000c 0000 0001 aabbccdd")],
        // ASCONF to add an address, and its answer.
        vec![chunk("c1 00 0020 00000001 0005 0008 c0000201 c001 0010 00000007 0005 0008 c0000203")],
        vec![chunk("80 00 0010 00000001 c005 0008 00000007")],
        vec![chunk("84 00 0008 00000000"), chunk("3f 00 0006 aabb 0000")],
        vec![chunk("07 00 0008 00000009")],
        vec![chunk("08 00 0004")],
        vec![chunk("0e 01 0004")],
        vec![chunk("06 00 0010 000c 000c 676f6f6420627965")],
    ];
    let more = [seldom_parameters(), seldom_causes(), seldom_chunks()];
    for (chunks, step) in packets.iter().chain(&more).zip(0..) {
        let (from, to) = if step % 2 == 0 { (ALICE, BOB) } else { (BOB, ALICE) };
        let chunks: Vec<&[u8]> = chunks.iter().map(Vec::as_slice).collect();
        story.sctp(from, to, &chunks).wait(5);
    }
    // RFC 9653: no checksum.
    let mut packet = sctp::packet(0xb0b, &[&sctp::data(9, 0, 1, sctp::STRING, b"unchecked")]);
    if let Some(place) = packet.get_mut(8..12) {
        place.fill(0);
    }
    story.put(ALICE, BOB, Content::Sctp(&packet));
    story
}

/// Parameters that no browser sends, in an INIT.
fn seldom_parameters() -> Vec<Vec<u8>> {
    let fixed = hex("00000a11 00020000 0400 0400 00000001");
    let parameters = hex(
        "0005 0008 c0000201  0006 0014 20010db8000000000000000000000001  0008 0008 c0990004  0009 0008 000003e8
         000b 000c 6578616d706c6500  000c 0008 0005 0006  8000 0004  8003 0006 c180 0000  8004 0008 0001 0003
         8005 0008 00000000  c006 0008 00000000  8002 0024",
    );
    vec![sctp::chunk(1, 0, &[fixed, parameters, noise(3, 32)].concat())]
}

/// All causes of errors that are not among the chunks above.
fn seldom_causes() -> Vec<Vec<u8>> {
    let causes = hex(
        "0001 0008 0007 0000  0002 000a 00000001 0007 0000  0004 0004  0005 000c 0005 0008 c0000201  0007 0004
         0008 0008 c0990004  0009 0008 00000005  000a 0004  000b 000c 0005 0008 c0000209  000d 0008 6f6f7073
         00a0 000c 0005 0008 c0000201  00a1 0004  00a2 000c 0005 0008 c0000201  00a3 0004  00a4 0004  0105 0006 0002 0000",
    );
    vec![sctp::chunk(9, 0, &causes)]
}

/// NR-SACK and PKTDROP, which are no RFC's; ASCONF with the parameters that are left, and what refuses one of them.
fn seldom_chunks() -> Vec<Vec<u8>> {
    let changes = hex(
        "00000002  0005 0008 c0000201  c002 0010 00000008 0005 0008 c0000203  c004 0010 00000009 0005 0008 c0000201",
    );
    vec![
        sctp::chunk(16, 0, &hex("00000001 00020000 0000 0000 0000 0000")),
        sctp::chunk(129, 0, &hex("00000000 00000000 0000 0000")),
        sctp::chunk(193, 0, &changes),
        sctp::chunk(128, 0, &hex("00000002  c003 000c 00000008 00a1 0004")),
    ]
}

/// All types of channels, opened and acknowledged; messages of all payload protocols.
fn data_channels() -> Story {
    let mut story = Story::new("Data channels");
    story.associate();
    let types = [(0x00, 0), (0x01, 3), (0x02, 500), (0x80, 0), (0x81, 0), (0x82, 250)];
    for ((channel, reliability), number) in types.into_iter().zip(1..) {
        let stream = 2 * (number as u16 - 1);
        let label = format!("channel {stream}");
        let open = sctp::open(channel, reliability, &label, if channel == 0 { "chat.v1" } else { "" });
        story.sctp(ALICE, BOB, &[&sctp::data(number, stream, 0, sctp::DCEP, &open)]).wait(5);
        story
            .sctp(BOB, ALICE, &[&sctp::sack(number), &sctp::data(number, stream, 0, sctp::DCEP, &[2])])
            .wait(5);
    }
    let messages: [(u32, &[u8]); 7] = [
        (0, b"raw"),
        (52, b"part"),
        (54, b"part"),
        (51, "gr\u{fc}\u{df} dich".as_bytes()),
        (53, &[0, 1, 2]),
        (56, &[0]),
        (57, &[0]),
    ];
    for ((protocol, message), tsn) in messages.into_iter().zip(7..) {
        story.sctp(ALICE, BOB, &[&sctp::data(tsn, 0, tsn as u16 - 6, protocol, message)]).wait(5);
    }
    story
}

/// A browser asks for a name, and the one whose it is answers (RFC 6762).
fn names() -> Story {
    let mut story = Story::new("mDNS");
    let group: SocketAddr = "224.0.0.251:5353".parse().unwrap_or(SERVER);
    let (alice, bob) = (SocketAddr::new(ALICE.ip(), 5353), SocketAddr::new(BOB.ip(), 5353));
    let name = hex("0d 34663061376234322d30303031 05 6c6f63616c 00");
    let query = [&hex("0000 0000 0001 0000 0000 0000")[..], &name, &hex("0001 8001")].concat();
    story.udp(alice, group, &query).wait(3);
    let answer =
        [&hex("0000 8400 0000 0001 0000 0000")[..], &name, &hex("0001 8001 00000078 0004 c6336402")].concat();
    story.udp(bob, group, &answer).wait(3);
    // An AAAA record whose name points back, with a question before it.
    let both = [
        &hex("0000 8400 0001 0001 0000 0000")[..],
        &name,
        &hex("001c 0001  c00c 001c 8001 00000078 0010 20010db8000000000000000000000002"),
    ]
    .concat();
    story.udp(bob, group, &both);
    story
}
