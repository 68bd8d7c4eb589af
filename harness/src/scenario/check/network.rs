//! What is wrong with a step on the network: rules that say two things, rules that nobody installed, parts that are not there.

use super::super::document::{Document, ValuePath};
use super::super::error::{ScenarioError, nearest};
use super::super::model::Scenario;
use super::super::step::{Action, DEFAULT_WITHIN, NetworkStep, Step};
use super::facts::Facts;
use super::found::Found;
use super::{known_peer, links};
use crate::network::class::{Class, Handshake, StunClass, StunMethod};
use crate::network::fabric::topology::Part;
use crate::network::rule::{DTLS_CLIENT, DTLS_SERVER, MOST_PIECES, RuleSpec};
use crate::span::Span;
use peerproof_conformance::expect::{AnyOf, BitrateMatch};
use std::collections::BTreeSet;

/// Checks a step. `rules` are the names of the rules installed before it; its own is added.
pub(super) fn step(
    document: &Document,
    scenario: &Scenario,
    step: &NetworkStep,
    path: &ValuePath,
    rules: &mut BTreeSet<String>,
) -> Result<(), ScenarioError> {
    if let Some((key, spec)) = step.rule() {
        rules.extend(spec.name.clone());
        return rule(document, scenario, key, spec, &path.key(key));
    }
    match step {
        NetworkStep::Clear => Ok(()),
        NetworkStep::Bitrate(step) => {
            let path = path.key("bitrate");
            known_peer(document, scenario, &step.from, &path.key("from"))?;
            let wanted = BitrateMatch {
                during: String::new(),
                last_ms: Some(step.over.as_millis()),
                at_least_kbit: step.at_least_kbit,
                at_most_kbit: step.at_most_kbit,
            };
            match wanted.mistake() {
                Some(("lastMs", mistake)) => {
                    Err(document.error(&path.key("over"), format!("`over` {mistake}"), None))
                }
                Some(("during", mistake)) => Err(document.error(&path, format!("`bitrate` {mistake}"), None)),
                Some((key, mistake)) => {
                    Err(document.error(&path.key(key), format!("`{key}` {mistake}"), None))
                }
                None if step.over.0 >= step.within.unwrap_or(DEFAULT_WITHIN).0 => {
                    let help = "the rate is measured over this time; `within` defaults to 10s";
                    let message = "`over` must be shorter than `within`";
                    Err(document.error(&path.key("over"), message, Some(help.to_owned())))
                }
                None => Ok(()),
            }
        }
        NetworkStep::Streams(step) => {
            let path = path.key("streams");
            known_peer(document, scenario, &step.from, &path.key("from"))?;
            let bad = |rid: &String| rid.is_empty() || !rid.bytes().all(|byte| byte.is_ascii_alphanumeric());
            if step.rids.is_empty() || step.rids.iter().any(bad) {
                let message = "`rids` are one or more identifiers of letters and digits";
                return Err(document.error(&path.key("rids"), message, None));
            }
            Ok(())
        }
        NetworkStep::Acts(acts) => {
            let path = path.key("acts");
            if acts.times == 0 {
                return Err(document.error(&path.key("times"), "`times` must be at least 1", None));
            }
            if rules.contains(&acts.rule) {
                let most = most_acts(scenario, &acts.rule);
                if most < u64::from(acts.times) {
                    let message =
                        format!("`times` can be {most} at most: `{}` acts no more often", acts.rule);
                    return Err(document.error(&path.key("times"), message, None));
                }
                return Ok(());
            }
            let help = nearest(&acts.rule, rules.iter().map(String::as_str))
                .map_or("give it a `name`".to_owned(), |near| format!("did you mean `{near}`?"));
            let message = format!("no rule before this step is named `{}`", acts.rule);
            Err(document.error(&path.key("rule"), message, Some(help)))
        }
        change => one_change(document, scenario, change, path),
    }
}

/// How often the rules of a name can act at most.
fn most_acts(scenario: &Scenario, name: &str) -> u64 {
    let rules = scenario.steps.iter().filter_map(|step| match &step.action {
        Action::Network(step) => step.rule().map(|(_, rule)| rule),
        _ => None,
    });
    let named = rules.filter(|rule| rule.name.as_deref() == Some(name));
    let most = |rule: &RuleSpec| match (rule.nth, rule.first) {
        (Some(_), _) => 1,
        (None, Some(first)) => u64::from(first),
        (None, None) => u64::MAX,
    };
    // A rule of a control stands in no step of the scenario.
    named.map(most).reduce(u64::saturating_add).unwrap_or(u64::MAX)
}

