//! Why a capture cannot be inspected.

use std::io;
use std::path::PathBuf;

/// Why a capture cannot be inspected.
#[derive(Debug, thiserror::Error)]
pub enum InspectError {
    /// A file cannot be read.
    #[error("{path}: {error}", path = .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// It is no description.
    #[error("{path} holds no session description, neither as SDP nor as JSON with `type` and `sdp`: {error}", path = .path.display())]
    NoDescription {
        /// The file.
        path: PathBuf,
        /// Why.
        error: serde_json::Error,
    },
    /// It is no capture.
    #[error("{name}: {reason}")]
    Foreign {
        /// The file.
        name: String,
        /// Why.
        reason: String,
    },
    /// There is no such frame.
    #[error("{name} has no frame {frame}: {}", if *.last == 0 { "it has none".to_owned() } else { format!("its frames are 1 to {last}") })]
    NoFrame {
        /// The file.
        name: String,
        /// The frame asked for.
        frame: u64,
        /// The last one.
        last: u64,
    },
    /// There is no such connection.
    #[error(
        "{name} has no connection {number}; it has {connections}, and `peerproof inspect` without options lists them"
    )]
    NoConnection {
        /// The file.
        name: String,
        /// The connection asked for, counted from one.
        number: usize,
        /// How many there are.
        connections: usize,
    },
    /// There is no such stream, or none of that kind.
    #[error("{name} has no such stream; it has {}", if .streams.is_empty() { "none" } else { .streams })]
    NoStream {
        /// The file.
        name: String,
        /// Those that it has.
        streams: String,
    },
    /// No stream was named, and none can be decoded.
    #[error("{name} has no stream that can be decoded: {what} can; it has {}", if .streams.is_empty() { "none" } else { .streams })]
    NoneDecodable {
        /// The file.
        name: String,
        /// The codecs that can be decoded.
        what: &'static str,
        /// The streams that it has.
        streams: String,
    },
    /// Several streams are what was asked for.
    #[error("{name} has several such streams: --frames-of and --connection choose one of {streams}")]
    SeveralStreams {
        /// The file.
        name: String,
        /// Those that it has.
        streams: String,
    },
    /// A stream cannot be decoded.
    #[error("{stream} cannot be decoded: {reason}")]
    NotDecoded {
        /// The stream.
        stream: String,
        /// Why.
        reason: String,
    },
    /// A capture cannot be exported.
    #[error("{path} cannot be written: {error}", path = .path.display())]
    Export {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The output cannot be written.
    #[error("the output cannot be written: {0}")]
    Write(#[from] io::Error),
}

impl InspectError {
    /// Whether the reader of the output went away, which is no error of anyone's.
    #[must_use]
    pub fn is_closed_output(&self) -> bool {
        matches!(self, Self::Write(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }
}
