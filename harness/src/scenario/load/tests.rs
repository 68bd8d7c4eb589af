//! Each way in which a scenario can be broken, and the one message that it gets.

mod arguments;
mod battery;
mod certain;
mod controls;
mod every;
mod limits;

use super::*;

const WHOLE: &str = "\
title: A channel opens
peers:
  alice: { role: offerer, plays: [stack, chrome] }
  bob: { role: answerer }
steps:
  - alice: { createDataChannel: { label: chat, maxRetransmits: 3 } }
  - connect: { trickle: true, within: 5s }
  - bob: { await: { datachannel: chat }, within: 2s }
  - alice: { send: { channel: chat, text: Hello } }
  - network: { drop: { from: alice, class: dtls, first: 4 } }
  - bob: { await: { message: { channel: chat } } }
expect:
  bob: { messages: { chat: [Hello] } }
snapshot: [sdp, ice, dtls]
";

fn load(text: &str) -> Result<ScenarioFile, ScenarioError> {
    scenario(Path::new("t.yaml"), "data/t", text)
}

/// Breaks the scenario by replacing `what`, and returns the error as `line:column message | help`.
fn broken(what: &str, with: &str) -> String {
    assert!(WHOLE.contains(what), "{what}");
    let error = load(&WHOLE.replacen(what, with, 1)).unwrap_err();
    let place = error.place.map(|at| format!("{}:{}", at.line, at.column)).unwrap_or_default();
    format!("{place} {} | {}", error.message, error.help.unwrap_or_default())
}

#[test]
fn a_whole_scenario_is_read() {
    let file = load(WHOLE).unwrap();
    assert_eq!(file.scenario.steps.len(), 6);
    assert_eq!(file.scenario.peers["bob"].plays, ["stack", "chrome", "firefox"]);
}

#[test]
fn a_step_survives_being_written_and_read() {
    for step in load(WHOLE).unwrap().scenario.steps {
        let again: Step = serde_json::from_value(step.to_value()).unwrap();
        // Where it stands is the file's to say.
        assert_eq!(again, Step { place: None, ..step });
    }
}

#[test]
fn unknown_keys_are_refused_with_a_suggestion() {
    assert_eq!(broken("title:", "titel:"), "1:1 unknown key `titel` | did you mean `title`?");
    assert_eq!(broken("trickle", "trickel"), "7:16 unknown key `trickel` | did you mean `trickle`?");
    assert_eq!(
        broken("bob: { role: answerer }", "bob: { role: answerer, ice: { lit: true } }"),
        "4:33 unknown key `lit` | did you mean `lite`?"
    );
    assert_eq!(
        broken("datachannel", "dataChannel"),
        "8:21 unknown word `dataChannel` | did you mean `datachannel`?"
    );
    assert_eq!(
        broken("maxRetransmits", "maxRetransmit"),
        "6:48 unknown key `maxRetransmit` | did you mean `maxRetransmits`?"
    );
}

#[test]
fn wrong_types_are_refused_at_their_place() {
    assert_eq!(
        broken("maxRetransmits: 3", "maxRetransmits: often"),
        "6:48 expected a whole number from 0 to 65535, not the text \"often\" | "
    );
    assert_eq!(
        broken("within: 5s", "within: 5"),
        "7:31 expected a duration with its unit, such as `5s` or `300ms`, not 5 | "
    );
    assert_eq!(
        broken("role: offerer", "role: caller"),
        "3:12 unknown word `caller` | known here: offerer, answerer"
    );
}

#[test]
fn undefined_peers_and_commands_are_refused() {
    assert_eq!(
        broken("- alice: { send", "- alise: { send"),
        "9:5 unknown peer `alise` | did you mean `alice`?"
    );
    assert_eq!(
        broken("createDataChannel", "createDatachanel"),
        "6:14 unknown command `createDatachanel` | did you mean `createDataChannel`?"
    );
    assert_eq!(
        broken("from: alice", "from: carol"),
        "10:24 unknown peer `carol` | the peers are alice and bob"
    );
    assert_eq!(
        broken("[stack, chrome]", "[stack, chrom]"),
        "3:42 unknown implementation `chrom` | did you mean `chrome`?"
    );
    assert_eq!(
        broken("  bob: { messages", "  bo: { messages"),
        "13:3 unknown peer `bo` | did you mean `bob`?"
    );
}

