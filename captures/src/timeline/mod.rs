//! `timeline.jsonl`: everything that was done and everything that happened, one line each, on one clock.
//!
//! Steps, conditions, rules and notes are data; [`words`] makes their sentences.

pub mod condition;
mod earlier;
mod loss;
mod note;
mod rule;
mod step;
pub mod words;

pub use condition::{CandidateTransport, Condition, PeerState};
pub use loss::LossCause;
pub use note::Note;
pub use rule::{Rule, RuleAction};
pub use step::{Action, Expected, HarnessStep, Key, Lack, Seen, Step, StepOutcome};

use crate::event::{Description, IceCandidate, PeerEvent};
use crate::server::ServerEvent;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One line of the timeline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Position in the timeline, from zero.
    pub n: u64,
    /// Microseconds since the case began. The capture's packets are stamped by the same clock.
    pub t_us: u64,
    /// What happened.
    pub what: What,
}

/// Most entries of a timeline. Writers stop there and readers refuse more, since each entry takes some hundred bytes of memory. A minute of a
/// call has some hundred entries.
pub const MOST_ENTRIES: usize = 250_000;

/// Most bytes of a line of a timeline. A peer's messages have less than that in a whole case.
pub const MOST_BYTES_OF_LINE: usize = 32 << 20;

/// Reads `timeline.jsonl`.
///
/// # Errors
/// The number of the first line that is no entry, from one, and what is wrong with it; or that of the line beyond [`MOST_ENTRIES`] or of
/// more than [`MOST_BYTES_OF_LINE`].
pub fn read(bytes: &[u8]) -> Result<Vec<Entry>, (usize, serde_json::Error)> {
    let mut entries = Vec::new();
    for (n, line) in lines(bytes)? {
        if entries.len() >= MOST_ENTRIES {
            return Err((n + 1, too_large()));
        }
        entries.push(serde_json::from_slice(line).map_err(|error| (n + 1, error))?);
    }
    Ok(entries)
}

/// Reads `timeline.jsonl` of formats 1 and 2, whose steps, conditions, rules and notes were sentences.
///
/// # Errors
/// As [`read`]; a sentence that is none of those formats is no entry.
pub fn read_earlier(bytes: &[u8]) -> Result<Vec<Entry>, (usize, serde_json::Error)> {
    earlier::read(lines(bytes)?)
}

/// The lines that are not empty, with their numbers from zero.
fn lines(bytes: &[u8]) -> Result<impl Iterator<Item = (usize, &[u8])>, (usize, serde_json::Error)> {
    let lines = || bytes.split(|byte| *byte == b'\n').enumerate().filter(|(_, line)| !line.is_empty());
    if let Some((n, _)) = lines().find(|(_, line)| line.len() > MOST_BYTES_OF_LINE) {
        let text = format!("too large: a line of a timeline has at most {} MiB", MOST_BYTES_OF_LINE >> 20);
        return Err((n + 1, serde::de::Error::custom(text)));
    }
    Ok(lines())
}

fn too_large() -> serde_json::Error {
    serde::de::Error::custom(format!("too large: a timeline has at most {MOST_ENTRIES} entries"))
}