fn rule(
    document: &Document,
    scenario: &Scenario,
    key: &str,
    spec: &RuleSpec,
    path: &ValuePath,
) -> Result<(), ScenarioError> {
    let wrong = |at: &str, message: String| Err(document.error(&path.key(at), message, None));
    let is_side = |from: &&String| [DTLS_CLIENT, DTLS_SERVER].contains(&from.as_str());
    if let Some(from) = spec.from.as_ref().filter(|from| !is_side(from)) {
        known_peer(document, scenario, from, &path.key("from"))?;
    }
    let needs_by = matches!(key, "delay" | "replay");
    if needs_by != spec.by.is_some() {
        let message = if needs_by { "needs `by`" } else { "has no `by`: only `delay` and `replay` have" };
        return wrong("by", format!("`{key}` {message}"));
    }
    for (at, given) in [("byte", spec.byte.is_some()), ("field", spec.field.is_some())] {
        if key != "corrupt" && given {
            return wrong(at, format!("only `corrupt` has `{at}`"));
        }
    }
    if spec.byte.is_some() && spec.field.is_some() {
        return wrong("field", "`byte` and `field` exclude each other".to_owned());
    }
    if (key == "inject") != spec.bytes.is_some() {
        let message = if key == "inject" { "`inject` needs `bytes`" } else { "only `inject` has `bytes`" };
        return wrong("bytes", message.to_owned());
    }
    if key != "fragment" && spec.pieces.is_some() {
        return wrong("pieces", "only `fragment` has `pieces`".to_owned());
    }
    let uncut = |any: &AnyOf<Handshake>| any.0.iter().copied().find(|message| !message.can_be_cut());
    if key == "fragment"
        && let Some(message) = spec.handshake.as_ref().and_then(uncut)
    {
        return wrong(
            "handshake",
            format!("{message:?} cannot be fragmented: it is encrypted or has no body"),
        );
    }
    if spec.pieces.is_some_and(|pieces| !(2..=MOST_PIECES).contains(&pieces)) {
        return wrong("pieces", format!("a message is fragmented into 2 to {MOST_PIECES} pieces"));
    }
    // The records of a packet on which another rule acts would keep their numbers, and be taken for replays.
    let fragments = |step: &Step| matches!(&step.action, Action::Network(NetworkStep::Fragment(_)));
    if !matches!(key, "fragment" | "drop") && scenario.steps.iter().any(fragments) {
        let message =
            format!("`{key}` cannot be combined with `fragment`, which renumbers records; use `drop`");
        return Err(document.error(path, message, None));
    }
    if let (Some(field), Some(class)) = (spec.field, spec.class)
        && !field.is_of(class)
    {
        return wrong("field", "packets of this class have no such field".to_owned());
    }
    let stream_less = spec.sctp.iter().flat_map(|any| &any.0).find(|chunk| !chunk.has_stream());
    if let Some(chunk) = stream_less {
        let of_data = [
            ("dcep", spec.dcep.is_some()),
            ("stream", spec.stream.is_some()),
            ("channel", spec.channel.is_some()),
        ];
        if let Some((at, _)) = of_data.into_iter().find(|(_, given)| *given) {
            let name = serde_json::to_value(chunk).unwrap_or_default();
            let name = name.as_str().unwrap_or_default();
            return wrong(at, format!("{name} has no stream: `{at}` requires DATA"));
        }
    }
    if spec.probability.is_some_and(|probability| !(0.0..=1.0).contains(&probability)) {
        return wrong("probability", "a probability lies between 0 and 1".to_owned());
    }
    if let (Some(after), Some(until)) = (spec.after, spec.until)
        && after.0 >= until.0
    {
        return wrong("until", "the window is empty: it ends before it begins".to_owned());
    }
    if spec.steps == Some(0) {
        return wrong("steps", "a rule lasts for a step at least".to_owned());
    }
    if spec.every == Some(0) || spec.nth == Some(0) || spec.first == Some(0) {
        return Err(document.error(path, "packets are counted from 1", None));
    }
    if spec.probability == Some(0.0) {
        return wrong("probability", "a rule of probability 0 never acts".to_owned());
    }
    if let (Some(first), Some(nth)) = (spec.first, spec.nth.or(spec.every))
        && nth > first
    {
        return wrong("first", format!("packet {nth} is not among the first {first}"));
    }
    if spec.nth.is_some() && spec.every.is_some() {
        return wrong("every", "`nth` and `every` exclude each other".to_owned());
    }
    if spec.by.is_some_and(Span::is_zero) {
        return wrong("by", "`by` must be longer than 0".to_owned());
    }
    never_sent(document, spec, path)?;
    let needs = |at, given: bool, class: Class, word| (given, at, class, word);
    let of_class = [
        needs("handshake", spec.handshake.is_some(), Class::Dtls, "dtls"),
        needs("content", spec.content.is_some(), Class::Dtls, "dtls"),
        needs("sctp", spec.sctp.is_some(), Class::Dtls, "dtls"),
        needs("dcep", spec.dcep.is_some(), Class::Dtls, "dtls"),
        needs("stream", spec.stream.is_some(), Class::Dtls, "dtls"),
        needs("channel", spec.channel.is_some(), Class::Dtls, "dtls"),
        needs("stun", spec.stun.is_some(), Class::Stun, "stun"),
        needs("method", spec.method.is_some(), Class::Stun, "stun"),
        needs("useCandidate", spec.use_candidate.is_some(), Class::Stun, "stun"),
        needs("payloadType", spec.payload_type.is_some(), Class::Srtp, "srtp"),
    ];
    let mut given = of_class.into_iter().filter(|(given, ..)| *given);
    let stated = spec.class.map(|class| ("class", class));
    let first = stated.or_else(|| given.clone().next().map(|(_, at, class, _)| (at, class)));
    if let Some((other, class)) = first
        && let Some((_, at, _, word)) = given.find(|(.., of, _)| *of != class)
    {
        return wrong(at, format!("only packets of class {word} have `{at}`, and `{other}` is of others"));
    }
    Ok(())
}

