//! The files of a case beside its timeline: the finished capture, descriptions, statistics, and what peers leave.

use indexmap::IndexMap;
use peerproof_captures::recording;
use peerproof_captures::timeline::{Entry, What};
use peerproof_reports::escape::file_name;
use serde_json::Value;
use std::fs;
use std::io;
use std::path::Path;

/// The copy of the recorded snapshot, in the folder of a case that was compared with one of the user's own.
pub(crate) const RECORDED_SNAPSHOT: &str = "snapshot.snap";

/// Keeps files of a peer: `screenshot-<peer>.png`, `console-<peer>.log`, `stderr-<peer>.log`.
pub(crate) async fn keep(folder: &Path, peer: &str, files: Vec<(String, Vec<u8>)>) -> io::Result<()> {
    for (name, content) in files {
        let (stem, extension) = name.rsplit_once('.').unwrap_or((name.as_str(), "txt"));
        let name = file_name(&format!("{stem}-{peer}.{extension}"));
        tokio::fs::write(folder.join(name), content).await?;
    }
    Ok(())
}

/// Descriptions and statistics as files of their own.
pub(crate) fn write_extras(
    folder: &Path,
    timeline: &[Entry],
    stats: &IndexMap<String, Value>,
) -> io::Result<()> {
    let sdp = folder.join("sdp");
    let mut number = 0;
    for entry in timeline {
        let What::Carried { from, sent, delivered, .. } = &entry.what else { continue };
        fs::create_dir_all(&sdp)?;
        number += 1;
        let from = file_name(from);
        fs::write(sdp.join(format!("{number:02}-{from}-{}.sdp", sent.kind)), &sent.sdp)?;
        if let Some(delivered) = delivered {
            fs::write(sdp.join(format!("{number:02}-{from}-{}-rewritten.sdp", sent.kind)), &delivered.sdp)?;
        }
    }
    for (peer, report) in stats {
        fs::create_dir_all(folder.join("stats"))?;
        fs::write(folder.join("stats").join(file_name(&format!("{peer}.json"))), pretty(report)?)?;
    }
    Ok(())
}

pub(crate) fn pretty(value: &impl serde::Serialize) -> io::Result<Vec<u8>> {
    let mut text = serde_json::to_vec_pretty(value).map_err(io::Error::from)?;
    text.push(b'\n');
    Ok(text)
}

/// Puts secrets and interfaces in front of the packets, as Wireshark wants them.
pub(crate) fn finalise(capture: &Path) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let finished = capture.with_extension("pcapng.part");
    let reader = io::BufReader::new(fs::File::open(capture)?);
    let mut writer = io::BufWriter::new(fs::File::create(&finished)?);
    recording::finalise(reader, &mut writer)?;
    io::Write::flush(&mut writer)?;
    drop(writer);
    fs::rename(&finished, capture)?;
    Ok(())
}
