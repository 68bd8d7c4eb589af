//! What a program says of itself, and what it says to commands that it has not.

use super::features::{self, Claims};
use super::outcome::{Group, Tried, violates};
use super::reply::Reply;
use super::session::{Ground, START_DEADLINE, Session, Trouble};
use crate::peers::greeting::Greeting;
use crate::scenario::command;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Names that no peer has, though what a program is written in may have them.
const INVENTED: [&str; 5] = ["impossible", "inventedCommand", "constructor", "__class__", ""];

/// Asks it who it is. Without an answer nothing else can be tried.
pub(super) async fn greeting(ground: &Ground) -> Result<(Group, Option<Greeting>), Trouble> {
    let mut group = Group::new("greeting");
    let mut session = Session::start(ground, "greeting").await?;
    let answered = session.call_within("hello", Value::Null, START_DEADLINE).await;
    let Some(greeting) = group.add("hello is answered", read(&answered)) else {
        session.end().await;
        return Ok((group, None));
    };
    group.note(format!(
        "{} {}, protocol {}, {} commands",
        greeting.implementation,
        greeting.version,
        greeting.protocol,
        greeting.commands.len()
    ));
    let known = command::names();
    group.add("it lists commands of the protocol, each once", commands(&greeting.commands, &known));
    group.add("it has the commands of the features that it claims", features::fit(&greeting));
    group.note(Claims::of(&greeting).note(&greeting));
    let again = session.call("hello", json!({})).await;
    let same = match (again == answered, &again) {
        (true, _) => Ok(()),
        (false, _) => violates("the same answer as before, also with empty arguments", again.text()),
    };
    group.add("hello is answered again", same);
    let mut first: Tried = Ok(());
    for name in INVENTED {
        let reply = session.call(name, Value::Null).await;
        first = first.and(unsupported(name, &reply));
    }
    group.add("impossible and invented commands are unsupported", first);
    let listed: BTreeSet<&str> = greeting.commands.iter().map(String::as_str).collect();
    let mut unlisted: Vec<&str> = known.iter().map(String::as_str).collect();
    unlisted.retain(|name| *name != "impossible" && !listed.contains(name));
    // What ends a case comes last.
    unlisted.sort_by_key(|name| *name == "end");
    let mut first: Tried = Ok(());
    for name in &unlisted {
        let reply = session.call(name, Value::Null).await;
        first = first.and(unsupported(name, &reply));
    }
    if !unlisted.is_empty() {
        group.add("commands that it does not list are unsupported", first);
        group.note(unlisted.join(", "));
    }
    session.end().await;
    Ok((group, Some(greeting)))
}

fn read(reply: &Reply) -> Tried<Greeting> {
    let expected = "{protocol, implementation, version, commands}";
    match reply {
        Reply::Answered(answer) => {
            Greeting::of(answer).or_else(|error| violates(expected, format!("{error}: {}", reply.text())))
        }
        _ => violates(expected, reply.text()),
    }
}

fn commands(listed: &[String], known: &[String]) -> Tried {
    let mut seen = BTreeSet::new();
    let doubled: Vec<&str> = listed.iter().filter(|name| !seen.insert(*name)).map(String::as_str).collect();
    let unknown: Vec<&str> = listed
        .iter()
        .filter(|name| *name == "impossible" || !known.contains(name))
        .map(String::as_str)
        .collect();
    match (doubled.as_slice(), unknown.as_slice()) {
        ([], []) if !seen.contains(&"hello".to_owned()) => violates("hello among them", "no hello"),
        ([], []) => Ok(()),
        ([], unknown) => violates("names of the protocol", unknown.join(", ")),
        (doubled, _) => violates("each name once", format!("more than once: {}", doubled.join(", "))),
    }
}

fn unsupported(name: &str, reply: &Reply) -> Tried {
    match reply {
        Reply::Answered(peerproof_captures::timeline::Answer::Unsupported { .. }) => Ok(()),
        other => violates(format!("unsupported, of `{name}`"), other.text()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_hold_each_command_once_and_no_other() {
        let known = command::names();
        let list = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            commands(&names, &known)
        };
        assert_eq!(list(&["hello", "createOffer"]), Ok(()));
        for wrong in
            [&["createOffer"][..], &["hello", "hello"], &["hello", "dance"], &["hello", "impossible"]]
        {
            assert!(list(wrong).is_err(), "{wrong:?}");
        }
    }
}
