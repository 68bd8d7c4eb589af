//! Programs as peers. The program is the reference stack as an adapter (`peerproof adapter stack`), and what falsifies its lines.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use crate::needs::is_here;
use peerproof::cli::prepare;
use peerproof::peers::implementation::{Program, Roster};
use peerproof::peers::program::ProgramSpec;
use peerproof::run::session::{self, Time};
use peerproof::run::{Filter, Jobs, Played, RunOptions, plan};
use peerproof::scenario::Suite;
use peerproof_captures::timeline::What;
use peerproof_conformance::verdict::{Layer, Outcome};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

const PEERPROOF: &str = env!("CARGO_BIN_EXE_peerproof");
/// The program's name: a version of the stack, so that it plays what the stack plays.
const NAME: &str = "stack@0";

fn scenarios() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios")
}

/// A program that a shell makes of this line, in which `$ADAPTER` is the stack as an adapter.
fn program(line: &str, cases: u32) -> ProgramSpec {
    ProgramSpec {
        name: NAME.to_owned(),
        is: "stack".to_owned(),
        program: "sh".into(),
        args: vec!["-c".to_owned(), line.to_owned()],
        directory: None,
        env: vec![("ADAPTER".to_owned(), format!("{PEERPROOF} adapter stack"))],
        cases,
        exposes_keys: true,
        missing: None,
    }
}

/// Plays cases with a program, one after the other.
async fn play(spec: ProgramSpec, names: &[&str]) -> (tempfile::TempDir, Vec<Played>) {
    let mut roster = Roster::default();
    roster.add(Arc::new(Program::new(spec)));
    let suite = Suite::load(&scenarios()).unwrap();
    let filter = Filter { names: names.iter().map(|&name| name.to_owned()).collect(), ..Filter::default() };
    let mut cases = plan(&suite, &roster, &filter);
    cases.retain(|case| names.contains(&case.name.as_str()));
    assert_eq!(cases.len(), names.len());
    let folder = tempfile::tempdir().unwrap();
    let prepared =
        prepare(&scenarios(), folder.path().to_owned(), Path::new(PEERPROOF), 1, false).await.unwrap();
    let options = RunOptions { jobs: Jobs::Fixed(1), repeat: 1, time: Time::AsFits };
    let run = session::run(prepared.setting.clone(), &cases, options, &mut ()).await.unwrap();
    assert_eq!((run.broken.as_slice(), run.left), ([].as_slice(), 0));
    prepared.shutdown().await;
    (folder, run.played)
}

