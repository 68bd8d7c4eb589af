//! The reference stack as a program: the peer protocol as JSON lines on standard input and output.
//!
//! With it one version of Peerproof is a peer of another one, and there is an adapter that does all that the protocol has.

use super::peer::{StackOptions, open};
use crate::peers::protocol::Command;
use crate::peers::{CaseClock, OpenError, Opened, Peer, Surroundings};
use peerproof_captures::timeline::Answer;
use peerproof_stack::tap::SecretSink;
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::io::{AsyncBufReadExt, AsyncWrite, AsyncWriteExt, BufReader, Lines, Stdin};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::watch;

/// What is written: events are numbered as they are written.
enum Out {
    Event {
        t_us: u64,
        event: Value,
    },
    Answer {
        id: Value,
        t_us: u64,
        answer: Answer,
    },
    /// The next case begins.
    Again,
    /// Nothing more is written, even if something of the last case still holds on to this.
    Over,
}

/// The way to the writer for all that belongs to one case. A task of a case may outlive it; what it says then is dropped, since it would be
/// taken as of the next one.
#[derive(Debug, Clone)]
struct CaseOutput {
    case: u64,
    sender: UnboundedSender<(u64, Out)>,
}

impl CaseOutput {
    fn send(&self, out: Out) {
        // The writer has ended where standard output is closed; its error is reported at the end.
        let _ = self.sender.send((self.case, out));
    }
}

/// Serves case after case until standard input ends.
///
/// # Errors
/// A line is no command, standard output is closed, or the stack does not open.
pub async fn serve() -> Result<(), String> {
    let (sender, written) = unbounded_channel();
    let writer = tokio::spawn(write(written, tokio::io::stdout()));
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    let mut out = CaseOutput { case: 0, sender };
    while case(&mut lines, &out).await? {
        out.send(Out::Again);
        out.case += 1;
    }
    out.send(Out::Over);
    writer.await.map_err(|error| error.to_string())?
}

/// One case. Returns whether another one may come.
async fn case(lines: &mut Lines<BufReader<Stdin>>, out: &CaseOutput) -> Result<bool, String> {
    let clock = CaseClock::start();
    let secrets = Arc::new(Secrets { clock, out: out.clone() });
    let options = StackOptions { secrets, ..StackOptions::default() };
    let opened = open("self", clock, &Surroundings::default(), options);
    let Opened { peer, mut events } = opened.map_err(|error: OpenError| error.to_string())?;
    let peer: Arc<dyn Peer> = peer.into();
    let passed_on = watch::Sender::new(0_u64);
    let passing = (out.clone(), passed_on.clone());
    let forward = tokio::spawn(async move {
        let (out, passed_on) = passing;
        while let Some(reported) = events.recv().await {
            let event = serde_json::to_value(&reported.event).unwrap_or_default();
            out.send(Out::Event { t_us: reported.at_us, event });
            passed_on.send_modify(|count| *count += 1);
        }
    });
    let again = loop {
        let Some(line) = lines.next_line().await.map_err(|error| error.to_string())? else { break false };
        let (id, command) = read(&line)?;
        if matches!(command, Ok(Command::End)) {
            peer.end().await;
            out.send(Out::Answer { id, t_us: clock.now_us(), answer: Answer::Ok(Value::Null) });
            break true;
        }
        let (peer, out, mut passed_on) = (Arc::clone(&peer), out.clone(), passed_on.subscribe());
        // Commands are begun in the order in which they come: a task of its own waits for the answer, after the first poll here.
        let mut call = Box::pin(async move {
            let answer = match command {
                Ok(Command::Hello) => with_end(peer.call(Command::Hello).await),
                Ok(command) => peer.call(command).await,
                Err(answer) => answer,
            };
            let t_us = clock.now_us();
            // What was reported before is written before.
            let reported = peer.reported();
            let _ = passed_on.wait_for(|count| *count >= reported).await;
            out.send(Out::Answer { id, t_us, answer });
        });
        if futures::poll!(&mut call).is_pending() {
            tokio::spawn(call);
        }
    };
    if !again {
        peer.end().await;
    }
    forward.abort();
    Ok(again)
}

/// The answer to `hello` with the one command that is not the stack's but this program's.
fn with_end(mut answer: Answer) -> Answer {
    if let Answer::Ok(greeting) = &mut answer
        && let Some(commands) = greeting.get_mut("commands").and_then(Value::as_array_mut)
    {
        commands.push(json!(Command::End.name()));
    }
    answer
}

