//! Watches a connection's DTLS records on their way, and its ciphers at work.

use super::record::{ALERT, CHANGE_CIPHER_SPEC, HANDSHAKE, Record, message, records, srtp_material};
use crate::signal::{Evidence, Signal};
use crate::sync::lock;
use crate::tap::Direction;
use crate::workarounds::{Workaround, Workarounds};
use std::net::SocketAddr;
use std::sync::Mutex;
use tokio::sync::mpsc::UnboundedSender;

/// Most flights that are retransmitted in one connection: the peer could ask forever.
const MOST_RESENDS: u32 = 24;
/// Most datagrams of one flight that are kept.
const MOST_DATAGRAMS: usize = 16;
/// `close_notify`, RFC 5246 §7.2.1.
const CLOSE_NOTIFY: u8 = 0;

/// A datagram that was sent.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    pub(crate) local: SocketAddr,
    pub(crate) remote: SocketAddr,
    pub(crate) payload: Vec<u8>,
}

#[derive(Debug, Default)]
struct Followed {
    began: bool,
    /// Application data or the peer's Finished was decrypted: unprotected alerts mean nothing any more.
    protected: bool,
    failed: bool,
    material: Option<usize>,
    /// Our newest flight, and the number of its first message (none if it begins with ChangeCipherSpec).
    flight: Vec<Sent>,
    flight_first: Option<u16>,
    /// The peer has said something new since our newest flight.
    answered: bool,
    /// First and last message number of the peer's newest flight.
    peer_first: Option<u16>,
    peer_last: Option<u16>,
    /// We have sent something since the peer's newest flight.
    replied: bool,
    resends: u32,
}

/// The watch over one connection.
#[derive(Debug)]
pub(crate) struct Watch {
    state: Mutex<Followed>,
    signals: UnboundedSender<Signal>,
    resend: bool,
    silence: bool,
}

impl Watch {
    pub(crate) fn new(workarounds: &Workarounds, signals: UnboundedSender<Signal>) -> Self {
        Self {
            state: Mutex::default(),
            signals,
            resend: workarounds.has(Workaround::DtlsFlightResend),
            silence: workarounds.has(Workaround::SilenceAfterFatalAlert),
        }
    }

    fn report(&self, evidence: Evidence) {
        // Nobody listens to a connection that is gone.
        let _ = self.signals.send(Signal::Dtls(evidence));
    }

    /// The stack sends a datagram. Whether it may leave.
    pub(crate) fn sent(&self, local: SocketAddr, remote: SocketAddr, payload: &[u8]) -> bool {
        let records = records(payload);
        if records.is_empty() {
            return true;
        }
        let mut state = lock(&self.state);
        if state.failed && self.silence {
            return false;
        }
        if let Some(first) = records.iter().find(|r| matches!(r.kind, HANDSHAKE | CHANGE_CIPHER_SPEC)) {
            let number = message(first).map(|(number, _)| number);
            // A new flight answers something new; a retransmitted one begins again with its first message.
            if state.answered || (state.flight_first == number && is_first_fragment(first)) {
                state.flight.clear();
            }
            if state.flight.is_empty() {
                state.flight_first = number;
            }
            state.answered = false;
            state.replied = true;
            if state.flight.len() < MOST_DATAGRAMS {
                state.flight.push(Sent { local, remote, payload: payload.to_vec() });
            }
        }
        self.look(&mut state, Direction::Out, &records);
        true
    }

    /// The stack gets a datagram. What is to be retransmitted.
    pub(crate) fn received(&self, payload: &[u8]) -> Vec<Sent> {
        let records = records(payload);
        if records.is_empty() {
            return Vec::new();
        }
        let mut state = lock(&self.state);
        let mut repeated = false;
        for (number, offset) in records.iter().filter_map(message) {
            if state.peer_last.is_none_or(|last| number > last) {
                if state.replied || state.peer_first.is_none() {
                    state.peer_first = Some(number);
                }
                state.peer_last = Some(number);
                state.answered = true;
                state.replied = false;
            } else if state.peer_first == Some(number) && offset == 0 && state.replied {
                repeated = true;
            }
        }
        self.look(&mut state, Direction::In, &records);
        if repeated && self.resend && !state.failed && state.resends < MOST_RESENDS {
            state.resends += 1;
            self.report(Evidence::Resent);
            return state.flight.clone();
        }
        Vec::new()
    }