/// How one case with a program as answerer ends.
async fn one(line: &str) -> Played {
    let (_folder, mut played) = play(program(line, 1), &["data/echo/stack-stack@0"]).await;
    played.pop().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_plays_both_roles_and_several_cases_and_its_keys_open_the_recording() {
    let names = ["data/echo/stack-stack@0", "data/echo/stack@0-stack", "media/audio/stack-stack@0"];
    let (_folder, played) = play(program("echo started >&2; exec $ADAPTER", 10), &names).await;
    for played in &played {
        assert_eq!(played.verdict.outcome, Outcome::Pass, "{}", played.verdict.sentence);
        assert!(played.standing.is_good());
        let named: Vec<_> = played.record.file.peers.iter().filter_map(|peer| peer.named.clone()).collect();
        assert_eq!(named, [NAME]);
        let clocks = played.record.timeline.iter().filter(|it| matches!(it.what, What::PeerClock { .. }));
        assert_eq!(clocks.count(), 1, "the program has a clock of its own");
    }
    // One process served all of them: what it said at its start is there each time, and once.
    let said =
        |played: &Played, peer| std::fs::read_to_string(played.folder.join(format!("stderr-{peer}.log")));
    assert_eq!(said(&played[0], "bob").unwrap().matches("started").count(), 1);
    assert_eq!(said(&played[1], "alice").unwrap().matches("started").count(), 1);
}

/// The program runs in the folder of the file, which is the current one where the file has a bare name.
#[test]
fn a_configuration_that_is_named_without_a_folder_may_have_programs() {
    let folder = tempfile::tempdir().unwrap();
    let line = format!("test -f pp.toml && exec {PEERPROOF} adapter stack");
    let text = format!("[implementations.\"{NAME}\"]\nprogram = ['sh', '-c', '{line}']\n");
    std::fs::write(folder.path().join("pp.toml"), text).unwrap();
    let run = Command::new(PEERPROOF)
        .args(["run", "--config", "pp.toml", "data/echo/stack-stack@0"])
        .current_dir(folder.path())
        .output()
        .unwrap();
    let stated = String::from_utf8_lossy(&run.stdout).into_owned() + &String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success() && stated.contains("1 pass"), "{stated}");
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_lab_a_program_has_the_addresses_of_its_host() {
    if !is_here("lab") {
        return;
    }
    // It needs to read what is encrypted, and acts on it.
    let (_folder, played) = play(
        program("exec $ADAPTER", 10),
        &["data/lost-init/stack@0-stack", "network/home-nat/stack-stack@0"],
    )
    .await;
    for played in &played {
        assert_eq!(
            played.verdict.outcome,
            Outcome::Pass,
            "{}: {}",
            played.record.file.name,
            played.verdict.sentence
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_goes_wrong_with_a_program_is_its_own_failure() {
    let crash = one("echo 'out of \u{1b}[31mcheese' >&2; exit 3").await;
    let (side, sentence) = (crash.verdict.side.clone(), crash.verdict.sentence.clone());
    assert_eq!((crash.verdict.outcome, crash.verdict.layer), (Outcome::Fail, Some(Layer::PeerProtocol)));
    assert_eq!(side.as_deref(), Some("bob"));
    assert!(sentence.contains("exited with status 3") && sentence.contains("cheese"), "{sentence}");
    assert!(!sentence.contains('\u{1b}'), "no escapes for the terminal: {sentence}");

    for (line, why) in [
        // Another implementation than the configuration says.
        (
            "$ADAPTER | sed -u 's/\"implementation\":\"stack\"/\"implementation\":\"other\"/'",
            "it identifies as other",
        ),
        ("$ADAPTER | sed -u 's/\"version\":\"0/\"version\":\"9/'", "has version 9"),
        ("$ADAPTER | sed -u 's/\"protocol\":2/\"protocol\":7/'", "version 7 of the protocol"),
        // Events lost, doubled, out of order.
        ("$ADAPTER | sed -u '/\"seq\":2,/d'", "event 2 of the peer is missing"),
        ("$ADAPTER | sed -u '/\"seq\":2,/p'", "event 3 of the peer is missing: received 2"),
        (
            "$ADAPTER | sed -u 's/\"event\":\"icegatheringstatechange\"/\"event\":\"nonsense\"/'",
            "is malformed",
        ),
        ("$ADAPTER | sed -u 's/^{\"id\":3,/{\"id\":4711,/'", "answered command 4711, which was not sent"),
        ("echo no json; exec $ADAPTER", "that the protocol does not define"),
        (
            "$ADAPTER | sed -u 's/\"type\":\"answer\"/\"kind\":\"answer\"/'",
            "answered createAnswer with success, but its answer is not a description",
        ),
        // A message that is not what its length and checksum say.
        (
            "$ADAPTER | sed -u 's/\"value\":\"Hello!\"/\"value\":\"Hallo!\"/'",
            "does not match its size and CRC-32",
        ),
        // It dies in the middle.
        ("$ADAPTER | { sed -u '/\"seq\":4,/q'; kill -9 $$; }", "terminated by signal 9"),
    ] {
        let played = one(line).await;
        let verdict = &played.verdict;
        assert_eq!(verdict.outcome, Outcome::Fail, "{line}: {}", verdict.sentence);
        assert_eq!(verdict.side.as_deref(), Some("bob"), "{line}: {}", verdict.sentence);
        assert!(verdict.sentence.contains(why), "{line}: {}", verdict.sentence);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lie_about_a_message_does_not_pass() {
    // Both sides' events are compared.
    let altered =
        one("$ADAPTER | sed -u 's/\"value\":\"Hello!\"/\"value\":\"Hallo!\"/; s/2636827734/1755998870/'")
            .await;
    assert_eq!(altered.verdict.outcome, Outcome::Fail, "{}", altered.verdict.sentence);
    // It claims to be able to do everything.
    let yes = one("$ADAPTER | sed -u 's/{\"unsupported\":{[^}]*}}/{\"ok\":null}/'").await;
    assert_ne!(yes.verdict.outcome, Outcome::Pass, "{}", yes.verdict.sentence);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_is_not_there_is_unsupported() {
    let spec = ProgramSpec { program: "/nowhere/adapter".into(), ..program("", 1) };
    let (_folder, played) = play(spec, &["data/echo/stack-stack@0"]).await;
    let verdict = &played[0].verdict;
    assert_eq!(verdict.outcome, Outcome::Unsupported, "{}", verdict.sentence);
    assert!(verdict.sentence.contains("/nowhere/adapter"), "{}", verdict.sentence);
}

/// What `run` of a configuration says, in a folder of its own.
fn configured(text: &str, args: &[&str]) -> (Option<i32>, String) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("peerproof.toml"), text).unwrap();
    let run = Command::new(PEERPROOF).arg("run").args(args).current_dir(folder.path()).output().unwrap();
    let stated = String::from_utf8_lossy(&run.stdout).into_owned() + &String::from_utf8_lossy(&run.stderr);
    (run.status.code(), stated)
}

/// Its cases would be unsupported, and the run green without it.
#[test]
fn a_program_that_the_user_names_must_be_there() {
    let file = "[implementations.mystack]\nprogram = ['./adapter.py']\n";
    let (code, stated) = configured(file, &["data/echo/"]);
    assert_eq!(code, Some(2), "{stated}");
    assert!(
        stated.contains("mystack: its program is ")
            && stated.contains("./adapter.py, which does not exist")
            && stated.contains("--peers"),
        "{stated}"
    );
    let (code, stated) = configured("", &["data/echo/", "--program", "other=/no/such/program"]);
    assert!(code == Some(2) && stated.contains("/no/such/program"), "{stated}");
    // It is no matter of cases in which it has no part.
    let (code, stated) = configured(file, &["data/echo/", "--peers", "stack"]);
    assert!(code == Some(0) && stated.contains("1 pass"), "{stated}");
}

/// What this machine lacks says nothing of a peer, and is nothing to be recorded.
#[test]
fn a_run_without_a_browser_is_as_expected() {
    let folder = tempfile::tempdir().unwrap();
    let run = Command::new(PEERPROOF)
        .args(["run", "data/echo/", "--peers", "stack,firefox"])
        .env("PEERPROOF_FIREFOX", "/no/such/browser")
        .env_remove("PEERPROOF_REQUIRE")
        .current_dir(folder.path())
        .output()
        .unwrap();
    let stated = String::from_utf8_lossy(&run.stdout).into_owned() + &String::from_utf8_lossy(&run.stderr);
    assert!(stated.contains("1 pass, 3 unsupported; all as expected"), "{stated}");
    assert!(stated.contains("PEERPROOF_FIREFOX names /no/such/browser, which does not exist"), "{stated}");
    assert!(run.status.code() == Some(0) && !stated.contains("error:"), "{stated}");
}

#[test]
fn an_old_folder_of_scenarios_is_named_where_nothing_matches() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(folder.path().join("scenarios/data")).unwrap();
    let run = |args: &[&str]| {
        let run = Command::new(PEERPROOF).args(args).current_dir(folder.path()).output().unwrap();
        (run.status.code(), String::from_utf8_lossy(&run.stderr).into_owned())
    };
    for command in ["run", "list"] {
        let (code, stated) = run(&[command, "data/echo/"]);
        assert_eq!(code, Some(4), "{stated}");
        assert!(stated.contains("./scenarios") && stated.contains("--suite"), "{stated}");
    }
    let (code, stated) = run(&["list", "data/echo/", "--suite"]);
    assert_eq!(code, Some(0), "{stated}");
}
