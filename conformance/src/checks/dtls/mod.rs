//! The DTLS handshake and the certificates in it, and the records that carry everything.

mod associations;
mod mismatch;

use associations::{OF_SEVERAL_VERSIONS, Share, with_version};
pub(super) use associations::{associations, of_all};

use crate::evidence::{Evidence, Handshake, HandshakeMessage, Kind, Packet, Peer};
use peerproof_captures::decrypt::srtp::Profile;
use peerproof_captures::wire::demux::Class;
use peerproof_captures::wire::dtls::alert::{self, Alert, Description, Level};
use peerproof_captures::wire::dtls::extension::{Content, ExtensionType, Extensions, UseSrtp};
use peerproof_captures::wire::dtls::handshake::{
    Body, ClientHello, Fragment, Fragments, HELLO_RETRY_REQUEST,
};
use peerproof_captures::wire::dtls::record::{ContentType, Record};
use peerproof_captures::wire::field::{Field, Span};
use peerproof_captures::wire::stop::Read;

checks! {
    dtls_version_at_least_1_2,
    dtls_client_hello_follows_setup_role,
    dtls_client_offers_mandatory_suite,
    dtls_client_hello_has_use_srtp,
    dtls_client_offers_srtp_aes128_cm_sha1_80,
    dtls13_client_hello_shape,
    dtls_renegotiation_info_signalled,
    dtls_no_compression,
    sec_null_encryption_not_negotiated,
    dtls_aead_suite_chosen_when_offered,
    dtls_server_extensions_were_requested,
    dtls_extended_master_secret_negotiated,
    dtls_server_use_srtp_single_offered_profile,
    dtls_srtp_mki_empty,
    sec_fingerprint_matches_presented_cert,
    dtls_server_requests_client_certificate,
    dtls_client_presents_certificate,
    dtls13_no_change_cipher_spec,
    dtls_message_seq_numbering,
    dtls_fragments_cover_message,
    dtls_record_within_one_datagram,
    mux_dtls_and_srtp_separate_datagrams,
    dtls_record_sequence_never_reused,
    dtls_lost_flight_retransmitted,
    dtls_no_false_start,
    sec_sctp_only_inside_dtls,
    dtls_handshake_message_order,
    dtls_change_cipher_spec_before_finished,
    dtls_record_sequence_increments,
    dtls_record_version,
    dtls_cid_record_format,
    dtls_record_lengths,
    dtls_alert_levels,
    dtls_nothing_after_close_notify,
    dtls_close_notify_answered,
    dtls_server_suite_was_offered,
    dtls_server_group_was_offered,
    dtls_signature_algorithm_was_offered,
    dtls_no_sha1_md5_signatures,
    dtls_key_exchange_fits_group,
    dtls_ec_point_formats,
    dtls_hello_extensions_well_formed,
    dtls_first_client_hello_without_cookie,
    dtls_server_prefers_forward_secrecy,
    dtls_hello_verify_request_answered,
    dtls_final_flight_resent,
    dtls_invalid_record_silently_dropped,
    dtls_fragments_reassembled,
    dtls_association_kept_on_ice_restart,
    dtls_changed_fingerprint_ends_association,
    dtls_transport_closed_on_close_notify,
    dtls13_server_hello_shape,
    dtls13_no_short_tag_suite,
    dtls13_epochs,
    dtls13_use_srtp_in_encrypted_extensions,
    dtls13_client_final_flight_acked,
    sec_fingerprint_mismatch_server_cert_rejected,
    sec_fingerprint_mismatch_client_cert_rejected,
}

/// The first ClientHello of a peer.
fn client_hello(handshake: &Handshake, peer: Peer) -> Option<(&HandshakeMessage, ClientHello<'_>)> {
    handshake.bodies().filter(|(message, _)| message.sender == peer).find_map(|(message, body)| match body {
        Body::ClientHello(hello) => Some((message, hello)),
        _ => None,
    })
}

