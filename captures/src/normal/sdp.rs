//! The descriptions of a case, line by line.
//!
//! Replaced by a name: session id and version, addresses and ports, ufrag and password, fingerprint, tls-id, SSRCs, CNAMEs,
//! ids of streams and tracks. Everything else stands as it came: payload types, mids, header extensions.
//!
//! Left out since it depends on timing: `a=candidate` and `a=end-of-candidates` (how many are found before a description is
//! read is chance; [`super::ice`] has their types) and with them the address and port that the default candidate puts
//! into `c=`, `m=` and `a=rtcp`. A port of zero, which rejects a section, is kept.

use super::Played;
use super::names::Names;
use crate::event::{Description, PeerEvent, SdpType};
use crate::timeline::{Answer, What};
use serde::Deserialize;
use std::fmt::Write;

/// One description that a peer gave away.
struct Given<'a> {
    sent: std::borrow::Cow<'a, Description>,
    delivered: Option<&'a Description>,
}

/// The text of `[sdp]`.
pub(super) fn section(played: &Played<'_>) -> String {
    let mut names = Names::default();
    let mut text = String::new();
    for owner in played.peers {
        let given = given(played, owner);
        for (i, description) in given.iter().enumerate() {
            let kind = description.sent.kind;
            let _ = writeln!(text, "{owner}, description {}: {kind}", i + 1);
            let sent = lines(&description.sent, owner, &mut names);
            for line in &sent {
                let _ = writeln!(text, "  {line}");
            }
            if let Some(delivered) = description.delivered {
                let delivered = lines(delivered, owner, &mut names);
                text.push_str("  changed on the way:\n");
                difference(&sent, &delivered, &mut text);
            }
        }
        if given.is_empty() {
            let _ = writeln!(text, "{owner}: no description");
        }
    }
    text
}

/// What the peer gave away: what was carried from it; of a peer that acts on its own, or whose descriptions stayed with it,
/// what it set as its local description or at least made.
fn given<'a>(played: &Played<'a>, owner: &str) -> Vec<Given<'a>> {
    let carried = played.timeline.iter().filter_map(|entry| match &entry.what {
        What::Carried { from, sent, delivered, .. } if from == owner => {
            Some(Given { sent: std::borrow::Cow::Borrowed(sent), delivered: delivered.as_ref() })
        }
        _ => None,
    });
    let carried: Vec<_> = carried.collect();
    if !carried.is_empty() {
        return carried;
    }
    let own = |wanted: &[&str]| {
        let mut open = None;
        let mut own: Vec<Given<'a>> = Vec::new();
        for entry in played.timeline {
            match &entry.what {
                What::Command { peer, id, name, .. } if peer == owner => open = Some((*id, name.as_str())),
                What::Answer { peer, id, answer: Answer::Ok(value) } if peer == owner => {
                    if open.is_some_and(|(of, name)| of == *id && wanted.contains(&name))
                        && let Ok(description) = Description::deserialize(value)
                    {
                        own.push(Given { sent: std::borrow::Cow::Owned(description), delivered: None });
                    }
                }
                What::Event {
                    peer,
                    event: PeerEvent::Acted { operation, description: Some(description), error: None },
                    ..
                } if peer == owner && wanted.contains(&operation.as_str()) => {
                    own.push(Given { sent: std::borrow::Cow::Borrowed(description), delivered: None });
                }
                _ => {}
            }
        }
        own
    };
    let set = own(&["setLocalDescription"]);
    if set.is_empty() { own(&["createOffer", "createAnswer"]) } else { set }
}

/// Lines taken away and put in, in their order.
fn difference(before: &[String], after: &[String], text: &mut String) {
    for line in before.iter().filter(|line| !after.contains(line)) {
        let _ = writeln!(text, "    - {line}");
    }
    for line in after.iter().filter(|line| !before.contains(line)) {
        let _ = writeln!(text, "    + {line}");
    }
    if before.iter().all(|line| after.contains(line)) && after.iter().all(|line| before.contains(line)) {
        text.push_str("    the order of lines, or what is left out here\n");
    }
}

