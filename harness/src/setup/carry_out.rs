//! Doing it, step by step, with the user's consent.

use super::work::{Work, alone};
use super::{Lane, Plan, SetupArgs, SetupError, Step};
use std::collections::VecDeque;
use std::io::{self, BufRead, Write};
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::signal::unix::{SignalKind, signal};

/// How often steps at work are looked at.
const LOOK: Duration = Duration::from_millis(50);
/// How often what they say is shown.
const SHOW: Duration = Duration::from_secs(5);
/// Exit code of a program that was asked to end and has nothing left to wait for.
const INTERRUPTED: i32 = 130;

/// Shows the plan, asks for consent unless it was given, calls `prepare`, and carries the steps out: lanes side by side, each step's
/// newest line now and then, and the end of its output if it fails.
///
/// # Errors
/// When consent is withheld, a step fails or this program gets a signal to end; what was done stays done, and the set-up can be run again.
/// Nothing that it started is left then.
pub fn carry_out(
    plan: &Plan,
    args: &SetupArgs,
    prepare: &mut dyn FnMut() -> io::Result<()>,
    input: &mut dyn BufRead,
    output: &mut dyn Write,
) -> Result<(), SetupError> {
    for item in &plan.beyond {
        writeln!(output, "{} cannot be installed: see `peerproof doctor`", item.name())?;
    }
    if plan.steps.is_empty() {
        writeln!(output, "There is nothing to install.")?;
        return Ok(());
    }
    let count = plan.steps.len();
    for (n, step) in plan.steps.iter().enumerate() {
        writeln!(output, "[{}/{count}] {}\n      {}", n + 1, step.title, step.command_line())?;
    }
    if args.dry_run {
        return Ok(());
    }
    if !args.yes {
        write!(output, "Do this? [y/N] ")?;
        output.flush()?;
        let mut said = String::new();
        input.read_line(&mut said)?;
        if !["y", "yes"].contains(&said.trim().to_lowercase().as_str()) {
            return Err(SetupError::Declined);
        }
    }
    prepare()?;
    writeln!(output)?;
    for (n, step) in plan.steps.iter().enumerate().filter(|(_, step)| step.lane == Lane::Rights) {
        writeln!(output, "[{}/{count}] {}", n + 1, step.title)?;
        output.flush()?;
        let status = alone(step).status().map_err(|error| failed(step, &error.to_string()))?;
        if !status.success() {
            return Err(failed(step, &status.to_string()));
        }
    }
    Site::new(plan)?.finish(output)
}

fn failed(step: &Step, cause: &str) -> SetupError {
    SetupError::Step { command: step.command_line(), cause: cause.to_owned() }
}

/// A lane: the step at work, if there is one, and those that wait, with their numbers.
struct Road<'a> {
    waiting: VecDeque<(usize, &'a Step)>,
    at_work: Option<(usize, &'a Step, Work)>,
}

/// All that is going on.
struct Site<'a> {
    roads: Vec<Road<'a>>,
    count: usize,
    /// Plays the supervisors.
    peerproof: PathBuf,
    /// Whether this program was asked to end.
    ending: Arc<AtomicBool>,
    /// Why no more steps are begun.
    trouble: Option<SetupError>,
}

impl<'a> Site<'a> {
    fn new(plan: &'a Plan) -> io::Result<Self> {
        let road = |lane: Lane| {
            let steps = plan.steps.iter().enumerate().filter(|(_, step)| step.lane == lane);
            Road { waiting: steps.map(|(n, step)| (n + 1, step)).collect(), at_work: None }
        };
        Ok(Self {
            roads: [Lane::Packages, Lane::Programs, Lane::Peers].map(road).into(),
            count: plan.steps.len(),
            peerproof: std::env::current_exe()?,
            ending: end_requested()?,
            trouble: None,
        })
    }

