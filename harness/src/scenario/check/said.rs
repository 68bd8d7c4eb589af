//! Expectations of a peer that cannot be decided, always hold, or contradict themselves; and unknown words.

use super::super::document::{Document, ValuePath};
use super::super::error::{ScenarioError, nearest};
use super::flow::Things;
use crate::scenario::command;
use peerproof_conformance::expect::{
    CandidatesMatch, ChannelMatch, Lines, Messages, OrNone, PairMatch, PeerExpectations, StatMatch,
    StateLists, TracksMatch, Transitions,
};

/// Types of candidates (RFC 8839 §5.1).
pub(in crate::scenario) const CANDIDATES: [&str; 4] = ["host", "srflx", "prflx", "relay"];

/// Names of exceptions with which the commands of the peer protocol are rejected (WebIDL, webrtc-pc, mediacapture-streams).
pub(in crate::scenario) const EXCEPTIONS: [&str; 16] = [
    "AbortError",
    "InvalidAccessError",
    "InvalidModificationError",
    "InvalidStateError",
    "NetworkError",
    "NotAllowedError",
    "NotFoundError",
    "NotReadableError",
    "NotSupportedError",
    "OperationError",
    "OverconstrainedError",
    "RangeError",
    "SecurityError",
    "SyntaxError",
    "TimeoutError",
    "TypeError",
];

/// `RTCStatsType` (webrtc-stats §6.1).
pub(in crate::scenario) const STATISTICS: [&str; 15] = [
    "candidate-pair",
    "certificate",
    "codec",
    "data-channel",
    "inbound-rtp",
    "local-candidate",
    "media-playout",
    "media-source",
    "outbound-rtp",
    "peer-connection",
    "remote-candidate",
    "remote-inbound-rtp",
    "remote-outbound-rtp",
    "transport",
    "track",
];

/// A word is one of these.
pub(super) fn word(
    document: &Document,
    what: &str,
    word: &str,
    words: &[&str],
    path: &ValuePath,
) -> Result<(), ScenarioError> {
    if words.contains(&word) {
        return Ok(());
    }
    let help = match nearest(word, words.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("known: {}", words.join(", ")),
    };
    Err(document.error(path, format!("unknown {what} `{word}`"), Some(help)))
}

/// The type of a candidate.
pub(super) fn candidate_type(document: &Document, kind: &str, path: &ValuePath) -> Result<(), ScenarioError> {
    word(document, "type of candidate", kind, &CANDIDATES, path)
}

/// The name of an exception.
pub(super) fn exception(document: &Document, name: &str, path: &ValuePath) -> Result<(), ScenarioError> {
    word(document, "exception", name, &EXCEPTIONS, path)
}

