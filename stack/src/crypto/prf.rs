//! Recognises the pseudorandom function of TLS 1.2 at work (RFC 5246 §5).

use crate::dtls::Watch;
use crate::sync::lock;
use crate::tap::SecretSink;
use rtc::crypto::{CryptoError, HmacAlgorithm, Mac, RTCCrypto};
use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

/// Length of a master secret, RFC 5246 §8.1.
const MASTER_SECRET: usize = 48;
/// Length of a Hello's random, RFC 5246 §7.4.1.2.
const RANDOM: usize = 32;
const KEY_EXPANSION: &[u8] = b"key expansion";
/// RFC 5764 §4.2.
const EXTRACTOR: &[u8] = b"EXTRACTOR-dtls_srtp";
/// Length if the profile is not known: that of the mandatory one, SRTP_AES128_CM_HMAC_SHA1_80.
const USUAL_MATERIAL: usize = 60;

/// Reports the secrets of one connection, each once.
#[derive(Debug)]
pub(super) struct Secrets {
    sink: Arc<dyn SecretSink>,
    watch: Arc<Watch>,
    reported: Mutex<Vec<Vec<u8>>>,
}

impl Secrets {
    pub(super) fn new(sink: Arc<dyn SecretSink>, watch: Arc<Watch>) -> Self {
        Self { sink, watch, reported: Mutex::default() }
    }

    fn is_new(&self, seed: &[u8], key: &[u8]) -> bool {
        let mark = [seed, key].concat();
        let mut reported = lock(&self.reported);
        let is_new = !reported.contains(&mark);
        if is_new {
            reported.push(mark);
        }
        is_new
    }

    /// One step of P_hash: `HMAC(secret, A(i) + label + seed)`.
    fn on_step(&self, crypto: &dyn RTCCrypto, secret: &[u8], input: &[&[u8]]) {
        let [_, seed] = input else { return };
        if let Some(randoms) = seed.strip_prefix(KEY_EXPANSION) {
            // server_random + client_random, RFC 5246 §6.3.
            if let Some(client) = randoms.get(RANDOM..2 * RANDOM)
                && self.is_new(seed, secret)
            {
                self.sink.key_log(&format!("CLIENT_RANDOM {} {}", hex(client), hex(secret)));
            }
        } else if seed.starts_with(EXTRACTOR) && self.is_new(seed, secret) {
            let length = self.watch.srtp_material().unwrap_or(USUAL_MATERIAL);
            if let Ok(material) = p_sha256(crypto, secret, seed, length) {
                self.sink.srtp_keying_material(&material);
            }
        }
    }
}

/// `P_SHA256(secret, seed)`, RFC 5246 §5.
fn p_sha256(
    crypto: &dyn RTCCrypto,
    secret: &[u8],
    seed: &[u8],
    length: usize,
) -> Result<Vec<u8>, CryptoError> {
    let hmac = |input: &[&[u8]]| -> Result<Vec<u8>, CryptoError> {
        let mut output = vec![0; HmacAlgorithm::Sha256.output_len()];
        crypto.new_hmac(HmacAlgorithm::Sha256, secret)?.sign(input, &mut output)?;
        Ok(output)
    };
    let mut a = seed.to_vec();
    let mut material = Vec::new();
    while material.len() < length {
        a = hmac(&[&a])?;
        material.extend(hmac(&[&a, seed])?);
    }
    material.truncate(length);
    Ok(material)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// An HMAC whose key is as long as a master secret.
pub(super) struct WatchedMac {
    inner: Box<dyn Mac>,
    key: Vec<u8>,
    provider: Arc<dyn rtc::crypto::RTCCryptoProvider>,
    secrets: Arc<Secrets>,
}

impl WatchedMac {
    /// Wraps `inner` if its key could be a master secret.
    pub(super) fn wrap(
        inner: Box<dyn Mac>,
        algorithm: HmacAlgorithm,
        key: &[u8],
        provider: &Arc<dyn rtc::crypto::RTCCryptoProvider>,
        secrets: &Arc<Secrets>,
    ) -> Box<dyn Mac> {
        if algorithm != HmacAlgorithm::Sha256 || key.len() != MASTER_SECRET {
            return inner;
        }
        Box::new(Self { inner, key: key.to_vec(), provider: provider.clone(), secrets: secrets.clone() })
    }
}

impl Mac for WatchedMac {
    fn output_len(&self) -> usize {
        self.inner.output_len()
    }
    fn sign(&mut self, input: &[&[u8]], output: &mut [u8]) -> Result<(), CryptoError> {
        self.secrets.on_step(self.provider.crypto(), &self.key, input);
        self.inner.sign(input, output)
    }
    fn verify(&mut self, input: &[&[u8]], expected: &[u8]) -> Result<(), CryptoError> {
        self.inner.verify(input, expected)
    }
}