/// The lines of a description, normalised.
fn lines(description: &Description, owner: &str, names: &mut Names) -> Vec<String> {
    if description.kind == SdpType::Rollback {
        return Vec::new();
    }
    let mut kind = "session".to_owned();
    let mut normal = Vec::new();
    name_ssrcs(&description.sdp, owner, names);
    for line in description.sdp.lines().map(str::trim_end) {
        if let Some(media) = line.strip_prefix("m=") {
            kind = media.split(' ').next().unwrap_or_default().to_owned();
        }
        normal.extend(one(line, owner, &kind, names));
    }
    sort_extensions(&mut normal);
    normal
}

/// Puts each run of `a=extmap` lines in the order of their URIs: an id means the same wherever its line stands (RFC 8285 §5),
/// and some implementations shuffle them anew in each description.
fn sort_extensions(lines: &mut [String]) {
    let is_extension = |line: &String| line.starts_with("a=extmap:");
    for run in lines.chunk_by_mut(|a, b| is_extension(a) && is_extension(b)) {
        if run.first().is_some_and(is_extension) {
            run.sort_by(|a, b| uri_and_all(a).cmp(&uri_and_all(b)));
        }
    }
}

fn uri_and_all(line: &str) -> (Option<&str>, &str) {
    (line.split(' ').nth(1), line)
}

/// Groups say which SSRC repairs which: they must be named before the lines that come first.
fn name_ssrcs(sdp: &str, owner: &str, names: &mut Names) {
    let mut sections: Vec<(&str, Vec<&str>)> = Vec::new();
    for line in sdp.lines().map(str::trim_end) {
        if let Some(media) = line.strip_prefix("m=") {
            sections.push((media.split(' ').next().unwrap_or_default(), Vec::new()));
        } else if let Some((_, lines)) = sections.last_mut() {
            lines.push(line);
        }
    }
    for (kind, lines) in sections {
        for line in &lines {
            if let Some((semantics, ssrcs)) =
                line.strip_prefix("a=ssrc-group:").and_then(|l| l.split_once(' '))
            {
                let mut ssrcs = ssrcs.split_ascii_whitespace();
                for ssrc in ssrcs.by_ref().take(if semantics == "SIM" { usize::MAX } else { 1 }) {
                    names.of("ssrc", owner, kind, ssrc);
                }
                let repairs = match semantics {
                    "FID" => "rtx",
                    "FEC-FR" => "fec",
                    other => other,
                };
                for ssrc in ssrcs {
                    names.of("ssrc", owner, &format!("{kind} {repairs}"), ssrc);
                }
            }
        }
        for line in &lines {
            if let Some(ssrc) = line.strip_prefix("a=ssrc:").and_then(|l| l.split(' ').next()) {
                names.of("ssrc", owner, kind, ssrc);
            }
        }
    }
}

