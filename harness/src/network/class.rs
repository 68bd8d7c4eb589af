//! What kind of packet a datagram is, told from its first bytes (RFC 7983) and from what DTLS, STUN and SRTP leave in
//! clear.

use super::chunk::Chunk;
use peerproof_captures::wire::stun;
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
    /// SRTCP, told from SRTP by its packet type (RFC 5761 §4).
    Srtcp,
    /// None of them.
    Other,
}

/// A DTLS handshake message. In DTLS 1.2 it is told without keys: what follows a ChangeCipherSpec can be nothing but the
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

    /// By its code point.
    pub(super) fn of(kind: u8) -> Option<Self> {
        Some(match kind {
            0 => Self::HelloRequest,
            1 => Self::ClientHello,
            2 => Self::ServerHello,
            3 => Self::HelloVerifyRequest,
            4 => Self::NewSessionTicket,
            8 => Self::EncryptedExtensions,
            11 => Self::Certificate,
            12 => Self::ServerKeyExchange,
            13 => Self::CertificateRequest,
            14 => Self::ServerHelloDone,
            15 => Self::CertificateVerify,
            16 => Self::ClientKeyExchange,
            20 => Self::Finished,
            24 => Self::KeyUpdate,
            _ => return None,
        })
    }
}

/// The content type of a DTLS record; `ciphertext` is the unified header of DTLS 1.3.
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
    /// RFC 9147 §4
    Ciphertext,
}

impl Content {
    /// By its code point.
    pub(super) fn of(content_type: u8) -> Option<Self> {
        Some(match content_type {
            20 => Self::ChangeCipherSpec,
            21 => Self::Alert,
            22 => Self::Handshake,
            23 => Self::ApplicationData,
            26 => Self::Ack,
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
    /// DTLS handshake messages that could be told.
    pub handshakes: Vec<Handshake>,
    /// SCTP chunks, where the keys are known.
    pub chunks: Vec<Chunk>,
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

/// Looks at a datagram.
#[must_use]
pub fn look(bytes: &[u8]) -> Seen {
    let mut seen = Seen::default();
    let Some(&first) = bytes.first() else { return seen };
    let second = bytes.get(1).copied().unwrap_or_default();
    seen.class = Some(match first {
        0..=3 => {
            let kind = u16::from_be_bytes([first, second]);
            // The class bits C1 and C0 are bits 8 and 4, the method is the rest (RFC 8489 §5, figure 3).
            seen.stun = Some(match (kind >> 8 & 1, kind >> 4 & 1) {
                (0, 0) => StunClass::Request,
                (0, _) => StunClass::Indication,
                (_, 0) => StunClass::Success,
                _ => StunClass::Error,
            });
            seen.method = StunMethod::of(kind & 0x000f | kind >> 1 & 0x0070 | kind >> 2 & 0x0f80);
            seen.use_candidate = stun::view(bytes)
                .ok()
                .map(|message| message.attribute(stun::AttributeType::UseCandidate).is_some());
            Class::Stun
        }
        20..=63 => {
            look_at_records(bytes, &mut seen);
            Class::Dtls
        }
        64..=79 => Class::TurnChannel,
        128..=191 if (192..=223).contains(&second) => {
            seen.ssrc = u32_at(bytes, 4);
            Class::Srtcp
        }
        128..=191 => {
            seen.payload_type = Some(second & 0x7f);
            seen.ssrc = u32_at(bytes, 8);
            Class::Srtp
        }
        _ => Class::Other,
    });
    seen
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn look_at_records(mut bytes: &[u8], seen: &mut Seen) {
    while let Some(&first) = bytes.first() {
        let content = match first {
            32..=63 => {
                // Without the connection's state the end of such a record is not known: it is taken for the last one.
                seen.contents.push(Content::Ciphertext);
                return;
            }
            first => match Content::of(first) {
                Some(content) => content,
                None => return,
            },
        };
        seen.contents.push(content);
        let (Some(epoch), Some(length)) = (u16_at(bytes, 3), u16_at(bytes, 11)) else { return };
        match (content, epoch) {
            (Content::Handshake, 0) => {
                let body = bytes.get(13..).unwrap_or_default();
                look_at_handshakes(body.get(..usize::from(length)).unwrap_or(body), seen);
            }
            // RFC 5246 §7.4.9: it comes right after the ChangeCipherSpec, and WebRTC renegotiates nothing (RFC 8827 §6.5).
            (Content::Handshake, _) => seen.handshakes.push(Handshake::Finished),
            _ => {}
        }
        bytes = bytes.get(13 + usize::from(length)..).unwrap_or_default();
    }
}

/// Notes the handshake messages, or fragments of them, in the plaintext of a record.
pub(super) fn look_at_handshakes(mut bytes: &[u8], seen: &mut Seen) {
    while let Some(&kind) = bytes.first() {
        seen.handshakes.extend(Handshake::of(kind));
        // Header of 12 bytes; the fragment's length is in its last three (RFC 6347 §4.2.2).
        let Some(fragment) = u32_at(bytes, 8).map(|word| (word & 0x00ff_ffff) as usize) else { return };
        bytes = bytes.get(12 + fragment..).unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_byte_tells_the_protocol() {
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
    fn truncated_packets_of_every_length_are_survived() {
        let whole = [22u8, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0, 0, 14, 1, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 2, 7, 7];
        for length in 0..whole.len() {
            let _ = look(&whole[..length]);
        }
    }
}
