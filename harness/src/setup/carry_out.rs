//! Doing it, step by step, with the user's consent.

use super::{Plan, SetupArgs, SetupError, Step};
use std::io::{BufRead, Write};
use std::process::{Command, Stdio};

/// Shows the plan, asks for consent unless it was given, and runs the steps. Their output goes where this program's goes.
///
/// # Errors
/// When consent is withheld or a step fails; the steps before it stay done, and the set-up can be run again.
pub fn carry_out(
    plan: &Plan,
    args: &SetupArgs,
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
    for (n, step) in plan.steps.iter().enumerate() {
        writeln!(output, "\n[{}/{count}] {}", n + 1, step.title)?;
        output.flush()?;
        run(step)?;
    }
    Ok(())
}

fn run(step: &Step) -> Result<(), SetupError> {
    let failed = |cause: String| SetupError::Step { command: step.command_line(), cause };
    let status = Command::new(&step.program)
        .args(&step.args)
        .envs(step.env.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .status()
        .map_err(|error| failed(error.to_string()))?;
    if status.success() { Ok(()) } else { Err(failed(status.to_string())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(script: &str) -> Step {
        Step {
            title: "Try".into(),
            program: "/bin/sh".into(),
            args: vec!["-c".into(), script.into()],
            env: vec![],
        }
    }

    fn attempt(plan: &Plan, yes: bool, dry_run: bool, said: &str) -> (Result<(), SetupError>, String) {
        let mut output = Vec::new();
        let result = carry_out(plan, &SetupArgs { yes, dry_run }, &mut said.as_bytes(), &mut output);
        (result, String::from_utf8(output).unwrap())
    }

    #[test]
    fn steps_run_in_order_and_the_first_failure_stops() {
        let dir = tempfile::tempdir().unwrap();
        let mark = |name: &str| format!("touch {}", dir.path().join(name).display());
        let steps = vec![step(&mark("one")), step("exit 3"), step(&mark("three"))];
        let (result, _) = attempt(&Plan { steps, beyond: vec![] }, true, false, "");
        let error = result.unwrap_err().to_string();
        assert_eq!(error, "`/bin/sh -c exit 3` failed: exit status: 3");
        assert!(dir.path().join("one").exists());
        assert!(!dir.path().join("three").exists());
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