/// What extensions say of SRTP.
fn use_srtp(extensions: Option<Extensions<'_>>) -> Option<UseSrtp<'_>> {
    match extensions?.content(ExtensionType::UseSrtp)? {
        Content::UseSrtp(use_srtp) => Some(use_srtp),
        _ => None,
    }
}

/// The records of the datagrams that a peer sent, with what stops reading them.
fn records(evidence: &Evidence, peer: Peer) -> impl Iterator<Item = (&Packet, Read<Record<'_>>)> {
    let sent = evidence.wire.iter().flat_map(move |wire| wire.sent(peer));
    sent.filter(|packet| packet.class() == Class::Dtls)
        .flat_map(|packet| packet.records().map(move |record| (packet, record)))
}

/// The fragments of handshake messages that a peer sent, in clear or decrypted.
fn fragments(evidence: &Evidence, peer: Peer) -> impl Iterator<Item = (&Packet, Fragment<'_>)> {
    let sent = evidence.wire.iter().flat_map(move |wire| wire.sent(peer));
    sent.filter(|packet| packet.class() == Class::Dtls).flat_map(|packet| {
        let records = packet.records().map_while(Result::ok);
        let plain = records.filter_map(|record| record.fragments()).flatten().map_while(Result::ok);
        let clear = packet.clear.iter().filter(|it| matches!(it.kind, Kind::Record { content_type: 22, .. }));
        let clear = clear.flat_map(|it| {
            let content = Field::new(Span::new(0, it.bytes.len()), it.bytes.as_slice());
            Fragments::new(content).map_while(Result::ok)
        });
        plain.chain(clear).map(move |fragment| (packet, fragment))
    })
}

/// An alert that a peer sent.
#[derive(Debug, Clone, Copy)]
struct Said<'a> {
    packet: &'a Packet,
    epoch: u64,
    /// The content of its record.
    content: &'a [u8],
}

impl Said<'_> {
    fn alert(&self) -> Option<Alert> {
        alert::view(self.content).ok()
    }

    fn is_close_notify(&self) -> bool {
        self.alert().is_some_and(|alert| alert.description.value == Description::CloseNotify)
    }
}

/// The alerts that a peer sent, in clear or decrypted, as seen nearest to `tap`.
fn alerts(evidence: &Evidence, tap: Peer, sender: Peer) -> impl Iterator<Item = Said<'_>> {
    let seen = evidence.wire.iter().flat_map(move |wire| wire.at(tap));
    let sent = seen.filter(move |packet| packet.sender == sender && packet.class() == Class::Dtls);
    sent.flat_map(|packet| {
        let records = packet.records().map_while(Result::ok);
        let plain = records.filter_map(|record| Some((0, record.plaintext(ContentType::Alert)?.value)));
        let clear = packet.clear.iter().filter_map(|clear| match clear.kind {
            Kind::Record { content_type, epoch, .. } if content_type == ContentType::Alert.raw() => {
                Some((epoch, clear.bytes.as_slice()))
            }
            _ => None,
        });
        plain.chain(clear).map(move |(epoch, content)| Said { packet, epoch, content })
    })
}

/// The first alert of `sender` as seen at `tap` that closes the association: a close_notify or a fatal one, protected and so authenticated.
pub(super) fn closing_alert(evidence: &Evidence, tap: Peer, sender: Peer) -> Option<&Packet> {
    let closes = |said: &Said<'_>| {
        let fatal = said.alert().is_some_and(|alert| alert.level.value == Level::Fatal);
        said.epoch > 0 && (fatal || said.is_close_notify()) && !evidence.is_faulted(said.packet.frame)
    };
    alerts(evidence, tap, sender).find(closes).map(|said| said.packet)
}

/// Whether a packet holds application data, which for WebRTC is SCTP.
fn has_application_data(packet: &Packet) -> bool {
    let is = |record: Record<'_>| matches!(record, Record::Plain(plain) if plain.kind.value == ContentType::ApplicationData);
    // Records with connection IDs hide their type.
    packet.class() == Class::Dtls
        && (packet.records().map_while(Result::ok).any(is)
            || packet.clear.iter().any(|it| it.is_application_data()))
}

/// Whether a hello with the random `now` begins another handshake than the hello of the same sender before it. A HelloRetryRequest and the
/// ServerHello after it have other randoms and are of one handshake (RFC 8446 §4.1.4, RFC 9147 §5.1).
fn begins_anew(before: Option<&[u8; 32]>, now: &[u8; 32]) -> bool {
    before.is_some_and(|before| before != now && *before != HELLO_RETRY_REQUEST)
}

