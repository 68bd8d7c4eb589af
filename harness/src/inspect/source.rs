//! What was given: the capture, secrets, descriptions.

use super::beside::{self, KeyLog};
use super::dumped::Dumped;
use super::{Beside, InspectError, logs};
use crate::described;
use crate::input::{self, Limit};
use peerproof_captures::decrypt::srtp::MasterKey;
use peerproof_captures::file::CaptureReader;
use peerproof_captures::observe::{Observer, Sink};
use peerproof_captures::sdp::SessionDescription;
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read, Seek};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// The capture within the folder of a recording.
const CAPTURE: &str = "capture.pcapng";
/// What makes it a recording.
const CASE: &str = "case.json";
/// Its descriptions.
const DESCRIPTIONS: &str = "sdp";

/// Everything that the command line names, but for the capture itself, which is read as it is needed.
pub(crate) struct Given {
    /// What to call the capture.
    pub(crate) name: String,
    input: Input,
    pub(crate) key_log: Vec<u8>,
    /// The key logs by their files.
    pub(crate) key_logs: Vec<KeyLog>,
    pub(crate) srtp_keys: Vec<MasterKey>,
    /// How many of them each argument has.
    pub(crate) srtp_key_counts: Vec<usize>,
    /// Descriptions in the order given, with the names of their peers.
    pub(crate) descriptions: Vec<(String, SessionDescription)>,
    /// The file of each.
    pub(crate) files: Vec<PathBuf>,
    /// What is to be said of them: line ends that were taken for others, what describes nothing.
    pub(crate) notices: Vec<String>,
    /// The folder, if it is a recording of ours.
    pub(crate) folder: Option<PathBuf>,
    /// Dumps of browsers that took part.
    pub(super) dumps: Vec<Dumped>,
}

/// Where the capture comes from.
enum Input {
    File(PathBuf),
    /// Can be read once.
    Stdin,
    /// What came from standard input, kept in a file without a name.
    Kept(File),
}

/// A reader of a kept file.
struct Kept {
    file: File,
    at: u64,
}

impl Read for Kept {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(buffer, self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}

impl Given {
    pub(crate) fn read(capture: &Path, beside: &Beside) -> Result<Self, InspectError> {
        let stdin = capture.as_os_str() == "-";
        let mut path = capture.to_owned();
        let mut files = beside.sdp.clone();
        let mut folder = None;
        // The capture of a recording stands for the recording.
        if let Some(parent) =
            path.parent().filter(|_| !stdin && path.file_name().is_some_and(|it| it == CAPTURE))
            && parent.join(CASE).is_file()
        {
            path = if parent.as_os_str().is_empty() { PathBuf::from(".") } else { parent.to_owned() };
        }
        if !stdin && path.is_dir() {
            files.splice(0..0, descriptions_in(&path.join(DESCRIPTIONS)));
            if !path.join(CAPTURE).exists() {
                let reason = match path.join("run.json").exists() || path.join("cases").exists() {
                    true => "this is a run; name the folder of one of its cases",
                    false => "there is no capture.pcapng in this folder",
                };
                return Err(InspectError::Foreign {
                    name: path.display().to_string(),
                    reason: reason.to_owned(),
                });
            }
            folder = Some(path.clone());
            path = path.join(CAPTURE);
        }
        let (mut key_log, mut key_logs) = (Vec::new(), Vec::new());
        for file in &beside.keylog {
            let unreadable = |error| InspectError::Read { path: file.clone(), error };
            let bytes = input::bytes(file, Limit::KEY_LOG).map_err(unreadable)?;
            key_logs.push(KeyLog::read(file, &bytes));
            key_log.extend(bytes);
            key_log.push(b'\n');
        }
        let (mut descriptions, mut of_files, mut notices) = (Vec::new(), Vec::new(), Vec::new());
        let recorded = files.len() - beside.sdp.len();
        let mut known: BTreeSet<(String, Vec<u8>)> = BTreeSet::new();
        for (n, file) in files.into_iter().enumerate() {
            let bytes = input::bytes(&file, Limit::DESCRIPTION)
                .map_err(|error| InspectError::Read { path: file.clone(), error })?;
            // The command line may name those of the recording again.
            let of_peer = (peer_of(&file), bytes.clone());
            if n < recorded {
                known.insert(of_peer);
            } else if known.contains(&of_peer) {
                continue;
            }
            if !described::looks_like_one(&bytes) && !bytes.trim_ascii().is_empty() {
                // What is wrong with it is for the requirements to say.
                let sdp = SessionDescription::parse(described::text(&bytes).into_owned());
                described::fits(&sdp).map_err(|error| InspectError::Read { path: file.clone(), error })?;
                descriptions.push((peer_of(&file), sdp));
                of_files.push(file);
                continue;
            }
            let malformed = |error| InspectError::NoDescription { path: file.clone(), error };
            let found = described::read(&bytes).map_err(malformed)?;
            let name = file.display().to_string();
            notices.extend(described::notices(&name, &found.nothing));
            for one in found.described {
                described::fits(&one.sdp)
                    .map_err(|error| InspectError::Read { path: file.clone(), error })?;
                notices.extend(described::notices(&name, &one.taken));
                descriptions.push((peer_of(&file), one.sdp));
                of_files.push(file.clone());
            }
        }
        let files = of_files;
        let name = if stdin { "standard input".to_owned() } else { path.display().to_string() };
        let input = if stdin { Input::Stdin } else { of_file(path)? };
        let srtp_keys = beside.srtp_key.iter().flat_map(|keys| keys.0.iter().copied()).collect();
        let srtp_key_counts = beside.srtp_key.iter().map(|keys| keys.0.len()).collect();
        Ok(Self {
            name,
            input,
            key_log,
            key_logs,
            srtp_keys,
            srtp_key_counts,
            descriptions,
            files,
            notices,
            folder,
            dumps: Vec::new(),
        })
    }

