//! What a sink makes of packets as they come, lost, late and broken.

use super::*;
use crate::media::codec;
use crate::media::packet::{MediaPacket, Packetizer};
use crate::media::{Encoding, EncodingOptions, Source};

const VIDEO: [Codec; 2] = [Codec::Vp8, Codec::H264];

/// Numbered pictures as packets, one list a picture; `keys` are key frames.
fn stream(codec: Codec, count: u16, size: (u32, u32), bitrate: u32, keys: &[u16]) -> Vec<Vec<MediaPacket>> {
    let mut encoder = codec::video_encoder(codec, size.0, size.1, 15.0, bitrate).unwrap();
    let mut packetizer = Packetizer::new(codec);
    (0..count)
        .filter_map(|n| {
            let frame = picture::draw(n, size.0, size.1).unwrap();
            let encoded = encoder.encode(&frame, u64::from(n) * 6000, keys.contains(&n)).unwrap()?;
            Some(packetizer.packetize(&encoded.data, u32::from(n) * 6000))
        })
        .collect()
}

/// Gives packets their sequence numbers.
fn number(packets: impl IntoIterator<Item = MediaPacket>, first: u16) -> Vec<Arrived> {
    packets
        .into_iter()
        .zip(0..)
        .map(|(p, n)| Arrived {
            sequence: first.wrapping_add(n),
            timestamp: p.timestamp,
            marker: p.marker,
            payload: p.payload,
        })
        .collect()
}

/// Pushes the packets, one each 10 ms.
fn play(receiver: &mut Receiver, packets: Vec<Arrived>) -> Vec<SinkEvent> {
    let start = Instant::now();
    packets
        .into_iter()
        .zip(0..)
        .flat_map(|(packet, n)| receiver.push(packet, start + Duration::from_millis(10 * n)))
        .collect()
}

#[test]
fn numbered_pictures_are_seen_whatever_the_order_of_their_packets() {
    for codec in VIDEO {
        let pictures = stream(codec, 20, (320, 240), 500_000, &[]);
        let count = pictures.len() as u64;
        let mut packets = number(pictures.into_iter().flatten(), 65_530);
        for pair in packets[1..].chunks_exact_mut(2) {
            pair.reverse();
        }
        let again = packets[3].clone();
        packets.insert(6, again);
        let mut receiver = Receiver::new(codec).unwrap();
        let events = play(&mut receiver, packets);
        assert_eq!(
            events.first(),
            Some(&SinkEvent::Seen(Seen {
                frames: 1,
                width: Some(320),
                height: Some(240),
                number: Some(0),
                tone_hz: None
            }))
        );
        assert_eq!((receiver.seen().frames, receiver.seen().number), (count, Some(19)));
        assert!(!events.contains(&SinkEvent::KeyFrameWanted));
    }
}

#[test]
fn after_a_loss_a_key_frame_is_wanted_and_ends_the_gap() {
    for codec in VIDEO {
        let pictures = stream(codec, 60, (320, 240), 500_000, &[45]);
        let packets = number(pictures.into_iter().flatten(), 0);
        let lost = packets.iter().position(|p| p.timestamp == 10 * 6000).unwrap();
        let mut receiver = Receiver::new(codec).unwrap();
        let start = Instant::now();
        let mut wanted_at = None;
        let mut numbers = Vec::new();
        for (n, packet) in packets.into_iter().enumerate() {
            if n == lost {
                continue;
            }
            let timestamp = packet.timestamp;
            let events = receiver.push(packet, start + Duration::from_millis(u64::from(timestamp / 90)));
            if events.contains(&SinkEvent::KeyFrameWanted) && wanted_at.is_none() {
                wanted_at = Some(timestamp / 6000);
            }
            numbers.extend(receiver.seen().number);
        }
        let wanted_at = wanted_at.unwrap();
        assert!((11..=14).contains(&wanted_at), "asked at picture {wanted_at}");
        assert!(numbers.contains(&9) && numbers.contains(&45) && numbers.contains(&59));
        assert!(
            (10..45).all(|n| !numbers.contains(&n)),
            "no picture is shown that builds on a lost one: {numbers:?}"
        );
    }
}

#[test]
fn without_a_key_frame_it_is_asked_for_again_and_again() {
    for codec in VIDEO {
        let packets = number(stream(codec, 60, (64, 64), 100_000, &[]).into_iter().flatten(), 0);
        let mut receiver = Receiver::new(codec).unwrap();
        let start = Instant::now();
        let asked = packets
            .into_iter()
            .skip(3)
            .flat_map(|p| {
                let at = start + Duration::from_millis(u64::from(p.timestamp / 90));
                receiver.push(p, at)
            })
            .filter(|e| *e == SinkEvent::KeyFrameWanted)
            .count();
        assert!((8..=13).contains(&asked), "{asked} times in 4 s");
        assert_eq!(receiver.seen().frames, 0);
    }
}

