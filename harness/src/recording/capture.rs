//! The path of one case's packets: each is shown to the rules and to the recorder.

use super::journal::Journal;
use super::place::{INSIDE, MOST_RECENT, OUTSIDE, Passed, RecordedPlace};
use super::rates::Rates;
use super::streams::Streams;
use super::tap::CaseTap;
use crate::network::class::{self, Class, Seen};
use crate::network::follow::Follower;
use crate::network::lab::Wake;
use crate::network::rule::{Decision, Rule, RulePacket, Rules};
use crate::peers::KeyLogFile;
use peerproof_captures::decrypt::secrets::Reported;
use peerproof_captures::decrypt::{self, Clear, Session};
use peerproof_captures::recording::{
    About, Content, Direction as Way, InterfaceId, Observes, PacketRecord as Recorded, Recorder,
};
use peerproof_captures::tap::AT_SOCKETS;
use peerproof_captures::timeline::{self, Note, What};
use std::collections::{BTreeSet, VecDeque};
use std::fs::File;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, UNIX_EPOCH};
use tokio::sync::watch;

/// Rules and recorder of one case.
#[derive(Debug)]
pub struct CaseCapture {
    journal: Arc<Journal>,
    epoch_ns: u64,
    inner: Mutex<Inner>,
    /// Changes whenever a rule has acted.
    acted: watch::Sender<u64>,
    /// Changes whenever a peer has sent media.
    media: watch::Sender<u64>,
}

#[derive(Debug)]
pub(super) struct Inner {
    rules: Rules,
    pub(super) recorder: Option<Recorder<File>>,
    trouble: Option<String>,
    secrets: BTreeSet<String>,
    key_logs: bool,
    /// What is within the packets on their way, for the rules.
    follower: Follower,
    /// The offerer, whose packets the follower distinguishes from the others'.
    offerer: String,
    /// Where peers' processes write their secrets down.
    key_log_files: Vec<KeyLogFile>,
    /// Whether a peer is to report its keys, some time after it has them, and has not yet.
    awaits_keys: bool,
    /// What is waiting for keys.
    wakes: Option<Wake>,
    /// The places of observation, by the index that their taps hold.
    places: Vec<RecordedPlace>,
    /// When a packet of each class was last seen.
    last: Vec<(Class, Instant)>,
    /// How much media peers send.
    rates: Rates,
    /// Which streams of simulcast peers have sent.
    streams: Streams,
}

impl CaseCapture {
    /// Begins the capture in this file.
    ///
    /// # Errors
    /// The file cannot be made.
    pub fn create(path: &Path, case: &str, journal: Arc<Journal>) -> io::Result<Arc<Self>> {
        let about = About { application: crate::TOOL, comment: case };
        let recorder = Recorder::new(File::create(path)?, about).map_err(io::Error::other)?;
        let epoch = journal.clock().epoch().duration_since(UNIX_EPOCH).unwrap_or_default();
        let inner = Inner {
            rules: Rules::default(),
            recorder: Some(recorder),
            trouble: None,
            secrets: BTreeSet::new(),
            key_logs: false,
            follower: Follower::default(),
            offerer: String::new(),
            key_log_files: Vec::new(),
            awaits_keys: false,
            wakes: None,
            places: Vec::new(),
            last: Vec::new(),
            rates: Rates::default(),
            streams: Streams::default(),
        };
        let epoch_ns = u64::try_from(epoch.as_nanos()).unwrap_or(u64::MAX);
        Ok(Arc::new(Self {
            journal,
            epoch_ns,
            inner: Mutex::new(inner),
            acted: watch::Sender::new(0),
            media: watch::Sender::new(0),
        }))
    }

    /// A place of observation at the sockets of `peer`. `other_is_tapped` says that what comes in was decided about where it
    /// went out.
    #[must_use]
    pub fn tap(
        self: &Arc<Self>,
        peer: &str,
        implementation: &str,
        other: &str,
        other_is_tapped: bool,
    ) -> Arc<CaseTap> {
        let name = format!("{peer} ({implementation})");
        let (wires, place) = self.place(&[name], AT_SOCKETS);
        let wire = wires.first().copied().flatten();
        Arc::new(CaseTap::new(Arc::clone(self), peer, other, other_is_tapped, wire, place))
    }

