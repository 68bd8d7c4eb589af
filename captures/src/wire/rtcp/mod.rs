//! RTCP: RFC 3550 §6, with feedback (RFC 4585, RFC 5104, RFC 8888, transport-wide feedback, REMB) and extended reports (RFC 3611).
//!
//! A datagram holds a [`Compound`] of packets, or a single one where reduced size is agreed upon (RFC 5506).

mod app;
mod bye;
mod ccfb;
mod compound;
mod fir;
mod header;
mod nack;
mod payload_feedback;
mod receiver_report;
mod remb;
mod report_block;
mod sdes;
mod sender_report;
mod sli;
mod tmmb;
mod transport_cc;
mod transport_feedback;
mod xr;

pub use app::App;
pub use bye::Bye;
pub use ccfb::{Ccfb, MetricBlock, MetricBlocks};
pub use compound::{Body, Compound, Packet, is_in_clear, tree, unread, view};
pub use fir::FirEntry;
pub use header::{Header, PacketType};
pub use nack::NackEntry;
pub use payload_feedback::{PayloadFeedback, PayloadFeedbackControl, PayloadFeedbackType};
pub use receiver_report::ReceiverReport;
pub use remb::Remb;
pub use report_block::ReportBlock;
pub use sdes::{SdesChunk, SdesItem, SdesItemType};
pub use sender_report::SenderReport;
pub use sli::SliEntry;
pub use tmmb::TmmbEntry;
pub use transport_cc::{PacketStatus, TransportCc};
pub use transport_feedback::{TransportFeedback, TransportFeedbackControl, TransportFeedbackType};
pub use xr::{DlrrEntry, ExtendedReport, XrBlock, XrBlockType, XrContent};

use super::field::Field;
use super::list::Unit;
use super::node::Value;
use super::reader::{Reader, Sink};
use super::stop::Read;

/// A synchronisation source in a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ssrc(pub Field<u32>);

impl<'a> Unit<'a> for Ssrc {
    const NAME: &'static str = "SSRC";
    const IS_NODE: bool = false;

    fn read<S: Sink>(r: &mut Reader<'a, S>) -> Read<Self> {
        read_ssrc(r, "SSRC").map(Self)
    }
}

fn read_ssrc<S: Sink>(r: &mut Reader<'_, S>, name: &'static str) -> Read<Field<u32>> {
    let ssrc = r.u32(name)?;
    r.meaning(|| Value::Hex(ssrc.value.into(), 4));
    Ok(ssrc)
}