/// Most bytes of a datagram: those of UDP over IPv4.
const LARGEST_DATAGRAM: usize = 65_507;
/// Largest payload type: seven bits (RFC 3550 §5.1).
const LARGEST_PAYLOAD_TYPE: u8 = 127;

/// A rule for packets that no peer sends never acts.
fn never_sent(document: &Document, spec: &RuleSpec, path: &ValuePath) -> Result<(), ScenarioError> {
    let wrong = |at: &str, message: &str| Err(document.error(&path.key(at), message, None));
    if spec.payload_type.is_some_and(|number| number > LARGEST_PAYLOAD_TYPE) {
        return wrong("payloadType", "a payload type is at most 127 (RFC 3550 §5.1)");
    }
    if spec.least_size.is_some_and(|size| size > LARGEST_DATAGRAM) {
        return wrong("leastSize", "no datagram is so large: UDP carries at most 65507 bytes");
    }
    let sides = [(DTLS_CLIENT, false), (DTLS_SERVER, true)];
    if let (Some((side, is_server)), Some(messages)) =
        (sides.into_iter().find(|(side, _)| spec.from.as_deref() == Some(*side)), &spec.handshake)
        && !messages.0.is_empty()
        && messages.0.iter().all(|message| sent_by_server(*message) == Some(!is_server))
    {
        let names: Vec<String> = messages.0.iter().map(|message| format!("{message:?}")).collect();
        return wrong("from", &format!("the {side} never sends {}", names.join(" or ")));
    }
    if spec.use_candidate == Some(true) {
        if spec.stun.is_some_and(|class| class != StunClass::Request) {
            return wrong("useCandidate", "only requests have USE-CANDIDATE (RFC 8445 §16.1)");
        }
        if spec.method.is_some_and(|method| method != StunMethod::Binding) {
            return wrong("useCandidate", "only Binding requests have USE-CANDIDATE (RFC 8445 §16.1)");
        }
    }
    Ok(())
}

/// A rule for what nobody in the scenario sends never acts.
pub(super) fn needed(facts: &Facts<'_>, spec: &RuleSpec, path: &ValuePath, found: &mut Found<'_>) {
    let is_media = matches!(spec.class, Some(Class::Srtp | Class::Srtcp)) || spec.payload_type.is_some();
    if is_media && !facts.is_with_media() {
        let at = if spec.class.is_some() { "class" } else { "payloadType" };
        found.add(&path.key(at), "there is no media in this scenario");
    }
    let of_turn = spec.method.is_some_and(|method| method != StunMethod::Binding);
    if (of_turn || spec.class == Some(Class::TurnChannel)) && !facts.anybody_relays() {
        let at = if of_turn { "method" } else { "class" };
        found.help(&path.key(at), "no peer has a TURN server", "give `iceServers` a server for `turn`");
    }
    let of_data =
        [("sctp", spec.sctp.is_some()), ("dcep", spec.dcep.is_some()), ("stream", spec.stream.is_some())];
    if let Some((at, _)) = of_data.iter().find(|(_, given)| *given)
        && !facts.is_with_channels()
    {
        found.add(&path.key(at), "there is no channel in this scenario");
    }
}

