//! The line to the harness: what this peer says, numbered and timed.

use std::io::{BufWriter, Stdout, Write, stdout};
use std::time::Instant;

use serde_json::{Value, json};

/// Why a command was not done.
pub enum Refusal {
    /// As the W3C API rejects it.
    Rejected { name: &'static str, message: String },
    /// str0m, or this adapter, cannot do it.
    Unsupported(String),
}

pub type Answer = Result<Value, Refusal>;

pub fn rejected<T>(name: &'static str, message: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal::Rejected { name, message: message.into() })
}

pub fn unsupported<T>(reason: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal::Unsupported(reason.into()))
}

pub struct Wire {
    /// The zero of this peer's clock.
    start: Instant,
    next_seq: u64,
    out: BufWriter<Stdout>,
}

impl Wire {
    pub fn new() -> Self {
        Self { start: Instant::now(), next_seq: 0, out: BufWriter::new(stdout()) }
    }

    /// Begins a new case: its events are numbered from zero.
    pub fn begin(&mut self) {
        self.next_seq = 0;
    }

    /// Milliseconds on the one clock of answers and events.
    pub fn clock(&self) -> f64 {
        self.start.elapsed().as_secs_f64() * 1000.0
    }

    /// Reports an event that happened now; without data if that is null.
    pub fn event(&mut self, name: &str, data: Value) {
        let mut message = json!({ "seq": self.next_seq, "t": self.clock(), "event": name });
        if !data.is_null() {
            message["data"] = data;
        }
        self.next_seq += 1;
        self.say(&message);
    }

    pub fn log(&mut self, level: &str, message: &str) {
        self.event("log", json!({ "level": level, "message": message }));
    }

    pub fn answer(&mut self, id: u64, answer: Answer) {
        let answer = match answer {
            Ok(value) => json!({ "ok": value }),
            Err(Refusal::Rejected { name, message }) => {
                json!({ "rejected": { "name": name, "message": message } })
            }
            Err(Refusal::Unsupported(reason)) => json!({ "unsupported": { "reason": reason } }),
        };
        let message = json!({ "id": id, "t": self.clock(), "answer": answer });
        self.say(&message);
    }

    fn say(&mut self, message: &Value) {
        if writeln!(self.out, "{message}").and_then(|()| self.out.flush()).is_err() {
            // Nobody listens any more.
            std::process::exit(0);
        }
    }
}