/// What an [`Entry`] contains.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum What {
    /// A step of the scenario began.
    StepBegan {
        /// Index into the scenario's steps, from zero.
        step: usize,
        /// The step.
        definition: Step,
        /// Where it stands: family, file and line (`data/echo.yaml:12`). Absent for steps that no file holds.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        place: Option<String>,
    },
    /// A step of the scenario ended.
    StepEnded {
        /// Index into the scenario's steps, from zero.
        step: usize,
        /// How.
        outcome: StepOutcome,
    },
    /// A command was given to a peer.
    Command {
        /// The peer.
        peer: String,
        /// Number of the command at this peer.
        id: u64,
        /// Name as in the peer protocol (`createOffer`).
        name: String,
        /// Its arguments.
        args: Value,
    },
    /// A peer answered a command.
    Answer {
        /// The peer.
        peer: String,
        /// Number of the command.
        id: u64,
        /// The answer.
        answer: Answer,
    },
    /// A peer reported an event.
    Event {
        /// The peer.
        peer: String,
        /// Number of the event at this peer, from zero: a gap means that one was lost.
        seq: u64,
        /// The event.
        event: PeerEvent,
    },
    /// A description was carried from one peer to the other, possibly rewritten on the way.
    Carried {
        /// Who it came from.
        from: String,
        /// Who got it.
        to: String,
        /// As it was sent.
        sent: Description,
        /// As it was handed over, if that differs.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        delivered: Option<Description>,
    },
    /// A candidate was carried from one peer to the other, possibly rewritten on the way.
    CarriedCandidate {
        /// Who it came from.
        from: String,
        /// Who got it.
        to: String,
        /// As it was sent; `null` at the end of candidates.
        sent: Option<IceCandidate>,
        /// As it was handed over; `null` if it was withheld.
        delivered: Option<IceCandidate>,
    },
    /// The signalling server carried a message.
    Signalled {
        /// Client id of the sender.
        from: String,
        /// Message as on the WebSocket.
        message: Value,
    },
    /// Something happened at a STUN or TURN server of the case.
    Server {
        /// The server's name in the scenario.
        server: String,
        /// What.
        event: ServerEvent,
    },
    /// A rule of the scenario acted on a packet.
    Faulted {
        /// The peer at whose tap it happened.
        peer: String,
        /// The rule; absent where records are renumbered because a rule cut messages of their sender before.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        rule: Option<Rule>,
        /// What was done to the packet.
        action: RuleAction,
        /// Number of the packet in the capture, from one, if it was recorded.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        frame: Option<u64>,
    },
    /// The network of the lab lost a packet.
    Lost {
        /// Number of the packet in the capture as it left its sender, from one, if it was recorded.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        frame: Option<u64>,
        /// Name of the segment or interface where it ended.
        place: String,
        /// Why.
        cause: LossCause,
    },
    /// A link of the lab became another one. Those that are limited from the beginning are recorded there.
    Link {
        /// The name of the step that changed it, if it has one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
        /// The interface (`alice/eth0`), or the segment whose uplink it is.
        of: String,
        /// The way from the host or the segment; absent if it stays as it was.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        up: Option<LinkRate>,
        /// The way to it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        down: Option<LinkRate>,
    },
    /// A statistics report (`RTCStatsReport` as an object by id).
    Stats {
        /// The peer.
        peer: String,
        /// The report.
        report: Value,
    },
    /// How well the clock of a peer outside this process is known. Written once, when the case ends; the times of the peer's events
    /// are then placed by it.
    PeerClock {
        /// The peer.
        peer: String,
        /// Microseconds to add to the peer's clock to get the case's, when the case began.
        offset_us: i64,
        /// How much faster the case's clock runs, in parts per million.
        drift_ppm: f64,
        /// By how much the placed times of the peer's events may be off, either way.
        error_us: u64,
    },
    /// How long this machine may have delayed what the case waited for. Written once, when the case ends. In virtual time nothing
    /// is ever delayed, and the list is empty.
    Stalls {
        /// Length of one window.
        window_us: u64,
        /// For each window from the case's beginning on: how long threads that could run had to wait in it. What is beyond the
        /// end of the list was not delayed.
        waited_us: Vec<u64>,
    },
    /// The harness has something to say (a browser was replaced, a file could not be written).
    Note(Note),
}

/// How much one direction of a link carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LinkRate {
    /// Kilobits per second, headers of IP included; absent if unlimited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kbit: Option<u64>,
}

/// A peer's answer to a command.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Answer {
    /// It was done; the result of the W3C operation.
    Ok(Value),
    /// The operation was rejected, as the W3C API rejects it.
    Rejected {
        /// Name of the `DOMException` or `TypeError`, `RangeError`.
        name: String,
        /// Its message.
        message: String,
    },
    /// The peer does not know the command or the feature.
    Unsupported {
        /// Why.
        reason: String,
    },
    /// No answer: the peer is gone or did not answer in time.
    Lost {
        /// What is known of the cause.
        reason: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_up_to_its_limit() {
        let line = |length: usize| " ".repeat(length) + "\n";
        for read in [read, read_earlier] {
            let (at, error) = read(line(MOST_BYTES_OF_LINE).as_bytes()).unwrap_err();
            assert!(at == 1 && !error.to_string().contains("too large"), "{error}");
            let (at, error) = read(format!("\n{}", line(MOST_BYTES_OF_LINE + 1)).as_bytes()).unwrap_err();
            assert_eq!(
                (at, error.to_string()),
                (2, "too large: a line of a timeline has at most 32 MiB".to_owned())
            );
        }
    }

    #[test]
    fn a_timeline_is_read_up_to_its_limit() {
        let entry = Entry { n: 0, t_us: 0, what: What::Stalls { window_us: 1, waited_us: Vec::new() } };
        let line = serde_json::to_string(&entry).unwrap() + "\n";
        let most = line.repeat(MOST_ENTRIES);
        assert_eq!(read(most.as_bytes()).unwrap().len(), MOST_ENTRIES);
        let (at, error) = read((most + &line).as_bytes()).unwrap_err();
        assert_eq!(at, MOST_ENTRIES + 1);
        assert!(error.to_string().contains("250000 entries"), "{error}");
    }
}
