//! Rules on packets: pure, seeded, tried in the order of installation; the first that matches acts.

mod field;
mod fragment;
mod spec;

pub use field::Field;
pub(crate) use fragment::MOST_PIECES;
pub use spec::{Bytes, RuleSpec};

use super::class::{Class, Handshake, Seen};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Longest datagram that a rule puts in, in bytes: what goes through an MTU of 1500 over IPv4.
pub const MOST_INJECTED: usize = 1472;

/// What a rule does to the packets that match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deed {
    /// They are lost.
    Drop,
    /// They come late.
    Delay(Duration),
    /// They come twice.
    Duplicate,
    /// They come a second time, so much later.
    Replay(Duration),
    /// The lowest bit of this byte is inverted.
    Corrupt(i32),
    /// The lowest bit of this field is inverted.
    CorruptField(Field),
    /// They change places with the next packet.
    Reorder,
    /// This datagram follows them on their way.
    Inject(Arc<[u8]>),
    /// The handshake messages meant are cut into so many pieces.
    Fragment(usize),
    /// These datagrams go instead of them.
    Become(Arc<[Vec<u8>]>),
}

impl fmt::Display for Deed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Drop => f.write_str("drop"),
            Self::Delay(by) => write!(f, "delay {} ms", by.as_millis()),
            Self::Duplicate => f.write_str("duplicate"),
            Self::Replay(by) => write!(f, "replay after {} ms", by.as_millis()),
            Self::Corrupt(byte) => write!(f, "corrupt byte {byte}"),
            Self::CorruptField(_) => f.write_str("corrupt"),
            Self::Reorder => f.write_str("reorder"),
            Self::Inject(bytes) => write!(f, "inject {} bytes", bytes.len()),
            Self::Fragment(pieces) => write!(f, "fragment into {pieces}"),
            Self::Become(datagrams) => match datagrams.len() {
                1 => f.write_str("renumber"),
                count => write!(f, "fragment, over {count} datagrams"),
            },
        }
    }
}

/// A packet as a rule sees it.
#[derive(Debug, Clone, Copy)]
pub struct Packet<'a> {
    /// The peer that sent it.
    pub from: &'a str,
    /// What is known of it.
    pub seen: &'a Seen,
    /// It whole.
    pub bytes: &'a [u8],
    /// When, since the case began.
    pub at: Duration,
}

/// What becomes of one packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// What is done.
    pub deed: Deed,
    /// The rule, as one readable line.
    pub rule: String,
}

/// An installed rule.
#[derive(Debug, Clone)]
pub struct Rule {
    spec: RuleSpec,
    deed: Deed,
    seed: u64,
    matched: u32,
    /// When it was installed, since the case began.
    since: Duration,
    /// Steps that it outlasts, if those are counted.
    steps_left: Option<u32>,
}

impl Rule {
    /// A rule. `seed` is the case's.
    #[must_use]
    pub fn new(spec: RuleSpec, deed: Deed, seed: u64) -> Self {
        let steps_left = spec.steps;
        Self { spec, deed, seed, matched: 0, since: Duration::ZERO, steps_left }
    }

    /// Decides about one packet; nothing if the rule is not for it.
    pub fn on_packet(&mut self, packet: &Packet<'_>) -> Option<Deed> {
        if !self.spec.is_in_time(packet.at.saturating_sub(self.since)) || !self.spec.is_for(packet) {
            return None;
        }
        self.matched = self.matched.saturating_add(1);
        let n = self.matched;
        let spec = &self.spec;
        let acts = spec.first.is_none_or(|first| n <= first)
            && spec.nth.is_none_or(|nth| n == nth)
            && spec.every.is_none_or(|every| every > 0 && n.is_multiple_of(every))
            && spec.probability.is_none_or(|probability| chance(self.seed, n) < probability);
        if !acts {
            return None;
        }
        Some(match &self.deed {
            Deed::Fragment(pieces) => {
                let is_meant = |kind| {
                    let kind = Handshake::of(kind);
                    spec.handshake.as_ref().is_none_or(|any| kind.is_some_and(|kind| any.allows(&kind)))
                };
                Deed::Become(fragment::cut(packet.bytes, *pieces, is_meant)?.into())
            }
            Deed::CorruptField(field) => {
                let byte = field.byte_in(packet.bytes, packet.seen)?;
                Deed::Corrupt(i32::try_from(byte).ok()?)
            }
            deed => deed.clone(),
        })
    }