    /// A place of observation with these interfaces, by their names, and an index for what is known there.
    pub(super) fn place(&self, interfaces: &[String], description: &str) -> (Vec<Wire>, usize) {
        let mut inner = self.inner();
        let mut interface = |name: &str, description: &str, observes| {
            let made = inner.recorder.as_mut()?.interface(name, description, observes);
            made.map_err(|error| inner.trouble = Some(error.to_string())).ok()
        };
        let wires = interfaces.iter().map(|name| interface(name, description, Observes::Wire)).collect();
        let first = interfaces.first().map_or("", String::as_str);
        let plaintext = interface(&format!("{first} in clear"), "decrypted", Observes::Plaintext);
        inner.places.push(RecordedPlace { plaintext, session: Session::new(), recent: VecDeque::new() });
        (wires, inner.places.len() - 1)
    }

    /// An interface of the capture that belongs to no peer.
    pub(super) fn bystander(&self, name: &str) -> Wire {
        let mut inner = self.inner();
        let made = inner.recorder.as_mut()?.interface(name, "a server", Observes::Wire);
        made.map_err(|error| inner.trouble = Some(error.to_string())).ok()
    }

    /// Has the key logs of peers' processes recorded, since each of them serves this case alone.
    pub(crate) fn collect_key_logs(&self) {
        self.inner().key_logs = true;
    }

    /// Whether the key logs of peers' processes are recorded.
    #[must_use]
    pub fn collects_key_logs(&self) -> bool {
        self.inner().key_logs
    }

    /// Records a line of a key log and opens what waits for it.
    pub fn key_log(&self, line: &str) {
        self.key_log_of(None, line);
    }

    /// The same of a line that a peer reported itself: its name is recorded, too.
    pub fn reported_key_log(&self, peer: &str, line: &str) {
        self.key_log_of(Some(peer), line);
    }

    fn key_log_of(&self, peer: Option<&str>, line: &str) {
        let mut inner = self.inner();
        let line = format!("{}\n", line.trim_end());
        let text = peer.map_or_else(|| line.clone(), |peer| Reported::line(peer, &line));
        // Both ends of one association have the same line.
        if !inner.secrets.insert(text.clone()) {
            return;
        }
        if let Some(Err(error)) = inner.recorder.as_mut().map(|recorder| recorder.secrets(&text)) {
            inner.trouble.get_or_insert(error.to_string());
        }
        inner.follower.key_log(&line);
        if let Some(wake) = &inner.wakes {
            wake.wake();
        }
        let clock = self.clock();
        for place in 0..inner.places.len() {
            let mut opened = Vec::new();
            if let Some(place) = inner.places.get_mut(place) {
                place.session.key_log(line.as_bytes(), &mut |clear| opened.push(Opened::of(clear)));
            }
            inner.record_opened(&clock, place, &opened);
        }
    }

    /// Says who the offerer is, before the first packet.
    pub fn set_offerer(&self, name: &str) {
        name.clone_into(&mut self.inner().offerer);
    }

    /// Reads secrets from this file too when they are needed to know what a packet is.
    pub fn follow_key_log(&self, file: KeyLogFile) {
        self.inner().key_log_files.push(file);
    }

    /// A peer reports its keys by its own account, a little later than it uses them. Until there are some, packets wait whose chunks a rule
    /// asks for.
    pub(crate) fn await_keys(&self) {
        self.inner().awaits_keys = true;
    }

    /// Keeps what is to be woken up when keys come.
    pub(super) fn wake_on_keys(&self, wake: Wake) {
        self.inner().wakes = Some(wake);
    }

    /// Whether a datagram that a peer sends must wait until it is known whether a rule is for it. Data of DTLS 1.2 alone does: it follows
    /// the handshake, so that both peers have the keys. In DTLS 1.3 it may be a part of the handshake without which there are none.
    pub(super) fn waits_for_keys(&self, from: &str, payload: &[u8]) -> bool {
        let mut guard = self.inner();
        if !guard.awaits_keys || !class::look(payload, 0).contents.contains(&class::Content::ApplicationData)
        {
            return false;
        }
        let at = self.now();
        let inner = &mut *guard;
        let seen = inner.look(from, payload);
        inner.awaits_keys = seen.unread;
        seen.unread && inner.rules.want_keys(&RulePacket { from, seen: &seen, bytes: payload, at })
    }

    /// No keys came in time.
    pub(super) fn without_keys(&self) {
        if std::mem::take(&mut self.inner().awaits_keys) {
            self.journal.write(What::Note(Note::NoKeys));
        }
    }

    /// Installs a rule behind the others.
    pub fn install(&self, rule: Rule) {
        let now = self.now();
        self.inner().rules.install(rule, now);
    }

