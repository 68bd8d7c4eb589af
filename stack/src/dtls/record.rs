//! As much of DTLS 1.2 records (RFC 6347 §4.1) as can be read without keys.

/// `change_cipher_spec`.
pub(super) const CHANGE_CIPHER_SPEC: u8 = 20;
/// `alert`.
pub(super) const ALERT: u8 = 21;
/// `handshake`.
pub(super) const HANDSHAKE: u8 = 22;
/// HandshakeType `server_hello`.
const SERVER_HELLO: u8 = 2;
/// Extension `use_srtp` (RFC 5764 §4.1.1).
const USE_SRTP: u16 = 14;

/// One record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Record<'a> {
    pub(super) kind: u8,
    pub(super) epoch: u16,
    pub(super) fragment: &'a [u8],
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes([*bytes.get(at)?, *bytes.get(at + 1)?]))
}

/// The records of a datagram; nothing if it is not DTLS (RFC 7983). TURN's envelopes are opened.
pub(super) fn records(datagram: &[u8]) -> Vec<Record<'_>> {
    let mut rest = match datagram.first() {
        Some(20..=63) => datagram,
        // ChannelData, RFC 8656 §12.4: channel number, length, data.
        Some(64..=79) => datagram.get(4..).unwrap_or_default(),
        // Send and Data indications, RFC 8656 §11.
        Some(0) if matches!(datagram.get(1), Some(0x16 | 0x17)) => {
            data_attribute(datagram).unwrap_or_default()
        }
        _ => return Vec::new(),
    };
    let mut records = Vec::new();
    while let (Some(kind @ 20..=63), Some(epoch), Some(length)) =
        (rest.first().copied(), u16_at(rest, 3), u16_at(rest, 11))
    {
        let end = 13 + usize::from(length);
        let Some(fragment) = rest.get(13..end) else { break };
        records.push(Record { kind, epoch, fragment });
        rest = rest.get(end..).unwrap_or_default();
    }
    records
}

/// The DATA attribute of a STUN message.
fn data_attribute(message: &[u8]) -> Option<&[u8]> {
    let mut at = 20;
    loop {
        let (kind, length) = (u16_at(message, at)?, usize::from(u16_at(message, at + 2)?));
        if kind == 0x0013 {
            return message.get(at + 4..at + 4 + length);
        }
        at += 4 + length.div_ceil(4) * 4;
    }
}

/// Message number and fragment offset of the first handshake message in an unprotected record.
pub(super) fn message(record: &Record<'_>) -> Option<(u16, u32)> {
    if record.kind != HANDSHAKE || record.epoch != 0 {
        return None;
    }
    let offset = record.fragment.get(6..9)?;
    let offset = offset.iter().fold(0, |sum, byte| sum << 8 | u32::from(*byte));
    Some((u16_at(record.fragment, 4)?, offset))
}

/// Length of the SRTP keying material (RFC 5764 §4.2) that a ServerHello settles on.
pub(super) fn srtp_material(record: &Record<'_>) -> Option<usize> {
    if record.kind != HANDSHAKE || record.epoch != 0 || record.fragment.first() != Some(&SERVER_HELLO) {
        return None;
    }
    // Handshake header 12, version 2, random 32.
    let hello = record.fragment.get(12 + 34..)?;
    let session = usize::from(*hello.first()?);
    // Session id, cipher suite 2, compression 1, length of the extensions 2.
    let mut rest = hello.get(1 + session + 3 + 2..)?;
    loop {
        let (kind, length) = (u16_at(rest, 0)?, usize::from(u16_at(rest, 2)?));
        if kind == USE_SRTP {
            // Length of the list 2, profile 2.
            return Some(match u16_at(rest, 6)? {
                1 | 2 => 2 * (16 + 14),
                7 => 2 * (16 + 12),
                8 => 2 * (32 + 12),
                _ => return None,
            });
        }
        rest = rest.get(4 + length..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(kind: u8, epoch: u8, fragment: &[u8]) -> Vec<u8> {
        let mut bytes = vec![kind, 0xfe, 0xfd, 0, epoch, 0, 0, 0, 0, 0, 1];
        bytes.extend_from_slice(&u16::try_from(fragment.len()).unwrap().to_be_bytes());
        bytes.extend_from_slice(fragment);
        bytes
    }

    #[test]
    fn several_records_of_one_datagram_are_read() {
        let mut datagram = record(HANDSHAKE, 0, &[11, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0]);
        datagram.extend(record(CHANGE_CIPHER_SPEC, 0, &[1]));
        datagram.extend(record(HANDSHAKE, 1, &[9; 40]));
        let records = records(&datagram);
        assert_eq!(
            records.iter().map(|r| (r.kind, r.epoch)).collect::<Vec<_>>(),
            [(22, 0), (20, 0), (22, 1)]
        );
        assert_eq!(message(&records[0]), Some((5, 0)));
        assert_eq!(message(&records[2]), None);
    }

    #[test]
    fn records_inside_turn_are_read() {
        let alert = record(ALERT, 0, &[2, 42]);
        let mut channel = vec![0x40, 0, 0, u8::try_from(alert.len()).unwrap()];
        channel.extend(&alert);
        assert_eq!(records(&channel)[0].fragment, [2, 42]);
        let mut indication = vec![0, 0x17, 0, 0];
        indication.extend([0; 16]);
        indication.extend([0, 0x12, 0, 8, 0, 1, 0, 0, 0, 0, 0, 0]);
        indication.extend([0, 0x13, 0, u8::try_from(alert.len()).unwrap()]);
        indication.extend(&alert);
        assert_eq!(records(&indication)[0].fragment, [2, 42]);
    }

    #[test]
    fn other_protocols_and_torn_records_give_nothing() {
        assert!(records(&[0, 1, 0, 0]).is_empty());
        assert!(records(&[0x80; 40]).is_empty());
        let whole = record(ALERT, 0, &[2, 42]);
        for length in 0..whole.len() {
            assert!(records(&whole[..length]).is_empty());
        }
    }

    #[test]
    fn the_server_hello_reports_how_much_keying_material_there_will_be() {
        let mut hello = vec![SERVER_HELLO, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xfe, 0xfd];
        hello.extend([0; 32]);
        hello.extend([2, 1, 1, 0xc0, 0x2b, 0, 0, 14]);
        hello.extend([0, 23, 0, 0]);
        hello.extend([0, 14, 0, 5, 0, 2, 0, 7, 0]);
        let bytes = record(HANDSHAKE, 0, &hello);
        assert_eq!(srtp_material(&records(&bytes)[0]), Some(56));
    }
}
