//! Files that somebody else may have written: what is no regular file is refused before it can block, and no more is read than the limit of
//! what the file should be.
//!
//! The limits are far above what peerproof itself writes and what a person would (docs/reports.md and docs/scenarios.md list them); who needs more has a file
//! of another kind. A byte order mark at the beginning, as some editors write it, is no part of the text.

use peerproof_captures::{scan, timeline};
use std::fs::{self, File, Metadata};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;

/// How much is read of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// What the file is, for messages.
    pub what: &'static str,
    /// Most bytes.
    pub bytes: u64,
    /// Most values of JSON in it, since a value takes more memory than its text. Counted are commas and opening brackets.
    pub values: usize,
}

const MIB: u64 = 1 << 20;

impl Limit {
    /// A scenario or control.
    pub const SCENARIO: Self = Self::text("a scenario", MIB);
    /// `expected.toml` and `peerproof.toml`.
    pub const CONFIGURATION: Self = Self::text("a TOML file", 4 * MIB);
    /// `case.json`.
    pub const CASE: Self = Self { what: "a case.json", bytes: 16 * MIB, values: 1_000_000 };
    /// `timeline.jsonl`.
    pub const TIMELINE: Self =
        Self { what: "a timeline", bytes: 96 * MIB, values: 20 * timeline::MOST_ENTRIES };
    /// `run.json`, and what else knows how long cases took.
    pub const RUN: Self = Self { what: "a run.json", bytes: 512 * MIB, values: 50_000_000 };
    /// A dump of a browser's diagnostic page, decompressed.
    pub const DUMP: Self = Self { what: "a dump", bytes: 128 * MIB, values: 20_000_000 };
    /// A description.
    pub const DESCRIPTION: Self = Self::text("a description", MIB);
    /// A key log.
    pub const KEY_LOG: Self = Self::text("a key log", 64 * MIB);
    /// A snapshot.
    pub const SNAPSHOT: Self = Self::text("a snapshot", 4 * MIB);
    /// The text ahead of a matrix.
    pub const PREFACE: Self = Self::text("a preface", 4 * MIB);

    const fn text(what: &'static str, bytes: u64) -> Self {
        Self { what, bytes, values: usize::MAX }
    }

    fn exceeded(&self) -> io::Error {
        let Self { what, bytes, .. } = self;
        let limit =
            if *bytes >= MIB { format!("{} MiB", bytes / MIB) } else { format!("{} KiB", bytes / 1024) };
        io::Error::new(ErrorKind::FileTooLarge, format!("too large: {what} has at most {limit}"))
    }
}

/// Opens a regular file for reading.
///
/// # Errors
/// It cannot be opened; or it is a directory, a FIFO, a socket or a device, on which a reader could wait forever.
pub fn open(path: &Path) -> io::Result<File> {
    // Before it is opened, since opening a device may do something; and after, since it may be another one by then.
    regular(&fs::metadata(path)?)?;
    let file = File::options().read(true).custom_flags(nix::fcntl::OFlag::O_NONBLOCK.bits()).open(path)?;
    regular(&file.metadata()?)?;
    Ok(file)
}

fn regular(metadata: &Metadata) -> io::Result<()> {
    let kind = metadata.file_type();
    if kind.is_file() {
        return Ok(());
    }
    let what = if kind.is_dir() {
        "a directory"
    } else if kind.is_fifo() {
        "a FIFO"
    } else if kind.is_socket() {
        "a socket"
    } else {
        "a device"
    };
    Err(io::Error::new(ErrorKind::InvalidInput, format!("{what}, not a regular file")))
}

/// The bytes of a file, without a byte order mark.
///
/// # Errors
/// As of [`open`]; it cannot be read, or it exceeds the limit.
pub fn bytes(path: &Path, limit: Limit) -> io::Result<Vec<u8>> {
    let file = open(path)?;
    if file.metadata()?.len() > limit.bytes {
        return Err(limit.exceeded());
    }
    // It may grow, or say less than it has (files of /proc).
    limited(file, limit)
}

