//! Calls that fail. For each diagnosis that `peerproof_conformance::explain` knows a capture that shows it, and under
//! `NAME.nearly` one that nearly shows it: one retransmission short, a moment too early, just below the threshold.

use super::story::{ALICE, BOB, SERVER, Story};
use super::stun::{self, Message};
use super::{File, dtls, rtp, sctp};
use peerproof_captures::recording::Content;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// An address of Bob's machine at which he was not asked.
const ELSEWHERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(198, 51, 100, 77)), 6000);
/// SHA-256 of the certificate of all servers here.
const FINGERPRINT: &str =
    "07:02:0F:B3:46:28:7E:30:86:B3:4F:78:A4:FC:C5:08:A1:46:4B:46:D4:CB:39:0F:18:93:99:B5:78:8E:3E:20";

/// All of them.
pub(super) fn files() -> Vec<File> {
    let mut all = Vec::new();
    gathering(&mut all);
    checks(&mut all);
    handshakes(&mut all);
    protection(&mut all);
    data_channels(&mut all);
    media(&mut all);
    super::diagnosis_headers::files(&mut all);
    all
}

pub(super) fn add(all: &mut Vec<File>, name: &str, about: &str, tell: impl FnOnce(&mut Story)) {
    let mut story = Story::new(about);
    tell(&mut story);
    all.push(File { path: format!("diagnosis/{name}.pcapng"), bytes: story.file() });
}

/// A description that stands next to a capture.
pub(super) fn describe(all: &mut Vec<File>, name: &str, peer: &str, lines: &str) {
    let sdp = format!("v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n{}", lines.replace('\n', "\r\n"));
    all.push(File { path: format!("diagnosis/{name}.{peer}.sdp"), bytes: sdp.into_bytes() });
}

fn gathering(all: &mut Vec<File>) {
    let ask = |times: usize| {
        move |story: &mut Story| {
            let id = story.id();
            for _ in 0..times {
                story
                    .udp(ALICE, SERVER, &Message::new(stun::BINDING_REQUEST, id).with_fingerprint())
                    .wait(600);
            }
        }
    };
    add(all, "stun-server-silent", "a STUN server that never answers", ask(4));
    add(all, "stun-server-silent.nearly", "only two requests so far", ask(2));

    add(all, "turn-server-silent", "a TURN server that never answers", |story| allocate(story, &[]));
    add(all, "turn-server-silent.nearly", "it answers the second request", |story| {
        allocate(story, &[Answer { signed: false, code: 0 }]);
    });
    let of = |answers: &'static [(bool, u16)]| {
        move |story: &mut Story| {
            let answers: Vec<_> =
                answers.iter().map(|(signed, code)| Answer { signed: *signed, code: *code }).collect();
            allocate(story, &answers);
        }
    };
    const WRONG: &[(bool, u16)] = &[(false, 401), (true, 401), (true, 401)];
    add(all, "turn-wrong-credentials", "401 to requests that bear credentials", of(WRONG));
    add(
        all,
        "turn-wrong-credentials.nearly",
        "401 to the first request only, as it should be",
        of(&[(false, 401), (true, 0)]),
    );
    const STALE: &[(bool, u16)] = &[(false, 401), (true, 438), (true, 438), (true, 438), (true, 438)];
    add(all, "turn-stale-nonce-loop", "438 to every request", of(STALE));
    add(
        all,
        "turn-stale-nonce-loop.nearly",
        "438 twice, then success",
        of(&[(false, 401), (true, 438), (true, 438), (true, 0)]),
    );
    add(all, "turn-quota", "486: the user has too many allocations", of(&[(false, 401), (true, 486)]));
    add(all, "turn-quota.nearly", "437, which is no quota", of(&[(false, 401), (true, 437), (true, 0)]));
    add(all, "turn-capacity", "508: the server has no port left", of(&[(false, 401), (true, 508)]));
    add(
        all,
        "turn-capacity.nearly",
        "500, which says nothing of capacity",
        of(&[(false, 401), (true, 500), (true, 0)]),
    );
    let permission = |code: u16| {
        move |story: &mut Story| {
            allocate(story, &[Answer { signed: false, code: 401 }, Answer { signed: true, code: 0 }]);
            let id = story.id();
            let request =
                Message::new(stun::CREATE_PERMISSION_REQUEST, id).with_address(stun::XOR_PEER_ADDRESS, BOB);
            story.wait(20).udp(ALICE, SERVER, &credentials(request)).wait(20);
            let answer = match code {
                0 => Message::new(stun::CREATE_PERMISSION_SUCCESS, id),
                code => Message::new(stun::CREATE_PERMISSION_ERROR, id).with_error(code, reason(code)),
            };
            story.udp(SERVER, ALICE, &answer.signed(b"key"));
        }
    };
    add(all, "turn-forbidden", "403 to a permission for the peer", permission(403));
    add(all, "turn-forbidden.nearly", "the permission is granted", permission(0));
}

