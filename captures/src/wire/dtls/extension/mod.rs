//! Extensions of hellos and other handshake messages: RFC 8446 §4.2.
//!
//! ```text
//! struct {
//!     ExtensionType extension_type;
//!     opaque extension_data<0..2^16-1>;
//! } Extension;
//! ```

mod content;
mod key_share;
mod kind;
mod names;
mod pre_shared_key;
mod use_srtp;

pub use content::{Compression, Content, PointFormat, PskMode};
pub use key_share::{KeyShare, KeyShares};
pub use kind::ExtensionType;
pub use names::{Names, ServerNames};
pub use pre_shared_key::{PreSharedKeys, PskIdentity};
pub use use_srtp::{SrtpProfile, UseSrtp};

use super::vector;
use crate::wire::field::Field;
use crate::wire::reader::{Reader, Sink};
use crate::wire::show::Joined;
use crate::wire::stop::Read;
use std::fmt;

/// The message that holds extensions; some have another form in another message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ExtensionHolder {
    /// ClientHello.
    ClientHello,
    /// ServerHello.
    ServerHello,
    /// ServerHello with the random value that makes it a HelloRetryRequest.
    HelloRetryRequest,
    /// EncryptedExtensions.
    EncryptedExtensions,
    /// CertificateRequest.
    CertificateRequest,
    /// An entry of Certificate.
    Certificate,
    /// NewSessionTicket.
    NewSessionTicket,
}

/// An extension.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extension<'a> {
    /// Which one.
    pub kind: Field<ExtensionType>,
    /// Bytes of its data.
    pub length: Field<u16>,
    /// Its data.
    pub data: Field<&'a [u8]>,
    place: ExtensionHolder,
}

impl<'a> Extension<'a> {
    /// Reads one of a message.
    pub fn read<S: Sink>(r: &mut Reader<'a, S>, place: ExtensionHolder) -> Read<Self> {
        let (kind, length) = (r.code("extension_type")?, r.u16("extension_data length")?);
        let data = r.sized("extension_data", length.value.into(), length.range)?;
        Ok(Self { kind, length, data, place })
    }

    fn walk<S: Sink>(r: &mut Reader<'a, S>, place: ExtensionHolder) -> Read<()> {
        let kind = r.code::<ExtensionType>("extension_type")?;
        r.rename(|| kind.value.name().unwrap_or("unknown extension").into());
        let length = r.u16("extension_data length")?;
        if let Some(content) =
            r.attempt(length.value.into(), length.range, |r| Content::read(r, kind.value, place))?
        {
            r.summary(|| format!("{}{content}", kind.value));
        }
        Ok(())
    }

    /// What its data says.
    pub fn content(&self) -> Read<Content<'a>> {
        let start = self.data.range.start as usize;
        Content::read(&mut Reader::at("TLS extension", self.data.value, start), self.kind.value, self.place)
    }
}

/// The extensions of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extensions<'a> {
    /// All of them.
    pub bytes: Field<&'a [u8]>,
    place: ExtensionHolder,
}

impl<'a> Extensions<'a> {
    /// Reads the length and takes the extensions.
    pub(super) fn read<S: Sink>(r: &mut Reader<'a, S>, place: ExtensionHolder) -> Read<Self> {
        let bytes = vector::nested16(r, "extensions length", |r| {
            vector::each(r, "extension", |r| Extension::walk(r, place))
        })?;
        Ok(Self { bytes, place })
    }

    /// The same where a message of 1.2 may end without extensions.
    pub(super) fn read_optional<S: Sink>(
        r: &mut Reader<'a, S>,
        place: ExtensionHolder,
    ) -> Read<Option<Self>> {
        if r.is_empty() { Ok(None) } else { Self::read(r, place).map(Some) }
    }

    /// One by one. Ends at the first that cannot be read.
    pub fn iter(self) -> impl Iterator<Item = Extension<'a>> + Clone {
        vector::items(self.bytes, move |r| Extension::read(r, self.place))
    }

    /// The first of that type.
    pub fn find(self, kind: ExtensionType) -> Option<Extension<'a>> {
        self.iter().find(|extension| extension.kind.value == kind)
    }

    /// What the first of that type says; `None` too if it cannot be read.
    pub fn content(self, kind: ExtensionType) -> Option<Content<'a>> {
        self.find(kind)?.content().ok()
    }
}

