//! `icecandidateerror` against the servers of the configuration and their answers (webrtc-pc §4.8.3).

use super::super::observed::against;
use super::super::{Contradiction, Session};
use super::urls;
use crate::case_file::CasePeer;
use crate::verdict::{Layer, Place};
use peerproof_captures::event::PeerEvent;
use peerproof_captures::wire::stun::{AttributeType, Class, Content};

const URL: (&str, Layer) = ("event/icecandidateerror.url", Layer::Gathering);
const CODE: (&str, Layer) = ("event/icecandidateerror.errorCode", Layer::Gathering);

pub(super) fn check(session: &Session<'_>, peer: &CasePeer, found: &mut Vec<Contradiction>) {
    let urls = urls(session, &peer.name);
    let host = |url: &str| {
        let rest = url.split_once(':').map_or(url, |(_, rest)| rest);
        rest.split('?').next().unwrap_or_default().to_owned()
    };
    let hosts: Vec<String> = urls.iter().map(|url| host(url)).collect();
    let is_readable = |url: &str| !url.starts_with("turns:") && !url.contains("transport=tcp");
    for (entry, event) in session.events(&peer.name) {
        let PeerEvent::IceCandidateError { url, error_code, .. } = event else { continue };
        let claimed = format!("{} reports the error {error_code} of the server {url}", peer.name);
        let place = Place::Entry(entry.n);
        // An implementation may leave the port out, or say how it resolved the name.
        let named = host(url);
        let is_configured = |it: &String| it.starts_with(named.as_str()) || named.starts_with(it.as_str());
        if !url.is_empty() && !hosts.iter().any(is_configured) {
            let seen = "the configuration has no such server";
            found.push(against(&peer.name, URL, entry.t_us, claimed.clone(), seen, [place]));
            return;
        }
        // 701 says that no server answered; what is above is of no server.
        if !(300..700).contains(error_code) || !urls.iter().all(|url| is_readable(url)) {
            continue;
        }
        let Some(tap) = session.tap(&peer.name) else { continue };
        let codes: Vec<u16> = tap
            .wire
            .with_servers(tap.peer)
            .filter(|(message, stun)| !message.sent && stun.kind.value.class() == Class::Error)
            .filter_map(|(_, stun)| match stun.content(AttributeType::ErrorCode)?.value {
                Content::Error(error) => Some(error.code.value.raw()),
                _ => None,
            })
            .collect();
        if !codes.contains(error_code) {
            let seen = match codes.first() {
                Some(code) => format!("no server answered that; one answered {code}"),
                None => "no server answered with an error".to_owned(),
            };
            found.push(against(&peer.name, CODE, entry.t_us, claimed, seen, [place]));
            return;
        }
    }
}
