//! What an extension's data says, by its type and the message it stands in.

use super::super::group::Group;
use super::super::signature::SignatureScheme;
use super::super::vector;
use super::super::version::Version;
use super::ExtensionHolder;
use super::key_share::KeyShares;
use super::kind::ExtensionType;
use super::names::{self, Names, ServerNames};
use super::pre_shared_key::PreSharedKeys;
use super::use_srtp::UseSrtp;
use crate::wire::codes::Codes;
use crate::wire::field::Field;
use crate::wire::reader::{Reader, Sink};
use crate::wire::show::Hex;
use crate::wire::stop::Read;
use std::fmt;

code_points! {
    /// Forms of elliptic curve points, RFC 8422 §5.1.2.
    pub enum PointFormat(u8) {
        Uncompressed = 0 => "uncompressed",
        CompressedPrime = 1 => "ansiX962_compressed_prime",
        CompressedChar2 = 2 => "ansiX962_compressed_char2",
    }
}

code_points! {
    /// How a pre-shared key is used, RFC 8446 §4.2.9.
    pub enum PskMode(u8) {
        Psk = 0 => "psk_ke",
        PskWithDhe = 1 => "psk_dhe_ke",
    }
}

code_points! {
    /// Certificate compression algorithms, RFC 8879 §3.
    pub enum Compression(u16) {
        Zlib = 1 => "zlib",
        Brotli = 2 => "brotli",
        Zstd = 3 => "zstd",
    }
}

