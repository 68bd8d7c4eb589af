//! The thread that carries packets: from the devices into the fabric, out of it when they are due.

use super::LabError;
use crate::network::fabric::packet::{IpPacket, udp};
use crate::network::fabric::{Change, Delivered, Fabric, InterfaceId, Lost};
use crate::network::rule::{Decision, RuleAction};
use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::sys::prctl;
use nix::sys::time::TimeSpec;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};
use std::os::fd::AsFd;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;
use tun_rs::SyncDevice;

/// The most packets of one device at a time, so that none waits long for another's.
const BATCH: usize = 64;
/// Longest packet that is read.
const LONGEST: usize = 65_535;
/// Most packets that wait for a rule's delay; further ones go at once.
const MOST_LATE: usize = 65_536;
/// Most packets that wait for keys; further ones go at once.
const MOST_WITHOUT_KEYS: usize = 1_024;
/// How long packets wait for keys at most. A peer reports them when its handshake is complete. It is shorter than the
/// retransmission timer of SCTP, so that the hold causes no retransmission (RFC 9260 §16: RTO.Min is 1 s).
const KEYS_WITHIN: Duration = Duration::from_millis(900);
/// Timers are kept to this many nanoseconds (the kernel's default is fifty thousand).
const TIMER_SLACK: u64 = 1_000;

/// Sees every packet where it leaves a host and where it arrives, and decides about it in between.
pub trait Watch: Send {
    /// Takes what wakes the thread up, to be called when keys have come.
    fn wake_by(&mut self, _wake: Wake) {}

    /// Whether a packet has to wait for the keys that decide whether a rule is for it. It is asked again when it is woken up.
    fn waits_for_keys(&mut self, _from: InterfaceId, _packet: &IpPacket) -> bool {
        false
    }

    /// The time is over without keys: packets do not wait for them any more.
    fn without_keys(&mut self) {}

    /// What becomes of a packet that leaves a host; nothing if it goes as it is.
    fn decide(&mut self, from: InterfaceId, packet: &IpPacket) -> Option<Decision>;

    /// A packet left a host or arrived.
    fn passed(&mut self, passed: &Passed<'_>);

    /// A packet that had left was lost on the way.
    fn lost(&mut self, lost: &Lost);

    /// All that was to be seen for now has been seen.
    fn rest(&mut self) {}
}

/// Wakes the thread of a lab up.
#[derive(Debug, Clone)]
pub struct Wake(Arc<EventFd>);

impl Wake {
    /// Has it look what there is to do.
    pub fn wake(&self) {
        // A full counter is as good: the thread will look.
        let _ = self.0.write(1);
    }
}

/// A packet at an interface.
#[derive(Debug)]
pub struct Passed<'a> {
    /// When.
    pub at: Instant,
    /// Where.
    pub interface: InterfaceId,
    /// Whether it left the host there (`true`) or arrived.
    pub out: bool,
    /// As it was there. Its mark is the same at both ends.
    pub packet: &'a IpPacket,
    /// What was decided about it, where it left.
    pub decision: Option<&'a Decision>,
    /// Why it went no further, if that is known by now.
    pub lost: Option<&'a Lost>,
}

enum Order {
    Change(Box<Change>, oneshot::Sender<bool>),
    Stop(oneshot::Sender<()>),
}

/// The thread, from outside. It ends when this is dropped.
#[derive(Debug)]
pub(super) struct Engine {
    orders: Option<mpsc::Sender<Order>>,
    wake: Wake,
}

impl Engine {
    pub(super) fn start(
        fabric: Fabric,
        devices: Vec<Arc<SyncDevice>>,
        mut watch: Box<dyn Watch>,
    ) -> Result<Self, LabError> {
        let (orders, todo) = mpsc::channel();
        let wake = EventFd::from_value_and_flags(0, EfdFlags::EFD_NONBLOCK | EfdFlags::EFD_CLOEXEC);
        let wake = Wake(Arc::new(wake.map_err(|errno| LabError::Thread(errno.into()))?));
        watch.wake_by(wake.clone());
        let mut work = Work {
            fabric,
            held: devices.iter().map(|_| None).collect(),
            devices,
            watch,
            zero: Instant::now(),
            late: BinaryHeap::new(),
            waiting: BTreeMap::new(),
            without_keys: VecDeque::new(),
            marks: 0,
            entered: Vec::new(),
            buffer: vec![0; LONGEST],
        };
        // Now, and not on the thread: what is sent from the moment on at which the lab is there must arrive.
        work.forget_the_past();
        let woken = Arc::clone(&wake.0);
        thread::Builder::new()
            .name("lab".to_owned())
            .spawn(move || work.run(&todo, &woken))
            .map_err(LabError::Thread)?;
        Ok(Self { orders: Some(orders), wake })
    }

    fn order(&self, order: Order) -> Result<(), LabError> {
        self.orders.as_ref().ok_or(LabError::Gone)?.send(order).map_err(|_| LabError::Gone)?;
        self.wake.wake();
        Ok(())
    }

