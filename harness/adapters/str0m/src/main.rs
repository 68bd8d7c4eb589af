//! str0m as a peer: speaks the peer protocol (docs/peer-protocol.md) as JSON lines on standard input and output.
//!
//! # What a stack without the W3C's names can and cannot say
//!
//! str0m has no `RTCPeerConnection`: it is a state machine that the application feeds with datagrams and the time, and
//! that answers with datagrams and events of its own. What this adapter tells is
//!
//! - said by str0m: `iceconnectionstatechange` and `icetransportstatechange` (`IceConnectionStateChange`; as everything
//!   is bundled the two are one), `dtlsstatechange` `connected` (`Connected`) and `closed` (`Closed`), `datachannel` and
//!   `channelopen` (`ChannelOpen`), `channelmessage` (`ChannelData`), `channelclose` (`ChannelClose`),
//!   `bufferedamountlow` (`ChannelBufferedAmountLow`), `track` and `trackended` (`MediaAdded`, `MediaChanged`),
//!   `trackmute` and `trackunmute` (`StreamPaused`, the first `MediaData`);
//! - read from what str0m does: `selectedcandidatepairchange` (the addresses between which it sends anything but STUN),
//!   `dtlsstatechange` `failed` (the error that DTLS ended with), `sctpstatechange` `connected` (a channel is open),
//!   `track` at the offerer (the direction of a medium after the answer), `keylog` (see `keylog.rs`);
//! - computed as the standard computes it: `connectionstatechange` (webrtc-pc §4.3.3, from ICE and DTLS);
//! - this adapter's own doing, since str0m leaves it to the application: gathering (`icecandidate`,
//!   `icegatheringstatechange`) and the book-keeping of offer and answer (`signalingstatechange`).
//!
//! It never says, as str0m does not tell: `negotiationneeded`, `icecandidateerror`, an ICE state of `failed` (str0m never
//! gives up: a candidate may still come), `dtlsstatechange` `connecting`, `sctpstatechange` `connecting`,
//! `channelclosing`.
//!
//! It cannot do: STUN and TURN servers, TCP candidates (all this is the application's), provisional answers, rollback of
//! a remote offer (`accept_offer` takes it and makes the answer at once), an offer in which nothing is new (`apply` makes
//! none), codec preferences of one transceiver. Media pass through it encoded: there is nothing that could draw, sound,
//! see or hear them.

mod channels;
mod connection;
mod data;
mod keylog;
mod media;
mod negotiation;
mod network;
mod peer;
mod sdp;
mod stats;
mod wire;

use std::io::{BufRead, stdin};
use std::net::SocketAddr;
use std::process::exit;
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::Instant;

use serde_json::{Map, Value};

use peer::Peer;

/// What the one loop waits for. str0m wants one input at a time.
pub enum Incoming {
    Command { id: u64, name: String, args: Map<String, Value> },
    Datagram { at: Instant, local: SocketAddr, source: SocketAddr, bytes: Vec<u8> },
}

/// Few: when this peer is too slow the kernel shall drop datagrams, as it does for any other.
const INBOX: usize = 64;

fn main() {
    keylog::install();
    let (sender, inbox) = sync_channel(INBOX);
    let commands = sender.clone();
    thread::spawn(move || read_commands(&commands));
    let mut peer = Peer::new(sender);
    loop {
        let wait = peer.wakes_at().saturating_duration_since(Instant::now());
        match inbox.recv_timeout(wait) {
            Ok(Incoming::Command { id, name, args }) => peer.command(id, &name, &args),
            Ok(Incoming::Datagram { at, local, source, bytes }) => peer.datagram(at, local, source, &bytes),
            Err(RecvTimeoutError::Timeout) => peer.wake(),
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

/// Reads commands until there are no more, which ends the program.
fn read_commands(inbox: &SyncSender<Incoming>) {
    for line in stdin().lock().lines() {
        let Some(command) = line.ok().as_deref().and_then(parse) else {
            eprintln!("not a command: a JSON object with an id and a command was expected");
            exit(2);
        };
        if inbox.send(command).is_err() {
            return;
        }
    }
    exit(0);
}

fn parse(line: &str) -> Option<Incoming> {
    let mut message: Map<String, Value> = serde_json::from_str(line).ok()?;
    let id = message.get("id")?.as_u64()?;
    let name = message.get("command")?.as_str()?.to_owned();
    let args = match message.remove("args") {
        Some(Value::Object(args)) => args,
        None | Some(Value::Null) => Map::new(),
        Some(_) => return None,
    };
    Some(Incoming::Command { id, name, args })
}
