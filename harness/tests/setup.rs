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

    fn peerproof(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_peerproof"));
        for tool in peerproof::tools::Tool::ALL {
            command.env_remove(tool.variable());
        }
        command
            .current_dir(self.0.path())
            .env_remove("CARGO_HOME")
            .env_remove("PEERPROOF_REQUIRE")
            .env("PATH", self.path("bin"))
            .env("HOME", self.0.path())
            .env("XDG_DATA_HOME", self.path("data"));
        command
    }

    fn setup(&self) -> Child {
        self.peerproof()
            .args(["setup", "--yes"])
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
    assert!(said.contains("      no such package\n") && said.contains("cancelled after"), "{said}");
    assert!(!machine.process("process").exists());
}

#[test]
fn it_waits_for_packages_when_it_has_to_end() {
    let machine = Machine::new("meet begun; await ending; sleep 0.3; meet over", BUILD_WITHOUT_END);
    let setup = machine.setup();
    eventually(&|| machine.path("begun").exists());
    let built = machine.process("process");
    kill(Pid::from_raw(setup.id().try_into().unwrap()), Signal::SIGTERM).unwrap();
    std::fs::write(machine.path("ending"), "").unwrap();
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

/// A machine that lacks nothing, whose apt knows Chrome 156 and 150. `dpkg-deb` unpacks a browser that says this version; `satisfy` is what apt
/// says of its libraries.
fn with_versions(says: &str, satisfy: &str) -> Machine {
    let chromium = "chromium chromium-common chromium-driver";
    let machine = Machine::new(
        &format!(
            "case \"$*\" in
             *--print-uris*) for p in {chromium}; do echo \"'http://a.example/$p.deb' ${{p}}_150.deb 1000 SHA256:0\"; done ;;
             satisfy*) {satisfy} ;;
             download*) echo \"$*\" > \"$ALL/downloaded\"; for p in {chromium}; do : > \"${{p}}_150.deb\"; done ;;
             install*) echo \"$*\" > \"$ALL/installed\" ;;
             esac"
        ),
        "exit 9",
    );
    for program in ["chromium", "chromedriver", "firefox", "geckodriver", "tshark", "turnserver", "nft", "ip"]
    {
        machine.program(program, "echo 1.0");
    }
    machine.program(
        "apt-cache",
        &format!(
            "case \"$1\" in
             madison) for p in {chromium}; do for v in 150.0.7-1 156.0.2-1; do
               echo \"$p | $v | http://a.example/debian x/main amd64 Packages\"; done; done ;;
             show) for p in {chromium}; do printf 'Package: %s\\nVersion: 150.0.7-1\\nDepends: libc6 (>= 2)\\n\\n' $p; done ;;
             esac"
        ),
    );
    machine.program(
        "dpkg-deb",
        &format!(
            "[ -e \"$2\" ] || exit 7
             for file in lib/chromium/chromium bin/chromedriver; do
               mkdir -p \"$3/usr/${{file%/*}}\"; printf '#!/bin/sh\\necho Chromium {says}\\n' > \"$3/usr/$file\"; chmod 755 \"$3/usr/$file\"
             done"
        ),
    );
    machine
}

fn run(mut command: Command) -> (Option<i32>, String) {
    let done = command.stdin(Stdio::null()).output().unwrap();
    let printed =
        [done.stdout, done.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    (done.status.code(), printed)
}

impl Machine {
    fn setup_peers(&self, name: &str) -> (Option<i32>, String) {
        let mut setup = self.peerproof();
        setup.args(["setup", "--yes", "--peers", name]);
        run(setup)
    }

    /// What `list` says of the case in which that peer is the offerer of the stack.
    fn listed(&self, name: &str) -> String {
        let mut list = self.peerproof();
        list.args(["list", "data/echo/", "--with", name]);
        let (code, all) = run(list);
        assert_eq!(code, Some(0), "{all}");
        all.lines()
            .find(|line| line.starts_with("data/echo/chrome@") && line.contains("-stack"))
            .unwrap()
            .to_owned()
    }
}

#[test]
fn another_version_of_a_browser_is_unpacked_and_plays_by_its_name() {
    let machine = with_versions("150.0.7", "exit 0");
    assert!(machine.listed("chrome@150").contains("is not installed"));
    let (code, said) = machine.setup_peers("chrome@150");
    assert_eq!(code, Some(0), "{said}");
    let downloaded = std::fs::read_to_string(machine.path("downloaded")).unwrap();
    assert_eq!(
        downloaded.trim(),
        "download chromium=150.0.7-1 chromium-common=150.0.7-1 chromium-driver=150.0.7-1"
    );
    // Nothing of the system is touched, and no package is left.
    assert!(!machine.path("installed").exists(), "{said}");
    let home = machine.path("data/peerproof/browsers/chrome/150.0.7-1");
    assert!(home.join("usr/lib/chromium/chromium").exists() && !home.join("packages").exists());
    for (name, plays) in
        [("chrome@150", "chrome@150"), ("chrome@150.0", "chrome@150.0"), ("chrome@oldest", "chrome@150")]
    {
        assert_eq!(machine.listed(name), format!("data/echo/{plays}-stack"));
        let (code, said) = machine.setup_peers(name);
        assert_eq!((code, said.as_str()), (Some(0), "There is nothing to install.\n"));
    }
}

#[test]
fn a_browser_that_says_another_version_is_none() {
    let machine = with_versions("150.0.71", "exit 0");
    let (code, said) = machine.setup_peers("chrome@150");
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("does not say that it is 150.0.7"), "{said}");
    assert!(machine.listed("chrome@150").contains("is not installed"));
}

#[test]
fn a_version_that_is_not_to_be_had_is_answered_with_those_that_are() {
    let machine = with_versions("150.0.7", "exit 0");
    let (code, said) = machine.setup_peers("chrome@15");
    assert_eq!(code, Some(2));
    assert_eq!(
        said,
        "error: chrome@15 is not available; available: chrome@156 (156.0.2), chrome@150 (150.0.7)\n"
    );
    let (code, said) = machine.setup_peers("firefox@oldest");
    assert!(code == Some(2) && said.contains("apt has no firefox-esr"), "{said}");
}

#[test]
fn a_library_that_a_version_lacks_is_a_package_of_the_plan() {
    let machine = with_versions("150.0.7", "echo 'Inst libold7 (7-1 Debian:12/oldstable [amd64])'");
    let (code, said) = machine.setup_peers("chrome@oldest");
    assert_eq!(code, Some(0), "{said}");
    let installed = std::fs::read_to_string(machine.path("installed")).unwrap();
    assert_eq!(installed.trim(), "install --no-install-recommends --yes libold7");
    // What apt cannot satisfy is reported before anything is done.
    let machine = with_versions("150.0.7", "echo 'E: Unable to correct problems' >&2; exit 100");
    let (code, said) = machine.setup_peers("chrome@oldest");
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("E: Unable to correct problems") && !machine.path("downloaded").exists(), "{said}");
}
