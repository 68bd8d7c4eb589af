//! DTLS: certificate fingerprints (RFC 8122 §5), roles (RFC 4145 §4) and association identity (RFC 8842 §5).

use super::Attribute;
use crate::sdp::scanner::{Malformed, Scanner};
use std::fmt;

/// `a=fingerprint:<hash function> <bytes>`, RFC 8122 §5.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint {
    /// The hash function as it was written, such as `sha-256`.
    pub hash: String,
    /// The digest of the certificate.
    pub bytes: Vec<u8>,
}

impl Fingerprint {
    /// Length in bytes of the digest of a known hash function. Names are compared without regard to case.
    pub fn digest_length(hash: &str) -> Option<usize> {
        Some(match hash.to_ascii_lowercase().as_str() {
            "md2" | "md5" => 16,
            "sha-1" => 20,
            "sha-224" => 28,
            "sha-256" => 32,
            "sha-384" => 48,
            "sha-512" => 64,
            _ => return None,
        })
    }
}

impl Attribute for Fingerprint {
    const NAMES: &'static [&'static str] = &["fingerprint"];

    fn read(_: &str, s: &mut Scanner<'_>) -> Result<Self, Malformed> {
        let hash = s.token("a hash function")?.to_owned();
        s.space()?;
        let start = s.position();
        let mut bytes = Vec::new();
        let mut lower_case_at = None;
        loop {
            let at = s.position();
            let digits = s.some("two hexadecimal digits", |c| c.is_ascii_hexdigit())?;
            let byte = u8::from_str_radix(digits, 16).ok().filter(|_| digits.len() == 2);
            bytes.push(byte.ok_or_else(|| s.malformed_at(at, "two hexadecimal digits"))?);
            if lower_case_at.is_none() && digits.chars().any(|c| c.is_ascii_lowercase()) {
                lower_case_at = Some(at);
            }
            if !s.eat(":") {
                break;
            }
        }
        if let Some(at) = lower_case_at {
            s.remark_at(at, "upper-case hexadecimal digits");
        }
        if Self::digest_length(&hash).is_some_and(|length| length != bytes.len()) {
            s.remark_at(start, "as many bytes as the hash function yields");
        }
        s.end();
        Ok(Self { hash, bytes })
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.hash)?;
        for (i, byte) in self.bytes.iter().enumerate() {
            write!(f, "{}{byte:02X}", if i == 0 { " " } else { ":" })?;
        }
        Ok(())
    }
}

/// `a=setup`, RFC 4145 §4; for DTLS RFC 8842 §5.2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Setup {
    /// Will be the DTLS client.
    Active,
    /// Will be the DTLS server.
    Passive,
    /// Leaves it to the answerer.
    ActPass,
    /// Wants no connection for now.
    HoldConn,
}

impl Setup {
    /// As in SDP.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Passive => "passive",
            Self::ActPass => "actpass",
            Self::HoldConn => "holdconn",
        }
    }
}

impl Attribute for Setup {
    const NAMES: &'static [&'static str] = &["setup"];

    fn read(_: &str, s: &mut Scanner<'_>) -> Result<Self, Malformed> {
        const EXPECTED: &str = "active, passive, actpass or holdconn";
        let at = s.position();
        let word = s.word(EXPECTED)?;
        let all = [Self::Active, Self::Passive, Self::ActPass, Self::HoldConn];
        let found = all.into_iter().find(|setup| setup.as_str() == word);
        let setup = found.ok_or_else(|| s.malformed_at(at, EXPECTED))?;
        s.end();
        Ok(setup)
    }
}

impl fmt::Display for Setup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// `a=tls-id`, RFC 8842 §4: at least 20 characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsId(pub String);

impl Attribute for TlsId {
    const NAMES: &'static [&'static str] = &["tls-id"];

    fn read(_: &str, s: &mut Scanner<'_>) -> Result<Self, Malformed> {
        const EXPECTED: &str = "20 to 255 tls-id characters";
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '-' | '_');
        let at = s.position();
        let id = s.word_of(EXPECTED, fits)?.to_owned();
        if !(20..=255).contains(&id.len()) {
            s.remark_at(at, EXPECTED);
        }
        s.end();
        Ok(Self(id))
    }
}

impl fmt::Display for TlsId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{places, round_trip};
    use super::*;

    #[test]
    fn a_fingerprint_is_read_and_printed() {
        let sha1 = "sha-1 4A:AD:B9:B1:3F:82:18:3B:54:02:12:DF:3E:5D:49:6B:19:E5:7C:AB";
        assert_eq!(round_trip::<Fingerprint>(sha1).bytes[..2], [0x4a, 0xad]);
        assert_eq!(round_trip::<Fingerprint>("x-hash 00").bytes, [0]);
    }

    #[test]
    fn faults_of_a_fingerprint_are_reported_with_their_place() {
        assert_eq!(places::<Fingerprint>("sha-256 AA:BB"), [8]);
        assert_eq!(places::<Fingerprint>("x AA:bB:cc"), [5]);
        assert_eq!(places::<Fingerprint>("x AA:B"), [5]);
        assert_eq!(places::<Fingerprint>("x AA:"), [5]);
        assert_eq!(places::<Fingerprint>("x AA-BB"), [4]);
        assert_eq!(places::<Fingerprint>("x"), [1]);
    }

    #[test]
    fn setup_is_one_of_four_words() {
        assert_eq!(round_trip::<Setup>("actpass"), Setup::ActPass);
        assert_eq!(places::<Setup>("maybe"), [0]);
        assert_eq!(places::<Setup>("active now"), [6]);
    }

    #[test]
    fn a_tls_id_has_at_least_twenty_characters() {
        round_trip::<TlsId>("abc3de65cddef001be82");
        assert_eq!(places::<TlsId>("abc3de65cddef001be8"), [0]);
    }
}