/// What a reader gives, such as that of a compressed file, without a byte order mark.
///
/// # Errors
/// It cannot be read, or exceeds the limit.
pub fn limited(from: impl Read, limit: Limit) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(limit.bytes + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit.bytes {
        return Err(limit.exceeded());
    }
    if bytes.starts_with(MARK) {
        bytes.drain(..MARK.len());
    }
    if limit.values != usize::MAX {
        if is_utf16(&bytes) {
            return Err(utf16());
        }
        let values = scan::json_values(&bytes);
        if values > limit.values {
            let Limit { what, values, .. } = limit;
            let text = format!("too large: {what} has at most {values} values");
            return Err(io::Error::new(ErrorKind::FileTooLarge, text));
        }
    }
    Ok(bytes)
}

/// The byte order mark in UTF-8.
const MARK: &[u8] = b"\xef\xbb\xbf";

/// Whether bytes begin as JSON or a text with a byte order mark does in UTF-16.
fn is_utf16(bytes: &[u8]) -> bool {
    matches!(bytes, [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [b'{', 0, ..] | [0, b'{', ..])
}

fn utf16() -> io::Error {
    io::Error::new(ErrorKind::InvalidData, "UTF-16 text: save it as UTF-8")
}

/// A text without its byte order mark.
#[must_use]
pub fn unmarked(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text)
}

/// The text of a file, without a byte order mark.
///
/// # Errors
/// As of [`bytes`]; or it is not UTF-8.
pub fn text(path: &Path, limit: Limit) -> io::Result<String> {
    let bytes = bytes(path, limit)?;
    if is_utf16(&bytes) {
        return Err(utf16());
    }
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        io::Error::new(ErrorKind::InvalidData, format!("not UTF-8 at byte {at}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::sys::stat::Mode;
    use std::os::unix::net::UnixListener;

    const SMALL: Limit = Limit { what: "a note", bytes: 2048, values: 3 };

    #[test]
    fn what_is_no_regular_file_is_refused_by_its_kind() {
        let folder = tempfile::tempdir().unwrap();
        let fifo = folder.path().join("fifo");
        nix::unistd::mkfifo(&fifo, Mode::S_IRWXU).unwrap();
        let socket = folder.path().join("socket");
        let _listener = UnixListener::bind(&socket).unwrap();
        for (path, kind) in [
            (fifo.as_path(), "a FIFO"),
            (socket.as_path(), "a socket"),
            (Path::new("/dev/zero"), "a device"),
            (folder.path(), "a directory"),
        ] {
            let error = bytes(path, SMALL).unwrap_err().to_string();
            assert_eq!(error, format!("{kind}, not a regular file"));
        }
        assert_eq!(bytes(&folder.path().join("absent"), SMALL).unwrap_err().kind(), ErrorKind::NotFound);
    }

    #[test]
    fn no_more_is_read_than_the_limit_and_the_error_names_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "x".repeat(2048)).unwrap();
        assert_eq!(bytes(&file, SMALL).unwrap().len(), 2048);
        fs::write(&file, "x".repeat(2049)).unwrap();
        let error = bytes(&file, SMALL).unwrap_err().to_string();
        assert_eq!(error, "too large: a note has at most 2 KiB");
        fs::write(&file, "[1, 2, 3]").unwrap();
        assert!(bytes(&file, SMALL).is_ok());
        fs::write(&file, "[1, 2, 3, 4]").unwrap();
        let error = bytes(&file, SMALL).unwrap_err().to_string();
        assert_eq!(error, "too large: a note has at most 3 values");
    }

    #[test]
    fn a_byte_order_mark_is_no_part_of_the_text() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "\u{feff}text").unwrap();
        assert_eq!(text(&file, SMALL).unwrap(), "text");
        assert_eq!(unmarked("\u{feff}text"), "text");
        fs::write(&file, b"\xff\xfet\0").unwrap();
        assert!(text(&file, SMALL).unwrap_err().to_string().contains("UTF-8"));
        for json in [&b"\xff\xfe{\0"[..], b"\xfe\xff\0{", b"{\0}\0", b"\0{\0}"] {
            fs::write(&file, json).unwrap();
            let [of_bytes, of_text] = [bytes(&file, SMALL).map(drop), text(&file, SMALL).map(drop)];
            assert_eq!(of_bytes.unwrap_err().to_string(), "UTF-16 text: save it as UTF-8");
            assert_eq!(of_text.unwrap_err().to_string(), "UTF-16 text: save it as UTF-8");
        }
        fs::write(&file, b"ab\xc3").unwrap();
        assert_eq!(text(&file, SMALL).unwrap_err().to_string(), "not UTF-8 at byte 2");
    }
}
