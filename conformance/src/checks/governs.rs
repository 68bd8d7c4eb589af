//! Which documents govern what is not WebRTC. Nothing is held against a protocol that never claimed to follow it.

use crate::catalogue::Requirement;
use peerproof_captures::trace::{Nature, Recognised};

/// STUN and ICE.
const ICE: &[&str] = &["8489", "8445"];
/// DTLS, without the extensions that are an application's choice.
const DTLS: &[&str] = &["5246", "6347", "9147"];
/// RTP and RTCP, their protection, and the payload formats.
const RTP: &[&str] = &["3550", "3711", "8285", "4585", "5104", "4588", "6184", "7587", "7741"];
/// SRTP with the keys of DTLS.
const DTLS_SRTP: &[&str] = &["5764"];
/// SCTP.
const SCTP: &[&str] = &["9260", "6525", "8260", "9653"];
/// Data channels.
const CHANNELS: &[&str] = &["8831", "8832"];
/// Offers and answers.
const SDP: &[&str] = &["3264", "8866"];

/// Why a requirement does not apply to a connection that is not WebRTC; nothing if it does.
pub(super) fn excluded(recognised: Option<Recognised>, requirement: &Requirement) -> Option<&'static str> {
    let Recognised { nature, has_channels, .. } = recognised?;
    let (governed, why): (&[&[&str]], _) = match nature {
        Nature::WebRtc => return None,
        Nature::IceAndUnknown => (
            &[ICE, SDP],
            "behind ICE the connection is not WebRTC, but another protocol: only STUN and ICE (RFC 8489, RFC 8445) govern it",
        ),
        Nature::IceAndRtp => (
            &[ICE, RTP, SDP],
            "the connection is ICE and RTP without DTLS, not WebRTC: its own documents govern it, and those of WebRTC do not",
        ),
        Nature::Rtp => (
            &[RTP],
            "the connection is RTP without ICE and DTLS, not WebRTC: its own documents govern it, and those of WebRTC do not",
        ),
        Nature::DtlsSrtp => (
            &[DTLS, RTP, DTLS_SRTP],
            "the connection is DTLS-SRTP without ICE, not WebRTC: its own documents govern it, and those of WebRTC do not",
        ),
        Nature::Dtls => (
            &[DTLS, ICE, SDP],
            "the connection is DTLS without SRTP and SCTP, not WebRTC: its own documents govern it, and those of WebRTC do not",
        ),
        Nature::Described => (
            &[SDP],
            "the descriptions are not of WebRTC, since nothing in them is of DTLS: only what holds for any description (RFC 8866) and for any \
             offer and answer (RFC 3264) governs them",
        ),
        Nature::Clear if has_channels => (
            &[RTP, SCTP, CHANNELS],
            "the capture is in the clear: what protected it is not there to be judged",
        ),
        Nature::Clear => {
            (&[RTP, SCTP], "the capture is in the clear: what protected it is not there to be judged")
        }
        Nature::Unknown => (&[], "the connection is of another protocol, not WebRTC"),
    };
    let document = document(&requirement.source);
    (!governed.iter().any(|all| all.contains(&document))).then_some(why)
}

/// The number of the RFC that is named first; empty if it is no RFC.
fn document(source: &str) -> &str {
    let number = source.strip_prefix("RFC ").unwrap_or_default();
    number.split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::Catalogue;
    use std::collections::BTreeSet;

    const NATURES: [Nature; 9] = [
        Nature::WebRtc,
        Nature::IceAndUnknown,
        Nature::IceAndRtp,
        Nature::Rtp,
        Nature::DtlsSrtp,
        Nature::Dtls,
        Nature::Described,
        Nature::Clear,
        Nature::Unknown,
    ];

    fn governs(nature: Nature, has_channels: bool, id: &str) -> bool {
        let recognised = Recognised { nature, has_channels, ..Recognised::default() };
        excluded(Some(recognised), Catalogue::get().requirement(id).unwrap()).is_none()
    }

    #[test]
    fn what_is_no_webrtc_is_judged_by_its_own_documents() {
        use Nature::{Clear, Described, Dtls, DtlsSrtp, IceAndRtp, IceAndUnknown, Rtp, WebRtc};
        for (id, natures) in [
            ("ice-check-has-priority", &[WebRtc, IceAndUnknown, IceAndRtp, Dtls][..]),
            ("stun-header-wellformed", &[WebRtc, IceAndUnknown, IceAndRtp, Dtls]),
            ("consent-request-cadence", &[WebRtc]),
            ("mux-sent-datagram-first-byte-class", &[WebRtc]),
            ("dtls-record-within-one-datagram", &[WebRtc, DtlsSrtp, Dtls]),
            ("dtls-client-offers-mandatory-suite", &[WebRtc]),
            ("dtls-srtp-write-keys-by-role", &[WebRtc, DtlsSrtp]),
            ("rtp-header-well-formed", &[WebRtc, IceAndRtp, Rtp, DtlsSrtp, Clear]),
            ("rtp-only-negotiated-payload-types", &[WebRtc]),
            ("sctp-crc32c-correct", &[WebRtc, Clear]),
            ("dcep-open-ppid-50", &[WebRtc]),
            ("sdp-grammar-strict", &[WebRtc, IceAndUnknown, IceAndRtp, Dtls, Described]),
            ("oa-answer-mline-count", &[WebRtc, IceAndUnknown, IceAndRtp, Dtls, Described]),
            ("sec-no-sdes-in-own-sdp", &[WebRtc]),
        ] {
            let found: Vec<Nature> =
                NATURES.into_iter().filter(|nature| governs(*nature, false, id)).collect();
            assert_eq!(found, natures, "{id}");
        }
        assert!(governs(Clear, true, "dcep-open-ppid-50"), "where data channels are");
        let all = Catalogue::get().requirements();
        assert!(all.into_iter().all(|it| excluded(None, it).is_none()), "recordings are WebRTC");
    }

    #[test]
    fn each_document_named_here_is_one_of_the_catalogue() {
        let known: BTreeSet<&str> = Catalogue::get().requirements().map(|it| document(&it.source)).collect();
        for number in [ICE, DTLS, RTP, DTLS_SRTP, SCTP, CHANNELS, SDP].concat() {
            assert!(known.contains(number), "RFC {number}");
        }
        assert_eq!(document("RFC 8489 §5; RFC 8445 §7"), "8489");
        assert_eq!((document("W3C webrtc-pc §6.2"), document("draft-x-01 §2")), ("", ""));
    }
}
