//! The flows that belong to no connection, as a list of conversations.

use super::{counted, time, wall_clock};
use crate::terminal::{Paint, Style};
use peerproof_captures::trace::{Carrier, Flow, Trace};
use std::io::{self, Write};
use std::net::SocketAddr;

/// Most that are listed.
const MOST: usize = 20;

/// Writes them, if there are any: addresses, protocols, packets, bytes, begin on the wall clock and duration.
pub(super) fn write(trace: &Trace, style: &Style, out: &mut dyn Write) -> io::Result<()> {
    // Servers have lines of their own.
    let gatherings = trace.gatherings.iter().map(|it| it.server);
    let servers: Vec<SocketAddr> = gatherings.chain(trace.allocations.iter().map(|it| it.server)).collect();
    let is_server = |flow: &Flow| servers.contains(&flow.initiator) || servers.contains(&flow.responder);
    let mut others = trace
        .flows
        .iter()
        .filter(|flow| flow.connection.is_none() && flow.carrier != Carrier::Plaintext && !is_server(flow));
    let count = others.clone().count();
    if count == 0 {
        return Ok(());
    }
    writeln!(out, "\n{}", style.paint(Paint::Heading, "Conversations that are no WebRTC connection"))?;
    for flow in others.by_ref().take(MOST) {
        style.wrapped(out, "  ", "      ", &line(flow))?;
    }
    if count > MOST {
        writeln!(out, "  and {} more (--json has all)", count - MOST)?;
    }
    Ok(())
}

fn line(flow: &Flow) -> String {
    let Flow { forth, back, .. } = flow;
    let firsts = [forth.first, back.first].into_iter().flatten().min();
    let lasts = [forth.last, back.last].into_iter().flatten().max();
    let kinds = [
        (forth.stun + back.stun, "STUN"),
        (forth.channel_data + back.channel_data, "ChannelData"),
        (forth.dtls + back.dtls, "DTLS"),
        (forth.rtp + back.rtp, "RTP"),
        (forth.rtcp + back.rtcp, "RTCP"),
        (forth.sctp + back.sctp, "SCTP"),
        (forth.other + back.other, "other"),
    ];
    let kinds: Vec<String> =
        kinds.iter().filter(|(count, _)| *count > 0).map(|(count, name)| format!("{count} {name}")).collect();
    let mut text = format!(
        "{} {} ↔ {}: {}, {} bytes: {}",
        if flow.carrier == Carrier::Tcp { "TCP" } else { "UDP" },
        flow.initiator,
        flow.responder,
        counted(forth.packets + back.packets, "packet"),
        forth.bytes + back.bytes,
        kinds.join(", ")
    );
    if let (Some(first), Some(last)) = (firsts, lasts) {
        text += &format!(
            "; from {} for {} (frame {})",
            wall_clock(first.ns),
            time(last.since(first)),
            first.frame
        );
    }
    text
}
