//! What kind of packet a datagram is, by its first bytes (RFC 7983) and by what DTLS, STUN and SRTP leave in
//! clear.

use super::chunk::Chunk;
use peerproof_captures::wire::dtls::handshake::{Fragments, HandshakeType};
use peerproof_captures::wire::dtls::record::{self, ContentType, Record};
use peerproof_captures::wire::{Field, demux, dtls, stun};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The protocols that share a 5-tuple in WebRTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// STUN and TURN messages (RFC 8489).
    Stun,
    /// TURN ChannelData (RFC 8656 §12.4).
    TurnChannel,
    /// DTLS records, data channels included (RFC 9147, RFC 6347).
    Dtls,
    /// SRTP (RFC 3711).
    Srtp,
    /// SRTCP, distinguished from SRTP by its packet type (RFC 5761 §4).
    Srtcp,
    /// None of them.
    Other,
}

impl Class {
    /// By its first bytes (RFC 7983); nothing for an empty datagram.
    #[must_use]
    pub fn of(datagram: &[u8]) -> Option<Self> {
        Some(match demux::class(datagram) {
            demux::Class::Empty => return None,
            demux::Class::Stun => Self::Stun,
            demux::Class::TurnChannel => Self::TurnChannel,
            demux::Class::Dtls => Self::Dtls,
            demux::Class::Rtp => Self::Srtp,
            demux::Class::Rtcp => Self::Srtcp,
            demux::Class::Zrtp | demux::Class::Quic | demux::Class::Unassigned => Self::Other,
        })
    }
}

/// A DTLS handshake message. In DTLS 1.2 it is recognised without keys: what follows a ChangeCipherSpec can be nothing but the
/// Finished.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
pub enum Handshake {
    /// 0
    HelloRequest,
    /// 1
    ClientHello,
    /// 2
    ServerHello,
    /// 3
    HelloVerifyRequest,
    /// 4
    NewSessionTicket,
    /// 8, of DTLS 1.3
    EncryptedExtensions,
    /// 11
    Certificate,
    /// 12
    ServerKeyExchange,
    /// 13
    CertificateRequest,
    /// 14
    ServerHelloDone,
    /// 15
    CertificateVerify,
    /// 16
    ClientKeyExchange,
    /// 20
    Finished,
    /// 24, of DTLS 1.3
    KeyUpdate,
}

impl Handshake {
    /// Whether it is protected in every version that has it.
    #[must_use]
    pub fn is_always_protected(self) -> bool {
        matches!(self, Self::EncryptedExtensions | Self::KeyUpdate)
    }

    /// Whether it can be cut into fragments on its way: it has a body, and nothing protects it in DTLS 1.2.
    #[must_use]
    pub fn can_be_cut(self) -> bool {
        !self.is_always_protected()
            && !matches!(self, Self::HelloRequest | Self::ServerHelloDone | Self::Finished)
    }

    pub(super) fn of(kind: HandshakeType) -> Option<Self> {
        Some(match kind {
            HandshakeType::HelloRequest => Self::HelloRequest,
            HandshakeType::ClientHello => Self::ClientHello,
            HandshakeType::ServerHello => Self::ServerHello,
            HandshakeType::HelloVerifyRequest => Self::HelloVerifyRequest,
            HandshakeType::NewSessionTicket => Self::NewSessionTicket,
            HandshakeType::EncryptedExtensions => Self::EncryptedExtensions,
            HandshakeType::Certificate => Self::Certificate,
            HandshakeType::ServerKeyExchange => Self::ServerKeyExchange,
            HandshakeType::CertificateRequest => Self::CertificateRequest,
            HandshakeType::ServerHelloDone => Self::ServerHelloDone,
            HandshakeType::CertificateVerify => Self::CertificateVerify,
            HandshakeType::ClientKeyExchange => Self::ClientKeyExchange,
            HandshakeType::Finished => Self::Finished,
            HandshakeType::KeyUpdate => Self::KeyUpdate,
            _ => return None,
        })
    }
}

/// The content type of a DTLS record; `ciphertext` is one whose type is encrypted: with the unified header of DTLS 1.3, or with a
/// connection ID in DTLS 1.2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Content {
    /// 20
    ChangeCipherSpec,
    /// 21
    Alert,
    /// 22
    Handshake,
    /// 23
    ApplicationData,
    /// 26, of DTLS 1.3
    Ack,
    /// RFC 9147 §4, RFC 9146 §4
    Ciphertext,
}

