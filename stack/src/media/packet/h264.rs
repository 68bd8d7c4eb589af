//! H.264 in RTP, packetization mode 1 (RFC 6184): NAL units alone, aggregated (STAP-A), and in fragments (FU-A).
//!
//! ```text
//!  0 1 2 3 4 5 6 7     NAL unit header, FU indicator         0 1 2 3 4 5 6 7     FU header (§5.8)
//! |F|NRI|  Type   |    1 to 23: a unit, 24: STAP-A,         |S|E|R|  Type   |    S on the first fragment,
//!                      28: FU-A                                                  E on the last one
//! ```

use super::{Begins, Fragment, MOST_PAYLOAD, MediaPacket};
use bytes::{BufMut, Bytes, BytesMut};

const START_CODE: [u8; 4] = [0, 0, 0, 1];
const ACCESS_UNIT_DELIMITER: u8 = 9;
const STAP_A: u8 = 24;
const FU_A: u8 = 28;

/// Cuts one access unit in the byte stream format (H.264 annex B) into payloads.
pub(super) fn packetize(data: &[u8], timestamp: u32) -> Vec<MediaPacket> {
    let mut payloads = Vec::new();
    for unit in units(data) {
        let Some((header, rest)) = unit.split_first() else { continue };
        if header & 0x1f == ACCESS_UNIT_DELIMITER {
            continue;
        }
        if unit.len() <= MOST_PAYLOAD {
            payloads.push(Bytes::copy_from_slice(unit));
            continue;
        }
        let fragments = rest.chunks(MOST_PAYLOAD - 2);
        let last = fragments.len() - 1;
        for (index, fragment) in fragments.enumerate() {
            let start = if index == 0 { 0x80 } else { 0 };
            let end = if index == last { 0x40 } else { 0 };
            let mut payload = BytesMut::with_capacity(2 + fragment.len());
            payload.put_slice(&[(header & 0xe0) | FU_A, start | end | (header & 0x1f)]);
            payload.put_slice(fragment);
            payloads.push(payload.freeze());
        }
    }
    let last = payloads.len().saturating_sub(1);
    let packets = payloads.into_iter().enumerate();
    packets.map(|(index, payload)| MediaPacket { payload, marker: index == last, timestamp }).collect()
}

/// Takes the payload structure off; what comes out is in the byte stream format. Nothing if it is malformed, or of a kind that
/// packetization mode 1 does not have (§6.3).
pub(super) fn depacketize(payload: &Bytes) -> Option<Fragment> {
    let header = *payload.first()?;
    match header & 0x1f {
        1..=23 => Some(Fragment { begins: Begins::Perhaps, data: unit(&[payload]) }),
        STAP_A => aggregated(payload.get(1..)?),
        FU_A => {
            let fu = *payload.get(1)?;
            let rest = payload.get(2..).filter(|rest| !rest.is_empty())?;
            if fu & 0x80 == 0 {
                return Some(Fragment { begins: Begins::No, data: payload.slice(2..) });
            }
            let header = (header & 0xe0) | (fu & 0x1f);
            Some(Fragment { begins: Begins::Perhaps, data: unit(&[&[header], rest]) })
        }
        _ => None,
    }
}

/// §5.7.1: each unit with its size in 16 bits before it.
fn aggregated(mut rest: &[u8]) -> Option<Fragment> {
    let mut data = BytesMut::new();
    while let Some((size, after)) = rest.split_first_chunk::<2>() {
        let size = usize::from(u16::from_be_bytes(*size));
        let (unit, after) = after.split_at_checked(size).filter(|(unit, _)| !unit.is_empty())?;
        data.put_slice(&START_CODE);
        data.put_slice(unit);
        rest = after;
    }
    (rest.is_empty() && !data.is_empty()).then(|| Fragment { begins: Begins::Perhaps, data: data.freeze() })
}

fn unit(parts: &[&[u8]]) -> Bytes {
    let mut data =
        BytesMut::with_capacity(START_CODE.len() + parts.iter().map(|part| part.len()).sum::<usize>());
    data.put_slice(&START_CODE);
    parts.iter().for_each(|part| data.put_slice(part));
    data.freeze()
}

