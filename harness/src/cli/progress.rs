//! Showing a run while it goes on: a bar on a terminal, plain lines elsewhere.

use super::summary::line;
use crate::run::case::Played;
use crate::run::plan::Case;
use crate::run::session::Progress;
use indicatif::{ProgressBar, ProgressStyle};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::AbortHandle;

/// What is shown, for the run and for whoever else has to show the user something meanwhile.
pub(super) struct Shared {
    shown: Arc<Mutex<Box<dyn Progress + Send>>>,
    showing: Option<AbortHandle>,
}

impl Shared {
    pub(super) fn new(shown: Box<dyn Progress + Send>) -> Self {
        Self { shown: Arc::new(Mutex::new(shown)), showing: None }
    }

    /// Shows the user what comes there, as long as this lives.
    pub(super) fn show(&mut self, mut notices: UnboundedReceiver<String>) {
        let shown = Arc::clone(&self.shown);
        let task = tokio::spawn(async move {
            while let Some(text) = notices.recv().await {
                lock(&shown).remark(&text);
            }
        });
        self.showing = Some(task.abort_handle());
    }
}

fn lock(shown: &Mutex<Box<dyn Progress + Send>>) -> MutexGuard<'_, Box<dyn Progress + Send>> {
    shown.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Progress for Shared {
    fn remark(&mut self, text: &str) {
        lock(&self.shown).remark(text);
    }

    fn began(&mut self, case: &Case) {
        lock(&self.shown).began(case);
    }

    fn ended(&mut self, played: &Played) {
        lock(&self.shown).ended(played);
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        if let Some(showing) = &self.showing {
            showing.abort();
        }
    }
}

/// A bar, with what is being played beside it.
pub(super) struct Terminal {
    bar: ProgressBar,
    playing: BTreeSet<String>,
    failed: usize,
}

/// How many did not come out as expected so far.
fn failures(failed: usize) -> String {
    if failed == 0 { String::new() } else { format!("{failed} unexpected") }
}

impl Terminal {
    pub(super) fn new(total: usize) -> Self {
        let bar = ProgressBar::new(total as u64);
        if let Ok(style) =
            ProgressStyle::with_template("{bar:30} {pos}/{len} {elapsed}, {eta} left {prefix} {wide_msg}")
        {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(250));
        Self { bar, playing: BTreeSet::new(), failed: 0 }
    }

    fn show(&self) {
        self.bar.set_message(self.playing.iter().cloned().collect::<Vec<_>>().join("  "));
    }
}

impl Progress for Terminal {
    fn remark(&mut self, text: &str) {
        self.bar.println(format!("note: {text}"));
    }

    fn began(&mut self, case: &Case) {
        self.playing.insert(case.name.clone());
        self.show();
    }

    fn ended(&mut self, played: &Played) {
        self.playing.remove(&played.record.file.name);
        if !played.standing.is_good() {
            self.failed += 1;
            self.bar.set_prefix(failures(self.failed));
            self.bar.println(line(played));
        }
        self.bar.inc(1);
        self.show();
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// One line a case, when it has ended.
pub(super) struct Plain {
    done: usize,
    total: usize,
    failed: usize,
}

impl Plain {
    pub(super) fn new(total: usize) -> Self {
        Self { done: 0, total, failed: 0 }
    }
}

impl Progress for Plain {
    fn remark(&mut self, text: &str) {
        super::say(format_args!("note: {text}"));
    }

    fn began(&mut self, _: &Case) {}

    fn ended(&mut self, played: &Played) {
        self.done += 1;
        self.failed += usize::from(!played.standing.is_good());
        let failed = failures(self.failed);
        let failed = if failed.is_empty() { failed } else { format!(", {failed}") };
        super::say(format_args!("[{}/{}{failed}] {}", self.done, self.total, line(played)));
    }
}
