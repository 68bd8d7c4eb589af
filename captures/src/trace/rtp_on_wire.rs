//! RTP as it comes on the wire, where nothing but two packets in sequence may say that it is RTP.

use super::at::{At, Side, Sides};
use super::connection::{Rtp, Seen};
use super::flow::Probation;
use super::limits;
use super::state::{TraceState, payload, rtp_header};
use crate::observe::Ends;
use crate::wire::rtp::Header;

impl TraceState {
    /// Takes in what has the shape of RTP; whether it may be protected.
    pub(super) fn wire_rtp(&mut self, at: At, flow: usize, ends: Ends, bytes: &[u8]) -> bool {
        let Some(header) = rtp_header(bytes) else { return false };
        // What begins a connection is the second packet in sequence: see `classify`.
        let begins = self.trace.flows.get(flow).is_some_and(|flow| flow.connection.is_none());
        if begins {
            self.first_rtp(flow);
        }
        let Some((index, side)) = self.touch(at, flow, ends.from) else { return false };
        self.stream(at, (index, side, flow), &header, bytes.len());
        let Some(connection) = self.trace.connections.get_mut(index) else { return false };
        if let Some(stream) = connection.streams.get_mut(&(side, header.ssrc.value)) {
            stream.is_proven |= begins;
        }
        if connection.handshakes.is_empty() && connection.pairs.is_empty() {
            payload(connection, at, side, bytes);
        }
        true
    }

    /// Takes in what came on a flow before it was known to be RTP: the first packet of the two in sequence, and one of the other side.
    fn first_rtp(&mut self, flow: usize) {
        let Some(found) = self.trace.flows.get_mut(flow) else { return };
        let Sides { a, b } = std::mem::take(&mut found.probation);
        let ends = [found.initiator, found.responder];
        let mut before: Vec<_> =
            [a, b].into_iter().zip(ends).filter_map(|(it, from)| Some((it?, from))).collect();
        before.sort_by_key(|(packet, _)| packet.at);
        for (Probation { at, length, begins, .. }, from) in before {
            let Some(header) = rtp_header(&begins) else { continue };
            let Some((index, side)) = self.touch(at, flow, from) else { return };
            if let Some(flow) = self.trace.flows.get_mut(flow) {
                let sent = flow.sent_from(from);
                sent.other = sent.other.saturating_sub(1);
                sent.rtp += 1;
            }
            self.stream(at, (index, side, flow), &header, length);
            if let Some(connection) = self.trace.connections.get_mut(index) {
                payload(connection, at, side, &begins);
            }
        }
    }

    /// Takes in a packet of RTP on the wire, by its header.
    fn stream(
        &mut self,
        at: At,
        (connection, from, flow): (usize, Side, usize),
        header: &Header<'_>,
        length: usize,
    ) {
        if let Some(flow) = self.trace.flows.get_mut(flow) {
            flow.has_wire_rtp = true;
        }
        let Some(connection) = self.trace.connections.get_mut(connection) else { return };
        let seen = Seen { at, from, flow, header, length };
        match connection.rtp(seen, &self.context, self.streams < limits::ALL_STREAMS) {
            Rtp::New => self.streams += 1,
            Rtp::Known => {}
            Rtp::Over => self.trace.over.packets_of_other_streams += 1,
        }
    }
}
