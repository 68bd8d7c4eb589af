//! Properties of the whole way, and what it costs.

use super::codec;
use super::{Codec, picture, tone};
use std::time::{Duration, Instant};

/// Encodes numbered pictures at a hundred kilobits a second and decodes them; gives how many came out and how many of these were misread.
fn through(codec: Codec, size: (u32, u32), rate: u32, first: u16, count: u16) -> (u32, u32) {
    const BITRATE: u32 = 100_000;
    let mut encoder = codec::video_encoder(codec, size.0, size.1, rate.into(), BITRATE).unwrap();
    let mut decoder = codec::video_decoder(codec).unwrap();
    let (mut decoded, mut misread) = (0, 0);
    for n in 0..count {
        let number = first.wrapping_add(n);
        let frame = picture::draw(number, size.0, size.1).unwrap();
        let timestamp = u64::from(n) * u64::from(90_000 / rate);
        let Some(encoded) = encoder.encode(&frame, timestamp, false).unwrap() else { continue };
        let Some(frame) = decoder.decode(&encoded.data).unwrap() else { continue };
        decoded += 1;
        misread += u32::from(picture::read(&frame) != Some(number));
        // What a screen, a canvas or a selective forwarding unit may make of it.
        for (width, height) in [(size.0 / 4 * 2, size.1 / 4 * 2), (size.0 * 3 / 8 * 2, size.1 / 3 * 2)] {
            misread += u32::from(picture::read(&frame.scaled(width, height).unwrap()) != Some(number));
        }
    }
    (decoded, misread)
}

#[test]
fn numbers_survive_video_codecs_at_a_hundred_kilobits_and_scaling() {
    for (size, rate, first) in [
        ((320, 240), 15, 0),
        ((320, 240), 30, 0x7FF0),
        ((640, 480), 15, 0xFFF0),
        ((160, 120), 15, 0xAAAA),
        ((350, 290), 15, 12_345),
    ] {
        for codec in [Codec::Vp8, Codec::H264] {
            let (decoded, misread) = through(codec, size, rate, first, 60);
            assert!(decoded > 5, "{codec:?} {size:?} at {rate}: only {decoded} of 60 pictures came out");
            assert_eq!(misread, 0, "{codec:?} {size:?} at {rate}: {decoded} decoded");
        }
    }
}

/// Processor time of this thread so far (on Linux: the machine may be busy with other things), else the time of day.
fn now() -> Duration {
    static START: std::sync::LazyLock<Instant> = std::sync::LazyLock::new(Instant::now);
    let spent = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanoseconds = spent.and_then(|text| text.split(' ').next()?.parse().ok());
    nanoseconds.map_or_else(|| START.elapsed(), Duration::from_nanos)
}

/// Mean time that one of `count` runs takes.
fn measure<T>(count: u32, mut run: impl FnMut(u32) -> T) -> String {
    let start = now();
    for n in 0..count {
        std::hint::black_box(run(n));
    }
    format!("{:7.3} ms", ((now() - start) / count).as_secs_f64() * 1e3)
}

#[test]
#[ignore = "measures, asserts nothing: cargo test -p peerproof-stack --lib media::tests::cost -- --ignored --nocapture"]
fn cost_of_a_picture_and_of_a_block() {
    for (width, height, rate, bitrate) in
        [(320, 240, 15, 300_000), (640, 480, 30, 800_000), (1280, 720, 30, 1_500_000)]
    {
        for codec in [Codec::Vp8, Codec::H264] {
            println!("{codec:?} {width}x{height} at {rate}, {} kbit/s", bitrate / 1000);
            println!("  draw   {}", measure(60, |n| picture::draw(n as u16, width, height).unwrap()));
            let mut encoder = codec::video_encoder(codec, width, height, rate.into(), bitrate).unwrap();
            let frames: Vec<_> = (0..90).map(|n| picture::draw(n, width, height).unwrap()).collect();
            let mut encoded = Vec::new();
            let encoding = measure(90, |n| {
                let timestamp = u64::from(n) * u64::from(90_000 / rate);
                encoded.extend(encoder.encode(&frames[n as usize], timestamp, false).unwrap());
            });
            println!("  encode {encoding}");
            let bits = encoded.iter().map(|e| e.data.len()).sum::<usize>() * 8;
            println!("         {} of 90 frames, {} kbit/s", encoded.len(), bits as u32 * rate / 90 / 1000);
            let mut decoder = codec::video_decoder(codec).unwrap();
            let mut decoded = Vec::new();
            let count = encoded.len() as u32;
            let decoding =
                measure(count, |n| decoded.extend(decoder.decode(&encoded[n as usize].data).unwrap()));
            println!("  decode {decoding}");
            println!("  read   {}", measure(count, |n| picture::read(&decoded[n as usize])));
        }
    }
    println!("20 ms of sound");
    let mut encoder = codec::audio_encoder(Codec::Opus, 32_000).unwrap();
    let mut decoder = codec::audio_decoder(Codec::Opus).unwrap();
    println!("  sine   {}", measure(200, |n| tone::sine(440, u64::from(n) * 960, 960)));
    let mut packets = Vec::new();
    let block = tone::sine(440, 0, 960);
    println!("  encode {}", measure(200, |_| packets.push(encoder.encode(&block).unwrap())));
    println!("  decode {}", measure(200, |n| decoder.decode(&packets[n as usize]).unwrap()));
    let heard = tone::sine(440, 0, 4800);
    println!("  read   {}", measure(50, |_| tone::strongest(&heard)));
}
