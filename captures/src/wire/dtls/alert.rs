//! Alerts: RFC 8446 §6, RFC 5246 §7.2.
//!
//! ```text
//! struct {
//!     AlertLevel level;
//!     AlertDescription description;
//! } Alert;
//! ```

use crate::wire::field::Field;
use crate::wire::node::{self, Dissected};
use crate::wire::reader::{Reader, Sink};
use crate::wire::stop::Read;
use std::fmt;

code_points! {
    /// How bad it is.
    pub enum Level(u8) {
        Warning = 1 => "warning",
        Fatal = 2 => "fatal",
    }
}

code_points! {
    /// What happened: the IANA registry "TLS Alerts".
    pub enum Description(u8) {
        CloseNotify = 0 => "close_notify",
        UnexpectedMessage = 10 => "unexpected_message",
        BadRecordMac = 20 => "bad_record_mac",
        DecryptionFailed = 21 => "decryption_failed",
        RecordOverflow = 22 => "record_overflow",
        DecompressionFailure = 30 => "decompression_failure",
        HandshakeFailure = 40 => "handshake_failure",
        NoCertificate = 41 => "no_certificate",
        BadCertificate = 42 => "bad_certificate",
        UnsupportedCertificate = 43 => "unsupported_certificate",
        CertificateRevoked = 44 => "certificate_revoked",
        CertificateExpired = 45 => "certificate_expired",
        CertificateUnknown = 46 => "certificate_unknown",
        IllegalParameter = 47 => "illegal_parameter",
        UnknownCa = 48 => "unknown_ca",
        AccessDenied = 49 => "access_denied",
        DecodeError = 50 => "decode_error",
        DecryptError = 51 => "decrypt_error",
        TooManyCidsRequested = 52 => "too_many_cids_requested",
        ExportRestriction = 60 => "export_restriction",
        ProtocolVersion = 70 => "protocol_version",
        InsufficientSecurity = 71 => "insufficient_security",
        InternalError = 80 => "internal_error",
        InappropriateFallback = 86 => "inappropriate_fallback",
        UserCanceled = 90 => "user_canceled",
        NoRenegotiation = 100 => "no_renegotiation",
        MissingExtension = 109 => "missing_extension",
        UnsupportedExtension = 110 => "unsupported_extension",
        CertificateUnobtainable = 111 => "certificate_unobtainable",
        UnrecognizedName = 112 => "unrecognized_name",
        BadCertificateStatusResponse = 113 => "bad_certificate_status_response",
        BadCertificateHashValue = 114 => "bad_certificate_hash_value",
        UnknownPskIdentity = 115 => "unknown_psk_identity",
        CertificateRequired = 116 => "certificate_required",
        NoApplicationProtocol = 120 => "no_application_protocol",
        EchRequired = 121 => "ech_required",
    }
}

/// An alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Alert {
    /// How bad it is. In 1.3 the description alone decides.
    pub level: Field<Level>,
    /// What happened.
    pub description: Field<Description>,
}

impl Alert {
    /// Reads both bytes.
    pub fn read<S: Sink>(r: &mut Reader<'_, S>) -> Read<Self> {
        Ok(Self { level: r.code("level")?, description: r.code("description")? })
    }

    pub(super) fn walk<S: Sink>(r: &mut Reader<'_, S>) -> Read<Self> {
        let alert = Self::read(r)?;
        r.summary(|| alert.to_string());
        Ok(alert)
    }
}

impl fmt::Display for Alert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "alert {} {}", self.level.value, self.description.value)
    }
}

/// Reads an alert from the content of a record.
pub fn view(bytes: &[u8]) -> Read<Alert> {
    Alert::read(&mut Reader::new("DTLS alert", bytes))
}

/// Dissects the content of a record of alerts entirely.
pub fn tree(bytes: &[u8]) -> Dissected<Alert> {
    node::record("DTLS alert", bytes, Alert::walk)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::testing::check_all;

    #[test]
    fn alerts_are_named() {
        assert_eq!(view(&[2, 42]).unwrap().to_string(), "alert fatal bad_certificate");
        assert_eq!(view(&[3, 200]).unwrap().to_string(), "alert 0x03 0xc8");
        check_all(&[1, 0], |bytes| tree(bytes).outcome());
    }
}
