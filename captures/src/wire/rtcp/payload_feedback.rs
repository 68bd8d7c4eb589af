//! PSFB, payload-specific feedback: RFC 4585 §6.3, RFC 5104 §4.3.
//!
//! ```text
//! |V=2|P|   FMT   |  PT=PSFB=206  |          length               |
//! |                  SSRC of packet sender                        |
//! |                  SSRC of media source                         |
//! :            Feedback Control Information (FCI)                 :
//! ```

use super::{FirEntry, Header, Remb, SliEntry, read_ssrc};
use crate::wire::field::Field;
use crate::wire::list::List;
use crate::wire::reader::{Reader, Sink};
use crate::wire::stop::Read;
use std::fmt;

code_points! {
    /// Feedback message types (FMT) of PSFB.
    pub enum PayloadFeedbackType(u8) {
        Pli = 1 => "PLI",
        Sli = 2 => "SLI",
        Rpsi = 3 => "RPSI",
        Fir = 4 => "FIR",
        Tstr = 5 => "TSTR",
        Tstn = 6 => "TSTN",
        Vbcm = 7 => "VBCM",
        Pslei = 8 => "PSLEI",
        Roi = 9 => "ROI",
        Lrr = 10 => "LRR",
        Afb = 15 => "AFB",
    }
}

/// The feedback control information, by type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PayloadFeedbackControl<'a> {
    /// A picture was lost (§6.3.1); there is nothing more to say.
    Pli,
    /// Slices were lost.
    Sli(List<'a, SliEntry>),
    /// A key frame is requested.
    Fir(List<'a, FirEntry>),
    /// The receiver's estimate of the bitrate.
    Remb(Remb<'a>),
    /// Anything else.
    Unknown(Field<&'a [u8]>),
}

/// The body of a PSFB.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PayloadFeedback<'a> {
    /// The feedback message type, from the header.
    pub kind: PayloadFeedbackType,
    /// Who sends it.
    pub sender: Field<u32>,
    /// The source that it is about; zero where the control information names the sources.
    pub media: Field<u32>,
    /// The control information.
    pub control: PayloadFeedbackControl<'a>,
}

impl<'a> PayloadFeedback<'a> {
    pub(super) fn read<S: Sink>(r: &mut Reader<'a, S>, header: &Header) -> Read<Self> {
        use PayloadFeedbackControl as Control;
        let kind = PayloadFeedbackType::from(header.count());
        r.rename(|| format!("RTCP {kind}").into());
        let sender = read_ssrc(r, "SSRC of packet sender")?;
        let media = read_ssrc(r, "SSRC of media source")?;
        let control = match kind {
            PayloadFeedbackType::Pli => Control::Pli,
            PayloadFeedbackType::Sli => Control::Sli(List::rest(r)),
            PayloadFeedbackType::Fir => Control::Fir(List::rest(r)),
            PayloadFeedbackType::Afb if r.peek().starts_with(&Remb::IDENTIFIER) => {
                Control::Remb(Remb::read(r)?)
            }
            _ => Control::Unknown(r.rest("feedback control information")),
        };
        Ok(Self { kind, sender, media, control })
    }
}

impl fmt::Display for PayloadFeedback<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let PayloadFeedbackControl::Remb(remb) = &self.control {
            return write!(f, "REMB from {:#010x} {remb}", self.sender.value);
        }
        write!(f, "{} from {:#010x} for {:#010x}", self.kind, self.sender.value, self.media.value)?;
        match &self.control {
            PayloadFeedbackControl::Pli | PayloadFeedbackControl::Remb(_) => Ok(()),
            PayloadFeedbackControl::Sli(entries) => {
                entries.iter().try_for_each(|entry| write!(f, " [{entry}]"))
            }
            PayloadFeedbackControl::Fir(entries) => {
                entries.iter().try_for_each(|entry| write!(f, " [{entry}]"))
            }
            PayloadFeedbackControl::Unknown(control) => write!(f, " length {}", control.value.len()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::compound::tests::check;

    #[test]
    fn a_lost_picture_needs_no_further_words() {
        check("81ce0002 00000001 00000002", "PLI from 0x00000001 for 0x00000002");
    }

    #[test]
    fn other_feedback_keeps_its_control_information() {
        check("8fce0003 00000001 00000002 58595a30", "AFB from 0x00000001 for 0x00000002 length 4");
        check("83ce0003 00000001 00000002 0860ab00", "RPSI from 0x00000001 for 0x00000002 length 4");
    }
}