/// What is expected of a peer.
pub(super) fn of_peer(
    document: &Document,
    things: &Things<'_>,
    name: &str,
    expected: &PeerExpectations,
    path: &ValuePath,
) -> Vec<ScenarioError> {
    let mut errors = Vec::new();
    if let Some(candidates) = &expected.candidates {
        errors.extend(of_candidates(document, candidates, &path.key("candidates")).err());
    }
    for (n, rejection) in expected.errors.iter().flatten().enumerate() {
        let at = path.key("errors").index(n);
        let (command, names) = rejection.parts();
        let known = command::names();
        let known: Vec<&str> = known.iter().map(String::as_str).collect();
        errors.extend(word(document, "command", command, &known, &at.key(command)).err());
        let at = at.key(command);
        errors.extend(names.iter().find_map(|name| exception(document, name, &at).err()));
    }
    for (n, stat) in expected.stats.iter().enumerate() {
        errors.extend(of_statistics(document, stat, &path.key("stats").index(n)).err());
    }
    for (channel, messages) in &expected.messages {
        let at = path.key("messages").key(channel);
        errors.extend(
            things.channel(document, channel, &at).and_then(|()| of_messages(document, messages, &at)).err(),
        );
    }
    if let Some(OrNone::Some(channels)) = &expected.channels {
        for (label, channel) in channels {
            let at = path.key("channels").key(label);
            errors.extend(
                things.channel(document, label, &at).and_then(|()| of_channel(document, channel, &at)).err(),
            );
        }
    }
    if let Some(sdp) = &expected.sdp {
        for (key, lines) in [("offer", &sdp.offer), ("answer", &sdp.answer), ("pranswer", &sdp.pranswer)] {
            let at = path.key("sdp").key(key);
            errors.extend(lines.as_ref().and_then(|lines| of_lines(document, lines, &at).err()));
        }
    }
    if let Some(states) = &expected.states {
        errors.extend(of_states(document, states, &path.key("states")).err());
    }
    let nothing = |key: &str, what: &str| {
        document.error(&path.key(key), format!("nothing is expected of {what}"), None)
    };
    if expected.pair.as_ref().is_some_and(|pair| *pair == PairMatch::default()) {
        errors.push(nothing("pair", "the pair"));
    }
    if matches!(&expected.tracks, Some(OrNone::Some(tracks)) if *tracks == TracksMatch::default()) {
        errors.push(nothing("tracks", "the tracks"));
    }
    if expected.media.is_some() && !things.watches(name) {
        let help = format!("write `media: {{ watch: true }}` at {name}, or give it the command `watch`");
        let message = format!("{name} watches no track, so nothing of its media is seen");
        errors.push(document.error(&path.key("media"), message, Some(help)));
    }
    errors
}

fn of_candidates(
    document: &Document,
    expected: &CandidatesMatch,
    path: &ValuePath,
) -> Result<(), ScenarioError> {
    let CandidatesMatch { types, includes, lacks, mdns, end } = expected;
    for (key, list) in
        [("types", types.as_deref().unwrap_or_default()), ("includes", includes), ("lacks", lacks)]
    {
        for (n, kind) in list.iter().enumerate() {
            candidate_type(document, kind, &path.key(key).index(n))?;
        }
    }
    let wanted = types.iter().flatten().chain(includes);
    if let Some(kind) = wanted.clone().find(|kind| lacks.contains(kind)) {
        return Err(document.error(&path.key("lacks"), format!("`{kind}` is expected, too"), None));
    }
    if let (Some(types), Some(kind)) =
        (types, includes.iter().find(|kind| types.as_ref().is_some_and(|types| !types.contains(kind))))
    {
        let message = format!("`{kind}` is not among the `types` {}", types.join(", "));
        return Err(document.error(&path.key("includes"), message, None));
    }
    if types.is_none() && includes.is_empty() && lacks.is_empty() && mdns.is_none() && end.is_none() {
        return Err(document.error(path, "nothing is expected", None));
    }
    Ok(())
}

fn of_statistics(document: &Document, stat: &StatMatch, path: &ValuePath) -> Result<(), ScenarioError> {
    word(document, "type of statistics", &stat.kind, &STATISTICS, &path.key("type"))?;
    let compares = [stat.above, stat.below, stat.at_least, stat.at_most].iter().any(Option::is_some)
        || stat.equals.is_some()
        || stat.one_of.is_some();
    if stat.field.is_none() && compares {
        return Err(document.error(path, "a comparison needs a `field`", None));
    }
    if stat.field.is_some() && !compares {
        let help = Some("add `equals`, `oneOf`, `above`, `below`, `atLeast` or `atMost`".to_owned());
        return Err(document.error(&path.key("field"), "the field is compared with nothing", help));
    }
    if stat.field.is_none() && stat.count.is_none() {
        let help = Some("add `field` with a comparison, or `count`".to_owned());
        return Err(document.error(path, "nothing is expected of these statistics", help));
    }
    let least = [stat.above, stat.at_least].into_iter().flatten().fold(f64::NEG_INFINITY, f64::max);
    let most = [stat.below, stat.at_most].into_iter().flatten().fold(f64::INFINITY, f64::min);
    let excludes_its_end = stat.above == Some(least) || stat.below == Some(most);
    if least > most || (least == most && excludes_its_end) {
        return Err(document.error(path, format!("no number is above {least} and below {most}"), None));
    }
    Ok(())
}

