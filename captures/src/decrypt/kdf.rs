//! Key derivation: the PRF of TLS 1.2 (RFC 5246 §5) and HKDF-Expand-Label as DTLS 1.3 uses it (RFC 8446 §7.1, RFC 9147 §5.9).

use hkdf::Hkdf;
use hmac::digest::{Digest, KeyInit};
use hmac::{Hmac, Mac};
use sha2::{Sha256, Sha384};

/// The hash of a cipher suite.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Hash {
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
}

/// Longest output of these hashes in bytes.
pub(super) const LONGEST_HASH: usize = 48;

impl Hash {
    /// Length of its output in bytes.
    pub const fn length(self) -> usize {
        match self {
            Self::Sha256 => 32,
            Self::Sha384 => 48,
        }
    }

    /// `PRF(secret, label, seed)` of TLS 1.2 with this hash, as many bytes as `out` has.
    pub(super) fn prf(self, secret: &[u8], label: &[u8], seed: &[&[u8]], out: &mut [u8]) {
        match self {
            Self::Sha256 => p_hash::<Hmac<Sha256>>(secret, label, seed, out),
            Self::Sha384 => p_hash::<Hmac<Sha384>>(secret, label, seed, out),
        }
    }

    /// `HKDF-Expand-Label(secret, label, context, out.len())` with the prefix of DTLS 1.3. False if the secret does not
    /// suit the hash or something is too long.
    pub(super) fn expand_label(self, secret: &[u8], label: &[u8], context: &[u8], out: &mut [u8]) -> bool {
        self.expand_prefixed(secret, [b"dtls13", label], context, out)
    }

    /// The same with another prefix before the label.
    fn expand_prefixed(
        self,
        secret: &[u8],
        [prefix, label]: [&[u8]; 2],
        context: &[u8],
        out: &mut [u8],
    ) -> bool {
        let length = u16::try_from(out.len()).ok();
        let label_length = u8::try_from(prefix.len() + label.len()).ok();
        let context_length = u8::try_from(context.len()).ok();
        let (Some(length), Some(label_length), Some(context_length)) = (length, label_length, context_length)
        else {
            return false;
        };
        if secret.len() != self.length() {
            return false;
        }
        let info: [&[u8]; 6] =
            [&length.to_be_bytes(), &[label_length], prefix, label, &[context_length], context];
        match self {
            Self::Sha256 => {
                Hkdf::<Sha256>::from_prk(secret).is_ok_and(|hkdf| hkdf.expand_multi_info(&info, out).is_ok())
            }
            Self::Sha384 => {
                Hkdf::<Sha384>::from_prk(secret).is_ok_and(|hkdf| hkdf.expand_multi_info(&info, out).is_ok())
            }
        }
    }

    /// The exporter of (D)TLS 1.3 with an empty context (RFC 8446 §7.5).
    pub(super) fn export(self, exporter_secret: &[u8], label: &[u8], out: &mut [u8]) -> bool {
        let mut empty = [0; LONGEST_HASH];
        match self {
            Self::Sha256 => copy(&Sha256::digest([]), &mut empty),
            Self::Sha384 => copy(&Sha384::digest([]), &mut empty),
        }
        let empty = empty.get(..self.length()).unwrap_or_default();
        let mut derived = [0; LONGEST_HASH];
        let derived = derived.get_mut(..self.length()).unwrap_or_default();
        self.expand_label(exporter_secret, label, empty, derived)
            && self.expand_label(derived, b"exporter", empty, out)
    }
}

fn copy(from: &[u8], to: &mut [u8]) {
    to.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
}