fn one(line: &str, owner: &str, kind: &str, names: &mut Names) -> Option<String> {
    let (name, value) = match line.split_once('=') {
        Some(("a", attribute)) => attribute.split_once(':').unwrap_or((attribute, "")),
        Some((letter, value)) => (letter, value),
        None => return Some(line.to_owned()),
    };
    let words: Vec<&str> = value.split(' ').collect();
    Some(match (name, words.as_slice()) {
        ("o", [user, session, version, net, _, address]) => {
            let session_name = names.plain("session id", owner, session);
            let version = version_name(session, version, names);
            let address = if is_placeholder(address) { address } else { "<address>" };
            format!("o={user} {session_name} {version} {net} {address}")
        }
        ("c", [net, ..]) => format!("c={net} <address>"),
        ("m", [media, port, rest @ ..]) => {
            let port = if *port == "0" { "0" } else { "<port>" };
            format!("m={media} {port} {}", rest.join(" "))
        }
        ("candidate" | "end-of-candidates" | "remote-candidates", _) => return None,
        ("rtcp", _) => "a=rtcp:<port> <address>".to_owned(),
        ("ice-ufrag", _) => format!("a=ice-ufrag:{}", names.numbered("ufrag", owner, value)),
        ("ice-pwd", _) => format!("a=ice-pwd:{}", names.numbered("pwd", owner, value)),
        ("fingerprint", [hash, digest]) => {
            format!("a=fingerprint:{hash} {}", names.plain("fingerprint", owner, digest))
        }
        ("tls-id", _) => format!("a=tls-id:{}", names.plain("tls-id", owner, value)),
        ("msid", ids) => format!("a=msid:{}", msid(ids, owner, names)),
        ("msid-semantic", ids) => {
            // `a=msid-semantic: WMS id id` or `a=msid-semantic:WMS *`. The ids stand in the order of their random values, so
            // they are named by the `a=msid` lines alone.
            let ids = ids.iter().map(|id| match *id {
                "" | "WMS" | "*" => *id,
                _ => "<stream>",
            });
            format!("a=msid-semantic:{}", ids.collect::<Vec<_>>().join(" "))
        }
        ("ssrc", [ssrc, rest @ ..]) => {
            let ssrc = names.of("ssrc", owner, kind, ssrc);
            let rest = rest.join(" ");
            match rest.split_once(':') {
                Some(("cname", cname)) => {
                    format!("a=ssrc:{ssrc} cname:{}", names.plain("cname", owner, cname))
                }
                Some(("msid", ids)) => {
                    let ids: Vec<&str> = ids.split(' ').collect();
                    format!("a=ssrc:{ssrc} msid:{}", msid(&ids, owner, names))
                }
                Some(("mslabel" | "label", _)) => return None, // Long gone from the standard, and twice what msid says.
                _ => format!("a=ssrc:{ssrc} {rest}"),
            }
        }
        ("ssrc-group", [semantics, ssrcs @ ..]) => {
            let ssrcs = ssrcs.iter().map(|ssrc| names.of("ssrc", owner, kind, ssrc));
            format!("a=ssrc-group:{semantics} {}", ssrcs.collect::<Vec<_>>().join(" "))
        }
        _ => line.to_owned(),
    })
}

fn msid(ids: &[&str], owner: &str, names: &mut Names) -> String {
    let name = |names: &mut Names, kind, id: &str| match id {
        "-" => "-".to_owned(),
        id => names.numbered(kind, owner, id),
    };
    match ids {
        [stream] => name(names, "stream", stream),
        [stream, track, ..] => {
            let stream = name(names, "stream", stream);
            format!("{stream} {}", name(names, "track", track))
        }
        [] => String::new(),
    }
}

fn is_placeholder(address: &str) -> bool {
    matches!(address, "127.0.0.1" | "0.0.0.0" | "::1" | "::")
}

/// A version that is further from the first than this was not counted up but drawn at random or from a clock.
const COUNTED: u64 = 64;

/// The version counts up with each description of a session (RFC 9429 §5.2.2): only the difference is shown.
fn version_name(session: &str, version: &str, names: &mut Names) -> String {
    let first = match names.known("first version", session) {
        Some(first) => first.to_owned(),
        None => {
            // Kept as a name, so that one table holds all that is known of the case.
            names.keep("first version", session, version);
            version.to_owned()
        }
    };
    match (first.parse::<u64>(), version.parse::<u64>()) {
        (Ok(first), Ok(version)) if version > first && version - first <= COUNTED => {
            format!("<version +{}>", version - first)
        }
        (Ok(first), Ok(version)) if version != first => "<version, drawn anew>".to_owned(),
        (Ok(_), Ok(_)) => "<version>".to_owned(),
        _ => version.to_owned(),
    }
}
