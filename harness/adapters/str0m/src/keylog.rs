//! Tells the DTLS secrets. Neither str0m nor dimpl, its DTLS, has a key log. But dimpl takes its HMAC from whoever provides
//! it, and RFC 5246 §6.3 puts all that a key log needs into one call of it: the keys are expanded from
//! `PRF(master_secret, "key expansion", server_random + client_random)`, whose first step (§5) is
//! `HMAC(master_secret, "key expansion" + server_random + client_random)`. str0m uses DTLS 1.2 unless told otherwise.

use std::fmt::Write;
use std::sync::Mutex;

use dimpl::CryptoError;
use dimpl::crypto::{CryptoProvider, HashAlgorithm, HmacProvider, aws_lc_rs};

const LABEL: &[u8] = b"key expansion";
const RANDOM: usize = 32;

static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());

#[derive(Debug)]
struct Listening(&'static dyn HmacProvider);

impl HmacProvider for Listening {
    fn hmac(
        &self,
        hash: HashAlgorithm,
        key: &[u8],
        data: &[u8],
        out: &mut [u8],
    ) -> Result<usize, CryptoError> {
        if let Some(randoms) = data.strip_prefix(LABEL)
            && randoms.len() == 2 * RANDOM
            && let Ok(mut lines) = LINES.lock()
        {
            lines.push(format!("CLIENT_RANDOM {} {}", hex(&randoms[RANDOM..]), hex(key)));
        }
        self.0.hmac(hash, key, data, out)
    }
}

/// Makes dimpl use the listening HMAC from now on, which is str0m's own beside.
pub fn install() {
    let provider = aws_lc_rs::default_provider();
    let listening: &'static Listening = Box::leak(Box::new(Listening(provider.hmac_provider)));
    CryptoProvider::install_default(CryptoProvider { hmac_provider: listening, ..provider });
}

/// The lines of the key log, in the NSS format, that have not been taken yet.
pub fn take() -> Vec<String> {
    LINES.lock().map(|mut lines| std::mem::take(&mut *lines)).unwrap_or_default()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
