//! Sees the plaintext of DTLS records in their AEAD ciphers.

use crate::dcep::Announced;
use crate::dtls::Watch;
use crate::tap::{Direction, SecretSink};
use rtc::crypto::{AeadCipher, CryptoError};
use std::sync::Arc;

/// Length of the additional data of a DTLS 1.2 record, RFC 5246 §6.2.3.3: sequence number 8, type 1, version 2, length 2.
/// SRTP's additional data is an RTP header, whose first byte is at least 128.
const ADDITIONAL_DATA: usize = 13;
/// ContentType `application_data`.
const APPLICATION_DATA: u8 = 23;

/// A cipher, watched.
pub(super) struct WatchedAead {
    pub(super) inner: Box<dyn AeadCipher>,
    pub(super) watch: Arc<Watch>,
    pub(super) sink: Arc<dyn SecretSink>,
    pub(super) announced: Arc<Announced>,
}

impl WatchedAead {
    fn report(&self, direction: Direction, kind: u8, plaintext: &[u8]) {
        self.watch.plaintext(direction, kind, plaintext);
        if kind == APPLICATION_DATA {
            self.sink.application_data(direction, plaintext);
            if direction == Direction::In {
                self.announced.on_packet(plaintext);
            }
        }
    }
}

/// ContentType of the record that this is the additional data of.
fn content_type(additional: &[u8]) -> Option<u8> {
    let is_record = additional.len() == ADDITIONAL_DATA && additional.get(9..11) == Some(&[0xfe, 0xfd]);
    is_record.then(|| additional.get(8).copied()).flatten()
}

impl AeadCipher for WatchedAead {
    fn tag_len(&self) -> usize {
        self.inner.tag_len()
    }

    fn seal_in_place(
        &mut self,
        nonce: &[u8],
        aad: &[u8],
        text: &mut [u8],
        tag_out: &mut [u8],
    ) -> Result<(), CryptoError> {
        if let Some(kind) = content_type(aad) {
            self.report(Direction::Out, kind, text);
        }
        self.inner.seal_in_place(nonce, aad, text, tag_out)
    }

    fn open_in_place(
        &mut self,
        nonce: &[u8],
        aad: &[u8],
        text: &mut [u8],
        tag: &[u8],
    ) -> Result<(), CryptoError> {
        self.inner.open_in_place(nonce, aad, text, tag)?;
        if let Some(kind) = content_type(aad) {
            self.report(Direction::In, kind, text);
        }
        Ok(())
    }
}
