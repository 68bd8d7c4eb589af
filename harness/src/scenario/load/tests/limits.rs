//! What is too much, cannot be a name or blocks; and all that is wrong at once.

use super::*;

/// All that is wrong with a scenario, by line.
pub(super) fn all_errors(text: &str) -> Vec<String> {
    let names = Names { implementations: &check::IMPLEMENTATIONS, statements: &BTreeSet::new() };
    let errors = scenarios_for(Path::new("t.yaml"), "data/t", text, &names).unwrap_err();
    let line = |error: &ScenarioError| error.place.map_or(0, |place| place.line);
    errors.iter().map(|error| format!("{}: {}", line(error), error.message)).collect()
}

#[test]
fn all_that_is_wrong_is_shown_at_once() {
    let text = WHOLE
        .replace("bob: { role: answerer }", "bob: { role: answerer, plays: [chrom] }")
        .replacen("bob: { await", "carol: { await", 1)
        .replace("send: { channel", "sent: { channel")
        .replace("bob: { messages", "dave: { messages");
    assert_eq!(
        all_errors(&text),
        [
            "4: unknown implementation `chrom`",
            "8: unknown peer `carol`",
            "9: unknown command `sent`",
            "13: unknown peer `dave`"
        ]
    );
    let types = WHOLE
        .replace("trickle: true", "trickle: 5")
        .replace("first: 4", "first: x")
        .replace("snapshot: [sdp", "snapshot: [spd");
    let found = all_errors(&types);
    assert_eq!(found.len(), 3, "{found:?}");
    assert!(found[0].starts_with("7: expected") && found[1].starts_with("10: expected"), "{found:?}");
    assert_eq!(found[2], "14: unknown word `spd`");
}

#[test]
fn of_many_errors_the_first_are_shown() {
    let text = WHOLE.replace("steps:\n", &format!("steps:\n{}", "  - alice: { nosuch: {} }\n".repeat(50)));
    let found = all_errors(&text);
    assert_eq!(found.len(), MOST_ERRORS + 1);
    assert_eq!(found.last().unwrap(), "0: 30 more errors");
}

#[test]
fn a_peer_has_a_name_that_can_stand_in_the_name_of_a_file() {
    for name in ["../../x", "Alice", "a b", "a/b", "1a", ".", "'a\\u001b'", "-a", "ä", "'a\\n'"] {
        let name = name.replace('\'', "\"");
        let text = WHOLE.replace("alice", &name);
        let found = all_errors(&text);
        assert!(
            found.iter().any(|error| error.starts_with("3: ") && error.ends_with("cannot be a name")),
            "{found:?}"
        );
    }
    let long = format!("a{}", "b".repeat(check::LONGEST_NAME));
    assert!(all_errors(&WHOLE.replace("alice", &long))[0].ends_with("cannot be a name"));
    for name in ["a", "peer-1", "x9"] {
        load(&WHOLE.replace("alice", name)).unwrap();
    }
}

#[test]
fn messages_have_limits_that_are_named() {
    let send = |message: &str| broken("text: Hello }", &format!("{message} }}"));
    assert_eq!(
        send("pattern: { size: 4294967295, seed: 1 }"),
        "9:48 too large: a message has at most 16777216 bytes | "
    );
    assert_eq!(send("text: a, times: 4000000000"), "9:46 too large: `times` is at most 10000 | ");
    let await_ =
        broken("datachannel: chat", "message: { channel: chat, pattern: { size: 16777217, seed: 1 } }");
    assert_eq!(await_, "8:58 too large: a message has at most 16777216 bytes | ");
    for wanted in ["{ pattern: { size: 4000000000, seed: 1 } }", "{ text: a, times: 10001 }"] {
        let message = broken("chat: [Hello]", &format!("chat: [{wanted}]"));
        assert!(message.starts_with("13:22 too large: "), "{message}");
    }
    let together = send("pattern: { size: 1000000, seed: 1 }, times: 300");
    assert!(together.contains("at most 67108864 bytes together"), "{together}");
    let most = WHOLE.replace("text: Hello", "pattern: { size: 16777216, seed: 1 }, times: 3");
    assert!(load(&most.replace("[Hello]", "{ atMost: 3 }")).is_ok());
}

#[test]
fn all_that_a_scenario_sends_has_a_limit_that_is_named_at_the_step_that_exceeds_it() {
    let send = "  - alice: { send: { channel: chat, message: { pattern: { size: 16777216, seed: 1 } } } }\n";
    let line = WHOLE.lines().position(|line| line.contains("text: Hello }")).unwrap() + 1;
    let sends = |count: usize| {
        let end = WHOLE.match_indices('\n').nth(line - 2).unwrap().0 + 1;
        let text = format!("{}{}{}", &WHOLE[..end], send.repeat(count), &WHOLE[end..]);
        text.replace("[Hello]", "{ atMost: 20 }")
    };
    assert!(load(&sends(3)).is_ok());
    let message =
        "too large: the messages of a scenario, sent and expected, have at most 67108864 bytes together";
    assert_eq!(all_errors(&sends(16)), [format!("{}: {message}", line + 4)]);
}

