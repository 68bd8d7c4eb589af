//! Copying frames of another capture into one that is written: an export keeps them as they were.

use super::recorder::{RecordError, Recorder, clip};
use super::{InterfaceId, Observes};
use crate::file::{self, Frame};
use pcap_file::DataLink;
use pcap_file::pcapng::Block;
use pcap_file::pcapng::blocks::enhanced_packet::{EnhancedPacketBlock, EnhancedPacketOption};
use std::borrow::Cow;
use std::io::Write;
use std::time::Duration;

impl<W: Write> Recorder<W> {
    /// Adds an interface for frames of an interface of another capture.
    ///
    /// # Errors
    /// If the writer fails.
    pub fn interface_like(
        &mut self,
        name: &str,
        other: &file::Interface,
    ) -> Result<InterfaceId, RecordError> {
        let description = other.description.as_deref().unwrap_or_default();
        let linktype = DataLink::from(u32::from(other.link.0));
        self.describe(name, description, linktype, Observes::Copied)
    }

    /// Copies a frame, with its comments and its direction, and returns its number in this capture. A frame without a time gets
    /// `time_ns`.
    ///
    /// # Errors
    /// If the interface is not for copies or the writer fails.
    pub fn copy(
        &mut self,
        interface: InterfaceId,
        frame: &Frame<'_>,
        time_ns: u64,
    ) -> Result<u64, RecordError> {
        let InterfaceId(interface) = interface;
        match self.interfaces.get(interface as usize) {
            None => return Err(RecordError::UnknownInterface(interface)),
            Some(Observes::Copied) => {}
            Some(&records) => {
                return Err(RecordError::WrongInterface { interface, records, given: Observes::Copied });
            }
        }
        // epb_flags bits 0-1: 1 inbound, 2 outbound.
        let flags = frame.direction.map(|direction| match direction {
            file::Direction::Inbound => EnhancedPacketOption::Flags(1),
            file::Direction::Outbound => EnhancedPacketOption::Flags(2),
        });
        let comments: Vec<String> =
            frame.comments().map(|comment| String::from_utf8_lossy(comment).into_owned()).collect();
        let comments = comments.iter().map(|text| EnhancedPacketOption::Comment(Cow::Borrowed(clip(text))));
        let block = EnhancedPacketBlock {
            interface_id: interface,
            timestamp: Duration::from_nanos(frame.time_ns.unwrap_or(time_ns)),
            original_len: frame.original_length,
            data: Cow::Borrowed(frame.data),
            options: flags.into_iter().chain(comments).collect(),
        };
        self.writer.block(&Block::EnhancedPacket(block))?;
        self.frames += 1;
        Ok(self.frames)
    }
}