/// The number of a command, and the command or the answer to what is none.
fn read(line: &str) -> Result<(Value, Result<Command, Answer>), String> {
    let mut message: Value = serde_json::from_str(line).map_err(|error| format!("no JSON: {error}"))?;
    let object = message.as_object_mut().ok_or("a line is not a JSON object")?;
    let id = object.remove("id").ok_or("a command has no id")?;
    let name = object.get("command").and_then(Value::as_str).unwrap_or_default().to_owned();
    // An empty object is as good as none, and none as an empty one.
    match object.get("args") {
        None if serde_json::from_value::<Command>(json!({ "command": name })).is_err() => {
            object.insert("args".to_owned(), json!({}));
        }
        Some(Value::Object(args))
            if args.is_empty() && serde_json::from_value::<Command>(json!({ "command": name })).is_ok() =>
        {
            object.remove("args");
        }
        _ => {}
    }
    let command = serde_json::from_value::<Command>(message).map_err(|error| {
        let message = error.to_string();
        if message.contains("unknown variant `") && message.contains(&format!("`{name}`")) {
            Answer::Unsupported { reason: format!("unknown command {name}") }
        } else {
            Answer::Rejected { name: "TypeError".to_owned(), message }
        }
    });
    Ok((id, command))
}

async fn write(
    mut written: UnboundedReceiver<(u64, Out)>,
    mut output: impl AsyncWrite + Unpin,
) -> Result<(), String> {
    let (mut current, mut seq) = (0_u64, 0_u64);
    while let Some((case, out)) = written.recv().await {
        if case != current {
            continue;
        }
        let millis = |t_us: u64| t_us as f64 / 1000.0;
        let mut line = match out {
            Out::Again => {
                (current, seq) = (current + 1, 0);
                continue;
            }
            Out::Over => return Ok(()),
            Out::Answer { id, t_us, answer } => json!({ "id": id, "t": millis(t_us), "answer": answer }),
            Out::Event { t_us, event } => {
                let mut line = json!({ "seq": seq, "t": millis(t_us) });
                seq += 1;
                if let (Value::Object(line), Value::Object(event)) = (&mut line, event) {
                    line.extend(event);
                }
                line
            }
        }
        .to_string();
        line.push('\n');
        output.write_all(line.as_bytes()).await.map_err(|error| error.to_string())?;
        output.flush().await.map_err(|error| error.to_string())?;
    }
    Ok(())
}

/// Reports secrets as events.
#[derive(Debug)]
struct Secrets {
    clock: CaseClock,
    out: CaseOutput,
}

impl SecretSink for Secrets {
    fn key_log(&self, line: &str) {
        let event = json!({ "event": "keylog", "data": { "line": line.trim_end() } });
        self.out.send(Out::Event { t_us: self.clock.now_us(), event });
    }

    fn srtp_keying_material(&self, _: &[u8]) {
        // It follows from the key log.
    }
}

impl std::fmt::Debug for Out {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Out")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A task of the first case says something once the second has begun: its event would take number 0.
    #[tokio::test]
    async fn what_a_case_says_after_its_end_is_not_of_the_next() {
        let (sender, written) = unbounded_channel();
        let first = CaseOutput { case: 0, sender };
        let second = CaseOutput { case: 1, ..first.clone() };
        let event = |t_us| Out::Event { t_us, event: json!({ "event": "negotiationneeded" }) };
        let answer = |id: u64| Out::Answer { id: json!(id), t_us: 0, answer: Answer::Ok(Value::Null) };
        first.send(event(1_000));
        first.send(Out::Again);
        first.send(event(2_000));
        first.send(answer(7));
        second.send(event(3_000));
        second.send(answer(0));
        second.send(Out::Over);
        let mut output = Vec::new();
        write(written, &mut output).await.unwrap();
        let lines: Vec<Value> = String::from_utf8(output)
            .unwrap()
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        let of = |line: &Value| (line["seq"].as_u64(), line["id"].as_u64(), line["t"].as_f64());
        let expected = [(Some(0), None, Some(1.0)), (Some(0), None, Some(3.0)), (None, Some(0), Some(0.0))];
        assert_eq!(lines.iter().map(of).collect::<Vec<_>>(), expected);
    }
}
