//! Packets and what rules do to them.

use super::*;
use crate::network::chunk::{Chunk, Dcep, Sctp};
use crate::network::class::look;

fn acts(spec: &str, packets: &[&[u8]]) -> Vec<bool> {
    let spec: RuleSpec = serde_yaml::from_str(spec).unwrap();
    let mut rule = Rule::new(spec, RuleAction::Drop, 1);
    packets
        .iter()
        .map(|bytes| {
            let seen = look(bytes, 0);
            let at = Duration::ZERO;
            rule.on_packet(&RulePacket { from: "alice", seen: &seen, bytes, at }).is_some()
        })
        .collect()
}

const STUN: &[u8] = &[0, 1, 0, 0];
const DTLS: &[u8] = &[23, 254, 253, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0];

#[test]
fn counting_covers_only_packets_of_the_rule() {
    assert_eq!(acts("{class: dtls, first: 2}", &[DTLS, STUN, DTLS, DTLS]), [true, false, true, false]);
    assert_eq!(acts("{class: dtls, nth: 2}", &[DTLS, STUN, DTLS, DTLS]), [false, false, true, false]);
    assert_eq!(acts("{every: 2}", &[DTLS, STUN, DTLS, STUN]), [false, true, false, true]);
    assert_eq!(acts("{from: bob}", &[DTLS]), [false]);
    assert_eq!(acts("{content: application-data}", &[DTLS, STUN]), [true, false]);
}

#[test]
fn chance_comes_from_the_seed_alone() {
    let many: Vec<&[u8]> = vec![STUN; 1000];
    let dropped = acts("{probability: 0.2}", &many);
    assert_eq!(dropped, acts("{probability: 0.2}", &many));
    let count = dropped.iter().filter(|dropped| **dropped).count();
    assert!((150..250).contains(&count), "{count}");
}

#[test]
fn the_first_rule_that_matches_acts() {
    let mut rules = Rules::default();
    let first = RuleSpec { first: Some(1), name: Some("lost".into()), ..RuleSpec::default() };
    rules.install(Rule::new(first, RuleAction::Drop, 1), Duration::ZERO);
    rules.install(Rule::new(RuleSpec::default(), RuleAction::Duplicate, 1), Duration::ZERO);
    let seen = look(STUN, 0);
    let packet = RulePacket { from: "alice", seen: &seen, bytes: STUN, at: Duration::ZERO };
    assert_eq!(rules.decide(&packet).map(|decision| decision.action), Some(RuleAction::Drop));
    assert_eq!(rules.decide(&packet).map(|decision| decision.action), Some(RuleAction::Duplicate));
    rules.clear();
    assert_eq!((rules.acted("lost"), rules.acted("other")), (1, 0), "what was done stays done");
}

#[test]
fn whoever_has_had_messages_cut_has_its_records_numbered_anew_to_the_end() {
    let hello: Vec<u8> = [
        [22, 254, 253, 0, 0, 0, 0, 0, 0, 0, 1, 0, 14].as_slice(),
        &[1, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 2, 7, 7],
    ]
    .concat();
    let alert = [21, 254, 253, 0, 0, 0, 0, 0, 0, 0, 2, 0, 2, 2, 40];
    let mut rules = Rules::default();
    let decide = |rules: &mut Rules, from, bytes: &[u8]| {
        let seen = look(bytes, 0);
        let decision = rules.decide(&RulePacket { from, seen: &seen, bytes, at: Duration::ZERO })?;
        let RuleAction::Become(datagrams) = decision.action else { return None };
        Some(datagrams.iter().map(|datagram| datagram[10]).collect::<Vec<u8>>())
    };
    assert_eq!(decide(&mut rules, "alice", &hello), None);
    let spec: RuleSpec =
        serde_yaml::from_str("{from: alice, handshake: ClientHello, first: 1, name: cut}").unwrap();
    rules.install(Rule::new(spec, RuleAction::Fragment(2), 1), Duration::ZERO);
    assert_eq!(decide(&mut rules, "alice", &hello), Some(vec![8, 9]));
    assert_eq!(decide(&mut rules, "alice", &hello), Some(vec![8]), "the rule is for the first alone");
    rules.clear();
    assert_eq!(decide(&mut rules, "alice", &alert), Some(vec![16]), "an old number would be a replay");
    assert_eq!(decide(&mut rules, "bob", &alert), None);
    assert_eq!(rules.acted("cut"), 1);
}

#[test]
fn corruption_changes_one_bit_and_spares_short_packets() {
    assert_eq!(corrupted(&[1, 2, 3], -1), [1, 2, 2]);
    assert_eq!(corrupted(&[1, 2, 3], 0), [0, 2, 3]);
    assert_eq!(corrupted(&[1], 9), [1]);
}

#[test]
fn a_rule_is_in_force_in_its_window_and_for_its_steps() {
    let seen = look(STUN, 0);
    let mut rules = Rules::default();
    let packet = |ms| RulePacket { from: "alice", seen: &seen, bytes: STUN, at: Duration::from_millis(ms) };
    let window: RuleSpec = serde_yaml::from_str("{after: 100ms, until: 200ms}").unwrap();
    rules.install(Rule::new(window, RuleAction::Drop, 1), Duration::from_millis(1000));
    let acts = [1099, 1100, 1199, 1200].map(|ms| rules.decide(&packet(ms)).is_some());
    assert_eq!(acts, [false, true, true, false]);

    rules.clear();
    let steps: RuleSpec = serde_yaml::from_str("{steps: 2}").unwrap();
    rules.install(Rule::new(steps, RuleAction::Drop, 1), Duration::ZERO);
    let acts = [0, 1, 2, 3].map(|_| {
        rules.next_step();
        rules.decide(&packet(0)).is_some()
    });
    assert_eq!(acts, [true, true, false, false]);
}

