//! The result of an inspection, as data: the format of `--json`.

use super::InspectError;
use super::dumped::DumpBeside;
use super::events::ApiEvent;
use super::judged::Judged;
use peerproof_captures::file::{CaptureReader, Format};
use peerproof_captures::trace::Trace;
use peerproof_conformance::explain::Diagnosis;
use schemars::JsonSchema;
use serde::Serialize;

/// What a capture holds, what happened in it, and what broke.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Report {
    /// The verdict, if the capture belongs to a recording of ours, and how the requirements stand.
    pub judged: Judged,
    /// The file.
    pub file: FileFacts,
    /// What was found in the files given beside it: secrets and which sessions they open, SRTP keys, descriptions and their connections.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub beside: Vec<String>,
    /// What its packets add up to. Times are nanoseconds since 1970-01-01 00:00 UTC, frames are counted from one.
    pub trace: Trace,
    /// What the peers' APIs said, in order of time, if the capture belongs to a recording of ours.
    pub events: Vec<ApiEvent>,
    /// What was recognised as trouble: the first layer that diverged by what the peers' APIs reported, if the capture belongs to
    /// a recording of ours; then connection by connection, the first layer that broke first.
    pub diagnosis: Vec<Diagnosis>,
    /// Of a recording whose case failed: what was seen besides, at other layers than the verdict's. It did not decide.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub besides: Vec<Diagnosis>,
    /// The dumps of browsers that were given beside it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dumps: Vec<DumpBeside>,
}

/// A capture file.
#[derive(Debug, Serialize, JsonSchema)]
pub struct FileFacts {
    /// Its name.
    pub name: String,
    /// `pcap` or `pcapng`.
    pub format: String,
    /// Whether it is compressed.
    pub compressed: bool,
    /// The program that wrote it.
    pub application: Option<String>,
    /// Its interfaces.
    pub interfaces: Vec<InterfaceFacts>,
    /// Secrets blocks of types that are not read.
    pub foreign_secrets: u64,
    /// Where and why reading ended before the end.
    pub stop: Option<String>,
}

/// An interface of a capture.
#[derive(Debug, Serialize, JsonSchema)]
pub struct InterfaceFacts {
    /// Its name.
    pub name: Option<String>,
    /// Its description.
    pub description: Option<String>,
    /// The kind of its packets.
    pub link: String,
}

impl FileFacts {
    pub(super) fn of(
        name: &str,
        reader: &CaptureReader<'_>,
        foreign_secrets: u64,
    ) -> Result<Self, InspectError> {
        let stop = reader.stop().map(ToString::to_string);
        let format = match (reader.format(), &stop) {
            (Some(Format::Pcap { .. }), _) => "pcap",
            (Some(Format::Pcapng), _) => "pcapng",
            (None, reason) => {
                let reason = reason.clone().unwrap_or_else(|| "no capture".to_owned());
                return Err(InspectError::Foreign { name: name.to_owned(), reason });
            }
        };
        let interfaces = reader.interfaces().iter().map(|interface| InterfaceFacts {
            name: interface.name.clone(),
            description: interface.description.clone(),
            link: interface.link.to_string(),
        });
        Ok(Self {
            name: name.to_owned(),
            format: format.to_owned(),
            compressed: reader.is_compressed(),
            application: reader.sections().iter().find_map(|section| section.application.clone()),
            interfaces: interfaces.collect(),
            foreign_secrets,
            stop,
        })
    }
}