/// Whether it is the server that sends a message; nothing if both may.
fn sent_by_server(message: Handshake) -> Option<bool> {
    match message {
        Handshake::ClientHello | Handshake::ClientKeyExchange => Some(false),
        Handshake::HelloRequest
        | Handshake::ServerHello
        | Handshake::HelloVerifyRequest
        | Handshake::NewSessionTicket
        | Handshake::EncryptedExtensions
        | Handshake::ServerKeyExchange
        | Handshake::CertificateRequest
        | Handshake::ServerHelloDone => Some(true),
        Handshake::Certificate
        | Handshake::CertificateVerify
        | Handshake::Finished
        | Handshake::KeyUpdate => None,
    }
}

/// What is expected of bitrates speaks of links that steps change, and can be.
pub(super) fn bitrates(
    document: &Document,
    scenario: &Scenario,
    bitrates: &[BitrateMatch],
    path: &ValuePath,
) -> Result<(), ScenarioError> {
    let names = scenario.steps.iter().filter_map(|step| match &step.action {
        Action::Network(NetworkStep::Link(link)) => link.name.as_deref(),
        _ => None,
    });
    for (n, wanted) in bitrates.iter().enumerate() {
        let path = path.index(n);
        if let Some((key, mistake)) = wanted.mistake() {
            let place = if key == "during" { path } else { path.key(key) };
            let subject = if key == "during" { "bitrate" } else { key };
            return Err(document.error(&place, format!("`{subject}` {mistake}"), None));
        }
        if names.clone().filter(|name| *name == wanted.during).count() > 1 {
            let message = format!("several steps that change a link are named `{}`", wanted.during);
            return Err(document.error(&path.key("during"), message, Some("rename one of them".to_owned())));
        }
        if !names.clone().any(|name| name == wanted.during) {
            let help = nearest(&wanted.during, names.clone())
                .map_or("give it a `name`".to_owned(), |near| format!("did you mean `{near}`?"));
            let message = format!("no step that changes a link is named `{}`", wanted.during);
            return Err(document.error(&path.key("during"), message, Some(help)));
        }
    }
    Ok(())
}

/// What a link becomes is one that packets can pass.
fn changed(document: &Document, step: &NetworkStep, path: &ValuePath) -> Result<(), ScenarioError> {
    let NetworkStep::Link(link) = step else { return Ok(()) };
    let ways = [("both", &link.both), ("up", &link.up), ("down", &link.down)];
    for (key, quality) in ways.into_iter().filter_map(|(key, it)| Some((key, it.as_ref()?))) {
        links::quality(document, quality, &path.key("link").key(key))?;
    }
    Ok(())
}

/// What is changed is part of the network.
fn one_change(
    document: &Document,
    scenario: &Scenario,
    step: &NetworkStep,
    outer: &ValuePath,
) -> Result<(), ScenarioError> {
    let path = outer;
    let Some(topology) = scenario.topology() else {
        let help = Some("say `network: home-nat` or another network of the lab".to_owned());
        return Err(document.error(path, "this network cannot be changed", help));
    };
    let part = |name: &str| Part::find(&topology, name);
    let interface = |name: &str| matches!(part(name), Some(Part::Interface(_)));
    let (path, name, fits) = match step {
        NetworkStep::Link(link) => (path.key("link").key("of"), &link.of, part(&link.of).is_some()),
        NetworkStep::Cut(of) => (path.key("cut"), of, part(of).is_some()),
        NetworkStep::Mend(of) => (path.key("mend"), of, part(of).is_some()),
        NetworkStep::Down(of) => (path.key("down"), of, interface(of)),
        NetworkStep::Up(of) => (path.key("up"), of, interface(of)),
        NetworkStep::Rebind(of) => {
            let translates = topology.segments.get(of).is_some_and(|segment| segment.nat.is_some());
            (path.key("rebind"), of, translates)
        }
        _ => return Ok(()),
    };
    if fits {
        return changed(document, step, outer);
    }
    let known = topology.segments.keys().chain(topology.interfaces.keys()).map(String::as_str);
    let help = match nearest(name, known.clone()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("there are {}", known.collect::<Vec<_>>().join(", ")),
    };
    Err(document.error(
        &path,
        format!("`{name}` is not a part of the network that this step can change"),
        Some(help),
    ))
}