/// An answer to an Allocate request with credentials or without; code 0 is success.
struct Answer {
    signed: bool,
    code: u16,
}

fn reason(code: u16) -> &'static str {
    match code {
        401 => "Unauthenticated",
        403 => "Forbidden",
        437 => "Allocation Mismatch",
        438 => "Stale Nonce",
        486 => "Allocation Quota Reached",
        508 => "Insufficient Capacity",
        _ => "Server Error",
    }
}

fn credentials(message: Message) -> Vec<u8> {
    let message = message.with(stun::USERNAME, b"user").with(stun::REALM, b"example.org");
    message.with(stun::NONCE, b"nonce-1").signed(b"key")
}

/// Allocate requests, each with its answer; without any, the first request three times.
fn allocate(story: &mut Story, answers: &[Answer]) {
    let request =
        |id| Message::new(stun::ALLOCATE_REQUEST, id).with(stun::REQUESTED_TRANSPORT, &[17, 0, 0, 0]);
    if answers.is_empty() {
        let id = story.id();
        for wait in [500, 1_000, 2_000] {
            story.udp(ALICE, SERVER, &request(id).with_fingerprint()).wait(wait);
        }
    }
    for Answer { signed, code } in answers {
        let id = story.id();
        let asked = if *signed { credentials(request(id)) } else { request(id).with_fingerprint() };
        story.udp(ALICE, SERVER, &asked).wait(20);
        let answer = match code {
            0 => Message::new(stun::ALLOCATE_SUCCESS, id)
                .with_address(stun::XOR_RELAYED_ADDRESS, SocketAddr::new(SERVER.ip(), 50_000))
                .with_address(stun::XOR_MAPPED_ADDRESS, ALICE)
                .with(stun::LIFETIME, &600u32.to_be_bytes()),
            401 | 438 => Message::new(stun::ALLOCATE_ERROR, id)
                .with_error(*code, reason(*code))
                .with(stun::REALM, b"example.org")
                .with(stun::NONCE, b"nonce-1"),
            code => Message::new(stun::ALLOCATE_ERROR, id).with_error(*code, reason(*code)),
        };
        story.udp(SERVER, ALICE, &answer.with_fingerprint()).wait(20);
    }
}

