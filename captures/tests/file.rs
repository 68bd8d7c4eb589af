//! Capture files of every make are read, and damaged ones as far as they go.

use peerproof_captures::file::{
    ByteOrder, CaptureReader, Format, Item, Limits, LinkType, SECRETS_TLS_KEY_LOG, Skipped, StopCause,
};
use std::io::{Read, Write};

/// Writes numbers in one byte order.
#[derive(Clone, Copy)]
struct Writer(ByteOrder);

impl Writer {
    fn u16(self, number: u16) -> [u8; 2] {
        if self.0 == ByteOrder::Big { number.to_be_bytes() } else { number.to_le_bytes() }
    }

    fn u32(self, number: u32) -> [u8; 4] {
        if self.0 == ByteOrder::Big { number.to_be_bytes() } else { number.to_le_bytes() }
    }

    fn words(self, numbers: &[u32]) -> Vec<u8> {
        numbers.iter().flat_map(|number| self.u32(*number)).collect()
    }

    fn block(self, kind: u32, body: &[u8]) -> Vec<u8> {
        let length = 12 + body.len().next_multiple_of(4);
        let mut out = self.words(&[kind, length as u32]);
        out.extend(body);
        out.resize(length - 4, 0);
        out.extend(self.u32(length as u32));
        out
    }

    fn option(self, code: u16, value: &[u8]) -> Vec<u8> {
        let mut out = [self.u16(code), self.u16(value.len() as u16)].concat();
        out.extend(value);
        out.resize(out.len().next_multiple_of(4), 0);
        out
    }

    fn section(self, application: &str) -> Vec<u8> {
        let mut body = self.u32(0x1a2b_3c4d).to_vec();
        body.extend([self.u16(1), self.u16(0)].concat());
        body.extend([0xff; 8]);
        body.extend(self.option(4, application.as_bytes()));
        body.extend(self.option(0, &[]));
        self.block(0x0a0d_0d0a, &body)
    }

    fn interface(self, link: u16, snap_length: u32, options: &[(u16, &[u8])]) -> Vec<u8> {
        let mut body = [self.u16(link), self.u16(0)].concat();
        body.extend(self.u32(snap_length));
        body.extend(options.iter().flat_map(|(code, value)| self.option(*code, value)));
        self.block(1, &body)
    }

    fn packet(
        self,
        interface: u32,
        ticks: u64,
        data: &[u8],
        original: u32,
        options: &[(u16, &[u8])],
    ) -> Vec<u8> {
        let mut body =
            self.words(&[interface, (ticks >> 32) as u32, ticks as u32, data.len() as u32, original]);
        body.extend(data);
        body.resize(body.len().next_multiple_of(4), 0);
        body.extend(options.iter().flat_map(|(code, value)| self.option(*code, value)));
        self.block(6, &body)
    }

    fn pcap(self, magic: u32, link: u32, records: &[(u32, u32, &[u8], u32)]) -> Vec<u8> {
        let mut out = self.u32(magic).to_vec();
        out.extend([self.u16(2), self.u16(4)].concat());
        out.extend(self.words(&[0, 0, 65_535, link]));
        for (seconds, fraction, data, original) in records {
            out.extend(self.words(&[*seconds, *fraction, data.len() as u32, *original]));
            out.extend(*data);
        }
        out
    }
}

const BOTH: [Writer; 2] = [Writer(ByteOrder::Big), Writer(ByteOrder::Little)];

/// Every item as a line, and how reading ended.
fn read(file: &[u8]) -> (Vec<String>, Option<String>) {
    let mut reader = CaptureReader::new(file);
    let mut lines = Vec::new();
    while let Some(item) = reader.next_item() {
        lines.push(match item {
            Item::Section(index) => format!("section {index}"),
            Item::Interface(index) => format!("interface {index}"),
            Item::Frame(frame) => {
                let comments: Vec<_> = frame.comments().map(String::from_utf8_lossy).collect();
                format!(
                    "frame {} at {} on {:?} ({}) t={:?} {}/{} cut={} {:?} {comments:?}",
                    frame.number,
                    frame.offset,
                    frame.interface,
                    frame.link,
                    frame.time_ns,
                    String::from_utf8_lossy(frame.data),
                    frame.original_length,
                    frame.is_cut(),
                    frame.direction,
                )
            }
            Item::Secrets(secrets) => {
                format!("secrets {:#x} {}", secrets.kind, String::from_utf8_lossy(secrets.data))
            }
            Item::Names(names) => {
                let names: Vec<_> = names
                    .map(|(address, name)| format!("{address} {}", String::from_utf8_lossy(name)))
                    .collect();
                format!("names {}", names.join(", "))
            }
            Item::Other { kind, offset, body } => {
                format!("other {kind:#x} at {offset}, {} bytes", body.len())
            }
            Item::Skipped { offset, reason } => format!("skipped at {offset}: {reason}"),
        });
    }
    (lines, reader.stop().map(ToString::to_string))
}