/// Whether an access unit in the byte stream format can be decoded without others: it has a slice of an IDR picture.
pub(super) fn is_key(data: &[u8]) -> bool {
    units(data).any(|unit| unit.first().is_some_and(|header| header & 0x1f == 5))
}

/// The NAL units of a byte stream, without the zeros between them (H.264 annex B.1).
fn units(data: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = data;
    let mut begun = false;
    std::iter::from_fn(move || {
        loop {
            if rest.is_empty() {
                return None;
            }
            let start = rest.windows(3).position(|bytes| bytes == [0, 0, 1]);
            let (unit, after) = match start {
                Some(at) => rest.split_at(at),
                None => (rest, &[][..]),
            };
            let was_begun = std::mem::replace(&mut begun, true);
            rest = after.get(3..).unwrap_or_default();
            let end = unit.iter().rposition(|byte| *byte != 0).map_or(0, |at| at + 1);
            if let Some(unit) = unit.get(..end).filter(|unit| was_begun && !unit.is_empty()) {
                return Some(unit);
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(units: &[&[u8]]) -> Vec<u8> {
        units.iter().flat_map(|unit| [&[0, 0, 0, 1], *unit].concat()).collect()
    }

    #[test]
    fn an_access_unit_is_cut_and_put_together_again() {
        for size in [1, 2, MOST_PAYLOAD, MOST_PAYLOAD + 1, 2 * MOST_PAYLOAD, 3 * MOST_PAYLOAD] {
            let slice: Vec<u8> = [0x65].into_iter().chain((0..size).map(|i| (i % 250 + 1) as u8)).collect();
            let whole = stream(&[&[0x67, 0x42, 0xe0, 0x1f], &[0x68, 0xce], &slice]);
            let with_delimiter = [&stream(&[&[9, 0xf0]])[..], &whole].concat();
            let packets = packetize(&with_delimiter, 7);
            let mut found = Vec::new();
            for (index, packet) in packets.iter().enumerate() {
                assert!(packet.payload.len() <= MOST_PAYLOAD && packet.timestamp == 7);
                assert_eq!(packet.marker, index + 1 == packets.len());
                let fragment = depacketize(&packet.payload).unwrap();
                let goes_on = packet.payload[0] & 0x1f == FU_A && packet.payload[1] & 0x80 == 0;
                assert_eq!(fragment.begins == Begins::No, goes_on);
                found.extend_from_slice(&fragment.data);
            }
            assert_eq!(found, whole);
        }
    }

    #[test]
    fn fragments_say_which_is_first_and_which_last() {
        let slice = vec![0x41; 2 * MOST_PAYLOAD];
        let packets = packetize(&stream(&[&slice]), 0);
        let headers: Vec<[u8; 2]> = packets.iter().map(|it| [it.payload[0], it.payload[1]]).collect();
        assert_eq!(headers, [[0x5c, 0x81], [0x5c, 0x01], [0x5c, 0x41]]);
    }

    #[test]
    fn aggregated_units_come_apart() {
        let payload = Bytes::from_static(&[0x78, 0, 2, 0x67, 1, 0, 1, 0x68]);
        let fragment = depacketize(&payload).unwrap();
        assert_eq!(fragment.data[..], stream(&[&[0x67, 1], &[0x68]]));
    }

    #[test]
    fn malformed_and_foreign_payloads_are_refused() {
        for payload in [
            &[][..],
            &[0x78],
            &[0x78, 0, 3, 0x67, 1],
            &[0x78, 0, 0],
            &[0x78, 0, 1, 0x67, 0],
            &[0x5c],
            &[0x5c, 0x81],
            &[0x40, 1],
            &[0x5d, 0x81, 1],
        ] {
            assert_eq!(depacketize(&Bytes::copy_from_slice(payload)), None, "{payload:02x?}");
        }
    }

    #[test]
    fn a_key_frame_is_one_with_an_idr_slice() {
        assert!(is_key(&stream(&[&[0x67, 1], &[0x68, 1], &[0x65, 1]])));
        assert!(is_key(&[0, 0, 1, 0x65]));
        assert!(!is_key(&stream(&[&[0x67, 1], &[0x41, 0x65]])));
        assert!(!is_key(&[0x65, 0x65]), "no start code, no unit");
    }
}
