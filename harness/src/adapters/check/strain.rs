//! Many commands at once, large and unusual ones, and what is no command at all.

use super::outcome::{Group, Tried, shortened, violates};
use super::reply::Reply;
use super::session::{Ground, Over, START_DEADLINE, Session, Trouble};
use crate::peers::ANSWER_DEADLINE;
use crate::peers::program::process::End;
use peerproof_captures::event::PeerEvent;
use peerproof_captures::timeline::Answer;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;

/// Commands that are given at once.
const AT_ONCE: usize = 20;
/// How long a program may live after its input has ended.
const LAST_MOMENTS: Duration = Duration::from_secs(5);

/// Several commands without waiting for their answers.
pub(super) async fn at_once(ground: &Ground, listed: &BTreeSet<String>) -> Result<Group, Trouble> {
    let mut group = Group::new("several commands at once");
    let (mut session, made) = Session::connection(ground, "at once").await?;
    if let Err(outcome) = made {
        let _: Option<()> = group.add("createPeerConnection", Err(outcome));
        session.end().await;
        return Ok(group);
    }
    let queries = ["getState", "getTransceivers", "hello"];
    let name = queries.into_iter().find(|name| listed.contains(*name)).unwrap_or("hello");
    let ids: Vec<u64> = (0..AT_ONCE).map(|_| session.ask(name, Value::Null)).collect();
    let mut all: Tried = Ok(());
    for id in ids {
        let reply = session.answer(id, name, ANSWER_DEADLINE).await;
        let silent = matches!(reply, Reply::Silent(_));
        all = all.and(reply.done().map(|_| ()));
        if silent {
            break;
        }
    }
    group.add(format!("{AT_ONCE} {name} are answered"), all);
    if listed.contains("createDataChannel") {
        let mut all: Tried = Ok(());
        let labels: Vec<String> = (0..AT_ONCE).map(|n| format!("channel {n}")).collect();
        let ask = |label: &String| session.ask("createDataChannel", json!({ "label": label }));
        let ids: Vec<u64> = labels.iter().map(ask).collect();
        for (id, label) in ids.into_iter().zip(&labels) {
            let reply = session.answer(id, "createDataChannel", ANSWER_DEADLINE).await;
            let silent = matches!(reply, Reply::Silent(_));
            all = all.and(reply.done().and_then(|info| labelled(&info, label)));
            if silent {
                break;
            }
        }
        group.add(format!("{AT_ONCE} createDataChannel are answered, each with its label"), all);
    }
    session.end().await;
    Ok(group)
}

fn labelled(info: &Value, label: &str) -> Tried {
    if info.get("label").and_then(Value::as_str) == Some(label) {
        return Ok(());
    }
    violates(format!("a channel with the label {}", shortened(label)), shortened(&info.to_string()))
}

/// Large and unusual commands.
pub(super) async fn odd(ground: &Ground, listed: &BTreeSet<String>) -> Result<Group, Trouble> {
    let mut group = Group::new("large and unusual");
    let (mut session, made) = Session::connection(ground, "large and unusual").await?;
    if let Err(outcome) = made {
        let _: Option<()> = group.add("createPeerConnection", Err(outcome));
        session.end().await;
        return Ok(group);
    }
    group.add("members in another order, and spaces between", respelled(&mut session).await);
    if listed.contains("createDataChannel") {
        let label = "Grüße \u{2028} 😀 \" \\ \u{1f}";
        let made = session.call("createDataChannel", json!({ "label": label })).await.done();
        group.add("a label of unusual characters", made.and_then(|info| labelled(&info, label)));
        group.add("the same label, written with escapes", escaped(&mut session, listed).await);
        let long = "ä".repeat(32_767) + "x";
        let reply = session.call("createDataChannel", json!({ "label": long })).await;
        let refused = matches!(reply, Reply::Answered(Answer::Rejected { .. } | Answer::Unsupported { .. }));
        let came = reply.text();
        let whole = if refused { Ok(()) } else { reply.done().and_then(|info| labelled(&info, &long)) };
        group.add("a label of 65535 bytes", whole);
        if refused {
            group.note(format!("refused: {came}"));
        }
    }
    if listed.contains("setRemoteDescription") {
        session.untracked();
        let garbage = "a=garbage\r\n".repeat(1024 * 1024 / 11);
        let args = json!({ "description": { "type": "offer", "sdp": garbage } });
        let reply = session.call("setRemoteDescription", args).await;
        let refused = reply.refused_by_standard(&[]).map(|_| ());
        group.add("a description of 1 MiB of random text is rejected", refused);
    }
    let alive = session.call("hello", Value::Null).await.done().map(|_| ());
    group.add("it continues", alive);
    session.end().await;
    Ok(group)
}

