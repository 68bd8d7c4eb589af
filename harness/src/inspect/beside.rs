//! What was found in the files given beside a capture: which sessions the secrets open, whether an SRTP key opens anything, and to which
//! connection each description belongs. Whoever gives something learns what became of it.

use super::source::Given;
use super::{InspectError, trace};
use peerproof_captures::decrypt::secrets::{KeyLogError, Label, Secrets};
use peerproof_captures::decrypt::srtp::{MasterKey, Profile};
use peerproof_captures::trace::{Connection, Handshake, Side, Trace};
use peerproof_conformance::evidence::belongs;
use std::collections::BTreeSet;
use std::fs::File;
use std::path::Path;

/// Most lines of a key log that are named, and most ufrags and randoms.
const MOST: usize = 4;

/// A key log as it was given.
#[derive(Debug)]
pub(crate) struct KeyLog {
    file: String,
    secrets: Secrets,
    errors: Vec<(usize, KeyLogError)>,
}

impl KeyLog {
    pub(super) fn read(file: &Path, bytes: &[u8]) -> Self {
        let mut secrets = Secrets::new();
        let (_, errors) = secrets.add_key_log(bytes);
        Self { file: file.display().to_string(), secrets, errors }
    }

    /// What it holds, and what that opens.
    fn found(&self, trace: &Trace) -> String {
        let known = self.secrets.handshakes();
        let mut text = match known {
            0 => format!("{}: no secret in it (a line is LABEL, client random, secret)", self.file),
            1 => format!("{}: secrets of 1 handshake", self.file),
            _ => format!("{}: secrets of {known} handshakes", self.file),
        };
        if known > 0 {
            text += &self.opened(trace);
        }
        for (line, error) in self.errors.iter().take(MOST) {
            text += &format!("; line {line}: {error}");
        }
        if let Some(more @ 1..) = self.errors.len().checked_sub(MOST) {
            text += &format!("; and {more} more such lines");
        }
        text
    }

    fn opened(&self, trace: &Trace) -> String {
        let all = trace.connections.iter().enumerate();
        let all = all.flat_map(|(index, connection)| {
            connection.handshakes.iter().map(move |handshake| (index, connection, handshake))
        });
        let (mut there, mut others) = (Vec::new(), Vec::new());
        for (index, connection, handshake) in all {
            match random(handshake).filter(|random| self.secrets.know(random)) {
                Some(random) => there.push((index, connection, handshake, random)),
                None => others.push(handshake),
            }
        }
        if there.is_empty() {
            let randoms: Vec<String> = others
                .iter()
                .take(MOST)
                .map(|it| {
                    let begin: String = it.client_random.chars().take(16).collect();
                    format!("{begin}… (frame {})", it.client_hello.frame)
                })
                .collect();
            return if randoms.is_empty() {
                ", and no ClientHello is in the capture, by whose random they are found".to_owned()
            } else {
                format!(
                    ", none of which is in the capture: its client randoms begin with {}",
                    randoms.join(", ")
                )
            };
        }
        let mut text = format!(", {} of them in the capture", there.len());
        for (index, connection, handshake, random) in there.iter().take(MOST) {
            text +=
                &format!("; connection {}, ClientHello in frame {}", index + 1, handshake.client_hello.frame);
            let lacks_exporter = self.secrets.get(random, Label::Exporter).is_none();
            if handshake.is_13() && lacks_exporter && handshake.srtp_profile.is_some() {
                text += ": no EXPORTER_SECRET, so that SRTP stays closed";
            } else if connection.decrypted == 0 {
                text += ": they open nothing of it";
            }
        }
        text
    }
}

fn random(handshake: &Handshake) -> Option<[u8; 32]> {
    let mut random = [0; 32];
    for (at, byte) in random.iter_mut().enumerate() {
        let digits = handshake.client_random.get(2 * at..2 * at + 2)?;
        *byte = u8::from_str_radix(digits, 16).ok()?;
    }
    Some(random)
}

/// What became of all that was given beside the capture, a line each.
pub(super) fn found(given: &Given, traced: &Trace) -> Result<Vec<String>, InspectError> {
    let mut lines = secrets(given, traced)?;
    lines.extend(descriptions(given, traced).iter().map(Described::sentence));
    Ok(lines)
}

/// The same of key logs and SRTP keys alone.
pub(crate) fn secrets(given: &Given, traced: &Trace) -> Result<Vec<String>, InspectError> {
    let mut lines: Vec<String> = given.key_logs.iter().map(|log| log.found(traced)).collect();
    lines.extend(srtp_keys(given, traced)?);
    Ok(lines)
}

/// SRTP keys of one argument: of one direction or both.
struct Keys<'a> {
    number: usize,
    keys: &'a [MasterKey],
    opened: u64,
}

