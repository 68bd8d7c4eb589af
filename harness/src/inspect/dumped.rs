//! `--dump`: what browsers wrote down of the same call, beside its capture: on its axis, and in its diagnosis.

use super::InspectError;
use super::dump::{self, ConnectionReport};
use super::events::ApiEvent;
use super::source::Given;
use crate::terminal::{Paint, Style, clean};
use peerproof_captures::dump::{Called, DumpedConnection, Internals};
use peerproof_captures::sdp::{IceUfrag, SessionDescription};
use peerproof_captures::trace::{Connection, Side, Trace};
use peerproof_conformance::explain::{Diagnosis, explain_beside};
use peerproof_reports::session::{LogEntry, Series, StateChange};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeSet;
use std::io::{self, Write};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

/// Most descriptions that are taken from dumps.
const MOST_DESCRIPTIONS: usize = 200;
/// Most events, and most numbers over time, of a connection that are placed on the axis.
const MOST_EVENTS: usize = 5_000;
const MOST_SERIES: usize = 1_000;
/// Events so much before the first or behind the last packet of their connection are on another clock, in nanoseconds.
const ANOTHER_CLOCK: u64 = 60_000_000_000;

/// A dump that was given.
pub(super) struct Dumped {
    path: PathBuf,
    /// What its side is called where nothing else names it.
    stem: String,
    dump: Internals,
}

/// A dump beside a capture.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct DumpBeside {
    /// The file.
    pub name: String,
    /// Who wrote it: `chrome://webrtc-internals`, `about:webrtc`, `rtcstats`.
    pub origin: String,
    /// The browser, as it names itself.
    pub browser: Option<String>,
    /// What cannot be known from it.
    pub unknown: String,
    /// Its connections.
    pub connections: Vec<DumpedSide>,
}

/// A connection of a dump, which is a side of one of the capture.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct DumpedSide {
    /// The connection of the capture, an index into `trace.connections`; none if it is not in the capture.
    pub connection: Option<usize>,
    /// The name of the side.
    pub side: Option<String>,
    /// Why it is not in the capture, or why its events are not placed on the axis.
    pub notice: Option<String>,
    /// What the dump says of it.
    pub dump: ConnectionReport,
    /// What happened at times of the axis.
    #[serde(skip)]
    #[schemars(skip)]
    marks: Vec<Mark>,
    #[serde(skip)]
    #[schemars(skip)]
    series: Vec<Over>,
}

