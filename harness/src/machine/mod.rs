//! How long this machine keeps threads waiting that could run.
//!
//! A test on a busy machine sees things late that were done in time. While a case is played in real time a [`Watch`] measures how much
//! that may be: how late timers are, of a thread and of a task in the runtime, and what the kernel reports of waiting threads
//! ([`pressure`]). The first watch of a process starts the monitor, a thread; with the last it ends. Limits in time are stretched by
//! what the monitor sees ([`Limit`]).

mod history;
mod limit;
mod load;
mod pressure;
pub(crate) mod processes;

pub use history::WINDOW_US;
pub use limit::{Limit, Passed, within};
pub use pressure::PressureError;

use history::{History, Late, Window};
use load::Reading;
use pressure::Totals;
use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};
use tokio::task::AbortHandle;

/// Between two measurements.
const EVERY: Duration = Duration::from_micros(WINDOW_US);
/// A thread's timer is always late by this or less: the kernel's timer slack (50 µs), and what it takes to wake up.
const USUALLY_LATE: Duration = Duration::from_micros(250);
/// A task's timer is always late by this or less: tokio's are whole milliseconds, rounded up, and so is its waiting in the kernel.
const TASK_USUALLY_LATE: Duration = Duration::from_millis(3);
/// Between two readings of what other work takes: the processes of our own are looked through for each.
const READ_EVERY: Duration = Duration::from_secs(1);
/// The kernel leaves out what a processor did in less than a tick of 10 ms or fewer since its numbers were read last: to read them
/// sooner would lose some.
const SOONEST: Duration = Duration::from_millis(10);

/// The monitor of this process, while somebody watches.
static MONITOR: Mutex<Weak<Monitor>> = Mutex::new(Weak::new());

/// Somebody who wants to know how long threads have to wait, from when it is made.
#[derive(Debug)]
pub struct Watch {
    monitor: Arc<Monitor>,
    task: AbortHandle,
}

/// Owns the thread that measures.
#[derive(Debug)]
struct Monitor {
    shared: Arc<Shared>,
}

/// The monitor, if somebody watches.
fn running() -> Option<Arc<Monitor>> {
    MONITOR.lock().unwrap_or_else(PoisonError::into_inner).upgrade()
}

#[derive(Debug)]
struct Shared {
    began: Instant,
    state: Mutex<Measured>,
    /// Makes the thread end.
    ended: Condvar,
}

#[derive(Debug)]
struct Measured {
    history: History,
    /// The totals that were read last, and when.
    totals: (u64, Option<Totals>),
    /// When timers are due that are not yet up, and by how much they are usually late: the thread's and those of tasks, by number.
    due: BTreeMap<u64, (u64, Duration)>,
    tasks: u64,
    over: bool,
    given: Given,
}

/// The time that other work on this machine left to us.
#[derive(Debug)]
struct Given {
    /// Up to the last measurement, in microseconds.
    total_us: f64,
    /// When that was.
    at_us: u64,
    /// The share that was left then.
    share: f64,
}

impl Default for Given {
    fn default() -> Self {
        Self { total_us: 0.0, at_us: 0, share: 1.0 }
    }
}

impl Given {
    /// What it is now, by the last measurement.
    fn until(&self, now_us: u64) -> f64 {
        self.total_us + now_us.saturating_sub(self.at_us) as f64 * self.share
    }

    /// Takes up a measurement: what has passed since the last one went at this share.
    fn measure(&mut self, now_us: u64, share: f64) {
        self.total_us += now_us.saturating_sub(self.at_us) as f64 * share;
        (self.at_us, self.share) = (now_us, share);
    }
}

/// How many processors there are.
#[must_use]
pub fn processors() -> usize {
    std::thread::available_parallelism().map_or(2, usize::from)
}

/// Whether the kernel reports its pressure.
///
/// # Errors
/// Why it does not.
pub fn pressure_is_reported() -> Result<(), PressureError> {
    Totals::read().map(drop)
}

impl Watch {
    /// Begins to watch. To be called within the runtime in which the cases run, not in virtual time.
    ///
    /// # Errors
    /// No thread is available.
    pub fn begin() -> io::Result<Self> {
        let mut running = MONITOR.lock().unwrap_or_else(PoisonError::into_inner);
        let monitor = match running.upgrade() {
            Some(monitor) => monitor,
            None => {
                let monitor = Arc::new(Monitor::start()?);
                *running = Arc::downgrade(&monitor);
                monitor
            }
        };
        drop(running);
        let task = tokio::spawn(be_late(Arc::clone(&monitor.shared))).abort_handle();
        Ok(Self { monitor, task })
    }

