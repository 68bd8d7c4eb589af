//! Showing a run while it goes on: a bar on a terminal, plain lines elsewhere.

use super::summary::line;
use crate::run::case::Played;
use crate::run::plan::Case;
use crate::run::session::Progress;
use indicatif::{HumanDuration, ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
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

/// The bar, how many cases have ended, the time that has passed and that is left, the failures so far, and what is being played.
const LINE: &str = "{bar:30} {pos}/{len} {elapsed}, {eta} left {prefix} {wide_msg}";

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
        let it = Self::on(ProgressDrawTarget::stderr(), total);
        it.bar.enable_steady_tick(Duration::from_millis(250));
        it
    }

    fn on(target: ProgressDrawTarget, total: usize) -> Self {
        let bar = ProgressBar::with_draw_target(Some(total as u64), target);
        if let Ok(style) = ProgressStyle::with_template(LINE) {
            bar.set_style(style);
        }
        Self { bar, playing: BTreeSet::new(), failed: 0 }
    }

    /// A case has ended; `line` is said of one that did not come out as expected.
    fn count(&mut self, case: &str, line: Option<String>) {
        self.playing.remove(case);
        if let Some(line) = line {
            self.failed += 1;
            self.bar.set_prefix(failures(self.failed));
            self.bar.println(line);
        }
        self.bar.inc(1);
        self.show();
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
        let line = (!played.standing.is_good()).then(|| line(played));
        self.count(&played.record.file.name, line);
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// One line a case, when it has ended.
pub(super) struct Plain {
    began: Instant,
    done: usize,
    total: usize,
    failed: usize,
}

/// What stands before a case that has ended: how many have, the time that is left at this pace, the failures so far.
fn so_far(done: usize, total: usize, failed: usize, passed: Duration) -> String {
    let mut parts = vec![format!("{done}/{total}")];
    let left = total.saturating_sub(done);
    if let (1.., Ok(left), Ok(done)) = (left, u32::try_from(left), u32::try_from(done)) {
        let time = passed.checked_div(done).unwrap_or_default().saturating_mul(left);
        parts.push(format!("{:#} left", HumanDuration(time)));
    }
    parts.extend(Some(failures(failed)).filter(|text| !text.is_empty()));
    parts.join(", ")
}

impl Plain {
    pub(super) fn new(total: usize) -> Self {
        Self { began: Instant::now(), done: 0, total, failed: 0 }
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
        let so_far = so_far(self.done, self.total, self.failed, self.began.elapsed());
        super::say(format_args!("[{so_far}] {}", line(played)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use indicatif::TermLike;
    use std::io;

    /// A terminal that keeps what is written to it.
    #[derive(Debug, Clone, Default)]
    struct Kept(Arc<Mutex<String>>);

    impl Kept {
        fn keep(&self, text: &str) -> io::Result<()> {
            self.0.lock().unwrap().push_str(text);
            Ok(())
        }
    }

    impl TermLike for Kept {
        fn width(&self) -> u16 {
            120
        }
        fn move_cursor_up(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_down(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_right(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_left(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn write_line(&self, text: &str) -> io::Result<()> {
            self.keep(&format!("{text}\n"))
        }
        fn write_str(&self, text: &str) -> io::Result<()> {
            self.keep(text)
        }
        fn clear_line(&self) -> io::Result<()> {
            Ok(())
        }
        fn flush(&self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_terminal_shows_failures_so_far_the_time_left_and_what_is_played() {
        let kept = Kept::default();
        let target = ProgressDrawTarget::term_like(Box::new(kept.clone()));
        let mut terminal = Terminal::on(target, 4);
        terminal.playing.extend(["data/a/b-c", "data/d/b-c", "data/e/b-c"].map(str::to_owned));
        terminal.count("data/a/b-c", None);
        terminal.count("data/d/b-c", Some("fail data/d/b-c".to_owned()));
        terminal.bar.force_draw();
        let text = kept.0.lock().unwrap().clone();
        assert!(text.contains("fail data/d/b-c"), "{text:?}");
        let last = text.rsplit('\r').next().unwrap_or(&text);
        let last = &last[last.rfind(" 2/4 ").unwrap()..];
        assert!(last.contains(" left 1 unexpected data/e/b-c") && !last.contains("data/d"), "{last:?}");
        drop(terminal);
    }

    #[test]
    fn a_line_says_how_much_is_left() {
        let minute = Duration::from_secs(60);
        assert_eq!(so_far(1, 5, 0, minute), "1/5, 4m left");
        assert_eq!(so_far(4, 5, 2, minute), "4/5, 15s left, 2 unexpected");
        assert_eq!(so_far(5, 5, 0, minute), "5/5");
        assert_eq!(so_far(0, 5, 0, minute), "0/5, 0s left");
    }
}