    /// Does all steps, or those that are begun before something goes wrong.
    fn finish(mut self, output: &mut dyn Write) -> Result<(), SetupError> {
        let mut shown = Instant::now();
        loop {
            if self.ending.load(Ordering::Relaxed) {
                self.fail(SetupError::Ended);
            }
            for n in 0..self.roads.len() {
                // Packages are the first road, and what comes last needs them.
                let packages = self.roads.first().is_none_or(Road::is_empty);
                let may_begin = self.trouble.is_none() && (n < 2 || packages);
                let Some(road) = self.roads.get_mut(n) else { break };
                if let Err(trouble) = road.go_on(may_begin, self.count, &self.peerproof, output) {
                    self.fail(trouble);
                }
            }
            let idle = self.roads.iter().all(|road| road.at_work.is_none());
            if idle && (self.trouble.is_some() || self.roads.iter().all(Road::is_empty)) {
                break;
            }
            if shown.elapsed() >= SHOW {
                shown = Instant::now();
                if let Err(error) = self.show(output) {
                    self.fail(error.into());
                }
            }
            std::thread::sleep(LOOK);
        }
        self.trouble.map_or(Ok(()), Err)
    }

    /// Takes note of what went wrong. What comes after the first trouble is its consequence.
    fn fail(&mut self, trouble: SetupError) {
        self.trouble.get_or_insert(trouble);
        self.give_up();
    }

    /// Ends what may be ended.
    fn give_up(&mut self) {
        for (_, _, work) in self.roads.iter_mut().filter_map(|road| road.at_work.as_mut()) {
            work.give_up();
        }
    }

    fn show(&mut self, output: &mut dyn Write) -> io::Result<()> {
        let count = self.count;
        for (n, _, work) in self.roads.iter_mut().filter_map(|road| road.at_work.as_mut()) {
            if let Some(line) = work.news() {
                writeln!(output, "[{n}/{count}] {:>3} s  {line}", work.took().as_secs())?;
            }
        }
        output.flush()
    }
}

impl Road<'_> {
    /// Whether nothing is at work and nothing waits.
    fn is_empty(&self) -> bool {
        self.at_work.is_none() && self.waiting.is_empty()
    }

    /// Takes note of the end of a step and begins the next one, if it may.
    fn go_on(
        &mut self,
        may_begin: bool,
        count: usize,
        peerproof: &Path,
        output: &mut dyn Write,
    ) -> Result<(), SetupError> {
        if let Some((n, step, mut work)) = self.at_work.take() {
            match work.ended().map_err(|error| failed(step, &error.to_string()))? {
                None => {
                    self.at_work = Some((n, step, work));
                    return Ok(());
                }
                Some(status) => {
                    let shown = show_end(status, &format!("[{n}/{count}]"), &work, output);
                    if !status.success() && !work.was_given_up() {
                        return Err(failed(step, &status.to_string()));
                    }
                    shown?;
                }
            }
        }
        if may_begin && let Some((n, step)) = self.waiting.pop_front() {
            writeln!(output, "[{n}/{count}] {}", step.title)?;
            output.flush()?;
            let work = Work::start(step, peerproof).map_err(|error| failed(step, &error.to_string()))?;
            self.at_work = Some((n, step, work));
        }
        Ok(())
    }
}

fn show_end(status: ExitStatus, place: &str, work: &Work, output: &mut dyn Write) -> io::Result<()> {
    let seconds = work.took().as_secs();
    if work.was_given_up() {
        writeln!(output, "{place} cancelled after {seconds} s")?;
    } else if status.success() {
        writeln!(output, "{place} done in {seconds} s")?;
    } else {
        writeln!(output, "{place} failed after {seconds} s; its last output:")?;
        for line in work.last_words() {
            writeln!(output, "      {line}")?;
        }
    }
    output.flush()
}