    /// The same capture with these SRTP keys only. It must be kept.
    pub(super) fn with_srtp_keys(&self, srtp_keys: Vec<MasterKey>) -> Result<Self, InspectError> {
        let input = match &self.input {
            Input::File(path) => Input::File(path.clone()),
            Input::Kept(file) => Input::Kept(beside::reopened(file)?),
            Input::Stdin => Input::Stdin,
        };
        Ok(Self {
            name: self.name.clone(),
            input,
            key_log: Vec::new(),
            key_logs: Vec::new(),
            srtp_key_counts: vec![srtp_keys.len()],
            srtp_keys,
            descriptions: Vec::new(),
            files: Vec::new(),
            notices: Vec::new(),
            folder: None,
            dumps: Vec::new(),
        })
    }

    /// Whether that is the file of the capture.
    pub(crate) fn is(&self, path: &Path) -> bool {
        let real = |path: &Path| fs::canonicalize(path).ok();
        matches!(&self.input, Input::File(own) if real(own).is_some() && real(own) == real(path))
    }

    /// Keeps what comes from standard input, so that it can be read more than once.
    pub(crate) fn spooled(mut self) -> Result<Self, InspectError> {
        if matches!(self.input, Input::Stdin) {
            let path = || PathBuf::from(&self.name);
            let unreadable = |error| InspectError::Read { path: path(), error };
            let mut file = tempfile::tempfile().map_err(unreadable)?;
            io::copy(&mut io::stdin().lock(), &mut file).map_err(unreadable)?;
            self.input = Input::Kept(file);
        }
        Ok(self)
    }

    /// The bytes of the capture, from the beginning.
    pub(crate) fn input(&self) -> Result<Box<dyn Read>, InspectError> {
        let unreadable = |error| InspectError::Read { path: PathBuf::from(&self.name), error };
        Ok(match &self.input {
            Input::File(path) => Box::new(input::open(path).map_err(unreadable)?),
            Input::Stdin => Box::new(io::stdin()),
            // Each reader has a place of its own, which clones of a file would share.
            Input::Kept(file) => Box::new(Kept { file: file.try_clone().map_err(unreadable)?, at: 0 }),
        })
    }

    /// The size of the capture in bytes, unless it comes from standard input and is not kept.
    pub(crate) fn size(&self) -> Option<u64> {
        match &self.input {
            Input::File(path) => fs::metadata(path).map(|it| it.len()).ok(),
            Input::Kept(file) => file.metadata().map(|it| it.len()).ok(),
            Input::Stdin => None,
        }
    }

    /// An observer that knows the secrets given beside the capture.
    pub(crate) fn observer(&self, sink: &mut dyn Sink) -> Observer {
        let mut observer = Observer::new();
        observer.key_log(&self.key_log, sink);
        for key in &self.srtp_keys {
            observer.srtp_key(*key);
        }
        observer
    }

    /// Whether the capture can be read more than once.
    pub(crate) const fn is_kept(&self) -> bool {
        !matches!(self.input, Input::Stdin)
    }

    /// Begins to read the capture.
    pub(crate) fn reader(&self) -> Result<CaptureReader<'static>, InspectError> {
        Ok(CaptureReader::new(self.input()?))
    }
}

/// A capture, or what is made of a text log with packets in it.
fn of_file(path: PathBuf) -> Result<Input, InspectError> {
    let unreadable = |error| InspectError::Read { path: path.clone(), error };
    let mut file = input::open(&path).map_err(unreadable)?;
    let mut first = [0; 64];
    let read = file.read(&mut first).map_err(unreadable)?;
    if !logs::is_text(first.get(..read).unwrap_or_default()) {
        return Ok(Input::File(path));
    }
    file.rewind().map_err(unreadable)?;
    let made = logs::capture(file).map_err(unreadable)?;
    // What is neither is refused by the reader of captures.
    Ok(made.map_or(Input::File(path), Input::Kept))
}

/// Descriptions of a recording in their order; none if it has none.
fn descriptions_in(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "sdp"))
        .collect();
    files.sort();
    files
}

/// `03-alice-offer.sdp` describes alice, `bob.sdp` bob.
fn peer_of(file: &Path) -> String {
    let stem = file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let unnumbered = stem.trim_start_matches(|c: char| c.is_ascii_digit()).trim_start_matches('-');
    let kinds = ["-offer", "-answer", "-pranswer"];
    let name = kinds.iter().find_map(|kind| unnumbered.strip_suffix(kind)).unwrap_or(unnumbered);
    if name.is_empty() { stem } else { name.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_names_its_peer_by_its_file() {
        for (file, peer) in [
            ("sdp/03-alice-offer.sdp", "alice"),
            ("bob.sdp", "bob"),
            ("offer.sdp", "offer"),
            ("12-carol-pranswer.sdp", "carol"),
            ("7.sdp", "7"),
        ] {
            assert_eq!(peer_of(Path::new(file)), peer, "{file}");
        }
    }
}