/// A state machine and its new state.
type NewState = (&'static str, String);

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Mark {
    ns: u64,
    entry: u64,
    /// The state machine and its new state, if it is one.
    state: Option<NewState>,
    text: String,
    trouble: bool,
}

/// A number over time, in nanoseconds since 1970.
#[derive(Debug, Clone, PartialEq)]
struct Over {
    kind: String,
    id: String,
    ssrc: Option<u64>,
    name: String,
    points: Vec<(u64, f64)>,
}

/// Reads the dumps, and takes their descriptions for those of the sides; what `--sdp` names counts more.
pub(super) fn read(paths: &[PathBuf], given: &mut Given) -> Result<(), InspectError> {
    for path in paths {
        let Some((name, dump)) = dump::read(path)? else {
            let reason = "no dump of chrome://webrtc-internals, about:webrtc or rtcstats".to_owned();
            return Err(InspectError::Foreign { name: path.display().to_string(), reason });
        };
        let stem =
            Path::new(&name).file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let stem = stem.split('.').next().unwrap_or_default().to_owned();
        given.dumps.push(Dumped { path: path.clone(), stem, dump });
    }
    let (named, files) = descriptions(&given.dumps);
    given.descriptions.splice(0..0, named);
    given.files.splice(0..0, files);
    Ok(())
}

/// The descriptions of dumps with the names of who made them, and the file of each.
fn descriptions(dumps: &[Dumped]) -> (Vec<(String, SessionDescription)>, Vec<PathBuf>) {
    let mut all: Vec<(bool, String, SessionDescription, PathBuf)> = Vec::new();
    for dumped in dumps {
        for connection in &dumped.dump.connections {
            let name = match dumped.dump.connections.len() {
                1 => dumped.stem.clone(),
                _ => format!("{} {}", dumped.stem, connection.id),
            };
            for it in connection.descriptions().take(MOST_DESCRIPTIONS) {
                let by = if it.is_local { name.clone() } else { format!("peer of {name}") };
                all.push((
                    it.is_local,
                    by,
                    SessionDescription::parse(it.sdp.to_owned()),
                    dumped.path.clone(),
                ));
            }
        }
    }
    // What the other side said is in the dump of the other side, too, if that was given.
    let own: BTreeSet<String> =
        all.iter().filter(|(is_local, ..)| *is_local).flat_map(|(_, _, sdp, _)| ufrags(sdp)).collect();
    all.retain(|(is_local, _, sdp, _)| *is_local || !ufrags(sdp).iter().any(|ufrag| own.contains(ufrag)));
    all.truncate(MOST_DESCRIPTIONS);
    all.into_iter().map(|(_, name, sdp, path)| ((name, sdp), path)).unzip()
}

/// A dump without a capture, as if each of its connections were a side, and its descriptions.
pub(super) fn alone(path: &Path, dump: Internals) -> (DumpBeside, Vec<(String, SessionDescription)>) {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let dumped = Dumped { path: path.to_owned(), stem: "the browser".to_owned(), dump };
    let mut entry = 0;
    let several = dumped.dump.connections.len() > 1;
    let sides = dumped.dump.connections.iter().map(|connection| DumpedSide {
        connection: None,
        side: Some(if several { connection.id.clone() } else { dumped.stem.clone() }),
        notice: None,
        dump: dump::connection(connection),
        marks: marks(connection, &mut entry),
        series: series(connection),
    });
    let beside = DumpBeside {
        name,
        origin: dumped.dump.origin.name().to_owned(),
        browser: dumped.dump.browser.clone(),
        unknown: dumped.dump.lacks(),
        connections: sides.collect(),
    };
    let (described, _) = descriptions(&[dumped]);
    (beside, described)
}

fn ufrags(description: &SessionDescription) -> Vec<String> {
    let sections = std::iter::once(description.session()).chain(description.media());
    sections.filter_map(|section| section.first::<IceUfrag>().map(|it| it.0)).collect()
}

/// Places the dumps beside the connections of the capture: adds to its diagnosis and to its events, whose entries are counted from `first_entry`.
pub(super) fn place(
    given: &Given,
    trace: &Trace,
    first_entry: u64,
    events: &mut Vec<ApiEvent>,
    diagnosis: &mut Vec<Diagnosis>,
) -> Vec<DumpBeside> {
    let mut entry = first_entry;
    let mut all = Vec::new();
    for dumped in &given.dumps {
        let sides = dumped.dump.connections.iter().map(|connection| {
            let mut side = DumpedSide {
                connection: None,
                side: None,
                notice: None,
                dump: dump::connection(connection),
                marks: Vec::new(),
                series: Vec::new(),
            };
            let found = find(connection, trace);
            let Some((index, at, of)) = found.and_then(|(index, at)| Some((index, at, trace.connections.get(index)?)))
            else {
                side.notice = Some(
                    "not in the capture: no connection there has its ICE ufrags or its local addresses; alone, `peerproof inspect` explains it"
                        .to_owned(),
                );
                return side;
            };
            (side.connection, side.side) = (Some(index), Some(of.name(at)));
            explain_beside(diagnosis, (index, of), at, connection);
            side.marks = marks(connection, &mut entry);
            side.series = series(connection);
            side.notice = another_clock(&side.marks, of);
            if side.notice.is_some() {
                (side.marks, side.series) = (Vec::new(), Vec::new());
            }
            let peer = of.name(at);
            events.extend(side.marks.iter().map(|mark| ApiEvent {
                ns: mark.ns,
                entry: mark.entry,
                peer: peer.clone(),
                text: mark.text.clone(),
                trouble: mark.trouble,
            }));
            side
        });
        all.push(DumpBeside {
            name: dumped.path.display().to_string(),
            origin: dumped.dump.origin.name().to_owned(),
            browser: dumped.dump.browser.clone(),
            unknown: dumped.dump.lacks(),
            connections: sides.collect(),
        });
    }
    events.sort_by_key(|event| event.ns);
    all
}

/// The connection of the capture, and the side of it, that a connection of a dump is.
fn find(dumped: &DumpedConnection, trace: &Trace) -> Option<(usize, Side)> {
    let of = |local: bool| -> BTreeSet<String> {
        let sdp = dumped.descriptions().filter(|it| it.is_local == local);
        sdp.flat_map(|it| ufrags(&SessionDescription::parse(it.sdp.to_owned()))).collect()
    };
    let (mut local, remote) = (of(true), of(false));
    let transports = dumped.of_type("transport");
    local.extend(
        transports.filter_map(|(_, stats)| stats.text("iceLocalUsernameFragment").map(str::to_owned)),
    );
    let by_ufrags = |connection: &Connection| {
        Side::BOTH.into_iter().find(|side| {
            let [own, theirs] = [*side, side.other()].map(|side| connection.peers.of(side).ufrag.as_ref());
            own.is_some_and(|ufrag| local.contains(ufrag))
                && theirs.is_none_or(|ufrag| remote.is_empty() || remote.contains(ufrag))
        })
    };
    let addresses: BTreeSet<SocketAddr> = dumped
        .of_type("local-candidate")
        .filter_map(|(_, stats)| {
            let address: IpAddr = stats.text("address").or_else(|| stats.text("ip"))?.parse().ok()?;
            Some(SocketAddr::new(address, u16::try_from(stats.count("port")).ok()?))
        })
        .filter(|address| address.port() > 9)
        .collect();
    let by_address = |index: usize| {
        let flows = trace.flows.iter().filter(|flow| flow.connection == Some(index));
        let mut sides = flows.flat_map(|flow| {
            [(flow.initiator, flow.initiator_is), (flow.responder, flow.initiator_is.other())]
        });
        sides.find(|(address, _)| addresses.contains(address)).map(|(_, side)| side)
    };
    let all = || trace.connections.iter().enumerate();
    all()
        .find_map(|(index, connection)| Some((index, by_ufrags(connection)?)))
        .or_else(|| all().find_map(|(index, _)| Some((index, by_address(index)?))))
}

/// What is worth a place on the axis.
fn marks(dumped: &DumpedConnection, entry: &mut u64) -> Vec<Mark> {
    let marks = dumped.log.iter().filter_map(|called| {
        let (state, text, trouble) = mark(called)?;
        let ns = dump::nanoseconds(called.at_ms?)?;
        let mark = Mark { ns, entry: *entry, state, text, trouble };
        *entry += 1;
        Some(mark)
    });
    marks.take(MOST_EVENTS).collect()
}

/// The new state that it is, if it is one, its text, and whether something failed; nothing for what would only fill the axis.
fn mark(called: &Called) -> Option<(Option<NewState>, String, bool)> {
    let machine = match called.kind.as_str() {
        "onsignalingstatechange" => "signalingState",
        "onicegatheringstatechange" => "iceGatheringState",
        "oniceconnectionstatechange" => "iceConnectionState",
        "onconnectionstatechange" => "connectionState",
        kind if kind.ends_with("OnFailure") => {
            return Some((None, dump::text(called), true));
        }
        "setLocalDescription"
        | "setRemoteDescription"
        | "createDataChannel"
        | "restartIce"
        | "close"
        | "onicecandidateerror"
        | "ontrack"
        | "ondatachannel" => {
            return Some((None, dump::text(called), called.kind == "onicecandidateerror"));
        }
        _ => return None,
    };
    let state = called.value.as_str()?.to_owned();
    let trouble = ["failed", "disconnected"].contains(&state.as_str());
    Some((Some((machine, state.clone())), format!("{machine} {state}"), trouble))
}

fn series(dumped: &DumpedConnection) -> Vec<Over> {
    let of = |series: &peerproof_captures::dump::DumpedSeries| {
        let stats = dumped.stats.get(&series.object);
        let points = series.points.iter().filter_map(|(ms, value)| Some((dump::nanoseconds(*ms)?, *value)));
        Over {
            kind: stats.map(|stats| stats.kind.clone()).unwrap_or_default(),
            id: series.object.clone(),
            ssrc: stats.and_then(|stats| stats.members.get("ssrc")).and_then(Value::as_u64),
            name: series.member.clone(),
            points: points.take(MOST_EVENTS).collect(),
        }
    };
    let wanted =
        dumped.series.iter().filter(|series| series.member != "ssrc" && series.member != "timestamp");
    wanted.take(MOST_SERIES).map(of).collect()
}

/// Why the events of a dump cannot be placed, if none is near the packets of its connection.
fn another_clock(marks: &[Mark], connection: &Connection) -> Option<String> {
    let (first, last) = (connection.first.ns, connection.last.ns);
    let off = |mark: &Mark| match mark.ns {
        ns if ns < first => first - ns,
        ns => ns.saturating_sub(last),
    };
    let nearest = marks.iter().map(off).min()?;
    (nearest > ANOTHER_CLOCK).then(|| {
        format!(
            "its events are not placed on the axis: the nearest is {} s off the packets of the connection, so the clocks differ",
            nearest / 1_000_000_000
        )
    })
}

/// What a page shows of the dumps on its axis.
#[derive(Default)]
pub(super) struct OnAxis {
    pub(super) entries: Vec<LogEntry>,
    pub(super) states: Vec<StateChange>,
    pub(super) stats: Vec<Series>,
}

/// The same for a page whose axis begins there, in microseconds since 1970.
pub(super) fn on_axis(dumps: &[DumpBeside], origin_us: u64) -> OnAxis {
    let us = |ns: u64| {
        let [ns, origin] = [ns / 1_000, origin_us].map(|us| i64::try_from(us).unwrap_or(i64::MAX));
        ns.saturating_sub(origin)
    };
    let mut all = OnAxis::default();
    for side in dumps.iter().flat_map(|dump| &dump.connections) {
        let Some(peer) = &side.side else { continue };
        for mark in &side.marks {
            let (entry, t_us) = (mark.entry, us(mark.ns));
            let text = format!("{peer}: {} (dump)", mark.text);
            all.entries.push(LogEntry { entry, t_us, kind: "event", text, trouble: mark.trouble });
            if let Some((machine, state)) = &mark.state {
                let (peer, state) = (peer.clone(), state.clone());
                all.states.push(StateChange { peer, machine, state, t_us, entry });
            }
        }
        all.stats.extend(side.series.iter().map(|over| Series {
            peer: peer.clone(),
            kind: over.kind.clone(),
            id: over.id.clone(),
            ssrc: over.ssrc,
            name: over.name.clone(),
            points: over.points.iter().map(|(ns, value)| (us(*ns), *value)).collect(),
        }));
    }
    all.states.sort_by_key(|state| state.t_us);
    all.entries.sort_by_key(|entry| entry.t_us);
    all
}

/// Writes for a person what the dumps have beside what is placed at the connections.
pub(super) fn write(dumps: &[DumpBeside], style: &Style, out: &mut dyn Write) -> io::Result<()> {
    for dump in dumps {
        let browser = dump.browser.as_deref().unwrap_or("a browser that it does not name");
        let heading = format!("Dump {}: {} of {}", clean(&dump.name), dump.origin, clean(browser));
        writeln!(out, "\n{}", style.paint(Paint::Heading, &heading))?;
        style.wrapped(out, "  ", "  ", &dump.unknown)?;
        for side in &dump.connections {
            let place = match (side.connection, &side.side) {
                (Some(index), Some(name)) => format!("{}: {name} of connection {}", side.dump.id, index + 1),
                _ => side.dump.id.clone(),
            };
            style.wrapped(out, "  ", "    ", &place)?;
            if let Some(notice) = &side.notice {
                style.wrapped(out, "    ", "      ", notice)?;
            }
            for line in
                side.dump.pairs.iter().chain(&side.dump.statistics).filter(|_| side.connection.is_some())
            {
                style.wrapped(out, "    ", "      ", line)?;
            }
        }
    }
    Ok(())
}