/// The SRTP profile that the server chose.
pub(super) fn srtp_profile(handshake: &Handshake) -> Option<Profile> {
    let chosen = handshake.bodies().find_map(|(_, body)| match body {
        Body::ServerHello(hello) => use_srtp(hello.extensions),
        Body::EncryptedExtensions(extensions) => use_srtp(Some(extensions)),
        _ => None,
    })?;
    Profile::of(chosen.profiles.iter().next()?.raw())
}

/// By how many bytes SRTP made an opened packet longer, and by how many the profile does (RFC 3711 §3.1, §3.4, RFC 7714 §8, §9).
pub(super) fn srtp_overhead(packet: &Packet, profile: Profile) -> Option<(usize, usize)> {
    let [clear] = packet.clear.as_slice() else { return None };
    let tag = match (profile, clear.kind) {
        (_, Kind::Record { .. }) => return None,
        (Profile::AeadAes128Gcm | Profile::AeadAes256Gcm, _) => 16,
        (Profile::Aes128CmSha1With32, Kind::Rtp) => 4,
        (Profile::Aes128CmSha1With80 | Profile::Aes128CmSha1With32, _) => 10,
    };
    let index = if clear.kind == Kind::Rtcp { 4 } else { 0 };
    Some((packet.bytes.len().checked_sub(clear.bytes.len())?, tag + index))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::{Check, Status};
    use crate::evidence::{Captured, InMemory, Store};
    use peerproof_captures::file::{CaptureReader, Item};
    use peerproof_captures::trace::Builder;
    use std::path::Path;

    /// Evidence of the first connection of a capture of the corpus.
    fn captured(name: &str) -> Evidence {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../captures/corpus").join(name);
        let bytes = std::fs::read(path).unwrap();
        let mut builder = Builder::new();
        let mut reader = CaptureReader::new(bytes.as_slice());
        while let Some(item) = reader.next_item() {
            match item {
                Item::Secrets(secrets) => drop(builder.secrets(&secrets)),
                Item::Frame(frame) => builder.frame(&frame),
                _ => {}
            }
        }
        let trace = builder.finish();
        let capture = CaptureReader::new(bytes.as_slice());
        let store = |_| Box::<InMemory>::default() as Box<dyn Store>;
        let captured =
            Captured { capture, trace: &trace, key_log: &[], srtp_keys: &[], descriptions: &[], store };
        captured.evidence().unwrap().next().unwrap().unwrap().1
    }

    /// What a check makes of records whose connection IDs are taken to have other lengths than they have.
    fn results(check: &Check, evidence: &Evidence, length: impl Fn(u8) -> u8) -> Vec<Status> {
        let mut evidence = evidence.clone();
        let packets = &mut evidence.wire.as_mut().unwrap().packets;
        packets.iter_mut().for_each(|packet| packet.cid_length = length(packet.cid_length));
        check.run(&evidence).iter().map(|finding| finding.result).collect()
    }

    #[test]
    fn records_with_connection_ids_are_read_by_the_length_that_was_negotiated() {
        for (name, senders) in [
            // Two bytes from the client.
            ("dtls13/aes128-gcm-sha256.pcapng", 1),
            // Two bytes one way, four the other.
            ("dtls/connection-ids-1.2.pcapng", 2),
        ] {
            let evidence = captured(name);
            let fit = |length: fn(u8) -> u8| {
                let mut results = results(&dtls_record_within_one_datagram::CHECK, &evidence, length);
                results.sort();
                results
            };
            assert_eq!(fit(|length| length), [Status::Pass; 2], "{name}");
            let count = |results: &[Status], result| results.iter().filter(|it| **it == result).count();
            assert_eq!(count(&fit(|_| 0), Status::Inconclusive), senders, "{name}: not known");
            assert_eq!(count(&fit(|length| length + 1), Status::Fail), senders, "{name}: wrong");
            for check in
                [&mux_dtls_and_srtp_separate_datagrams::CHECK, &dtls_record_sequence_never_reused::CHECK]
            {
                assert_eq!(count(&results(check, &evidence, |length| length), Status::Fail), 0, "{name}");
            }
        }
        let evidence = captured("dtls13/aes128-gcm-sha256.pcapng");
        let protected = results(&sec_sctp_only_inside_dtls::CHECK, &evidence, |length| length);
        assert_eq!(protected, [Status::Pass; 2]);
        assert_eq!(evidence.first_handshake(Peer(0)).messages.len(), 14, "and all handshake messages");
    }
}
