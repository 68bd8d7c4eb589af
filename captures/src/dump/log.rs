//! Packets in the text logs of browsers, in the format of text2pcap(1): direction, time of the day, offset, bytes.
//!
//! ```text
//! O 15:36:16.133 0000 90 60 1a … # RTP_DUMP                                Chrome: RTP and RTCP
//! I 15:36:16.140 0000 13 88 13 88 … # SCTP_PACKET …                        Chrome: SCTP
//! 2026-11-29 04:43:05.500 UTC - […]: D/RtpLogger {5d1f…}| … RTP_PACKET|>> O 04:43:05.500535  000000 80 c8 …    Firefox
//! ```
//!
//! The bytes are those before protection. There are no addresses, and in Chrome's log nothing says of which connection a packet is.

use crate::wire::demux::{self, Class};

/// What a packet is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// RTP.
    Rtp,
    /// Compound RTCP.
    Rtcp,
    /// SCTP, from within DTLS.
    Sctp,
}

/// A packet of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logged<'a> {
    /// Whether the browser sent it.
    pub out: bool,
    /// Nanoseconds since midnight, of which clock the log does not say.
    pub time_ns: u64,
    /// Days since 1970-01-01, if the line begins with a date.
    pub day: Option<u64>,
    /// What it is.
    pub kind: Kind,
    /// The name of the connection, if the line says it.
    pub connection: Option<&'a str>,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// Most bytes of a packet: what UDP carries.
const MOST_BYTES: usize = 65_535;

/// The packet in a line of a log; nothing in most lines.
#[must_use]
pub fn line(line: &str) -> Option<Logged<'_>> {
    let (head, rest) = match line.split_once("_PACKET|>> ") {
        Some((head, rest)) => (Some(head), rest),
        None => (None, line),
    };
    let (direction, rest) = rest.split_once(' ')?;
    let out = match direction {
        "O" => true,
        "I" => false,
        _ => return None,
    };
    let (time, rest) = rest.trim_start().split_once(' ')?;
    let time_ns = time_of_day(time)?;
    let mut words = rest.split_ascii_whitespace();
    words.next().filter(|offset| offset.len() >= 4 && offset.bytes().all(|byte| byte == b'0'))?;
    let mut bytes = Vec::new();
    let mut after = None;
    for word in words.by_ref() {
        if word.len() != 2 || !word.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            after = Some(word);
            break;
        }
        if bytes.len() >= MOST_BYTES {
            return None;
        }
        bytes.push(u8::from_str_radix(word, 16).ok()?);
    }
    let mark = after.and_then(|_| words.next());
    let is_media = match (head, after, mark) {
        (Some(_), ..) | (None, Some("#"), Some("RTP_DUMP" | "RTCP_DUMP")) => true,
        (None, Some("#"), Some("SCTP_PACKET")) => false,
        _ => return None,
    };
    let kind = match (is_media, demux::class(&bytes)) {
        (true, Class::Rtp) if bytes.len() >= 12 => Kind::Rtp,
        (true, Class::Rtcp) if bytes.len() >= 8 => Kind::Rtcp,
        (false, _) if bytes.len() >= 12 => Kind::Sctp,
        _ => return None,
    };
    let connection = head.and_then(|head| {
        let name = head.split_once('{')?.1.split_once('}')?.0;
        (name.len() <= 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-'))
            .then_some(name)
    });
    Some(Logged { out, time_ns, day: head.and_then(day), kind, connection, bytes })
}

/// The time of the day in the header of a message in Chrome's log (`[pid:tid:MMDD/HHMMSS.micros:…`), in nanoseconds, and the process. Packets
/// follow such a line, and have times of different clocks themselves.
#[must_use]
pub fn header(line: &str) -> Option<(u64, &str)> {
    let mut fields = line.strip_prefix('[')?.splitn(4, ':');
    let (process, _, time) = (fields.next()?, fields.next()?, fields.next()?);
    fields.next()?;
    let is_number =
        |text: &str| !text.is_empty() && text.len() <= 10 && text.bytes().all(|it| it.is_ascii_digit());
    let (date, clock) = time.split_once('/')?;
    let (seconds, micros) = clock.split_once('.')?;
    if !is_number(process) || !is_number(date) || !is_number(seconds) || seconds.len() != 6 {
        return None;
    }
    let [hours, minutes, seconds] = [seconds.get(..2)?, seconds.get(2..4)?, seconds.get(4..)?];
    Some((time_of_day(&format!("{hours}:{minutes}:{seconds}.{micros}"))?, process))
}

/// `HH:MM:SS.fraction`.
fn time_of_day(text: &str) -> Option<u64> {
    let (clock, fraction) = text.split_once('.')?;
    let mut parts = clock.split(':').map(|part| part.parse::<u64>().ok().filter(|_| part.len() == 2));
    let (hours, minutes, seconds) = (parts.next()??, parts.next()??, parts.next()??);
    if parts.next().is_some() || hours > 23 || minutes > 59 || seconds > 60 || fraction.len() > 9 {
        return None;
    }
    let scale = 10_u64.pow(9 - u32::try_from(fraction.len()).ok()?);
    let fraction = fraction.parse::<u64>().ok()? * scale;
    Some((hours * 3600 + minutes * 60 + seconds) * 1_000_000_000 + fraction)
}