#[test]
fn impossible_steps_are_refused() {
    assert!(
        broken("maxRetransmits: 3", "maxRetransmits: 3, maxPacketLifeTime: 50")
            .starts_with("6:67 `maxRetransmits` and `maxPacketLifeTime` exclude each other")
    );
    assert!(broken("- connect", "- network: clear\n    connect").contains("a step has one actor"));
    assert_eq!(
        broken("send: { channel: chat, text: Hello }", "addTrack: { track: camera }"),
        "9:26 no earlier step is named `camera` | an earlier step has to name it with `as`"
    );
    assert!(broken("text: Hello", "text: Hello, pattern: {size: 1, seed: 1}").starts_with("9:"));
    assert_eq!(broken("drop: {", "delay: {"), "10:16 `delay` needs `by` | ");
}

#[test]
fn roles_and_networks_are_checked() {
    assert!(broken("role: answerer", "role: offerer").starts_with("2:1 a scenario has two peers"));
    assert!(broken("steps:", "network: home-net\nsteps:").contains("did you mean `home-nat`?"));
}

#[test]
fn a_broken_network_is_refused_with_its_place() {
    let with = |network: &str| broken("steps:", &format!("network: {network}\nsteps:"));
    assert!(
        with("{ alice: lan, bbo: lan }").starts_with("5:24 unknown peer `bbo`"),
        "{}",
        with("{ alice: lan, bbo: lan }")
    );
    for (network, message) in [
        (
            "{ interfaces: { alice/eth0: { on: attic }, bob/eth0: {} } }",
            "5:1 alice/eth0 is attached to attic",
        ),
        ("{ interfaces: { alice/eth0: {} } }", "5:12 bob has no interface"),
        ("{ interfaces: { alice: {}, bob/eth0: {} } }", "5:26 `alice` names a host without an interface"),
        ("{ interfaces: { alice/lo: {}, bob/eth0: {} } }", "5:26 invalid interface name `lo`"),
        ("{ interfaces: { alice/eth0: {}, bob/eth0: {}, carol/eth0: {} } }", "5:56 unknown host `carol`"),
        (
            "{ interfaces: { alice/eth0: { addresses: [192.0.2.1] }, bob/eth0: { addresses: [192.0.2.1] } } }",
            "5:1 bob/eth0 has the address 192.0.2.1, which is taken",
        ),
        ("lan\nsignalling: autonomous", "5:1 in a lab the signalling server cannot be reached"),
    ] {
        assert!(with(network).starts_with(message), "{}", with(network));
    }
}

#[test]
fn rules_that_say_two_things_are_refused_at_their_place() {
    let rule = |to: &str| broken("drop: { from: alice, class: dtls, first: 4 }", to);
    assert_eq!(rule("drop: { sctp: INITACK }"), "10:24 unknown word `INITACK` | did you mean `INIT-ACK`?");
    assert_eq!(
        rule("drop: { chunk: INIT }"),
        "10:24 unknown key `chunk` | known here: name, from, class, handshake, content, sctp, dcep, stream, channel, stun, method, useCandidate, payloadType, leastSize, first, nth, every, probability, after, until, steps, by, byte, field, bytes, pieces"
    );
    assert_eq!(rule("replay: { class: srtp }"), "10:16 `replay` needs `by` | ");
    assert_eq!(
        rule("drop: { sctp: SACK, stream: 1 }"),
        "10:36 SACK has no stream: `stream` requires DATA | "
    );
    assert_eq!(
        rule("corrupt: { class: stun, field: tag }"),
        "10:40 packets of this class have no such field | "
    );
    assert_eq!(
        rule("drop: { after: 2s, until: 1s }"),
        "10:35 the window is empty: it ends before it begins | "
    );
    assert_eq!(rule("inject: { class: dtls }"), "10:16 `inject` needs `bytes` | ");
    assert_eq!(rule("inject: { bytes: \"1\" }"), "10:26 bytes are written as pairs of hexadecimal digits | ");
    assert_eq!(
        rule("acts: { rule: lost }"),
        "10:24 no rule before this step is named `lost` | give it a `name`"
    );
    let named = "drop: { name: lost, dcep: OPEN } }\n  - network: { acts: { rule: lots }";
    assert_eq!(rule(named), "11:24 no rule before this step is named `lots` | did you mean `lost`?");
}

