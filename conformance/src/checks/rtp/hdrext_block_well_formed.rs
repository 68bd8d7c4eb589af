//! RFC 8285 §4.2, §4.3: a block of header extensions has one of the two profiles, holds whole elements, and none of them has the
//! identifier 15 or is padding with a length in the one-byte form.

use crate::checks::media::packets;
use crate::checks::{Check, Fault, Place, Tally};
use crate::evidence::{Evidence, Peer};
use crate::verdict::Layer;
use peerproof_captures::wire::rtp::{ExtensionBlock, Form};

pub(super) const CHECK: Check = Check {
    id: "hdrext-block-well-formed",
    layer: Layer::Media,
    subject: "blocks of header extensions",
    evaluate,
    #[cfg(test)]
    control: control::CONTROL,
};

fn evaluate(evidence: &Evidence, peer: Peer, tally: &mut Tally) {
    for (packet, rtp) in packets(evidence, peer) {
        let Some(block) = rtp.header.extension else { continue };
        let place = Place::Frame(packet.frame);
        match fault(&block) {
            None => tally.pass(place),
            Some(_) if evidence.is_faulted(packet.frame) => {}
            Some((fault, sentence)) => tally.fail(fault, sentence, [place]),
        }
    }
}

/// What Cryptex puts in the place of the two profiles: the block behind it is encrypted (RFC 9335 §4).
const CRYPTEX: [u16; 2] = [0xc0de, 0xc2de];

fn fault(block: &ExtensionBlock<'_>) -> Option<(Fault, String)> {
    if CRYPTEX.contains(&block.profile.value) {
        return None;
    }
    let mut rest = block.data.value;
    while let Some((first, after)) = rest.split_first() {
        let (length, behind) = match (block.form(), *first) {
            (Form::Other, _) => {
                return Some((
                    Fault("other-profile"),
                    format!("the block has the profile {:#06x}, not that of RFC 8285", block.profile.value),
                ));
            }
            (_, 0) => (0, after),
            (Form::OneByte, head) if head >> 4 == 0 => {
                return Some((
                    Fault("length-of-padding"),
                    "an element with identifier 0 has a length".to_owned(),
                ));
            }
            (Form::OneByte, head) if head >> 4 == 15 => {
                return Some((Fault("id-15"), "an element has the identifier 15".to_owned()));
            }
            (Form::OneByte, head) => (usize::from(head & 15) + 1, after),
            (Form::TwoByte, _) => match after.split_first() {
                Some((length, after)) => (usize::from(*length), after),
                None => return Some((Fault("no-length"), "the last element has no length".to_owned())),
            },
        };
        let Some(next) = behind.get(length..) else {
            return Some((
                Fault("beyond-block"),
                format!(
                    "an element of {length} bytes exceeds the block, which has {} bytes left",
                    behind.len()
                ),
            ));
        };
        rest = next;
    }
    None
}

#[cfg(test)]
mod control {
    use crate::checks::controls::{Control, Mutation, Recording, rtp};

    /// Makes the last element of a block, which the receiver needs least, longer than the block.
    pub(super) const CONTROL: Control = Control::new(Recording::Media, |evidence| {
        let bytes = rtp::first(evidence);
        let end = 16 + 4 * usize::from(bytes[15]);
        let mut at = 16;
        let mut last = at;
        while at < end {
            last = if bytes[at] == 0 { last } else { at };
            at += if bytes[at] == 0 { 1 } else { 2 + usize::from(bytes[at] & 15) };
        }
        bytes[last] |= 15;
    })
    .and(&[
        Mutation::new(Recording::Media, "the block has the profile 0x1234", |evidence| {
            let bytes = rtp::first(evidence);
            bytes[12..14].copy_from_slice(&[0x12, 0x34]);
        }),
        Mutation::new(Recording::Media, "an element with identifier 0 has a length", |evidence| {
            let bytes = rtp::first(evidence);
            bytes[16] &= 0x0f;
            bytes[16] |= 1;
        }),
        Mutation::new(Recording::Media, "an element has the identifier 15", |evidence| {
            let bytes = rtp::first(evidence);
            bytes[16] |= 0xf0;
        }), // Headers of two bytes, and the last byte of the block is an identifier.
        Mutation::new(Recording::Media, "the last element has no length", |evidence| {
            let bytes = rtp::first(evidence);
            let end = 16 + 4 * usize::from(bytes[15]);
            bytes[12..14].copy_from_slice(&[0x10, 0]);
            bytes[16..end].fill(0);
            bytes[end - 1] = 5;
        }),
    ]);
}