/// `2026-11-29T04:42:44.600Z` in nanoseconds since 1970-01-01 00:00 UTC.
pub(super) fn instant(text: &str) -> Option<u64> {
    let clock = text.get(10..)?.strip_prefix('T')?.strip_suffix('Z')?;
    day(text)?.checked_mul(86_400_000_000_000)?.checked_add(time_of_day(clock)?)
}

/// The days up to the date with which a line begins, in UTC.
fn day(line: &str) -> Option<u64> {
    let date = line.get(..10)?;
    let mut parts = date.split('-').map(|part| part.parse::<u64>().ok());
    let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
    if !(1970..=9999).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    // Years that begin in March, so that the leap day is the last one.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let before = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1;
    // 0000-03-01 to 1970-01-01.
    before.checked_sub(719_468)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_chrome_and_firefox_are_read() {
        let rtp = "O 00:00:45.206 0000 b0 61 22 e6 00 00 00 00 c3 e9 48 d9 # RTP_DUMP";
        let read = line(rtp).unwrap();
        assert_eq!((read.out, read.kind, read.bytes.len()), (true, Kind::Rtp, 12));
        assert_eq!((read.time_ns, read.day, read.connection), (45_206_000_000, None, None));
        let sctp = "I 00:00:27.198 0000 13 88 13 88 00 00 00 00 26 4b 5e a7 # SCTP_PACKET DcSctpTransport0 ";
        assert_eq!(line(sctp).map(|read| (read.out, read.kind)), Some((false, Kind::Sctp)));
        let firefox = "2026-11-29 04:43:05.500554 UTC - [Child 9628: Socket Thread]: D/RtpLogger {bf93aaba-32fc}| Transmit \
                       video[{fdd}] RTCP_PACKET|>> O 04:43:05.500535  000000 80 c8 00 06 83 9f 66 71";
        let read = line(firefox).unwrap();
        assert_eq!((read.kind, read.connection), (Kind::Rtcp, Some("bf93aaba-32fc")));
        assert_eq!(read.time_ns, 16_985_500_535_000);
        // date -u -d 2026-11-29 +%s, by 86,400.
        assert_eq!(read.day, Some(20_786));
        assert_eq!(instant("2026-11-29T04:43:05.500Z"), Some(1_795_927_385_500_000_000));
        for other in [
            "",
            "2026-11-29T04:43:05.500",
            "2026-11-29 04:43:05.500Z",
            "2026-13-29T04:43:05.500Z",
            "☃2026-11-29T04:4",
        ] {
            assert_eq!(instant(other), None, "{other}");
        }
        assert_eq!(day("1970-01-01"), Some(0));
        assert_eq!(day("2000-02-29"), Some(11_016));
    }

    #[test]
    fn a_header_has_the_time_of_its_packets() {
        let text = "[12896:12926:1129/044445.206157:VERBOSE1:third_party/webrtc/pc/srtp_session.cc:549] ";
        assert_eq!(header(text), Some((17_085_206_157_000, "12896")));
        for other in
            ["", "[", "[1:2:3:4", "[1:2:1129/044.2:X", "[x:2:1129/044445.2:X", "[1:2:1129/04☃445.2:X"]
        {
            assert_eq!(header(other), None, "{other}");
        }
    }

    #[test]
    fn every_truncation_and_every_changed_byte_is_read_or_refused() {
        let lines = [
            "I 00:00:27.198 0000 13 88 13 88 00 00 00 00 26 4b 5e a7 # SCTP_PACKET DcSctpTransport0",
            "2026-11-29 04:43:05.5 UTC - [x]: D/RtpLogger {bf-32fc}| RTCP_PACKET|>> O 04:43:05.5  000000 80 c8 00 06 83 9f 66 71",
            "[12896:12926:1129/044445.206157:VERBOSE1:srtp_session.cc:549] ",
        ];
        let check = |bytes: &[u8]| {
            let text = String::from_utf8_lossy(bytes);
            assert!(line(&text).is_none_or(|read| read.bytes.len() <= text.len()), "{text}");
            assert!(header(&text).is_none_or(|(ns, _)| ns < 86_401 * 1_000_000_000), "{text}");
        };
        for text in lines {
            for at in 0..text.len() {
                check(&text.as_bytes()[..at]);
                let mut bytes = text.as_bytes().to_vec();
                for byte in 0..=u8::MAX {
                    bytes[at] = byte;
                    check(&bytes);
                }
            }
        }
    }

    #[test]
    fn other_lines_are_none() {
        for other in [
            "",
            "O",
            "O 00:00:45.206 0000",
            "O 00:00:45.206 0000 b0 61",
            "O 00:00:45.206 0001 b0 61 # RTP_DUMP",
            "O 00:00:45.206 0000 # RTP_DUMP",
            "O 00:00:45.206 0000 b0 6g # RTP_DUMP",
            "O 25:00:45.206 0000 b0 61 # RTP_DUMP",
            "O 00:00:45.2060000000 0000 b0 61 # RTP_DUMP",
            "X 00:00:45.206 0000 b0 61 # RTP_DUMP",
            "I 00:00:27.198 0000 13 88 # SCTP_PACKET",
            "O 00:00:45.206 0000 b0 61 # RTP_DUMP",
            "O 00:00:45.206 0000 80 c8 00 00 00 00 00 # RTP_DUMP",
            "O 00:00:45.206 0000 b0 61 22 e6 00 00 00 00 c3 e9 48 d9 # OTHER",
            "RTP_PACKET|>> O ☃ 0000 b0",
        ] {
            assert_eq!(line(other), None, "{other}");
        }
        assert_eq!(day("20☃6-11-29"), None);
    }
}
