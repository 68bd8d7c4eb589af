//! All that is wrong with a file comes at once, in the order of the file.

use super::limits::all_errors;
use super::*;

#[test]
fn wrong_keys_words_types_and_names_come_together() {
    let text = "\
title: t
tgs: [x]
peers:
  alice: { role: offerr, plays: [stak] }
  bob:   { role: answerer, mediia: {} }
steps:
  - alice: { creatDataChannel: { label: chat } }
  - connect: { trickel: true }
  - carol: { await: { open: chat } }
  - alice: { await: { message: { channel: chatt } }, within: 5 }
expect:
  wire: [ { from: carol, dtls: ClientHelo, times: -1 } ]
  alice: { connectionState: conected }
snapshot: [sdpp]
";
    assert_eq!(
        all_errors(text),
        [
            "2: unknown key `tgs`",
            "4: unknown word `offerr`",
            "4: unknown implementation `stak`",
            "5: unknown key `mediia`",
            "7: unknown command `creatDataChannel`",
            "8: unknown key `trickel`",
            "9: unknown peer `carol`",
            "10: no step makes a channel `chatt`",
            "10: expected a duration with its unit, such as `5s` or `300ms`, not 5",
            "12: unknown peer `carol`",
            "12: DTLS has no `ClientHelo`",
            "12: expected a whole number that is not negative, not -1",
            "13: unknown word `conected`",
            "14: unknown word `sdpp`",
        ]
    );
}

#[test]
fn the_arguments_of_a_command_are_checked_one_by_one() {
    let text = "\
title: t
peers:
  alice: { role: offerer, plays: [stack] }
  bob:   { role: answerer, plays: [stack] }
steps:
  - alice: { createDataChannel: { labl: chat, orderd: true } }
  - alice: { createDataChannel: { label: 5 } }
expect:
  alice: { connectionState: conected, dtlsState: conected, messages: 5 }
  bob: { iceConnectionState: conected }
  wire: [ { from: alice, dtl: any, times: x } ]
";
    assert_eq!(
        all_errors(text),
        [
            "6: unknown key `labl`",
            "6: unknown key `orderd`",
            "7: expected a text, not 5",
            "9: unknown word `conected`",
            "9: unknown word `conected`",
            "9: expected a mapping, not 5",
            "10: unknown word `conected`",
            "11: unknown key `dtl`",
            "11: expected a whole number that is not negative, not the text \"x\"",
        ]
    );
}

#[test]
fn every_mistake_of_two_peers_is_told() {
    let text = "\
title: t
snapshot: [sdpp, icee]
clock: reel
peers:
  alice: { role: offerr, plays: [stak] }
  bob: { rolle: answerer, permission: x }
steps:
  - connect: {}
";
    assert_eq!(
        all_errors(text),
        [
            "2: unknown word `sdpp`",
            "2: unknown word `icee`",
            "3: unknown word `reel`",
            "5: unknown word `offerr`",
            "5: unknown implementation `stak`",
            "6: unknown key `rolle`",
            "6: unknown word `x`",
            "8: alice has nothing to offer, so nobody connects",
        ]
    );
}

#[test]
fn what_steps_make_together_is_told_with_what_is_wrong_in_each() {
    let text = "\
title: t
peers:
  alice: { role: offerer, plays: [stack] }
  bob:   { role: answerer, plays: [stack] }
steps:
  - alice: { send: { channel: chatt, text: hi }, rejects: InvalidStatError }
  - network: { drop: { from: carol, channel: chatt, first: 0 } }
  - bob: { await: { media: { kind: audio } } }
  - bob: { await: { open: nope } }
  - alice: { createDataChannel: { label: chat } }
  - connect: {}
  - alice: { await: { open: chat } }
expect:
  alice: { messages: { zzz: [a] }, channels: { yyy: open }, pair: {}, tracks: {}, candidates: { types: [realy], lacks: [hots] } }
  wire: [ { from: carol, dtls: ClientHelo, times: 2, atLeast: 1 } ]
";
    assert_eq!(
        all_errors(text),
        [
            "6: unknown exception `InvalidStatError`",
            "7: unknown peer `carol`",
            "7: no step makes a channel `chatt`",
            "8: bob watches no track",
            "9: no step makes a channel `nope`",
            "14: no step makes a channel `zzz`",
            "14: no step makes a channel `yyy`",
            "14: nothing is expected of the pair",
            "14: nothing is expected of the tracks",
            "14: unknown type of candidate `realy`",
            "15: unknown peer `carol`",
            "15: DTLS has no `ClientHelo`",
            "15: `times` and `atLeast` exclude each other",
        ]
    );
}

#[test]
fn what_a_broken_step_may_make_is_not_missed() {
    let text = "\
title: t
peers:
  alice: { role: offerer, plays: [stack] }
  bob:   { role: answerer, plays: [stack] }
steps:
  - alice: { createDataChannel: { label: chat, id: x } }
  - alice: { createSourze: { kind: audio }, as: voice }
  - alice: { addTrack: { track: voice } }
  - bob: { setRemoteDescripton: { description: { type: offer, sdp: x } } }
  - bob: createAnswer
  - alice: { await: { open: chat } }
  - alice: { await: { open: other } }
";
    assert_eq!(
        all_errors(text),
        [
            "6: expected a whole number from 0 to 65535, not the text \"x\"",
            "7: unknown command `createSourze`",
            "9: unknown command `setRemoteDescripton`",
            "12: no step makes a channel `other`",
        ]
    );
}

#[test]
fn keys_that_are_missing_are_told_together() {
    let text = "peers:\n  alice: { plays: [stak] }\n  bob: { role: answerer, plays: [stak] }\n";
    assert_eq!(
        all_errors(text),
        ["0: missing key `title`", "0: missing key `steps`", "2: missing key `role`",]
    );
    let text = "title: T\nsteps:\n  - alice: createPeerConnection\n  - bob: createOfer\n";
    assert_eq!(all_errors(text), ["0: missing key `peers`", "4: unknown command `createOfer`"]);
    let text = "title: T\npeers: {}\nsteps:\n  - alice: createPeerConnection\n";
    assert_eq!(all_errors(text), ["2: a scenario has two peers, one offerer and one answerer"]);
}

#[test]
fn nothing_is_wrong_with_the_suite_that_the_program_brings_along() {
    let suite = Suite::gather(&[Source::Program], &check::IMPLEMENTATIONS);
    let suite = suite.map_err(|errors| errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"));
    let suite = suite.unwrap();
    assert!(suite.scenarios.len() > 150 && suite.controls.len() > 150);
    let subjects = crate::expected::Subjects {
        scenarios: suite
            .scenarios
            .iter()
            .chain(suite.controls.iter().map(|control| &control.file))
            .map(|file| file.name.clone())
            .collect(),
        ..crate::expected::Subjects::default()
    };
    let own = tempfile::tempdir().unwrap();
    let path = own.path().join("expected.toml");
    let text =
        crate::embedded::SCENARIOS.get_file("expected.toml").and_then(include_dir::File::contents_utf8);
    std::fs::write(&path, text.unwrap()).unwrap();
    crate::expected::gather(&[path], None, &[], Some(&subjects)).unwrap();
}
