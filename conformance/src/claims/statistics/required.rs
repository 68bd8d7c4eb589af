//! Members that a dictionary cannot be without (webrtc-stats §8, those marked `required`). Only those that no implementation with the API was
//! seen to leave out: others, such as `transportId`, several leave out or empty, and nothing else of a report follows from them.

use super::{Contradiction, Reading, Session};
use crate::case_file::CasePeer;
use crate::verdict::Layer;
use serde_json::Value;

/// The type of a dictionary, a member, and the claim that is contradicted without it.
const REQUIRED: [(&str, &str, &str, Layer); 12] = [
    ("certificate", "fingerprint", "stat/certificate.fingerprint", Layer::Dtls),
    ("certificate", "fingerprintAlgorithm", "stat/certificate.fingerprintAlgorithm", Layer::Dtls),
    ("transport", "dtlsState", "stat/transport.dtlsState", Layer::Dtls),
    ("candidate-pair", "state", "stat/candidate-pair.state", Layer::Checks),
    ("candidate-pair", "localCandidateId", "stat/candidate-pair.localCandidateId", Layer::Checks),
    ("candidate-pair", "remoteCandidateId", "stat/candidate-pair.remoteCandidateId", Layer::Checks),
    ("local-candidate", "candidateType", "stat/local-candidate.candidateType", Layer::Checks),
    ("remote-candidate", "candidateType", "stat/remote-candidate.candidateType", Layer::Checks),
    ("outbound-rtp", "ssrc", "stat/outbound-rtp.ssrc", Layer::Media),
    ("inbound-rtp", "ssrc", "stat/inbound-rtp.ssrc", Layer::Media),
    ("codec", "payloadType", "stat/codec.payloadType", Layer::Media),
    ("codec", "mimeType", "stat/codec.mimeType", Layer::Media),
];

pub(super) fn check(
    session: &Session<'_>,
    peer: &CasePeer,
    reading: &Reading<'_>,
    found: &mut Vec<Contradiction>,
) {
    if !session.reports_all(peer) || peer.is_translated() {
        return;
    }
    for (kind, member, claim, layer) in REQUIRED {
        let says_nothing = |value: Option<&Value>| match value {
            None | Some(Value::Null) => true,
            Some(Value::String(text)) => text.is_empty(),
            Some(_) => false,
        };
        if reading.of_kind(kind).any(|stat| says_nothing(stat.fields.get(member))) {
            let claimed = format!("statistics of the type {kind} without {member}");
            let seen = "that type requires it".to_owned();
            found.push(reading.contradicts(claim, layer, claimed, seen, None));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::REQUIRED;
    use crate::checks::controls::Recording;
    use crate::claims::statistics::check;
    use crate::claims::testing::{answers, contradicted, found};
    use serde_json::{Value, json};

    /// What is found once a member of all dictionaries of a type that alice reports has this value, or is missing.
    fn reported(kind: &str, member: &str, value: Option<Value>) -> Vec<crate::claims::Contradiction> {
        let mut record = Recording::Video.record();
        let mut changed = 0;
        answers(&mut record, "alice", "getStats", |report| {
            for stat in report.as_object_mut().unwrap().values_mut().filter(|stat| stat["type"] == kind) {
                let stat = stat.as_object_mut().unwrap();
                changed += u32::from(stat.remove(member).is_some());
                stat.extend(value.clone().map(|value| (member.to_owned(), value)));
            }
        });
        assert!(changed > 0, "alice reports no {kind} with {member}");
        found(&record, check)
    }

    #[test]
    fn a_dictionary_has_what_its_type_requires() {
        for (kind, member, claim, layer) in REQUIRED {
            for value in [None, Some(Value::Null), Some(json!(""))] {
                contradicted(&reported(kind, member, value), claim, layer, "alice");
            }
        }
    }
}
