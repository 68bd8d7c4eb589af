//! The secrets at hand: key logs in the NSS format, and SRTP master keys given directly.
//!
//! A line of a key log is `LABEL client_random secret`, the latter two in hexadecimal (draft-ietf-tls-keylogfile).

use super::srtp::MasterKey;
use crate::hash::Ordered;
use std::fmt;

/// Most handshakes whose secrets are kept.
const MOST_HANDSHAKES: usize = 1 << 20;
/// The comment before a line of a key log in a recording that says which peer reported it. Other secrets were read where they came up.
const REPORTED_BY: &str = "# reported by ";
/// Most SRTP master keys given directly.
const MOST_SRTP_KEYS: usize = 1_024;

/// What a secret of a key log is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Label {
    /// `CLIENT_RANDOM`: the master secret of 1.2 and below.
    Master,
    /// `CLIENT_HANDSHAKE_TRAFFIC_SECRET` of 1.3.
    ClientHandshake,
    /// `SERVER_HANDSHAKE_TRAFFIC_SECRET` of 1.3.
    ServerHandshake,
    /// `CLIENT_TRAFFIC_SECRET_0` of 1.3.
    ClientTraffic,
    /// `SERVER_TRAFFIC_SECRET_0` of 1.3.
    ServerTraffic,
    /// `EXPORTER_SECRET` of 1.3.
    Exporter,
}

impl Label {
    pub(super) const COUNT: usize = 6;

    fn named(name: &[u8]) -> Option<Self> {
        Some(match name {
            b"CLIENT_RANDOM" => Self::Master,
            b"CLIENT_HANDSHAKE_TRAFFIC_SECRET" => Self::ClientHandshake,
            b"SERVER_HANDSHAKE_TRAFFIC_SECRET" => Self::ServerHandshake,
            b"CLIENT_TRAFFIC_SECRET_0" => Self::ClientTraffic,
            b"SERVER_TRAFFIC_SECRET_0" => Self::ServerTraffic,
            b"EXPORTER_SECRET" => Self::Exporter,
            _ => return None,
        })
    }
}

/// A secret of at most 64 bytes. Its bytes are not shown by `Debug`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Secret {
    bytes: [u8; 64],
    length: u8,
}

impl Secret {
    /// The secret, if it is not too long.
    pub fn new(secret: &[u8]) -> Option<Self> {
        let mut bytes = [0; 64];
        bytes.get_mut(..secret.len())?.copy_from_slice(secret);
        Some(Self { bytes, length: secret.len() as u8 })
    }

    /// Its bytes.
    pub fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.length.into()).unwrap_or_default()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({} bytes)", self.length)
    }
}

/// What a line of a key log held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Line {
    /// A secret that was not known before.
    New,
    /// A secret that is known.
    Known,
    /// A comment, an empty line, or a label that is of no use here.
    Ignored,
}

/// Why a line of a key log was not understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyLogError {
    /// Not `LABEL client_random secret`.
    #[error("not a label and two values")]
    Shape,
    /// The client random is not 32 bytes in hexadecimal.
    #[error("the client random is not 64 hexadecimal digits")]
    Random,
    /// The secret is not 32 to 64 bytes in hexadecimal.
    #[error("the secret is not 64 to 128 hexadecimal digits")]
    Secret,
    /// There is no room for more.
    #[error("too many secrets")]
    TooMany,
}

/// Secrets by the client random of their handshake.
#[derive(Debug, Clone, Default)]
pub struct Secrets {
    handshakes: Ordered<[u8; 32], [Option<Secret>; Label::COUNT]>,
    srtp: Vec<MasterKey>,
    changes: u64,
}

impl Secrets {
    /// None.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes in a key log as far as it is understood. Returns how many secrets were new and, by line from one, what was
    /// not understood (the first 100 such lines).
    pub fn add_key_log(&mut self, log: &[u8]) -> (usize, Vec<(usize, KeyLogError)>) {
        const MOST_ERRORS: usize = 100;
        let (mut added, mut errors) = (0, Vec::new());
        for (index, line) in log.split(|byte| *byte == b'\n').enumerate() {
            match self.add_line(line) {
                Ok(Line::New) => added += 1,
                Ok(Line::Known | Line::Ignored) => {}
                Err(error) if errors.len() < MOST_ERRORS => errors.push((index + 1, error)),
                Err(_) => {}
            }
        }
        (added, errors)
    }

    /// Takes in one line of a key log.
    ///
    /// # Errors
    /// If the line has a known label and something else is wrong with it, or has no shape at all.
    pub fn add_line(&mut self, line: &[u8]) -> Result<Line, KeyLogError> {
        let Some((label, client_random, secret)) = parsed(line)? else { return Ok(Line::Ignored) };
        if self.handshakes.len() >= MOST_HANDSHAKES && !self.handshakes.contains_key(&client_random) {
            return Err(KeyLogError::TooMany);
        }
        let known = self.handshakes.entry(client_random).or_default();
        let Some(place) = known.get_mut(label as usize) else { return Ok(Line::Ignored) };
        if *place == Some(secret) {
            return Ok(Line::Known);
        }
        *place = Some(secret);
        self.changes += 1;
        Ok(Line::New)
    }

    /// Takes in an SRTP master key that came by another way than DTLS. False if there is no room for more.
    pub fn add_srtp(&mut self, key: MasterKey) -> bool {
        let room = self.srtp.len() < MOST_SRTP_KEYS;
        if room && !self.srtp.contains(&key) {
            self.srtp.push(key);
            self.changes += 1;
        }
        room
    }

    /// The secret of the handshake with this client random.
    pub fn get(&self, client_random: &[u8; 32], label: Label) -> Option<&Secret> {
        self.handshakes.get(client_random)?.get(label as usize)?.as_ref()
    }