#[test]
fn pcap_is_read_in_both_byte_orders_and_resolutions() {
    for writer in BOTH {
        for (magic, nanoseconds, time) in
            [(0xa1b2_c3d4, false, 7_000_009_000_u64), (0xa1b2_3c4d, true, 7_000_000_009)]
        {
            let file = writer.pcap(magic, 1, &[(7, 9, b"abc", 3), (7, 9, b"de", 5)]);
            let mut reader = CaptureReader::new(&file[..]);
            assert!(matches!(reader.next_item(), Some(Item::Interface(0))));
            assert_eq!(reader.format(), Some(Format::Pcap { order: writer.0, nanoseconds }));
            assert_eq!(reader.interfaces()[0].link, LinkType::ETHERNET);
            let (lines, stop) = read(&file);
            let head = format!("on Some(0) (Ethernet) t=Some({time})");
            let expected = [
                "interface 0".to_owned(),
                format!("frame 1 at 24 {head} abc/3 cut=false None []"),
                format!("frame 2 at 43 {head} de/5 cut=true None []"),
            ];
            assert_eq!((lines.as_slice(), stop), (expected.as_slice(), None));
        }
    }
}

#[test]
fn a_frame_check_sequence_is_taken_off() {
    // Bit 26: present; the highest four bits: two words.
    let file =
        Writer(ByteOrder::Little).pcap(0xa1b2_c3d4, 0x2400_0001, &[(0, 0, b"abcFCS!", 7), (0, 0, b"ab", 7)]);
    let (lines, _) = read(&file);
    assert!(lines[1].contains(" abc/7 cut=false"), "{}", lines[1]);
    assert!(lines[2].contains(" ab/7 cut=true"), "{}", lines[2]);
}

fn rich(writer: Writer) -> Vec<u8> {
    let mut file = writer.section("first");
    let clock: &[(u16, &[u8])] = &[(2, b"alice"), (9, &[9])];
    file.extend(writer.interface(101, 0, clock));
    file.extend(writer.interface(1, 4, &[(9, &[0x8a])]));
    let key_log = b"CLIENT_RANDOM 00 11\n";
    file.extend(writer.block(10, &[&writer.words(&[SECRETS_TLS_KEY_LOG, 20]), &key_log[..]].concat()));
    let flags = writer.u32(1);
    file.extend(writer.packet(0, 5, b"abc", 3, &[(1, b"one"), (2, &flags), (1, b"two"), (0, &[])]));
    // 1024 ticks of 2^-10 seconds.
    file.extend(writer.packet(1, 1024, b"abcd", 9, &[]));
    file.extend(writer.block(3, &[&writer.u32(2), &b"xy"[..]].concat()));
    let name = [&[192, 0, 2, 1][..], b"alice.local\0"].concat();
    file.extend(writer.block(4, &[writer.option(1, &name), writer.option(0, &[])].concat()));
    file.extend(writer.block(0xbad, b"what?"));
    let mut old = [writer.u16(0), writer.u16(3)].concat();
    old.extend(writer.words(&[0, 6, 1, 1]));
    old.extend(b"z");
    file.extend(writer.block(2, &old));
    file.extend(writer.packet(7, 0, b"?", 1, &[]));
    // Interfaces are numbered anew in each section, which may be of the other byte order.
    let other = if writer.0 == ByteOrder::Big { BOTH[1] } else { BOTH[0] };
    file.extend(other.section("second"));
    file.extend(other.interface(252, 0, &[]));
    file.extend(other.packet(0, 1, b"last", 4, &[]));
    file
}

#[test]
fn pcapng_is_read_with_sections_interfaces_options_secrets_names_and_unknown_blocks() {
    for writer in BOTH {
        let file = rich(writer);
        let (lines, stop) = read(&file);
        let strip = |line: &String| {
            let mut words: Vec<_> = line.split(' ').collect();
            if let Some(at) = words.iter().position(|word| *word == "at") {
                words.drain(at..at + 2);
            }
            words.join(" ")
        };
        let lines: Vec<_> = lines.iter().map(strip).collect();
        let expected = [
            "section 0",
            "interface 0",
            "interface 1",
            "secrets 0x544c534b CLIENT_RANDOM 00 11\n",
            "frame 1 on Some(0) (raw IP) t=Some(5) abc/3 cut=false Some(Inbound) [\"one\", \"two\"]",
            "frame 2 on Some(1) (Ethernet) t=Some(1000000000) abcd/9 cut=true None []",
            "frame 3 on Some(0) (raw IP) t=None xy/2 cut=false None []",
            "names 192.0.2.1 alice.local",
            "other 0xbad 8 bytes",
            "frame 4 on Some(0) (raw IP) t=Some(6) z/1 cut=false None []",
            "frame 5 on None (link type 65535) t=Some(0) ?/1 cut=false None []",
            "section 1",
            "interface 2",
            "frame 6 on Some(2) (exported PDU) t=Some(1000) last/4 cut=false None []",
        ];
        assert_eq!(lines.iter().map(|line| line.replace("0xbad,", "0xbad")).collect::<Vec<_>>(), expected);
        assert_eq!(stop, None);
    }
}

