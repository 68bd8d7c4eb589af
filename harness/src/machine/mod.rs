//! How long this machine keeps threads waiting that could run.
//!
//! A test on a busy machine sees things late that were done in time. While a case is played in real time a [`Watch`] measures how much
//! that may be: how late timers are, of a thread and of a task in the runtime, and what the kernel reports of waiting threads
//! ([`pressure`]). The first watch of a process starts the monitor, a thread; with the last it ends.

mod history;
mod pressure;

pub use history::WINDOW_US;
pub use pressure::PressureError;

use history::{History, Late, Window};
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

#[derive(Debug)]
struct Shared {
    began: Instant,
    state: Mutex<State>,
    /// Tells the thread to end.
    ended: Condvar,
}

#[derive(Debug)]
struct State {
    history: History,
    /// What the kernel told last, and when.
    told: (u64, Option<Totals>),
    /// When timers are due that are not yet up, and by how much they are usually late: the thread's and those of tasks, by number.
    due: BTreeMap<u64, (u64, Duration)>,
    tasks: u64,
    over: bool,
}

/// Whether the kernel tells its pressure.
///
/// # Errors
/// Why it does not.
pub fn tells_pressure() -> Result<(), PressureError> {
    Totals::read().map(drop)
}

impl Watch {
    /// Begins to watch. To be called within the runtime in which the cases run, not in virtual time.
    ///
    /// # Errors
    /// No thread is to be had.
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
    /// it, in microseconds: never less than they did, as far as the kernel tells. Zeros at the end are left out.
    #[must_use]
    pub fn stalls(&self, from: Instant, to: Instant) -> Vec<u64> {
        let shared = &self.monitor.shared;
        let mut state = shared.state();
        let now = Instant::now();
        if shared.since(now) >= state.told.0 + as_us(SOONEST) {
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
    /// tell.
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
        let shared = Arc::new(Shared {
            began: Instant::now(),
            state: Mutex::new(State {
                history: History::default(),
                told: (0, Totals::read().ok()),
                due: BTreeMap::new(),
                tasks: 0,
                over: false,
            }),
            ended: Condvar::new(),
        });
        let measuring = Arc::clone(&shared);
        std::thread::Builder::new().name("stall monitor".to_owned()).spawn(move || measuring.measure())?;
        Ok(Self { shared })
    }
}

impl Drop for Monitor {
    fn drop(&mut self) {
        self.shared.state().over = true;
        self.shared.ended.notify_all();
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Microseconds since the monitor began.
    fn since(&self, at: Instant) -> u64 {
        as_us(at.saturating_duration_since(self.began))
    }

    /// Measures until nobody watches any more.
    fn measure(&self) {
        let mut due = self.began;
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
            if !state.over && now_us >= state.told.0 + as_us(SOONEST) {
                state.measure(now_us);
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

impl State {
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
        let (from_us, before) = self.told;
        let told = Totals::read().ok();
        let (cpu_us, others_us) = match (before, told) {
            (Some(before), Some(told)) => {
                let cpu_us = told.cpu_us.saturating_sub(before.cpu_us);
                (Some(cpu_us), told.others_us.saturating_sub(before.others_us))
            }
            // The window goes on: the next reading that succeeds covers it.
            (Some(_), None) => return,
            (None, _) => (None, 0),
        };
        self.history.push(Window { from_us, to_us: now_us, cpu_us, others_us });
        self.told = (now_us, told);
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
        assert!((150_000..=as_us(to - from)).contains(&waited), "{waited}");
    }

    #[tokio::test]
    async fn pressure_is_a_share_where_the_kernel_tells_it() {
        let watch = Watch::begin().unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
        let now = Instant::now();
        // Ends a window.
        let _ = watch.stalls(now, now);
        match tells_pressure() {
            Ok(()) => assert!((0.0..=1.0).contains(&watch.cpu_pressure().unwrap())),
            Err(_) => assert_eq!(watch.cpu_pressure(), None),
        }
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