fn checks(all: &mut Vec<File>) {
    let unanswered = |by: &'static [(SocketAddr, SocketAddr)], times: usize| {
        move |story: &mut Story| {
            for _ in 0..times {
                for (from, to) in by {
                    story.check(*from, *to, false);
                }
                story.wait(1_000);
            }
        }
    };
    const BOTH: &[(SocketAddr, SocketAddr)] = &[(ALICE, BOB), (BOB, ALICE)];
    const ONE: &[(SocketAddr, SocketAddr)] = &[(ALICE, BOB)];
    add(all, "checks-unanswered", "both sides check, nobody answers", unanswered(BOTH, 3));
    add(all, "checks-unanswered.nearly", "the last check is answered", |story| {
        unanswered(BOTH, 3)(story);
        let check = story.check(ALICE, BOB, true);
        story.success(check);
    });
    add(all, "checks-from-one-side-only", "one side checks, the other is not there", unanswered(ONE, 4));
    add(all, "checks-from-one-side-only.nearly", "only two checks so far", unanswered(ONE, 2));

    add(all, "answered-from-elsewhere", "a check is answered from another address", |story| {
        let check = story.check(ALICE, BOB, true);
        story.success_from(check, ELSEWHERE);
    });
    add(
        all,
        "answered-from-elsewhere.nearly",
        "so is one, but others are answered from where they went",
        |story| {
            let check = story.check(ALICE, BOB, true);
            story.success_from(check, ELSEWHERE);
            story.connect();
        },
    );

    add(all, "role-conflict", "both take themselves for controlling and stay with it", |story| {
        for (from, to) in [(ALICE, BOB), (BOB, ALICE), (ALICE, BOB)] {
            let check = story.check_as(from, to, false, true);
            story.error(check, 487, "Role Conflict");
        }
    });
    add(all, "role-conflict.solved", "one conflict, after which the roles are clear", |story| {
        let check = story.check_as(BOB, ALICE, false, true);
        story.error(check, 487, "Role Conflict");
        story.connect();
    });
    add(
        all,
        "role-conflict.nearly",
        "both begin as controlling; the one that hears it first switches by itself",
        |story| {
            let check = story.check_as(BOB, ALICE, false, true);
            story.success(check);
            story.connect();
        },
    );

    add(all, "wrong-password", "401 to every check", |story| {
        for _ in 0..2 {
            let check = story.check(ALICE, BOB, false);
            story.error(check, 401, "Unauthenticated");
        }
    });
    add(all, "wrong-password.nearly", "401 once, before the description came; then it works", |story| {
        let check = story.check(ALICE, BOB, false);
        story.error(check, 401, "Unauthenticated");
        story.connect();
    });
    let forged: fn(&mut Story) = |story| {
        story.check_with(ALICE, BOB, (false, true), b"some-other-password-00");
    };
    add(all, "wrong-password.described", "no answer, but the description tells another password", forged);
    describe(all, "wrong-password.described", "bob", "a=ice-ufrag:bbbb\na=ice-pwd:password-of-bob-123456\n");
    add(all, "wrong-password.undescribed.nearly", "the same without the description", forged);

    let working = |nominate: bool, ms: u64| {
        move |story: &mut Story| {
            let check = story.check(ALICE, BOB, false);
            story.success(check);
            story.wait(ms);
            let check = story.check(ALICE, BOB, nominate);
            if !nominate {
                story.success(check);
            }
        }
    };
    add(all, "no-nomination", "a pair works and nobody nominates it", working(false, 4_000));
    add(all, "no-nomination.nearly", "not yet", working(false, 2_900));
    add(all, "nomination-unanswered", "the nomination is not answered", working(true, 4_000));
    add(all, "nomination-unanswered.nearly", "not yet", working(true, 2_900));

    let silent = |seconds: usize| {
        move |story: &mut Story| {
            story.connect().secure();
            media_for(story, 10, |_| true);
            story.keep_alive(2);
            for _ in 0..seconds {
                story.check(ALICE, BOB, false);
                story.wait(1_000);
            }
        }
    };
    add(all, "consent-lost", "no answer for twenty seconds", silent(20));
    add(all, "consent-lost.nearly", "no answer for fourteen seconds", silent(14));
    add(all, "consent-lost.one-way", "no answer, yet the other side is heard", |story| {
        silent(20)(story);
        story.check(BOB, ALICE, false);
    });
}