#[test]
fn sections_and_interfaces_keep_what_they_say_about_themselves() {
    let file = rich(BOTH[0]);
    let mut reader = CaptureReader::new(&file[..]);
    while reader.next_item().is_some() {}
    let applications: Vec<_> =
        reader.sections().iter().map(|section| section.application.as_deref()).collect();
    assert_eq!(applications, [Some("first"), Some("second")]);
    assert_eq!(reader.interfaces()[0].name.as_deref(), Some("alice"));
    assert_eq!(reader.interfaces()[2].section, 1);
}

#[test]
fn a_file_cut_anywhere_gives_what_is_there_and_says_where_it_stops() {
    for file in [rich(BOTH[0]), BOTH[1].pcap(0xa1b2_c3d4, 1, &[(1, 2, b"abc", 3), (1, 2, b"de", 2)])] {
        let (all, _) = read(&file);
        let mut most = 0;
        for length in 0..file.len() {
            let (lines, stop) = read(&file[..length]);
            assert_eq!(lines, all[..lines.len()], "at {length}");
            assert!(lines.len() >= most, "at {length}");
            most = lines.len();
            let mut reader = CaptureReader::new(&file[..length]);
            while reader.next_item().is_some() {}
            // Either the cut is between blocks, or the stop names the place.
            match reader.stop() {
                None => assert_eq!(reader.offset(), length as u64),
                Some(stop) => assert!(stop.offset < length as u64 || length == 0, "{stop}"),
            }
            assert_eq!(stop.is_none(), reader.stop().is_none());
        }
        assert_eq!(most, all.len() - 1);
    }
}

#[test]
fn gzip_is_read_and_a_cut_one_as_far_as_it_goes() {
    let file = rich(BOTH[1]);
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::none());
    encoder.write_all(&file).unwrap();
    let compressed = encoder.finish().unwrap();
    assert_eq!(read(&compressed), read(&file));

    let mut reader = CaptureReader::new(&compressed[..compressed.len() / 2]);
    while reader.next_item().is_some() {}
    assert!(reader.is_compressed());
    assert!(reader.frames() > 0);
    assert!(matches!(reader.stop().unwrap().cause, StopCause::Read(_)));
}

#[test]
fn a_reader_that_gives_single_bytes_is_read_alike() {
    struct Slow<'a>(&'a [u8]);
    impl Read for Slow<'_> {
        fn read(&mut self, room: &mut [u8]) -> std::io::Result<usize> {
            let one = room.len().min(1);
            self.0.read(&mut room[..one])
        }
    }
    let file = rich(BOTH[0]);
    let mut reader = CaptureReader::new(Slow(&file));
    while reader.next_item().is_some() {}
    assert_eq!((reader.frames(), reader.stop().is_none()), (6, true));
}

#[test]
fn lengths_that_cannot_be_stop_the_reading_without_taking_memory() {
    let writer = BOTH[0];
    let mut file = writer.section("x");
    file.extend(writer.words(&[6, 11, 0]));
    let (lines, stop) = read(&file);
    assert_eq!(lines, ["section 0"]);
    let place = writer.section("x").len();
    assert_eq!(
        stop.unwrap(),
        format!("reading stops at byte {place} after 0 packets: a length of 11 cannot be")
    );

    let mut file = writer.pcap(0xa1b2_c3d4, 1, &[]);
    file.extend(writer.words(&[0, 0, u32::MAX, u32::MAX]));
    assert!(read(&file).1.unwrap().contains("a length of 4294967295 cannot be"));
}

#[test]
fn a_block_over_the_limit_is_skipped_and_reading_goes_on() {
    let writer = BOTH[1];
    let mut file = writer.section("x");
    file.extend(writer.interface(1, 0, &[]));
    file.extend(writer.block(0xbad, &[0; 5000]));
    file.extend(writer.packet(0, 0, b"after", 5, &[]));
    let mut reader = CaptureReader::with_limits(&file[..], Limits { block: 1000, interfaces: 1 });
    let mut skipped = None;
    while let Some(item) = reader.next_item() {
        if let Item::Skipped { reason, .. } = item {
            skipped = Some(reason);
        }
    }
    assert_eq!(skipped, Some(Skipped::TooLong { length: 5012, limit: 1000 }));
    assert_eq!(reader.frames(), 1);
}

#[test]
fn what_is_no_capture_is_said_to_be_none() {
    for (file, cause) in
        [(&b"GET / HTTP/1.1"[..], "neither pcap nor pcapng"), (b"", "empty"), (b"ab", "neither")]
    {
        let (lines, stop) = read(file);
        assert!(lines.is_empty() && stop.unwrap().contains(cause));
    }
}

#[test]
fn flipped_bits_never_panic() {
    let file = rich(BOTH[0]);
    for place in 0..file.len() {
        for bit in 0..8 {
            let mut damaged = file.clone();
            damaged[place] ^= 1 << bit;
            let (lines, _) = read(&damaged);
            assert!(lines.len() <= 2 * file.len());
        }
    }
}