    /// Handshakes with a secret.
    pub fn handshakes(&self) -> usize {
        self.handshakes.len()
    }

    /// Whether some secret of the handshake with this client random is known.
    pub fn know(&self, client_random: &[u8; 32]) -> bool {
        self.handshakes.contains_key(client_random)
    }

    /// Whether there are none at all.
    pub fn are_none(&self) -> bool {
        self.handshakes.is_empty() && self.srtp.is_empty()
    }

    /// SRTP master keys given directly.
    pub fn srtp(&self) -> &[MasterKey] {
        &self.srtp
    }

    /// Grows with each new secret.
    pub(super) fn changes(&self) -> u64 {
        self.changes
    }
}

/// Label, client random and secret of a line of a key log; nothing if it is of no use here.
fn parsed(line: &[u8]) -> Result<Option<(Label, [u8; 32], Secret)>, KeyLogError> {
    let line = line.trim_ascii();
    if line.is_empty() || line.starts_with(b"#") {
        return Ok(None);
    }
    let mut words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    let (Some(label), Some(random), Some(secret), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return Err(KeyLogError::Shape);
    };
    let Some(label) = Label::named(label) else { return Ok(None) };
    let mut client_random = [0; 32];
    if unhex(random, &mut client_random) != Some(32) {
        return Err(KeyLogError::Random);
    }
    let mut bytes = [0; 64];
    let length = unhex(secret, &mut bytes).filter(|length| *length >= 32).ok_or(KeyLogError::Secret)?;
    Ok(Some((label, client_random, Secret { bytes, length: length as u8 })))
}

/// A secret that a peer reported itself, in a recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reported {
    /// The peer's name in the scenario.
    pub by: String,
    /// What it is for.
    pub label: Label,
    /// The handshake that it belongs to.
    pub client_random: [u8; 32],
    /// The secret.
    pub secret: Secret,
}

impl Reported {
    /// A line of a key log as a recording holds it: with the name of the peer that reported it, in a comment before it.
    #[must_use]
    pub fn line(peer: &str, line: &str) -> String {
        format!("{REPORTED_BY}{peer}\n{line}")
    }

    /// The secrets in a key log that peers reported. Lines that are not understood are left out.
    pub fn all(log: &[u8]) -> impl Iterator<Item = Self> + '_ {
        let mut before: &[u8] = b"";
        log.split(|byte| *byte == b'\n').filter_map(move |line| {
            let comment = std::mem::replace(&mut before, line);
            let by = comment.trim_ascii().strip_prefix(REPORTED_BY.as_bytes())?;
            let (label, client_random, secret) = parsed(line).ok()??;
            Some(Self { by: String::from_utf8_lossy(by).into_owned(), label, client_random, secret })
        })
    }
}

/// Decodes hexadecimal digits; the number of bytes, or nothing if they are no hexadecimal or do not fit.
fn unhex(digits: &[u8], out: &mut [u8]) -> Option<usize> {
    let digit = |digit: u8| char::from(digit).to_digit(16).map(|value| value as u8);
    let pairs = digits.chunks_exact(2);
    if !pairs.remainder().is_empty() {
        return None;
    }
    let mut length = 0;
    for pair in pairs {
        let [high, low] = *pair else { return None };
        *out.get_mut(length)? = digit(high)? << 4 | digit(low)?;
        length += 1;
    }
    Some(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recording_says_who_reported_a_secret() {
        let line = |label: &str, random: &str, secret: &str| {
            format!("{label} {} {}", random.repeat(32), secret.repeat(48))
        };
        let (own, read) = (line("CLIENT_RANDOM", "ab", "cd"), line("CLIENT_RANDOM", "ac", "ef"));
        let log = [Reported::line("alice", &own), read, Reported::line("bob", "CLIENT_RANDOM x y")];
        let log = log.join("\n");
        let reported: Vec<Reported> = Reported::all(log.as_bytes()).collect();
        let secret = Secret::new(&[0xcd; 48]).unwrap();
        let label = Label::Master;
        assert_eq!(reported, [Reported { by: "alice".to_owned(), label, client_random: [0xab; 32], secret }]);
        let mut secrets = Secrets::new();
        assert_eq!(secrets.add_key_log(log.as_bytes()), (2, vec![(5, KeyLogError::Random)]));
    }

    #[test]
    fn a_key_log_is_read_and_its_bad_lines_are_named() {
        let random = "ab".repeat(32);
        let master = "cd".repeat(48);
        let log = format!(
            "# made by hand\r\nCLIENT_RANDOM {random} {master}\r\nEXPORTER_SECRET {random} {}\n\
             SERVER_HANDSHAKE_TRAFFIC_SECRET 00 11\nQUIC_SOMETHING {random} 00\nCLIENT_RANDOM {random} 0\nhm\n",
            "ef".repeat(32)
        );
        let mut secrets = Secrets::new();
        let (added, errors) = secrets.add_key_log(log.as_bytes());
        assert_eq!(added, 2);
        assert_eq!(errors, [(4, KeyLogError::Random), (6, KeyLogError::Secret), (7, KeyLogError::Shape)]);
        assert_eq!(secrets.get(&[0xab; 32], Label::Master).unwrap().bytes(), [0xcd; 48]);
        assert_eq!(secrets.get(&[0xab; 32], Label::Exporter).unwrap().bytes(), [0xef; 32]);
        assert_eq!(secrets.get(&[0xab; 32], Label::ClientTraffic), None);
        assert_eq!(secrets.add_key_log(log.as_bytes()).0, 0, "nothing new the second time");
    }

    #[test]
    fn secrets_are_not_shown() {
        assert_eq!(format!("{:?}", Secret::new(&[7; 48]).unwrap()), "Secret(48 bytes)");
    }
}
