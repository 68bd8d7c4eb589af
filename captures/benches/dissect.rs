//! What a packet costs: dissectors, decryption, and the way from a frame to the trace.
#![expect(missing_docs, reason = "criterion's macros make public items")]
#![expect(clippy::expect_used, reason = "a benchmark that cannot read its capture must fail")]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use peerproof_captures::decrypt::{Content, Datagram, Session};
use peerproof_captures::file::{CaptureReader, Item, LinkType};
use peerproof_captures::link::Network;
use peerproof_captures::trace::Builder;
use peerproof_captures::wire::demux::{self, Class};
use peerproof_captures::wire::{dtls, rtcp, rtp, sctp, stun};
use std::hint::black_box;
use std::net::SocketAddr;
use std::path::Path;

/// A call with SRTP in AES-CM and one with AES-GCM.
const CALLS: [&str; 2] = ["chrome-firefox", "firefox-firefox"];

struct RtpOfCall {
    from: SocketAddr,
    to: SocketAddr,
    bytes: Vec<u8>,
}

/// A call: its frames, its datagrams, what they hold in the clear, and its key log.
#[derive(Default)]
struct Call {
    link: Option<LinkType>,
    frames: Vec<Vec<u8>>,
    packets: Vec<RtpOfCall>,
    clear: Vec<(Content, Vec<u8>)>,
    key_log: Vec<u8>,
}

fn call(name: &str) -> Call {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("corpus/calls/{name}.pcapng"));
    let file = std::fs::read(path).expect("the capture is there");
    let mut reader = CaptureReader::new(file.as_slice());
    let (mut network, mut session, mut call) = (Network::new(), Session::new(), Call::default());
    while let Some(item) = reader.next_item() {
        match item {
            Item::Secrets(secrets) => {
                call.key_log.extend_from_slice(secrets.data);
                session.key_log(secrets.data, &mut |_| {});
            }
            Item::Frame(frame) => {
                call.link = Some(frame.link);
                call.frames.push(frame.data.to_vec());
                network.frame(&frame, &mut |packet| {
                    let (from, to, payload) = (packet.from, packet.to, packet.payload);
                    call.packets.push(RtpOfCall { from, to, bytes: payload.to_vec() });
                    let datagram = Datagram { time_ns: 0, frame: 1, from, to, payload };
                    session.datagram(&datagram, &mut |clear| {
                        call.clear.push((clear.content, clear.bytes.to_vec()));
                    });
                });
            }
            _ => {}
        }
    }
    call
}

fn dissectors(criterion: &mut Criterion) {
    let call = call("firefox-firefox");
    let mut group = criterion.benchmark_group("view");
    let mut bench = |name: &str, inputs: Vec<&[u8]>, read: &dyn Fn(&[u8])| {
        assert!(!inputs.is_empty(), "the call has none for {name}");
        group.throughput(Throughput::Elements(inputs.len() as u64));
        group.bench_function(name, |bencher| {
            bencher.iter(|| inputs.iter().for_each(|bytes| read(black_box(bytes))));
        });
    };
    let wire = |class: Class| -> Vec<&[u8]> {
        let of = call.packets.iter().filter(|packet| demux::class(&packet.bytes) == class);
        of.map(|packet| packet.bytes.as_slice()).collect()
    };
    let clear = |wanted: fn(Content) -> bool| -> Vec<&[u8]> {
        call.clear.iter().filter(|(content, _)| wanted(*content)).map(|(_, bytes)| bytes.as_slice()).collect()
    };
    bench("stun", wire(Class::Stun), &|bytes| {
        let _ = black_box(stun::view(bytes));
    });
    bench("dtls records", wire(Class::Dtls), &|bytes| {
        black_box(dtls::view(bytes).records().count());
    });
    bench("rtp", clear(|content| content == Content::Rtp), &|bytes| {
        let _ = black_box(rtp::view(bytes));
    });
    bench("rtcp", clear(|content| content == Content::Rtcp), &|bytes| {
        black_box(rtcp::view(bytes).packets.iter().count());
    });
    bench("sctp", clear(Content::is_application_data), &|bytes| {
        let _ = black_box(sctp::view(bytes));
    });
    group.finish();
}

fn whole(criterion: &mut Criterion) {
    for name in CALLS {
        let call = call(name);
        let mut group = criterion.benchmark_group(name);
        group.throughput(Throughput::Elements(call.packets.len() as u64));
        group.bench_function("decrypt", |bencher| {
            bencher.iter(|| {
                let mut session = Session::new();
                session.key_log(&call.key_log, &mut |_| {});
                let mut bytes = 0;
                for packet in &call.packets {
                    let RtpOfCall { from, to, bytes: payload } = packet;
                    let datagram = Datagram { time_ns: 0, frame: 1, from: *from, to: *to, payload };
                    session.datagram(&datagram, &mut |clear| bytes += clear.bytes.len());
                }
                black_box(bytes)
            });
        });
        for (what, key_log) in [("trace without keys", &[][..]), ("trace with keys", &call.key_log)] {
            group.bench_function(what, |bencher| {
                bencher.iter(|| {
                    let mut builder = Builder::new();
                    builder.key_log(key_log);
                    let link = call.link.expect("the call has frames");
                    for (number, frame) in call.frames.iter().enumerate() {
                        builder.packet(number as u64 + 1, number as u64 * 1_000_000, link, frame);
                    }
                    black_box(builder.finish())
                });
            });
        }
        group.finish();
    }
}

criterion_group!(benches, dissectors, whole);
criterion_main!(benches);