    fn describe(&self) -> String {
        let spec = serde_json::to_string(&self.spec).unwrap_or_default();
        format!("{} {spec}", self.deed)
    }
}

/// The rules in force, and what rules have done.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    rules: Vec<Rule>,
    /// How often rules of each name have acted, those that ended too.
    acted: BTreeMap<String, u32>,
    /// Packets that a rule may have been for, had they been readable.
    unread: u32,
    /// Whose records are numbered anew since a rule that cuts messages was installed; nothing stands for everybody's. It lasts
    /// longer than the rule: numbers that went back would be taken for replays.
    renumbers: Vec<Option<String>>,
}

impl Rules {
    /// Adds a rule behind the others. `now` is since the case began.
    pub fn install(&mut self, mut rule: Rule, now: Duration) {
        rule.since = now;
        if matches!(rule.deed, Deed::Fragment(_)) {
            self.renumbers.push(rule.spec.from.clone());
        }
        self.rules.push(rule);
    }

    /// Ends all rules.
    pub fn clear(&mut self) {
        self.rules.clear();
    }

    /// The next step begins: rules that were for fewer steps end.
    pub fn next_step(&mut self) {
        self.rules.retain_mut(|rule| match &mut rule.steps_left {
            None => true,
            Some(0) => false,
            Some(left) => {
                *left -= 1;
                true
            }
        });
    }

    /// How often rules of this name have acted.
    #[must_use]
    pub fn acted(&self, name: &str) -> u32 {
        self.acted.get(name).copied().unwrap_or_default()
    }

    /// How many packets could not be read for which there may have been a rule.
    #[must_use]
    pub fn unread(&self) -> u32 {
        self.unread
    }

    /// The first rule that is for the packet decides; nothing if it may pass.
    pub fn decide(&mut self, packet: &Packet<'_>) -> Option<Decision> {
        if self.rules.iter().any(|rule| rule.spec.may_be_for(packet)) {
            self.unread = self.unread.saturating_add(1);
        }
        let decided = self.rules.iter_mut().find_map(|rule| {
            let deed = rule.on_packet(packet)?;
            if let Some(name) = &rule.spec.name {
                let acted = self.acted.entry(name.clone()).or_default();
                *acted = acted.saturating_add(1);
            }
            Some(Decision { deed, rule: rule.describe() })
        });
        decided.or_else(|| self.renumber(packet))
    }

    /// What becomes of a packet that no rule is for, if records of its sender are numbered anew.
    fn renumber(&self, packet: &Packet<'_>) -> Option<Decision> {
        let is_meant = |from: &Option<String>| from.as_deref().is_none_or(|from| from == packet.from);
        if packet.seen.class != Some(Class::Dtls) || !self.renumbers.iter().any(is_meant) {
            return None;
        }
        let bytes = fragment::renumbered(packet.bytes)?;
        let rule = "its records are numbered anew, because others of its sender were cut".to_owned();
        Some(Decision { deed: Deed::Become([bytes].into()), rule })
    }
}