    /// For each window of [`WINDOW_US`] from one moment to another, which must be over, how long threads that could run had to wait in
    /// it, in microseconds: never less than they did, as far as the kernel reports it. Zeros at the end are left out.
    #[must_use]
    pub fn stalls(&self, from: Instant, to: Instant) -> Vec<u64> {
        let shared = &self.monitor.shared;
        let mut state = shared.state();
        let now = Instant::now();
        if shared.since(now) >= state.totals.0 + as_us(SOONEST) {
            state.measure(shared.since(now));
        }
        let now_us = shared.since(now);
        let pending: Vec<Late> = state
            .due
            .values()
            .filter(|(due, usually)| due + as_us(*usually) < now_us)
            .map(|(due, _)| (*due, now_us))
            .collect();
        state.history.waited(shared.since(from), shared.since(to), &pending)
    }

    /// The share of the last second in which at least one thread waited for a processor, from 0 to 1; nothing if the kernel does not
    /// report.
    #[must_use]
    pub fn cpu_pressure(&self) -> Option<f64> {
        let shared = &self.monitor.shared;
        shared.state().history.cpu_pressure(shared.since(Instant::now()), 1_000_000)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Monitor {
    fn start() -> io::Result<Self> {
        let monitor = Self::idle();
        monitor.shared.state().totals.1 = Totals::read().ok();
        let measuring = Arc::clone(&monitor.shared);
        std::thread::Builder::new().name("stall monitor".to_owned()).spawn(move || measuring.measure())?;
        Ok(monitor)
    }

    /// One that measures nothing yet.
    fn idle() -> Self {
        let state = Measured {
            history: History::default(),
            totals: (0, None),
            due: BTreeMap::new(),
            tasks: 0,
            over: false,
            given: Given::default(),
        };
        let shared = Shared { began: Instant::now(), state: Mutex::new(state), ended: Condvar::new() };
        Self { shared: Arc::new(shared) }
    }

    /// The time since it began that other work left to us.
    fn given(&self) -> Duration {
        let now_us = self.shared.since(Instant::now());
        Duration::from_micros(self.shared.state().given.until(now_us) as u64)
    }

    /// As if this much time had passed by the machine's measure, and none by the clock.
    #[cfg(test)]
    fn give(&self, time: Duration) {
        let mut state = self.shared.state();
        state.given =
            Given { total_us: state.given.total_us + time.as_micros() as f64, at_us: u64::MAX, share: 0.0 };
    }
}

impl Drop for Monitor {
    fn drop(&mut self) {
        self.shared.state().over = true;
        self.shared.ended.notify_all();
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, Measured> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Microseconds since the monitor began.
    fn since(&self, at: Instant) -> u64 {
        as_us(at.saturating_duration_since(self.began))
    }

    /// Measures until nobody watches any more.
    fn measure(&self) {
        let mut due = self.began;
        let (mut read_us, mut last) = (0, Reading::now());
        let mut state = self.state();
        while !state.over {
            due = following(due, Instant::now());
            state.awaits(0, self.since(due), USUALLY_LATE);
            loop {
                let left = due.saturating_duration_since(Instant::now());
                if state.over || left.is_zero() {
                    break;
                }
                let waited = self.ended.wait_timeout(state, left);
                state = waited.unwrap_or_else(PoisonError::into_inner).0;
            }
            let now_us = self.since(Instant::now());
            state.woke(0, now_us);
            if !state.over && now_us >= state.totals.0 + as_us(SOONEST) {
                state.measure(now_us);
            }
            if !state.over && now_us >= read_us + as_us(READ_EVERY) {
                drop(state);
                let reading = Reading::now();
                // Where the kernel does not report it, time is that of the clock.
                let share =
                    reading.as_ref().zip(last.as_ref()).map_or(1.0, |(now, last)| now.left_since(last));
                (read_us, last) = (now_us, reading);
                state = self.state();
                state.given.measure(now_us, share);
            }
        }
    }
}

/// A task whose timers are late when the runtime's threads do not get to it.
async fn be_late(shared: Arc<Shared>) {
    let number = {
        let mut state = shared.state();
        state.tasks += 1;
        state.tasks
    };
    let _timer = Timer { shared: &shared, number };
    let mut due = Instant::now();
    loop {
        due = following(due, Instant::now());
        shared.state().awaits(number, shared.since(due), TASK_USUALLY_LATE);
        // This waits for nothing: how long it takes is what is measured.
        tokio::time::sleep_until(due.into()).await;
        let mut state = shared.state();
        state.woke(number, shared.since(Instant::now()));
    }
}

/// Forgets a task's timer with the task.
struct Timer<'a> {
    shared: &'a Shared,
    number: u64,
}

impl Drop for Timer<'_> {
    fn drop(&mut self) {
        self.shared.state().due.remove(&self.number);
    }
}

/// When a timer that was due is due again: on the same schedule, without those that have passed.
fn following(due: Instant, now: Instant) -> Instant {
    let missed = now.saturating_duration_since(due).as_micros() / EVERY.as_micros();
    due + EVERY * (u32::try_from(missed).unwrap_or(u32::MAX - 1) + 1)
}

fn as_us(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

impl Measured {
    fn awaits(&mut self, timer: u64, due_us: u64, usually: Duration) {
        self.due.insert(timer, (due_us, usually));
    }

    fn woke(&mut self, timer: u64, now_us: u64) {
        let Some((due_us, usually)) = self.due.remove(&timer) else { return };
        if now_us > due_us + as_us(usually) {
            self.history.push_late((due_us, now_us));
        }
    }

    /// Ends a window now.
    fn measure(&mut self, now_us: u64) {
        let (from_us, before) = self.totals;
        let now = Totals::read().ok();
        let (cpu_us, others_us) = match (before, now) {
            (Some(before), Some(now)) => {
                let cpu_us = now.cpu_us.saturating_sub(before.cpu_us);
                (Some(cpu_us), now.others_us.saturating_sub(before.others_us))
            }
            // The window goes on: the next reading that succeeds covers it.
            (Some(_), None) => return,
            (None, _) => (None, 0),
        };
        self.history.push(Window { from_us, to_us: now_us, cpu_us, others_us });
        self.totals = (now_us, now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_runtime_that_is_held_up_shows_as_stall() {
        let watch = Watch::begin().unwrap();
        let from = Instant::now();
        // Lets the task of the watch begin.
        tokio::task::yield_now().await;
        // Nothing else runs in this runtime meanwhile.
        std::thread::sleep(Duration::from_millis(450));
        let held_up = watch.stalls(from, Instant::now());
        // The timer was due within the first 100 ms.
        let waited: u64 = held_up.iter().skip(1).sum();
        assert!(held_up.len() >= 4 && waited >= 300_000, "{held_up:?}");
        assert!(held_up.iter().all(|waited| *waited <= WINDOW_US), "{held_up:?}");
    }

    #[tokio::test]
    async fn what_has_passed_is_remembered_after_the_timer_is_up() {
        let watch = Watch::begin().unwrap();
        let from = Instant::now();
        tokio::task::yield_now().await;
        std::thread::sleep(Duration::from_millis(300));
        let to = Instant::now();
        tokio::time::sleep(Duration::from_millis(120)).await;
        let waited: u64 = watch.stalls(from, to).iter().sum();
        // Both ends are cut to whole microseconds, each by itself.
        assert!((150_000..=as_us(to - from) + 1).contains(&waited), "{waited} of {:?}", to - from);
    }

    #[tokio::test]
    async fn pressure_is_a_share_where_the_kernel_reports_it() {
        let watch = Watch::begin().unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
        let now = Instant::now();
        // Ends a window.
        let _ = watch.stalls(now, now);
        match pressure_is_reported() {
            Ok(()) => assert!((0.0..=1.0).contains(&watch.cpu_pressure().unwrap())),
            Err(_) => assert_eq!(watch.cpu_pressure(), None),
        }
    }

    #[test]
    fn time_is_given_by_shares() {
        let mut given = Given::default();
        assert_eq!(given.until(100), 100.0);
        given.measure(100, 0.25);
        assert_eq!(given.until(200), 50.0);
        given.measure(300, 1.0);
        assert_eq!((given.until(300), given.until(301), given.until(7)), (225.0, 226.0, 225.0));
    }

    #[tokio::test]
    async fn a_limit_under_watch_passes() {
        let _watch = Watch::begin().unwrap();
        let limit = Limit::new(Duration::from_millis(30));
        let began = Instant::now();
        assert_eq!(limit.bound(std::future::pending::<()>()).await, Err(Passed));
        assert!(began.elapsed() >= Duration::from_millis(30) && limit.left().is_zero());
    }

    #[test]
    fn timers_keep_their_schedule() {
        let due = Instant::now();
        let after = |late: u64| following(due, due + Duration::from_millis(late));
        assert_eq!(after(0), due + EVERY);
        assert_eq!(after(99), due + EVERY);
        assert_eq!(after(100), due + 2 * EVERY);
        assert_eq!(after(1_050), due + 11 * EVERY);
    }
}
