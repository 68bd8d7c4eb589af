//! What the hello messages say about keys (RFC 5246 §7.4.1, RFC 9147 §5.3, RFC 5764 §4.1, RFC 9146 §3).

use super::bytes::Bytes;

const USE_SRTP: u16 = 14;
const ENCRYPT_THEN_MAC: u16 = 22;
const SUPPORTED_VERSIONS: u16 = 43;
const CONNECTION_ID: u16 = 54;

/// The random of a ServerHello that is a HelloRetryRequest, RFC 8446 §4.1.3.
const RETRY: [u8; 32] = [
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91, 0xc2,
    0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
];

/// Of a ClientHello.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::decrypt) struct ClientHello {
    pub(in crate::decrypt) random: [u8; 32],
    /// Length of the connection id that it wants in records sent to it.
    pub(in crate::decrypt) connection_id: usize,
}

impl ClientHello {
    pub(in crate::decrypt) fn read(message: &[u8]) -> Option<Self> {
        let mut rest = Bytes(message);
        rest.u16()?;
        let random = rest.array()?;
        rest.vector8()?; // session id
        rest.vector8()?; // cookie
        rest.vector16()?; // cipher suites
        rest.vector8()?; // compression methods
        let mut connection_id = 0;
        extensions(rest, |kind, body| {
            if kind == CONNECTION_ID {
                connection_id = Bytes(body).vector8().map_or(0, <[u8]>::len);
            }
        });
        Some(Self { random, connection_id })
    }
}

/// Of a ServerHello.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::decrypt) struct ServerHello {
    pub(in crate::decrypt) random: [u8; 32],
    pub(in crate::decrypt) version: u16,
    pub(in crate::decrypt) suite: u16,
    pub(in crate::decrypt) encrypt_then_mac: bool,
    /// The profile of `use_srtp`; 1.3 has it in EncryptedExtensions instead.
    pub(in crate::decrypt) srtp: Option<u16>,
    /// Length of the connection id that it wants in records sent to it, if it takes part.
    pub(in crate::decrypt) connection_id: Option<usize>,
}

impl ServerHello {
    /// Nothing for a HelloRetryRequest.
    pub(in crate::decrypt) fn read(message: &[u8]) -> Option<Self> {
        let mut rest = Bytes(message);
        let version = rest.u16()?;
        let random = rest.array()?;
        rest.vector8()?; // session id
        let suite = rest.u16()?;
        rest.u8()?; // compression method
        let mut hello =
            Self { random, version, suite, encrypt_then_mac: false, srtp: None, connection_id: None };
        extensions(rest, |kind, body| match kind {
            USE_SRTP => hello.srtp = srtp_profile(body),
            ENCRYPT_THEN_MAC => hello.encrypt_then_mac = true,
            SUPPORTED_VERSIONS => hello.version = Bytes(body).u16().unwrap_or(version),
            CONNECTION_ID => hello.connection_id = Bytes(body).vector8().map(<[u8]>::len),
            _ => {}
        });
        (random != RETRY).then_some(hello)
    }
}

/// The profile that EncryptedExtensions name.
pub(in crate::decrypt) fn encrypted_extensions_srtp(message: &[u8]) -> Option<u16> {
    let mut profile = None;
    extensions(Bytes(message), |kind, body| {
        if kind == USE_SRTP {
            profile = srtp_profile(body);
        }
    });
    profile
}

fn srtp_profile(body: &[u8]) -> Option<u16> {
    Bytes(Bytes(body).vector16()?).u16()
}

fn extensions<'a>(mut rest: Bytes<'a>, mut each: impl FnMut(u16, &'a [u8])) {
    let Some(mut list) = rest.vector16().map(Bytes) else { return };
    while let (Some(kind), Some(body)) = (list.u16(), list.vector16()) {
        each(kind, body);
    }
}
