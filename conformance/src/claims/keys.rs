//! Keys: a secret that a peer reports of a handshake opens what that protects.
//!
//! Only what a peer reported itself (`keylog`) is a claim: the keys of browsers and of the stack in the harness's own process are read
//! where they are made.

use super::observed::against;
use super::{Claim, Contradiction, Session};
use crate::case_file::Runs;
use crate::evidence::Protection;
use crate::verdict::{Layer, Place};
use peerproof_captures::wire::demux::Class;

pub(super) const CLAIMS: &[Claim] = &[Claim::checked(
    "event/keylog.line",
    Layer::PeerProtocol,
    "the records and packets of the handshake that it names, which it opens, and the secret that the other side reports of it",
)];

pub(super) fn check(session: &Session<'_>, found: &mut Vec<Contradiction>) {
    let Some(wire) = session.record.packets() else { return };
    for secret in &wire.false_secrets {
        let Some(peer) = session.record.file.peers.get(secret.by.0).filter(|it| it.runs == Runs::Independent)
        else {
            continue;
        };
        let closed = |class: Class| matches!(class, Class::Dtls | Class::Rtp | Class::Rtcp);
        let shown =
            wire.packets.iter().find(|it| it.protection == Protection::NoSecret && closed(it.class()));
        let name = &peer.name;
        let units = match secret.units {
            1 => "1 record or packet".to_owned(),
            units => format!("{units} records and packets"),
        };
        let seen = if secret.another_opens {
            format!("another secret of that handshake opens {units}")
        } else {
            format!("it opens none of {units} that it should open")
        };
        let claimed = format!("{name} reported a secret of a handshake in the capture");
        let place = shown.map(|packet| Place::Frame(packet.frame));
        found.push(against(name, ("event/keylog.line", Layer::PeerProtocol), 0, claimed, seen, place));
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{contradicted, found};
    use crate::case::CaseFile;
    use crate::case_file::Runs;
    use crate::checks::controls::Recording;
    use crate::claims::Contradiction;
    use crate::evidence::{InMemory, Recorded};
    use crate::record::CaseRecord;
    use crate::verdict::Layer;
    use peerproof_captures::decrypt::secrets::Reported;
    use peerproof_captures::file::CaptureReader;

    /// The `CLIENT_RANDOM` line of the recording, and where it begins and ends in the capture.
    fn line(capture: &[u8]) -> (usize, String) {
        let at = capture.windows(14).position(|bytes| bytes == b"CLIENT_RANDOM ").unwrap();
        let end = at + capture[at..].iter().position(|byte| *byte == b'\n').unwrap();
        (at, String::from_utf8(capture[at..end].to_vec()).unwrap())
    }

    /// A Decryption Secrets Block (draft-ietf-opsawg-pcapng §4.7).
    fn block(log: &str) -> Vec<u8> {
        let padded = log.len().next_multiple_of(4);
        let total = (20 + padded) as u32;
        let mut block = Vec::new();
        for word in [10, total, 0x544c_534b, log.len() as u32] {
            block.extend(word.to_le_bytes());
        }
        block.extend(log.as_bytes());
        block.resize(16 + padded, 0);
        block.extend(total.to_le_bytes());
        block
    }

    fn flipped(line: &str) -> String {
        let (rest, last) = line.split_at(line.len() - 1);
        format!("{rest}{}", if last == "0" { "1" } else { "0" })
    }

    /// The recording with these lines instead of its own secrets, each reported by a peer or read.
    fn with(lines: &[(Option<&str>, String)]) -> (CaseRecord, Vec<String>) {
        let (case, timeline, capture) = Recording::Data.parts();
        let capture = capture.unwrap();
        let (at, _) = line(capture);
        let begin = at - 16;
        let length = u32::from_le_bytes(capture[begin + 4..begin + 8].try_into().unwrap()) as usize;
        let mut changed = capture[..begin].to_vec();
        for (peer, line) in lines {
            let text = peer.map_or_else(|| line.clone(), |peer| Reported::line(peer, line));
            changed.extend(block(&format!("{text}\n")));
        }
        changed.extend(&capture[begin + length..]);
        let mut file = CaseFile::read(case).unwrap();
        for peer in &mut file.peers {
            peer.runs = Runs::Independent;
        }
        let timeline = peerproof_captures::timeline::read(timeline).unwrap();
        let capture = Some(CaptureReader::new(&changed[..]));
        let evidence =
            Recorded { case: &file, timeline, capture, store: Box::<InMemory>::default() }.evidence();
        let mut evidence = evidence.unwrap().examined(&file);
        let flaws = evidence.flaws.iter().map(|it| it.seen.clone()).filter(|it| it.contains("secrets"));
        let flaws = flaws.collect();
        let wire = evidence.wire.take();
        let mut record = Recording::Data.record();
        (record.file, record.wire) = (file, wire);
        (record, flaws)
    }

    fn claims(lines: &[(Option<&str>, String)]) -> (Vec<Contradiction>, Vec<String>) {
        let (record, flaws) = with(lines);
        (found(&record, super::check), flaws)
    }

    fn own() -> String {
        line(Recording::Data.parts().2.unwrap()).1
    }

    #[test]
    fn who_reports_a_secret_that_opens_nothing_is_at_fault() {
        for peer in ["alice", "bob"] {
            let (found, flaws) = claims(&[(Some(peer), flipped(&own()))]);
            contradicted(&found, "event/keylog.line", Layer::PeerProtocol, peer);
            assert!(found[0].seen.starts_with("it opens none of "), "{found:#?}");
            assert_eq!(flaws, [""; 0]);
        }
    }

    #[test]
    fn of_two_secrets_the_one_that_opens_nothing_is_false() {
        let (right, wrong) = (own(), flipped(&own()));
        for lines in [
            [(Some("alice"), right.clone()), (Some("bob"), wrong.clone())],
            [(Some("bob"), wrong.clone()), (Some("alice"), right.clone())],
            [(None, right.clone()), (Some("bob"), wrong.clone())],
            [(Some("bob"), wrong), (None, right)],
        ] {
            let (found, flaws) = claims(&lines);
            contradicted(&found, "event/keylog.line", Layer::PeerProtocol, "bob");
            assert_eq!((found.len(), flaws.len()), (1, 0), "{found:#?} {flaws:?}");
        }
    }

    #[test]
    fn nobody_is_accused_of_right_secrets_of_others_and_of_those_that_were_read() {
        let (right, wrong) = (own(), flipped(&own()));
        let elsewhere = {
            let mut words = right.split(' ');
            let (label, random, secret) =
                (words.next().unwrap(), words.next().unwrap(), words.next().unwrap());
            format!("{label} {} {secret}", flipped(random))
        };
        for lines in [
            vec![(Some("alice"), right.clone()), (Some("bob"), right.clone())],
            vec![(Some("alice"), right.clone()), (Some("bob"), elsewhere.clone())],
            vec![(Some("carol"), wrong.clone()), (Some("bob"), right)],
        ] {
            let (found, flaws) = claims(&lines);
            assert!(found.is_empty() && flaws.is_empty(), "{found:#?} {flaws:?}");
        }
        // The recording has plaintext that nothing opens again.
        assert!(claims(&[(Some("bob"), elsewhere)]).0.is_empty());
        // That no peer reported them is the recording's fault.
        let (found, flaws) = claims(&[(None, wrong.clone())]);
        assert!(found.is_empty() && flaws[0].contains("not those of the session"), "{found:#?} {flaws:?}");
        // A browser's are read by the harness.
        let (mut record, _) = with(&[(Some("bob"), wrong)]);
        record.file.peers[1].runs = Runs::Driven;
        assert!(super::super::testing::found(&record, super::check).is_empty());
    }
}