fn of_messages(document: &Document, messages: &Messages, path: &ValuePath) -> Result<(), ScenarioError> {
    let Messages { exactly, unordered, in_order, some_of, includes, lacks, at_least, at_most } = messages;
    if let (Some(least), Some(most)) = (at_least, at_most)
        && least > most
    {
        let message = format!("at least {least} and at most {most} exclude each other");
        return Err(document.error(&path.key("atMost"), message, None));
    }
    if (exactly.is_some() || unordered.is_some()) && (at_least.is_some() || at_most.is_some()) {
        let key = if at_least.is_some() { "atLeast" } else { "atMost" };
        return Err(document.error(
            &path.key(key),
            "the list of all messages decides their number already",
            None,
        ));
    }
    if let (Some(includes), Some(lacks)) = (includes, lacks)
        && includes.iter().any(|message| lacks.contains(message))
    {
        return Err(document.error(&path.key("lacks"), "a message is expected, too", None));
    }
    let lists = [exactly, unordered, in_order, some_of, includes, lacks];
    if lists.iter().all(|list| list.is_none()) && at_least.is_none() && at_most.is_none() {
        return Err(document.error(path, "nothing is expected of these messages", None));
    }
    Ok(())
}

fn of_channel(document: &Document, channel: &ChannelMatch, path: &ValuePath) -> Result<(), ScenarioError> {
    let limited = channel.max_retransmits.is_some() || channel.max_packet_life_time.is_some();
    if channel.reliable == Some(true) && limited {
        return Err(document.error(&path.key("reliable"), "a channel with a limit is not reliable", None));
    }
    if *channel == ChannelMatch::default() {
        return Err(document.error(path, "nothing is expected of this channel", None));
    }
    Ok(())
}

fn of_lines(document: &Document, lines: &Lines, path: &ValuePath) -> Result<(), ScenarioError> {
    for (n, lack) in lines.lacks.iter().enumerate() {
        // A line that contains the longer piece contains the shorter one.
        if let Some(piece) = lines.contains.iter().find(|piece| piece.contains(lack.as_str())) {
            let message = format!("`{lack}` is in `{piece}`, which is expected");
            return Err(document.error(&path.key("lacks").index(n), message, None));
        }
    }
    if lines.contains.is_empty() && lines.lacks.is_empty() {
        return Err(document.error(path, "nothing is expected of this description", None));
    }
    Ok(())
}

fn of_states(document: &Document, states: &StateLists, path: &ValuePath) -> Result<(), ScenarioError> {
    fn of<S: PartialEq + std::fmt::Display>(
        document: &Document,
        states: Option<&Transitions<S>>,
        path: &ValuePath,
    ) -> Result<(), ScenarioError> {
        let Some(Transitions { any_of, includes, never }) = states else { return Ok(()) };
        let wanted = any_of.iter().flatten().chain(includes);
        if let Some(state) = wanted.into_iter().find(|state| never.contains(state)) {
            return Err(document.error(&path.key("never"), format!("`{state}` is expected, too"), None));
        }
        if any_of.is_empty() && includes.is_empty() && never.is_empty() {
            return Err(document.error(path, "nothing is expected of these states", None));
        }
        Ok(())
    }
    of(document, states.signaling.as_ref(), &path.key("signaling"))?;
    of(document, states.ice_gathering.as_ref(), &path.key("iceGathering"))?;
    of(document, states.ice_connection.as_ref(), &path.key("iceConnection"))?;
    of(document, states.ice_transport.as_ref(), &path.key("iceTransport"))?;
    of(document, states.connection.as_ref(), &path.key("connection"))?;
    of(document, states.dtls.as_ref(), &path.key("dtls"))?;
    of(document, states.sctp.as_ref(), &path.key("sctp"))
}
