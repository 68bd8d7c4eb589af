//! A capture of a million flows is traced in bounded memory and in time that grows with the capture alone.

use peerproof_captures::file::LinkType;
use peerproof_captures::trace::{Builder, limits};

const FLOWS: u32 = 1_000_000;
/// What the whole process may take, in KiB.
const MEMORY: u64 = 300 << 10;

/// A datagram of a flow of its own, one of four kinds.
fn frame(flow: u32, frame: &mut Vec<u8>) {
    let id = flow.to_be_bytes();
    let mut payload = Vec::with_capacity(128);
    match flow % 4 {
        // A check between fragments of its own.
        0 => {
            let username = format!("{flow:08x}:{:08x}", !flow);
            payload.extend([0, 1, 0, 24, 0x21, 0x12, 0xa4, 0x42, 0, 0, 0, 0, 0, 0, 0, 0]);
            payload.extend(id);
            payload.extend([0, 6, 0, 17]);
            payload.extend(username.bytes());
            payload.extend([0; 3]);
        }
        // A ClientHello with a random of its own.
        1 => {
            let mut hello = vec![0xfe, 0xfd];
            hello.extend([7; 28]);
            hello.extend(id);
            hello.extend([0, 0, 0, 2, 0xc0, 0x2b, 1, 0]);
            let length = hello.len() as u8;
            payload.extend([22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, length + 12]);
            payload.extend([1, 0, 0, length, 0, 0, 0, 0, 0, 0, 0, length]);
            payload.extend(hello);
        }
        // Allocate.
        2 => {
            payload.extend([0, 3, 0, 8, 0x21, 0x12, 0xa4, 0x42, 0, 0, 0, 0, 0, 0, 0, 1]);
            payload.extend(id);
            payload.extend([0, 0x19, 0, 4, 17, 0, 0, 0]);
        }
        // What may be RTP.
        _ => {
            payload.extend([0x80, 96, 0, 1, 0, 0, 0, 0]);
            payload.extend(id);
            payload.extend([0; 20]);
        }
    }
    let length = payload.len() as u16;
    frame.clear();
    frame.extend([0x45, 0]);
    frame.extend((length + 28).to_be_bytes());
    frame.extend([0, 0, 0x40, 0, 64, 17, 0, 0]);
    frame.extend([10, id[1], id[2], id[3], 192, 0, 2, 1]);
    frame.extend([0x13, 0x88, 0x17, 0x70]);
    frame.extend((length + 8).to_be_bytes());
    frame.extend([0, 0]);
    frame.extend(payload);
}

#[test]
fn a_million_flows_are_counted_and_not_all_kept() {
    let mut builder = Builder::new();
    // Secrets for none of them, so that everything protected may still wait for its own.
    builder.key_log(format!("CLIENT_RANDOM {:064x} {:096x}\n", 1, 2).as_bytes());
    let mut bytes = Vec::new();
    for flow in 0..FLOWS {
        frame(flow, &mut bytes);
        builder.packet(u64::from(flow) + 1, u64::from(flow) * 1_000, LinkType::RAW, &bytes);
    }
    let trace = builder.finish();
    assert_eq!((trace.frames, trace.packets), (FLOWS.into(), FLOWS.into()));
    assert_eq!(trace.flows.len(), limits::FLOWS);
    let kept: u64 = trace.flows.iter().map(|flow| flow.forth.packets + flow.back.packets).sum();
    assert_eq!(kept + trace.over.packets_of_other_flows, u64::from(FLOWS), "each packet is counted once");
    assert_eq!(trace.connections.len(), limits::CONNECTIONS);
    assert_eq!(trace.allocations.len(), limits::ALLOCATIONS);
    assert!(trace.over.packets_of_other_connections > 0 && trace.over.requests_to_other_servers > 0);
    if let Ok(status) = std::fs::read_to_string("/proc/self/status") {
        let line =
            status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("the kernel reports it");
        let peak: u64 = line.trim().trim_end_matches(" kB").parse().expect("it is a number");
        assert!(peak < MEMORY, "{peak} KiB");
    }
}