    fn look(&self, state: &mut Followed, direction: Direction, records: &[Record<'_>]) {
        for record in records {
            if record.kind == HANDSHAKE && !state.began {
                state.began = true;
                self.report(Evidence::Began);
            }
            if let Some(material) = srtp_material(record) {
                state.material = Some(material);
            }
            if record.kind == ALERT && record.epoch == 0 && !state.protected {
                self.on_alert(state, direction, record.fragment);
            }
        }
    }

    fn on_alert(&self, state: &mut Followed, direction: Direction, alert: &[u8]) {
        let (level, description) = match alert {
            [level, description, ..] => (*level, *description),
            _ => return,
        };
        let fatal = level == 2 && description != CLOSE_NOTIFY;
        if state.failed || !(fatal || description == CLOSE_NOTIFY) {
            return;
        }
        state.failed |= fatal;
        self.report(Evidence::Alert { direction, description });
    }

    /// A cipher protected or opened a record.
    pub(crate) fn plaintext(&self, direction: Direction, kind: u8, plaintext: &[u8]) {
        let mut state = lock(&self.state);
        if direction == Direction::In {
            state.protected = true;
        }
        if kind == ALERT {
            self.on_alert(&mut state, direction, plaintext);
        }
    }

    /// Length of the SRTP keying material, once the handshake has settled it.
    pub(crate) fn srtp_material(&self) -> Option<usize> {
        lock(&self.state).material
    }
}

fn is_first_fragment(record: &Record<'_>) -> bool {
    message(record).is_none_or(|(_, offset)| offset == 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

    fn watch() -> (Watch, UnboundedReceiver<Signal>) {
        let (tx, rx) = unbounded_channel();
        (Watch::new(&Workarounds::all(), tx), rx)
    }

    fn handshake(number: u8, body: u8) -> Vec<u8> {
        let mut bytes = vec![HANDSHAKE, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 1, 0, 13];
        bytes.extend([1, 0, 0, 1, 0, number, 0, 0, 0, 0, 0, 1, body]);
        bytes
    }

    fn alert(level: u8, description: u8) -> Vec<u8> {
        vec![ALERT, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 1, 0, 2, level, description]
    }

    fn address() -> SocketAddr {
        ([127, 0, 0, 1], 5000).into()
    }

    fn evidence(rx: &mut UnboundedReceiver<Signal>) -> Vec<Evidence> {
        std::iter::from_fn(|| rx.try_recv().ok())
            .filter_map(|s| if let Signal::Dtls(e) = s { Some(e) } else { None })
            .collect()
    }

    #[test]
    fn a_repeated_flight_is_answered_with_our_newest_flight() {
        let (watch, _rx) = watch();
        watch.sent(address(), address(), &handshake(0, 1));
        assert!(watch.received(&handshake(0, 9)).is_empty());
        assert!(watch.received(&handshake(1, 9)).is_empty());
        watch.sent(address(), address(), &handshake(1, 2));
        watch.sent(address(), address(), &handshake(2, 3));
        let again = watch.received(&handshake(0, 9));
        assert_eq!(
            again.iter().map(|s| s.payload.clone()).collect::<Vec<_>>(),
            [handshake(1, 2), handshake(2, 3)]
        );
        assert!(watch.received(&handshake(1, 9)).is_empty(), "once per flight, not per message");
    }

    #[test]
    fn a_flight_that_the_stack_repeats_itself_is_kept_once() {
        let (watch, _rx) = watch();
        for _ in 0..3 {
            watch.sent(address(), address(), &handshake(0, 1));
        }
        assert_eq!(lock(&watch.state).flight.len(), 1);
    }

    #[test]
    fn a_fatal_alert_is_reported_once_and_silences() {
        let (watch, mut rx) = watch();
        watch.received(&alert(2, 42));
        watch.received(&alert(2, 42));
        assert_eq!(evidence(&mut rx), [Evidence::Alert { direction: Direction::In, description: 42 }]);
        assert!(!watch.sent(address(), address(), &alert(2, 42)));
        assert!(watch.sent(address(), address(), &[0, 1, 0, 0]), "STUN goes on");
    }

    #[test]
    fn an_unprotected_alert_after_the_handshake_means_nothing() {
        let (watch, mut rx) = watch();
        watch.plaintext(Direction::In, 23, b"sctp");
        watch.received(&alert(2, 42));
        assert!(evidence(&mut rx).is_empty());
        watch.plaintext(Direction::In, ALERT, &[1, 0]);
        assert_eq!(evidence(&mut rx), [Evidence::Alert { direction: Direction::In, description: 0 }]);
    }

    #[test]
    fn a_warning_means_nothing() {
        let (watch, mut rx) = watch();
        watch.received(&alert(1, 90));
        assert!(evidence(&mut rx).is_empty());
    }
}
