//! What a datagram is: the range of its first byte (RFC 7983) says what it would be, its shape whether it is that.

use super::at::{At, Side};
use super::flow::Probation;
use super::limits::PROBATION;
use super::recognise::{Odd, Other};
use super::state::{TraceState, rtp_header};
use crate::observe::Layer;
use crate::wire::demux::Class;
use crate::wire::dtls::{self, Record};
use crate::wire::foreign::{self, Foreign};
use crate::wire::{stun, turn};
use std::net::SocketAddr;

/// Bytes of a STUN header, of an RTP header, and of the first RTCP packet at least.
const STUN_HEADER: usize = 20;
const RTP_HEADER: usize = 12;
const RTCP_HEADER: usize = 8;
/// Versions of records: DTLS 1.0, 1.2, and the 1.1 that never was.
const VERSIONS: std::ops::RangeInclusive<u8> = 0xfd..=0xff;

impl TraceState {
    /// The class of a datagram: by its first byte, if it also has the shape of that protocol. `ids` is the length of the connection IDs in its
    /// records; `is_cut`: its end is not there.
    pub(super) fn classify(
        &mut self,
        at: At,
        flow: usize,
        from: SocketAddr,
        layer: &Layer<'_>,
        (ids, is_cut): (usize, bool),
    ) -> Class {
        let Layer { class, bytes, .. } = *layer;
        let Some(flow) = self.trace.flows.get_mut(flow) else { return class };
        let connection = flow.connection.and_then(|index| self.trace.connections.get(index));
        let known = connection.is_some();
        let fits = match class {
            Class::Stun => stun::looks_like_stun(bytes) || (known && has_cookie(bytes)),
            Class::Dtls if known => {
                looks_like_dtls(bytes, ids, connection.is_some_and(|it| !it.handshakes.is_empty()))
            }
            Class::Dtls => matches!(bytes, [20..=26, 0xfe, 0xff | 0xfd, ..]),
            Class::Rtp if known => bytes.len() >= RTP_HEADER,
            Class::Rtp => {
                let Some(header) = rtp_header(bytes) else { return Class::Unassigned };
                let (ssrc, sequence) = (header.ssrc.value, header.sequence.value);
                let before = flow.probation.of_mut(if from == flow.initiator { Side::A } else { Side::B });
                let in_sequence = before.as_ref().is_some_and(|before| before.next == (ssrc, sequence));
                // The first of the two belongs to the stream, too, so it is kept.
                if !in_sequence {
                    let begins = bytes.get(..PROBATION).unwrap_or(bytes).into();
                    let next = (ssrc, sequence.wrapping_add(1));
                    *before = Some(Probation { at, next, length: bytes.len(), begins });
                }
                in_sequence
            }
            Class::Rtcp => known && looks_like_rtcp(bytes, is_cut),
            Class::TurnChannel => turn::view(bytes).is_ok(),
            other => return other,
        };
        if fits { class } else { Class::Unassigned }
    }

    /// Counts a datagram of a protocol that is none of WebRTC's, and RTP that says of itself that it is something else.
    pub(super) fn unclassified(&mut self, at: At, flow: usize, from: SocketAddr, bytes: &[u8]) {
        let Some(found) = self.trace.flows.get_mut(flow) else { return };
        if let Some(foreign) = foreign::recognise(bytes) {
            let begins = found.foreign != Some(foreign);
            found.foreign = Some(foreign);
            return self.trace.count_other(foreign, at, begins);
        }
        let side = found.side(from);
        let Some(connection) = found.connection.and_then(|index| self.trace.connections.get_mut(index))
        else {
            return;
        };
        let Some(odd) = Odd::read(bytes) else { return };
        let described = [connection.peers.of(side.other()).described, connection.peers.of(side).described];
        let announced = described.iter().any(Option::is_some)
            && self.context.codec(odd.payload_type, described).is_some();
        let sent = connection.streams.contains_key(&(side, odd.ssrc));
        if announced && (sent || self.context.describes(odd.ssrc, described)) {
            connection.other_version(at, side, odd);
        }
    }

    /// Whether a STUN message is of a dialect, which no requirement of STUN and TURN concerns; counts it then.
    pub(super) fn is_dialect(&mut self, at: At, flow: usize, bytes: &[u8]) -> bool {
        let is_one =
            matches!(foreign::recognise(bytes), Some(Foreign::StunMethod(_) | Foreign::StunAllocate));
        if is_one {
            self.unclassified(at, flow, SocketAddr::from(([0; 4], 0)), bytes);
        }
        is_one
    }
}

impl super::Trace {
    fn count_other(&mut self, foreign: Foreign, at: At, begins: bool) {
        let protocol = foreign.to_string();
        let known = self.others.iter().position(|other| other.protocol == protocol);
        let index = match known {
            Some(index) => index,
            None if self.others.len() >= super::limits::OTHERS => return,
            None => {
                self.others.push(Other { protocol, packets: 0, flows: 0, first: at });
                self.others.len() - 1
            }
        };
        if let Some(other) = self.others.get_mut(index) {
            other.packets += 1;
            other.flows += u64::from(begins);
        }
    }
}

/// Whether the magic cookie is in its place (RFC 8489 §5).
fn has_cookie(bytes: &[u8]) -> bool {
    bytes.len() >= STUN_HEADER && bytes.get(4..8) == Some(&stun::COOKIE.to_be_bytes()[..])
}

/// Whether the first record has a header of DTLS. A unified header (RFC 9147 §4) has nothing fixed but three bits, so without a handshake its
/// records have to fill the datagram by their lengths.
fn looks_like_dtls(bytes: &[u8], ids: usize, is_after_a_handshake: bool) -> bool {
    match bytes {
        [20..=31, 0xfe, minor, ..] => VERSIONS.contains(minor),
        [32..=63, ..] if is_after_a_handshake => true,
        [32..=63, ..] => dtls::Datagram::at(bytes, 0, ids).records().all(|record| match record {
            Ok(Record::Unified(unified)) => unified.length.is_some(),
            Ok(Record::Plain(_)) => true,
            Err(stop) => dtls::record::lacks_cid_length(&stop),
        }),
        _ => false,
    }
}

/// Whether the length of the first packet, which SRTCP leaves in clear (RFC 3711 §3.4), is one that the datagram has, or may have had.
fn looks_like_rtcp(bytes: &[u8], is_cut: bool) -> bool {
    let Some([_, _, high, low]) = bytes.first_chunk::<4>() else { return false };
    let length = (usize::from(u16::from_be_bytes([*high, *low])) + 1) * 4;
    bytes.len() >= RTCP_HEADER && (length <= bytes.len() || is_cut)
}
