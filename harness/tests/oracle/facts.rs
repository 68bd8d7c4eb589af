//! What a reader of captures says about each frame, in a form that is the same for both readers.

use std::collections::{BTreeMap, BTreeSet};

/// The protocols that both name, in Wireshark's words.
pub(crate) const PROTOCOLS: [&str; 8] =
    ["stun", "turnchannel", "dtls", "rtp", "rtcp", "sctp", "rtcdc", "mdns"];

/// The field that holds the [`PROTOCOLS`] of a frame.
pub(crate) const PROTOCOL: &str = "frame.protocols";
/// Application data of DTLS as it was decrypted.
pub(crate) const APPLICATION_DATA: &str = "data.data";
/// Types of RTCP packets.
pub(crate) const RTCP: &str = "rtcp.pt";

/// Not Wireshark's: whether something was decrypted between addresses that saw no hellos of the handshake. It is not compared.
pub(crate) const MOVED: &str = "moved";
/// Not compared: one where a frame holds ChannelData between addresses of which no STUN message came before.
pub(crate) const UNOPENED: &str = "unopened";

/// How tshark prints the values of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// A number, decimal or hexadecimal.
    Number,
    /// Bytes in hexadecimal.
    Bytes,
    /// Protocols separated by colons.
    Protocols,
}

/// The fields that are compared, by their names in Wireshark.
pub(crate) const FIELDS: [(&str, Form); 24] = [
    (PROTOCOL, Form::Protocols),
    ("stun.type", Form::Number),
    ("stun.id", Form::Bytes),
    ("stun.att.type", Form::Number),
    ("stun.channel", Form::Number),
    ("dtls.record.content_type", Form::Number),
    ("dtls.record.epoch", Form::Number),
    ("dtls.record.sequence_number", Form::Number),
    ("dtls.handshake.type", Form::Number),
    ("dtls.alert_message.desc", Form::Number),
    (APPLICATION_DATA, Form::Bytes),
    ("rtp.padding", Form::Number),
    ("rtp.p_type", Form::Number),
    ("rtp.marker", Form::Number),
    ("rtp.seq", Form::Number),
    ("rtp.timestamp", Form::Number),
    ("rtp.ssrc", Form::Number),
    (RTCP, Form::Number),
    ("sctp.verification_tag", Form::Number),
    ("sctp.chunk_type", Form::Number),
    ("sctp.data_tsn_raw", Form::Number),
    ("sctp.sack_cumulative_tsn_ack_raw", Form::Number),
    ("rtcdc.message_type", Form::Number),
    ("dns.id", Form::Number),
];

/// All values of all fields of all frames of a capture.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    values: BTreeMap<(u64, &'static str), Vec<String>>,
    /// Number of frames.
    pub(crate) frames: u64,
    /// Whether reading ended before the file did, or the file before its last frame.
    pub(crate) stopped: bool,
    /// Fields of which only the first value is in the clear: tshark, which does not know that, reads on in ciphertext.
    pub(crate) first_only: BTreeSet<(u64, &'static str)>,
}

impl Facts {
    pub(crate) fn add(&mut self, frame: u64, field: &'static str, value: impl ToString) {
        self.values.entry((frame, field)).or_default().push(value.to_string());
    }

    /// Adds a protocol of the frame, each once.
    pub(crate) fn protocol(&mut self, frame: u64, name: &'static str) {
        let protocols = self.values.entry((frame, PROTOCOL)).or_default();
        if PROTOCOLS.contains(&name) && !protocols.iter().any(|known| known == name) {
            protocols.push(name.to_owned());
            protocols.sort();
        }
    }

    /// What is said of the first frames, and of the others, whose numbers begin at one again.
    pub(crate) fn split_after(mut self, frames: u64) -> (Self, Self) {
        let behind = self.values.split_off(&(frames + 1, ""));
        let shifted = |(frame, field): (u64, &'static str)| (frame - frames, field);
        let later = Self {
            values: behind.into_iter().map(|(key, values)| (shifted(key), values)).collect(),
            frames: self.frames - frames,
            stopped: self.stopped,
            first_only: self.first_only.split_off(&(frames + 1, "")).into_iter().map(shifted).collect(),
        };
        self.frames = frames;
        (self, later)
    }

    pub(crate) fn of(&self, frame: u64, field: &'static str) -> &[String] {
        self.values.get(&(frame, field)).map_or(&[], Vec::as_slice)
    }
}

/// A frame of which the readers say different things.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Differs {
    pub(crate) frame: u64,
    pub(crate) field: &'static str,
    pub(crate) ours: String,
    pub(crate) tshark: String,
}

/// How much was compared.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Extent {
    pub(crate) frames: u64,
    pub(crate) values: u64,
}

/// Compares field by field.
pub(crate) fn compare(ours: &Facts, tshark: &Facts) -> (Extent, Vec<Differs>) {
    let mut extent = Extent { frames: ours.frames.max(tshark.frames), values: 0 };
    let mut differs = Vec::new();
    for frame in 1..=extent.frames {
        for (field, _) in FIELDS {
            let (mine, mut theirs) = (ours.of(frame, field), tshark.of(frame, field));
            if ours.first_only.contains(&(frame, field)) {
                theirs = theirs.get(..1).unwrap_or_default();
            }
            extent.values += mine.len().max(theirs.len()) as u64;
            if mine != theirs {
                differs.push(Differs { frame, field, ours: mine.join(","), tshark: theirs.join(",") });
            }
        }
    }
    if ours.frames != tshark.frames {
        differs.push(Differs {
            frame: 0,
            field: "frames",
            ours: ours.frames.to_string(),
            tshark: tshark.frames.to_string(),
        });
    }
    if ours.stopped != tshark.stopped {
        differs.push(Differs {
            frame: 0,
            field: "stopped",
            ours: ours.stopped.to_string(),
            tshark: tshark.stopped.to_string(),
        });
    }
    (extent, differs)
}