/// The meaning of an extension's data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content<'a> {
    /// Present, which says it all: extended_master_secret, encrypt_then_mac, post_handshake_auth, …
    Empty,
    /// server_name of a client.
    ServerNames(ServerNames<'a>),
    /// supported_groups.
    Groups(Codes<'a, Group>),
    /// ec_point_formats.
    PointFormats(Codes<'a, PointFormat>),
    /// signature_algorithms and signature_algorithms_cert.
    Signatures(Codes<'a, SignatureScheme>),
    /// use_srtp.
    UseSrtp(UseSrtp<'a>),
    /// application_layer_protocol_negotiation.
    Protocols(Names<'a>),
    /// supported_versions of a client.
    Versions(Codes<'a, Version>),
    /// supported_versions of a server.
    Version(Field<Version>),
    /// key_share with keys.
    KeyShares(KeyShares<'a>),
    /// key_share of a HelloRetryRequest.
    Group(Field<Group>),
    /// psk_key_exchange_modes.
    PskModes(Codes<'a, PskMode>),
    /// pre_shared_key of a client.
    PreSharedKeys(PreSharedKeys<'a>),
    /// pre_shared_key of a server: the place in the client's list.
    SelectedIdentity(Field<u16>),
    /// compress_certificate.
    Compressions(Codes<'a, Compression>),
    /// record_size_limit, max_fragment_length, early_data of a ticket.
    Number(Field<u64>),
    /// certificate_authorities: DER names, each after its length of two bytes.
    Authorities(Field<&'a [u8]>),
    /// A name of bytes: connection_id, external_id_hash, external_session_id.
    Id(Field<&'a [u8]>),
    /// Bytes without further meaning here: cookie, renegotiated connection, ticket, unknown extensions.
    Bytes(Field<&'a [u8]>),
}

impl<'a> Content<'a> {
    /// Reads the data of an extension of that type; the reader must be limited to it.
    pub(super) fn read<S: Sink>(
        r: &mut Reader<'a, S>,
        kind: ExtensionType,
        place: ExtensionHolder,
    ) -> Read<Self> {
        use ExtensionType as T;
        let of_client = place == ExtensionHolder::ClientHello;
        Ok(match kind {
            T::ServerName if of_client => Self::ServerNames(ServerNames::read(r)?),
            T::SupportedGroups => Self::Groups(vector::codes16(r, "named_group_list length", "named_group")?),
            T::EcPointFormats => {
                Self::PointFormats(vector::codes8(r, "ec_point_format_list length", "ec_point_format")?)
            }
            T::SignatureAlgorithms | T::SignatureAlgorithmsCert => {
                let length = "supported_signature_algorithms length";
                Self::Signatures(vector::codes16(r, length, "signature_algorithm")?)
            }
            T::UseSrtp => Self::UseSrtp(UseSrtp::read(r)?),
            T::Alpn => Self::Protocols(Names::read(r)?),
            T::SupportedVersions if of_client => {
                Self::Versions(vector::codes8(r, "versions length", "version")?)
            }
            T::SupportedVersions => Self::Version(r.code("selected_version")?),
            T::KeyShare if of_client => Self::KeyShares(KeyShares::read_client(r)?),
            T::KeyShare if place == ExtensionHolder::HelloRetryRequest => {
                Self::Group(r.code("selected_group")?)
            }
            T::KeyShare => Self::KeyShares(KeyShares::read_server(r)?),
            T::PskKeyExchangeModes => Self::PskModes(vector::codes8(r, "ke_modes length", "ke_mode")?),
            T::PreSharedKey if of_client => Self::PreSharedKeys(PreSharedKeys::read(r)?),
            T::PreSharedKey => Self::SelectedIdentity(r.u16("selected_identity")?),
            T::CompressCertificate => {
                Self::Compressions(vector::codes8(r, "algorithms length", "algorithm")?)
            }
            T::RecordSizeLimit => Self::Number(r.u16("record_size_limit")?.map(u64::from)),
            T::MaxFragmentLength => Self::Number(r.u8("max_fragment_length")?.map(u64::from)),
            T::EarlyData if place == ExtensionHolder::NewSessionTicket => {
                Self::Number(r.u32("max_early_data_size")?.map(u64::from))
            }
            T::CertificateAuthorities => Self::Authorities(names::authorities(r)?),
            T::ConnectionId => Self::Id(vector::opaque8(r, "cid length", "cid")?),
            T::ExternalIdHash => Self::Id(vector::opaque8(r, "binding_hash length", "binding_hash")?),
            T::ExternalSessionId => Self::Id(vector::opaque8(r, "session_id length", "session_id")?),
            T::Cookie => Self::Bytes(vector::opaque16(r, "cookie length", "cookie")?),
            T::RenegotiationInfo => {
                let length = "renegotiated_connection length";
                Self::Bytes(vector::opaque8(r, length, "renegotiated_connection")?)
            }
            T::SessionTicket => Self::Bytes(r.rest("ticket")),
            T::Padding => Self::Bytes(r.rest("padding")),
            T::ServerName
            | T::ExtendedMasterSecret
            | T::EncryptThenMac
            | T::PostHandshakeAuth
            | T::EarlyData
            | T::TruncatedHmac => Self::Empty,
            _ => Self::Bytes(r.rest("extension_data")),
        })
    }
}

impl fmt::Display for Content<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => Ok(()),
            Self::ServerNames(names) => write!(f, "={names}"),
            Self::Groups(groups) => write!(f, "={groups}"),
            Self::PointFormats(formats) => write!(f, "={formats}"),
            Self::Signatures(schemes) => write!(f, "={schemes}"),
            Self::UseSrtp(profiles) => write!(f, "={profiles}"),
            Self::Protocols(names) => write!(f, "={names}"),
            Self::Versions(versions) => write!(f, "={versions}"),
            Self::Version(version) => write!(f, "={version}"),
            Self::KeyShares(shares) => write!(f, "={shares}"),
            Self::Group(group) => write!(f, "={group}"),
            Self::PskModes(modes) => write!(f, "={modes}"),
            Self::PreSharedKeys(keys) => write!(f, "=({} identities)", keys.identities().count()),
            Self::SelectedIdentity(index) => write!(f, "=selected {index}"),
            Self::Compressions(algorithms) => write!(f, "={algorithms}"),
            Self::Number(number) => write!(f, "={number}"),
            Self::Authorities(names) => {
                write!(f, "=({} names)", vector::items(*names, |r| names::authority(r)).count())
            }
            Self::Id(id) => write!(f, "={}", Hex(id.value)),
            Self::Bytes(bytes) => write!(f, "=({} bytes)", bytes.value.len()),
        }
    }
}