#[test]
fn links_are_such_that_packets_can_pass() {
    let network = |link: &str| {
        let described = format!("    alice/eth0: {{ up: {{ {link} }} }}\n    bob/eth0: {{}}\n");
        WHOLE.replace("steps:\n", &format!("network:\n  interfaces:\n{described}steps:\n"))
    };
    for (link, bounds) in [
        ("mtu: 1", "`mtu` must be from 576 to 65535 bytes"),
        ("mtu: 65536", "`mtu` must be from 576 to 65535 bytes"),
        ("rateKbit: 0", "`rateKbit` must be from 1 to 10000000 kbit/s"),
        ("rateKbit: 18446744073709551615", "`rateKbit` must be from 1 to 10000000 kbit/s"),
        ("delayMs: 60001", "`delayMs` must be from 0 to 60000 ms"),
        ("jitterMs: 4294967295", "`jitterMs` must be from 0 to 60000 ms"),
        ("queueMs: 4294967295", "`queueMs` must be from 0 to 60000 ms"),
        ("reorderByMs: 60001", "`reorderByMs` must be from 0 to 60000 ms"),
        ("duplicate: 100.5", "`duplicate` must be from 0 to 100 percent"),
        ("corrupt: -1", "`corrupt` must be from 0 to 100 percent"),
        ("loss: { random: 200 }", "`random` must be from 0 to 100 percent"),
        ("loss: { bursts: { into: 1, out_of: 101, within: 5 } }", "`out_of` must be from 0 to 100 percent"),
    ] {
        let text = network(link);
        let line = text.lines().position(|line| line.contains(link)).unwrap() + 1;
        let found = all_errors(&text);
        assert!(found.contains(&format!("{line}: {bounds}")), "{link}: {found:?}");
        let step = network("mtu: 1500").replace(
            "steps:\n",
            &format!("steps:\n  - network: {{ link: {{ of: alice, both: {{ {link} }} }} }}\n"),
        );
        let found = all_errors(&step);
        assert!(found.iter().any(|error| error.ends_with(bounds)), "{link}: {found:?}");
    }
    for link in ["mtu: 576", "rateKbit: 1", "delayMs: 60000", "loss: { random: 100 }"] {
        assert_eq!(load(&network(link)).err(), None, "{link}");
    }
}

#[test]
fn a_scenario_has_so_many_steps_and_no_more() {
    let steps =
        |count: usize| WHOLE.replace("steps:\n", &format!("steps:\n{}", "  - stats: {}\n".repeat(count - 6)));
    assert!(load(&steps(check::MOST_STEPS)).is_ok());
    let found = all_errors(&steps(check::MOST_STEPS + 1));
    assert_eq!(found, [format!("{}: too large: a scenario has at most 1000 steps", 5 + 1001)]);
}

#[test]
fn nobody_plays_twice() {
    assert_eq!(broken("[stack, chrome]", "[stack, stack]"), "3:42 `stack` stands here twice | ");
}

#[test]
fn a_folder_is_read_with_byte_order_marks_and_nothing_that_blocks() {
    let folder = tempfile::tempdir().unwrap();
    let family = folder.path().join("data");
    std::fs::create_dir(&family).unwrap();
    std::fs::write(family.join("marked.yaml"), format!("\u{feff}{WHOLE}")).unwrap();
    let read = Suite::load(folder.path()).unwrap();
    assert_eq!(read.scenarios.iter().map(|file| file.name.as_str()).collect::<Vec<_>>(), ["data/marked"]);
    nix::unistd::mkfifo(&family.join("pipe.yaml"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    std::fs::create_dir(family.join("folder.yaml")).unwrap();
    for name in ["...yaml", "a\u{1b}b.yaml", "a b.yaml", &format!("{}.yaml", "x".repeat(81))] {
        std::fs::write(family.join(name), WHOLE).unwrap();
    }
    let mut found: Vec<String> = Suite::load(folder.path())
        .unwrap_err()
        .into_iter()
        .map(|error| format!("{}: {}", error.file.file_name().unwrap_or_default().display(), error.message))
        .collect();
    found.sort();
    let named: Vec<&String> = found.iter().filter(|error| error.contains("cannot be the name")).collect();
    assert_eq!(named.len(), 4, "{found:?}");
    assert!(found.contains(&"pipe.yaml: cannot be read: a FIFO, not a regular file".to_owned()), "{found:?}");
    assert!(
        found.contains(&"folder.yaml: cannot be read: a directory, not a regular file".to_owned()),
        "{found:?}"
    );
}
