//! Making a [`Trace`] frame by frame.

use super::Trace;
use super::at::At;
use super::state::TraceState;
use super::taps::Taps;
use crate::decrypt::srtp::MasterKey;
use crate::ends::BothEnds;
use crate::file::{Frame, LinkType, Secrets, Stop};
use crate::link::Outcome;
use crate::observe::Observer;
use crate::sdp::SessionDescription;

/// Takes in frames in the order of the capture. See the [module](super).
#[derive(Debug, Default)]
pub struct Builder {
    observer: Observer,
    state: TraceState,
    last_ns: u64,
}

impl Builder {
    /// A builder that knows no secrets and no descriptions yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Names the interface with that index. One that is called like another with ` in clear` behind holds the plaintext of
    /// what the other one saw.
    pub fn interface(&mut self, index: usize, name: &str) {
        self.observer.interface(index, name);
        self.state.taps.interface(index, name);
    }

    /// Says which interfaces are at the ends of connections, as [`Trace::both_ends`] found it in the same capture. Before the packets.
    pub fn at_both_ends(&mut self, ends: BothEnds) {
        self.observer.at_both_ends(ends.clone());
        self.state.taps = Taps::learned(&ends);
        self.state.trace.ends = Some(ends);
    }

    /// Takes in lines of a key log (NSS format). Best before the packets that they open; later ones open what waits.
    pub fn key_log(&mut self, log: &[u8]) {
        self.observer.key_log(log, &mut self.state);
    }

    /// Takes in a secrets block of the capture. Whether it is of a type that is understood.
    pub fn secrets(&mut self, secrets: &Secrets<'_>) -> bool {
        self.observer.secrets(secrets, &mut self.state)
    }

    /// Takes in an SRTP master key that came by another way than DTLS.
    pub fn srtp_key(&mut self, key: MasterKey) {
        self.observer.srtp_key(key);
    }

    /// Takes in a description of a peer: names its side and gives passwords, codecs and fingerprints. Before the packets.
    pub fn description(&mut self, peer: &str, description: &SessionDescription) {
        self.state.trace_context().add(peer, description);
    }

    /// Takes in a frame of a capture file.
    pub fn frame(&mut self, frame: &Frame<'_>) {
        let at = At { frame: frame.number, ns: frame.time_ns.unwrap_or(self.last_ns) };
        self.last_ns = at.ns;
        self.state.frame(at);
        if frame.is_cut() {
            self.state.cut_frame(at);
        }
        let outcome = self.observer.frame(frame, &mut self.state);
        self.count(outcome);
    }

    /// Takes in the bytes of a frame, by its number and time in nanoseconds since 1970.
    pub fn packet(&mut self, frame: u64, at_ns: u64, link: LinkType, bytes: &[u8]) {
        let at = At { frame, ns: at_ns };
        self.last_ns = at_ns;
        self.state.frame(at);
        let outcome = self.observer.packet(frame, at_ns, link, bytes, &mut self.state);
        self.count(outcome);
    }

    /// Takes in a packet without the headers around it.
    #[cfg(test)]
    pub(super) fn bare(
        &mut self,
        at: At,
        interface: Option<usize>,
        packet: &crate::link::TransportPacket<'_>,
    ) {
        self.state.frame(at);
        self.observer.bare(at.frame, at.ns, interface, packet, &mut self.state);
    }

    fn count(&mut self, outcome: Outcome) {
        if !matches!(outcome, Outcome::Packets(_)) {
            self.state.other_frame();
        }
    }

    /// What it all adds up to.
    pub fn finish(self) -> Trace {
        self.finish_at(None)
    }

    /// The same of a capture that could not be read to its end.
    pub fn finish_at(self, stop: Option<&Stop>) -> Trace {
        let (secrets, defects) = (self.observer.secrets_known(), self.observer.defects(stop));
        let (srtp_keys, srtp_packets) = self.observer.srtp_keys_used();
        let mut trace = self.state.finish(secrets);
        (trace.srtp_keys, trace.srtp_packets) = (srtp_keys, srtp_packets);
        trace.defects = defects;
        trace
    }
}