impl Content {
    pub(super) fn of(kind: ContentType) -> Option<Self> {
        Some(match kind {
            ContentType::ChangeCipherSpec => Self::ChangeCipherSpec,
            ContentType::Alert => Self::Alert,
            ContentType::Handshake => Self::Handshake,
            ContentType::ApplicationData => Self::ApplicationData,
            ContentType::Ack => Self::Ack,
            ContentType::Tls12Cid => Self::Ciphertext,
            _ => return None,
        })
    }
}

/// A class of STUN message (RFC 8489 §5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum StunClass {
    /// A request.
    Request,
    /// An indication.
    Indication,
    /// A success response.
    Success,
    /// An error response.
    Error,
}

/// A method of STUN or TURN (RFC 8489 §18.1, RFC 8656 §17).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
pub enum StunMethod {
    /// 1
    Binding,
    /// 3
    Allocate,
    /// 4
    Refresh,
    /// 6
    Send,
    /// 7
    Data,
    /// 8
    CreatePermission,
    /// 9
    ChannelBind,
}

impl StunMethod {
    /// By its code point.
    fn of(code: u16) -> Option<Self> {
        Some(match code {
            1 => Self::Binding,
            3 => Self::Allocate,
            4 => Self::Refresh,
            6 => Self::Send,
            7 => Self::Data,
            8 => Self::CreatePermission,
            9 => Self::ChannelBind,
            _ => return None,
        })
    }
}

/// What was seen in a datagram.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// The protocol.
    pub class: Option<Class>,
    /// DTLS content types of its records.
    pub contents: Vec<Content>,
    /// DTLS handshake messages that could be recognised.
    pub handshakes: Vec<Handshake>,
    /// SCTP chunks, where the keys are known.
    pub chunks: Vec<Chunk>,
    /// Whether its sender is the DTLS client: who sent the last ClientHello (RFC 8842 §5.3 makes the active side send it). Nothing
    /// before the first one.
    pub from_client: Option<bool>,
    /// Something in it is protected and could not be opened.
    pub unread: bool,
    /// Class of the STUN message.
    pub stun: Option<StunClass>,
    /// Method of the STUN message.
    pub method: Option<StunMethod>,
    /// Whether the STUN message has the attribute USE-CANDIDATE.
    pub use_candidate: Option<bool>,
    /// RTP payload type.
    pub payload_type: Option<u8>,
    /// Synchronisation source of RTP or RTCP.
    pub ssrc: Option<u32>,
}

/// Looks at a datagram. `cid_length` is the length of the connection IDs in its DTLS records, zero if that is not known.
#[must_use]
pub fn look(bytes: &[u8], cid_length: usize) -> Seen {
    let mut seen = Seen { class: Class::of(bytes), ..Seen::default() };
    match seen.class {
        Some(Class::Stun) => look_at_stun(bytes, &mut seen),
        Some(Class::Dtls) => look_at_records(dtls::Datagram::at(bytes, 0, cid_length), &mut seen),
        Some(Class::Srtcp) => seen.ssrc = u32_at(bytes, 4),
        Some(Class::Srtp) => {
            seen.payload_type = bytes.get(1).map(|second| second & 0x7f);
            seen.ssrc = u32_at(bytes, 8);
        }
        Some(Class::TurnChannel | Class::Other) | None => {}
    }
    seen
}