fn handshakes(all: &mut Vec<File>) {
    add(all, "no-client-hello", "a pair is nominated and nobody begins", |story| {
        story.connect().keep_alive(4);
    });
    add(all, "no-client-hello.nearly", "not yet", |story| {
        story.connect().keep_alive(2);
    });
    let hellos = |times: usize| {
        move |story: &mut Story| {
            story.connect();
            for _ in 0..times {
                story.client_hello(BOB, ALICE).wait(1_000);
            }
        }
    };
    add(all, "client-hello-unanswered", "four ClientHellos without answer", hellos(4));
    add(all, "client-hello-unanswered.nearly", "three of them", hellos(3));
    add(all, "same-dtls-role", "both sides are client", |story| {
        story.connect().client_hello(ALICE, BOB).client_hello(BOB, ALICE);
    });
    add(all, "same-dtls-role.nearly", "both begin, then one yields", |story| {
        story.connect().client_hello(ALICE, BOB).secure();
        media_for(story, 10, |_| true);
    });
    let stuck = |times: usize| {
        move |story: &mut Story| {
            story.connect().client_hello(BOB, ALICE);
            for _ in 0..times {
                story.server_flight(ALICE, BOB, true).wait(1_000);
            }
        }
    };
    add(all, "handshake-timeout", "the server's flight four times", stuck(4));
    add(all, "handshake-timeout.nearly", "three times", stuck(3));

    let alerted = |level: u8, code: u8| {
        move |story: &mut Story| {
            story.connect().client_hello(BOB, ALICE).server_flight(ALICE, BOB, true);
            story.record(BOB, ALICE, dtls::ALERT, &[level, code]);
        }
    };
    add(all, "fatal-alert", "bad_certificate: the fingerprint is another", alerted(2, 42));
    add(all, "fatal-alert.no-suite", "handshake_failure", alerted(2, 40));
    add(all, "fatal-alert.nearly", "a warning of the same description", alerted(1, 42));
    add(all, "fatal-alert.goodbye.nearly", "close_notify", alerted(1, 0));

    let described = |story: &mut Story| {
        story.connect().secure();
        media_for(story, 10, |_| true);
    };
    let lines = |fingerprint: &str| {
        format!("a=ice-ufrag:aaaa\na=ice-pwd:password-of-alice-1234\na=fingerprint:sha-256 {fingerprint}\n")
    };
    let name = "fingerprint-mismatch";
    add(all, name, "the certificate is not the one described", described);
    describe(all, name, "alice", &lines(&FINGERPRINT.replace("3E:20", "3E:21")));
    let name = "fingerprint-mismatch.nearly";
    add(all, name, "the certificate is the one described", described);
    describe(all, name, "alice", &lines(FINGERPRINT));
}

fn protection(all: &mut Vec<File>) {
    add(all, "no-media-after-handshake", "nothing follows the handshake", |story| {
        story.connect().secure().keep_alive(4);
    });
    add(all, "no-media-after-handshake.nearly", "a record of data each way, nothing else", |story| {
        story.connect().secure();
        story
            .sealed(BOB, ALICE, dtls::APPLICATION_DATA, 7)
            .sealed(ALICE, BOB, dtls::APPLICATION_DATA, 7)
            .keep_alive(4);
    });

    let without = |srtp: bool| {
        move |story: &mut Story| {
            story.connect().secure_with(srtp);
            media_for(story, 100, |_| true);
        }
    };
    add(all, "no-srtp-profile", "the ServerHello chooses none, and media comes", without(false));
    add(all, "no-srtp-profile.nearly", "the same with a profile", without(true));
    add(all, "no-srtp-profile.data-only.nearly", "no profile, but only data channels", |story| {
        story.connect().secure_with(false);
        story
            .sealed(BOB, ALICE, dtls::APPLICATION_DATA, 7)
            .sealed(ALICE, BOB, dtls::APPLICATION_DATA, 7)
            .keep_alive(4);
    });

    // The master secret is known. The two Finished, being noise, do not authenticate either.
    let foreign = |packets: u16| {
        move |story: &mut Story| {
            let secret: String = "42".repeat(48);
            story.secrets(&format!("CLIENT_RANDOM {} {secret}\n", "b0".repeat(32)));
            story.connect().secure();
            for sequence in 0..packets {
                story.srtp(ALICE, BOB, 0xa, sequence).wait(10);
            }
        }
    };
    add(all, "srtp-not-authentic", "packets under keys that are not those of the handshake", foreign(8));
    add(all, "srtp-not-authentic.nearly", "one fewer", foreign(7));
}