/// `P_hash` of RFC 5246 §5.
fn p_hash<M: Mac + KeyInit + Clone>(secret: &[u8], label: &[u8], seed: &[&[u8]], out: &mut [u8]) {
    // HMAC takes keys of any length.
    let Ok(keyed) = <M as KeyInit>::new_from_slice(secret) else { return };
    let seeded = |mut mac: M| {
        mac.update(label);
        seed.iter().for_each(|part| mac.update(part));
        mac.finalize().into_bytes()
    };
    let mut a = seeded(keyed.clone());
    for chunk in out.chunks_mut(a.len().max(1)) {
        let mut mac = keyed.clone();
        mac.update(&a);
        copy(&seeded(mac), chunk);
        let mut next = keyed.clone();
        next.update(&a);
        a = next.finalize().into_bytes();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::testing::hex;

    /// The vectors that circulated on the TLS working group's list with RFC 5246 ("P_SHA256", "P_SHA384").
    #[test]
    fn the_prf_gives_the_published_vectors() {
        let secret = hex("9bbe436ba940f017b17652849a71db35");
        let seed = hex("a0ba9f936cda311827a6f796ffd5198c");
        let mut out = vec![0; 100];
        Hash::Sha256.prf(&secret, b"test label", &[&seed], &mut out);
        let expected = "e3f229ba727be17b8d122620557cd453c2aab21d07c3d495329b52d4e61edb5a6b301791e90d35c9c9a46b4e14baf9af\
                        0fa022f7077def17abfd3797c0564bab4fbc91666e9def9b97fce34f796789baa48082d122ee42c5a72e5a5110fff701\
                        87347b66";
        assert_eq!(out, hex(expected));

        let secret = hex("b80b733d6ceefcdc71566ea48e5567df");
        let seed = hex("cd665cf6a8447dd6ff8b27555edb7465");
        let mut out = vec![0; 148];
        Hash::Sha384.prf(&secret, b"test label", &[&seed], &mut out);
        let expected = "7b0c18e9ced410ed1804f2cfa34a336a1c14dffb4900bb5fd7942107e81c83cde9ca0faa60be9fe34f82b1233c9146a0\
                        e534cb400fed2700884f9dc236f80edd8bfa961144c9e8d792eca722a7b32fc3d416d473ebc2c5fd4abfdad05d918425\
                        9b5bf8cd4d90fa0d31e2dec479e4f1a26066f2eea9a69236a3e52655c9e9aee691c8f3a26854308d5eaa3be85e0990703\
                        d73e56f";
        assert_eq!(out, hex(expected));
    }

    /// RFC 8448 §3; TLS differs from DTLS in the prefix of the label only (RFC 9147 §5.9).
    #[test]
    fn labels_are_expanded_as_the_key_schedule_of_rfc_8448() {
        let empty = hex("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        let early = "33ad0a1c607ec03b09e6cd9893680ce210adf300aa1f2660e1b22e10f170f92a";
        let client = "b3eddb126e067f35a780b3abf45e2d8f3b1a950738f52e9600746a0e27a55a21";
        let server = "b67b7d690cc16c4e75e54213cb2d37b4e9c912bcded9105d42befd59d391ad38";
        let initial = "c00cf151ca5be075ed0ebfb5c80323c42d6b7db67881289af4008f1f6c357aea";
        for (secret, label, context, expected) in [
            (
                early,
                "derived",
                &empty[..],
                "6f2615a108c702c5678f54fc9dbab69716c076189c48250cebeac3576c3611ba",
            ),
            (client, "key", &[], "dbfaa693d1762c5b666af5d950258d01"),
            (client, "iv", &[], "5bd3c71b836e0b76bb73265f"),
            (server, "key", &[], "3fce516009c21727d0f2e4e86ee403bc"),
            (server, "iv", &[], "5d313eb2671276ee13000b30"),
            // RFC 9001 A.1.
            (initial, "quic key", &[], "1f369613dd76d5467730efcbe3b1a22d"),
            (initial, "quic hp", &[], "9f50449e04a0e810283a1e9933adedd2"),
        ] {
            let expected = hex(expected);
            let mut out = vec![0; expected.len()];
            let labels: [&[u8]; 2] = [b"tls13 ", label.as_bytes()];
            assert!(Hash::Sha256.expand_prefixed(&hex(secret), labels, context, &mut out));
            assert_eq!(out, expected, "{label}");
        }
    }

    #[test]
    fn a_secret_of_the_wrong_length_expands_to_nothing() {
        assert!(!Hash::Sha384.expand_label(&[0; 32], b"key", &[], &mut [0; 16]));
        assert!(Hash::Sha256.expand_label(&[0; 32], b"key", &[], &mut [0; 16]));
    }
}