impl fmt::Display for Extensions<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Joined(self.iter().map(|extension| extension.kind.value)).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::node;
    use crate::wire::testing::{check_all, check_robust, hex};

    fn check(place: ExtensionHolder, list: &str, shown: &str) {
        let list = hex(list);
        let mut bytes = (list.len() as u16).to_be_bytes().to_vec();
        bytes.extend(list);
        let extensions = Extensions::read(&mut Reader::new("test", &bytes), place).unwrap();
        let text: Vec<String> = extensions
            .iter()
            .map(|extension| match extension.content() {
                Ok(content) => format!("{}{content}", extension.kind.value),
                Err(stop) => stop.to_string(),
            })
            .collect();
        assert_eq!(text.join(" "), shown);
        let tree = |b: &[u8]| node::record("test", b, |r| Extensions::read(r, place).map(drop)).outcome();
        check_all(&bytes, tree);
        check_robust(&bytes, tree);
    }

    #[test]
    fn every_extension_of_a_client_hello_is_read() {
        check(
            ExtensionHolder::ClientHello,
            "0000 000e 000c 00 0009 6c6f63616c686f7374
             000a 0006 0004 11ec 001d
             000b 0002 01 00
             000d 0006 0004 0403 0804
             000e 0009 0006 0007 0001 0002 00
             0010 000e 000c 06 776562727463 04 68332d39
             0015 0003 000000
             0016 0000  0017 0000
             001c 0002 4001
             0023 0000
             002a 0000
             002b 0005 04 fefc fefd
             002c 0004 0002 beef
             002d 0002 01 01
             0031 0000
             0036 0003 02 c1d2
             0037 0003 02 0102
             0038 0002 01 07
             ff01 0001 00
             7777 0002 beef
             0033 000e 000c 001d 0002 abcd 0017 0002 0102
             0029 0011 0008 0002 7431 00000005 0005 04 01020304",
            "server_name=localhost supported_groups=X25519MLKEM768,x25519 ec_point_formats=uncompressed \
             signature_algorithms=ecdsa_secp256r1_sha256,rsa_pss_rsae_sha256 \
             use_srtp=SRTP_AEAD_AES_128_GCM,SRTP_AES128_CM_HMAC_SHA1_80,SRTP_AES128_CM_HMAC_SHA1_32 \
             application_layer_protocol_negotiation=webrtc,h3-9 padding=(3 bytes) encrypt_then_mac \
             extended_master_secret record_size_limit=16385 session_ticket=(0 bytes) early_data \
             supported_versions=DTLS 1.3,DTLS 1.2 cookie=(2 bytes) psk_key_exchange_modes=psk_dhe_ke \
             post_handshake_auth connection_id=c1d2 external_id_hash=0102 external_session_id=07 \
             renegotiation_info=(0 bytes) 0x7777=(2 bytes) key_share=x25519,secp256r1 \
             pre_shared_key=(1 identities)",
        );
    }

    #[test]
    fn extensions_have_their_form_by_message() {
        let hello = "002b 0002 fefc  0033 0006 001d 0002 abcd  0029 0002 0000";
        check(
            ExtensionHolder::ServerHello,
            hello,
            "supported_versions=DTLS 1.3 key_share=x25519 pre_shared_key=selected 0",
        );
        let retry = "002b 0002 fefc  0033 0002 0017  002c 0003 0001 aa";
        check(
            ExtensionHolder::HelloRetryRequest,
            retry,
            "supported_versions=DTLS 1.3 key_share=secp256r1 cookie=(1 bytes)",
        );
        check(ExtensionHolder::NewSessionTicket, "002a 0004 00000400", "early_data=1024");
        check(
            ExtensionHolder::EncryptedExtensions,
            "000e 0005 0002 0001 00",
            "use_srtp=SRTP_AES128_CM_HMAC_SHA1_80",
        );
        check(
            ExtensionHolder::CertificateRequest,
            "000d 0004 0002 0403  002f 0005 0003 0001 30",
            "signature_algorithms=ecdsa_secp256r1_sha256 certificate_authorities=(1 names)",
        );
    }

    #[test]
    fn an_extension_that_cannot_be_read_leaves_the_next_alone() {
        let bytes = hex("000c  000a 0004 0009 001d  0017 0000");
        let tree =
            node::record("test", &bytes, |r| Extensions::read(r, ExtensionHolder::ClientHello).map(drop));
        assert_eq!(tree.node.children[0].name, "supported_groups");
        assert_eq!(tree.node.children[0].anomalies.len(), 1);
        assert_eq!(tree.node.children[1].name, "extended_master_secret");
    }
}
