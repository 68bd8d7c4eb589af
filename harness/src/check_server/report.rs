//! What was found out about servers.

use super::url::Transport;
use crate::terminal::{Paint, Style, clean};
use peerproof_conformance::checks::Status;
use schemars::JsonSchema;
use serde::Serialize;
use std::io::{self, Write};
use std::net::SocketAddr;

/// All servers, in the order of the command line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Report {
    /// One a URL.
    pub servers: Vec<Server>,
}

/// A server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Server {
    /// Its URL, as it was given.
    pub url: String,
    /// How it is reached.
    pub transport: Transport,
    /// What was checked of the URL: whether it has an address, and whether one was reached.
    pub checks: Vec<Check>,
    /// Its addresses: the first of each family.
    pub addresses: Vec<Address>,
}

/// A server at one of its addresses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Address {
    /// Where.
    #[schemars(with = "String")]
    pub address: SocketAddr,
    /// What was checked, in this order.
    pub checks: Vec<Check>,
}

/// One thing that was checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Check {
    /// What: a name that lasts.
    pub name: &'static str,
    /// How it stands.
    pub result: Status,
    /// What was seen, in one sentence.
    pub detail: String,
    /// The requirement of the catalogue (`peerproof requirements ID`). Where the catalogue binds clients, the one that depends on what was checked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requirement: Option<&'static str>,
    /// Where the demand is written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<&'static str>,
}

/// What is checked, and where it is demanded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Topic {
    pub(super) name: &'static str,
    pub(super) requirement: Option<&'static str>,
    pub(super) source: Option<&'static str>,
}

impl Topic {
    pub(super) const fn new(name: &'static str) -> Self {
        Self { name, requirement: None, source: None }
    }

    /// Demanded there.
    pub(super) const fn by(self, source: &'static str) -> Self {
        Self { source: Some(source), ..self }
    }

    /// In the catalogue.
    pub(super) const fn id(self, requirement: &'static str) -> Self {
        Self { requirement: Some(requirement), ..self }
    }

    pub(super) fn is(self, result: Status, detail: impl Into<String>) -> Check {
        let Self { name, requirement, source } = self;
        // Servers choose what they say.
        Check { name, result, detail: clean(&detail.into()), requirement, source }
    }

    pub(super) fn pass(self, detail: impl Into<String>) -> Check {
        self.is(Status::Pass, detail)
    }

    pub(super) fn fail(self, detail: impl Into<String>) -> Check {
        self.is(Status::Fail, detail)
    }

    pub(super) fn warn(self, detail: impl Into<String>) -> Check {
        self.is(Status::Warn, detail)
    }

    pub(super) fn open(self, detail: impl Into<String>) -> Check {
        self.is(Status::Inconclusive, detail)
    }
}

impl Check {
    /// Whether it is inconclusive.
    pub(super) fn is_open(&self) -> bool {
        self.result == Status::Inconclusive
    }
}

impl Report {
    /// Every check.
    pub fn checks(&self) -> impl Iterator<Item = &Check> {
        self.servers.iter().flat_map(|server| {
            server.checks.iter().chain(server.addresses.iter().flat_map(|address| &address.checks))
        })
    }

    /// Whether something failed.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.checks().any(|check| check.result == Status::Fail)
    }

    /// For a terminal.
    pub(super) fn write(&self, style: &Style, out: &mut dyn Write) -> io::Result<()> {
        let width = self.checks().map(|check| check.name.len()).max().unwrap_or_default();
        for server in &self.servers {
            let name = format!("{} over {}", clean(&server.url), server.transport);
            writeln!(out, "{}", style.paint(Paint::Heading, &name))?;
            for check in &server.checks {
                line(check, width, style, out)?;
            }
            for address in &server.addresses {
                writeln!(out, "  {}", address.address)?;
                for check in &address.checks {
                    line(check, width, style, out)?;
                }
            }
            writeln!(out)?;
        }
        let count = |result| self.checks().filter(|check| check.result == result).count();
        writeln!(
            out,
            "{} passed, {} failed, {} warnings, {} inconclusive",
            count(Status::Pass),
            count(Status::Fail),
            count(Status::Warn),
            count(Status::Inconclusive)
        )
    }
}

fn line(check: &Check, width: usize, style: &Style, out: &mut dyn Write) -> io::Result<()> {
    let (word, paint) = match check.result {
        Status::Pass => ("pass", Paint::Good),
        Status::Fail => ("FAIL", Paint::Bad),
        Status::Warn => ("warn", Paint::Remarkable),
        Status::NotApplicable => ("-", Paint::Soft),
        Status::Inconclusive => ("?", Paint::Remarkable),
    };
    let mut text = check.detail.clone();
    let is_met = !matches!(check.result, Status::Fail | Status::Warn);
    let place: Vec<&str> =
        [check.source.filter(|_| !is_met), check.requirement].into_iter().flatten().collect();
    if !place.is_empty() {
        text = format!("{text} ({})", place.join("; "));
    }
    let first = format!("    {}  {:<width$}  ", style.paint(paint, &format!("{word:<4}")), check.name);
    let next = " ".repeat(width + 12);
    // Colours have no width, so the first line is broken a little early.
    style.wrapped(out, &first, &next, &text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_result_names_its_requirement_and_a_failure_the_rfc_too() {
        let topic = Topic::new("binding").id("stun-response-matches-request").by("RFC 8489 §6.3.1");
        let checks = vec![topic.pass("it answers"), topic.fail("silence"), Topic::new("address").pass("one")];
        let server =
            Server { url: "stun:a".to_owned(), transport: Transport::Udp, checks, addresses: Vec::new() };
        let mut out = Vec::new();
        Report { servers: vec![server] }.write(&Style::PLAIN, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        for line in [
            "    pass  binding  it answers (stun-response-matches-request)\n",
            "    FAIL  binding  silence (RFC 8489 §6.3.1; stun-response-matches-request)\n",
            "    pass  address  one\n",
        ] {
            assert!(text.contains(line), "{line}: {text}");
        }
    }
}
