//! RTPFB, transport-layer feedback: RFC 4585 §6.1 and §6.2.
//!
//! ```text
//! |V=2|P|   FMT   |  PT=RTPFB=205 |          length               |
//! |                  SSRC of packet sender                        |
//! |                  SSRC of media source                         |   (not in RFC 8888 feedback)
//! :            Feedback Control Information (FCI)                 :
//! ```

use super::{Ccfb, Header, NackEntry, TmmbEntry, TransportCc, read_ssrc};
use crate::wire::field::Field;
use crate::wire::list::List;
use crate::wire::reader::{Reader, Sink};
use crate::wire::stop::Read;
use std::fmt;

code_points! {
    /// Feedback message types (FMT) of RTPFB.
    pub enum TransportFeedbackType(u8) {
        Nack = 1 => "NACK",
        Tmmbr = 3 => "TMMBR",
        Tmmbn = 4 => "TMMBN",
        SrReq = 5 => "SR-REQ",
        Rams = 6 => "RAMS",
        Tllei = 7 => "TLLEI",
        Ecn = 8 => "ECN",
        Ps = 9 => "PS",
        Ccfb = 11 => "CCFB",
        TransportCc = 15 => "TWCC",
    }
}

/// The feedback control information, by type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransportFeedbackControl<'a> {
    /// Packets that are missing.
    Nack(List<'a, NackEntry>),
    /// A request for a lower bitrate.
    Tmmbr(List<'a, TmmbEntry>),
    /// The bitrates that bound the sender.
    Tmmbn(List<'a, TmmbEntry>),
    /// Arrival of packets, RFC 8888.
    Ccfb(Ccfb<'a>),
    /// Arrival of packets, transport-wide.
    TransportCc(TransportCc<'a>),
    /// Anything else.
    Unknown(Field<&'a [u8]>),
}

/// The body of an RTPFB.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TransportFeedback<'a> {
    /// The feedback message type, from the header.
    pub kind: TransportFeedbackType,
    /// Who sends it.
    pub sender: Field<u32>,
    /// The source that it is about; `None` in RFC 8888 feedback.
    pub media: Option<Field<u32>>,
    /// The control information.
    pub control: TransportFeedbackControl<'a>,
}

impl<'a> TransportFeedback<'a> {
    pub(super) fn read<S: Sink>(r: &mut Reader<'a, S>, header: &Header) -> Read<Self> {
        use TransportFeedbackControl as Control;
        let kind = TransportFeedbackType::from(header.count());
        r.rename(|| format!("RTCP {kind}").into());
        let sender = read_ssrc(r, "SSRC of packet sender")?;
        let media = match kind {
            TransportFeedbackType::Ccfb => None,
            _ => Some(read_ssrc(r, "SSRC of media source")?),
        };
        let control = match kind {
            TransportFeedbackType::Nack => Control::Nack(List::rest(r)),
            TransportFeedbackType::Tmmbr => Control::Tmmbr(List::rest(r)),
            TransportFeedbackType::Tmmbn => Control::Tmmbn(List::rest(r)),
            TransportFeedbackType::Ccfb => Control::Ccfb(Ccfb::read(r)?),
            TransportFeedbackType::TransportCc => Control::TransportCc(TransportCc::read(r)?),
            _ => Control::Unknown(r.rest("feedback control information")),
        };
        Ok(Self { kind, sender, media, control })
    }
}

impl fmt::Display for TransportFeedback<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} from {:#010x}", self.kind, self.sender.value)?;
        self.media.iter().try_for_each(|media| write!(f, " for {:#010x}", media.value))?;
        match &self.control {
            TransportFeedbackControl::Nack(entries) => {
                entries.iter().try_for_each(|entry| write!(f, " {entry}"))
            }
            TransportFeedbackControl::Tmmbr(entries) | TransportFeedbackControl::Tmmbn(entries) => {
                entries.iter().try_for_each(|entry| write!(f, " [{entry}]"))
            }
            TransportFeedbackControl::Ccfb(ccfb) => write!(f, " {ccfb}"),
            TransportFeedbackControl::TransportCc(feedback) => write!(f, " {feedback}"),
            TransportFeedbackControl::Unknown(control) => write!(f, " length {}", control.value.len()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::compound::tests::check;

    #[test]
    fn unknown_feedback_keeps_its_control_information() {
        check("82cd0003 00000001 00000002 aabbccdd", "0x02 from 0x00000001 for 0x00000002 length 4");
    }
}