#[test]
fn a_path_is_expected_only_of_nats() {
    let error = broken("expect:\n", "expect:\n  path: as-nats-allow\n");
    assert!(error.starts_with("13:3 each peer must be behind a NAT of its own"), "{error}");
    let behind = WHOLE.replacen(
        "expect:\n",
        "network: { alice: nat-ad-ei, bob: nat-apd-apd }\nexpect:\n  path: as-nats-allow\n",
        1,
    );
    assert!(load(&behind).is_ok());
}

#[test]
fn only_a_lab_can_be_changed_and_only_where_it_is() {
    let step = |step: &str| broken("steps:\n", &format!("network: home-nat\nsteps:\n  - network: {step}\n"));
    assert!(step("{ rebind: alice-sit }").ends_with("| did you mean `alice-site`?"));
    assert!(step("{ down: alice-site }").contains("is not a part of the network that this step can change"));
    assert!(step("{ link: { of: carol, both: { rateKbit: 100 } } }").contains("`carol` is not a part"));
    let direct = broken("steps:\n", "steps:\n  - network: { cut: alice }\n");
    assert!(direct.contains("this network cannot be changed"), "{direct}");
}

#[test]
fn a_command_that_must_be_rejected_may_be_impossible() {
    let text = WHOLE.replacen(
        "maxRetransmits: 3 } }",
        "maxRetransmits: 3, maxPacketLifeTime: 50 }, rejects: TypeError }\n  - alice: { createDataChannel: { label: chat } }",
        1,
    );
    assert!(load(&text).is_ok());
}

#[test]
fn a_control_breaks_the_scenario_that_it_names() {
    let base =
        load(&WHOLE.replacen("- connect", "- bob: { echo: { channel: chat } }\n  - connect", 1)).unwrap();
    let text = "title: broken\nof: data/t\nbreak:\n  echo: { bob: corrupt-last-byte }\n  rewrite: { offer: { fingerprint: flip-one-digit } }\nexpect: { verdict: fail, layer: dtls, side: bob }\n";
    let made = control(Path::new("c.yaml"), "controls/c", text, std::slice::from_ref(&base)).unwrap();
    let steps: Vec<String> = made.file.scenario.steps.iter().map(ToString::to_string).collect();
    assert!(steps[1].contains("corrupt-last-byte"), "{steps:?}");
    assert!(steps[2].contains("flip-one-digit"), "{steps:?}");
    let wrong =
        control(Path::new("c.yaml"), "controls/c", &text.replace("data/t", "data/x"), &[base]).unwrap_err();
    assert_eq!(wrong.help.as_deref(), Some("did you mean `data/t`?"));
}

const LYING: &str = "title: lie\nof: data/t\nbreak: { lie: { bob: { swallow: { event: datachannel } } } }\nexpect: { verdict: fail, layer: data-channel, side: bob }\n";

#[test]
fn a_peer_lies_in_a_control_and_nowhere_else() {
    let base = load(WHOLE).unwrap();
    let read = |text: &str| control(Path::new("c.yaml"), "controls/c", text, std::slice::from_ref(&base));
    let made = read(LYING).unwrap();
    assert!(made.control.broken.lie.contains_key("bob"));
    assert_eq!(made.file.scenario.steps, base.scenario.steps, "the scenario is as it was");
    let trouble = |what: &str, with: &str| read(&LYING.replace(what, with)).unwrap_err().message;
    assert_eq!(trouble("bob: {", "carol: {"), "unknown peer `carol`");
    assert_eq!(trouble("datachannel", "datachanel"), "unknown event `datachanel`");
    assert!(broken("steps:", "break: { lie: {} }\nsteps:").contains("unknown key `break`"));
}