#[test]
fn a_change_of_size_is_followed() {
    for codec in VIDEO {
        let mut pictures = stream(codec, 5, (320, 240), 300_000, &[]);
        pictures.extend(stream(codec, 5, (160, 120), 300_000, &[]));
        let mut receiver = Receiver::new(codec).unwrap();
        play(&mut receiver, number(pictures.into_iter().flatten(), 0));
        assert_eq!((receiver.seen().width, receiver.seen().height), (Some(160), Some(120)));
    }
}

#[test]
fn padding_between_pictures_is_no_loss() {
    for codec in VIDEO {
        let pictures = stream(codec, 6, (320, 240), 300_000, &[]);
        let padding = MediaPacket { payload: bytes::Bytes::new(), marker: false, timestamp: 0 };
        let packets = number(pictures.into_iter().flat_map(|p| p.into_iter().chain([padding.clone()])), 0);
        let mut receiver = Receiver::new(codec).unwrap();
        assert!(!play(&mut receiver, packets).contains(&SinkEvent::KeyFrameWanted));
        assert_eq!(receiver.seen().number, Some(5));
    }
}

#[test]
fn pictures_without_a_number_are_reported_without_one() {
    for codec in VIDEO {
        let mut encoder = codec::video_encoder(codec, 64, 64, 15.0, 100_000).unwrap();
        let mut packetizer = Packetizer::new(codec);
        let black = Frame::black(64, 64).unwrap();
        let packets = (0..10_u32).flat_map(|n| {
            let encoded = encoder.encode(&black, u64::from(n) * 6000, false).unwrap().unwrap();
            packetizer.packetize(&encoded.data, n * 6000)
        });
        let packets = number(packets.collect::<Vec<_>>(), 0);
        let mut receiver = Receiver::new(codec).unwrap();
        let events = play(&mut receiver, packets);
        assert!(
            matches!(events.first(), Some(SinkEvent::Seen(seen)) if seen.frames == 1 && seen.number.is_none()),
            "{events:?}"
        );
        assert_eq!((receiver.seen().frames, receiver.seen().number), (10, None));
    }
}

#[test]
fn rubbish_never_panics() {
    let mut seed = 1_u32;
    let mut random = || {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        seed >> 16
    };
    for codec in Codec::ALL.iter().copied() {
        let mut receiver = Receiver::new(codec).unwrap();
        for _ in 0..3000 {
            let length = random() % 40;
            let packet = Arrived {
                sequence: (random() % 300) as u16,
                timestamp: random() % 4,
                marker: random() % 2 == 0,
                payload: (0..length).map(|_| random() as u8).collect(),
            };
            receiver.push(packet, Instant::now());
        }
    }
}

/// A source, its encoding and a sink, joined as a connection joins them.
async fn hear_or_see(source: Source, codec: Codec, wanted: impl Fn(&Seen) -> bool) -> Seen {
    let (_encoding, mut packets) =
        Encoding::start(codec, EncodingOptions::for_codec(codec), Some(source)).unwrap();
    let (sink, mut events) = Sink::start(codec).unwrap();
    let mut sequence = 0_u16;
    loop {
        tokio::select! {
            packet = packets.recv() => {
                let MediaPacket { payload, marker, timestamp } = packet.unwrap();
                assert!(sink.push(Arrived { sequence, timestamp, marker, payload }));
                sequence = sequence.wrapping_add(1);
            }
            event = events.recv() => {
                if let SinkEvent::Seen(seen) = event.unwrap() && wanted(&seen) {
                    return seen;
                }
            }
        }
    }
}

#[tokio::test]
async fn a_picture_goes_from_source_to_sink() {
    for codec in VIDEO {
        let source = Source::numbered(320, 240, 30.0).unwrap();
        let seen = hear_or_see(source, codec, |seen| seen.number > Some(3)).await;
        assert_eq!((seen.width, seen.height), (Some(320), Some(240)));
    }
}

#[tokio::test]
async fn a_tone_goes_from_source_to_sink() {
    let seen = hear_or_see(Source::tone(1234), Codec::Opus, |seen| seen.frames > 10).await;
    assert!(seen.tone_hz.unwrap().abs_diff(1234) <= 10, "{seen:?}");
}

#[tokio::test]
async fn it_ends_with_its_handle() {
    let (sink, mut events) = Sink::start(Codec::Opus).unwrap();
    drop(sink);
    assert_eq!(events.recv().await, None);
}