/// A number in 0..1 that depends on seed and count alone (SplitMix64).
fn chance(seed: u64, n: u32) -> f64 {
    let mut z = seed.wrapping_add(u64::from(n).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^= z >> 31;
    (z >> 11) as f64 / (1u64 << 53) as f64
}

/// The packet with one bit of the byte changed; unchanged if it is too short.
#[must_use]
pub fn corrupted(payload: &[u8], byte: i32) -> Vec<u8> {
    let mut payload = payload.to_vec();
    let at = if byte < 0 {
        payload.len().checked_sub(byte.unsigned_abs() as usize)
    } else {
        Some(byte.unsigned_abs() as usize)
    };
    if let Some(byte) = at.and_then(|at| payload.get_mut(at)) {
        *byte ^= 1;
    }
    payload
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::class::look;
    use crate::network::follow::{Chunk, Dcep, Sctp};

    fn acts(spec: &str, packets: &[&[u8]]) -> Vec<bool> {
        let spec: RuleSpec = serde_yaml::from_str(spec).unwrap();
        let mut rule = Rule::new(spec, Deed::Drop, 1);
        packets
            .iter()
            .map(|bytes| {
                let seen = look(bytes);
                let at = Duration::ZERO;
                rule.on_packet(&Packet { from: "alice", seen: &seen, bytes, at }).is_some()
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
        rules.install(Rule::new(first, Deed::Drop, 1), Duration::ZERO);
        rules.install(Rule::new(RuleSpec::default(), Deed::Duplicate, 1), Duration::ZERO);
        let seen = look(STUN);
        let packet = Packet { from: "alice", seen: &seen, bytes: STUN, at: Duration::ZERO };
        assert_eq!(rules.decide(&packet).map(|decision| decision.deed), Some(Deed::Drop));
        assert_eq!(rules.decide(&packet).map(|decision| decision.deed), Some(Deed::Duplicate));
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
            let seen = look(bytes);
            let decision = rules.decide(&Packet { from, seen: &seen, bytes, at: Duration::ZERO })?;
            let Deed::Become(datagrams) = decision.deed else { return None };
            Some(datagrams.iter().map(|datagram| datagram[10]).collect::<Vec<u8>>())
        };
        assert_eq!(decide(&mut rules, "alice", &hello), None);
        let spec: RuleSpec =
            serde_yaml::from_str("{from: alice, handshake: ClientHello, first: 1, name: cut}").unwrap();
        rules.install(Rule::new(spec, Deed::Fragment(2), 1), Duration::ZERO);
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
        let seen = look(STUN);
        let mut rules = Rules::default();
        let packet = |ms| Packet { from: "alice", seen: &seen, bytes: STUN, at: Duration::from_millis(ms) };
        let window: RuleSpec = serde_yaml::from_str("{after: 100ms, until: 200ms}").unwrap();
        rules.install(Rule::new(window, Deed::Drop, 1), Duration::from_millis(1000));
        let acts = [1099, 1100, 1199, 1200].map(|ms| rules.decide(&packet(ms)).is_some());
        assert_eq!(acts, [false, true, true, false]);

        rules.clear();
        let steps: RuleSpec = serde_yaml::from_str("{steps: 2}").unwrap();
        rules.install(Rule::new(steps, Deed::Drop, 1), Duration::ZERO);
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
            spec.is_for(&Packet { from: "alice", seen: &seen, bytes: &[], at: Duration::ZERO })
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
        for spec in
            ["{sctp: INIT}", "{dcep: ACK}", "{stream: 1}", "{channel: other}", "{stream: 2, dcep: OPEN}"]
        {
            assert!(!is_for(spec), "{spec}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_counted_for_rules_that_may_have_been_for_it() {
        let mut rules = Rules::default();
        let spec: RuleSpec = serde_yaml::from_str("{from: alice, sctp: INIT}").unwrap();
        rules.install(Rule::new(spec, Deed::Drop, 1), Duration::ZERO);
        let seen = Seen { unread: true, ..look(DTLS) };
        for from in ["alice", "bob"] {
            assert_eq!(rules.decide(&Packet { from, seen: &seen, bytes: DTLS, at: Duration::ZERO }), None);
        }
        assert_eq!(rules.unread(), 1);
    }

    #[test]
    fn a_named_field_is_found_and_packets_without_it_are_spared() {
        let srtp: &[u8] = &[0x90, 96, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0xbe, 0xde, 0, 1, 9, 9, 9, 9, 7, 7, 7, 5];
        let byte = |bytes: &[u8], field: Field| field.byte_in(bytes, &look(bytes));
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
}