    /// Informs the rules that the next step begins.
    pub fn next_step(&self) {
        self.inner().rules.next_step();
    }

    /// Waits until rules of this name have acted so often.
    pub async fn acts(&self, name: &str, times: u32) {
        let mut acted = self.acted.subscribe();
        while self.inner().rules.acted(name) < times {
            // The sender lives as long as this.
            let _ = acted.changed().await;
        }
    }

    /// Waits until what a peer sends, over a given time from now on, is a rate that is allowed, in kilobits per second.
    pub async fn sends_at(&self, from: &str, over: Duration, allowed: impl Fn(u64) -> bool) {
        let mut media = self.media.subscribe();
        let began = Instant::now();
        // A rate changes with every packet, and by none coming too.
        let look_again = (over / 20).max(Duration::from_millis(10));
        while began.elapsed() < over || !allowed(self.rate(from, over)) {
            let _ = tokio::time::timeout(look_again, media.changed()).await;
        }
    }

    /// Waits until a peer has sent all these streams of a simulcast, named in the header extension of that number if it is known.
    pub async fn sends_streams(&self, from: &str, rids: &[String], extension: Option<u8>) {
        let mut media = self.media.subscribe();
        // The sender lives as long as the stage.
        while !self.has_sent_streams(from, rids, extension) && media.changed().await.is_ok() {}
    }

    /// Whether a peer has sent all these streams by now.
    #[must_use]
    pub fn has_sent_streams(&self, from: &str, rids: &[String], extension: Option<u8>) -> bool {
        self.inner().streams.sends(from, rids, extension)
    }

    /// The rate at which a peer sent media in the time up to now, in kilobits per second.
    #[must_use]
    pub fn rate(&self, from: &str, over: Duration) -> u64 {
        self.inner().rates.kbit(from, Instant::now(), over)
    }

    /// How often rules of this name have acted.
    #[must_use]
    pub fn how_often(&self, name: &str) -> timeline::Seen {
        let rules = &self.inner().rules;
        timeline::Seen::RuleActed { times: rules.acted(name), undecrypted: rules.unread() }
    }

    /// What becomes of a datagram that a peer sends.
    pub(super) fn decide(&self, from: &str, payload: &[u8]) -> Option<Decision> {
        let (_, decision) = self.decide_within(&mut self.inner(), from, payload);
        self.announce(decision.as_ref());
        decision
    }

    /// The same, with the datagram's class, for callers that hold the lock and [announce](Self::announce) the decision when it is free
    /// again.
    pub(super) fn decide_within(
        &self,
        inner: &mut Inner,
        from: &str,
        payload: &[u8],
    ) -> (Option<Class>, Option<Decision>) {
        let seen = inner.look(from, payload);
        let at = self.now();
        if seen.class == Some(Class::Srtp) {
            inner.rates.note(from, Instant::now(), payload.len());
            inner.streams.note(from, payload);
            self.media.send_modify(|media| *media += 1);
        }
        (seen.class, inner.rules.decide(&RulePacket { from, seen: &seen, bytes: payload, at }))
    }

    /// Wakes who waits for rules to act.
    pub(super) fn announce(&self, decision: Option<&Decision>) {
        if decision.is_some() {
            self.acted.send_modify(|acted| *acted += 1);
        }
    }

    /// The time since the case began.
    fn now(&self) -> Duration {
        Duration::from_micros(self.journal.clock().now_us())
    }

    /// Ends all rules.
    pub fn clear(&self) {
        self.inner().rules.clear();
    }

    /// Has something said in a comment of the next packet.
    pub fn remark(&self, text: impl Into<String>) {
        if let Some(recorder) = &mut self.inner().recorder {
            recorder.remark(text);
        }
    }

    /// When a packet of this class (any if none) was last seen.
    #[must_use]
    pub fn last_seen(&self, class: Option<Class>) -> Option<Instant> {
        let inner = self.inner();
        inner
            .last
            .iter()
            .filter(|(seen, _)| class.is_none_or(|class| class == *seen))
            .map(|(_, at)| *at)
            .max()
    }

    /// Ends the recording. Returns what went wrong, if something did.
    #[must_use]
    pub fn finish(&self) -> Option<String> {
        let mut inner = self.inner();
        drop(inner.recorder.take());
        inner.trouble.take()
    }

    pub(crate) fn journal(&self) -> &Journal {
        &self.journal
    }

    pub(super) fn clock(&self) -> Clock {
        Clock { case: self.journal.clock(), epoch_ns: self.epoch_ns }
    }

