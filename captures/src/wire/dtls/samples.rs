//! Recorded handshakes, one datagram a line.

use crate::wire::testing::hex;

/// DTLS 1.2 between OpenSSL 3.0's `s_client` and `s_server`: cookie exchange, ECDSA certificates of both sides, use_srtp, the
/// client's messages in fragments of 300 bytes, some data, close_notify.
pub(crate) fn openssl() -> Vec<Vec<u8>> {
    include_str!("samples/openssl-1.2.hex").lines().map(hex).collect()
}

/// DTLS 1.3 within Chrome 156: a ClientHello of two fragments (ML-KEM), ServerHello, then encrypted records.
pub(crate) fn chrome() -> Vec<Vec<u8>> {
    include_str!("samples/chrome-1.3.hex").lines().map(hex).collect()
}
