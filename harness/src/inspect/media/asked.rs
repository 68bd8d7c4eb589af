//! Which stream is asked for, and what its payload types stand for.

use super::super::chosen::Chosen;
use super::super::source::Given;
use super::super::{InspectArgs, InspectError, trace};
use super::g711::Coding;
use peerproof_captures::observe::Ends;
use peerproof_captures::trace::{Connection, Side, Stream, Trace};
use peerproof_captures::wire::payload::Format;
use peerproof_stack::media::Kind;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::str::FromStr;

/// Streams that a message names at most.
const NAMED: usize = 12;

/// A stream on the command line: `0x1a2b3c4d`, `439041101`, or with the name of its sender `alice:0x1a2b3c4d`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamName {
    ssrc: u32,
    sender: Option<String>,
}

impl FromStr for StreamName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (sender, ssrc) = match text.rsplit_once(':') {
            Some((sender, ssrc)) => (Some(sender.to_owned()), ssrc),
            None => (None, text),
        };
        let number = match ssrc.strip_prefix("0x").or_else(|| ssrc.strip_prefix("0X")) {
            Some(digits) => u32::from_str_radix(digits, 16),
            None => ssrc.parse(),
        };
        let ssrc =
            number.map_err(|_| "write the SSRC as 0x1a2b3c4d or in decimal, or SENDER:SSRC".to_owned())?;
        Ok(Self { ssrc, sender })
    }
}

/// A stream that was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Found {
    connection: usize,
    from: Side,
    ssrc: u32,
}

/// What is decoded.
pub(super) struct Asked {
    /// What it is called.
    pub(super) name: String,
    pub(super) ssrc: u32,
    /// The source that repeats its packets (RFC 4588).
    pub(super) repair: Option<u32>,
    /// The payload type of most packets.
    pub(super) main_type: u8,
    pub(super) types: Types,
    /// Whether nothing protects the connection: RTP stands in its datagrams as it is.
    pub(super) is_unprotected: bool,
    /// Names of the capture's interfaces.
    pub(super) interfaces: Vec<String>,
    /// Packets of it.
    pub(super) packets: u64,
    chosen: Chosen,
    from: Side,
    /// The side at each address of the connection's flows, by the two ends.
    sides: BTreeMap<(SocketAddr, SocketAddr), Side>,
}

impl Asked {
    /// Finds the stream that the arguments name, or the only one of that kind that can be decoded.
    pub(super) fn find(args: &InspectArgs, given: &Given, kind: Kind) -> Result<Self, InspectError> {
        let (file, trace) = trace(given)?;
        let (found, types) = choose(args, given, &trace, kind)?;
        let no_stream = || InspectError::NoStream { name: given.name.clone(), streams: String::new() };
        let connection = trace.connections.get(found.connection).ok_or_else(no_stream)?;
        let stream = connection.streams.get(&(found.from, found.ssrc)).ok_or_else(no_stream)?;
        let repairs = |other: &&Stream| other.from == found.from && other.repairs == Some(found.ssrc);
        let flows = trace.flows.iter().filter(|flow| flow.connection == Some(found.connection));
        let sides = flows.flat_map(|flow| {
            let (one, other) = (flow.initiator, flow.responder);
            [((one, other), flow.initiator_is), ((other, one), flow.initiator_is.other())]
        });
        Ok(Self {
            name: name(&trace, found),
            ssrc: found.ssrc,
            repair: connection.streams.values().find(repairs).map(|stream| stream.ssrc),
            main_type: stream.main_payload_type().unwrap_or_default(),
            types,
            is_unprotected: connection.handshakes.is_empty() && connection.pairs.is_empty(),
            packets: stream.packets,
            from: found.from,
            sides: sides.collect(),
            chosen: Chosen::of(given, &file, &trace, found.connection)?,
            interfaces: file.interfaces.into_iter().map(|it| it.name.unwrap_or_default()).collect(),
        })
    }

    /// Whether a packet with those ends may be one of its.
    pub(super) fn is_of(&self, frame: u64, ends: &Ends) -> bool {
        self.chosen.has(frame)
            && self.sides.get(&(ends.from, ends.to)).is_none_or(|sender| *sender == self.from)
    }
}

/// The stream that is named, or the only one of its kind.
fn choose(
    args: &InspectArgs,
    given: &Given,
    trace: &Trace,
    kind: Kind,
) -> Result<(Found, Types), InspectError> {
    let mut all: Vec<(Found, &Connection, &Stream)> = Vec::new();
    for (connection, it) in trace.connections.iter().enumerate() {
        if args.connection.is_some_and(|number| number != connection + 1) {
            continue;
        }
        for stream in it.streams.values().filter(|stream| !stream.is_repair()) {
            let found = Found { connection, from: stream.from, ssrc: stream.ssrc };
            all.push((found, it, stream));
        }
    }
    let streams = || {
        let lines = all.iter().take(NAMED).map(|(found, _, stream)| {
            let codec = stream.codec.as_deref().unwrap_or("unknown codec");
            format!("{} ({codec})", name(trace, *found))
        });
        let more = all.len().saturating_sub(NAMED);
        let more = (more > 0).then(|| format!("{more} more"));
        lines.chain(more).collect::<Vec<_>>().join(", ")
    };
    let decodable = |stream: &Stream, types: &Types| {
        stream.payload_types.keys().any(|it| types.main(*it, kind).is_some())
    };
    let wanted = |stream: &Stream, it: &Connection| match &args.frames_of {
        Some(asked) => {
            asked.ssrc == stream.ssrc
                && asked.sender.as_ref().is_none_or(|sender| *sender == it.name(stream.from))
        }
        None => decodable(stream, &Types::of(given, it, stream)),
    };
    let mut chosen = all.iter().filter(|(_, connection, stream)| wanted(stream, connection));
    let (Some((found, connection, stream)), another) = (chosen.next(), chosen.next()) else {
        let (name, streams) = (given.name.clone(), streams());
        return Err(match args.frames_of {
            Some(_) => InspectError::NoStream { name, streams },
            None => InspectError::NoneDecodable { name, what: decoded(kind), streams },
        });
    };
    if another.is_some() {
        return Err(InspectError::SeveralStreams { name: given.name.clone(), streams: streams() });
    }
    let types = Types::of(given, connection, stream);
    if !decodable(stream, &types) {
        let what = decoded(kind);
        let reason = match &stream.codec {
            Some(codec) => format!("it is {codec}; what can be decoded here is {what}"),
            None => "its codec is unknown: --sdp with the descriptions says it".to_owned(),
        };
        return Err(InspectError::NotDecoded { stream: name(trace, *found), reason });
    }
    Ok((*found, types))
}