#[test]
fn the_catalogue_makes_a_control_of_each_lie() {
    let base = load(WHOLE).unwrap();
    let text = "lies:\n- name: unreported\n  each: { event: [datachannel, channelopen] }\n  claims: [event/$event]\n  of: data/t\n  by: bob\n  lie: { ignore: { command: close } }\n  layer: dtls\n  after: [{ bob: getState }]\n";
    let read = |text: &str| controls(Path::new("l.yaml"), "controls/lies", text, std::slice::from_ref(&base));
    let made = read(text).unwrap();
    let names: Vec<&str> = made.iter().map(|one| one.file.name.as_str()).collect();
    assert_eq!(names, ["controls/lie-unreported-datachannel", "controls/lie-unreported-channelopen"]);
    let verdict = made[0].file.scenario.expect.verdict.as_ref().unwrap();
    assert_eq!(
        (verdict.layer, verdict.side.as_deref()),
        (Some(peerproof_conformance::verdict::Layer::Dtls), Some("bob"))
    );
    assert_eq!(made[1].control.claims, ["event/channelopen"]);
    assert_eq!(made[0].file.scenario.steps.len(), base.scenario.steps.len() + 1);
    // Who lies is lied to by the stack, and the other way round.
    let excluded = &made[0].file.scenario.exclude;
    let pair = |one: &str, other: &str| {
        excluded.iter().any(|it| it.offerer.as_deref() == Some(one) && it.answerer.as_deref() == Some(other))
    };
    assert!(
        pair("chrome", "firefox")
            && pair("chrome", "chrome")
            && !pair("stack", "chrome")
            && !pair("chrome", "stack")
    );
    let error = read(&text.replace("by: bob", "by: carol")).unwrap_err().remove(0);
    assert_eq!((error.message.as_str(), error.place.map(|at| at.line)), ("unknown peer `carol`", Some(6)));
    let error = read(&text.replace("command: close", "command: shut")).unwrap_err().remove(0);
    assert_eq!((error.message.as_str(), error.place.map(|at| at.line)), ("unknown command `shut`", Some(7)));
    assert!(read("lies: {}").is_err() && read("title: t").is_err());
}

const SERVED: &str = "title: t
servers:
  relay: { fault: silent }
  real: { kind: coturn }
configuration: { iceServers: [{ turn: relay, transport: tcp }] }
peers:
  alice: { role: offerer, configuration: { iceServers: [{ stun: real }] } }
  bob: { role: answerer }
steps:
  - alice: { setConfiguration: { configuration: { iceServers: [{ turns: relay }] } } }
  - server: { relay: { await: refused, code: 401 } }
  - server: { real: stop }
";

#[test]
fn servers_and_what_refers_to_them_are_checked() {
    load(SERVED).unwrap();
    let broken = |from: &str, to: &str| {
        let text = SERVED.replacen(from, to, 1);
        assert_ne!(text, SERVED);
        let error = load(&text).unwrap_err();
        let place = error.place.unwrap();
        let help = error.help.unwrap_or_default();
        format!("{}:{} {} | {help}", place.line, place.column, error.message)
    };
    assert_eq!(
        broken("{ turn: relay,", "{ turn: rely,"),
        "5:33 unknown server `rely` | did you mean `relay`?"
    );
    assert_eq!(
        broken("{ stun: real }", "{ stun: reel }"),
        "7:59 unknown server `reel` | did you mean `real`?"
    );
    assert_eq!(
        broken("{ turns: relay }", "{ turns: relais }"),
        "10:66 unknown server `relais` | did you mean `relay`?"
    );
    assert_eq!(
        broken("{ turns: relay }", "{ turns: relay, transport: tcp }"),
        "10:80 `transport` belongs to `turn` | "
    );
    assert_eq!(
        broken("{ turn: relay, transport: tcp }", "{ urls: [x], turn: relay }"),
        "5:31 a server is given by one of `urls`, `stun`, `turn` and `turns` | "
    );
    assert_eq!(
        broken("kind: coturn", "kind: coturn, fault: silent"),
        "4:25 only an embedded server has `fault` | "
    );
    assert_eq!(
        broken("fault: silent", "fault: { alternate-server: real }"),
        "3:21 `real` must be defined before `relay` | "
    );
    assert_eq!(broken("await: refused", "await: allocated"), "11:42 only `refused` has a `code` | ");
    assert_eq!(
        broken("{ real: stop }", "{ real: renew-nonce }"),
        "12:15 coturn reports no events and has no faults | it can only be stopped and started"
    );
    assert_eq!(
        broken("fault: silent", "port: 443"),
        "3:12 `port` can be chosen in a lab only | on the machine itself another program may have it: give the scenario a `network`"
    );
    let in_lab = SERVED.replacen("title: t", "title: t\nnetwork: corporate", 1);
    let shared = in_lab.replacen("fault: silent }", "port: 443 }\n  other: { tls-port: 443 }", 1);
    assert_eq!(load(&shared).unwrap_err().message, "`relay` has this port already");
    let twice = in_lab.replacen("fault: silent", "port: 443, tls-port: 443", 1);
    assert_eq!(load(&twice).unwrap_err().message, "`port` takes TCP too, so `tls-port` must be another");
    assert_eq!(
        broken("fault: silent", "reflexive: nowhere"),
        "3:12 `nowhere` is not an address with a port | write `198.51.100.1:40000`"
    );
}