    pub(super) async fn change(&self, change: Change) -> Result<bool, LabError> {
        let (say, heard) = oneshot::channel();
        self.order(Order::Change(Box::new(change), say))?;
        heard.await.map_err(|_| LabError::Gone)
    }

    pub(super) async fn stop(self) {
        let (say, heard) = oneshot::channel();
        if self.order(Order::Stop(say)).is_ok() {
            // An error means that it has ended already.
            let _ = heard.await;
        }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        drop(self.orders.take());
        self.wake.wake();
    }
}

/// A packet that was read in this round.
struct Entered {
    at: Instant,
    interface: InterfaceId,
    packet: IpPacket,
    decision: Option<Decision>,
    lost: Option<Lost>,
}

struct Work {
    fabric: Fabric,
    devices: Vec<Arc<SyncDevice>>,
    watch: Box<dyn Watch>,
    /// Zero of the fabric's time.
    zero: Instant,
    /// Packets that wait to change places with the next one, by interface.
    held: Vec<Option<IpPacket>>,
    /// Packets that a rule delays, by when they go on.
    late: BinaryHeap<Reverse<(Duration, u64)>>,
    waiting: BTreeMap<u64, (InterfaceId, IpPacket)>,
    /// Packets that wait for keys, with when they go on without.
    without_keys: VecDeque<(Duration, InterfaceId, IpPacket)>,
    marks: u64,
    entered: Vec<Entered>,
    buffer: Vec<u8>,
}

impl Work {
    fn run(mut self, todo: &mpsc::Receiver<Order>, wake: &EventFd) {
        // Coarser timers are no reason to stop.
        let _ = prctl::set_timerslack(TIMER_SLACK);
        loop {
            let ready = self.wait(wake);
            // Without this the next wait would return at once.
            let _ = wake.read();
            loop {
                match todo.try_recv() {
                    Ok(Order::Change(change, say)) => drop(say.send(self.fabric.change(*change))),
                    Ok(Order::Stop(say)) => {
                        self.watch.rest();
                        drop(self);
                        let _ = say.send(());
                        return;
                    }
                    Err(mpsc::TryRecvError::Empty) => break,
                    Err(mpsc::TryRecvError::Disconnected) => return,
                }
            }
            self.let_go();
            for place in ready {
                self.read(place);
            }
            self.go_on();
        }
    }

    /// What hosts sent before this network was there is lost.
    fn forget_the_past(&mut self) {
        for device in &self.devices {
            while device.recv(&mut self.buffer).is_ok() {}
        }
    }

    /// Waits until there is something to read or to do, and gives the places of devices that can be read.
    fn wait(&self, wake: &EventFd) -> Vec<usize> {
        let without_keys = self.without_keys.front().map(|(until, ..)| *until);
        let next = [self.fabric.next(), self.late.peek().map(|Reverse((at, _))| *at), without_keys];
        let next = next.into_iter().flatten().min();
        let timeout = next.map(|next| TimeSpec::from_duration(next.saturating_sub(self.zero.elapsed())));
        let mut files: Vec<PollFd<'_>> =
            self.devices.iter().map(|device| PollFd::new(device.as_fd(), PollFlags::POLLIN)).collect();
        files.push(PollFd::new(wake.as_fd(), PollFlags::POLLIN));
        // An interrupted wait is a short one.
        let _ = ppoll(&mut files, timeout, None);
        let readable = |file: &PollFd<'_>| file.revents().is_some_and(|events| !events.is_empty());
        files
            .iter()
            .take(self.devices.len())
            .enumerate()
            .filter(|(_, f)| readable(f))
            .map(|(n, _)| n)
            .collect()
    }

    fn read(&mut self, place: usize) {
        for _ in 0..BATCH {
            let Some(device) = self.devices.get(place) else { return };
            // Empty, or the device is down.
            let Ok(length) = device.recv(&mut self.buffer) else { return };
            let bytes = self.buffer.get(..length).unwrap_or_default().to_vec();
            let Ok(packet) = IpPacket::parse(bytes) else { continue };
            let interface = InterfaceId(place);
            if self.without_keys.len() < MOST_WITHOUT_KEYS && self.watch.waits_for_keys(interface, &packet) {
                self.without_keys.push_back((self.zero.elapsed() + KEYS_WITHIN, interface, packet));
                continue;
            }
            // Keys may have come just now: what waited for them goes first.
            self.let_go();
            self.enter(interface, packet);
        }
    }

    /// Lets packets go on for which there are keys by now, or that have waited for long enough.
    fn let_go(&mut self) {
        while let Some((until, interface, packet)) = self.without_keys.front() {
            if *until <= self.zero.elapsed() {
                self.watch.without_keys();
            } else if self.watch.waits_for_keys(*interface, packet) {
                return;
            }
            if let Some((_, interface, packet)) = self.without_keys.pop_front() {
                self.enter(interface, packet);
            }
        }
    }