fn look_at_stun(bytes: &[u8], seen: &mut Seen) {
    if let Some([high, low]) = bytes.first_chunk() {
        let kind = u16::from_be_bytes([*high, *low]);
        // The class bits C1 and C0 are bits 8 and 4, the method is the rest (RFC 8489 §5, figure 3).
        seen.stun = Some(match (kind >> 8 & 1, kind >> 4 & 1) {
            (0, 0) => StunClass::Request,
            (0, _) => StunClass::Indication,
            (_, 0) => StunClass::Success,
            _ => StunClass::Error,
        });
        seen.method = StunMethod::of(kind & 0x000f | kind >> 1 & 0x0070 | kind >> 2 & 0x0f80);
    }
    let message = stun::view(bytes).ok();
    seen.use_candidate =
        message.map(|message| message.attribute(stun::AttributeType::UseCandidate).is_some());
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn look_at_records(datagram: dtls::Datagram<'_>, seen: &mut Seen) {
    for record in datagram.records() {
        match record {
            Ok(Record::Unified(_)) => seen.contents.push(Content::Ciphertext),
            Ok(Record::Plain(plain)) => {
                seen.contents.extend(Content::of(plain.kind.value));
                match (plain.kind.value, plain.epoch.value) {
                    (ContentType::Handshake, 0) => look_at_handshakes(plain.fragment, seen),
                    // RFC 5246 §7.4.9: it comes right after the ChangeCipherSpec, and WebRTC renegotiates nothing (RFC 8827 §6.5).
                    (ContentType::Handshake, _) => seen.handshakes.push(Handshake::Finished),
                    _ => {}
                }
            }
            Err(stop) if record::lacks_cid_length(&stop) => seen.contents.push(Content::Ciphertext),
            Err(_) => {}
        }
    }
}

/// Notes the handshake messages, or fragments of them, in the plaintext of a record.
pub(super) fn look_at_handshakes(plaintext: Field<&[u8]>, seen: &mut Seen) {
    let fragments = Fragments::new(plaintext).map_while(Result::ok);
    seen.handshakes.extend(fragments.filter_map(|fragment| Handshake::of(fragment.kind.value)));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(bytes: &[u8]) -> Seen {
        super::look(bytes, 0)
    }

    #[test]
    fn the_first_byte_decides_the_protocol() {
        assert_eq!(look(&[0, 1, 0, 0]).class, Some(Class::Stun));
        assert_eq!(look(&[22]).class, Some(Class::Dtls));
        assert_eq!(look(&[0x40, 0]).class, Some(Class::TurnChannel));
        assert_eq!(look(&[0x80, 200]).class, Some(Class::Srtcp));
        assert_eq!(look(&[0x80, 0x80 | 96]).class, Some(Class::Srtp));
        assert_eq!(look(&[255]).class, Some(Class::Other));
        assert_eq!(look(&[]).class, None);
    }

    #[test]
    fn stun_class_and_method_are_taken_apart() {
        let response = look(&[0x01, 0x01, 0, 0]);
        assert_eq!((response.stun, response.method), (Some(StunClass::Success), Some(StunMethod::Binding)));
        let allocate_error = look(&[0x01, 0x13, 0, 0]);
        assert_eq!(
            (allocate_error.stun, allocate_error.method),
            (Some(StunClass::Error), Some(StunMethod::Allocate))
        );
    }

    #[test]
    fn handshake_messages_of_one_datagram_are_all_seen() {
        let record = |kind: u8| {
            let mut bytes = vec![22, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0, 0, 14];
            bytes.extend([kind, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 2, 7, 7]);
            bytes
        };
        let datagram = [record(2), record(14)].concat();
        assert_eq!(look(&datagram).handshakes, [Handshake::ServerHello, Handshake::ServerHelloDone]);
    }

    #[test]
    fn a_protected_handshake_message_of_dtls_1_2_is_the_finished() {
        let mut datagram = vec![20, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1];
        datagram.extend([22, 254, 253, 0, 1, 0, 0, 0, 0, 0, 0, 0, 3, 1, 2, 3]);
        let seen = look(&datagram);
        assert_eq!(seen.handshakes, [Handshake::Finished]);
        assert_eq!(seen.contents, [Content::ChangeCipherSpec, Content::Handshake]);
    }

    #[test]
    fn records_behind_one_with_a_connection_id_are_seen_if_its_length_is_known() {
        let with_id = [0x3d, 0xc1, 0xc2, 0, 7, 0, 1, 9];
        let datagram = [&with_id[..], &[26, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0]].concat();
        assert_eq!(super::look(&datagram, 2).contents, [Content::Ciphertext, Content::Ack]);
        assert_eq!(look(&datagram).contents, [Content::Ciphertext]);
        let of_1_2 = [25, 254, 253, 0, 1, 0, 0, 0, 0, 0, 5, 0xc1, 0xc2, 0, 1, 9];
        assert_eq!(super::look(&of_1_2, 2).contents, [Content::Ciphertext]);
    }

    #[test]
    fn truncated_packets_of_every_length_are_survived() {
        let whole = [22u8, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0, 0, 14, 1, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 2, 7, 7];
        for length in 0..whole.len() {
            let _ = look(&whole[..length]);
        }
    }
}