/// The codecs of a kind that are decoded. VP9 and AV1 are not.
const fn decoded(kind: Kind) -> &'static str {
    match kind {
        Kind::Video => "VP8 and H.264",
        Kind::Audio => "Opus, PCMU and PCMA",
    }
}

/// What a stream is called in messages, so that it can be named on the command line.
fn name(trace: &Trace, found: Found) -> String {
    let Found { connection, from, ssrc } = found;
    let sender = trace.connections.get(connection).map_or_else(String::new, |it| it.name(from));
    let connection = match trace.connections.len() {
        1 => String::new(),
        _ => format!(" of connection {}", connection + 1),
    };
    format!("{sender}:{ssrc:#010x}{connection}")
}

/// What the payload types of a stream stand for.
pub(super) struct Types {
    formats: BTreeMap<u8, Format>,
    codings: BTreeMap<u8, Coding>,
    /// What RTX repeats, by its payload type.
    repaired: BTreeMap<u8, u8>,
}

impl Types {
    /// Those of the descriptions of both sides, or of all where the sides have no names; what was inferred from the packets beside.
    fn of(given: &Given, connection: &Connection, stream: &Stream) -> Self {
        let (mut formats, mut codings, mut repaired) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        let names = [Side::A, Side::B].map(|side| connection.peers.of(side).name.as_ref());
        let is_named = names.iter().any(Option::is_some);
        let of_it = |name: &String| !is_named || names.contains(&Some(name));
        for (_, description) in given.descriptions.iter().filter(|(name, _)| of_it(name)) {
            for (payload_type, codec) in description.media().flat_map(|section| section.codecs()) {
                if let Some(format) = Format::of(&codec.encoding) {
                    formats.insert(payload_type, format);
                }
                if let Some(coding) = Coding::of(&codec.encoding) {
                    codings.insert(payload_type, coding);
                }
                if let Some(original) = codec.repairs {
                    repaired.insert(payload_type, original);
                }
            }
        }
        let known = stream.codec.as_deref().map(|codec| codec.strip_prefix("red with ").unwrap_or(codec));
        if let (Some(known), Some(main)) = (known, stream.main_payload_type())
            && !formats.contains_key(&main)
            && !codings.contains_key(&main)
        {
            formats.extend(Format::of(known).map(|format| (main, format)));
            codings.extend(Coding::of(known).map(|coding| (main, coding)));
        }
        Self { formats, codings, repaired }
    }

    /// The format of a payload type.
    pub(super) fn format(&self, payload_type: u8) -> Option<Format> {
        self.formats.get(&payload_type).copied()
    }

    /// How a payload type is encoded, if it can be decoded.
    pub(super) fn coding(&self, payload_type: u8) -> Option<Coding> {
        self.codings.get(&payload_type).copied()
    }

    /// The same of the payload type of a packet with that kind of media. RED may hold any that is described, first of all one that browsers
    /// wrap.
    pub(super) fn main(&self, payload_type: u8, kind: Kind) -> Option<Coding> {
        let is_of_kind = |coding: &Coding| coding.kind() == kind;
        if self.format(payload_type) != Some(Format::Red) {
            return self.coding(payload_type).filter(is_of_kind);
        }
        let mut all = self.codings.values().copied().filter(is_of_kind);
        let first = all.next();
        first.into_iter().chain(all).find(|coding| matches!(coding, Coding::Of(_))).or(first)
    }

    /// What a payload type of RTX repeats.
    pub(super) fn repaired_by(&self, payload_type: u8) -> Option<u8> {
        self.repaired.get(&payload_type).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_named_by_its_ssrc_and_its_sender() {
        let named = |text: &str| text.parse::<StreamName>();
        let one = StreamName { ssrc: 0x1a2b, sender: None };
        assert_eq!(named("0x1a2b"), Ok(one.clone()));
        assert_eq!(named("0X00001A2B"), Ok(one.clone()));
        assert_eq!(named("6699"), Ok(one));
        // Names of peers may contain colons, such as addresses.
        let sender = Some("[fd00::2]:5000".to_owned());
        assert_eq!(named("[fd00::2]:5000:7"), Ok(StreamName { ssrc: 7, sender }));
        for wrong in ["", "alice", "0x", "0x100000000", "4294967296", "-1", "alice:"] {
            assert!(named(wrong).is_err(), "{wrong}");
        }
    }
}