fn data_channels(all: &mut Vec<File>) {
    let inits = |times: usize| {
        move |story: &mut Story| {
            for _ in 0..times {
                story.sctp(ALICE, BOB, &[&sctp::init(1, 0xa11, 1)]).wait(1_000);
            }
        }
    };
    add(all, "sctp-unanswered", "three INITs without answer", inits(3));
    add(all, "sctp-unanswered.nearly", "two of them", inits(2));
    let ended = |chunk: Vec<u8>| {
        move |story: &mut Story| {
            story.associate().sctp(BOB, ALICE, &[&chunk]);
        }
    };
    add(all, "sctp-abort", "ABORT for a violation of the protocol", ended(sctp::chunk(6, 0, &[0, 13, 0, 4])));
    add(all, "sctp-abort.on-purpose", "ABORT by the user", ended(sctp::chunk(6, 0, &[0, 12, 0, 4])));
    add(all, "sctp-abort.nearly", "SHUTDOWN", ended(sctp::chunk(7, 0, &1u32.to_be_bytes())));

    let opened = |answer: Vec<Vec<u8>>, ms: u64| {
        move |story: &mut Story| {
            let open = sctp::open(0, 0, "chat", "");
            story.associate().sctp(ALICE, BOB, &[&sctp::data(1, 0, 0, sctp::DCEP, &open)]).wait(ms);
            let chunks: Vec<&[u8]> = answer.iter().map(Vec::as_slice).collect();
            story.sctp(BOB, ALICE, &chunks);
        }
    };
    let ack = sctp::data(1, 0, 0, sctp::DCEP, &[2]);
    // Outgoing SSN reset request for stream 0.
    let reset = sctp::chunk(130, 0, &[0, 13, 0, 18, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0]);
    add(
        all,
        "channel-refused",
        "the stream is reset instead of acknowledged",
        opened(vec![reset.clone()], 100),
    );
    add(
        all,
        "channel-refused.nearly",
        "the stream is reset after it was acknowledged",
        opened(vec![ack, reset], 100),
    );
    add(
        all,
        "channel-unacknowledged",
        "only SCTP acknowledges the opening",
        opened(vec![sctp::sack(1)], 1_000),
    );
    add(all, "channel-unacknowledged.nearly", "not yet", opened(vec![sctp::sack(1)], 990));
    let message = sctp::data(1, 0, 0, sctp::STRING, b"hi");
    add(
        all,
        "channel-unacknowledged.answered.nearly",
        "a message comes back all the same",
        opened(vec![message], 2_000),
    );
}

/// Media both ways, a hundred packets each second; of Alice's only those that `sent` names.
pub(super) fn media_for(story: &mut Story, packets: u16, sent: impl Fn(u16) -> bool) {
    for sequence in 0..packets {
        if sent(sequence) {
            story.srtp(ALICE, BOB, 0xa, sequence);
        }
        story.srtp(BOB, ALICE, 0xb, sequence).wait(10);
    }
}

fn media(all: &mut Vec<File>) {
    let call = |packets: u16, sent: fn(u16) -> bool| {
        move |story: &mut Story| {
            story.connect().secure();
            media_for(story, packets, sent);
        }
    };
    add(all, "media-stopped", "one side's stream ends", call(410, |sequence| sequence < 100));
    add(
        all,
        "media-stopped.nearly",
        "the capture ends too soon to tell",
        call(390, |sequence| sequence < 100),
    );
    add(all, "one-way-media", "one side never sends", call(310, |_| false));
    add(all, "one-way-media.nearly", "the capture ends too soon to tell", call(290, |_| false));
    add(all, "loss", "one packet of twenty is missing", call(300, |sequence| sequence % 20 != 5));
    add(all, "loss.nearly", "one packet of twenty-one is missing", call(300, |sequence| sequence % 21 != 5));

    let asked = |at: u16| {
        move |story: &mut Story| {
            // The first byte of an inter frame of VP8 ends with a one.
            let key: &[u8] = &[0x10, 0x00, 0x00, 0x00, 0x9d, 0x01, 0x2a, 0x40, 0x01, 0xf0, 0x00];
            let inter: &[u8] = &[0x10, 0x01, 0x00, 0x00, 0x11];
            for sequence in 0..400u16 {
                let payload = if sequence == 0 { key } else { inter };
                let packet = rtp::packet(story.header(7, sequence), &[], &[], payload);
                story.put(ALICE, BOB, Content::Rtp(&packet)).wait(10);
                let packet = rtp::packet(story.header(8, sequence), &[], &[], inter);
                story.put(BOB, ALICE, Content::Rtp(&packet));
                if sequence == at {
                    story.put(BOB, ALICE, Content::Rtcp(&rtp::control(206, 1, &[9, 7])));
                }
            }
        }
    };
    add(all, "no-key-frame", "a key frame is asked for and does not come", asked(190));
    add(all, "no-key-frame.nearly", "not yet", asked(210));
}
