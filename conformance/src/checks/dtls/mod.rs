//! The DTLS handshake and the certificates in it.

mod certificate_matches;
mod client_follows_setup;
mod lost_flight_is_repeated;
mod no_compression;
mod one_srtp_profile;
mod server_asks_for_certificate;
mod version;

use super::Check;

pub(super) const CHECKS: &[Check] = &[
    version::CHECK,
    client_follows_setup::CHECK,
    certificate_matches::CHECK,
    server_asks_for_certificate::CHECK,
    no_compression::CHECK,
    one_srtp_profile::CHECK,
    lost_flight_is_repeated::CHECK,
];
