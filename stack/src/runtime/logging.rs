//! What the `webrtc` crate only writes to its log, passed on to the connection that it is about.
//!
//! The crate reports several failures in no other way (the death of the event loop among them). Each of its tasks is
//! marked with its connection while it is polled, so that a record finds its way.

use super::Hub;
use crate::signal::Signal;
use std::cell::RefCell;
use std::sync::Arc;

thread_local! {
    static CURRENT: RefCell<Option<(Arc<Hub>, bool)>> = const { RefCell::new(None) };
}

/// Restores the mark of the task that was being polled before, if any.
pub(super) struct Entered(Option<(Arc<Hub>, bool)>);

impl Drop for Entered {
    fn drop(&mut self) {
        CURRENT.with(|current| *current.borrow_mut() = self.0.take());
    }
}

/// Marks this thread as polling a task of `hub`'s connection.
pub(super) fn enter(hub: &Arc<Hub>, is_driver: bool) -> Entered {
    Entered(CURRENT.with(|current| current.borrow_mut().replace((hub.clone(), is_driver))))
}

/// Whether this thread is polling an event loop at this moment.
pub(super) fn in_driver() -> bool {
    CURRENT.with(|current| current.borrow().as_ref().is_some_and(|(_, is_driver)| *is_driver))
}

struct Forward;

static FORWARD: Forward = Forward;

impl log::Log for Forward {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        metadata.level() <= log::Level::Warn
    }

    fn log(&self, record: &log::Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        // The hub may log in turn: take it out of the cell first.
        let hub = CURRENT.with(|current| match current.try_borrow() {
            Ok(current) => current.as_ref().map(|(hub, _)| hub.clone()),
            Err(_) => None,
        });
        if let Some(hub) = hub {
            let level = if record.level() == log::Level::Error { "error" } else { "warn" };
            hub.signal(Signal::Log { level, message: format!("{}: {}", record.target(), record.args()) });
        }
    }

    fn flush(&self) {}
}

/// Makes warnings and errors of the `webrtc` crate events of the connection that they are about. Process-wide; does
/// nothing if the program has a logger already.
pub fn install_log() {
    if log::set_logger(&FORWARD).is_ok() {
        log::set_max_level(log::LevelFilter::Warn);
    }
}