    /// A packet leaves a host: the rules act on it.
    fn enter(&mut self, interface: InterfaceId, packet: IpPacket) {
        self.marks += 1;
        let packet = packet.marked(self.marks);
        let at = Instant::now();
        let now = at - self.zero;
        let decision = self.watch.decide(interface, &packet);
        let before = self.held.get_mut(interface.0).and_then(Option::take);
        let mut going = packet.clone();
        match decision.as_ref().map(|decision| &decision.action) {
            None => self.fabric.send(now, interface, going),
            Some(RuleAction::Drop) => {}
            Some(RuleAction::Delay(by)) if self.waiting.len() < MOST_LATE => {
                self.wait_for(now + *by, interface, going);
            }
            Some(RuleAction::Delay(_)) => self.fabric.send(now, interface, going),
            Some(RuleAction::Duplicate) => {
                self.fabric.send(now, interface, going.clone());
                self.fabric.send(now, interface, going);
            }
            Some(RuleAction::Replay(by)) => {
                self.fabric.send(now, interface, going.clone());
                if self.waiting.len() < MOST_LATE {
                    self.wait_for(now + *by, interface, going);
                }
            }
            Some(RuleAction::Corrupt(byte)) => {
                going.corrupt(*byte);
                self.fabric.send(now, interface, going);
            }
            // A decision contains the byte, or the pieces; what is not there is left as it is.
            Some(RuleAction::CorruptField(_) | RuleAction::Fragment(_)) => {
                self.fabric.send(now, interface, going);
            }
            Some(RuleAction::Become(datagrams)) => {
                for payload in datagrams.iter() {
                    let becomes = going.flow().and_then(|flow| udp(flow.source, flow.destination, payload));
                    if let Some(becomes) = becomes {
                        self.fabric.send(now, interface, becomes.marked(going.mark()));
                    }
                }
            }
            Some(RuleAction::Inject(bytes)) => {
                // It leaves from nobody: it is recorded where it arrives.
                let put_in = going.flow().and_then(|flow| udp(flow.source, flow.destination, bytes));
                let mark = going.mark();
                self.fabric.send(now, interface, going);
                if let Some(put_in) = put_in {
                    self.fabric.send(now, interface, put_in.marked(mark));
                }
            }
            Some(RuleAction::Reorder) if before.is_none() => {
                if let Some(held) = self.held.get_mut(interface.0) {
                    *held = Some(going);
                }
            }
            Some(RuleAction::Reorder) => self.fabric.send(now, interface, going),
        }
        if let Some(before) = before {
            self.fabric.send(now, interface, before);
        }
        self.entered.push(Entered { at, interface, packet, decision, lost: None });
    }

    /// Keeps a packet until it goes on.
    fn wait_for(&mut self, at: Duration, interface: InterfaceId, packet: IpPacket) {
        self.late.push(Reverse((at, packet.mark())));
        self.waiting.insert(packet.mark(), (interface, packet));
    }

    /// Does what is due, then shows it.
    fn go_on(&mut self) {
        let now = self.zero.elapsed();
        while let Some(Reverse((at, mark))) = self.late.peek().copied()
            && at <= now
        {
            self.late.pop();
            if let Some((interface, packet)) = self.waiting.remove(&mark) {
                self.fabric.send(now, interface, packet);
            }
        }
        let delivered = self.fabric.due(now);
        let mut refused = Vec::new();
        // Before each is handed over: its receiver may have counted it before the last one is.
        let mut arrived = Vec::with_capacity(delivered.len());
        for (n, Delivered { interface, packet, .. }) in delivered.iter().enumerate() {
            arrived.push(Instant::now());
            let sent = self.devices.get(interface.0).map(|device| device.send(packet.bytes()));
            if !matches!(sent, Some(Ok(_))) {
                refused.push(n);
            }
        }
        let mut later = Vec::new();
        let first = self.entered.first().map_or(u64::MAX, |entered| entered.packet.mark());
        for lost in self.fabric.take_lost() {
            let within = lost.packet.mark().checked_sub(first).and_then(|n| usize::try_from(n).ok());
            match within.and_then(|n| self.entered.get_mut(n)) {
                Some(entered) => entered.lost = Some(lost),
                None => later.push(lost),
            }
        }
        for Entered { at, interface, packet, decision, lost } in self.entered.drain(..) {
            let (decision, lost) = (decision.as_ref(), lost.as_ref());
            self.watch.passed(&Passed { at, interface, out: true, packet: &packet, decision, lost });
        }
        for (n, (Delivered { interface, packet, .. }, at)) in delivered.iter().zip(arrived).enumerate() {
            if !refused.contains(&n) {
                let (decision, lost) = (None, None);
                self.watch.passed(&Passed { at, interface: *interface, out: false, packet, decision, lost });
            }
        }
        later.iter().for_each(|lost| self.watch.lost(lost));
        self.watch.rest();
    }
}