    pub(super) fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Plaintext that a session gave out, kept until the recorder is free.
struct Opened {
    content: decrypt::Content,
    frame: u64,
    bytes: Vec<u8>,
}

impl Opened {
    fn of(clear: Clear<'_>) -> Self {
        Self { content: clear.content, frame: clear.frame, bytes: clear.bytes.to_vec() }
    }
}

impl Inner {
    /// Looks at a datagram that a peer sends.
    fn look(&mut self, from: &str, payload: &[u8]) -> Seen {
        let files = &mut self.key_log_files;
        self.follower.look(*from == self.offerer, payload, || {
            let news: String = files.iter_mut().map(KeyLogFile::news).collect();
            (!news.is_empty()).then_some(news)
        })
    }

    /// Keeps what is recorded until it is let go, for a burst of packets.
    pub(super) fn hold(&mut self, hold: bool) {
        if let Some(Err(error)) = self.recorder.as_mut().map(|recorder| recorder.hold(hold)) {
            self.trouble.get_or_insert(error.to_string());
        }
    }

    /// Records a packet at a place. Returns its frame number.
    pub(super) fn record(
        &mut self,
        clock: &Clock,
        interface: Option<InterfaceId>,
        seen: &Observed<'_>,
    ) -> Option<u64> {
        let Observed { t_us, direction, local, remote, content, carried_by, comment } = *seen;
        let packet = Recorded {
            interface: interface?,
            time_ns: clock.epoch_ns + t_us * 1000,
            direction,
            local,
            remote,
            content,
            carried_by,
            comment,
        };
        match self.recorder.as_mut()?.packet(&packet) {
            Ok(frame) => Some(frame),
            Err(error) => {
                self.trouble.get_or_insert(error.to_string());
                None
            }
        }
    }

    /// Records plaintext on the place's second interface.
    fn record_opened(&mut self, clock: &Clock, place: usize, opened: &[Opened]) {
        for Opened { content, frame, bytes } in opened {
            let content = match content {
                decrypt::Content::Rtp => Content::Rtp(bytes),
                decrypt::Content::Rtcp => Content::Rtcp(bytes),
                dtls if dtls.is_application_data() => Content::Sctp(bytes),
                // Handshake and alerts are on the wire interface, where Wireshark opens them itself.
                decrypt::Content::Dtls { .. } => continue,
            };
            let Some(place) = self.places.get(place) else { return };
            let Some((direction, local, remote)) = place.passed(*frame) else { continue };
            let plaintext = place.plaintext;
            let observed = Observed {
                t_us: clock.case.now_us(),
                direction,
                local,
                remote,
                content,
                carried_by: Some(*frame),
                comment: None,
            };
            self.record(clock, plaintext, &observed);
        }
    }

    /// Shows a datagram that was recorded to the session of its place, and records what could be opened.
    pub(super) fn open(&mut self, clock: &Clock, place: usize, frame: u64, way: Passed, payload: &[u8]) {
        let Some(at) = self.places.get_mut(place) else { return };
        let (from, to) = match way.0 {
            Way::Outbound => (INSIDE, OUTSIDE),
            Way::Inbound => (OUTSIDE, INSIDE),
        };
        if at.recent.len() >= MOST_RECENT {
            at.recent.pop_front();
        }
        at.recent.push_back((frame, way));
        let mut opened = Vec::new();
        let datagram = decrypt::Datagram { time_ns: 0, frame, from, to, payload };
        // What cannot be opened yet waits for its secret; what never can is on the wire interface all the same.
        at.session.datagram(&datagram, &mut |clear| opened.push(Opened::of(clear)));
        self.record_opened(clock, place, &opened);
    }

    pub(super) fn note_seen(&mut self, class: Class) {
        let now = Instant::now();
        match self.last.iter_mut().find(|(seen, _)| *seen == class) {
            Some((_, at)) => *at = now,
            None => self.last.push((class, now)),
        }
    }
}

/// The case's clock, and where it began on the wall clock.
pub(super) struct Clock {
    pub(super) case: crate::peers::CaseClock,
    epoch_ns: u64,
}

/// An interface of the capture; none if the capture is broken.
pub(super) type Wire = Option<InterfaceId>;

/// A packet as it was seen.
pub(super) struct Observed<'a> {
    pub(super) t_us: u64,
    pub(super) direction: Way,
    pub(super) local: SocketAddr,
    pub(super) remote: SocketAddr,
    /// What is recorded.
    pub(super) content: Content<'a>,
    pub(super) carried_by: Option<u64>,
    pub(super) comment: Option<&'a str>,
}