#[test]
fn a_bitrate_has_bounds_and_speaks_of_a_link_that_a_step_changes() {
    let load = |wanted: &str| {
        let text = format!(
            "title: A link becomes narrow\npeers:\n  alice: {{ role: offerer, media: {{ send: [video] }} }}\n  bob: {{ role: answerer }}\n\
             network: internet\nsteps:\n  - network: {{ link: {{ name: narrow, of: alice, up: {{ rateKbit: 9 }} }} }}\n\
             expect:\n  alice: {{ bitrate: [{wanted}] }}\n"
        );
        load(&text).map_err(|error| format!("{} | {}", error.message, error.help.unwrap_or_default()))
    };
    assert!(load("{ during: narrow, lastMs: 900, atMostKbit: 9 }").is_ok());
    for (wanted, message) in [
        (
            "{ during: narow, atMostKbit: 9 }",
            "no step that changes a link is named `narow` | did you mean `narrow`?",
        ),
        ("{ during: narrow }", "`bitrate` needs one of `atLeastKbit` and `atMostKbit` | "),
        (
            "{ during: narrow, atLeastKbit: 9, atMostKbit: 8 }",
            "`atMostKbit` is less than `atLeastKbit`: no rate is both | ",
        ),
        ("{ during: narrow, lastMs: 0, atMostKbit: 8 }", "`lastMs` must be a millisecond at least | "),
        (
            "{ during: narrow, atMost: 9 }",
            "unknown key `atMost` | known here: during, lastMs, atLeastKbit, atMostKbit",
        ),
    ] {
        assert_eq!(load(wanted).unwrap_err(), message);
    }
}

#[test]
fn a_rule_that_cuts_messages_goes_with_none_that_would_not_renumber_them() {
    let with = |rules: &str| broken("{ drop: { from: alice, class: dtls, first: 4 } }", rules);
    assert_eq!(with("{ drop: { pieces: 3 } }"), "10:24 only `fragment` has `pieces` | ");
    assert_eq!(with("{ fragment: { pieces: 5 } }"), "10:28 a message is fragmented into 2 to 4 pieces | ");
    let both = |other: &str| with(&format!("{{ fragment: {{}} }}\n  - network: {other}"));
    assert_eq!(
        both("{ duplicate: {} }"),
        "11:16 `duplicate` cannot be combined with `fragment`, which renumbers records; use `drop` | "
    );
    let text =
        WHOLE.replace("first: 4 } }", "first: 4 } }\n  - network: { fragment: { handshake: Certificate } }");
    assert!(load(&text).is_ok());
    assert_eq!(
        with("{ fragment: { handshake: [Certificate, Finished] } }"),
        "10:28 Finished cannot be fragmented: it is encrypted or has no body | "
    );
}

#[test]
fn methods_and_transports_are_words_that_are_known() {
    let with = |rules: &str| broken("{ drop: { from: alice, class: dtls, first: 4 } }", rules);
    assert!(with("{ drop: { method: 1 } }").contains("expected"), "{}", with("{ drop: { method: 1 } }"));
    assert!(with("{ drop: { method: Bindings } }").contains("Bindings"));
}

#[test]
fn an_ice_agent_is_of_a_connection_that_no_step_creates() {
    let text = WHOLE.replace("alice: { role: offerer", "alice: { ice: { lite: true }, role: offerer");
    assert!(load(&text).is_ok(), "{:?}", load(&text));
    let text = text.replacen("steps:\n", "steps:\n  - alice: { createPeerConnection: {} }\n", 1);
    assert!(
        load(&text)
            .unwrap_err()
            .to_string()
            .contains("`ice` has no effect: a step creates alice's connection")
    );
}

#[test]
fn a_step_that_waits_for_a_bitrate_says_whose_and_which() {
    let with = |step: &str| {
        broken("{ drop: { from: alice, class: dtls, first: 4 } }", &format!("{{ bitrate: {{ {step} }} }}"))
    };
    assert_eq!(
        with("from: alise, over: 3s, atMostKbit: 9"),
        "10:27 unknown peer `alise` | did you mean `alice`?"
    );
    assert_eq!(
        with("from: alice, over: 3s"),
        "10:16 `bitrate` needs one of `atLeastKbit` and `atMostKbit` | "
    );
    assert!(with("from: alice, over: 0s, atMostKbit: 9").contains("`over` must be a millisecond at least"));
    let never = with("from: alice, over: 10s, atMostKbit: 9");
    assert!(never.contains("`over` must be shorter than `within`"), "{never}");
}