fn srtp_keys(given: &Given, traced: &Trace) -> Result<Vec<String>, InspectError> {
    if given.srtp_keys.is_empty() {
        return Ok(Vec::new());
    }
    let unique = unique(&given.srtp_keys);
    let opened = |key: &MasterKey| {
        let at = unique.iter().position(|known| known == key);
        at.and_then(|at| traced.srtp_keys.get(at)).copied().unwrap_or_default()
    };
    let (mut all, mut rest) = (Vec::new(), given.srtp_keys.as_slice());
    for (number, count) in given.srtp_key_counts.iter().enumerate() {
        let (keys, after) = rest.split_at_checked(*count).unwrap_or((rest, &[]));
        all.push(Keys { number: number + 1, keys, opened: keys.iter().map(opened).sum() });
        rest = after;
    }
    let useless = || all.iter().filter(|it| it.opened == 0);
    let retried: Vec<MasterKey> = useless().flat_map(|it| it.keys).filter_map(otherwise).collect();
    // Only then is the capture read once more.
    let again = if retried.is_empty() || traced.srtp_packets == 0 || !given.is_kept() {
        None
    } else {
        Some(trace(&given.with_srtp_keys(retried.clone())?)?.1)
    };
    let would_open = |key: &MasterKey| {
        let at = self::unique(&retried).iter().position(|known| Some(*known) == otherwise(key))?;
        again.as_ref()?.srtp_keys.get(at).copied()
    };
    Ok(all
        .iter()
        .map(|Keys { number, keys, opened }| {
            let profile = keys.first().map_or("", |key| name(key.profile));
            let of = grouped(traced.srtp_packets);
            let name_of = format!("--srtp-key {number} ({profile})");
            if traced.srtp_packets == 0 {
                return format!("{name_of}: nothing to open, the capture has no SRTP that the handshakes' secrets leave closed");
            }
            if *opened > 0 {
                return format!("{name_of} opens {} of {of} packets", grouped(*opened));
            }
            let would: u64 = keys.iter().filter_map(would_open).sum();
            let other = keys.first().and_then(otherwise).filter(|_| would > 0);
            let hint = match other {
                Some(other) => format!("; as {} it would open {}", name(other.profile), grouped(would)),
                None => String::new(),
            };
            format!("{name_of} opens nothing of {of} packets{hint}")
        })
        .collect())
}

/// The keys without repetitions, as a session keeps them.
fn unique(keys: &[MasterKey]) -> Vec<MasterKey> {
    let mut unique: Vec<MasterKey> = Vec::new();
    for key in keys {
        if !unique.contains(key) {
            unique.push(*key);
        }
    }
    unique
}

/// The same key under the other profile that takes keys of this length.
fn otherwise(key: &MasterKey) -> Option<MasterKey> {
    let profile = match key.profile {
        Profile::Aes128CmSha1With80 => Profile::Aes128CmSha1With32,
        Profile::Aes128CmSha1With32 => Profile::Aes128CmSha1With80,
        Profile::AeadAes128Gcm | Profile::AeadAes256Gcm => return None,
    };
    Some(MasterKey { profile, ..*key })
}

const fn name(profile: Profile) -> &'static str {
    match profile {
        Profile::Aes128CmSha1With80 => "aes128-cm-80",
        Profile::Aes128CmSha1With32 => "aes128-cm-32",
        Profile::AeadAes128Gcm => "aead-aes128-gcm",
        Profile::AeadAes256Gcm => "aead-aes256-gcm",
    }
}

/// `11,887`.
fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (n, digit) in digits.chars().enumerate() {
        if n > 0 && (digits.len() - n).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A description that was given, and where it belongs.
pub(crate) struct Described {
    /// Its file.
    pub(crate) file: String,
    /// Its peer.
    pub(crate) peer: String,
    /// The index of its connection, or why it is of none.
    pub(crate) belongs: Result<usize, String>,
}

impl Described {
    /// Where it belongs, or why nowhere.
    pub(crate) fn sentence(&self) -> String {
        let Self { file, peer, belongs } = self;
        match belongs {
            Ok(connection) => format!("{file} describes {peer}, connection {}", connection + 1),
            Err(why) => format!("{file} belongs to no connection of the capture: {why}"),
        }
    }
}

/// All of them, in their order.
pub(crate) fn descriptions(given: &Given, trace: &Trace) -> Vec<Described> {
    let all = given.descriptions.iter().zip(&given.files);
    all.map(|((peer, sdp), file)| {
        let is_of = |connection: &Connection| {
            Side::BOTH.into_iter().any(|side| belongs(connection, side, sdp, &given.descriptions))
        };
        let ufrags = || (0..sdp.media().len()).filter_map(|at| sdp.effective_value(at, "ice-ufrag"));
        let why = || {
            let ufrags: BTreeSet<&str> = ufrags().collect();
            if ufrags.is_empty() {
                let has =
                    |name: &str| (0..sdp.media().len()).any(|at| sdp.effective_value(at, name).is_some());
                let lacks: Vec<String> = ["ice-ufrag", "ice-pwd", "setup"]
                    .into_iter()
                    .filter(|name| !has(name))
                    .map(|name| format!("a={name}"))
                    .collect();
                return format!(
                    "it lacks {}, and a connection is recognised by a=ice-ufrag",
                    lacks.join(", ")
                );
            }
            let ufrags: Vec<&str> = ufrags.into_iter().take(MOST).collect();
            format!("no check in the capture has its username fragment {}", ufrags.join(", "))
        };
        Described {
            file: file.display().to_string(),
            peer: peer.clone(),
            belongs: trace.connections.iter().position(is_of).ok_or_else(why),
        }
    })
    .collect()
}

/// A capture that is kept in a file without a name, opened once more.
pub(super) fn reopened(file: &File) -> Result<File, InspectError> {
    file.try_clone().map_err(InspectError::Write)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_by_thousands() {
        let grouped = [0, 7, 999, 1_000, 11_887, 1_234_567].map(super::grouped);
        assert_eq!(grouped, ["0", "7", "999", "1,000", "11,887", "1,234,567"]);
    }

    #[test]
    fn only_profiles_of_the_same_lengths_are_tried() {
        let key = |profile: Profile| {
            MasterKey::new(profile, &vec![1; profile.key_length()], &vec![2; profile.salt_length()]).unwrap()
        };
        for profile in Profile::ALL {
            let other = otherwise(&key(profile));
            assert!(
                other.is_none_or(|other| other != key(profile) && otherwise(&other) == Some(key(profile)))
            );
        }
        assert_eq!(Profile::ALL.iter().filter(|it| otherwise(&key(**it)).is_some()).count(), 2);
    }
}
