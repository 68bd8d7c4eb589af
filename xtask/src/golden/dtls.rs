//! DTLS records and handshake messages (RFC 6347 §4).

/// The certificate of all servers here.
pub(super) const CERTIFICATE: &[u8] = include_bytes!("certificate.der");

/// Content types.
pub(super) const CHANGE_CIPHER_SPEC: u8 = 20;
pub(super) const ALERT: u8 = 21;
pub(super) const HANDSHAKE: u8 = 22;
pub(super) const APPLICATION_DATA: u8 = 23;

/// `use_srtp` with SRTP_AES128_CM_HMAC_SHA1_80.
pub(super) const USE_SRTP: [u8; 9] = [0, 14, 0, 5, 0, 2, 0, 1, 0];
/// `extended_master_secret`.
pub(super) const EXTENDED_MASTER_SECRET: [u8; 4] = [0, 23, 0, 0];
/// `supported_groups` with x25519 and secp256r1.
pub(super) const GROUPS: [u8; 10] = [0, 10, 0, 6, 0, 4, 0, 0x1d, 0, 0x17];
/// `signature_algorithms` with ecdsa_secp256r1_sha256.
pub(super) const SIGNATURE_ALGORITHMS: [u8; 8] = [0, 13, 0, 4, 0, 2, 4, 3];

/// A record of DTLS 1.2.
pub(super) fn record(kind: u8, epoch: u16, sequence: u64, body: &[u8]) -> Vec<u8> {
    let [_, _, sequence @ ..] = sequence.to_be_bytes();
    let length = (body.len() as u16).to_be_bytes();
    [&[kind, 0xfe, 0xfd], &epoch.to_be_bytes()[..], &sequence, &length, body].concat()
}

/// A handshake message in one fragment.
pub(super) fn message(kind: u8, sequence: u16, body: &[u8]) -> Vec<u8> {
    fragment(kind, sequence, body, 0..body.len())
}

/// Part of a handshake message.
pub(super) fn fragment(kind: u8, sequence: u16, body: &[u8], part: std::ops::Range<usize>) -> Vec<u8> {
    let three = |number: usize| {
        let [_, three @ ..] = (number as u32).to_be_bytes();
        three
    };
    let bytes = body.get(part.clone()).unwrap_or_default();
    [&[kind], &three(body.len())[..], &sequence.to_be_bytes(), &three(part.start), &three(bytes.len()), bytes]
        .concat()
}

/// A ClientHello of 1.2 with a random of this byte.
pub(super) fn client_hello(random: u8, cookie: &[u8], extensions: &[&[u8]]) -> Vec<u8> {
    let extensions = extensions.concat();
    [
        &[0xfe, 0xfd],
        &[random; 32][..],
        &[0, cookie.len() as u8],
        cookie,
        // TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, no compression.
        &[0, 2, 0xc0, 0x2b, 1, 0],
        &(extensions.len() as u16).to_be_bytes(),
        &extensions,
    ]
    .concat()
}

/// The ServerHello that answers it.
pub(super) fn server_hello(random: u8, extensions: &[&[u8]]) -> Vec<u8> {
    let extensions = extensions.concat();
    [
        &[0xfe, 0xfd],
        &[random; 32][..],
        &[0, 0xc0, 0x2b, 0],
        &(extensions.len() as u16).to_be_bytes(),
        &extensions,
    ]
    .concat()
}

/// A Certificate message of 1.2.
pub(super) fn certificate(der: &[u8]) -> Vec<u8> {
    let three = |number: usize| {
        let [_, three @ ..] = (number as u32).to_be_bytes();
        three
    };
    [&three(der.len() + 3)[..], &three(der.len()), der].concat()
}