#[test]
fn one_chunk_must_be_all_that_a_rule_asks_of_it() {
    let data = |stream, dcep, channel: Option<&str>| Chunk {
        kind: Sctp::Data,
        stream: Some(stream),
        dcep,
        channel: channel.map(str::to_owned),
    };
    let sack = Chunk { kind: Sctp::Sack, stream: None, dcep: None, channel: None };
    let seen = Seen {
        chunks: vec![sack, data(0, Some(Dcep::Open), None), data(2, None, Some("chat"))],
        ..Seen::default()
    };
    let is_for = |spec: &str| {
        let spec: RuleSpec = serde_yaml::from_str(spec).unwrap();
        spec.is_for(&RulePacket { from: "alice", seen: &seen, bytes: &[], at: Duration::ZERO })
    };
    for spec in [
        "{sctp: SACK}",
        "{dcep: OPEN}",
        "{stream: 2}",
        "{channel: chat}",
        "{sctp: DATA, stream: 0, dcep: OPEN}",
    ] {
        assert!(is_for(spec), "{spec}");
    }
    for spec in ["{sctp: INIT}", "{dcep: ACK}", "{stream: 1}", "{channel: other}", "{stream: 2, dcep: OPEN}"]
    {
        assert!(!is_for(spec), "{spec}");
    }
}

#[test]
fn a_side_of_dtls_stands_for_whichever_peer_it_is() {
    let is_for = |spec: &str, from_client: Option<bool>| {
        let spec: RuleSpec = serde_yaml::from_str(spec).unwrap();
        let seen = Seen { from_client, ..look(DTLS, 0) };
        spec.is_for(&RulePacket { from: "alice", seen: &seen, bytes: DTLS, at: Duration::ZERO })
    };
    for (from, of) in [("dtls-client", true), ("dtls-server", false)] {
        let spec = format!("{{from: {from}}}");
        let matched = [None, Some(true), Some(false)].map(|from_client| is_for(&spec, from_client));
        assert_eq!(matched, [false, of, !of], "{from}");
    }
}

#[test]
fn what_cannot_be_read_is_counted_for_rules_that_may_have_been_for_it() {
    let mut rules = Rules::default();
    let spec: RuleSpec = serde_yaml::from_str("{from: alice, sctp: INIT}").unwrap();
    rules.install(Rule::new(spec, RuleAction::Drop, 1), Duration::ZERO);
    let seen = Seen { unread: true, ..look(DTLS, 0) };
    for from in ["alice", "bob"] {
        assert_eq!(rules.decide(&RulePacket { from, seen: &seen, bytes: DTLS, at: Duration::ZERO }), None);
    }
    assert_eq!(rules.unread(), 1);
    let wants = |from| rules.want_keys(&RulePacket { from, seen: &seen, bytes: DTLS, at: Duration::ZERO });
    assert_eq!(["alice", "bob"].map(wants), [true, false]);
}

#[test]
fn a_protected_handshake_may_hold_the_message_that_a_rule_is_for() {
    let unread = |spec: &str, bytes: &[u8]| {
        let mut rules = Rules::default();
        rules.install(Rule::new(serde_yaml::from_str(spec).unwrap(), RuleAction::Drop, 1), Duration::ZERO);
        let seen = Seen { unread: true, ..look(bytes, 0) };
        rules.decide(&RulePacket { from: "alice", seen: &seen, bytes, at: Duration::ZERO });
        rules.unread()
    };
    // DTLS 1.3 with a sequence number of 16 bits and a length, in epochs 2 and 3.
    let (handshake, data) = ([0x2e, 0, 1, 0, 4, 1, 2, 3, 4], [0x2f, 0, 1, 0, 4, 1, 2, 3, 4]);
    for kind in ["Certificate", "Finished"] {
        assert_eq!(unread(&format!("{{handshake: {kind}}}"), &handshake), 1, "{kind}");
    }
    assert_eq!(unread("{handshake: ClientHello}", &handshake), 0);
    assert_eq!(unread("{handshake: Certificate}", &data), 0);
    assert_eq!(unread("{handshake: Certificate}", DTLS), 0);
}

#[test]
fn a_named_field_is_found_and_packets_without_it_are_spared() {
    let srtp: &[u8] = &[0x90, 96, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0xbe, 0xde, 0, 1, 9, 9, 9, 9, 7, 7, 7, 5];
    let byte = |bytes: &[u8], field: Field| field.byte_in(bytes, &look(bytes, 0));
    assert_eq!(byte(srtp, Field::Timestamp), Some(7));
    assert_eq!(byte(srtp, Field::Payload), Some(20));
    assert_eq!(byte(srtp, Field::Tag), Some(23));
    assert_eq!(byte(DTLS, Field::Timestamp), None);
    assert_eq!(byte(DTLS, Field::Sequence), Some(10));
    assert_eq!(byte(STUN, Field::Fingerprint), None, "it has none");
    for length in 0..srtp.len() {
        for field in [Field::Payload, Field::Tag, Field::Ssrc] {
            assert!(byte(&srtp[..length], field).is_none_or(|at| at < length));
        }
    }
}

#[test]
fn bytes_are_pairs_of_hexadecimal_digits() {
    let read = |text: &str| serde_yaml::from_str::<Bytes>(text).map(|bytes| bytes.0.to_vec());
    assert_eq!(read("'15 fefd'").unwrap(), [0x15, 0xfe, 0xfd]);
    for wrong in ["'15f'", "''", "'zz'"] {
        assert!(read(wrong).is_err(), "{wrong}");
    }
    assert!(read(&"00".repeat(MOST_INJECTED + 1)).is_err());
}
