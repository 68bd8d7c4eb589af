//! A control demands one verdict, and names what there is.

use super::*;

const DEAD: &str =
    "title: t\nof: data/t\nbreak: { dead: bob }\nexpect: { verdict: fail, layer: data-channel, side: bob }\n";

/// All that is wrong with a control that is [`DEAD`] with another text in it.
fn trouble(what: &str, with: &str) -> Vec<String> {
    assert!(DEAD.contains(what), "{what}");
    let base = load(WHOLE).unwrap();
    let text = DEAD.replacen(what, with, 1);
    let read = controls(Path::new("c.yaml"), "controls/c", &text, std::slice::from_ref(&base));
    let shown = |error: ScenarioError| {
        let line = error.place.map_or(0, |place| place.line);
        let help = error.help.map(|help| format!(" | {help}")).unwrap_or_default();
        format!("{line}: {}{help}", error.message)
    };
    read.err().unwrap_or_default().into_iter().map(shown).collect()
}

#[test]
fn layer_and_side_are_named_where_it_must_fail_and_nowhere_else() {
    assert_eq!(trouble("title: t", "title: t"), [""; 0]);
    assert_eq!(
        trouble(", layer: data-channel, side: bob", ""),
        [
            "4: a control that must fail names the `layer` of its verdict",
            "4: a control that must fail names the `side` of its verdict"
        ]
    );
    assert_eq!(
        trouble("verdict: fail", "verdict: pass"),
        ["4: a verdict `pass` names no `layer`", "4: a verdict `pass` names no `side`"]
    );
    assert_eq!(trouble("verdict: fail, layer: data-channel, side: bob", "verdict: inconclusive"), [""; 0]);
    let never = trouble("verdict: fail", "verdict: harness-error");
    assert!(never.len() == 1 && never[0].ends_with("cannot be `harness-error`"), "{never:?}");
}

#[test]
fn claims_and_fields_are_those_that_there_are() {
    assert_eq!(
        trouble("title: t", "title: t\nclaims: [event/datachannel, event/datachanel]"),
        ["2: unknown claim `event/datachanel` | did you mean `event/datachannel`?"]
    );
    let lie = |fields: &str| {
        let lie = format!("lie: {{ bob: {{ alter: {{ event: datachannel, {fields} }} }} }}");
        trouble("dead: bob", &lie)
    };
    assert_eq!(lie("fields: { channel.label: flip }"), [""; 0]);
    assert_eq!(lie("fields: { channel.labl: flip }"), ["3: no event datachannel has a `channel.labl`"]);
    assert_eq!(
        lie("with: { state: open }, fields: { channel.label: flip }"),
        ["3: no event datachannel has a `state`"]
    );
}

#[test]
fn the_types_of_a_control_are_checked_together() {
    assert_eq!(
        trouble("title: t\nof: data/t", "titel: t\nof: data/t\ntags: 5"),
        ["1: unknown key `titel` | did you mean `title`?", "3: expected a list, not 5"]
    );
}
