//! How long a data channel takes to open between two connections on loopback, each side a fresh one.
//!
//! `cargo run -p peerproof-stack --example open [-- ROUNDS]`

use peerproof_stack::connection::{ChannelEvent, ChannelInit, Event, Options, PeerConnection, Rejection};
use peerproof_stack::workarounds::{Workaround, Workarounds};
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

/// From the first command to `open` at both sides; trickled candidates.
async fn round(workarounds: &Workarounds) -> Result<Option<Duration>, Rejection> {
    let options = || Options {
        addresses: vec![IpAddr::V4(Ipv4Addr::LOCALHOST)],
        workarounds: workarounds.clone(),
        ..Options::default()
    };
    let begun = Instant::now();
    let (alice, mut at_alice) = PeerConnection::new(options()).await?;
    let (bob, mut at_bob) = PeerConnection::new(options()).await?;
    let _channel = alice
        .create_data_channel(&ChannelInit { label: "chat".to_owned(), ..ChannelInit::default() })
        .await?;
    let offer = alice.create_offer(false).await?;
    alice.set_local_description(Some(offer.clone())).await?;
    bob.set_remote_description(offer).await?;
    let answer = bob.create_answer().await?;
    bob.set_local_description(Some(answer.clone())).await?;
    alice.set_remote_description(answer).await?;
    let is_open = |event: &Event| matches!(event, Event::Channel(_, ChannelEvent::Open));
    let mut opened = [None, None];
    while opened.contains(&None) {
        tokio::select! {
            Some(reported) = at_alice.recv() => match reported.event {
                Event::IceCandidate(candidate @ Some(_)) => bob.add_ice_candidate(candidate).await?,
                event if is_open(&event) => opened[0] = Some(reported.at),
                _ => {}
            },
            Some(reported) = at_bob.recv() => match reported.event {
                Event::IceCandidate(candidate @ Some(_)) => alice.add_ice_candidate(candidate).await?,
                event if is_open(&event) => opened[1] = Some(reported.at),
                _ => {}
            },
            else => break,
        }
    }
    alice.close().await?;
    bob.close().await?;
    Ok(opened[0].max(opened[1]).map(|at| at - begun))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let rounds: usize = std::env::args().nth(1).map_or(Ok(20), |text| text.parse())?;
    let mut out = std::io::stdout().lock();
    for (name, workarounds) in [
        ("with every work-around", Workarounds::all()),
        ("without `sleep-cap`", Workarounds::all().without(Workaround::SleepCap)),
    ] {
        let mut times = Vec::new();
        for _ in 0..rounds {
            times.extend(round(&workarounds).await?);
        }
        times.sort_unstable();
        let at = |share: f64| times.get((times.len() as f64 * share) as usize).copied().unwrap_or_default();
        writeln!(
            out,
            "{name}: median {:?}, best {:?}, 90 % below {:?} ({} rounds)",
            at(0.5),
            at(0.0),
            at(0.9),
            times.len()
        )?;
    }
    Ok(())
}