async fn respelled(session: &mut Session) -> Tried {
    let line = format!(r#"  {{ "args" : {{ }} , "command" : "hello" , "id" : {} }}  "#, session.next_id());
    let id = session.ask_as("hello", line);
    session.answer(id, "hello", ANSWER_DEADLINE).await.done().map(|_| ())
}

/// JSON has several spellings of a string.
async fn escaped(session: &mut Session, listed: &BTreeSet<String>) -> Tried {
    let (name, key) = match listed.contains("getDataChannel") {
        true => ("getDataChannel", "channel"),
        false => ("createDataChannel", "label"),
    };
    let label = r#"Gr\u00fc\u00dfe \u2028 \ud83d\ude00 \u0022 \u005c \u001f"#;
    let id = session.next_id();
    let line = format!(r#"{{"id":{id},"command":"{name}","args":{{"{key}":"{label}"}}}}"#);
    let id = session.ask_as(name, line);
    let info = session.answer(id, name, ANSWER_DEADLINE).await.done()?;
    labelled(&info, "Grüße \u{2028} 😀 \" \\ \u{1f}")
}

/// The end of a case, if it serves several.
pub(super) async fn again(ground: &Ground, listed: &BTreeSet<String>) -> Result<Group, Trouble> {
    let mut group = Group::new("one case after another");
    if !listed.contains("end") {
        group.skip("end", "not among its commands: a process serves one case");
        return Ok(group);
    }
    let (mut session, made) = Session::connection(ground, "one case after another").await?;
    let first = match made {
        Ok(()) => used(&mut session).await,
        Err(outcome) => Err(outcome),
    };
    if group.add("a first case", first).is_some() {
        let ended = session.call("end", Value::Null).await.done().map(|_| ());
        if group.add("end", ended).is_some() {
            session.again();
            let hello = session.call("hello", Value::Null).await.done().map(|_| ());
            group.add("hello of the next case, numbered 0", hello);
            let reply = session.call("getDataChannel", json!({ "channel": "chat" })).await;
            let gone = reply.refused(&["InvalidStateError", "NotFoundError"]).map(|_| ());
            group.add("no state of the first case is left", gone);
            let made = session.call("createPeerConnection", json!({})).await.done().map(|_| ());
            let second = match made {
                Ok(()) => used(&mut session).await,
                Err(outcome) => Err(outcome),
            };
            group.add("a second case, its events numbered from 0", second);
        }
    }
    session.end().await;
    Ok(group)
}

/// Does what makes events.
async fn used(session: &mut Session) -> Tried {
    let mark = session.mark();
    session.call("createDataChannel", json!({ "label": "chat" })).await.done()?;
    let offer = session.call("createOffer", json!({})).await.done()?;
    session.call("setLocalDescription", json!({ "description": offer })).await.done()?;
    let changed = |event: &PeerEvent| matches!(event, PeerEvent::SignalingStateChange { .. }).then_some(());
    session.event(mark, "signalingstatechange", LAST_MOMENTS, changed).await
}

/// Lines that are no commands, and the end of its input.
pub(super) async fn noise(ground: &Ground) -> Result<Group, Trouble> {
    let mut group = Group::new("noise and the end of input");
    for (what, line) in
        [("a line that is not JSON", "this is no JSON {"), ("a line that is not an object", "[1,2]")]
    {
        let mut session = Session::start(ground, what).await?;
        session.call_within("hello", Value::Null, START_DEADLINE).await;
        session.write(line.to_owned());
        let reply = session.call("hello", Value::Null).await;
        let outcome = after_noise(&reply);
        let note = match &reply {
            Reply::Ended(over) => over.text.clone(),
            _ => "it continues".to_owned(),
        };
        if group.add(format!("{what}: it continues, or exits with a status"), outcome).is_some() {
            group.note(note);
        }
        session.end().await;
    }
    // A connection with its sockets and timers must not keep it alive.
    let mut session = Session::start_with_end(ground, "the end of input", 4).await?;
    session.untracked();
    session.call_within("hello", Value::Null, START_DEADLINE).await;
    session.call("createPeerConnection", Value::Null).await;
    session.call("createDataChannel", json!({ "label": "chat" })).await;
    session.call("setLocalDescription", Value::Null).await;
    let over = session.ends(LAST_MOMENTS).await;
    let gone = match &over {
        Some(Over { how: Some(End::Exited(_) | End::Signal(_)), .. }) => Ok(()),
        Some(over) => violates("it ends within 5 s", &over.text),
        None => violates("it ends within 5 s", "it still runs"),
    };
    let fine = gone.is_ok();
    group.add("it ends when its input does", gone);
    if let Some(over) = over.filter(|over| fine && over.how != Some(End::Exited(0))) {
        group.note(over.text);
    }
    session.end().await;
    Ok(group)
}

fn after_noise(reply: &Reply) -> Tried {
    match reply {
        Reply::Answered(Answer::Ok(_)) => Ok(()),
        Reply::Ended(Over { how: Some(End::Exited(_)), .. }) => Ok(()),
        other => violates("an answer to the next hello, or the end with a status", other.text()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_noise_it_goes_on_or_ends_by_itself() {
        assert!(after_noise(&Reply::Answered(Answer::Ok(json!({})))).is_ok());
        let ended = |how: End| Reply::Ended(Over { how: Some(how), text: how.to_string() });
        assert!(after_noise(&ended(End::Exited(2))).is_ok());
        assert!(after_noise(&ended(End::Signal(11))).is_err());
        // Its own words say nothing of how it ended.
        let text = "the program exited with status 0".to_owned();
        assert!(after_noise(&Reply::Ended(Over { how: None, text })).is_err());
        assert!(after_noise(&Reply::Silent(ANSWER_DEADLINE)).is_err());
    }
}
