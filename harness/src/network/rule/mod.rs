//! Rules on packets: pure, seeded, tried in the order of installation; the first that matches acts.

mod field;
mod fragment;
mod recorded;
mod spec;

pub use field::Field;
pub(crate) use fragment::MOST_PIECES;
pub use spec::{Bytes, DTLS_CLIENT, DTLS_SERVER, RuleSpec};

use super::class::{Class, Handshake, Seen};
use peerproof_captures::timeline;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Longest datagram that a rule puts in, in bytes: what goes through an MTU of 1500 over IPv4.
pub const MOST_INJECTED: usize = 1472;

/// What a rule does to the packets that match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RuleAction {
    /// They are lost.
    Drop,
    /// They come late.
    Delay(Duration),
    /// They come twice.
    Duplicate,
    /// They come a second time, later by this.
    Replay(Duration),
    /// The lowest bit of this byte is inverted.
    Corrupt(i32),
    /// The lowest bit of this field is inverted.
    CorruptField(Field),
    /// They change places with the next packet.
    Reorder,
    /// This datagram follows them on their way.
    Inject(Arc<[u8]>),
    /// The handshake messages meant are cut into this number of pieces.
    Fragment(usize),
    /// These datagrams go instead of them.
    Become(Arc<[Vec<u8>]>),
}

/// A packet as a rule sees it.
#[derive(Debug, Clone, Copy)]
pub struct RulePacket<'a> {
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
    pub action: RuleAction,
    /// The rule; none where records are renumbered because a rule fragmented records of their sender before.
    pub rule: Option<Arc<timeline::Rule>>,
}

/// An installed rule.
#[derive(Debug, Clone)]
pub struct Rule {
    spec: RuleSpec,
    action: RuleAction,
    /// The rule as the timeline holds it.
    recorded: Arc<timeline::Rule>,
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
    pub fn new(spec: RuleSpec, action: RuleAction, seed: u64) -> Self {
        let steps_left = spec.steps;
        let recorded = Arc::new(recorded::rule(&spec, &action));
        Self { spec, action, recorded, seed, matched: 0, since: Duration::ZERO, steps_left }
    }

    /// Decides about one packet; nothing if the rule is not for it.
    pub fn on_packet(&mut self, packet: &RulePacket<'_>) -> Option<RuleAction> {
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
        Some(match &self.action {
            RuleAction::Fragment(pieces) => {
                let is_meant = |kind| {
                    let kind = Handshake::of(kind);
                    spec.handshake.as_ref().is_none_or(|any| kind.is_some_and(|kind| any.allows(&kind)))
                };
                RuleAction::Become(fragment::cut(packet.bytes, *pieces, is_meant)?.into())
            }
            RuleAction::CorruptField(field) => {
                let byte = field.byte_in(packet.bytes, packet.seen)?;
                RuleAction::Corrupt(i32::try_from(byte).ok()?)
            }
            action => action.clone(),
        })
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
        if matches!(rule.action, RuleAction::Fragment(_)) {
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

    /// Whether there is a rule about chunks that may be for a packet, and only the keys are missing to decide it.
    #[must_use]
    pub fn want_keys(&self, packet: &RulePacket<'_>) -> bool {
        self.rules.iter().any(|rule| rule.spec.speaks_of_chunks() && rule.spec.may_be_for(packet))
    }

    /// The first rule that is for the packet decides; nothing if it may pass.
    pub fn decide(&mut self, packet: &RulePacket<'_>) -> Option<Decision> {
        if self.rules.iter().any(|rule| rule.spec.may_be_for(packet)) {
            self.unread = self.unread.saturating_add(1);
        }
        let decided = self.rules.iter_mut().find_map(|rule| {
            let action = rule.on_packet(packet)?;
            if let Some(name) = &rule.spec.name {
                let acted = self.acted.entry(name.clone()).or_default();
                *acted = acted.saturating_add(1);
            }
            Some(Decision { action, rule: Some(Arc::clone(&rule.recorded)) })
        });
        decided.or_else(|| self.renumber(packet))
    }

    /// What becomes of a packet that no rule is for, if records of its sender are numbered anew.
    fn renumber(&self, packet: &RulePacket<'_>) -> Option<Decision> {
        let is_meant =
            |from: &Option<String>| from.as_deref().is_none_or(|from| spec::is_sender(from, packet));
        if packet.seen.class != Some(Class::Dtls) || !self.renumbers.iter().any(is_meant) {
            return None;
        }
        let bytes = fragment::renumbered(packet.bytes)?;
        Some(Decision { action: RuleAction::Become([bytes].into()), rule: None })
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
mod tests;
