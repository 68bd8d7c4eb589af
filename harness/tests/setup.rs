//! `peerproof setup` as a whole, among programs that only pretend: what is done side by side, and that nothing of it is left however
//! it ends.

#![expect(clippy::unwrap_used, reason = "all of this file is test code, its helpers too")]

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// For what must come. Nothing waits this long unless it fails.
const PATIENCE: Duration = Duration::from_secs(20);

/// A machine on which everything is missing.
struct Machine(tempfile::TempDir);

impl Machine {
    /// With these bodies of `apt-get install` and of `cargo install`. `$ALL` is the machine's folder; `meet NAME` leaves a mark, and
    /// `await NAME` waits for one.
    fn new(apt: &str, cargo: &str) -> Self {
        let machine = Self(tempfile::tempdir().unwrap());
        machine.program("apt-get", &format!("[ \"$1\" = update ] && exit 0\n{apt}"));
        machine.program("cargo", cargo);
        machine.program("pkg-config", "echo 1.0");
        machine.program("sudo", "[ \"$1\" = --validate ] || exec /usr/bin/env \"$@\"");
        machine
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn program(&self, name: &str, body: &str) {
        std::fs::create_dir_all(self.path("bin")).unwrap();
        let file = self.path("bin").join(name);
        let text = format!(
            "#!/bin/sh
             PATH=/usr/bin:/bin ALL='{}'
             meet() {{ : > \"$ALL/$1\"; }}
             await() {{ n=0; until [ -e \"$ALL/$1\" ]; do sleep 0.02; n=$((n + 1)); [ $n -lt 1000 ] || exit 9; done; }}
             install_() {{ for name; do printf '#!/bin/sh\\necho 1.0\\n' > \"$ALL/bin/$name\"; chmod 755 \"$ALL/bin/$name\"; done; }}
             {body}\n",
            self.0.path().display()
        );
        std::fs::write(&file, text).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn setup(&self) -> Child {
        let mut command = Command::new(env!("CARGO_BIN_EXE_peerproof"));
        for tool in peerproof::tools::Tool::ALL {
            command.env_remove(tool.variable());
        }
        command
            .args(["setup", "--yes"])
            .env_remove("CARGO_HOME")
            .env("PATH", self.path("bin"))
            .env("HOME", self.0.path())
            .env("XDG_DATA_HOME", self.path("data"))
            .stdin(Stdio::null())
            .stdout(std::fs::File::create(self.path("said")).unwrap())
            .stderr(std::fs::File::options().append(true).create(true).open(self.path("said")).unwrap())
            .spawn()
            .unwrap()
    }

    fn said(&self) -> String {
        std::fs::read_to_string(self.path("said")).unwrap()
    }

    /// The process whose number a program wrote there.
    fn process(&self, name: &str) -> PathBuf {
        let number = || std::fs::read_to_string(self.path(name)).ok().filter(|text| text.ends_with('\n'));
        eventually(&|| number().is_some());
        Path::new("/proc").join(number().unwrap().trim())
    }
}

fn eventually(condition: &dyn Fn() -> bool) {
    let begun = Instant::now();
    while !condition() {
        assert!(begun.elapsed() < PATIENCE);
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn code(mut child: Child) -> Option<i32> {
    let begun = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code();
        }
        if begun.elapsed() > PATIENCE {
            // It has no code then.
            child.kill().unwrap();
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

const ALL_PACKAGES: &str = "install_ chromium chromedriver firefox-esr tshark turnserver nft ip";
const BUILD_WITHOUT_END: &str = "echo $$ > \"$ALL/process\"; exec sleep 60";

#[test]
fn packages_are_installed_while_geckodriver_is_built() {
    let machine = Machine::new(
        &format!("meet packages; await programs; {ALL_PACKAGES}"),
        "[ \"$CARGO_HOME\" = \"$ALL/.cargo\" ] || exit 8
         meet programs; await packages; mkdir -p \"$5/bin\"; install_ geckodriver; mv \"$ALL/bin/geckodriver\" \"$5/bin\"",
    );
    let code = code(machine.setup());
    let said = machine.said();
    assert_eq!(code, Some(0), "{said}");
    assert!(machine.path("data/peerproof/bin/geckodriver").exists(), "{said}");
    assert_eq!(said.matches("] done in ").count(), 3, "{said}");
}

#[test]
fn what_is_built_is_given_up_when_packages_fail() {
    let machine = Machine::new("await process; echo no such package >&2; exit 100", BUILD_WITHOUT_END);
    assert_eq!(code(machine.setup()), Some(3));
    let said = machine.said();
    assert!(said.contains("      no such package\n") && said.contains("given up after"), "{said}");
    assert!(!machine.process("process").exists());
}

#[test]
fn it_waits_for_packages_when_it_is_told_to_end() {
    let machine = Machine::new("meet begun; await told; sleep 0.3; meet over", BUILD_WITHOUT_END);
    let setup = machine.setup();
    eventually(&|| machine.path("begun").exists());
    let built = machine.process("process");
    kill(Pid::from_raw(setup.id().try_into().unwrap()), Signal::SIGTERM).unwrap();
    std::fs::write(machine.path("told"), "").unwrap();
    assert_eq!(code(setup), Some(3));
    assert!(machine.path("over").exists() && !built.exists());
    assert!(machine.said().contains("run it again for the rest"), "{}", machine.said());
}

#[test]
fn nothing_is_built_any_more_when_it_is_killed() {
    let machine = Machine::new("meet over", BUILD_WITHOUT_END);
    let mut setup = machine.setup();
    eventually(&|| machine.path("over").exists());
    let built = machine.process("process");
    setup.kill().unwrap();
    setup.wait().unwrap();
    eventually(&|| !built.exists());
}