/// Becomes true when this program gets a signal to end (Ctrl-C, `kill`, a closed terminal). Whoever reads it has to end.
/// When nobody looks any more, the program ends at once.
fn end_requested() -> io::Result<Arc<AtomicBool>> {
    let ending = Arc::new(AtomicBool::new(false));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let signals = {
        let _inside = runtime.enter();
        [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()].map(signal)
    };
    let [interrupt, terminate, hang_up] = signals;
    let (mut interrupt, mut terminate, mut hang_up) = (interrupt?, terminate?, hang_up?);
    let watched = Arc::downgrade(&ending);
    std::thread::spawn(move || {
        runtime.block_on(async {
            loop {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                    _ = hang_up.recv() => {}
                }
                match watched.upgrade() {
                    Some(ending) => ending.store(true, Ordering::Relaxed),
                    None => std::process::exit(INTERRUPTED),
                }
            }
        });
    });
    Ok(ending)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(script: &str) -> Step {
        Step {
            title: "Try".into(),
            lane: Lane::Packages,
            program: "/bin/sh".into(),
            args: vec!["-c".into(), script.into()],
            env: vec![],
        }
    }

    fn attempt(plan: &Plan, yes: bool, dry_run: bool, said: &str) -> (Result<(), SetupError>, String) {
        let (mut output, mut prepared) = (Vec::new(), 0);
        let result = carry_out(
            plan,
            &SetupArgs { yes, dry_run, tests: false, peers: Vec::new() },
            &mut || {
                prepared += 1;
                Ok(())
            },
            &mut said.as_bytes(),
            &mut output,
        );
        let consented = !dry_run && !plan.steps.is_empty() && !matches!(result, Err(SetupError::Declined));
        assert_eq!(prepared, i32::from(consented), "prepared only after consent");
        (result, String::from_utf8(output).unwrap())
    }

    #[test]
    fn steps_run_in_order_and_the_first_failure_stops() {
        let dir = tempfile::tempdir().unwrap();
        let mark = |name: &str| format!("touch {}", dir.path().join(name).display());
        let steps = vec![step(&mark("one")), step("echo no such package; exit 3"), step(&mark("three"))];
        let (result, shown) = attempt(&Plan { steps, beyond: vec![] }, true, false, "");
        let error = result.unwrap_err().to_string();
        assert_eq!(error, "`/bin/sh -c echo no such package; exit 3` failed: exit status: 3");
        assert!(dir.path().join("one").exists());
        assert!(!dir.path().join("three").exists());
        assert!(shown.contains("[1/3] done in 0 s\n[2/3] Try\n"), "{shown}");
        assert!(shown.ends_with("its last output:\n      no such package\n"), "{shown}");
    }

    #[test]
    fn without_the_right_to_install_nothing_is_begun() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("done");
        let ask = Step { lane: Lane::Rights, ..step("exit 1") };
        let steps = vec![ask, step(&format!("touch {}", file.display()))];
        let (result, _) = attempt(&Plan { steps, beyond: vec![] }, true, false, "");
        assert!(matches!(result, Err(SetupError::Step { .. })));
        assert!(!file.exists());
    }

    #[test]
    fn nothing_is_done_without_consent() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("done");
        let plan = Plan { steps: vec![step(&format!("touch {}", file.display()))], beyond: vec![] };
        for said in ["", "n\n", "maybe\n"] {
            assert!(matches!(attempt(&plan, false, false, said).0, Err(SetupError::Declined)), "{said:?}");
        }
        let (result, shown) = attempt(&plan, true, true, "");
        assert!(result.is_ok() && shown.contains("touch"), "{shown}");
        assert!(!file.exists());
        assert!(attempt(&plan, false, false, "y\n").0.is_ok());
        assert!(file.exists());
    }

    #[test]
    fn an_empty_plan_says_so() {
        let (result, shown) = attempt(&Plan::default(), false, false, "");
        assert!(result.is_ok());
        assert_eq!(shown, "There is nothing to install.\n");
    }
}
