//! The candidates of a page: what the peers signaled, and what became of it on the way.

use super::super::events::Recording;
use super::{note, signed};
use peerproof_captures::event::{IceCandidate, PeerEvent};
use peerproof_captures::sdp::{Candidate, SessionDescription};
use peerproof_captures::timeline::What;
use peerproof_reports::session::Gathered;

/// Most candidates of a page.
const MOST: usize = 1_000;

/// Those that the peers of a recording signaled.
pub(super) fn of_recording(recording: &Recording, left_out: &mut Vec<String>) -> Vec<Gathered> {
    let mut all: Vec<(Gathered, String)> = Vec::new();
    let mut beyond = 0;
    for entry in recording.timeline() {
        match &entry.what {
            What::Event { peer, event: PeerEvent::IceCandidate { candidate: Some(candidate) }, .. }
                if all.len() < MOST =>
            {
                let Some(mut gathered) = gathered(peer, entry.n, &candidate.candidate) else { continue };
                gathered.t_us = Some(signed(entry.t_us));
                gathered.mid.clone_from(&candidate.sdp_mid);
                all.push((gathered, candidate.candidate.clone()));
            }
            What::Event { event: PeerEvent::IceCandidate { candidate: Some(_) }, .. } => beyond += 1,
            What::CarriedCandidate { from, to, sent: Some(sent), delivered } => {
                let same = |it: &&mut (Gathered, String)| {
                    it.0.peer == *from
                        && it.1 == sent.candidate
                        && it.0.mid == sent.sdp_mid
                        && it.0.fate.is_none()
                };
                if let Some((gathered, _)) = all.iter_mut().find(same) {
                    gathered.fate = Some(fate(sent, delivered.as_ref(), to));
                }
            }
            _ => {}
        }
    }
    note(left_out, beyond, "last candidates");
    all.into_iter().map(|(gathered, _)| gathered).collect()
}

/// Those in the descriptions that were given beside a capture.
pub(super) fn given(descriptions: &[(String, SessionDescription)]) -> Vec<Gathered> {
    let mut all = Vec::new();
    for (index, (peer, sdp)) in descriptions.iter().enumerate() {
        for section in sdp.media() {
            for line in section.named("candidate").filter_map(|line| line.value) {
                if let Some(mut gathered) = gathered(peer, index as u64, line).filter(|_| all.len() < MOST) {
                    gathered.mid = section.mid();
                    all.push(gathered);
                }
            }
        }
    }
    all
}

fn gathered(peer: &str, entry: u64, text: &str) -> Option<Gathered> {
    let candidate = Candidate::parse(text).ok()?;
    Some(Gathered {
        peer: peer.to_owned(),
        t_us: None,
        entry,
        kind: candidate.kind.to_string(),
        transport: candidate.transport,
        address: format!("{} {}", candidate.address, candidate.port),
        priority: candidate.priority,
        mid: None,
        fate: None,
    })
}

fn fate(sent: &IceCandidate, delivered: Option<&IceCandidate>, to: &str) -> String {
    match delivered {
        None => format!("withheld from {to}"),
        Some(delivered) if delivered == sent => format!("carried to {to}"),
        Some(delivered) => format!("carried to {to} as {}", delivered.candidate),
    }
}
